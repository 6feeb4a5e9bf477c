//! A broker in memory that keeps the promises of Kafka's transactions and breaks everything else.

use super::finals::Finals;
use super::finals::tests::settled_log;
use super::records::{KafkaRecord, Topic};
use super::transaction_log::{Cursor, TransactionError, TransactionLog};
use super::{KafkaTarget, Written};
use crate::export::delta_json::{DeltaJson, parse_line};
use crate::follow::{Follower, FollowerConfig, SinkControl, StartFrom, Step};
use crate::store::history::{PROGRAM, begin, complete, open, random_batches, random_log, request, settling_log};
use crate::store::{Begun, Retention, Store, StoreConfig, StreamBatch, StreamRequest, Writer, compact};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vokg_engine::delta::{Delta, Diff, Edge, Element, ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::{Detail, RelationKind};
use vokg_engine::graph::Graph;
use vokg_engine::id::{InteractionId, ObjectId, StreamName};
use vokg_engine::record::{LogEntry, Progress, Record};

mod refused;
mod removal;

#[derive(Default)]
struct Broker {
    committed: Vec<KafkaRecord>,
    /// The session whose writes count.
    session: u32,
}

impl Broker {
    /// The keys that have a value in `state`.
    fn state(&self, partition: Option<u32>) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        let here = |record: &&KafkaRecord| partition.is_none_or(|partition| record.partition == partition);
        for record in self.committed.iter().filter(|record| record.topic == Topic::State).filter(here) {
            match &record.value {
                Some(_) => keys.insert(record.key.clone()),
                None => keys.remove(&record.key),
            };
        }
        keys
    }

    fn of(&self, topic: Topic) -> impl DoubleEndedIterator<Item = &KafkaRecord> {
        self.committed.iter().filter(move |record| record.topic == topic)
    }
}

/// A client of the broker. At each of these points the call may fail, with the broker before or after it.
struct Client {
    broker: Arc<Mutex<Broker>>,
    session: u32,
    is_open: bool,
    chance: ChaCha8Rng,
    partitions: u32,
    /// Bytes of the largest value that the broker takes.
    most: usize,
    /// Whether it takes a record for the rest.
    takes: fn(&KafkaRecord) -> bool,
}

impl Client {
    fn new(broker: &Arc<Mutex<Broker>>, seed: u64) -> Self {
        let (broker, chance) = (Arc::clone(broker), ChaCha8Rng::seed_from_u64(seed));
        Self { broker, session: 0, is_open: false, chance, partitions: 4, most: usize::MAX, takes: |_| true }
    }

    fn fails(&mut self) -> Result<(), TransactionError> {
        match self.chance.next_u32() % 8 {
            0 => Err(TransactionError::Again("the connection is gone".into())),
            _ => Ok(()),
        }
    }
}

impl TransactionLog for Client {
    fn open(&mut self) -> Result<BTreeMap<String, Cursor>, TransactionError> {
        self.fails()?;
        let (broker, mut cursors) = (Arc::clone(&self.broker), BTreeMap::new());
        let mut broker = broker.lock().expect("nobody panicked");
        broker.session += 1;
        (self.session, self.is_open) = (broker.session, true);
        self.fails()?;
        for record in broker.committed.iter().filter(|record| record.topic == Topic::Progress) {
            match &record.value {
                Some(value) => {
                    cursors.insert(record.key.clone(), serde_json::from_slice(value).expect("it is a cursor"))
                }
                None => cursors.remove(&record.key),
            };
        }
        Ok(cursors)
    }

    fn state_keys(&mut self, stream: &StreamName, partition: u32) -> Result<BTreeSet<String>, TransactionError> {
        self.fails()?;
        let broker = self.broker.lock().expect("nobody panicked");
        Ok(broker
            .state(Some(partition))
            .into_iter()
            .filter(|key| key.split('/').next() == Some(stream.as_str()))
            .collect())
    }

    fn has(&mut self, topic: Topic) -> Result<bool, TransactionError> {
        self.fails()?;
        Ok(Topic::ALL.contains(&topic))
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn is_open(&self) -> bool {
        self.is_open
    }

    /// Once in a while the session ends with a transaction that goes through.
    fn write(&mut self, records: &[KafkaRecord]) -> Result<(), TransactionError> {
        assert!(self.is_open, "the session has ended");
        self.is_open = !self.chance.next_u32().is_multiple_of(8);
        self.fails()?;
        let broker = Arc::clone(&self.broker);
        let mut broker = broker.lock().expect("nobody panicked");
        if broker.session != self.session {
            return Err(TransactionError::Fenced("a later session".into()));
        }
        let is_refused = |record: &KafkaRecord| {
            record.value.as_ref().is_some_and(|value| value.len() > self.most) || !(self.takes)(record)
        };
        if let Some(index) = records.iter().position(is_refused) {
            self.is_open = false;
            return Err(TransactionError::Refused { index, reason: "too large".into() });
        }
        broker.committed.extend_from_slice(records);
        self.fails()
    }
}

const MARGIN_US: u64 = 20_000;

fn follower(store: &Store, client: Client, dir: &Path) -> Follower<KafkaTarget<Client>> {
    follower_from(StartFrom::Beginning, Written { state: true, finals: Some(MARGIN_US) }, store, client, dir)
}

fn follower_from(
    from: StartFrom,
    written: Written,
    store: &Store,
    client: Client,
    dir: &Path,
) -> Follower<KafkaTarget<Client>> {
    let wait = Duration::from_micros(1);
    let config =
        FollowerConfig { portion_entries: 9, retry_first: wait, retry_most: wait, from, ..FollowerConfig::default() };
    let mut target = KafkaTarget::new(client, store.clone(), [7; 16], written);
    target.keys_at_once = 7;
    Follower::new(store.clone(), target, "kafka", dir, config, SinkControl::default()).expect("the directory is empty")
}

fn until_caught_up(follower: &mut Follower<KafkaTarget<Client>>) {
    let caught_up = (0..10_000).any(|_| match follower.step() {
        Step::CaughtUp => true,
        Step::Failed(reason) => panic!("{reason}"),
        Step::Moved | Step::Soon(_) | Step::Wait(_) => false,
    });
    assert!(caught_up);
}

fn why_it_fails(follower: &mut Follower<KafkaTarget<Client>>) -> String {
    let failed = (0..1000).find_map(|_| match follower.step() {
        Step::Failed(reason) => Some(reason),
        _ => None,
    });
    failed.expect("it cannot go on")
}

/// The lines of a stream in a topic, in order.
fn lines_in(broker: &Broker, topic: Topic, stream: &str) -> Vec<String> {
    let values = broker.of(topic).filter_map(|record| record.value.clone());
    let lines = values.map(|value| String::from_utf8(value).expect("JSON is UTF-8"));
    let own = format!("\"stream\":\"{stream}\",");
    lines.filter(|line| line.contains(&own)).collect()
}

/// What of a log becomes final.
fn finals_of(log: &[LogEntry]) -> Vec<LogEntry> {
    let mut finals = Finals::new(MARGIN_US);
    log.iter().flat_map(|entry| finals.take(entry)).collect()
}

fn fold(lines: &[String]) -> Graph {
    let mut graph = Graph::default();
    for line in lines {
        match parse_line(line) {
            Ok(line) => {
                if let Record::Delta(delta) = &line.entry.record {
                    graph.apply(delta).expect("every delta follows those before it");
                }
            }
            Err(_) => assert!(line.contains("\"kind\":\"snapshot\""), "{line}"),
        }
    }
    graph
}

/// The lines that the log of a stream consists of.
fn lines_of(stream: &str, log: &[LogEntry]) -> Vec<String> {
    let mut text = Vec::new();
    let lines = DeltaJson::new(StreamName::slug(stream), None);
    log.iter().for_each(|entry| lines.write(&mut text, entry).expect("memory is there"));
    String::from_utf8(text).expect("JSON is UTF-8").lines().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whoever reads what was committed finds the log, each entry once and in order, whatever failed and whoever was
    /// replaced by whom.
    #[test]
    fn what_is_committed_is_the_log(seed: u64) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let streams = ["a", "b"].map(|name| (name, begin(&writer, name)));
        let logs = [1, 2].map(|salt| settled_log(seed ^ salt, 40));
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let broker: Arc<Mutex<Broker>> = Arc::default();
        let mut sinks = vec![follower(writer.store(), Client::new(&broker, seed), dir.path())];
        let batches = logs.each_ref().map(|log| random_batches(seed, log));
        for turn in 0..batches.iter().map(Vec::len).max().unwrap_or(0) {
            for ((_, stream), batches) in streams.iter().zip(&batches) {
                if let Some(entries) = batches.get(turn) {
                    let batch = StreamBatch::of_entries(*stream, entries.clone());
                    writer.commit(&[batch]).expect("the log keeps every promise");
                }
            }
            for _ in 0..chance.next_u32() % 8 {
                let sink = chance.next_u32() as usize % sinks.len();
                sinks[sink].step();
            }
            if chance.next_u32().is_multiple_of(5) {
                sinks.push(follower(writer.store(), Client::new(&broker, chance.next_u64()), dir.path()));
            }
        }
        let mut last = follower(writer.store(), Client::new(&broker, chance.next_u64()), dir.path());
        let caught_up = (0..10_000).any(|_| last.step() == Step::CaughtUp);
        prop_assert!(caught_up);
        let broker = broker.lock().expect("nobody panicked");
        for ((name, _), log) in streams.iter().zip(&logs) {
            prop_assert_eq!(lines_in(&broker, Topic::Deltas, name), lines_of(name, log));
            prop_assert_eq!(lines_in(&broker, Topic::Final, name), lines_of(name, &finals_of(log)));
        }
    }
}

#[test]
fn another_number_of_partitions_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    writer.commit(&[StreamBatch::of_entries(stream, random_log(1, 10))]).expect("the log keeps every promise");
    let broker: Arc<Mutex<Broker>> = Arc::default();
    let mut first = follower(writer.store(), Client::new(&broker, 1), dir.path());
    assert!((0..1000).any(|_| first.step() == Step::CaughtUp));
    let more = Client { partitions: 5, ..Client::new(&broker, 2) };
    let mut second = follower(writer.store(), more, dir.path());
    let reason = why_it_fails(&mut second);
    assert!(reason.contains("had 4 partitions and have 5"), "{reason}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// A sink that is added late begins with the graph as it is then; `final` is whole all the same.
    #[test]
    fn a_snapshot_and_the_log_after_it_are_the_graph(seed: u64, cut in 0.1f64..1.0) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let log = settled_log(seed, 40);
        let batches = random_batches(seed, &log);
        let cut = ((batches.len() as f64 * cut) as usize).max(1);
        let commit = |batches: &[Vec<LogEntry>]| {
            for entries in batches {
                let batch = StreamBatch::of_entries(stream, entries.clone());
                writer.commit(&[batch]).expect("the log keeps every promise");
            }
        };
        commit(&batches[..cut]);
        let broker: Arc<Mutex<Broker>> = Arc::default();
        let written = Written { state: true, finals: Some(MARGIN_US) };
        let late = |seed| {
            follower_from(StartFrom::Snapshot, written, writer.store(), Client::new(&broker, seed), dir.path())
        };
        until_caught_up(&mut late(seed));
        commit(&batches[cut..]);
        until_caught_up(&mut late(seed + 1));
        let graph = writer.store().graph(stream, None, None).expect("the store is whole");
        let broker = broker.lock().expect("nobody panicked");
        let lines = lines_in(&broker, Topic::Deltas, "clip");
        prop_assert_eq!(fold(&lines), graph);
        let markers = lines.iter().filter(|line| line.contains("\"kind\":\"snapshot\"")).count();
        prop_assert_eq!(markers, 2);
        prop_assert_eq!(lines_in(&broker, Topic::Final, "clip"), lines_of("clip", &finals_of(&log)));
    }
}

/// What was told without `state` cannot be made up for.
#[test]
fn state_cannot_be_added_later() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    writer.commit(&[StreamBatch::of_entries(stream, random_log(1, 10))]).expect("the log keeps every promise");
    let broker: Arc<Mutex<Broker>> = Arc::default();
    let with = |state, seed| {
        let written = Written { state, finals: None };
        follower_from(StartFrom::Beginning, written, writer.store(), Client::new(&broker, seed), dir.path())
    };
    until_caught_up(&mut with(false, 1));
    until_caught_up(&mut with(false, 2));
    let reason = why_it_fails(&mut with(true, 3));
    assert!(reason.contains("state = false") && reason.contains("topic_prefix"), "{reason}");
}

#[test]
fn final_can_be_added_later_and_is_whole() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let log = settled_log(5, 60);
    let broker: Arc<Mutex<Broker>> = Arc::default();
    for (turn, entries) in random_batches(5, &log).into_iter().enumerate() {
        writer.commit(&[StreamBatch::of_entries(stream, entries)]).expect("the log keeps every promise");
        let written = Written { state: false, finals: (turn > 3).then_some(MARGIN_US) };
        let client = Client::new(&broker, turn as u64);
        until_caught_up(&mut follower_from(StartFrom::Beginning, written, writer.store(), client, dir.path()));
    }
    let broker = broker.lock().expect("nobody panicked");
    assert_eq!(lines_in(&broker, Topic::Final, "clip"), lines_of("clip", &finals_of(&log)));
}

#[test]
fn final_that_is_added_once_all_was_told_is_whole() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let log = settled_log(5, 60);
    let whole = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, log.clone()) };
    writer.commit(&[whole]).expect("the log keeps every promise");
    let broker: Arc<Mutex<Broker>> = Arc::default();
    // What `state` has stays whole where it is not written meanwhile.
    for (seed, state, finals) in [(1, true, None), (2, false, Some(MARGIN_US)), (3, true, Some(MARGIN_US))] {
        let written = Written { state, finals };
        let client = Client::new(&broker, seed);
        until_caught_up(&mut follower_from(StartFrom::Beginning, written, writer.store(), client, dir.path()));
    }
    let broker = broker.lock().expect("nobody panicked");
    assert_eq!(lines_in(&broker, Topic::Final, "clip"), lines_of("clip", &finals_of(&log)));
}

/// A log in which somebody is in view from its first moment to its last, and meets somebody late. Others come and go.
fn with_somebody_who_stays(times: u32) -> Vec<LogEntry> {
    let log = settling_log(times);
    let stays = ObjectId(1 << 20);
    let mut moments: Vec<Vec<LogEntry>> =
        log.split_inclusive(|entry| matches!(entry.record, Record::Progress(_))).map(<[LogEntry]>::to_vec).collect();
    let add = |moment: &mut Vec<LogEntry>, change: &dyn Fn(Delta) -> Delta| {
        let Some(LogEntry { record: Record::Delta(first), .. }) = moment.first() else { panic!("each has deltas") };
        let added = LogEntry { epoch: 1, seq: 0, record: Record::Delta(change(first.clone())) };
        moment.push(added);
        moment.sort_by_key(|entry| match &entry.record {
            Record::Delta(delta) => (false, Some(delta.order())),
            Record::Progress(_) => (true, None),
        });
        let count = moment.len() as u32 - 1;
        if let Some(LogEntry { record: Record::Progress(progress), .. }) = moment.last_mut() {
            *progress = Progress { count, ..*progress };
        }
    };
    let last = moments.len() - 1;
    for (moment, is_open) in [(0, true), (last, false)] {
        add(&mut moments[moment], &|delta| {
            let object = ObjectVertex {
                class: None,
                first_seen_us: 7,
                last_seen_us: delta.t,
                open: is_open,
                confidence_milli: 900,
                tracks: vec![],
            };
            let element = Element::Vertex(VertexKey::Object(stays), Vertex::Object(object));
            Delta { diff: Diff::Assert, element, ..delta }
        });
    }
    for (moment, is_open) in [(last - 120, true), (last - 100, false)] {
        let (from_us, met) = (7 + (last as u64 - 120) * 40_000, ObjectId(last as u32 - 121));
        add(&mut moments[moment], &|delta| {
            let edge = Edge {
                id: InteractionId(1),
                kind: RelationKind::NEAR,
                from: VertexKey::Object(met),
                to: VertexKey::Object(stays),
                valid_from_us: from_us,
                valid_to_us: (!is_open).then_some(delta.t),
                confidence_milli: 500,
                detail: Detail::default(),
                supersedes: vec![],
            };
            Delta { diff: Diff::Assert, element: Element::Edge(edge), ..delta }
        });
    }
    let renumbered = moments.concat().into_iter().enumerate();
    renumbered.map(|(seq, entry)| LogEntry { seq: seq as u64, ..entry }).collect()
}

/// What retention has dropped is known to be said, and what was open then waits: a process that begins later says the same
/// as one that was there all the time.
#[test]
fn final_goes_on_where_the_beginning_of_the_log_was_dropped() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = with_somebody_who_stays(5_000);
    let moments: Vec<&[LogEntry]> = log.split_inclusive(|entry| matches!(entry.record, Record::Progress(_))).collect();
    let broker: Arc<Mutex<Broker>> = Arc::default();
    let tell = |writer: &Writer, seed| {
        let client = Client::new(&broker, seed);
        until_caught_up(&mut follower(writer.store(), client, dir.path()));
    };
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    for entries in moments[..4_800].chunks(100).map(<[_]>::concat) {
        writer.commit(&[StreamBatch::of_entries(stream, entries)]).expect("the log keeps every promise");
    }
    tell(&writer, 1);
    drop(writer);
    let retention = Retention { keep_us: Some(1_000_000), keep_bytes: None };
    let compacted = compact(dir.path(), StoreConfig { retention, ..StoreConfig::default() }).expect("nobody uses it");
    assert!(compacted.dropped > 1_000, "{compacted:?}");
    let writer = open(dir.path());
    for (turn, entries) in moments[4_800..].chunks(30).map(<[_]>::concat).enumerate() {
        writer.commit(&[StreamBatch::of_entries(stream, entries)]).expect("the log keeps every promise");
        tell(&writer, 2 + turn as u64);
    }
    let broker = broker.lock().expect("nobody panicked");
    let lines = lines_in(&broker, Topic::Final, "clip");
    fold(&lines);
    assert_eq!(lines, lines_of("clip", &finals_of(&log)));
}
