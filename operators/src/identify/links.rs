//! The tracks that are known, linked to chains: each chain is one object and carries the number of its oldest track.
//!
//! A track follows at most one other, which ended before it was first seen, and is followed by at most one. So tracks
//! that were seen at the same time are never in one chain, whatever links are made and undone.

use super::fragment::{Fragment, Link};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::observation::IdentityChange;

/// The most tracks of one object. Every vertex of an object names its tracks, so that one who comes back without end would
/// make the log grow with the square of his returns; the next return begins another object.
pub(super) const OBJECT_TRACKS_MAX: u32 = 1_024;

/// What is said about tracks in one frame: only where they are at its end counts.
#[derive(Debug, Default)]
pub(super) struct Changes {
    changes: BTreeMap<TrackId, IdentityChange>,
}

impl Changes {
    /// A track that was not known before.
    pub(super) fn began(&mut self, track: TrackId, reason: &'static str) {
        self.changes.insert(track, IdentityChange { track, from: None, to: track.into(), score_milli: 1000, reason });
    }

    fn moved(&mut self, track: TrackId, was: ObjectId, to: ObjectId, score_milli: u16, reason: &'static str) {
        let from = self.changes.get(&track).map_or(Some(was), |change| change.from);
        self.changes.insert(track, IdentityChange { track, from, to, score_milli, reason });
    }

    /// The changes, ordered by track; what ended where it was is none.
    pub(super) fn into_vec(self) -> Vec<IdentityChange> {
        self.changes.into_values().filter(|change| change.from != Some(change.to)).collect()
    }
}

/// Known tracks by number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Links {
    pub(super) tracks: BTreeMap<TrackId, Fragment>,
}

impl Links {
    /// Makes `later` follow `earlier`; nothing where either is taken, they were seen at the same time, or the object would
    /// have more than [`OBJECT_TRACKS_MAX`] tracks.
    pub(super) fn join(
        &mut self,
        earlier: TrackId,
        later: TrackId,
        score_milli: u16,
        reason: &'static str,
        changes: &mut Changes,
    ) {
        let (Some(before), Some(after)) = (self.tracks.get(&earlier), self.tracks.get(&later)) else { return };
        let free = before.after.is_none() && after.before.is_none();
        if !free || !before.ended || before.last_seen >= after.first_seen {
            return;
        }
        let (object, place) = (before.object, before.place + 1);
        if !self.has_room(earlier, later) {
            return;
        }
        if let Some(before) = self.tracks.get_mut(&earlier) {
            before.after = Some(later);
        }
        if let Some(after) = self.tracks.get_mut(&later) {
            after.before = Some(Link { track: earlier, reason });
        }
        self.relabel(later, (object, place), score_milli, reason, changes);
    }

    /// Whether an object would have at most [`OBJECT_TRACKS_MAX`] tracks if `later` and those behind it followed `earlier`.
    pub(super) fn has_room(&self, earlier: TrackId, later: TrackId) -> bool {
        let place = self.tracks.get(&earlier).map_or(0, |before| before.place);
        place as usize + 1 + self.following(later).count() <= OBJECT_TRACKS_MAX as usize
    }

    /// The tracks that follow one.
    fn following(&self, track: TrackId) -> impl Iterator<Item = TrackId> {
        let after = |track: &TrackId| self.tracks.get(track)?.after;
        std::iter::successors(after(&track), after)
    }

    /// Makes a track the first of its object again; those that follow it go with it.
    pub(super) fn part(&mut self, later: TrackId, score_milli: u16, reason: &'static str, changes: &mut Changes) {
        let Some(link) = self.tracks.get_mut(&later).and_then(|track| track.before.take()) else { return };
        if let Some(earlier) = self.tracks.get_mut(&link.track) {
            earlier.after = None;
        }
        self.relabel(later, (later.into(), 1), score_milli, reason, changes);
    }

    /// Gives a track and all that follow it another object, from a place in it on.
    fn relabel(
        &mut self,
        first: TrackId,
        (object, mut place): (ObjectId, u32),
        score_milli: u16,
        reason: &'static str,
        changes: &mut Changes,
    ) {
        let mut next = Some(first);
        while let Some(track) = next.and_then(|track| self.tracks.get_mut(&track)) {
            changes.moved(track.track, track.object, object, score_milli, reason);
            (track.object, track.place) = (object, place);
            place += 1;
            next = track.after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;
    use vokg_engine::observation::Observation;

    fn chain_of(count: u32) -> Links {
        let track = |number: u32| {
            let (rect, mask, visible, look) = (Rect::new(0.0, 0.0, 9.0, 9.0), None, None, None);
            let (t, track) = (u64::from(number), TrackId(number));
            let seen = Observation { t, track, rect, score: 1.0, mask, visible, merged: false, look };
            let mut fragment = Fragment::new(&seen, None);
            fragment.ended = true;
            (track, fragment)
        };
        Links { tracks: (1..=count).map(track).collect() }
    }

    fn told(changes: Changes) -> Vec<(u32, Option<u32>, u32)> {
        changes.into_vec().iter().map(|c| (c.track.0, c.from.map(|from| from.0), c.to.0)).collect()
    }

    #[test]
    fn those_who_follow_go_with_a_track() {
        let mut links = chain_of(4);
        let mut changes = Changes::default();
        for (earlier, later) in [(3, 4), (2, 3), (1, 2)] {
            links.join(TrackId(earlier), TrackId(later), 900, "test", &mut changes);
        }
        assert_eq!(told(changes), [(2, Some(2), 1), (3, Some(3), 1), (4, Some(4), 1)]);
        let mut changes = Changes::default();
        links.part(TrackId(3), 100, "test", &mut changes);
        assert_eq!(told(changes), [(3, Some(1), 3), (4, Some(1), 3)]);
    }

    #[test]
    fn an_object_has_so_many_tracks_and_no_more() {
        let mut links = chain_of(OBJECT_TRACKS_MAX + 3);
        let mut changes = Changes::default();
        let mut join = |links: &mut Links, earlier: u32| {
            links.join(TrackId(earlier), TrackId(earlier + 1), 900, "test", &mut changes);
        };
        join(&mut links, OBJECT_TRACKS_MAX);
        (1..OBJECT_TRACKS_MAX).for_each(|earlier| join(&mut links, earlier));
        assert_eq!(links.tracks[&TrackId(OBJECT_TRACKS_MAX)].object, ObjectId(OBJECT_TRACKS_MAX), "two would come");
        join(&mut links, OBJECT_TRACKS_MAX + 1);
        links.part(TrackId(OBJECT_TRACKS_MAX + 1), 100, "test", &mut changes);
        links.join(TrackId(OBJECT_TRACKS_MAX - 1), TrackId(OBJECT_TRACKS_MAX), 900, "test", &mut changes);
        let last = &links.tracks[&TrackId(OBJECT_TRACKS_MAX)];
        assert_eq!((last.object, last.place), (ObjectId(1), OBJECT_TRACKS_MAX));
        links.join(TrackId(OBJECT_TRACKS_MAX), TrackId(OBJECT_TRACKS_MAX + 1), 900, "test", &mut changes);
        assert_eq!(links.tracks[&TrackId(OBJECT_TRACKS_MAX + 1)].object, ObjectId(OBJECT_TRACKS_MAX + 1));
    }

    #[test]
    fn what_is_taken_or_was_seen_at_the_same_time_is_not_joined_and_a_return_to_where_it_was_is_no_change() {
        let mut links = chain_of(3);
        let mut changes = Changes::default();
        links.join(TrackId(1), TrackId(2), 900, "test", &mut changes);
        links.join(TrackId(1), TrackId(3), 900, "test", &mut changes);
        links.join(TrackId(3), TrackId(2), 900, "test", &mut changes);
        links.join(TrackId(3), TrackId(1), 900, "test", &mut changes);
        assert_eq!(links.tracks[&TrackId(3)].object, ObjectId(3));
        links.part(TrackId(2), 100, "test", &mut changes);
        assert_eq!(told(changes), []);
    }
}
