//! Everything we link is compatible with MIT OR Apache-2.0.

use spdx::{Expression, ParseMode};
use std::process::Command;

/// Licences whose terms a program under MIT OR Apache-2.0 can meet by carrying their notices.
const COMPATIBLE: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "Unlicense",
    "MIT-0",
    "BSL-1.0",
    "IJG",
];

/// Whether we can meet an SPDX expression with compatible licences alone.
fn compatible(expression: &str) -> bool {
    let parsed = Expression::parse_mode(expression, ParseMode::LAX);
    parsed.is_ok_and(|parsed| parsed.evaluate(|requirement| COMPATIBLE.contains(&requirement.to_string().as_str())))
}

#[test]
fn every_dependency_has_a_compatible_licence() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 50, "cargo metadata lists {} packages", packages.len());
    let wrong: Vec<_> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(compatible))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(wrong.is_empty(), "licences to look at: {wrong:#?}");
}
