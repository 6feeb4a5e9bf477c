//! What a source says: frames in strictly increasing media time, gaps, and once the end.

use serde::{Deserialize, Serialize};
use vokg_engine::frame::Frame;
use vokg_engine::time::Micros;

/// One thing a source says. Events come in the order of media time; [`SourceEvent::End`] is the last.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// A picture, later than every picture before it.
    Frame(Frame),
    /// Pictures are missing; it precedes the first frame after them.
    Gap(SourceGap),
    /// There is no more.
    End(EndReport),
}

/// A span of media time whose pictures are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceGap {
    /// The last picture before.
    pub from_us: Micros,
    /// The first picture after, or where the stream should have ended.
    pub to_us: Micros,
    /// Why.
    pub reason: GapReason,
}

/// Why pictures are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// Time stamps leap: the pictures between are absent or could not be decoded.
    Missing,
    /// The stream ends before the length its container declares.
    Truncated,
    /// Decoding had to stop; the text is GStreamer's.
    Broken(String),
}

impl GapReason {
    /// A stable word for records and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Truncated => "truncated",
            Self::Broken(_) => "broken",
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndStatus {
    /// Everything that was asked for came.
    Complete,
    /// It came to its end, and at least one gap was reported.
    CompleteWithGaps,
    /// Somebody asked it to stop.
    Stopped,
}

/// Oddities that cost no more than single pictures. All zero for a sound file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomalies {
    /// Pictures skipped because they carried no time stamp.
    pub frames_without_pts: u64,
    /// Pictures skipped because they were not later than the one before.
    pub frames_not_later: u64,
    /// Times the clock was set on after time stamps had stepped back by more than a second.
    pub clock_resets: u64,
    /// Compressed pictures for which the decoder gave none; known at the end, and only of progressive video.
    pub decode_errors: u64,
    /// Pictures the decoder delivered although it knew them damaged.
    pub frames_corrupted: u64,
    /// Times the coded size changed; later pictures are scaled to the first size.
    pub size_changes: u64,
}

/// The balance of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndReport {
    /// How it ended.
    pub status: EndStatus,
    /// Frames delivered.
    pub frames: u64,
    /// Frames the container led to expect, where it says so and every frame was asked for.
    pub frames_expected: Option<u64>,
    /// Media time from the first picture to the end of the last one delivered or, in a truncated file, declared.
    pub duration_us: Micros,
    /// Gaps reported.
    pub gaps: u64,
    /// What was odd.
    pub anomalies: Anomalies,
}
