//! What a set of cells looks like: a small histogram of colour.

use super::components::Run;
use super::plane::Plane;
use vokg_engine::segment::Look;

/// Cells of the histogram.
pub(super) const LOOK_CELLS: usize = 64;
/// Where luma is cut into four.
const LUMA_CUTS: [u8; 3] = [64, 112, 168];
/// Where chroma is cut into four: most things are nearly grey, so the cuts lie close to 128.
const CHROMA_CUTS: [u8; 3] = [118, 128, 138];

/// The histogram cell of a colour, below [`LOOK_CELLS`].
pub(super) fn look_cell(y: u8, u: u8, v: u8) -> usize {
    let quarter = |value: u8, cuts: [u8; 3]| cuts.iter().filter(|cut| value >= **cut).count();
    quarter(y, LUMA_CUTS) * 16 + quarter(u, CHROMA_CUTS) * 4 + quarter(v, CHROMA_CUTS)
}

/// Counts of the colours of some cells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Colours(pub [u32; LOOK_CELLS]);

impl Colours {
    /// The colours of a plane's cells in `runs`.
    pub fn of(plane: &Plane, runs: &[Run]) -> Self {
        let mut counts = [0; LOOK_CELLS];
        let (width, chroma_width) = (plane.lattice.width, plane.lattice.width / 2);
        for run in runs {
            let chroma = run.y / 2 * chroma_width;
            for x in run.from..run.to {
                let at = chroma + x / 2;
                counts[look_cell(plane.y[run.y * width + x], plane.u[at], plane.v[at])] += 1;
            }
        }
        Self(counts)
    }

    /// Moves one of `parts` parts towards other counts.
    pub fn blend(&mut self, seen: &Self, parts: u32) {
        self.0.iter_mut().zip(&seen.0).for_each(|(count, seen)| *count = *count - *count / parts + seen / parts);
    }

    /// The shares as the tracker compares them.
    pub fn look(&self) -> Option<Look> {
        let total: u64 = self.0.iter().map(|c| u64::from(*c)).sum();
        if total == 0 {
            return None;
        }
        let share = |count: u32| (u64::from(count) * 65535 / total) as u16;
        Some(Look(Box::new(self.0.map(share))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    fn flat(y: u8, u: u8, v: u8) -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        Plane { lattice, y: vec![y; 64 * 64], u: vec![u; 32 * 32], v: vec![v; 32 * 32] }
    }

    #[test]
    fn equal_colours_look_alike_and_others_do_not() {
        let runs: Vec<Run> = (0..9).map(|y| Run { y, from: 3, to: 20 }).collect();
        let red = Colours::of(&flat(90, 110, 190), &runs).look();
        let blue = Colours::of(&flat(90, 190, 110), &runs).look();
        let (Some(red), Some(blue)) = (red, blue) else { panic!("cells were measured") };
        assert!(red.similarity(&red) > 0.99);
        assert_eq!(red.similarity(&blue), 0.0);
    }

    #[test]
    fn nothing_measured_is_no_look() {
        assert_eq!(Colours::of(&flat(90, 128, 128), &[]).look(), None);
    }
}
