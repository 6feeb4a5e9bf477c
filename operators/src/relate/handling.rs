//! PICK_UP and PUT_DOWN: how carrying begins and ends.

use super::config::CarriesConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::{Micros, micros_from_secs};

/// The first track begins to carry the second, which lay until then. Directed; lasts a moment.
pub struct PickUp {
    handling_us: Micros,
    /// How long carrying takes to be believed.
    believed_us: Micros,
}

/// The first track stops carrying the second and it lies, or it appears at rest beside the first. Directed; lasts a moment.
pub struct PutDown {
    bounds: CarriesConfig,
    handling_us: Micros,
}

/// What appears is at least so young, and at most by the handling older.
const YOUNG_US: Micros = 600_000;
/// Who puts it down was there this long before.
const BEFORE_US: Micros = 1_000_000;
/// What appears is at most this far from who put it down, in sizes.
const BESIDE_GAP: f64 = 0.5;

impl PickUp {
    /// PICK_UP with these bounds.
    pub fn new(bounds: &CarriesConfig) -> Self {
        let believed_us = micros_from_secs(bounds.hold.on_secs) + Pair::STEADY_DELAY_US;
        Self { handling_us: micros_from_secs(bounds.handling_secs), believed_us }
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
        (YOUNG_US..YOUNG_US + self.handling_us).contains(&second)
            && first >= second + BEFORE_US
            && pair.size_area_ratio() <= self.bounds.area_ratio
            && pair.whole(End::B)
            && pair.measured()
            && pair.gap() <= BESIDE_GAP
    }
}

impl Relation for PickUp {
    fn kind(&self) -> RelationKind {
        RelationKind::PICK_UP
    }

    fn rule(&self) -> IntervalRule {
        IntervalRule { delay_us: self.believed_us, ..IntervalRule::PLAIN }
    }

    fn reach(&self) -> Reach {
        Reach::After(RelationKind::CARRIES)
    }

    fn judge(&self, pair: &Pair<'_>, _was_on: bool) -> Judgement {
        let lay = pair.still_us_ago(End::B).is_some_and(|ago| ago <= self.believed_us + 2 * self.handling_us);
        let carrying = pair.life_of(RelationKind::CARRIES).filter(|_| pair.holds(RelationKind::CARRIES) && lay);
        carrying.map_or(Judgement::Off, |(since_us, _)| Judgement::OnSince(1.0, since_us))
    }
}

impl Relation for PutDown {
    fn kind(&self) -> RelationKind {
        RelationKind::PUT_DOWN
    }

    fn rule(&self) -> IntervalRule {
        IntervalRule { delay_us: Pair::STEADY_DELAY_US, ..IntervalRule::PLAIN }
    }

    fn reach(&self) -> Reach {
        Reach::Gap(BESIDE_GAP)
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
            Some((_, on_us)) => Judgement::OnSince(1.0, on_us.saturating_sub(Pair::STEADY_DELAY_US)),
            None if self.appeared_beside(pair) => Judgement::On(1.0),
            None => Judgement::Off,
        }
    }
}
