//! A database in memory that does what the statements say and fails at any of them.

mod client;
mod database;

use self::client::Client;
use self::database::{Held, Node, Rel, set};
use super::changes::{edge_row, vertex_row};
use super::cursor::SinkCursor;
use super::identifier::Identifier;
use super::interactions::{BEFORE, IN_INTERACTION, from_scratch};
use super::statement::Statement;
use super::target::Neo4jTarget;
use super::value::Properties;
use crate::follow::{
    Followed, Follower, FollowerConfig, Portion, SinkControl, StartFrom, Step, Target, TargetError, Told,
};
use crate::store::history::{PROGRAM, begin, complete, open, random_batches, random_log, request, settling_log};
use crate::store::{Begun, Position, Retention, Store, StoreConfig, StreamBatch, StreamId, Writer, compact};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vokg_engine::delta::{Delta, Diff, Edge, Element, ObjectVertex, Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::id::{ObjectId, StreamName};
use vokg_engine::record::{LogEntry, Record};

const INSTANCE: [u8; 16] = [7; 16];

fn target(held: &Arc<Mutex<Held>>, seed: u64, has_interactions: bool) -> Neo4jTarget<Client> {
    Neo4jTarget::new(Client::new(held, seed, true), INSTANCE, has_interactions, 100)
}

fn follower(store: &Store, target: Neo4jTarget<Client>, dir: &Path) -> Follower<Neo4jTarget<Client>> {
    follower_from(StartFrom::Beginning, store, target, dir)
}

fn follower_from(
    from: StartFrom,
    store: &Store,
    target: Neo4jTarget<Client>,
    dir: &Path,
) -> Follower<Neo4jTarget<Client>> {
    let wait = Duration::from_micros(1);
    let config =
        FollowerConfig { portion_entries: 9, retry_first: wait, retry_most: wait, from, ..FollowerConfig::default() };
    Follower::new(store.clone(), target, "neo4j", dir, config, SinkControl::default()).expect("the directory is empty")
}

fn until_caught_up<T: Target>(follower: &mut Follower<T>) {
    for _ in 0..20_000 {
        match follower.step() {
            Step::CaughtUp => return,
            Step::Failed(reason) => panic!("{reason}"),
            Step::Moved | Step::Soon(_) | Step::Wait(_) => {}
        }
    }
    panic!("it never caught up");
}

fn failure<T: Target>(follower: &mut Follower<T>) -> String {
    let failed = (0..20_000).find_map(|_| match follower.step() {
        Step::Failed(reason) => Some(reason),
        _ => None,
    });
    failed.expect("it cannot go on")
}

/// The log with classes that change as objects are restated.
fn classified(mut log: Vec<LogEntry>) -> Vec<LogEntry> {
    let classes = [None, Some("person"), Some("traffic light"), Some("Person")];
    for entry in &mut log {
        if let Record::Delta(Delta {
            element: Element::Vertex(VertexKey::Object(id), Vertex::Object(object)), ..
        }) = &mut entry.record
        {
            let number = u64::from(id.0) + object.last_seen_us;
            object.class = classes[usize::try_from(number % 4).expect("it is small")].map(str::to_owned);
        }
    }
    log
}

fn fold(log: &[LogEntry]) -> Graph {
    let mut graph = Graph::default();
    for entry in log {
        if let Record::Delta(delta) = &entry.record {
            graph.apply(delta).expect("histories keep every promise");
        }
    }
    graph
}

/// What the database is to hold of these streams, cursors aside.
fn wanted(streams: &[(&Followed, &[LogEntry])], has_interactions: bool) -> Held {
    let graphs: Vec<(&Followed, Graph)> = streams.iter().map(|(stream, log)| (*stream, fold(log))).collect();
    wanted_of(&graphs, has_interactions)
}

fn wanted_of(streams: &[(&Followed, Graph)], has_interactions: bool) -> Held {
    let mut held = Held::default();
    let without_null = |properties: &Properties| {
        let mut without = Properties::new();
        set(&mut without, properties);
        without
    };
    for (stream, graph) in streams {
        for (key, vertex) in &graph.vertices {
            let row = vertex_row(stream, key, vertex, None).expect("the times are small");
            let class = if let Vertex::Object(object) = vertex { object.class.as_deref() } else { None };
            let classes = class.and_then(Identifier::of_class).map(|label| label.to_string()).into_iter().collect();
            held.vertices
                .insert((key.label().to_owned(), row.id), Node { classes, properties: without_null(&row.properties) });
        }
        let (vertices, mut rows) = match has_interactions {
            true => from_scratch(stream, graph.edges.values().map(|edge| (edge, None))),
            false => (vec![], vec![]),
        };
        for row in vertices {
            let node = Node { classes: BTreeSet::new(), properties: without_null(&row.properties) };
            held.vertices.insert((Identifier::INTERACTION.to_owned(), row.id), node);
        }
        rows.extend(graph.edges.values().map(|edge| edge_row(stream, edge, None).expect("the times are small")));
        let labels: BTreeMap<String, String> =
            held.vertices.keys().map(|(label, id)| (id.clone(), label.clone())).collect();
        for row in rows {
            let kind = match row.id.split('/').nth(1) {
                Some("b") => BEFORE,
                _ if row.properties.contains_key("role") => IN_INTERACTION,
                _ => "NEAR",
            };
            let end = |id: String| (if kind == "NEAR" { "Object".to_owned() } else { labels[&id].clone() }, id);
            let properties = without_null(&row.properties);
            held.edges.insert((kind.to_owned(), row.id), Rel { from: end(row.from), to: end(row.to), properties });
        }
    }
    held
}

fn assert_holds(held: &Arc<Mutex<Held>>, streams: &[(&Followed, &[LogEntry])], has_interactions: bool) {
    let held = held.lock().expect("nobody panicked");
    let wanted = wanted(streams, has_interactions);
    assert_eq!(held.vertices, wanted.vertices);
    assert_eq!(held.edges, wanted.edges);
    let cursors: Vec<_> =
        held.cursors.values().flatten().map(|cursor| (cursor.stream.clone(), cursor.position)).collect();
    let mut ends: Vec<_> =
        streams.iter().map(|(stream, log)| (stream.name.to_string(), Position::of(&log[log.len() - 1]))).collect();
    ends.sort();
    assert_eq!(cursors, ends);
}

fn followed(id: StreamId, name: &str) -> Followed {
    Followed { id, name: StreamName::new(name).expect("tests use good names"), origin_us: None }
}

fn commit(writer: &Writer, stream: StreamId, entries: &[LogEntry]) {
    writer.commit(&[StreamBatch::of_entries(stream, entries.to_vec())]).expect("the log keeps every promise");
}

fn commit_complete(writer: &Writer, stream: StreamId, entries: &[LogEntry]) {
    let batch = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, entries.to_vec()) };
    writer.commit(&[batch]).expect("the log keeps every promise");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The database holds the fold of the log, whatever failed at whichever statement and whoever else wrote.
    #[test]
    fn the_database_holds_the_fold_of_the_log(seed: u64, has_interactions: bool) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let streams = ["a", "b"].map(|name| followed(begin(&writer, name), name));
        let logs = [1, 2].map(|salt| classified(random_log(seed ^ salt, 40)));
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let held: Arc<Mutex<Held>> = Arc::default();
        let mut sinks = vec![follower(writer.store(), target(&held, seed, has_interactions), dir.path())];
        let batches = logs.each_ref().map(|log| random_batches(seed, log));
        for turn in 0..batches.iter().map(Vec::len).max().unwrap_or(0) {
            for (stream, batches) in streams.iter().zip(&batches) {
                if let Some(entries) = batches.get(turn) {
                    commit(&writer, stream.id, entries);
                }
            }
            for _ in 0..chance.next_u32() % 8 {
                let sink = chance.next_u32() as usize % sinks.len();
                sinks[sink].step();
            }
            if chance.next_u32().is_multiple_of(5) {
                sinks.push(follower(writer.store(), target(&held, chance.next_u64(), has_interactions), dir.path()));
            }
        }
        until_caught_up(&mut follower(writer.store(), target(&held, chance.next_u64(), has_interactions), dir.path()));
        let [a, b] = &streams;
        assert_holds(&held, &[(a, &logs[0]), (b, &logs[1])], has_interactions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever a sink is added, and whatever fails, a snapshot and the log after it come to the fold of the whole log.
    #[test]
    fn a_snapshot_and_the_log_after_it_are_the_graph(seed: u64, cut in 0.1f64..1.0, has_interactions: bool) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = followed(begin(&writer, "clip"), "clip");
        let log = classified(random_log(seed, 40));
        let batches = random_batches(seed, &log);
        let (before, after) = batches.split_at((batches.len() as f64 * cut) as usize);
        commit(&writer, stream.id, &before.concat());
        let held: Arc<Mutex<Held>> = Arc::default();
        let target = target(&held, seed, has_interactions);
        let mut sink = follower_from(StartFrom::Snapshot, writer.store(), target, dir.path());
        until_caught_up(&mut sink);
        for batch in after {
            commit(&writer, stream.id, batch);
            until_caught_up(&mut sink);
        }
        assert_holds(&held, &[(&stream, &log)], has_interactions);
    }
}

/// Where the beginning of the log was dropped, a sink can be added all the same, and is told how.
#[test]
fn a_sink_is_added_after_the_beginning_of_the_log_was_dropped() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let retention = Retention { keep_us: None, keep_bytes: Some(60_000) };
    let config = StoreConfig { retention, ..StoreConfig::default() };
    let log = settling_log(10_000);
    let writer = Writer::open(dir.path(), config).expect("the directory is new");
    let stream = followed(begin(&writer, "clip"), "clip");
    let is_end = |entry: &LogEntry| matches!(entry.record, Record::Progress(_));
    let most = log[..log.len() - 9].iter().rposition(is_end).expect("it has one") + 1;
    commit(&writer, stream.id, &log[..most]);
    drop(writer);
    assert!(compact(dir.path(), config).expect("nobody uses it").dropped > 5_000);
    let writer = Writer::open(dir.path(), config).expect("nobody uses it");
    let held: Arc<Mutex<Held>> = Arc::default();
    let client = || Neo4jTarget::new(Client::new(&held, 1, false), INSTANCE, true, 100);
    let reason = failure(&mut follower(writer.store(), client(), dir.path()));
    assert!(reason.contains("holds nothing of clip") && reason.contains("from = \"snapshot\""), "{reason}");

    let mut sink = follower_from(StartFrom::Snapshot, writer.store(), client(), dir.path());
    until_caught_up(&mut sink);
    commit(&writer, stream.id, &log[most..]);
    until_caught_up(&mut sink);
    let graph = writer.store().graph(stream.id, None, None).expect("it is whole");
    let held = held.lock().expect("nobody panicked");
    let wanted = wanted_of(&[(&stream, graph)], true);
    assert!(wanted.vertices.len() > 100, "{}", wanted.vertices.len());
    assert_eq!(held.vertices, wanted.vertices);
    assert_eq!(held.edges, wanted.edges);
}

#[test]
fn a_stream_that_is_begun_anew_replaces_what_was_told_of_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let mut writer = open(dir.path());
    let first = begin(&writer, "clip");
    commit(&writer, first, &random_batches(1, &random_log(5, 60))[..3].concat());
    until_caught_up(&mut follower(writer.store(), target(&held, 1, true), dir.path()));
    drop(writer);
    writer = open(dir.path());
    writer.drop_stream(first).expect("nobody writes it");
    until_caught_up(&mut follower(writer.store(), target(&held, 3, true), dir.path()));
    assert_eq!(*held.lock().expect("nobody panicked"), Held::default(), "what was dropped is gone");
    let (again, log) = (begin(&writer, "clip"), random_log(6, 30));
    commit(&writer, again, &log);
    until_caught_up(&mut follower(writer.store(), target(&held, 2, true), dir.path()));
    assert_holds(&held, &[(&followed(again, "clip"), &log)], true);
}

#[test]
fn a_new_generation_replaces_the_old_one_once_it_is_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let writer = open(dir.path());
    let logs = [random_log(5, 40), random_log(6, 60)];
    let old = begin(&writer, "clip");
    commit_complete(&writer, old, &logs[0]);
    let mut sink = follower(writer.store(), target(&held, 1, true), dir.path());
    until_caught_up(&mut sink);
    let changed = crate::store::StreamRequest { config_hash: [9; 32], ..request("clip") };
    let Ok(Begun::Fresh(new)) = writer.begin_stream(changed, PROGRAM) else { panic!("other settings") };
    let half: Vec<LogEntry> = random_batches(3, &logs[1])[..4].concat();
    commit(&writer, new.id, &half);
    until_caught_up(&mut sink);
    let [old, new] = [followed(old, "clip"), followed(new.id, "clip.g2")];
    assert_holds(&held, &[(&old, &logs[0]), (&new, &half)], true);
    commit_complete(&writer, new.id, &logs[1][half.len()..]);
    until_caught_up(&mut sink);
    assert_holds(&held, &[(&new, &logs[1])], true);
    // The name stands for the first settings again.
    assert!(matches!(writer.begin_stream(request("clip"), PROGRAM), Ok(Begun::Done(_))));
    until_caught_up(&mut sink);
    assert_holds(&held, &[(&old, &logs[0])], true);
}

#[test]
fn a_stream_that_the_store_no_longer_has_is_removed_in_pieces() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let writer = open(dir.path());
    let stream = followed(begin(&writer, "clip"), "clip");
    let log = random_log(5, 40);
    commit(&writer, stream.id, &log);
    {
        let mut held = held.lock().expect("nobody panicked");
        let cursor = SinkCursor {
            stream: "cli".into(),
            instance: "07".repeat(16),
            number: StreamId(0),
            position: Position { epoch: 1, seq: 9 },
            frontier_us: None,
            form: "1".into(),
            mark: None,
            removing: false,
        };
        held.cursors.insert("cli".into(), Some(cursor));
        for number in 0..1_700 {
            held.vertices.insert(("Object".into(), format!("cli/o/{number}")), Node::default());
        }
        let object = |number| ("Object".to_owned(), format!("cli/o/{number}"));
        for number in 0..25_000 {
            let rel = Rel { from: object(1), to: object(number % 1_700), properties: Properties::new() };
            held.edges.insert(("NEAR".into(), format!("cli/i/{number}")), rel);
        }
    }
    let client = Client::new(&held, 1, false);
    let statements = Arc::clone(&client.statements);
    let target = Neo4jTarget::new(client, INSTANCE, false, 100);
    until_caught_up(&mut follower(writer.store(), target, dir.path()));
    assert_holds(&held, &[(&stream, &log)], false);
    let statements = statements.lock().expect("nobody panicked");
    let marks = statements.iter().filter(|s| matches!(s, Statement::SetCursor(cursor) if cursor.removing)).count();
    assert_eq!(marks, 1, "it is marked once");
    let pieces = statements.iter().filter(|s| matches!(s, Statement::Lock { stream } if stream == "cli")).count();
    assert!(pieces >= 6, "2 for edges, 4 for vertices: {pieces}");
}

/// Each piece is a step of its own, between which the sink can be asked to stop.
#[test]
fn what_stands_without_a_cursor_is_removed_a_piece_per_step() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let writer = open(dir.path());
    let stream = followed(begin(&writer, "clip"), "clip");
    let log = random_log(5, 40);
    commit(&writer, stream.id, &log);
    for number in 0..1_700 {
        let vertex = ("Object".to_owned(), format!("clip/o/{number}"));
        held.lock().expect("nobody panicked").vertices.insert(vertex, Node::default());
    }
    let (control, client) = (SinkControl::default(), Client::new(&held, 1, false));
    let statements = Arc::clone(&client.statements);
    let target = Neo4jTarget::new(client, INSTANCE, false, 100);
    let config = FollowerConfig { portion_entries: 9, ..FollowerConfig::default() };
    let mut sink = Follower::new(writer.store().clone(), target, "neo4j", dir.path(), config, control.clone())
        .expect("the directory is empty");
    for left in [1_200, 700, 200, 0] {
        assert_eq!(sink.step(), Step::Moved);
        assert_eq!(held.lock().expect("nobody panicked").vertices.len(), left);
    }
    assert_eq!((control.status().moves, control.status().retries), (4, 0));
    let looked_at = |statement: &Statement| matches!(statement, Statement::Labels);
    until_caught_up(&mut sink);
    assert_holds(&held, &[(&stream, &log)], false);
    let schema = statements.lock().expect("nobody panicked").iter().filter(|s| looked_at(s)).count();
    assert_eq!(schema, 1, "the schema is not looked at anew for every piece");
}

#[test]
fn what_another_store_told_is_not_touched() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    commit(&writer, stream, &random_log(5, 20));
    until_caught_up(&mut follower(writer.store(), target(&held, 1, true), dir.path()));
    let before = held.lock().expect("nobody panicked").clone();
    let other = Neo4jTarget::new(Client::new(&held, 2, true), [8; 16], true, 100);
    let reason = failure(&mut follower(writer.store(), other, dir.path()));
    assert!(reason.contains("comes from another store"), "{reason}");
    assert_eq!(*held.lock().expect("nobody panicked"), before);
}

#[test]
fn a_graph_that_somebody_changed_is_not_written_to_until_it_is_told_anew() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let writer = open(dir.path());
    let (stream, log) = (followed(begin(&writer, "clip"), "clip"), random_log(5, 60));
    let batches = random_batches(1, &log);
    let (first, rest) = batches.split_at(batches.len() / 2);
    commit(&writer, stream.id, &first.concat());
    let mut sink = follower(writer.store(), target(&held, 1, true), dir.path());
    until_caught_up(&mut sink);
    let kept = held.lock().expect("nobody panicked").cursors.clone();
    *held.lock().expect("nobody panicked") = Held { cursors: kept, ..Held::default() };
    commit(&writer, stream.id, &rest.concat());
    let reason = failure(&mut sink);
    assert!(reason.contains("DETACH DELETE the :VokgSink"), "{reason}");
    held.lock().expect("nobody panicked").cursors.clear();
    until_caught_up(&mut follower(writer.store(), target(&held, 2, true), dir.path()));
    assert_holds(&held, &[(&stream, &log)], true);
}

#[test]
fn the_projection_comes_and_goes_with_its_setting() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let writer = open(dir.path());
    let (stream, log) = (followed(begin(&writer, "clip"), "clip"), random_log(5, 40));
    commit(&writer, stream.id, &log);
    for (seed, has_interactions) in [(1, true), (2, false), (3, true)] {
        until_caught_up(&mut follower(writer.store(), target(&held, seed, has_interactions), dir.path()));
        assert_holds(&held, &[(&stream, &log)], has_interactions);
    }
}

#[test]
fn classes_beyond_the_limit_are_a_property_only() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held: Arc<Mutex<Held>> = Arc::default();
    let writer = open(dir.path());
    let (stream, log) = (begin(&writer, "clip"), classified(random_log(5, 40)));
    commit(&writer, stream, &log);
    let target = Neo4jTarget::new(Client::new(&held, 1, false), INSTANCE, false, 1);
    until_caught_up(&mut follower(writer.store(), target, dir.path()));
    let held = held.lock().expect("nobody panicked");
    let classes: BTreeSet<_> = held.vertices.values().flat_map(|node| node.classes.iter().cloned()).collect();
    assert_eq!(classes.len(), 1, "{classes:?}");
    let properties = held.vertices.values().filter_map(|node| node.properties.get("class")?.as_text());
    assert_eq!(properties.collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn a_number_that_neo4j_cannot_hold_is_refused_by_its_entry() {
    let held: Arc<Mutex<Held>> = Arc::default();
    let stream = followed(StreamId(1), "clip");
    let object = |first_seen_us| ObjectVertex {
        class: None,
        first_seen_us,
        last_seen_us: 9,
        open: true,
        confidence_milli: 1,
        tracks: vec![],
    };
    let entry = |seq, first_seen_us| {
        let element = Element::Vertex(VertexKey::Object(ObjectId(1)), Vertex::Object(object(first_seen_us)));
        LogEntry { epoch: 1, seq, record: Record::Delta(Delta { t: 9, diff: Diff::Assert, element, caused_by: None }) }
    };
    let entries = [entry(0, 3), entry(1, u64::MAX)];
    let (none, second) = (BTreeSet::new(), BTreeSet::from([Position { epoch: 1, seq: 1 }]));
    let portion = |refused| Portion { stream: &stream, after: None, entries: &entries, refused };
    let mut target = Neo4jTarget::new(Client::new(&held, 1, false), INSTANCE, true, 100);
    let refused = target.apply(&portion(&none));
    assert!(matches!(&refused, Err(TargetError::Refused { at, .. }) if second.contains(at)), "{refused:?}");
    assert_eq!(target.apply(&portion(&second)), Ok(()));
    let told = Told { at: Position { epoch: 1, seq: 1 }, mark: Some(portion(&second).mark()) };
    assert_eq!(target.told(&stream), Ok(Some(told)));
}

/// Where an edge of one object changes, the statements do not look at its other edges.
#[test]
fn a_change_of_one_edge_reads_only_its_neighbours() {
    let held: Arc<Mutex<Held>> = Arc::default();
    let stream = followed(StreamId(1), "clip");
    let edge = |number: u64, end: Option<u64>| Edge {
        id: vokg_engine::id::InteractionId(number),
        kind: vokg_engine::evidence::RelationKind::NEAR,
        from: VertexKey::Object(ObjectId(1)),
        to: VertexKey::Object(ObjectId(2)),
        valid_from_us: number * 10,
        valid_to_us: end,
        confidence_milli: 1,
        detail: vokg_engine::evidence::Detail::default(),
        supersedes: vec![],
    };
    let object = |number| {
        let object = ObjectVertex {
            class: None,
            first_seen_us: 0,
            last_seen_us: 0,
            open: true,
            confidence_milli: 1,
            tracks: vec![],
        };
        Element::Vertex(VertexKey::Object(ObjectId(number)), Vertex::Object(object))
    };
    let delta = |element| Record::Delta(Delta { t: 9, diff: Diff::Assert, element, caused_by: None });
    let elements = [object(1), object(2)].into_iter().chain((0..50).map(|n| Element::Edge(edge(n, None))));
    let entry = |(seq, record)| LogEntry { epoch: 1, seq: seq as u64, record };
    let first: Vec<LogEntry> = elements.map(delta).enumerate().map(entry).collect();
    let last = LogEntry { epoch: 1, seq: 52, record: delta(Element::Edge(edge(49, Some(495)))) };
    let none = BTreeSet::new();
    let client = Client::new(&held, 1, false);
    let statements = Arc::clone(&client.statements);
    let mut target = Neo4jTarget::new(client, INSTANCE, true, 100);
    let portion = Portion { stream: &stream, after: None, entries: &first, refused: &none };
    assert_eq!(target.apply(&portion), Ok(()));
    statements.lock().expect("nobody panicked").clear();
    let after = Some(Position { epoch: 1, seq: 51 });
    let portion = Portion { stream: &stream, after, entries: &[last], refused: &none };
    assert_eq!(target.apply(&portion), Ok(()));
    let since = BTreeMap::from([("clip/o/1".to_owned(), 490), ("clip/o/2".to_owned(), 490)]);
    assert!(statements.lock().expect("nobody panicked").contains(&Statement::ChainFrom { since }));
}
