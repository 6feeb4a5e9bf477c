//! One track from its first sighting to its last: when it is believed, when it is given up, when it has settled.

use super::config::TrackConfig;
use super::contest::Shape;
use super::filter::BoxFilter;
use super::heading::Heading;
use super::rhythm::Patience;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::geometry::{Affine, Rect, Size, length};
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::segment::Segment;
use vokg_engine::time::{Micros, SECOND_US, micros_from_secs, secs_from_micros};

/// Stands in the sightings of a track that has no number yet; real numbers start at 1.
const UNNUMBERED: TrackId = TrackId(0);

/// A thing the tracker follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Track {
    /// Its number, once confirmed.
    pub(super) id: Option<TrackId>,
    /// Where it is and goes.
    pub(super) filter: BoxFilter,
    /// When it was last seen.
    pub(super) last_seen: Micros,
    /// Kept although it was not seen for too long, since something stands before its place.
    pub(super) hidden: bool,
    /// Its mask when it was last seen as itself.
    pub(super) shape: Option<Shape>,
    /// Where it was seen last as itself.
    pub(super) heading: Heading,
    /// How long it has been seen, pauses not counted.
    watched_us: Micros,
    /// Where it began, in pixels of the present frame.
    birth: (f32, f32),
    /// It began beside a believed track, which may have put it down.
    left: bool,
    /// It was there when the stream began.
    first: bool,
    stillness: Stillness,
    /// Sightings before it is confirmed.
    history: VecDeque<Observation>,
}

impl Track {
    /// A track that begins with this segment; `left`: beside a believed one; `first`: with the stream.
    pub(super) fn begin(t: Micros, segment: &Segment, left: bool, first: bool) -> Self {
        let rect = segment.rect;
        let mut track = Self {
            id: None,
            filter: BoxFilter::new(&rect),
            last_seen: t,
            hidden: false,
            shape: Shape::of(segment),
            heading: Heading::default(),
            watched_us: 0,
            birth: rect.centre(),
            left,
            first,
            stillness: Stillness { since: t, anchor: rect.centre(), anchored: t },
            history: VecDeque::new(),
        };
        track.heading.push(t, rect.centre(), 0);
        track.history.push_back(track.observation(t, segment));
        track
    }

    /// Lets the camera move and `secs` pass.
    pub(super) fn advance(&mut self, camera: Option<&Affine>, secs: f32) {
        if let Some(map) = camera {
            self.follow_camera(map);
        }
        self.filter.predict(secs);
    }

    /// Carries all places along with the camera.
    pub(super) fn follow_camera(&mut self, map: &Affine) {
        self.filter.transform(map);
        self.heading.follow_camera(map);
        self.birth = map.apply(self.birth.0, self.birth.1);
        self.stillness.anchor = map.apply(self.stillness.anchor.0, self.stillness.anchor.1);
    }

    /// Gives the track a segment of the frame at `t`. `previous` is the time of the frame before.
    pub(super) fn see(&mut self, t: Micros, previous: Micros, segment: &Segment, config: &TrackConfig) {
        self.filter.update(&segment.rect, if segment.merged { config.merged_noise } else { 1.0 });
        if self.last_seen == previous {
            self.watched_us += t - previous;
        }
        self.last_seen = t;
        self.hidden = false;
        if !segment.merged {
            self.shape = Shape::of(segment);
            if config.direction_weight > 0.0 {
                self.heading.push(t, segment.rect.centre(), micros_from_secs(config.direction_secs));
            }
            self.stillness.look_at(t, &self.filter.rect(), config);
        }
        if self.id.is_none() {
            let observation = self.observation(t, segment);
            self.history.push_back(observation);
            let oldest = t.saturating_sub(micros_from_secs(config.history_secs));
            while self.history.front().is_some_and(|first| first.t < oldest) {
                self.history.pop_front();
            }
        }
    }

    /// What is told about the track when it is given this segment. Of a merged segment it takes the filter's box: the
    /// segment's covers others too.
    pub(super) fn observation(&self, t: Micros, segment: &Segment) -> Observation {
        let rect = if segment.merged { self.filter.rect() } else { segment.rect };
        Observation {
            t,
            track: self.id.unwrap_or(UNNUMBERED),
            rect: rect.quantised(),
            score: segment.score,
            mask: segment.mask.clone(),
            visible: segment.visible,
            merged: segment.merged,
            look: segment.look.clone(),
        }
    }

    /// Whether enough was seen of it to believe in it.
    pub(super) fn is_credible(&self, frame: Size, config: &TrackConfig) -> bool {
        let rect = self.filter.rect();
        let large = rect.area() >= config.confirm_still_area * frame.area() as f32;
        if self.first && large && self.watched_us >= micros_from_secs(config.confirm_first_secs) {
            return true;
        }
        if self.watched_us < micros_from_secs(config.confirm_secs) {
            return false;
        }
        let (x, y) = rect.centre();
        let moved = length(x - self.birth.0, y - self.birth.1);
        if moved >= config.confirm_moved_sizes * rect.scale() {
            return true;
        }
        (large || self.left) && self.watched_us >= micros_from_secs(config.confirm_still_secs)
    }

    /// Numbers the track and gives out its sightings so far, the present one last.
    pub(super) fn confirm(&mut self, id: TrackId) -> VecDeque<Observation> {
        self.id = Some(id);
        let mut sightings = std::mem::take(&mut self.history);
        for sighting in &mut sightings {
            sighting.track = id;
        }
        sightings
    }

    /// Whether it has been unseen for too long at `t`, hidden or not.
    pub(super) fn is_lost(&self, t: Micros, patience: Patience) -> bool {
        let kept_us = if self.id.is_some() { patience.lost_us } else { patience.forget_us };
        t.saturating_sub(self.last_seen) > kept_us
    }

    /// Whether it may be kept at `t` where something stands before its place.
    pub(super) fn may_hide(&self, t: Micros, config: &TrackConfig) -> bool {
        self.id.is_some() && t.saturating_sub(self.last_seen) <= micros_from_secs(config.hidden_secs)
    }

    /// Whether it has been still for so long that it is part of the scene.
    pub(super) fn is_settled(&self, config: &TrackConfig) -> bool {
        self.last_seen.saturating_sub(self.stillness.since) >= micros_from_secs(config.settle_secs)
    }
}

/// Since when something has been still, judged once a second so that jitter between frames does not look like speed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stillness {
    since: Micros,
    /// The centre at the last judgement, in pixels of the present frame.
    anchor: (f32, f32),
    anchored: Micros,
}

impl Stillness {
    fn look_at(&mut self, t: Micros, rect: &Rect, config: &TrackConfig) {
        let elapsed = t.saturating_sub(self.anchored);
        if elapsed < SECOND_US {
            return;
        }
        let (x, y) = rect.centre();
        let moved = length(x - self.anchor.0, y - self.anchor.1);
        let allowed = config.still_sizes_per_sec * rect.scale() * secs_from_micros(elapsed) as f32;
        if moved >= allowed {
            self.since = t;
        }
        (self.anchor, self.anchored) = ((x, y), t);
    }
}
