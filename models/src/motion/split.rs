//! Sharing out a blob that covers several things which were apart before.
//!
//! Each cell goes to the claimant it fits best: by its distance to the expected box and by how the track looked while it
//! was alone. A track that was seen free for a while has a sprite, which is first laid where it fits the picture best
//! near the expected place; where two sprites cover each other, the one that fits better there is in front. Of others
//! the colours alone are known. Votes are smoothed over a neighbourhood, so that borders run along edges and not cell by
//! cell.

use super::colours::{COLOUR_CELLS, Colours, colour_cell};
use super::components::{Piece, Run};
use super::depth::{Depth, Shared};
use super::expected::{Expected, rect_of};
use super::newcomers::{by_row, is_at_side};
use super::plane::{Lattice, Plane};
use super::sprite::{Anchor, COVERED, Sprite};
use vokg_engine::geometry::{Rect, length};

/// A blob covers a box when its own box covers more than this share of it ...
const COVERED_SHARE: f32 = 0.5;
/// ... and its cells fill more than this share.
const FILLED_SHARE: f32 = 0.15;
/// What is not believed yet counts where at most this share of its box lies in those that are.
const APART_SHARE: f32 = 0.25;
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
/// How far from the expected place a sprite is looked for, in columns and rows.
const SEARCH: (i32, i32) = (5, 2);
/// What a step away from the expected place adds to the mean misfit, for its square, in columns and rows.
const STRAY_COST: (f32, f32) = (0.004, 0.012);
/// Misfit of a cell of a sprite where the picture shows the background.
const BARE_MISFIT: f32 = 1.5;
/// A claimant of which this share can be seen is measured by its own cells.
const WHOLE_SHARE: f32 = 0.85;
/// A thing does not grow: rows farther above or below its look than this share of its height are not its own.
const TALLER_SHARE: f32 = 0.2;
/// A claimant of which less can be seen is not measured.
const MEASURED_SHARE: f32 = 0.3;
/// Rows and columns around a cell that vote with it.
const REACH: usize = 3;
/// A part smaller than this share of its box explains nothing.
const EXPLAINED_SHARE: f32 = 0.15;
/// Share of cells that may lie outside a part's box at either end of each axis.
const TRIMMED_SHARE: f32 = 0.01;
/// Stands for the owner of a cell that is not in the blob.
const NOBODY: usize = usize::MAX;

/// Indices of the expected boxes a blob covers, those seen lately only. What has just come in through a side of the frame
/// and is not believed yet counts beside one that is.
pub(super) fn covered(piece: &Piece, expected: &[Expected], patience_us: u64, lattice: Lattice) -> Vec<usize> {
    let around = rect_of(piece);
    let fills = |e: &Expected| {
        let area = e.rect.area().max(1.0);
        let filled = piece.count_inside(e.rect.left, e.rect.top, e.rect.right(), e.rect.bottom()) as f32 / area;
        around.overlap(&e.rect) / area > COVERED_SHARE && filled > FILLED_SHARE
    };
    let covers = |e: &Expected| e.track.is_some() && e.unseen_us <= patience_us && fills(e);
    let mut covered: Vec<usize> = (0..expected.len()).filter(|i| covers(&expected[*i])).collect();
    if !covered.is_empty() {
        let apart =
            |e: &Expected| covered.iter().all(|i| expected[*i].rect.overlap(&e.rect) <= APART_SHARE * e.rect.area());
        let is_new = |e: &Expected| {
            e.track.is_none() && e.unseen_us == 0 && is_at_side(&e.rect, lattice) && fills(e) && apart(e)
        };
        let new: Vec<usize> = (0..expected.len()).filter(|i| is_new(&expected[*i])).collect();
        covered.extend(new);
        covered.sort_unstable();
    }
    covered
}

/// One claimant of a blob's cells.
pub(super) struct Claim<'a> {
    /// Where it is expected, in cells.
    pub rect: Rect,
    /// Its colours while it was alone, where known.
    pub colours: Option<&'a Colours>,
    /// How it looked while it was alone, where known.
    pub sprite: Option<&'a Sprite>,
    /// Cells it had while it was alone, where known: fewer where the border cut it.
    pub area: Option<f32>,
}

/// A claimant's part of a blob.
pub(super) struct Part {
    /// Its cells.
    pub piece: Piece,
    /// Its box, what is hidden included.
    pub rect: Rect,
    /// Where it stands, if that is known.
    pub anchor: Option<Anchor>,
    /// The box is a measurement of it: enough of what it looks like can be seen, or it was expected apart from all others.
    pub measured: bool,
    /// Share of it that none of the others hides, where that is known.
    pub visible: Option<f32>,
    /// Cells that came with its own, but far above or below it.
    pub beyond: Option<Piece>,
}

/// The part of each claimant; `None` for one whose part is too small to be it.
pub(super) fn split(piece: &Piece, claims: &[Claim<'_>], plane: &Plane) -> Vec<Option<Part>> {
    let field = Field::of(piece);
    let laid: Vec<Option<Laid<'_>>> = claims.iter().map(|claim| field.laid(claim, plane)).collect();
    let mut costs: Vec<Vec<f32>> =
        claims.iter().zip(&laid).map(|(claim, laid)| field.costs(claim, laid.as_ref(), plane)).collect();
    let depth = field.put_in_order(claims, &laid, &mut costs, plane);
    let smooth: Vec<Vec<f32>> = costs.iter().map(|costs| field.smoothed(costs)).collect();
    let mut owners = vec![NOBODY; field.width * piece.rows.len()];
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); claims.len()];
    for run in &piece.runs {
        for x in run.from..run.to {
            let at = field.index(x, run.y);
            let cheapest = (0..claims.len()).min_by(|a, b| smooth[*a][at].total_cmp(&smooth[*b][at])).unwrap_or(0);
            owners[at] = cheapest;
            match runs[cheapest].last_mut() {
                Some(last) if last.y == run.y && last.to == x => last.to = x + 1,
                _ => runs[cheapest].push(Run { y: run.y, from: x, to: x + 1 }),
            }
        }
    }
    let others_laid = |index: usize| laid.iter().enumerate().all(|(other, laid)| other == index || laid.is_some());
    let part = |(index, (runs, claim)): (usize, (Vec<Run>, &Claim<'_>))| {
        let piece = Piece::new(runs);
        if (piece.area as f32) < EXPLAINED_SHARE * claim.rect.area() {
            return None;
        }
        let hidden = |x: i32, y: i32| {
            let owner = field.holds(x, y).then(|| owners[field.index(x as usize, y as usize)]);
            owner.is_some_and(|owner| depth.hides(owner, index))
        };
        let apart = |other: &Claim<'_>| {
            std::ptr::eq(other, claim)
                || other.rect.overlap(&claim.rect) <= APART_SHARE * claim.rect.area().min(other.rect.area())
        };
        Some(match &laid[index] {
            Some(laid) => Part::of_laid(piece, laid, laid.visible(plane.lattice, hidden)),
            None => {
                let part = Part::of_unknown(piece, claim.area, depth.is_foremost(index) && others_laid(index));
                Part { measured: part.measured || claims.iter().all(apart), ..part }
            }
        })
    };
    runs.into_iter().zip(claims).enumerate().map(part).collect()
}

/// The box of a thing of this look in a blob, near where it is expected, and how badly its cells fit on average.
pub(super) fn found_at(piece: &Piece, expected: &Rect, sprite: &Sprite, plane: &Plane) -> Option<(Rect, f32)> {
    let field = Field::of(piece);
    let laid = field.laid(&Claim { rect: *expected, colours: None, sprite: Some(sprite), area: None }, plane)?;
    Some((sprite.rect_at(laid.anchor), field.mean_misfit(sprite, laid.anchor, plane)?))
}

impl Part {
    /// The part of a claimant whose sprite was laid, of which this share can be seen.
    fn of_laid(piece: Piece, laid: &Laid<'_>, visible: f32) -> Self {
        let looks = laid.sprite.rect_at(laid.anchor);
        let spare = TALLER_SHARE * looks.height;
        let is_beyond = |y: usize| (y as f32) < looks.top - spare || y as f32 >= looks.bottom() + spare;
        let (beyond, piece) = by_row(&piece, is_beyond);
        let filled = piece.area as f32 / laid.sprite.area(COVERED).max(1) as f32;
        let seen = visible.min(filled);
        let rect = if seen >= WHOLE_SHARE { trimmed_rect(&piece) } else { looks };
        Self {
            piece,
            rect,
            anchor: Some(laid.anchor),
            measured: seen >= MEASURED_SHARE,
            visible: Some(visible),
            beyond: Some(beyond).filter(|beyond| beyond.area > 0),
        }
    }

    /// The part of a claimant that has no sprite: it is measured where its cells are all of it. `area`: those it had while
    /// it was alone; `foremost`: it hides others, and none of them hides it.
    fn of_unknown(piece: Piece, area: Option<f32>, foremost: bool) -> Self {
        let visible = match foremost {
            true => Some(1.0),
            false => area.map(|area| (piece.area as f32 / area.max(1.0)).min(1.0)),
        };
        let measured = visible.is_some_and(|visible| visible >= WHOLE_SHARE);
        Self { rect: trimmed_rect(&piece), piece, anchor: None, measured, visible, beyond: None }
    }
}

/// A sprite laid on the picture.
struct Laid<'a> {
    sprite: &'a Sprite,
    anchor: Anchor,
}

impl Laid<'_> {
    fn misfit(&self, x: usize, y: usize, plane: &Plane) -> f32 {
        self.sprite.misfit(x as i32 - self.anchor.x, y as i32 - self.anchor.y, plane.colour(x, y))
    }

    fn share(&self, x: i32, y: i32) -> f32 {
        self.sprite.at(x - self.anchor.x, y - self.anchor.y).map_or(0.0, |cell| cell.share)
    }

    fn covers(&self, x: usize, y: usize) -> bool {
        self.share(x as i32, y as i32) >= COVERED
    }

    /// Share of it that is not hidden, of what lies on the plane.
    fn visible(&self, lattice: Lattice, hidden: impl Fn(i32, i32) -> bool) -> f32 {
        let (mut all, mut covered) = (0.0, 0.0);
        for dy in self.sprite.rows() {
            for dx in self.sprite.columns() {
                let (x, y) = (self.anchor.x + dx, self.anchor.y + dy);
                let share = self.sprite.at(dx, dy).map_or(0.0, |cell| cell.share);
                let inside = x >= 0 && y >= 0 && x < lattice.width as i32 && y < lattice.height as i32;
                if share > 0.0 && inside {
                    all += share;
                    covered += if hidden(x, y) { share } else { 0.0 };
                }
            }
        }
        1.0 - covered / f32::max(all, 1.0)
    }
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

    fn holds(&self, x: i32, y: i32) -> bool {
        let row = self.piece.runs.partition_point(|run| (run.y as i32, run.to as i32) <= (y, x));
        self.piece.runs.get(row).is_some_and(|run| run.y as i32 == y && run.from as i32 <= x)
    }

    /// Lays a claimant's sprite where it fits best.
    fn laid<'s>(&self, claim: &Claim<'s>, plane: &Plane) -> Option<Laid<'s>> {
        let sprite = claim.sprite?;
        let from_top = sprite.anchor_in_view(&claim.rect, plane.lattice);
        // Of a box that is much too short nothing but the picture tells which end of the thing it is.
        let from_foot = Anchor { y: sprite.anchor_on(&claim.rect).y, ..from_top };
        let is_short = from_top.y - from_foot.y > 2 * SEARCH.1;
        let mut best: Option<(f32, Anchor)> = None;
        for expected in [from_top].into_iter().chain(is_short.then_some(from_foot)) {
            for dy in -SEARCH.1..=SEARCH.1 {
                for dx in -SEARCH.0..=SEARCH.0 {
                    let anchor = Anchor { x: expected.x + dx, y: expected.y + dy };
                    let stray = STRAY_COST.0 * (dx * dx) as f32 + STRAY_COST.1 * (dy * dy) as f32;
                    let Some(mean) = self.mean_misfit(sprite, anchor, plane) else { continue };
                    let misfit = stray + mean;
                    if best.is_none_or(|(least, _)| misfit < least) {
                        best = Some((misfit, anchor));
                    }
                }
            }
        }
        best.map(|(_, anchor)| Laid { sprite, anchor })
    }

    /// Mean misfit of every second cell both ways; `None` where the picture shows none of them.
    fn mean_misfit(&self, sprite: &Sprite, anchor: Anchor, plane: &Plane) -> Option<f32> {
        let (width, height) = (plane.lattice.width as i32, plane.lattice.height as i32);
        let (mut sum, mut n) = (0.0, 0);
        for dy in sprite.rows().step_by(2) {
            for dx in sprite.columns().step_by(2) {
                let (x, y) = (anchor.x + dx, anchor.y + dy);
                let covered = sprite.at(dx, dy).is_some_and(|cell| cell.share >= COVERED);
                if !covered || x < 0 || y < 0 || x >= width || y >= height {
                    continue;
                }
                n += 1;
                sum += match self.holds(x, y) {
                    true => sprite.misfit(dx, dy, plane.colour(x as usize, y as usize)),
                    false => BARE_MISFIT,
                };
            }
        }
        (n > 0).then(|| sum / n as f32)
    }

    /// Finds out who is in front; makes the cells that two share dearer for the one behind.
    fn put_in_order(
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

    fn costs(&self, claim: &Claim<'_>, laid: Option<&Laid<'_>>, plane: &Plane) -> Vec<f32> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::sprite::tests::{scene, sprite};
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
        assert_eq!(covered(&blob, &[inside, outside, long_gone], 600_000, plane().lattice), [0]);
    }

    #[test]
    fn who_has_just_come_in_counts_beside_one_who_was_there() {
        let blob = block(98, 10, 30, 50);
        let there = expect(Rect::new(98.0, 10.0, 20.0, 24.0), 0);
        let new = |rect| Expected { track: None, ..expect(rect, 0) };
        let coming_in = new(Rect::new(116.0, 36.0, 12.0, 24.0));
        let his_legs = new(Rect::new(98.0, 36.0, 12.0, 24.0));
        let his_arm = new(Rect::new(112.0, 14.0, 16.0, 8.0));
        let found = covered(&blob, &[there, coming_in.clone(), his_legs, his_arm], 600_000, plane().lattice);
        assert_eq!(found, [0, 1]);
        assert!(covered(&blob, &[coming_in], 600_000, plane().lattice).is_empty(), "alone it is the blob");
    }

    #[test]
    fn boxes_that_lie_apart_are_measured_by_their_cells() {
        let claim =
            |top, height| Claim { rect: Rect::new(20.0, top, 30.0, height), colours: None, sprite: None, area: None };
        let measured = |claims: &[Claim<'_>]| -> Vec<bool> {
            split(&block(20, 10, 30, 50), claims, &plane()).iter().flatten().map(|part| part.measured).collect()
        };
        assert_eq!(measured(&[claim(10.0, 24.0), claim(35.0, 24.0)]), [true, true]);
        assert_eq!(measured(&[claim(10.0, 40.0), claim(20.0, 40.0)]), [false, false]);
    }

    #[test]
    fn without_colours_the_nearer_box_wins() {
        let claim = |left| Claim { rect: Rect::new(left, 10.0, 30.0, 40.0), colours: None, sprite: None, area: None };
        let parts = split(&block(20, 10, 60, 40), &[claim(20.0), claim(50.0)], &plane());
        let rects: Vec<Rect> = parts.iter().flatten().map(|part| part.rect).collect();
        assert_eq!(rects.len(), 2);
        assert!(rects[0].iou(&Rect::new(20.0, 10.0, 30.0, 40.0)) > 0.9);
        assert!(rects[1].iou(&Rect::new(50.0, 10.0, 30.0, 40.0)) > 0.9);
    }

    #[test]
    fn colours_tell_apart_what_overlaps() {
        let plane = plane();
        let dark = Colours::of(&plane, &block(5, 5, 30, 30).runs);
        let bright = Colours::of(&plane, &block(80, 5, 30, 30).runs);
        let claim = |colours| Claim { rect: Rect::new(30.0, 10.0, 40.0, 40.0), colours, sprite: None, area: None };
        let parts = split(&block(30, 10, 40, 40), &[claim(Some(&dark)), claim(Some(&bright))], &plane);
        let columns: Vec<_> = parts.iter().flatten().map(|p| p.piece.columns.clone()).collect();
        assert_eq!(columns, [30..50, 50..70]);
    }

    #[test]
    fn a_claim_without_cells_is_left_out() {
        let far = Claim { rect: Rect::new(100.0, 50.0, 20.0, 10.0), colours: None, sprite: None, area: None };
        let near = Claim { rect: Rect::new(20.0, 10.0, 30.0, 30.0), colours: None, sprite: None, area: None };
        let parts = split(&block(20, 10, 30, 30), &[near, far], &plane());
        assert!(parts[0].is_some() && parts[1].is_none());
    }

    /// Two who look different, each known from standing free: the first of rows alike, the second of two halves.
    fn two_sprites() -> (Sprite, Sprite) {
        let first = sprite(10, |_| vec![(20..32, 10..50, 40)]);
        let second = sprite(10, |_| vec![(60..72, 12..32, 200), (60..72, 32..52, 160)]);
        (first, second)
    }

    #[test]
    fn a_box_of_the_foot_alone_is_laid_by_the_foot() {
        let (first, second) = two_sprites();
        let (plane, blob) = scene(&[(46..58, 12..32, 200), (46..58, 32..52, 160), (34..46, 10..50, 40)]);
        let claim = |rect, sprite| Claim { rect, colours: None, sprite: Some(sprite), area: None };
        let (whole, foot) = (Rect::new(34.0, 10.0, 12.0, 40.0), Rect::new(46.0, 34.0, 12.0, 18.0));
        let parts = split(&blob, &[claim(whole, &first), claim(foot, &second)], &plane);
        let rects: Vec<Rect> = parts.iter().flatten().map(|part| part.rect).collect();
        assert!(rects.len() == 2 && rects[1].iou(&Rect::new(46.0, 12.0, 12.0, 40.0)) > 0.9, "{rects:?}");
    }

    #[test]
    fn what_is_below_the_foot_is_of_nobody() {
        let first = sprite(10, |_| vec![(20..32, 0..24, 40)]);
        let second = sprite(10, |_| vec![(60..72, 0..24, 200)]);
        let (plane, blob) = scene(&[(34..46, 0..24, 40), (46..58, 0..24, 200), (46..58, 24..60, 160)]);
        let claim = |left, sprite| Claim {
            rect: Rect::new(left, 0.0, 12.0, 24.0),
            colours: None,
            sprite: Some(sprite),
            area: None,
        };
        let parts = split(&blob, &[claim(34.0, &first), claim(46.0, &second)], &plane);
        let second = parts[1].as_ref().expect("it is there");
        assert!(second.rect.iou(&Rect::new(46.0, 0.0, 12.0, 24.0)) > 0.8, "{:?}", second.rect);
        assert!(second.beyond.as_ref().is_some_and(|beyond| beyond.area > 300 && beyond.rows.end == 60));
        assert!(parts[0].as_ref().is_some_and(|part| part.rect.bottom() <= 30.0));
    }

    #[test]
    fn who_is_in_front_keeps_his_box_and_who_is_behind_as_well() {
        let (first, second) = two_sprites();
        let (plane, blob) = scene(&[(46..58, 12..32, 200), (46..58, 32..52, 160), (40..52, 10..50, 40)]);
        let claim = |rect, sprite| Claim { rect, colours: None, sprite: Some(sprite), area: None };
        let expected = [Rect::new(41.0, 10.0, 12.0, 40.0), Rect::new(44.0, 12.0, 12.0, 40.0)];
        let parts = split(&blob, &[claim(expected[0], &first), claim(expected[1], &second)], &plane);
        let parts: Vec<&Part> = parts.iter().flatten().collect();
        assert_eq!(parts.len(), 2);
        assert!(parts[0].rect.iou(&Rect::new(40.0, 10.0, 12.0, 40.0)) > 0.9, "{:?}", parts[0].rect);
        assert!(parts[1].rect.iou(&Rect::new(46.0, 12.0, 12.0, 40.0)) > 0.9, "{:?}", parts[1].rect);
        assert!(parts[0].piece.area > 420 && parts[1].piece.area < 320, "the first is in front");
        assert!(parts[0].measured && parts[1].measured);
    }
}
