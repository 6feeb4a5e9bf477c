//! Object vertices: from what was seen of tracks, and which tracks are one object.
//!
//! An object is stated when its first track is confirmed, with the earlier sightings that confirmed it; again when it
//! leaves; and again whenever tracks join or leave it. An object whose last track moved away is taken back: it never
//! was. All moves of one frame share one [`CorrectionVertex`].

use super::horizon::settled_us;
use super::moves::net_moves;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{CorrectionVertex, Delta, Diff, Element, IdentityMove, ObjectVertex, Vertex, VertexKey};
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::observation::{IdentityChange, Observation, TrackedFrame};
use vokg_engine::time::Micros;

/// The objects of one stream.
///
/// An object that left before the settled time is sealed and forgotten; whoever decides identities does not reach
/// behind it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Objects {
    horizon_us: Micros,
    settled_us: Micros,
    tracks: BTreeMap<TrackId, Sightings>,
    objects: BTreeMap<ObjectId, Object>,
}

/// What was seen of one track.
#[derive(Debug, Serialize, Deserialize)]
struct Sightings {
    first_us: Micros,
    last_us: Micros,
    count: u64,
    score_milli: u64,
    ended: bool,
    object: Option<ObjectId>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Object {
    tracks: BTreeSet<TrackId>,
    stated: Option<ObjectVertex>,
}

/// Why an object is looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Touch {
    /// Its set of tracks changed; otherwise only one of them ended.
    members: bool,
    /// A correction changed it.
    corrected: bool,
}

impl Sightings {
    fn at(t: Micros) -> Self {
        Self { first_us: t, last_us: t, count: 0, score_milli: 0, ended: false, object: None }
    }

    fn add(&mut self, seen: &Observation) {
        self.first_us = self.first_us.min(seen.t);
        self.last_us = self.last_us.max(seen.t);
        self.count += 1;
        self.score_milli += (f64::from(seen.score) * 1000.0).round().clamp(0.0, 1000.0) as u64;
    }
}

impl Objects {
    /// No objects yet; what lies further back than the horizon will be forgotten.
    pub fn new(horizon_us: Micros) -> Self {
        Self { horizon_us, settled_us: 0, tracks: BTreeMap::new(), objects: BTreeMap::new() }
    }

    /// The vertices to state or take back after a frame and the identity changes decided at it.
    pub fn frame(&mut self, frame: &TrackedFrame, changes: &[IdentityChange]) -> Vec<Delta> {
        for seen in frame.confirmed.iter().chain(&frame.seen) {
            self.tracks.entry(seen.track).or_insert_with(|| Sightings::at(seen.t)).add(seen);
        }
        let mut touched = BTreeMap::new();
        self.end_tracks(frame, &mut touched);
        let moves = net_moves(changes);
        for change in &moves {
            self.move_track(frame.t, change, &mut touched);
        }
        let mut deltas: Vec<Delta> = correction(frame.t, &moves).into_iter().collect();
        deltas.extend(touched.into_iter().filter_map(|(id, touch)| self.restate(frame.t, id, touch)));
        self.forget(settled_us(frame.t, self.horizon_us));
        deltas
    }

    fn end_tracks(&mut self, frame: &TrackedFrame, touched: &mut BTreeMap<ObjectId, Touch>) {
        let listed = frame.ended.iter().map(|(track, _)| *track);
        let ended: Vec<TrackId> = if frame.end { self.tracks.keys().copied().collect() } else { listed.collect() };
        for track in ended {
            let Some(sightings) = self.tracks.get_mut(&track) else { continue };
            sightings.ended = true;
            touched.extend(sightings.object.map(|object| (object, Touch::default())));
        }
    }

    fn move_track(&mut self, t: Micros, change: &IdentityChange, touched: &mut BTreeMap<ObjectId, Touch>) {
        // A track nobody saw has its identity as its only sighting, so that edges to it find a vertex.
        let sightings = self.tracks.entry(change.track).or_insert_with(|| Sightings::at(t));
        sightings.object = Some(change.to);
        if let Some(object) = change.from.and_then(|from| self.objects.get_mut(&from)) {
            object.tracks.remove(&change.track);
        }
        self.objects.entry(change.to).or_default().tracks.insert(change.track);
        for id in change.from.into_iter().chain([change.to]) {
            let touch = touched.entry(id).or_default();
            touch.members = true;
            touch.corrected |= change.from.is_some();
        }
    }

    fn restate(&mut self, t: Micros, id: ObjectId, touch: Touch) -> Option<Delta> {
        let object = self.objects.get_mut(&id)?;
        let caused_by = touch.corrected.then_some(t);
        let delta = |diff, vertex| {
            let element = Element::Vertex(VertexKey::Object(id), Vertex::Object(vertex));
            Some(Delta { t, diff, element, caused_by })
        };
        let Some(vertex) = vertex(&object.tracks, &self.tracks) else {
            return delta(Diff::Retract, self.objects.remove(&id)?.stated?);
        };
        let leaves_or_returns = object.stated.as_ref().is_none_or(|stated| stated.open != vertex.open);
        if !touch.members && !leaves_or_returns || object.stated.as_ref() == Some(&vertex) {
            return None;
        }
        object.stated = Some(vertex.clone());
        delta(Diff::Assert, vertex)
    }

    fn forget(&mut self, settled_us: Micros) {
        if settled_us == self.settled_us {
            return;
        }
        self.settled_us = settled_us;
        let is_sealed = |stated: &ObjectVertex| !stated.open && stated.last_seen_us < settled_us;
        self.objects.retain(|_, object| !object.stated.as_ref().is_some_and(is_sealed));
        let alive: BTreeSet<TrackId> = self.objects.values().flat_map(|object| &object.tracks).copied().collect();
        self.tracks.retain(|id, track| !track.ended || track.last_us >= settled_us || alive.contains(id));
    }

    /// The size of the state, in rows.
    #[cfg(test)]
    fn rows(&self) -> usize {
        self.tracks.len() + self.objects.len()
    }
}

/// What the tracks of an object add up to; `None` without tracks.
fn vertex(members: &BTreeSet<TrackId>, tracks: &BTreeMap<TrackId, Sightings>) -> Option<ObjectVertex> {
    let sightings = || members.iter().filter_map(|track| tracks.get(track));
    let count: u64 = sightings().map(|seen| seen.count).sum();
    let score_milli: u64 = sightings().map(|seen| seen.score_milli).sum();
    let mean_milli = (score_milli + count / 2).checked_div(count).unwrap_or(0);
    Some(ObjectVertex {
        class: None,
        first_seen_us: sightings().map(|seen| seen.first_us).min()?,
        last_seen_us: sightings().map(|seen| seen.last_us).max()?,
        open: sightings().any(|seen| !seen.ended),
        confidence_milli: u16::try_from(mean_milli).unwrap_or(u16::MAX),
        tracks: members.iter().copied().collect(),
    })
}

/// The vertex that gathers the moves of a time, if there are any. A track confirmed just now did not move.
fn correction(t: Micros, changes: &[IdentityChange]) -> Option<Delta> {
    let moves: Vec<IdentityMove> = changes
        .iter()
        .filter_map(|change| {
            let IdentityChange { track, from, to, score_milli, .. } = *change;
            from.map(|from| IdentityMove { track, from, to, score_milli })
        })
        .collect();
    if moves.is_empty() {
        return None;
    }
    let reasons: BTreeSet<_> = changes.iter().filter(|c| c.from.is_some()).map(|c| c.reason).collect();
    let reason = reasons.into_iter().collect::<Vec<_>>().join(", ");
    let vertex = Vertex::Correction(CorrectionVertex { moves, reason });
    let element = Element::Vertex(VertexKey::Correction(t), vertex);
    Some(Delta { t, diff: Diff::Assert, element, caused_by: None })
}

#[cfg(test)]
mod tests;
