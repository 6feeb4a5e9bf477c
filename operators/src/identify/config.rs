//! The settings of identification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// How alike the end of one track and the beginning of another must be to be one object.
///
/// The score of a pair is the product of five factors between 0 and 1, so that one that disagrees is enough to refuse.
/// A *size* is the square root of the area of a box; `n(x) = exp(-x² / 2)`.
///
/// | factor | value |
/// |---|---|
/// | position | `n(miss / (position_sizes + drift_sizes_per_sec · gap))`: `miss` is how far the way between the two is from the gap times the mean of both velocities, in sizes |
/// | motion | `n(difference of the velocities / velocity_sizes_per_sec)` |
/// | size | `n(ln(ratio of the sizes) / size_log)` |
/// | look | similarity of the mean looks, 0 at `look_different` rising to 1 at `look_equal`; `look_unknown` where either has none |
/// | gap | 1 where there is none, falling to 1/2 at `reach_secs` |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentifyConfig {
    /// Longest time between the last sighting of the one and the first of the other, in seconds.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub reach_secs: f64,
    /// Least score of a link, in thousandths.
    #[schemars(range(min = 0, max = 1000))]
    pub min_score_milli: u16,
    /// A link scores better by this than any other of either track, in thousandths; else both stay what they are.
    #[schemars(range(min = 0, max = 1000))]
    pub margin_milli: u16,
    /// Tolerance of position at once, in sizes.
    #[schemars(range(min = 0.001, max = 100.0))]
    pub position_sizes: f32,
    /// How that tolerance grows with the gap, in sizes per second.
    #[schemars(range(min = 0.001, max = 100.0))]
    pub drift_sizes_per_sec: f32,
    /// Tolerance of velocity, in sizes per second.
    #[schemars(range(min = 0.001, max = 100.0))]
    pub velocity_sizes_per_sec: f32,
    /// Tolerance of size, in natural logarithms of the ratio.
    #[schemars(range(min = 0.001, max = 100.0))]
    pub size_log: f32,
    /// Similarity of looks at and below which two things are different.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub look_different: f32,
    /// Similarity of looks at and above which they are equal.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub look_equal: f32,
    /// The factor where a look is missing.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub look_unknown: f32,
}

impl Default for IdentifyConfig {
    fn default() -> Self {
        Self {
            reach_secs: 3.0,
            min_score_milli: 300,
            margin_milli: 150,
            position_sizes: 0.4,
            drift_sizes_per_sec: 0.3,
            velocity_sizes_per_sec: 1.5,
            size_log: 0.35,
            look_different: 0.4,
            look_equal: 0.8,
            look_unknown: 0.7,
        }
    }
}
