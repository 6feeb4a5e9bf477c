//! What is asked of the database, and how it reads in Cypher.

use super::cursor::SinkCursor;
use super::identifier::Identifier;
use super::value::{Properties, Value};
use std::collections::BTreeMap;

/// A vertex to be there with these properties.
#[derive(Clone, Debug, PartialEq)]
pub struct VertexRow {
    /// Its `vokg_id`.
    pub id: String,
    /// Its other properties; what is not named stays.
    pub properties: Properties,
}

/// A relationship to be there with these properties.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeRow {
    /// Its `vokg_id`.
    pub id: String,
    /// The `vokg_id` of where it begins.
    pub from: String,
    /// The `vokg_id` of where it ends.
    pub to: String,
    /// Its other properties; what is not named stays.
    pub properties: Properties,
}

/// Something asked of the database. Answers are rows; where the number of touched elements is asked for it is `touched`.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// One vertex of the label per value of a property. Schema.
    Unique {
        /// Which label.
        label: Identifier,
        /// Which property.
        property: &'static str,
    },
    /// Vertices are found by these properties. Schema.
    VertexIndex {
        /// Which label.
        label: Identifier,
        /// Which properties.
        properties: &'static [&'static str],
    },
    /// Relationships are found by these properties. Schema.
    EdgeIndex {
        /// Which type.
        kind: Identifier,
        /// Which properties.
        properties: &'static [&'static str],
    },
    /// Waits until the indexes are filled.
    AwaitIndexes,
    /// The labels in use, as rows of `label`.
    Labels,
    /// Every cursor, or that of one stream, as rows that [`SinkCursor`] reads.
    Cursors {
        /// Whose, where only one is wanted.
        stream: Option<String>,
    },
    /// Locks the cursor of a stream against every other writer until the end of the transaction; makes an empty one.
    Lock {
        /// Whose.
        stream: String,
    },
    /// Moves the cursor of a stream.
    SetCursor(SinkCursor),
    /// Removes the cursor of a stream.
    DropCursor {
        /// Whose.
        stream: String,
    },
    /// Makes or changes vertices. Answers `touched` and, for objects, `changed`: pairs of the id and the class it had.
    MergeVertices {
        /// Their label.
        label: Identifier,
        /// The label of their class.
        class: Option<Identifier>,
        /// Which.
        rows: Vec<VertexRow>,
    },
    /// Takes a class's label from objects.
    RemoveLabel {
        /// Which label.
        label: Identifier,
        /// From which objects.
        ids: Vec<String>,
    },
    /// Changes the relationships that are there. Answers `found`: a list of their ids.
    UpdateEdges {
        /// Their type.
        kind: Identifier,
        /// Which.
        rows: Vec<EdgeRow>,
    },
    /// Makes relationships that are not there. Answers `touched`.
    CreateEdges {
        /// Their type.
        kind: Identifier,
        /// The label of where they begin.
        from: Identifier,
        /// The label of where they end.
        to: Identifier,
        /// Which.
        rows: Vec<EdgeRow>,
    },
    /// Makes interactions that are not there, with the relationships from the two who take part. Answers `touched`.
    CreateInteractions {
        /// The label of the one.
        from: Identifier,
        /// The label of the other.
        to: Identifier,
        /// Which, between which.
        rows: Vec<EdgeRow>,
    },
    /// Removes relationships that are there. Answers `touched`.
    DeleteEdges {
        /// Their type.
        kind: Identifier,
        /// Which.
        ids: Vec<String>,
    },
    /// Removes vertices that are there, with all that hangs on them. Answers `touched`.
    DeleteVertices {
        /// Their label.
        label: Identifier,
        /// Which.
        ids: Vec<String>,
    },
    /// The interactions with these ids that are there, as rows of `id` and `from_us`.
    Interactions {
        /// Which.
        ids: Vec<String>,
    },
    /// Of each object the interactions that begin at a time or later, as rows of `object`, `id`, `from_us`, `to_us`.
    ChainFrom {
        /// Objects and times.
        since: BTreeMap<String, i64>,
    },
    /// Of each object the last interaction that begins before a time, in such rows.
    ChainBefore {
        /// Objects and times.
        since: BTreeMap<String, i64>,
    },
    /// Removes relationships of the first vertices of a stream. Answers `touched`.
    PruneEdges {
        /// Label of the vertices.
        label: Identifier,
        /// Which stream.
        stream: String,
        /// How many vertices are looked at.
        vertices: i64,
        /// How many relationships are removed at most.
        edges: i64,
    },
    /// Removes the first vertices of a stream. Answers `touched`.
    PruneVertices {
        /// Their label.
        label: Identifier,
        /// Which stream.
        stream: String,
        /// How many at most.
        vertices: i64,
    },
}

impl Statement {
    /// Its text. Whatever comes from outside is a parameter or an [`Identifier`].
    pub fn cypher(&self) -> String {
        match self {
            Self::Unique { label, property } => format!(
                "CREATE CONSTRAINT {}_{} IF NOT EXISTS FOR (n:{label}) REQUIRE n.{property} IS UNIQUE",
                label.as_str().to_lowercase(),
                if *property == "vokg_id" { "id" } else { property },
            ),
            Self::VertexIndex { label, properties } => format!(
                "CREATE INDEX {} IF NOT EXISTS FOR (n:{label}) ON ({})",
                index_name(label, properties),
                listed("n", properties)
            ),
            Self::EdgeIndex { kind, properties } => format!(
                "CREATE INDEX {} IF NOT EXISTS FOR ()-[x:{kind}]-() ON ({})",
                index_name(kind, properties),
                listed("x", properties)
            ),
            Self::AwaitIndexes => "CALL db.awaitIndexes(300)".to_owned(),
            Self::Labels => "CALL db.labels() YIELD label RETURN label".to_owned(),
            Self::Cursors { stream } => format!(
                "MATCH (s:VokgSink{}) WHERE s.instance IS NOT NULL RETURN s.stream AS stream, s.instance AS instance, \
                 s.number AS number, s.epoch AS epoch, s.seq AS seq, s.frontier_us AS frontier_us, s.form AS form, \
                 s.mark AS mark, s.removing AS removing",
                if stream.is_some() { " {stream: $stream}" } else { "" }
            ),
            Self::Lock { .. } => "MERGE (s:VokgSink {stream: $stream}) SET s.touched_ms = timestamp()".to_owned(),
            Self::SetCursor(_) => "MATCH (s:VokgSink {stream: $stream}) SET s += $properties \
                                   RETURN count(s) AS touched"
                .to_owned(),
            Self::DropCursor { .. } => "MATCH (s:VokgSink {stream: $stream}) DETACH DELETE s".to_owned(),
            Self::MergeVertices { label, class, .. } => merge_vertices(label, class.as_ref()),
            Self::RemoveLabel { label, .. } => {
                format!("UNWIND $ids AS id MATCH (n:Object {{vokg_id: id}}) REMOVE n:{label}")
            }
            Self::UpdateEdges { kind, .. } => format!(
                "UNWIND $rows AS row MATCH ()-[x:{kind} {{vokg_id: row.id}}]->() SET x += row.properties \
                 RETURN collect(row.id) AS found"
            ),
            Self::CreateEdges { kind, from, to, .. } => format!(
                "UNWIND $rows AS row MATCH (a:{from} {{vokg_id: row.from}}) MATCH (b:{to} {{vokg_id: row.to}}) \
                 CREATE (a)-[x:{kind} {{vokg_id: row.id}}]->(b) SET x += row.properties RETURN count(x) AS touched"
            ),
            Self::CreateInteractions { from, to, .. } => {
                let member = |role: &str| {
                    format!(
                        "[:IN_INTERACTION {{vokg_id: row.id + '/{role}', role: '{role}', object: row.{role}, \
                         valid_from_us: row.properties.valid_from_us}}]"
                    )
                };
                format!(
                    "UNWIND $rows AS row MATCH (a:{from} {{vokg_id: row.from}}) MATCH (b:{to} {{vokg_id: row.to}}) \
                     CREATE (a)-{}->(i:Interaction {{vokg_id: row.id}})<-{}-(b) SET i += row.properties \
                     RETURN count(i) AS touched",
                    member("from"),
                    member("to")
                )
            }
            Self::DeleteEdges { kind, .. } => format!(
                "UNWIND $ids AS id MATCH ()-[x:{kind} {{vokg_id: id}}]->() DELETE x RETURN count(*) AS touched"
            ),
            Self::DeleteVertices { label, .. } => format!(
                "UNWIND $ids AS id MATCH (n:{label} {{vokg_id: id}}) DETACH DELETE n RETURN count(*) AS touched"
            ),
            Self::Interactions { .. } => "UNWIND $ids AS id MATCH (i:Interaction {vokg_id: id}) \
                                          RETURN i.vokg_id AS id, i.valid_from_us AS from_us"
                .to_owned(),
            Self::ChainFrom { .. } => "UNWIND $rows AS row \
                 MATCH ()-[r:IN_INTERACTION {object: row.object}]->(i:Interaction) WHERE r.valid_from_us >= row.since \
                 RETURN DISTINCT row.object AS object, i.vokg_id AS id, i.valid_from_us AS from_us, i.valid_to_us AS to_us"
                .to_owned(),
            // In the order of the index, which begins with the object: so it is read from its end.
            Self::ChainBefore { .. } => "UNWIND $rows AS row CALL { WITH row \
                 MATCH ()-[r:IN_INTERACTION]->(i:Interaction) WHERE r.object = row.object AND r.valid_from_us < row.since \
                 RETURN i ORDER BY r.object DESC, r.valid_from_us DESC, i.vokg_id DESC LIMIT 1 } \
                 RETURN row.object AS object, i.vokg_id AS id, i.valid_from_us AS from_us, i.valid_to_us AS to_us"
                .to_owned(),
            Self::PruneEdges { label, .. } => format!(
                "{} MATCH (n)-[r]-() WITH DISTINCT r LIMIT $edges DELETE r RETURN count(*) AS touched",
                first_of_stream(label)
            ),
            Self::PruneVertices { label, .. } => {
                format!("{} DETACH DELETE n RETURN count(*) AS touched", first_of_stream(label))
            }
        }
    }

    /// Its parameters.
    pub fn parameters(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Unique { .. } | Self::VertexIndex { .. } | Self::EdgeIndex { .. } => vec![],
            Self::AwaitIndexes | Self::Labels => vec![],
            Self::Cursors { stream } => stream.iter().map(|stream| ("stream", stream.as_str().into())).collect(),
            Self::Lock { stream } | Self::DropCursor { stream } => vec![("stream", stream.as_str().into())],
            Self::SetCursor(cursor) => {
                vec![("stream", cursor.stream.as_str().into()), ("properties", Value::Map(cursor.properties()))]
            }
            Self::MergeVertices { rows, .. } => {
                vec![("rows", Value::List(rows.iter().map(VertexRow::value).collect()))]
            }
            Self::UpdateEdges { rows, .. } => {
                vec![("rows", Value::List(rows.iter().map(EdgeRow::value).collect()))]
            }
            Self::CreateEdges { rows, .. } | Self::CreateInteractions { rows, .. } => {
                vec![("rows", Value::List(rows.iter().map(EdgeRow::value_of_new).collect()))]
            }
            Self::RemoveLabel { ids, .. }
            | Self::DeleteEdges { ids, .. }
            | Self::DeleteVertices { ids, .. }
            | Self::Interactions { ids } => {
                vec![("ids", Value::List(ids.iter().map(|id| id.as_str().into()).collect()))]
            }
            Self::ChainFrom { since } | Self::ChainBefore { since } => {
                let row = |(object, since): (&String, &i64)| {
                    let object = ("object", object.as_str().into());
                    Value::Map([object, ("since", Value::Integer(*since))].into())
                };
                vec![("rows", Value::List(since.iter().map(row).collect()))]
            }
            Self::PruneEdges { stream, vertices, edges, .. } => vec![
                ("stream", stream.as_str().into()),
                ("vertices", Value::Integer(*vertices)),
                ("edges", Value::Integer(*edges)),
            ],
            Self::PruneVertices { stream, vertices, .. } => {
                vec![("stream", stream.as_str().into()), ("vertices", Value::Integer(*vertices))]
            }
        }
    }
}

impl VertexRow {
    fn value(&self) -> Value {
        Value::Map([("id", self.id.as_str().into()), ("properties", Value::Map(self.properties.clone()))].into())
    }
}

impl EdgeRow {
    fn value(&self) -> Value {
        self.value_with(self.properties.clone())
    }

    /// What is new has no property to be taken away.
    fn value_of_new(&self) -> Value {
        let held = self.properties.iter().filter(|(_, value)| **value != Value::Null);
        self.value_with(held.map(|(name, value)| (*name, value.clone())).collect())
    }

    fn value_with(&self, properties: Properties) -> Value {
        let ends = [("from", self.from.as_str().into()), ("to", self.to.as_str().into())];
        let own = [("id", self.id.as_str().into()), ("properties", Value::Map(properties))];
        Value::Map(own.into_iter().chain(ends).collect())
    }
}

fn merge_vertices(label: &Identifier, class: Option<&Identifier>) -> String {
    let second = class.map_or(String::new(), |class| format!(", n:{class}"));
    let merge = format!("UNWIND $rows AS row MERGE (n:{label} {{vokg_id: row.id}})");
    if label.as_str() != "Object" {
        return format!("{merge} SET n += row.properties{second} RETURN count(n) AS touched");
    }
    format!(
        "{merge} WITH n, row, n.class AS before SET n += row.properties{second} RETURN count(n) AS touched, \
         collect(CASE WHEN before <> coalesce(row.properties.class, '') THEN [row.id, before] END) AS changed"
    )
}

/// The first vertices of a stream by id: an id begins with the name of its stream, and a name has no slash.
fn first_of_stream(label: &Identifier) -> String {
    let of_stream = match label.as_str() {
        "Stream" => "n.vokg_id = $stream",
        _ => "n.vokg_id STARTS WITH $stream + '/'",
    };
    format!("MATCH (n:{label}) WHERE {of_stream} WITH n ORDER BY n.vokg_id LIMIT $vertices")
}

fn index_name(of: &Identifier, properties: &[&str]) -> String {
    format!("vokg_{}_{}", of.as_str().to_lowercase(), properties.join("_"))
}

fn listed(variable: &str, properties: &[&str]) -> String {
    properties.iter().map(|property| format!("{variable}.{property}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_parameters_and_never_text() {
        let evil = "x'}) DETACH DELETE n //".to_owned();
        let label = Identifier::new("Object").expect("it is one");
        let properties = Properties::from([("name", Value::Text(evil.clone()))]);
        let vertex = VertexRow { id: evil.clone(), properties: properties.clone() };
        let edge = EdgeRow { id: evil.clone(), from: evil.clone(), to: evil.clone(), properties };
        let (kind, ids) = (label.clone(), vec![evil.clone()]);
        let statements = [
            Statement::Cursors { stream: Some(evil.clone()) },
            Statement::Lock { stream: evil.clone() },
            Statement::MergeVertices { label: label.clone(), class: None, rows: vec![vertex] },
            Statement::UpdateEdges { kind: kind.clone(), rows: vec![edge.clone()] },
            Statement::CreateEdges {
                kind: kind.clone(),
                from: kind.clone(),
                to: kind.clone(),
                rows: vec![edge.clone()],
            },
            Statement::CreateInteractions { from: kind.clone(), to: kind.clone(), rows: vec![edge] },
            Statement::DeleteEdges { kind: kind.clone(), ids: ids.clone() },
            Statement::DeleteVertices { label: label.clone(), ids: ids.clone() },
            Statement::Interactions { ids },
            Statement::ChainFrom { since: [(evil.clone(), 3)].into() },
            Statement::PruneVertices { label, stream: evil.clone(), vertices: 3 },
        ];
        for statement in statements {
            let text = statement.cypher();
            assert!(!text.contains("x'"), "{text}");
            assert!(format!("{:?}", statement.parameters()).contains(&evil), "{text}");
            for (name, _) in statement.parameters() {
                assert!(text.contains(&format!("${name}")), "{text}: {name}");
            }
        }
    }
}
