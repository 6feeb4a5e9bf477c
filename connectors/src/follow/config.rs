//! The limits of a follower.

use super::target::StartFrom;
use std::time::Duration;

/// Limits of a follower.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowerConfig {
    /// Entries of a portion, unless one time has more.
    pub portion_entries: usize,
    /// Time between two portions of a stream, unless the second has [`FollowerConfig::portion_entries`].
    pub portion_pause: Duration,
    /// First wait after an error.
    pub retry_first: Duration,
    /// Longest wait after an error.
    pub retry_most: Duration,
    /// Entries that may be set aside because the target refuses them.
    pub dead_letters: usize,
    /// With what a stream begins that the target does not hold.
    pub from: StartFrom,
}

impl Default for FollowerConfig {
    fn default() -> Self {
        Self {
            portion_entries: 5_000,
            portion_pause: Duration::ZERO,
            retry_first: Duration::from_millis(100),
            retry_most: Duration::from_secs(30),
            dead_letters: 10_000,
            from: StartFrom::Beginning,
        }
    }
}
