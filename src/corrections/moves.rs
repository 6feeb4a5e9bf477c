//! Which tracks become which object when objects are merged or split by hand.

use super::sightings::{Sightings, oldest};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{IdentityMove, Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::time::{Micros, secs_from_micros};

/// Tracks of one object may overlap this long: a tracker may find a thing again before it gives up where it lost it.
const OVERLAP_MAX_US: Micros = 500_000;
/// What is certain, in thousandths.
const CERTAIN_MILLI: u16 = 1000;

/// Why a correction makes no sense; the text is for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such object.
    #[error("no object {}; there are: {there}", .object.0)]
    NoObject {
        /// What was asked for.
        object: ObjectId,
        /// The numbers of those there are.
        there: String,
    },
    /// An object cannot be merged with itself.
    #[error("both are the object {}", .0.0)]
    Same(ObjectId),
    /// Both were seen at once.
    #[error(
        "they cannot be one: track {} and track {} were both there from {:.1} s to {:.1} s",
        .tracks.0.0, .tracks.1.0, secs_from_micros(*.from_us), secs_from_micros(*.to_us)
    )]
    SeenAtOnce {
        /// A track of each.
        tracks: (TrackId, TrackId),
        /// Since when.
        from_us: Micros,
        /// Until when.
        to_us: Micros,
    },
    /// The object has no such track.
    #[error("object {} has no track {}; it has: {has}", .object.0, .track.0)]
    NoTrack {
        /// The object.
        object: ObjectId,
        /// The track.
        track: TrackId,
        /// The tracks it has.
        has: String,
    },
    /// Nothing would be left, or nothing would leave.
    #[error("name some of the tracks of object {}, but not all; it has: {has}", .object.0)]
    NoPart {
        /// The object.
        object: ObjectId,
        /// The tracks it has.
        has: String,
    },
}

/// Makes two objects one. It keeps the id of the one that was seen first.
///
/// # Errors
/// Where an object does not exist, or both were seen at the same time for more than half a second.
pub fn merge(
    graph: &Graph,
    sightings: &BTreeMap<TrackId, Sightings>,
    (a, b): (ObjectId, ObjectId),
) -> Result<Vec<IdentityMove>, Refused> {
    let (of_a, of_b) = (tracks_of(graph, a)?, tracks_of(graph, b)?);
    if a == b {
        return Err(Refused::Same(a));
    }
    for (x, y) in of_a.iter().flat_map(|x| of_b.iter().map(move |y| (*x, *y))) {
        let (Some(seen_x), Some(seen_y)) = (sightings.get(&x), sightings.get(&y)) else { continue };
        let (from_us, to_us) = (seen_x.first_us.max(seen_y.first_us), seen_x.last_us.min(seen_y.last_us));
        if to_us.saturating_sub(from_us) > OVERLAP_MAX_US {
            return Err(Refused::SeenAtOnce { tracks: (x, y), from_us, to_us });
        }
    }
    let first = oldest(of_a.union(&of_b), sightings);
    let b_stays = first.is_some_and(|first| of_b.contains(&first));
    Ok(if b_stays { moved(&of_a, a, b) } else { moved(&of_b, b, a) })
}

/// Makes some tracks of an object an object of their own. The part with the track that named the object keeps its id;
/// the other is named by its oldest track.
///
/// # Errors
/// Where the object does not exist, has not all of these tracks, or has no others.
pub fn split(
    graph: &Graph,
    sightings: &BTreeMap<TrackId, Sightings>,
    object: ObjectId,
    parted: &BTreeSet<TrackId>,
) -> Result<Vec<IdentityMove>, Refused> {
    let all = tracks_of(graph, object)?;
    let has = || numbers(all.iter().map(|track| track.0));
    if let Some(track) = parted.iter().find(|track| !all.contains(track)) {
        return Err(Refused::NoTrack { object, track: *track, has: has() });
    }
    let rest: BTreeSet<TrackId> = all.difference(parted).copied().collect();
    let names_it = |track: &TrackId| ObjectId::from(*track) == object;
    let leaving = if parted.iter().any(names_it) { &rest } else { parted };
    match oldest(leaving, sightings) {
        Some(oldest) if !rest.is_empty() => Ok(moved(leaving, object, oldest.into())),
        _ => Err(Refused::NoPart { object, has: has() }),
    }
}

fn moved(tracks: &BTreeSet<TrackId>, from: ObjectId, to: ObjectId) -> Vec<IdentityMove> {
    tracks.iter().map(|track| IdentityMove { track: *track, from, to, score_milli: CERTAIN_MILLI }).collect()
}

fn tracks_of(graph: &Graph, object: ObjectId) -> Result<BTreeSet<TrackId>, Refused> {
    match graph.vertices.get(&VertexKey::Object(object)) {
        Some(Vertex::Object(vertex)) => Ok(vertex.tracks.iter().copied().collect()),
        _ => {
            let objects = graph.vertices.keys().filter_map(|key| match key {
                VertexKey::Object(id) => Some(id.0),
                _ => None,
            });
            Err(Refused::NoObject { object, there: numbers(objects) })
        }
    }
}

/// The first of these numbers, for a message.
fn numbers(all: impl Iterator<Item = u32>) -> String {
    const NAMED_MAX: usize = 20;
    let all: Vec<String> = all.map(|number| number.to_string()).collect();
    match all.len().checked_sub(NAMED_MAX) {
        None | Some(0) => all.join(", "),
        Some(more) => format!("{} and {more} more", all[..NAMED_MAX].join(", ")),
    }
}
