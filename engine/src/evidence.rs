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
    /// One thing is out of sight behind another.
    pub const HIDDEN_BY: Self = Self::literal("HIDDEN_BY");
    /// One thing moves towards another.
    pub const APPROACHES: Self = Self::literal("APPROACHES");
    /// One thing moves away from another it was near.
    pub const LEAVES: Self = Self::literal("LEAVES");
    /// One thing goes the way another went a while ago.
    pub const FOLLOWS: Self = Self::literal("FOLLOWS");
    /// One thing runs after another that runs away.
    pub const CHASES: Self = Self::literal("CHASES");
    /// Two things move side by side.
    pub const MOVES_WITH: Self = Self::literal("MOVES_WITH");
    /// One thing takes a smaller one along.
    pub const CARRIES: Self = Self::literal("CARRIES");
    /// One thing begins to carry another that lay.
    pub const PICK_UP: Self = Self::literal("PICK_UP");
    /// One thing lets another lie.
    pub const PUT_DOWN: Self = Self::literal("PUT_DOWN");
    /// Two things come together and stay.
    pub const MEETS: Self = Self::literal("MEETS");
    /// One thing lies where another left it and went.
    pub const ABANDONED: Self = Self::literal("ABANDONED");
    /// The motion of one thing helps to predict that of another.
    pub const INFLUENCES: Self = Self::literal("INFLUENCES");
    /// One thing is within an area.
    pub const IN: Self = Self::literal("IN");
    /// One thing stays in an area.
    pub const LOITERS: Self = Self::literal("LOITERS");
    /// One thing passes over a line.
    pub const CROSSES: Self = Self::literal("CROSSES");
    /// An area holds many things.
    pub const COUNT: Self = Self::literal("COUNT");

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// What else was measured.
    pub detail: Detail,
}

/// What a relation measures beside that it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Detail {
    /// How far the first is behind the second (FOLLOWS) or the second answers the first (INFLUENCES), in milliseconds.
    pub lag_ms: Option<u32>,
    /// Probability of evidence at least as strong if there were nothing (INFLUENCES), in millionths.
    pub p_ppm: Option<u32>,
    /// Over a line (CROSSES): from its left to its right, looking from its first end to its second.
    pub rightwards: Option<bool>,
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
    /// Evidence speaks of the moment this long ago: what is open is known to hold until then.
    pub delay_us: Micros,
    /// An interval counts only after one of another relation between the same two objects.
    pub after: Option<After>,
    /// Evidence of this relation between the same two objects, in the same direction, is taken out.
    pub without: Option<RelationKind>,
    /// Where it is taken out of other evidence, only of spans with a smaller number: it speaks of what was stated before it.
    pub of_earlier: bool,
    /// It only serves other relations and becomes no interaction.
    pub internal: bool,
}

impl IntervalRule {
    /// A directed relation whose evidence is its intervals.
    pub const PLAIN: Self = Self {
        symmetric: false,
        hold_on_us: 0,
        hold_off_us: 0,
        min_us: 0,
        bridge_us: 0,
        delay_us: 0,
        after: None,
        without: None,
        of_earlier: false,
        internal: false,
    };
}

/// An interval that another one needs before it, in either direction where the needing relation is symmetric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// Of which relation.
    pub kind: RelationKind,
    /// It has begun by the beginning of the other and ended at most this long before it.
    pub within_us: Micros,
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
