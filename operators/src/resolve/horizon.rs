//! How far back the graph may still be corrected, and what may leave memory when it no longer can.
//!
//! Automatic corrections move only tracks whose first evidence lies after the settled time, and evidence that is
//! withdrawn is withdrawn from the settled time on: what it said of the time before stands. So nothing before the settled
//! time changes any more but ends that come late. What ended long enough before it is *sealed*: it stays in the log as it
//! stands and leaves memory without a delta.

use vokg_engine::evidence::IntervalRule;
use vokg_engine::time::{Micros, SECOND_US};

/// Default reach of automatic corrections: one hour.
pub const CORRECTION_HORIZON_US: Micros = 3600 * SECOND_US;

/// The valid time before which no automatic correction decided at `t` or later will reach: the full second at or
/// before `t` less the horizon.
///
/// Whole seconds, so that sealing happens often and in small portions, and everywhere at the same frame.
///
/// ```
/// use vokg_operators::resolve::horizon::settled_us;
///
/// assert_eq!(settled_us(61_500_000, 60_000_000), 1_000_000);
/// assert_eq!(settled_us(59_000_000, 60_000_000), 0);
/// ```
pub fn settled_us(t: Micros, horizon_us: Micros) -> Micros {
    t.saturating_sub(horizon_us) / SECOND_US * SECOND_US
}

/// How long after its end a span may still shape an interval of its own relation: it can be joined within the longer
/// pause, to something that is itself still to become long enough.
pub(super) fn reach_us(rule: &IntervalRule) -> Micros {
    let pauses = rule.hold_off_us.saturating_add(rule.bridge_us);
    pauses.saturating_add(rule.hold_on_us).saturating_add(rule.min_us).saturating_add(rule.delay_us)
}
