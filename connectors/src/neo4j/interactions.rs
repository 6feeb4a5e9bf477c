//! The reified view of the graph: interactions as vertices, and their order in time.
//!
//! `(:Object)-[:IN_INTERACTION {role}]->(:Interaction)`, and `BEFORE {gap_us, relation}` from each interaction of an object
//! to the next one of the same object, in order of their beginning. It is a projection: it follows from the edges and goes
//! with them.

use super::chain::{Before, Link, change};
use super::changes::{Changes, EdgeChange, edge_properties, refused};
use super::statement::{EdgeRow, VertexRow};
use super::value::{Properties, Value};
use crate::follow::{Followed, TargetError};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Edge, VertexKey};
use vokg_engine::time::Micros;

/// Type of the relationships from whoever takes part in an interaction to it.
pub const IN_INTERACTION: &str = "IN_INTERACTION";
/// Type of the relationships from an interaction to the next one of an object.
pub const BEFORE: &str = "BEFORE";

/// What changes in the projection.
#[derive(Debug, Default)]
pub struct Projected {
    /// Interactions that go, and those that are made anew since they begin at another time.
    pub gone: Vec<String>,
    /// Interactions to be there.
    pub vertices: Vec<VertexRow>,
    /// Who takes part in the new ones, by label.
    pub members: BTreeMap<&'static str, Vec<EdgeRow>>,
    /// BEFORE to go.
    pub before_gone: Vec<String>,
    /// BEFORE to change.
    pub before_changed: Vec<EdgeRow>,
    /// BEFORE to make.
    pub before_new: Vec<EdgeRow>,
}

/// The changes of a portion with what the database has of their interactions.
pub struct Projection<'a> {
    changes: &'a Changes<'a>,
    /// When the interactions that change begin, of those that are there.
    begun: BTreeMap<String, i64>,
}

impl<'a> Projection<'a> {
    /// For these changes; `begun` are the interactions among [`Self::ids`] that are there, and when they begin.
    pub fn new(changes: &'a Changes<'a>, begun: BTreeMap<String, i64>) -> Self {
        Self { changes, begun }
    }

    /// The interactions that change.
    pub fn ids(changes: &Changes<'_>) -> Vec<String> {
        changes.edge_changes().map(|change| change.edge.id.external(&changes.stream().name)).collect()
    }

    /// The objects whose chains change, and the time from which on they do.
    pub fn since(&self) -> BTreeMap<String, i64> {
        let mut since: BTreeMap<String, i64> = BTreeMap::new();
        for (change, id) in self.edges() {
            let now = change.is_there.then(|| signed(change.edge.valid_from_us));
            let Some(first) = now.into_iter().chain(self.begun.get(&id).copied()).min() else { continue };
            for object in objects_of(change.edge) {
                let object = object.external(&self.changes.stream().name);
                let at = since.entry(object).or_insert(first);
                *at = first.min(*at);
            }
        }
        since
    }

    /// What is to change, where `stretches` has of each object of [`Self::since`] the interactions from that time on and
    /// the last one before it, in order.
    ///
    /// # Errors
    /// The first entry that Neo4j cannot hold.
    pub fn projected(&self, stretches: &BTreeMap<String, Vec<Link>>) -> Result<Projected, TargetError> {
        let stream = self.changes.stream();
        let mut projected = Projected::default();
        let mut forgotten = BTreeSet::new();
        for (change, id) in self.edges() {
            let begun = self.begun.get(&id);
            let stays = change.is_there && begun == Some(&signed(change.edge.valid_from_us));
            if begun.is_some() && !stays {
                forgotten.insert(id.clone());
                projected.gone.push(id.clone());
            }
            if change.is_there {
                projected.vertices.push(interaction_row(stream, &change)?);
                if !stays {
                    for (label, row) in member_rows(stream, change.edge) {
                        projected.members.entry(label).or_default().push(row);
                    }
                }
            }
        }
        let mut touched: BTreeMap<String, (BTreeSet<String>, Vec<Link>)> = BTreeMap::new();
        for (change, id) in self.edges() {
            for object in objects_of(change.edge) {
                let (leaving, coming) = touched.entry(object.external(&stream.name)).or_default();
                leaving.insert(id.clone());
                coming.extend(change.is_there.then(|| link(change.edge, &id)));
            }
        }
        let none = Vec::new();
        for (object, (leaving, coming)) in &touched {
            let stretch = stretches.get(object).unwrap_or(&none);
            let changes = change(stretch, leaving, coming, &forgotten);
            let row = |(pair, before): (&(String, String), &Before)| before_row(stream, object, pair, *before);
            projected.before_gone.extend(changes.gone.iter().map(|pair| before_id(stream, object, pair)));
            projected.before_changed.extend(changes.changed.iter().map(row));
            projected.before_new.extend(changes.new.iter().map(row));
        }
        Ok(projected)
    }

    fn edges(&self) -> impl Iterator<Item = (EdgeChange<'a>, String)> {
        let name = &self.changes.stream().name;
        self.changes.edge_changes().map(move |change| (change, change.edge.id.external(name)))
    }
}

/// An edge as an interaction.
fn interaction_row(stream: &Followed, change: &EdgeChange<'_>) -> Result<VertexRow, TargetError> {
    let EdgeChange { edge, caused_by, at, .. } = change;
    let mut properties = edge_properties(stream, edge, *caused_by).map_err(|reason| refused(*at, reason))?;
    let kind = || Value::Text(edge.kind.to_string());
    properties.extend([("kind", kind()), ("name", kind()), ("stream", stream.name.as_str().into())]);
    Ok(VertexRow { id: edge.id.external(&stream.name), properties })
}

/// Who takes part in an interaction, with their labels.
fn member_rows(stream: &Followed, edge: &Edge) -> [(&'static str, EdgeRow); 2] {
    let interaction = edge.id.external(&stream.name);
    [(edge.from, "from"), (edge.to, "to")].map(|(end, role)| {
        let end_id = end.external(&stream.name);
        let properties = Properties::from([
            ("role", role.into()),
            ("object", end_id.as_str().into()),
            ("valid_from_us", Value::Integer(signed(edge.valid_from_us))),
        ]);
        (
            end.label(),
            EdgeRow { id: format!("{interaction}/{role}"), from: end_id, to: interaction.clone(), properties },
        )
    })
}

fn before_row(stream: &Followed, object: &str, pair: &(String, String), before: Before) -> EdgeRow {
    let properties = Properties::from([
        ("gap_us", Value::Integer(before.gap_us)),
        ("relation", before.relation.into()),
        ("object", object.into()),
    ]);
    EdgeRow { id: before_id(stream, object, pair), from: pair.0.clone(), to: pair.1.clone(), properties }
}

/// `cam/b/` with the number of the object and what tells the two interactions from others.
fn before_id(stream: &Followed, object: &str, (from, to): &(String, String)) -> String {
    let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
    format!("{}/b/{}/{}-{}", stream.name, last(object), last(from), last(to))
}

/// The objects among the ends of an edge, each once.
fn objects_of(edge: &Edge) -> BTreeSet<VertexKey> {
    [edge.from, edge.to].into_iter().filter(|end| matches!(end, VertexKey::Object(_))).collect()
}

fn link(edge: &Edge, id: &str) -> Link {
    Link { from_us: signed(edge.valid_from_us), id: id.to_owned(), to_us: edge.valid_to_us.map(signed) }
}

/// What does not fit is refused as a property of the interaction.
fn signed(us: Micros) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

/// The projection of edges from scratch, for tests.
#[cfg(test)]
pub(super) fn from_scratch<'a>(
    stream: &Followed,
    edges: impl Iterator<Item = (&'a Edge, Option<Micros>)>,
) -> (Vec<VertexRow>, Vec<EdgeRow>) {
    let (mut vertices, mut rows) = (Vec::new(), Vec::new());
    let mut chains: BTreeMap<String, BTreeSet<Link>> = BTreeMap::new();
    for (edge, caused_by) in edges {
        let at = crate::store::Position { epoch: 1, seq: 0 };
        let change = EdgeChange { edge, is_there: true, caused_by, at };
        vertices.push(interaction_row(stream, &change).expect("the times are small"));
        rows.extend(member_rows(stream, edge).map(|(_, row)| row));
        for object in objects_of(edge) {
            let id = edge.id.external(&stream.name);
            chains.entry(object.external(&stream.name)).or_default().insert(link(edge, &id));
        }
    }
    for (object, chain) in chains {
        let chain: Vec<Link> = chain.into_iter().collect();
        rows.extend(
            super::chain::pairs(&chain).iter().map(|(pair, before)| before_row(stream, &object, pair, *before)),
        );
    }
    (vertices, rows)
}
