//! The graph and its log in the forms other programs read, a text for terminals, and a picture.
//!
//! Every writer is a function of its arguments: the same graph gives the same bytes. [`delta_json`] is the log itself;
//! [`graph_json`], [`graphml`], [`gexf`], [`csv`], [`cypher`] and [`text`] write a [`GraphView`]; [`allen`] how its
//! intervals lie to each other; [`mot`] and [`coco`] write [`Sighting`]s; [`picture`] draws both.

pub mod allen;
pub mod coco;
pub mod csv;
pub mod cypher;
pub mod delta_json;
pub mod gexf;
pub mod graph_json;
pub mod graphml;
mod jpeg;
pub mod mot;
mod outline;
pub mod picture;
pub mod properties;
#[cfg(test)]
mod readers;
pub mod sighting;
pub mod text;
mod xml;

pub use sighting::Sighting;

use vokg_engine::graph::Graph;
use vokg_engine::id::StreamName;
use vokg_engine::time::Micros;

/// A place in a stream's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct LogPosition {
    /// Which epoch.
    pub epoch: u32,
    /// Place within the epoch.
    pub seq: u64,
}

/// A graph and what it is a graph of.
#[derive(Clone, Copy, Debug)]
pub struct GraphView<'a> {
    /// Whose graph.
    pub stream: &'a StreamName,
    /// The media time to which it is restricted; `None` for all times.
    pub at_us: Option<Micros>,
    /// The last record that is folded into it; `None` for an empty log.
    pub known_at: Option<LogPosition>,
    /// The graph.
    pub graph: &'a Graph,
}

/// Refuses a sighting that comes after a later one.
fn in_order(previous: &mut Micros, t: Micros) -> Result<(), ExportError> {
    let before = std::mem::replace(previous, t);
    if t < before { Err(ExportError::Disorder { t, previous: before }) } else { Ok(()) }
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The output cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// A sighting came after a later one.
    #[error("sightings are exported in order of time, {t} us came after {previous} us")]
    Disorder {
        /// Its time.
        t: Micros,
        /// The time before.
        previous: Micros,
    },
    /// A picture that is not in main memory.
    #[error("the frame at {t} us is in the memory of a CUDA device, it must be copied to main memory first")]
    OnDevice {
        /// Its time.
        t: Micros,
    },
    /// A picture that JPEG cannot hold.
    #[error("the frame of {width}x{height} cannot become a JPEG: {reason}")]
    Jpeg {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// What the encoder says.
        reason: jpeg_encoder::EncodingError,
    },
}
