//! The settings of the tracker, in seconds, sizes and shares: none depends on the frame rate or the resolution.

use super::contest::Weights;
use crate::mot::SCORE_UNKNOWN;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Share of the scores of a detector at either end that may be mishaps ...
const END_SHARE: f64 = 0.01;
/// ... and are, where they are farther from the others than this share of the range of those.
const FAR_SHARE: f32 = 0.5;

/// When a track begins, is believed, is given up, and which segments may continue it.
///
/// A *size* is the square root of the area of a track's box. The defaults suit the segmenter `motion`, whose segments
/// are few, tight and unscored; [`TrackConfig::detections`] suits the boxes of a detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrackConfig {
    /// A track is confirmed only after it was seen for this long, pauses not counted, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub confirm_secs: f64,
    /// Distance between its first and its present centre that confirms it, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub confirm_moved_sizes: f32,
    /// A track that has not moved that far is confirmed after being seen for this long, in seconds, ...
    #[schemars(range(min = 0.0, max = 600.0))]
    pub confirm_still_secs: f64,
    /// ... where its box covers at least this share of the frame, or where it began beside a believed track, which
    /// may have put it down.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confirm_still_area: f32,
    /// A thing of that size that is there in the first frame is confirmed after being seen for this long, in seconds:
    /// it has no coming that could be watched.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub confirm_first_secs: f64,
    /// A confirmed track is given up when it was not seen for longer than this, in seconds, or than two and a half periods
    /// of a stream of very few frames. A step from frame to frame that is longer ends every track.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub lost_secs: f64,
    /// A track that is not confirmed is dropped when it was not seen for longer than this, in seconds, or than one and a half
    /// periods of such a stream.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub forget_secs: f64,
    /// How far back the sightings of a track that is not confirmed are kept, in seconds.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub history_secs: f64,
    /// A track that was still for this long is settled, in seconds.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub settle_secs: f64,
    /// Below this speed a track is still, in sizes per second.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub still_sizes_per_sec: f32,
    /// Segments with at least this score continue any track.
    #[schemars(range(min = -1e6, max = 1e6))]
    pub high_score: f32,
    /// Segments with at least this score continue confirmed tracks that were seen in the previous frame.
    #[schemars(range(min = -1e6, max = 1e6))]
    pub low_score: f32,
    /// Segments with at least this score begin a track.
    #[schemars(range(min = -1e6, max = 1e6))]
    pub birth_score: f32,
    /// Least overlap (intersection over union) of a segment with the predicted box of a track it continues.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_iou: f32,
    /// The same for segments below `high_score`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_iou_low: f32,
    /// The same for a track kept beyond `lost_secs` because its place is hidden.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_iou_hidden: f32,
    /// A confirmed track that was not seen for longer than `lost_secs` is kept while at least this share of its predicted
    /// box is behind the box of one track that is seen ...
    #[schemars(range(min = 0.0, max = 1.0))]
    pub hidden_share: f32,
    /// ... but not when it was not seen for longer than this, in seconds. 0 keeps none.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub hidden_secs: f64,
    /// Where several segments and tracks compete by their boxes, the overlap of their masks counts for this share of their
    /// agreement. 0 looks at boxes alone.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub mask_weight: f32,
    /// Where several segments and tracks compete, so much is added to the overlap of one that lies straight in the way of
    /// the track's last sightings, and taken from one that lies back. 0 looks at no direction.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub direction_weight: f32,
    /// Over so long a way is read from sightings, in seconds.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub direction_secs: f64,
    /// A way shorter than this has no direction, in sizes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub direction_sizes: f32,
    /// Where the motion of the camera is not known, it is taken from what at least this many tracks have in common.
    /// 0 never does so.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub common_tracks: u32,
    /// Least overlap (intersection over union) of a track's predicted box and a segment to speak for a common motion.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub common_min_iou: f32,
    /// A common motion is believed where the median of what remains between predicted and found places is so many of its
    /// standard errors from 0.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub common_errors: f32,
    /// How many times larger the error of a merged segment's box is.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub merged_noise: f32,
}

impl Default for TrackConfig {
    fn default() -> Self {
        Self {
            confirm_secs: 0.3,
            confirm_moved_sizes: 0.25,
            confirm_still_secs: 1.0,
            confirm_still_area: 0.01,
            confirm_first_secs: 0.1,
            lost_secs: 0.6,
            forget_secs: 0.2,
            history_secs: 5.0,
            settle_secs: 60.0,
            still_sizes_per_sec: 0.1,
            high_score: 0.0,
            low_score: 0.0,
            birth_score: 0.0,
            min_iou: 0.2,
            min_iou_low: 0.5,
            min_iou_hidden: 0.6,
            hidden_share: 0.9,
            hidden_secs: 2.0,
            mask_weight: 0.5,
            direction_weight: 0.05,
            direction_secs: 0.12,
            direction_sizes: 0.05,
            common_tracks: 5,
            common_min_iou: 0.1,
            common_errors: 3.0,
            merged_noise: 3.0,
        }
    }
}

impl TrackConfig {
    pub(super) fn weights(&self) -> Weights {
        let Self { mask_weight: mask, direction_weight: direction, direction_sizes, .. } = *self;
        Weights { mask, direction, direction_sizes }
    }

    /// Settings for the boxes of a detector, of whose scores these are a sample.
    ///
    /// Detectors differ in the range of their scores, so the bounds are set between the least and the greatest of the sample:
    /// from a little above the middle a box continues any track, from a tenth on it continues one that was just seen (the two
    /// rounds of ByteTrack: Zhang et al., ECCV 2022, section 3), and from three fifths on it begins one. Of the hundredth at
    /// either end what lies far from all others is left out, as a mishap; a score of −1 is unknown and tells nothing. A
    /// detector has seen the thing itself, not its motion, so tracks are believed sooner and kept for longer; its boxes tremble,
    /// so the direction of a few of them decides nothing.
    pub fn detections(scores: &[f32]) -> Self {
        let mut known: Vec<f32> = scores.iter().copied().filter(|score| *score != SCORE_UNKNOWN).collect();
        known.sort_unstable_by(f32::total_cmp);
        let end = (known.len().saturating_sub(1) as f64 * END_SHARE).round() as usize;
        let most = known.get(end).copied().zip(known.iter().nth_back(end).copied());
        let range = most.and_then(|(low, high)| {
            let far = FAR_SHARE * (high - low);
            let near = || known.iter().filter(|score| (low - far..=high + far).contains(*score));
            near().next().zip(near().next_back()).filter(|(least, greatest)| least < greatest)
        });
        let at = |share: f32| range.map_or(f32::NEG_INFINITY, |(least, greatest)| least + share * (greatest - least));
        Self {
            confirm_secs: 0.06,
            confirm_moved_sizes: 0.0,
            lost_secs: 1.0,
            forget_secs: 0.1,
            high_score: at(0.55),
            low_score: at(0.1),
            birth_score: at(0.6),
            min_iou: 0.3,
            min_iou_low: 0.6,
            direction_weight: 0.0,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_range_of_the_scores() {
        let config = TrackConfig::detections(&[4.0, 0.0, 10.0]);
        assert_eq!((config.low_score, config.high_score, config.birth_score), (1.0, 5.5, 6.0));
    }

    #[test]
    fn single_scores_far_off_and_unknown_ones_move_no_bound() {
        let plain: Vec<f32> = (0..200).map(|n| n as f32 / 200.0).collect();
        let bounds = |scores: &[f32]| {
            let TrackConfig { low_score, high_score, birth_score, .. } = TrackConfig::detections(scores);
            [low_score, high_score, birth_score]
        };
        for odd in [&[-1.0; 50][..], &[100.0], &[-40.0], &[-1.0, -1.0, 9.0, -7.0]] {
            assert_eq!(bounds(&[&plain, odd].concat()), bounds(&plain), "{odd:?}");
        }
        assert_eq!(bounds(&[-1.0; 9]), [f32::NEG_INFINITY; 3]);
    }

    #[test]
    fn scores_that_say_nothing_let_every_box_in() {
        for scores in [&[][..], &[0.7, 0.7]] {
            let config = TrackConfig::detections(scores);
            assert!(0.7 >= config.high_score && 0.7 >= config.birth_score, "{scores:?}");
        }
    }
}
