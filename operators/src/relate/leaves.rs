//! LEAVES: a thing moves away from another it was near.

use super::approaches::{CERTAIN_SPEED, HeadingConfig, is_steady};
use super::config::MeasureConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, MEMORY_US, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
        let still = pair.is_still(End::B, self.bounds.still_speed);
        let sure = self.bounds.on_sure * pair.speed_noise(End::B);
        let goes = |speed: Option<f64>| speed.is_some_and(|speed| speed >= sure);
        still || goes(pair.along(End::B)) && goes(pair.steady_along(End::B))
    }
}

impl Relation for Leaves {
    fn kind(&self) -> RelationKind {
        RelationKind::LEAVES
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: measure.delay_us(), ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::After(RelationKind::NEAR)
    }

    fn memory_us(&self) -> Micros {
        MEMORY_US.max(self.near_within_us)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !was_on && !pair.was_believed_within(RelationKind::NEAR, self.near_within_us) {
            return Judgement::Off;
        }
        let Some(speed) = pair.along(End::A).map(|towards| -towards) else {
            return Judgement::Unclear;
        };
        let aims = |cos: f64| cos <= -self.bounds.on_cos;
        let holds = if was_on {
            speed >= self.bounds.off_speed
        } else {
            speed >= self.bounds.sure_speed(pair)
                && pair.heading(End::A).is_some_and(aims)
                && pair.heading_beyond_border().is_some_and(aims)
                && is_steady(pair, -1.0, &self.bounds)
                && self.is_let_go(pair)
        };
        if !holds {
            return Judgement::Off;
        }
        Judgement::On(confidence(speed, self.bounds.on_speed, CERTAIN_SPEED))
    }
}

/// Bounds of LEAVES.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeavesConfig {
    /// The movement, away from the other.
    pub heading: HeadingConfig,
    /// Both were near each other at most this long before it begins, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub near_within_secs: f64,
}

impl Default for LeavesConfig {
    fn default() -> Self {
        // Of who passes by, noise shows some as leaving: this asks for a straighter way than APPROACHES.
        let heading = HeadingConfig { aim_margin: 0.04, ..HeadingConfig::default() };
        Self { heading, near_within_secs: 2.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::RelateConfig;
    use super::super::near::Near;
    use super::super::testing::{clip, held_by, held_of, seen};
    use super::*;

    /// Spans of LEAVES for a square that stands at a gap of `gap` sizes for a second and then goes.
    fn spans(gap: f32) -> Vec<(u32, u32, u64, Option<u64>)> {
        let config = RelateConfig::default();
        let frames = clip(4.0, |s| {
            let x = 20.0 + 20.0 * gap + 20.0 * (s as f32 - 1.0).max(0.0);
            vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, x, 0.0, 20.0, 20.0)]
        });
        let near = held_by(vec![Box::new(Near::new(&config.near))], &frames).len();
        let both = held_by(vec![Box::new(Near::new(&config.near)), Box::new(Leaves::new(&config.leaves))], &frames);
        both[near..].to_vec()
    }

    #[test]
    fn one_leaves_what_it_was_near() {
        let spans = spans(0.4);
        let [(2, 1, from, Some(3960))] = spans[..] else { panic!("{spans:?}") };
        assert!((900..1250).contains(&from), "{from}");
    }

    #[test]
    fn what_is_near_long_before_is_remembered_for_as_long_as_that_may_be() {
        // It drifts off in 4 s, slower than anything leaves, waits for 6 s and goes.
        let frames = clip(16.0, |s| {
            let (drift, way) = ((s as f32 - 2.0).clamp(0.0, 4.0), (s as f32 - 12.0).max(0.0));
            vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, 28.0 + 2.0 * drift + 20.0 * way, 0.0, 20.0, 20.0)]
        });
        let leaves = |near_within_secs: f64| {
            let config = RelateConfig::default();
            let bounds = LeavesConfig { near_within_secs, ..config.leaves };
            let relations: Vec<Box<dyn Relation>> =
                vec![Box::new(Near::new(&config.near)), Box::new(Leaves::new(&bounds))];
            held_of(RelationKind::LEAVES, relations, &frames)
        };
        assert_eq!(leaves(2.0), []);
        assert_eq!(leaves(4.9), []);
        let [(2, 1, from, Some(_))] = leaves(30.0)[..] else { panic!("{:?}", leaves(30.0)) };
        assert!((11_500..12_500).contains(&from), "{from}");
    }

    #[test]
    fn nobody_leaves_what_it_was_never_near() {
        assert_eq!(spans(0.6), []);
    }
}
