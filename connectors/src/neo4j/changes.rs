//! What a portion comes to: one change per key, and what vertices and edges look like in the graph.

use super::identifier::Identifier;
use super::statement::{EdgeRow, VertexRow};
use super::value::{Properties, TooGreat, Value};
use crate::export::properties::{EDGE_PROPERTIES, Properties as Exported};
use crate::follow::{Followed, Portion, TargetError};
use crate::store::Position;
use std::collections::BTreeMap;
use vokg_engine::delta::{Delta, Diff, Edge, Element, ElementKey, Vertex, VertexKey};
use vokg_engine::record::Record;
use vokg_engine::time::Micros;

/// Times of the delta format and the moments they become where the origin of the stream is known.
const MOMENTS: [(&str, &str); 6] = [
    ("first_seen_us", "first_seen"),
    ("last_seen_us", "last_seen"),
    ("valid_from_us", "valid_from"),
    ("valid_to_us", "valid_to"),
    ("ended_us", "ended"),
    ("decided_us", "decided"),
];

/// Rows of vertices by their primary label and the label of their class.
type VertexGroups<'a> = BTreeMap<(&'static str, Option<&'a str>), Vec<VertexRow>>;
/// Rows of edges by their type and the labels of their ends.
type EdgeGroups = BTreeMap<(String, &'static str, &'static str), Vec<EdgeRow>>;

/// The last change of a key, and whether the graph had the key before.
struct Change<'a> {
    delta: &'a Delta,
    at: Position,
    /// The first change takes a value back, so it must be there.
    was_there: bool,
}

/// The changes of a portion, one per key: the last one counts.
pub struct Changes<'a> {
    stream: &'a Followed,
    vertices: BTreeMap<VertexKey, Change<'a>>,
    edges: BTreeMap<ElementKey, Change<'a>>,
    frontier_us: Option<Micros>,
}

/// Keys that have no value after a portion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Their ids.
    pub ids: Vec<String>,
    /// So many of them were there for certain; the others may have come within the portion.
    pub certain: usize,
}

/// An edge that is or is not there after a portion.
#[derive(Clone, Copy, Debug)]
pub struct EdgeChange<'a> {
    /// The edge as it is, or as it was when it was taken back.
    pub edge: &'a Edge,
    /// Whether it is there.
    pub is_there: bool,
    /// What caused the change.
    pub caused_by: Option<Micros>,
    /// The entry it comes from.
    pub at: Position,
}

impl<'a> Changes<'a> {
    /// Those of a portion.
    pub fn of(portion: &'a Portion<'a>) -> Self {
        let (vertices, edges) = (BTreeMap::new(), BTreeMap::new());
        let mut changes = Self { stream: portion.stream, vertices, edges, frontier_us: None };
        for entry in portion.wanted() {
            match &entry.record {
                Record::Progress(progress) => changes.frontier_us = progress.frontier,
                Record::Delta(delta) => {
                    let was_there = delta.diff == Diff::Retract;
                    let change = Change { delta, at: Position::of(entry), was_there };
                    match &delta.element {
                        Element::Vertex(key, _) => consolidate(&mut changes.vertices, *key, change),
                        Element::Edge(_) => consolidate(&mut changes.edges, delta.element.key(), change),
                    }
                }
            }
        }
        changes
    }

    /// Whose changes.
    pub fn stream(&self) -> &'a Followed {
        self.stream
    }

    /// No further change has `t` below this; `None` after the end of an epoch.
    pub fn frontier_us(&self) -> Option<Micros> {
        self.frontier_us
    }

    /// The vertices that are there, by label and class.
    ///
    /// # Errors
    /// The first entry that Neo4j cannot hold.
    pub fn vertices(&self) -> Result<VertexGroups<'a>, TargetError> {
        let mut rows: BTreeMap<_, Vec<VertexRow>> = BTreeMap::new();
        for Change { delta, at, .. } in self.vertices.values().filter(|change| change.delta.diff == Diff::Assert) {
            let Element::Vertex(key, vertex) = &delta.element else { continue };
            let row = vertex_row(self.stream, key, vertex, delta.caused_by).map_err(|reason| refused(*at, reason))?;
            rows.entry((key.label(), class_of(vertex))).or_default().push(row);
        }
        Ok(rows)
    }

    /// The vertices that never were, by label.
    pub fn gone_vertices(&self) -> BTreeMap<&'static str, Gone> {
        let mut gone: BTreeMap<&'static str, Gone> = BTreeMap::new();
        for (key, change) in self.vertices.iter().filter(|(_, change)| change.delta.diff == Diff::Retract) {
            gone.entry(key.label()).or_default().push(key.external(&self.stream.name), change.was_there);
        }
        gone
    }

    /// The edges that are there, by kind and the labels of their ends.
    ///
    /// # Errors
    /// The first entry that Neo4j cannot hold.
    pub fn edges(&self) -> Result<EdgeGroups, TargetError> {
        let mut rows: BTreeMap<_, Vec<EdgeRow>> = BTreeMap::new();
        for EdgeChange { edge, caused_by, at, .. } in self.edge_changes().filter(|change| change.is_there) {
            let row = edge_row(self.stream, edge, caused_by).map_err(|reason| refused(at, reason))?;
            let key = (edge.kind.to_string(), edge.from.label(), edge.to.label());
            rows.entry(key).or_default().push(row);
        }
        Ok(rows)
    }

    /// The edges that never were, by kind.
    pub fn gone_edges(&self) -> BTreeMap<String, Gone> {
        let mut gone: BTreeMap<String, Gone> = BTreeMap::new();
        for change in self.edges.values().filter(|change| change.delta.diff == Diff::Retract) {
            let Element::Edge(edge) = &change.delta.element else { continue };
            let id = edge.id.external(&self.stream.name);
            gone.entry(edge.kind.to_string()).or_default().push(id, change.was_there);
        }
        gone
    }

    /// Every edge that changes, by id.
    pub fn edge_changes(&self) -> impl Iterator<Item = EdgeChange<'a>> {
        self.edges.values().filter_map(|Change { delta, at, .. }| match &delta.element {
            Element::Edge(edge) => {
                Some(EdgeChange { edge, is_there: delta.diff == Diff::Assert, caused_by: delta.caused_by, at: *at })
            }
            Element::Vertex(..) => None,
        })
    }
}

impl Gone {
    fn push(&mut self, id: String, is_certain: bool) {
        self.ids.push(id);
        self.certain += usize::from(is_certain);
    }
}

fn consolidate<'a, K: Ord>(changes: &mut BTreeMap<K, Change<'a>>, key: K, change: Change<'a>) {
    let was_there = changes.get(&key).map_or(change.was_there, |first| first.was_there);
    changes.insert(key, Change { was_there, ..change });
}

pub(super) fn refused(at: Position, reason: TooGreat) -> TargetError {
    TargetError::Refused { at, reason: reason.to_string() }
}

fn class_of(vertex: &Vertex) -> Option<&str> {
    if let Vertex::Object(object) = vertex { object.class.as_deref() } else { None }
}

/// A vertex as it stands in the graph.
///
/// # Errors
/// Where a number is too great.
pub fn vertex_row(
    stream: &Followed,
    key: &VertexKey,
    vertex: &Vertex,
    caused_by: Option<Micros>,
) -> Result<VertexRow, TooGreat> {
    let exported = Exported::of_vertex(&stream.name, key, vertex).with_cause(cause(stream, caused_by));
    let mut properties = values(&exported, stream.origin_us)?;
    properties.insert("stream", stream.name.as_str().into());
    let name = match vertex {
        Vertex::Stream(_) => Some(stream.name.as_str()),
        Vertex::Gap(gap) => Some(gap.reason.as_str()),
        Vertex::Correction(correction) => Some(correction.reason.as_str()),
        Vertex::Object(_) | Vertex::Zone(_) => None,
    };
    properties.extend(name.map(|name| ("name", name.into())));
    if let (Vertex::Stream(own), Some(origin)) = (vertex, stream.origin_us) {
        debug_assert!(own.origin_us.is_none_or(|own| own == origin));
        properties.insert("origin", Value::Moment(origin));
    }
    Ok(VertexRow { id: key.external(&stream.name), properties })
}

/// An edge as it stands in the graph.
///
/// # Errors
/// Where a number is too great.
pub fn edge_row(stream: &Followed, edge: &Edge, caused_by: Option<Micros>) -> Result<EdgeRow, TooGreat> {
    let exported = Exported::of_edge(&stream.name, edge).with_cause(cause(stream, caused_by));
    // What was measured before and is not now goes.
    let mut properties: Properties = EDGE_PROPERTIES.iter().map(|(name, _)| (*name, Value::Null)).collect();
    properties.extend(values(&exported, stream.origin_us)?);
    Ok(EdgeRow {
        id: edge.id.external(&stream.name),
        from: edge.from.external(&stream.name),
        to: edge.to.external(&stream.name),
        properties,
    })
}

fn cause(stream: &Followed, caused_by: Option<Micros>) -> Option<String> {
    caused_by.map(|t| VertexKey::Correction(t).external(&stream.name))
}

fn values(exported: &Exported, origin_us: Option<i64>) -> Result<Properties, TooGreat> {
    let mut properties = Properties::new();
    for (name, property) in &exported.0 {
        let value = Value::try_from(property)?;
        let moment = MOMENTS.iter().find(|(us, _)| us == name).map(|(_, moment)| *moment);
        if let (Some(moment), Some(origin)) = (moment, origin_us) {
            let us = value.as_integer().and_then(|us| origin.checked_add(us));
            properties.insert(moment, us.map_or(Value::Null, Value::Moment));
        }
        properties.insert(name, value);
    }
    Ok(properties)
}

/// A label or type that is known to be one.
///
/// # Errors
/// Where it is none.
pub(super) fn identifier(text: &str) -> Result<Identifier, TargetError> {
    let none = || TargetError::Hopeless(format!("{text:?} cannot be a label or a type of relationships in Neo4j"));
    Identifier::new(text).ok_or_else(none)
}
