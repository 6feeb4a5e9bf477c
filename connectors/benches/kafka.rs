//! How fast is a log told to a real Kafka broker, exactly once, and how fast does a sink that lags catch up?
//!
//! `benches/kafka.sh` starts a broker and runs it; VOKG_TEST_KAFKA names one otherwise. An hour of the scene of the log's
//! benchmark, 200 000 deltas, is in the store before the sink begins. Told are the deltas alone, then all topics.

mod scene;

use scene::{HOUR_US, request, scene};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use vokg_connectors::follow::{Follower, FollowerConfig, SinkControl, Step};
use vokg_connectors::kafka::{Cluster, KafkaConfig, KafkaTarget, Written};
use vokg_connectors::store::{Begun, ProgramId, Store, StoreConfig, StreamBatch, Writer};

const DELTAS: u64 = 200_000;
/// Deltas a second that are to be reached.
const FLOOR: f64 = 20_000.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Ok(brokers) = std::env::var("VOKG_TEST_KAFKA") else {
        println!("SKIPPED: VOKG_TEST_KAFKA names no broker; benches/kafka.sh starts one");
        return Ok(());
    };
    let dir = std::env::temp_dir().join(format!("vokg-bench-kafka-{}", std::process::id()));
    let measured = measure(&dir, &brokers);
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path, brokers: &str) -> Result<(), Box<dyn std::error::Error>> {
    let writer = Writer::open(dir, StoreConfig::default())?;
    let Begun::Fresh(stream) = writer.begin_stream(request("bench")?, ProgramId([0; 32]))? else {
        return Err("the directory should be new".into());
    };
    for entries in scene(DELTAS) {
        writer.commit(&[StreamBatch::of_entries(stream.id, entries)])?;
    }
    for (what, written) in [
        ("deltas alone", Written::default()),
        ("with state and final", Written { state: true, finals: Some(2_000_000) }),
    ] {
        let seconds = tell(writer.store(), dir, brokers, written)?;
        let rate = DELTAS as f64 / seconds;
        let verdict = if rate >= FLOOR { "reached" } else { "MISSED" };
        println!(
            "{what:<22}{rate:>9.0} deltas/s (floor {FLOOR:.0}: {verdict}); an hour of it in {seconds:.1} s, {:.0} times real \
             time",
            HOUR_US as f64 / 1e6 / seconds
        );
    }
    Ok(())
}

/// Seconds from the first contact to the last commit.
fn tell(store: &Store, dir: &Path, brokers: &str, written: Written) -> Result<f64, Box<dyn std::error::Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let config = KafkaConfig {
        brokers: brokers.to_owned(),
        topic_prefix: format!("bench-{now}"),
        create_topics: true,
        state: written.state,
        finals: written.finals.is_some(),
        ..KafkaConfig::default()
    };
    let cluster = Cluster::new(config, format!("vokg-bench-{now}"))?;
    let target = KafkaTarget::new(cluster, store.clone(), [7; 16], written);
    let control = SinkControl::default();
    let mut sink = Follower::new(store.clone(), target, "bench", dir, FollowerConfig::default(), control)?;
    let begin = Instant::now();
    loop {
        match sink.step() {
            Step::Moved => {}
            Step::CaughtUp => return Ok(begin.elapsed().as_secs_f64()),
            Step::Wait(wait) | Step::Soon(wait) => std::thread::sleep(wait),
            Step::Failed(reason) => return Err(reason.into()),
        }
    }
}
