//! A writer killed while it commits: the next reader finds all that was acknowledged.

use super::history::{begin, open, random_batches, random_log};
use super::{Store, StoreConfig, StreamBatch};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use vokg_engine::record::LogEntry;

const DIR_VARIABLE: &str = "VOKG_TEST_KILL_DIR";

fn batches() -> Vec<Vec<LogEntry>> {
    random_batches(9, &random_log(9, 4_000))
}

/// Not a test of its own: what the test below kills.
#[test]
#[ignore = "the test below starts it as a process of its own"]
fn commit_until_killed() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let writer = open(Path::new(&dir));
    let stream = begin(&writer, "clip");
    println!();
    for batch in batches() {
        let entries = batch.len();
        writer.commit(&[StreamBatch::of_entries(stream, batch)]).expect("the disk has room");
        println!("acknowledged {entries}");
    }
}

fn start(dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this test runs from a file"));
    child.args(["--exact", "store::kill::commit_until_killed", "--ignored", "--nocapture"]);
    child.env(DIR_VARIABLE, dir).stdout(Stdio::piped()).spawn().expect("a process can be started")
}

#[test]
fn what_was_acknowledged_before_a_kill_is_read_after_it() {
    let log: Vec<LogEntry> = batches().concat();
    for lines in [1, 30, 31, 75] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut child = start(dir.path());
        let out = BufReader::new(child.stdout.take().expect("it was asked for"));
        let counts = out
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<usize>().ok());
        let acknowledged: usize = counts.take(lines).sum();
        child.kill().and_then(|()| child.wait()).expect("it is our child");

        let store = Store::open(dir.path(), StoreConfig::default()).expect("a reader repairs");
        let stream = store.find_stream("clip").expect("the store is whole").expect("it was begun");
        store.verify(stream.id).expect("the store is whole");
        let held: Vec<LogEntry> = store.entries(stream.id, None).collect::<Result<_, _>>().expect("the store is whole");
        assert!(acknowledged > 0 && held.len() >= acknowledged, "{} of {acknowledged} entries", held.len());
        assert_eq!(held, log[..held.len()]);
    }
}
