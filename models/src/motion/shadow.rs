//! Which foreground is only a shadow: the ground darkened by a nearly constant factor, its colour and grain kept.

use super::background::Background;
use super::bits::BitPlane;
use super::light::Light;
use super::plane::Plane;
use std::ops::Range;

/// Bounds of the ratio of seen to expected luma in a shadow.
const RATIO: (f32, f32) = (0.4, 0.95);
/// Black in video range (ITU-R BT.601): a shadow takes its share of what lies above.
const BLACK: f32 = 16.0;
/// Chroma is grey at this level.
const GREY: f32 = 128.0;
/// Most difference of chroma in a shadow.
const CHROMA: f32 = 4.0;
/// Most variance of the ratio in 5×5 cells: a thing has a grain of its own.
const RATIO_VARIANCE: f32 = 0.004;
/// Cells around a cell whose ratios are compared.
const REACH: usize = 2;

/// Which cells of a foreground may be shadow.
#[derive(Clone, Debug)]
pub(super) struct Shades {
    /// Cells darker than the ground and of its colour.
    pub possible: BitPlane,
    /// Those of them that are also as even as a shadow on this ground.
    pub even: BitPlane,
}

/// The cells of `foreground` that look like shadow.
pub(super) fn shadows(plane: &Plane, background: &Background, light: &Light, foreground: &BitPlane) -> Shades {
    let (width, height) = (plane.lattice.width, plane.lattice.height);
    let mut shades = Shades { possible: BitPlane::new(width, height), even: BitPlane::new(width, height) };
    let Some((columns, rows)) = foreground.bounds() else {
        return shades;
    };
    let ratios = Ratios::of(plane, background, light, columns, rows.clone());
    let (gain, offset) = light.chroma();
    for y in rows {
        foreground.for_each_run(y, |xs| {
            for x in xs {
                let ratio = ratios.at(x, y);
                if !(RATIO.0..=RATIO.1).contains(&ratio) {
                    continue;
                }
                let chroma = y / 2 * (width / 2) + x / 2;
                let keeps_colour = |seen: u8, mean: f32| {
                    let lit = gain * mean + offset;
                    keeps_colour(f32::from(seen), lit, ratio)
                };
                if !keeps_colour(plane.u[chroma], background.u.mean[chroma])
                    || !keeps_colour(plane.v[chroma], background.v.mean[chroma])
                {
                    continue;
                }
                shades.possible.fill_range(y, x..x + 1);
                if ratios.unevenness(x, y, foreground) < RATIO_VARIANCE {
                    shades.even.fill_range(y, x..x + 1);
                }
            }
        });
    }
    shades
}

/// Whether chroma is the ground's, as it is or dimmed as far as luma: light of the sky gives a shadow some colour back.
fn keeps_colour(seen: f32, lit: f32, ratio: f32) -> bool {
    let dimmed = GREY + ratio * (lit - GREY);
    seen > lit.min(dimmed) - CHROMA && seen < lit.max(dimmed) + CHROMA
}

/// Ratios of seen to expected luma in a part of the plane.
struct Ratios {
    columns: Range<usize>,
    rows: Range<usize>,
    values: Vec<f32>,
}

impl Ratios {
    fn of(plane: &Plane, background: &Background, light: &Light, columns: Range<usize>, rows: Range<usize>) -> Self {
        let width = plane.lattice.width;
        let mut values = Vec::with_capacity(columns.len() * rows.len());
        for y in rows.clone() {
            let cells = y * width + columns.start..y * width + columns.end;
            let means = &background.y.mean[cells.clone()];
            values.extend(
                plane.y[cells]
                    .iter()
                    .zip(means)
                    .map(|(seen, mean)| (f32::from(*seen) - BLACK).max(0.0) / (light.on(*mean) - BLACK).max(1.0)),
            );
        }
        Self { columns, rows, values }
    }

    fn row(&self, y: usize) -> &[f32] {
        &self.values[(y - self.rows.start) * self.columns.len()..][..self.columns.len()]
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        self.row(y)[x - self.columns.start]
    }

    /// Variance around a cell less what a slope explains, so that the soft rim of a shadow is as even as its core.
    /// Cells outside the foreground do not count: at its rim the ratio jumps to 1.
    fn unevenness(&self, x: usize, y: usize, foreground: &BitPlane) -> f32 {
        let columns = x.saturating_sub(REACH).max(self.columns.start)..(x + REACH + 1).min(self.columns.end);
        let mut moments = Moments::default();
        for near in y.saturating_sub(REACH).max(self.rows.start)..(y + REACH + 1).min(self.rows.end) {
            let row = self.row(near);
            for at in columns.clone().filter(|at| foreground.get(*at, near)) {
                let offset = (at as f32 - x as f32, near as f32 - y as f32);
                moments.add(offset, row[at - self.columns.start]);
            }
        }
        moments.residual_variance()
    }
}

/// Sums from which the variance of a value about a plane follows.
#[derive(Default)]
struct Moments {
    n: f32,
    value: f32,
    value_squared: f32,
    at: [f32; 2],
    at_squared: [f32; 2],
    at_value: [f32; 2],
}

impl Moments {
    fn add(&mut self, at: (f32, f32), value: f32) {
        self.n += 1.0;
        self.value += value;
        self.value_squared += value * value;
        for (axis, at) in [at.0, at.1].into_iter().enumerate() {
            self.at[axis] += at;
            self.at_squared[axis] += at * at;
            self.at_value[axis] += at * value;
        }
    }

    /// Both axes are taken for uncorrelated, as they are where the neighbourhood is whole.
    fn residual_variance(&self) -> f32 {
        let mean = self.value / self.n;
        let explained = |axis: usize| {
            let centre = self.at[axis] / self.n;
            let spread = self.at_squared[axis] / self.n - centre * centre;
            let covariance = self.at_value[axis] / self.n - centre * mean;
            if spread > 0.1 { covariance * covariance / spread } else { 0.0 }
        };
        self.value_squared / self.n - mean * mean - explained(0) - explained(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    fn ground() -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        let y = (0..64 * 64u32).map(|i| 100 + (i.wrapping_mul(2_654_435_761) >> 24) as u8 % 40).collect();
        Plane { lattice, y, u: vec![120; 32 * 32], v: vec![130; 32 * 32] }
    }

    fn shadow_cells(change: impl Fn(usize, &mut Plane)) -> usize {
        let background = Background::of(&ground(), 0.5);
        let mut seen = ground();
        let mut moving = BitPlane::new(64, 64);
        for y in 20..40 {
            (20..40).for_each(|x| change(y * 64 + x, &mut seen));
            moving.fill_range(y, 20..40);
        }
        shadows(&seen, &background, &Light::AS_BEFORE, &moving).even.count()
    }

    #[test]
    fn darkened_ground_is_shadow() {
        let found = shadow_cells(|at, plane| plane.y[at] = (f32::from(plane.y[at]) * 0.7) as u8);
        assert!(found > 300, "{found} of 400");
    }

    #[test]
    fn a_shadow_dims_the_colour_of_the_ground_with_it() {
        let dimmed = |share: f32| 100.0 + share * 28.0;
        assert!(keeps_colour(100.0, 100.0, 0.7) && keeps_colour(dimmed(0.3), 100.0, 0.7));
        assert!(!keeps_colour(dimmed(0.6), 100.0, 0.7) && !keeps_colour(94.0, 100.0, 0.7));
    }

    #[test]
    fn a_thing_with_a_grain_or_a_colour_of_its_own_is_none() {
        let grained = shadow_cells(|at, plane| plane.y[at] = 60 + (at * 37 % 40) as u8);
        assert!(grained < 40, "{grained} of 400");
        let coloured = shadow_cells(|at, plane| {
            plane.y[at] = (f32::from(plane.y[at]) * 0.7) as u8;
            plane.u[at / 128 * 32 + at % 64 / 2] = 150;
        });
        assert_eq!(coloured, 0);
    }
}
