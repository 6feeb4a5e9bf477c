//! The graph as dynamic GEXF 1.3 (gexf.net), so that the timeline of Gephi plays it.
//!
//! Times of the elements' `start` and `end` are seconds of media time, and both belong to the element, as GEXF has
//! it; the exact, half-open times are among the attributes. GEXF has no lists that all readers know: their items are
//! joined with `;`.

use super::properties::{EDGE_PROPERTIES, Properties, PropertyType, VERTEX_PROPERTIES, object_name};
use super::xml::Escaped;
use super::{ExportError, GraphView};
use std::io::{self, Write};
use vokg_engine::delta::{Vertex, VertexKey};
use vokg_engine::time::{Micros, secs_from_micros};

/// Writes the graph: vertices by key, edges by id.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, view: &GraphView<'_>) -> Result<(), ExportError> {
    let GraphView { stream, graph, .. } = view;
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<gexf xmlns="http://gexf.net/1.3" version="1.3">"#)?;
    writeln!(out, r#"<meta><creator>vokg</creator><description>{stream}</description></meta>"#)?;
    writeln!(
        out,
        r#"<graph defaultedgetype="directed" mode="dynamic" timeformat="double" timerepresentation="interval">"#
    )?;
    declare(out, "node", "primary_label", VERTEX_PROPERTIES)?;
    declare(out, "edge", "relation", EDGE_PROPERTIES)?;
    writeln!(out, "<nodes>")?;
    for (key, vertex) in &graph.vertices {
        let name = name(key, vertex, stream.as_str());
        let spell = spell(vertex.valid(*key));
        writeln!(out, r#"<node id="{}" label="{}"{spell}>"#, key.external(stream), Escaped(&name))?;
        values(out, key.label(), VERTEX_PROPERTIES, &Properties::of_vertex(stream, key, vertex))?;
        writeln!(out, "</node>")?;
    }
    writeln!(out, "</nodes>\n<edges>")?;
    for edge in graph.edges.values() {
        let (from, to) = (edge.from.external(stream), edge.to.external(stream));
        let (id, kind) = (edge.id.external(stream), edge.kind);
        let spell = spell((edge.valid_from_us, edge.valid_to_us));
        writeln!(out, r#"<edge id="{id}" source="{from}" target="{to}" kind="{kind}" label="{kind}"{spell}>"#)?;
        values(out, kind.as_str(), EDGE_PROPERTIES, &Properties::of_edge(stream, edge))?;
        writeln!(out, "</edge>")?;
    }
    Ok(writeln!(out, "</edges>\n</graph>\n</gexf>")?)
}

fn name(key: &VertexKey, vertex: &Vertex, stream: &str) -> String {
    match (key, vertex) {
        (VertexKey::Object(id), Vertex::Object(object)) => object_name(*id, object),
        (VertexKey::Gap(number), _) => format!("gap {number}"),
        (VertexKey::Correction(t), _) => format!("correction {:.3}", secs_from_micros(*t)),
        (VertexKey::Zone(_), Vertex::Zone(zone)) => zone.name.clone(),
        _ => stream.to_owned(),
    }
}

fn spell((from, to): (Micros, Option<Micros>)) -> String {
    let seconds = secs_from_micros;
    match to {
        // A closing time before the opening one is refused by readers, and says nothing they could show.
        Some(to) => format!(r#" start="{}" end="{}""#, seconds(from), seconds(to.max(from))),
        None => format!(r#" start="{}""#, seconds(from)),
    }
}

fn declare(out: &mut impl Write, class: &str, first: &str, columns: &[(&str, PropertyType)]) -> io::Result<()> {
    writeln!(out, r#"<attributes class="{class}" mode="static">"#)?;
    writeln!(out, r#"<attribute id="0" title="{first}" type="string"/>"#)?;
    for (id, (name, kind)) in (1..).zip(columns) {
        let kind = match kind {
            PropertyType::Flag => "boolean",
            PropertyType::Integer => "long",
            PropertyType::Decimal => "double",
            PropertyType::Text | PropertyType::List => "string",
        };
        writeln!(out, r#"<attribute id="{id}" title="{name}" type="{kind}"/>"#)?;
    }
    writeln!(out, "</attributes>")
}

fn values(
    out: &mut impl Write,
    first: &str,
    columns: &[(&str, PropertyType)],
    properties: &Properties,
) -> io::Result<()> {
    writeln!(out, r#"<attvalues><attvalue for="0" value="{first}"/>"#)?;
    for (id, (name, _)) in (1..).zip(columns) {
        if let Some(text) = properties.get(name).flat() {
            writeln!(out, r#"<attvalue for="{id}" value="{}"/>"#, Escaped(&text))?;
        }
    }
    writeln!(out, "</attvalues>")
}
