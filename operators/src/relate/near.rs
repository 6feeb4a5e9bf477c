//! NEAR: two things are close together, measured in their own sizes.

use super::config::{Hold, MeasureConfig};
use super::pair::Pair;
use super::relation::{Judgement, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// The gap between two tracks is small. Symmetric.
pub struct Near {
    bounds: NearConfig,
}

impl Near {
    /// NEAR with these bounds.
    pub fn new(bounds: &NearConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Near {
    fn kind(&self) -> RelationKind {
        RelationKind::NEAR
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: measure.delay_us(), ..self.bounds.hold.rule(true) }
    }

    fn reach(&self) -> Reach {
        Reach::Gap(self.bounds.off_gap)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        let gap = if pair.measured() { pair.mean_gap() } else { pair.gap() };
        if was_on && gap >= self.bounds.off_gap {
            return Judgement::Off;
        }
        if !pair.measured() {
            // The thing is somewhere in its box: that may refute nearness but not show it. What was near and is not
            // refuted stays near, but gains no confidence.
            return if was_on { Judgement::On(0.0) } else { Judgement::Off };
        }
        if was_on || gap + self.bounds.allowance(pair.mean_gap_noise()) <= self.bounds.on_gap {
            return Judgement::On(confidence(gap, self.bounds.on_gap, 0.0));
        }
        Judgement::Off
    }
}

/// Bounds of NEAR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NearConfig {
    /// Begins at a gap of at most this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_gap: f64,
    /// Ends at a gap of at least this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_gap: f64,
    /// Begins so many standard errors of the gap, as measured from how the boxes jitter, below its bound, for noise not to begin
    /// what then goes on.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub on_sure: f64,
    /// But at most this far below it, in sizes: few sightings tell their error badly.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub noise_most: f64,
    /// How long.
    pub hold: Hold,
}

impl NearConfig {
    /// How far below its bound a gap of this standard error begins it.
    fn allowance(&self, noise: f64) -> f64 {
        (self.on_sure * noise).min(self.noise_most)
    }
}

impl Default for NearConfig {
    fn default() -> Self {
        Self { on_gap: 0.5, off_gap: 0.75, on_sure: 2.0, noise_most: 0.04, hold: Hold::new(0.4, 0.4) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Chance, clip, held, seen};
    use super::*;
    use std::cell::RefCell;
    use vokg_engine::observation::Observation;

    fn near() -> Near {
        Near::new(&NearConfig::default())
    }

    fn at_gap(gap: f64) -> Vec<Observation> {
        vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, 20.0 + gap as f32, 0.0, 20.0, 20.0)]
    }

    #[test]
    fn between_the_bounds_it_stays_as_it_was() {
        // The gap in sizes goes from 1 to 0.4 in a second, stays, swings between 0.4 and 0.7, and reaches 0.75 at 4 s.
        let gap = |s: f64| match s {
            _ if s < 1.0 => 20.0 - 12.0 * s,
            _ if s < 1.6 => 8.0,
            _ if s < 3.0 => 8.0 + 6.0 * ((s - 1.6) * 3.0).sin().abs(),
            _ => 11.0 + 4.0 * (s - 3.0),
        };
        let spans = held(near(), &clip(5.0, |s| at_gap(gap(s))));
        let [(1, 2, from, Some(to))] = spans[..] else { panic!("{spans:?}") };
        assert!((800..950).contains(&from) && (3900..4100).contains(&to), "{spans:?}");
    }

    #[test]
    fn noise_does_not_begin_what_is_just_beyond_the_bound() {
        // Boxes of 20 pixels with 5 % noise come to a gap 3 % of a size beyond the bound; a clear gap is near all the same.
        let spans = |gap: f64| {
            let held = |seed| {
                let chance = RefCell::new(Chance::new(seed));
                let noisy = |mut sighting: Observation| {
                    let off = || chance.borrow_mut().normal() as f32;
                    (sighting.rect.left, sighting.rect.top) = (sighting.rect.left + off(), sighting.rect.top + off());
                    sighting
                };
                held(near(), &clip(8.0, |s| at_gap(gap + 10.0 * (1.0 - s).max(0.0)).into_iter().map(noisy).collect()))
                    .len()
            };
            (0..20).map(held).sum::<usize>()
        };
        let (beyond, within) = (spans(0.53 * 20.0), spans(0.40 * 20.0));
        assert!(beyond <= 10 && within == 20, "{beyond} {within}");
    }

    #[test]
    fn a_merged_box_can_end_it_but_not_begin_it() {
        let merged = |gap: f64| at_gap(gap).into_iter().map(|o| Observation { merged: true, ..o }).collect();
        assert_eq!(held(near(), &clip(1.0, |_| merged(5.0))), []);
        let frames = clip(4.0, |s| match s {
            _ if s < 1.0 => at_gap(5.0),
            _ if s < 3.0 => merged(0.0),
            _ => merged(16.0),
        });
        assert_eq!(held(near(), &frames), [(1, 2, 0, Some(2750))], "dated back");
    }
}
