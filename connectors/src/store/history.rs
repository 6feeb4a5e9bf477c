//! Random logs that keep every promise, for tests: objects come, meet, are corrected and leave.

use super::observations::samples::{frame, observation};
use super::{ObservationBuffer, StreamBatch};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeSet;
use vokg_engine::delta::{Delta, Diff, Edge, Element, ElementKey, ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::{Detail, RelationKind};
use vokg_engine::graph::Graph;
use vokg_engine::id::{InteractionId, ObjectId, StreamName, TrackId};
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::Micros;

use super::{Begun, Ending, Outcome, Position, ProgramId, StoreConfig, StreamId, StreamRequest, Writer};
use std::path::Path;

/// A progress record.
pub fn progress(lower: Micros, frontier: Option<Micros>, count: u32) -> Record {
    Record::Progress(Progress { lower, frontier, settled_us: 0, count })
}

/// An object that is first seen at `t`.
pub fn object(number: u32, t: Micros) -> Record {
    Record::Delta(Delta { t, diff: Diff::Assert, element: object_value(number, t), caused_by: None })
}

/// The program that writes.
pub const PROGRAM: ProgramId = ProgramId([7; 32]);

/// A request for a stream of this name.
pub fn request(name: &str) -> StreamRequest {
    StreamRequest {
        name: StreamName::new(name).expect("tests use good names"),
        source_path: format!("videos/{name}"),
        content_hash: [1; 32],
        config_hash: [2; 32],
        segmenter: "motion".into(),
        sampling: "all".into(),
        created_us: 0,
    }
}

/// A writer in a directory.
pub fn open(dir: &Path) -> Writer {
    Writer::open(dir, StoreConfig::default()).expect("nobody else uses the directory")
}

/// Begins a stream that is not there yet.
pub fn begin(writer: &Writer, name: &str) -> StreamId {
    match writer.begin_stream(request(name), PROGRAM) {
        Ok(Begun::Fresh(stream)) => stream.id,
        other => panic!("the stream {name} should be new: {other:?}"),
    }
}

/// The end of a stream that was seen completely.
pub fn complete() -> Outcome {
    Outcome { ending: Ending::Complete, frames: 10, frames_expected: Some(10), gaps: 0, duration_us: 400_000 }
}

/// Overwrites an entry of the log with bytes that are no record, as a failing disk might.
pub fn damage(writer: &Writer, stream: StreamId, at: Position) {
    let transaction = writer.begin_write().expect("nothing else writes");
    let row = (stream.0, at.place());
    {
        let mut table = transaction.open_table(super::schema::LOG).expect("the table exists");
        drop(table.insert(row, [0xFF].as_slice()).expect("the disk has room"));
    }
    transaction.commit().expect("the disk has room");
}

fn object_value(number: u32, t: Micros) -> Element {
    let vertex = ObjectVertex {
        class: None,
        first_seen_us: t,
        last_seen_us: t,
        open: true,
        confidence_milli: 700,
        tracks: vec![TrackId(number)],
    };
    Element::Vertex(VertexKey::Object(ObjectId(number)), Vertex::Object(vertex))
}

/// Entries of a log of about `times` different times, each closed by its progress record; the last one closes the
/// epoch. Many changes are corrections, many edges begin in the past, some hold for no time at all.
pub fn random_log(seed: u64, times: u32) -> Vec<LogEntry> {
    let mut history =
        History { rng: ChaCha8Rng::seed_from_u64(seed), graph: Graph::default(), t: 0, objects: 0, edges: Vec::new() };
    let mut records = Vec::new();
    let mut lower = 0;
    for _ in 0..times {
        history.t += 1 + u64::from(history.below(50_000));
        let deltas = history.step();
        let frontier = history.t + 1;
        let count = deltas.len() as u32;
        records.extend(deltas.into_iter().map(Record::Delta));
        records.push(progress(lower, Some(frontier), count));
        lower = frontier;
    }
    records.push(progress(lower, None, 0));
    let place = |(seq, record)| LogEntry { epoch: 1, seq: seq as u64, record };
    records.into_iter().enumerate().map(place).collect()
}

/// A log in which nothing is taken back and everything ends soon, so that it settles as it goes: at each time an object
/// comes and one goes, an interaction begins and one ends. It closes no epoch.
pub fn settling_log(times: u32) -> Vec<LogEntry> {
    let (mut records, mut lower) = (Vec::new(), 0);
    for step in 0..times {
        let t = u64::from(step) * 40_000 + 7;
        let born = |step: u32| u64::from(step) * 40_000 + 7;
        let edge = |step: u32| Edge {
            id: InteractionId(u64::from(step).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            kind: RelationKind::NEAR,
            from: VertexKey::Object(ObjectId(step)),
            to: VertexKey::Object(ObjectId(step - 1)),
            valid_from_us: born(step),
            valid_to_us: None,
            confidence_milli: 500,
            detail: Detail::default(),
            supersedes: vec![],
        };
        let mut elements = vec![object_value(step, t)];
        if let Some(old) = step.checked_sub(9) {
            let mut gone = object_value(old, born(old));
            if let Element::Vertex(_, Vertex::Object(object)) = &mut gone {
                (object.open, object.last_seen_us) = (false, t);
            }
            elements.push(gone);
        }
        elements.extend((step > 0).then(|| Element::Edge(edge(step))));
        elements.extend(
            step.checked_sub(5)
                .filter(|old| *old > 0)
                .map(|old| Element::Edge(Edge { valid_to_us: Some(t), ..edge(old) })),
        );
        let delta = |element| Delta { t, diff: Diff::Assert, element, caused_by: None };
        let mut deltas: Vec<Delta> = elements.into_iter().map(delta).collect();
        deltas.sort_by_key(Delta::order);
        let count = deltas.len() as u32;
        records.extend(deltas.into_iter().map(Record::Delta));
        records.push(Record::Progress(Progress { lower, frontier: Some(t + 1), settled_us: lower, count }));
        lower = t + 1;
    }
    let place = |(seq, record)| LogEntry { epoch: 1, seq: seq as u64, record };
    records.into_iter().enumerate().map(place).collect()
}

/// Whether the long form of a test is asked for.
pub fn is_long() -> bool {
    std::env::var_os("VOKG_LONG").is_some_and(|value| value == "1")
}

/// The graph a log adds up to, and the one before each of its entries.
pub fn folds(log: &[LogEntry]) -> Vec<Graph> {
    let mut graph = Graph::default();
    let mut folds = vec![graph.clone()];
    for entry in log {
        if let Record::Delta(delta) = &entry.record {
            graph.apply(delta).expect("histories keep every promise");
        }
        folds.push(graph.clone());
    }
    folds
}

/// Cuts a log into batches at random progress records.
pub fn random_batches(seed: u64, log: &[LogEntry]) -> Vec<Vec<LogEntry>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut batches = vec![Vec::new()];
    for entry in log {
        let batch = batches.last_mut().expect("it starts with one");
        batch.push(entry.clone());
        if matches!(entry.record, Record::Progress(_)) && rng.next_u32().is_multiple_of(4) {
            batches.push(Vec::new());
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

struct History {
    rng: ChaCha8Rng,
    graph: Graph,
    t: Micros,
    objects: u32,
    /// Every edge there ever was, as it began.
    edges: Vec<Edge>,
}

impl History {
    /// The deltas of one time, in order, applied to the graph.
    fn step(&mut self) -> Vec<Delta> {
        let mut deltas: Vec<Delta> = Vec::new();
        let mut touched: BTreeSet<ElementKey> = BTreeSet::new();
        for _ in 0..self.below(5) {
            if let Some((diff, element)) = self.change()
                && touched.insert(element.key())
            {
                deltas.push(Delta { t: self.t, diff, element, caused_by: None });
            }
        }
        deltas.sort_by_key(Delta::order);
        deltas.retain(|delta| self.graph.apply(delta).is_ok());
        deltas
    }

    fn change(&mut self) -> Option<(Diff, Element)> {
        let back = u64::from(self.below(200_000)).min(self.t);
        let pick = self.below(10);
        let vertex = self.pick_vertex();
        let edge = self.pick_edge();
        match pick {
            0 | 1 => {
                self.objects += 1;
                Some((Diff::Assert, object_value(self.objects, self.t - back)))
            }
            2 => vertex.map(|(key, mut object)| {
                (object.last_seen_us, object.open) = (self.t - back / 8, self.t.is_multiple_of(3));
                (Diff::Assert, Element::Vertex(key, Vertex::Object(object)))
            }),
            3 => vertex.map(|(key, object)| (Diff::Retract, Element::Vertex(key, Vertex::Object(object)))),
            4 | 5 => edge.map(|mut edge| {
                edge.valid_to_us = Some(self.t - back.min(self.t) / 8);
                (Diff::Assert, Element::Edge(edge))
            }),
            6 => edge.map(|edge| (Diff::Retract, Element::Edge(edge))),
            7 => {
                let index = self.below(self.edges.len() as u32) as usize;
                self.edges.get(index).map(|edge| (Diff::Assert, Element::Edge(edge.clone())))
            }
            _ => Some((Diff::Assert, Element::Edge(self.new_edge(back)?))),
        }
    }

    fn new_edge(&mut self, back: Micros) -> Option<Edge> {
        let (from, _) = self.pick_vertex()?;
        let (to, _) = self.pick_vertex()?;
        let edge = Edge {
            id: InteractionId(self.rng.next_u64()),
            kind: RelationKind::NEAR,
            from,
            to,
            valid_from_us: self.t - back,
            valid_to_us: None,
            confidence_milli: 500,
            detail: Detail::default(),
            supersedes: vec![],
        };
        self.edges.push(edge.clone());
        Some(edge)
    }

    fn pick_vertex(&mut self) -> Option<(VertexKey, ObjectVertex)> {
        let index = self.below(self.graph.vertices.len() as u32) as usize;
        match self.graph.vertices.iter().nth(index)? {
            (key, Vertex::Object(object)) => Some((*key, object.clone())),
            _ => None,
        }
    }

    fn pick_edge(&mut self) -> Option<Edge> {
        let index = self.below(self.graph.edges.len() as u32) as usize;
        self.graph.edges.values().nth(index).cloned()
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.rng.next_u32() % limit.max(1)
    }
}

/// Stores a log with observations, and how the stream ended, if it did.
pub fn fill(writer: &Writer, stream: StreamId, outcome: Option<Outcome>) {
    let mut buffer = ObservationBuffer::default();
    buffer.push(&frame(5, vec![observation(5, 1, 0.0)], vec![]));
    let observations = buffer.finish().into_iter().collect();
    let batch = StreamBatch { observations, outcome, ..StreamBatch::of_entries(stream, random_log(1, 30)) };
    writer.commit(&[batch]).expect("the log keeps every promise");
}
