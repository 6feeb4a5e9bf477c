//! Gathers observations until they make a segment. No disk: a dataflow may hold this.

use super::format::append_row;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::time::{Micros, SECOND_US};

/// Media time a segment gathers.
pub const SEGMENT_US: Micros = 10 * SECOND_US;
/// A segment is given out early once its rows have this many bytes.
const FULL_BYTES: usize = 8 << 20;

/// Observations that are ready to be written, as part of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationSegment {
    pub(super) rows: Vec<u8>,
    pub(super) count: u32,
    pub(super) first_us: Micros,
    pub(super) last_us: Micros,
}

impl ObservationSegment {
    /// Bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        self.rows.len()
    }
}

/// Frames whose numbers are kept for sightings that are confirmed later.
const NUMBERED_FRAMES: usize = 1 << 16;

/// Gathers the observations of one stream, and numbers its frames.
///
/// A sighting that is confirmed later keeps its own time but goes into the segment that is being gathered, so that a
/// finished segment never has to be opened again.
#[derive(Default, Serialize, Deserialize)]
pub struct ObservationBuffer {
    gathered: Option<ObservationSegment>,
    window: Micros,
    /// Frames so far.
    frames: u64,
    /// Times of the latest of them.
    times: VecDeque<Micros>,
}

impl ObservationBuffer {
    /// Takes what was seen in a frame. Gives the segment before it, if this frame begins the next ten seconds, or if
    /// the segment has 8 MiB.
    pub fn push(&mut self, frame: &TrackedFrame) -> Option<ObservationSegment> {
        let window = frame.t / SEGMENT_US;
        let full = self.gathered.as_ref().is_some_and(|gathered| gathered.rows.len() >= FULL_BYTES);
        let ready = if full || window != self.window { self.gathered.take() } else { None };
        self.window = window;
        if !frame.end {
            self.frames += 1;
            self.times.push_back(frame.t);
            if self.times.len() > NUMBERED_FRAMES {
                self.times.pop_front();
            }
        }
        for observation in frame.confirmed.iter().chain(&frame.seen) {
            self.add(observation);
        }
        ready
    }

    /// What is left at the end of the stream.
    pub fn finish(self) -> Option<ObservationSegment> {
        self.gathered
    }

    /// The number of the frame at `t`, the earliest whose number is kept or a later one.
    fn number(&self, t: Micros) -> u64 {
        let later = self.times.len() - self.times.partition_point(|frame| *frame <= t);
        self.frames - later as u64
    }

    fn add(&mut self, observation: &Observation) {
        let t = observation.t;
        let number = self.number(t);
        let empty = || ObservationSegment { rows: Vec::new(), count: 0, first_us: t, last_us: t };
        let gathered = self.gathered.get_or_insert_with(empty);
        gathered.rows = append_row(std::mem::take(&mut gathered.rows), number, observation);
        gathered.count += 1;
        gathered.first_us = gathered.first_us.min(t);
        gathered.last_us = gathered.last_us.max(t);
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{frame, observation};
    use super::*;

    #[test]
    fn late_sightings_go_into_the_current_segment_with_their_own_time() {
        let mut buffer = ObservationBuffer::default();
        assert_eq!(buffer.push(&frame(9_000_000, vec![observation(9_000_000, 1, 0.0)], vec![])), None);
        let late = vec![observation(9_500_000, 2, 0.0)];
        let first = buffer.push(&frame(10_000_000, vec![observation(10_000_000, 2, 0.0)], late));
        let first = first.expect("the first ten seconds are over");
        assert_eq!((first.count, first.first_us, first.last_us), (1, 9_000_000, 9_000_000));
        let second = buffer.finish().expect("the second segment has rows");
        assert_eq!((second.count, second.first_us, second.last_us), (2, 9_500_000, 10_000_000));
    }

    #[test]
    fn nothing_seen_makes_no_segment() {
        let mut buffer = ObservationBuffer::default();
        assert_eq!((0..5).find_map(|n| buffer.push(&frame(n * SEGMENT_US, vec![], vec![]))), None);
        assert_eq!(buffer.finish(), None);
    }
}
