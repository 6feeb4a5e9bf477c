//! A moving camera's pictures as they would look from where the background was seen.

use super::bits::BitPlane;
use super::plane::Plane;
use vokg_engine::geometry::Affine;

/// Weights of bilinear interpolation are in 1/128.
const ONE: i32 = 128;

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
    let mut out = Vec::with_capacity(cells.len());
    let (last_x, last_y) = ((width - 1) as f32, (height - 1) as f32);
    for y in 0..height {
        let (mut u, mut v) = map.apply(0.5, y as f32 + 0.5);
        for x in 0..width {
            let (at_x, at_y) = (u - 0.5, v - 0.5);
            if at_x < -0.5 || at_y < -0.5 || at_x > last_x + 0.5 || at_y > last_y + 0.5 {
                beyond(x, y);
            }
            let (at_x, at_y) = (at_x.clamp(0.0, last_x), at_y.clamp(0.0, last_y));
            let (x0, y0) = (at_x as usize, at_y as usize);
            let (fx, fy) = (((at_x - x0 as f32) * ONE as f32) as i32, ((at_y - y0 as f32) * ONE as f32) as i32);
            let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
            let level = |x: usize, y: usize| i32::from(cells[y * width + x]);
            let top = level(x0, y0) * (ONE - fx) + level(x1, y0) * fx;
            let bottom = level(x0, y1) * (ONE - fx) + level(x1, y1) * fx;
            out.push(((top * (ONE - fy) + bottom * fy + ONE * ONE / 2) / (ONE * ONE)) as u8);
            u += map.m[0];
            v += map.m[3];
        }
    }
    out
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
