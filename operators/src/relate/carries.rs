//! CARRIES: a thing takes a smaller one along.

use super::config::CarriesConfig;
use super::pair::Pair;
use super::relation::{Judgement, Reach, Relation, confidence};
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

    fn rule(&self) -> IntervalRule {
        IntervalRule { delay_us: Pair::STEADY_DELAY_US, ..self.bounds.hold.rule(false) }
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
