//! What a segmenter is asked and what it answers.

use crate::geometry::{Affine, Rect, Size};
use crate::id::TrackId;
use crate::look::Look;
use crate::mask::Mask;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// Where the tracker expects a live track in the next frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Whom; `None` for a track that is not confirmed yet.
    pub track: Option<TrackId>,
    /// The predicted box.
    pub rect: Rect,
    /// Whether the track has not moved for so long that the background may learn under it.
    pub settled: bool,
    /// How long the track has been unseen; 0 while it is seen.
    pub unseen_us: Micros,
}

/// What the tracker knew after the previous frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hints {
    /// Live tracks, ordered by track, unconfirmed ones last.
    pub predictions: Vec<Prediction>,
}

/// Why a segment exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentOrigin {
    /// It moved against the background.
    Motion,
    /// A prompt at the predicted place of a track.
    Prompt(TrackId),
    /// A prompt on a regular grid.
    Grid,
}

/// A set of pixels that belongs together in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The box around the mask, in frame pixels.
    pub rect: Rect,
    /// The pixels; absent where only boxes are known.
    pub mask: Option<Mask>,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// Where it came from.
    pub origin: SegmentOrigin,
    /// It covers several things that could not be told apart: its box is a poor measurement of any of them.
    pub merged: bool,
    /// Share of the thing that nothing else hides, 0 to 1, where the segmenter can tell.
    pub visible: Option<f32>,
    /// What it looks like, where measured.
    pub look: Option<Look>,
}

/// How the camera moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum CameraMotion {
    /// Not enough texture to tell. Not the same as standing still.
    #[default]
    Unknown,
    /// It stood still since the previous frame.
    Still,
    /// The map from the previous frame's pixels to this frame's.
    Moved(Affine),
    /// It is known again. The map is from the pixels of the last frame of which it was not [`CameraMotion::Unknown`] to this
    /// frame's; how much of it happened since the previous frame is not known. The identity where the camera is back.
    Found(Affine),
}

impl CameraMotion {
    /// The map from the pixels of the last frame whose motion was known to this frame's; `None` where it stood still or nothing
    /// is known.
    pub fn since_known(&self) -> Option<&Affine> {
        match self {
            Self::Moved(map) => Some(map),
            Self::Found(map) => Some(map).filter(|_| !self.is_still()),
            Self::Unknown | Self::Still => None,
        }
    }

    /// Whether it stands where it stood when that was last known.
    pub fn is_still(&self) -> bool {
        *self == Self::Still || *self == Self::Found(Affine::IDENTITY)
    }
}

/// All segments of one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentedFrame {
    /// Media time of the frame.
    pub t: Micros,
    /// Pixels of the frame.
    pub size: Size,
    /// This is no frame but the end of the stream, one microsecond after its last frame.
    pub end: bool,
    /// Motion of the camera.
    pub camera: CameraMotion,
    /// The segments, in an order that depends on the pixels and the hints alone.
    pub segments: Vec<Segment>,
}
