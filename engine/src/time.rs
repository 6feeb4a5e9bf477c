//! Media time: microseconds since the origin of a stream.

/// Microseconds of media time since the stream's origin. The only unit of time in records, logs and dataflows.
///
/// It is a plain integer because it is also the timestamp of the dataflows.
pub type Micros = u64;

/// One second of media time.
pub const SECOND_US: Micros = 1_000_000;

/// Seconds, as written in a configuration, in microseconds. Negative and non-finite values become 0.
///
/// ```
/// use vokg_engine::time::micros_from_secs;
/// assert_eq!([1.5, -1.0, f64::NAN, f64::INFINITY].map(micros_from_secs), [1_500_000, 0, 0, 0]);
/// ```
pub fn micros_from_secs(secs: f64) -> Micros {
    if !secs.is_finite() {
        return 0;
    }
    (secs.max(0.0) * SECOND_US as f64).round() as Micros
}

/// Microseconds in seconds, for people and for ratios.
#[inline]
pub fn secs_from_micros(us: Micros) -> f64 {
    us as f64 / SECOND_US as f64
}

/// Where the time stamps of a stream come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The presentation time stamps of the container.
    Pts,
    /// The sender's clock, carried by RTCP sender reports.
    Ntp,
    /// The moment of arrival on this machine.
    Arrival,
}
