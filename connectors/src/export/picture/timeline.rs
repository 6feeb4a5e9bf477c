//! When each object was there and each interaction held, with a line at the moment shown.

use super::Scene;
use super::style::{Area, Colours, shortened, text_width};
use crate::export::properties::object_name;
use crate::export::text::{seconds, span};
use crate::export::xml::Escaped;
use std::cmp::Reverse;
use std::io::{self, Write};
use vokg_engine::delta::{Edge, ObjectVertex, Vertex, VertexKey};
use vokg_engine::id::ObjectId;
use vokg_engine::time::{Micros, SECOND_US};

/// Rows of each sort: first what takes part at the moment shown, then the longest.
const MAX_ROWS: usize = 8;

const ROW_HEIGHT: f32 = 26.0;
const AXIS_HEIGHT: f32 = 40.0;
const NAMES_WIDTH: f32 = 176.0;

/// Distances between marks on the axis, in seconds.
const STEPS_SECS: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600];

pub(super) struct Timeline<'a> {
    objects: Vec<(ObjectId, &'a ObjectVertex)>,
    edges: Vec<&'a Edge>,
    left_out: usize,
    duration_us: Micros,
}

impl<'a> Timeline<'a> {
    pub(super) fn of(scene: &'a Scene<'_>) -> Self {
        let duration_us = scene.duration_us.max(scene.frame.t).max(1);
        let now = scene.graph.at(scene.frame.t);
        let takes_part = |id: ObjectId| {
            let key = VertexKey::Object(id);
            let has_edge = now.edges.values().any(|edge| edge.from == key || edge.to == key);
            (has_edge, now.vertices.contains_key(&key))
        };
        let length = |from: Micros, to: Option<Micros>| to.unwrap_or(duration_us).saturating_sub(from);
        let mut objects: Vec<_> = scene.objects().collect();
        objects.sort_by_key(|(id, o)| {
            (Reverse(takes_part(*id)), Reverse(length(o.first_seen_us, Some(o.last_seen_us))), *id)
        });
        let mut edges: Vec<_> = scene.graph.edges.values().collect();
        edges.sort_by_key(|e| {
            let length = length(e.valid_from_us, e.valid_to_us);
            (Reverse(now.edges.contains_key(&e.id)), Reverse(length), e.id)
        });
        let left_out = objects.len().saturating_sub(MAX_ROWS) + edges.len().saturating_sub(MAX_ROWS);
        objects.truncate(MAX_ROWS);
        edges.truncate(MAX_ROWS);
        objects.sort_by_key(|(id, object)| (object.first_seen_us, *id));
        edges.sort_by_key(|edge| (edge.valid_from_us, edge.kind, edge.from, edge.to, edge.id));
        Self { objects, edges, left_out, duration_us }
    }

    pub(super) fn height(&self) -> f32 {
        let remark = if self.left_out > 0 { ROW_HEIGHT } else { 0.0 };
        (self.objects.len() + self.edges.len()) as f32 * ROW_HEIGHT + AXIS_HEIGHT + remark + 20.0
    }

    pub(super) fn write(
        &self,
        out: &mut impl Write,
        scene: &Scene<'_>,
        colours: &Colours,
        area: Area,
    ) -> io::Result<()> {
        let Area { x, y, width, height } = area;
        writeln!(out, r#"<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>"#)?;
        let axis = Axis {
            left: x + NAMES_WIDTH,
            width: width - NAMES_WIDTH - 28.0,
            top: y + 14.0,
            bottom: y + 14.0 + (self.objects.len() + self.edges.len()) as f32 * ROW_HEIGHT,
            duration_us: self.duration_us,
        };
        axis.write(out, scene.frame.t)?;
        for vertex in scene.graph.vertices.values() {
            if let Vertex::Gap(gap) = vertex {
                axis.band(out, gap.from_us, gap.to_us)?;
            }
        }
        let mut row = axis.top;
        for (id, object) in &self.objects {
            let name = shortened(&object_name(*id, object), 19);
            // An object in view is stated with its last sighting so far; it is there until the end.
            let to = if object.open { self.duration_us } else { object.last_seen_us };
            axis.row(out, row, &name, colours.object(*id), (object.first_seen_us, to), 14.0)?;
            row += ROW_HEIGHT;
        }
        for edge in &self.edges {
            let name = shortened(&format!("{} {} – {}", edge.kind, number(&edge.from), number(&edge.to)), 19);
            let to = edge.valid_to_us.unwrap_or(self.duration_us);
            axis.row(out, row, &name, colours.relation(edge.kind), (edge.valid_from_us, to), 7.0)?;
            axis.interval(out, row, edge, to)?;
            row += ROW_HEIGHT;
        }
        if self.left_out > 0 {
            let (x, y) = (x + 18.0, area.bottom() - 12.0);
            writeln!(out, r#"<text class="dim small" x="{x}" y="{y}">+ {} more</text>"#, self.left_out)?;
        }
        axis.now(out, scene.frame.t)
    }
}

fn number(key: &VertexKey) -> String {
    match key {
        VertexKey::Object(id) => id.0.to_string(),
        other => other.label().to_lowercase(),
    }
}

struct Axis {
    left: f32,
    width: f32,
    top: f32,
    bottom: f32,
    duration_us: Micros,
}

impl Axis {
    fn x(&self, t: Micros) -> f32 {
        self.left + self.width * (t.min(self.duration_us) as f64 / self.duration_us as f64) as f32
    }

    /// Marks at round times; the one that the label of the moment shown would cover has no text.
    fn write(&self, out: &mut impl Write, now: Micros) -> io::Result<()> {
        let step_secs = STEPS_SECS.into_iter().find(|step| self.duration_us / (step * SECOND_US) <= 12);
        let step = step_secs.map_or(self.duration_us / 12, |secs| secs * SECOND_US);
        let (top, bottom, text_y) = (self.top, self.bottom + 6.0, self.bottom + 24.0);
        for t in (0..=self.duration_us).step_by(step as usize) {
            let x = self.x(t);
            writeln!(out, r#"<line class="grid" x1="{x:.1}" y1="{top}" x2="{x:.1}" y2="{bottom}"/>"#)?;
            if (x - self.x(now)).abs() < 56.0 {
                continue;
            }
            writeln!(
                out,
                r#"<text class="dim small" x="{x:.1}" y="{text_y}" text-anchor="middle">{}</text>"#,
                mark(t, step)
            )?;
        }
        Ok(())
    }

    fn band(&self, out: &mut impl Write, from: Micros, to: Micros) -> io::Result<()> {
        let (x, width, height) = (self.x(from), (self.x(to) - self.x(from)).max(1.0), self.bottom - self.top);
        let y = self.top;
        writeln!(
            out,
            r##"<rect x="{x:.1}" y="{y}" width="{width:.1}" height="{height}" fill="#ef4444" opacity=".22"><title>gap</title></rect>"##
        )
    }

    fn row(
        &self,
        out: &mut impl Write,
        top: f32,
        name: &str,
        colour: &str,
        (from, to): (Micros, Micros),
        thickness: f32,
    ) -> io::Result<()> {
        let middle = top + ROW_HEIGHT / 2.0;
        let (name_x, name_y, name) = (self.left - NAMES_WIDTH + 18.0, middle + 5.0, Escaped(name));
        writeln!(out, r#"<text x="{name_x}" y="{name_y}" style="font-size:14px;fill:{colour}">{name}</text>"#)?;
        let (x, width, y, round) =
            (self.x(from), (self.x(to) - self.x(from)).max(3.0), middle - thickness / 2.0, thickness / 2.0);
        writeln!(
            out,
            r#"<rect x="{x:.1}" y="{y}" width="{width:.1}" height="{thickness}" rx="{round}" fill="{colour}"/>"#
        )
    }

    /// The times of an interaction beside its bar, to the right where there is room.
    fn interval(&self, out: &mut impl Write, top: f32, edge: &Edge, to: Micros) -> io::Result<()> {
        let text = span(edge.valid_from_us, edge.valid_to_us);
        let right = self.x(to) + 8.0;
        let fits = right + text_width(&text, 12.0) <= self.left + self.width + 20.0;
        let (x, anchor) = if fits { (right, "start") } else { (self.x(edge.valid_from_us) - 8.0, "end") };
        let y = top + ROW_HEIGHT / 2.0 + 4.0;
        writeln!(out, r#"<text class="dim tiny" x="{x:.1}" y="{y}" text-anchor="{anchor}">{text}</text>"#)
    }

    fn now(&self, out: &mut impl Write, t: Micros) -> io::Result<()> {
        let (x, top, bottom) = (self.x(t), self.top - 6.0, self.bottom + 8.0);
        let text = format!("{} s", seconds(t));
        let width = text_width(&text, 13.0) + 16.0;
        let pill_x = (x - width / 2.0).min(self.left + self.width + 24.0 - width);
        let (text_x, text_y) = (pill_x + width / 2.0, bottom + 15.0);
        writeln!(out, r#"<line class="now" x1="{x:.1}" y1="{top}" x2="{x:.1}" y2="{bottom}" stroke-width="2"/>"#)?;
        writeln!(out, r##"<rect x="{pill_x:.1}" y="{bottom}" width="{width:.1}" height="22" rx="11" fill="#fff"/>"##)?;
        writeln!(
            out,
            r#"<text class="tag" style="font-size:13px" x="{text_x:.1}" y="{text_y}" text-anchor="middle">{text}</text>"#
        )
    }
}

/// A time on the axis: `5 s`, or `2:30` where marks are half a minute or more apart.
fn mark(t: Micros, step: Micros) -> String {
    let secs = t / SECOND_US;
    if step < 30 * SECOND_US { format!("{secs} s") } else { format!("{}:{:02}", secs / 60, secs % 60) }
}
