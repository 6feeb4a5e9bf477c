//! CHASES: a thing runs after another that runs away.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation};
use super::trail::STEP_US;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::micros_from_secs;

/// The first track heads for the second, which flees, both fast, through most of a window. The distance need not shrink.
/// Directed. Not while it carries the other: what is in hand seems to flee.
pub struct Chases {
    bounds: ChasesConfig,
    window: u64,
    cos: f64,
    flight_cos: f64,
}

/// Half of what the velocity at a moment is taken over, in steps of a trail.
const HALF: u64 = 2;

/// Below this share of the speed a chase is not looked for: trails are slower to read than velocities.
const WORTH_A_LOOK: f64 = 0.6;

impl Chases {
    /// CHASES with these bounds.
    pub fn new(bounds: &ChasesConfig) -> Self {
        Self {
            bounds: bounds.clone(),
            window: (micros_from_secs(bounds.window_secs) / STEP_US).max(1),
            cos: bounds.angle_degrees.to_radians().cos(),
            flight_cos: bounds.flight_angle_degrees.to_radians().cos(),
        }
    }

    fn is_chasing(&self, pair: &Pair<'_>, step: u64) -> Option<bool> {
        let (a, b) = (pair.trail(End::A), pair.trail(End::B));
        let (p, q) = (a.at(step)?.centre, b.at(step)?.centre);
        let (dx, dy) = (q.0 - p.0, q.1 - p.1);
        let distance = (dx * dx + dy * dy).sqrt();
        let heads = |v: (f64, f64), cos: f64| {
            let speed = (v.0 * v.0 + v.1 * v.1).sqrt();
            speed >= self.bounds.speed * pair.size_px() && v.0 * dx + v.1 * dy >= cos * speed * distance
        };
        let (va, vb) = (a.velocity(step + HALF, 2 * HALF)?, b.velocity(step + HALF, 2 * HALF)?);
        Some(
            distance <= self.bounds.most_distance * pair.size_px() && heads(va, self.cos) && heads(vb, self.flight_cos),
        )
    }
}

impl Relation for Chases {
    fn kind(&self) -> RelationKind {
        RelationKind::CHASES
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: (self.window / 2 + HALF) * STEP_US, ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::Behind(self.bounds.most_distance)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let fast = |end| pair.speed(end).is_some_and(|speed| speed >= WORTH_A_LOOK * self.bounds.speed);
        let in_hand = pair.gap() <= self.bounds.in_hand_gap && pair.size_area_ratio() <= self.bounds.in_hand_area_ratio;
        if !was_on && !pair.is_new_step() {
            return Judgement::Off;
        }
        let both_fast = || fast(End::A) && fast(End::B);
        if in_hand || pair.holds_either_way(RelationKind::CARRIES) || !(was_on || both_fast()) {
            return Judgement::Off;
        }
        let Some(last) = (pair.t() / STEP_US).checked_sub(HALF) else { return Judgement::Off };
        let (mut chasing, mut count) = (0u32, 0u32);
        for step in last.saturating_sub(self.window)..=last {
            let Some(is) = self.is_chasing(pair, step) else { continue };
            (chasing, count) = (chasing + u32::from(is), count + 1);
        }
        if u64::from(count) <= self.window / 2 {
            return Judgement::Off;
        }
        let share = f64::from(chasing) / f64::from(count);
        let bound = if was_on { self.bounds.off_share } else { self.bounds.on_share };
        if share >= bound { Judgement::On(share) } else { Judgement::Off }
    }
}

/// Bounds of CHASES.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChasesConfig {
    /// Greatest angle between the movement of the first and the line to the second, in degrees.
    #[schemars(range(min = 0.0, max = 180.0))]
    pub angle_degrees: f64,
    /// Greatest angle between the movement of the second and that line, in degrees.
    #[schemars(range(min = 0.0, max = 180.0))]
    pub flight_angle_degrees: f64,
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// Greatest distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub most_distance: f64,
    /// A thing of at most this share of the area ...
    #[schemars(range(min = 0.0, max = 1.0))]
    pub in_hand_area_ratio: f64,
    /// ... and at most this far from the other, in sizes, may be in its hand and is not chased.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub in_hand_gap: f64,
    /// Judged over this long, in seconds.
    #[schemars(range(min = 0.1, max = 4.0))]
    pub window_secs: f64,
    /// Begins when at least this share of the window shows a chase.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub on_share: f64,
    /// Ends when less than this share does.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub off_share: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for ChasesConfig {
    fn default() -> Self {
        Self {
            angle_degrees: 30.0,
            flight_angle_degrees: 75.0,
            speed: 1.3,
            most_distance: 6.0,
            in_hand_area_ratio: 0.5,
            in_hand_gap: 0.1,
            window_secs: 0.8,
            on_share: 0.8,
            off_share: 0.5,
            hold: Hold { min_secs: 1.5, bridge_secs: 1.0, ..Hold::new(0.0, 0.3) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RelateConfig;
    use super::super::testing::{clip, held, seen};
    use super::*;

    fn spans(speed: f64, behind: f32) -> Vec<(u32, u32, u64, Option<u64>)> {
        let frames = clip(5.0, |s| {
            let x = (20.0 * speed * s) as f32;
            vec![seen(0, 1, x, 0.0, 20.0, 20.0), seen(0, 2, x - behind, 3.0, 20.0, 20.0)]
        });
        held(Chases::new(&RelateConfig::default().chases), &frames)
    }

    #[test]
    fn one_chases_whom_it_runs_after() {
        let spans = spans(2.0, 40.0);
        let [(2, 1, from, Some(to))] = spans[..] else { panic!("{spans:?}") };
        assert!(from <= 400 && to >= 4900, "{spans:?}");
    }

    #[test]
    fn walking_behind_and_running_far_behind_are_no_chase() {
        assert_eq!(spans(1.0, 40.0), []);
        assert_eq!(spans(2.0, 130.0), []);
    }
}
