//! One thing behind another: where it went out of sight, and what is said of it.

use super::super::evidence::Evidence;
use super::super::pose::Pose;
use super::Key;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::RelationKind;
use vokg_engine::geometry::Rect;
use vokg_engine::time::Micros;

/// One thing behind another.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hiding {
    /// When the hidden thing was last seen.
    pub(super) since_us: Micros,
    pub(super) place: Place,
    pub(super) score: f64,
    /// The last sighting of the cover.
    pub(super) cover_us: Micros,
    pub(super) cover: Rect,
    pub(super) cover_size_px: f64,
    pub(super) occludes: Option<Evidence>,
    pub(super) hidden: Option<Evidence>,
    /// It is no longer believed, since then; kept for those who come into sight later.
    pub(super) over_us: Option<Micros>,
}

/// Where a thing went out of sight, and where it is if it went on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) seen: Rect,
    pub(super) gone_on: Rect,
    pub(super) size_px: f64,
}

impl Place {
    pub(super) fn new(pose: &Pose, carry_secs: f64) -> Self {
        let (x, y) = pose.velocity.unwrap_or((0.0, 0.0));
        let Rect { left, top, width, height } = pose.rect;
        let (dx, dy) = ((x * carry_secs) as f32, (y * carry_secs) as f32);
        Self { seen: pose.rect, gone_on: Rect::new(left + dx, top + dy, width, height), size_px: pose.size_px }
    }

    /// The share of it that lies under `cover`: of the better of both places, since the thing may have stopped or not.
    pub(super) fn share_under(&self, cover: &Rect) -> f64 {
        let area = f64::from(self.seen.area()).max(f64::MIN_POSITIVE);
        let under = |rect: &Rect| f64::from(rect.overlap(cover)) / area;
        under(&self.seen).max(under(&self.gone_on))
    }
}

impl Hiding {
    pub(super) fn is_open(&self) -> bool {
        self.over_us.is_none()
    }

    /// Whether what is seen there, now that the cover is at `cover`, may come out of here.
    pub(super) fn is_at_home(&self, rect: &Rect, size_px: f64, cover: &Rect, back_gap: f64) -> bool {
        let within =
            |other: &Rect, other_px: f64| f64::from(rect.gap(other)) <= back_gap * (size_px * other_px).max(0.0).sqrt();
        within(cover, self.cover_size_px) || within(&self.place.seen, self.place.size_px)
    }

    /// The evidence of an absence that is long enough to be told.
    pub(super) fn state(&mut self, (thing, cover): Key, t: Micros, sure: f64, is_there: bool) {
        let begin = |kind, ends| Some(Evidence::begin(kind, ends, t, self.since_us, sure));
        let (hidden, occludes) =
            (begin(RelationKind::HIDDEN_BY, (thing, cover)), begin(RelationKind::OCCLUDES, (cover, thing)));
        self.hidden = hidden;
        if !is_there {
            self.occludes = occludes;
        }
    }
}
