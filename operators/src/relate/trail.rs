//! Where a track was over the last seconds, on a grid of time that does not depend on the frame rate.

use crate::ground::GroundBox;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use vokg_engine::time::Micros;

/// Step of the grid.
pub(super) const STEP_US: Micros = 100_000;
/// How many points are kept: the longest lag of FOLLOWS and its window, and what a replay looks back to.
const POINTS_MAX: u64 = 80;
/// Places of the ring they are kept in: a power of two, so that finding one costs no division.
const RING: usize = 128;

/// A point of a trail, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) centre: (f64, f64),
    /// Height of the bottom edge in the frame, from above.
    pub(super) bottom: f64,
}

/// The places of one track at the multiples of [`STEP_US`], interpolated between its sightings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Trail {
    /// The point of step `n` at `n % RING`; empty until there is one.
    ring: Vec<Point>,
    /// Which multiples are known.
    steps: Range<u64>,
    sighting: Option<(Micros, Point)>,
}

impl Trail {
    /// Of a track that was never seen.
    pub(super) const NONE: &Self = &Self { ring: Vec::new(), steps: 0..0, sighting: None };

    /// Adds a sighting later than the one before. A pause longer than `pause_us` begins the trail anew.
    pub(super) fn push(&mut self, t: Micros, ground: impl Into<GroundBox>, pause_us: Micros) {
        let ground = ground.into();
        let now = Point { centre: ground.centre(), bottom: ground.bottom() };
        let before = self.sighting.replace((t, now)).filter(|(then, _)| then + pause_us >= t);
        let Some((then, before)) = before else {
            let next = t.div_ceil(STEP_US);
            self.steps = next..next;
            if t.is_multiple_of(STEP_US) {
                self.add(now);
            }
            return;
        };
        for step in then / STEP_US + 1..=t / STEP_US {
            let share = (step * STEP_US - then) as f64 / (t - then) as f64;
            let between = |p: f64, q: f64| p + share * (q - p);
            self.add(Point {
                centre: (between(before.centre.0, now.centre.0), between(before.centre.1, now.centre.1)),
                bottom: between(before.bottom, now.bottom),
            });
        }
    }

    /// The point of the next step.
    fn add(&mut self, point: Point) {
        self.ring.resize(RING, point);
        self.ring[self.steps.end as usize % RING] = point;
        self.steps.end += 1;
        self.steps.start = self.steps.start.max(self.steps.end.saturating_sub(POINTS_MAX));
    }

    /// The point at a multiple of the step, if it is known.
    pub(super) fn at(&self, step: u64) -> Option<&Point> {
        self.steps.contains(&step).then(|| &self.ring[step as usize % RING])
    }

    /// The points from one step to another, both included, backwards and every so many; `None` unless all are known.
    pub(super) fn back(&self, from: u64, to: u64, stride: usize) -> Option<impl Iterator<Item = &Point>> {
        let known = from <= to && self.steps.start <= from && to < self.steps.end;
        known.then(|| (from..=to).rev().step_by(stride).map(|step| &self.ring[step as usize % RING]))
    }

    /// The step after the last that is known.
    pub(super) fn end(&self) -> u64 {
        self.steps.end
    }

    /// Mean velocity over so many steps up to `step`, in pixels per second.
    pub(super) fn velocity(&self, step: u64, over: u64) -> Option<(f64, f64)> {
        let (from, to) = (self.at(step.checked_sub(over)?)?, self.at(step)?);
        let secs = over as f64 * STEP_US as f64 / 1e6;
        Some(((to.centre.0 - from.centre.0) / secs, (to.centre.1 - from.centre.1) / secs))
    }
}

/// A trail as far as it was known at some moment: who is confirmed late meets trails that have grown since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    trail: &'a Trail,
    end: u64,
}

impl<'a> Known<'a> {
    /// The trail up to before the step `end`.
    pub(super) fn new(trail: &'a Trail, end: u64) -> Self {
        Self { trail, end }
    }

    /// As [`Trail::at`].
    pub(super) fn at(&self, step: u64) -> Option<&'a Point> {
        self.trail.at(step).filter(|_| step < self.end)
    }

    /// As [`Trail::back`].
    pub(super) fn back(&self, from: u64, to: u64, stride: usize) -> Option<impl Iterator<Item = &'a Point>> {
        let trail: &'a Trail = self.trail;
        trail.back(from, to, stride).filter(|_| to < self.end)
    }

    /// As [`Trail::velocity`].
    pub(super) fn velocity(&self, step: u64, over: u64) -> Option<(f64, f64)> {
        self.trail.velocity(step, over).filter(|_| step < self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;

    fn trail(period_us: Micros, to_us: Micros) -> Trail {
        let mut trail = Trail::default();
        let mut t = 30_000;
        while t <= to_us {
            trail.push(t, &Rect::from_centre(t as f32 / 1e4, 50.0, 10.0, 20.0), 500_000);
            t += period_us;
        }
        trail
    }

    #[test]
    fn points_are_the_same_at_any_frame_rate() {
        for period_us in [4_000, 40_000, 200_000, 450_000] {
            let trail = trail(period_us, 2_000_000);
            let point = trail.at(13).unwrap();
            assert!((point.centre.0 - 130.0).abs() < 1e-3, "{period_us}: {point:?}");
            assert_eq!((point.centre.1, point.bottom), (50.0, 60.0));
            let (x, y) = trail.velocity(15, 10).unwrap();
            assert!((x - 100.0).abs() < 1e-2 && y == 0.0, "{period_us}: {x}");
        }
    }

    #[test]
    fn a_long_pause_begins_anew_and_memory_is_bounded() {
        let mut long = trail(40_000, 20_000_000);
        assert_eq!((long.steps.clone(), long.at(100), long.ring.len()), (120..200, None, RING));
        assert!(long.back(119, 199, 1).is_none() && long.back(190, 200, 1).is_none());
        assert_eq!(long.back(190, 199, 4).map(Iterator::count), Some(3));
        long.push(20_600_000, &Rect::default(), 500_000);
        assert_eq!((long.at(199), long.steps.clone()), (None, 206..207));
        assert!(long.at(206).is_some() && long.at(207).is_none());
    }
}
