//! Areas and lines as the configuration has them: in shares of the frame, so that one zone fits any resolution.

use super::config::RelateConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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

/// Most zones, lines, and corners of a zone.
const ZONES_MAX: usize = 64;

impl RelateConfig {
    /// Refuses zones and lines that are none.
    ///
    /// # Errors
    /// Which one, and why.
    pub fn refuse_zones(&self) -> Result<(), String> {
        for (what, count) in [("zones", self.zones.len()), ("lines", self.lines.len())] {
            if count > ZONES_MAX {
                return Err(format!("relate.{what} has {count} entries, it takes at most {ZONES_MAX}"));
            }
        }
        let mut ids: Vec<u32> = self.zones.iter().map(|zone| zone.id).chain(self.lines.iter().map(|l| l.id)).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("id {} is given to two zones or lines, each needs its own", twice[0]));
        }
        if let Some(id) = ids.iter().find(|id| !(1..=ZoneId::MAX).contains(*id)) {
            return Err(format!("a zone has the id {id}, it takes 1 to {}", ZoneId::MAX));
        }
        let outside = |corner: &&[f32; 2]| !corner.iter().all(|share| (0.0..=1.0).contains(share));
        for zone in &self.zones {
            let corners = zone.polygon.len();
            if !(3..=ZONES_MAX).contains(&corners) {
                return Err(format!("zone {} has {corners} corners, it takes 3 to {ZONES_MAX}", zone.id));
            }
            if let Some([x, y]) = zone.polygon.iter().find(outside) {
                return Err(format!("zone {} has the corner [{x}, {y}], shares of the frame go from 0 to 1", zone.id));
            }
        }
        for line in &self.lines {
            if let Some([x, y]) = line.ends.iter().find(outside) {
                return Err(format!("line {} has the end [{x}, {y}], shares of the frame go from 0 to 1", line.id));
            }
            if line.ends[0] == line.ends[1] {
                return Err(format!("both ends of line {} are the same", line.id));
            }
        }
        Ok(())
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
