//! Sharing out a blob that covers several things which were apart before.
//!
//! Each cell goes to the expected box it fits best: by its distance to the box and by the colours the track had while
//! it was alone. Votes are smoothed over a neighbourhood, so that borders run along edges and not cell by cell.

use super::colours::{COLOUR_CELLS, Colours, colour_cell};
use super::components::{Piece, Run};
use super::expected::{Expected, rect_of};
use super::plane::Plane;
use vokg_engine::geometry::{Rect, length};

/// A blob covers a box when its own box covers more than this share of it ...
const COVERED_SHARE: f32 = 0.5;
/// ... and its cells fill more than this share.
const FILLED_SHARE: f32 = 0.25;
/// Cost of a cell's distance to a box, for each cell.
const DISTANCE_COST: f32 = 0.4;
/// Cost of lying at the rim of a box and not at its centre.
const RIM_COST: f32 = 0.5;
/// Cost of an unlikely colour, for each factor of e.
const COLOUR_COST: f32 = 0.5;
/// Rows and columns around a cell that vote with it.
const REACH: usize = 3;
/// A part smaller than this share of its box explains nothing.
const EXPLAINED_SHARE: f32 = 0.15;
/// Share of cells that may lie outside a part's box at either end of each axis.
const TRIMMED_SHARE: f32 = 0.01;

/// Indices of the expected boxes a blob covers, those seen lately only.
pub(super) fn covered(piece: &Piece, expected: &[Expected], patience_us: u64) -> Vec<usize> {
    let around = rect_of(piece);
    let covers = |e: &Expected| {
        let area = e.rect.area().max(1.0);
        let filled = piece.count_inside(e.rect.left, e.rect.top, e.rect.right(), e.rect.bottom()) as f32 / area;
        e.track.is_some()
            && e.unseen_us <= patience_us
            && around.overlap(&e.rect) / area > COVERED_SHARE
            && filled > FILLED_SHARE
    };
    (0..expected.len()).filter(|i| covers(&expected[*i])).collect()
}

/// One claimant of a blob's cells.
pub(super) struct Claim<'a> {
    /// Where it is expected, in cells.
    pub rect: Rect,
    /// Its colours while it was alone, where known.
    pub colours: Option<&'a Colours>,
}

/// The part of each claimant; `None` for one whose part is too small to be it.
pub(super) fn split(piece: &Piece, claims: &[Claim<'_>], plane: &Plane) -> Vec<Option<Piece>> {
    let field = Field::of(piece);
    let smooth: Vec<Vec<f32>> = claims.iter().map(|claim| field.smoothed(&field.costs(claim, plane))).collect();
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); claims.len()];
    for run in &piece.runs {
        for x in run.from..run.to {
            let at = field.index(x, run.y);
            let cheapest = (0..claims.len()).min_by(|a, b| smooth[*a][at].total_cmp(&smooth[*b][at])).unwrap_or(0);
            match runs[cheapest].last_mut() {
                Some(last) if last.y == run.y && last.to == x => last.to = x + 1,
                _ => runs[cheapest].push(Run { y: run.y, from: x, to: x + 1 }),
            }
        }
    }
    let part = |(runs, claim): (Vec<Run>, &Claim<'_>)| {
        let part = Piece::new(runs);
        (part.area as f32 >= EXPLAINED_SHARE * claim.rect.area()).then_some(part)
    };
    runs.into_iter().zip(claims).map(part).collect()
}

/// The box around all but the outermost cells of each axis: parts of a split have frayed rims.
pub(super) fn trimmed_rect(piece: &Piece) -> Rect {
    let (left, right) = trimmed(piece.columns.start, piece.columns.len(), piece, |counts, run, start| {
        counts[run.from - start..run.to - start].iter_mut().for_each(|c| *c += 1);
    });
    let (top, bottom) = trimmed(piece.rows.start, piece.rows.len(), piece, |counts, run, start| {
        counts[run.y - start] += run.to - run.from;
    });
    Rect::new(left as f32, top as f32, (right - left) as f32, (bottom - top) as f32)
}

fn trimmed(start: usize, len: usize, piece: &Piece, add: impl Fn(&mut [usize], &Run, usize)) -> (usize, usize) {
    let mut counts = vec![0; len];
    piece.runs.iter().for_each(|run| add(&mut counts, run, start));
    let spare = (piece.area as f32 * TRIMMED_SHARE) as usize;
    let beyond = |counts: &mut dyn Iterator<Item = &usize>| {
        let mut passed = 0;
        counts
            .take_while(|count| {
                passed += **count;
                passed <= spare
            })
            .count()
    };
    let (before, after) = (beyond(&mut counts.iter()), beyond(&mut counts.iter().rev()));
    (start + before, (start + len - after).max(start + before + 1))
}

/// The cells around a piece, row by row.
struct Field<'a> {
    piece: &'a Piece,
    width: usize,
}

impl<'a> Field<'a> {
    fn of(piece: &'a Piece) -> Self {
        Self { piece, width: piece.columns.len() }
    }

    fn index(&self, x: usize, y: usize) -> usize {
        (y - self.piece.rows.start) * self.width + x - self.piece.columns.start
    }

    fn costs(&self, claim: &Claim<'_>, plane: &Plane) -> Vec<f32> {
        let colour = colour_costs(claim.colours);
        let rect = claim.rect;
        let (cx, cy) = rect.centre();
        let (half_width, half_height) = (rect.width.max(2.0) / 2.0, rect.height.max(2.0) / 2.0);
        let mut costs = vec![0.0; self.width * self.piece.rows.len()];
        for run in &self.piece.runs {
            for x in run.from..run.to {
                let (dx, dy) = ((x as f32 + 0.5 - cx).abs(), (run.y as f32 + 0.5 - cy).abs());
                let outside = length((dx - half_width).max(0.0), (dy - half_height).max(0.0));
                let rim = (dx / half_width).powi(2).min(1.0) + (dy / half_height).powi(2).min(1.0);
                let chroma = run.y / 2 * (plane.lattice.width / 2) + x / 2;
                let cell = colour_cell(plane.y[run.y * plane.lattice.width + x], plane.u[chroma], plane.v[chroma]);
                costs[self.index(x, run.y)] = DISTANCE_COST * outside + RIM_COST * rim + colour[cell];
            }
        }
        costs
    }

    /// Sums over the neighbourhood within the piece.
    fn smoothed(&self, costs: &[f32]) -> Vec<f32> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;
    use vokg_engine::id::TrackId;

    fn plane() -> Plane {
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        let y = (0..128 * 64).map(|i| if i % 128 < 50 { 40 } else { 200 }).collect();
        Plane { lattice, y, u: vec![128; 64 * 32], v: vec![128; 64 * 32] }
    }

    fn block(x: usize, y: usize, width: usize, height: usize) -> Piece {
        Piece::new((y..y + height).map(|y| Run { y, from: x, to: x + width }).collect())
    }

    fn expect(rect: Rect, unseen_us: u64) -> Expected {
        Expected { track: Some(TrackId(1)), rect, settled: false, unseen_us }
    }

    #[test]
    fn a_blob_covers_the_boxes_it_fills() {
        let blob = block(20, 10, 60, 40);
        let inside = expect(Rect::new(20.0, 10.0, 30.0, 40.0), 0);
        let outside = expect(Rect::new(90.0, 10.0, 30.0, 40.0), 0);
        let long_gone = expect(Rect::new(50.0, 10.0, 30.0, 40.0), 9_000_000);
        assert_eq!(covered(&blob, &[inside, outside, long_gone], 600_000), [0]);
    }

    #[test]
    fn without_colours_the_nearer_box_wins() {
        let claim = |left| Claim { rect: Rect::new(left, 10.0, 30.0, 40.0), colours: None };
        let parts = split(&block(20, 10, 60, 40), &[claim(20.0), claim(50.0)], &plane());
        let rects: Vec<Rect> = parts.iter().flatten().map(trimmed_rect).collect();
        assert_eq!(rects.len(), 2);
        assert!(rects[0].iou(&Rect::new(20.0, 10.0, 30.0, 40.0)) > 0.9);
        assert!(rects[1].iou(&Rect::new(50.0, 10.0, 30.0, 40.0)) > 0.9);
    }

    #[test]
    fn colours_tell_apart_what_overlaps() {
        let plane = plane();
        let dark = Colours::of(&plane, &block(5, 5, 30, 30).runs);
        let bright = Colours::of(&plane, &block(80, 5, 30, 30).runs);
        let claim = |colours| Claim { rect: Rect::new(30.0, 10.0, 40.0, 40.0), colours };
        let parts = split(&block(30, 10, 40, 40), &[claim(Some(&dark)), claim(Some(&bright))], &plane);
        let columns: Vec<_> = parts.iter().flatten().map(|p| p.columns.clone()).collect();
        assert_eq!(columns, [30..50, 50..70]);
    }

    #[test]
    fn a_claim_without_cells_is_left_out() {
        let far = Claim { rect: Rect::new(100.0, 50.0, 20.0, 10.0), colours: None };
        let near = Claim { rect: Rect::new(20.0, 10.0, 30.0, 30.0), colours: None };
        let parts = split(&block(20, 10, 30, 30), &[near, far], &plane());
        assert!(parts[0].is_some() && parts[1].is_none());
    }
}
