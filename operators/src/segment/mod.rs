//! Frames in, segments out: the two halves of a segmenter as stages of the dataflow.
//!
//! ```text
//!  frames ──▶ encode ──encoded──▶ segment ──segments──▶ (tracker)
//!               │ (runs ahead)       ▲                     │
//!               └──pictures──▶       └──────hints──────────┘  feedback, +1 µs
//! ```
//!
//! Both run on threads of their own behind an offload lane. [`segment()`] takes a frame only when the hints made of
//! the frame before have arrived, so what it sees does not depend on timing.

mod encode;
mod gate;

pub use encode::{EncodedFrame, encode};
pub use gate::segment;

use std::sync::Arc;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::runtime::offload::OffloadConfig;

/// What both stages need besides their half of the backend.
#[derive(Clone)]
pub struct StageConfig {
    /// How their threads are run.
    pub offload: OffloadConfig,
    /// Where a failure is reported. A failed stage emits nothing more, so nothing of that frame is logged.
    pub control: Arc<StreamControl>,
    /// Where the halves of the segmenter keep what they remember.
    pub checkpoints: Checkpoints,
}
