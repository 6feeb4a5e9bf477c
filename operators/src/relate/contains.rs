//! CONTAINS: a smaller thing lies in the box of a larger one.
//!
//! The container counts with its box, not its mask: the masks of two things share no pixels, so a basket's mask has a
//! hole where its contents are.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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

/// How the one lies in the other.
struct View {
    /// When.
    t_us: Micros,
    /// The share of the second in the box of the first.
    share: f64,
    /// The area of the second against that of the first.
    area_ratio: f64,
    /// The standard error of that share.
    noise: f64,
    /// The error that is allowed for before it ends.
    slack: f64,
}

impl View {
    /// By the boxes of this frame, as they are.
    fn now(pair: &Pair<'_>) -> Self {
        let area_ratio = pair.area_px(End::B) / pair.area_px(End::A).max(1.0);
        Self { t_us: pair.t(), share: pair.share_inside(), area_ratio, noise: pair.share_noise(), slack: 0.0 }
    }

    /// By the mean boxes, where single ones jitter too much.
    fn mean(pair: &Pair<'_>) -> Self {
        let area_ratio = pair.mean_area_px(End::B) / pair.mean_area_px(End::A).max(1.0);
        Self {
            t_us: pair.t().saturating_sub(pair.delay_us()),
            share: pair.mean_share_inside(),
            area_ratio,
            noise: pair.mean_share_noise(),
            slack: pair.mean_share_noise(),
        }
    }
}

impl Relation for Contains {
    fn kind(&self) -> RelationKind {
        RelationKind::CONTAINS
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: measure.delay_us(), ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::Gap(0.0)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let view = if pair.share_noise() <= self.bounds.sure_noise || !pair.whole(End::A) || !pair.whole(End::B) {
            View::now(pair)
        } else {
            View::mean(pair)
        };
        let share = view.share;
        let holds = match was_on {
            true => share > self.bounds.off_share - view.slack.min(self.bounds.noise_most),
            false => share >= self.bounds.sure_share(view.noise) && view.area_ratio <= self.bounds.area_ratio,
        };
        if !holds {
            return Judgement::OffSince(view.t_us);
        }
        Judgement::OnSince(confidence(share, self.bounds.on_share, 1.0), view.t_us)
    }
}

impl ContainsConfig {
    /// The share at which it begins with this standard error.
    fn sure_share(&self, noise: f64) -> f64 {
        let most = self.on_share.max(self.on_share_most);
        (self.on_share + self.on_sure * noise).min(most)
    }
}

/// Bounds of CONTAINS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContainsConfig {
    /// Begins when at least this share of the contained thing lies in the container's box.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub on_share: f64,
    /// Begins so many standard errors of the share above that, as measured from how the boxes jitter, for noise not to begin it
    /// early.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub on_sure: f64,
    /// But at this share whatever the noise.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub on_share_most: f64,
    /// Ends when at most this share does.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub off_share: f64,
    /// It goes on below that by a standard error of the share, as measured from how the boxes jitter, of at most this.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub noise_most: f64,
    /// Up to this standard error single boxes decide, beyond it their means over half a second.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sure_noise: f64,
    /// The contained box has at most this share of the container's area when it begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub area_ratio: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for ContainsConfig {
    fn default() -> Self {
        Self {
            on_share: 0.9,
            on_sure: 1.0,
            on_share_most: 0.94,
            off_share: 0.75,
            noise_most: 0.1,
            sure_noise: 0.08,
            area_ratio: 0.6,
            hold: Hold::new(0.4, 0.4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Chance, clip, held, seen};
    use super::*;
    use std::cell::RefCell;
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
        // 18 of 20 pixels inside at 1.6 s, and more than chance explains a frame later; 15 at 2.7 s.
        assert_eq!(held(contains(), &clip(4.0, |s| entering(inside(s), 60.0))), [(2, 1, 1640, Some(2720))]);
    }

    #[test]
    fn things_of_like_size_do_not_contain_each_other() {
        assert_eq!(held(contains(), &clip(1.0, |_| entering(20.0, 25.0))), []);
    }

    #[test]
    fn noise_begins_it_less_at_its_bound() {
        // Boxes of 20 and 60 pixels, the edge of the small one 3.6 pixels (18 %) beyond that of the large one.
        let begun = |on_sure: f64| {
            let held = |seed| {
                let chance = RefCell::new(Chance::new(seed));
                let noisy = |mut sighting: Observation| {
                    sighting.rect.left += 0.8 * chance.borrow_mut().normal() as f32;
                    sighting
                };
                let contains = Contains::new(&ContainsConfig { on_sure, ..ContainsConfig::default() });
                held(contains, &clip(0.4, |_| entering(16.4, 60.0).into_iter().map(noisy).collect())).len()
            };
            (0..40).map(held).sum::<usize>()
        };
        let (unsure, sure) = (begun(0.0), begun(1.0));
        assert!(2 * sure < unsure, "{sure} of {unsure}");
    }
}
