//! FOLLOWS: a thing goes the way another went a while ago.
//!
//! The definition is that of a trajectory repeated after a lag (Li, Wu, Crofoot, "Mining following relationships in
//! movement data", ICDM 2013, section 3): the mean distance between the way of the one and that of the other a lag before,
//! at the best of the possible lags.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, Reach, Relation, confidence};
use super::trail::{Known, STEP_US};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::{Micros, micros_from_secs};

/// The first track goes where the second was. Directed. Not while it chases or carries the other, or is carried: that says
/// more.
pub struct Follows {
    bounds: FollowsConfig,
    window: u64,
    lags: std::ops::RangeInclusive<u64>,
}

/// An error so many times the greatest allowed, in a coarse look, is none that a closer look would mend.
const HOPELESS: f64 = 2.0;

impl Follows {
    /// FOLLOWS with these bounds.
    pub fn new(bounds: &FollowsConfig) -> Self {
        let steps = |secs: f64| (micros_from_secs(secs) / STEP_US).max(1);
        Self {
            bounds: bounds.clone(),
            window: steps(bounds.window_secs),
            lags: steps(bounds.least_lag_secs)..=steps(bounds.most_lag_secs),
        }
    }

    /// Whether both move one behind the other at such a distance, over the window.
    fn in_line(&self, pair: &Pair<'_>, now: u64) -> Option<bool> {
        let (a, b) = (pair.trail(End::A), pair.trail(End::B));
        let (va, vb) = (a.velocity(now, self.window)?, b.velocity(now, self.window)?);
        let middle = now - self.window / 2;
        let (p, q) = (a.at(middle)?.centre, b.at(middle)?.centre);
        let (dx, dy) = (q.0 - p.0, q.1 - p.1);
        let length = |(x, y): (f64, f64)| (x * x + y * y).sqrt();
        let (distance, size) = (length((dx, dy)), pair.size_px());
        let heads = |v: (f64, f64)| {
            let speed = length(v);
            speed >= self.bounds.speed * size && v.0 * dx + v.1 * dy >= self.bounds.cos * speed * distance
        };
        let far = self.bounds.least_distance * size..=self.bounds.most_distance * size;
        Some(far.contains(&distance) && heads(va) && heads(vb))
    }

    /// Mean distance between the ways at a lag, in pixels, over every `stride`th step of the window: of the centres or of
    /// the feet, whichever fits better, since things of unlike heights share the ground. `None` also if it is more than `most`.
    fn error(&self, (a, b): (Known<'_>, Known<'_>), now: u64, lag: u64, stride: usize, most: f64) -> Option<f64> {
        let (mut centres, mut feet) = (0.0f64, 0.0f64);
        let count = (self.window as usize / stride + 1) as f64;
        let (from, then) = (now.checked_sub(self.window)?, now.checked_sub(lag)?);
        let ways = a.back(from, now, stride)?.zip(b.back(then.checked_sub(self.window)?, then, stride)?);
        for (p, q) in ways {
            let dx = p.centre.0 - q.centre.0;
            let apart = |dy: f64| (dx * dx + dy * dy).sqrt();
            centres += apart(p.centre.1 - q.centre.1);
            feet += apart(p.bottom - q.bottom);
            if centres.min(feet) / count > most {
                return None;
            }
        }
        Some(centres.min(feet) / count)
    }

    /// The least error and its lag. A coarse look at all lags finds the neighbourhood, or that nothing is near `most`.
    fn best(&self, a: Known<'_>, b: Known<'_>, now: u64, most: f64) -> Option<(f64, u64)> {
        let coarse = (self.window / 2).max(1) as usize;
        let least = |lags: std::ops::RangeInclusive<u64>, stride: usize, most: f64| {
            lags.fold(None, |best: Option<(f64, u64)>, lag| {
                let most = best.map_or(most, |(error, _)| error);
                let error = self.error((a, b), now, lag, stride, most);
                error.filter(|error| best.is_none_or(|best| *error < best.0)).map(|error| (error, lag)).or(best)
            })
        };
        let (_, about) = least(self.lags.clone(), coarse, HOPELESS * most)?;
        least((about - 1).max(*self.lags.start())..=(about + 1).min(*self.lags.end()), 1, f64::INFINITY)
    }
}

impl Relation for Follows {
    fn kind(&self) -> RelationKind {
        RelationKind::FOLLOWS
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        let delay_us = micros_from_secs(self.bounds.window_secs) / 2;
        IntervalRule { delay_us, ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::Behind(self.bounds.most_distance)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !was_on && !pair.is_new_step() {
            return Judgement::Off;
        }
        if !pair.measured() {
            return Judgement::Unclear;
        }
        let now = pair.t() / STEP_US;
        let explained = pair.holds(RelationKind::CHASES) || pair.holds_either_way(RelationKind::CARRIES);
        if explained || self.in_line(pair, now) != Some(true) {
            return Judgement::Off;
        }
        let most = self.bounds.path_error * pair.size_px();
        let Some((error, lag)) = self.best(pair.trail(End::A), pair.trail(End::B), now, most) else {
            return Judgement::Off;
        };
        let error = error / pair.size_px();
        if error > self.bounds.path_error {
            return Judgement::Off;
        }
        let lag_us: Micros = lag * STEP_US;
        Judgement::OnWithLag(confidence(error, self.bounds.path_error, 0.0), lag_us)
    }
}

/// Bounds of FOLLOWS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FollowsConfig {
    /// Mean distance between the way of the one and that of the other a lag before, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub path_error: f64,
    /// Over this long, in seconds.
    #[schemars(range(min = 0.1, max = 2.0))]
    pub window_secs: f64,
    /// The shortest lag, in seconds.
    #[schemars(range(min = 0.1, max = 4.0))]
    pub least_lag_secs: f64,
    /// The longest lag, in seconds.
    #[schemars(range(min = 0.1, max = 4.0))]
    pub most_lag_secs: f64,
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// Least cosine between the movement of either and the line from the one to the other.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub cos: f64,
    /// Least distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub least_distance: f64,
    /// Greatest distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub most_distance: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for FollowsConfig {
    fn default() -> Self {
        Self {
            path_error: 0.35,
            window_secs: 1.5,
            least_lag_secs: 0.3,
            most_lag_secs: 4.0,
            speed: 0.25,
            cos: 0.3,
            least_distance: 0.4,
            most_distance: 8.0,
            hold: Hold { min_secs: 1.0, bridge_secs: 1.0, ..Hold::new(0.2, 0.4) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RelateConfig;
    use super::super::testing::{clip, held, seen};
    use super::*;

    fn follows() -> Follows {
        Follows::new(&RelateConfig::default().follows)
    }

    /// A place on a winding way, in pixels.
    fn way(s: f64) -> (f32, f32) {
        ((30.0 * s) as f32, (60.0 + 30.0 * (0.8 * s).sin()) as f32)
    }

    #[test]
    fn one_follows_who_goes_its_way_later_even_if_it_is_smaller() {
        let frames = clip(8.0, |s| {
            let ((x, y), (u, v)) = (way(s), way(s - 1.2));
            vec![seen(0, 1, x, y - 30.0, 20.0, 30.0), seen(0, 2, u, v - 12.0, 20.0, 12.0)]
        });
        let spans = held(follows(), &frames);
        let [(2, 1, from, Some(to))] = spans[..] else { panic!("{spans:?}") };
        assert!(from <= 2200 && to >= 7900, "{spans:?}");
    }

    #[test]
    fn neither_side_by_side_nor_another_way_is_following() {
        let beside =
            clip(6.0, |s| vec![seen(0, 1, way(s).0, 10.0, 20.0, 20.0), seen(0, 2, way(s).0, 60.0, 20.0, 20.0)]);
        assert_eq!(held(follows(), &beside), []);
        let apart = clip(6.0, |s| {
            let (a, b) = (way(s), way(s - 1.5));
            vec![seen(0, 1, a.0, 20.0, 20.0, 20.0), seen(0, 2, b.0, 45.0, 20.0, 20.0)]
        });
        assert_eq!(held(follows(), &apart), [], "more than a third of a size beside the way");
    }
}
