//! MEETS: two things come together and stay.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{After, IntervalRule, RelationKind};
use vokg_engine::time::micros_from_secs;

/// Both tracks are close and still, after one of them approached the other. Symmetric.
pub struct Meets {
    bounds: MeetsConfig,
}

impl Meets {
    /// MEETS with these bounds.
    pub fn new(bounds: &MeetsConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Meets {
    fn kind(&self) -> RelationKind {
        RelationKind::MEETS
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        let within_us = micros_from_secs(self.bounds.approach_within_secs);
        IntervalRule {
            delay_us: measure.steady_delay_us(),
            after: Some(After { kind: RelationKind::APPROACHES, within_us }),
            ..self.bounds.hold.rule(true)
        }
    }

    fn reach(&self) -> Reach {
        Reach::Gap(self.bounds.gap)
    }

    fn judge(&self, pair: &Pair<'_>, _was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let (Some(a), Some(b)) = (pair.steady_speed(End::A), pair.steady_speed(End::B)) else {
            return Judgement::Unclear;
        };
        let still = self.bounds.still_speed;
        match pair.gap() <= self.bounds.gap && a < still && b < still {
            true => Judgement::On(confidence(a.max(b), still, 0.0)),
            false => Judgement::Off,
        }
    }
}

/// Bounds of MEETS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeetsConfig {
    /// Greatest gap, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub gap: f64,
    /// Both are slower than this, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// One approached the other at most this long before, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub approach_within_secs: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for MeetsConfig {
    fn default() -> Self {
        Self { gap: 0.75, still_speed: 0.25, approach_within_secs: 2.0, hold: Hold::new(1.5, 0.6) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RelateConfig;
    use super::super::testing::{clip, held, seen};
    use super::*;
    use vokg_engine::time::SECOND_US;

    fn meets() -> Meets {
        Meets::new(&RelateConfig::default().meets)
    }

    /// One comes from 4 sizes away at 2 sizes a second until 2 s, stands at a gap in sizes, and goes at 5 s.
    fn spans(gap: f64) -> Vec<(u32, u32, u64, Option<u64>)> {
        let way = |s: f64| 20.0 * gap + 20.0 + 40.0 * ((2.0 - s).max(0.0) + (s - 5.0).max(0.0));
        let frames = clip(7.0, |s| vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, way(s) as f32, 0.0, 20.0, 20.0)]);
        held(meets(), &frames)
    }

    #[test]
    fn two_meet_while_both_stand_close() {
        let spans = spans(0.7);
        let [(1, 2, from, Some(to))] = spans[..] else { panic!("{spans:?}") };
        assert!((1900..2500).contains(&from) && (4500..5100).contains(&to), "{from} {to}");
    }

    #[test]
    fn neither_who_stands_apart_nor_who_passes_meets() {
        assert_eq!(spans(0.8), [], "beyond three quarters of a size");
        let frames =
            clip(4.0, |s| vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, 6.0 * s as f32 - 12.0, 25.0, 20.0, 20.0)]);
        assert_eq!(held(meets(), &frames), [], "0.3 sizes a second");
    }

    #[test]
    fn it_needs_an_approach_before_and_lasts_one_and_a_half_seconds() {
        let rule = meets().rule(&MeasureConfig::default());
        assert_eq!(rule.after, Some(After { kind: RelationKind::APPROACHES, within_us: 2 * SECOND_US }));
        assert_eq!((rule.symmetric, rule.hold_on_us, rule.hold_off_us), (true, 1_500_000, 600_000));
    }
}
