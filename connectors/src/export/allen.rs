//! How the interactions of each object lie to each other in time: Allen's relations, as JSON lines.
//!
//! A view of the graph and no part of it: the relation of two intervals follows from their ends. Told are pairs that
//! share an object and are at most [`HORIZON_US`] apart. A sweep over each object's interactions in order of their begin
//! looks at those pairs only.

use super::sighting::Sighting;
use super::{ExportError, GraphView};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use vokg_engine::allen::{Allen, Interval, allen};
use vokg_engine::delta::{Edge, VertexKey};
use vokg_engine::id::InteractionId;
use vokg_engine::time::{Micros, SECOND_US};

/// Interactions further apart than this are not compared.
pub const HORIZON_US: Micros = 60 * SECOND_US;

/// Ends at most this far apart are one moment, and more where frames are further apart.
const EPSILON_MIN_US: Micros = SECOND_US / 10;

/// From how many sightings the period of the frames is taken.
const SIGHTINGS_MAX: usize = 1000;

#[derive(Serialize)]
struct Row {
    a: String,
    relation: &'static str,
    b: String,
    object: String,
    gap_us: Micros,
}

/// How far apart two ends may be and still be one moment: 0.1 s or 1.5 frames, whichever is more. The period of the
/// frames is the mean over the first of these sightings, which come in order of time.
pub fn epsilon_us(sightings: impl IntoIterator<Item = Sighting>) -> Micros {
    let mut frames = sightings.into_iter().take(SIGHTINGS_MAX).map(|sighting| (sighting.t, sighting.frame));
    let Some((first_t, first)) = frames.next() else { return EPSILON_MIN_US };
    let (last_t, last) = frames.last().unwrap_or((first_t, first));
    let periods = last.saturating_sub(first).max(1);
    (last_t.saturating_sub(first_t) * 3 / (2 * periods)).max(EPSILON_MIN_US)
}

/// Writes a line for each two interactions that share an object and are at most [`HORIZON_US`] apart, by object, then
/// the begins of `b` and `a`: `{"a","relation","b","object","gap_us"}`.
///
/// `a` begins first, of two that begin at once it has the smaller id. `object` is the shared one with the smaller number,
/// `gap_us` the time from the end of `a` to the begin of `b`, 0 where there is none between.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, view: &GraphView<'_>, epsilon_us: Micros) -> Result<(), ExportError> {
    let GraphView { stream, graph, .. } = view;
    for (object, mut edges) in by_object(graph.edges.values()) {
        edges.sort_by_key(|edge| (edge.valid_from_us, edge.id));
        let mut within: Vec<&Edge> = Vec::new();
        for b in edges {
            within.retain(|a| gap_us(a, b) <= HORIZON_US);
            for a in within.iter().filter(|a| first_shared(a, b) == Some(object)) {
                let row = Row {
                    a: a.id.external(stream),
                    relation: relation(a, b, epsilon_us).name(),
                    b: b.id.external(stream),
                    object: object.external(stream),
                    gap_us: gap_us(a, b),
                };
                serde_json::to_writer(&mut *out, &row).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            within.push(b);
        }
    }
    Ok(())
}

fn by_object<'a>(edges: impl Iterator<Item = &'a Edge>) -> BTreeMap<VertexKey, Vec<&'a Edge>> {
    let mut of: BTreeMap<VertexKey, BTreeMap<InteractionId, &Edge>> = BTreeMap::new();
    for edge in edges {
        for end in edge.ends().into_iter().filter(|end| matches!(end, VertexKey::Object(_))) {
            of.entry(end).or_default().insert(edge.id, edge);
        }
    }
    of.into_iter().map(|(object, edges)| (object, edges.into_values().collect())).collect()
}

fn first_shared(a: &Edge, b: &Edge) -> Option<VertexKey> {
    let objects = [a.from, a.to].into_iter().filter(|end| matches!(end, VertexKey::Object(_)));
    objects.filter(|end| [b.from, b.to].contains(end)).min()
}

fn relation(a: &Edge, b: &Edge, epsilon_us: Micros) -> Allen {
    let interval = |edge: &Edge| Interval { from_us: edge.valid_from_us, to_us: edge.valid_to_us };
    allen(interval(a), interval(b), epsilon_us)
}

fn gap_us(a: &Edge, b: &Edge) -> Micros {
    a.valid_to_us.map_or(0, |to| b.valid_from_us.saturating_sub(to))
}

#[cfg(test)]
mod tests {
    use super::super::delta_json::samples;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use vokg_engine::evidence::{Detail, RelationKind};
    use vokg_engine::geometry::Rect;
    use vokg_engine::graph::Graph;
    use vokg_engine::id::{ObjectId, TrackId};

    type Made = (u32, u32, Micros, Option<Micros>);

    /// Interactions (from, to, begin, end), with ids from 1 in this order.
    fn graph(edges: &[Made]) -> Graph {
        let edge = |(number, (from, to, valid_from_us, valid_to_us)): (u64, &Made)| Edge {
            id: InteractionId(number),
            kind: RelationKind::NEAR,
            from: VertexKey::Object(ObjectId(*from)),
            to: VertexKey::Object(ObjectId(*to)),
            valid_from_us: *valid_from_us,
            valid_to_us: *valid_to_us,
            confidence_milli: 900,
            detail: Detail::default(),
            supersedes: vec![],
        };
        let edges = (1..).zip(edges).map(edge).map(|edge| (edge.id, edge));
        Graph { edges: edges.collect(), ..Graph::default() }
    }

    fn rows(graph: &Graph, epsilon_us: Micros) -> Vec<Value> {
        let (stream, mut out) = (samples::stream(), Vec::new());
        write(&mut out, &GraphView { stream: &stream, at_us: None, known_at: None, graph }, epsilon_us).unwrap();
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn sighting(t: Micros, frame: u64) -> Sighting {
        Sighting {
            t,
            frame,
            track: TrackId(1),
            object: ObjectId(1),
            rect: Rect::default(),
            score: 1.0,
            visible: None,
            mask: None,
        }
    }

    #[test]
    fn two_that_share_both_objects_are_told_once() {
        let graph = graph(&[(1, 2, 0, Some(3_000_000)), (1, 2, 4_000_000, None), (2, 3, 2_000_000, Some(4_050_000))]);
        let told: Vec<_> = rows(&graph, 100_000)
            .iter()
            .map(|row| {
                let text = |key: &str| row[key].as_str().unwrap().trim_start_matches("gate/").to_owned();
                (text("a"), text("relation"), text("b"), text("object"), row["gap_us"].as_u64().unwrap())
            })
            .collect();
        let id = |n: u32| format!("i/{n:016x}");
        assert_eq!(
            told,
            [
                (id(1), "before".into(), id(2), "o/1".into(), 1_000_000),
                (id(1), "overlaps".into(), id(3), "o/2".into(), 0),
                (id(3), "meets".into(), id(2), "o/2".into(), 0),
            ]
        );
    }

    #[test]
    fn a_moment_is_a_tenth_of_a_second_or_one_and_a_half_frames() {
        assert_eq!(epsilon_us([]), 100_000);
        assert_eq!(epsilon_us([sighting(0, 1)]), 100_000);
        assert_eq!(epsilon_us([sighting(0, 1), sighting(40_000, 2)]), 100_000);
        assert_eq!(epsilon_us([sighting(0, 1), sighting(200_000, 2), sighting(800_000, 5)]), 300_000);
    }

    proptest! {
        #[test]
        fn the_sweep_finds_the_pairs_that_all_comparisons_find(
            made in prop::collection::vec((1u32..5, 1u32..5, 0u64..200, prop::option::weighted(0.8, 0u64..50)), 0..20),
        ) {
            let second = |(from, to, begin, length): &Made| {
                (*from, *to, begin * SECOND_US, length.map(|length| (begin + length) * SECOND_US))
            };
            let graph = graph(&made.iter().map(second).collect::<Vec<_>>());
            let rows = rows(&graph, 100_000);
            let told: BTreeSet<_> = rows.iter().map(|row| (row["a"].to_string(), row["b"].to_string())).collect();
            prop_assert_eq!(told.len(), rows.len(), "each pair once");
            let mut expected = BTreeSet::new();
            for a in graph.edges.values() {
                for b in graph.edges.values() {
                    let first = (a.valid_from_us, a.id) < (b.valid_from_us, b.id);
                    if first && first_shared(a, b).is_some() && gap_us(a, b) <= HORIZON_US {
                        let name = |edge: &Edge| format!("\"{}\"", edge.id.external(&samples::stream()));
                        expected.insert((name(a), name(b)));
                    }
                }
            }
            prop_assert_eq!(told, expected);
        }
    }
}
