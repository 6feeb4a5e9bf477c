//! Scenes with known truth, judged from noisy boxes at several frame rates and resolutions.
//!
//! The truth comes from the definitions alone: noise-free boxes at 250 frames a second, exact velocities, and none of
//! the operator's code but the bounds. What is found counts if kind, direction and time (intersection over union of at
//! least a half) agree.

use super::facts::{Fact, facts_of};
use super::mot::Frames;
use super::testing::{Chance, seen};
use super::{Hold, LineConfig, RelateConfig, ZoneConfig};
use crate::mot::FrameRate;
use std::collections::BTreeMap;
use vokg_engine::evidence::RelationKind;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::observation::Observation;
use vokg_engine::time::Micros;

const SECS: f64 = 12.0;
const STEP: f64 = 0.004;

/// A thing in units of the frame's height: extent, and a way through (seconds, x, y) of its centre.
struct Thing {
    extent: (f64, f64),
    way: Vec<(f64, f64, f64)>,
}

/// A box as centre, extent and velocity of the centre.
#[derive(Clone, Copy)]
struct Body {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    v: (f64, f64),
}

impl Thing {
    fn at(&self, secs: f64) -> Body {
        let after = self.way.partition_point(|point| point.0 <= secs).clamp(1, self.way.len() - 1);
        let (p, q) = (self.way[after - 1], self.way[after]);
        let share = ((secs - p.0) / (q.0 - p.0)).clamp(0.0, 1.0);
        let moves = if secs > p.0 && secs < q.0 { 1.0 / (q.0 - p.0) } else { 0.0 };
        let (dx, dy) = (q.1 - p.1, q.2 - p.2);
        Body {
            x: p.1 + share * dx,
            y: p.2 + share * dy,
            w: self.extent.0,
            h: self.extent.1,
            v: (dx * moves, dy * moves),
        }
    }
}

impl Body {
    fn overlap(&self, other: &Self) -> f64 {
        let side = |c: f64, e: f64, d: f64, f: f64| ((e + f) / 2.0 - (c - d).abs()).min(e).min(f).max(0.0);
        side(self.x, self.w, other.x, other.w) * side(self.y, self.h, other.y, other.h)
    }

    fn gap(&self, other: &Self) -> f64 {
        let x = ((self.x - other.x).abs() - (self.w + other.w) / 2.0).max(0.0);
        let y = ((self.y - other.y).abs() - (self.h + other.h) / 2.0).max(0.0);
        x.hypot(y)
    }

    fn area(&self) -> f64 {
        self.w * self.h
    }

    /// What is not behind a thing that stands further down.
    fn visible(&self, others: &[Self]) -> f64 {
        let nearer = others.iter().filter(|other| other.y + other.h / 2.0 > self.y + self.h / 2.0);
        nearer.map(|other| 1.0 - self.overlap(other) / self.area()).fold(1.0, f64::min)
    }
}

/// Whether each relation holds from `a` to `b`, by the table of definitions.
fn holds(kind: RelationKind, a: &Body, b: &Body, all: &[Body], was_on: bool, near_secs_ago: f64) -> bool {
    let size = (a.area() * b.area()).powf(0.25);
    let gap = a.gap(b) / size;
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let along = |body: &Body| (body.v.0 * dx + body.v.1 * dy) / dx.hypot(dy) / size;
    let speed = |body: &Body| body.v.0.hypot(body.v.1) / size;
    let heads = |sign: f64| {
        let (mine, other) = (sign * along(a), sign * along(b));
        let direct = mine >= 0.7 * speed(a);
        if was_on { mine >= 0.15 } else { mine >= 0.3 && direct && (speed(b) < 0.25 || other <= 0.0) }
    };
    match kind.as_str() {
        "NEAR" => gap <= if was_on { 0.75 } else { 0.5 },
        "CONTAINS" => {
            let share = a.overlap(b) / b.area();
            if was_on { share > 0.75 } else { share >= 0.9 && b.area() <= 0.6 * a.area() }
        }
        "OCCLUDES" => {
            let hidden = b.visible(all);
            if was_on { hidden < 0.9 && gap <= 0.3 } else { hidden <= 0.8 && a.visible(all) >= 0.9 && gap <= 0.15 }
        }
        "APPROACHES" => heads(1.0),
        _ => heads(-1.0) && (was_on || near_secs_ago <= 2.0),
    }
}

type Interval = (RelationKind, u32, u32, f64, f64);

fn truth(things: &[Thing]) -> Vec<Interval> {
    let config = RelateConfig::default();
    let kinds: [(RelationKind, Hold); 5] = [
        (RelationKind::NEAR, config.near.hold),
        (RelationKind::CONTAINS, config.contains.hold),
        (RelationKind::OCCLUDES, config.occludes.hold),
        (RelationKind::APPROACHES, config.approaches.hold),
        (RelationKind::LEAVES, config.leaves.heading.hold),
    ];
    let steps = (SECS / STEP) as usize;
    let mut intervals = Vec::new();
    for a in 0..things.len() {
        for b in 0..things.len() {
            let mut near_since = f64::INFINITY;
            let mut on: [Vec<bool>; 5] = Default::default();
            for step in 0..steps {
                let bodies: Vec<Body> = things.iter().map(|thing| thing.at(step as f64 * STEP)).collect();
                for (held, (kind, _)) in on.iter_mut().zip(kinds) {
                    let was_on = held.last().copied().unwrap_or(false);
                    held.push(a != b && holds(kind, &bodies[a], &bodies[b], &bodies, was_on, near_since));
                }
                near_since = if on[0][step] { 0.0 } else { near_since + STEP };
            }
            for (held, (kind, hold)) in on.iter().zip(kinds) {
                if kind != RelationKind::NEAR || a < b {
                    let found = stretches(held, hold).into_iter();
                    intervals.extend(found.map(|(from, to)| (kind, a as u32 + 1, b as u32 + 1, from, to)));
                }
            }
        }
    }
    intervals
}

/// Stretches of `true`, joined over pauses shorter than the hold off and at least as long as the hold on, in seconds.
fn stretches(held: &[bool], hold: Hold) -> Vec<(f64, f64)> {
    let mut runs: Vec<(f64, f64)> = Vec::new();
    for (step, _) in held.iter().enumerate().filter(|(_, held)| **held) {
        let (from, to) = (step as f64 * STEP, (step + 1) as f64 * STEP);
        match runs.last_mut() {
            Some(last) if from - last.1 < hold.off_secs => last.1 = to,
            _ => runs.push((from, to)),
        }
    }
    runs.retain(|(from, to)| to - from >= hold.on_secs);
    runs
}

/// How a scene is looked at.
#[derive(Clone, Copy)]
struct View {
    size: Size,
    fps: f64,
    noise: f64,
    shares_known: bool,
}

impl View {
    fn rate(self) -> FrameRate {
        FrameRate::new(self.fps).unwrap()
    }
}

/// Boxes with noise on centre and extent in shares of the size, and 3 % missed.
fn boxes(things: &[Thing], secs: f64, view: View, seed: u64) -> Frames {
    let mut chance = Chance::new(seed);
    let height = f64::from(view.size.height);
    let mut frames = Frames::new();
    for frame in 1..=(secs * view.fps) as u32 {
        let secs = f64::from(frame - 1) / view.fps;
        let bodies: Vec<Body> = things.iter().map(|thing| thing.at(secs)).collect();
        let mut sightings = BTreeMap::new();
        for (body, track) in bodies.iter().zip(1..) {
            let spread = view.noise * body.area().sqrt();
            let (x, y) = (body.x + spread * chance.normal(), body.y + spread * chance.normal());
            let (w, h) = (body.w + spread * chance.normal(), body.h + spread * chance.normal());
            if chance.below(100) < 3 {
                continue;
            }
            let px = |units: f64| (units * height) as f32;
            let rect = Rect::from_centre(px(x), px(y), px(w), px(h));
            let visible = view.shares_known.then(|| body.visible(&bodies) as f32);
            let t = view.rate().time_of(frame);
            let sighting = Observation { rect, visible, ..seen(t, track, 0.0, 0.0, 0.0, 0.0) };
            sightings.insert(sighting.track, sighting);
        }
        frames.insert(frame, sightings);
    }
    frames
}

/// The relations whose definitions are told here once more.
const KINDS: [RelationKind; 5] = [
    RelationKind::NEAR,
    RelationKind::CONTAINS,
    RelationKind::OCCLUDES,
    RelationKind::APPROACHES,
    RelationKind::LEAVES,
];

/// The relations whose scenes tell themselves when they hold.
const STAGED: [RelationKind; 12] = [
    RelationKind::FOLLOWS,
    RelationKind::CHASES,
    RelationKind::MOVES_WITH,
    RelationKind::CARRIES,
    RelationKind::PICK_UP,
    RelationKind::PUT_DOWN,
    RelationKind::ABANDONED,
    RelationKind::MEETS,
    RelationKind::IN,
    RelationKind::LOITERS,
    RelationKind::COUNT,
    RelationKind::CROSSES,
];

/// Relations that are moments, found if stated within a second.
const MOMENTS: [RelationKind; 3] = [RelationKind::PICK_UP, RelationKind::PUT_DOWN, RelationKind::CROSSES];

/// Found, true and common intervals per relation.
type Scores = BTreeMap<RelationKind, [usize; 3]>;

fn score(scores: &mut Scores, kinds: &[RelationKind], truth: &[Interval], found: &[Fact]) {
    let secs = |us: Micros| us as f64 / 1e6;
    let judged: Vec<&Fact> = found.iter().filter(|fact| kinds.contains(&fact.kind)).collect();
    let mut free = judged.clone();
    for fact in judged {
        scores.entry(fact.kind).or_default()[0] += 1;
    }
    for (kind, a, b, from, to) in truth {
        let entry = scores.entry(*kind).or_default();
        entry[1] += 1;
        let overlap = |fact: &Fact| {
            let common = secs(fact.to_us).min(*to) - secs(fact.from_us).max(*from);
            common.max(0.0) / (secs(fact.to_us).max(*to) - secs(fact.from_us).min(*from))
        };
        let in_time = |fact: &Fact| match MOMENTS.contains(kind) {
            true => (secs(fact.from_us) - from).abs() <= 1.0,
            false => overlap(fact) >= 0.5,
        };
        let same = |fact: &Fact| (fact.kind, fact.a.0, fact.b.0) == (*kind, *a, *b) && in_time(fact);
        if let Some(at) = free.iter().position(|fact| same(fact)) {
            free.remove(at);
            entry[2] += 1;
        }
    }
}

fn f1(scores: Scores) -> BTreeMap<String, f64> {
    let f1 = |[found, real, common]: [usize; 3]| 2.0 * common as f64 / (found + real) as f64;
    scores.into_iter().map(|(kind, counts)| (kind.to_string(), f1(counts))).collect()
}

fn thing(extent: (f64, f64), way: &[(f64, f64, f64)]) -> Thing {
    Thing { extent, way: way.to_vec() }
}

/// Two or three things each: they meet, stand, cross before one another, and one enters and leaves a larger one.
/// `d` varies places by up to a few hundredths of the frame's height, and times with them.
fn scene(number: u64, chance: &mut Chance) -> Vec<Thing> {
    let mut d = || 0.04 * (chance.share() - 0.5);
    let (a, b, c) = (d(), d(), d());
    let person = (0.12, 0.22);
    match number {
        0 => vec![
            thing(person, &[(0.0, 0.2 + a, 0.5), (4.0 + 9.0 * b, 0.75, 0.5), (7.0, 0.75, 0.5), (11.5, 0.1, 0.55 + c)]),
            thing(person, &[(0.0, 0.95, 0.5 + c), (12.0, 0.95, 0.5 + c)]),
        ],
        1 => vec![
            thing((0.5, 0.4), &[(0.0, 0.9, 0.5), (12.0, 0.9, 0.5)]),
            thing(
                (0.12, 0.1),
                &[(0.0, 0.2, 0.6 + a), (4.0 + 9.0 * b, 0.85, 0.6), (7.0, 0.95, 0.6), (11.0, 0.2, 0.6 + c)],
            ),
        ],
        2 => vec![
            thing(person, &[(0.0, 0.2 + a, 0.40), (12.0, 1.5, 0.40)]),
            thing((0.3, 0.2), &[(0.0, 1.6 + b, 0.50 + c), (12.0, 0.1, 0.50 + c)]),
        ],
        _ => vec![
            thing(person, &[(0.0, 0.2, 0.3 + a), (5.0 + 9.0 * b, 0.8, 0.5), (8.0, 0.8, 0.5), (12.0, 0.1, 0.5)]),
            thing(person, &[(0.0, 1.6, 0.4 + c), (5.0, 0.97, 0.5), (7.0, 0.97, 0.5), (11.0, 1.6, 0.6 + a)]),
            thing((0.08, 0.08), &[(0.0, 0.3, 0.9), (12.0, 1.5, 0.9)]),
        ],
    }
}

const ZONE: u32 = 7;
const LINE: u32 = 8;

/// Two things or so, how long one looks at them, and what then holds by the way they were sent. `d` varies times.
fn stage(number: u64, chance: &mut Chance) -> (Vec<Thing>, f64, Vec<Interval>) {
    let d = 0.3 * (chance.share() - 0.5);
    let person = (0.12, 0.22);
    match number {
        0 => {
            let way = [(0.0, 0.1, 0.5), (4.0 + d, 0.6, 0.4), (8.0, 1.1, 0.6), (12.0, 1.6, 0.5)];
            let later = way.map(|(secs, x, y)| (secs + 1.5, x, y));
            (vec![thing(person, &way), thing(person, &later)], 12.0, vec![(RelationKind::FOLLOWS, 2, 1, 1.5, 12.0)])
        }
        1 => {
            let runs = |start: f64, x: f64| [(0.0, x, 0.5), (start, x, 0.5), (start + 4.0, x + 1.2, 0.55)];
            let things = vec![thing(person, &runs(5.0 + d, 0.4)), thing(person, &runs(5.5 + d, 0.1))];
            (things, 12.0, vec![(RelationKind::CHASES, 2, 1, 5.5 + d, 9.0 + d)])
        }
        2 => {
            let down = |x: f64| [(0.0, x, 0.2), (1.0 + d, x, 0.2), (6.0 + d, x, 0.8), (12.0, x, 0.8)];
            let things = vec![thing(person, &down(0.6)), thing(person, &down(0.8))];
            (things, 12.0, vec![(RelationKind::MOVES_WITH, 1, 2, 1.0 + d, 6.0 + d)])
        }
        3 => {
            let (from, to) = (3.0 + d, 6.0 + d);
            let porter = [
                (0.0, 0.1, 0.5),
                (2.0, 0.5, 0.5),
                (from, 0.5, 0.5),
                (to, 1.1, 0.5),
                (7.0, 1.1, 0.5),
                (10.0, 0.35, 0.5),
            ];
            let parcel = [(0.0, 0.53, 0.55), (from, 0.53, 0.55), (to, 1.13, 0.55)];
            let held = [
                (RelationKind::CARRIES, 1, 2, from, to),
                (RelationKind::PICK_UP, 1, 2, from, from),
                (RelationKind::PUT_DOWN, 1, 2, to, to),
                (RelationKind::ABANDONED, 1, 2, 8.1, 24.0),
            ];
            (vec![thing(person, &porter), thing((0.07, 0.07), &parcel)], 24.0, held.to_vec())
        }
        4 => {
            let comes = |far: f64, near: f64| {
                [(0.0, far, 0.5), (4.0 + d, near, 0.5), (9.0 + d, near, 0.5), (12.0 + d, far, 0.5)]
            };
            let things = vec![thing(person, &comes(0.1, 0.7)), thing(person, &comes(1.5, 0.86))];
            (things, 12.0, vec![(RelationKind::MEETS, 1, 2, 4.0 + d, 9.0 + d)])
        }
        _ => {
            // The zone reaches from 0.4 to 0.6 of the width, the line stands at 0.3 of it.
            let first = [(0.0, 0.2, 0.5), (3.0, 0.9, 0.5), (9.0 + d, 0.9, 0.5), (12.0 + d, 1.6, 0.5)];
            let second = [(0.0, 1.6, 0.4), (4.0, 0.95, 0.4), (7.0, 0.95, 0.4), (10.0, 1.6, 0.4)];
            let held = [
                (RelationKind::IN, 1, ZONE, 2.19, 9.71 + d),
                (RelationKind::IN, 2, ZONE, 3.28, 7.54),
                (RelationKind::LOITERS, 1, ZONE, 2.19, 9.71 + d),
                (RelationKind::COUNT, ZONE, ZONE, 3.28, 7.54),
                (RelationKind::MEETS, 1, 2, 4.0, 7.0),
                (RelationKind::CROSSES, 1, LINE, 1.43, 1.43),
            ];
            (vec![thing(person, &first), thing(person, &second)], 12.0, held.to_vec())
        }
    }
}

/// The relations with the zone and the line of [`stage`].
fn with_zones() -> RelateConfig {
    let polygon = vec![[0.4, 0.0], [0.6, 0.0], [0.6, 1.0], [0.4, 1.0]];
    let zone = ZoneConfig { id: ZONE, name: String::new(), polygon, loiter_secs: 5.0, crowd: Some(2), hold: None };
    let ends = [[0.3, 0.0], [0.3, 1.0]];
    let line = LineConfig { id: LINE, name: String::new(), ends, direction: Default::default() };
    RelateConfig { zones: vec![zone], lines: vec![line], ..RelateConfig::default() }
}

const HD: Size = Size { width: 1280, height: 720 };

fn scores(view: View, seeds: std::ops::Range<u64>) -> Scores {
    let mut scores = Scores::new();
    for seed in seeds {
        let things = scene(seed % 4, &mut Chance::new(seed));
        let frames = boxes(&things, SECS, view, seed);
        let found = facts_of(&frames, view.rate(), Some(view.size), &RelateConfig::default());
        score(&mut scores, &KINDS, &truth(&things), &found);
    }
    scores
}

#[test]
fn every_relation_is_found_in_noisy_boxes_at_any_frame_rate() {
    for fps in [5.0, 10.0, 25.0] {
        let got = f1(scores(View { size: HD, fps, noise: 0.02, shares_known: true }, 0..24));
        println!("{fps} fps: {got:?}");
        assert!(got.values().all(|f1| *f1 >= 0.9), "{fps} fps: {got:?}");
    }
}

#[test]
fn the_resolution_does_not_matter() {
    let sizes = [(426, 240), (1280, 720), (3840, 2160)].map(|(width, height)| Size { width, height });
    let [small, hd, large] = sizes.map(|size| scores(View { size, fps: 25.0, noise: 0.02, shares_known: true }, 0..8));
    assert_eq!((&small, &large), (&hd, &hd));
}

#[test]
fn occlusion_is_found_in_boxes_alone() {
    let got = f1(scores(View { size: HD, fps: 25.0, noise: 0.02, shares_known: false }, 0..24));
    println!("boxes alone: {got:?}");
    assert!(got["OCCLUDES"] >= 0.9, "{got:?}");
}

#[test]
fn every_staged_relation_is_found_in_noisy_boxes_at_any_frame_rate() {
    for fps in [5.0, 10.0, 25.0] {
        let view = View { size: HD, fps, noise: 0.02, shares_known: true };
        let mut scores = Scores::new();
        for seed in 0..48 {
            let number = seed % 6;
            let (things, secs, held) = stage(number, &mut Chance::new(seed));
            // Only the last scene has the zone and the line.
            let config = if number == 5 { with_zones() } else { RelateConfig::default() };
            let found = facts_of(&boxes(&things, secs, view, seed), view.rate(), Some(view.size), &config);
            score(&mut scores, &STAGED, &held, &found);
        }
        assert_eq!(scores.len(), STAGED.len(), "{scores:?}");
        let got = f1(scores);
        println!("{fps} fps: {got:?}");
        assert!(got.values().all(|f1| *f1 >= 0.85), "{fps} fps: {got:?}");
    }
}
