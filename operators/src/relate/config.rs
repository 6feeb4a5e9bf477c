//! The bounds of the relations and of what is measured for them, in sizes and seconds: none depends on the frame rate
//! or the resolution.
//!
//! A *size* is the square root of the area of a box; between two tracks it is the geometric mean of both. A relation
//! begins at its `on` bound and ends at its weaker `off` bound, so that noise at one bound does not make it flicker.

use super::hidden;
use super::hidden_config::HiddenByConfig;
use super::relation::Registry;
use super::zone_config::{LineConfig, ZoneConfig, ZoneHold};
use crate::influence::InfluenceConfig;
use crate::resolve::Rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::id::ZoneId;
use vokg_engine::time::micros_from_secs;

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
    /// Bounds of OCCLUDES.
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
        let mut rules = Rules::from(registry.rules());
        let hold = Hold::new(self.zone_hold.on_secs, self.zone_hold.off_secs).rule(false);
        for kind in [RelationKind::IN, RelationKind::LOITERS, RelationKind::COUNT] {
            rules.insert(kind, hold);
        }
        hidden::rules(self).into_iter().for_each(|(kind, rule)| rules.insert(kind, rule));
        rules.insert(RelationKind::CROSSES, IntervalRule::PLAIN);
        rules.insert(RelationKind::INFLUENCES, IntervalRule::PLAIN);
        for zone in &self.zones {
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

/// Bounds of NEAR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NearConfig {
    /// Begins at a gap of at most this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_gap: f64,
    /// Ends at a gap of at least this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_gap: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for NearConfig {
    fn default() -> Self {
        Self { on_gap: 0.5, off_gap: 0.75, hold: Hold::new(0.4, 0.4) }
    }
}

/// Bounds of CONTAINS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContainsConfig {
    /// Begins when at least this share of the contained thing lies in the container's box.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub on_share: f64,
    /// Ends when at most this share does.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub off_share: f64,
    /// It goes on below that by a standard error of the share, as measured from how the boxes jitter, of at most this.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub noise_most: f64,
    /// Up to this standard error single boxes decide, beyond it their means over half a second.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sure_noise: f64,
    /// The contained box has at most this share of the container's area when it begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub area_ratio: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for ContainsConfig {
    fn default() -> Self {
        Self {
            on_share: 0.9,
            off_share: 0.75,
            noise_most: 0.1,
            sure_noise: 0.08,
            area_ratio: 0.6,
            hold: Hold::new(0.4, 0.4),
        }
    }
}

/// Bounds of OCCLUDES.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OccludesConfig {
    /// Begins when at most this share of the hidden thing is visible.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub on_visible: f64,
    /// Ends when at least this share is.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub off_visible: f64,
    /// The hiding thing is visible by at least this share when it begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub front_visible: f64,
    /// Begins at a gap of at most this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_gap: f64,
    /// Ends beyond this gap, in sizes: what hides must stay beside what it hides.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_gap: f64,
    /// The hiding thing's box covers at least this share of what is hidden when it begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cover_share: f64,
    /// Where only boxes are known, a box of at most this share of the other's area ...
    #[schemars(range(min = 0.0, max = 1.0))]
    pub inside_area_ratio: f64,
    /// ... and with at least this share of its own area inside the other may be in front of it, and nothing begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub inside_share: f64,
    /// Where only boxes are known, the lower bottom edge is nearer if it is lower by at least this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub depth_margin: f64,
    /// So long it goes on while the hidden thing is out of sight behind the other, in seconds; longer is HIDDEN_BY.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub covered_secs: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for OccludesConfig {
    fn default() -> Self {
        Self {
            on_visible: 0.8,
            off_visible: 0.9,
            front_visible: 0.9,
            on_gap: 0.15,
            off_gap: 0.3,
            cover_share: 0.5,
            inside_area_ratio: 0.6,
            inside_share: 0.9,
            depth_margin: 0.05,
            covered_secs: 3.0,
            hold: Hold::new(0.2, 0.2),
        }
    }
}

/// Bounds of a movement along the line between two tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeadingConfig {
    /// Begins at this speed along the line, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_speed: f64,
    /// Ends below this speed along the line, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_speed: f64,
    /// Least cosine between the movement and the line when it begins.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub on_cos: f64,
    /// By how much more than that the steady movement must show the direction when it begins, as a cosine, for noise not to
    /// begin what then goes on.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub aim_margin: f64,
    /// Below this speed the other is still, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for HeadingConfig {
    fn default() -> Self {
        Self {
            on_speed: 0.3,
            off_speed: 0.15,
            on_cos: 0.7,
            aim_margin: 0.02,
            still_speed: 0.25,
            hold: Hold::new(0.6, 0.3),
        }
    }
}

/// Bounds of LEAVES.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeavesConfig {
    /// The movement, away from the other.
    pub heading: HeadingConfig,
    /// Both were near each other at most this long before it begins, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub near_within_secs: f64,
}

impl Default for LeavesConfig {
    fn default() -> Self {
        Self { heading: HeadingConfig::default(), near_within_secs: 2.0 }
    }
}

/// Bounds of FOLLOWS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FollowsConfig {
    /// Mean distance between the way of the one and that of the other a lag before, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub path_error: f64,
    /// Over this long, in seconds.
    #[schemars(range(min = 0.1, max = 2.0))]
    pub window_secs: f64,
    /// The shortest lag, in seconds.
    #[schemars(range(min = 0.1, max = 4.0))]
    pub least_lag_secs: f64,
    /// The longest lag, in seconds.
    #[schemars(range(min = 0.1, max = 4.0))]
    pub most_lag_secs: f64,
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// Least cosine between the movement of either and the line from the one to the other.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub cos: f64,
    /// Least distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub least_distance: f64,
    /// Greatest distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub most_distance: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for FollowsConfig {
    fn default() -> Self {
        Self {
            path_error: 0.35,
            window_secs: 1.5,
            least_lag_secs: 0.3,
            most_lag_secs: 4.0,
            speed: 0.25,
            cos: 0.3,
            least_distance: 0.4,
            most_distance: 8.0,
            hold: Hold { min_secs: 1.0, bridge_secs: 1.0, ..Hold::new(0.2, 0.4) },
        }
    }
}

/// Bounds of CHASES.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChasesConfig {
    /// Greatest angle between the movement of the first and the line to the second, in degrees.
    #[schemars(range(min = 0.0, max = 180.0))]
    pub angle_degrees: f64,
    /// Greatest angle between the movement of the second and that line, in degrees.
    #[schemars(range(min = 0.0, max = 180.0))]
    pub flight_angle_degrees: f64,
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// Greatest distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub most_distance: f64,
    /// A thing of at most this share of the area ...
    #[schemars(range(min = 0.0, max = 1.0))]
    pub in_hand_area_ratio: f64,
    /// ... and at most this far from the other, in sizes, may be in its hand and is not chased.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub in_hand_gap: f64,
    /// Judged over this long, in seconds.
    #[schemars(range(min = 0.1, max = 4.0))]
    pub window_secs: f64,
    /// Begins when at least this share of the window shows a chase.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub on_share: f64,
    /// Ends when less than this share does.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub off_share: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for ChasesConfig {
    fn default() -> Self {
        Self {
            angle_degrees: 30.0,
            flight_angle_degrees: 75.0,
            speed: 1.3,
            most_distance: 6.0,
            in_hand_area_ratio: 0.5,
            in_hand_gap: 0.1,
            window_secs: 0.8,
            on_share: 0.8,
            off_share: 0.5,
            hold: Hold { min_secs: 1.5, bridge_secs: 1.0, ..Hold::new(0.0, 0.3) },
        }
    }
}

/// Bounds of MOVES_WITH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MovesWithConfig {
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// The velocities differ by at most this share of the greater speed ...
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_share: f64,
    /// ... and this, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_speed: f64,
    /// Greatest distance of the centres, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub most_distance: f64,
    /// Greatest cosine, in either sense, between the movement and the line between both.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub most_cos: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for MovesWithConfig {
    fn default() -> Self {
        Self {
            speed: 0.25,
            drift_share: 0.2,
            drift_speed: 0.1,
            most_distance: 2.0,
            most_cos: 0.5,
            hold: Hold { min_secs: 1.0, ..Hold::new(0.6, 0.4) },
        }
    }
}

/// Bounds of CARRIES, and of PICK_UP and PUT_DOWN, its beginning and end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CarriesConfig {
    /// What is carried has at most this share of the area.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub area_ratio: f64,
    /// Greatest gap, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub gap: f64,
    /// Both move at least this fast, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub speed: f64,
    /// The velocities differ by at most this share of the greater speed ...
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_share: f64,
    /// ... and this, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub drift_speed: f64,
    /// All bounds are this much wider once it holds.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub slack: f64,
    /// Below this speed a thing lies, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// PICK_UP and PUT_DOWN last this long, in seconds. What is picked up lay in the twice as long before.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub handling_secs: f64,
    /// What appears at rest and was put down is at least this old, in seconds, and at most by the handling older, ...
    #[schemars(range(min = 0.0, max = 600.0))]
    pub young_secs: f64,
    /// ... who put it down was there for this much longer, in seconds, ...
    #[schemars(range(min = 0.0, max = 600.0))]
    pub before_secs: f64,
    /// ... and is at most this far from it, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub beside_gap: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for CarriesConfig {
    fn default() -> Self {
        Self {
            area_ratio: 0.5,
            gap: 0.1,
            speed: 0.2,
            drift_share: 0.25,
            drift_speed: 0.1,
            slack: 1.3,
            still_speed: 0.25,
            handling_secs: 1.0,
            young_secs: 0.6,
            before_secs: 1.0,
            beside_gap: 0.5,
            hold: Hold::new(0.5, 0.4),
        }
    }
}

/// Bounds of MEETS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeetsConfig {
    /// Greatest gap, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub gap: f64,
    /// Both are slower than this, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// One approached the other at most this long before, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub approach_within_secs: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for MeetsConfig {
    fn default() -> Self {
        Self { gap: 0.75, still_speed: 0.25, approach_within_secs: 2.0, hold: Hold::new(1.5, 0.6) }
    }
}

/// Bounds of ABANDONED.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AbandonedConfig {
    /// Whoever left it is away at this distance of the centres, in sizes, ...
    #[schemars(range(min = 0.0, max = 100.0))]
    pub on_distance: f64,
    /// ... or out of sight, and back within this distance.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub off_distance: f64,
    /// Below this speed a thing lies, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// It is seen to lie at most this long after it was put down, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub put_down_within_secs: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for AbandonedConfig {
    fn default() -> Self {
        Self {
            on_distance: 3.0,
            off_distance: 2.0,
            still_speed: 0.25,
            put_down_within_secs: 1.0,
            hold: Hold::new(10.0, 1.0),
        }
    }
}
