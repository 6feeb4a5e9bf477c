//! MEETS: two things come together and stay.

use super::config::MeetsConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
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

    fn rule(&self) -> IntervalRule {
        let within_us = micros_from_secs(self.bounds.approach_within_secs);
        IntervalRule {
            delay_us: Pair::STEADY_DELAY_US,
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
