//! A picture less sharp, so that it does not matter where between its cells a camera stood.
//!
//! A cell is the mean of the pixels under it, and that keeps finer detail than cells can hold: seen from half a cell
//! further on the same ground has other levels, and interpolation blurs a picture as far as it must shift it. Weights of
//! 1, 2 and 1 both ways take the finest detail away and leave little of either.

/// Cells of bytes, smoothed; the rim is repeated outwards.
pub(super) fn smoothed(cells: &[u8], width: usize) -> Vec<u8> {
    let mut out = vec![0; cells.len()];
    let mut columns = vec![0u16; width];
    for_each_three_rows(cells, width, |y, [above, here, below]| {
        for (sum, ((a, b), c)) in columns.iter_mut().zip(above.iter().zip(here).zip(below)) {
            *sum = u16::from(*a) + 2 * u16::from(*b) + u16::from(*c);
        }
        let mean = |a: u16, b: u16, c: u16| ((a + 2 * b + c + 8) / 16) as u8;
        along_row(&columns, &mut out[y * width..][..width], mean);
    });
    out
}

/// Cells of fractions, smoothed in the same way.
pub(super) fn smoothed_fractions(cells: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; cells.len()];
    let mut columns = vec![0.0; width];
    for_each_three_rows(cells, width, |y, [above, here, below]| {
        for (sum, ((a, b), c)) in columns.iter_mut().zip(above.iter().zip(here).zip(below)) {
            *sum = a + 2.0 * b + c;
        }
        along_row(&columns, &mut out[y * width..][..width], |a, b, c| (a + 2.0 * b + c) / 16.0);
    });
    out
}

fn for_each_three_rows<T>(cells: &[T], width: usize, mut visit: impl FnMut(usize, [&[T]; 3])) {
    let height = cells.len() / width;
    let row = |y: usize| &cells[y * width..][..width];
    for y in 0..height {
        visit(y, [row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1))]);
    }
}

fn along_row<S: Copy, T>(sums: &[S], out: &mut [T], mean: impl Fn(S, S, S) -> T) {
    let last = sums.len() - 1;
    for (cell, three) in out[1.min(last)..].iter_mut().zip(sums.windows(3)) {
        *cell = mean(three[0], three[1], three[2]);
    }
    out[0] = mean(sums[0], sums[0], sums[1.min(last)]);
    out[last] = mean(sums[last.saturating_sub(1)], sums[last], sums[last]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::{Lattice, Plane};
    use crate::motion::registration::registered;
    use vokg_engine::geometry::{Affine, Size};

    /// Slabs with joints narrower than a cell of 4 × 4 pixels, seen from `shift` pixels to the right.
    fn paved(shift: usize) -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        let level = |x: usize, y: usize| if (x + shift) % 23 < 3 || y % 19 < 3 { 60 } else { 120 };
        let mean = |i: usize| {
            let (x, y) = (i % 64 * 4, i / 64 * 4);
            ((0..16).map(|k| level(x + k % 4, y + k / 4)).sum::<u32>() / 16) as u8
        };
        Plane { lattice, y: (0..64 * 64).map(mean).collect(), u: vec![128; 32 * 32], v: vec![128; 32 * 32] }
    }

    fn most_difference(a: &Plane, b: &Plane) -> u8 {
        let inside = (0..64 * 64).filter(|i| (2..60).contains(&(i % 64)) && (2..62).contains(&(i / 64)));
        inside.map(|i| a.y[i].abs_diff(b.y[i])).max().unwrap_or(0)
    }

    #[test]
    fn fine_detail_seen_from_between_cells_is_alike_once_smoothed() {
        let here = paved(0);
        let (there, _) = registered(&paved(2), &Affine::translation(-0.5, 0.0));
        assert!(most_difference(&here, &there) > 15);
        assert!(most_difference(&here.smoothed(), &there.smoothed()) < 8);
    }

    #[test]
    fn bytes_and_fractions_are_smoothed_alike() {
        let bytes: Vec<u8> = (0..7 * 5u8).map(|i| i.wrapping_mul(37)).collect();
        let fractions: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte)).collect();
        let (bytes, fractions) = (smoothed(&bytes, 7), smoothed_fractions(&fractions, 7));
        assert!(bytes.iter().zip(&fractions).all(|(byte, fraction)| (f32::from(*byte) - fraction).abs() <= 0.5));
        assert_eq!(smoothed(&[9; 4], 1), [9; 4]);
        assert_eq!(smoothed(&[0, 0, 16, 0], 4), [0, 4, 8, 4]);
    }
}
