//! The bounds of the relations and of what is measured for them, in sizes and seconds: none depends on the frame rate
//! or the resolution.
//!
//! A *size* is the square root of the area of a box; between two tracks it is the geometric mean of both. A relation
//! begins at its `on` bound and ends at its weaker `off` bound, so that noise at one bound does not make it flicker.

use super::abandoned::AbandonedConfig;
use super::approaches::HeadingConfig;
use super::carries::CarriesConfig;
use super::chases::ChasesConfig;
use super::contains::ContainsConfig;
use super::follows::FollowsConfig;
use super::hidden;
use super::hidden_config::HiddenByConfig;
use super::leaves::LeavesConfig;
use super::meets::MeetsConfig;
use super::moves_with::MovesWithConfig;
use super::near::NearConfig;
use super::occludes::OccludesConfig;
use super::relation::Registry;
use super::zone_config::{LineConfig, ZoneConfig, ZoneHold};
use crate::influence::InfluenceConfig;
use crate::resolve::Rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::id::ZoneId;
use vokg_engine::time::{Micros, micros_from_secs};

/// How relations are judged. The defaults are the definitions of the documentation.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RelateConfig {
    /// What is measured of every track.
    pub measure: MeasureConfig,
    /// Bounds of NEAR.
    pub near: NearConfig,
    /// Bounds of CONTAINS.
    pub contains: ContainsConfig,
    /// Bounds of OCCLUDES, and of OVERLAPS.
    pub occludes: OccludesConfig,
    /// Bounds of HIDDEN_BY.
    pub hidden_by: HiddenByConfig,
    /// Bounds of APPROACHES.
    pub approaches: HeadingConfig,
    /// Bounds of LEAVES, as speeds and directions away from the other.
    pub leaves: LeavesConfig,
    /// Bounds of FOLLOWS.
    pub follows: FollowsConfig,
    /// Bounds of CHASES.
    pub chases: ChasesConfig,
    /// Bounds of MOVES_WITH.
    pub moves_with: MovesWithConfig,
    /// Bounds of CARRIES, PICK_UP and PUT_DOWN.
    pub carries: CarriesConfig,
    /// Bounds of MEETS.
    pub meets: MeetsConfig,
    /// Bounds of ABANDONED.
    pub abandoned: AbandonedConfig,
    /// INFLUENCES.
    pub influence: InfluenceConfig,
    /// Areas one can be in, at most 64.
    pub zones: Vec<ZoneConfig>,
    /// Lines one can cross, at most 64.
    pub lines: Vec<LineConfig>,
    /// How long IN, LOITERS and COUNT must last and may pause; `on_secs` is also how long a crossing must stand.
    pub zone_hold: ZoneHold,
}

impl RelateConfig {
    /// The rules of the relations that ship with vokg, of its zones and of INFLUENCES.
    pub fn rules(&self) -> Rules {
        self.rules_of(&Registry::builtin(self))
    }

    /// The rules of any relations, and of the zones and INFLUENCES of this configuration.
    pub fn rules_of(&self, registry: &Registry) -> Rules {
        let mut rules = Rules::from(registry.rules(&self.measure));
        let rule_of = |hold: &ZoneHold| Hold::new(hold.on_secs, hold.off_secs).rule(false);
        let of_areas = [RelationKind::IN, RelationKind::LOITERS, RelationKind::COUNT];
        of_areas.into_iter().for_each(|kind| rules.insert(kind, rule_of(&self.zone_hold)));
        hidden::rules(self).into_iter().for_each(|(kind, rule)| rules.insert(kind, rule));
        rules.insert(RelationKind::CROSSES, IntervalRule::PLAIN);
        rules.insert(RelationKind::INFLUENCES, IntervalRule::PLAIN);
        for zone in &self.zones {
            for (kind, hold) in of_areas.into_iter().filter_map(|kind| Some((kind, zone.hold.as_ref()?))) {
                rules.insert_for(kind, ZoneId(zone.id), rule_of(hold));
            }
            rules.dwell(ZoneId(zone.id), micros_from_secs(zone.loiter_secs));
            zone.crowd.into_iter().for_each(|crowd| rules.crowd(ZoneId(zone.id), crowd));
        }
        rules
    }

    /// Refuses a bound to begin that lies beyond its bound to end, as such a relation would flicker.
    ///
    /// # Errors
    /// The names and values of the two.
    pub fn refuse_crossed_bounds(&self) -> Result<(), String> {
        let Self { near, contains, occludes, approaches, leaves, follows, chases, abandoned, .. } = self;
        let heading = &leaves.heading;
        let at_most = [
            ("near.on_gap", near.on_gap, "near.off_gap", near.off_gap),
            ("contains.off_share", contains.off_share, "contains.on_share", contains.on_share),
            ("occludes.on_visible", occludes.on_visible, "occludes.off_visible", occludes.off_visible),
            ("occludes.on_gap", occludes.on_gap, "occludes.off_gap", occludes.off_gap),
            ("approaches.off_speed", approaches.off_speed, "approaches.on_speed", approaches.on_speed),
            ("leaves.heading.off_speed", heading.off_speed, "leaves.heading.on_speed", heading.on_speed),
            ("follows.least_distance", follows.least_distance, "follows.most_distance", follows.most_distance),
            ("chases.off_share", chases.off_share, "chases.on_share", chases.on_share),
            ("abandoned.off_distance", abandoned.off_distance, "abandoned.on_distance", abandoned.on_distance),
        ];
        let crossed = at_most.into_iter().find(|(_, low, _, high)| low > high);
        crossed.map_or(Ok(()), |(name, low, other, high)| {
            Err(format!("relate.{name} is {low}, it takes at most relate.{other}, {high}"))
        })
    }
}

/// Windows of the quantities every relation reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureConfig {
    /// The size of a track is the median over this long, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub size_secs: f64,
    /// The velocity of a track is the least-squares slope over this long, in seconds, and over at least three sightings.
    #[schemars(range(min = 0.05, max = 60.0))]
    pub velocity_secs: f64,
    /// The steady velocity, for what must not flicker with noise, is the slope over this long, in seconds.
    #[schemars(range(min = 0.05, max = 60.0))]
    pub steady_secs: f64,
    /// No velocity before those sightings span this long, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub velocity_span_secs: f64,
    /// Below this steady speed a thing stands, in its own sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub standing_speed: f64,
    /// A track unseen for at most this long, from the first frame without it, is taken as seen between its sightings, in
    /// seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub interpolate_secs: f64,
    /// How far before its confirmation a track is related to others, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub replay_secs: f64,
    /// A box whose edge is this close to the border of the frame is cut by it, as a share of the frame's extent.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub border_share: f64,
    /// What is this close to another, in sizes, may be hidden by it.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub crowd_gap: f64,
}

impl MeasureConfig {
    /// How far back velocities and mean boxes speak of, in microseconds: half of their window.
    pub fn delay_us(&self) -> Micros {
        micros_from_secs(self.velocity_secs) / 2
    }

    /// How far back the steady velocities speak of, in microseconds: half of their window.
    pub fn steady_delay_us(&self) -> Micros {
        micros_from_secs(self.steady_secs) / 2
    }
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            size_secs: 2.0,
            velocity_secs: 0.5,
            steady_secs: 1.0,
            velocity_span_secs: 0.2,
            standing_speed: 0.25,
            interpolate_secs: 0.5,
            replay_secs: 2.0,
            border_share: 0.005,
            crowd_gap: 0.15,
        }
    }
}

/// How long evidence must last and may pause, in seconds; applied per object pair, after identity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// An interval begins when the relation has held this long.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub on_secs: f64,
    /// A pause shorter than this does not end it.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub off_secs: f64,
    /// Intervals shorter than this are dropped.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub min_secs: f64,
    /// Intervals less than this apart are one.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub bridge_secs: f64,
}

impl Hold {
    /// Holds without a minimum or a bridge.
    pub const fn new(on_secs: f64, off_secs: f64) -> Self {
        Self { on_secs, off_secs, min_secs: 0.0, bridge_secs: 0.0 }
    }

    /// The same as the rule that makes intervals.
    pub fn rule(&self, symmetric: bool) -> IntervalRule {
        IntervalRule {
            symmetric,
            hold_on_us: micros_from_secs(self.on_secs),
            hold_off_us: micros_from_secs(self.off_secs),
            min_us: micros_from_secs(self.min_secs),
            bridge_us: micros_from_secs(self.bridge_secs),
            ..IntervalRule::PLAIN
        }
    }
}
