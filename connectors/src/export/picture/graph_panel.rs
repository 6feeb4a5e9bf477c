//! The graph at the moment shown: objects as circles with their thumbnails, edges named and timed.

use super::layout::{Spacing, distance, place};
use super::style::{Area, Colours, shortened, text_width};
use super::{Scene, TRAIL_US};
use crate::export::ExportError;
use crate::export::jpeg::Rgb;
use crate::export::properties::object_name;
use crate::export::text::{seconds, span};
use crate::export::xml::Escaped;
use std::io::{self, Write};
use vokg_engine::delta::{Edge, VertexKey};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::graph::Graph;
use vokg_engine::id::ObjectId;

/// Objects beyond these are counted, not drawn.
const MAX_OBJECTS: usize = 9;

/// Edges beyond these are counted, not drawn.
const MAX_EDGES: usize = 10;

/// Where on its curve the label of an edge may be, best first.
const PLACES: [f32; 9] = [0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74];

const HEADING_HEIGHT: f32 = 40.0;
const NAME_HEIGHT: f32 = 22.0;
const NAME_CHARS: usize = 20;

struct Node {
    id: ObjectId,
    name: String,
    /// Its latest box, where it was seen lately.
    rect: Option<Rect>,
    centre: (f32, f32),
}

pub(super) fn write(
    out: &mut impl Write,
    scene: &Scene<'_>,
    colours: &Colours,
    rgb: &Rgb,
    panel: Area,
) -> Result<(), ExportError> {
    let now = scene.graph.at(scene.frame.t);
    let mut nodes = nodes(scene, &now);
    let mut edges: Vec<&Edge> = now.edges.values().collect();
    edges.sort_by_key(|edge| (edge.valid_from_us, edge.kind, edge.from, edge.to));
    let objects_now = now.vertices.keys().filter(|key| matches!(key, VertexKey::Object(_))).count();
    let radius = match nodes.len() {
        0..=3 => 46.0,
        4..=6 => 36.0,
        _ => 27.0,
    };
    let drawn = arrange(&mut nodes, &edges, radius, panel);
    let Area { x, y, width, height } = panel;
    writeln!(out, r#"<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>"#)?;
    let (text_x, text_y, time) = (x + 18.0, y + 28.0, seconds(scene.frame.t));
    writeln!(out, r#"<text class="strong" x="{text_x}" y="{text_y}">graph at {time} s</text>"#)?;
    let left_out = objects_now + edges.len() - nodes.len() - drawn.len();
    if left_out > 0 {
        let text_x = panel.right() - 18.0;
        writeln!(
            out,
            r#"<text class="dim small" x="{text_x}" y="{text_y}" text-anchor="end">+ {left_out} not drawn</text>"#
        )?;
    }
    if nodes.is_empty() {
        let (x, y) = (x + width / 2.0, y + height / 2.0);
        writeln!(out, r#"<text class="dim" x="{x}" y="{y}" text-anchor="middle">nothing in view</text>"#)?;
    }
    let curves: Vec<Curve> = drawn.iter().map(|edge| curve(edge, &drawn, &nodes)).collect();
    for (edge, curve) in drawn.iter().zip(&curves) {
        let directed = !scene.symmetric.contains(&edge.kind);
        curve.write(out, colours.relation(edge.kind), directed.then_some(radius))?;
    }
    for (index, node) in nodes.iter().enumerate() {
        node.write(out, index, colours.object(node.id), rgb, radius)?;
    }
    let mut taken: Vec<Area> = nodes.iter().flat_map(|node| node.extent(radius)).collect();
    for (edge, curve) in drawn.iter().zip(&curves) {
        label(out, edge, curve, colours.relation(edge.kind), panel, &mut taken)?;
    }
    Ok(())
}

/// The objects at this moment: those with edges first, then by number.
fn nodes(scene: &Scene<'_>, now: &Graph) -> Vec<Node> {
    let mut objects: Vec<_> =
        scene.objects().filter(|(id, _)| now.vertices.contains_key(&VertexKey::Object(*id))).collect();
    let has_edge = |id: ObjectId| {
        let key = VertexKey::Object(id);
        now.edges.values().any(|edge| edge.from == key || edge.to == key)
    };
    objects.sort_by_key(|(id, _)| (!has_edge(*id), *id));
    let lately = |id: ObjectId| {
        let seen = scene.sightings.iter().rev().find(|s| s.object == id && s.t <= scene.frame.t);
        seen.filter(|s| scene.frame.t - s.t <= TRAIL_US).map(|s| s.rect)
    };
    let node = |(id, object)| Node { id, name: object_name(id, object), rect: lately(id), centre: (0.5, 0.5) };
    let mut nodes: Vec<_> = objects.into_iter().take(MAX_OBJECTS).map(node).collect();
    for node in &mut nodes {
        if let Some((x, y)) = node.rect.map(|rect| rect.centre()) {
            node.centre = (x / scene.frame.size.width as f32, y / scene.frame.size.height as f32);
        }
    }
    nodes
}

/// Gives the nodes their places and answers which edges can be drawn: those between two of them.
fn arrange<'a>(nodes: &mut [Node], edges: &[&'a Edge], radius: f32, panel: Area) -> Vec<&'a Edge> {
    let index = |key: &VertexKey| nodes.iter().position(|node| VertexKey::Object(node.id) == *key);
    let ends = |edge: &Edge| Some((index(&edge.from)?, index(&edge.to)?));
    let linked: Vec<_> = edges.iter().filter_map(|edge| Some((*edge, ends(edge)?))).take(MAX_EDGES).collect();
    let links: Vec<_> = linked.iter().map(|(_, ends)| *ends).collect();
    let anchors: Vec<_> = nodes.iter().map(|node| node.centre).collect();
    let spacing = Spacing {
        width: panel.width,
        height: panel.height - HEADING_HEIGHT - NAME_HEIGHT,
        margin_x: radius + 20.0,
        margin_y: radius + 8.0,
        apart: 2.0 * radius + NAME_HEIGHT + 8.0,
        linked: 2.0 * radius + 150.0,
    };
    for (node, (x, y)) in nodes.iter_mut().zip(place(&anchors, &links, &spacing)) {
        node.centre = (panel.x + x, panel.y + HEADING_HEIGHT + y);
    }
    linked.into_iter().map(|(edge, _)| edge).collect()
}

impl Node {
    /// What the circle and the name cover.
    fn extent(&self, radius: f32) -> [Area; 2] {
        let (x, y) = self.centre;
        let side = 2.0 * radius + 8.0;
        let name_width = text_width(&shortened(&self.name, NAME_CHARS), 15.0);
        [
            Area { x: x - side / 2.0, y: y - side / 2.0, width: side, height: side },
            Area { x: x - name_width / 2.0, y: y + radius + 4.0, width: name_width, height: NAME_HEIGHT },
        ]
    }

    fn write(
        &self,
        out: &mut impl Write,
        index: usize,
        colour: &str,
        rgb: &Rgb,
        radius: f32,
    ) -> Result<(), ExportError> {
        let (x, y) = self.centre;
        writeln!(out, r##"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="#0d1320"/>"##)?;
        if let Some(rect) = self.rect {
            // A square around the box, so that things keep their shape.
            let (cx, cy) = rect.centre();
            let side = rect.width.max(rect.height).max(8.0) * 1.1;
            let pixels = (radius * 4.0) as u32;
            let thumbnail = rgb.part(&Rect::from_centre(cx, cy, side, side), Size { width: pixels, height: pixels });
            let (left, top, extent) = (x - radius, y - radius, 2.0 * radius);
            writeln!(
                out,
                r#"<clipPath id="thumbnail{index}"><circle cx="{x:.1}" cy="{y:.1}" r="{radius}"/></clipPath>"#
            )?;
            writeln!(
                out,
                r#"<image x="{left:.1}" y="{top:.1}" width="{extent}" height="{extent}" clip-path="url(#thumbnail{index})" href="{}"/>"#,
                thumbnail.data_uri(80)?
            )?;
        }
        writeln!(
            out,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="none" stroke="{colour}" stroke-width="4"/>"#
        )?;
        let (y, name) = (y + radius + 20.0, shortened(&self.name, NAME_CHARS));
        let name = Escaped(&name);
        Ok(writeln!(
            out,
            r#"<text class="strong over" x="{x:.1}" y="{y:.1}" text-anchor="middle" style="fill:{colour}">{name}</text>"#
        )?)
    }
}

/// A quadratic Bézier curve.
struct Curve {
    from: (f32, f32),
    bend: (f32, f32),
    to: (f32, f32),
}

/// The curve of an edge; several between the same two vertices are bent apart, each with room for its label.
fn curve(edge: &Edge, drawn: &[&Edge], nodes: &[Node]) -> Curve {
    let centre = |key: &VertexKey| {
        nodes.iter().find(|node| VertexKey::Object(node.id) == *key).map_or((0.0, 0.0), |node| node.centre)
    };
    let pair = |edge: &Edge| (edge.from.min(edge.to), edge.from.max(edge.to));
    let same_pair: Vec<_> = drawn.iter().filter(|other| pair(other) == pair(edge)).collect();
    let place = same_pair.iter().position(|other| other.id == edge.id).unwrap_or(0) as f32;
    let place = place - (same_pair.len() - 1) as f32 / 2.0;
    // Across the line from the smaller to the greater end, so that both directions bend to different sides.
    let (low, high) = (centre(&pair(edge).0), centre(&pair(edge).1));
    let length = distance(low, high).max(1.0);
    let (nx, ny) = ((low.1 - high.1) / length, (high.0 - low.0) / length);
    let shift = 2.0 * place * (nx.abs() * 116.0 + ny.abs() * 46.0);
    let middle = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
    let bend = (middle.0 + nx * shift, middle.1 + ny * shift);
    Curve { from: centre(&edge.from), bend, to: centre(&edge.to) }
}

impl Curve {
    fn at(&self, s: f32) -> (f32, f32) {
        let (a, b, c) = ((1.0 - s) * (1.0 - s), 2.0 * s * (1.0 - s), s * s);
        (a * self.from.0 + b * self.bend.0 + c * self.to.0, a * self.from.1 + b * self.bend.1 + c * self.to.1)
    }

    /// Draws the curve; `arrow` is the radius of the circle at whose rim an arrowhead points.
    fn write(&self, out: &mut impl Write, colour: &str, arrow: Option<f32>) -> io::Result<()> {
        let Self { from: (x1, y1), bend: (bx, by), to: (x2, y2) } = self;
        writeln!(
            out,
            r#"<path d="M{x1:.1} {y1:.1}Q{bx:.1} {by:.1} {x2:.1} {y2:.1}" fill="none" stroke="{colour}" stroke-width="2.5" opacity=".9"/>"#
        )?;
        let Some(radius) = arrow else { return Ok(()) };
        let outside = |gap: f32| {
            let steps = (0..=100).rev().map(|step| self.at(step as f32 / 100.0));
            steps.into_iter().find(|point| distance(*point, self.to) >= radius + gap)
        };
        let (Some(tip), Some(back)) = (outside(4.0), outside(18.0)) else { return Ok(()) };
        let length = distance(tip, back).max(1.0);
        let (ux, uy) = ((tip.0 - back.0) / length * 7.0, (tip.1 - back.1) / length * 7.0);
        writeln!(
            out,
            r#"<path d="M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z" fill="{colour}"/>"#,
            tip.0,
            tip.1,
            back.0 - uy,
            back.1 + ux,
            back.0 + uy,
            back.1 - ux
        )
    }
}

/// The name and the interval of an edge on its curve, where nothing else is; where there is no such place, the name
/// alone at the least bad one.
fn label(
    out: &mut impl Write,
    edge: &Edge,
    curve: &Curve,
    colour: &str,
    panel: Area,
    taken: &mut Vec<Area>,
) -> io::Result<()> {
    let (kind, interval) = (edge.kind.as_str(), span(edge.valid_from_us, edge.valid_to_us));
    let around = |s: f32, width: f32, height: f32| {
        let (x, y) = curve.at(s);
        let x = (x - width / 2.0).clamp(panel.x + 4.0, panel.right() - width - 4.0);
        let y = (y - height / 2.0).clamp(panel.y + HEADING_HEIGHT, panel.bottom() - height - 4.0);
        Area { x, y, width, height }
    };
    // Bold capitals are wider than the estimate for running text.
    let width = text_width(kind, 13.0) * 1.15 + 14.0;
    let full_width = width.max(text_width(&interval, 12.0) + 14.0);
    let full = PLACES.map(|s| around(s, full_width, 38.0));
    let short = PLACES.map(|s| around(s, width, 22.0));
    let is_free = |place: &Area| !taken.iter().any(|other| other.meets(place));
    let crowding = |place: &Area| taken.iter().filter(|other| other.meets(place)).count();
    let least_crowded = || short.into_iter().min_by_key(crowding).unwrap_or(short[0]);
    let area = full.into_iter().find(is_free).unwrap_or_else(least_crowded);
    let Area { x, y, width, height } = area;
    writeln!(
        out,
        r##"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height}" rx="8" fill="#151d2d" stroke="{colour}"/>"##
    )?;
    let (x, first, second) = (x + width / 2.0, y + 16.0, y + 31.0);
    writeln!(
        out,
        r#"<text class="small strong" x="{x:.1}" y="{first:.1}" text-anchor="middle" style="fill:{colour}">{kind}</text>"#
    )?;
    if height > 30.0 {
        writeln!(out, r#"<text class="dim tiny" x="{x:.1}" y="{second:.1}" text-anchor="middle">{interval}</text>"#)?;
    }
    taken.push(area);
    Ok(())
}
