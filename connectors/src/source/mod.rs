//! Where frames come from: every source answers with the same events and fails with the same errors.
//!
//! A [`event::SourceEvent`] is a frame, a statement that frames are missing, or the end. Sources block and run threads
//! of their own; none may be called on a timely worker.

pub mod error;
pub mod event;
pub mod file;
pub mod synthetic;

pub use error::SourceError;
pub use event::{Anomalies, EndReport, EndStatus, GapReason, SourceEvent, SourceGap};

/// The version of GStreamer, as `1.22.0`. Needs no start of it.
pub fn gstreamer_version() -> String {
    let (major, minor, micro, _) = gstreamer::version();
    format!("{major}.{minor}.{micro}")
}
