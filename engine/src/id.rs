//! Names and numbers that must not be swapped for one another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The longest stream name, in bytes.
pub const STREAM_NAME_MAX: usize = 128;

/// The name of a stream: 1 to 128 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(Arc<str>);

/// Why a text is no stream name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamNameError {
    /// Nothing, or more than [`STREAM_NAME_MAX`] bytes.
    #[error("stream name has {0} bytes, it takes 1 to {STREAM_NAME_MAX}")]
    Length(usize),
    /// A character outside the alphabet.
    #[error("stream name {0:?} has the character {1:?}, allowed are A-Z a-z 0-9 . _ -")]
    Character(String, char),
}

impl StreamName {
    /// Checks a name.
    pub fn new(name: &str) -> Result<Self, StreamNameError> {
        if name.is_empty() || name.len() > STREAM_NAME_MAX {
            return Err(StreamNameError::Length(name.len()));
        }
        match name.chars().find(|c| !is_name_char(*c)) {
            Some(c) => Err(StreamNameError::Character(name.to_owned(), c)),
            None => Ok(Self(name.into())),
        }
    }

    /// The name a path gets: directory separators and foreign characters become `-`, runs of `-` one. Where letters or
    /// digits beyond ASCII are lost, a hash of the path follows, so that two such paths keep two names.
    ///
    /// ```
    /// # use vokg_engine::id::StreamName;
    /// assert_eq!(StreamName::slug("yard/gate 2.mp4").as_str(), "yard-gate-2.mp4");
    /// assert_eq!(StreamName::slug("***").as_str(), "stream");
    /// assert_ne!(StreamName::slug("двор"), StreamName::slug("улица"));
    /// ```
    pub fn slug(path: &str) -> Self {
        let mut slug = String::with_capacity(path.len());
        for c in path.chars() {
            let c = if is_name_char(c) { c } else { '-' };
            if c != '-' || !slug.ends_with('-') {
                slug.push(c);
            }
        }
        let mut slug = slug.trim_matches(['-', '.']).to_owned();
        if slug.is_empty() {
            slug.push_str("stream");
        }
        if path.chars().any(|c| c.is_alphanumeric() && !is_name_char(c)) {
            let hash = blake3::hash(path.as_bytes()).to_hex();
            slug.truncate(STREAM_NAME_MAX - 9);
            slug.push('-');
            slug.push_str(&hash[..8]);
        }
        slug.truncate(STREAM_NAME_MAX);
        Self(slug.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StreamName {
    type Error = StreamNameError;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// A track within a stream: what the tracker believes to be one thing. Numbered from 1 in the order of confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackId(pub u32);

impl TrackId {
    /// The greatest number a track can have; those above it are zones.
    pub const MAX: u32 = ZoneId::BASE - 1;
}

/// An object within a stream: what the graph shows. It carries the number of its oldest track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId(pub u32);

/// An area or a line in the picture, by its number in the configuration: at most [`ZoneId::MAX`].
///
/// Evidence speaks of tracks and interactions of objects. A zone is neither, but takes part in both: it is its own track
/// and its own object, with numbers no thing that was seen can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ZoneId(pub u32);

impl ZoneId {
    /// The greatest number.
    pub const MAX: u32 = 0x00FF_FFFF;
    const BASE: u32 = 0xFF00_0000;

    /// As an end of evidence.
    pub fn track(self) -> TrackId {
        TrackId(Self::BASE | self.0)
    }

    /// The zone an end of evidence stands for, if it is none that was seen.
    pub fn of_track(track: TrackId) -> Option<Self> {
        (track.0 >= Self::BASE).then_some(Self(track.0 & Self::MAX))
    }

    /// The zone an end of an interaction stands for, if it is none that was seen.
    pub fn of_object(object: ObjectId) -> Option<Self> {
        Self::of_track(TrackId(object.0))
    }
}

impl From<TrackId> for ObjectId {
    fn from(track: TrackId) -> Self {
        Self(track.0)
    }
}

/// An interaction within a stream: a hash of its kind, its end objects and its earliest evidence span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InteractionId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_alphabet_are_refused_and_say_why() {
        assert_eq!(StreamName::new(""), Err(StreamNameError::Length(0)));
        assert_eq!(StreamName::new("a/b"), Err(StreamNameError::Character("a/b".into(), '/')));
        assert!(StreamName::new(&"x".repeat(129)).is_err());
        assert!(StreamName::new("cam-7_A.mp4").is_ok());
    }

    #[test]
    fn a_zone_is_told_from_what_was_seen() {
        let zone = ZoneId(ZoneId::MAX);
        assert_eq!((ZoneId::of_track(zone.track()), ZoneId::of_object(zone.track().into())), (Some(zone), Some(zone)));
        assert_eq!(ZoneId::of_track(TrackId(0xFEFF_FFFF)), None);
    }

    #[test]
    fn every_slug_is_a_name() {
        for path in ["", "a//b", "ü.mp4", "..", &"é/".repeat(300), "-x-"] {
            let slug = StreamName::slug(path);
            assert_eq!(StreamName::new(slug.as_str()), Ok(slug.clone()), "{path}");
        }
    }
}
