//! Incremental equals from scratch: after every frame, on random histories.

use crate::history::{Frame, History, NO_HORIZON, Plan, ground, history, rules};
use crate::oracle::{Expected, Oracle};
use crate::run::{Way, logs};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Delta, Diff, Edge, Element, ElementKey, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::id::InteractionId;
use vokg_engine::record::Record;
use vokg_engine::time::Micros;
use vokg_operators::emit::Closed;
use vokg_operators::resolve::intervals::Now;

/// Folds a log frame by frame beside the oracle.
pub fn check(history: &History, log: &[Closed]) {
    let mut deltas: BTreeMap<Micros, Vec<&Delta>> = BTreeMap::new();
    for entry in log.iter().flat_map(|closed| &closed.entries) {
        if let Record::Delta(delta) = &entry.record {
            deltas.entry(delta.t).or_default().push(delta);
        }
    }
    let (mut graph, mut oracle, mut before) = (ground(), Oracle::default(), Expected::new());
    for frame in history {
        let t = frame.t();
        let now = if frame.tracked.end { Now::End(t) } else { Now::Frame(t) };
        let decided = deltas.remove(&t).unwrap_or_default();
        let moved = moved_alone(&oracle, frame, now);
        oracle.take(frame);
        let after = oracle.edges(now);
        check_no_value_is_restated(&graph, &decided);
        check_successors(&graph, &decided, &before, &after);
        check_causes(frame, &decided, &moved);
        for delta in &decided {
            graph.apply(delta).unwrap_or_else(|error| panic!("{error}"));
        }
        oracle.check(&graph, now, &after);
        before = after;
    }
    assert!(deltas.is_empty(), "deltas between frames: {deltas:?}");
}

fn check_no_value_is_restated(graph: &Graph, decided: &[&Delta]) {
    for delta in decided.iter().filter(|delta| delta.diff == Diff::Assert) {
        let old = match &delta.element {
            Element::Vertex(key, _) => graph.vertices.get(key).map(|vertex| Element::Vertex(*key, vertex.clone())),
            Element::Edge(edge) => graph.edges.get(&edge.id).cloned().map(Element::Edge),
        };
        assert_ne!(old.as_ref(), Some(&delta.element), "says nothing new");
    }
}

/// Who rests on the evidence of an interaction taken back says so, and whoever is superseded is gone.
fn check_successors(graph: &Graph, decided: &[&Delta], before: &Expected, after: &Expected) {
    let edges = |diff| {
        let of_diff = decided.iter().filter(move |delta| delta.diff == diff);
        of_diff.filter_map(|delta| match &delta.element {
            Element::Edge(edge) => Some(edge),
            Element::Vertex(..) => None,
        })
    };
    let retracted: BTreeSet<InteractionId> = edges(Diff::Retract).map(|edge| edge.id).collect();
    let asserted: BTreeMap<InteractionId, _> = edges(Diff::Assert).map(|edge| (edge.id, edge)).collect();
    for (id, (edge, numbers)) in after {
        let is_heir = |old: &InteractionId| before[old].0.kind == edge.kind && !before[old].1.is_disjoint(numbers);
        let heirs_of = retracted.iter().filter(|old| is_heir(old));
        let gained: BTreeSet<InteractionId> = heirs_of.copied().collect();
        match asserted.get(id) {
            None => assert!(gained.is_empty(), "{id:?} does not say that it supersedes {gained:?}"),
            Some(edge) => {
                let says: BTreeSet<_> = edge.supersedes.iter().copied().collect();
                let said = graph.edges.get(id).map(|edge| edge.supersedes.clone()).unwrap_or_default();
                assert!(says.is_superset(&gained), "{id:?} supersedes {says:?}, must name {gained:?}");
                assert!(says.iter().all(|old| gained.contains(old) || said.contains(old)));
                assert!(says.iter().all(|old| !after.contains_key(old)), "{id:?} supersedes what is there");
            }
        }
    }
}

/// The interactions that are there, or when, for the moves of a frame alone: whatever its evidence says.
fn moved_alone(before: &Oracle, frame: &Frame, now: Now) -> BTreeSet<InteractionId> {
    let mut after = before.clone();
    let moves = frame.changes.iter().filter(|change| before.object_of.contains_key(&change.track));
    after.object_of.extend(moves.map(|change| (change.track, change.to)));
    if after.object_of == before.object_of {
        return BTreeSet::new();
    }
    let lasting = |oracle: &Oracle| -> BTreeSet<_> {
        let edges = oracle.edges(now).into_values().map(|(edge, _)| edge);
        edges.map(|edge| (edge.id, edge.valid_from_us, edge.valid_to_us)).collect()
    };
    lasting(before).symmetric_difference(&lasting(&after)).map(|(id, ..)| *id).collect()
}

/// What names a correction has one, and what a correction made or took back names it.
fn check_causes(frame: &Frame, decided: &[&Delta], moved: &BTreeSet<InteractionId>) {
    let moves = frame.changes.iter().any(|change| change.from.is_some());
    let stated = decided.iter().find(|delta| delta.element.key() == correction(frame.t()));
    for delta in decided {
        match delta.caused_by {
            None => match &delta.element {
                Element::Edge(edge) => assert!(!moved.contains(&edge.id), "{delta:?} names no correction"),
                Element::Vertex(..) => assert_eq!(delta.diff, Diff::Assert, "{delta:?} names no correction"),
            },
            Some(t) => assert!(t == frame.t() && moves && stated.is_some(), "no correction behind {delta:?}"),
        }
    }
}

fn correction(t: Micros) -> ElementKey {
    ElementKey::Vertex(VertexKey::Correction(t))
}

fn check_many(seeds: std::ops::Range<u64>, frames: usize, workers: usize) {
    let plan = Plan { frames, horizon_us: NO_HORIZON };
    let seeds: Vec<u64> = seeds.collect();
    for streams in seeds.chunks(5) {
        let histories: Vec<History> = streams.iter().map(|seed| history(*seed, plan)).collect();
        let logs = logs(&histories, &rules(), Way { workers, schedule: streams[0], horizon_us: NO_HORIZON });
        for ((seed, history), log) in streams.iter().zip(&histories).zip(&logs) {
            println!("seed {seed}, {frames} frames, {workers} workers");
            check(history, log);
        }
    }
}

#[test]
fn short_histories_on_one_worker() {
    check_many(0..250, 25, 1);
}

#[test]
fn long_histories_on_one_worker() {
    check_many(1000..1050, 100, 1);
}

#[test]
fn histories_of_several_streams_on_two_workers() {
    check_many(2000..2100, 50, 2);
}

/// A test of the test: histories without these would prove little.
#[test]
fn the_histories_hold_what_matters() {
    let plan = Plan { frames: 120, horizon_us: NO_HORIZON };
    let histories: Vec<History> = (1000..1010).map(|seed| history(seed, plan)).collect();
    let logs = logs(&histories, &rules(), Way { workers: 1, schedule: 0, horizon_us: NO_HORIZON });
    let records = logs.iter().flatten().flat_map(|closed| &closed.entries).map(|entry| &entry.record);
    let deltas: Vec<&Delta> =
        records.filter_map(|record| if let Record::Delta(d) = record { Some(d) } else { None }).collect();
    let edges = |wanted: &dyn Fn(&Delta, &Edge) -> bool| {
        let found = deltas.iter().filter(|delta| match &delta.element {
            Element::Edge(edge) => wanted(delta, edge),
            Element::Vertex(..) => false,
        });
        found.count()
    };
    assert!(edges(&|delta, edge| delta.diff == Diff::Assert && edge.valid_from_us < delta.t) > 100, "back-dated");
    assert!(edges(&|_, edge| edge.valid_to_us.is_some()) > 100, "ended");
    assert!(edges(&|_, edge| edge.supersedes.len() > 1) > 10, "superseding several");
    assert!(edges(&|delta, _| delta.diff == Diff::Retract && delta.caused_by.is_none()) > 10, "evidence revised");
    assert!(edges(&|delta, _| delta.diff == Diff::Retract && delta.caused_by.is_some()) > 50, "corrected");
    let several =
        histories.iter().flatten().filter(|frame| frame.changes.iter().filter(|c| c.from.is_some()).count() > 2);
    assert!(several.count() > 10, "several moves at one time");
}
