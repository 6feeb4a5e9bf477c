//! `vokg export`: the graph or its log in another format.

use super::{Output, open_store, pick_stream, write_to};
use crate::cli::{self, Format};
use crate::exit::{Context, Exit, Failure};
use crate::say::note;
use crate::sightings::with_sightings;
use std::io::Write;
use std::path::Path;
use vokg_connectors::export::delta_json::DeltaJson;
use vokg_connectors::export::{self, ExportError, GraphView, LogPosition, allen, coco, mot};
use vokg_connectors::store::{KnownAt, Outcome, Store, Stream};
use vokg_engine::delta::{StreamVertex, Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::time::{Micros, micros_from_secs};

/// Runs the command.
pub fn run(args: cli::Export) -> Result<Exit, Failure> {
    let store = open_store(&args.data.dir)?;
    let stream = pick_stream(&store, args.stream.as_deref())?;
    let at_us = args.at.as_deref().map(parse_time).transpose()?;
    let known_at = args.known_at.as_deref().map(parse_known_at).transpose()?;
    let whole = matches!(args.format, Format::Jsonl | Format::Mot | Format::Coco);
    if whole && (at_us.is_some() || known_at.is_some()) {
        return Err(Failure::usage("--at and --known-at choose a graph; jsonl, mot and coco are of the whole stream"));
    }
    if !stream.head.outcome.as_ref().is_some_and(Outcome::is_complete) {
        note(format!("vokg: {} is not complete; this is what was processed of it", stream.name));
    }
    if let Some(oldest) = store.oldest(stream.id).context("cannot read the log")?.filter(|_| whole) {
        note(format!(
            "vokg: the log of {} begins at {}: what is older was dropped by retention",
            stream.name, oldest.first
        ));
    }
    write(&store, &stream, args.format, at_us, known_at, args.out.as_deref())?;
    Ok(Exit::Done)
}

/// Writes one stream in one format.
pub fn write(
    store: &Store,
    stream: &Stream,
    format: Format,
    at_us: Option<Micros>,
    known_at: Option<KnownAt>,
    out: Option<&Path>,
) -> Result<(), Failure> {
    let graph = store.graph(stream.id, at_us, known_at).context("cannot read the graph")?;
    match format {
        Format::Jsonl => {
            let lines = DeltaJson::new(stream.name.clone(), own_vertex(&graph).and_then(|vertex| vertex.origin_us));
            write_to(out, |out| {
                for entry in store.entries(stream.id, None) {
                    lines.write(out, &entry.context("cannot read the log")?).context("cannot write the log")?;
                }
                Ok(())
            })
        }
        Format::Mot => write_to(out, |out| {
            with_sightings(store, stream, &graph, |seen| mot::write(out, seen).context("cannot write the boxes"))
        }),
        Format::Coco => {
            let Some(own) = own_vertex(&graph) else { return Err(Failure::failed("the stream has no frames")) };
            write_to(out, |out| {
                with_sightings(store, stream, &graph, |seen| {
                    coco::write(out, &stream.name, own.size, &graph, seen).context("cannot write the annotations")
                })
            })
        }
        Format::Allen => {
            let view = GraphView { stream: &stream.name, at_us, known_at: None, graph: &graph };
            let epsilon_us = with_sightings(store, stream, &graph, |seen| Ok(allen::epsilon_us(seen)))?;
            write_to(out, |out| allen::write(out, &view, epsilon_us).context("cannot write the relations in time"))
        }
        Format::Json | Format::Graphml | Format::Gexf | Format::Csv | Format::Cypher => {
            let known_at = store.position(stream.id, known_at).context("cannot read the log")?;
            let known_at = known_at.map(|position| LogPosition { epoch: position.epoch, seq: position.seq });
            write_graph(&GraphView { stream: &stream.name, at_us, known_at, graph: &graph }, format, out)
        }
    }
}

fn write_graph(view: &GraphView<'_>, format: Format, out: Option<&Path>) -> Result<(), Failure> {
    let write: fn(&mut Output, &GraphView<'_>) -> Result<(), ExportError> = match format {
        Format::Graphml => export::graphml::write,
        Format::Gexf => export::gexf::write,
        Format::Cypher => export::cypher::write,
        Format::Csv => return write_csv(view, out),
        _ => export::graph_json::write,
    };
    write_to(out, |out| write(out, view).context("cannot write the graph"))
}

/// Two tables: into a directory as `vertices.csv` and `edges.csv`, or to stdout with an empty line between them.
fn write_csv(view: &GraphView<'_>, dir: Option<&Path>) -> Result<(), Failure> {
    let vertices = |out: &mut Output| export::csv::write_vertices(out, view).context("cannot write the vertices");
    let edges = |out: &mut Output| export::csv::write_edges(out, view).context("cannot write the edges");
    match dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).context(format!("cannot make the directory {}", dir.display()))?;
            write_to(Some(&dir.join("vertices.csv")), vertices)?;
            write_to(Some(&dir.join("edges.csv")), edges)
        }
        None => write_to(None, |out| {
            vertices(out)?;
            out.write_all(b"\n").context("cannot write to stdout")?;
            edges(out)
        }),
    }
}

fn own_vertex(graph: &Graph) -> Option<&StreamVertex> {
    match graph.vertices.get(&VertexKey::Stream) {
        Some(Vertex::Stream(stream)) => Some(stream),
        _ => None,
    }
}

/// Times in the log are below this, so that they are exact in any JSON reader.
const TIME_MAX_US: Micros = 1 << 53;

/// Seconds, or microseconds with the suffix `us`.
fn parse_time(text: &str) -> Result<Micros, Failure> {
    let micros = match text.strip_suffix("us") {
        Some(micros) => micros.parse().ok(),
        None => text.parse().ok().filter(|secs: &f64| secs.is_finite() && *secs >= 0.0).map(micros_from_secs),
    };
    let micros = micros.filter(|micros| *micros <= TIME_MAX_US);
    let most = TIME_MAX_US / 1_000_000;
    let takes = format!("it takes seconds from 0 to {most} such as 12.4, or microseconds such as 12400000us");
    micros.ok_or_else(|| Failure::usage(format!("time is {text:?}, {takes}")))
}

/// A time, or a position in the log.
fn parse_known_at(text: &str) -> Result<KnownAt, Failure> {
    if let Ok(position) = text.parse() {
        return Ok(KnownAt::Position(position));
    }
    let wrong =
        |_| Failure::usage(format!("known-at is {text:?}, it takes seconds, 12400000us, or epoch-seq such as 1-250"));
    parse_time(text).map(KnownAt::Time).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_connectors::store::Position;

    #[test]
    fn times_are_seconds_unless_they_say_otherwise() {
        assert_eq!(parse_time("1.5").ok(), Some(1_500_000));
        assert_eq!(parse_time("1500us").ok(), Some(1500));
        for wrong in ["", "-1", "1e30", "NaN", "1.5us", "soon"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_known_is_a_time_or_a_place_in_the_log() {
        assert_eq!(parse_known_at("2-17").ok(), Some(KnownAt::Position(Position { epoch: 2, seq: 17 })));
        assert_eq!(parse_known_at("3").ok(), Some(KnownAt::Time(3_000_000)));
        assert!(parse_known_at("1:x").is_err());
    }
}
