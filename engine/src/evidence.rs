//! Evidence that a relation holds between two tracks, and the rule that turns it into intervals.

use crate::id::TrackId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a relation: 1 to 15 characters of `A-Z 0-9 _`, starting with a letter.
///
/// An open set: a relation is added without touching this crate. Ordered as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationKind([u8; 15]);

impl RelationKind {
    /// Two boxes are close together.
    pub const NEAR: Self = Self::literal("NEAR");
    /// One box holds another.
    pub const CONTAINS: Self = Self::literal("CONTAINS");
    /// One thing hides part of another.
    pub const OCCLUDES: Self = Self::literal("OCCLUDES");
    /// One thing moves towards another.
    pub const APPROACHES: Self = Self::literal("APPROACHES");
    /// One thing moves away from another it was near.
    pub const LEAVES: Self = Self::literal("LEAVES");

    /// A kind known at compile time.
    ///
    /// # Panics
    /// Where the name is no relation name; in a `const` this fails the build.
    pub const fn literal(name: &str) -> Self {
        match Self::parse(name) {
            Some(kind) => kind,
            None => panic!("a relation name has 1 to 15 characters of A-Z 0-9 _ and starts with a letter"),
        }
    }

    /// A kind from text, `None` where the text is no relation name.
    pub const fn parse(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.len() > 15 || !bytes[0].is_ascii_uppercase() {
            return None;
        }
        let mut text = [0u8; 15];
        let mut i = 0;
        while i < bytes.len() {
            if !(bytes[i].is_ascii_uppercase() || bytes[i].is_ascii_digit() || bytes[i] == b'_') {
                return None;
            }
            text[i] = bytes[i];
            i += 1;
        }
        Some(Self(text))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(15);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl fmt::Display for RelationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RelationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RelationKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RelationKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom(format!("{name:?} is no relation name")))
    }
}

/// A stretch of time in which a relation's condition held between two tracks.
///
/// The condition itself (with its separate on and off bounds) was judged per track pair; hold, minimum and bridge are
/// applied later, per object pair, by an [`IntervalRule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceSpan {
    /// Which relation.
    pub kind: RelationKind,
    /// Who; for a symmetric relation the smaller track.
    pub a: TrackId,
    /// Towards whom.
    pub b: TrackId,
    /// First moment the condition held. Never changes under a number.
    pub from_us: Micros,
    /// Unique within a stream, rising with the moment the span begins; in one frame in the order (kind, a, b).
    pub number: u32,
    /// First moment it no longer held; `None` while it holds.
    pub to_us: Option<Micros>,
    /// Mean confidence so far, in thousandths.
    pub confidence_milli: u16,
}

/// How the evidence of one relation becomes intervals, per object pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalRule {
    /// Whether (a, b) and (b, a) are the same fact.
    pub symmetric: bool,
    /// The condition must have held this long.
    pub hold_on_us: Micros,
    /// A pause shorter than this does not end the interval.
    pub hold_off_us: Micros,
    /// Intervals shorter than this are dropped.
    pub min_us: Micros,
    /// Intervals separated by less than this are one.
    pub bridge_us: Micros,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_names_and_refuse_others() {
        assert_eq!(RelationKind::NEAR.as_str(), "NEAR");
        assert_eq!(RelationKind::parse("ABCDEFGHIJKLMNO").map(|k| k.to_string()), Some("ABCDEFGHIJKLMNO".into()));
        for bad in ["", "near", "1NEAR", "ABCDEFGHIJKLMNOP", "A B"] {
            assert_eq!(RelationKind::parse(bad), None, "{bad}");
        }
        assert!(RelationKind::CONTAINS < RelationKind::NEAR);
    }
}
