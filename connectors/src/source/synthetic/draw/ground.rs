//! The ground things move over: a street, a square, a park. Colours as a function of the place, made from several
//! octaves of value noise and from structures such as joints, kerbs, lane marks, windows and bushes.

use super::colour::Rgb;
use super::raster::Picture;
use crate::source::synthetic::random::{ValueNoise, hash, smooth, unit};
use vokg_engine::geometry::Size;

/// Which ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenery {
    /// House front, pavement, two lanes, near pavement.
    Street,
    /// Paving slabs all over, with planters.
    Plaza,
    /// Lawn, a winding path, bushes.
    Park,
}

/// A scenery with its random details.
pub struct Ground {
    scenery: Scenery,
    seed: u32,
    fine: ValueNoise,
    coarse: ValueNoise,
}

impl Ground {
    /// The ground of a seed.
    pub fn new(scenery: Scenery, seed: u32) -> Self {
        Self { scenery, seed, fine: ValueNoise::new(hash([seed, 1, 0])), coarse: ValueNoise::new(hash([seed, 2, 0])) }
    }

    /// The colour at a place in world units.
    pub fn at(&self, x: f32, y: f32) -> Rgb {
        let fine = self.fine.octaves(x * 0.3, y * 0.42, 3);
        let coarse = self.coarse.octaves(x * 0.008, y * 0.013, 4);
        let bare = match self.scenery {
            Scenery::Street => self.street(x, y, fine, coarse),
            Scenery::Plaza => self.plaza(x, y, fine, coarse),
            Scenery::Park => self.park(x, y, fine, coarse),
        };
        let dapple = 1.0 - 0.1 * smooth((self.coarse.octaves(x * 0.011 + 90.0, y * 0.02, 2) - 0.1) * 4.0);
        bare.lit(dapple)
    }

    fn street(&self, x: f32, y: f32, fine: f32, coarse: f32) -> Rgb {
        if let Some(leaf) = self.bush(x, y, 168.0, 210.0, 3) {
            return leaf;
        }
        if y < 150.0 {
            return self.house_front(x, y, fine, coarse);
        }
        if y < 322.0 {
            return self.slabs(x, y, (68.0, 30.0), Rgb(158.0, 152.0, 143.0), fine, coarse);
        }
        if y < 338.0 {
            return kerb(x, (y - 322.0) / 16.0, fine);
        }
        if y < 588.0 {
            return self.asphalt(x, y, fine, coarse);
        }
        if y < 604.0 {
            return kerb(x + 40.0, 1.0 - (y - 588.0) / 16.0, fine);
        }
        self.slabs(x, y, (92.0, 44.0), Rgb(150.0, 146.0, 140.0), fine, coarse)
    }

    fn house_front(&self, x: f32, y: f32, fine: f32, coarse: f32) -> Rgb {
        let (bay, in_bay) = ((x / 164.0).floor(), x.rem_euclid(164.0));
        if y > 138.0 {
            return Rgb(104.0, 100.0, 98.0).lit(1.0 + 0.12 * fine);
        }
        let door = unit([self.seed, bay as i32 as u32, 5]) < 0.3;
        let opening = if door { (56.0, 108.0, 34.0, 138.0) } else { (38.0, 126.0, 20.0, 96.0) };
        let inside = |grow: f32| {
            in_bay > opening.0 - grow && in_bay < opening.1 + grow && y > opening.2 - grow && y < opening.3 + grow
        };
        if inside(0.0) {
            let frame = !door && ((in_bay - 82.0).abs() < 2.5 || (y - 52.0).abs() < 2.0);
            let glass = Rgb(62.0, 74.0, 86.0).lit(0.8 + 0.5 * smooth((in_bay + y - 60.0) * 0.012) + 0.25 * coarse);
            return match (frame, door) {
                (true, _) => Rgb(196.0, 190.0, 180.0),
                (false, true) => Rgb(92.0, 62.0, 46.0).lit(1.0 + 0.1 * fine + 0.08 * joint(in_bay, 13.0, 1.2)),
                (false, false) => glass,
            };
        }
        if inside(7.0) {
            return Rgb(188.0, 180.0, 168.0).lit(1.0 + 0.05 * fine);
        }
        let course = (y / 9.0).floor();
        let brick_x = x + if course as i32 % 2 == 0 { 0.0 } else { 11.0 };
        let brick = unit([self.seed, (brick_x / 22.0).floor() as i32 as u32, course as i32 as u32]);
        let mortar = joint(brick_x, 22.0, 1.5).max(joint(y, 9.0, 1.5));
        let clay = Rgb(150.0, 96.0, 78.0).lit(0.82 + 0.3 * brick + 0.1 * fine + 0.1 * coarse);
        clay.towards(Rgb(170.0, 160.0, 148.0), 0.7 * mortar)
    }

    fn asphalt(&self, x: f32, y: f32, fine: f32, coarse: f32) -> Rgb {
        let speckle = unit([self.seed, x as i32 as u32, y as i32 as u32]) - 0.5;
        let tracks =
            [392.0, 432.0, 502.0, 545.0].iter().map(|t| 1.0 - smooth((y - t).abs() / 15.0)).fold(0.0, f32::max);
        let crack = (self.coarse.octaves(x * 0.012 + 40.0, y * 0.02, 4)).abs();
        let tar = Rgb(98.0, 99.0, 103.0).lit(1.0 + 0.13 * fine + 0.14 * coarse + 0.14 * speckle - 0.07 * tracks);
        let tar = if crack < 0.011 * smooth(coarse * 3.0) { tar.lit(0.7) } else { tar };
        let worn = smooth(0.75 + 0.9 * fine);
        let dash = (y - 463.0).abs() < 4.0 && x.rem_euclid(150.0) < 74.0;
        let line = (y - 350.0).abs() < 3.0 || (y - 577.0).abs() < 3.0;
        if dash || line {
            return tar.towards(Rgb(214.0, 212.0, 204.0), 0.35 + 0.55 * worn);
        }
        let lid = (((x - 822.0) / 30.0).powi(2) + ((y - 525.0) / 17.0).powi(2)).sqrt();
        if lid < 1.0 {
            let bars = joint(x + y, 9.0, 3.0);
            return Rgb(70.0, 68.0, 68.0).lit(if lid > 0.86 { 0.7 } else { 1.0 + 0.35 * bars + 0.2 * fine });
        }
        tar
    }

    /// Paving slabs in a slanted view, each of its own shade, with dark joints and stains.
    fn slabs(&self, x: f32, y: f32, (wide, deep): (f32, f32), tone: Rgb, fine: f32, coarse: f32) -> Rgb {
        let row = (y / deep).floor();
        let across = x + 0.35 * y + if row as i32 % 2 == 0 { 0.0 } else { wide / 2.0 };
        let slab = unit([self.seed, (across / wide).floor() as i32 as u32, row as i32 as u32 ^ 0x51ab]);
        let gap = joint(across, wide, 2.4).max(joint(y, deep, 2.0));
        let stain = smooth((-coarse - 0.25) * 3.0);
        tone.lit((0.9 + 0.17 * slab + 0.1 * fine + 0.1 * coarse - 0.16 * stain) * (1.0 - 0.36 * gap))
    }

    fn plaza(&self, x: f32, y: f32, fine: f32, coarse: f32) -> Rgb {
        if let Some(leaf) = self.bush(x, y, 40.0, 250.0, 11) {
            return leaf;
        }
        if y < 64.0 {
            return self.house_front(x, y + 74.0, fine, coarse);
        }
        let band = (y - 345.0).abs() < 21.0 || (x + 0.35 * y - 520.0).rem_euclid(640.0) < 40.0;
        if band {
            return self.slabs(x, y, (20.0, 14.0), Rgb(124.0, 104.0, 94.0), fine, coarse);
        }
        self.slabs(x, y, (80.0, 42.0), Rgb(152.0, 149.0, 144.0), fine, coarse)
    }

    fn park(&self, x: f32, y: f32, fine: f32, coarse: f32) -> Rgb {
        if let Some(leaf) = self.bush(x, y, 70.0, 130.0, 7) {
            return leaf;
        }
        let blades = self.fine.octaves(x * 0.55, y * 0.16, 2);
        let daisy = unit([self.seed, (x / 3.0) as i32 as u32, (y / 3.0) as i32 as u32 ^ 0xda15]) > 0.9985;
        let middle = 420.0 + 70.0 * self.coarse.at(x * 0.0022, 3.5);
        let aside = (y - middle).abs() + 9.0 * self.coarse.octaves(x * 0.05, y * 0.05, 2);
        let gravel = Rgb(168.0, 152.0, 128.0).lit(1.0 + 0.16 * fine + 0.1 * coarse);
        let grass = Rgb(98.0, 122.0, 66.0).lit(0.94 + 0.15 * fine + 0.16 * blades + 0.2 * coarse);
        if daisy && aside > 130.0 {
            return Rgb(214.0, 212.0, 190.0);
        }
        grass.towards(gravel, smooth((118.0 - aside) / 12.0))
    }

    /// A leaf of the bushes that stand along `foot_y`, one in about every `spacing`, or nothing.
    fn bush(&self, x: f32, y: f32, foot_y: f32, spacing: f32, salt: u32) -> Option<Rgb> {
        let cell = (x / spacing).floor() as i32;
        let ragged = 0.16 * self.fine.octaves(x * 0.11, y * 0.11, 3);
        for cell in [cell - 1, cell, cell + 1] {
            let pick = |n: u32| unit([self.seed ^ salt, cell as u32, n]);
            if pick(0) < 0.35 {
                continue;
            }
            let (wide, high) = (34.0 + 34.0 * pick(1), 26.0 + 22.0 * pick(2));
            let centre = ((cell as f32 + 0.2 + 0.6 * pick(3)) * spacing, foot_y - high * 0.75);
            let (nx, ny) = ((x - centre.0) / wide, (y - centre.1) / high);
            if (nx * nx + ny * ny).sqrt() + ragged < 1.0 {
                let leaves = self.fine.octaves(x * 0.24 + 7.0, y * 0.24, 3);
                let green = Rgb(66.0, 92.0, 48.0).towards(Rgb(116.0, 128.0, 62.0), pick(4));
                return Some(green.lit(0.82 + 0.6 * leaves - 0.3 * ny - 0.12 * nx));
            }
        }
        None
    }

    /// Draws the ground as a picture: pixel (0, 0) shows the place `origin`, one world unit is `unit_px` pixels.
    pub fn picture(&self, size: Size, origin: (f32, f32), unit_px: f32) -> Picture {
        let (w, h) = (size.width as usize, size.height as usize);
        let mut picture = Picture { size, y: vec![0; w * h], u: vec![0; w * h / 4], v: vec![0; w * h / 4] };
        let per_px = 1.0 / unit_px;
        for row in (0..h).step_by(2) {
            for column in (0..w).step_by(2) {
                let (mut u, mut v) = (0.0, 0.0);
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let (x, y) = (column + dx, row + dy);
                    let place = (origin.0 + (x as f32 + 0.5) * per_px, origin.1 + (y as f32 + 0.5) * per_px);
                    let colour = self.at(place.0, place.1).to_yuv();
                    picture.y[y * w + x] = (colour.y + 0.5) as u8;
                    u += colour.u / 4.0;
                    v += colour.v / 4.0;
                }
                let at = row * w / 4 + column / 2;
                (picture.u[at], picture.v[at]) = ((u + 0.5) as u8, (v + 0.5) as u8);
            }
        }
        picture
    }
}

/// 1 in the middle of the joints that repeat every `period`, 0 away from them.
fn joint(at: f32, period: f32, width: f32) -> f32 {
    let off = at.rem_euclid(period);
    1.0 - smooth(off.min(period - off) / width)
}

fn kerb(x: f32, depth: f32, fine: f32) -> Rgb {
    let face = if depth > 0.55 { 0.72 } else { 1.06 };
    Rgb(168.0, 165.0, 160.0).lit((face + 0.07 * fine) * (1.0 - 0.3 * joint(x, 84.0, 1.8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ground_is_flat() {
        for scenery in [Scenery::Street, Scenery::Plaza, Scenery::Park] {
            let size = Size { width: 640, height: 360 };
            let picture = Ground::new(scenery, 4).picture(size, (0.0, 0.0), 0.5);
            let mut flat = 0;
            for block_row in (0..360 - 16).step_by(16) {
                for block in (0..640).step_by(16) {
                    let values: Vec<f32> =
                        (0..256).map(|i| f32::from(picture.y[(block_row + i / 16) * 640 + block + i % 16])).collect();
                    let mean = values.iter().sum::<f32>() / 256.0;
                    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / 256.0;
                    flat += usize::from(variance < 4.0);
                }
            }
            assert!(flat < 9, "{scenery:?}: {flat} of 880 blocks of 16x16 are flat");
        }
    }
}
