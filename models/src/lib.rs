//! Pixels in, segments out.
//!
//! A [`Backend`] opens two halves for each stream. The [`Encoder`] sees frames only and may run ahead; the
//! [`Segmenter`] also sees what the tracker expects, so it takes a frame only after the tracker is done with the one
//! before. Both halves are ordinary single-threaded structs; who calls them on which thread is not known here.
//!
//! What is deliberately absent: threads, dataflows, clocks, files.

use std::any::Any;
use vokg_engine::frame::Frame;
use vokg_engine::segment::{CameraMotion, Hints, Segment};
use vokg_engine::time::Micros;

pub mod motion;

/// What an encoder made of one frame: its own business, handed to the segmenter of the same backend.
pub type Encoded = Box<dyn Any + Send>;

/// The half that needs pixels alone. Called once per frame, in order.
pub trait Encoder: Send {
    /// Reduces a frame to what the segmenter needs.
    ///
    /// # Errors
    /// Where the frame cannot be read, such as pixels in memory this encoder does not reach.
    fn encode(&mut self, frame: &Frame) -> Result<Encoded, SegmentError>;

    /// What it remembers of the frames so far, for [`Encoder::recall`]. `None`, as by default: its memory cannot be kept,
    /// and a stream that is interrupted begins anew.
    fn remember(&self) -> Option<Vec<u8>> {
        None
    }

    /// Goes on where another encoder of the same backend and configuration was.
    ///
    /// # Errors
    /// Where the bytes are not such a memory.
    fn recall(&mut self, _memory: &[u8]) -> Result<(), RecallError> {
        Err(RecallError::absent())
    }
}

/// The half that also uses the tracker's hints. Called once per frame, in order.
pub trait Segmenter: Send {
    /// Sees everything encoded in the first [`Backend::lead_us`] of the stream, before the first call of
    /// [`Segmenter::segment`]; less where the stream is shorter or has very many frames a second.
    fn prepare(&mut self, lead: &[Encoded]);

    /// The segments of one frame, in an order that depends on the arguments and earlier calls alone.
    ///
    /// # Errors
    /// Where this frame cannot be segmented; later frames may be.
    fn segment(&mut self, encoded: &Encoded, hints: &Hints) -> Result<Segmented, SegmentError>;

    /// What it remembers of the frames so far, as [`Encoder::remember`].
    fn remember(&self) -> Option<Vec<u8>> {
        None
    }

    /// Goes on where another segmenter of the same backend and configuration was, as [`Encoder::recall`].
    ///
    /// # Errors
    /// Where the bytes are not such a memory.
    fn recall(&mut self, _memory: &[u8]) -> Result<(), RecallError> {
        Err(RecallError::absent())
    }
}

/// Segments of one frame and how the camera moved.
#[derive(Debug)]
pub struct Segmented {
    /// Motion of the camera.
    pub camera: CameraMotion,
    /// The segments.
    pub segments: Vec<Segment>,
}

/// A way to find segments, with its configuration.
pub trait Backend: Send + Sync {
    /// Its name in configurations and in the graph, such as `motion`.
    fn name(&self) -> &'static str;

    /// How much media time the segmenter wants to see before it answers for the first frame. It gets less of a stream of
    /// very many frames a second.
    fn lead_us(&self) -> Micros;

    /// The two halves for one stream.
    fn open(&self) -> (Box<dyn Encoder>, Box<dyn Segmenter>);
}

/// Why a segmenter cannot go on from what another remembered.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecallError(String);

impl RecallError {
    /// The bytes mean nothing, for this reason.
    pub fn new(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }

    fn absent() -> Self {
        Self("this segmenter keeps no memory".to_owned())
    }
}

/// Why a frame has no segments.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The pixels are somewhere this backend cannot read.
    #[error("{backend} reads pixels in main memory, this frame is on a device")]
    DeviceFrame {
        /// Name of the backend.
        backend: &'static str,
    },
    /// What was encoded belongs to another backend: the two halves of different streams were mixed.
    #[error("{backend} was handed a frame that another backend encoded")]
    ForeignEncoding {
        /// Name of the backend.
        backend: &'static str,
    },
    /// The picture is smaller than the backend can work on.
    #[error("frame of {width}x{height} pixels is too small, {backend} needs at least {min}x{min}")]
    TooSmall {
        /// Name of the backend.
        backend: &'static str,
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// Least width and height.
        min: u32,
    },
}
