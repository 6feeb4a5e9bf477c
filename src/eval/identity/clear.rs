//! The CLEAR MOT measures: misses, false boxes and switches, counted frame by frame at one overlap.
//!
//! Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT metrics", EURASIP Journal
//! on Image and Video Processing (2008), section 2. A pair of the frame before is kept as long as its boxes overlap
//! enough; the rest is paired so that the overlap is greatest. A frame that shows nothing true or nothing stated is no
//! frame before.

use super::SAME;
use super::assignment::{Offer, assign};
use super::sequence::{Frame, Overlap, Sequence};
use std::collections::BTreeMap;

/// Weight of a kept pair, above any overlap.
const KEPT: f64 = 1000.0;
/// Weights are in steps of this part.
const WEIGHT_STEPS: f64 = (1u64 << 40) as f64;

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clear {
    /// Paired boxes.
    pub pairs: usize,
    /// Sum of their overlaps.
    pub overlap: f64,
    /// How often a true id was paired with another stated one than the last time.
    pub switches: usize,
    /// How often the pairing of a true id was taken up again after a break.
    pub fragmentations: usize,
}

/// Measures a sequence.
pub(super) fn clear(sequence: &Sequence) -> Clear {
    let mut clear = Clear::default();
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut begun = vec![0usize; sequence.true_boxes.len()];
    for frame in sequence.frames.iter().filter(|frame| frame.truth > 0 && frame.stated > 0) {
        let pairs = paired(frame, &before);
        for pair in &pairs {
            clear.pairs += 1;
            clear.overlap += pair.iou;
            clear.switches += usize::from(last.insert(pair.truth, pair.stated).is_some_and(|id| id != pair.stated));
            begun[pair.truth] += usize::from(!before.contains_key(&pair.truth));
        }
        before = pairs.iter().map(|pair| (pair.truth, pair.stated)).collect();
    }
    clear.fragmentations = begun.iter().map(|times| times.saturating_sub(1)).sum();
    clear
}

fn paired(frame: &Frame, before: &BTreeMap<usize, usize>) -> Vec<Overlap> {
    let same: Vec<Overlap> = frame.overlaps.iter().copied().filter(|o| o.iou >= SAME - f64::EPSILON).collect();
    let offer = |overlap: &Overlap| {
        let kept = before.get(&overlap.truth) == Some(&overlap.stated);
        let weight = overlap.iou + if kept { KEPT } else { 0.0 };
        Offer { row: overlap.truth, column: overlap.stated, weight: (weight * WEIGHT_STEPS) as i64 }
    };
    let offers: Vec<_> = same.iter().map(offer).collect();
    assign(&offers).into_iter().map(|number| same[number]).collect()
}
