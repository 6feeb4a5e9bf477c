//! Relations of motion: APPROACHES, LEAVES, FOLLOWS, CHASES, MOVES_WITH, CARRIES.

use super::interval::Sign;
use super::proximity::{gap, pair_scale};
use super::sight::{Sight, Sighting, Vector};
use super::{Rule, TruthInteraction, tell};
use vokg_engine::time::Micros;

const APPROACHES: Rule = Rule::holds(0.6, 0.3);
const LEAVES: Rule = APPROACHES;
const FOLLOWS: Rule = Rule { least: 1.0, bridge: 1.0, ..Rule::holds(0.2, 0.4) };
const CHASES: Rule = Rule { least: 1.5, bridge: 1.0, ..Rule::holds(0.0, 0.3) };
const MOVES_WITH: Rule = Rule { least: 1.0, ..Rule::holds(0.6, 0.4) };
const CARRIES: Rule = Rule::holds(0.5, 0.4);

/// Motion counts only while at least this share of both is inside the frame: of less, nobody can tell how it moves.
const INSIDE: f32 = 0.2;
const NEAR_BEFORE_US: Micros = 2_000_000;
const FOLLOW_WINDOW_SECS: f64 = 1.5;
const CHASE_WINDOW_SECS: f64 = 0.8;
/// Cosines of 30 and 75 degrees.
const COS_30: f64 = 0.866_025_4;
const COS_75: f64 = 0.258_819_05;

/// Reads NEAR of both from what was found so far and adds to it.
pub fn judge(sight: &Sight<'_>, a: usize, b: usize, sink: &mut Vec<TruthInteraction>) {
    let ids = (sight.id(a), sight.id(b));
    let moves: Vec<Option<Pair>> = (0..sight.frames()).map(|k| Pair::at(sight, a, b, k)).collect();
    let find = |rule: Rule, sign: &dyn Fn(usize, &Pair) -> Sign| {
        rule.intervals(
            &sight.times,
            moves.iter().enumerate().map(|(k, m)| m.as_ref().map_or(Sign::Off, |m| sign(k, m))),
        )
    };
    tell(sink, "APPROACHES", ids, &find(APPROACHES, &|_, m| approaches(m)));
    let near: Vec<(Micros, Micros)> = sink
        .iter()
        .filter(|x| x.kind == "NEAR" && (x.a, x.b) == (ids.0.min(ids.1), ids.0.max(ids.1)))
        .map(|x| (x.from_us, x.to_us))
        .collect();
    tell(sink, "LEAVES", ids, &find(LEAVES, &|k, m| leaves(m, was_near(&near, sight.times[k]))));
    tell(sink, "FOLLOWS", ids, &find(FOLLOWS, &|k, m| Sign::only(follows(sight, (a, b), k, m))));
    tell(sink, "CHASES", ids, &find(CHASES, &|k, _| chases(&moves, k, sight.frames_in(CHASE_WINDOW_SECS))));
    tell(sink, "CARRIES", ids, &find(CARRIES, &|k, m| Sign::only(carries(sight, (a, b), k, m))));
    if a < b {
        tell(sink, "MOVES_WITH", ids, &find(MOVES_WITH, &|_, m| Sign::only(moves_with(m))));
    }
}

/// How two move in a frame, in sizes of the pair and seconds.
struct Pair {
    /// Distance of the centres.
    distance: f64,
    /// Speeds.
    speed: (f64, f64),
    /// Speeds along the line from the first to the second.
    along: (f64, f64),
    /// Difference of the velocities.
    drift: f64,
    /// Pixels in a size.
    scale: f64,
}

impl Pair {
    fn at(sight: &Sight<'_>, a: usize, b: usize, frame: usize) -> Option<Self> {
        let (i, j) = sight.see_both(a, b, frame)?;
        if i.inside < INSIDE || j.inside < INSIDE {
            return None;
        }
        let scale = pair_scale(i, j);
        let sizes = |v: Vector| (v.0 / scale, v.1 / scale);
        let (vi, vj) = (sizes(sight.velocity(a, frame)), sizes(sight.velocity(b, frame)));
        let (ci, cj) = (sight.centre(a, frame as i64), sight.centre(b, frame as i64));
        let line = sizes((cj.0 - ci.0, cj.1 - ci.1));
        let distance = length(line);
        let along = |v: Vector| (v.0 * line.0 + v.1 * line.1) / distance.max(1e-9);
        Some(Self {
            distance,
            speed: (length(vi), length(vj)),
            along: (along(vi), along(vj)),
            drift: length((vi.0 - vj.0, vi.1 - vj.1)),
            scale,
        })
    }

    fn cosines(&self) -> (f64, f64) {
        (self.along.0 / self.speed.0.max(1e-9), self.along.1 / self.speed.1.max(1e-9))
    }

    fn slower(&self) -> f64 {
        self.speed.0.min(self.speed.1)
    }

    fn faster(&self) -> f64 {
        self.speed.0.max(self.speed.1)
    }
}

fn length(v: Vector) -> f64 {
    (v.0 * v.0 + v.1 * v.1).sqrt()
}

fn approaches(m: &Pair) -> Sign {
    let other = m.speed.1 < 0.25 || m.along.1 <= 0.0;
    Sign::of(m.along.0 >= 0.3 && m.cosines().0 >= 0.7 && other, m.along.0 < 0.15)
}

fn leaves(m: &Pair, was_near: bool) -> Sign {
    let other = m.speed.1 < 0.25 || m.along.1 >= 0.0;
    Sign::of(m.along.0 <= -0.3 && m.cosines().0 <= -0.7 && other && was_near, m.along.0 > -0.15)
}

/// Whether NEAR held in the two seconds before: two who stood within its outer bound were near until they part.
fn was_near(near: &[(Micros, Micros)], t: Micros) -> bool {
    near.iter().any(|(from, to)| *from <= t && to + NEAR_BEFORE_US >= t)
}

/// The first is where the second was a while ago, for the best choice of the while: with its middle or with its feet, since
/// things of unlike heights share the ground.
fn follows(sight: &Sight<'_>, (a, b): (usize, usize), frame: usize, m: &Pair) -> bool {
    let (cos_i, cos_j) = m.cosines();
    if m.slower() < 0.25 || cos_i < 0.3 || cos_j < 0.3 || !(0.4..=8.0).contains(&m.distance) {
        return false;
    }
    let half = sight.frames_in(FOLLOW_WINDOW_SECS) / 2;
    let step = sight.frames_in(0.1).max(1);
    let offsets = || (-half..=half).step_by(step as usize);
    let error = |lag: i64, place: &dyn Fn(usize, i64) -> Vector| {
        let apart = |k: i64| {
            let (p, q) = (place(a, frame as i64 + k), place(b, frame as i64 + k - lag));
            length((p.0 - q.0, p.1 - q.1)) / m.scale
        };
        offsets().map(apart).sum::<f64>() / offsets().count() as f64
    };
    let centre = |actor, k| sight.centre(actor, k);
    let feet = |actor, k| sight.feet(actor, k);
    let lag_error = |lag: i64| error(lag, &centre).min(error(lag, &feet));
    let lags = sight.frames_in(0.3).max(1)..=sight.frames_in(4.0);
    lags.step_by(step as usize).any(|lag| lag_error(lag) <= 0.35)
}

/// Judged over a window around the frame.
fn chases(moves: &[Option<Pair>], frame: usize, window: i64) -> Sign {
    let half = (window / 2) as usize;
    let around = &moves[frame.saturating_sub(half)..(frame + half + 1).min(moves.len())];
    let chasing = around.iter().flatten().filter(|m| is_chasing(m)).count();
    Sign::of(chasing * 10 >= around.len() * 8, chasing * 2 < around.len())
}

fn is_chasing(m: &Pair) -> bool {
    let (cos_i, cos_j) = m.cosines();
    cos_i >= COS_30 && cos_j >= COS_75 && m.slower() >= 1.3 && m.distance <= 6.0
}

fn moves_with(m: &Pair) -> bool {
    m.slower() >= 0.25 && m.drift <= 0.2 * m.faster() + 0.1 && m.distance <= 2.0 && m.cosines().1.abs() < 0.5
}

fn carries(sight: &Sight<'_>, (a, b): (usize, usize), frame: usize, m: &Pair) -> bool {
    let fits = |i: &Sighting, j: &Sighting| j.scale * j.scale <= 0.5 * i.scale * i.scale && gap(i, j) <= 0.1;
    let held = sight.see_both(a, b, frame).is_some_and(|(i, j)| fits(i, j));
    held && m.slower() >= 0.2 && m.drift <= 0.25 * m.faster() + 0.1
}

/// Who carries does not chase what is in hand, and who does either does not follow as well: takes out of `kind` the
/// parts under a relation that says more about the same pair, and pieces too short to count.
pub fn drop_explained(facts: &mut Vec<TruthInteraction>, kind: &str, explained_by: &[&str]) {
    let rule = match kind {
        "CHASES" => CHASES,
        "MOVES_WITH" => MOVES_WITH,
        _ => FOLLOWS,
    };
    let least = (rule.least * 1e6) as Micros;
    let (weaker, mut kept): (Vec<_>, Vec<_>) = facts.drain(..).partition(|fact| fact.kind == kind);
    let mut pieces = Vec::new();
    for fact in weaker {
        let mut free = vec![(fact.from_us, fact.to_us)];
        let stronger = |x: &&TruthInteraction| is_same_pair(x, &fact) && explained_by.contains(&x.kind.as_str());
        for x in kept.iter().filter(stronger) {
            free = free.into_iter().flat_map(|part| without(part, (x.from_us, x.to_us))).collect();
        }
        let long = free.into_iter().filter(|(from, to)| to - from >= least);
        pieces.extend(long.map(|(from_us, to_us)| TruthInteraction { from_us, to_us, ..fact.clone() }));
    }
    kept.extend(pieces);
    *facts = kept;
}

/// Of one pair; carrying explains what the carried seems to do as well.
fn is_same_pair(x: &TruthInteraction, fact: &TruthInteraction) -> bool {
    (x.a, x.b) == (fact.a, fact.b) || x.kind == "CARRIES" && (x.b, x.a) == (fact.a, fact.b)
}

fn without(part: (Micros, Micros), hole: (Micros, Micros)) -> Vec<(Micros, Micros)> {
    let pieces = [(part.0, part.1.min(hole.0)), (part.0.max(hole.1), part.1)];
    pieces.into_iter().filter(|(from, to)| from < to).collect()
}
