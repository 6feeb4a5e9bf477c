//! MOVES_WITH: two things move side by side.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// Both tracks move alike, neither ahead of the other. Symmetric. Not while one carries the other: that says more.
pub struct MovesWith {
    bounds: MovesWithConfig,
}

impl MovesWith {
    /// MOVES_WITH with these bounds.
    pub fn new(bounds: &MovesWithConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for MovesWith {
    fn kind(&self) -> RelationKind {
        RelationKind::MOVES_WITH
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: measure.steady_delay_us(), ..self.bounds.hold.rule(true) }
    }

    fn reach(&self) -> Reach {
        Reach::Moving(self.bounds.most_distance)
    }

    fn judge(&self, pair: &Pair<'_>, _was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let (Some(slower), Some(drift)) = (pair.steady_least(), pair.steady_drift()) else {
            return Judgement::Unclear;
        };
        let allowed = self.bounds.drift_share * pair.steady_most() + self.bounds.drift_speed;
        let beside = pair.steady_heading(End::B).is_some_and(|cos| cos.abs() < self.bounds.most_cos);
        let explained = pair.holds_either_way(RelationKind::CARRIES);
        let holds = !explained
            && slower >= self.bounds.speed
            && drift <= allowed
            && pair.distance() <= self.bounds.most_distance
            && beside;
        if holds { Judgement::On(confidence(drift, allowed, 0.0)) } else { Judgement::Off }
    }
}

/// Bounds of MOVES_WITH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MovesWithConfig {
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// The velocities differ by at most this share of the greater speed ...
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_share: f64,
    /// ... and this, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_speed: f64,
    /// Greatest distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub most_distance: f64,
    /// Greatest cosine, in either sense, between the movement and the line between both.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub most_cos: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for MovesWithConfig {
    fn default() -> Self {
        Self {
            speed: 0.25,
            drift_share: 0.2,
            drift_speed: 0.1,
            most_distance: 2.0,
            most_cos: 0.5,
            hold: Hold { min_secs: 1.0, ..Hold::new(0.6, 0.4) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RelateConfig;
    use super::super::testing::{clip, held, seen};
    use super::*;

    fn spans(second: impl Fn(f64) -> (f32, f32)) -> Vec<(u32, u32, u64, Option<u64>)> {
        let frames = clip(4.0, |s| {
            let (x, y) = second(s);
            vec![seen(0, 1, (20.0 * s) as f32, 0.0, 20.0, 20.0), seen(0, 2, x, y, 20.0, 20.0)]
        });
        held(MovesWith::new(&RelateConfig::default().moves_with), &frames)
    }

    #[test]
    fn two_who_walk_abreast_move_with_each_other() {
        let spans = spans(|s| ((20.0 * s) as f32, 30.0));
        let [(1, 2, from, Some(to))] = spans[..] else { panic!("{spans:?}") };
        assert!(from <= 100 && to >= 3900, "{spans:?}");
    }

    #[test]
    fn neither_a_file_nor_another_speed_nor_standing_is_moving_with() {
        assert_eq!(spans(|s| ((20.0 * s) as f32 - 30.0, 0.0)), [], "one behind the other");
        assert_eq!(spans(|s| ((28.0 * s) as f32, 30.0)), [], "faster");
        assert_eq!(spans(|_| (40.0, 30.0)), [], "standing");
    }
}
