//! One object seen in one frame: what is stored of an observation, with its track mapped to an object.

use vokg_engine::geometry::Rect;
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::mask::Mask;
use vokg_engine::time::Micros;

/// One object seen in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Media time of the frame.
    pub t: Micros,
    /// Number of the frame among those that were looked at, from 1.
    pub frame: u64,
    /// The track it was given to.
    pub track: TrackId,
    /// The object the track belongs to.
    pub object: ObjectId,
    /// Its box, in pixels of the full frame.
    pub rect: Rect,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// The visible share of it, 0 to 1, where known.
    pub visible: Option<f32>,
    /// Its pixels, where known.
    pub mask: Option<Mask>,
}
