//! Boxes compared with the truth: detection, and who is who.
//!
//! [`hota`] weighs both, [`clear`] counts errors frame by frame, [`idf1`] asks for one identity over the whole sequence.
//! All three agree with TrackEval 1.3 (`tests/identity.rs`). A share of nothing is 0.

mod assignment;
mod clear;
mod hota;
mod idf1;
mod ignored;
mod sequence;

use clear::Clear;
use hota::Hota;
pub use ignored::{ID_MAX, without_ignored};
use sequence::Sequence;
pub use sequence::Sighting;
use serde::Serialize;
use std::collections::BTreeMap;

/// Overlap at which two boxes show the same thing.
pub const SAME: f64 = 0.5;

/// How well boxes and identities were found. All but the counts are from 0 to 1, and MOTA may fall below.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IdentityScore {
    /// Detection and association together, mean over strictnesses of overlap.
    pub hota: f64,
    /// Its part of detection.
    pub deta: f64,
    /// Its part of association.
    pub assa: f64,
    /// Mean overlap of boxes that were paired, mean over strictnesses.
    pub loca: f64,
    /// One less misses, false boxes and switches, by the true box.
    pub mota: f64,
    /// Mean overlap of the boxes found.
    pub motp: f64,
    /// Found boxes among the stated.
    pub precision: f64,
    /// Found boxes among the true.
    pub recall: f64,
    /// Share of boxes with the right identity, over the whole stream.
    pub idf1: f64,
    /// The same among the stated boxes.
    pub idp: f64,
    /// The same among the true boxes.
    pub idr: f64,
    /// How often a thing changed its identity.
    pub switches: usize,
    /// How often a thing was lost and found again.
    pub fragmentations: usize,
    /// Objects that are true.
    pub objects_true: usize,
    /// Objects that were stated.
    pub objects: usize,
}

/// The scores, and which true thing each object is: the assignment that makes IDF1 largest.
pub fn score(predicted: &[Sighting], truth: &[Sighting]) -> (IdentityScore, BTreeMap<u32, u32>) {
    let sequence = Sequence::new(predicted, truth);
    let (true_boxes, stated_boxes) = (sequence.truth(), sequence.stated());
    let Hota { hota, deta, assa, loca } = hota::hota(&sequence);
    let Clear { pairs, overlap, switches, fragmentations } = clear::clear(&sequence);
    let (right, same) = idf1::right_boxes(&sequence);
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    let wrong = true_boxes - pairs + stated_boxes - pairs + switches;
    let score = IdentityScore {
        hota,
        deta,
        assa,
        loca,
        mota: if true_boxes == 0 { 0.0 } else { 1.0 - share(wrong, true_boxes) },
        motp: overlap / pairs.max(1) as f64,
        precision: share(pairs, stated_boxes),
        recall: share(pairs, true_boxes),
        idf1: share(2 * right, true_boxes + stated_boxes),
        idp: share(right, stated_boxes),
        idr: share(right, true_boxes),
        switches,
        fragmentations,
        objects_true: sequence.true_boxes.len(),
        objects: sequence.stated_boxes.len(),
    };
    let named = |(t, s): (usize, usize)| (sequence.stated_id(s), sequence.true_id(t));
    (score, same.into_iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;

    fn walk(id: u32, frames: std::ops::Range<u64>, y: f32) -> Vec<Sighting> {
        frames.map(|frame| Sighting { frame, id, rect: Rect::new(frame as f32, y, 10.0, 10.0) }).collect()
    }

    #[test]
    fn a_perfect_answer_scores_one_under_other_names() {
        let truth = [walk(1, 0..20, 0.0), walk(2, 5..15, 50.0)].concat();
        let stated = [walk(8, 0..20, 0.0), walk(7, 5..15, 50.0)].concat();
        let (score, names) = score(&stated, &truth);
        assert_eq!((score.precision, score.recall, score.idf1, score.switches), (1.0, 1.0, 1.0, 0));
        assert_eq!(names, BTreeMap::from([(7, 2), (8, 1)]));
    }

    #[test]
    fn a_broken_track_costs_identity_not_detection() {
        let truth = walk(1, 0..20, 0.0);
        let stated = [walk(1, 0..10, 0.0), walk(2, 10..20, 0.0)].concat();
        let (score, _) = score(&stated, &truth);
        assert_eq!((score.precision, score.recall, score.idf1, score.switches), (1.0, 1.0, 0.5, 1));
    }

    #[test]
    fn false_boxes_cost_precision_and_missing_ones_recall() {
        let (score, names) = score(&walk(1, 0..10, 90.0), &walk(1, 0..10, 0.0));
        assert_eq!((score.precision, score.recall, score.idf1), (0.0, 0.0, 0.0));
        assert!(names.is_empty());
    }
}
