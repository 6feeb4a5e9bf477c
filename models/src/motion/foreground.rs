//! Which cells differ from the background, and which of them strongly.
//!
//! Squared differences of luma and chroma, each divided by its variance, add up to the squared distance; what a slope
//! of the background times a small shift explains is forgiven. Two thresholds: the low one shapes a thing, the high
//! one says that there is one.

use super::background::Background;
use super::bits::BitPlane;
use super::light::Light;
use super::plane::Plane;

/// Cells beyond each threshold.
#[derive(Clone, Debug)]
pub(super) struct Foreground {
    /// Beyond the low threshold.
    pub low: BitPlane,
    /// Beyond the high threshold.
    pub high: BitPlane,
}

/// Compares a picture with the background in this light. Thresholds are in standard deviations.
pub(super) fn foreground(
    plane: &Plane,
    background: &Background,
    light: &Light,
    low_sigma: f32,
    high_sigma: f32,
) -> Foreground {
    let (width, height) = (plane.lattice.width, plane.lattice.height);
    let chroma_width = width / 2;
    let mut found = Foreground { low: BitPlane::new(width, height), high: BitPlane::new(width, height) };
    let luma_scale = 1.0 / light.gain.max(1.0).powi(2);
    let (mut chroma, mut distance) = (vec![0.0f32; chroma_width], vec![0.0f32; width]);
    let mut flags = vec![0u8; width];
    for y in 0..height {
        if y % 2 == 0 {
            chroma_distance(plane, background, light, y / 2 * chroma_width, &mut chroma);
            distance.chunks_exact_mut(2).zip(&chroma).for_each(|(pair, c)| pair.fill(*c));
        } else {
            distance.chunks_exact_mut(2).zip(&chroma).for_each(|(pair, c)| pair.fill(*c));
        }
        let cells = y * width..(y + 1) * width;
        let (means, weights) = (&background.y.mean[cells.clone()], &background.y.weight[cells.clone()]);
        for (((distance, seen), mean), weight) in distance.iter_mut().zip(&plane.y[cells]).zip(means).zip(weights) {
            let difference = f32::from(*seen) - light.on(*mean);
            *distance += difference * difference * weight * luma_scale;
        }
        for (bits, sigma) in [(&mut found.low, low_sigma), (&mut found.high, high_sigma)] {
            let bound = sigma * sigma;
            flags.iter_mut().zip(&distance).for_each(|(flag, distance)| *flag = u8::from(*distance > bound));
            bits.set_row(y, &flags);
        }
    }
    found.low.subtract(&background.unseen);
    found.high.subtract(&background.unseen);
    found
}

fn chroma_distance(plane: &Plane, background: &Background, light: &Light, at: usize, out: &mut [f32]) {
    let (gain, offset) = light.chroma();
    let cells = at..at + out.len();
    out.fill(0.0);
    for (layer, seen) in [(&background.u, &plane.u), (&background.v, &plane.v)] {
        let (means, weights) = (&layer.mean[cells.clone()], &layer.weight[cells.clone()]);
        for (((distance, seen), mean), weight) in out.iter_mut().zip(&seen[cells.clone()]).zip(means).zip(weights) {
            let difference = f32::from(*seen) - (gain * mean + offset);
            *distance += difference * difference * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    fn flat(y: u8, u: u8) -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        Plane { lattice, y: vec![y; 64 * 64], u: vec![u; 32 * 32], v: vec![128; 32 * 32] }
    }

    fn counts(plane: &Plane, light: Light) -> (usize, usize) {
        let found = foreground(plane, &Background::of(&flat(100, 128), 0.5), &light, 3.0, 6.0);
        (found.low.count(), found.high.count())
    }

    #[test]
    fn thresholds_are_in_standard_deviations() {
        // A background of one picture has a deviation of 6 in luma and 4 in chroma.
        assert_eq!(counts(&flat(118, 128), Light::AS_BEFORE), (0, 0));
        assert_eq!(counts(&flat(119, 128), Light::AS_BEFORE), (64 * 64, 0));
        assert_eq!(counts(&flat(137, 128), Light::AS_BEFORE), (64 * 64, 64 * 64));
        assert_eq!(counts(&flat(100, 141), Light::AS_BEFORE), (64 * 64, 0));
    }

    #[test]
    fn brighter_light_is_no_foreground() {
        assert_eq!(counts(&flat(135, 128), Light { gain: 1.35, offset: 0.0 }), (0, 0));
    }

    #[test]
    fn what_was_never_seen_is_no_foreground() {
        let mut background = Background::of(&flat(100, 128), 0.5);
        background.unseen.fill_rect(0..64, 0..64);
        assert_eq!(foreground(&flat(250, 128), &background, &Light::AS_BEFORE, 3.0, 6.0).low.count(), 0);
    }
}
