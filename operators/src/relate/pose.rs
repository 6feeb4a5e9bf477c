//! What is known of one track in one frame: its sighting, and what its earlier sightings say about it.

use super::border::Edges;
use super::config::MeasureConfig;
use super::kinematics::{AmodalArea, MeanBox, SizeMedian, Velocity, VelocityWindow};
use super::trail::Trail;
use crate::ground::GroundBox;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::mask::Mask;
use vokg_engine::observation::Observation;
use vokg_engine::time::{Micros, micros_from_secs};

/// Sizes below the grid of boxes count as this, so that nothing is divided by 0.
const SIZE_MIN_PX: f64 = 1.0 / 16.0;

/// One track in one frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pose {
    pub(super) track: TrackId,
    pub(super) rect: Rect,
    /// The mean box over the window of the velocity, on the ground.
    pub(super) mean: MeanBox,
    pub(super) centre: (f64, f64),
    /// Running median, in pixels.
    pub(super) size_px: f64,
    /// Pixels per second.
    pub(super) velocity: Option<(f64, f64)>,
    pub(super) speed_px: f64,
    /// Standard error of the speed, in pixels per second.
    pub(super) speed_noise_px: f64,
    /// How far single boxes lie beside their line, along one axis, in pixels (root of the mean square).
    pub(super) jitter_px: f64,
    /// Standard error of the place over the window of the velocity, along one axis, in pixels.
    pub(super) place_noise_px: f64,
    /// Pixels per second, over a longer window.
    pub(super) steady: Option<(f64, f64)>,
    /// Standard error of that speed, in pixels per second.
    pub(super) steady_noise_px: f64,
    /// When the track was first seen.
    pub(super) first_us: Micros,
    /// Since when it has been seen without a long pause.
    pub(super) since_us: Micros,
    /// When it last stood, by its own size.
    pub(super) stood_us: Option<Micros>,
    /// The first step its trail does not know yet.
    pub(super) trail_end: u64,
    /// It lies where another left it.
    pub(super) left: bool,
    pub(super) score: f64,
    pub(super) visible: Option<f64>,
    pub(super) mask: Option<Arc<Mask>>,
    /// The box is this track's alone.
    pub(super) measured: bool,
    pub(super) whole: bool,
    /// Towards which side the border cuts it, along both axes: −1, 0 or 1.
    pub(super) cut: (f64, f64),
}

/// The windows of one live track.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Motion {
    size: SizeMedian,
    velocity: Velocity,
    steady: Velocity,
    area: AmodalArea,
    trail: Trail,
    first_us: Option<Micros>,
    since_us: Micros,
    last_us: Micros,
    stood_us: Option<Micros>,
}

/// The windows' lengths in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Windows {
    size_us: Micros,
    velocity: VelocityWindow,
    steady: VelocityWindow,
    border_share: f64,
    standing_speed: f64,
}

impl Pose {
    /// Speed over the longer window, in own sizes per second.
    pub(super) fn own_speed(&self) -> Option<f64> {
        self.steady.map(|velocity| speed(velocity) / self.size_px)
    }

    /// The size of a pair in pixels: the geometric mean of both sizes.
    pub(super) fn pair_size_px(&self, other: &Self) -> f64 {
        (self.size_px * other.size_px).sqrt()
    }
}

impl Windows {
    pub(super) fn new(config: &MeasureConfig) -> Self {
        Self {
            size_us: micros_from_secs(config.size_secs),
            velocity: VelocityWindow {
                length_us: micros_from_secs(config.velocity_secs),
                span_us: micros_from_secs(config.velocity_span_secs),
                pause_us: micros_from_secs(config.interpolate_secs),
            },
            steady: VelocityWindow {
                length_us: micros_from_secs(config.steady_secs),
                span_us: micros_from_secs(config.velocity_span_secs),
                pause_us: micros_from_secs(config.interpolate_secs),
            },
            border_share: config.border_share,
            standing_speed: config.standing_speed,
        }
    }
}

impl Windows {
    /// Motion is read over pauses between sightings of at most this long.
    pub(super) fn set_pause(&mut self, pause_us: Micros) {
        (self.velocity.pause_us, self.steady.pause_us) = (pause_us, pause_us);
    }
}

impl Motion {
    /// Where the track was.
    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Takes the next sighting and tells what is known with it. How much of it can be seen is left to
    /// [`Motion::look`], since that depends on what is around it.
    ///
    /// `ground` is its box on the ground, by which it moves. A merged box moves and grows with what else it covers, so it
    /// adds nothing to the windows.
    pub(super) fn observe(
        &mut self,
        seen: &Observation,
        ground: impl Into<GroundBox>,
        frame: Option<Size>,
        windows: &Windows,
    ) -> Pose {
        let ground = ground.into();
        let edges = Edges::new(&seen.rect, frame, windows.border_share).at(ground.left, ground.top);
        if !seen.merged {
            self.size.push(seen.t, f64::from(seen.rect.scale()), edges.whole(), windows.size_us);
            self.velocity.push(seen.t, edges, &windows.velocity);
            self.steady.push(seen.t, edges, &windows.steady);
        }
        let first_us = *self.first_us.get_or_insert(seen.t);
        if first_us == seen.t || self.last_us + windows.velocity.pause_us < seen.t {
            self.since_us = seen.t;
        }
        self.last_us = seen.t;
        let velocity = self.velocity.at(seen.t, &windows.velocity);
        let steady = self.steady.at(seen.t, &windows.steady);
        if !seen.merged && !is_crossing_border(&edges, velocity, windows.standing_speed * f64::from(seen.rect.scale()))
        {
            self.trail.push(seen.t, ground, windows.velocity.pause_us);
        }
        let size_px = if self.size.median() > 0.0 { self.size.median() } else { f64::from(seen.rect.scale()) };
        let size_px = size_px.max(SIZE_MIN_PX);
        let mean = self.velocity.mean_box(seen.t, windows.velocity.length_us / 2, velocity);
        let (x, y) = seen.rect.centre();
        if steady.is_some_and(|v| speed(v) < windows.standing_speed * size_px) {
            self.stood_us = Some(seen.t);
        }
        Pose {
            track: seen.track,
            rect: seen.rect,
            mean: mean.unwrap_or(MeanBox::from(&edges)),
            centre: (f64::from(x), f64::from(y)),
            size_px,
            velocity,
            speed_px: velocity.map_or(0.0, speed),
            speed_noise_px: self.velocity.speed_noise(),
            jitter_px: self.velocity.jitter(),
            place_noise_px: self.velocity.place_noise(),
            steady,
            steady_noise_px: self.steady.speed_noise(),
            first_us,
            since_us: self.since_us,
            stood_us: self.stood_us,
            trail_end: self.trail.end(),
            left: false,
            score: f64::from(seen.score).clamp(0.0, 1.0),
            visible: seen.visible.map(|visible| visible_in_frame(visible, &seen.rect, frame)),
            mask: seen.mask.clone().map(Arc::new),
            measured: !seen.merged,
            whole: edges.whole(),
            cut: (edges.x.cut_side(), edges.y.cut_side()),
        }
    }

    /// Fills in the visible share from the mask, where it was not given: the area against the area when nothing was
    /// close. `crowded` says whether something is close enough to hide it now.
    pub(super) fn look(&mut self, pose: &mut Pose, t: Micros, frame: Option<Size>, crowded: bool) {
        let (Some(mask), Some(frame)) = (&pose.mask, frame) else { return };
        if pose.visible.is_some() || !pose.measured {
            return;
        }
        let area = f64::from(mask.area_px(frame));
        if crowded {
            pose.visible = self.area.visible(area);
            return;
        }
        if pose.whole {
            self.area.push(t, area);
        }
        pose.visible = Some(1.0);
    }
}

/// Whether a box is cut by the border it moves across: its centre moves at half the speed of the thing, and no trail is read
/// from it. What the border cuts while it moves along it keeps its trail. `standing_px` is the least speed of a movement, in
/// pixels per second.
fn is_crossing_border(edges: &Edges, velocity: Option<(f64, f64)>, standing_px: f64) -> bool {
    let moves = |along: fn((f64, f64)) -> f64| velocity.is_none_or(|v| along(v).abs() >= standing_px);
    !edges.x.whole() && moves(|(x, _)| x) || !edges.y.whole() && moves(|(_, y)| y)
}

fn speed((x, y): (f64, f64)) -> f64 {
    (x * x + y * y).sqrt()
}

/// A given visible share counts what the border of the frame cuts off as invisible, but no thing hides that.
fn visible_in_frame(visible: f32, rect: &Rect, frame: Option<Size>) -> f64 {
    let visible = f64::from(visible).clamp(0.0, 1.0);
    let Some(frame) = frame else { return visible };
    let inside = rect.overlap(&Rect::new(0.0, 0.0, frame.width as f32, frame.height as f32));
    if inside <= 0.0 {
        return visible;
    }
    (visible * f64::from(rect.area()) / f64::from(inside)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::seen;
    use super::*;
    use vokg_engine::mask::CellBounds;

    const FRAME: Option<Size> = Some(Size { width: 100, height: 100 });

    fn windows() -> Windows {
        Windows::new(&MeasureConfig::default())
    }

    #[test]
    fn merged_boxes_change_neither_size_nor_velocity() {
        let still = |i: u64| seen(i * 40_000, 1, 10.0, 20.0, 10.0, 10.0);
        let mut motion = Motion::default();
        for i in 0..10 {
            motion.observe(&still(i), &still(i).rect, FRAME, &windows());
        }
        let merged = Observation { merged: true, ..seen(400_000, 1, 10.0, 20.0, 60.0, 60.0) };
        let pose = motion.observe(&merged, &merged.rect, FRAME, &windows());
        assert_eq!((pose.size_px, pose.velocity, pose.measured), (10.0, Some((0.0, 0.0)), false));
    }

    #[test]
    fn what_the_border_cuts_off_is_not_hidden() {
        let half_outside = Rect::new(-10.0, 0.0, 20.0, 20.0);
        assert_eq!(visible_in_frame(0.5, &half_outside, FRAME), 1.0);
        assert_eq!(visible_in_frame(0.25, &half_outside, FRAME), 0.5);
        assert_eq!(visible_in_frame(0.5, &half_outside, None), 0.5);
    }

    #[test]
    fn a_mask_that_shrinks_beside_something_is_hidden() {
        let mut motion = Motion::default();
        let lattice = Size { width: 100, height: 100 };
        let mut visible = |i: u64, width: u32, crowded| {
            let mask = Mask::from_cells(lattice, CellBounds { left: 20, top: 20, width, height: 10 }, |_, _| true);
            let sighting = Observation { mask: Some(mask), ..seen(i * 40_000, 1, 20.0, 20.0, width as f32, 10.0) };
            let mut pose = motion.observe(&sighting, &sighting.rect, FRAME, &windows());
            motion.look(&mut pose, sighting.t, FRAME, crowded);
            pose.visible
        };
        assert_eq!(visible(0, 10, true), None);
        assert_eq!(visible(1, 10, false), Some(1.0));
        assert_eq!(visible(2, 6, true), Some(0.6));
        assert_eq!(visible(3, 10, true), Some(1.0));
    }
}
