//! Which colours a set of cells has: a small histogram, by which a blob is shared out among those it covers.

use super::components::Run;
use super::plane::Plane;
use serde::{Deserialize, Serialize};

/// Cells of the histogram.
pub(super) const COLOUR_CELLS: usize = 64;
/// Where luma is cut into four.
const LUMA_CUTS: [u8; 3] = [64, 112, 168];
/// Where chroma is cut into four: most things are nearly grey, so the cuts lie close to 128.
const CHROMA_CUTS: [u8; 3] = [118, 128, 138];

/// The histogram cell of a colour, below [`COLOUR_CELLS`].
pub(super) fn colour_cell(y: u8, u: u8, v: u8) -> usize {
    let quarter = |value: u8, cuts: [u8; 3]| cuts.iter().filter(|cut| value >= **cut).count();
    quarter(y, LUMA_CUTS) * 16 + quarter(u, CHROMA_CUTS) * 4 + quarter(v, CHROMA_CUTS)
}

/// Counts of the colours of some cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<u32>", try_from = "Vec<u32>")]
pub(super) struct Colours(pub [u32; COLOUR_CELLS]);

impl From<Colours> for Vec<u32> {
    fn from(colours: Colours) -> Self {
        colours.0.to_vec()
    }
}

impl TryFrom<Vec<u32>> for Colours {
    type Error = &'static str;

    fn try_from(counts: Vec<u32>) -> Result<Self, Self::Error> {
        counts.try_into().map(Self).map_err(|_| "colours have a count for each cell of the histogram")
    }
}

impl Colours {
    /// The colours of a plane's cells in `runs`.
    pub fn of(plane: &Plane, runs: &[Run]) -> Self {
        let mut counts = [0; COLOUR_CELLS];
        let (width, chroma_width) = (plane.lattice.width, plane.lattice.width / 2);
        for run in runs {
            let chroma = run.y / 2 * chroma_width;
            for x in run.from..run.to {
                let at = chroma + x / 2;
                counts[colour_cell(plane.y[run.y * width + x], plane.u[at], plane.v[at])] += 1;
            }
        }
        Self(counts)
    }

    /// Moves one of `parts` parts towards other counts.
    pub fn blend(&mut self, seen: &Self, parts: u32) {
        self.0.iter_mut().zip(&seen.0).for_each(|(count, seen)| *count = *count - *count / parts + seen / parts);
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
    fn every_cell_of_every_run_is_counted() {
        let runs: Vec<Run> = (0..9).map(|y| Run { y, from: 3, to: 20 }).collect();
        let Colours(counts) = Colours::of(&flat(90, 110, 190), &runs);
        assert_eq!((counts[colour_cell(90, 110, 190)], counts.iter().sum::<u32>()), (9 * 17, 9 * 17));
        assert_eq!(Colours::of(&flat(90, 128, 128), &[]), Colours([0; COLOUR_CELLS]));
    }
}
