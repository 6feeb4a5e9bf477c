//! ABANDONED: a thing lies where another left it and went.
//!
//! Its evidence begins when something was put down and lasts while it lies, whoever is there. Evidence of BESIDE, that
//! somebody is close to what was left, is taken out of it; so who put it down may leave the picture, or break into several
//! tracks, and what counts is when the object was not beside it. Who has not been away yet is beside it up to a greater
//! distance than who comes back: AWAY tells which of both it is.

use super::config::{Hold, MeasureConfig};
use super::pair::{End, Pair};
use super::relation::{Judgement, MEMORY_US, Reach, Relation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::time::{Micros, micros_from_secs};

const BESIDE: RelationKind = RelationKind::literal("BESIDE");
const AWAY: RelationKind = RelationKind::literal("AWAY");

/// The second track lies where the first put it. Directed.
pub struct Abandoned {
    bounds: AbandonedConfig,
    put_down_within_us: Micros,
}

/// The first track is close to the second, which was left. Directed; serves ABANDONED alone.
pub struct Beside {
    bounds: AbandonedConfig,
}

/// The first track was seen far from the second, which was left, and has not come close since. Directed; serves BESIDE alone
/// and is not stated.
pub struct Away {
    bounds: AbandonedConfig,
}

impl Abandoned {
    /// ABANDONED with these bounds.
    pub fn new(bounds: &AbandonedConfig) -> Self {
        Self { bounds: bounds.clone(), put_down_within_us: micros_from_secs(bounds.put_down_within_secs) }
    }

    fn lies(&self, speed: Option<f64>) -> Judgement {
        match speed {
            Some(speed) if speed < self.bounds.still_speed => Judgement::On(1.0),
            Some(_) => Judgement::Off,
            None => Judgement::Unclear,
        }
    }
}

impl Beside {
    /// BESIDE with these bounds.
    pub fn new(bounds: &AbandonedConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Away {
    /// AWAY with these bounds.
    pub fn new(bounds: &AbandonedConfig) -> Self {
        Self { bounds: bounds.clone() }
    }
}

impl Relation for Abandoned {
    fn kind(&self) -> RelationKind {
        RelationKind::ABANDONED
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { without: Some(BESIDE), ..self.bounds.hold.rule(false) }
    }

    fn reach(&self) -> Reach {
        Reach::After(RelationKind::PUT_DOWN)
    }

    fn memory_us(&self) -> Micros {
        MEMORY_US.max(self.put_down_within_us)
    }

    fn judge(&self, pair: &Pair<'_>, was_on: bool) -> Judgement {
        if !was_on && !pair.held_towards(RelationKind::PUT_DOWN, self.put_down_within_us) {
            return Judgement::Off;
        }
        self.lies(pair.steady_speed(End::B))
    }

    fn judge_alone(&self, speed: Option<f64>) -> Option<Judgement> {
        Some(self.lies(speed))
    }
}

impl Relation for Beside {
    fn kind(&self) -> RelationKind {
        BESIDE
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { internal: true, ..IntervalRule::PLAIN }
    }

    fn reach(&self) -> Reach {
        Reach::Left
    }

    fn judge(&self, pair: &Pair<'_>, _was_on: bool) -> Judgement {
        if !self.bounds.is_away(pair) { Judgement::On(1.0) } else { Judgement::Off }
    }
}

impl Relation for Away {
    fn kind(&self) -> RelationKind {
        AWAY
    }

    fn rule(&self, _measure: &MeasureConfig) -> IntervalRule {
        IntervalRule { internal: true, ..IntervalRule::PLAIN }
    }

    fn reach(&self) -> Reach {
        Reach::Left
    }

    fn is_stated(&self) -> bool {
        false
    }

    fn judge(&self, pair: &Pair<'_>, _was_on: bool) -> Judgement {
        if pair.is_left(End::B) && self.bounds.is_away(pair) { Judgement::On(1.0) } else { Judgement::Off }
    }
}

/// Bounds of ABANDONED.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AbandonedConfig {
    /// Whoever left it is away from this distance of the centres on, in sizes, ...
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_distance: f64,
    /// ... or while out of sight; who was that far away is back within this distance.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_distance: f64,
    /// Below this speed a thing lies, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// It is seen to lie at most this long after it was put down, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub put_down_within_secs: f64,
    /// How long.
    pub hold: Hold,
}

impl AbandonedConfig {
    /// Whether the first is away from the second: who was it before is so until it comes back.
    fn is_away(&self, pair: &Pair<'_>) -> bool {
        let bound = if pair.held_when_last_seen(AWAY) { self.off_distance } else { self.on_distance };
        pair.distance() >= bound
    }
}

impl Default for AbandonedConfig {
    fn default() -> Self {
        Self {
            on_distance: 3.0,
            off_distance: 2.0,
            still_speed: 0.25,
            put_down_within_secs: 1.0,
            hold: Hold::new(10.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Relations;
    use super::super::carries::Carries;
    use super::super::config::RelateConfig;
    use super::super::handling::PutDown;
    use super::super::testing::{clip, held_of, run, seen};
    use super::*;
    use crate::resolve::intervals::Now;
    use crate::resolve::scratch::interactions;
    use vokg_engine::observation::TrackedFrame;
    use vokg_engine::time::SECOND_US;

    fn spans(kind: RelationKind, frames: &[TrackedFrame]) -> Vec<(u32, u32, u64, Option<u64>)> {
        let config = RelateConfig::default();
        let relations: Vec<Box<dyn Relation>> = vec![
            Box::new(Carries::new(&config.carries)),
            Box::new(PutDown::new(&config.carries)),
            Box::new(Abandoned::new(&config.abandoned)),
            Box::new(Beside::new(&config.abandoned)),
            Box::new(Away::new(&config.abandoned)),
        ];
        held_of(kind, relations, frames)
    }

    /// A bag is carried until 2 s and lies from then on at 60 pixels. Who carried it stands for a second and goes on at 30
    /// pixels a second, `back` after so many seconds; the bag moves on by itself after `moves` seconds.
    fn left(back: f64, moves: f64) -> Vec<TrackedFrame> {
        clip(12.0, |s| {
            let goes = 60.0 + 30.0 * (s - 3.0).clamp(0.0, (back - 3.0).max(0.0)) - 30.0 * (s - back).max(0.0);
            let x = if s < 2.0 { 30.0 * s } else { goes };
            let bag = 30.0 * s.min(2.0) + 20.0 * (s - moves).max(0.0);
            vec![seen(0, 1, x as f32, 0.0, 20.0, 50.0), seen(0, 2, bag as f32 + 15.0, 25.0, 10.0, 10.0)]
        })
    }

    #[test]
    fn it_lies_where_it_was_put_down_until_it_moves() {
        let [(1, 2, from, Some(to))] = spans(RelationKind::ABANDONED, &left(99.0, 99.0))[..] else { panic!() };
        assert!((2000..3300).contains(&from) && to >= 11_900, "{from} {to}");
        let [(1, 2, _, Some(to))] = spans(RelationKind::ABANDONED, &left(99.0, 8.0))[..] else { panic!() };
        assert!((8000..8700).contains(&to), "{to}");
    }

    #[test]
    fn it_goes_on_when_who_left_it_is_out_of_sight_and_nothing_is_abandoned_that_lay_from_the_start() {
        let mut frames = left(99.0, 99.0);
        frames[150..].iter_mut().for_each(|frame| frame.seen.retain(|seen| seen.track.0 == 2));
        let [(1, 2, _, Some(to))] = spans(RelationKind::ABANDONED, &frames)[..] else { panic!() };
        assert!(to >= 11_900, "{to}");
        let frames = clip(6.0, |s| {
            vec![seen(0, 1, 60.0 + 30.0 * s as f32, 0.0, 20.0, 50.0), seen(0, 2, 75.0, 25.0, 10.0, 10.0)]
        });
        assert_eq!(spans(RelationKind::ABANDONED, &frames), []);
    }

    #[test]
    fn who_goes_beyond_three_sizes_is_away_and_is_back_within_two() {
        let beside = spans(BESIDE, &left(7.0, 99.0));
        let [(1, 2, _, Some(gone)), (1, 2, back, Some(_))] = beside[..] else { panic!("{beside:?}") };
        // A size is the root of 31.6 × 10 pixels, 17.8; the centres stand 10 pixels apart, and 2.5 in height.
        let away_at = 3.0 + (3.0 * 17.8 + 10.0) / 30.0;
        let back_at = 7.0 + (120.0 - 2.0 * 17.8 - 10.0) / 30.0;
        assert!((gone as f64 / 1e3 - away_at).abs() < 0.2, "{gone} {away_at}");
        assert!((back as f64 / 1e3 - back_at).abs() < 0.2, "{back} {back_at}");
    }

    /// When the bag was abandoned, in milliseconds.
    fn alone(frames: &[TrackedFrame]) -> Vec<(u64, Option<u64>)> {
        let config = RelateConfig::default();
        let spans = run(&mut Relations::new(config.clone()), frames).into_iter();
        let end_us = frames.last().map_or(0, |frame| frame.t);
        let all =
            interactions(spans.map(|span| (span.a.into(), span.b.into(), span)), &config.rules(), Now::End(end_us));
        let of_kind = all.into_iter().filter(|((kind, ..), _)| *kind == RelationKind::ABANDONED);
        let intervals = of_kind.flat_map(|(_, intervals)| intervals);
        intervals.map(|interval| (interval.from_us / 1000, interval.to_us.map(|to| to / 1000))).collect()
    }

    /// Somebody upright stands where `x` tells, by the left edge; from 3 s on a small bag lies at the foot. From 300 pixels
    /// on, both are 2.49 sizes of 82.7 pixels apart.
    fn upright(secs: f64, person: impl Fn(f64) -> Option<(u32, f64)>) -> Vec<TrackedFrame> {
        clip(secs, |s| {
            let person = person(s).map(|(track, x)| seen(0, track, x as f32, 100.0, 130.0, 400.0));
            let bag = (s >= 3.0).then(|| seen(0, 2, 440.0, 470.0, 30.0, 30.0));
            person.into_iter().chain(bag).collect()
        })
    }

    #[test]
    fn who_never_left_has_abandoned_nothing() {
        assert_eq!(alone(&upright(30.0, |_| Some((1, 300.0)))), []);
        let unseen = |s: f64| (!(8.0..9.0).contains(&s)).then_some((1, 300.0));
        assert_eq!(alone(&upright(30.0, unseen)), [], "out of sight for a second");
    }

    #[test]
    fn who_left_is_not_back_at_more_than_two_sizes() {
        // Away at 8 s by 300 pixels, and back at 11 s at 2.49 sizes.
        let away = |s: f64| 300.0 - 100.0 * ((s - 5.0).clamp(0.0, 3.0) - (s - 8.0).clamp(0.0, 3.0));
        let [(from, Some(to))] = alone(&upright(30.0, |s| Some((1, away(s)))))[..] else { panic!() };
        assert!((5000..7000).contains(&from) && to > 29_900, "{from} {to}");
    }

    #[test]
    fn a_new_track_is_beside_what_it_was_never_away_from() {
        let broken = |s: f64| if s < 8.0 { Some((1, 300.0)) } else { (s > 8.6).then_some((3, 300.0)) };
        let beside =
            |frames: &[TrackedFrame]| -> Vec<u32> { spans(BESIDE, frames).iter().map(|span| span.0).collect() };
        assert_eq!(beside(&upright(12.0, broken)), [1, 3]);
    }

    #[test]
    fn who_is_away_is_not_stated() {
        let frames = left(7.0, 99.0);
        assert_eq!(spans(BESIDE, &frames).len(), 2);
        assert_eq!(spans(AWAY, &frames), []);
    }

    #[test]
    fn it_must_last_ten_seconds_without_anybody_beside() {
        let (bounds, measure) = (RelateConfig::default().abandoned, MeasureConfig::default());
        let rule = Abandoned::new(&bounds).rule(&measure);
        assert_eq!((rule.hold_on_us, rule.hold_off_us, rule.without), (10 * SECOND_US, SECOND_US, Some(BESIDE)));
        assert!(Beside::new(&bounds).rule(&measure).internal);
    }
}
