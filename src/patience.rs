//! Which sinks have stood still for too long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Remembers when each sink got on last.
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

    /// Whether a sink has stood still for too long, where it has moved so often by now. It may still get on later.
    pub fn has_run_out(&mut self, sink: &str, moves: u64, now: Instant) -> bool {
        let (seen, since) = self.seen.entry(sink.to_owned()).or_insert((moves, now));
        if *seen != moves {
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
            assert!(!patience.has_run_out("quick", u64::from(turn), now));
            assert!(!patience.has_run_out("slow", u64::from(turn / 3), now), "it moves every three seconds");
            assert_eq!(patience.has_run_out("stuck", 7, now), turn >= 3, "{turn}");
        }
        assert!(!patience.has_run_out("stuck", 8, begin + 10 * second), "it got on after all");
    }
}
