//! The test of one pair: does the leader's last second improve the forecast of the follower's velocity?
//!
//! Both axes are forecast with one set of coefficients, so that a turned picture gives the same answer. The small model
//! has the follower's own last second and that of the others, the large one the leader's too:
//!
//! ```text
//! F = ((RSS0 − RSS1) / q) / (RSS1 / df),   gain = 1 − RSS1 / RSS0
//! ```
//!
//! with q = 10 coefficients tested and df = both axes' rows less all coefficients and two means.

use super::products::{Lagged, Products};
use super::regression::CrossProducts;
use super::tail::upper_tail;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The order of the regression: one second at ten steps a second. Even, as the tail of F is summed for even numbers.
pub(super) const LAGS: usize = 10;

/// Whom a test is about, by place in the window's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) leader: usize,
    pub(super) follower: usize,
    /// Whose past both models know.
    pub(super) others: Vec<usize>,
    /// At which steps all of them have velocities with their past.
    pub(super) rows: Vec<Range<usize>>,
}

/// What the leader's past gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The share of the squared error that it removes.
    pub(super) gain: f64,
    /// How likely this gain or more is where there is no influence.
    pub(super) p: f64,
    /// The lag that alone, added to the small model, would lower the squared error most, in steps.
    pub(super) lag: usize,
}

/// Fits both models. `None` where the follower's error or the leader's past is determined by the small model, or the
/// rows are too few: then nothing can be told.
pub(super) fn granger(products: &mut Products, question: &Question) -> Option<Answer> {
    let Question { leader, follower, others, rows } = question;
    let tracks: Vec<usize> = [*follower].into_iter().chain(others.iter().copied()).chain([*leader]).collect();
    products.prepare(&tracks);
    let past = tracks.iter().flat_map(|series| (1..=LAGS).map(|lag| Lagged { series: *series, lag }));
    let columns: Vec<Lagged> = past.chain([Lagged { series: *follower, lag: 0 }]).collect();
    let mut table = CrossProducts::new(columns.len(), |i, j| products.covariance(columns[i], columns[j], rows));

    let of_leader = columns.len() - 1 - LAGS..columns.len() - 1;
    let small = (0..of_leader.start).filter(|regressor| table.eliminate(*regressor)).count();
    let small_error = table.error();
    let by_lag = of_leader.clone().map(|regressor| table.lowers_by(regressor));
    let (peak, _) = by_lag.enumerate().fold((0, f64::MIN), |best, now| if now.1 > best.1 { now } else { best });
    let determined = of_leader.clone().any(|regressor| !table.eliminate(regressor));
    let rows: usize = rows.iter().map(ExactSizeIterator::len).sum();
    let df = (2 * rows).checked_sub(small + LAGS + 2).filter(|df| *df > 0)?;
    if determined || small_error <= 0.0 {
        return None;
    }
    let kept = (table.error() / small_error).clamp(0.0, 1.0);
    let p = upper_tail(kept, LAGS as u32 / 2, u32::try_from(df).ok()?);
    Some(Answer { gain: 1.0 - kept, p, lag: peak + 1 })
}
