//! How fast does the log become durable, how large is it, and how long does the graph of an hour take?
//!
//! `cargo bench -p vokg-connectors --bench log [-- DIR]`. Commits 1 000 deltas at a time of a scene in which 50
//! objects come and go and meet; prints deltas a second, stored bytes for a million deltas, and the time of a graph
//! query at random times over one hour. DIR should lie on the disk in question; the default is the system's temporary
//! directory, which may be memory.

mod scene;

use scene::{DELTAS_A_COMMIT, HOUR_US, request, scene};
use std::path::{Path, PathBuf};
use std::time::Instant;
use vokg_connectors::store::{Begun, KnownAt, ProgramId, StoreConfig, StreamBatch, StreamId, Writer};
use vokg_engine::record::Record;
use vokg_engine::time::Micros;

const DELTAS: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let dir = dir.map_or_else(std::env::temp_dir, PathBuf::from).join(format!("vokg-bench-{}", std::process::id()));
    let measured = measure(&dir);
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let batches = scene(DELTAS);
    let deltas: usize = batches.iter().flatten().filter(|entry| matches!(entry.record, Record::Delta(_))).count();
    let record_bytes: usize = batches.iter().flatten().map(|entry| entry.record.encode().len()).sum();
    let writer = Writer::open(dir, StoreConfig::default())?;
    let Begun::Fresh(stream) = writer.begin_stream(request()?, ProgramId([0; 32]))? else {
        return Err("the directory should be new".into());
    };
    let mut commits_ms = Vec::with_capacity(batches.len());
    let start = Instant::now();
    for entries in batches {
        let commit = Instant::now();
        writer.commit(&[StreamBatch::of_entries(stream.id, entries)])?;
        commits_ms.push(commit.elapsed().as_secs_f64() * 1e3);
    }
    let seconds = start.elapsed().as_secs_f64();
    commits_ms.sort_by(f64::total_cmp);
    let quantile = |share: f64| commits_ms[(commits_ms.len() as f64 * share) as usize];
    println!("deltas                {deltas}, {DELTAS_A_COMMIT} a commit, {} commits", commits_ms.len());
    println!("durable               {:.0} deltas/s", deltas as f64 / seconds);
    println!("commit p50 / p99      {:.1} / {:.1} ms", quantile(0.5), quantile(0.99));
    let file = std::fs::metadata(dir.join("vokg.redb"))?.len() as f64;
    let million = deltas as f64 / 1e6;
    println!("database file         {:.0} MB per million deltas", file / 1e6 / million);
    println!("records alone         {:.0} MB per million deltas", record_bytes as f64 / 1e6 / million);
    for (table, bytes, rows) in writer.store().table_sizes()? {
        println!("  {table:<20}{:>7.1} MB per million deltas, {rows} rows", bytes as f64 / 1e6 / million);
    }
    query(&writer, stream.id)
}

fn query(writer: &Writer, stream: StreamId) -> Result<(), Box<dyn std::error::Error>> {
    let store = writer.store();
    for (what, known_at) in [("now", None), ("half-way", Some(KnownAt::Time(HOUR_US / 2)))] {
        let (mut slowest_ms, mut total_ms, mut elements) = (0.0f64, 0.0, 0);
        let times: Vec<Micros> = (1..=100).map(|step| HOUR_US / 101 * step).collect();
        for at in &times {
            let start = Instant::now();
            let graph = store.graph(stream, Some(*at), known_at)?;
            let ms = start.elapsed().as_secs_f64() * 1e3;
            (slowest_ms, total_ms) = (slowest_ms.max(ms), total_ms + ms);
            elements += graph.vertices.len() + graph.edges.len();
        }
        let count = times.len();
        println!(
            "graph at T, known {what:<9} mean {:.2} ms, slowest {slowest_ms:.2} ms, {} elements",
            total_ms / count as f64,
            elements / count
        );
    }
    Ok(())
}
