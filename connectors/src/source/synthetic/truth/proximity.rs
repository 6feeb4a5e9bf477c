//! NEAR, CONTAINS, OCCLUDES and HIDDEN_BY, from boxes, hidden shares and who is nearer.

use super::interval::Sign;
use super::sight::{Sight, Sighting};
use super::{Rule, TruthInteraction, tell};

const NEAR: Rule = Rule::holds(0.4, 0.4);
const CONTAINS: Rule = Rule::holds(0.4, 0.4);
const OCCLUDES: Rule = Rule::holds(0.2, 0.2);
const HIDDEN_BY: Rule = Rule::holds(3.0, 0.2);

/// What is visible by at most this share is out of sight.
const OUT_OF_SIGHT: f32 = 0.05;

pub fn judge(sight: &Sight<'_>, a: usize, b: usize, sink: &mut Vec<TruthInteraction>) {
    let ids = (sight.id(a), sight.id(b));
    let signs = |sign: fn(&Sighting, &Sighting) -> Sign| {
        (0..sight.frames()).map(move |k| sight.see_both(a, b, k).map_or(Sign::Off, |(i, j)| sign(i, j)))
    };
    if a < b {
        tell(sink, "NEAR", ids, &NEAR.intervals(&sight.times, signs(near)));
    }
    tell(sink, "CONTAINS", ids, &CONTAINS.intervals(&sight.times, signs(contains)));
    tell(sink, "OCCLUDES", ids, &OCCLUDES.intervals(&sight.times, signs(occludes)));
    tell(sink, "HIDDEN_BY", ids, &HIDDEN_BY.intervals(&sight.times, signs(hidden_by)));
}

/// Gap between the boxes in sizes of the pair.
pub fn gap(i: &Sighting, j: &Sighting) -> f64 {
    f64::from(i.rect.gap(&j.rect)) / pair_scale(i, j)
}

/// The size of a pair in pixels.
pub fn pair_scale(i: &Sighting, j: &Sighting) -> f64 {
    (i.scale * j.scale).sqrt().max(1.0)
}

fn near(i: &Sighting, j: &Sighting) -> Sign {
    let gap = gap(i, j);
    Sign::of(gap <= 0.5, gap >= 0.75)
}

fn contains(i: &Sighting, j: &Sighting) -> Sign {
    let ratio = i.rect.overlap(&j.rect) / j.rect.area();
    Sign::of(ratio >= 0.9 && j.rect.area() <= 0.6 * i.rect.area(), ratio <= 0.75)
}

/// The nearer one occludes; it no longer does when it has moved aside, whoever else hides the other then.
fn occludes(i: &Sighting, j: &Sighting) -> Sign {
    let touching = gap(i, j) <= 0.15;
    let on = i.rank > j.rank && j.visible <= 0.8 && i.visible >= 0.9 && touching;
    Sign::of(on, j.visible >= 0.9 || !touching)
}

/// The first is out of sight, and the second lies nearer and over most of it.
fn hidden_by(i: &Sighting, j: &Sighting) -> Sign {
    let under = i.rect.overlap(&j.rect) / i.rect.area();
    Sign::only(i.visible <= OUT_OF_SIGHT && i.rank < j.rank && under >= 0.5)
}
