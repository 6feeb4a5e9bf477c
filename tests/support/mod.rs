//! What the tests of whole runs share: small clips made in code, and runs over them.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use vokg::config::Config;
use vokg::inputs::Input;
use vokg::jobs::{self, Disturbance, Finished};
use vokg::progress::Display;
use vokg_connectors::source::synthetic::{SynthConfig, Truth, encode, scene};
use vokg_connectors::store::{Store, StoreConfig};
use vokg_engine::geometry::Size;
use vokg_engine::id::StreamName;

/// A small clip of a named scene in `dir`, and its truth.
pub fn clip(dir: &Path, name: &str, seconds: Option<f64>) -> (PathBuf, Truth) {
    sized_clip(dir, name, seconds, Size { width: 384, height: 216 }, 12.5)
}

/// A clip of a named scene.
pub fn sized_clip(dir: &Path, name: &str, seconds: Option<f64>, size: Size, fps: f64) -> (PathBuf, Truth) {
    let scene = scene(name, &SynthConfig { size, fps, seconds, seed: 1 }).unwrap();
    let path = dir.join(format!("{name}.mp4"));
    encode(&scene, &path).unwrap();
    (path, scene.truth())
}

/// The file as an input named after itself.
pub fn input(path: &Path) -> Input {
    Input::file(StreamName::slug(&path.file_stem().unwrap().to_string_lossy()), path.to_owned())
}

/// Runs files into a store.
pub fn run(paths: &[PathBuf], data: &Path, config: &Config, disturbance: &Disturbance) -> Finished {
    let inputs = paths.iter().map(|path| input(path)).collect();
    jobs::run(inputs, data, config, Display::Quiet, &AtomicBool::new(false), disturbance).unwrap()
}

/// The store at `data`, to read.
pub fn store(data: &Path) -> Store {
    Store::open(data, StoreConfig::default()).unwrap()
}
