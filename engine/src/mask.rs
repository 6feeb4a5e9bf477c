//! A set of pixels, run-length encoded on a lattice that may be coarser than the frame.
//!
//! Runs go down the columns, as COCO has it: alternately absent and present pixels, the first run absent (possibly 0).
//! Only the lattice cells inside `bounds` are encoded; what lies outside is absent.

use crate::geometry::{Rect, Size};
use serde::{Deserialize, Serialize};

/// A part of a lattice, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellBounds {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// A run-length encoded set of lattice cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// Cells of the whole lattice laid over the frame.
    pub lattice: Size,
    /// Where the runs lie.
    pub bounds: CellBounds,
    /// Lengths of alternately absent and present runs, column by column within `bounds`.
    pub runs: Vec<u32>,
}

impl Mask {
    /// Encodes the cells of `bounds` for which `present(x, y)` holds, in lattice coordinates.
    pub fn from_cells(lattice: Size, bounds: CellBounds, mut present: impl FnMut(u32, u32) -> bool) -> Self {
        let mut runs = Vec::new();
        let (mut inside, mut length) = (false, 0u32);
        for x in bounds.left..bounds.left + bounds.width {
            for y in bounds.top..bounds.top + bounds.height {
                if present(x, y) != inside {
                    runs.push(length);
                    (inside, length) = (!inside, 0);
                }
                length += 1;
            }
        }
        runs.push(length);
        Self { lattice, bounds, runs }
    }

    /// Present cells.
    pub fn area(&self) -> u64 {
        self.runs.iter().skip(1).step_by(2).map(|r| u64::from(*r)).sum()
    }

    /// The share of the lattice's cells that are present, as square pixels of a frame of this size.
    pub fn area_px(&self, frame: Size) -> f32 {
        self.area() as f32 * frame.area() as f32 / self.lattice.area().max(1) as f32
    }

    /// Calls `visit(x, y0, y1)` for each present stretch of a column, in lattice coordinates.
    pub fn for_each_stretch(&self, mut visit: impl FnMut(u32, u32, u32)) {
        let height = self.bounds.height.max(1);
        let mut at = 0u32;
        for (index, run) in self.runs.iter().enumerate() {
            if index % 2 == 1 {
                let (mut from, end) = (at, at + run);
                while from < end {
                    let column_end = (from / height + 1) * height;
                    let to = end.min(column_end);
                    let top = self.bounds.top + from % height;
                    visit(self.bounds.left + from / height, top, top + (to - from));
                    from = to;
                }
            }
            at += run;
        }
    }

    /// One byte per pixel of the frame, row by row, 1 where present: each frame pixel takes the cell its centre is in.
    pub fn rasterise(&self, frame: Size) -> Vec<u8> {
        let (w, h) = (frame.width as usize, frame.height as usize);
        let mut pixels = vec![0u8; w * h];
        let first = |cell: u32, cells: u32, pixels: usize| first_pixel(cell, cells, pixels);
        self.for_each_stretch(|x, y0, y1| {
            let columns = first(x, self.lattice.width, w)..first(x + 1, self.lattice.width, w);
            for row in first(y0, self.lattice.height, h)..first(y1, self.lattice.height, h) {
                pixels[row * w + columns.start..row * w + columns.end].fill(1);
            }
        });
        pixels
    }

    /// Uncompressed COCO run lengths over the whole frame, column by column, the first run absent.
    pub fn coco_runs(&self, frame: Size) -> Vec<u32> {
        let pixels = self.rasterise(frame);
        let bounds = CellBounds { left: 0, top: 0, width: frame.width, height: frame.height };
        Mask::from_cells(frame, bounds, |x, y| pixels[(y * frame.width + x) as usize] == 1).runs
    }

    /// Cells present in both masks; 0 where the lattices differ.
    pub fn overlap(&self, other: &Self) -> u64 {
        if self.lattice != other.lattice {
            return 0;
        }
        let mut stretches = Vec::new();
        other.for_each_stretch(|x, y0, y1| stretches.push((x, y0, y1)));
        let mut shared = 0;
        self.for_each_stretch(|x, y0, y1| {
            let from = stretches.partition_point(|s| s.0 < x);
            for &(_, o0, o1) in stretches[from..].iter().take_while(|s| s.0 == x) {
                shared += u64::from(y1.min(o1).saturating_sub(y0.max(o0)));
            }
        });
        shared
    }

    /// Share of the mask's area inside a box of the frame, 0 to 1.
    pub fn share_inside(&self, frame: Size, rect: &Rect) -> f32 {
        let (sx, sy) = (
            frame.width as f32 / self.lattice.width.max(1) as f32,
            frame.height as f32 / self.lattice.height.max(1) as f32,
        );
        let mut inside = 0u64;
        self.for_each_stretch(|x, y0, y1| {
            let centre_x = (x as f32 + 0.5) * sx;
            if centre_x >= rect.left && centre_x < rect.right() {
                let from = ((rect.top / sy - 0.5).ceil().max(y0 as f32)) as u32;
                let to = ((rect.bottom() / sy - 0.5).ceil().clamp(0.0, y1 as f32)) as u32;
                inside += u64::from(to.saturating_sub(from));
            }
        });
        inside as f32 / self.area().max(1) as f32
    }

    /// Whether the runs add up to the bounds and the bounds lie in the lattice. Anything read from outside is checked.
    pub fn is_well_formed(&self) -> bool {
        let b = self.bounds;
        let fits = |from: u32, extent: u32, limit: u32| from.checked_add(extent).is_some_and(|end| end <= limit);
        let cells = u64::from(b.width) * u64::from(b.height);
        fits(b.left, b.width, self.lattice.width)
            && fits(b.top, b.height, self.lattice.height)
            && self.runs.iter().map(|r| u64::from(*r)).sum::<u64>() == cells
    }
}

/// The first pixel whose centre lies in `cell` or beyond.
fn first_pixel(cell: u32, cells: u32, pixels: usize) -> usize {
    let (cell, cells, pixels) = (u64::from(cell), u64::from(cells.max(1)), pixels as u64);
    // centre (p + ½) / pixels ≥ cell / cells  ⇔  p ≥ cell · pixels / cells − ½
    let doubled = 2 * cell * pixels;
    (doubled.saturating_sub(cells).div_ceil(2 * cells)).min(pixels) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    proptest! {
        #[test]
        fn encoding_keeps_every_cell(w in 1u32..12, h in 1u32..12, bits in prop::collection::vec(any::<bool>(), 144)) {
            let at = |x: u32, y: u32| bits[(y * 12 + x) as usize];
            let mask = Mask::from_cells(size(w, h), CellBounds { left: 0, top: 0, width: w, height: h }, at);
            prop_assert!(mask.is_well_formed());
            let pixels = mask.rasterise(size(w, h));
            for y in 0..h {
                for x in 0..w {
                    prop_assert_eq!(pixels[(y * w + x) as usize] == 1, at(x, y));
                }
            }
            prop_assert_eq!(mask.overlap(&mask), mask.area());
            prop_assert_eq!(mask.coco_runs(size(w, h)).iter().sum::<u32>(), w * h);
        }

        #[test]
        fn upscaling_gives_each_pixel_the_cell_under_its_centre(w in 1u32..9, h in 1u32..9, fw in 9u32..40, fh in 9u32..40) {
            let at = |x: u32, y: u32| (x * 7 + y * 3).is_multiple_of(4);
            let mask = Mask::from_cells(size(w, h), CellBounds { left: 0, top: 0, width: w, height: h }, at);
            let pixels = mask.rasterise(size(fw, fh));
            for y in 0..fh {
                for x in 0..fw {
                    let cell = |p: u32, cells: u32, pixels: u32| ((2 * p + 1) * cells) / (2 * pixels);
                    prop_assert_eq!(pixels[(y * fw + x) as usize] == 1, at(cell(x, w, fw), cell(y, h, fh)));
                }
            }
        }
    }

    #[test]
    fn share_inside_counts_cells_by_their_centres() {
        let bounds = CellBounds { left: 2, top: 2, width: 4, height: 4 };
        let mask = Mask::from_cells(size(8, 8), bounds, |_, _| true);
        assert_eq!(mask.share_inside(size(80, 80), &Rect::new(20.0, 20.0, 40.0, 40.0)), 1.0);
        assert_eq!(mask.share_inside(size(80, 80), &Rect::new(20.0, 20.0, 20.0, 40.0)), 0.5);
        assert_eq!(mask.share_inside(size(80, 80), &Rect::new(0.0, 0.0, 10.0, 80.0)), 0.0);
    }

    #[test]
    fn runs_that_do_not_fill_the_bounds_are_not_well_formed() {
        let bounds = CellBounds { left: 0, top: 0, width: 2, height: 2 };
        assert!(!Mask { lattice: size(2, 2), bounds, runs: vec![3] }.is_well_formed());
        assert!(!Mask { lattice: size(1, 2), bounds, runs: vec![4] }.is_well_formed());
    }
}
