//! The similarity transform that most pairs of points agree on.

use vokg_engine::geometry::Affine;

/// A point before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::motion) struct Pair {
    /// Before.
    pub from: (f32, f32),
    /// After.
    pub to: (f32, f32),
}

/// A transform and the pairs that agree with it.
#[derive(Clone, Debug)]
pub(in crate::motion) struct Agreement {
    /// The transform.
    pub map: Affine,
    /// Whether each pair agrees.
    pub agrees: Vec<bool>,
    /// How far half of the pairs that agree are off it at most; infinite where none agrees.
    pub error: f32,
}

/// Pairs within this distance of a common shift take part in the first fit.
const SHIFT_REACH: f32 = 1.5;
/// Pairs this far off a transform do not agree with it.
const AGREEING: f32 = 0.7;
/// Least scale of the weights.
const LEAST_SCALE: f32 = 0.15;
/// Rounds of weighting.
const ROUNDS: usize = 5;

/// Reweighted least squares (Geman and McClure), started at the shift that most pairs share.
pub(in crate::motion) fn common_similarity(pairs: &[Pair]) -> Agreement {
    let mut map = common_shift(pairs);
    let mut reach = SHIFT_REACH;
    for _ in 0..ROUNDS {
        let weights = weights(pairs, &map, reach);
        let Some(next) = weighted_similarity(pairs, &weights) else { break };
        map = next;
        reach = AGREEING;
    }
    let residuals = pairs.iter().map(|pair| residual(pair, &map));
    let agrees = residuals.clone().map(|r| r <= AGREEING).collect();
    let mut agreeing: Vec<f32> = residuals.filter(|r| *r <= AGREEING).collect();
    agreeing.sort_by(f32::total_cmp);
    Agreement { map, agrees, error: agreeing.get(agreeing.len() / 2).copied().unwrap_or(f32::INFINITY) }
}

/// How far a pair is off a transform.
pub(in crate::motion) fn residual(pair: &Pair, map: &Affine) -> f32 {
    let (x, y) = map.apply(pair.from.0, pair.from.1);
    (x - pair.to.0).hypot(y - pair.to.1)
}

fn common_shift(pairs: &[Pair]) -> Affine {
    let shifts: Vec<(f32, f32)> = pairs.iter().map(|p| (p.to.0 - p.from.0, p.to.1 - p.from.1)).collect();
    let near = |a: &(f32, f32), b: &(f32, f32)| (a.0 - b.0).hypot(a.1 - b.1) <= 1.0;
    let votes = |shift: &(f32, f32)| shifts.iter().filter(|other| near(shift, other)).count();
    // The first of equals, so that ties do not depend on anything else.
    let mut best = ((0.0, 0.0), 0);
    for shift in &shifts {
        let votes = votes(shift);
        if votes > best.1 {
            best = (*shift, votes);
        }
    }
    Affine::translation(best.0.0, best.0.1)
}

fn weights(pairs: &[Pair], map: &Affine, reach: f32) -> Vec<f32> {
    let residuals: Vec<f32> = pairs.iter().map(|pair| residual(pair, map)).collect();
    let mut near: Vec<f32> = residuals.iter().copied().filter(|r| *r <= reach).collect();
    near.sort_by(f32::total_cmp);
    let scale = near.get(near.len() / 2).map_or(LEAST_SCALE, |median| (1.4 * median).max(LEAST_SCALE));
    let weight = |r: &f32| if *r > reach { 0.0 } else { (scale * scale / (scale * scale + r * r)).powi(2) };
    residuals.iter().map(weight).collect()
}

/// Closed form about the weighted centres (Umeyama, IEEE PAMI 13(4), 1991, for the plane), `None` where all pairs but
/// one have no weight.
fn weighted_similarity(pairs: &[Pair], weights: &[f32]) -> Option<Affine> {
    let total: f32 = weights.iter().sum();
    if total < 1e-3 {
        return None;
    }
    let mean = |value: fn(&Pair) -> f32| pairs.iter().zip(weights).map(|(p, w)| w * value(p)).sum::<f32>() / total;
    let (px, py) = (mean(|p| p.from.0), mean(|p| p.from.1));
    let (qx, qy) = (mean(|p| p.to.0), mean(|p| p.to.1));
    let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
    for (pair, weight) in pairs.iter().zip(weights) {
        let (x, y) = (pair.from.0 - px, pair.from.1 - py);
        let (u, v) = (pair.to.0 - qx, pair.to.1 - qy);
        along += weight * (x * u + y * v);
        across += weight * (x * v - y * u);
        spread += weight * (x * x + y * y);
    }
    if spread < 1.0 {
        return None;
    }
    let (a, b) = (along / spread, across / spread);
    Some(Affine { m: [a, -b, qx - a * px + b * py, b, a, qy - b * px - a * py] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(map: &Affine, outliers: usize) -> Vec<Pair> {
        let grid = (0..45).map(|i| ((i % 9 * 20) as f32, (i / 9 * 20) as f32));
        let moved = grid.enumerate().map(|(i, (x, y))| {
            let to = map.apply(x, y);
            let wrong = (i as f32 * 1.3 % 7.0 + 3.0, i as f32 * 2.1 % 5.0);
            let to = if i % 3 == 0 && i / 3 < outliers { (to.0 + wrong.0, to.1 - wrong.1) } else { to };
            Pair { from: (x, y), to }
        });
        moved.collect()
    }

    #[test]
    fn a_turn_and_a_shift_are_found_among_outliers() {
        let map = Affine { m: [1.004, -0.006, 2.3, 0.006, 1.004, -1.7] };
        let found = common_similarity(&pairs(&map, 12));
        for (found, expected) in found.map.m.iter().zip(&map.m) {
            assert!((found - expected).abs() < 0.02, "{:?}", found);
        }
        assert_eq!(found.agrees.iter().filter(|a| **a).count(), 33);
    }

    #[test]
    fn the_error_is_that_of_the_pairs_that_agree() {
        let mut pairs = pairs(&Affine::translation(2.0, 1.0), 10);
        assert!(common_similarity(&pairs).error < 0.01);
        pairs.iter_mut().zip([0.3, -0.3].iter().cycle()).for_each(|(pair, off)| pair.to.0 += off);
        let error = common_similarity(&pairs).error;
        assert!((error - 0.3).abs() < 0.1, "{error}");
    }

    #[test]
    fn nothing_given_moves_nothing() {
        let nothing = common_similarity(&[]);
        assert_eq!((nothing.map, nothing.error), (Affine::IDENTITY, f32::INFINITY));
    }
}
