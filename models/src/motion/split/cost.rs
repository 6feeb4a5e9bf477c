//! What each cell costs a claimant: by its distance to the expected box, by the look, and by who is in front.

use super::super::colours::{COLOUR_CELLS, Colours, colour_cell};
use super::super::depth::{Depth, Shared};
use super::super::plane::Plane;
use super::Claim;
use super::field::Field;
use super::laid::Laid;
use vokg_engine::geometry::{Rect, length};

/// Cost of a cell's distance to a box, for each cell.
const DISTANCE_COST: f32 = 0.4;
/// Cost of lying at the rim of a box and not at its centre.
const RIM_COST: f32 = 0.5;
/// Cost of an unlikely colour, for each factor of e.
const COLOUR_COST: f32 = 0.5;
/// Cost of a cell that does not look as the sprite there.
const MISFIT_COST: f32 = 2.0;
/// Cost of a cell for the sprite behind where two cover each other.
const BEHIND_COST: f32 = 0.8;
/// Rows and columns around a cell that vote with it.
const REACH: usize = 3;

impl Field<'_> {
    /// Finds out who is in front; makes the cells that two share dearer for the one behind.
    pub(super) fn put_in_order(
        &self,
        claims: &[Claim<'_>],
        laid: &[Option<Laid<'_>>],
        costs: &mut [Vec<f32>],
        plane: &Plane,
    ) -> Depth {
        let mut depth = Depth::unknown(claims.len());
        let covers = |i: usize, x: usize, y: usize| match &laid[i] {
            Some(laid) => laid.covers(x, y),
            None => contains(&claims[i].rect, x, y),
        };
        let bottom = |i: usize| match &laid[i] {
            Some(laid) => laid.sprite.rect_at(laid.anchor).bottom(),
            None => claims[i].rect.bottom(),
        };
        for a in 0..laid.len() {
            for b in (a + 1..laid.len()).filter(|b| laid[a].is_some() || laid[*b].is_some()) {
                let cells = self.piece.runs.iter().flat_map(|run| (run.from..run.to).map(|x| (x, run.y)));
                let shared: Vec<(usize, usize)> =
                    cells.filter(|(x, y)| covers(a, *x, *y) && covers(b, *x, *y)).collect();
                let mean = |laid: &Laid<'_>| {
                    shared.iter().map(|(x, y)| laid.misfit(*x, *y, plane)).sum::<f32>() / shared.len().max(1) as f32
                };
                let misfits = [a, b].map(|i| laid[i].as_ref().map(mean));
                let told = Shared { cells: shared.len(), misfits, lower: bottom(a) - bottom(b) };
                let Some(behind) = told.behind() else { continue };
                let (behind, front) = if behind == 0 { (a, b) } else { (b, a) };
                depth.put_behind(behind, front);
                shared.iter().for_each(|(x, y)| costs[behind][self.index(*x, *y)] += BEHIND_COST);
            }
        }
        depth
    }

    pub(super) fn costs(&self, claim: &Claim<'_>, laid: Option<&Laid<'_>>, plane: &Plane) -> Vec<f32> {
        let colour = colour_costs(claim.colours);
        let rect = laid.map_or(claim.rect, |laid| laid.sprite.rect_at(laid.anchor));
        let (cx, cy) = rect.centre();
        let (half_width, half_height) = (rect.width.max(2.0) / 2.0, rect.height.max(2.0) / 2.0);
        let mut costs = vec![0.0; self.width * self.piece.rows.len()];
        for run in &self.piece.runs {
            for x in run.from..run.to {
                let (dx, dy) = ((x as f32 + 0.5 - cx).abs(), (run.y as f32 + 0.5 - cy).abs());
                let outside = length((dx - half_width).max(0.0), (dy - half_height).max(0.0));
                let rim = (dx / half_width).powi(2).min(1.0) + (dy / half_height).powi(2).min(1.0);
                let look = match laid {
                    Some(laid) => MISFIT_COST * laid.misfit(x, run.y, plane),
                    None => {
                        let [luma, u, v] = plane.colour(x, run.y);
                        colour[colour_cell(luma, u, v)]
                    }
                };
                costs[self.index(x, run.y)] = DISTANCE_COST * outside + RIM_COST * rim + look;
            }
        }
        costs
    }

    /// Sums over the neighbourhood within the piece.
    pub(super) fn smoothed(&self, costs: &[f32]) -> Vec<f32> {
        let height = self.piece.rows.len();
        let mut wide = vec![0.0; costs.len()];
        for (row, out) in costs.chunks(self.width).zip(wide.chunks_mut(self.width)) {
            for (x, sum) in out.iter_mut().enumerate() {
                *sum = row[x.saturating_sub(REACH)..(x + REACH + 1).min(self.width)].iter().sum();
            }
        }
        let mut smooth = vec![0.0; costs.len()];
        for y in 0..height {
            for near in y.saturating_sub(REACH)..(y + REACH + 1).min(height) {
                let (out, row) =
                    (&mut smooth[y * self.width..][..self.width], &wide[near * self.width..][..self.width]);
                out.iter_mut().zip(row).for_each(|(sum, cost)| *sum += cost);
            }
        }
        smooth
    }
}

/// Whether the middle of a cell is in a box.
fn contains(rect: &Rect, x: usize, y: usize) -> bool {
    let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
    x >= rect.left && x < rect.right() && y >= rect.top && y < rect.bottom()
}

/// Cost of each colour for a claimant; the same for all where its colours are unknown.
fn colour_costs(colours: Option<&Colours>) -> [f32; COLOUR_CELLS] {
    let Some(Colours(counts)) = colours else {
        return [COLOUR_COST * (COLOUR_CELLS as f32).ln(); COLOUR_CELLS];
    };
    let total: f32 = counts.iter().map(|c| *c as f32).sum();
    // One count in a hundred is spread over all colours: nothing is impossible.
    let spread = 0.01 * total.max(1.0) / COLOUR_CELLS as f32;
    counts.map(|count| -COLOUR_COST * ((count as f32 + spread) / (total.max(1.0) * 1.01)).ln())
}
