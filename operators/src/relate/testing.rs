//! What the tests of this operator share: sightings and frames in one line.

use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::time::Micros;

/// A certain sighting of a box by its left top corner.
pub(super) fn seen(t: Micros, track: u32, left: f32, top: f32, width: f32, height: f32) -> Observation {
    Observation {
        t,
        track: TrackId(track),
        rect: Rect::new(left, top, width, height),
        score: 1.0,
        mask: None,
        visible: None,
        merged: false,
        look: None,
    }
}

/// A frame of unknown size.
pub(super) fn frame(t: Micros, seen: Vec<Observation>) -> TrackedFrame {
    TrackedFrame { t, seen, ..TrackedFrame::default() }
}

/// The end of a stream.
pub(super) fn end(t: Micros) -> TrackedFrame {
    TrackedFrame { t, end: true, ..TrackedFrame::default() }
}
