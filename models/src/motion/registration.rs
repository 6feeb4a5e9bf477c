//! A moving camera's pictures as they would look from where the background was seen.

use super::bits::BitPlane;
use super::plane::Plane;
use vokg_engine::geometry::Affine;

/// Positions are in 1/65536 of a cell, weights of bilinear interpolation in 1/128.
const FRACTION_BITS: u32 = 16;
const WEIGHT_BITS: u32 = 7;

/// The picture that `to_picture` maps the cells of the background to, and the cells the picture does not show.
pub(super) fn registered(plane: &Plane, to_picture: &Affine) -> (Plane, BitPlane) {
    let (width, height) = (plane.lattice.width, plane.lattice.height);
    let mut outside = BitPlane::new(width, height);
    let y = sampled(&plane.y, width, height, to_picture, |x, y| outside.fill_range(y, x..x + 1));
    let half = super::plane::stretched(to_picture, 0.5, 0.5);
    let chroma = |cells: &[u8]| sampled(cells, width / 2, height / 2, &half, |_, _| {});
    let picture = Plane { lattice: plane.lattice, y, u: chroma(&plane.u), v: chroma(&plane.v) };
    (picture, outside)
}

/// Bilinear samples at the images of all cell centres; `beyond` is told which lie outside, and those repeat the rim.
fn sampled(cells: &[u8], width: usize, height: usize, map: &Affine, mut beyond: impl FnMut(usize, usize)) -> Vec<u8> {
    let fixed = |cells: f32| (cells * (1u32 << FRACTION_BITS) as f32).round() as i64;
    let (step_x, step_y) = (fixed(map.m[0]), fixed(map.m[3]));
    let (last_x, last_y) = (fixed((width - 1) as f32), fixed((height - 1) as f32));
    let half = fixed(0.5);
    let mut out = Vec::with_capacity(cells.len());
    for y in 0..height {
        let (u, v) = map.apply(0.5, y as f32 + 0.5);
        let (mut at_x, mut at_y) = (fixed(u - 0.5), fixed(v - 0.5));
        for x in 0..width {
            let inside = at_x >= 0 && at_y >= 0 && at_x < last_x && at_y < last_y;
            if inside {
                out.push(interpolated(cells, width, at_x as usize, at_y as usize));
            } else {
                if at_x < -half || at_y < -half || at_x > last_x + half || at_y > last_y + half {
                    beyond(x, y);
                }
                let (near_x, near_y) = ((at_x + half).clamp(0, last_x), (at_y + half).clamp(0, last_y));
                out.push(cells[(near_y >> FRACTION_BITS) as usize * width + (near_x >> FRACTION_BITS) as usize]);
            }
            at_x += step_x;
            at_y += step_y;
        }
    }
    out
}

/// The level between four cells.
#[inline]
fn interpolated(cells: &[u8], width: usize, at_x: usize, at_y: usize) -> u8 {
    const ONE: u32 = 1 << WEIGHT_BITS;
    let first = (at_y >> FRACTION_BITS) * width + (at_x >> FRACTION_BITS);
    let four = &cells[first..first + width + 2];
    let weight = |at: usize| (at >> (FRACTION_BITS - WEIGHT_BITS)) as u32 % ONE;
    let (right, below) = (weight(at_x), weight(at_y));
    let top = u32::from(four[0]) * (ONE - right) + u32::from(four[1]) * right;
    let bottom = u32::from(four[width]) * (ONE - right) + u32::from(four[width + 1]) * right;
    ((top * (ONE - below) + bottom * below + ONE * ONE / 2) >> (2 * WEIGHT_BITS)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    fn plane() -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        let y = (0..64 * 64).map(|i| (i % 64 * 3) as u8).collect();
        Plane { lattice, y, u: vec![7; 32 * 32], v: vec![9; 32 * 32] }
    }

    #[test]
    fn standing_still_changes_nothing() {
        let (picture, outside) = registered(&plane(), &Affine::IDENTITY);
        assert_eq!((picture.y, outside.count()), (plane().y, 0));
    }

    #[test]
    fn a_shift_by_half_cells_interpolates_and_leaves_a_rim_unseen() {
        let (picture, outside) = registered(&plane(), &Affine::translation(4.5, 0.0));
        assert_eq!(picture.y[64 * 10 + 10], 44, "between 42 and 45");
        assert_eq!(outside.bounds(), Some((60..64, 0..64)));
    }
}
