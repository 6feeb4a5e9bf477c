//! PICK_UP and PUT_DOWN: how carrying begins and ends.

use super::carries::CarriesConfig;
use super::config::MeasureConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, MEMORY_US, Reach, Relation};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::{Micros, micros_from_secs};

/// The first track begins to carry the second, which lay until then. Directed; lasts a moment.
pub struct PickUp {
    handling_us: Micros,
    /// How long carrying must hold.
    carrying_us: Micros,
}

/// The first track stops carrying the second and it lies, or it appears at rest beside the first. Directed; lasts a moment.
pub struct PutDown {
    bounds: CarriesConfig,
    handling_us: Micros,
}

impl PickUp {
    /// PICK_UP with these bounds.
    pub fn new(bounds: &CarriesConfig) -> Self {
        Self { handling_us: micros_from_secs(bounds.handling_secs), carrying_us: micros_from_secs(bounds.hold.on_secs) }
    }

    /// How long carrying takes to be believed, where steady velocities speak of this long ago.
    fn believed_us(&self, steady_delay_us: Micros) -> Micros {
        self.carrying_us + steady_delay_us
    }
}

impl PutDown {
    /// PUT_DOWN with these bounds.
    pub fn new(bounds: &CarriesConfig) -> Self {
        Self { bounds: bounds.clone(), handling_us: micros_from_secs(bounds.handling_secs) }
    }

    /// Whether the second appeared at rest beside the first, which is much larger and was there before.
    fn appeared_beside(&self, pair: &Pair<'_>) -> bool {
        let (first, second) = (pair.age_us(End::A), pair.age_us(End::B));
        let young_us = micros_from_secs(self.bounds.young_secs);
        (young_us..young_us + self.handling_us).contains(&second)
            && first >= second + micros_from_secs(self.bounds.before_secs)
            && pair.size_area_ratio() <= self.bounds.area_ratio
            && pair.whole(End::B)
            && pair.measured()
            && pair.gap() <= self.bounds.beside_gap
    }
}

impl Relation for PickUp {
    fn kind(&self) -> RelationKind {
        RelationKind::PICK_UP
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: self.believed_us(measure.steady_delay_us()), ..IntervalRule::PLAIN }
    }

    fn reach(&self) -> Reach {
        Reach::After(RelationKind::CARRIES)
    }

    fn judge(&self, pair: &Pair<'_>, _was_on: bool) -> Judgement {
        let recent_us = self.believed_us(pair.steady_delay_us()) + 2 * self.handling_us;
        let lay = pair.still_us_ago(End::B).is_some_and(|ago| ago <= recent_us);
        // Who slows down later with something in hand does not pick it up again.
        let begins = |since_us: Micros| pair.holds(RelationKind::CARRIES) && pair.t() <= since_us + recent_us;
        let carrying = pair.life_of(RelationKind::CARRIES).filter(|(since_us, _)| lay && begins(*since_us));
        carrying.map_or(Judgement::Off, |(since_us, _)| Judgement::OnSince(1.0, since_us))
    }
}

impl Relation for PutDown {
    fn kind(&self) -> RelationKind {
        RelationKind::PUT_DOWN
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: measure.steady_delay_us(), ..IntervalRule::PLAIN }
    }

    fn reach(&self) -> Reach {
        Reach::Gap(self.bounds.beside_gap)
    }

    fn memory_us(&self) -> Micros {
        MEMORY_US.max(2 * self.handling_us)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if was_on {
            let goes_on = pair.lasts_for(RelationKind::PUT_DOWN) < self.handling_us;
            return if goes_on { Judgement::On(1.0) } else { Judgement::Off };
        }
        if pair.held_towards(RelationKind::PUT_DOWN, 2 * self.handling_us) {
            return Judgement::Off;
        }
        let lies = pair.steady_speed(End::B).is_some_and(|speed| speed < self.bounds.still_speed);
        let let_go = pair.ended_within(RelationKind::CARRIES, 2 * self.handling_us);
        let carried = pair.life_of(RelationKind::CARRIES).filter(|_| let_go);
        match carried {
            _ if !lies => Judgement::Off,
            Some((_, on_us)) => Judgement::OnSince(1.0, on_us.saturating_sub(pair.steady_delay_us())),
            None if self.appeared_beside(pair) => Judgement::On(1.0),
            None => Judgement::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::carries::Carries;
    use super::super::config::RelateConfig;
    use super::super::relation::Relation;
    use super::super::testing::{clip, held_of, seen};
    use super::*;
    use vokg_engine::observation::{Observation, TrackedFrame};

    type Spans = Vec<(u32, u32, u64, Option<u64>)>;

    fn spans(kind: RelationKind, frames: &[TrackedFrame]) -> Spans {
        let bounds = RelateConfig::default().carries;
        let relations: Vec<Box<dyn Relation>> =
            vec![Box::new(Carries::new(&bounds)), Box::new(PickUp::new(&bounds)), Box::new(PutDown::new(&bounds))];
        held_of(kind, relations, frames)
    }

    fn person(x: f64) -> Observation {
        seen(0, 1, x as f32, 0.0, 20.0, 50.0)
    }

    fn parcel(x: f64, extent: f32) -> Observation {
        seen(0, 2, x as f32 + 15.0, 25.0, extent, extent)
    }

    /// Walks at 30 pixels a second, stands from 2 s to 3 s, walks on.
    fn walk(s: f64) -> f64 {
        30.0 * (s.min(2.0) + (s - 3.0).max(0.0))
    }

    #[test]
    fn what_lay_is_picked_up_when_carrying_begins() {
        let frames = clip(7.0, |s| vec![person(walk(s)), parcel(walk(s.max(3.0)), 10.0)]);
        let carried = spans(RelationKind::CARRIES, &frames);
        let [(1, 2, from, Some(_))] = spans(RelationKind::PICK_UP, &frames)[..] else { panic!() };
        assert_eq!(from, carried[0].2);
        assert!((2700..3400).contains(&from), "{from}");
        assert_eq!(spans(RelationKind::PUT_DOWN, &frames), []);
    }

    #[test]
    fn what_was_in_hand_from_the_start_is_not_picked_up() {
        let frames = clip(5.0, |s| vec![person(30.0 * s), parcel(30.0 * s, 10.0)]);
        assert_eq!(spans(RelationKind::CARRIES, &frames).len(), 1);
        assert_eq!(spans(RelationKind::PICK_UP, &frames), []);
        assert_eq!(spans(RelationKind::PUT_DOWN, &frames), [], "nor is it put down at the end");
    }

    #[test]
    fn what_then_lies_is_put_down_once_when_carrying_ends() {
        let frames = clip(9.0, |s| vec![person(walk(s)), parcel(walk(s.min(2.0)), 10.0)]);
        let [(1, 2, from, Some(to))] = spans(RelationKind::PUT_DOWN, &frames)[..] else { panic!() };
        let [(1, 2, 0, Some(ended))] = spans(RelationKind::CARRIES, &frames)[..] else { panic!() };
        assert!(from.abs_diff(ended) <= 40 && (1800..2400).contains(&from), "{from} {ended}");
        assert!(to > from, "{to}");
    }

    #[test]
    fn a_small_thing_that_appears_at_rest_beside_somebody_was_put_down() {
        // It is seen from 3 s on, beside one who stands at 60 pixels.
        let appears = |at: f64, extent: f32, since: f64| {
            let frames = clip(6.0, |s| {
                let first = (s >= since).then(|| person(60.0));
                let second = (s >= 3.0).then(|| parcel(at, extent));
                first.into_iter().chain(second).collect()
            });
            spans(RelationKind::PUT_DOWN, &frames).iter().map(|span| (span.0, span.1)).collect::<Vec<_>>()
        };
        assert_eq!(appears(60.0, 10.0, 0.0), [(1, 2)]);
        assert_eq!(appears(60.0 + 5.0 + 0.45 * 17.8, 10.0, 0.0), [(1, 2)]);
        assert_eq!(appears(60.0 + 5.0 + 0.55 * 17.8, 10.0, 0.0), [], "more than half a size away");
        assert_eq!(appears(60.0, 24.0, 0.0), [], "more than half of the area");
        assert_eq!(appears(60.0, 10.0, 2.2), [], "who put it down must have been there a second before");
    }
}
