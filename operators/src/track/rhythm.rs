//! How far apart the frames come, and how long a track is therefore waited for.
//!
//! The patience of the configuration is in seconds and means many frames. Where frames are so sparse that it means fewer than
//! three (a frame a second, or keyframes alone), it is some of their periods instead, since a thing that is seen in every
//! frame is followed in any stream.

use super::config::TrackConfig;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::time::{Micros, micros_from_secs};

/// The period is the median of so many steps: a hole in a stream, or a keyframe for a cut of the scene, does not move it.
const STEPS: usize = 5;
/// A confirmed track outlives so many half periods: two frames in a row in which it was missed, and uneven steps.
const LOST_HALF_PERIODS: Micros = 5;
/// One that is not confirmed outlives so many half periods: one frame in which it was missed.
const FORGET_HALF_PERIODS: Micros = 3;

/// The last steps from frame to frame.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Rhythm {
    last: Option<Micros>,
    steps: VecDeque<Micros>,
}

/// For how long a track that is not seen is kept, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// A confirmed one.
    pub(super) lost_us: Micros,
    /// One that is not confirmed.
    pub(super) forget_us: Micros,
}

impl Rhythm {
    /// The time of the last frame.
    pub(super) fn last(&self) -> Option<Micros> {
        self.last
    }

    /// How long after the frame before the last one came; 0 before there are two.
    pub(super) fn step(&self) -> Micros {
        self.steps.back().copied().unwrap_or(0)
    }

    /// The patience in a frame at `t`, which is not ticked yet, by the frames before it. Its own step is the period where there
    /// is no other.
    pub(super) fn patience(&self, t: Micros, config: &TrackConfig) -> Patience {
        let period = self.period().or(self.last.map(|last| t.saturating_sub(last))).unwrap_or(0);
        let (lost_us, forget_us) = (micros_from_secs(config.lost_secs), micros_from_secs(config.forget_secs));
        let sparse_us = LOST_HALF_PERIODS.saturating_mul(period) / 2;
        if sparse_us <= lost_us {
            return Patience { lost_us, forget_us };
        }
        Patience { lost_us: sparse_us, forget_us: forget_us.max(FORGET_HALF_PERIODS.saturating_mul(period) / 2) }
    }

    /// A frame comes at `t`.
    pub(super) fn tick(&mut self, t: Micros) {
        if let Some(last) = self.last.replace(t) {
            self.steps.push_back(t.saturating_sub(last));
            if self.steps.len() > STEPS {
                self.steps.pop_front();
            }
        }
    }

    /// The median of the last steps; of an even number of them the greater one.
    fn period(&self) -> Option<Micros> {
        let mut steps = [0; STEPS];
        let steps = &mut steps[..self.steps.len()];
        steps.iter_mut().zip(&self.steps).for_each(|(place, step)| *place = *step);
        steps.sort_unstable();
        steps.get(steps.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The patience in the last of these frames, in milliseconds.
    fn patience(times_ms: &[Micros], config: &TrackConfig) -> (Micros, Micros) {
        let mut rhythm = Rhythm::default();
        let (last, before) = times_ms.split_last().unwrap_or((&0, &[]));
        before.iter().for_each(|t| rhythm.tick(t * 1000));
        let Patience { lost_us, forget_us } = rhythm.patience(last * 1000, config);
        (lost_us / 1000, forget_us / 1000)
    }

    #[test]
    fn ordinary_rates_leave_the_patience_as_it_is() {
        let config = TrackConfig::default();
        let every = |step: Micros| -> Vec<Micros> { (0..20).map(|n| n * step).collect() };
        for step in [8, 16, 33, 40, 100, 200, 240] {
            assert_eq!(patience(&every(step), &config), (600, 200), "{step}");
        }
    }

    #[test]
    fn sparse_frames_are_waited_for() {
        let config = TrackConfig::default();
        assert_eq!(patience(&[0, 1000], &config), (2500, 1500), "the first step is the rhythm");
        assert_eq!(patience(&[0, 4000, 8000, 8500, 12_500, 16_500], &config), (10_000, 6000), "in spite of a cut");
    }

    #[test]
    fn a_hole_is_no_rhythm() {
        let config = TrackConfig::default();
        let times = [0, 40, 80, 120, 160, 9000, 9040];
        for end in 3..=times.len() {
            assert_eq!(patience(&times[..end], &config), (600, 200), "{end}");
        }
    }
}
