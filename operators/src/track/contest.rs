//! Where several tracks and segments compete for each other by their boxes, their masks and ways have a say.
//!
//! Boxes of things that cross or stand before each other overlap as much with the wrong one as with the right one; what is
//! inside them does not, nor which way they were going. Where nothing competes the box is enough, and neither is looked at.

use super::candidates::Candidate;
use super::heading::Heading;
use super::silhouette::Silhouette;
use serde::{Deserialize, Serialize};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::mask::Mask;
use vokg_engine::segment::Segment;

/// The mask a track was last seen with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shape {
    /// Its pixels, in the frame in which it was seen.
    pub(super) mask: Mask,
    /// The centre of its box there, in pixels.
    pub(super) centre: (f32, f32),
}

impl Shape {
    /// The shape of a segment that covers one thing and has a mask.
    pub(super) fn of(segment: &Segment) -> Option<Self> {
        let mask = own_mask(segment)?.clone();
        Some(Self { mask, centre: segment.rect.centre() })
    }
}

/// The mask of a segment, unless it covers other things too.
pub(super) fn own_mask(segment: &Segment) -> Option<&Mask> {
    segment.mask.as_ref().filter(|_| !segment.merged)
}

/// What is competed for: the boxes expected of the rows and those found, the ways of the rows, and the masks of rows and
/// columns, where known.
pub(super) struct Contest<'a> {
    pub(super) expected: &'a [Rect],
    pub(super) found: &'a [Rect],
    pub(super) headings: &'a [&'a Heading],
    pub(super) shapes: &'a [Option<&'a Shape>],
    pub(super) masks: &'a [Option<&'a Mask>],
    pub(super) frame: Size,
}

/// How much masks and ways count beside boxes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    /// The share of the masks in the agreement, 0 to 1.
    pub(super) mask: f32,
    /// What a segment straight ahead gains, as overlap.
    pub(super) direction: f32,
    /// A way has a direction from this length on, in sizes.
    pub(super) direction_sizes: f32,
}

impl Contest<'_> {
    /// Weighs candidates that share a row or a column with another: of a pair with two masks, the share `mask` of the gain is
    /// by how far the overlap of the masks, the track's moved to its expected place, is above `min_iou`; and a pair gains or
    /// loses by whether the segment lies ahead. A pair that can tell neither keeps its gain.
    pub(super) fn weigh(&self, candidates: &mut [Candidate], min_iou: f32, weights: Weights) {
        let (mut of_row, mut of_column) = (vec![0u32; self.expected.len()], vec![0u32; self.found.len()]);
        for candidate in candidates.iter() {
            of_row[candidate.row] += 1;
            of_column[candidate.column] += 1;
        }
        if !candidates.iter().any(|candidate| of_row[candidate.row] > 1 || of_column[candidate.column] > 1) {
            return;
        }
        let mut rows: Vec<Option<Silhouette>> = vec![None; of_row.len()];
        let mut columns: Vec<Option<Silhouette>> = vec![None; of_column.len()];
        for candidate in candidates.iter_mut() {
            let (row, column) = (candidate.row, candidate.column);
            if of_row[row] < 2 && of_column[column] < 2 {
                continue;
            }
            if let (Some(shape), Some(mask)) = (self.shapes[row], self.masks[column].filter(|_| weights.mask > 0.0)) {
                let seen = rows[row].get_or_insert_with(|| Silhouette::of(&shape.mask));
                let found = columns[column].get_or_insert_with(|| Silhouette::of(mask));
                let (x, y) = self.expected[row].centre();
                let away = (x - shape.centre.0, y - shape.centre.1);
                if let Some(iou) = found.iou_when_moved(seen, away, self.frame) {
                    candidate.gain = blend(candidate.gain, Candidate::gain_of(iou, min_iou).max(0), weights.mask);
                }
            }
            if weights.direction > 0.0 {
                let least_px = weights.direction_sizes * self.expected[row].scale();
                let ahead = self.headings[row].cosine(self.found[column].centre(), least_px).unwrap_or(0.0);
                candidate.gain = (candidate.gain + (f64::from(weights.direction * ahead) * 1e6) as i64).max(0);
            }
        }
    }
}

fn blend(boxes: i64, masks: i64, weight: f32) -> i64 {
    boxes + (f64::from(weight) * (masks - boxes) as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::mask::CellBounds;

    const FRAME: Size = Size { width: 100, height: 100 };
    const PLACE: Rect = Rect { left: 20.0, top: 20.0, width: 40.0, height: 40.0 };

    /// A bar from corner to corner of a box of 40 by 40 cells.
    fn bar(left: u32, falling: bool) -> Mask {
        let bounds = CellBounds { left, top: 20, width: 40, height: 40 };
        let on_bar = |x: u32, y: u32| {
            let (across, down) = (x - left, y - 20);
            across.abs_diff(if falling { down } else { 39 - down }) < 4
        };
        Mask::from_cells(FRAME, bounds, on_bar)
    }

    fn weighed(weight: f32, masks: [Option<&Mask>; 2], mut candidates: Vec<Candidate>) -> Vec<i64> {
        let shapes = [true, false].map(|falling| Shape { mask: bar(20, falling), centre: PLACE.centre() });
        let shapes = shapes.each_ref().map(Some);
        let nowhere = Heading::default();
        let headings = [&nowhere; 2];
        let contest = Contest {
            expected: &[PLACE; 2],
            found: &[PLACE; 2],
            headings: &headings,
            shapes: &shapes,
            masks: &masks,
            frame: FRAME,
        };
        contest.weigh(&mut candidates, 0.3, Weights { mask: weight, direction: 0.1, direction_sizes: 0.05 });
        candidates.iter().map(|candidate| candidate.gain).collect()
    }

    fn pair(row: usize, column: usize) -> Candidate {
        Candidate { row, column, gain: 700_000 }
    }

    #[test]
    fn of_equal_boxes_the_one_with_the_same_inside_gains_most() {
        let masks = [bar(20, false), bar(20, true)];
        let gains = weighed(0.5, masks.each_ref().map(Some), vec![pair(0, 0), pair(0, 1), pair(1, 0), pair(1, 1)]);
        assert_eq!((gains[1], gains[2]), (700_000, 700_000), "the same bar");
        assert!(gains[0] < 400_000 && gains[3] < 400_000, "{gains:?}");
    }

    #[test]
    fn only_where_boxes_leave_a_choice_and_both_masks_are_known() {
        let crossed = bar(20, false);
        assert_eq!(weighed(0.5, [Some(&crossed), None], vec![pair(0, 0)]), [700_000], "no rival");
        assert_eq!(weighed(0.5, [None, None], vec![pair(0, 0), pair(0, 1)]), [700_000; 2], "no mask");
        assert_eq!(weighed(0.0, [Some(&crossed), None], vec![pair(0, 0), pair(0, 1)]), [700_000; 2], "no weight");
        assert_eq!(weighed(1.0, [Some(&crossed), None], vec![pair(0, 0), pair(0, 1)])[1], 700_000);
    }

    #[test]
    fn of_two_who_overlap_alike_the_one_ahead_gains() {
        let mut right = Heading::default();
        [(0, 20.0), (40, 30.0)].into_iter().for_each(|(t, x)| right.push(t, (x, 40.0), 120));
        let found = [Rect { left: 30.0, ..PLACE }, Rect { left: -20.0, ..PLACE }];
        let contest = Contest {
            expected: &[PLACE],
            found: &found,
            headings: &[&right],
            shapes: &[None],
            masks: &[None; 2],
            frame: FRAME,
        };
        let weigh = |mut candidates: Vec<Candidate>| -> Vec<i64> {
            contest.weigh(&mut candidates, 0.3, Weights { mask: 0.5, direction: 0.1, direction_sizes: 0.05 });
            candidates.iter().map(|candidate| candidate.gain).collect()
        };
        assert_eq!(weigh(vec![pair(0, 0), pair(0, 1)]), [800_000, 600_000]);
        assert_eq!(weigh(vec![pair(0, 1)]), [700_000], "no rival");
    }
}
