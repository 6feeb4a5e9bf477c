//! How long to wait before the next try.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::time::Duration;

/// Waits that double from try to try up to a limit, each shortened by up to half at random, so that many clients of a
/// server that comes back do not all come at once ("full jitter" kept above a half).
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
    chance: ChaCha8Rng,
}

impl Backoff {
    /// From `first` to `most`; the random part follows from `seed`.
    pub fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, tries: 0, chance: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.tries.min(20)).min(self.most);
        self.tries += 1;
        let share = f64::from(self.chance.next_u32()) / f64::from(u32::MAX);
        doubled.mul_f64(1.0 - share / 2.0)
    }

    /// It worked: the next wait is a first one.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// Waits since it worked.
    pub fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 8 * second, 7);
        let waits: Vec<Duration> = (0..30).map(|_| backoff.next_wait()).collect();
        for (tries, wait) in waits.iter().enumerate() {
            let doubled = (second * (1 << tries.min(3))).min(8 * second);
            assert!((doubled / 2..=doubled).contains(wait), "{tries}: {wait:?}");
        }
        assert!(waits[10..].iter().any(|wait| *wait != waits[10]), "they differ");
        backoff.reset();
        assert!(backoff.next_wait() <= second);
    }
}
