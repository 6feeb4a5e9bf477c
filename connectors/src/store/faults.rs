//! Bytes that change by themselves, disks without room, and directories that cannot be written.

use super::check::check;
use super::files::SystemFiles;
use super::history::{begin, complete, folds, is_long, open, random_batches, random_log};
use super::observations::samples::{frame, observation};
use super::open::Writer;
use super::queue::{FlushError, SubmitError};
use super::retain::Retention;
use super::space::{DiskSpace, PatientFile};
use super::{Committer, CommitterConfig, ObservationBuffer, SEGMENT_US, Store, StoreConfig, StreamBatch, StreamId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vokg_engine::graph::Graph;
use vokg_engine::record::LogEntry;

/// All that a store says of its stream.
#[derive(Debug, PartialEq)]
struct Answers {
    log: Vec<LogEntry>,
    graphs: Vec<Graph>,
    observations: usize,
}

fn ask(dir: &Path) -> Result<Answers, String> {
    let store = Store::open(dir, StoreConfig::default()).map_err(|error| error.to_string())?;
    let stream = store.find_stream("clip").map_err(|error| error.to_string())?.ok_or("no stream")?;
    store.verify(stream.id).map_err(|error| error.to_string())?;
    let log = store.entries(stream.id, None).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let graph = |at| store.graph(stream.id, Some(at), None).map_err(|error| error.to_string());
    let graphs = [100_000, 1_000_000, 3_000_000].into_iter().map(graph).collect::<Result<_, _>>()?;
    let observations = store.observations(stream.id, 0..u64::MAX).map_err(|error| error.to_string())?;
    let observations = observations.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?.len();
    Ok(Answers { log, graphs, observations })
}

/// A closed store, half sealed, with two files of observations.
fn closed_store(dir: &Path) -> Answers {
    let writer = open(dir);
    let stream = begin(&writer, "clip");
    let mut buffer = ObservationBuffer::default();
    for t in (0..30).map(|second| second * 1_000_000 + 1) {
        if let Some(segment) = buffer.push(&frame(t, vec![observation(t, 2, 1.0)], vec![])) {
            let batch = StreamBatch { observations: vec![segment], ..StreamBatch::of_entries(stream, vec![]) };
            writer.commit(&[batch]).expect("the disk has room");
        }
    }
    const { assert!(30_000_000 > 2 * SEGMENT_US) };
    let log = random_log(21, 200);
    let batches = random_batches(21, &log);
    let sealed_after = batches.len() / 2;
    for (index, entries) in batches.into_iter().enumerate() {
        writer.commit(&[StreamBatch::of_entries(stream, entries)]).expect("the log keeps every promise");
        if index < sealed_after {
            writer.seal(stream, u64::MAX, 60, false).expect("the disk has room");
        }
    }
    let end = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, vec![]) };
    writer.commit(&[end]).expect("the log is closed");
    drop(writer);
    let answers = ask(dir).expect("it is whole");
    let fold = folds(&log).pop().expect("there is one");
    assert!(answers.log == log && answers.graphs[1] == fold.at(1_000_000) && answers.observations > 5);
    answers
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let segments = fs::read_dir(dir.join("observations").join("1-clip")).expect("it was made");
    let mut files: Vec<PathBuf> = segments.map(|entry| entry.expect("it is readable").path()).collect();
    files.sort();
    files.insert(0, dir.join(super::DATABASE_FILE));
    files
}

/// Flips one byte at a time. What `check` calls whole must answer exactly as before.
#[test]
fn a_flipped_byte_is_detected_or_harmless() {
    let flips = if is_long() { 500 } else { 60 };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let expected = closed_store(dir.path());
    let originals: Vec<(PathBuf, Vec<u8>)> =
        files(dir.path()).into_iter().map(|file| (file.clone(), fs::read(&file).expect("it is there"))).collect();
    let report = check(dir.path(), StoreConfig::default()).expect("there is a store");
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.pages_checked && report.sealed_entries > 100 && report.sealed_entries < report.entries);

    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut detected, mut harmless, mut unchecked_wrong) = (0, 0, 0);
    for flip in 0..flips {
        let (file, bytes) =
            &originals[if flip % 6 == 5 { 1 + rng.next_u32() as usize % (originals.len() - 1) } else { 0 }];
        let at = loop {
            let at = rng.next_u32() as usize % bytes.len();
            // Most of a small database is pages that were never used: half of the flips go where something is.
            if flip % 2 == 0 || bytes[at] != 0 {
                break at;
            }
        };
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (rng.next_u32() % 8);
        fs::write(file, &flipped).expect("the disk has room");
        let checked = catch_unwind(|| check(dir.path(), StoreConfig::default()));
        let checked = checked.unwrap_or_else(|_| panic!("a check panicked over byte {at} of {}", file.display()));
        assert_eq!(fs::read(file).expect("it is there"), flipped, "a check changes nothing");
        let read = catch_unwind(AssertUnwindSafe(|| ask(dir.path())));
        match checked.is_ok_and(|report| report.is_whole()) {
            true => {
                harmless += 1;
                let answers = read.unwrap_or_else(|_| panic!("a panic over byte {at} of {}", file.display()));
                match answers {
                    Ok(answers) => assert_eq!(answers, expected, "byte {at} of {}", file.display()),
                    Err(error) => panic!("byte {at} of {} was called whole: {error}", file.display()),
                }
            }
            false => {
                detected += 1;
                unchecked_wrong += i32::from(read.is_ok_and(|read| read.is_ok_and(|answers| answers != expected)));
            }
        }
        for (file, bytes) in &originals {
            fs::write(file, bytes).expect("the disk has room");
        }
    }
    println!("{flips} flips: {detected} detected, {harmless} harmless, {unchecked_wrong} read wrongly without a check");
    assert!(detected > flips / 5 && harmless > 0);
    assert_eq!(ask(dir.path()), Ok(expected));
}

/// A file that at times has no room, and then writes half of what it is given.
#[derive(Debug)]
struct Cramped {
    file: FileBackend,
    is_full: Arc<AtomicBool>,
}

impl StorageBackend for Cramped {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) {
            self.file.write(offset, &data[..data.len() / 2])?;
            return Err(ErrorKind::StorageFull.into());
        }
        self.file.write(offset, data)
    }
}

fn cramped(dir: &Path, is_full: &Arc<AtomicBool>, space: &DiskSpace) -> Writer {
    let path = dir.join(super::DATABASE_FILE);
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path).expect("it has room");
    let file = Cramped { file: FileBackend::new(file).expect("it is a file"), is_full: is_full.clone() };
    let database = redb::Builder::new().create_with_backend(PatientFile::over(file, space.clone()));
    let lock = File::create(dir.join("writer.lock")).expect("the disk has room");
    let database = database.expect("it is whole");
    Writer::with_database(dir, database, lock, Retention::default(), space.clone(), Box::new(SystemFiles))
        .expect("it is whole")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = soon();
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A committer with some batches done; `fill` makes the disk full, `free` makes room again.
fn waits_and_goes_on(writer: Writer, fill: &dyn Fn(), free: &dyn Fn()) {
    let writer = Arc::new(writer);
    let stream = begin(&writer, "clip");
    let committer =
        Committer::start(writer.clone(), CommitterConfig::default(), || {}, || {}).expect("there is a thread");
    let handle = committer.handle();
    let log = random_log(8, 120);
    let batches = random_batches(8, &log);
    let (first, second) = batches.split_at(batches.len() / 2);
    let submit = |entries: &Vec<LogEntry>| match handle.try_submit(StreamBatch::of_entries(stream, entries.clone())) {
        Ok(()) => {}
        Err(refused) => panic!("{refused}"),
    };
    first.iter().for_each(submit);
    handle.flush(soon()).expect("the disk has room");
    let stored = writer.store().stream(stream).expect("it exists").head;
    for episode in 1..=2 {
        fill();
        if episode == 1 {
            second[..second.len() / 2].iter().for_each(submit);
        } else {
            second[second.len() / 2..].iter().for_each(submit);
        }
        wait_until("it says that it waits", || handle.counters().waits_for_space);
        assert!(matches!(handle.flush(Instant::now()), Err(FlushError::Deadline(_))));
        let graph = writer.store().graph(stream, Some(1_000_000), None);
        assert!(graph.is_ok_and(|graph| !graph.vertices.is_empty()), "reading goes on");
        assert!(writer.store().stream(stream).expect("it exists").head.entries >= stored.entries);
        free();
        let freed = Instant::now();
        handle.flush(soon()).expect("there is room again");
        assert!(freed.elapsed() < Duration::from_secs(5), "it goes on by itself within 5 s");
        wait_until("it says that it waits no longer", || !handle.counters().waits_for_space);
        assert_eq!(handle.counters().space_waits, episode);
    }
    committer.stop(soon()).expect("there is room");
    let held: Vec<_> = writer.store().entries(stream, None).collect::<Result<_, _>>().expect("it is whole");
    assert_eq!(held, log, "nothing lost, nothing twice");
    writer.store().verify(stream).expect("it is whole");
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_lost_or_comes_twice() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (is_full, space) = (Arc::new(AtomicBool::new(false)), DiskSpace::new(dir.path(), 0));
    let writer = cramped(dir.path(), &is_full, &space);
    waits_and_goes_on(writer, &|| is_full.store(true, Ordering::SeqCst), &|| is_full.store(false, Ordering::SeqCst));
    let report = check(dir.path(), StoreConfig::default()).expect("there is a store");
    assert_eq!(report.problems, Vec::<String>::new());
}

#[test]
fn less_room_than_is_to_be_left_free_is_waited_for_too() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let free = Arc::new(AtomicU64::new(1 << 30));
    let told = free.clone();
    let space = DiskSpace::with(dir.path(), 1 << 20, Box::new(move |_| Ok(told.load(Ordering::SeqCst))));
    let writer = cramped(dir.path(), &Arc::default(), &space);
    waits_and_goes_on(writer, &|| free.store(1 << 19, Ordering::SeqCst), &|| free.store(1 << 30, Ordering::SeqCst));
}

#[test]
fn whoever_gives_up_waiting_is_told_why_and_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (is_full, space) = (Arc::new(AtomicBool::new(false)), DiskSpace::new(dir.path(), 0));
    let writer = Arc::new(cramped(dir.path(), &is_full, &space));
    let stream: StreamId = begin(&writer, "clip");
    let committer =
        Committer::start(writer.clone(), CommitterConfig::default(), || {}, || {}).expect("there is a thread");
    let handle = committer.handle();
    let log = random_log(8, 60);
    let batches = random_batches(8, &log);
    handle.try_submit(StreamBatch::of_entries(stream, batches[0].clone())).expect("there is room");
    handle.flush(soon()).expect("the disk has room");
    is_full.store(true, Ordering::SeqCst);
    handle.try_submit(StreamBatch::of_entries(stream, batches[1].clone())).expect("there is room in the queue");
    wait_until("it says that it waits", || handle.counters().waits_for_space);
    handle.space().give_up();
    let Err(FlushError::Failed(error)) = handle.flush(soon()) else { panic!("it was given up") };
    assert!(error.to_string().contains("no storage space") || error.to_string().contains("no room"), "{error}");
    let refused = handle.try_submit(StreamBatch::of_entries(stream, batches[1].clone()));
    assert!(matches!(refused, Err(SubmitError::Failed(..))));
    drop((committer, handle, writer));
    is_full.store(false, Ordering::SeqCst);
    let writer = open(dir.path());
    let held: Vec<_> = writer.store().entries(stream, None).collect::<Result<_, _>>().expect("it is whole");
    assert_eq!(held, batches[0]);
}

#[test]
fn a_store_that_cannot_be_written_is_read_even_after_a_crash() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let expected = closed_store(dir.path());
    // The marks of a crash: a writer that is still open has not cleaned up behind itself.
    let crashed = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    for file in files(dir.path()) {
        let to = crashed.path().join(file.strip_prefix(dir.path()).expect("it lies within"));
        fs::create_dir_all(to.parent().expect("it has one")).expect("the disk has room");
        fs::copy(&file, to).expect("the disk has room");
    }
    drop(writer);
    let store = Store::open_unwritten(crashed.path(), StoreConfig::default()).expect("it is repaired in memory");
    let stream = store.find_stream("clip").expect("it is whole").expect("it was begun");
    let log: Vec<_> = store.entries(stream.id, None).collect::<Result<_, _>>().expect("it is whole");
    assert_eq!(log, expected.log);
}
