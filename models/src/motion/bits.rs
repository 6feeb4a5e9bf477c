//! A set of plane cells, one bit each: 64 cells are handled in one step, so that morphology costs microseconds.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Cells of a plane that are in or out. Bits beyond the width are always 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BitPlane {
    /// Cells per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    words_per_row: usize,
    words: Vec<u64>,
}

impl BitPlane {
    /// No cell is in.
    pub fn new(width: usize, height: usize) -> Self {
        let words_per_row = width.div_ceil(64);
        Self { width, height, words_per_row, words: vec![0; words_per_row * height] }
    }

    /// The words of a row, lowest bit leftmost.
    pub fn row(&self, y: usize) -> &[u64] {
        &self.words[y * self.words_per_row..(y + 1) * self.words_per_row]
    }

    /// Sets a row from one byte per cell, each 0 or 1.
    pub fn set_row(&mut self, y: usize, cells: &[u8]) {
        let words = &mut self.words[y * self.words_per_row..(y + 1) * self.words_per_row];
        for (word, chunk) in words.iter_mut().zip(cells.chunks(64)) {
            *word = pack(chunk);
        }
    }

    /// Whether a cell is in.
    pub fn get(&self, x: usize, y: usize) -> bool {
        self.words[y * self.words_per_row + x / 64] >> (x % 64) & 1 == 1
    }

    /// Puts the cells `xs` of a row in.
    pub fn fill_range(&mut self, y: usize, xs: Range<usize>) {
        let words = &mut self.words[y * self.words_per_row..(y + 1) * self.words_per_row];
        each_word(xs, |index, mask| words[index] |= mask);
    }

    /// Puts the cells of a rectangle in.
    pub fn fill_rect(&mut self, xs: Range<usize>, ys: Range<usize>) {
        for y in ys {
            self.fill_range(y, xs.clone());
        }
    }

    /// Number of cells in.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Number of cells in among `xs` of a row.
    pub fn count_range(&self, y: usize, xs: Range<usize>) -> usize {
        let row = self.row(y);
        let mut count = 0;
        each_word(xs, |index, mask| count += (row[index] & mask).count_ones() as usize);
        count
    }

    /// Takes out what is in `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(here, there)| *here &= !there);
    }

    /// What is out, and the other way round.
    pub fn complement(&self) -> Self {
        let mut bits = self.clone();
        bits.words.iter_mut().for_each(|w| *w = !*w);
        bits.mask_tails();
        bits
    }

    /// Calls `visit` for each longest stretch of a row that is in, from left to right.
    pub fn for_each_run(&self, y: usize, mut visit: impl FnMut(Range<usize>)) {
        let mut open = None;
        for (index, word) in self.row(y).iter().enumerate() {
            let (mut rest, base) = (*word, index * 64);
            let mut at = 0;
            while at < 64 {
                let skip = if open.is_some() { (!rest).trailing_zeros() } else { rest.trailing_zeros() } as usize;
                at += skip;
                if at >= 64 {
                    break;
                }
                rest = shifted_right(*word, at);
                match open.take() {
                    Some(from) => visit(from..base + at),
                    None => open = Some(base + at),
                }
            }
        }
        if let Some(from) = open {
            visit(from..self.width);
        }
    }

    /// The smallest columns and rows around all cells in, `None` where there are none.
    pub fn bounds(&self) -> Option<(Range<usize>, Range<usize>)> {
        let occupied = |y: &usize| self.row(*y).iter().any(|w| *w != 0);
        let top = (0..self.height).find(occupied)?;
        let bottom = (top..self.height).rev().find(occupied)? + 1;
        let (mut left, mut right) = (self.width, 0);
        for y in top..bottom {
            let row = self.row(y);
            if let Some(first) = row.iter().position(|w| *w != 0) {
                left = left.min(first * 64 + row[first].trailing_zeros() as usize);
            }
            if let Some(last) = row.iter().rposition(|w| *w != 0) {
                right = right.max(last * 64 + 64 - row[last].leading_zeros() as usize);
            }
        }
        Some((left..right, top..bottom))
    }

    /// Each row combined with its three horizontal neighbours and rows above and below: `rule` gets the 3×3 words as
    /// `[row][left, here, right]`; cells beyond the edge repeat those at the edge.
    pub fn map_neighbourhoods(&self, rule: impl Fn([[u64; 3]; 3]) -> u64) -> Self {
        let mut out = Self::new(self.width, self.height);
        for y in 0..self.height {
            let rows = [self.row(y.saturating_sub(1)), self.row(y), self.row((y + 1).min(self.height - 1))];
            for index in 0..self.words_per_row {
                let words = rows.map(|row| self.with_sides(row, index));
                out.words[y * self.words_per_row + index] = rule(words);
            }
        }
        out.mask_tails();
        out
    }

    /// Every cell within `radius` columns and rows of a cell that is in.
    pub fn dilated(&self, radius: usize) -> Self {
        let mut wide = self.clone();
        for _ in 0..radius {
            wide = wide.map_rows(|left, here, right| left | here | right);
        }
        let mut out = wide.clone();
        for y in 0..self.height {
            for near in y.saturating_sub(radius)..(y + radius + 1).min(self.height) {
                for index in 0..self.words_per_row {
                    out.words[y * self.words_per_row + index] |= wide.words[near * self.words_per_row + index];
                }
            }
        }
        out
    }

    fn map_rows(&self, rule: impl Fn(u64, u64, u64) -> u64) -> Self {
        let mut out = self.clone();
        for y in 0..self.height {
            for index in 0..self.words_per_row {
                let [left, here, right] = self.with_sides(self.row(y), index);
                out.words[y * self.words_per_row + index] = rule(left, here, right);
            }
        }
        out.mask_tails();
        out
    }

    /// A word and the same word with each bit replaced by its left and by its right neighbour.
    fn with_sides(&self, row: &[u64], index: usize) -> [u64; 3] {
        let here = row[index];
        let before = if index > 0 { row[index - 1] >> 63 } else { here & 1 };
        let after = if index + 1 < row.len() { row[index + 1] << 63 } else { 0 };
        let mut right = here >> 1 | after;
        if index + 1 == row.len() {
            let last = (self.width - 1) % 64;
            right |= here & (1 << last);
        }
        [here << 1 | before, here, right]
    }

    fn mask_tails(&mut self) {
        let used = self.width % 64;
        if used == 0 {
            return;
        }
        for row in self.words.chunks_mut(self.words_per_row) {
            if let Some(last) = row.last_mut() {
                *last &= (1 << used) - 1;
            }
        }
    }
}

fn shifted_right(word: u64, by: usize) -> u64 {
    if by >= 64 { 0 } else { word >> by }
}

/// Up to 64 bytes of 0 or 1 as bits: a multiplication gathers the lowest bits of eight bytes in the highest byte.
fn pack(cells: &[u8]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut word = 0;
    let mut eights = cells.chunks_exact(8);
    let mut at = 0;
    for eight in eights.by_ref() {
        let bytes =
            u64::from_le_bytes([eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7]]);
        word |= (bytes.wrapping_mul(GATHER) >> 56) << at;
        at += 8;
    }
    for cell in eights.remainder() {
        word |= u64::from(*cell) << at;
        at += 1;
    }
    word
}

/// Calls `visit` with the index of each word that `xs` touches and the mask of the touched bits.
fn each_word(xs: Range<usize>, mut visit: impl FnMut(usize, u64)) {
    let mut at = xs.start;
    while at < xs.end {
        let index = at / 64;
        let to = xs.end.min((index + 1) * 64);
        let length = to - at;
        let ones = if length == 64 { u64::MAX } else { (1 << length) - 1 };
        visit(index, ones << (at % 64));
        at = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plane(width: usize, height: usize, cells: &[bool]) -> BitPlane {
        let mut bits = BitPlane::new(width, height);
        for y in 0..height {
            let row: Vec<u8> = (0..width).map(|x| u8::from(cells[y * 150 + x])).collect();
            bits.set_row(y, &row);
        }
        bits
    }

    proptest! {
        #[test]
        fn runs_counts_and_bounds_agree_with_single_cells(
            width in 1usize..150, height in 1usize..5, cells in prop::collection::vec(any::<bool>(), 750),
        ) {
            let bits = plane(width, height, &cells);
            let mut from_runs = BitPlane::new(width, height);
            for y in 0..height {
                bits.for_each_run(y, |run| {
                    prop_assert_run(&bits, y, &run);
                    from_runs.fill_range(y, run);
                });
                prop_assert_eq!(bits.count_range(y, 0..width), (0..width).filter(|x| bits.get(*x, y)).count());
            }
            prop_assert_eq!(&from_runs, &bits);
            prop_assert_eq!(bits.complement().complement(), bits.clone());
            prop_assert_eq!(bits.complement().count() + bits.count(), width * height);
        }

        #[test]
        fn dilation_reaches_exactly_the_radius(
            width in 1usize..150, height in 1usize..5, radius in 0usize..4,
            cells in prop::collection::vec(prop::bool::weighted(0.05), 750),
        ) {
            let bits = plane(width, height, &cells);
            let wide = bits.dilated(radius);
            for y in 0..height {
                for x in 0..width {
                    let near = (y.saturating_sub(radius)..(y + radius + 1).min(height)).any(|v| {
                        (x.saturating_sub(radius)..(x + radius + 1).min(width)).any(|u| bits.get(u, v))
                    });
                    prop_assert_eq!(wide.get(x, y), near, "cell {},{}", x, y);
                }
            }
        }
    }

    fn prop_assert_run(bits: &BitPlane, y: usize, run: &Range<usize>) {
        assert!(run.clone().all(|x| bits.get(x, y)));
        assert!(run.start == 0 || !bits.get(run.start - 1, y));
        assert!(run.end == bits.width || !bits.get(run.end, y));
    }

    #[test]
    fn bounds_enclose_what_is_in() {
        let mut bits = BitPlane::new(100, 10);
        assert_eq!(bits.bounds(), None);
        bits.fill_rect(60..70, 3..5);
        assert_eq!(bits.bounds(), Some((60..70, 3..5)));
    }
}
