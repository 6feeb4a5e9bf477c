//! What the scene looks like without the things that move: per cell a mean and a variance of luma and chroma.

use super::bits::BitPlane;
use super::light::Light;
use super::plane::{Lattice, Plane};
use super::smooth::smoothed_fractions;
use serde::{Deserialize, Serialize};
use vokg_engine::geometry::Affine;

/// By how many cells pictures of a camera at rest may be off.
pub(super) const SLACK_AT_REST: f32 = 0.5;
/// The same for pictures of a camera that moves, where they fit the background badly.
pub(super) const SLACK_IN_MOTION: f32 = 1.0;
/// The same for smoothed pictures that fit it well: twice the error with which those are laid on the background.
const SLACK_SMOOTHED: f32 = 0.5;
/// Bounds of a luma variance: no cell is trusted to less than 1.5 or left as vague as more than 12 grey levels.
pub(super) const LUMA_VARIANCE: (f32, f32) = (2.25, 144.0);
/// The same for chroma, which is averaged over four times the pixels.
pub(super) const CHROMA_VARIANCE: (f32, f32) = (1.5, 144.0);
/// Least variances of luma and chroma for pictures that fit badly: they are interpolated, and depth shifts them.
const VARIANCE_IN_MOTION: (f32, f32) = (9.0, 4.0);
/// By what smoothing multiplies a variance. Noise of single cells would keep 9/64; neighbours share some of theirs.
const SMOOTHED_VARIANCE: f32 = 0.25;
/// Least variances of luma and chroma that are smoothed, about what a rigid scene keeps while the camera moves.
const LEAST_SMOOTHED: (f32, f32) = (1.0, 0.7);
/// Deviation of luma and of chroma where a background rests on one picture.
const FIRST_DEVIATION: (f32, f32) = (6.0, 4.0);

/// Mean and variance of one channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Layer {
    /// Means, in grey levels of the light the background was last seen in.
    pub mean: Vec<f32>,
    /// Variances.
    pub variance: Vec<f32>,
    /// Reciprocal of what a squared difference is divided by: the variance, for luma also the slope.
    pub weight: Vec<f32>,
}

impl Layer {
    /// A layer of these means and standard deviations.
    pub fn new(mean: Vec<f32>, deviation: &[f32], bounds: (f32, f32)) -> Self {
        let variance: Vec<f32> = deviation.iter().map(|d| (d * d).clamp(bounds.0, bounds.1)).collect();
        Self { weight: variance.iter().map(|v| 1.0 / v).collect(), mean, variance }
    }

    fn copy(&mut self, to: usize, other: &Self, from: usize) {
        self.mean[to] = other.mean[from];
        self.variance[to] = other.variance[from];
    }

    /// Moves the layer towards what is seen. `expected` maps a mean to what the present light makes of it, `relit`
    /// is the share by which every cell follows that light, `rates` the share by which each follows what is seen and
    /// `spread` the same for its variance.
    fn learn(
        &mut self,
        seen: &[u8],
        at: usize,
        expected: (f32, f32),
        relit: f32,
        rates: Rates<'_>,
        bounds: (f32, f32),
    ) {
        let end = at + seen.len();
        let (means, variances) = (&mut self.mean[at..end], &mut self.variance[at..end]);
        let (gain, offset) = expected;
        for ((((mean, variance), seen), rate), spread) in
            means.iter_mut().zip(variances).zip(seen).zip(rates.mean).zip(rates.spread)
        {
            let lit = gain * *mean + offset;
            let difference = f32::from(*seen) - lit;
            *mean += relit * (lit - *mean) + rate * difference;
            *variance = (*variance + spread * (difference * difference - *variance)).clamp(bounds.0, bounds.1);
        }
    }
}

#[derive(Clone, Copy)]
struct Rates<'a> {
    mean: &'a [f32],
    spread: &'a [f32],
}

/// How much of what is seen enters the background in one step, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct LearningRates {
    /// Where nothing moves.
    pub free: f32,
    /// In foreground that no track owns.
    pub unowned: f32,
}

/// The background of a scene.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Background {
    /// Its cells.
    pub lattice: Lattice,
    /// Luma.
    pub y: Layer,
    /// First chroma, at half the width and height.
    pub u: Layer,
    /// Second chroma.
    pub v: Layer,
    /// Cells that were never seen: nothing is foreground there, and the first sight is believed.
    pub unseen: BitPlane,
    /// Squared slope of the mean luma, in grey levels per cell.
    pub slope: Vec<f32>,
    /// By how many cells a picture may be off: slopes are forgiven as far.
    slack_cells: f32,
}

impl Background {
    /// A background of three layers.
    pub fn new(lattice: Lattice, y: Layer, u: Layer, v: Layer, slack_cells: f32) -> Self {
        let unseen = BitPlane::new(lattice.width, lattice.height);
        let slope = vec![0.0; lattice.cells()];
        let mut background = Self { lattice, y, u, v, unseen, slope, slack_cells };
        background.refresh();
        background
    }

    /// One picture taken for the background.
    pub fn of(plane: &Plane, slack_cells: f32) -> Self {
        let layer = |cells: &[u8], deviation: f32, bounds: (f32, f32)| {
            let deviation = vec![deviation; cells.len()];
            Layer::new(cells.iter().map(|c| f32::from(*c)).collect(), &deviation, bounds)
        };
        let y = layer(&plane.y, FIRST_DEVIATION.0, LUMA_VARIANCE);
        let (u, v) =
            (layer(&plane.u, FIRST_DEVIATION.1, CHROMA_VARIANCE), layer(&plane.v, FIRST_DEVIATION.1, CHROMA_VARIANCE));
        Self::new(plane.lattice, y, u, v, slack_cells)
    }

    /// Sets by how many cells pictures may be off from now on.
    pub fn set_slack(&mut self, cells: f32) {
        if cells != self.slack_cells {
            self.slack_cells = cells;
            self.refresh();
        }
    }

    /// The background as smoothed pictures are compared with it.
    pub fn smoothed(&self) -> Self {
        let width = self.lattice.width;
        let smooth = |layer: &Layer, width: usize, least: f32| {
            let mut variance = smoothed_fractions(&layer.variance, width);
            variance.iter_mut().for_each(|v| *v = (SMOOTHED_VARIANCE * *v).max(least));
            Layer { mean: smoothed_fractions(&layer.mean, width), weight: layer.weight.clone(), variance }
        };
        let y = smooth(&self.y, width, LEAST_SMOOTHED.0);
        let (u, v) = (smooth(&self.u, width / 2, LEAST_SMOOTHED.1), smooth(&self.v, width / 2, LEAST_SMOOTHED.1));
        let mut smoothed = Self::new(self.lattice, y, u, v, SLACK_SMOOTHED);
        smoothed.unseen = self.unseen.clone();
        smoothed
    }

    /// Learns a picture, except where `frozen`; slowly where `unowned`.
    pub fn learn(&mut self, plane: &Plane, light: &Light, rates: LearningRates, frozen: &BitPlane, unowned: &BitPlane) {
        let width = self.lattice.width;
        let chroma_width = width / 2;
        let (mut mean, mut spread) = (vec![0.0; width], vec![0.0; width]);
        let (mut mean_half, mut spread_half) = (vec![0.0; chroma_width], vec![0.0; chroma_width]);
        for y in 0..self.lattice.height {
            mean.fill(rates.free);
            spread.fill(rates.free);
            unowned.for_each_run(y, |xs| {
                mean[xs.clone()].fill(rates.unowned);
                spread[xs].fill(rates.unowned / 2.0);
            });
            frozen.for_each_run(y, |xs| {
                mean[xs.clone()].fill(0.0);
                spread[xs].fill(0.0);
            });
            self.unseen.for_each_run(y, |xs| mean[xs].fill(1.0));
            let row = &plane.y[y * width..(y + 1) * width];
            let luma_rates = Rates { mean: &mean, spread: &spread };
            self.y.learn(row, y * width, (light.gain, light.offset), rates.free, luma_rates, LUMA_VARIANCE);
            if y % 2 == 0 {
                continue;
            }
            halve(&mean, &mut mean_half);
            halve(&spread, &mut spread_half);
            let at = y / 2 * chroma_width;
            let chroma_rates = Rates { mean: &mean_half, spread: &spread_half };
            for (layer, seen) in [(&mut self.u, &plane.u), (&mut self.v, &plane.v)] {
                let row = &seen[at..at + chroma_width];
                layer.learn(row, at, light.chroma(), rates.free, chroma_rates, CHROMA_VARIANCE);
            }
        }
        self.unseen.subtract(&frozen.complement());
        self.refresh();
    }

    /// Believes a picture, seen in this light, at once in the cells of `bits`.
    pub fn copy_in(&mut self, plane: &Plane, bits: &BitPlane, light: &Light) {
        let width = self.lattice.width;
        let (gain, offset) = light.chroma();
        let chroma_mean = |seen: u8| (f32::from(seen) - offset) / gain;
        for y in 0..self.lattice.height {
            bits.for_each_run(y, |xs| {
                for x in xs {
                    self.y.mean[y * width + x] = light.before(f32::from(plane.y[y * width + x]));
                    let chroma = y / 2 * (width / 2) + x / 2;
                    self.u.mean[chroma] = chroma_mean(plane.u[chroma]);
                    self.v.mean[chroma] = chroma_mean(plane.v[chroma]);
                }
            });
        }
        self.unseen.subtract(bits);
        self.refresh();
    }

    /// The background as the present picture shows it: each cell takes the one nearest to where it comes from, and
    /// what the background never showed is taken from the picture until it is seen again.
    pub fn seen_from(&self, picture_from_background: &Affine, plane: &Plane, light: &Light) -> Self {
        let mut seen = Self::of(plane, self.slack_cells);
        for mean in &mut seen.y.mean {
            *mean = light.before(*mean);
        }
        let (gain, offset) = light.chroma();
        for mean in seen.u.mean.iter_mut().chain(&mut seen.v.mean) {
            *mean = (*mean - offset) / gain;
        }
        let (width, height) = (self.lattice.width, self.lattice.height);
        let Some(back) = picture_from_background.inverse() else { return seen };
        for y in 0..height {
            for x in 0..width {
                let (u, v) = back.apply(x as f32 + 0.5, y as f32 + 0.5);
                let shown = u >= 0.0 && v >= 0.0 && u < width as f32 && v < height as f32;
                if !shown || self.unseen.get(u as usize, v as usize) {
                    seen.unseen.fill_range(y, x..x + 1);
                    continue;
                }
                let (u, v) = (u as usize, v as usize);
                seen.y.copy(y * width + x, &self.y, v * width + u);
                let (to, from) = (y / 2 * (width / 2) + x / 2, v / 2 * (width / 2) + u / 2);
                seen.u.copy(to, &self.u, from);
                seen.v.copy(to, &self.v, from);
            }
        }
        seen.refresh();
        seen
    }

    /// Brings slopes and weights in line with means and variances.
    fn refresh(&mut self) {
        let (width, height) = (self.lattice.width, self.lattice.height);
        let forgiven = self.slack_cells * self.slack_cells;
        for y in 0..height {
            let above = &self.y.mean[y.saturating_sub(1) * width..][..width];
            let here = &self.y.mean[y * width..][..width];
            let below = &self.y.mean[(y + 1).min(height - 1) * width..][..width];
            let slope = &mut self.slope[y * width..][..width];
            for x in 0..width {
                let dx = (here[(x + 1).min(width - 1)] - here[x.saturating_sub(1)]) / 2.0;
                let dy = (below[x] - above[x]) / 2.0;
                slope[x] = dx * dx + dy * dy;
            }
        }
        let (least_luma, least_chroma) = if self.slack_cells > SLACK_AT_REST { VARIANCE_IN_MOTION } else { (0.0, 0.0) };
        let layer = &mut self.y;
        for ((weight, variance), slope) in layer.weight.iter_mut().zip(&layer.variance).zip(&self.slope) {
            *weight = 1.0 / (variance.max(least_luma) + forgiven * slope);
        }
        for layer in [&mut self.u, &mut self.v] {
            let cells = layer.weight.iter_mut().zip(&layer.variance);
            cells.for_each(|(weight, variance)| *weight = 1.0 / variance.max(least_chroma));
        }
    }
}

/// The smaller of each pair.
fn halve(cells: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(cells.chunks_exact(2)).for_each(|(half, pair)| *half = pair[0].min(pair[1]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Size;

    const RATES: LearningRates = LearningRates { free: 0.1, unowned: 0.05 };

    fn flat(y: u8) -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        Plane { lattice, y: vec![y; 64 * 64], u: vec![128; 32 * 32], v: vec![128; 32 * 32] }
    }

    #[test]
    fn frozen_cells_stay_and_unowned_ones_follow_slowly() {
        let mut background = Background::of(&flat(100), 0.5);
        let (mut frozen, mut unowned) = (BitPlane::new(64, 64), BitPlane::new(64, 64));
        frozen.fill_rect(0..10, 0..64);
        unowned.fill_rect(20..30, 0..64);
        background.learn(&flat(120), &Light::AS_BEFORE, RATES, &frozen, &unowned);
        let row = &background.y.mean[..64];
        assert_eq!((row[5], row[25], row[50]), (100.0, 101.0, 102.0));
    }

    #[test]
    fn a_change_of_light_reaches_cells_that_learn_nothing() {
        let mut background = Background::of(&flat(100), 0.5);
        let (frozen, unowned) = (BitPlane::new(64, 64).complement(), BitPlane::new(64, 64));
        let brighter = Light { gain: 1.2, offset: 0.0 };
        for _ in 0..200 {
            let lit = background.y.mean[0];
            let light = Light { gain: brighter.gain * 100.0 / lit, ..brighter };
            background.learn(&flat(7), &light, RATES, &frozen, &unowned);
        }
        assert!((background.y.mean[0] - 120.0).abs() < 1.0);
    }

    #[test]
    fn what_was_never_seen_is_believed_at_once() {
        let mut background = Background::of(&flat(100), 0.5);
        background.unseen.fill_rect(40..50, 0..64);
        let nothing = BitPlane::new(64, 64);
        background.learn(&flat(200), &Light::AS_BEFORE, RATES, &nothing, &nothing);
        assert_eq!(background.y.mean[45], 200.0);
        assert_eq!(background.unseen.count(), 0);
    }

    #[test]
    fn an_edge_of_the_background_is_forgiven_more_than_flat_ground() {
        let mut plane = flat(50);
        plane.y.chunks_mut(64).for_each(|row| row[32..].fill(150));
        let background = Background::of(&plane, 0.5);
        assert!(background.y.weight[32] < background.y.weight[10] / 10.0);
    }
}
