//! How fast does the log become durable, how large is it, and how long does the graph of an hour take?
//!
//! `cargo bench -p vokg-connectors --bench log [-- DIR]`. Commits 1 000 deltas at a time of a scene in which
//! 50 objects come and go and meet; prints deltas a second, stored bytes for a million deltas, and the time of a graph
//! query at random times over one hour; then seals all of it and prints the same again. DIR should
//! lie on the disk in question; the default is the system's temporary directory, which may be memory. With `--fill DIR` it
//! makes a store of a gigabyte there and measures nothing; `benches/restart.sh` does.

mod scene;

use scene::{DELTAS_A_COMMIT, HOUR_US, request, scene};
use std::path::Path;
use std::time::Instant;
use vokg_connectors::store::{
    Begun, Ending, KnownAt, Outcome, ProgramId, Store, StoreConfig, StreamBatch, StreamId, Writer, check, compact,
};
use vokg_engine::record::Record;
use vokg_engine::time::Micros;

const DELTAS: u64 = 1_000_000;
/// A stream takes 162 MB once the next writer has given back the pages that are not used.
const FILLED_STREAMS: u32 = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--fill", dir] => fill(Path::new(dir)),
        [dir] => measure_in(Path::new(dir)),
        _ => measure_in(&std::env::temp_dir()),
    }
}

fn measure_in(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let dir = dir.join(format!("vokg-bench-{}", std::process::id()));
    let measured = measure(&dir);
    std::fs::remove_dir_all(&dir)?;
    measured
}

/// Makes a store of a gigabyte and more.
fn fill(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let writer = Writer::open(dir, StoreConfig::default())?;
    let batches = scene(DELTAS);
    for number in 1..=FILLED_STREAMS {
        let begun = writer.begin_stream(request(&format!("bench-{number}"))?, ProgramId([0; 32]))?;
        let Begun::Fresh(stream) = begun else { return Err("the stream should be new".into()) };
        for entries in &batches {
            writer.commit(&[StreamBatch::of_entries(stream.id, entries.clone())])?;
        }
        writer.commit(&[StreamBatch { outcome: Some(cut_off()), ..StreamBatch::of_entries(stream.id, vec![]) }])?;
    }
    println!("{FILLED_STREAMS} streams in {:.0} MB", std::fs::metadata(dir.join("vokg.redb"))?.len() as f64 / 1e6);
    Ok(())
}

fn cut_off() -> Outcome {
    let ending = Ending::Failed("cut off".into());
    Outcome { ending, frames: 0, frames_expected: None, gaps: 0, duration_us: HOUR_US }
}

fn measure(dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let batches = scene(DELTAS);
    let deltas: usize = batches.iter().flatten().filter(|entry| matches!(entry.record, Record::Delta(_))).count();
    let record_bytes: usize = batches.iter().flatten().map(|entry| entry.record.encode().len()).sum();
    let writer = Writer::open(dir, StoreConfig::default())?;
    let Begun::Fresh(stream) = writer.begin_stream(request("bench")?, ProgramId([0; 32]))? else {
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
    let million = deltas as f64 / 1e6;
    println!("records alone         {:.0} MB per million deltas", record_bytes as f64 / 1e6 / million);
    sizes(dir, writer.store(), million)?;
    query(writer.store(), stream.id)?;
    let digest = writer.store().stream(stream.id)?.head.digest;
    writer.commit(&[StreamBatch { outcome: Some(cut_off()), ..StreamBatch::of_entries(stream.id, vec![]) }])?;
    drop(writer);

    let start = Instant::now();
    let compacted = compact(dir, StoreConfig::default())?;
    println!(
        "sealed                {} entries in {:.1} s, unused pages given back",
        compacted.sealed,
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let store = Store::open(dir, StoreConfig::default())?;
    println!("opened                in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    sizes(dir, &store, million)?;
    let start = Instant::now();
    assert_eq!(store.verify(stream.id)?, digest, "sealing changes nothing");
    println!("read to its end       {:.0} deltas/s", deltas as f64 / start.elapsed().as_secs_f64());
    query(&store, stream.id)?;
    drop(store);
    let start = Instant::now();
    let report = check(dir, StoreConfig::default())?;
    println!("checked               in {:.1} s, {} problems", start.elapsed().as_secs_f64(), report.problems.len());
    Ok(())
}

fn sizes(dir: &Path, store: &Store, million: f64) -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::metadata(dir.join("vokg.redb"))?.len() as f64;
    println!("database file         {:.1} MB per million deltas", file / 1e6 / million);
    let tables = store.table_sizes()?;
    let all: u64 = tables.iter().map(|(_, bytes, _)| bytes).sum();
    println!("all tables            {:.1} MB per million deltas", all as f64 / 1e6 / million);
    for (table, bytes, rows) in tables.into_iter().filter(|(.., rows)| *rows > 1) {
        println!("  {table:<20}{:>7.1} MB per million deltas, {rows} rows", bytes as f64 / 1e6 / million);
    }
    Ok(())
}

fn query(store: &Store, stream: StreamId) -> Result<(), Box<dyn std::error::Error>> {
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
