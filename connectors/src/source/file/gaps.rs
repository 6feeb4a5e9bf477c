//! Where pictures are missing, told from the steps between those that came.
//!
//! Decoders skip what they cannot decode without a word, so a hole in the file shows only as a long step. A step is a
//! hole when it exceeds 0.3 s, and three times the running median of the steps, so that a variable frame rate is no
//! hole, and three times the duration the container gave the picture before it, so that a picture meant to stand for
//! long is none either.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// No shorter step is a hole.
const LEAST_NANOS: u64 = 300_000_000;

/// A hole is longer than this many usual steps.
const TIMES: u64 = 3;

/// Steps the median looks back on.
const WINDOW: usize = 31;

/// Finds holes. Called once per decoded picture, in order, before sampling.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GapDetector {
    last: Option<Picture>,
    steps: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Picture {
    nanos: u64,
    duration: u64,
}

impl GapDetector {
    /// Sees the picture at `nanos`, which the container says lasts `duration`. Answers the time of the picture before
    /// where something is missing between the two.
    pub fn see(&mut self, nanos: u64, duration: Option<u64>) -> Option<u64> {
        let before = self.last.replace(Picture { nanos, duration: duration.unwrap_or(0) });
        let before = before?;
        let step = nanos.saturating_sub(before.nanos);
        let missing = self.is_hole(step, before.duration);
        if !missing {
            self.steps.push_back(step);
            if self.steps.len() > WINDOW {
                self.steps.pop_front();
            }
        }
        missing.then_some(before.nanos)
    }

    /// Where the stream should go on to `end_nanos`: the time of the last picture, if something is missing after it.
    pub fn missing_before(&self, end_nanos: u64) -> Option<u64> {
        let last = self.last?;
        self.is_hole(end_nanos.saturating_sub(last.nanos), last.duration).then_some(last.nanos)
    }

    /// When the last picture ends: after its declared duration, else after a usual step.
    pub fn end_nanos(&self) -> u64 {
        self.last.map_or(0, |last| {
            let lasts = if last.duration > 0 { last.duration } else { self.median() };
            last.nanos.saturating_add(lasts)
        })
    }

    /// Where neither earlier steps nor a duration tell what is usual, nothing is judged.
    fn is_hole(&self, step: u64, duration: u64) -> bool {
        let usual = self.median().max(duration);
        usual > 0 && step > LEAST_NANOS && step > usual.saturating_mul(TIMES)
    }

    /// The upper median of the recent steps; 0 where there are none.
    fn median(&self) -> u64 {
        let mut steps: Vec<u64> = self.steps.iter().copied().collect();
        let middle = steps.len() / 2;
        if steps.is_empty() { 0 } else { *steps.select_nth_unstable(middle).1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn holes(millis: &[u64], duration: Option<u64>) -> Vec<u64> {
        let mut detector = GapDetector::default();
        millis.iter().filter_map(|t| detector.see(t * MS, duration).map(|from| from / MS)).collect()
    }

    #[test]
    fn a_hole_in_an_even_stream_is_found() {
        let millis: Vec<u64> = (0..60).filter(|n| !(20..35).contains(n)).map(|n| n * 33).collect();
        assert_eq!(holes(&millis, None), [19 * 33]);
        assert_eq!(holes(&millis, Some(33 * MS)), [19 * 33]);
    }

    #[test]
    fn a_short_hole_passes() {
        let millis: Vec<u64> = (0..60).filter(|n| !(20..27).contains(n)).map(|n| n * 33).collect();
        assert_eq!(holes(&millis, None), [] as [u64; 0], "0.26 s is under the least length");
    }

    #[test]
    fn variable_frame_rate_is_no_hole() {
        assert_eq!(holes(&[0, 150, 500, 650, 1000, 1250, 1600, 1900], None), [] as [u64; 0]);
        assert_eq!(holes(&[0, 5_000, 10_000, 15_000], Some(5_000 * MS)), [] as [u64; 0], "a slide show");
    }

    #[test]
    fn a_picture_meant_to_stand_is_no_hole() {
        let mut detector = GapDetector::default();
        for n in 0..10 {
            detector.see(n * 40 * MS, Some(40 * MS));
        }
        detector.see(400 * MS, Some(3000 * MS));
        assert_eq!(detector.see(3400 * MS, Some(40 * MS)), None);
    }

    #[test]
    fn the_end_is_compared_with_what_was_declared() {
        let mut detector = GapDetector::default();
        (0..31).for_each(|n| {
            detector.see(n * 33 * MS, Some(33 * MS));
        });
        assert_eq!(detector.missing_before(2000 * MS), Some(990 * MS));
        assert_eq!(detector.missing_before(1100 * MS), None);
        assert_eq!(detector.end_nanos(), 1023 * MS);
    }

    #[test]
    fn without_declared_durations_the_last_picture_lasts_a_usual_step() {
        let mut detector = GapDetector::default();
        assert_eq!(detector.end_nanos(), 0);
        [0, 40, 80, 200].iter().for_each(|t| {
            detector.see(t * MS, None);
        });
        assert_eq!(detector.end_nanos(), 240 * MS);
    }

    proptest! {
        #[test]
        fn steps_within_a_factor_of_three_are_no_holes(steps in proptest::collection::vec(100u64..300, 1..100)) {
            let millis: Vec<u64> = steps.iter().scan(0, |t, step| { *t += step; Some(*t) }).collect();
            prop_assert_eq!(holes(&millis, None), [] as [u64; 0]);
        }

        #[test]
        fn every_hole_ends_where_it_was_found(steps in proptest::collection::vec(1u64..5000, 1..100)) {
            let mut detector = GapDetector::default();
            let (mut t, mut before) = (0, None);
            for step in steps {
                t += step * MS;
                if let Some(from) = detector.see(t, None) {
                    prop_assert_eq!(Some(from), before);
                    prop_assert!(t - from > LEAST_NANOS);
                }
                before = Some(t);
            }
        }
    }
}
