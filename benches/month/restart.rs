//! How long a new process takes until it knows where a stream stands.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use vokg_connectors::store::{DATABASE_FILE, StoreConfig, StreamId, Writer};

/// The argument by which this program is asked to be the new process.
pub const WORD: &str = "restart";
const REPEATS: usize = 5;

/// The day whose store is kept, to be opened again beside every later one: what else the machine does slows both.
const EARLY_DAY: u64 = 5;

pub struct Restarts {
    pub store_mb: f64,
    /// The first opening, of what a crash left.
    pub crash_ms: f64,
    /// The best of the openings after it.
    pub clean_ms: f64,
    /// The best of as many of the early store, in turn with them. Up to that day the store is opened beside itself.
    pub early_ms: f64,
    pub open_elements: u64,
}

/// Copies the database as it is after this day, which is what a crash leaves while nothing is written, and opens the copy.
pub fn measure(writer: &Writer, stream: StreamId, day: u64) -> Restarts {
    assert!(writer.store().stream(stream).unwrap().head.entries > 0);
    let from = writer.store().dir();
    let (dir, early) = (from.join("restart"), from.join("restart-early"));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join(DATABASE_FILE);
    let bytes = std::fs::copy(from.join(DATABASE_FILE), &file).unwrap();
    std::fs::File::open(&file).unwrap().sync_all().unwrap();
    let (crash_ms, open_elements) = child(&dir);
    let early: PathBuf = if day > EARLY_DAY { early } else { dir.clone() };
    let (mut clean_ms, mut early_ms) = (f64::MAX, f64::MAX);
    for _ in 0..REPEATS {
        clean_ms = clean_ms.min(child(&dir).0);
        early_ms = early_ms.min(child(&early).0);
    }
    match day {
        EARLY_DAY => std::fs::rename(&dir, from.join("restart-early")).unwrap(),
        _ => std::fs::remove_dir_all(&dir).unwrap(),
    }
    Restarts { store_mb: bytes as f64 / 1e6, crash_ms, clean_ms, early_ms, open_elements }
}

/// Opens the store in a new process; the milliseconds it says it took, and how many elements it found open.
fn child(dir: &Path) -> (f64, u64) {
    // Drops the file from the page cache.
    let file = format!("if={}", dir.join(DATABASE_FILE).display());
    let dropped = Command::new("dd").args([&file, "iflag=nocache", "count=0", "status=none"]).status();
    assert!(dropped.unwrap().success());
    let output = Command::new(std::env::current_exe().unwrap()).arg(WORD).arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (ms, elements) = text.trim().split_once(' ').unwrap();
    (ms.parse().unwrap(), elements.parse().unwrap())
}

/// What the new process does: opens the store for writing, reads the head of its stream and the graph that is open at it.
pub fn open(dir: &Path) {
    let started = Instant::now();
    let writer = Writer::open(dir, StoreConfig::default()).unwrap();
    let store = writer.store();
    let stream = store.streams().unwrap().remove(0);
    let graph = store.graph(stream.id, Some(stream.head.frontier_us), None).unwrap();
    let ms = started.elapsed().as_secs_f64() * 1e3;
    println!("{ms} {}", graph.vertices.len() + graph.edges.len());
}
