//! One object seen in one frame: what is stored of an observation, with its track mapped to an object.

use super::ExportError;
use vokg_engine::geometry::Rect;
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::mask::Mask;
use vokg_engine::time::Micros;

/// One object seen in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Media time of the frame.
    pub t: Micros,
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

/// Numbers frames from 1 by the order of their distinct times.
#[derive(Default)]
pub(crate) struct FrameCounter {
    frames: u64,
    last: Option<Micros>,
}

impl FrameCounter {
    /// The number of the frame at `t`, and whether it is a new one.
    pub(crate) fn number(&mut self, t: Micros) -> Result<(u64, bool), ExportError> {
        match self.last {
            Some(previous) if t < previous => return Err(ExportError::Disorder { t, previous }),
            Some(previous) if t == previous => return Ok((self.frames, false)),
            _ => {}
        }
        self.frames += 1;
        self.last = Some(t);
        Ok((self.frames, true))
    }
}
