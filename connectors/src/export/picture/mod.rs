//! A picture of one moment as SVG: the frame with its objects, the graph beside it, the timeline below.
//!
//! It brings its own dark background, so that it reads on light and on dark pages, and everything it shows: pictures
//! are inside as JPEG, fonts are those of the reader's system. The same inputs give the same bytes.

mod frame_panel;
mod graph_panel;
mod layout;
mod style;
mod timeline;

use super::jpeg::Rgb;
use super::text::seconds;
use super::xml::Escaped;
use super::{ExportError, Sighting};
use std::io::Write;
use style::{Area, Colours};
use vokg_engine::delta::{ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::RelationKind;
use vokg_engine::frame::Frame;
use vokg_engine::graph::Graph;
use vokg_engine::id::{ObjectId, StreamName};
use vokg_engine::time::Micros;

/// How far back the trails behind objects reach. Sightings before that need not be given.
pub const TRAIL_US: Micros = 2_000_000;

/// What is drawn. The moment shown is that of the frame.
pub struct Scene<'a> {
    /// Whose picture.
    pub stream: &'a StreamName,
    /// The graph of all times.
    pub graph: &'a Graph,
    /// A frame in main memory.
    pub frame: &'a Frame,
    /// Sightings at the frame's time, with boxes and masks, and before it, for the trails; in order of time.
    pub sightings: &'a [Sighting],
    /// Time of the last frame.
    pub duration_us: Micros,
    /// Relations that have no direction.
    pub symmetric: &'a [RelationKind],
}

impl Scene<'_> {
    fn objects(&self) -> impl Iterator<Item = (ObjectId, &ObjectVertex)> {
        self.graph.vertices.iter().filter_map(|(key, vertex)| match (key, vertex) {
            (VertexKey::Object(id), Vertex::Object(object)) => Some((*id, object)),
            _ => None,
        })
    }

    /// The sightings in the frame itself.
    fn seen_now(&self) -> impl Iterator<Item = &Sighting> {
        self.sightings.iter().filter(|sighting| sighting.t == self.frame.t)
    }
}

const WIDTH: f32 = 1280.0;
const MARGIN: f32 = 24.0;
const FRAME: Area = Area { x: MARGIN, y: 76.0, width: 736.0, height: 414.0 };
const GRAPH: Area = Area { x: 776.0, y: 76.0, width: 480.0, height: 414.0 };
const TIMELINE_TOP: f32 = 506.0;

/// Draws the scene.
///
/// # Errors
/// Those of `out`; where the frame is on a device or JPEG refuses it.
pub fn write(out: &mut impl Write, scene: &Scene<'_>) -> Result<(), ExportError> {
    let colours = Colours::of(scene);
    let rgb = Rgb::of(scene.frame)?;
    let timeline = timeline::Timeline::of(scene);
    let height = TIMELINE_TOP + timeline.height() + MARGIN;
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">"#
    )?;
    writeln!(out, "<title>{} at {} s</title>", Escaped(scene.stream.as_str()), seconds(scene.frame.t))?;
    writeln!(out, "<style>{}</style>", style::CSS)?;
    writeln!(out, r#"<rect class="page" width="{WIDTH}" height="{height}" rx="16"/>"#)?;
    heading(out, scene)?;
    frame_panel::write(out, scene, &colours, &rgb, FRAME)?;
    graph_panel::write(out, scene, &colours, &rgb, GRAPH)?;
    let area = Area { x: MARGIN, y: TIMELINE_TOP, width: WIDTH - 2.0 * MARGIN, height: timeline.height() };
    timeline.write(out, scene, &colours, area)?;
    Ok(writeln!(out, "</svg>")?)
}

fn heading(out: &mut impl Write, scene: &Scene<'_>) -> Result<(), ExportError> {
    let (objects, interactions) = (scene.objects().count(), scene.graph.edges.len());
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let (objects, interactions) = (plural(objects, "object"), plural(interactions, "interaction"));
    writeln!(out, r#"<text class="title" x="{MARGIN}" y="48">{}</text>"#, Escaped(scene.stream.as_str()))?;
    let duration = seconds(scene.duration_us);
    let x = WIDTH - MARGIN;
    writeln!(
        out,
        r#"<text class="dim" x="{x}" y="48" text-anchor="end">{objects} · {interactions} in {duration} s of video</text>"#
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
