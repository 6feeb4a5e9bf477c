//! Products of lagged velocities, summed over any stretch of a window at once.
//!
//! Every regression of a window needs Σ v_i(t−k)·v_j(t−l) for some tracks, lags and rows. As running sums per pair of
//! tracks and difference of lags, each such entry is two look-ups a stretch of rows, and a pair of tracks is summed once
//! however many regressions it is part of.

use super::granger::LAGS;
use super::series::Series;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::Range;

/// A track of the window, by place in its list, and how many steps back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lagged {
    pub(super) series: usize,
    pub(super) lag: usize,
}

/// Running sums over one window. Kept as the tracks they are of: sums are made again where they are asked for.
#[derive(Clone, Debug)]
pub(super) struct Products {
    series: Vec<Series>,
    /// Of pair (i, j) at `i * tracks + j`: for each difference of lags d, the sums of v_i(t)·v_j(t−d) before each step.
    of_pairs: Vec<Option<Vec<f64>>>,
    /// Of each track and axis, the sums of its velocity before each step.
    of_tracks: Vec<[Vec<f64>; 2]>,
    steps: usize,
}

impl Serialize for Products {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.series.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Products {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self::new)
    }
}

impl Products {
    /// Of these tracks, all of one window.
    pub(super) fn new(series: Vec<Series>) -> Self {
        let steps = series.first().map_or(0, |s| s.velocity[0].len());
        let of_tracks = series.iter().map(|s| [0, 1].map(|axis| running(s.velocity[axis].iter().copied()).collect()));
        let (of_tracks, of_pairs) = (of_tracks.collect(), vec![None; series.len() * series.len()]);
        Self { series, of_pairs, of_tracks, steps }
    }

    /// The tracks.
    pub(super) fn series(&self) -> &[Series] {
        &self.series
    }

    /// Sums the products of every two of these tracks, if that was not done yet.
    pub(super) fn prepare(&mut self, tracks: &[usize]) {
        for i in tracks {
            for j in tracks {
                let series = &self.series;
                let place = i * series.len() + j;
                self.of_pairs[place].get_or_insert_with(|| lagged_products(&series[*i], &series[*j]));
            }
        }
    }

    /// Sum over the rows of the product of both, along both axes, each less its mean over the rows.
    ///
    /// # Panics
    /// Where the two tracks were not prepared, or a row has no past of that length.
    pub(super) fn covariance(&self, a: Lagged, b: Lagged, rows: &[Range<usize>]) -> f64 {
        let count = rows.iter().map(ExactSizeIterator::len).sum::<usize>() as f64;
        let mean_part: f64 = [0, 1].iter().map(|axis| self.sum(a, *axis, rows) * self.sum(b, *axis, rows)).sum();
        let (later, earlier) = if a.lag <= b.lag { (a, b) } else { (b, a) };
        let sums = self.of_pairs[later.series * self.series.len() + earlier.series].as_ref();
        let sums = sums.expect("the tracks of a model are prepared before it is fitted");
        let sums = &sums[(earlier.lag - later.lag) * (self.steps + 1)..];
        let whole: f64 = rows.iter().map(|row| sums[row.end - later.lag] - sums[row.start - later.lag]).sum();
        whole - mean_part / count
    }

    fn sum(&self, of: Lagged, axis: usize, rows: &[Range<usize>]) -> f64 {
        let sums = &self.of_tracks[of.series][axis];
        rows.iter().map(|row| sums[row.end - of.lag] - sums[row.start - of.lag]).sum()
    }
}

fn lagged_products(a: &Series, b: &Series) -> Vec<f64> {
    let steps = a.velocity[0].len();
    let product = |step: usize, lag: usize| match step.checked_sub(lag) {
        Some(before) => [0, 1].iter().map(|axis| a.velocity[*axis][step] * b.velocity[*axis][before]).sum(),
        None => 0.0,
    };
    (0..=LAGS).flat_map(|lag| running((0..steps).map(move |step| product(step, lag)))).collect()
}

/// The sums of the values before each, and of all.
fn running(values: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
    let sums = values.scan(0.0, |sum, value| {
        *sum += value;
        Some(*sum)
    });
    [0.0].into_iter().chain(sums)
}

#[cfg(test)]
mod tests {
    use super::super::series::{shared_rows, tests::series};
    use super::*;
    use proptest::prelude::*;

    fn directly(series: &[Series], a: Lagged, b: Lagged, rows: &[Range<usize>]) -> f64 {
        let rows: Vec<usize> = rows.iter().cloned().flatten().collect();
        let along = |axis: usize| {
            let of = |lagged: Lagged| {
                let values = rows.iter().map(move |t| series[lagged.series].velocity[axis][t - lagged.lag]);
                let mean = values.clone().sum::<f64>() / rows.len() as f64;
                values.map(move |v| v - mean)
            };
            of(a).zip(of(b)).map(|(v, w)| v * w).sum::<f64>()
        };
        along(0) + along(1)
    }

    proptest! {
        #[test]
        fn running_sums_give_what_the_rows_give(
            steps in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64, prop::bool::weighted(0.97)), 80),
            lags in (0..=LAGS, 0..=LAGS),
        ) {
            let of = |turn: usize| -> Vec<Option<(f64, f64)>> {
                (0..80).map(|i| steps[(i + turn) % 80]).map(|(x, y, seen)| seen.then_some((x, y))).collect()
            };
            let series = [series(1, &of(0)), series(2, &of(7))];
            let rows = shared_rows(&[&series[0], &series[1]]);
            prop_assume!(!rows.is_empty());
            let mut products = Products::new(series.to_vec());
            products.prepare(&[0, 1]);
            for (i, j) in [(0, 0), (0, 1), (1, 0)] {
                let (a, b) = (Lagged { series: i, lag: lags.0 }, Lagged { series: j, lag: lags.1 });
                let (found, expected) = (products.covariance(a, b, &rows), directly(&series, a, b, &rows));
                prop_assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        }
    }
}
