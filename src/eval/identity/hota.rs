//! HOTA: detection and association in one figure, over nineteen strictnesses of overlap.
//!
//! Luiten et al., "HOTA: A higher order metric for evaluating multi-object tracking", IJCV 129 (2021), sections 5 and 6.
//! In each frame boxes are paired so that the sum of overlap times *global alignment* is greatest, the latter being how
//! well the two ids overlap over the whole sequence. A pair counts at every strictness that its overlap reaches.

use super::assignment::{Offer, assign};
use super::sequence::{Frame, Overlap, Sequence};
use std::collections::BTreeMap;

/// Strictnesses, 0.05 to 0.95.
const LEVELS: usize = 19;
/// Weights are alignment times overlap in steps of this part.
const WEIGHT_STEPS: f64 = (1u64 << 50) as f64;

/// The four figures, each the mean over the strictnesses, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hota {
    /// Mean of the root of detection times association.
    pub hota: f64,
    /// Detection accuracy: pairs among all true and stated boxes.
    pub deta: f64,
    /// Association accuracy: how much of the two ids of a pair belongs together.
    pub assa: f64,
    /// Localisation accuracy: mean overlap of the pairs; 1 where there are none.
    pub loca: f64,
}

/// The overlap a pair must have at a strictness.
fn level(index: usize) -> f64 {
    0.05 + index as f64 * 0.05
}

/// What was counted at one strictness.
#[derive(Clone, Debug, Default)]
struct Level {
    pairs: usize,
    overlap: f64,
    /// By the places of the two ids.
    pairs_of: BTreeMap<(usize, usize), usize>,
}

/// Measures a sequence.
pub(super) fn hota(sequence: &Sequence) -> Hota {
    let alignment = alignment(sequence);
    let mut levels = vec![Level::default(); LEVELS];
    for frame in &sequence.frames {
        for pair in paired(frame, &alignment) {
            let reached = (0..LEVELS).filter(|index| pair.iou >= level(*index) - f64::EPSILON);
            for index in reached {
                levels[index].pairs += 1;
                levels[index].overlap += pair.iou;
                *levels[index].pairs_of.entry((pair.truth, pair.stated)).or_default() += 1;
            }
        }
    }
    let mean = |of: &dyn Fn(&Level) -> f64| levels.iter().map(of).sum::<f64>() / LEVELS as f64;
    let all = sequence.truth() + sequence.stated();
    let deta = |level: &Level| level.pairs as f64 / (all - level.pairs).max(1) as f64;
    let assa = |level: &Level| association(level, sequence);
    Hota {
        hota: mean(&|level| (deta(level) * assa(level)).sqrt()),
        deta: mean(&deta),
        assa: mean(&assa),
        loca: mean(&|level| if level.pairs == 0 { 1.0 } else { level.overlap / level.pairs as f64 }),
    }
}

/// Mean over the pairs of how much of their two ids belongs together.
fn association(level: &Level, sequence: &Sequence) -> f64 {
    let part = |(places, pairs): (&(usize, usize), &usize)| {
        let boxes = sequence.true_boxes[places.0] + sequence.stated_boxes[places.1];
        (pairs * pairs) as f64 / (boxes - pairs).max(1) as f64
    };
    level.pairs_of.iter().map(part).sum::<f64>() / level.pairs.max(1) as f64
}

/// How well each true and stated id overlap over the whole sequence, before any pairing.
fn alignment(sequence: &Sequence) -> BTreeMap<(usize, usize), f64> {
    let mut alignment: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for frame in &sequence.frames {
        let (mut true_sums, mut stated_sums) = (BTreeMap::new(), BTreeMap::new());
        for overlap in &frame.overlaps {
            *true_sums.entry(overlap.truth).or_insert(0.0) += overlap.iou;
            *stated_sums.entry(overlap.stated).or_insert(0.0) += overlap.iou;
        }
        for Overlap { truth, stated, iou } in &frame.overlaps {
            let share = iou / (true_sums[truth] + stated_sums[stated] - iou);
            *alignment.entry((*truth, *stated)).or_default() += share;
        }
    }
    for ((truth, stated), shared) in &mut alignment {
        let boxes = (sequence.true_boxes[*truth] + sequence.stated_boxes[*stated]) as f64;
        *shared /= boxes - *shared;
    }
    alignment
}

fn paired(frame: &Frame, alignment: &BTreeMap<(usize, usize), f64>) -> Vec<Overlap> {
    let offer = |overlap: &Overlap| {
        let weight = alignment[&(overlap.truth, overlap.stated)] * overlap.iou;
        Offer { row: overlap.truth, column: overlap.stated, weight: (weight * WEIGHT_STEPS) as i64 }
    };
    let offers: Vec<_> = frame.overlaps.iter().map(offer).collect();
    assign(&offers).into_iter().map(|number| frame.overlaps[number]).collect()
}
