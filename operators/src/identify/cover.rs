//! Behind which other track a track was hidden when it ended, and out of whose box a new one came.
//!
//! Who goes behind another is seen less and less, then is part of the other's box, and comes out of it at another place
//! (merge and split: McKenna et al., "Tracking groups of people", Computer Vision and Image Understanding 80, 2000). So
//! where he was lost says nothing about where he comes back, but behind whom he was lost does.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::time::{Micros, SECOND_US};

/// For so long it is remembered where tracks were: a track is told of late.
const REMEMBERED_US: Micros = 3 * SECOND_US / 2;
/// How long before a track was first seen the other it came out of was seen with it inside, at most.
const INSIDE_US: Micros = 250_000;
/// Of which less than this share can be seen is hidden.
const HIDDEN_SHARE: f32 = 0.5;
/// It is behind another whose box holds this share of its own.
const BEHIND_SHARE: f32 = 0.5;
/// It came out of another whose box held this share of its own just before.
const INSIDE_SHARE: f32 = 0.8;

/// Where live tracks were lately.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Places {
    places: BTreeMap<TrackId, VecDeque<(Micros, Rect)>>,
}

impl Places {
    /// Adds what was seen at `now`; sightings come in the order of time.
    pub(super) fn see(&mut self, now: Micros, seen: &[Observation]) {
        for seen in seen {
            self.places.entry(seen.track).or_default().push_back((seen.t, seen.rect));
        }
        self.places.retain(|_, places| {
            while places.front().is_some_and(|(t, _)| t + REMEMBERED_US < now) {
                places.pop_front();
            }
            !places.is_empty()
        });
    }

    /// The track behind which this one is mostly hidden.
    pub(super) fn hides(&self, hidden: &Observation) -> Option<TrackId> {
        let is_hidden = hidden.visible.is_some_and(|visible| visible < HIDDEN_SHARE);
        let at =
            |places: &VecDeque<(Micros, Rect)>| places.iter().rfind(|(t, _)| *t == hidden.t).map(|(_, rect)| *rect);
        is_hidden.then(|| self.holder(hidden, BEHIND_SHARE, at)).flatten()
    }

    /// The track out of whose box one came that was first seen so.
    pub(super) fn released(&self, first: &Observation) -> Option<TrackId> {
        let lately = first.t.saturating_sub(INSIDE_US)..first.t;
        let before = |places: &VecDeque<(Micros, Rect)>| {
            places.iter().rfind(|(t, _)| *t < first.t).filter(|(t, _)| lately.contains(t)).map(|(_, rect)| *rect)
        };
        self.holder(first, INSIDE_SHARE, before)
    }

    /// The other track whose box holds most of this one's, at least `share`; the older of two.
    fn holder(
        &self,
        seen: &Observation,
        share: f32,
        place: impl Fn(&VecDeque<(Micros, Rect)>) -> Option<Rect>,
    ) -> Option<TrackId> {
        let others = self.places.iter().filter(|(track, _)| **track != seen.track);
        let held = others.filter_map(|(track, places)| Some((*track, place(places)?.overlap(&seen.rect))));
        let enough = held.filter(|(_, held)| *held >= share * seen.rect.area());
        enough.min_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))).map(|(track, _)| track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(t: Micros, track: u32, rect: Rect, visible: Option<f32>) -> Observation {
        Observation { t, track: TrackId(track), rect, score: 1.0, mask: None, visible, merged: false, look: None }
    }

    #[test]
    fn the_one_behind_is_he_who_is_hardly_seen_in_the_box_of_another() {
        let mut places = Places::default();
        let front = seen(40_000, 1, Rect::new(100.0, 0.0, 50.0, 100.0), None);
        let behind = |left, visible| seen(40_000, 2, Rect::new(left, 40.0, 20.0, 60.0), visible);
        places.see(40_000, &[front, behind(95.0, None)]);
        assert_eq!(places.hides(&behind(95.0, Some(0.3))), Some(TrackId(1)));
        assert_eq!(places.hides(&behind(95.0, Some(0.7))), None);
        assert_eq!(places.hides(&behind(95.0, None)), None);
        assert_eq!(places.hides(&behind(85.0, Some(0.3))), None);
    }

    #[test]
    fn who_was_inside_a_box_just_before_came_out_of_it() {
        let mut places = Places::default();
        let wide = Rect::new(0.0, 0.0, 200.0, 200.0);
        places.see(0, &[seen(0, 1, wide, None)]);
        places.see(40_000, &[seen(40_000, 1, Rect::new(100.0, 0.0, 100.0, 200.0), None)]);
        let new = |t| seen(t, 2, Rect::new(10.0, 50.0, 60.0, 100.0), None);
        assert_eq!(places.released(&new(40_000)), Some(TrackId(1)));
        assert_eq!(places.released(&new(80_000)), None, "not inside any more");
        places.see(400_000, &[]);
        assert_eq!(places.released(&new(400_000)), None, "too long ago");
    }
}
