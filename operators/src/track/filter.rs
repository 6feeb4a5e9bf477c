//! Where a box is and where it goes: a constant-velocity Kalman filter for each of centre x, centre y, width, height.
//!
//! The axes are filtered apart from each other, so there are no matrices, and alike, so one covariance does for all. The model is white-noise acceleration plus a
//! wandering position (Bar-Shalom, Li and Kirubarajan, "Estimation with Applications to Tracking and Navigation",
//! 2001, section 6.2.2). All noise is in sizes and seconds: at 30 frames a second it equals the customary per-frame
//! weights of 1/20 (position, measurement) and 1/160 (velocity) of DeepSORT and ByteTrack.

use serde::{Deserialize, Serialize};
use vokg_engine::geometry::{Affine, Rect};

/// Standard deviation of a measured coordinate, in sizes.
const MEASURED: f32 = 1.0 / 20.0;
/// Standard deviation by which a coordinate wanders beside its velocity, in sizes per square root of a second.
const WANDER: f32 = 0.27;
/// Standard deviation by which a velocity changes, in sizes per second per square root of a second.
const ACCELERATION: f32 = 1.0;
/// Standard deviation of the velocity of something seen once, in sizes per second.
const FIRST_VELOCITY: f32 = 2.0;
/// Extents stay above this, in pixels.
const MIN_EXTENT_PX: f32 = 1.0;

/// How uncertain a coordinate is: the variances of its value and of its velocity, and their covariance.
///
/// It follows from sizes and times alone, not from what is measured, so that the four coordinates share one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Uncertainty {
    value: f32,
    covariance: f32,
    velocity: f32,
}

impl Uncertainty {
    /// Of something seen once.
    fn at_first(size: f32) -> Self {
        let (value_error, velocity_error) = (2.0 * MEASURED * size, FIRST_VELOCITY * size);
        Self { value: value_error * value_error, covariance: 0.0, velocity: velocity_error * velocity_error }
    }

    fn predict(&mut self, secs: f32, size: f32) {
        let (wander, acceleration) = (WANDER * size, ACCELERATION * size);
        let (wander, acceleration) = (wander * wander * secs, acceleration * acceleration * secs);
        self.value += secs * (2.0 * self.covariance + secs * self.velocity) + wander + acceleration * secs * secs / 3.0;
        self.covariance += secs * self.velocity + acceleration * secs / 2.0;
        self.velocity += acceleration;
    }

    /// Takes a measurement; answers by which share of the innovation the value and the velocity follow it.
    fn update(&mut self, error: f32) -> (f32, f32) {
        let total = self.value + error * error;
        let (gain, velocity_gain) = (self.value / total, self.covariance / total);
        self.velocity -= velocity_gain * self.covariance;
        self.covariance *= 1.0 - gain;
        self.value *= 1.0 - gain;
        (gain, velocity_gain)
    }

    fn scale(&mut self, factor: f32) {
        let square = factor * factor;
        self.value *= square;
        self.covariance *= square;
        self.velocity *= square;
    }
}

/// The state of one box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BoxFilter {
    /// Centre x, centre y, width and height, in pixels.
    values: [f32; 4],
    /// Their changes, per second.
    velocities: [f32; 4],
    uncertainty: Uncertainty,
}

impl BoxFilter {
    /// Something seen once: it may move in any direction.
    pub(super) fn new(rect: &Rect) -> Self {
        let size = rect.scale().max(MIN_EXTENT_PX);
        let (x, y) = rect.centre();
        let values = [x, y, rect.width, rect.height];
        Self { values, velocities: [0.0; 4], uncertainty: Uncertainty::at_first(size) }
    }

    /// The box now.
    pub(super) fn rect(&self) -> Rect {
        let [x, y, width, height] = self.values;
        Rect::from_centre(x, y, width.max(MIN_EXTENT_PX), height.max(MIN_EXTENT_PX))
    }

    /// The box expected after so many seconds.
    pub(super) fn rect_in(&self, secs: f32) -> Rect {
        let [x, y, width, height] = std::array::from_fn(|i| self.values[i] + self.velocities[i] * secs);
        Rect::from_centre(x, y, width.max(MIN_EXTENT_PX), height.max(MIN_EXTENT_PX))
    }

    /// Lets time pass.
    pub(super) fn predict(&mut self, secs: f32) {
        self.uncertainty.predict(secs, self.rect().scale());
        self.values = std::array::from_fn(|i| self.values[i] + self.velocities[i] * secs);
    }

    /// Takes a measured box, whose error is `noise` times the usual.
    pub(super) fn update(&mut self, measured: &Rect, noise: f32) {
        let (gain, velocity_gain) = self.uncertainty.update(MEASURED * noise * self.rect().scale());
        let (x, y) = measured.centre();
        let measured = [x, y, measured.width, measured.height];
        let innovations: [f32; 4] = std::array::from_fn(|i| measured[i] - self.values[i]);
        self.values = std::array::from_fn(|i| self.values[i] + gain * innovations[i]);
        self.velocities = std::array::from_fn(|i| self.velocities[i] + velocity_gain * innovations[i]);
    }

    /// Stops growing and shrinking: an extent that is not measured must not run away.
    pub(super) fn hold_extent(&mut self) {
        self.velocities[2..].fill(0.0);
    }

    /// Follows the camera. Errors are scaled, not turned: right for the small rotations between frames.
    pub(super) fn transform(&mut self, map: &Affine) {
        let [a, b, _, d, e, _] = map.m;
        let scale = (a * e - b * d).abs().sqrt();
        let ([x, y, width, height], [vx, vy, widening, heightening]) = (self.values, self.velocities);
        let (x, y) = map.apply(x, y);
        self.values = [x, y, width * scale, height * scale];
        self.velocities = [a * vx + b * vy, d * vx + e * vy, widening * scale, heightening * scale];
        self.uncertainty.scale(scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_moving(frames_per_sec: usize) -> BoxFilter {
        let mut filter = BoxFilter::new(&Rect::from_centre(0.0, 50.0, 40.0, 40.0));
        for frame in 1..=frames_per_sec {
            let secs = 1.0 / frames_per_sec as f32;
            filter.predict(secs);
            filter.update(&Rect::from_centre(80.0 * frame as f32 * secs, 50.0, 40.0, 40.0), 1.0);
        }
        filter
    }

    #[test]
    fn velocity_is_learnt_alike_at_any_frame_rate() {
        for rate in [10, 25, 60] {
            let (x, y) = seen_moving(rate).rect_in(0.5).centre();
            assert!((x - 120.0).abs() < 4.0 && (y - 50.0).abs() < 0.5, "{rate}: {x} {y}");
        }
    }

    #[test]
    fn a_poor_measurement_moves_the_box_less() {
        let jump = Rect::from_centre(110.0, 50.0, 60.0, 40.0);
        let (mut good, mut poor) = (seen_moving(25), seen_moving(25));
        good.update(&jump, 1.0);
        poor.update(&jump, 3.0);
        assert!(poor.rect().width < good.rect().width);
        assert!(poor.rect().centre().0 < good.rect().centre().0);
    }

    #[test]
    fn the_camera_carries_position_velocity_and_extent() {
        let mut filter = seen_moving(25);
        let before = filter.rect_in(0.5);
        let map = Affine { m: [1.1, 0.0, 30.0, 0.0, 1.1, -5.0] };
        filter.transform(&map);
        let (after, wanted) = (filter.rect_in(0.5), map.apply_to_rect(&before));
        assert!((after.left - wanted.left).abs() < 0.1 && (after.bottom() - wanted.bottom()).abs() < 0.1);
    }

    #[test]
    fn extents_never_vanish() {
        let mut filter = BoxFilter::new(&Rect::from_centre(0.0, 0.0, 9.0, 9.0));
        for step in 0..5 {
            filter.predict(0.1);
            filter.update(&Rect::from_centre(0.0, 0.0, 8.0 - 1.5 * step as f32, 9.0), 1.0);
        }
        assert_eq!(filter.rect_in(10.0).width, MIN_EXTENT_PX);
    }
}
