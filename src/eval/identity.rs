//! Boxes compared with the truth: detection, and who is who.
//!
//! IDF1 is that of Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking"
//! (ECCV 2016 workshops, section 3); identity switches are those of Bernardin and Stiefelhagen, "Evaluating multiple
//! object tracking performance: the CLEAR MOT metrics" (2008, section 2.3).

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::geometry::Rect;

/// Overlap at which two boxes show the same thing.
pub const SAME: f32 = 0.5;
/// Weight that keeps a pair of the frame before together, above any overlap.
const CONTINUED: i64 = 2_000_000;

/// A box of something in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Number of the frame.
    pub frame: u64,
    /// Whose box.
    pub id: u32,
    /// The box.
    pub rect: Rect,
}

/// How well boxes and identities were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IdentityScore {
    /// Found boxes among the stated.
    pub precision: f64,
    /// Found boxes among the true.
    pub recall: f64,
    /// Share of boxes with the right identity, over the whole stream.
    pub idf1: f64,
    /// How often a thing changed its identity.
    pub switches: usize,
    /// Objects that are true.
    pub objects_true: usize,
    /// Objects that were stated.
    pub objects: usize,
}

/// The scores, and which true thing each object is: the assignment that makes IDF1 largest.
pub fn score(predicted: &[Sighting], truth: &[Sighting]) -> (IdentityScore, BTreeMap<u32, u32>) {
    let (predicted_frames, truth_frames) = (by_frame(predicted), by_frame(truth));
    let mut shared: BTreeMap<(u32, u32), i64> = BTreeMap::new();
    let mut current: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut matched, mut switches) = (0, 0);
    for (frame, truth) in &truth_frames {
        let predicted = predicted_frames.get(frame).map_or(&[][..], Vec::as_slice);
        for t in truth {
            for p in predicted.iter().filter(|p| p.rect.iou(&t.rect) >= SAME) {
                *shared.entry((t.id, p.id)).or_default() += 1;
            }
        }
        for (t, p) in pair_up(truth, predicted, &current) {
            matched += 1;
            if current.insert(t, p).is_some_and(|before| before != p) {
                switches += 1;
            }
        }
    }
    let ids = |sightings: &[Sighting]| sightings.iter().map(|s| s.id).collect::<BTreeSet<_>>();
    let (true_ids, predicted_ids) = (ids(truth), ids(predicted));
    let (true_of, right) = assign(&true_ids, &predicted_ids, |t, p| shared.get(&(t, p)).copied().unwrap_or(0));
    let share = |of: usize, part: f64| if of == 0 { 1.0 } else { part / of as f64 };
    let score = IdentityScore {
        precision: share(predicted.len(), f64::from(matched)),
        recall: share(truth.len(), f64::from(matched)),
        idf1: share(predicted.len() + truth.len(), 2.0 * right as f64),
        switches,
        objects_true: true_ids.len(),
        objects: predicted_ids.len(),
    };
    (score, true_of)
}

fn by_frame(sightings: &[Sighting]) -> BTreeMap<u64, Vec<Sighting>> {
    let mut frames: BTreeMap<u64, Vec<Sighting>> = BTreeMap::new();
    for sighting in sightings {
        frames.entry(sighting.frame).or_default().push(*sighting);
    }
    frames
}

/// The pairs (true, stated) of one frame: those of the frame before first, then the largest overlaps.
fn pair_up(truth: &[Sighting], predicted: &[Sighting], current: &BTreeMap<u32, u32>) -> Vec<(u32, u32)> {
    let rect_of = |sightings: &[Sighting]| sightings.iter().map(|s| (s.id, s.rect)).collect::<BTreeMap<_, _>>();
    let (true_rects, predicted_rects) = (rect_of(truth), rect_of(predicted));
    let weight = |t: u32, p: u32| match true_rects[&t].iou(&predicted_rects[&p]) {
        iou if iou < SAME => 0,
        iou if current.get(&t) == Some(&p) => CONTINUED + (iou * 1e6) as i64,
        iou => (iou * 1e6) as i64,
    };
    let ids = |rects: &BTreeMap<u32, Rect>| rects.keys().copied().collect();
    let (pairs, _) = assign(&ids(&true_rects), &ids(&predicted_rects), weight);
    pairs.into_iter().map(|(p, t)| (t, p)).collect()
}

/// The one-to-one assignment of largest total weight, as stated → true, without pairs of weight 0; and that weight.
fn assign(
    truth: &BTreeSet<u32>,
    predicted: &BTreeSet<u32>,
    weight: impl Fn(u32, u32) -> i64,
) -> (BTreeMap<u32, u32>, i64) {
    if truth.is_empty() || predicted.is_empty() {
        return (BTreeMap::new(), 0);
    }
    let (truth, predicted): (Vec<_>, Vec<_>) = (truth.iter().collect(), predicted.iter().collect());
    let columns = predicted.len().max(truth.len());
    let weights = Matrix::from_fn(truth.len(), columns, |(row, column)| {
        predicted.get(column).map_or(0, |p| weight(*truth[row], **p))
    });
    let (total, assigned) = kuhn_munkres(&weights);
    let pairs = assigned.into_iter().enumerate().filter(|(row, column)| weights[(*row, *column)] > 0);
    (pairs.map(|(row, column)| (*predicted[column], *truth[row])).collect(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

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
