//! What changed in a graph: the elements, their keys, and one signed change of one of them.
//!
//! `diff` [`Diff::Assert`] (+1) says "this is now the value of the key", [`Diff::Retract`] (−1) says "it never was so":
//! a correction. An end is an assertion with an end time; objects that leave are closed, not deleted. There is at
//! most one delta per (key, t). docs/delta-format.md describes the form at the edge.

use crate::evidence::{Detail, RelationKind};
use crate::geometry::Size;
use crate::id::{InteractionId, ObjectId, StreamName, TrackId, ZoneId};
use crate::time::{Micros, TimeSource};
use serde::{Deserialize, Serialize};

/// The identity of a vertex within its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VertexKey {
    /// The stream itself.
    Stream,
    /// An object.
    Object(ObjectId),
    /// Something that was not seen, numbered from 1.
    Gap(u32),
    /// The identity changes decided at one time, named by that time.
    Correction(Micros),
    /// An area or a line.
    Zone(ZoneId),
}

impl From<ObjectId> for VertexKey {
    fn from(object: ObjectId) -> Self {
        ZoneId::of_object(object).map_or(Self::Object(object), Self::Zone)
    }
}

impl VertexKey {
    /// Every label a vertex can have.
    pub const LABELS: [&'static str; 5] = ["Stream", "Object", "Gap", "Correction", "Zone"];

    /// The primary label, one and immutable per vertex.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Stream => "Stream",
            Self::Object(_) => "Object",
            Self::Gap(_) => "Gap",
            Self::Correction(_) => "Correction",
            Self::Zone(_) => "Zone",
        }
    }

    /// The id outside the stream: `cam`, `cam/o/3`, `cam/g/1`, `cam/c/1200000`, `cam/z/1`.
    pub fn external(&self, stream: &StreamName) -> String {
        match self {
            Self::Stream => stream.to_string(),
            Self::Object(id) => format!("{stream}/o/{}", id.0),
            Self::Gap(number) => format!("{stream}/g/{number}"),
            Self::Correction(t) => format!("{stream}/c/{t}"),
            Self::Zone(zone) => format!("{stream}/z/{}", zone.0),
        }
    }
}

impl InteractionId {
    /// The id outside the stream: `cam/i/` and 16 hexadecimal digits.
    pub fn external(&self, stream: &StreamName) -> String {
        format!("{stream}/i/{:016x}", self.0)
    }
}

/// A vertex with all its properties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Vertex {
    /// Belongs to [`VertexKey::Stream`].
    Stream(StreamVertex),
    /// Belongs to [`VertexKey::Object`].
    Object(ObjectVertex),
    /// Belongs to [`VertexKey::Gap`].
    Gap(GapVertex),
    /// Belongs to [`VertexKey::Correction`].
    Correction(CorrectionVertex),
    /// Belongs to [`VertexKey::Zone`].
    Zone(ZoneVertex),
}

/// A stream of video.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamVertex {
    /// Pixels of the first upright frame.
    pub size: Size,
    /// UTC time of `t = 0` in microseconds since 1970, where the source knows it.
    pub origin_us: Option<i64>,
    /// Where its time stamps come from.
    pub time_source: TimeSource,
    /// The segmenter that looked at it.
    pub segmenter: String,
    /// Time of the last frame, once the stream is complete.
    pub ended_us: Option<Micros>,
}

/// Something that was seen over time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectVertex {
    /// What it is, where a model said so.
    pub class: Option<String>,
    /// First sighting.
    pub first_seen_us: Micros,
    /// Last sighting known when this was stated; restated when the object leaves or its identity changes.
    pub last_seen_us: Micros,
    /// Whether it is still in view.
    pub open: bool,
    /// Mean score of its sightings, in thousandths.
    pub confidence_milli: u16,
    /// The tracks it consists of, ascending.
    pub tracks: Vec<TrackId>,
}

/// A stretch of time that was not seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GapVertex {
    /// Time of the last frame before it.
    pub from_us: Micros,
    /// Time of the first frame after it.
    pub to_us: Micros,
    /// What the source knows of the reason, such as `missing frames`.
    pub reason: String,
}

/// An area or a line of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ZoneVertex {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub shape: ZoneShape,
    /// Its corners, x and y in turn, in millionths of the frame's width and height.
    pub corners_ppm: Vec<u32>,
}

/// What a zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ZoneShape {
    /// A polygon one can be in.
    Area,
    /// A line one can cross.
    Line,
}

impl ZoneShape {
    /// `area` or `line`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Area => "area",
            Self::Line => "line",
        }
    }
}

/// Changes of mind about who is who, all those decided at one time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CorrectionVertex {
    /// The tracks that moved, ascending.
    pub moves: Vec<IdentityMove>,
    /// The rule that decided, such as `fragment`.
    pub reason: String,
}

/// A track that now belongs to another object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdentityMove {
    /// Which track.
    pub track: TrackId,
    /// The object it was thought to be.
    pub from: ObjectId,
    /// The object it is.
    pub to: ObjectId,
    /// Score of the decision, in thousandths.
    pub score_milli: u16,
}

/// A relation over an interval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// Its key.
    pub id: InteractionId,
    /// Which relation.
    pub kind: RelationKind,
    /// Who; for a symmetric relation the smaller key.
    pub from: VertexKey,
    /// Towards whom.
    pub to: VertexKey,
    /// First evidence.
    pub valid_from_us: Micros,
    /// First moment without; `None` while it holds.
    pub valid_to_us: Option<Micros>,
    /// Confidence in thousandths, restated when the interval ends.
    pub confidence_milli: u16,
    /// What else was measured, restated when the interval ends.
    pub detail: Detail,
    /// Interactions this one replaces after a correction, ascending.
    pub supersedes: Vec<InteractionId>,
}

impl Edge {
    /// Both vertices it joins.
    pub fn ends(&self) -> [VertexKey; 2] {
        [self.from, self.to]
    }
}

/// A vertex or an edge, with its key and its whole value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Element {
    /// A vertex.
    Vertex(VertexKey, Vertex),
    /// An edge; its key is its id.
    Edge(Edge),
}

/// The key of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ElementKey {
    /// A vertex.
    Vertex(VertexKey),
    /// An edge.
    Edge(InteractionId),
}

impl Element {
    /// Which element this is the value of.
    pub fn key(&self) -> ElementKey {
        match self {
            Self::Vertex(key, _) => ElementKey::Vertex(*key),
            Self::Edge(edge) => ElementKey::Edge(edge.id),
        }
    }
}

/// The sign of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Diff {
    /// −1: the key never had this value.
    Retract,
    /// +1: this is now the value of the key.
    Assert,
}

impl Diff {
    /// −1 or 1.
    pub fn sign(self) -> i8 {
        match self {
            Self::Retract => -1,
            Self::Assert => 1,
        }
    }
}

/// One change of one element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Delta {
    /// When it was decided: the time of a frame. An earlier beginning is payload.
    pub t: Micros,
    /// Its sign.
    pub diff: Diff,
    /// The new value (+1), or the value taken back (−1).
    pub element: Element,
    /// The [`VertexKey::Correction`] that caused it, if one did.
    pub caused_by: Option<Micros>,
}

impl Delta {
    /// The place of the delta among those of its time: edges −1, vertices +1, edges +1, vertices −1, each by key. So the
    /// ends of an edge exist for whoever applies in order.
    pub fn order(&self) -> (u8, ElementKey) {
        let rank = match (&self.element, self.diff) {
            (Element::Edge(_), Diff::Retract) => 0,
            (Element::Vertex(..), Diff::Assert) => 1,
            (Element::Edge(_), Diff::Assert) => 2,
            (Element::Vertex(..), Diff::Retract) => 3,
        };
        (rank, self.element.key())
    }
}
