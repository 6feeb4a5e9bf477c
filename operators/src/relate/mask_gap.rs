//! Shortest distance between two sets of pixels.

use vokg_engine::geometry::Size;
use vokg_engine::mask::Mask;

/// The shortest distance between cells of two masks in pixels of the frame, 0 where cells touch or are shared; `None`
/// where the lattices differ or a mask is empty.
///
/// Cells are squares, so neighbours have no gap. Columns are compared pair by pair and skipped once they lie further
/// apart than the best distance so far, so that masks side by side cost little more than their height.
pub(super) fn mask_gap(a: &Mask, b: &Mask, frame: Size) -> Option<f64> {
    if a.lattice != b.lattice || a.lattice.area() == 0 {
        return None;
    }
    let cell_width = f64::from(frame.width) / f64::from(a.lattice.width);
    let cell_height = f64::from(frame.height) / f64::from(a.lattice.height);
    let (columns_a, columns_b) = (columns(a), columns(b));
    let mut best: Option<f64> = None;
    for (xa, stretches_a) in &columns_a {
        for (xb, stretches_b) in &columns_b {
            let dx = cell_width * f64::from(xa.abs_diff(*xb).saturating_sub(1));
            if best.is_some_and(|best| dx >= best) {
                continue;
            }
            let dy = cell_height * f64::from(rows_between(stretches_a, stretches_b));
            let distance = (dx * dx + dy * dy).sqrt();
            if distance == 0.0 {
                return Some(0.0);
            }
            best = Some(best.map_or(distance, |best| best.min(distance)));
        }
    }
    best
}

type Column = (u32, Vec<(u32, u32)>);

/// The half-open stretches of each column that has any, in order.
fn columns(mask: &Mask) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    mask.for_each_stretch(|x, y0, y1| match columns.last_mut() {
        Some((column, stretches)) if *column == x => stretches.push((y0, y1)),
        _ => columns.push((x, vec![(y0, y1)])),
    });
    columns
}

/// Fewest rows between two stretches, one of each list; both are in order and not empty.
fn rows_between(a: &[(u32, u32)], b: &[(u32, u32)]) -> u32 {
    let (mut i, mut j, mut best) = (0, 0, u32::MAX);
    while i < a.len() && j < b.len() {
        let rows = b[j].0.saturating_sub(a[i].1).max(a[i].0.saturating_sub(b[j].1));
        best = best.min(rows);
        if a[i].1 < b[j].1 { i += 1 } else { j += 1 }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::mask::CellBounds;

    const LATTICE: Size = Size { width: 12, height: 9 };
    const FRAME: Size = Size { width: 24, height: 27 };

    fn mask(bits: &[bool]) -> Mask {
        let bounds = CellBounds { left: 0, top: 0, width: 12, height: 9 };
        Mask::from_cells(LATTICE, bounds, |x, y| bits[(y * 12 + x) as usize])
    }

    fn brute_force(a: &[bool], b: &[bool]) -> Option<f64> {
        let cells = |bits: &[bool]| (0..108i64).filter(|i| bits[*i as usize]).collect::<Vec<_>>();
        let between = |p: i64, q: i64| ((p - q).abs() - 1).max(0) as f64;
        let mut best: Option<f64> = None;
        for p in cells(a) {
            for q in cells(b) {
                let (dx, dy) = (2.0 * between(p % 12, q % 12), 3.0 * between(p / 12, q / 12));
                let distance = (dx * dx + dy * dy).sqrt();
                best = Some(best.map_or(distance, |best| best.min(distance)));
            }
        }
        best
    }

    proptest! {
        #[test]
        fn the_gap_is_that_of_the_closest_cells(
            a in prop::collection::vec(prop::bool::weighted(0.06), 108),
            b in prop::collection::vec(prop::bool::weighted(0.06), 108),
        ) {
            prop_assert_eq!(mask_gap(&mask(&a), &mask(&b), FRAME), brute_force(&a, &b));
        }
    }

    #[test]
    fn masks_on_different_lattices_cannot_be_compared() {
        let other = Mask { lattice: Size { width: 9, height: 12 }, ..mask(&[true; 108]) };
        assert_eq!(mask_gap(&mask(&[true; 108]), &other, FRAME), None);
    }
}
