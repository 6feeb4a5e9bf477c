//! APPROACHES: a thing moves towards another that does not run away.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};

/// The first track moves towards the second, which is still or comes towards it. Directed; two that walk up to each
/// other approach both ways.
pub struct Approaches {
    bounds: HeadingConfig,
}

/// At this speed along the line nobody doubts the direction, in sizes per second.
pub(super) const CERTAIN_SPEED: f64 = 1.0;

impl Approaches {
    /// APPROACHES with these bounds.
    pub fn new(bounds: &HeadingConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Approaches {
    fn kind(&self) -> RelationKind {
        RelationKind::APPROACHES
    }

    fn rule(&self, measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { delay_us: measure.delay_us(), ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::Towards { speed: self.bounds.on_speed, cos: self.bounds.on_cos }
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        let Some(speed) = pair.along(End::A) else {
            return Judgement::Unclear;
        };
        let aims = |cos: f64| cos >= self.bounds.on_cos;
        let holds = if was_on {
            speed >= self.bounds.off_speed
        } else {
            speed >= self.bounds.sure_speed(pair)
                && pair.heading(End::A).is_some_and(aims)
                && pair.heading_beyond_border().is_some_and(aims)
                && is_steady(pair, 1.0, &self.bounds)
                && self.is_met(pair)
        };
        if !holds {
            return Judgement::Off;
        }
        Judgement::On(confidence(speed, self.bounds.on_speed, CERTAIN_SPEED))
    }
}

impl Approaches {
    /// Whether the other waits or comes.
    fn is_met(&self, pair: &Pair<'_>) -> bool {
        let still = pair.is_still(End::B, self.bounds.still_speed);
        let sure = self.bounds.on_sure * pair.speed_noise(End::B);
        let comes = |speed: Option<f64>| speed.is_some_and(|speed| speed <= -sure);
        still || comes(pair.along(End::B)) && comes(pair.steady_along(End::B))
    }
}

/// Whether the movement towards (1) or away from (−1) the other is no flicker: the steady velocity shows it as well.
pub(super) fn is_steady(pair: &Pair<'_>, sense: f64, bounds: &HeadingConfig) -> bool {
    let fast = pair.steady_along(End::A).is_some_and(|speed| sense * speed >= bounds.on_speed);
    // An error across the movement turns it by so much, in radians, and its cosine by no more.
    let turn = |speed: f64| (bounds.on_sure * pair.steady_noise(End::A) / speed).min(bounds.turn_most);
    let most = (1.0 + bounds.on_cos) / 2.0;
    let least = pair.steady_speed(End::A).map(|speed| (bounds.on_cos + bounds.aim_margin + turn(speed)).min(most));
    fast && pair.steady_heading(End::A).zip(least).is_some_and(|(cos, least)| sense * cos >= least)
}

impl HeadingConfig {
    /// The speed at which the movement begins for this pair, in sizes per second.
    pub(super) fn sure_speed(&self, pair: &Pair<'_>) -> f64 {
        self.on_speed + self.on_sure * pair.speed_noise(End::A)
    }
}

/// Bounds of a movement along the line between two tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeadingConfig {
    /// Begins at this speed along the line, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_speed: f64,
    /// Begins so many standard errors of the velocity (both axes together, as measured from how the boxes jitter) above its
    /// bound and nearer to the line, and where the other moves as well, so many on the right side of none, for noise not to
    /// begin what then goes on.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub on_sure: f64,
    /// Ends below this speed along the line, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_speed: f64,
    /// Least cosine between the movement and the line when it begins.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub on_cos: f64,
    /// By how much more than that the steady movement must show the direction when it begins, as a cosine, for noise not to
    /// begin what then goes on.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub aim_margin: f64,
    /// And by so much more as those standard errors may turn it, but at most by this, as a cosine: few sightings tell their
    /// error badly. With `aim_margin` it counts up to half the way from `on_cos` to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub turn_most: f64,
    /// Below this speed the other is still, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for HeadingConfig {
    fn default() -> Self {
        Self {
            on_speed: 0.3,
            on_sure: 1.0,
            off_speed: 0.15,
            on_cos: 0.7,
            aim_margin: 0.03,
            turn_most: 0.04,
            still_speed: 0.25,
            hold: Hold::new(0.6, 0.3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::RelateConfig;
    use super::super::testing::{Chance, clip, held, seen};
    use super::*;
    use vokg_engine::geometry::Size;
    use vokg_engine::observation::{Observation, TrackedFrame};

    fn approaches() -> Approaches {
        Approaches::new(&RelateConfig::default().approaches)
    }

    /// Squares of size 20 with these centres.
    fn at(first: (f64, f64), second: (f64, f64)) -> Vec<Observation> {
        let square = |track, (x, y): (f64, f64)| seen(0, track, x as f32 - 10.0, y as f32 - 10.0, 20.0, 20.0);
        vec![square(1, first), square(2, second)]
    }

    fn pairs(frames: &[TrackedFrame]) -> Vec<(u32, u32)> {
        held(approaches(), frames).iter().map(|span| (span.0, span.1)).collect()
    }

    #[test]
    fn it_lasts_while_one_walks_up_to_the_other() {
        // At one size a second from 1 s to 5 s.
        let frames = clip(7.0, |s| at((20.0 * s.clamp(1.0, 5.0), 0.0), (140.0, 0.0)));
        let spans = held(approaches(), &frames);
        let [(1, 2, from, Some(to))] = spans[..] else { panic!("{spans:?}") };
        assert!((900..1250).contains(&from) && (4850..5300).contains(&to), "{from} {to}");
    }

    #[test]
    fn both_approach_who_walk_up_to_each_other() {
        assert_eq!(pairs(&clip(2.0, |s| at((10.0 * s, 0.0), (140.0 - 10.0 * s, 0.0)))), [(1, 2), (2, 1)]);
    }

    /// In how many of 60 noisy clips the first approaches a second that moves at `by` pixels a second.
    fn begun(on_sure: f64, speed: f64, by: (f64, f64)) -> usize {
        let bounds = HeadingConfig { on_sure, ..RelateConfig::default().approaches };
        let is_begun = |seed: &u64| {
            let mut chance = Chance::new(*seed);
            let mut noisy = |x: f64| x + 1.5 * chance.normal();
            let frames: Vec<[f64; 4]> = (0..75)
                .map(|i| (f64::from(i) * 0.04 * speed, f64::from(i) * 0.04))
                .map(|(x, s)| [noisy(x), noisy(0.0), noisy(200.0 + by.0 * s), noisy(by.1 * s)])
                .collect();
            let frames = clip(3.0, |s| {
                let [x, y, u, v] = frames[(s / 0.04).round() as usize];
                at((x, y), (u, v))
            });
            held(Approaches::new(&bounds), &frames).iter().any(|span| (span.0, span.1) == (1, 2))
        };
        (0..60).filter(is_begun).count()
    }

    #[test]
    fn noise_begins_less() {
        // A little slower than what begins; then fast, but the other goes its own way, a little away.
        for (speed, by) in [(5.0, (0.0, 0.0)), (20.0, (1.0, 14.0))] {
            let (unsure, sure) = (begun(0.0, speed, by), begun(1.0, speed, by));
            assert!(4 * sure < 3 * unsure, "{sure} of {unsure} at {speed}");
        }
        assert_eq!(begun(1.0, 20.0, (0.0, 0.0)), 60, "what is clear begins");
    }

    #[test]
    fn neither_pursuit_nor_passing_by_nor_slow_motion_is_one() {
        assert_eq!(pairs(&clip(2.0, |s| at((30.0 * s, 0.0), (140.0 + 20.0 * s, 0.0)))), [], "the other runs away");
        assert_eq!(pairs(&clip(2.0, |s| at((20.0 * s, 0.0), (100.0, 150.0)))), [], "more than 45 degrees off");
        assert_eq!(pairs(&clip(2.0, |s| at((5.0 * s, 0.0), (100.0, 0.0)))), [], "a quarter of a size a second");
    }

    #[test]
    fn what_the_border_hides_may_be_as_large_as_the_other() {
        // A tall thing walks left past another of which the frame, 400 pixels high, shows the uppermost 20 pixels: their middle is
        // near its way, but not that of all 100.
        let passing = |bottom: Option<u32>| {
            let frames = clip(2.0, |s| {
                vec![seen(0, 1, 400.0 - 60.0 * s as f32, 255.0, 40.0, 100.0), seen(0, 2, 280.0, 379.0, 40.0, 20.5)]
            });
            let size = bottom.map(|height| Size { width: 1000, height });
            pairs(&frames.into_iter().map(|f| TrackedFrame { size, ..f }).collect::<Vec<_>>())
        };
        assert_eq!((passing(None), passing(Some(400))), (vec![(1, 2)], vec![]));
    }

    #[test]
    fn who_comes_along_slowly_stands_no_sooner_for_noise() {
        // The other goes away at 0.6 sizes a second, at which single velocities fall below those of what stands.
        let begun = begun(1.0, 20.0, (12.0, 0.0));
        assert!(begun <= 12, "{begun}");
    }
}
