//! The grain of a picture at half the plane's width, and where it is rich enough to be found again.

use crate::motion::plane::halved;
use serde::{Deserialize, Serialize};
use vokg_engine::geometry::Affine;

use super::similarity::Pair;

/// Rows and columns of a block.
pub(in crate::motion) const BLOCK: usize = 16;
/// Cells from one block to the next.
const PITCH: usize = 20;
/// Cells around a cell whose mean is subtracted.
const REACH: usize = 4;
/// Least strength of the weaker direction of a block's slopes, squared grey levels per cell.
const LEAST_STRENGTH: f32 = 4.0;
/// A block is found again where it differs by less than this share of its own deviation.
const FOUND_SHARE: f32 = 0.75;

/// Luma less the mean of its surroundings, with 128 for no difference: light and slow gradients drop out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::motion) struct Texture {
    /// Cells per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    cells: Vec<u8>,
}

/// A square of texture that can be found again: its corner and the slopes in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::motion) struct Block {
    x: usize,
    y: usize,
    /// Sums of squared slopes: horizontal, mixed, vertical.
    slopes: (f32, f32, f32),
    /// Sum of absolute differences from 128.
    deviation: u32,
}

impl Texture {
    /// The texture of a luma plane of even width and height.
    pub fn of(luma: &[u8], width: usize) -> Self {
        let small = halved(luma, width);
        let width = width / 2;
        let height = small.len() / width;
        let mut columns = vec![0u16; width];
        let mut cells = vec![0; small.len()];
        let rows = |y: usize| y.saturating_sub(REACH)..(y + REACH + 1).min(height);
        let mut held = 0..0;
        for y in 0..height {
            let wanted = rows(y);
            for entering in held.end..wanted.end {
                let row = &small[entering * width..][..width];
                columns.iter_mut().zip(row).for_each(|(sum, cell)| *sum += u16::from(*cell));
            }
            for leaving in held.start..wanted.start {
                let row = &small[leaving * width..][..width];
                columns.iter_mut().zip(row).for_each(|(sum, cell)| *sum -= u16::from(*cell));
            }
            held = wanted;
            let row = &small[y * width..][..width];
            subtract_mean(row, &columns, held.len(), &mut cells[y * width..][..width]);
        }
        Self { width, height, cells }
    }

    /// Blocks with slopes in all directions, away from the rim.
    pub fn blocks(&self) -> Vec<Block> {
        let starts = |extent: usize| {
            let count = extent.saturating_sub(BLOCK + 2) / PITCH + usize::from(extent >= BLOCK + 2);
            let margin = (extent.saturating_sub(count.saturating_sub(1) * PITCH + BLOCK)) / 2;
            (0..count).map(move |i| margin + i * PITCH)
        };
        let corners = starts(self.height).flat_map(|y| starts(self.width).map(move |x| (x, y)));
        corners.filter_map(|(x, y)| self.block(x, y)).collect()
    }

    fn block(&self, x: usize, y: usize) -> Option<Block> {
        let (mut xx, mut xy, mut yy, mut deviation) = (0i32, 0i32, 0i32, 0u32);
        self.for_each_slope(x, y, |dx, dy, cell, _| {
            xx += dx * dx;
            xy += dx * dy;
            yy += dy * dy;
            deviation += u32::from(cell.abs_diff(128));
        });
        let (xx, xy, yy) = (xx as f32 / 4.0, xy as f32 / 4.0, yy as f32 / 4.0);
        let weaker = (xx + yy) / 2.0 - ((xx - yy) / 2.0).hypot(xy);
        let strong = weaker >= LEAST_STRENGTH * (BLOCK * BLOCK) as f32;
        strong.then_some(Block { x, y, slopes: (xx, xy, yy), deviation })
    }

    /// Visits a block's cells with twice their slopes, their level and their number.
    fn for_each_slope(&self, x: usize, y: usize, mut visit: impl FnMut(i32, i32, u8, usize)) {
        let level = |x: usize, y: usize| i32::from(self.cells[y * self.width + x]);
        for row in 0..BLOCK {
            for column in 0..BLOCK {
                let (u, v) = (x + column, y + row);
                let (dx, dy) = (level(u + 1, v) - level(u - 1, v), level(u, v + 1) - level(u, v - 1));
                visit(dx, dy, self.cells[v * self.width + u], row * BLOCK + column);
            }
        }
    }

    fn row_of(&self, x: usize, y: usize) -> &[u8] {
        &self.cells[y * self.width + x..][..BLOCK]
    }

    /// Sum of absolute differences between a block here and one of `other` at (x, y).
    fn difference(&self, block: &Block, other: &Self, x: usize, y: usize) -> u32 {
        let row = |k: usize| {
            let pairs = self.row_of(block.x, block.y + k).iter().zip(other.row_of(x, y + k));
            pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>()
        };
        (0..BLOCK).map(row).sum()
    }

    /// Where the blocks of this texture are in `other`: searched `radius` cells around where `guess` puts them.
    pub fn found_again(&self, blocks: &[Block], other: &Self, guess: &Affine, radius: i32) -> Vec<Pair> {
        blocks.iter().filter_map(|block| self.found_one(block, other, guess, radius)).collect()
    }

    fn found_one(&self, block: &Block, other: &Self, guess: &Affine, radius: i32) -> Option<Pair> {
        let half = BLOCK as f32 / 2.0;
        let centre = (block.x as f32 + half, block.y as f32 + half);
        let (gx, gy) = guess.apply(centre.0, centre.1);
        let (x0, y0) = ((gx - half).round() as i32, (gy - half).round() as i32);
        let fits = |x: i32, y: i32| {
            x >= 0 && y >= 0 && x as usize + BLOCK <= other.width && y as usize + BLOCK <= other.height
        };
        let mut best: Option<(u32, i32, i32)> = None;
        for y in y0 - radius..=y0 + radius {
            for x in x0 - radius..=x0 + radius {
                if fits(x, y) {
                    let found = (self.difference(block, other, x as usize, y as usize), x, y);
                    if best.is_none_or(|best| found.0 < best.0) {
                        best = Some(found);
                    }
                }
            }
        }
        let (difference, x, y) = best?;
        let at_rim = (x - x0).abs() == radius || (y - y0).abs() == radius;
        if at_rim || difference as f32 > FOUND_SHARE * block.deviation as f32 {
            return None;
        }
        let (dx, dy) = self.remainder(block, other, x as usize, y as usize);
        Some(Pair { from: centre, to: (x as f32 + half + dx, y as f32 + half + dy) })
    }

    /// The shift that is left after whole cells: one step of Lucas and Kanade (IJCAI 1981).
    fn remainder(&self, block: &Block, other: &Self, x: usize, y: usize) -> (f32, f32) {
        let (mut ex, mut ey) = (0i32, 0i32);
        self.for_each_slope(block.x, block.y, |dx, dy, cell, k| {
            let there = other.cells[(y + k / BLOCK) * other.width + x + k % BLOCK];
            let error = i32::from(cell) - i32::from(there);
            ex += dx * error;
            ey += dy * error;
        });
        let (ex, ey) = (ex as f32 / 2.0, ey as f32 / 2.0);
        let (xx, xy, yy) = block.slopes;
        let determinant = xx * yy - xy * xy;
        let (dx, dy) = ((yy * ex - xy * ey) / determinant, (xx * ey - xy * ex) / determinant);
        (dx.clamp(-1.0, 1.0), dy.clamp(-1.0, 1.0))
    }

    /// The shift in whole cells, in steps of `COARSE`, at which the two textures as a whole differ least.
    pub fn coarse_shift(&self, other: &Self) -> Affine {
        const COARSE: usize = 4;
        const REACH: i32 = 6;
        let (a, b) = (self.shrunk(COARSE), other.shrunk(COARSE));
        let (width, height) = (a.width as i32, a.height as i32);
        let mut best = (f32::INFINITY, 0, 0);
        for dy in -REACH.min(height / 2)..=REACH.min(height / 2) {
            for dx in -REACH.min(width / 2)..=REACH.min(width / 2) {
                let (x0, x1) = (0.max(-dx) as usize, width.min(width - dx) as usize);
                let mut sum = 0u32;
                for y in 0.max(-dy)..height.min(height - dy) {
                    let here = &a.cells[y as usize * a.width..][x0..x1];
                    let from = ((y + dy) as usize * b.width) as i32 + x0 as i32 + dx;
                    let there = &b.cells[from as usize..][..x1 - x0];
                    sum += here.iter().zip(there).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>();
                }
                let cells = ((x1 - x0) as i32 * (height - dy.abs())) as f32;
                let mean = sum as f32 / cells.max(1.0);
                if mean < best.0 {
                    best = (mean, dx, dy);
                }
            }
        }
        Affine::translation((best.1 * COARSE as i32) as f32, (best.2 * COARSE as i32) as f32)
    }

    /// Sums over squares, stretched fourfold about 128: means of texture are faint.
    fn shrunk(&self, by: usize) -> Self {
        let (width, height) = (self.width / by, self.height / by);
        let mut cells = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let rows = (0..by).map(|k| &self.cells[(y * by + k) * self.width + x * by..][..by]);
                let sum: i32 = rows.flatten().map(|c| i32::from(*c) - 128).sum();
                cells.push((128 + sum * 4 / (by * by) as i32).clamp(0, 255) as u8);
            }
        }
        Self { width, height, cells }
    }
}

/// `out` = 128 + cell − mean of the square around it, whose column sums over `rows` rows are given.
fn subtract_mean(row: &[u8], columns: &[u16], rows: usize, out: &mut [u8]) {
    let width = row.len();
    // Means need no exact division: a reciprocal in 1/65536 is off by less than one grey level.
    let reciprocal = |count: usize| 65536 / (count * rows) as i32;
    let inner = reciprocal(2 * REACH + 1);
    let mut sum: i32 = columns[..REACH.min(width)].iter().map(|c| i32::from(*c)).sum();
    for x in 0..width {
        if x + REACH < width {
            sum += i32::from(columns[x + REACH]);
        }
        if x > REACH {
            sum -= i32::from(columns[x - REACH - 1]);
        }
        let count = (x + REACH + 1).min(width) - x.saturating_sub(REACH);
        let by = if count == 2 * REACH + 1 { inner } else { reciprocal(count) };
        let mean = (sum * by + 32768) >> 16;
        out[x] = (128 + i32::from(row[x]) - mean).clamp(0, 255) as u8;
    }
}

#[cfg(test)]
pub(in crate::motion) mod tests {
    use super::*;

    /// Smooth random ground, seen from (dx, dy) cells to the right and below.
    pub fn ground(width: usize, height: usize, dx: f32, dy: f32) -> Vec<u8> {
        let knot = |x: i32, y: i32| {
            let mixed = (x.wrapping_mul(374_761_393)).wrapping_add(y.wrapping_mul(668_265_263));
            let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(1_274_126_177);
            ((mixed ^ (mixed >> 16)) & 255) as f32
        };
        let smooth = |x: f32, y: f32| {
            let (x0, y0) = (x.floor(), y.floor());
            let (fx, fy) = (x - x0, y - y0);
            let k = |i: i32, j: i32| knot(x0 as i32 + i, y0 as i32 + j);
            let (top, bottom) = (k(0, 0) * (1.0 - fx) + k(1, 0) * fx, k(0, 1) * (1.0 - fx) + k(1, 1) * fx);
            top * (1.0 - fy) + bottom * fy
        };
        let at = |i: usize| {
            let (x, y) = ((i % width) as f32 + dx, (i / width) as f32 + dy);
            70.0 + 0.25 * smooth(x / 6.0, y / 6.0) + 0.15 * smooth(x / 15.0 + 99.0, y / 15.0)
        };
        (0..width * height).map(|i| at(i) as u8).collect()
    }

    #[test]
    fn blocks_are_found_again_to_a_tenth_of_a_cell() {
        let here = Texture::of(&ground(384, 216, 0.0, 0.0), 384);
        let there = Texture::of(&ground(384, 216, 3.0, -1.2), 384);
        let blocks = here.blocks();
        assert!(blocks.len() > 35, "{}", blocks.len());
        let pairs = here.found_again(&blocks, &there, &Affine::IDENTITY, 3);
        assert!(pairs.len() > 30, "{}", pairs.len());
        let right =
            pairs.iter().filter(|p| (p.to.0 - p.from.0 + 1.5).abs() < 0.15 && (p.to.1 - p.from.1 - 0.6).abs() < 0.15);
        assert!(right.count() * 10 >= pairs.len() * 9);
    }

    #[test]
    fn a_far_shift_is_found_coarsely() {
        let here = Texture::of(&ground(384, 216, 0.0, 0.0), 384);
        let there = Texture::of(&ground(384, 216, 32.0, -16.0), 384);
        assert_eq!(here.coarse_shift(&there), Affine::translation(-16.0, 8.0));
    }

    #[test]
    fn flat_ground_has_no_blocks() {
        assert!(Texture::of(&[90; 384 * 216], 384).blocks().is_empty());
    }

    #[test]
    fn pictures_smaller_than_a_block_have_none() {
        assert!(Texture::of(&ground(32, 32, 0.0, 0.0), 32).blocks().is_empty());
        assert!(Texture::of(&ground(4, 600, 0.0, 0.0), 4).blocks().is_empty());
    }
}
