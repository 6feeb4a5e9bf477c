//! What a thing looks like: colour, brightness and texture, each for its upper and its lower half.
//!
//! | part | values | of what | weight |
//! |---|---|---|---|
//! | colour | 7 × 7 | chroma over luma: both grow with the light, so their quotient does not | 0.5 |
//! | brightness | 9 | luma against the median of the picture, which the light and the exposure move alike | 0.3 |
//! | texture | 5 | gradients by direction (4) and smoothness (1): a gradient is measured against the luma around it | 0.2 |
//!
//! Quantities without bound are squeezed by `x / (|x| + c)`. A value is shared between the two nearest cells of a
//! histogram, so that noise and small changes move little. Cells at the rim of the mask show the background as well and
//! are left out where enough others remain. 126 values in all; [`Look`] tells how they are compared.

use super::components::Piece;
use super::plane::Plane;
use vokg_engine::look::{Look, LookSpace};

const COLOUR_STEPS: usize = 7;
const BRIGHTNESS_STEPS: usize = 9;
const TEXTURE_STEPS: usize = 5;
const COLOUR_WEIGHT: f32 = 0.5;
const BRIGHTNESS_WEIGHT: f32 = 0.3;
const TEXTURE_WEIGHT: f32 = 0.2;

/// Luma of black.
const BLACK: f32 = 16.0;
/// Added to luma before it divides: below it there is more noise than signal.
const DARK: f32 = 24.0;
/// Quotient of chroma and luma that is half-way to the most colourful.
const COLOURFUL: f32 = 0.15;
/// Gradient, as a share of the luma around it, from which a place is all edge.
const EDGE_SHARE: f32 = 0.25;
/// The most samples of a thing; larger ones are sampled more thinly.
const SAMPLES_MAX: usize = 1500;
/// Fewest samples that make a look.
const SAMPLES_MIN: u32 = 12;

/// How bright a picture is on the whole.
pub(super) struct Exposure {
    /// Luma above black that half of the picture exceeds.
    median: f32,
}

impl Exposure {
    /// The exposure of a picture, from every fourth cell both ways.
    pub fn of(plane: &Plane) -> Self {
        let mut counts = [0u32; 256];
        for row in plane.y.chunks(plane.lattice.width).step_by(4) {
            row.iter().step_by(4).for_each(|luma| counts[usize::from(*luma)] += 1);
        }
        let half = counts.iter().sum::<u32>() / 2;
        let mut below = 0;
        let median = counts.iter().position(|count| {
            below += count;
            below > half
        });
        Self { median: (median.unwrap_or(0) as f32 - BLACK).max(0.0) }
    }
}

/// The histograms of one half of a thing.
#[derive(Clone, Debug)]
struct Half {
    colour: [f32; COLOUR_STEPS * COLOUR_STEPS],
    brightness: [f32; BRIGHTNESS_STEPS],
    texture: [f32; TEXTURE_STEPS],
    samples: u32,
}

impl Default for Half {
    fn default() -> Self {
        Self {
            colour: [0.0; COLOUR_STEPS * COLOUR_STEPS],
            brightness: [0.0; BRIGHTNESS_STEPS],
            texture: [0.0; TEXTURE_STEPS],
            samples: 0,
        }
    }
}

/// The look of a thing; `None` where it has too few cells.
pub(super) fn look_of(plane: &Plane, piece: &Piece, exposure: &Exposure) -> Option<Look> {
    let inner = halves(plane, piece, exposure, 1);
    let enough = inner.iter().map(|half| half.samples).sum::<u32>() >= SAMPLES_MIN;
    let halves = if enough { inner } else { halves(plane, piece, exposure, 0) };
    if halves.iter().map(|half| half.samples).sum::<u32>() < SAMPLES_MIN {
        return None;
    }
    let mut values = Vec::with_capacity(2 * (COLOUR_STEPS * COLOUR_STEPS + BRIGHTNESS_STEPS + TEXTURE_STEPS));
    for half in &halves {
        add_part(&mut values, &half.colour, COLOUR_WEIGHT);
        add_part(&mut values, &half.brightness, BRIGHTNESS_WEIGHT);
        add_part(&mut values, &half.texture, TEXTURE_WEIGHT);
    }
    Look::new(LookSpace::COLOUR_AND_TEXTURE, &values)
}

/// Square roots of the shares, times the square root of the weight.
fn add_part(values: &mut Vec<f32>, counts: &[f32], weight: f32) {
    let total: f32 = counts.iter().sum();
    let scale = if total > 0.0 { weight / total } else { 0.0 };
    values.extend(counts.iter().map(|count| (count * scale).sqrt()));
}

/// Samples the cells of a piece on the lattice of chroma, without `rim` samples at either end of its runs.
fn halves(plane: &Plane, piece: &Piece, exposure: &Exposure, rim: usize) -> [Half; 2] {
    let mut halves = [Half::default(), Half::default()];
    let sparseness = (piece.area / (4 * SAMPLES_MAX)).isqrt() + 1;
    let middle = piece.rows.start + piece.rows.len().div_ceil(2);
    for run in &piece.runs {
        let row = run.y / 2;
        if !run.y.is_multiple_of(2) || !row.is_multiple_of(sparseness) {
            continue;
        }
        let half = &mut halves[usize::from(run.y >= middle)];
        let (from, to) = (run.from.div_ceil(2) + rim, (run.to / 2).saturating_sub(rim));
        for column in (from..to).step_by(sparseness) {
            half.add(plane, exposure, column, row);
        }
    }
    halves
}

impl Half {
    /// Adds a cell of chroma and the luma there.
    fn add(&mut self, plane: &Plane, exposure: &Exposure, column: usize, row: usize) {
        let (width, height) = (plane.lattice.width, plane.lattice.height);
        let luma_at = |x: usize, y: usize| f32::from(plane.y[y * width + x]);
        let (x, y) = (2 * column, 2 * row);
        let luma = ((luma_at(x, y) + luma_at(x + 1, y)) / 2.0 - BLACK).max(0.0);
        let chroma = row * (width / 2) + column;
        let colour = |chroma: u8| squeezed((f32::from(chroma) - 128.0) / (luma + DARK), COLOURFUL);
        let (u, v) = (colour(plane.u[chroma]), colour(plane.v[chroma]));
        let ((u, u_share), (v, v_share)) = (shared(u, COLOUR_STEPS), shared(v, COLOUR_STEPS));
        for (u, u_part) in [(u, 1.0 - u_share), (u + 1, u_share)] {
            for (v, v_part) in [(v, 1.0 - v_share), (v + 1, v_share)] {
                self.colour[u * COLOUR_STEPS + v] += u_part * v_part;
            }
        }
        let (step, share) = shared((luma + DARK) / (luma + exposure.median + 2.0 * DARK), BRIGHTNESS_STEPS);
        self.brightness[step] += 1.0 - share;
        self.brightness[step + 1] += share;
        let across = luma_at((x + 2).min(width - 1), y) - luma_at(x.saturating_sub(2), y);
        let down = luma_at(x, (y + 2).min(height - 1)) - luma_at(x, y.saturating_sub(2));
        self.add_gradient(across, down, luma + DARK);
        self.samples += 1;
    }

    /// Twice the angle of a gradient is the same for both of its directions; its cosine and sine share out the edge.
    fn add_gradient(&mut self, across: f32, down: f32, around: f32) {
        let squared = across * across + down * down;
        let edge = (squared.sqrt() / (EDGE_SHARE * around)).min(1.0);
        self.texture[4] += 1.0 - edge;
        if squared > 0.0 {
            let (cosine, sine) = ((across * across - down * down) / squared, 2.0 * across * down / squared);
            let parts = [cosine, sine, -cosine, -sine].map(|part| part.max(0.0));
            let scale = edge / parts.iter().sum::<f32>();
            parts.iter().zip(&mut self.texture).for_each(|(part, bin)| *bin += part * scale);
        }
    }
}

/// A quantity of either sign as 0 to 1; 0 becomes a half, `half_way` three quarters.
fn squeezed(quantity: f32, half_way: f32) -> f32 {
    (quantity / (quantity.abs() + half_way) + 1.0) / 2.0
}

/// The lower of the two cells nearest to a share, and how much of it belongs to the upper.
fn shared(share: f32, steps: usize) -> (usize, f32) {
    let place = share.clamp(0.0, 1.0) * (steps - 1) as f32;
    let lower = (place as usize).min(steps - 2);
    (lower, place - lower as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::components::Run;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    /// A picture of grey ground with a thing of these colours (upper and lower half) at 20..60 × 10..58.
    fn picture(upper: [f32; 3], lower: [f32; 3], light: f32) -> Plane {
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        let of = |x: usize, y: usize| match (20..60).contains(&x) && (10..58).contains(&y) {
            true if y < 34 => upper,
            true => lower,
            false => [100.0 + (x % 7) as f32, 0.0, 0.0],
        };
        let cells = |step: usize, part: usize, black: f32| -> Vec<u8> {
            let places = (0..64 / step).flat_map(|y| (0..128 / step).map(move |x| (x * step, y * step)));
            places.map(|(x, y)| (of(x, y)[part] * light + black).round() as u8).collect()
        };
        Plane { lattice, y: cells(1, 0, 16.0), u: cells(2, 1, 128.0), v: cells(2, 2, 128.0) }
    }

    fn thing() -> Piece {
        Piece::new((10..58).map(|y| Run { y, from: 20, to: 60 }).collect())
    }

    fn look(upper: [f32; 3], lower: [f32; 3], light: f32) -> Look {
        let plane = picture(upper, lower, light);
        look_of(&plane, &thing(), &Exposure::of(&plane)).expect("it has cells")
    }

    fn similarity(a: &Look, b: &Look) -> f32 {
        a.similarity(b).expect("they are of one space")
    }

    const RED: [f32; 3] = [80.0, -15.0, 45.0];
    const BLUE: [f32; 3] = [60.0, 30.0, -10.0];
    const DARK_GREY: [f32; 3] = [30.0, 0.0, 0.0];

    #[test]
    fn the_light_changes_a_look_far_less_than_another_coat() {
        let (red, blue) = (look(RED, DARK_GREY, 1.0), look(BLUE, DARK_GREY, 1.0));
        for light in [0.6, 0.8, 1.35] {
            let same = similarity(&red, &look(RED, DARK_GREY, light));
            assert!(same > 0.95, "{light}: {same}");
        }
        assert!(similarity(&red, &blue) < 0.8, "{}", similarity(&red, &blue));
    }

    #[test]
    fn what_is_above_and_what_below_makes_a_difference() {
        assert!(similarity(&look(RED, BLUE, 1.0), &look(BLUE, RED, 1.0)) < 0.7);
    }

    #[test]
    fn stripes_are_told_from_plain_cloth_by_texture() {
        let plain = picture(RED, RED, 1.0);
        let mut striped = plain.clone();
        for (at, luma) in striped.y.iter_mut().enumerate() {
            let stripe = if at / 128 / 4 % 2 == 0 { 14 } else { -14 };
            *luma = luma.saturating_add_signed(stripe);
        }
        let [plain, striped] =
            [plain, striped].map(|plane| look_of(&plane, &thing(), &Exposure::of(&plane)).expect("it has cells"));
        let alike = similarity(&plain, &striped);
        assert!(alike < 0.97, "{alike}");
    }

    #[test]
    fn too_few_cells_are_no_look_and_many_are_sampled() {
        let plane = picture(RED, RED, 1.0);
        let exposure = Exposure::of(&plane);
        assert_eq!(look_of(&plane, &Piece::new(vec![Run { y: 20, from: 22, to: 30 }]), &exposure), None);
        let all = Piece::new((0..64).map(|y| Run { y, from: 0, to: 128 }).collect());
        assert!(look_of(&plane, &all, &exposure).is_some());
    }
}
