//! The zones a truth speaks of, as a configuration has them: pixels of the frame become shares of it.

use vokg_connectors::source::synthetic::Truth;
use vokg_connectors::source::synthetic::truth::{TruthLine, TruthZone};
use vokg_engine::time::secs_from_micros;
use vokg_operators::relate::{LineConfig, RelateConfig, ZoneConfig};

/// `config` with the zones and lines of `truth`.
pub fn with_zones_of(truth: &Truth, config: RelateConfig) -> RelateConfig {
    let [width, height] = truth.size.map(|px| px as f32);
    let share = |[x, y]: [f32; 2]| [(x / width).clamp(0.0, 1.0), (y / height).clamp(0.0, 1.0)];
    let zone = |zone: &TruthZone| ZoneConfig {
        id: zone.id,
        name: String::new(),
        polygon: zone.polygon.iter().copied().map(share).collect(),
        loiter_secs: secs_from_micros(zone.dwell_us),
        crowd: Some(zone.count),
        hold: None,
    };
    let line = |line: &TruthLine| LineConfig {
        id: line.id,
        name: String::new(),
        ends: line.ends.map(share),
        direction: Default::default(),
    };
    RelateConfig {
        zones: truth.zones.iter().map(zone).collect(),
        lines: truth.lines.iter().map(line).collect(),
        ..config
    }
}
