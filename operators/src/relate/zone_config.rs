//! Areas and lines as the configuration has them: in shares of the frame, so that one zone fits any resolution.

use super::config::RelateConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::delta::{Vertex, VertexKey, ZoneShape, ZoneVertex};
use vokg_engine::id::ZoneId;

/// The hold of zones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZoneHold {
    /// Being inside counts when it has lasted this long, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub on_secs: f64,
    /// A pause shorter than this does not end it, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub off_secs: f64,
}

impl Default for ZoneHold {
    fn default() -> Self {
        Self { on_secs: 0.3, off_secs: 0.3 }
    }
}

/// An area in the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// Its number in the graph, unlike that of every other zone and line.
    #[schemars(range(min = 1, max = 16_777_215))]
    pub id: u32,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// Its corners, 3 to 64, as shares of the frame's width and height from the left top.
    pub polygon: Vec<[f32; 2]>,
    /// Staying this long is loitering, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub loiter_secs: f64,
    /// So many objects inside at once are told as COUNT; absent: never.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub crowd: Option<u32>,
    /// Its own hold; absent: that of all zones.
    #[serde(default)]
    pub hold: Option<ZoneHold>,
}

fn ten() -> f64 {
    10.0
}

/// A line in the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineConfig {
    /// Its number in the graph, unlike that of every other zone and line.
    #[schemars(range(min = 1, max = 16_777_215))]
    pub id: u32,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// Its ends, as shares of the frame's width and height from the left top.
    pub ends: [[f32; 2]; 2],
    /// Which crossings are told.
    #[serde(default)]
    pub direction: Direction,
}

/// A sense in which a line is crossed, looking from its first end to its second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Either.
    #[default]
    Both,
    /// From its left to its right.
    Rightwards,
    /// From its right to its left.
    Leftwards,
}

impl LineConfig {
    /// Whether a crossing in this sense is told.
    pub(super) fn counts(&self, rightwards: bool) -> bool {
        match self.direction {
            Direction::Both => true,
            Direction::Rightwards => rightwards,
            Direction::Leftwards => !rightwards,
        }
    }
}

/// Twice the area of a triangle of corners, in shares of the frame, that is none.
const FLAT: f32 = 1e-6;
/// Most zones, lines, and corners of a zone.
const ZONES_MAX: usize = 64;

impl RelateConfig {
    /// Refuses zones and lines that are none.
    ///
    /// # Errors
    /// Each by its key, and why.
    pub fn refuse_zones(&self) -> Result<(), String> {
        for (what, count) in [("zones", self.zones.len()), ("lines", self.lines.len())] {
            if count > ZONES_MAX {
                return Err(format!("relate.{what} has {count} entries, it takes at most {ZONES_MAX}"));
            }
        }
        let problems = self.problems_of_zones();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// What is wrong with each zone and line, by its key; the entries of a list count from 1.
    fn problems_of_zones(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut keys: BTreeMap<u32, String> = BTreeMap::new();
        let zones = self.zones.iter().enumerate().map(|(at, zone)| (format!("relate.zones[{}]", at + 1), zone.id));
        let lines = self.lines.iter().enumerate().map(|(at, line)| (format!("relate.lines[{}]", at + 1), line.id));
        for (key, id) in zones.chain(lines) {
            if !(1..=ZoneId::MAX).contains(&id) {
                problems.push(format!("{key}.id is {id}, it takes 1 to {}", ZoneId::MAX));
            } else if let Some(other) = keys.get(&id) {
                problems.push(format!("{key}.id is {id}, which {other} has already; each takes an id of its own"));
            } else {
                keys.insert(id, key);
            }
        }
        let outside = |corners: &[[f32; 2]]| {
            let at = corners.iter().position(|corner| !corner.iter().all(|share| (0.0..=1.0).contains(share)))?;
            let [x, y] = corners[at];
            Some(format!("[{}] is [{x}, {y}], it takes shares of the frame from 0 to 1", at + 1))
        };
        for (at, zone) in self.zones.iter().enumerate() {
            let (key, corners) = (format!("relate.zones[{}].polygon", at + 1), zone.polygon.len());
            if !(3..=ZONES_MAX).contains(&corners) {
                problems.push(format!("{key} has {corners} corners, it takes 3 to {ZONES_MAX}"));
            }
            if is_flat(&zone.polygon) {
                problems.push(format!("{key} has all its corners on one line, an area takes more"));
            }
            problems.extend(outside(&zone.polygon).map(|what| key + &what));
        }
        for (at, line) in self.lines.iter().enumerate() {
            let key = format!("relate.lines[{}].ends", at + 1);
            if line.ends[0] == line.ends[1] {
                problems.push(format!("{key} are the same point, a line takes two"));
            }
            problems.extend(outside(&line.ends).map(|what| key + &what));
        }
        problems
    }

    /// Whether there is any zone or line.
    pub fn has_zones(&self) -> bool {
        !self.zones.is_empty() || !self.lines.is_empty()
    }

    /// The vertices of the zones and lines.
    pub fn zone_vertices(&self) -> Vec<(VertexKey, Vertex)> {
        let ppm = |corners: &[[f32; 2]]| -> Vec<u32> {
            corners.iter().flatten().map(|share| (f64::from(*share) * 1e6).round() as u32).collect()
        };
        let vertex = |id: u32, name: &str, shape, corners: &[[f32; 2]]| {
            let zone = ZoneVertex { name: name.to_owned(), shape, corners_ppm: ppm(corners) };
            (VertexKey::Zone(ZoneId(id)), Vertex::Zone(zone))
        };
        let areas = self.zones.iter().map(|zone| vertex(zone.id, &zone.name, ZoneShape::Area, &zone.polygon));
        let lines = self.lines.iter().map(|line| vertex(line.id, &line.name, ZoneShape::Line, &line.ends));
        areas.chain(lines).collect()
    }
}

/// Whether all corners lie on one line, or at one point.
fn is_flat(corners: &[[f32; 2]]) -> bool {
    let Some((from, others)) = corners.split_first() else { return true };
    let way = |to: &[f32; 2]| (to[0] - from[0], to[1] - from[1]);
    let Some((x, y)) = others.iter().map(way).max_by(|a, b| a.0.hypot(a.1).total_cmp(&b.0.hypot(b.1))) else {
        return true;
    };
    others.iter().map(way).all(|(u, v)| (x * v - y * u).abs() <= FLAT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_zones_and_lines_is_told_at_once_by_its_key() {
        let zone = |id, polygon: &[[f32; 2]]| ZoneConfig {
            id,
            name: String::new(),
            polygon: polygon.to_vec(),
            loiter_secs: ten(),
            crowd: None,
            hold: None,
        };
        let line = |id, ends| LineConfig { id, name: String::new(), ends, direction: Direction::Both };
        let triangle = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]];
        let fine = RelateConfig {
            zones: vec![zone(1, &triangle)],
            lines: vec![line(2, [[0.0, 0.0], [1.0, 1.0]])],
            ..RelateConfig::default()
        };
        assert_eq!(fine.refuse_zones(), Ok(()));
        let wrong = RelateConfig {
            zones: vec![
                zone(1, &triangle),
                zone(1, &triangle[..2]),
                zone(0, &[[0.0, 0.0], [1.5, 0.0], [1.0, 1.0]]),
                zone(7, &[[0.1, 0.1], [0.2, 0.2], [0.4, 0.4]]),
            ],
            lines: vec![line(1, [[0.5, 0.5]; 2]), line(3, [[0.0, 0.0], [0.0, -0.1]])],
            ..RelateConfig::default()
        };
        let told = wrong.refuse_zones().expect_err("nothing but the first zone is right");
        for what in [
            "relate.zones[2].id is 1, which relate.zones[1] has already",
            "relate.zones[2].polygon has 2 corners, it takes 3 to 64",
            "relate.zones[3].id is 0, it takes 1 to",
            "relate.zones[3].polygon[2] is [1.5, 0]",
            "relate.zones[4].polygon has all its corners on one line",
            "relate.lines[1].id is 1, which relate.zones[1] has already",
            "relate.lines[1].ends are the same point",
            "relate.lines[2].ends[2] is [0, -0.1], it takes shares of the frame from 0 to 1",
        ] {
            assert!(told.contains(what), "{what}: {told}");
        }
    }
}
