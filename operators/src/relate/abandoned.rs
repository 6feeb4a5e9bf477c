//! ABANDONED: a thing lies where another left it and went.
//!
//! Its evidence begins when something was put down and lasts while it lies, whoever is there. Evidence of BESIDE, that
//! somebody is close to what was left, is taken out of it; so who put it down may leave the picture, or break into several
//! tracks, and what counts is when the object was not beside it.

use super::config::AbandonedConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::{Micros, SECOND_US};

const BESIDE: RelationKind = RelationKind::literal("BESIDE");

/// How soon after PUT_DOWN the second must be seen to lie.
const PUT_DOWN_WITHIN_US: Micros = SECOND_US;

/// The second track lies where the first put it. Directed.
pub struct Abandoned {
    bounds: AbandonedConfig,
}

/// The first track is close to the second, which was left. Directed; serves ABANDONED alone.
pub struct Beside {
    bounds: AbandonedConfig,
}

impl Abandoned {
    /// ABANDONED with these bounds.
    pub fn new(bounds: &AbandonedConfig) -> Self {
        Self { bounds: bounds.clone() }
    }

    fn lies(&self, speed: Option<f64>) -> Judgement {
        match speed {
            Some(speed) if speed < self.bounds.still_speed => Judgement::On(1.0),
            Some(_) => Judgement::Off,
            None => Judgement::Unclear,
        }
    }
}

impl Beside {
    /// BESIDE with these bounds.
    pub fn new(bounds: &AbandonedConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Abandoned {
    fn kind(&self) -> RelationKind {
        RelationKind::ABANDONED
    }

    fn rule(&self) -> IntervalRule {
        IntervalRule { without: Some(BESIDE), ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::After(RelationKind::PUT_DOWN)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !was_on && !pair.held_towards(RelationKind::PUT_DOWN, PUT_DOWN_WITHIN_US) {
            return Judgement::Off;
        }
        self.lies(pair.steady_speed(End::B))
    }

    fn judge_alone(&self, speed: Option<f64>) -> Option<Judgement> {
        Some(self.lies(speed))
    }
}

impl Relation for Beside {
    fn kind(&self) -> RelationKind {
        BESIDE
    }

    fn rule(&self) -> IntervalRule {
        IntervalRule { internal: true, ..IntervalRule::PLAIN }
    }

    fn reach(&self) -> Reach {
        Reach::Left
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        let bound = if was_on { self.bounds.on_distance } else { self.bounds.off_distance };
        if pair.distance() < bound { Judgement::On(1.0) } else { Judgement::Off }
    }
}
