//! The bounds of HIDDEN_BY.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds of HIDDEN_BY, which begins where a thing under OCCLUDES goes out of sight. How long it must last is
/// [`super::OccludesConfig::covered_secs`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HiddenByConfig {
    /// The cover lies over at least this share of the place where the hidden thing was last seen, or would be if it had
    /// gone on.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// So long it may have gone on with its last velocity, in seconds.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub carry_secs: f64,
    /// What is given as visible by at most this share is out of sight.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub visible: f64,
    /// What comes into sight within this gap of the cover or the place, in sizes, may have been hidden there; what comes
    /// into sight further away was not.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub back_gap: f64,
    /// Nobody believes a thing to be hidden for longer than this, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub most_secs: f64,
}

impl Default for HiddenByConfig {
    fn default() -> Self {
        Self { share: 0.5, carry_secs: 0.5, visible: 0.05, back_gap: 1.0, most_secs: 60.0 }
    }
}
