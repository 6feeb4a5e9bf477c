//! How much two masks overlap after one of them has moved.
//!
//! Masks are unpacked from their runs to one bit per lattice cell, column by column, so that 64 cells are compared at a
//! time. This is done only where boxes leave a choice.

use vokg_engine::geometry::Size;
use vokg_engine::mask::Mask;

const BITS: i64 = 64;

/// A mask, one bit per cell of its bounds.
#[derive(Clone, Debug)]
pub(super) struct Silhouette {
    lattice: Size,
    left: i64,
    top: i64,
    words_per_column: usize,
    /// Columns one after another; bit 0 of a column's first word is its uppermost cell.
    words: Vec<u64>,
    area: u64,
}

impl Silhouette {
    /// Unpacks a mask.
    pub(super) fn of(mask: &Mask) -> Self {
        let bounds = mask.bounds;
        let words_per_column = (bounds.height as usize).div_ceil(BITS as usize);
        let mut words = vec![0u64; words_per_column * bounds.width as usize];
        mask.for_each_stretch(|x, from, to| {
            let first = (x - bounds.left) as usize * words_per_column;
            for cell in from - bounds.top..to - bounds.top {
                words[first + (cell / BITS as u32) as usize] |= 1 << (cell % BITS as u32);
            }
        });
        let (left, top) = (i64::from(bounds.left), i64::from(bounds.top));
        Self { lattice: mask.lattice, left, top, words_per_column, words, area: mask.area() }
    }

    /// Intersection over union with another mask, moved right and down by so many pixels of a frame of this size, to the
    /// nearest cell. `None` where the lattices differ or neither has a cell.
    pub(super) fn iou_when_moved(&self, other: &Self, away: (f32, f32), frame: Size) -> Option<f32> {
        let cells = |pixels: f32, cells: u32, extent: u32| {
            (pixels * cells as f32 / extent.max(1) as f32).round().clamp(-1e9, 1e9) as i64
        };
        let right = cells(away.0, self.lattice.width, frame.width);
        let down = cells(away.1, self.lattice.height, frame.height);
        if self.lattice != other.lattice || self.area + other.area == 0 {
            return None;
        }
        let shared = self.shared_cells(other, other.left + right - self.left, other.top + down - self.top);
        Some(shared as f32 / (self.area + other.area - shared) as f32)
    }

    /// Cells in both, where the other's bounds begin so many columns and rows after these.
    fn shared_cells(&self, other: &Self, right: i64, down: i64) -> u64 {
        let (own, theirs) = (self.columns(), other.columns());
        let both = right.max(0)..own.min(right.saturating_add(theirs));
        both.map(|x| {
            let (mine, moved) = (self.column(x), other.column(x - right));
            let words = mine.iter().zip(0i64..);
            words.map(|(word, at)| u64::from((word & bits_from(moved, BITS * at - down)).count_ones())).sum::<u64>()
        })
        .sum()
    }

    fn columns(&self) -> i64 {
        (self.words.len() / self.words_per_column.max(1)) as i64
    }

    fn column(&self, x: i64) -> &[u64] {
        let first = x as usize * self.words_per_column;
        &self.words[first..first + self.words_per_column]
    }
}

/// 64 bits of a column from bit `first` on; what lies outside is 0.
fn bits_from(column: &[u64], first: i64) -> u64 {
    let word = |at: i64| usize::try_from(at).ok().and_then(|at| column.get(at)).copied().unwrap_or(0);
    let (at, offset) = (first.div_euclid(BITS), first.rem_euclid(BITS));
    let low = word(at) >> offset;
    if offset == 0 { low } else { low | word(at + 1) << (BITS - offset) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::mask::CellBounds;

    const LATTICE: Size = Size { width: 40, height: 200 };

    fn mask() -> impl Strategy<Value = Mask> {
        let bounds = (0u32..20, 0u32..60, 0u32..20, 0u32..140);
        (bounds, any::<u32>()).prop_map(|((left, top, width, height), salt)| {
            let present =
                |x: u32, y: u32| (x.wrapping_mul(31) ^ y.wrapping_mul(17) ^ salt).wrapping_mul(0x9e37_79b1) >> 30 != 0;
            Mask::from_cells(LATTICE, CellBounds { left, top, width, height }, present)
        })
    }

    fn cells(mask: &Mask) -> Vec<(i64, i64)> {
        let mut cells = Vec::new();
        mask.for_each_stretch(|x, from, to| cells.extend((from..to).map(|y| (i64::from(x), i64::from(y)))));
        cells
    }

    proptest! {
        #[test]
        fn words_count_what_cells_count(a in mask(), b in mask(), right in -25i64..25, down in -90i64..90) {
            let moved: std::collections::BTreeSet<_> = cells(&b).into_iter().map(|(x, y)| (x + right, y + down)).collect();
            let shared = cells(&a).iter().filter(|cell| moved.contains(cell)).count();
            let union = a.area() as usize + moved.len() - shared;
            let expected = (union > 0).then(|| shared as f32 / union as f32);
            let frame = Size { width: 4 * LATTICE.width, height: 2 * LATTICE.height };
            let away = (4.0 * right as f32, 2.0 * down as f32);
            prop_assert_eq!(Silhouette::of(&a).iou_when_moved(&Silhouette::of(&b), away, frame), expected);
        }
    }

    #[test]
    fn masks_on_different_lattices_are_not_compared() {
        let full = |lattice: Size| {
            let bounds = CellBounds { left: 0, top: 0, width: 4, height: 4 };
            Silhouette::of(&Mask::from_cells(lattice, bounds, |_, _| true))
        };
        let (coarse, fine) = (full(Size { width: 4, height: 4 }), full(Size { width: 8, height: 8 }));
        assert_eq!(coarse.iou_when_moved(&fine, (0.0, 0.0), LATTICE), None);
    }
}
