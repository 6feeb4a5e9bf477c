//! What the committer stores, whom it makes wait, and what it drops.

use super::super::history::{begin, complete, open, random_batches, random_log, settling_log};
use super::super::{Ending, Outcome, Position, Retention};
use super::*;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use vokg_engine::record::{Digest, LogEntry};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn start(writer: &Arc<Writer>, config: CommitterConfig) -> (Committer, mpsc::Receiver<()>) {
    let (wake, woken) = mpsc::channel();
    let committer = Committer::start(writer.clone(), config, move || wake.send(()).unwrap_or_default(), || {});
    (committer.expect("there is a thread to be had"), woken)
}

/// Submits all batches, waiting for room where there is none.
fn submit(handle: &CommitHandle, woken: &mpsc::Receiver<()>, batches: Vec<StreamBatch>) {
    for mut batch in batches {
        while let Err(refused) = handle.try_submit(batch) {
            let SubmitError::Full(back) = refused else { panic!("{refused}") };
            batch = *back;
            woken.recv_timeout(Duration::from_secs(60)).expect("room appears and is told of");
        }
    }
}

/// Two logs, cut by one seed, their batches in turn.
fn two_streams(seed: u64, ids: [StreamId; 2]) -> Vec<StreamBatch> {
    let mut batches = Vec::new();
    for (log, id) in [1, 2].into_iter().zip(ids) {
        let cut = random_batches(seed, &random_log(log, 60)).into_iter();
        batches.extend(cut.enumerate().map(|(turn, entries)| (turn, StreamBatch::of_entries(id, entries))));
    }
    batches.sort_by_key(|(turn, batch)| (*turn, batch.stream));
    batches.into_iter().map(|(_, batch)| batch).collect()
}

#[test]
fn grouping_changes_nothing_that_is_stored() {
    let mut digests: Vec<[Digest; 2]> = Vec::new();
    for (cut, grouping) in [(1, Grouping::AllThatWaits), (2, Grouping::Random(5)), (3, Grouping::Random(6))] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = Arc::new(open(dir.path()));
        let ids = ["a", "b"].map(|name| begin(&writer, name));
        let queue = QueueLimits { batches: 5, bytes: 1 << 20 };
        let (committer, woken) = start(&writer, CommitterConfig { queue, grouping, ..CommitterConfig::default() });
        submit(&committer.handle(), &woken, two_streams(cut, ids));
        let counters = committer.stop(soon()).expect("the disk has room");
        assert!(counters.commits > 1 && counters.waiting == 0, "{counters:?}");
        digests.push(ids.map(|id| writer.store().verify(id).expect("it was stored whole")));
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

#[test]
fn each_transaction_is_told_of_once_the_store_has_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = Arc::new(open(dir.path()));
    let stream = begin(&writer, "clip");
    let (grown, told) = mpsc::channel();
    let (store, log) = (writer.store().clone(), random_log(1, 60));
    let tell = move || {
        let entries = store.stream(stream).expect("it exists").head.entries;
        grown.send(entries).unwrap_or_default();
    };
    let committer = Committer::start(writer, CommitterConfig::default(), || {}, tell).expect("there is a thread");
    for batch in random_batches(1, &log) {
        let batch = StreamBatch::of_entries(stream, batch);
        committer.handle().try_submit(batch).expect("there is room");
    }
    let counters = committer.stop(soon()).expect("the disk has room");
    let told: Vec<u64> = told.iter().collect();
    assert_eq!((told.len() as u64, told.last().copied()), (counters.commits, Some(log.len() as u64)));
}

#[test]
fn a_full_queue_gives_the_batch_back_and_tells_of_room() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = Arc::new(open(dir.path()));
    let stream = begin(&writer, "clip");
    let queue = QueueLimits { batches: 1, bytes: 1 };
    let (committer, woken) = start(&writer, CommitterConfig { queue, ..CommitterConfig::default() });
    let blocked = writer.begin_write().expect("nothing else writes");
    let handle = committer.handle();
    let batches = random_batches(1, &random_log(1, 60)).into_iter();
    let mut batches = batches.map(|entries| StreamBatch::of_entries(stream, entries));
    let refused = batches.find_map(|batch| handle.try_submit(batch).err()).expect("one is too many");
    let SubmitError::Full(back) = refused else { panic!("{refused}") };
    assert!(matches!(handle.flush(Instant::now()), Err(FlushError::Deadline(_))));
    drop(blocked);
    let rest = std::iter::once(*back).chain(batches).collect();
    submit(&handle, &woken, rest);
    handle.flush(soon()).expect("the disk has room");
    let head = writer.store().stream(stream).expect("it exists").head;
    assert!(head.closed && handle.counters().refused > 0);
}

#[test]
fn a_stream_that_breaks_a_promise_is_cast_out_and_the_others_go_on() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = Arc::new(open(dir.path()));
    let [broken, sound] = ["broken", "sound"].map(|name| begin(&writer, name));
    let (committer, woken) = start(&writer, CommitterConfig::default());
    let handle = committer.handle();
    let log = random_log(1, 20);
    let submit = |stream, entries: &[LogEntry]| {
        handle.try_submit(StreamBatch::of_entries(stream, entries.to_vec())).expect("there is room");
    };
    submit(broken, &log);
    handle.flush(soon()).expect("the disk has room");
    let blocked = writer.begin_write().expect("nothing else writes");
    submit(broken, &log);
    submit(sound, &log);
    submit(broken, &log);
    drop(blocked);
    handle.flush(soon()).expect("what is cast out is not waited for");
    woken.recv_timeout(Duration::from_secs(60)).expect("a failure is told of");

    let late = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(broken, vec![]) };
    let refused = handle.try_submit(late).expect_err("it is cast out");
    assert!(matches!(&refused, SubmitError::Failed(..)) && refused.to_string().contains("where 1-"), "{refused}");
    let outcome = Outcome { ending: Ending::Failed(refused.to_string()), ..complete() };
    let ended = StreamBatch { outcome: Some(outcome), ..StreamBatch::of_entries(broken, vec![]) };
    handle.try_submit(ended).expect("how it ended is taken");
    drop(committer);
    for stream in [broken, sound] {
        let entries: Result<Vec<_>, _> = writer.store().entries(stream, None).collect();
        assert_eq!(entries.expect("it exists"), log);
    }
    let head = writer.store().stream(broken).expect("it exists").head;
    assert_eq!(head.next(), Position { epoch: 1, seq: log.len() as u64 });
    assert!(head.outcome.is_some_and(|outcome| !outcome.is_complete()));
}

#[test]
fn a_transaction_takes_what_fits_and_at_least_one() {
    assert_eq!(fitting(&[5, 5, 5], 10), 2);
    assert_eq!(fitting(&[50, 5], 10), 1);
    assert_eq!(fitting(&[1, 2, 3], usize::MAX), 3);
}

/// A disk is not to fill to the brim with entries that may go.
#[test]
fn what_may_be_dropped_goes_where_there_is_little_room() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let free = Arc::new(AtomicU64::new(1 << 19));
    let told = Arc::clone(&free);
    let mut writer = open(dir.path());
    writer.retention = Retention { keep_us: Some(1_000_000), keep_bytes: None };
    writer.space = DiskSpace::with(dir.path(), 1 << 20, Box::new(move |_| Ok(told.load(Ordering::SeqCst))));
    let (writer, log) = (Arc::new(writer), settling_log(12_000));
    let stream = begin(&writer, "clip");
    let moments: Vec<&[LogEntry]> =
        log.split_inclusive(|entry| matches!(entry.record, vokg_engine::record::Record::Progress(_))).collect();
    let batches = |from: usize, to: usize| {
        let batches = moments[from..to].chunks(100);
        batches.map(|batch| StreamBatch::of_entries(stream, batch.concat())).collect::<Vec<_>>()
    };
    for batch in batches(0, 8_000) {
        writer.commit(&[batch]).expect("the log keeps every promise");
    }
    let (committer, woken) = start(&writer, CommitterConfig::default());
    let handle = committer.handle();
    let until = |wanted: &dyn Fn(&CommitCounters) -> bool| {
        let give_up = soon();
        while !wanted(&handle.counters()) {
            assert!(Instant::now() < give_up, "{:?}", handle.counters());
            std::thread::sleep(Duration::from_millis(5));
        }
        handle.counters().dropped
    };
    // Less than has to be left free: whoever commits waits, but not for the dropping.
    submit(&handle, &woken, batches(8_000, 8_100));
    let dropped = until(&|counters| counters.waits_for_space && counters.dropped > 0);
    // More than that, but not twice as much.
    free.store(3 << 19, Ordering::SeqCst);
    submit(&handle, &woken, batches(8_100, 11_900));
    handle.flush(soon()).expect("there is room");
    until(&|counters| counters.dropped > dropped + 10_000);
    free.store(1 << 30, Ordering::SeqCst);
    submit(&handle, &woken, batches(11_900, 12_000));
    handle.flush(soon()).expect("there is room again");
    writer.store().verify(stream).expect("it is whole");
}
