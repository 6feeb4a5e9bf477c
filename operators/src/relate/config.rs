//! The bounds of the relations and of what is measured for them, in sizes and seconds: none depends on the frame rate
//! or the resolution.
//!
//! A *size* is the square root of the area of a box; between two tracks it is the geometric mean of both. A relation
//! begins at its `on` bound and ends at its weaker `off` bound, so that noise at one bound does not make it flicker.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vokg_engine::evidence::IntervalRule;
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
    /// Bounds of APPROACHES.
    pub approaches: HeadingConfig,
    /// Bounds of LEAVES, as speeds and directions away from the other.
    pub leaves: LeavesConfig,
}

impl RelateConfig {
    /// Refuses a bound to begin that lies beyond its bound to end, as such a relation would flicker.
    ///
    /// # Errors
    /// The names and values of the two.
    pub fn refuse_crossed_bounds(&self) -> Result<(), String> {
        let Self { near, contains, occludes, approaches, leaves, .. } = self;
        let heading = &leaves.heading;
        let at_most = [
            ("near.on_gap", near.on_gap, "near.off_gap", near.off_gap),
            ("contains.off_share", contains.off_share, "contains.on_share", contains.on_share),
            ("occludes.on_visible", occludes.on_visible, "occludes.off_visible", occludes.off_visible),
            ("occludes.on_gap", occludes.on_gap, "occludes.off_gap", occludes.off_gap),
            ("approaches.off_speed", approaches.off_speed, "approaches.on_speed", approaches.on_speed),
            ("leaves.heading.off_speed", heading.off_speed, "leaves.heading.on_speed", heading.on_speed),
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
    /// No velocity before those sightings span this long, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub velocity_span_secs: f64,
    /// A track unseen for at most this long is taken as seen between its sightings, in seconds.
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
            velocity_span_secs: 0.2,
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
    /// The contained box has at most this share of the container's area when it begins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub area_ratio: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for ContainsConfig {
    fn default() -> Self {
        Self { on_share: 0.9, off_share: 0.75, area_ratio: 0.6, hold: Hold::new(0.4, 0.4) }
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
    /// Where only boxes are known, the lower bottom edge is nearer if it is lower by at least this, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub depth_margin: f64,
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
            depth_margin: 0.05,
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
    /// Below this speed the other is still, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_speed: f64,
    /// How long.
    pub hold: Hold,
}

impl Default for HeadingConfig {
    fn default() -> Self {
        Self { on_speed: 0.3, off_speed: 0.15, on_cos: 0.7, still_speed: 0.25, hold: Hold::new(0.6, 0.3) }
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
