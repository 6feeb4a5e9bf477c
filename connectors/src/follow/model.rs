//! A target in memory that fails in every way a real one can, and what must hold all the same.

use super::*;
use crate::store::history::{begin, complete, open, random_batches, random_log, settling_log};
use crate::store::{Ending, Outcome, Position, Store, StreamBatch, StreamId, Writer};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vokg_engine::id::StreamName;
use vokg_engine::record::{LogEntry, Record};

mod histories;
mod silence;

/// What the target holds; outlives whoever writes to it.
#[derive(Default)]
struct Held {
    logs: BTreeMap<StreamName, Vec<LogEntry>>,
    told: BTreeMap<StreamName, Told>,
    /// Which instance may write.
    writer: u32,
}

/// A session with the target. Takes one in three calls wrongly, drawn from `chance`.
struct Model {
    held: Arc<Mutex<Held>>,
    writer: u32,
    chance: ChaCha8Rng,
    is_faulty: bool,
    /// Entries of this sequence number are refused.
    refuses: Option<u64>,
}

impl Model {
    fn open(held: &Arc<Mutex<Held>>, seed: u64, is_faulty: bool) -> Self {
        let mut state = held.lock().expect("nobody panicked");
        state.writer += 1;
        let (writer, chance) = (state.writer, ChaCha8Rng::seed_from_u64(seed));
        Self { held: Arc::clone(held), writer, chance, is_faulty, refuses: None }
    }

    fn fault(&mut self) -> u32 {
        if self.is_faulty { self.chance.next_u32() % 6 } else { 5 }
    }
}

fn away() -> TargetError {
    TargetError::Again("it is away".into())
}

impl Target for Model {
    fn told(&mut self, stream: &Followed) -> Result<Option<Told>, TargetError> {
        if self.fault() == 0 {
            return Err(away());
        }
        Ok(self.held.lock().expect("nobody panicked").told.get(&stream.name).cloned())
    }

    fn apply(&mut self, portion: &Portion<'_>) -> Result<(), TargetError> {
        let fault = self.fault();
        let mut held = self.held.lock().expect("nobody panicked");
        if held.writer != self.writer {
            return Err(TargetError::Fenced("a later one".into()));
        }
        if fault == 0 {
            return Err(away());
        }
        if let Some(refused) = portion.wanted().find(|entry| Some(entry.seq) == self.refuses) {
            return Err(TargetError::Refused { at: Position::of(refused), reason: "its number".into() });
        }
        let at = held.told.get(&portion.stream.name).map(|told| told.at);
        assert_eq!(at, portion.after, "nothing lost, nothing twice");
        held.logs.entry(portion.stream.name.clone()).or_default().extend(portion.wanted().cloned());
        let told = Told { at: portion.last(), mark: Some(portion.mark()) };
        held.told.insert(portion.stream.name.clone(), told);
        // The commit arrived, its answer did not.
        if fault == 1 { Err(away()) } else { Ok(()) }
    }
}

fn quick(portion_entries: usize) -> FollowerConfig {
    let wait = Duration::from_micros(1);
    FollowerConfig {
        portion_entries,
        portion_pause: Duration::ZERO,
        retry_first: wait,
        retry_most: wait,
        dead_letters: 3,
        ..FollowerConfig::default()
    }
}

fn follower(store: &Store, target: Model, dir: &Path, portion_entries: usize) -> Follower<Model> {
    Follower::new(store.clone(), target, "model", dir, quick(portion_entries), SinkControl::default())
        .expect("there are no dead letters yet")
}

fn log_of(store: &Store, stream: StreamId) -> Vec<LogEntry> {
    store.entries(stream, None).collect::<Result<_, _>>().expect("the store is whole")
}

fn commit(writer: &Writer, stream: StreamId, entries: Vec<LogEntry>) {
    writer.commit(&[StreamBatch::of_entries(stream, entries)]).expect("the log keeps every promise");
}

fn until_caught_up(follower: &mut Follower<Model>) {
    for _ in 0..10_000 {
        match follower.step() {
            Step::CaughtUp => return,
            Step::Failed(reason) => panic!("{reason}"),
            Step::Moved | Step::Soon(_) | Step::Wait(_) => {}
        }
    }
    panic!("it never caught up");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Two streams grow while a follower with a faulty target reads them and is replaced by another at random times.
    #[test]
    fn the_target_holds_the_log_whatever_fails(seed: u64, portion_entries in 1usize..40) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let streams = ["a", "b"].map(|name| begin(&writer, name));
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let held = Arc::default();
        let mut reader = follower(writer.store(), Model::open(&held, seed, true), dir.path(), portion_entries);
        let batches = [1, 2].map(|log| random_batches(seed ^ log, &random_log(seed ^ log, 40)));
        for turn in 0..batches.iter().map(Vec::len).max().unwrap_or(0) {
            for (stream, batches) in streams.iter().zip(&batches) {
                if let Some(entries) = batches.get(turn) {
                    commit(&writer, *stream, entries.clone());
                }
            }
            for _ in 0..chance.next_u32() % 6 {
                reader.step();
            }
            if chance.next_u32().is_multiple_of(4) {
                let session = Model::open(&held, chance.next_u64(), true);
                reader = follower(writer.store(), session, dir.path(), portion_entries);
            }
        }
        until_caught_up(&mut reader);
        let held = held.lock().expect("nobody panicked");
        for (stream, name) in streams.iter().zip(["a", "b"]) {
            prop_assert_eq!(&held.logs[&StreamName::slug(name)], &log_of(writer.store(), *stream));
        }
    }
}

#[test]
fn a_stream_that_is_begun_anew_says_the_same_again_and_nothing_comes_twice() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = random_log(5, 40);
    let batches = random_batches(1, &log);
    let held = Arc::default();
    let mut writer = open(dir.path());
    let first = begin(&writer, "clip");
    commit(&writer, first, batches[..batches.len() / 2].concat());
    until_caught_up(&mut follower(writer.store(), Model::open(&held, 1, false), dir.path(), 7));
    drop(writer);
    writer = open(dir.path());
    writer.drop_stream(first).expect("nobody writes it");
    let again = begin(&writer, "clip");
    let mut reader = follower(writer.store(), Model::open(&held, 2, false), dir.path(), 7);
    for batch in batches {
        commit(&writer, again, batch);
        until_caught_up(&mut reader);
    }
    assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug("clip")], log);
}

#[test]
fn what_was_known_of_a_stream_that_is_gone_is_forgotten() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = random_log(5, 40);
    let held = Arc::default();
    let writer = open(dir.path());
    let first = begin(&writer, "clip");
    commit(&writer, first, random_batches(1, &log)[..1].concat());
    let mut reader = follower(writer.store(), Model::open(&held, 1, false), dir.path(), 7);
    until_caught_up(&mut reader);
    let failed = Outcome { ending: Ending::Failed("its file was cut short".into()), ..complete() };
    let end = StreamBatch { outcome: Some(failed), ..StreamBatch::of_entries(first, vec![]) };
    writer.commit(&[end]).expect("the log keeps every promise");
    writer.drop_stream(first).expect("nobody writes it");
    let again = begin(&writer, "clip");
    assert_ne!(first, again);
    commit(&writer, again, log.clone());
    std::thread::sleep(Duration::from_millis(250));
    until_caught_up(&mut reader);
    assert_eq!(reader.remembered(), 1);
    assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug("clip")], log);
}

/// A target that panics.
struct Panics;

impl Target for Panics {
    fn told(&mut self, _: &Followed) -> Result<Option<Told>, TargetError> {
        panic!("as a defect would")
    }

    fn apply(&mut self, _: &Portion<'_>) -> Result<(), TargetError> {
        Ok(())
    }
}

#[test]
fn a_sink_whose_thread_panics_is_told_as_failed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    commit(&writer, stream, random_log(3, 40));
    let control = SinkControl::default();
    let follower = Follower::new(writer.store().clone(), Panics, "panics", dir.path(), quick(7), control.clone());
    let follower = follower.expect("there are no dead letters yet");
    let following = Following::start("panics", control.clone(), Nudge::default(), follower).expect("there are threads");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !following.is_done() {
        assert!(Instant::now() < deadline, "{:?}", control.status());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(matches!(control.status().state, SinkState::Failed(reason) if reason.contains("panicked")));
}

#[test]
fn what_is_refused_is_set_aside_once_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let streams = ["a", "b", "c", "d"].map(|name| begin(&writer, name));
    for stream in &streams[..3] {
        commit(&writer, *stream, random_log(3, 40));
    }
    let held: Arc<Mutex<Held>> = Arc::default();
    let refusing = |seed| Model { refuses: Some(4), ..Model::open(&held, seed, false) };
    until_caught_up(&mut follower(writer.store(), refusing(1), dir.path(), 7));
    for (stream, name) in streams.iter().zip(["a", "b", "c"]) {
        let wanted: Vec<_> = log_of(writer.store(), *stream).into_iter().filter(|entry| entry.seq != 4).collect();
        assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug(name)], wanted);
    }
    let letters = DeadLetters::open(dir.path(), "model", 3).expect("it was written");
    assert_eq!(letters.count(), 3);
    let text = std::fs::read_to_string(dir.path().join("dead-letters/model.jsonl")).expect("it was written");
    let letter: DeadLetter = serde_json::from_str(text.lines().next().expect("there are three")).expect("it is JSON");
    assert_eq!((letter.seq, letter.reason.as_str(), letter.record["seq"].as_u64()), (4, "its number", Some(4)));

    commit(&writer, streams[3], random_log(3, 40));
    let mut reader = follower(writer.store(), refusing(2), dir.path(), 7);
    let full = (0..100).map(|_| reader.step()).find_map(|step| match step {
        Step::Failed(reason) => Some(reason),
        _ => None,
    });
    assert!(full.expect("one is too many").contains("refused 3 entries"));
}

#[test]
fn a_full_disk_is_waited_for_when_a_letter_cannot_be_kept() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    commit(&writer, stream, random_log(3, 40));
    let held = Arc::default();
    let refusing = Model { refuses: Some(4), ..Model::open(&held, 1, false) };
    let mut reader = follower(writer.store(), refusing, dir.path(), 7);
    let letters = dir.path().join("dead-letters/model.jsonl");
    std::fs::create_dir(dir.path().join("dead-letters")).expect("there is room");
    std::os::unix::fs::symlink("/dev/full", &letters).expect("links can be made");
    assert!(matches!(reader.step(), Step::Wait(_)));
    std::fs::remove_file(&letters).expect("it is there");
    until_caught_up(&mut reader);
    assert_eq!(DeadLetters::open(dir.path(), "model", 3).expect("it was written").count(), 1);
}

/// Keeps the text of what is logged as an error.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Errors {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text += &format!("{}={value:?} ", field.name());
        });
        self.0.lock().expect("nobody panicked").push(text);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// A sink that stops says so at once, and a store that is damaged is no target that is away.
#[test]
fn a_damaged_store_ends_the_sink_aloud_and_names_the_way_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    commit(&writer, stream, random_log(3, 40));
    let held = Arc::default();
    let mut reader = follower(writer.store(), Model::open(&held, 1, false), dir.path(), 7);
    assert_eq!(reader.step(), Step::Moved);
    crate::store::history::damage(&writer, stream, Position { epoch: 1, seq: 20 });
    let errors = Errors::default();
    let step = tracing::subscriber::with_default(errors.clone(), || {
        (0..100).map(|_| reader.step()).find(|step| *step != Step::Moved)
    });
    assert!(
        matches!(&step, Some(Step::Failed(reason)) if reason.contains("damaged") && reason.contains("vokg store check")),
        "{step:?}"
    );
    let errors = errors.0.lock().expect("nobody panicked");
    let [error] = &errors[..] else { panic!("it is said once: {errors:?}") };
    assert!(error.contains("sink=model") && error.contains("damaged"), "{error}");
}

#[test]
fn whoever_was_replaced_stops_and_says_so() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    commit(&writer, stream, random_log(3, 40));
    let held = Arc::default();
    let mut first = follower(writer.store(), Model::open(&held, 1, false), dir.path(), 7);
    assert_eq!(first.step(), Step::Moved);
    let mut second = follower(writer.store(), Model::open(&held, 2, false), dir.path(), 7);
    assert!(matches!(first.step(), Step::Failed(reason) if reason.contains("another instance")));
    until_caught_up(&mut second);
    assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug("clip")], log_of(writer.store(), stream));
}

#[test]
fn a_sink_pauses_goes_on_and_ends_when_asked() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let (held, control, nudge): (Arc<Mutex<Held>>, _, _) = (Arc::default(), SinkControl::default(), Nudge::default());
    let model = Model::open(&held, 1, false);
    let follower = Follower::new(writer.store().clone(), model, "model", dir.path(), quick(7), control.clone());
    let follower = follower.expect("there are no dead letters yet");
    let following = Following::start("model", control.clone(), nudge.clone(), follower).expect("there are threads");
    let soon = || Instant::now() + Duration::from_secs(60);
    let await_state = |wanted: SinkState| {
        let deadline = soon();
        while control.status().state != wanted {
            assert!(Instant::now() < deadline, "{:?}", control.status());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    await_state(SinkState::CaughtUp);
    control.pause(true);
    nudge.all();
    await_state(SinkState::Paused);
    commit(&writer, stream, random_log(3, 40));
    nudge.all();
    following.look_again();
    std::thread::sleep(Duration::from_millis(20));
    assert!(!following.is_done(), "it is paused");
    assert_eq!(control.status().applied, 0);
    control.pause(false);
    nudge.all();
    let log = log_of(writer.store(), stream);
    let deadline = soon();
    while control.status().applied < log.len() as u64 {
        assert!(Instant::now() < deadline, "{:?}", control.status());
        std::thread::sleep(Duration::from_millis(1));
    }
    following.look_again();
    while !following.is_done() {
        assert!(Instant::now() < deadline, "{:?}", control.status());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(following.stop(soon()));
    assert_eq!(control.status().state, SinkState::Stopped);
    assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug("clip")], log);
}

/// As another process would.
#[test]
fn a_file_in_the_data_directory_pauses_a_sink_until_it_is_taken_away() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let mark = PauseMark::of(dir.path(), "model");
    assert!(mark.set().expect("there is room"));
    let (held, control): (Arc<Mutex<Held>>, _) = (Arc::default(), SinkControl::default());
    let model = Model::open(&held, 1, false);
    let follower = Follower::new(writer.store().clone(), model, "model", dir.path(), quick(7), control.clone());
    let follower = follower.expect("there are no dead letters yet");
    commit(&writer, stream, random_log(3, 40));
    let _following = Following::start("model", control.clone(), Nudge::default(), follower).expect("there are threads");
    let await_state = |wanted: SinkState| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while control.status().state != wanted {
            assert!(Instant::now() < deadline, "{:?}", control.status());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    await_state(SinkState::Paused);
    assert!(control.is_paused() && held.lock().expect("nobody panicked").logs.is_empty());
    assert!(mark.clear().expect("it is there"));
    await_state(SinkState::CaughtUp);
    assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug("clip")], log_of(writer.store(), stream));
    assert!(mark.set().expect("there is room"));
    await_state(SinkState::Paused);
}

/// A target that takes a graph, once it is there.
struct Distant {
    is_there: bool,
}

impl Target for Distant {
    fn told(&mut self, _stream: &Followed) -> Result<Option<Told>, TargetError> {
        Ok(None)
    }

    fn apply(&mut self, _portion: &Portion<'_>) -> Result<(), TargetError> {
        panic!("its graph is all that there is to tell")
    }

    fn held(&mut self) -> Result<Option<super::target::Held>, TargetError> {
        if self.is_there { Ok(None) } else { Err(away()) }
    }

    fn snapshot(&mut self, _snapshot: &super::target::Snapshot<'_>) -> Result<(), TargetError> {
        Ok(())
    }
}

#[test]
fn how_far_behind_a_sink_is_counts_what_was_never_told_and_not_what_a_snapshot_tells() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let log = random_log(3, 40);
    commit(&writer, stream, log.clone());
    for is_there in [false, true] {
        let (config, control) = (FollowerConfig { from: StartFrom::Snapshot, ..quick(7) }, SinkControl::default());
        let store = writer.store().clone();
        let mut follower = Follower::new(store, Distant { is_there }, "distant", dir.path(), config, control.clone())
            .expect("there are no dead letters yet");
        while follower.step() == Step::Moved {}
        assert_eq!(control.status().behind, if is_there { 0 } else { log.len() as u64 });
    }
}

#[test]
fn a_target_that_was_away_longer_than_the_log_is_kept_is_told_so() {
    use crate::store::{KnownAt, Retention, StoreConfig, compact};
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config =
        StoreConfig { retention: Retention { keep_us: None, keep_bytes: Some(60_000) }, ..StoreConfig::default() };
    let log = settling_log(10_000);
    let writer = Writer::open(dir.path(), config).expect("the directory is new");
    let stream = begin(&writer, "clip");
    let (first, rest) = log.split_at(3_000);
    let first_end = first.iter().rposition(|entry| matches!(entry.record, Record::Progress(_)));
    let (first, rest_begin) = first.split_at(first_end.expect("it has one") + 1);
    writer.commit(&[StreamBatch::of_entries(stream, first.to_vec())]).expect("the log keeps every promise");
    // One target was told in several portions, the other at once.
    let targets = [1_000, 10_000].map(|portion| {
        let held = Arc::new(Mutex::new(Held::default()));
        let mut early = follower(writer.store(), Model::open(&held, 1, false), dir.path(), portion);
        while early.step() == Step::Moved {}
        let reached = held.lock().expect("nobody panicked").told.values().next().map(|told| told.at);
        assert_eq!(reached, Some(Position { epoch: 1, seq: first.len() as u64 - 1 }));
        held
    });

    let more: Vec<LogEntry> = rest_begin.iter().chain(rest).cloned().collect();
    writer.commit(&[StreamBatch::of_entries(stream, more)]).expect("the log keeps every promise");
    drop(writer);
    let compacted = compact(dir.path(), config).expect("nobody uses it");
    assert!(compacted.dropped > 5_000, "{compacted:?}");
    let store = Store::open(dir.path(), config).expect("it is there");
    let oldest = store.oldest(stream).expect("it is whole").expect("something was dropped");
    let known = KnownAt::Position(oldest.first);
    assert!(store.graph(stream, Some(oldest.t_us), Some(known)).is_ok_and(|graph| !graph.edges.is_empty()));
    let [in_several, at_once] = targets.map(|held| (held, "holds what comes up to"));
    for (held, holds) in [in_several, at_once, (Arc::default(), "holds nothing")] {
        let mut late = follower(&store, Model::open(&held, 1, false), dir.path(), 1_000);
        let Step::Failed(reason) = late.step() else { panic!("what it asks for is gone") };
        assert!(reason.contains(holds), "{reason}");
        assert!(reason.contains(&oldest.first.to_string()) && reason.contains("keep_secs"), "{reason}");
        assert_eq!(reason.contains("from = \"snapshot\""), reason.contains("holds nothing"), "{reason}");
    }
    let up_to_date = Arc::new(Mutex::new(Held::default()));
    let (name, last) = (store.stream(stream).expect("it exists").name, log.len() as u64 - 1);
    let told = Told { at: Position { epoch: 1, seq: last }, mark: None };
    up_to_date.lock().expect("nobody panicked").told.insert(name, told);
    assert_eq!(follower(&store, Model::open(&up_to_date, 1, false), dir.path(), 1_000).step(), Step::CaughtUp);
}
