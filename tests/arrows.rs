//! The arrows between the crates point one way: engine ◀ models ◀ operators, engine ◀ connectors, vokg ◀ all.

use std::collections::BTreeMap;
use std::path::Path;

/// What each crate may depend on among ours, at run time and in its tests.
const ALLOWED: [(&str, &[&str]); 5] = [
    ("engine", &[]),
    ("models", &["vokg-engine"]),
    ("operators", &["vokg-engine", "vokg-models"]),
    ("connectors", &["vokg-engine"]),
    (".", &["vokg-engine", "vokg-models", "vokg-operators", "vokg-connectors"]),
];

/// What the engine must not know: codecs, GPUs, files in formats, networks.
const FOREIGN_TO_ENGINE: [&str; 8] =
    ["gstreamer", "redb", "rdkafka", "neo4rs", "warp", "reqwest", "cudarc", "differential-dataflow"];

fn dependencies(folder: &str) -> BTreeMap<String, toml::Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("Cargo.toml");
    let manifest: toml::Table =
        std::fs::read_to_string(path).expect("each crate has a manifest").parse().expect("TOML");
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    tables.flat_map(|table| table.clone()).collect()
}

#[test]
fn no_arrow_between_our_crates_turns_round() {
    for (folder, allowed) in ALLOWED {
        let ours = dependencies(folder).into_keys().filter(|name| name.starts_with("vokg-"));
        let wrong: Vec<_> = ours.filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{folder} must not depend on {wrong:?}");
    }
}

#[test]
fn the_engine_knows_no_codec_no_gpu_and_no_network() {
    let known = dependencies("engine");
    let wrong: Vec<_> = FOREIGN_TO_ENGINE.iter().filter(|name| known.keys().any(|k| k.starts_with(**name))).collect();
    assert!(wrong.is_empty(), "engine must not depend on {wrong:?}");
}
