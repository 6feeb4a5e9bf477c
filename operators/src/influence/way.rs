//! The way of one track on a fixed grid of media time: ten places a second, whatever the frame rate.

use crate::ground::GroundBox;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::time::{Micros, secs_from_micros};

/// Media time between two steps of the grid. Step `n` is at `n` times this.
pub(super) const STEP_US: Micros = 100_000;

/// Steps in a second.
pub(super) const STEPS_PER_SEC: usize = 10;

/// Time in which the size follows the measured one by 63 %, in seconds.
const SIZE_SETTLE_SECS: f64 = 2.0;

/// Where a track is at a step of the grid, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Running size, the square root of the box's area.
    pub(super) size: f64,
}

/// How sightings become places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resampling {
    /// Places are interpolated between sightings at most this far apart.
    pub(super) pause_us: Micros,
    /// Most steps that are kept.
    pub(super) keep: usize,
}

/// Places of a track at consecutive steps; `None` where it was not seen around them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Way {
    first: u64,
    places: VecDeque<Option<Place>>,
    last_t: Micros,
    last: Place,
}

impl Way {
    /// Begins with a sighting.
    pub(super) fn new(t: Micros, ground: impl Into<GroundBox>) -> Self {
        let last = place(&ground.into());
        let mut way = Self { first: t.div_ceil(STEP_US), places: VecDeque::new(), last_t: t, last };
        if t.is_multiple_of(STEP_US) {
            way.places.push_back(Some(last));
        }
        way
    }

    /// Adds a sighting; one that is not later than the last is passed by.
    pub(super) fn push(&mut self, t: Micros, ground: impl Into<GroundBox>, resampling: &Resampling) {
        if t <= self.last_t {
            return;
        }
        let (before, pause_us) = (self.last, t - self.last_t);
        let mut now = place(&ground.into());
        let secs = secs_from_micros(pause_us);
        now.size = before.size + (now.size - before.size) * secs / (secs + SIZE_SETTLE_SECS);
        let seen_between = pause_us <= resampling.pause_us;
        let end = t / STEP_US + 1;
        if self.end() + (resampling.keep as u64) < end {
            self.places.clear();
            self.first = end - resampling.keep as u64;
        }
        for step in self.end()..end {
            let step_us = step * STEP_US;
            let share = (step_us - self.last_t) as f64 / pause_us as f64;
            let between = Place {
                x: before.x + (now.x - before.x) * share,
                y: before.y + (now.y - before.y) * share,
                size: now.size,
            };
            self.places.push_back((seen_between || step_us == t).then_some(between));
        }
        while self.places.len() > resampling.keep {
            self.places.pop_front();
            self.first += 1;
        }
        (self.last_t, self.last) = (t, now);
    }

    /// The place at a step, where known.
    pub(super) fn at(&self, step: u64) -> Option<Place> {
        let index = usize::try_from(step.checked_sub(self.first)?).ok()?;
        self.places.get(index).copied().flatten()
    }

    /// Time of the last sighting.
    pub(super) fn last_t(&self) -> Micros {
        self.last_t
    }

    fn end(&self) -> u64 {
        self.first + self.places.len() as u64
    }
}

fn place(ground: &GroundBox) -> Place {
    let (x, y) = ground.centre();
    Place { x, y, size: f64::from(ground.scale()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::geometry::Rect;

    const RESAMPLING: Resampling = Resampling { pause_us: 500_000, keep: 50 };

    fn at(x: f32) -> Rect {
        Rect::from_centre(x, 0.0, 16.0, 16.0)
    }

    #[test]
    fn places_lie_between_sightings_but_not_in_long_pauses() {
        let mut way = Way::new(40_000, &at(4.0));
        [(120_000, 12.0), (400_000, 40.0), (1_000_000, 100.0), (1_080_000, 108.0)]
            .into_iter()
            .for_each(|(t, x)| way.push(t, &at(x), &RESAMPLING));
        let x: Vec<_> = (0..12).map(|step| way.at(step).map(|place| place.x.round())).collect();
        let known = |x| Some(f64::from(x));
        assert_eq!(x[..6], [None, known(10), known(20), known(30), known(40), None]);
        assert_eq!(x[9..], [None, known(100), None]);
    }

    #[test]
    fn the_size_follows_slowly() {
        let mut way = Way::new(0, &at(0.0));
        way.push(100_000, &Rect::from_centre(0.0, 0.0, 37.0, 37.0), &RESAMPLING);
        assert_eq!(way.at(1).map(|place| place.size), Some(17.0));
    }

    proptest! {
        #[test]
        fn any_frame_rate_gives_the_same_way_of_a_steady_thing(period_us in 4_000u64..500_000, start in 0u64..300_000) {
            let mut way = Way::new(start, &at(start as f32 / 1e4));
            for i in 1..40 {
                let t = start + i * period_us;
                way.push(t, &at(t as f32 / 1e4), &RESAMPLING);
            }
            let steps = start.div_ceil(STEP_US)..=(start + 39 * period_us) / STEP_US;
            for step in steps.rev().take(50) {
                let place = way.at(step).unwrap();
                prop_assert!((place.x - step as f64 * 10.0).abs() < 1e-2);
            }
            prop_assert!(way.places.len() <= 50);
        }

        #[test]
        fn pauses_of_any_length_are_bounded(pauses in prop::collection::vec(1u64..1 << 40, 1..20)) {
            let (mut way, mut t) = (Way::new(0, &at(0.0)), 0);
            for pause in pauses {
                t += pause;
                way.push(t, &at(0.0), &RESAMPLING);
                prop_assert!(way.places.len() <= 50);
                prop_assert_eq!(way.end(), t / STEP_US + 1);
                prop_assert_eq!(way.at(t / STEP_US).is_some(), pause <= 500_000 || t % STEP_US == 0);
            }
        }
    }
}
