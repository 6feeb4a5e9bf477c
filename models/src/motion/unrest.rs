//! How much moves about each cell of a picture.
//!
//! What moves covers the ground, and its own surface changes from moment to moment where it has a pattern or a rim;
//! the ground stays as it is. So of all sights of a cell those in which little moves about it are the most likely to
//! show the ground, however rare they are (Laugraud, Piérard and Van Droogenbroeck, "LaBGen: A method based on motion
//! detection for generating the background of a scene", Pattern Recognition Letters 96, 2017).

use super::plane::Plane;

/// How far around a cell motion counts as about it, as a share of the width.
const REACH_SHARE: f64 = 0.0125;

/// Mean difference of luma in the square about each cell between a picture and those shortly before and after it, the
/// greater of the two, in quarters of a grey level.
pub(super) fn unrest<'a>(here: &Plane, beside: impl IntoIterator<Item = &'a Plane>) -> Vec<u8> {
    let width = here.lattice.width;
    let reach = here.lattice.span(REACH_SHARE);
    let mut greatest = vec![0; here.y.len()];
    for other in beside {
        let differences: Vec<u8> = here.y.iter().zip(&other.y).map(|(a, b)| a.abs_diff(*b)).collect();
        let around = squares(&differences, width, reach);
        greatest.iter_mut().zip(around).for_each(|(greatest, mean)| *greatest = mean.max(*greatest));
    }
    greatest
}

/// Four times the mean of the square about each cell, of what lies on the plane.
fn squares(cells: &[u8], width: usize, reach: usize) -> Vec<u8> {
    let height = cells.len() / width;
    let span = |at: usize, limit: usize| at.saturating_sub(reach)..(at + reach + 1).min(limit);
    let mut columns = vec![0u32; width];
    let mut out = Vec::with_capacity(cells.len());
    let mut rows = 0..0;
    for y in 0..height {
        let needed = span(y, height);
        for added in rows.end..needed.end {
            columns.iter_mut().zip(&cells[added * width..][..width]).for_each(|(sum, cell)| *sum += u32::from(*cell));
        }
        for left in rows.start..needed.start {
            columns.iter_mut().zip(&cells[left * width..][..width]).for_each(|(sum, cell)| *sum -= u32::from(*cell));
        }
        rows = needed;
        let (mut sum, mut xs) = (0, 0..0);
        for x in 0..width {
            let needed = span(x, width);
            sum += columns[xs.end..needed.end].iter().sum::<u32>();
            sum -= columns[xs.start..needed.start].iter().sum::<u32>();
            xs = needed;
            out.push((4 * sum / (xs.len() * rows.len()) as u32).min(255) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    fn bar_at(left: usize) -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        let y = (0..64 * 64).map(|i| if (left..left + 8).contains(&(i % 64)) { 200 } else { 80 }).collect();
        Plane { lattice, y, u: vec![128; 32 * 32], v: vec![128; 32 * 32] }
    }

    #[test]
    fn where_a_bar_passes_there_is_unrest_and_none_elsewhere() {
        let (before, here, after) = (bar_at(16), bar_at(20), bar_at(20));
        let unrest = unrest(&here, [&before, &after]);
        assert!(unrest[64 * 30 + 18] > 100 && unrest[64 * 30 + 26] > 100, "its rims");
        assert_eq!((unrest[64 * 30 + 5], unrest[64 * 30 + 50]), (0, 0), "the ground");
        assert!(super::unrest(&here, []).iter().all(|cell| *cell == 0), "nothing to compare with");
    }

    #[test]
    fn squares_are_means_of_what_lies_on_the_plane() {
        let (width, height, reach) = (11, 7, 2);
        let cells: Vec<u8> = (0..width * height).map(|i| (i * 37 % 50) as u8).collect();
        let expected = (0..width * height).map(|i| {
            let near = |a: usize, b: usize| a.abs_diff(b) <= reach;
            let around = |j: &usize| near(j % width, i % width) && near(j / width, i / width);
            let (sum, count) =
                (0..width * height).filter(around).fold((0, 0), |(s, n), j| (s + u32::from(cells[j]), n + 1));
            (4 * sum / count) as u8
        });
        assert_eq!(squares(&cells, width, reach), expected.collect::<Vec<_>>());
    }
}
