//! Randomness without a state that runs along: every number is a hash of where it is used, so that any frame can be
//! made without the ones before it, and value noise and a table of normal numbers on top of that.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Three words mixed into one (the finaliser of MurmurHash3, Appleby, public domain, chained over the words).
pub fn hash(words: [u32; 3]) -> u32 {
    let mut h = 0x9e37_79b9u32;
    for word in words {
        h = mix(h ^ word.wrapping_mul(0x85eb_ca6b)).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    mix(h)
}

fn mix(mut h: u32) -> u32 {
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// A hash as a number from 0 up to, not including, 1.
pub fn unit(words: [u32; 3]) -> f32 {
    (hash(words) >> 8) as f32 / (1u32 << 24) as f32
}

/// The sine of `turns` whole turns, within 0.001: a parabola per half turn, corrected once. The platform's own sine may
/// differ in the last bit between machines, and clips should not.
pub fn sine(turns: f64) -> f64 {
    let half_turns = 2.0 * (turns - (turns + 0.5).floor());
    let rough = 4.0 * half_turns * (1.0 - half_turns.abs());
    rough * (0.775 + 0.225 * rough.abs())
}

/// Smooth random heights over the plane: random values on a lattice, blended (value noise).
#[derive(Clone, Copy)]
pub struct ValueNoise {
    seed: u32,
}

impl ValueNoise {
    /// A field of its own for each seed.
    pub fn new(seed: u32) -> Self {
        Self { seed }
    }

    /// One octave with features about 1 wide, from -1 to 1.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (fx, fy) = (x.floor(), y.floor());
        let (ix, iy) = (fx as i32, fy as i32);
        let (tx, ty) = (smooth(x - fx), smooth(y - fy));
        let corner = |dx: i32, dy: i32| unit([self.seed, ix.wrapping_add(dx) as u32, iy.wrapping_add(dy) as u32]);
        let top = corner(0, 0) + tx * (corner(1, 0) - corner(0, 0));
        let bottom = corner(0, 1) + tx * (corner(1, 1) - corner(0, 1));
        2.0 * (top + ty * (bottom - top)) - 1.0
    }

    /// `octaves` octaves, each half as wide and half as strong as the one before, from -1 to 1.
    pub fn octaves(&self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut total) = (0.0, 1.0, 0.0);
        for octave in 0..octaves {
            let step = (1u32 << octave) as f32;
            let field = Self { seed: self.seed.wrapping_add(octave.wrapping_mul(0x68bc_21eb)) };
            sum += weight * field.at(x * step, y * step);
            total += weight;
            weight *= 0.5;
        }
        sum / total
    }
}

/// 3t² − 2t³: from 0 to 1 without a jolt at either end. What lies outside 0 to 1 is cut off.
pub fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The noise of the sensor: a table of normal numbers, read from a hashed place per stretch of pixels.
pub struct SensorNoise {
    table: Vec<i8>,
    seed: u32,
}

/// Standard deviation of the noise on luma, in steps of 1/255, of which about 4 survive the encoder. On chroma it is
/// half of that.
pub const NOISE_SIGMA: f32 = 5.8;

const TABLE: usize = 1 << 16;
const STRETCH: usize = 64;

impl SensorNoise {
    /// Fills the table. A sum of 12 uniform numbers is normal enough and needs no logarithm.
    pub fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || {
            let sum: f32 = (0..12).map(|_| (random.next_u32() >> 8) as f32 / (1u32 << 24) as f32).sum();
            ((sum - 6.0) * NOISE_SIGMA).round() as i8
        };
        let table = (0..TABLE + STRETCH).map(|_| normal()).collect();
        Self { table, seed: hash([seed as u32, (seed >> 32) as u32, 17]) }
    }

    /// Applies the gain (in 1/1024) and the noise of frame `index` to one row of a plane. Values are scaled about
    /// `pivot`, 16 for luma and 128 for chroma, and kept from 0 to 255; the noise is halved `shift` times.
    pub fn expose(&self, row: &mut [u8], place: (u32, u32), gain: i32, pivot: i32, shift: u32) {
        let (index, line) = place;
        for (stretch, pixels) in row.chunks_mut(STRETCH).enumerate() {
            let at = hash([self.seed ^ index, line, stretch as u32]) as usize % TABLE;
            for (pixel, noise) in pixels.iter_mut().zip(&self.table[at..at + STRETCH]) {
                let value = pivot + (((i32::from(*pixel) - pivot) * gain + 512) >> 10) + (i32::from(*noise) >> shift);
                *pixel = value.clamp(0, 255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_is_a_sine() {
        for step in -400..400 {
            let turns = f64::from(step) / 100.0;
            assert!((sine(turns) - (turns * std::f64::consts::TAU).sin()).abs() < 2e-3, "{turns}");
        }
    }

    #[test]
    fn value_noise_is_bounded_continuous_and_varies() {
        let field = ValueNoise::new(7);
        let values: Vec<f32> = (0..2000).map(|i| field.octaves(i as f32 * 0.01, 3.3, 4)).collect();
        assert!(values.iter().all(|v| v.abs() <= 1.0));
        assert!(values.windows(2).all(|w| (w[1] - w[0]).abs() < 0.2));
        let (low, high) = values.iter().fold((1.0f32, -1.0f32), |(l, h), v| (l.min(*v), h.max(*v)));
        assert!(high - low > 0.5, "{low} to {high}");
    }

    #[test]
    fn sensor_noise_has_the_promised_spread_and_differs_from_frame_to_frame() {
        let noise = SensorNoise::new(3);
        let expose = |index| {
            let mut row = vec![120u8; 64 * 400];
            noise.expose(&mut row, (index, 0), 1024, 16, 0);
            row
        };
        let row = expose(0);
        let n = row.len() as f64;
        let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let sigma = (row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!(
            (mean - 120.0).abs() < 0.2 && (f64::from(NOISE_SIGMA) - sigma).abs() < 0.3,
            "mean {mean}, sigma {sigma}"
        );
        assert_eq!(row, expose(0));
        assert_ne!(row, expose(1));
    }
}
