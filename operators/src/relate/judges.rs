//! The relations in groups of one reach, and which of them two tracks call for.
//!
//! Most pairs of a crowd call for none or for APPROACHES alone, so that each reach is tested once per pair for all
//! relations that have it, without roots.

use super::config::MeasureConfig;
use super::pose::Pose;
use super::relation::{Reach, Registry, Relation};
use super::sieve::{Bounds, Through};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::geometry::Rect;
use vokg_engine::time::Micros;

/// A relation with what is asked of it for every pair.
pub(super) struct Judged {
    pub(super) relation: Box<dyn Relation>,
    pub(super) kind: RelationKind,
    pub(super) rule: IntervalRule,
    pub(super) reach: Reach,
}

impl Judged {
    /// How long it must have been judged to hold until it is believed.
    pub(super) fn believed_us(&self) -> Micros {
        self.rule.hold_on_us + self.rule.delay_us
    }

    /// For how long a pause of what is believed changes no interval.
    pub(super) fn patience_us(&self) -> Micros {
        if self.rule.min_us == 0 { self.rule.hold_off_us } else { 0 }
    }
}

/// A relation to be judged in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// By place in [`Judges::all`].
    pub(super) relation: usize,
    /// From the smaller track to the greater.
    pub(super) forward: bool,
    /// Within its reach; else only what held is judged.
    pub(super) reached: bool,
}

/// The relations, and how far they reach.
#[derive(Default)]
pub(super) struct Judges {
    /// In the order of their kinds.
    pub(super) all: Vec<Judged>,
    gap: Group,
    moving: Group,
    behind: Group,
    towards: Vec<Towards>,
    /// By place in [`Judges::all`], which come after that relation.
    followers: Vec<Vec<usize>>,
    left: Vec<usize>,
    /// The longest memory any relation asks for.
    pub(super) memory_us: Micros,
}

/// Relations that reach as far as a gap, with the gap of each.
#[derive(Default)]
struct Group {
    widest: f64,
    members: Vec<(usize, f64)>,
}

impl Group {
    fn add(&mut self, index: usize, gap: f64) {
        self.widest = self.widest.max(gap);
        self.members.push((index, gap));
    }
}

/// A relation that reaches whoever is headed for.
struct Towards {
    relation: usize,
    /// Squares of the least speed in sizes per second and of the least cosine.
    speed: f64,
    cos: f64,
}

/// As much of a pose as tells what to ask, so that those of a crowd stay close to the processor.
#[derive(Clone, Copy)]
pub(super) struct Glance {
    pub(super) rect: Rect,
    /// In the middle of the window of the velocity.
    pub(super) centre: (f64, f64),
    pub(super) velocity: Option<(f64, f64)>,
    pub(super) speed_square: f64,
    pub(super) size_px: f64,
    pub(super) left: bool,
}

impl From<&Pose> for Glance {
    fn from(pose: &Pose) -> Self {
        let Pose { rect, velocity, speed_px, size_px, left, .. } = *pose;
        let centre = pose.mean.centre();
        Self { rect, centre, velocity, speed_square: speed_px * speed_px, size_px, left }
    }
}

/// Comparisons of squares that rounding could turn are decided for asking.
const GENEROUS: f64 = 1.0 - 1e-6;
/// Who is behind another moves this straight along the line between both, and so does the other: the square of a cosine.
const BEHIND_COS_SQUARE: f64 = 0.04;

impl Judges {
    pub(super) fn new(registry: Registry, measure: &MeasureConfig) -> Self {
        let judged = |relation: Box<dyn Relation>| {
            let (kind, rule, reach) = (relation.kind(), relation.rule(measure), relation.reach());
            Judged { relation, kind, rule, reach }
        };
        let all: Vec<Judged> = registry.into_relations().into_iter().map(judged).collect();
        let [mut gap, mut moving, mut behind] = [(); 3].map(|()| Group::default());
        let (mut towards, mut followers, mut left) = (Vec::new(), vec![Vec::new(); all.len()], Vec::new());
        for (index, judged) in all.iter().enumerate() {
            match judged.reach {
                Reach::Gap(reach) => gap.add(index, reach),
                Reach::Moving(reach) => moving.add(index, reach),
                Reach::Behind(reach) => behind.add(index, reach),
                Reach::Towards { speed, cos } => {
                    let cos = cos.max(0.0);
                    towards.push(Towards { relation: index, speed: speed * speed, cos: cos * cos });
                }
                Reach::After(kind) => {
                    let before = all.iter().position(|judged| judged.kind == kind);
                    before.into_iter().for_each(|before| followers[before].push(index));
                }
                Reach::Left => left.push(index),
            }
        }
        let memory_us = all.iter().map(|judged| judged.relation.memory_us()).max().unwrap_or(0);
        Self { all, gap, moving, behind, towards, followers, left, memory_us }
    }

    /// The most generous bounds of all, for what was not left.
    pub(super) fn bounds(&self) -> Bounds {
        let least = |of: fn(&Towards) -> f64| self.towards.iter().map(of).fold(f64::INFINITY, f64::min) as f32;
        Bounds {
            gap: self.gap.widest.max(self.moving.widest) as f32,
            behind: self.behind.widest as f32,
            behind_cos: BEHIND_COS_SQUARE as f32,
            towards_speed: least(|towards| towards.speed),
            towards_cos: least(|towards| towards.cos),
        }
    }

    /// Whether other relations are asked wherever this one held lately.
    pub(super) fn has_followers(&self, relation: usize) -> bool {
        !self.followers[relation].is_empty()
    }

    /// Whether some relation looks at what was left.
    pub(super) fn look_at_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// What is to be judged of two tracks, the smaller first, of which the sieve lets something through. `held` tells what
    /// there is between them, as the relation's place, its direction and whether it is over.
    pub(super) fn ask(
        &self,
        (a, b): (&Glance, &Glance),
        through: Through,
        held: impl Iterator<Item = (usize, bool, bool)> + Clone,
        asked: &mut Vec<Ask>,
    ) {
        asked.clear();
        if through.any() {
            self.ask_within_reach((a, b), through, asked);
        }
        for (before, ..) in held.clone() {
            for relation in &self.followers[before] {
                if !asked.iter().any(|ask| ask.relation == *relation) {
                    self.reach(*relation, (true, true), asked);
                }
            }
        }
        if a.left || b.left {
            self.left.iter().for_each(|relation| self.reach(*relation, (b.left, a.left), asked));
        }
        for (relation, forward, over) in held {
            if !over && !asked.iter().any(|ask| ask.relation == relation && ask.forward == forward) {
                asked.push(Ask { relation, forward, reached: false });
            }
        }
    }

    fn reach(&self, relation: usize, (forward, backward): (bool, bool), asked: &mut Vec<Ask>) {
        if forward {
            asked.push(Ask { relation, forward: true, reached: true });
        }
        if backward && !self.all[relation].rule.symmetric {
            asked.push(Ask { relation, forward: false, reached: true });
        }
    }

    fn ask_within_reach(&self, (a, b): (&Glance, &Glance), through: Through, asked: &mut Vec<Ask>) {
        let size_square = a.size_px * b.size_px;
        let (dx, dy) = (b.centre.0 - a.centre.0, b.centre.1 - a.centre.1);
        let distance_square = dx * dx + dy * dy;
        // Each towards the other: positive where they come together, scaled by their distance.
        let coming = |glance: &Glance, sign: f64| glance.velocity.map_or(0.0, |(x, y)| sign * (x * dx + y * dy));
        let (a_comes, b_comes) = (coming(a, 1.0), coming(b, -1.0));
        if through.near || through.behind {
            let (x, y) = a.rect.apart(&b.rect);
            let gap_square = f64::from(x) * f64::from(x) + f64::from(y) * f64::from(y);
            let within = |gap: f64| gap_square * GENEROUS <= gap * gap * size_square;
            if within(self.gap.widest) {
                let members = self.gap.members.iter().filter(|(_, gap)| within(*gap));
                members.for_each(|(relation, _)| self.reach(*relation, (true, true), asked));
            }
            if within(self.moving.widest) && a.velocity.is_some() && b.velocity.is_some() {
                let members = self.moving.members.iter().filter(|(_, gap)| within(*gap));
                members.for_each(|(relation, _)| self.reach(*relation, (true, true), asked));
            }
            if within(self.behind.widest) && (a_comes > 0.0) != (b_comes > 0.0) {
                let straight = |glance: &Glance, along: f64| {
                    along * along >= BEHIND_COS_SQUARE * glance.speed_square * distance_square
                };
                if straight(a, a_comes) && straight(b, b_comes) {
                    let ways = (a_comes > 0.0 && b_comes < 0.0, b_comes > 0.0 && a_comes < 0.0);
                    let members = self.behind.members.iter().filter(|(_, gap)| within(*gap));
                    members.for_each(|(relation, _)| self.reach(*relation, ways, asked));
                }
            }
        }
        for Towards { relation, speed, cos } in self.towards.iter().filter(|_| through.towards) {
            let comes = |glance: &Glance, along: f64| {
                let least = (speed * size_square).max(cos * glance.speed_square) * distance_square;
                along > 0.0 && along * along >= least * GENEROUS
            };
            self.reach(*relation, (comes(a, a_comes), comes(b, b_comes)), asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::RelateConfig;
    use super::super::pose::{Motion, Windows};
    use super::super::sieve::Sieve;
    use super::super::testing::seen;
    use super::*;
    use proptest::prelude::*;

    /// A square of 20 that moves at so many pixels a second.
    fn pose(track: u32, place: (f32, f32), velocity: (f32, f32)) -> Pose {
        let (mut motion, windows) = (Motion::default(), Windows::new(&MeasureConfig::default()));
        let mut observe = |i: u64| {
            let s = i as f32 / 10.0 - 1.0;
            let (x, y) = (place.0 + velocity.0 * s, place.1 + velocity.1 * s);
            let seen = seen(i * 100_000, track, x, y, 20.0, 20.0);
            motion.observe(&seen, &seen.rect, None, &windows)
        };
        (0..10).for_each(|i| _ = observe(i));
        observe(10)
    }

    fn asked(a: &Pose, b: &Pose, held: &[(&str, bool, bool)]) -> Vec<(String, bool, bool)> {
        let judges = Judges::new(Registry::builtin(&RelateConfig::default()), &MeasureConfig::default());
        let place = |kind: &str| judges.all.iter().position(|judged| judged.kind.as_str() == kind).unwrap();
        let held = held.iter().map(|(kind, forward, over)| (place(kind), *forward, *over));
        let mut asked = Vec::new();
        judges.ask((&Glance::from(a), &Glance::from(b)), Through::ALL, held, &mut asked);
        let mut asked: Vec<_> =
            asked.iter().map(|ask| (judges.all[ask.relation].kind.to_string(), ask.forward, ask.reached)).collect();
        asked.sort();
        asked
    }

    fn names(asked: &[(String, bool, bool)]) -> Vec<&str> {
        asked.iter().map(|(kind, ..)| kind.as_str()).collect()
    }

    #[test]
    fn far_things_are_asked_only_who_comes() {
        let (still, far) = (pose(1, (0.0, 0.0), (0.0, 0.0)), pose(2, (1000.0, 0.0), (0.0, 0.0)));
        assert_eq!(asked(&still, &far, &[]), []);
        let comes = pose(2, (1000.0, 0.0), (-20.0, 0.0));
        assert_eq!(asked(&still, &comes, &[]), [("APPROACHES".to_owned(), false, true)]);
        let goes = pose(2, (1000.0, 0.0), (20.0, 0.0));
        assert_eq!(asked(&still, &goes, &[]), []);
    }

    proptest! {
        #[test]
        fn whoever_is_asked_something_passes_the_sieve(
            walkers in prop::collection::vec(
                (0f32..1500.0, 0f32..800.0, -90f32..90.0, -90f32..90.0), 2..12),
        ) {
            let judges = Judges::new(Registry::builtin(&RelateConfig::default()), &MeasureConfig::default());
            let poses = walkers.iter().zip(1..).map(|((x, y, vx, vy), track)| pose(track, (*x, *y), (*vx, *vy)));
            let glances: Vec<Glance> = poses.map(|pose| Glance::from(&pose)).collect();
            let (sieve, mut may, mut asked) = (Sieve::new(&glances), Vec::new(), Vec::new());
            for i in 0..glances.len() {
                sieve.row(i, &judges.bounds(), &mut may);
                for (j, may) in (i + 1..glances.len()).zip(&may) {
                    judges.ask((&glances[i], &glances[j]), Through::ALL, std::iter::empty(), &mut asked);
                    let all = asked.clone();
                    judges.ask((&glances[i], &glances[j]), *may, std::iter::empty(), &mut asked);
                    prop_assert_eq!(all, asked.clone());
                }
            }
        }
    }

    #[test]
    fn symmetric_relations_are_asked_once_and_others_both_ways() {
        let (a, b) = (pose(1, (0.0, 0.0), (0.0, 0.0)), pose(2, (10.0, 0.0), (0.0, 0.0)));
        let asked = asked(&a, &b, &[]);
        let names = names(&asked);
        assert_eq!(names.iter().filter(|name| **name == "NEAR").count(), 1, "{names:?}");
        assert_eq!(names.iter().filter(|name| **name == "CONTAINS").count(), 2, "{names:?}");
        assert!(!names.contains(&"LEAVES") && !names.contains(&"BESIDE"), "{names:?}");
    }

    #[test]
    fn what_holds_is_asked_wherever_it_goes_and_calls_for_what_comes_after_it() {
        let (a, far) = (pose(1, (0.0, 0.0), (0.0, 0.0)), pose(2, (1000.0, 0.0), (0.0, 0.0)));
        assert_eq!(asked(&a, &far, &[("FOLLOWS", false, false)]), [("FOLLOWS".to_owned(), false, false)]);
        assert_eq!(asked(&a, &far, &[("FOLLOWS", false, true)]), [], "over");
        let after_near = asked(&a, &far, &[("NEAR", true, true)]);
        assert_eq!(after_near, [("LEAVES".to_owned(), false, true), ("LEAVES".to_owned(), true, true)]);
    }

    #[test]
    fn who_is_behind_may_follow_and_what_was_left_has_company() {
        let (a, mut b) = (pose(1, (0.0, 0.0), (20.0, 0.0)), pose(2, (60.0, 0.0), (20.0, 0.0)));
        let of = |kind: &str, asked: &[(String, bool, bool)]| -> Vec<bool> {
            asked.iter().filter(|(name, ..)| name == kind).map(|(_, forward, _)| *forward).collect()
        };
        assert_eq!(of("FOLLOWS", &asked(&a, &b, &[])), [true]);
        assert_eq!(of("FOLLOWS", &asked(&b, &a, &[])), [false]);
        b.left = true;
        assert_eq!(of("BESIDE", &asked(&a, &b, &[])), [true]);
    }
}
