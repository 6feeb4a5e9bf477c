//! The graph as one JSON object, described by docs/graph.schema.json.

use super::properties::Properties;
use super::{ExportError, GraphView, LogPosition};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use std::io::{self, Write};
use vokg_engine::id::StreamName;
use vokg_engine::time::Micros;

#[derive(Serialize)]
struct GraphJson<'a> {
    stream: &'a StreamName,
    at_us: Option<Micros>,
    known_at: Option<LogPosition>,
    vertices: Vertices<'a>,
    edges: Edges<'a>,
}

struct Vertices<'a>(&'a GraphView<'a>);

struct Edges<'a>(&'a GraphView<'a>);

#[derive(Serialize)]
struct VertexJson {
    id: String,
    label: &'static str,
    properties: Properties,
}

#[derive(Serialize)]
struct EdgeJson {
    id: String,
    kind: String,
    from: String,
    to: String,
    properties: Properties,
}

impl Serialize for Vertices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let GraphView { stream, graph, .. } = self.0;
        let mut vertices: Vec<_> = graph.vertices.iter().map(|(key, v)| (key.external(stream), key, v)).collect();
        vertices.sort_by(|a, b| a.0.cmp(&b.0));
        let mut sequence = serializer.serialize_seq(Some(vertices.len()))?;
        for (id, key, vertex) in vertices {
            let properties = Properties::of_vertex(stream, key, vertex);
            sequence.serialize_element(&VertexJson { id, label: key.label(), properties })?;
        }
        sequence.end()
    }
}

impl Serialize for Edges<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let GraphView { stream, graph, .. } = self.0;
        let mut sequence = serializer.serialize_seq(Some(graph.edges.len()))?;
        for edge in graph.edges.values() {
            sequence.serialize_element(&EdgeJson {
                id: edge.id.external(stream),
                kind: edge.kind.to_string(),
                from: edge.from.external(stream),
                to: edge.to.external(stream),
                properties: Properties::of_edge(stream, edge),
            })?;
        }
        sequence.end()
    }
}

/// Writes the graph as one line of JSON: vertices and edges by id, as text.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, view: &GraphView<'_>) -> Result<(), ExportError> {
    let GraphView { stream, at_us, known_at, .. } = *view;
    let graph = GraphJson { stream, at_us, known_at, vertices: Vertices(view), edges: Edges(view) };
    serde_json::to_writer(&mut *out, &graph).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

#[cfg(test)]
mod tests {
    use super::super::delta_json::samples;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::sync::LazyLock;
    use vokg_engine::delta::{Delta, Diff};
    use vokg_engine::record::Record;

    fn json(view: &GraphView<'_>) -> Value {
        let mut bytes = Vec::new();
        write(&mut bytes, view).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let schema = serde_json::from_str(include_str!("../../../docs/graph.schema.json")).unwrap();
        jsonschema::draft202012::new(&schema).unwrap()
    });

    fn assert_schema(graph: &Value) {
        let errors: Vec<_> = SCHEMA.iter_errors(graph).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn the_story_follows_the_schema_at_every_step() {
        let (stream, entries) = (samples::stream(), samples::story());
        for end in 0..=entries.len() {
            let graph = samples::fold(&entries[..end]);
            let known_at = entries[..end].last().map(|e| LogPosition { epoch: e.epoch, seq: e.seq });
            let json = json(&GraphView { stream: &stream, at_us: None, known_at, graph: &graph });
            assert_schema(&json);
            assert_eq!(json["vertices"].as_array().unwrap().len(), graph.vertices.len());
            assert_eq!(json["edges"].as_array().unwrap().len(), graph.edges.len());
        }
    }

    #[test]
    fn the_graph_at_a_moment_says_so() {
        let stream = samples::stream();
        let graph = samples::fold(&samples::story()).at(2_000_000);
        let json = json(&GraphView { stream: &stream, at_us: Some(2_000_000), known_at: None, graph: &graph });
        assert_schema(&json);
        assert_eq!((json["at_us"].as_u64(), &json["known_at"]), (Some(2_000_000), &Value::Null));
        assert_eq!(json["edges"][0]["from"], "gate/o/1");
        assert_eq!(json["edges"][0]["properties"]["valid_to_us"], 2_400_000);
    }

    proptest! {
        #[test]
        fn any_vertex_follows_the_schema(entry in samples::any_entry()) {
            let mut graph = vokg_engine::graph::Graph::default();
            if let Record::Delta(delta) = entry.record {
                let _ = graph.apply(&Delta { diff: Diff::Assert, ..delta });
            }
            let stream = samples::stream();
            assert_schema(&json(&GraphView { stream: &stream, at_us: None, known_at: None, graph: &graph }));
        }
    }
}
