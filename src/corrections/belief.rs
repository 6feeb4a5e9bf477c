//! What is to be believed once some tracks are another object.

use super::sightings::{Sightings, vertex};
use crate::sightings::objects_by_track;
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Edge, IdentityMove, Vertex, VertexKey};
use vokg_engine::evidence::{EvidenceSpan, RelationKind};
use vokg_engine::graph::Graph;
use vokg_engine::id::{InteractionId, ObjectId, TrackId, ZoneId};
use vokg_engine::time::Micros;
use vokg_operators::resolve::Rules;
use vokg_operators::resolve::intervals::Now;
use vokg_operators::resolve::scratch::interactions;

/// What the store knows of a complete stream.
pub struct Known<'a> {
    /// Its graph.
    pub graph: &'a Graph,
    /// Its evidence.
    pub evidence: &'a [EvidenceSpan],
    /// What was seen of its tracks.
    pub sightings: &'a BTreeMap<TrackId, Sightings>,
    /// The rules it was made with.
    pub rules: &'a Rules,
    /// When it ended: one microsecond after its last frame.
    pub ended_us: Micros,
}

/// Why a correction cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknowable {
    /// Only newer streams keep what a correction needs.
    #[error("its evidence was not kept, since an older vokg processed it; process it again into another directory")]
    NoEvidence,
    /// The evidence says something other than the graph.
    #[error(
        "its evidence does not add up to its graph ({absent} interactions of the graph are not found, {surplus} others \
         are), so this version of vokg cannot correct it; nothing was changed"
    )]
    Differs {
        /// Interactions of the graph that the evidence does not give.
        absent: usize,
        /// Interactions that the evidence gives and the graph has not.
        surplus: usize,
    },
    /// An object would consist of tracks nobody saw.
    #[error("none of the tracks of object {} is among the observations", .0.0)]
    NeverSeen(ObjectId),
}

/// An interaction and the numbers of the spans it rests on.
pub(super) struct Founded {
    pub(super) edge: Edge,
    numbers: BTreeSet<u32>,
}

/// The graph once these tracks are other objects.
///
/// What the correction does not touch keeps its stored value. An edge that rests on evidence of one that goes supersedes
/// it; one that comes back is superseded by none.
///
/// # Errors
/// Where the evidence does not give the graph as it stands.
pub fn corrected(known: &Known<'_>, moves: &[IdentityMove]) -> Result<Graph, Unknowable> {
    let mut objects = objects_by_track(known.graph);
    let before = founded(known, &objects);
    refuse_difference(known.graph, &before)?;
    objects.extend(moves.iter().map(|change| (change.track, change.to)));
    let after = founded(known, &objects);

    let mut graph = known.graph.clone();
    restate_objects(&mut graph, known, moves, &objects)?;
    restate_edges(&mut graph, &before, after);
    Ok(graph)
}

pub(super) fn founded(known: &Known<'_>, objects: &BTreeMap<TrackId, ObjectId>) -> BTreeMap<InteractionId, Founded> {
    // A zone is its own object.
    let object = |track: TrackId| ZoneId::of_track(track).map(|_| track.into()).or(objects.get(&track).copied());
    let spans = known.evidence.iter().filter_map(|span| Some((object(span.a)?, object(span.b)?, *span)));
    let all = interactions(spans, known.rules, Now::End(known.ended_us));
    let founded = all.into_iter().flat_map(|((kind, a, b), intervals)| {
        intervals.into_iter().map(move |interval| {
            let edge = Edge {
                id: InteractionId::of(kind, a, b, interval.first_number),
                kind,
                from: a.into(),
                to: b.into(),
                valid_from_us: interval.from_us,
                valid_to_us: interval.to_us,
                confidence_milli: interval.confidence_milli,
                detail: interval.detail,
                supersedes: Vec::new(),
            };
            (edge.id, Founded { edge, numbers: interval.numbers })
        })
    });
    founded.collect()
}

/// Evidence and graph must agree on which interactions there are and when. What was measured of long ones is left aside:
/// where old evidence left memory in parts, it was rounded in parts.
fn refuse_difference(graph: &Graph, founded: &BTreeMap<InteractionId, Founded>) -> Result<(), Unknowable> {
    let claim = |edge: &Edge| (edge.kind, edge.from, edge.to, edge.valid_from_us, edge.valid_to_us);
    let is_found = |edge: &Edge| founded.get(&edge.id).is_some_and(|founded| claim(&founded.edge) == claim(edge));
    let absent = graph.edges.values().filter(|edge| !is_found(edge)).count();
    let surplus = founded.keys().filter(|id| !graph.edges.contains_key(id)).count();
    match (absent, surplus) {
        (0, 0) => Ok(()),
        (_, 0) if founded.is_empty() => Err(Unknowable::NoEvidence),
        _ => Err(Unknowable::Differs { absent, surplus }),
    }
}

fn restate_objects(
    graph: &mut Graph,
    known: &Known<'_>,
    moves: &[IdentityMove],
    objects: &BTreeMap<TrackId, ObjectId>,
) -> Result<(), Unknowable> {
    let touched: BTreeSet<(ObjectId, ObjectId)> =
        moves.iter().flat_map(|change| [(change.from, change.from), (change.to, change.from)]).collect();
    for (id, origin) in touched {
        let tracks: BTreeSet<TrackId> =
            objects.iter().filter(|(_, object)| **object == id).map(|(track, _)| *track).collect();
        let key = VertexKey::Object(id);
        if tracks.is_empty() {
            graph.vertices.remove(&key);
            continue;
        }
        let class = |id| match known.graph.vertices.get(&VertexKey::Object(id)) {
            Some(Vertex::Object(object)) => object.class.clone(),
            _ => None,
        };
        let class = class(id).or_else(|| class(origin));
        let object = vertex(&tracks, class, known.sightings).ok_or(Unknowable::NeverSeen(id))?;
        graph.vertices.insert(key, Vertex::Object(object));
    }
    Ok(())
}

fn restate_edges(
    graph: &mut Graph,
    before: &BTreeMap<InteractionId, Founded>,
    after: BTreeMap<InteractionId, Founded>,
) {
    let mut gone: BTreeMap<(RelationKind, u32), InteractionId> = BTreeMap::new();
    for (id, founded) in before.iter().filter(|(id, _)| !after.contains_key(id)) {
        graph.edges.remove(id);
        gone.extend(founded.numbers.iter().map(|number| ((founded.edge.kind, *number), *id)));
    }
    let born: BTreeSet<InteractionId> = after.keys().filter(|id| !before.contains_key(id)).copied().collect();
    for (id, Founded { edge, numbers }) in after {
        let stored = graph.edges.remove(&id);
        let kept = stored.iter().flat_map(|edge| &edge.supersedes).filter(|id| !born.contains(id)).copied();
        let gained = numbers.iter().filter_map(|number| gone.get(&(edge.kind, *number)).copied());
        let supersedes: BTreeSet<InteractionId> = kept.chain(gained).collect();
        let unchanged = before.get(&id).is_some_and(|before| before.edge == edge);
        let value = stored.filter(|_| unchanged).unwrap_or(edge);
        graph.edges.insert(id, Edge { supersedes: supersedes.into_iter().collect(), ..value });
    }
}
