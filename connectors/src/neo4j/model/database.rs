//! What the database holds, and what each statement does to it.

use crate::neo4j::cursor::SinkCursor;
use crate::neo4j::identifier::Identifier;
use crate::neo4j::interactions::{IN_INTERACTION, member_rows};
use crate::neo4j::session::Row;
use crate::neo4j::statement::{EdgeRow, Statement};
use crate::neo4j::value::{Properties, Value};
use std::collections::{BTreeMap, BTreeSet};

pub(super) type VertexId = (String, String);

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    pub(super) classes: BTreeSet<String>,
    pub(super) properties: Properties,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rel {
    pub(super) from: VertexId,
    pub(super) to: VertexId,
    pub(super) properties: Properties,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Held {
    pub(super) vertices: BTreeMap<VertexId, Node>,
    pub(super) edges: BTreeMap<(String, String), Rel>,
    pub(super) cursors: BTreeMap<String, Option<SinkCursor>>,
}

pub(super) fn set(properties: &mut Properties, more: &Properties) {
    for (name, value) in more {
        match value {
            Value::Null => drop(properties.remove(name)),
            value => drop(properties.insert(name, value.clone())),
        }
    }
}

fn touched(count: usize) -> Row {
    Row::from([("touched".to_owned(), Value::Integer(i64::try_from(count).expect("it is small")))])
}

impl Held {
    fn of_stream(label: &str, id: &str, stream: &str) -> bool {
        if label == "Stream" { id == stream } else { id.starts_with(&format!("{stream}/")) }
    }

    fn first(&self, label: &Identifier, stream: &str, limit: i64) -> Vec<VertexId> {
        let own = self.vertices.keys().filter(|(l, id)| l == label.as_str() && Self::of_stream(l, id, stream));
        own.take(usize::try_from(limit).expect("it is no negative number")).cloned().collect()
    }

    fn remove(&mut self, vertex: &VertexId) -> bool {
        self.edges.retain(|_, rel| rel.from != *vertex && rel.to != *vertex);
        self.vertices.remove(vertex).is_some()
    }

    fn chain(&self, object: &str, fits: impl Fn(i64) -> bool) -> BTreeSet<(i64, String)> {
        let members = self.edges.iter().filter(|((kind, _), rel)| {
            kind == IN_INTERACTION && rel.properties.get("object").and_then(Value::as_text) == Some(object)
        });
        let begun =
            members.map(|(_, rel)| (rel.properties["valid_from_us"].as_integer().expect("a time"), rel.to.1.clone()));
        begun.filter(|(from, _)| fits(*from)).collect()
    }

    fn link(&self, object: &str, id: &str) -> Row {
        let node = &self.vertices[&(Identifier::INTERACTION.to_owned(), id.to_owned())];
        let mut row = Row::from([("object".to_owned(), object.into()), ("id".to_owned(), id.into())]);
        for (name, property) in [("from_us", "valid_from_us"), ("to_us", "valid_to_us")] {
            row.extend(node.properties.get(property).map(|value| (name.to_owned(), value.clone())));
        }
        row
    }

    /// Makes an edge where its ends are there; whether they are.
    fn create(&mut self, kind: &str, from: &str, to: &str, row: &EdgeRow) -> bool {
        let (from, to) = ((from.to_owned(), row.from.clone()), (to.to_owned(), row.to.clone()));
        if ![&from, &to].into_iter().all(|end| self.vertices.contains_key(end)) {
            return false;
        }
        let mut rel = Rel { from, to, properties: Properties::new() };
        set(&mut rel.properties, &row.properties);
        let there = self.edges.insert((kind.to_owned(), row.id.clone()), rel);
        assert_eq!(there, None, "it would be there twice");
        true
    }

    pub(super) fn run(&mut self, statement: &Statement) -> Vec<Row> {
        match statement {
            Statement::Unique { .. } | Statement::VertexIndex { .. } | Statement::EdgeIndex { .. } => vec![],
            Statement::AwaitIndexes => vec![],
            Statement::Labels => {
                let labels = self.vertices.iter().flat_map(|((label, _), node)| node.classes.iter().chain([label]));
                labels.map(|label| Row::from([("label".to_owned(), label.as_str().into())])).collect()
            }
            Statement::Cursors { stream } => {
                let wanted = self.cursors.values().flatten().filter(|c| stream.as_ref().is_none_or(|s| c.stream == *s));
                let row = |cursor: &SinkCursor| {
                    let mut row: Row = cursor.properties().into_iter().map(|(name, v)| (name.to_owned(), v)).collect();
                    row.insert("stream".to_owned(), cursor.stream.as_str().into());
                    row
                };
                wanted.map(row).collect()
            }
            Statement::Lock { stream } => {
                self.cursors.entry(stream.clone()).or_default();
                vec![]
            }
            Statement::SetCursor(cursor) => {
                assert!(self.cursors.insert(cursor.stream.clone(), Some(cursor.clone())).is_some(), "it is locked");
                vec![touched(1)]
            }
            Statement::DropCursor { stream } => {
                self.cursors.remove(stream);
                vec![]
            }
            Statement::MergeVertices { label, class, rows } => {
                let mut changed = Vec::new();
                for row in rows {
                    let node = self.vertices.entry((label.to_string(), row.id.clone())).or_default();
                    let before = node.properties.get("class").cloned();
                    set(&mut node.properties, &row.properties);
                    node.classes.extend(class.as_ref().map(Identifier::to_string));
                    if let Some(before) = before.filter(|before| Some(before) != node.properties.get("class")) {
                        changed.push(Value::List(vec![row.id.as_str().into(), before]));
                    }
                }
                let mut answer = touched(rows.len());
                answer.insert("changed".to_owned(), Value::List(changed));
                vec![answer]
            }
            Statement::RemoveLabel { label, ids } => {
                for id in ids {
                    let node = self.vertices.get_mut(&("Object".to_owned(), id.clone())).expect("it was just merged");
                    node.classes.remove(label.as_str());
                }
                vec![]
            }
            Statement::UpdateEdges { kind, rows } => {
                let mut found = Vec::new();
                for row in rows {
                    if let Some(rel) = self.edges.get_mut(&(kind.to_string(), row.id.clone())) {
                        assert_eq!((&rel.from.1, &rel.to.1), (&row.from, &row.to), "an edge keeps its ends");
                        set(&mut rel.properties, &row.properties);
                        found.push(row.id.as_str().into());
                    }
                }
                vec![Row::from([("found".to_owned(), Value::List(found))])]
            }
            Statement::CreateEdges { kind, from, to, rows } => {
                let made = rows.iter().filter(|row| self.create(kind.as_str(), from.as_str(), to.as_str(), row));
                vec![touched(made.count())]
            }
            Statement::CreateInteractions { from, to, rows } => {
                let mut count = 0;
                for row in rows {
                    let ends = [(from, &row.from), (to, &row.to)];
                    if ends.iter().all(|(label, id)| self.vertices.contains_key(&(label.to_string(), (*id).clone()))) {
                        let mut node = Node::default();
                        set(&mut node.properties, &row.properties);
                        let id = (Identifier::INTERACTION.to_owned(), row.id.clone());
                        assert_eq!(self.vertices.insert(id, node), None, "it would be there twice");
                        for ((label, _), member) in ends.iter().zip(member_rows(row)) {
                            self.create(IN_INTERACTION, label.as_str(), Identifier::INTERACTION, &member);
                        }
                        count += 1;
                    }
                }
                vec![touched(count)]
            }
            Statement::DeleteEdges { kind, ids } => {
                let mut count = 0;
                for id in ids {
                    count += usize::from(self.edges.remove(&(kind.to_string(), id.clone())).is_some());
                }
                vec![touched(count)]
            }
            Statement::DeleteVertices { label, ids } => {
                let mut count = 0;
                for id in ids {
                    count += usize::from(self.remove(&(label.to_string(), id.clone())));
                }
                vec![touched(count)]
            }
            Statement::Interactions { ids } => {
                let id_of = |id: &&String| (Identifier::INTERACTION.to_owned(), (*id).clone());
                ids.iter().filter(|id| self.vertices.contains_key(&id_of(id))).map(|id| self.link("", id)).collect()
            }
            Statement::ChainFrom { since } => {
                let rows = since.iter().flat_map(|(object, since)| {
                    let chain = self.chain(object, |from| from >= *since);
                    chain.into_iter().map(|(_, id)| self.link(object, &id)).collect::<Vec<_>>()
                });
                rows.collect()
            }
            Statement::ChainBefore { since } => {
                let last = since.iter().filter_map(|(object, since)| {
                    let (_, id) = self.chain(object, |from| from < *since).pop_last()?;
                    Some(self.link(object, &id))
                });
                last.collect()
            }
            Statement::PruneEdges { label, stream, vertices, edges } => {
                let first = self.first(label, stream, *vertices);
                let hangs = |rel: &Rel| first.contains(&rel.from) || first.contains(&rel.to);
                let limit = usize::try_from(*edges).expect("it is no negative number");
                let keys: Vec<_> =
                    self.edges.iter().filter(|(_, rel)| hangs(rel)).map(|(key, _)| key.clone()).take(limit).collect();
                keys.iter().for_each(|key| drop(self.edges.remove(key)));
                vec![touched(keys.len())]
            }
            Statement::PruneVertices { label, stream, vertices } => {
                let first = self.first(label, stream, *vertices);
                first.iter().for_each(|vertex| _ = self.remove(vertex));
                vec![touched(first.len())]
            }
        }
    }
}
