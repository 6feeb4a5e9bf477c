//! Chooses the moment that says most about a stream and draws it.

use crate::config::Config;
use crate::exit::{Context, Failure};
use crate::sightings::sightings;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use vokg_connectors::export::picture::{self, Scene, TRAIL_US};
use vokg_connectors::source::file::frame_at;
use vokg_connectors::store::{Store, Stream};
use vokg_engine::delta::VertexKey;
use vokg_engine::graph::Graph;
use vokg_engine::time::Micros;

/// Draws the moment of `stream` at which most happens, with the frame out of `clip`, as SVG.
///
/// # Errors
/// Where the store or the clip cannot be read, or the picture cannot be written.
pub fn write(store: &Store, stream: &Stream, clip: &Path, config: &Config, out: &Path) -> Result<(), Failure> {
    let graph = store.graph(stream.id, None, None).context("cannot read the graph")?;
    let mut sightings = sightings(store, stream, &graph)?;
    let times = sightings.iter().map(|sighting| sighting.t);
    let at = busiest(&graph, times).ok_or_else(|| Failure::failed("nothing was seen, so there is nothing to draw"))?;
    let frame = frame_at(clip, at, &config.limits.to_limits()).context("cannot read the frame")?;
    sightings.retain(|sighting| sighting.t <= frame.t && sighting.t + TRAIL_US >= frame.t);
    let symmetric: Vec<_> =
        config.relate.rules().kinds().filter(|(_, rule)| rule.symmetric).map(|(kind, _)| kind).collect();
    let duration_us = stream.head.outcome.as_ref().map_or(frame.t, |outcome| outcome.duration_us);
    let scene = Scene {
        stream: &stream.name,
        graph: &graph,
        frame: &frame,
        sightings: &sightings,
        duration_us,
        symmetric: &symmetric,
    };
    let unwritable = || format!("cannot write {}", out.display());
    let mut file = BufWriter::new(File::create(out).context(unwritable())?);
    picture::write(&mut file, &scene).context(unwritable())?;
    file.flush().context(unwritable())
}

/// The most relations a picture stays readable with.
const READABLE: usize = 5;

/// The time, among those at which something was seen, with the most kinds of relations, then with a readable number of
/// relations, then with the most objects; the middle of the first stretch of equals.
fn busiest(graph: &Graph, times: impl Iterator<Item = Micros>) -> Option<Micros> {
    let mut times: Vec<_> = times.collect();
    times.dedup();
    let worth = |t: &Micros| {
        let here = |(from, to): (Micros, Option<Micros>)| from <= *t && to.is_none_or(|to| *t < to);
        let edges: Vec<_> = graph.edges.values().filter(|e| here((e.valid_from_us, e.valid_to_us))).collect();
        let kinds: BTreeSet<_> = edges.iter().map(|edge| edge.kind).collect();
        let objects =
            graph.vertices.iter().filter(|(key, v)| matches!(key, VertexKey::Object(_)) && here(v.valid(**key)));
        let readable = READABLE.saturating_sub(edges.len().abs_diff(READABLE));
        (kinds.len(), readable, objects.count())
    };
    let worths: Vec<_> = times.iter().map(worth).collect();
    let best = worths.iter().max()?;
    let first = worths.iter().position(|worth| worth == best)?;
    let length = worths[first..].iter().take_while(|worth| *worth == best).count();
    times.get(first + length / 2).copied()
}
