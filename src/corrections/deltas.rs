//! From one belief to another, as the epoch that is appended to the log.

use std::collections::BTreeSet;
use vokg_connectors::store::StreamHead;
use vokg_engine::delta::{CorrectionVertex, Delta, Diff, Element, IdentityMove, Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::Micros;

/// What takes the objects and interactions of one graph to those of another, decided at `t` and gathered by a
/// correction vertex; in the order of the log. Other vertices are left as they are.
pub fn between(from: &Graph, to: &Graph, moves: &[IdentityMove], reason: &str, t: Micros) -> Vec<Delta> {
    let delta = |diff, element| Delta { t, diff, element, caused_by: Some(t) };
    let correction = CorrectionVertex { moves: moves.to_vec(), reason: reason.to_owned() };
    let correction = Element::Vertex(VertexKey::Correction(t), Vertex::Correction(correction));
    let mut deltas = vec![Delta { caused_by: None, ..delta(Diff::Assert, correction) }];
    deltas.extend(changes(&elements(from), &elements(to)).into_iter().map(|(diff, element)| delta(diff, element)));
    deltas.sort_unstable_by_key(Delta::order);
    deltas
}

/// The elements that a correction can change.
fn elements(graph: &Graph) -> BTreeSet<Element> {
    let objects = graph.vertices.iter().filter(|(key, _)| matches!(key, VertexKey::Object(_)));
    let objects = objects.map(|(key, vertex)| Element::Vertex(*key, vertex.clone()));
    objects.chain(graph.edges.values().cloned().map(Element::Edge)).collect()
}

fn changes(from: &BTreeSet<Element>, to: &BTreeSet<Element>) -> Vec<(Diff, Element)> {
    let keys: BTreeSet<_> = to.iter().map(Element::key).collect();
    // A value that another one of its key follows is not taken back.
    let gone = from.iter().filter(|element| !keys.contains(&element.key()));
    let gone = gone.map(|element| (Diff::Retract, element.clone()));
    gone.chain(to.difference(from).map(|element| (Diff::Assert, element.clone()))).collect()
}

/// The next epoch of a complete stream: these deltas of one time, and the record that closes it.
pub fn epoch(head: &StreamHead, deltas: Vec<Delta>) -> Vec<LogEntry> {
    let count = u32::try_from(deltas.len()).unwrap_or(u32::MAX);
    let closing = Progress { lower: head.frontier_us, frontier: None, settled_us: head.settled_us, count };
    let records = deltas.into_iter().map(Record::Delta).chain([Record::Progress(closing)]);
    let place = |(seq, record)| LogEntry { epoch: head.epoch + 1, seq, record };
    (0..).zip(records).map(place).collect()
}
