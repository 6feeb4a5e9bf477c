//! docs/config.schema.json is the schema of the configuration as it is. `VOKG_BLESS=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use vokg::config::Config;

#[test]
fn the_published_schema_is_that_of_the_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.schema.json");
    let schema = schemars::schema_for!(Config);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("VOKG_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "VOKG_BLESS=1 cargo test --test config_schema");
}

#[test]
fn the_defaults_are_valid_by_the_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&defaults), "{:?}", validator.iter_errors(&defaults).next().map(|e| e.to_string()));
}
