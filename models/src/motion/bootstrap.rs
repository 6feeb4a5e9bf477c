//! The first background, from the first seconds of a stream.
//!
//! Things that move cover a cell only part of the time, so the value a cell takes most often is the background's. It
//! is found as the half-sample mode (Bickel and Frühwirth, "On a fast, robust estimator of the mode", Computational
//! Statistics & Data Analysis 50, 2006): of the sorted values keep the half that lies closest together, and again.
//! Who stays at his place and moves there covers it nearly always; so only those values count at which little moves
//! about the cell ([`unrest`](super::unrest)).

use super::background::{Background, CHROMA_VARIANCE, LUMA_VARIANCE, Layer};
use super::bits::BitPlane;
use super::light::Light;
use super::plane::{Plane, halved};

/// One picture of the lead, as seen from where the camera stood in the first.
pub(super) struct Sample {
    /// The picture.
    pub plane: Plane,
    /// Cells of the first picture that this one shows.
    pub seen: BitPlane,
    /// How much moves about each cell: see [`unrest`](super::unrest::unrest()).
    pub unrest: Vec<u8>,
}

/// Between this median difference of successive values and the standard deviation of normal noise lies √2 · 0.6745.
const MEDIAN_DIFFERENCE: f32 = 0.954;
/// Values this many grey levels from the mode belong to it.
const MODE_WIDTH: f32 = 4.0;
/// Unrest that noise alone may make, in quarters of a grey level.
const CALM: u8 = 12;
/// Light is evened out where it differs by more than this, as gain and in grey levels.
const LIGHT_TOLERANCE: (f32, f32) = (0.03, 3.0);

/// The background of these samples, `None` where there are none. `slack_cells` as in [`Background::new`].
pub(super) fn bootstrap(mut samples: Vec<Sample>, slack_cells: f32) -> Option<Background> {
    let (first, rest) = samples.split_first_mut()?;
    rest.iter_mut().for_each(|sample| even_light(&first.plane, &mut sample.plane));
    let lattice = first.plane.lattice;

    let (mut mean, mut deviation) = (Vec::with_capacity(lattice.cells()), Vec::with_capacity(lattice.cells()));
    let mut values = Values::default();
    let mut unseen = BitPlane::new(lattice.width, lattice.height);
    for at in 0..lattice.cells() {
        let (x, y) = (at % lattice.width, at / lattice.width);
        let sights = || samples.iter().filter(|s| s.seen.get(x, y));
        let calm = calm(sights().map(|s| s.unrest[at]));
        values.set(sights().filter(|s| s.unrest[at] <= calm).map(|s| s.plane.y[at]));
        if values.in_order_of_time.is_empty() {
            unseen.fill_range(y, x..x + 1);
        }
        mean.push(values.mean_at_mode());
        deviation.push(values.noise());
    }
    let y = Layer::new(mean, &deviation, LUMA_VARIANCE);
    let (u, v) = chroma(&samples);
    let mut background = Background::new(lattice, y, u, v, slack_cells);
    background.unseen = unseen;
    Some(background)
}

/// The most unrest of the sights in which little moves, in quarters of a grey level.
fn calm(unrest: impl Iterator<Item = u8>) -> u8 {
    unrest.min().map_or(0, |least| least.saturating_mul(2)).max(CALM)
}

/// Chroma averaged over the samples whose luma is at its mode.
fn chroma(samples: &[Sample]) -> (Layer, Layer) {
    let lattice = samples[0].plane.lattice;
    let width = lattice.width / 2;
    let lumas: Vec<Vec<u8>> = samples.iter().map(|s| halved(&s.plane.y, lattice.width)).collect();
    let mut layers = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    let mut values = Values::default();
    for at in 0..lattice.cells() / 4 {
        let (x, y) = (at % width * 2, at / width * 2);
        let sights = || samples.iter().zip(&lumas).filter(|(s, _)| s.seen.get(x, y));
        let of_luma = y * lattice.width + x;
        let calm = calm(sights().map(|(s, _)| s.unrest[of_luma]));
        let seen = || sights().filter(|(s, _)| s.unrest[of_luma] <= calm);
        values.set(seen().map(|(_, luma)| luma[at]));
        let mode = values.mean_at_mode();
        let at_mode = |luma: u8| (f32::from(luma) - mode).abs() <= MODE_WIDTH;
        for (index, (mean, deviation)) in layers.iter_mut().enumerate() {
            let channel = |s: &Sample| if index == 0 { s.plane.u[at] } else { s.plane.v[at] };
            values.set(seen().filter(|(_, luma)| at_mode(luma[at])).map(|(s, _)| channel(s)));
            mean.push(values.mean());
            deviation.push(values.noise());
        }
    }
    let [(u, u_deviation), (v, v_deviation)] = layers;
    (Layer::new(u, &u_deviation, CHROMA_VARIANCE), Layer::new(v, &v_deviation, CHROMA_VARIANCE))
}

/// Gives a picture the light of the reference, where the difference is worth the rounding.
fn even_light(reference: &Plane, plane: &mut Plane) {
    let light = Light::between(&reference.y, &plane.y);
    let alike = (light.gain - 1.0).abs() < LIGHT_TOLERANCE.0 && (light.on(110.0) - 110.0).abs() < LIGHT_TOLERANCE.1;
    if alike {
        return;
    }
    let relight = |cells: &mut [u8], gain: f32, offset: f32| {
        cells.iter_mut().for_each(|c| *c = ((f32::from(*c) - offset) / gain).round() as u8);
    };
    relight(&mut plane.y, light.gain, light.offset);
    let (gain, offset) = light.chroma();
    relight(&mut plane.u, gain, offset);
    relight(&mut plane.v, gain, offset);
}

/// The values of one cell over the samples.
#[derive(Default)]
struct Values {
    in_order_of_time: Vec<u8>,
    sorted: Vec<u8>,
}

impl Values {
    fn set(&mut self, values: impl Iterator<Item = u8>) {
        self.in_order_of_time.clear();
        self.in_order_of_time.extend(values);
    }

    fn mean(&self) -> f32 {
        let sum: u32 = self.in_order_of_time.iter().map(|v| u32::from(*v)).sum();
        sum as f32 / self.in_order_of_time.len().max(1) as f32
    }

    /// Mean of the values at the half-sample mode.
    fn mean_at_mode(&mut self) -> f32 {
        self.sorted.clone_from(&self.in_order_of_time);
        self.sorted.sort_unstable();
        let mode = half_sample_mode(&self.sorted);
        let near = |v: &&u8| (f32::from(**v) - mode).abs() <= MODE_WIDTH;
        let (count, sum) = self.sorted.iter().filter(near).fold((0u32, 0u32), |(n, s), v| (n + 1, s + u32::from(*v)));
        if count == 0 { mode } else { sum as f32 / count as f32 }
    }

    /// Standard deviation from one sample to the next.
    fn noise(&mut self) -> f32 {
        self.sorted.clear();
        self.sorted.extend(self.in_order_of_time.windows(2).map(|pair| pair[0].abs_diff(pair[1])));
        self.sorted.sort_unstable();
        self.sorted.get(self.sorted.len() / 2).map_or(0.0, |median| f32::from(*median) / MEDIAN_DIFFERENCE)
    }
}

fn half_sample_mode(sorted: &[u8]) -> f32 {
    let mut values = sorted;
    while values.len() > 2 {
        let half = values.len().div_ceil(2);
        let half = if half == values.len() { half - 1 } else { half };
        let from = (0..=values.len() - half).min_by_key(|from| values[from + half - 1] - values[*from]).unwrap_or(0);
        values = &values[from..from + half];
    }
    values.iter().map(|v| f32::from(*v)).sum::<f32>() / values.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    /// Ground of 100 ± 1; a bright bar covers a different eighth of the columns in each of `n` samples.
    fn samples(n: usize, gain: impl Fn(usize) -> f32) -> Vec<Sample> {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        let sample = |k: usize| {
            let level = |i: usize| if i % 64 / 8 == k % 8 { 220.0 } else { 99.0 + ((i * 31 + k * 17) % 3) as f32 };
            let y = (0..64 * 64).map(|i| (level(i) * gain(k)).min(255.0) as u8).collect();
            let plane = Plane { lattice, y, u: vec![120; 32 * 32], v: vec![140; 32 * 32] };
            Sample { plane, seen: BitPlane::new(64, 64).complement(), unrest: vec![0; 64 * 64] }
        };
        (0..n).map(sample).collect()
    }

    #[test]
    fn what_passes_is_not_background() {
        let background = bootstrap(samples(20, |_| 1.0), 0.5).expect("samples were given");
        assert!(background.y.mean.iter().all(|m| (m - 100.0).abs() < 2.0));
        assert!(background.u.mean.iter().all(|m| *m == 120.0));
        assert!(background.y.variance.iter().all(|v| *v < 10.0));
    }

    #[test]
    fn ground_that_is_seldom_bare_is_found_where_nothing_moves() {
        let mut covered = samples(20, |_| 1.0);
        for (k, sample) in covered.iter_mut().enumerate().filter(|(k, _)| k % 7 != 3) {
            for at in (0..64 * 64).filter(|at| (20..30).contains(&(at % 64))) {
                sample.plane.y[at] = 60 + (k % 3) as u8;
                sample.unrest[at] = 90;
            }
        }
        let background = bootstrap(covered, 0.5).expect("samples were given");
        assert!(background.y.mean.iter().all(|m| (m - 100.0).abs() < 3.0));
    }

    #[test]
    fn light_that_changes_during_the_lead_is_evened_out() {
        let background = bootstrap(samples(20, |k| if k < 9 { 1.0 } else { 0.75 }), 0.5).expect("samples were given");
        assert!(background.y.mean.iter().all(|m| (m - 100.0).abs() < 4.0));
    }

    #[test]
    fn no_samples_no_background_and_one_is_taken_as_it_is() {
        assert!(bootstrap(Vec::new(), 0.5).is_none());
        let background = bootstrap(samples(1, |_| 1.0), 0.5).expect("one sample was given");
        assert_eq!(background.y.mean[0], 220.0);
    }

    #[test]
    fn the_mode_is_where_values_are_densest() {
        assert_eq!(half_sample_mode(&[10, 50, 51, 52, 90, 130, 200]), 50.5);
        assert_eq!(half_sample_mode(&[7]), 7.0);
        assert_eq!(half_sample_mode(&[]), 0.0);
    }
}
