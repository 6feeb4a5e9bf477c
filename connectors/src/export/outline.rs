//! The outlines of a mask as closed curves, for vector graphics.
//!
//! Boundary edges of the present cells are chained with the mask to their right. The curve goes through the middles of
//! the edges, which rounds the steps of a coarse lattice; of middles in a straight line only the ends are kept.

use std::collections::BTreeMap;
use vokg_engine::geometry::Size;
use vokg_engine::mask::Mask;

/// Closed curves around the parts and the holes of a mask, in pixels of a frame of this size. To be filled even-odd.
pub(crate) fn outlines(mask: &Mask, frame: Size) -> Vec<Vec<(f32, f32)>> {
    let scale_x = frame.width as f32 / mask.lattice.width.max(1) as f32;
    let scale_y = frame.height as f32 / mask.lattice.height.max(1) as f32;
    let to_frame = |(x, y): (f32, f32)| (x * scale_x, y * scale_y);
    corner_loops(mask).iter().map(|corners| middles(corners).into_iter().map(to_frame).collect()).collect()
}

type Corner = (i64, i64);

/// Loops through the corners of cells, each step one cell long.
fn corner_loops(mask: &Mask) -> Vec<Vec<Corner>> {
    let mut edges = boundary_edges(mask);
    let mut loops = Vec::new();
    while let Some((&start, _)) = edges.first_key_value() {
        let (mut corners, mut at, mut came) = (Vec::new(), start, (0, 0));
        loop {
            corners.push(at);
            let Some(next) = take_next(&mut edges, at, came) else { break };
            came = (next.0 - at.0, next.1 - at.1);
            at = next;
            if at == start && !edges.contains_key(&start) {
                break;
            }
        }
        loops.push(corners);
    }
    loops
}

/// Removes and returns the edge that goes on from `at`; where two cells touch at a corner, the right turn keeps apart
/// what touches there.
fn take_next(edges: &mut BTreeMap<Corner, Vec<Corner>>, at: Corner, came: Corner) -> Option<Corner> {
    let nexts = edges.get_mut(&at)?;
    let right_turn = (at.0 - came.1, at.1 + came.0);
    let index = nexts.iter().position(|next| *next == right_turn).unwrap_or(0);
    let next = nexts.remove(index);
    if nexts.is_empty() {
        edges.remove(&at);
    }
    Some(next)
}

fn boundary_edges(mask: &Mask) -> BTreeMap<Corner, Vec<Corner>> {
    let mut columns: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    mask.for_each_stretch(|x, y0, y1| columns.entry(x.into()).or_default().push((y0.into(), y1.into())));
    let present = |x: i64, y: i64| {
        columns.get(&x).is_some_and(|stretches| stretches.iter().any(|(y0, y1)| (*y0..*y1).contains(&y)))
    };
    let mut edges: BTreeMap<Corner, Vec<Corner>> = BTreeMap::new();
    let mut edge = |from: Corner, to: Corner| edges.entry(from).or_default().push(to);
    for (&x, stretches) in &columns {
        for &(y0, y1) in stretches {
            edge((x, y0), (x + 1, y0));
            edge((x + 1, y1), (x, y1));
            for y in y0..y1 {
                if !present(x + 1, y) {
                    edge((x + 1, y), (x + 1, y + 1));
                }
                if !present(x - 1, y) {
                    edge((x, y + 1), (x, y));
                }
            }
        }
    }
    edges
}

fn middles(corners: &[Corner]) -> Vec<(f32, f32)> {
    let count = corners.len();
    let step = |i: usize| {
        let (a, b) = (corners[i % count], corners[(i + 1) % count]);
        (b.0 - a.0, b.1 - a.1)
    };
    let kept = (0..count).filter(|&i| !(step(i) == step(i + 1) && step(i) == step(i + count - 1)));
    let middle = |i: usize| {
        let (x, y) = corners[i];
        let (dx, dy) = step(i);
        (x as f32 + dx as f32 / 2.0, y as f32 + dy as f32 / 2.0)
    };
    kept.map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::mask::CellBounds;

    const WHOLE: CellBounds = CellBounds { left: 0, top: 0, width: 8, height: 8 };

    fn mask(present: impl FnMut(u32, u32) -> bool) -> Mask {
        Mask::from_cells(Size { width: 8, height: 8 }, WHOLE, present)
    }

    /// Shoelace formula; positive for loops with their inside to the right, in a plane with y downwards.
    fn area(corners: &[Corner]) -> i64 {
        let next = |i: usize| corners[(i + 1) % corners.len()];
        let doubled: i64 = corners.iter().enumerate().map(|(i, a)| a.0 * next(i).1 - next(i).0 * a.1).sum();
        doubled / 2
    }

    proptest! {
        #[test]
        fn loops_enclose_exactly_the_cells(bits in prop::collection::vec(any::<bool>(), 64)) {
            let mask = mask(|x, y| bits[(y * 8 + x) as usize]);
            let loops = corner_loops(&mask);
            prop_assert_eq!(loops.iter().map(|corners| area(corners)).sum::<i64>(), mask.area() as i64);
        }
    }

    #[test]
    fn a_ring_has_an_outline_and_a_hole_and_straight_parts_keep_their_ends() {
        let ring =
            mask(|x, y| (1..7).contains(&x) && (1..7).contains(&y) && !((3..5).contains(&x) && (3..5).contains(&y)));
        let outlines = outlines(&ring, Size { width: 80, height: 80 });
        assert_eq!(outlines.iter().map(Vec::len).collect::<Vec<_>>(), [8, 8]);
        assert_eq!(outlines[0][0], (15.0, 10.0));
    }
}
