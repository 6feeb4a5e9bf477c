//! From a line of JSON back to the record it was made of.
//!
//! Much is said twice in a line (an id and a label, an end and `open`, the cause in the envelope and as a property),
//! because consumers should not have to derive it. The record is read from one of the two; then the line is formed
//! again and must agree with the one given in every member this version knows, so nothing in it can be wrong unseen.

use super::{DeltaJson, VERSION};
use serde::Deserialize;
use serde_json::Value;
use vokg_engine::delta::{
    CorrectionVertex, Delta, Diff, Edge, Element, GapVertex, IdentityMove, ObjectVertex, StreamVertex, Vertex,
    VertexKey, ZoneShape, ZoneVertex,
};
use vokg_engine::evidence::{Detail, RelationKind};
use vokg_engine::geometry::Size;
use vokg_engine::id::{InteractionId, ObjectId, StreamName, TrackId, ZoneId};
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::{Micros, TimeSource};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which stream's log it belongs to.
    pub stream: StreamName,
    /// UTC time of `t = 0` in microseconds since 1970; progress lines carry it where it is known.
    pub origin_us: Option<i64>,
    /// The record and its place.
    pub entry: LogEntry,
}

/// Why a line is no record of `vokg.delta.v1`.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// It is not JSON, or a member is missing or has another type.
    #[error("no record of vokg.delta.v1: {0}")]
    Shape(#[from] serde_json::Error),
    /// It belongs to another version.
    #[error("the record has version {0}, this vokg reads version {VERSION}")]
    Version(u64),
    /// A member has the right type and an impossible value.
    #[error("{member} has the impossible value {value}")]
    Value {
        /// Which member.
        member: &'static str,
        /// What it says.
        value: String,
    },
    /// Two members cannot both be right.
    #[error("{member} contradicts the rest of the record: {given}, expected {expected}")]
    Contradiction {
        /// Which member.
        member: &'static str,
        /// What it says.
        given: Value,
        /// What follows from the others.
        expected: Value,
    },
}

/// The members that this version knows. A writer may add others; they are not looked at.
const MEMBERS: [&str; 14] = [
    "v",
    "kind",
    "stream",
    "epoch",
    "seq",
    "t",
    "diff",
    "caused_by",
    "cud",
    "before",
    "lower",
    "frontier",
    "settled_us",
    "count",
];

#[derive(Deserialize)]
struct Head {
    v: u64,
    kind: String,
    stream: StreamName,
    epoch: u32,
    seq: u64,
}

#[derive(Deserialize)]
struct DeltaMembers {
    t: Micros,
    diff: i8,
    caused_by: Option<String>,
    cud: CudMembers,
    before: Option<Value>,
}

#[derive(Deserialize)]
struct CudMembers {
    rel_type: Option<String>,
    from: Option<EndMembers>,
    to: Option<EndMembers>,
    ids: IdMembers,
    properties: Option<Value>,
}

#[derive(Deserialize)]
struct EndMembers {
    ids: IdMembers,
}

#[derive(Deserialize)]
struct IdMembers {
    vokg_id: String,
}

#[derive(Deserialize)]
struct ProgressMembers {
    lower: Micros,
    frontier: Option<Micros>,
    settled_us: Micros,
    count: u32,
    origin: Option<String>,
}

#[derive(Deserialize)]
struct StreamMembers {
    width_px: u32,
    height_px: u32,
    origin_us: Option<i64>,
    time_source: TimeSource,
    segmenter: String,
    ended_us: Option<Micros>,
}

#[derive(Deserialize)]
struct ObjectMembers {
    class: Option<String>,
    first_seen_us: Micros,
    last_seen_us: Micros,
    open: bool,
    confidence: f64,
    tracks: Vec<u32>,
}

#[derive(Deserialize)]
struct GapMembers {
    valid_from_us: Micros,
    valid_to_us: Micros,
    reason: String,
}

#[derive(Deserialize)]
struct CorrectionMembers {
    reason: String,
    tracks: Vec<u32>,
    from_objects: Vec<String>,
    to_objects: Vec<String>,
    scores: Vec<f64>,
}

#[derive(Deserialize)]
struct ZoneMembers {
    name: String,
    shape: String,
    corners: Vec<f64>,
}

#[derive(Deserialize)]
struct EdgeMembers {
    valid_from_us: Micros,
    valid_to_us: Option<Micros>,
    confidence: f64,
    supersedes: Vec<String>,
    lag_ms: Option<u32>,
    p_value: Option<f64>,
    direction: Option<String>,
}

/// Reads one line, with or without its line feed. Members that this version does not know are skipped.
///
/// # Errors
/// Where the line is no record of this version, or contradicts itself.
pub fn parse_line(text: &str) -> Result<Line, ParseError> {
    let line: Value = serde_json::from_str(text)?;
    if let Some(v) = line.get("v").and_then(Value::as_u64).filter(|v| *v != VERSION) {
        return Err(ParseError::Version(v));
    }
    let head = Head::deserialize(&line)?;
    debug_assert_eq!(head.v, VERSION);
    let (record, origin_us) = match head.kind.as_str() {
        "delta" => (Record::Delta(parse_delta(&head.stream, DeltaMembers::deserialize(&line)?)?), None),
        "progress" => parse_progress(ProgressMembers::deserialize(&line)?)?,
        _ => return Err(impossible("kind", head.kind)),
    };
    let entry = LogEntry { epoch: head.epoch, seq: head.seq, record };
    let expected = DeltaJson::new(head.stream.clone(), origin_us).value(&entry)?;
    agree(&line, &expected)?;
    Ok(Line { stream: head.stream, origin_us, entry })
}

fn agree(line: &Value, expected: &Value) -> Result<(), ParseError> {
    let member = |line: &Value, name: &str| line.get(name).cloned().unwrap_or_default();
    match MEMBERS.into_iter().find(|name| !same(&member(line, name), &member(expected, name))) {
        None => Ok(()),
        Some(name) => {
            Err(ParseError::Contradiction { member: name, given: member(line, name), expected: member(expected, name) })
        }
    }
}

/// Equality of JSON values for which `1` and `1.0` are one number, as they are to most writers of JSON.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn parse_progress(members: ProgressMembers) -> Result<(Record, Option<i64>), ParseError> {
    let ProgressMembers { lower, frontier, settled_us, count, origin } = members;
    let origin_us = match origin {
        None => None,
        Some(text) => match text.parse::<jiff::Timestamp>() {
            Ok(origin) => Some(origin.as_microsecond()),
            Err(_) => return Err(impossible("origin", text)),
        },
    };
    Ok((Record::Progress(Progress { lower, frontier, settled_us, count }), origin_us))
}

fn parse_delta(stream: &StreamName, members: DeltaMembers) -> Result<Delta, ParseError> {
    let (diff, properties) = match members.diff {
        1 => (Diff::Assert, members.cud.properties.as_ref()),
        -1 => (Diff::Retract, members.before.as_ref()),
        other => return Err(impossible("diff", other)),
    };
    let properties = properties.unwrap_or(&Value::Null);
    let element = match &members.cud.rel_type {
        Some(rel_type) => Element::Edge(parse_edge(stream, rel_type, &members.cud, properties)?),
        None => {
            let key = vertex_key(stream, &members.cud.ids.vokg_id)?;
            Element::Vertex(key, parse_vertex(stream, &key, properties)?)
        }
    };
    let caused_by = match &members.caused_by {
        None => None,
        Some(id) => match vertex_key(stream, id)? {
            VertexKey::Correction(t) => Some(t),
            _ => return Err(impossible("caused_by", id)),
        },
    };
    Ok(Delta { t: members.t, diff, element, caused_by })
}

fn parse_vertex(stream: &StreamName, key: &VertexKey, properties: &Value) -> Result<Vertex, ParseError> {
    Ok(match key {
        VertexKey::Stream => {
            let m = StreamMembers::deserialize(properties)?;
            Vertex::Stream(StreamVertex {
                size: Size { width: m.width_px, height: m.height_px },
                origin_us: m.origin_us,
                time_source: m.time_source,
                segmenter: m.segmenter,
                ended_us: m.ended_us,
            })
        }
        VertexKey::Object(_) => {
            let m = ObjectMembers::deserialize(properties)?;
            Vertex::Object(ObjectVertex {
                class: m.class,
                first_seen_us: m.first_seen_us,
                last_seen_us: m.last_seen_us,
                open: m.open,
                confidence_milli: milli("confidence", m.confidence)?,
                tracks: m.tracks.into_iter().map(TrackId).collect(),
            })
        }
        VertexKey::Gap(_) => {
            let m = GapMembers::deserialize(properties)?;
            Vertex::Gap(GapVertex { from_us: m.valid_from_us, to_us: m.valid_to_us, reason: m.reason })
        }
        VertexKey::Correction(_) => {
            let m = CorrectionMembers::deserialize(properties)?;
            Vertex::Correction(CorrectionVertex { moves: parse_moves(stream, &m)?, reason: m.reason })
        }
        VertexKey::Zone(_) => {
            let m = ZoneMembers::deserialize(properties)?;
            let shapes = [ZoneShape::Area, ZoneShape::Line];
            let shape = shapes.into_iter().find(|shape| shape.name() == m.shape);
            Vertex::Zone(ZoneVertex {
                shape: shape.ok_or_else(|| impossible("shape", &m.shape))?,
                name: m.name,
                corners_ppm: m.corners.into_iter().map(|share| ppm("corners", share)).collect::<Result<_, _>>()?,
            })
        }
    })
}

fn parse_moves(stream: &StreamName, m: &CorrectionMembers) -> Result<Vec<IdentityMove>, ParseError> {
    let lengths = [m.from_objects.len(), m.to_objects.len(), m.scores.len()];
    if lengths.iter().any(|length| *length != m.tracks.len()) {
        return Err(impossible("from_objects, to_objects and scores (as long as tracks)", format!("{lengths:?}")));
    }
    let objects = m.from_objects.iter().zip(&m.to_objects);
    let moves = m.tracks.iter().zip(objects).zip(&m.scores).map(|((track, (from, to)), score)| {
        Ok(IdentityMove {
            track: TrackId(*track),
            from: object_id(stream, from)?,
            to: object_id(stream, to)?,
            score_milli: milli("scores", *score)?,
        })
    });
    moves.collect()
}

fn parse_edge(stream: &StreamName, rel_type: &str, cud: &CudMembers, properties: &Value) -> Result<Edge, ParseError> {
    let end = |member, end: &Option<EndMembers>| match end {
        Some(end) => vertex_key(stream, &end.ids.vokg_id),
        None => Err(impossible(member, "null")),
    };
    let m = EdgeMembers::deserialize(properties)?;
    Ok(Edge {
        id: interaction_id(stream, &cud.ids.vokg_id)?,
        kind: RelationKind::parse(rel_type).ok_or_else(|| impossible("rel_type", rel_type))?,
        from: end("from", &cud.from)?,
        to: end("to", &cud.to)?,
        valid_from_us: m.valid_from_us,
        valid_to_us: m.valid_to_us,
        confidence_milli: milli("confidence", m.confidence)?,
        detail: Detail {
            lag_ms: m.lag_ms,
            p_ppm: m.p_value.map(|p| ppm("p_value", p)).transpose()?,
            rightwards: m.direction.map(|direction| direction == "rightwards"),
        },
        supersedes: m.supersedes.iter().map(|id| interaction_id(stream, id)).collect::<Result<_, _>>()?,
    })
}

fn vertex_key(stream: &StreamName, id: &str) -> Result<VertexKey, ParseError> {
    if id == stream.as_str() {
        return Ok(VertexKey::Stream);
    }
    let key = own_part(stream, id).and_then(|(letter, number)| match letter {
        "o" => number.parse().ok().map(|n| VertexKey::Object(ObjectId(n))),
        "g" => number.parse().ok().map(VertexKey::Gap),
        "c" => number.parse().ok().map(VertexKey::Correction),
        "z" => number.parse().ok().filter(|n| *n <= ZoneId::MAX).map(|n| VertexKey::Zone(ZoneId(n))),
        _ => None,
    });
    key.ok_or_else(|| impossible("vokg_id", id))
}

fn object_id(stream: &StreamName, id: &str) -> Result<ObjectId, ParseError> {
    match vertex_key(stream, id)? {
        VertexKey::Object(object) => Ok(object),
        _ => Err(impossible("from_objects or to_objects", id)),
    }
}

fn interaction_id(stream: &StreamName, id: &str) -> Result<InteractionId, ParseError> {
    match own_part(stream, id) {
        Some(("i", digits)) => {
            u64::from_str_radix(digits, 16).map(InteractionId).map_err(|_| impossible("vokg_id", id))
        }
        _ => Err(impossible("vokg_id", id)),
    }
}

/// The letter and the number of `<stream>/<letter>/<number>`.
fn own_part<'a>(stream: &StreamName, id: &'a str) -> Option<(&'a str, &'a str)> {
    id.strip_prefix(stream.as_str())?.strip_prefix('/')?.split_once('/')
}

fn milli(member: &'static str, share: f64) -> Result<u16, ParseError> {
    let thousandths = (share * 1000.0).round();
    let fits = (0.0..=f64::from(u16::MAX)).contains(&thousandths);
    if fits { Ok(thousandths as u16) } else { Err(impossible(member, share)) }
}

fn ppm(member: &'static str, share: f64) -> Result<u32, ParseError> {
    let millionths = (share * 1e6).round();
    let fits = (0.0..=f64::from(u32::MAX)).contains(&millionths);
    if fits { Ok(millionths as u32) } else { Err(impossible(member, share)) }
}

fn impossible(member: &'static str, value: impl ToString) -> ParseError {
    ParseError::Value { member, value: value.to_string() }
}
