//! Which sinks have waited in vain for too long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Remembers when each sink got on last, or had nothing to wait for.
#[derive(Debug)]
pub struct Patience {
    most: Duration,
    seen: BTreeMap<String, (u64, Instant)>,
}

impl Patience {
    /// Patience with every sink that gets on within so long.
    pub fn new(most: Duration) -> Self {
        Self { most, seen: BTreeMap::new() }
    }

    /// Whether a sink has waited for too long, which has moved so often by now. It may still get on later.
    pub fn has_run_out(&mut self, sink: &str, waits: bool, moves: u64, now: Instant) -> bool {
        let (seen, since) = self.seen.entry(sink.to_owned()).or_insert((moves, now));
        if *seen != moves || !waits {
            (*seen, *since) = (moves, now);
        }
        now.saturating_duration_since(*since) >= self.most
    }

    /// How long it lasts.
    pub fn most(&self) -> Duration {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_out_for_those_alone_that_stand_still() {
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let mut patience = Patience::new(3 * second);
        for turn in 0..10 {
            let now = begin + turn * second;
            assert!(!patience.has_run_out("quick", true, u64::from(turn), now));
            assert!(!patience.has_run_out("slow", true, u64::from(turn / 3), now), "it moves every three seconds");
            assert_eq!(patience.has_run_out("stuck", true, 7, now), turn >= 3, "{turn}");
            assert!(!patience.has_run_out("idle", turn > 7, 7, now), "what it did before was no waiting");
        }
        assert!(!patience.has_run_out("stuck", true, 8, begin + 10 * second), "it got on after all");
    }
}
