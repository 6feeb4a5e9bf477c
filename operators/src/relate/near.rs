//! NEAR: two things are close together, measured in their own sizes.

use super::config::NearConfig;
use super::pair::Pair;
use super::relation::{Judgement, Reach, Relation, confidence};
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

    fn rule(&self) -> IntervalRule {
        self.bounds.hold.rule(true)
    }

    fn reach(&self) -> Reach {
        Reach::Gap(self.bounds.off_gap)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        let gap = pair.gap();
        if was_on && gap >= self.bounds.off_gap {
            return Judgement::Off;
        }
        if !pair.measured() {
            // The thing is somewhere in its box: that may refute nearness but not show it. What was near and is not
            // refuted stays near, but gains no confidence.
            return if was_on { Judgement::On(0.0) } else { Judgement::Off };
        }
        if was_on || gap <= self.bounds.on_gap {
            return Judgement::On(confidence(gap, self.bounds.on_gap, 0.0));
        }
        Judgement::Off
    }
}
