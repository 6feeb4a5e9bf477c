//! How well a track that begins is a thing that was gone for a while. [`ReturnConfig`] states the score.

use super::agreement::{between, normal};
use super::config::ReturnConfig;
use super::fragment::{EndPoint, Fragment};
use vokg_engine::geometry::length;
use vokg_engine::time::{Micros, micros_from_secs, secs_from_micros};

/// A thing that is never seen whole is judged as it is after so many times the seconds of a look.
const PATIENCE: u64 = 4;

/// Whether enough was seen of a track to tell what it looks like.
pub(super) fn is_known(fragment: &Fragment, config: &ReturnConfig) -> bool {
    let look_us = micros_from_secs(config.look_secs);
    let seen_us = fragment.last_seen - fragment.first_seen;
    fragment.appearance.whole_us() >= look_us || seen_us >= PATIENCE * look_us
}

/// The score of `later` being `earlier` come back, in thousandths; 0 where it cannot be.
pub(super) fn return_milli(earlier: &Fragment, later: &Fragment, config: &ReturnConfig) -> u16 {
    let apart = later.first_seen > earlier.last_seen && earlier.ended;
    let gap_us = later.first_seen.saturating_sub(earlier.last_seen);
    if !apart || gap_us > micros_from_secs(config.within_secs) {
        return 0;
    }
    (score(earlier, later, gap_us, config).unwrap_or(0.0) * 1000.0) as u16
}

fn score(earlier: &Fragment, later: &Fragment, gap_us: Micros, config: &ReturnConfig) -> Option<f32> {
    let (end, start) = (earlier.end()?, later.start()?);
    let sizes = (earlier.appearance.size()?, later.appearance.size()?);
    let size = normal((sizes.1 / sizes.0).ln() / config.size_log);
    let gap_secs = secs_from_micros(gap_us) as f32;
    let tolerance = config.place_sizes + config.roam_sizes_per_sec * gap_secs;
    let was_behind = later.released_by.is_some_and(|cover| earlier.lost_behind() == Some(cover));
    let place = match was_behind {
        true => 1.0,
        false => normal(miss_sizes(earlier, later, &end, &start, (sizes.0 * sizes.1).sqrt())? / tolerance),
    };
    let recent = 1.0 - gap_secs / config.within_secs.max(f64::MIN_POSITIVE) as f32 / 4.0;
    if size * place * recent * 1000.0 < 1.0 {
        return None;
    }
    let similarity = earlier.appearance.look()?.similarity(&later.appearance.look()?)?;
    let (different, equal) = match was_behind {
        true => (config.behind_look_different, config.behind_look_equal),
        false => (config.look_different, config.look_equal),
    };
    Some(between(similarity, different, equal) * size * place * recent)
}

/// How far the one begins from where the other ended, in sizes; `None` where it came another way. What left through a
/// side of the frame comes back through that side and is compared along it.
fn miss_sizes(earlier: &Fragment, later: &Fragment, end: &EndPoint, start: &EndPoint, size: f32) -> Option<f32> {
    let (dx, dy) = (start.position.0 - end.position.0, start.position.1 - end.position.1);
    let (left_by, entered) = (earlier.left_by(), later.entered);
    if !left_by.any() && !entered.any() {
        return Some(length(dx, dy) / size);
    }
    let shared = left_by.and(entered);
    let along_y = (shared.left || shared.right).then_some(dy.abs());
    let along_x = (shared.top || shared.bottom).then_some(dx.abs());
    along_y.into_iter().chain(along_x).reduce(f32::min).map(|miss| miss / size)
}
