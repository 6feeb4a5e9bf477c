//! Settings of the segmenter, in seconds and shares of the frame.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// Settings of the segmenter `motion`. Nothing is in pixels or frames, so that they hold for any size and rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MotionConfig {
    /// Cells of the reduced picture in a row; smaller frames keep their own width. Cost grows with its square.
    #[schemars(range(min = 32, max = 4096))]
    pub plane_width: u32,
    /// How much of the beginning is looked at to find the first background.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub lead_secs: f64,
    /// Distance between the pictures of the beginning that are looked at.
    #[schemars(range(min = 0.01, max = 60.0))]
    pub sample_secs: f64,
    /// Standard deviations from the background beyond which a cell belongs to a thing.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub low_sigma: f32,
    /// Standard deviations beyond which a cell is proof of a thing.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub high_sigma: f32,
    /// Share of a thing's cells that must be proof.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub proof_share: f32,
    /// Least area of a thing, as a share of the frame.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub least_area_share: f64,
    /// Width of gaps that are closed, as a share of the frame's width.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gap_share: f64,
    /// Time constant of learning the background where nothing moves.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub learn_secs: f64,
    /// Time constant in foreground that no track owns.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub unowned_learn_secs: f64,
    /// How far around a live track nothing is learned, as a share of its box.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub track_margin_share: f32,
    /// How long an abandoned place must look so before the background takes it over.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub ghost_secs: f64,
    /// How long a track that is not seen still claims a part of a blob.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub claim_secs: f64,
    /// Share of the frame beyond which foreground cannot be things: the scene itself has changed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub flood_share: f64,
    /// How long a flood lasts before the background is taken anew.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub flood_secs: f64,
}

impl Default for MotionConfig {
    fn default() -> Self {
        Self {
            plane_width: 384,
            lead_secs: 5.0,
            sample_secs: 0.25,
            low_sigma: 3.0,
            high_sigma: 6.0,
            proof_share: 0.1,
            least_area_share: 0.0015,
            gap_share: 0.008,
            learn_secs: 10.0,
            unowned_learn_secs: 20.0,
            track_margin_share: 0.1,
            ghost_secs: 0.5,
            claim_secs: 0.6,
            flood_share: 0.7,
            flood_secs: 1.0,
        }
    }
}
