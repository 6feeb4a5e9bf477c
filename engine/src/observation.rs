//! Segments given to tracks.

use crate::geometry::{Rect, Size};
use crate::id::{ObjectId, TrackId};
use crate::look::Look;
use crate::mask::Mask;
use crate::segment::CameraMotion;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// One track seen in one frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Media time of the frame.
    pub t: Micros,
    /// Whom.
    pub track: TrackId,
    /// Its box, on the grid of 1/16 pixel.
    pub rect: Rect,
    /// Confidence of the segment, 0 to 1.
    pub score: f32,
    /// Its pixels, where known.
    pub mask: Option<Mask>,
    /// The visible share of it, 0 to 1, where known.
    pub visible: Option<f32>,
    /// The box covers more than this track.
    pub merged: bool,
    /// What it looks like, where measured.
    pub look: Option<Look>,
}

/// What the tracker knows after one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackedFrame {
    /// Media time of the frame.
    pub t: Micros,
    /// Pixels of the frame.
    pub size: Option<Size>,
    /// This is no frame but the end of the stream, one microsecond after its last frame: every track ends.
    pub end: bool,
    /// Motion of the camera.
    pub camera: CameraMotion,
    /// Tracks seen in this frame, ordered by track.
    pub seen: Vec<Observation>,
    /// Earlier sightings of tracks that this frame confirmed, ordered by (track, time). Their `t` lies in the past.
    pub confirmed: Vec<Observation>,
    /// Tracks given up in this frame, ordered, with the time they were last seen.
    pub ended: Vec<(TrackId, Micros)>,
}

/// A change of mind about which object a track is.
///
/// Travels at the time of the frame that decided it. Several changes of one track at one time are read in order, and
/// only where they lead counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityChange {
    /// Which track.
    pub track: TrackId,
    /// The object it was thought to be; `None` for a track confirmed just now, which is no correction.
    pub from: Option<ObjectId>,
    /// The object it is.
    pub to: ObjectId,
    /// Score of the decision, in thousandths.
    pub score_milli: u16,
    /// The rule that decided, such as `fragment`.
    pub reason: &'static str,
}
