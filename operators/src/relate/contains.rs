//! CONTAINS: a smaller thing lies in the box of a larger one.
//!
//! The container counts with its box, not its mask: the masks of two things share no pixels, so a basket's mask has a
//! hole where its contents are.

use super::config::ContainsConfig;
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::Micros;

/// Most of the second track lies in the box of the first. Directed.
pub struct Contains {
    bounds: ContainsConfig,
}

impl Contains {
    /// CONTAINS with these bounds.
    pub fn new(bounds: &ContainsConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

/// The share of the mean boxes that lies inside while it holds, at least.
const MEAN_SHARE: f64 = 0.82;
/// It has lasted when this long has passed.
const LASTING_US: Micros = 350_000;

impl Contains {
    fn is_lasting(&self, pair: &Pair<'_>) -> bool {
        pair.lasts_for(RelationKind::CONTAINS) >= LASTING_US
    }
}

impl Relation for Contains {
    fn kind(&self) -> RelationKind {
        RelationKind::CONTAINS
    }

    fn rule(&self) -> IntervalRule {
        self.bounds.hold.rule(false)
    }

    fn reach(&self) -> Reach {
        Reach::Gap(0.0)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let smaller = pair.area_px(End::B) <= self.bounds.area_ratio * pair.area_px(End::A);
        if !was_on && !smaller {
            return Judgement::Off;
        }
        let share = pair.share_inside();
        let holds = match was_on {
            // Once it has lasted, the mean boxes show it as well, unless noise began it.
            true => share > self.bounds.off_share && (!self.is_lasting(pair) || pair.mean_share_inside() > MEAN_SHARE),
            false => share >= self.bounds.on_share,
        };
        if !holds {
            return Judgement::Off;
        }
        Judgement::On(confidence(share, self.bounds.on_share, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clip, held, seen};
    use super::*;
    use vokg_engine::observation::Observation;

    fn contains() -> Contains {
        Contains::new(&ContainsConfig::default())
    }

    /// A square of 20 whose right edge is `inside` pixels inside one of `extent`.
    fn entering(inside: f64, extent: f32) -> Vec<Observation> {
        let left = 100.0 - 20.0 + inside as f32;
        vec![seen(0, 1, left, 110.0, 20.0, 20.0), seen(0, 2, 100.0, 100.0, extent, extent)]
    }

    #[test]
    fn it_begins_when_most_is_inside_and_ends_when_a_quarter_is_out() {
        let inside = |s: f64| if s < 2.0 { 10.0 * s + 2.0 } else { 22.0 - 10.0 * (s - 2.0) };
        // 18 of 20 pixels inside at 1.6 s; 15 at 2.7 s.
        assert_eq!(held(contains(), &clip(4.0, |s| entering(inside(s), 60.0))), [(2, 1, 1600, Some(2720))]);
    }

    #[test]
    fn things_of_like_size_do_not_contain_each_other() {
        assert_eq!(held(contains(), &clip(1.0, |_| entering(20.0, 25.0))), []);
    }
}
