//! The reified view of the graph: interactions as vertices, and their order in time.
//!
//! `(:Object)-[:IN_INTERACTION {role}]->(:Interaction)`, and `BEFORE {gap_us, relation}` from each interaction of an object
//! to the next one of the same object, in order of their beginning. It is a projection: it follows from the edges and goes
//! with them.

use super::chain::{Before, Link, change};
use super::changes::{Changes, EdgeChange, edge_row, refused};
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
    /// Interactions that stay, to be changed.
    pub changed: Vec<VertexRow>,
    /// Interactions to make, by the labels of those who take part; the ends of a row are these two.
    pub new: BTreeMap<(&'static str, &'static str), Vec<EdgeRow>>,
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
                let row = interaction_row(stream, &change)?;
                if stays {
                    projected.changed.push(VertexRow { id: row.id, properties: row.properties });
                } else {
                    let labels = (change.edge.from.label(), change.edge.to.label());
                    projected.new.entry(labels).or_default().push(row);
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

/// An edge as an interaction, between the two who take part in it.
fn interaction_row(stream: &Followed, change: &EdgeChange<'_>) -> Result<EdgeRow, TargetError> {
    let mut row = edge_row(stream, change.edge, change.caused_by).map_err(|reason| refused(change.at, reason))?;
    let kind = || Value::Text(change.edge.kind.to_string());
    row.properties.extend([("kind", kind()), ("name", kind()), ("stream", stream.name.as_str().into())]);
    Ok(row)
}

/// Who takes part in an interaction: what [`super::statement::Statement::CreateInteractions`] makes of it, for tests.
#[cfg(test)]
pub(super) fn member_rows(interaction: &EdgeRow) -> [EdgeRow; 2] {
    [("from", &interaction.from), ("to", &interaction.to)].map(|(role, end)| {
        let begins = interaction.properties["valid_from_us"].clone();
        EdgeRow {
            id: format!("{}/{role}", interaction.id),
            from: end.clone(),
            to: interaction.id.clone(),
            properties: [("role", role.into()), ("object", end.as_str().into()), ("valid_from_us", begins)].into(),
        }
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
        let row = interaction_row(stream, &change).expect("the times are small");
        rows.extend(member_rows(&row));
        vertices.push(VertexRow { id: row.id, properties: row.properties });
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
