//! LEAVES: a thing moves away from another it was near.

use super::approaches::CERTAIN_SPEED;
use super::config::{HeadingConfig, LeavesConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::{Micros, micros_from_secs};

/// The first track moves away from the second, which is still or moves away as well. Directed.
pub struct Leaves {
    bounds: HeadingConfig,
    near_within_us: Micros,
}

impl Leaves {
    /// LEAVES with these bounds.
    pub fn new(bounds: &LeavesConfig) -> Self {
        Self { bounds: bounds.heading.clone(), near_within_us: micros_from_secs(bounds.near_within_secs) }
    }

    /// Whether the other waits or goes as well.
    fn is_let_go(&self, pair: &Pair<'_>) -> bool {
        let still = pair.speed(End::B).is_some_and(|speed| speed < self.bounds.still_speed);
        still || pair.along(End::B).is_some_and(|speed| speed >= 0.0)
    }
}

impl Relation for Leaves {
    fn kind(&self) -> RelationKind {
        RelationKind::LEAVES
    }

    fn rule(&self) -> IntervalRule {
        self.bounds.hold.rule(false)
    }

    fn reach(&self) -> Reach {
        Reach::Speed(self.bounds.off_speed)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        let Some(speed) = pair.along(End::A).map(|towards| -towards) else {
            return Judgement::Unclear;
        };
        let holds = if was_on {
            speed >= self.bounds.off_speed
        } else {
            speed >= self.bounds.on_speed
                && pair.heading(End::A).is_some_and(|cos| cos <= -self.bounds.on_cos)
                && self.is_let_go(pair)
                && pair.held_within(RelationKind::NEAR, self.near_within_us)
        };
        if !holds {
            return Judgement::Off;
        }
        Judgement::On(confidence(speed, self.bounds.on_speed, CERTAIN_SPEED))
    }
}
