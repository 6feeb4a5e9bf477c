//! What the graph must be after each frame, computed from scratch.

use crate::history::{Frame, rules};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Edge, ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::{Detail, EvidenceSpan};
use vokg_engine::graph::Graph;
use vokg_engine::id::{InteractionId, ObjectId, TrackId, ZoneId};
use vokg_engine::time::Micros;
use vokg_operators::resolve::intervals::Now;
use vokg_operators::resolve::scratch::interactions;

/// Everything stated so far, without any answer.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub spans: BTreeMap<u32, EvidenceSpan>,
    pub object_of: BTreeMap<TrackId, ObjectId>,
    sightings: BTreeMap<TrackId, Vec<(Micros, u64)>>,
    ended: BTreeSet<TrackId>,
}

/// An interaction and the evidence it rests on.
pub type Expected = BTreeMap<InteractionId, (Edge, BTreeSet<u32>)>;

impl Oracle {
    pub fn take(&mut self, frame: &Frame) {
        for (span, _) in frame.spans.iter().filter(|(_, diff)| *diff < 0) {
            assert_eq!(self.spans.remove(&span.number), Some(*span));
        }
        for (span, _) in frame.spans.iter().filter(|(_, diff)| *diff > 0) {
            assert_eq!(self.spans.insert(span.number, *span), None);
        }
        self.object_of.extend(frame.changes.iter().map(|change| (change.track, change.to)));
        for seen in frame.tracked.confirmed.iter().chain(&frame.tracked.seen) {
            let score_milli = (f64::from(seen.score) * 1000.0).round() as u64;
            self.sightings.entry(seen.track).or_default().push((seen.t, score_milli));
        }
        self.ended.extend(frame.tracked.ended.iter().map(|(track, _)| *track));
    }

    pub fn edges(&self, now: Now) -> Expected {
        let object = |track: TrackId| match ZoneId::of_track(track) {
            Some(_) => Some(track.into()),
            None => self.object_of.get(&track).copied(),
        };
        let spans = self.spans.values().filter_map(|span| Some((object(span.a)?, object(span.b)?, *span)));
        let mut expected = Expected::new();
        for ((kind, a, b), intervals) in interactions(spans, &rules(), now) {
            for interval in intervals {
                let edge = Edge {
                    id: InteractionId::of(kind, a, b, interval.first_number),
                    kind,
                    from: a.into(),
                    to: b.into(),
                    valid_from_us: interval.from_us,
                    valid_to_us: interval.to_us,
                    confidence_milli: interval.confidence_milli,
                    detail: interval.detail,
                    supersedes: vec![],
                };
                assert!(expected.insert(edge.id, (edge, interval.numbers)).is_none());
            }
        }
        expected
    }

    fn objects(&self) -> BTreeMap<ObjectId, ObjectVertex> {
        let ids: BTreeSet<ObjectId> = self.object_of.values().copied().collect();
        let object = |id: ObjectId| {
            let tracks: Vec<TrackId> = self.object_of.iter().filter(|(_, to)| **to == id).map(|(t, _)| *t).collect();
            let seen: Vec<(Micros, u64)> = tracks.iter().flat_map(|track| &self.sightings[track]).copied().collect();
            let (n, score_milli) = (seen.len() as u64, seen.iter().map(|(_, milli)| milli).sum::<u64>());
            ObjectVertex {
                class: None,
                first_seen_us: seen.iter().map(|(t, _)| *t).min().unwrap_or_default(),
                last_seen_us: seen.iter().map(|(t, _)| *t).max().unwrap_or_default(),
                open: tracks.iter().any(|track| !self.ended.contains(track)),
                confidence_milli: ((score_milli + n / 2) / n) as u16,
                tracks,
            }
        };
        ids.into_iter().map(|id| (id, object(id))).collect()
    }

    /// Compares a graph with what it must be. Running values of what still holds are not restated and not compared.
    pub fn check(&self, graph: &Graph, now: Now, expected: &Expected) {
        let mut edges = graph.edges.clone();
        let mut expected: BTreeMap<_, _> = expected.iter().map(|(id, (edge, _))| (*id, edge.clone())).collect();
        edges.values_mut().for_each(|edge| edge.supersedes.clear());
        for edge in edges.values_mut().chain(expected.values_mut()).filter(|edge| edge.valid_to_us.is_none()) {
            (edge.confidence_milli, edge.detail) = (0, Detail::default());
        }
        let only = |these: &BTreeMap<InteractionId, Edge>, those: &BTreeMap<InteractionId, Edge>| -> Vec<Edge> {
            these.iter().filter(|(id, edge)| those.get(id) != Some(edge)).map(|(_, edge)| edge.clone()).collect()
        };
        let (stated, missing) = (only(&edges, &expected), only(&expected, &edges));
        assert!(stated.is_empty() && missing.is_empty(), "at {now:?} stated {stated:#?}, must be {missing:#?}");

        let mut objects = BTreeMap::new();
        for (key, vertex) in &graph.vertices {
            if let (VertexKey::Object(id), Vertex::Object(vertex)) = (key, vertex) {
                objects.insert(*id, vertex.clone());
            }
        }
        let mut expected = self.objects();
        for vertex in objects.values_mut().chain(expected.values_mut()).filter(|vertex| vertex.open) {
            (vertex.last_seen_us, vertex.confidence_milli) = (0, 0);
        }
        assert_eq!(objects, expected, "objects at {now:?}");
    }
}
