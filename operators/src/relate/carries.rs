//! CARRIES: a thing takes a smaller one along.

use super::config::{Hold, MeasureConfig};
use super::pair::Pair;
use super::relation::{Judgement, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// The second track is much smaller, touches the first and moves as it does. Directed.
pub struct Carries {
    bounds: CarriesConfig,
}

impl Carries {
    /// CARRIES with these bounds.
    pub fn new(bounds: &CarriesConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Carries {
    fn kind(&self) -> RelationKind {
        RelationKind::CARRIES
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: measure.steady_delay_us(), ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::Gap(self.bounds.gap * self.bounds.slack)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let (Some(slower), Some(drift)) = (pair.steady_least(), pair.steady_drift()) else {
            return Judgement::Unclear;
        };
        let slack = if was_on { self.bounds.slack } else { 1.0 };
        let allowed = slack * (self.bounds.drift_share * pair.steady_most() + self.bounds.drift_speed);
        let holds = pair.size_area_ratio() <= self.bounds.area_ratio * slack
            && pair.gap() <= self.bounds.gap * slack
            && slower * slack >= self.bounds.speed
            && drift <= allowed;
        if holds { Judgement::On(confidence(drift, allowed, 0.0)) } else { Judgement::Off }
    }
}

/// Bounds of CARRIES, and of PICK_UP and PUT_DOWN, its beginning and end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CarriesConfig {
    /// What is carried has at most this share of the area.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub area_ratio: f64,
    /// Greatest gap, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub gap: f64,
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// The velocities differ by at most this share of the greater speed ...
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_share: f64,
    /// ... and this, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_speed: f64,
    /// All bounds are this much wider once it holds.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub slack: f64,
    /// Below this speed a thing lies, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// PICK_UP and PUT_DOWN last this long, in seconds. What is picked up lay in the twice as long before.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub handling_secs: f64,
    /// What appears at rest and was put down is at least this old, in seconds, and at most by the handling older, ...
    #[schemars(range(min = 0.0, max = 600.0))]
    pub young_secs: f64,
    /// ... who put it down was there for this much longer, in seconds, ...
    #[schemars(range(min = 0.0, max = 600.0))]
    pub before_secs: f64,
    /// ... and is at most this far from it, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub beside_gap: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for CarriesConfig {
    fn default() -> Self {
        Self {
            area_ratio: 0.5,
            gap: 0.1,
            speed: 0.2,
            drift_share: 0.25,
            drift_speed: 0.1,
            slack: 1.3,
            still_speed: 0.25,
            handling_secs: 1.0,
            young_secs: 0.6,
            before_secs: 1.0,
            beside_gap: 0.5,
            hold: Hold::new(0.5, 0.4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RelateConfig;
    use super::super::testing::{clip, held, seen};
    use super::*;

    fn spans(goods: impl Fn(f64) -> (f32, f32, f32)) -> Vec<(u32, u32, u64, Option<u64>)> {
        let frames = clip(4.0, |s| {
            let (x, y, extent) = goods(s);
            vec![seen(0, 1, (30.0 * s) as f32, 0.0, 20.0, 50.0), seen(0, 2, x, y, extent, extent)]
        });
        held(Carries::new(&RelateConfig::default().carries), &frames)
    }

    #[test]
    fn who_walks_with_a_bag_carries_it_and_is_not_carried_by_it() {
        let spans = spans(|s| ((30.0 * s) as f32 + 18.0, 25.0, 10.0));
        let [(1, 2, from, Some(to))] = spans[..] else { panic!("{spans:?}") };
        assert!(from <= 100 && to >= 3900, "{spans:?}");
    }

    #[test]
    fn neither_what_is_as_large_nor_what_lies_is_carried() {
        assert_eq!(spans(|s| ((30.0 * s) as f32 + 18.0, 0.0, 32.0)), []);
        assert_eq!(spans(|_| (60.0, 25.0, 10.0)), []);
    }
}
