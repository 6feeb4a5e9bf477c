//! Which predicted boxes and segments overlap enough to be the same thing, without looking at every pair.
//!
//! The segments stand in the order of their left edges, in small blocks, each with the furthest right edge in it and up to
//! it. A box is compared with the blocks that reach it, from the first that any segment reaches it from, up to the first
//! that begins right of it. So the cost follows the crowd along one column of the picture, not the product of the two
//! sets.

use vokg_engine::geometry::Rect;

/// Segments that are passed over together.
const BLOCK: usize = 8;

/// A predicted box and a segment that overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Overlap {
    /// Position of the box.
    pub(super) row: usize,
    /// Position of the segment.
    pub(super) column: usize,
    /// Intersection over union, above 0.
    pub(super) iou: f32,
}

/// A pair that may be matched, and how good that would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Position in the first set.
    pub(super) row: usize,
    /// Position in the second set.
    pub(super) column: usize,
    /// How far the overlap is above the least allowed, in millionths: two poor pairs do not outweigh one good pair. An
    /// integer, so that equal sums are equal.
    pub(super) gain: i64,
}

impl Candidate {
    /// The candidate that an overlap makes.
    pub(super) fn of(overlap: &Overlap, min_iou: f32) -> Self {
        Self { row: overlap.row, column: overlap.column, gain: Self::gain_of(overlap.iou, min_iou) }
    }

    /// The gain of a pair that overlaps by `iou`.
    pub(super) fn gain_of(iou: f32, min_iou: f32) -> i64 {
        ((iou - min_iou) * 1e6) as i64
    }
}

/// Boxes in the order of their left edges.
#[derive(Clone, Debug, Default)]
pub(super) struct ByLeftEdge {
    /// The left edge of each box as an ordered number in the upper half, its position in the lower.
    keys: Vec<u64>,
    boxes: Vec<Edges>,
    /// The furthest right edge in each block of boxes, ...
    reach: Vec<f32>,
    /// ... and in all up to it.
    reach_so_far: Vec<f32>,
}

/// A box by its edges, and its position where it came from.
#[derive(Clone, Copy, Debug)]
struct Edges {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    area: f32,
    position: u32,
}

impl ByLeftEdge {
    /// Takes the boxes at these positions, and forgets those it had.
    pub(super) fn refill(&mut self, positions: impl Iterator<Item = usize>, rect_at: impl Fn(usize) -> Rect) {
        self.keys.clear();
        self.keys.extend(positions.map(|position| ordered(rect_at(position).left) << 32 | position as u64));
        self.keys.sort_unstable();
        self.boxes.clear();
        self.boxes.extend(self.keys.iter().map(|&key| Edges::of(&rect_at(key as u32 as usize), key as u32)));
        self.reach.clear();
        let reach = |block: &[Edges]| block.iter().map(|edges| edges.right).fold(f32::NEG_INFINITY, f32::max);
        self.reach.extend(self.boxes.chunks(BLOCK).map(reach));
        self.reach_so_far.clear();
        let mut so_far = f32::NEG_INFINITY;
        self.reach_so_far.extend(self.reach.iter().map(|reach| {
            so_far = so_far.max(*reach);
            so_far
        }));
    }

    /// All pairs with at least `min_iou` overlap, ordered by (row, column), in place of what was in `found`.
    pub(super) fn overlapping(&self, rows: &[Rect], min_iou: f32, found: &mut Vec<Overlap>) {
        found.clear();
        for (row, rect) in rows.iter().enumerate() {
            let first = found.len();
            let own = Edges::of(rect, 0);
            let start = self.reach_so_far.partition_point(|reach| *reach <= own.left);
            for (block, reach) in self.boxes.chunks(BLOCK).zip(&self.reach).skip(start) {
                if block[0].left >= own.right {
                    break;
                }
                if *reach <= own.left {
                    continue;
                }
                for other in block.iter().filter(|other| own.meets(other)) {
                    let iou = own.iou(other);
                    if iou > 0.0 && iou >= min_iou {
                        found.push(Overlap { row, column: other.position as usize, iou });
                    }
                }
            }
            found[first..].sort_unstable_by_key(|overlap| overlap.column);
        }
    }
}

impl Edges {
    fn of(rect: &Rect, position: u32) -> Self {
        let (right, bottom) = (rect.right(), rect.bottom());
        Self { left: rect.left, right, top: rect.top, bottom, area: rect.area(), position }
    }

    fn meets(&self, other: &Self) -> bool {
        (other.left < self.right) & (other.right > self.left) & (other.top < self.bottom) & (other.bottom > self.top)
    }

    /// [`Rect::iou`] of two boxes that meet.
    fn iou(&self, other: &Self) -> f32 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        let overlap = width * height;
        overlap / (self.area + other.area - overlap)
    }
}

/// A number for each value, in the order of the values ([`f32::total_cmp`]).
fn ordered(value: f32) -> u64 {
    let bits = value.to_bits();
    u64::from(if value.is_sign_negative() { !bits } else { bits | 1 << 31 })
}

/// Finds the pairs that are the best of their row and of their column.
#[derive(Clone, Debug, Default)]
pub(super) struct MutuallyBest {
    of_row: Vec<i64>,
    of_column: Vec<i64>,
}

impl MutuallyBest {
    /// Keeps the candidates that are the best of their row and of their column; of equally good ones the first.
    pub(super) fn keep(&mut self, rows: usize, columns: usize, candidates: &mut Vec<Candidate>) {
        let Self { of_row, of_column } = self;
        for (best, len) in [(&mut *of_row, rows), (&mut *of_column, columns)] {
            best.clear();
            best.resize(len, -1);
        }
        for candidate in candidates.iter() {
            of_row[candidate.row] = candidate.gain.max(of_row[candidate.row]);
            of_column[candidate.column] = candidate.gain.max(of_column[candidate.column]);
        }
        candidates.retain(|candidate| {
            let (row, column) = (&mut of_row[candidate.row], &mut of_column[candidate.column]);
            let is_best = *row == candidate.gain && *column == candidate.gain;
            if is_best {
                (*row, *column) = (i64::MAX, i64::MAX);
            }
            is_best
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rects() -> impl Strategy<Value = Vec<Rect>> {
        let rect = (0i16..60, 0i16..60, 0i16..30, 0i16..30)
            .prop_map(|(x, y, w, h)| Rect::new(f32::from(x), f32::from(y), f32::from(w), f32::from(h)));
        prop::collection::vec(rect, 0..40)
    }

    #[test]
    fn the_best_of_both_sides_are_taken_once() {
        let pair = |row, column, gain| Candidate { row, column, gain };
        let mut candidates =
            vec![pair(0, 0, 9), pair(0, 1, 5), pair(1, 0, 7), pair(1, 1, 6), pair(2, 2, 4), pair(2, 3, 4)];
        MutuallyBest::default().keep(3, 4, &mut candidates);
        assert_eq!(candidates, [pair(0, 0, 9), pair(2, 2, 4)]);
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_comparing_every_pair_finds(rows in rects(), columns in rects(), gate in 0u8..9) {
            let min_iou = f32::from(gate) / 10.0;
            let mut every = Vec::new();
            for (row, row_rect) in rows.iter().enumerate() {
                for (column, column_rect) in columns.iter().enumerate() {
                    let iou = row_rect.iou(column_rect);
                    every.extend((iou > 0.0 && iou >= min_iou).then_some(Overlap { row, column, iou }));
                }
            }
            let (mut by_left_edge, mut found) = (ByLeftEdge::default(), Vec::new());
            by_left_edge.refill(0..columns.len(), |position| columns[position]);
            by_left_edge.overlapping(&rows, min_iou, &mut found);
            prop_assert_eq!(found, every);
        }
    }
}
