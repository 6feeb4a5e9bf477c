//! Relations with a history: MEETS needs an approach before it, ABANDONED a carrying.

use super::interval::{Interval, Sign};
use super::proximity::{gap, pair_scale};
use super::sight::{Sight, Vector};
use super::{Rule, TruthInteraction, ordered_pairs, tell};
use vokg_engine::time::Micros;

const MEETS: Rule = Rule::holds(1.5, 0.6);
const ABANDONED: Rule = Rule::holds(10.0, 1.0);
const APPROACH_BEFORE_US: Micros = 2_000_000;
const STILL: f64 = 0.25;

/// How long PICK_UP and PUT_DOWN last.
const HANDLING_US: Micros = 1_000_000;

/// Reads APPROACHES and CARRIES from what was found so far and adds to it.
pub fn judge(sight: &Sight<'_>, facts: &mut Vec<TruthInteraction>) {
    let mut found = Vec::new();
    for (a, b) in ordered_pairs(sight.actors()) {
        let ids = (sight.id(a), sight.id(b));
        if a < b {
            let mut met = MEETS.intervals(&sight.times, (0..sight.frames()).map(|k| meeting(sight, a, b, k)));
            met.retain(|meeting| approached(facts, ids, meeting));
            tell(&mut found, "MEETS", ids, &met);
        }
        for carrying in facts.iter().filter(|x| x.kind == "CARRIES" && (x.a, x.b) == ids) {
            tell(&mut found, "PICK_UP", ids, &picked_up(sight, (a, b), carrying));
            tell(&mut found, "PUT_DOWN", ids, &put_down(sight, (a, b), carrying));
        }
        let carried = facts.iter().filter(|x| x.kind == "CARRIES" && (x.a, x.b) == ids).map(|x| x.to_us).min();
        if let Some(since) = carried {
            let signs = (0..sight.frames()).map(|k| left_behind(sight, (a, b), k, since));
            tell(&mut found, "ABANDONED", ids, &ABANDONED.intervals(&sight.times, signs));
        }
    }
    facts.extend(found);
}

fn meeting(sight: &Sight<'_>, a: usize, b: usize, frame: usize) -> Sign {
    let Some((i, j)) = sight.see_both(a, b, frame) else { return Sign::Off };
    let speed = |actor| length(sight.velocity(actor, frame)) / pair_scale(i, j);
    Sign::only(gap(i, j) <= 0.75 && speed(a) < STILL && speed(b) < STILL)
}

/// Whether one walked up to the other in the two seconds before.
fn approached(facts: &[TruthInteraction], (a, b): (u32, u32), meeting: &Interval) -> bool {
    facts.iter().any(|x| {
        let pair = (x.a, x.b) == (a, b) || (x.a, x.b) == (b, a);
        x.kind == "APPROACHES" && pair && x.from_us <= meeting.from && x.to_us + APPROACH_BEFORE_US >= meeting.from
    })
}

/// The beginning of a carrying whose thing lay at some moment of the two seconds before: who lifts it may stand a while with
/// it in hand, or walk off at once.
fn picked_up(sight: &Sight<'_>, pair: (usize, usize), carrying: &TruthInteraction) -> Vec<Interval> {
    let before = carrying.from_us.saturating_sub(2 * HANDLING_US)..carrying.from_us;
    let lay = sight.times.iter().any(|t| before.contains(t) && lies(sight, pair, *t));
    lay.then(|| Interval { from: carrying.from_us, to: carrying.from_us + HANDLING_US }).into_iter().collect()
}

/// The end of a carrying whose thing lies from then on.
fn put_down(sight: &Sight<'_>, pair: (usize, usize), carrying: &TruthInteraction) -> Vec<Interval> {
    let lies = lies(sight, pair, carrying.to_us + HANDLING_US);
    lies.then(|| Interval { from: carrying.to_us, to: carrying.to_us + HANDLING_US }).into_iter().collect()
}

/// Whether the second of a pair is seen and still at a moment, by its own size.
fn lies(sight: &Sight<'_>, (_, thing): (usize, usize), at: Micros) -> bool {
    let frame = sight.times.partition_point(|t| *t <= at).saturating_sub(1);
    let seen = (frame < sight.frames()).then(|| sight.see(thing, frame)).flatten();
    seen.is_some_and(|j| length(sight.velocity(thing, frame)) / j.scale.max(1.0) < STILL)
}

/// Out of sight is away as well.
fn left_behind(sight: &Sight<'_>, (owner, thing): (usize, usize), frame: usize, since: Micros) -> Sign {
    let Some(j) = sight.see(thing, frame) else { return Sign::Off };
    let last_seen = (0..=frame).rev().find_map(|k| sight.see(owner, k));
    let Some(i) = last_seen else { return Sign::Off };
    let scale = pair_scale(i, j);
    let (p, q) = (sight.centre(owner, frame as i64), sight.centre(thing, frame as i64));
    let distance = length((p.0 - q.0, p.1 - q.1)) / scale;
    let still = length(sight.velocity(thing, frame)) / scale < STILL;
    Sign::of(sight.times[frame] >= since && still && distance >= 3.0, !still || distance < 2.0)
}

fn length(v: Vector) -> f64 {
    (v.0 * v.0 + v.1 * v.1).sqrt()
}
