//! CONTAINS: a smaller thing lies in the box of a larger one.
//!
//! The container counts with its box, not its mask: the masks of two things share no pixels, so a basket's mask has a
//! hole where its contents are.

use super::config::ContainsConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// Most of the second track lies in the box of the first. Directed.
pub struct Contains {
    bounds: ContainsConfig,
}

impl Contains {
    /// CONTAINS with these bounds.
    pub fn new(bounds: &ContainsConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Contains {
    fn kind(&self) -> RelationKind {
        RelationKind::CONTAINS
    }

    fn rule(&self) -> IntervalRule {
        self.bounds.hold.rule(false)
    }

    fn reach(&self) -> Reach {
        Reach::Gap(0.0)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let smaller = pair.area_px(End::B) <= self.bounds.area_ratio * pair.area_px(End::A);
        if !was_on && !smaller {
            return Judgement::Off;
        }
        let share = pair.share_inside();
        let holds = if was_on { share > self.bounds.off_share } else { share >= self.bounds.on_share };
        if !holds {
            return Judgement::Off;
        }
        Judgement::On(confidence(share, self.bounds.on_share, 1.0))
    }
}
