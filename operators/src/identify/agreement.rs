//! How well the beginning of one track continues the end of another. [`IdentifyConfig`] states the score.

use super::config::IdentifyConfig;
use super::fragment::{EndPoint, Fragment};
use vokg_engine::geometry::length;
use vokg_engine::look::Look;
use vokg_engine::time::{micros_from_secs, secs_from_micros};

/// The score of `later` continuing `earlier`, in thousandths; 0 where they are too far apart in time or overlap in it.
pub(super) fn agreement_milli(earlier: &Fragment, later: &Fragment, config: &IdentifyConfig) -> u16 {
    let in_reach = later.first_seen > earlier.last_seen
        && later.first_seen - earlier.last_seen <= micros_from_secs(config.reach_secs);
    let (true, Some(end), Some(start)) = (in_reach, earlier.end(), later.start()) else {
        return 0;
    };
    let course = course(&end, &start, config);
    if course < f32::from(config.min_score_milli.saturating_sub(config.margin_milli)) / 1000.0 {
        return 0;
    }
    (course * look(earlier.appearance.look(), later.appearance.look(), config) * 1000.0) as u16
}

/// Everything but the look, 0 to 1.
fn course(end: &EndPoint, start: &EndPoint, config: &IdentifyConfig) -> f32 {
    let gap_secs = secs_from_micros(start.t.saturating_sub(end.t)) as f32;
    let size = (end.size * start.size).sqrt();
    let miss = |from: f32, to: f32, v0: f32, v1: f32| to - from - gap_secs * (v0 + v1) / 2.0;
    let miss_x = miss(end.position.0, start.position.0, end.velocity.0, start.velocity.0);
    let miss_y = miss(end.position.1, start.position.1, end.velocity.1, start.velocity.1);
    let miss_sizes = length(miss_x, miss_y) / size;
    let velocity_sizes = length(end.velocity.0 - start.velocity.0, end.velocity.1 - start.velocity.1) / size;
    let gap_share = gap_secs / config.reach_secs as f32;
    normal(miss_sizes / (config.position_sizes + config.drift_sizes_per_sec * gap_secs))
        * normal(velocity_sizes / config.velocity_sizes_per_sec)
        * normal((start.size / end.size).ln() / config.size_log)
        * (1.0 - gap_share.min(1.0) / 2.0)
}

fn look(earlier: Option<Look>, later: Option<Look>, config: &IdentifyConfig) -> f32 {
    let similarity = earlier.zip(later).and_then(|(earlier, later)| earlier.similarity(&later));
    similarity.map_or(config.look_unknown, |similarity| between(similarity, config.look_different, config.look_equal))
}

/// Where a similarity lies on the way from different (0) to equal (1).
pub(super) fn between(similarity: f32, different: f32, equal: f32) -> f32 {
    match equal > different {
        true => ((similarity - different) / (equal - different)).clamp(0.0, 1.0),
        false => f32::from(similarity >= equal),
    }
}

/// 1 where there is no deviation, less the more standard deviations there are.
pub(super) fn normal(deviations: f32) -> f32 {
    (-deviations * deviations / 2.0).exp()
}
