//! The graph as two tables, RFC 4180: vertices and edges, with a fixed header each.
//!
//! An absent value is an empty field, the items of a list are joined with `;` (what `neo4j-admin import` and pandas
//! expect). In a directory they are called [`VERTICES_FILE`] and [`EDGES_FILE`].

use super::properties::{EDGE_PROPERTIES, Properties, PropertyType, VERTEX_PROPERTIES};
use super::{ExportError, GraphView};
use std::io::{self, Write};

/// The file name of the table of vertices.
pub const VERTICES_FILE: &str = "vertices.csv";

/// The file name of the table of edges.
pub const EDGES_FILE: &str = "edges.csv";

/// Writes the table of vertices, by key: `id,label` and every property a vertex can have.
///
/// # Errors
/// Those of `out`.
pub fn write_vertices(out: &mut impl Write, view: &GraphView<'_>) -> Result<(), ExportError> {
    let GraphView { stream, graph, .. } = view;
    header(out, &["id", "label"], VERTEX_PROPERTIES)?;
    for (key, vertex) in &graph.vertices {
        let fixed = [key.external(stream), key.label().to_owned()];
        row(out, fixed, VERTEX_PROPERTIES, &Properties::of_vertex(stream, key, vertex))?;
    }
    Ok(())
}

/// Writes the table of edges, by id: `id,kind,from,to` and every property of an edge.
///
/// # Errors
/// Those of `out`.
pub fn write_edges(out: &mut impl Write, view: &GraphView<'_>) -> Result<(), ExportError> {
    let GraphView { stream, graph, .. } = view;
    header(out, &["id", "kind", "from", "to"], EDGE_PROPERTIES)?;
    for edge in graph.edges.values() {
        let (from, to) = (edge.from.external(stream), edge.to.external(stream));
        let fixed = [edge.id.external(stream), edge.kind.to_string(), from, to];
        row(out, fixed, EDGE_PROPERTIES, &Properties::of_edge(stream, edge))?;
    }
    Ok(())
}

fn header(out: &mut impl Write, fixed: &[&str], columns: &[(&str, PropertyType)]) -> io::Result<()> {
    let names = fixed.iter().chain(columns.iter().map(|(name, _)| name));
    write!(out, "{}\r\n", names.copied().collect::<Vec<_>>().join(","))
}

fn row<const N: usize>(
    out: &mut impl Write,
    fixed: [String; N],
    columns: &[(&str, PropertyType)],
    properties: &Properties,
) -> io::Result<()> {
    let values = columns.iter().map(|(name, _)| properties.get(name).flat().unwrap_or_default());
    let fields: Vec<String> = fixed.into_iter().chain(values).map(quoted).collect();
    write!(out, "{}\r\n", fields.join(","))
}

fn quoted(field: String) -> String {
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::super::delta_json::samples;
    use super::*;

    #[test]
    fn tables_have_a_row_per_element_and_absent_values_are_empty() {
        let (stream, graph) = (samples::stream(), samples::fold(&samples::story()));
        let view = GraphView { stream: &stream, at_us: None, known_at: None, graph: &graph };
        let (mut vertices, mut edges) = (Vec::new(), Vec::new());
        write_vertices(&mut vertices, &view).unwrap();
        write_edges(&mut edges, &view).unwrap();
        let vertices = String::from_utf8(vertices).unwrap();
        assert_eq!(vertices.lines().count(), 1 + graph.vertices.len());
        assert!(
            vertices.contains("gate/o/1,Object,car 1,car,0,4480000,0,4480001,false,0.901,1;3,,,,,,,,,,,,,\r\n"),
            "{vertices}"
        );
        let edges = String::from_utf8(edges).unwrap();
        assert!(edges.starts_with(
            "id,kind,from,to,valid_from_us,valid_to_us,open,confidence,supersedes,lag_ms,p_value,method,direction\r\n"
        ));
        assert!(edges.contains(",NEAR,gate/o/1,gate/o/2,1000000,2400000,false,0.812,gate/i/"), "{edges}");
    }

    #[test]
    fn fields_with_separators_are_quoted() {
        assert_eq!(quoted("a \"b\", c".into()), "\"a \"\"b\"\", c\"");
        assert_eq!(quoted("a;b".into()), "a;b");
    }
}
