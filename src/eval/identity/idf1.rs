//! Identity over the whole sequence: each true id is given one stated id at most, so that most boxes come right.
//!
//! Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking", ECCV 2016 workshops,
//! section 3.

use super::SAME;
use super::assignment::{Offer, assign};
use super::sequence::Sequence;
use std::collections::BTreeMap;

/// Boxes with the right identity, and the places (true, stated) of the ids that belong together.
pub(super) fn right_boxes(sequence: &Sequence) -> (usize, Vec<(usize, usize)>) {
    let mut shared: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for overlap in sequence.frames.iter().flat_map(|frame| &frame.overlaps).filter(|overlap| overlap.iou >= SAME) {
        *shared.entry((overlap.truth, overlap.stated)).or_default() += 1;
    }
    let offers: Vec<_> = shared.iter().map(|(&(row, column), &weight)| Offer { row, column, weight }).collect();
    let taken: Vec<Offer> = assign(&offers).into_iter().map(|number| offers[number]).collect();
    let right: i64 = taken.iter().map(|offer| offer.weight).sum();
    (right as usize, taken.iter().map(|offer| (offer.row, offer.column)).collect())
}
