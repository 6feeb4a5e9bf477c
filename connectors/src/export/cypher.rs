//! The graph as a Cypher script for `cypher-shell` and the Neo4j browser (Neo4j 4.4 or later).
//!
//! Running it twice, or over an older export of the same stream, changes nothing that it does not name: vertices and
//! edges are merged by `vokg_id`, under a constraint per label. What a later graph no longer has is not removed.

use super::properties::{Properties, Property, decimal, decimal_ppm};
use super::{ExportError, GraphView};
use std::fmt;
use std::io::{self, Write};
use vokg_engine::delta::{Edge, VertexKey};

/// Elements merged by one statement, so that neither the statements nor their number grow without limit.
const ROWS_PER_STATEMENT: usize = 500;

/// Writes the script: constraints, vertices by key, edges by kind, ends' labels and id.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, view: &GraphView<'_>) -> Result<(), ExportError> {
    let GraphView { stream, graph, .. } = view;
    for label in VertexKey::LABELS {
        let name = label.to_lowercase();
        writeln!(out, "CREATE CONSTRAINT {name}_id IF NOT EXISTS FOR (n:{label}) REQUIRE n.vokg_id IS UNIQUE;")?;
    }
    let vertices: Vec<_> = graph.vertices.iter().collect();
    for same_label in vertices.chunk_by(|a, b| a.0.label() == b.0.label()) {
        for rows in same_label.chunks(ROWS_PER_STATEMENT) {
            let rows = rows.iter().map(|(key, vertex)| Row {
                ids: vec![("id", key.external(stream))],
                properties: Properties::of_vertex(stream, key, vertex),
            });
            unwind(out, rows)?;
            writeln!(out, "MERGE (n:{} {{vokg_id: row.id}}) SET n += row.properties;", same_label[0].0.label())?;
        }
    }
    let statement_of = |edge: &Edge| (edge.kind, edge.from.label(), edge.to.label());
    let mut edges: Vec<_> = graph.edges.values().collect();
    edges.sort_by_key(|edge| (statement_of(edge), edge.id));
    for same_statement in edges.chunk_by(|a, b| statement_of(a) == statement_of(b)) {
        for rows in same_statement.chunks(ROWS_PER_STATEMENT) {
            let rows = rows.iter().map(|edge| Row {
                ids: vec![
                    ("id", edge.id.external(stream)),
                    ("from", edge.from.external(stream)),
                    ("to", edge.to.external(stream)),
                ],
                properties: Properties::of_edge(stream, edge),
            });
            unwind(out, rows)?;
            let (kind, from, to) = statement_of(same_statement[0]);
            writeln!(out, "MATCH (a:{from} {{vokg_id: row.from}}) MATCH (b:{to} {{vokg_id: row.to}})")?;
            writeln!(out, "MERGE (a)-[r:{kind} {{vokg_id: row.id}}]->(b) SET r += row.properties;")?;
        }
    }
    Ok(())
}

struct Row {
    ids: Vec<(&'static str, String)>,
    properties: Properties,
}

fn unwind(out: &mut impl Write, rows: impl Iterator<Item = Row>) -> io::Result<()> {
    writeln!(out, "UNWIND [")?;
    for (index, Row { ids, properties }) in rows.enumerate() {
        let comma = if index > 0 { ",\n" } else { "" };
        write!(out, "{comma}  {{")?;
        for (name, id) in ids {
            write!(out, "{name}: {}, ", Quoted(&id))?;
        }
        write!(out, "properties: {{")?;
        for (index, (name, value)) in properties.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(out, "{comma}{name}: {}", Literal(value))?;
        }
        write!(out, "}}}}")?;
    }
    writeln!(out, "\n] AS row")
}

struct Literal<'a>(&'a Property);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, items: Vec<String>| write!(f, "[{}]", items.join(", "));
        match self.0 {
            // SET n += {name: null} removes the property, as an ended one must be.
            Property::Absent => f.write_str("null"),
            Property::Flag(flag) => write!(f, "{flag}"),
            Property::Integer(number) => write!(f, "{number}"),
            Property::Unsigned(number) => write!(f, "{number}"),
            // {:?} keeps the point of whole numbers, so that the type in the database does not change with the value.
            Property::Milli(milli) => write!(f, "{:?}", decimal(*milli)),
            Property::Ppm(ppm) => write!(f, "{:?}", decimal_ppm(*ppm)),
            Property::Ppms(ppms) => list(f, ppms.iter().map(|ppm| format!("{:?}", decimal_ppm(*ppm))).collect()),
            Property::Text(text) => write!(f, "{}", Quoted(text)),
            Property::Integers(numbers) => list(f, numbers.iter().map(u32::to_string).collect()),
            Property::Millis(millis) => list(f, millis.iter().map(|milli| format!("{:?}", decimal(*milli))).collect()),
            Property::Texts(texts) => list(f, texts.iter().map(|text| Quoted(text).to_string()).collect()),
        }
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        for c in self.0.chars() {
            match c {
                '\'' => f.write_str("\\'")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("'")
    }
}

#[cfg(test)]
mod tests {
    use super::super::delta_json::samples;
    use super::*;
    use vokg_engine::id::ZoneId;

    fn script(view: &GraphView<'_>) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, view).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_element_is_merged_by_its_id() {
        let (stream, graph) = (samples::stream(), samples::fold(&samples::story()));
        let script = script(&GraphView { stream: &stream, at_us: None, known_at: None, graph: &graph });
        assert_eq!(script.matches("\n  {id: ").count(), graph.vertices.len() + graph.edges.len());
        for key in graph.vertices.keys().chain([&VertexKey::Zone(ZoneId(1))]) {
            assert!(script.contains(&format!("FOR (n:{}) REQUIRE", key.label())), "{}", key.label());
        }
        assert!(script.contains("MERGE (n:Object {vokg_id: row.id}) SET n += row.properties;"));
        assert!(script.contains("MERGE (a)-[r:NEAR {vokg_id: row.id}]->(b) SET r += row.properties;"));
        assert!(script.contains("tracks: [1, 3]"), "{script}");
    }

    #[test]
    fn text_cannot_leave_its_quotes() {
        assert_eq!(Quoted("a'b\\ \n\u{1}é").to_string(), "'a\\'b\\\\ \\n\\u0001é'");
        assert_eq!(Literal(&Property::Milli(1000)).to_string(), "1.0");
    }
}
