//! The graph for terminals: objects and interactions with their times, in aligned columns.

use super::properties::decimal;
use super::{ExportError, GraphView};
use std::io::{self, Write};
use vokg_engine::delta::{Edge, ObjectVertex, Vertex, VertexKey};
use vokg_engine::time::{Micros, secs_from_micros};

/// Writes a row per object, then a row per interaction in order of its beginning, then gaps and corrections:
///
/// ```text
/// object 3   car   4.36 – 8.30 s   0.90
/// NEAR  2 – 3   15.68 – 17.72 s   0.71
/// ```
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, view: &GraphView<'_>) -> Result<(), ExportError> {
    let mut objects = Vec::new();
    let mut notes = Vec::new();
    for (key, vertex) in &view.graph.vertices {
        match (key, vertex) {
            (VertexKey::Object(id), Vertex::Object(object)) => objects.push(object_row(id.0, object)),
            (_, Vertex::Gap(gap)) => {
                notes.push(format!("gap   {}   {}", span(gap.from_us, Some(gap.to_us)), printable(&gap.reason)));
            }
            (VertexKey::Correction(t), Vertex::Correction(correction)) => {
                let moves =
                    correction.moves.iter().map(|m| format!("track {} from {} to {}", m.track.0, m.from.0, m.to.0));
                let moves = moves.collect::<Vec<_>>().join(", ");
                notes.push(format!("correction   {} s   {}: {moves}", seconds(*t), printable(&correction.reason)));
            }
            _ => {}
        }
    }
    let mut edges: Vec<_> = view.graph.edges.values().collect();
    edges.sort_by_key(|edge| (edge.valid_from_us, edge.kind, edge.from, edge.to, edge.id));
    table(out, &objects)?;
    table(out, &edges.into_iter().map(edge_row).collect::<Vec<_>>())?;
    notes.iter().try_for_each(|note| writeln!(out, "{note}"))?;
    Ok(())
}

type Row = [String; 5];

fn object_row(id: u32, object: &ObjectVertex) -> Row {
    let class = printable(object.class.as_deref().unwrap_or("–"));
    let to = (!object.open).then_some(object.last_seen_us);
    [format!("object {id}"), class, seconds(object.first_seen_us), end(to), share(object.confidence_milli)]
}

fn edge_row(edge: &Edge) -> Row {
    let ends = format!("{} – {}", number(&edge.from), number(&edge.to));
    let (from, to) = (seconds(edge.valid_from_us), end(edge.valid_to_us));
    [edge.kind.to_string(), ends, from, to, share(edge.confidence_milli)]
}

fn number(key: &VertexKey) -> String {
    match key {
        VertexKey::Object(id) => id.0.to_string(),
        VertexKey::Gap(number) => format!("gap {number}"),
        VertexKey::Correction(t) => format!("correction {t}"),
        VertexKey::Zone(zone) => format!("zone {}", zone.0),
        VertexKey::Stream => "stream".to_owned(),
    }
}

/// Aligned columns: names to the left, numbers to the right.
fn table(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(width);
    for [name, what, from, to, confidence] in rows {
        writeln!(out, "{name:<a$}   {what:<b$}   {from:>c$} – {to:>d$} s   {confidence:>e$}")?;
    }
    Ok(())
}

/// `4.36 – 8.30 s`, the second time `…` while it lasts.
pub(crate) fn span(from: Micros, to: Option<Micros>) -> String {
    format!("{} – {} s", seconds(from), end(to))
}

/// Seconds with two decimals.
pub(crate) fn seconds(t: Micros) -> String {
    format!("{:.2}", secs_from_micros(t))
}

fn end(to: Option<Micros>) -> String {
    to.map_or("…".to_owned(), seconds)
}

fn share(milli: u16) -> String {
    format!("{:.2}", decimal(milli))
}

/// The text with a sign in place of every control character: text of a model or a file must not be able to move the
/// cursor.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::delta_json::samples;
    use super::*;

    #[test]
    fn columns_are_aligned_and_times_are_seconds() {
        let (stream, graph) = (samples::stream(), samples::fold(&samples::story()));
        let mut bytes = Vec::new();
        write(&mut bytes, &GraphView { stream: &stream, at_us: None, known_at: None, graph: &graph }).unwrap();
        let expected = "\
object 1   car      0.00 – 4.48 s   0.90
object 2   person   0.08 – 5.00 s   0.90
NEAR   1 – 2   1.00 – 2.40 s   0.81
gap   3.20 – 3.60 s   missing frames
correction   3.00 s   fragment: track 3 from 3 to 1
";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
