//! The frame with what was seen in it: masks, boxes, names and the trails behind.

use super::style::{Area, Colours, shortened, text_width};
use super::{Scene, TRAIL_US};
use crate::export::jpeg::Rgb;
use crate::export::outline::outlines;
use crate::export::properties::object_name;
use crate::export::text::seconds;
use crate::export::xml::Escaped;
use crate::export::{ExportError, Sighting};
use std::io::Write;
use vokg_engine::delta::{Vertex, VertexKey};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::ObjectId;

/// The widest picture that is embedded; larger frames are scaled down to it.
const EMBEDDED_WIDTH_PX: u32 = 1280;

/// Points of a trail; more could not be told apart.
const TRAIL_POINTS: usize = 24;

/// Where the pixels of the frame lie in the picture.
struct Fit {
    area: Area,
    x_scale: f32,
    y_scale: f32,
}

impl Fit {
    /// The frame, its pixels made square, as large as it fits into `panel`.
    fn of(scene: &Scene<'_>, panel: Area) -> Self {
        let (numerator, denominator) = scene.frame.pixel_aspect;
        let aspect = numerator.max(1) as f32 / denominator.max(1) as f32;
        let (width, height) = (scene.frame.size.width as f32 * aspect, scene.frame.size.height as f32);
        let scale = (panel.width / width).min(panel.height / height);
        let (w, h) = (width * scale, height * scale);
        let (x, y) = (panel.x + (panel.width - w) / 2.0, panel.y + (panel.height - h) / 2.0);
        Self { area: Area { x, y, width: w, height: h }, x_scale: scale * aspect, y_scale: scale }
    }

    fn point(&self, (x, y): (f32, f32)) -> (f32, f32) {
        (self.area.x + x * self.x_scale, self.area.y + y * self.y_scale)
    }
}

pub(super) fn write(
    out: &mut impl Write,
    scene: &Scene<'_>,
    colours: &Colours,
    rgb: &Rgb,
    panel: Area,
) -> Result<(), ExportError> {
    let fit = Fit::of(scene, panel);
    let Area { x, y, width, height } = panel;
    writeln!(
        out,
        r#"<clipPath id="frame"><rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/></clipPath>"#
    )?;
    writeln!(out, r#"<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>"#)?;
    writeln!(out, r#"<g clip-path="url(#frame)" stroke-linejoin="round" stroke-linecap="round">"#)?;
    embed(out, rgb, fit.area)?;
    for sighting in scene.seen_now() {
        trail(out, scene, sighting.object, colours.object(sighting.object), &fit)?;
    }
    for sighting in scene.seen_now() {
        shape(out, scene.frame.size, sighting, colours.object(sighting.object), &fit)?;
    }
    let mut tags = Vec::new();
    for sighting in scene.seen_now() {
        tag(out, scene, sighting, colours.object(sighting.object), &fit, &mut tags)?;
    }
    writeln!(out, "</g>")?;
    let time = format!("{} s", seconds(scene.frame.t));
    let (width, right, bottom) = (text_width(&time, 15.0) + 20.0, panel.right(), panel.bottom());
    let (x, y) = (right - width - 10.0, bottom - 38.0);
    writeln!(out, r##"<rect x="{x}" y="{y}" width="{width}" height="28" rx="14" fill="#0d1320" opacity=".8"/>"##)?;
    let (x, y) = (x + width / 2.0, y + 19.0);
    Ok(writeln!(out, r#"<text class="strong" x="{x}" y="{y}" text-anchor="middle">{time}</text>"#)?)
}

fn embed(out: &mut impl Write, rgb: &Rgb, area: Area) -> Result<(), ExportError> {
    let size = rgb.size;
    let uri = if size.width <= EMBEDDED_WIDTH_PX {
        rgb.data_uri(85)?
    } else {
        let height = (u64::from(size.height) * u64::from(EMBEDDED_WIDTH_PX) / u64::from(size.width)).max(1) as u32;
        let whole = Rect::new(0.0, 0.0, size.width as f32, size.height as f32);
        rgb.part(&whole, Size { width: EMBEDDED_WIDTH_PX, height }).data_uri(85)?
    };
    let Area { x, y, width, height } = area;
    let place = format!(r#"x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}""#);
    Ok(writeln!(out, r#"<image {place} preserveAspectRatio="none" href="{uri}"/>"#)?)
}

/// Where the object's centre was, fading into the past.
fn trail(
    out: &mut impl Write,
    scene: &Scene<'_>,
    object: ObjectId,
    colour: &str,
    fit: &Fit,
) -> Result<(), ExportError> {
    let now = scene.frame.t;
    let recent = |s: &&Sighting| s.object == object && s.t <= now && now - s.t <= TRAIL_US;
    let centres: Vec<_> = scene.sightings.iter().filter(recent).map(|s| fit.point(s.rect.centre())).collect();
    let step = centres.len().div_ceil(TRAIL_POINTS).max(1);
    // Counted from the newest, so that the trail ends in the box.
    let points: Vec<_> = centres.into_iter().rev().step_by(step).collect();
    for (age, pair) in points.windows(2).enumerate() {
        let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
        let opacity = 0.95 * (1.0 - age as f32 / points.len() as f32);
        writeln!(
            out,
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="3" opacity="{opacity:.2}"/>"#
        )?;
    }
    Ok(())
}

fn shape(out: &mut impl Write, frame: Size, sighting: &Sighting, colour: &str, fit: &Fit) -> Result<(), ExportError> {
    if let Some(mask) = sighting.mask.as_ref().filter(|mask| mask.is_well_formed()) {
        write!(
            out,
            r#"<path fill="{colour}" fill-opacity=".3" fill-rule="evenodd" stroke="{colour}" stroke-width="1.5" d=""#
        )?;
        for curve in outlines(mask, frame) {
            for (index, point) in curve.into_iter().enumerate() {
                let (x, y) = fit.point(point);
                write!(out, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' })?;
            }
            write!(out, "Z")?;
        }
        writeln!(out, r#""/>"#)?;
    }
    let ((x, y), r) = (fit.point((sighting.rect.left, sighting.rect.top)), sighting.rect);
    let (width, height) = (r.width * fit.x_scale, r.height * fit.y_scale);
    Ok(writeln!(
        out,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="4" fill="none" stroke="{colour}" stroke-width="2.5"/>"#
    )?)
}

/// The name above the box, or as near to that as the frame and earlier names allow.
fn tag(
    out: &mut impl Write,
    scene: &Scene<'_>,
    sighting: &Sighting,
    colour: &str,
    fit: &Fit,
    tags: &mut Vec<Area>,
) -> Result<(), ExportError> {
    let name = match scene.graph.vertices.get(&VertexKey::Object(sighting.object)) {
        Some(Vertex::Object(object)) => object_name(sighting.object, object),
        _ => format!("object {}", sighting.object.0),
    };
    let name = shortened(&name, 24);
    let (left, top) = fit.point((sighting.rect.left, sighting.rect.top));
    let (_, bottom) = fit.point((sighting.rect.left, sighting.rect.bottom()));
    let (width, height) = (text_width(&name, 14.0) + 14.0, 22.0);
    let x = (left - 1.25).clamp(fit.area.x, (fit.area.right() - width).max(fit.area.x));
    let inside = |y: f32| y.clamp(fit.area.y, fit.area.bottom() - height);
    let places = [top - height - 3.0, bottom + 3.0, top + 3.0].map(|y| Area { x, y: inside(y), width, height });
    let area = places.into_iter().find(|place| !tags.iter().any(|tag| tag.meets(place))).unwrap_or(places[0]);
    let y = area.y;
    writeln!(out, r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height}" rx="5" fill="{colour}"/>"#)?;
    let (text_x, text_y) = (x + width / 2.0, y + 16.0);
    let name = Escaped(&name);
    writeln!(out, r#"<text class="tag" x="{text_x:.1}" y="{text_y:.1}" text-anchor="middle">{name}</text>"#)?;
    tags.push(area);
    Ok(())
}
