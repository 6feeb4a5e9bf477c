//! Sightings as a COCO data set (cocodataset.org/#format-data), masks included, which pycocotools reads.
//!
//! One image per frame in which something was seen, named after its time; one annotation per sighting. Annotations
//! come first, so that nothing but the list of images is held; the order of members means nothing in JSON.

mod rle;

use super::{ExportError, Sighting, in_order};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Write};
use vokg_engine::delta::{Vertex, VertexKey};
use vokg_engine::geometry::Size;
use vokg_engine::graph::Graph;
use vokg_engine::id::{ObjectId, StreamName};
use vokg_engine::mask::Mask;
use vokg_engine::time::Micros;

/// The category of objects of which no model said what they are.
const UNNAMED: &str = "object";

#[derive(Serialize)]
struct Annotation {
    id: u64,
    image_id: u64,
    category_id: usize,
    bbox: [f32; 4],
    area: f64,
    iscrowd: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    segmentation: Option<Segmentation>,
    score: f32,
    t_us: Micros,
    track_id: u32,
    object_id: u32,
}

#[derive(Serialize)]
struct Segmentation {
    size: [u32; 2],
    counts: String,
}

#[derive(Serialize)]
struct Image {
    id: u64,
    file_name: String,
    width: u32,
    height: u32,
    t_us: Micros,
}

#[derive(Serialize)]
struct Category<'a> {
    id: usize,
    name: &'a str,
}

/// Writes the data set. `sightings` come in order of time, `frame` is the size of the stream's pictures; the classes of
/// the objects are those in `graph`.
///
/// # Errors
/// Those of `out`, and [`ExportError::Disorder`].
pub fn write(
    out: &mut impl Write,
    stream: &StreamName,
    frame: Size,
    graph: &Graph,
    sightings: impl IntoIterator<Item = Sighting>,
) -> Result<(), ExportError> {
    let classes: BTreeSet<&str> = graph.vertices.keys().filter_map(|key| class(graph, key)).collect();
    let categories: Vec<&str> = classes.into_iter().collect();
    let (mut previous, mut images) = (0, Vec::new());
    write!(out, "{{\"annotations\":[")?;
    for (id, sighting) in (1..).zip(sightings) {
        in_order(&mut previous, sighting.t)?;
        let image = (sighting.frame, sighting.t);
        if images.last() != Some(&image) {
            images.push(image);
        }
        let class = class(graph, &VertexKey::Object(sighting.object)).unwrap_or(UNNAMED);
        let category = categories.iter().position(|c| *c == class).unwrap_or(categories.len());
        separate(out, id > 1)?;
        json(out, &annotation(id, sighting.frame, category + 1, frame, &sighting))?;
    }
    write!(out, "\n],\"images\":[")?;
    for (index, (id, t_us)) in images.into_iter().enumerate() {
        let file_name = format!("{stream}-{t_us}.jpg");
        separate(out, index > 0)?;
        json(out, &Image { id, file_name, width: frame.width, height: frame.height, t_us })?;
    }
    write!(out, "\n],\"categories\":[")?;
    let unnamed = (!categories.contains(&UNNAMED)).then_some(UNNAMED);
    for (id, name) in (1..).zip(categories.into_iter().chain(unnamed)) {
        separate(out, id > 1)?;
        json(out, &Category { id, name })?;
    }
    Ok(writeln!(out, "\n]}}")?)
}

fn class<'a>(graph: &'a Graph, key: &VertexKey) -> Option<&'a str> {
    match graph.vertices.get(key)? {
        Vertex::Object(object) => Some(object.class.as_deref().unwrap_or(UNNAMED)),
        _ => None,
    }
}

fn annotation(id: u64, image_id: u64, category_id: usize, frame: Size, sighting: &Sighting) -> Annotation {
    let Sighting { t, track: track_id, object: ObjectId(object_id), rect: r, score, .. } = *sighting;
    let runs = sighting.mask.as_ref().filter(|mask| mask.is_well_formed()).map(|mask: &Mask| mask.coco_runs(frame));
    let present = |runs: &Vec<u32>| runs.iter().skip(1).step_by(2).map(|run| f64::from(*run)).sum();
    Annotation {
        id,
        image_id,
        category_id,
        bbox: [r.left, r.top, r.width, r.height],
        area: runs.as_ref().map_or(f64::from(r.area()), present),
        iscrowd: 0,
        segmentation: runs
            .map(|runs| Segmentation { size: [frame.height, frame.width], counts: rle::compressed(&runs) }),
        score,
        t_us: t,
        track_id: track_id.0,
        object_id,
    }
}

fn separate(out: &mut impl Write, comma: bool) -> io::Result<()> {
    out.write_all(if comma { b",\n" } else { b"\n" })
}

fn json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)
}
