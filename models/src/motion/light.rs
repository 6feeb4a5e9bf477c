//! How the light of a picture differs from the background's: exposure, a cloud, a lamp.
//!
//! One gain and one offset for the whole frame, by least squares that are weighted anew in each round with the
//! function of Geman and McClure ("Statistical methods for tomographic image reconstruction", 1987), so that what
//! moves through the frame does not count.

use super::background::Background;
use super::bits::BitPlane;
use super::plane::Plane;
use serde::{Deserialize, Serialize};

/// Light relative to the background's: `seen = gain · background + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Light {
    /// Contrast.
    pub gain: f32,
    /// Brightness in grey levels.
    pub offset: f32,
}

/// Every how many rows and columns a cell is looked at.
const STRIDE: usize = 5;
/// Most squared slope of the background where a cell counts: on edges a small shift would look like light.
const FLAT_SLOPE: f32 = 60.0;
/// Darkest and brightest grey level that is not clipped.
const UNCLIPPED: (u8, u8) = (6, 247);
/// Rounds of weighting.
const ROUNDS: usize = 6;
/// Least scale of the weights, in grey levels.
const LEAST_SCALE: f32 = 2.0;
/// Bounds of the gain.
const GAIN: (f32, f32) = (0.33, 3.0);
/// Bounds of the gain of chroma.
const CHROMA_GAIN: (f32, f32) = (0.67, 1.5);
/// How strongly the gain is held at 1, as a variance of the background's luma: on uniform ground it cannot be told
/// from the offset.
const PRIOR_VARIANCE: f32 = 25.0;
/// Fewest cells the light is measured on.
const FEWEST: usize = 50;

impl Light {
    /// The light the background was seen in.
    pub const AS_BEFORE: Self = Self { gain: 1.0, offset: 0.0 };

    /// Gain and offset of chroma, which is grey at 128.
    pub fn chroma(&self) -> (f32, f32) {
        let gain = self.gain.clamp(CHROMA_GAIN.0, CHROMA_GAIN.1);
        (gain, 128.0 * (1.0 - gain))
    }

    /// What this light makes of a grey level.
    pub fn on(&self, level: f32) -> f32 {
        self.gain * level + self.offset
    }

    /// The grey level of which this light makes `level`.
    pub fn before(&self, level: f32) -> f32 {
        (level - self.offset) / self.gain
    }

    /// The light of a picture against a background, where it is neither `moving` nor
    /// `outside` of the picture. `before` is the light of the previous picture,
    /// kept where too little of the background is in view.
    pub fn of(plane: &Plane, background: &Background, moving: &BitPlane, outside: &BitPlane, before: Self) -> Self {
        let mut samples = Samples::default();
        let width = plane.lattice.width;
        for y in (STRIDE / 2..plane.lattice.height).step_by(STRIDE) {
            for x in (STRIDE / 2..width).step_by(STRIDE) {
                let at = y * width + x;
                let flat = background.slope[at] < FLAT_SLOPE;
                let hidden = moving.get(x, y) || outside.get(x, y) || background.unseen.get(x, y);
                if flat && !hidden {
                    samples.push(background.y.mean[at], plane.y[at]);
                }
            }
        }
        samples.fit(before)
    }

    /// The light of one picture against another, on cells where both are known.
    pub fn between(reference: &[u8], seen: &[u8]) -> Self {
        let mut samples = Samples::default();
        for (reference, seen) in reference.iter().zip(seen).step_by(STRIDE * STRIDE) {
            samples.push(f32::from(*reference), *seen);
        }
        samples.fit(Self::AS_BEFORE)
    }
}

#[derive(Default)]
struct Samples {
    background: Vec<f32>,
    seen: Vec<f32>,
}

impl Samples {
    fn push(&mut self, background: f32, seen: u8) {
        if (UNCLIPPED.0..=UNCLIPPED.1).contains(&seen) {
            self.background.push(background);
            self.seen.push(f32::from(seen));
        }
    }

    fn fit(&self, start: Light) -> Light {
        if self.seen.len() < FEWEST {
            return start;
        }
        let mut light = start;
        for _ in 0..ROUNDS {
            let next = self.refit(light);
            let settled = (next.gain - light.gain).abs() < 1e-3 && (next.offset - light.offset).abs() < 0.05;
            light = next;
            if settled {
                break;
            }
        }
        light
    }

    fn refit(&self, light: Light) -> Light {
        let scale = (1.4 * self.median_residual(light)).max(LEAST_SCALE);
        let squared_scale = scale * scale;
        let (mut n, mut sx, mut sy, mut sxx, mut sxy) = (0.0f32, 0.0, 0.0, 0.0, 0.0);
        for (b, y) in self.background.iter().zip(&self.seen) {
            let residual = y - light.on(*b);
            let root = squared_scale / (squared_scale + residual * residual);
            let weight = root * root;
            n += weight;
            sx += weight * b;
            sy += weight * y;
            sxx += weight * b * b;
            sxy += weight * b * y;
        }
        let (mean_x, mean_y) = (sx / n, sy / n);
        let (variance, covariance) = (sxx / n - mean_x * mean_x, sxy / n - mean_x * mean_y);
        let gain = (covariance + PRIOR_VARIANCE) / (variance.max(0.0) + PRIOR_VARIANCE);
        let gain = gain.clamp(GAIN.0, GAIN.1);
        Light { gain, offset: mean_y - gain * mean_x }
    }

    /// Median absolute residual in whole grey levels.
    fn median_residual(&self, light: Light) -> f32 {
        let mut counts = [0usize; 256];
        for (b, y) in self.background.iter().zip(&self.seen) {
            counts[((y - light.on(*b)).abs() as usize).min(255)] += 1;
        }
        let mut below = 0;
        let median = counts.iter().position(|count| {
            below += count;
            2 * below > self.seen.len()
        });
        median.unwrap_or(0) as f32 + 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels between 40 and 160, a third of them covered by something bright.
    fn samples(gain: f32, offset: f32) -> Samples {
        let mut samples = Samples::default();
        for i in 0..900u32 {
            let b = 40.0 + (i * 7919 % 121) as f32;
            let seen = if i % 3 == 0 { 230.0 } else { gain * b + offset + (i % 5) as f32 - 2.0 };
            samples.push(b, seen as u8);
        }
        samples
    }

    #[test]
    fn gain_and_offset_are_found_under_moving_things() {
        for (gain, offset) in [(1.35, 0.0), (0.74, 3.0), (1.0, 20.0), (1.0, 0.0)] {
            let light = samples(gain, offset).fit(Light::AS_BEFORE);
            assert!((light.on(100.0) - (gain * 100.0 + offset)).abs() < 1.5, "{gain} {offset}: {light:?}");
            assert!((light.gain - gain).abs() < 0.05, "{gain} {offset}: {light:?}");
        }
    }

    #[test]
    fn uniform_ground_gives_an_offset_and_no_wild_gain() {
        let mut samples = Samples::default();
        (0..100).for_each(|_| samples.push(100.0, 120));
        let light = samples.fit(Light::AS_BEFORE);
        assert!((light.on(100.0) - 120.0).abs() < 0.5 && (light.gain - 1.0).abs() < 0.01);
    }

    #[test]
    fn too_little_ground_keeps_the_light_before() {
        let before = Light { gain: 1.1, offset: 2.0 };
        assert_eq!(Samples::default().fit(before), before);
    }
}
