//! A server in this process that speaks Bolt 4.4, keeps cursors and nothing else, and breaks off where it is told to; and
//! what the sink makes of it.

mod bolt_server;
mod packed;

use self::bolt_server::{BEGIN, COMMIT, FakeBolt, Fault, PULL, RUN};
use self::packed::text;
use super::config::Neo4jConfig;
use super::server::Server;
use super::target::Neo4jTarget;
use crate::follow::{Followed, Follower, FollowerConfig, Portion, SinkControl, Step, Target, TargetError, Told};
use crate::store::history::{begin, open, random_log};
use crate::store::{Position, StreamBatch, StreamId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use vokg_engine::id::StreamName;
use vokg_engine::record::LogEntry;

fn stream() -> Followed {
    Followed { id: StreamId(1), name: StreamName::slug("clip"), origin_us: Some(1_795_348_800_000_000) }
}

fn portion<'a>(stream: &'a Followed, entries: &'a [LogEntry], none: &'a BTreeSet<Position>) -> Portion<'a> {
    Portion { stream, after: None, entries, refused: none }
}

/// What the database says once it has taken a portion.
fn told_by(portion: &Portion<'_>) -> Told {
    Told { at: portion.last(), mark: Some(portion.mark()) }
}

fn again(result: Result<(), TargetError>, words: &str) {
    assert!(matches!(&result, Err(TargetError::Again(reason)) if reason.contains(words)), "{result:?}");
}

#[test]
fn a_portion_is_written_and_its_position_read_back() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    assert_eq!(target.told(&stream), Ok(None));
    let portion = portion(&stream, &entries, &none);
    assert_eq!(target.apply(&portion), Ok(()));
    assert_eq!(fake.target().told(&stream), Ok(Some(told_by(&portion))));
    let hello = fake.state.lock().expect("nobody panicked").hello.clone().expect("it was said");
    assert_eq!(hello.get("principal"), Some(&text("neo4j")));
}

#[test]
fn what_becomes_of_a_commit_without_an_answer_is_asked() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    let portion = portion(&stream, &entries, &none);
    assert_eq!(target.told(&stream), Ok(None));
    fake.fault(Fault::DropBeforeCommit);
    again(target.apply(&portion), "Neo4j");
    assert_eq!(target.told(&stream), Ok(None), "it did not arrive");
    fake.fault(Fault::DropAfterCommit);
    again(target.apply(&portion), "Neo4j");
    assert_eq!(target.told(&stream), Ok(Some(told_by(&portion))), "it did");
    again(target.apply(&portion), "somebody else has moved the cursor");
    assert_eq!(fake.state.lock().expect("nobody panicked").committed.len(), 1, "it is there once");
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    let begun = Instant::now();
    fake.fault(Fault::Mute);
    assert!(matches!(target.told(&stream), Err(TargetError::Again(reason)) if reason.contains("time")));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(target.told(&stream), Ok(None));
    let begun = Instant::now();
    fake.fault(Fault::Slow(Duration::from_secs(30)));
    again(target.apply(&portion(&stream, &entries, &none)), "time");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let gone = Neo4jConfig { uri: "bolt://127.0.0.1:1".into(), ..fake.config() };
    let mut target = Neo4jTarget::new(Server::new(&gone).expect("it is configured"), [7; 16], false, 100);
    assert!(matches!(target.told(&stream), Err(TargetError::Again(_))));
}

#[test]
fn errors_that_pass_are_tried_again_and_others_stop_the_sink() {
    let (fake, stream, entries, none) = (FakeBolt::start(), stream(), random_log(3, 40), BTreeSet::new());
    let mut target = fake.target();
    let portion = portion(&stream, &entries, &none);
    for code in [
        "Neo.TransientError.Transaction.DeadlockDetected",
        "Neo.DatabaseError.General.UnknownError",
        "Neo.ClientError.Transaction.TransactionTimedOut",
    ] {
        assert_eq!(target.told(&stream), Ok(None));
        fake.fault(Fault::Fail(code));
        again(target.apply(&portion), code);
    }
    fake.fault(Fault::Fail("Neo.ClientError.Statement.SyntaxError"));
    let stopped = target.apply(&portion);
    assert!(matches!(&stopped, Err(TargetError::Hopeless(reason)) if reason.contains("SyntaxError")), "{stopped:?}");
    fake.fault(Fault::Refuse("The client is unauthorized due to authentication failure."));
    let refused = fake.target().told(&stream);
    assert!(matches!(&refused, Err(TargetError::Hopeless(reason)) if reason.contains("unauthorized")), "{refused:?}");
    assert_eq!(target.apply(&portion), Ok(()), "it goes on");
}

/// The whole follower against a server that breaks off everywhere: every portion is committed once, in order.
#[test]
fn whatever_breaks_off_each_portion_is_committed_once() {
    let fake = FakeBolt::start();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let (stream, log) = (begin(&writer, "clip"), random_log(9, 200));
    writer.commit(&[StreamBatch::of_entries(stream, log.clone())]).expect("the log keeps every promise");
    let wait = Duration::from_millis(1);
    let config =
        FollowerConfig { portion_entries: 12, retry_first: wait, retry_most: wait, ..FollowerConfig::default() };
    let mut follower =
        Follower::new(writer.store().clone(), fake.target(), "neo4j", dir.path(), config, SinkControl::default())
            .expect("the directory is empty");
    let mut chance = ChaCha8Rng::seed_from_u64(11);
    let mut waits = 0;
    for _ in 0..3_000 {
        let faults = [
            Fault::DropAt(BEGIN),
            Fault::DropAt(RUN),
            Fault::DropAt(PULL),
            Fault::DropAt(COMMIT),
            Fault::DropBeforeCommit,
            Fault::DropAfterCommit,
            Fault::Fail("Neo.TransientError.General.OutOfMemoryError"),
        ];
        if chance.next_u32().is_multiple_of(3) {
            fake.fault(faults[chance.next_u32() as usize % faults.len()].clone());
        }
        match follower.step() {
            Step::CaughtUp => break,
            Step::Failed(reason) => panic!("{reason}"),
            Step::Wait(_) => waits += 1,
            Step::Moved | Step::Soon(_) => {}
        }
    }
    let state = fake.state.lock().expect("nobody panicked");
    assert!(waits > 10, "{waits} faults had an effect");
    assert!(state.committed.windows(2).all(|two| two[0] < two[1]), "{:?}", state.committed);
    assert_eq!(state.committed.last(), Some(&i64::try_from(log[log.len() - 1].seq).expect("it is small")));
}
