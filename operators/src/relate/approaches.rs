//! APPROACHES: a thing moves towards another that does not run away.

use super::config::HeadingConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// The first track moves towards the second, which is still or comes towards it. Directed; two that walk up to each
/// other approach both ways.
pub struct Approaches {
    bounds: HeadingConfig,
}

/// At this speed along the line nobody doubts the direction, in sizes per second.
pub(super) const CERTAIN_SPEED: f64 = 1.0;

impl Approaches {
    /// APPROACHES with these bounds.
    pub fn new(bounds: &HeadingConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Approaches {
    fn kind(&self) -> RelationKind {
        RelationKind::APPROACHES
    }

    fn rule(&self) -> IntervalRule {
        self.bounds.hold.rule(false)
    }

    fn reach(&self) -> Reach {
        Reach::Speed(self.bounds.off_speed)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        let Some(speed) = pair.along(End::A) else {
            return Judgement::Unclear;
        };
        let holds = if was_on {
            speed >= self.bounds.off_speed
        } else {
            speed >= self.bounds.on_speed
                && pair.heading(End::A).is_some_and(|cos| cos >= self.bounds.on_cos)
                && self.is_met(pair)
        };
        if !holds {
            return Judgement::Off;
        }
        Judgement::On(confidence(speed, self.bounds.on_speed, CERTAIN_SPEED))
    }
}

impl Approaches {
    /// Whether the other waits or comes.
    fn is_met(&self, pair: &Pair<'_>) -> bool {
        let still = pair.speed(End::B).is_some_and(|speed| speed < self.bounds.still_speed);
        still || pair.along(End::B).is_some_and(|speed| speed <= 0.0)
    }
}
