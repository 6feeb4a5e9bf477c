//! Observations: where every track was in every frame, with its pixels.
//!
//! There are thousands of them for each delta, so they stay out of the log: about ten seconds of media time make one
//! compressed file, which is on disk before the transaction that refers to it. They name tracks, not objects: which
//! object a track belongs to may change later.

mod format;
mod gather;
mod read;
mod sweep;
mod write;

pub use format::{FormatError, StoredObservation};
pub use gather::{ObservationBuffer, ObservationSegment, SEGMENT_US};
pub use read::Observations;
pub(super) use sweep::{orphans, remove_segments, segments_there, sweep_segments};
pub(super) use write::{segment_dir, segments_dir, write_segment};

use serde::{Deserialize, Serialize};
use vokg_engine::time::Micros;

/// What a transaction keeps of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentRef {
    /// Epoch of the stream while it was gathered.
    epoch: u32,
    /// Number within the stream.
    number: u32,
    /// Earliest and latest media time in it, both included.
    first_us: Micros,
    last_us: Micros,
    /// The checksum in its header.
    hash: [u8; 32],
}

impl SegmentRef {
    /// The latest media time in it.
    pub(super) fn last_us(&self) -> Micros {
        self.last_us
    }
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;
    use vokg_engine::geometry::{Rect, Size};
    use vokg_engine::id::TrackId;
    use vokg_engine::mask::{CellBounds, Mask};
    use vokg_engine::observation::{Observation, TrackedFrame};
    use vokg_engine::time::Micros;

    /// An observation that is on the grid of what is stored.
    pub fn observation(t: Micros, track: u32, left: f32) -> Observation {
        let bounds = CellBounds { left: 1, top: 2, width: 3, height: 4 };
        let mask = Mask::from_cells(Size { width: 40, height: 30 }, bounds, |x, y| (x + y + track).is_multiple_of(2));
        Observation {
            t,
            track: TrackId(track),
            rect: Rect::new(left, -2.5, 30.0625, 40.0),
            score: 0.875,
            mask: track.is_multiple_of(2).then_some(mask),
            visible: track.is_multiple_of(3).then_some(0.5),
            merged: track.is_multiple_of(5),
            look: None,
        }
    }

    pub fn frame(t: Micros, seen: Vec<Observation>, confirmed: Vec<Observation>) -> TrackedFrame {
        TrackedFrame { t, seen, confirmed, ..TrackedFrame::default() }
    }

    /// Frames over half a minute, some of which confirm sightings up to 3 s back.
    pub fn frames() -> impl Strategy<Value = Vec<TrackedFrame>> {
        let step = (40_000u64..2_000_000, 0u32..4, prop::option::of(0u64..3_000_000));
        prop::collection::vec(step, 1..40).prop_map(|steps| {
            let mut t = 0;
            let frame_of = |(index, (step, tracks, late)): (usize, (Micros, u32, Option<Micros>))| {
                t += step;
                let seen = (0..tracks).map(|track| observation(t, track, index as f32)).collect();
                let late = late.filter(|late| *late > 0 && *late <= t);
                let confirmed = late.map(|late| observation(t - late, 1000 + index as u32, 1.0));
                frame(t, seen, confirmed.into_iter().collect())
            };
            steps.into_iter().enumerate().map(frame_of).collect()
        })
    }
}
