//! Area average of one plane of bytes onto a smaller lattice.
//!
//! Every cell averages the same number of source pixels: the ⌊source / cells⌋ columns and rows from its first one on.
//! With a ratio that is no integer some source pixels between cells are left out, at most one column and row in each;
//! in return the divisor is constant and the loops vectorise.

/// A plane of bytes somebody else owns.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// Bytes, row after row.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Reduces a plane to `width` × `height` cells, neither above the source's own.
pub(super) fn reduced(source: Source<'_>, width: usize, height: usize) -> Vec<u8> {
    let mut cells = vec![0; width * height];
    if source.width == width && source.height == height {
        for (row, out) in source.bytes.chunks(source.stride).zip(cells.chunks_mut(width)) {
            out.copy_from_slice(&row[..width]);
        }
        return cells;
    }
    let columns = Columns::new(source.width, width, 1);
    let rows = Rows::new(source.height, height);
    let mut sums = vec![0u16; source.width];
    for (y, out) in cells.chunks_mut(width).enumerate() {
        rows.add_up(source, y, &mut sums);
        columns.average(&sums, rows.taken, out);
    }
    cells
}

/// Reduces a plane of interleaved pairs, such as the UV plane of NV12, to two planes. `source.width` counts pairs.
pub(super) fn reduced_pairs(source: Source<'_>, width: usize, height: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut first, mut second) = (vec![0; width * height], vec![0; width * height]);
    let columns = Columns::new(source.width, width, 2);
    let rows = Rows::new(source.height, height);
    let mut sums = vec![0u16; source.width * 2];
    for (y, (a, b)) in first.chunks_mut(width).zip(second.chunks_mut(width)).enumerate() {
        rows.add_up(source, y, &mut sums);
        columns.average(&sums, rows.taken, a);
        columns.average(&sums[1..], rows.taken, b);
    }
    (first, second)
}

/// The most rows that are added up for one cell: 256 rows of 255 still fit 16 bits.
const MAX_ROWS: usize = 256;

struct Rows {
    source: usize,
    cells: usize,
    taken: usize,
}

impl Rows {
    fn new(source: usize, cells: usize) -> Self {
        Self { source, cells, taken: (source / cells).clamp(1, MAX_ROWS) }
    }

    /// Column sums of the rows that belong to the cells of row `y`.
    fn add_up(&self, source: Source<'_>, y: usize, sums: &mut [u16]) {
        let first = y * self.source / self.cells;
        let row = |index: usize| &source.bytes[(first + index) * source.stride..][..sums.len()];
        let (first_row, paired) = (row(0), 1..self.taken);
        let rest: Vec<&[u8]> = paired.map(row).collect();
        sums.iter_mut().zip(first_row).for_each(|(sum, pixel)| *sum = u16::from(*pixel));
        let mut pairs = rest.chunks_exact(2);
        for pair in pairs.by_ref() {
            for ((sum, a), b) in sums.iter_mut().zip(pair[0]).zip(pair[1]) {
                *sum += u16::from(*a) + u16::from(*b);
            }
        }
        for row in pairs.remainder() {
            sums.iter_mut().zip(*row).for_each(|(sum, pixel)| *sum += u16::from(*pixel));
        }
    }
}

struct Columns {
    /// First entry of each cell.
    firsts: Vec<usize>,
    /// Entries averaged in each cell.
    taken: usize,
    /// Entries from one pixel of the plane to the next.
    step: usize,
    /// No entry lies between cells.
    gapless: bool,
}

impl Columns {
    fn new(source: usize, cells: usize, step: usize) -> Self {
        let firsts = (0..cells).map(|x| x * source / cells * step).collect();
        let taken = (source / cells).max(1);
        Self { firsts, taken, step, gapless: step == 1 && taken * cells == source }
    }

    fn average(&self, sums: &[u16], rows: usize, out: &mut [u8]) {
        match self.taken {
            2 => self.average_of::<2>(sums, rows, out),
            3 => self.average_of::<3>(sums, rows, out),
            4 => self.average_of::<4>(sums, rows, out),
            5 => self.average_of::<5>(sums, rows, out),
            10 => self.average_of::<10>(sums, rows, out),
            taken => self.average_any(sums, rows, out, taken),
        }
    }

    /// The usual ratios, with loops of known length.
    fn average_of<const TAKEN: usize>(&self, sums: &[u16], rows: usize, out: &mut [u8]) {
        let divide = Divisor::new(TAKEN * rows);
        if !self.gapless || !divide.is_exact() {
            return self.average_any(sums, rows, out, TAKEN);
        }
        for (cell, span) in out.iter_mut().zip(sums.chunks_exact(TAKEN)) {
            *cell = divide.rounded(span.iter().map(|s| u32::from(*s)).sum());
        }
    }

    fn average_any(&self, sums: &[u16], rows: usize, out: &mut [u8], taken: usize) {
        let count = (taken * rows) as u32;
        for (cell, first) in out.iter_mut().zip(&self.firsts) {
            let sum: u32 = sums[*first..].iter().step_by(self.step).take(taken).map(|s| u32::from(*s)).sum();
            *cell = ((sum + count / 2) / count) as u8;
        }
    }
}

/// Division by a constant as a multiplication by its reciprocal, in 32 bits so that it vectorises.
struct Divisor {
    by: u32,
    reciprocal: u32,
}

impl Divisor {
    fn new(by: usize) -> Self {
        Self { by: by as u32, reciprocal: (1u32 << 24).div_ceil(by as u32) }
    }

    /// Whether means of bytes come out as by division. A sum of up to 255.5 · by times an error below 2⁻²⁴ must stay
    /// below 1 / by.
    fn is_exact(&self) -> bool {
        self.by <= 256
    }

    fn rounded(&self, sum: u32) -> u8 {
        (((sum + self.by / 2) * self.reciprocal) >> 24) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_cell_is_the_rounded_mean_of_its_pixels(
            width in 2usize..40, height in 2usize..40, padding in 0usize..5, part in 1usize..8, seed in any::<u32>(),
        ) {
            let stride = width + padding;
            let bytes: Vec<u8> =
                (0..stride * height).map(|i| (i as u32).wrapping_add(seed).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
            let (cells_x, cells_y) = ((width / part).max(1), (height / part).max(1));
            let source = Source { bytes: &bytes, stride, width, height };
            let cells = reduced(source, cells_x, cells_y);
            for y in 0..cells_y {
                for x in 0..cells_x {
                    let (taken_x, taken_y) = (width / cells_x, height / cells_y);
                    let (x0, y0) = (x * width / cells_x, y * height / cells_y);
                    let sum: usize = (y0..y0 + taken_y)
                        .flat_map(|v| (x0..x0 + taken_x).map(move |u| (u, v)))
                        .map(|(u, v)| usize::from(bytes[v * stride + u]))
                        .sum();
                    let count = taken_x * taken_y;
                    prop_assert_eq!(usize::from(cells[y * cells_x + x]), (sum + count / 2) / count);
                }
            }
        }
    }

    #[test]
    fn multiplication_divides_exactly() {
        for by in 1..=256 {
            let divisor = Divisor::new(by);
            for sum in 0..=255 * by as u32 {
                assert_eq!(u32::from(divisor.rounded(sum)), (sum + by as u32 / 2) / by as u32, "{sum} / {by}");
            }
        }
    }

    #[test]
    fn interleaved_planes_come_apart() {
        let bytes: Vec<u8> = (0..16 * 8).map(|i| if i % 2 == 0 { 40 } else { 200 }).collect();
        let (u, v) = reduced_pairs(Source { bytes: &bytes, stride: 16, width: 8, height: 8 }, 4, 4);
        assert!(u.iter().all(|c| *c == 40) && v.iter().all(|c| *c == 200));
    }
}
