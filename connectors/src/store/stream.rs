//! What a stream is to the store: who it is, what made it, how far it is.

use super::head::StreamHead;
use serde::{Deserialize, Serialize};
use vokg_engine::id::{StreamName, StreamNameError};
use vokg_engine::time::Micros;

/// The number of a stream within one data directory. Never used twice, so that what was begun anew cannot be mistaken
/// for what it replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId(pub u32);

/// An input that wants to become a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRequest {
    /// The name it is known by.
    pub name: StreamName,
    /// Where it came from, as the user wrote it.
    pub source_path: String,
    /// BLAKE3 hash of the input's bytes.
    pub content_hash: [u8; 32],
    /// Hash of everything else the result depends on: settings and models.
    pub config_hash: [u8; 32],
    /// The segmenter that looks at it.
    pub segmenter: String,
    /// Which frames are looked at, such as `all` or `5fps`.
    pub sampling: String,
    /// Wall-clock time of the request in microseconds since 1970; for people, part of no digest.
    pub created_us: i64,
}

/// A stream as it was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDescriptor {
    /// What was asked for.
    pub request: StreamRequest,
    /// Which processing of the input under this name; 1 at first.
    pub generation: u32,
}

impl StreamDescriptor {
    /// The stream's own name, which its ids carry: `clip`, and `clip.g2` from the second generation on.
    ///
    /// # Errors
    /// Where the suffix makes the name too long.
    pub fn own_name(&self) -> Result<StreamName, StreamNameError> {
        match self.generation {
            0 | 1 => Ok(self.request.name.clone()),
            generation => StreamName::new(&format!("{}.g{generation}", self.request.name)),
        }
    }
}

/// Splits the name of a later generation: `clip.g2` into `clip` and 2.
pub(super) fn split_generation(name: &str) -> Option<(&str, u32)> {
    let (base, number) = name.rsplit_once(".g")?;
    let generation = number.parse().ok()?;
    (!base.is_empty() && number == format!("{generation}")).then_some((base, generation))
}

/// A stream of the store at the moment it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its number.
    pub id: StreamId,
    /// Its own name.
    pub name: StreamName,
    /// How it was begun.
    pub descriptor: StreamDescriptor,
    /// How far it is.
    pub head: StreamHead,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Every frame was seen.
    Complete,
    /// It was seen to its end, some of it not.
    CompleteWithGaps,
    /// It could not be seen to its end, for this reason.
    Failed(String),
}

/// What is known of a stream once it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Frames that were looked at.
    pub frames: u64,
    /// Frames the container promised, where it did.
    pub frames_expected: Option<u64>,
    /// Stretches that were not seen.
    pub gaps: u64,
    /// Media time of the last frame.
    pub duration_us: Micros,
}

impl Outcome {
    /// Whether the graph of the stream may be used as its result.
    pub fn is_complete(&self) -> bool {
        !matches!(self.ending, Ending::Failed(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_suffix_that_we_write_names_a_generation() {
        assert_eq!(split_generation("clip.mp4.g2"), Some(("clip.mp4", 2)));
        for name in ["clip", "clip.g", "clip.gx", "clip.g02", ".g2", "clip.g-1", "clip.g+1"] {
            assert_eq!(split_generation(name), None, "{name}");
        }
    }
}
