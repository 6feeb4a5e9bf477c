//! The settings of identification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// How alike the end of one track and the beginning of another must be to be one object.
///
/// Two rules link tracks. A *fragment* goes on at once where another track ended; its score is given here. A *return*
/// is judged by [`ReturnConfig`].
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
    /// A link stands until its score falls this far below what made it, in thousandths; so it does not flicker.
    #[schemars(range(min = 0, max = 1000))]
    pub keep_milli: u16,
    /// How long after its first sighting a track may still be moved to another object, in seconds. Never less than
    /// what a fragment takes to be judged.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub reconsider_secs: f64,
    /// The most tracks that are remembered after they ended; the longest gone is forgotten first.
    #[schemars(range(min = 1, max = 100_000))]
    pub remembered_tracks: usize,
    /// Things that come back after a while.
    pub returns: ReturnConfig,
}

/// How alike a new track and one that ended a while ago must be to be one object.
///
/// The score of a pair is the product of four factors between 0 and 1; a *size* and `n` are those of
/// [`IdentifyConfig`], but sizes are means over the whole track, where nothing cut or hid it.
///
/// | factor | value |
/// |---|---|
/// | look | similarity of the mean looks, 0 at `look_different` rising to 1 at `look_equal`; from `behind_look_different` to `behind_look_equal` for what went behind a track and came out from behind it |
/// | size | `n(ln(ratio of the sizes) / size_log)` |
/// | place | `n(miss / (place_sizes + roam_sizes_per_sec · gap))`: `miss` is how far the one begins from where the other ended, in sizes. What left through a side of the frame can only come back through that side, and `miss` is measured along it; what was lost inside can only come back inside. 1 for what was last seen mostly hidden behind a live track and comes out of that track's box, wherever that is |
/// | gap | 1 where there is none, falling to 3/4 at `within_secs` |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReturnConfig {
    /// Longest absence, in seconds; 0 turns the rule off.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub within_secs: f64,
    /// Least score of a link, in thousandths.
    #[schemars(range(min = 0, max = 1000))]
    pub min_score_milli: u16,
    /// A link scores better by this than any other of either track, in thousandths; else both stay what they are. A
    /// track that is still too new to be judged counts here as well.
    #[schemars(range(min = 0, max = 1000))]
    pub margin_milli: u16,
    /// How long a track is seen whole before it is judged, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub look_secs: f64,
    /// Similarity of looks at and below which two things are different.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub look_different: f32,
    /// Similarity of looks at and above which they are equal.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub look_equal: f32,
    /// The same as `look_different` for what went behind a live track and came out of that track's box: few others
    /// can have done so.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub behind_look_different: f32,
    /// The same as `look_equal` for it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub behind_look_equal: f32,
    /// Tolerance of size, in natural logarithms of the ratio.
    #[schemars(range(min = 0.001, max = 100.0))]
    pub size_log: f32,
    /// Tolerance of place at once, in sizes.
    #[schemars(range(min = 0.001, max = 100.0))]
    pub place_sizes: f32,
    /// How that tolerance grows with the absence, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub roam_sizes_per_sec: f32,
}

impl Default for ReturnConfig {
    fn default() -> Self {
        Self {
            within_secs: 60.0,
            min_score_milli: 400,
            margin_milli: 300,
            look_secs: 0.5,
            look_different: 0.95,
            look_equal: 0.99,
            behind_look_different: 0.85,
            behind_look_equal: 0.95,
            size_log: 0.35,
            place_sizes: 1.0,
            roam_sizes_per_sec: 0.5,
        }
    }
}

impl IdentifyConfig {
    /// How far back an ended track may be linked to, in seconds before the present.
    pub fn memory_secs(&self) -> f64 {
        self.reach_secs.max(self.returns.within_secs) + self.reconsider_secs.max(self.reach_secs)
    }
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
            look_different: 0.7,
            look_equal: 0.9,
            look_unknown: 0.7,
            keep_milli: 150,
            reconsider_secs: 30.0,
            remembered_tracks: 256,
            returns: ReturnConfig::default(),
        }
    }
}
