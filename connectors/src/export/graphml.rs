//! The graph as GraphML (graphml.graphdrawing.org, version 1.0), which networkx, Gephi, yEd and igraph read.
//!
//! GraphML has no lists: their items are joined with `;`. An absent value is left out.

use super::properties::{EDGE_PROPERTIES, Properties, PropertyType, VERTEX_PROPERTIES};
use super::xml::Escaped;
use super::{ExportError, GraphView};
use std::io::{self, Write};

/// Writes the graph: vertices by key, edges by id.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, view: &GraphView<'_>) -> Result<(), ExportError> {
    let GraphView { stream, graph, .. } = view;
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<graphml xmlns="http://graphml.graphdrawing.org/xmlns">"#)?;
    declare(out, "node", "label", PropertyType::Text)?;
    declare(out, "edge", "kind", PropertyType::Text)?;
    VERTEX_PROPERTIES.iter().try_for_each(|(name, kind)| declare(out, "node", name, *kind))?;
    EDGE_PROPERTIES.iter().try_for_each(|(name, kind)| declare(out, "edge", name, *kind))?;
    writeln!(out, r#"<graph id="{stream}" edgedefault="directed">"#)?;
    for (key, vertex) in &graph.vertices {
        writeln!(out, r#"<node id="{}">"#, key.external(stream))?;
        datum(out, "node", "label", key.label())?;
        data(out, "node", &Properties::of_vertex(stream, key, vertex))?;
        writeln!(out, "</node>")?;
    }
    for edge in graph.edges.values() {
        let (from, to) = (edge.from.external(stream), edge.to.external(stream));
        writeln!(out, r#"<edge id="{}" source="{from}" target="{to}">"#, edge.id.external(stream))?;
        datum(out, "edge", "kind", edge.kind.as_str())?;
        data(out, "edge", &Properties::of_edge(stream, edge))?;
        writeln!(out, "</edge>")?;
    }
    Ok(writeln!(out, "</graph>\n</graphml>")?)
}

fn declare(out: &mut impl Write, element: &str, name: &str, kind: PropertyType) -> io::Result<()> {
    let kind = match kind {
        PropertyType::Flag => "boolean",
        PropertyType::Integer => "long",
        PropertyType::Decimal => "double",
        PropertyType::Text | PropertyType::List => "string",
    };
    writeln!(out, r#"<key id="{element}_{name}" for="{element}" attr.name="{name}" attr.type="{kind}"/>"#)
}

fn data(out: &mut impl Write, element: &str, properties: &Properties) -> io::Result<()> {
    properties.0.iter().try_for_each(|(name, value)| match value.flat() {
        Some(text) => datum(out, element, name, &text),
        None => Ok(()),
    })
}

fn datum(out: &mut impl Write, element: &str, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, r#"<data key="{element}_{name}">{}</data>"#, Escaped(text))
}
