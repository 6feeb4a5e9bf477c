//! What a track looked like while it stood free, cell by cell around an anchor of its own.
//!
//! The anchor is the middle of what lies a little below the top: of somebody who walks that is the chest, which moves
//! evenly while legs and arms swing. A cell of the sprite has the share of pictures in which the thing covered it, and
//! its mean colour there; so what swings is faint and what is carried is firm.

use super::components::Piece;
use super::plane::{Lattice, Plane};
use serde::{Deserialize, Serialize};
use vokg_engine::geometry::Rect;
use vokg_engine::time::{Micros, secs_from_micros};

/// Rows of a thing that place its anchor, as shares of its height.
const ANCHOR_ROWS: (f32, f32) = (0.08, 0.35);
/// Time constant of following what is seen, in seconds.
const FOLLOW_SECS: f64 = 0.5;
/// A sprite is believed after the thing was seen free for so long.
const KNOWN_US: Micros = 200_000;
/// The largest sprite: columns to either side of the anchor, and rows.
const LARGEST: (usize, usize) = (110, 160);
/// Columns and rows kept free around a thing when a sprite is laid out.
const MARGIN: usize = 4;
/// A cell belongs to the thing from this share of pictures on.
pub(super) const COVERED: f32 = 0.5;
/// Differences of luma and chroma at which a colour is another, in grey levels.
const OTHER_COLOUR: (f32, f32) = (24.0, 8.0);

/// Where a thing stands: the column of its middle and its top row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The column.
    pub x: i32,
    /// The row.
    pub y: i32,
}

impl Anchor {
    /// The anchor of a piece.
    pub fn of(piece: &Piece) -> Self {
        let height = piece.rows.len() as f32;
        let row = |share: f32| piece.rows.start + (share * height) as usize;
        let extents = row_extents(piece);
        let chest = row(ANCHOR_ROWS.0)..row(ANCHOR_ROWS.1).max(row(ANCHOR_ROWS.0) + 1);
        let rows = || extents.iter().enumerate().filter(|(i, _)| chest.contains(&(piece.rows.start + i)));
        let median = |mut of: Vec<usize>| {
            of.sort_unstable();
            of.get(of.len() / 2).copied().unwrap_or(0)
        };
        let left = median(rows().filter_map(|(_, e)| e.map(|e| e.0)).collect());
        let right = median(rows().filter_map(|(_, e)| e.map(|e| e.1)).collect());
        Self { x: ((left + right) / 2) as i32, y: piece.rows.start as i32 }
    }
}

/// First column and one past the last of each row.
fn row_extents(piece: &Piece) -> Vec<Option<(usize, usize)>> {
    let mut extents: Vec<Option<(usize, usize)>> = vec![None; piece.rows.len()];
    for run in &piece.runs {
        let extent = &mut extents[run.y - piece.rows.start];
        *extent = Some(extent.map_or((run.from, run.to), |(from, to)| (from.min(run.from), to.max(run.to))));
    }
    extents
}

/// One cell of a sprite.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cell {
    /// Share of pictures in which the thing covered it.
    pub share: f32,
    /// Mean colour where it did.
    pub colour: [f32; 3],
}

/// The sprite of one track.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sprite {
    /// Columns to either side of the anchor.
    half: usize,
    rows: usize,
    cells: Vec<Cell>,
    /// Its box about the anchor.
    rect: Rect,
    pictures: u32,
    seen_us: Micros,
    last: Micros,
}

impl Sprite {
    /// The sprite of a thing seen for the first time; `None` of one that is too large.
    pub fn of(t: Micros, piece: &Piece, plane: &Plane) -> Option<Self> {
        let mut sprite = Self {
            half: 0,
            rows: 0,
            cells: Vec::new(),
            rect: Rect::new(0.0, 0.0, 0.0, 0.0),
            pictures: 0,
            seen_us: 0,
            last: t,
        };
        sprite.see(t, piece, plane).then_some(sprite)
    }

    /// Takes in a thing seen whole and free; answers whether it has room for it.
    pub fn see(&mut self, t: Micros, piece: &Piece, plane: &Plane) -> bool {
        let anchor = Anchor::of(piece);
        let reach = (piece.columns.end as i32 - anchor.x).max(anchor.x - piece.columns.start as i32).max(0) as usize;
        if !self.make_room(reach, piece.rows.len()) {
            return false;
        }
        let elapsed = t.saturating_sub(self.last);
        self.last = t;
        self.seen_us += elapsed;
        self.pictures += 1;
        let follow = (1.0 - (-secs_from_micros(elapsed) / FOLLOW_SECS).exp()) as f32;
        let rate = follow.max(1.0 / self.pictures as f32);
        self.cells.iter_mut().for_each(|cell| cell.share *= 1.0 - rate);
        for run in &piece.runs {
            for x in run.from..run.to {
                let Some(at) = self.index(x as i32 - anchor.x, run.y as i32 - anchor.y) else { continue };
                let cell = &mut self.cells[at];
                cell.share += rate;
                let part = rate / cell.share;
                cell.colour
                    .iter_mut()
                    .zip(plane.colour(x, run.y))
                    .for_each(|(mean, seen)| *mean += part * (f32::from(seen) - *mean));
            }
        }
        let seen = Rect::new(
            piece.columns.start as f32 - anchor.x as f32,
            0.0,
            piece.columns.len() as f32,
            piece.rows.len() as f32,
        );
        let follow = |mean: f32, seen: f32| mean + rate * (seen - mean);
        self.rect = Rect::new(
            follow(self.rect.left, seen.left),
            0.0,
            follow(self.rect.width, seen.width),
            follow(self.rect.height, seen.height),
        );
        true
    }

    /// Widens the sprite where a thing is larger.
    fn make_room(&mut self, reach: usize, rows: usize) -> bool {
        if reach <= self.half && rows <= self.rows {
            return true;
        }
        let (half, height) = ((reach + MARGIN).max(self.half), (rows + MARGIN).max(self.rows));
        if half > LARGEST.0 || height > LARGEST.1 {
            return false;
        }
        let mut cells = vec![Cell::default(); (2 * half + 1) * height];
        for y in 0..self.rows {
            let from = y * (2 * self.half + 1);
            let to = y * (2 * half + 1) + half - self.half;
            let width = 2 * self.half + 1;
            cells[to..to + width].copy_from_slice(&self.cells[from..from + width]);
        }
        (self.half, self.rows, self.cells) = (half, height, cells);
        true
    }

    fn index(&self, dx: i32, dy: i32) -> Option<usize> {
        let inside = dx.unsigned_abs() as usize <= self.half && dy >= 0 && (dy as usize) < self.rows;
        inside.then(|| dy as usize * (2 * self.half + 1) + (dx + self.half as i32) as usize)
    }

    /// The same without what is in this box about the anchor.
    pub fn without(mut self, rect: &Rect) -> Self {
        let (half, columns) = (self.half as i32, 2 * self.half + 1);
        for (at, cell) in self.cells.iter_mut().enumerate() {
            let (x, y) = (((at % columns) as i32 - half) as f32 + 0.5, (at / columns) as f32 + 0.5);
            if x >= rect.left && x < rect.right() && y >= rect.top && y < rect.bottom() {
                *cell = Cell::default();
            }
        }
        let covered = |x: i32, y: i32| self.at(x, y).is_some_and(|cell| cell.share >= COVERED);
        let mut columns = self.columns().filter(|x| self.rows().any(|y| covered(*x, y)));
        let first = columns.next();
        let ends = first.map(|first| (first, columns.next_back().unwrap_or(first)));
        if let Some((first, last)) = ends {
            self.rect = Rect { left: first as f32, width: (last + 1 - first) as f32, ..self.rect };
        }
        self
    }

    /// Whether it was seen for long enough.
    pub fn is_known(&self) -> bool {
        self.seen_us >= KNOWN_US
    }

    /// The cell at this place about the anchor.
    pub fn at(&self, dx: i32, dy: i32) -> Option<&Cell> {
        self.index(dx, dy).map(|at| &self.cells[at])
    }

    /// Cells the thing covers in at least this share of pictures.
    pub fn area(&self, share: f32) -> usize {
        self.cells.iter().filter(|cell| cell.share >= share).count()
    }

    /// Columns about the anchor, from the left.
    pub fn columns(&self) -> std::ops::RangeInclusive<i32> {
        -(self.half as i32)..=self.half as i32
    }

    /// Rows from the top.
    pub fn rows(&self) -> std::ops::Range<i32> {
        0..self.rows as i32
    }

    /// The box of the thing where its anchor is here.
    pub fn rect_at(&self, anchor: Anchor) -> Rect {
        let (x, y) = (anchor.x as f32, anchor.y as f32);
        Rect::new(x + self.rect.left, y + self.rect.top, self.rect.width, self.rect.height)
    }

    /// Where the anchor is if the box is here. Where the box is shorter than the thing it is the foot that is missing: what
    /// hides it stands nearer, and so lower.
    pub fn anchor_in(&self, rect: &Rect) -> Anchor {
        let ((x, _), (u, _)) = (rect.centre(), self.rect.centre());
        Anchor { x: (x - u).round() as i32, y: (rect.top - self.rect.top).round() as i32 }
    }

    /// Where the anchor is if the foot of the box is that of the thing.
    pub fn anchor_on(&self, rect: &Rect) -> Anchor {
        Anchor { y: (rect.bottom() - self.rect.bottom()).round() as i32, ..self.anchor_in(rect) }
    }

    /// The same on a plane whose border may cut the box: what is cut lies beyond, so the edge that is seen tells the place.
    pub fn anchor_in_view(&self, rect: &Rect, lattice: Lattice) -> Anchor {
        let centre = self.anchor_in(rect);
        let (right, bottom) = (lattice.width as f32 - 1.0, lattice.height as f32 - 1.0);
        let along =
            |cut_before: bool, cut_after: bool, middle: i32, first: f32, last: f32| match (cut_before, cut_after) {
                (true, false) => last.round() as i32,
                (false, true) => first.round() as i32,
                _ => middle,
            };
        let (narrow, low) = (rect.width < self.rect.width, rect.height < self.rect.height);
        Anchor {
            x: along(
                narrow && rect.left <= 1.0,
                narrow && rect.right() >= right,
                centre.x,
                rect.left - self.rect.left,
                rect.right() - self.rect.right(),
            ),
            y: along(
                low && rect.top <= 1.0,
                low && rect.bottom() >= bottom,
                centre.y,
                rect.top - self.rect.top,
                rect.bottom() - self.rect.bottom(),
            ),
        }
    }

    /// How badly a colour fits a place about the anchor: 0 as seen there before, 1 another or nothing of the thing.
    pub fn misfit(&self, dx: i32, dy: i32, seen: [u8; 3]) -> f32 {
        let Some(cell) = self.at(dx, dy) else { return 1.0 };
        let difference = |i: usize, other: f32| ((f32::from(seen[i]) - cell.colour[i]) / other).powi(2);
        let distance = difference(0, OTHER_COLOUR.0) + difference(1, OTHER_COLOUR.1) + difference(2, OTHER_COLOUR.1);
        1.0 - cell.share * (1.0 - distance.min(1.0))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::motion::components::Run;
    use std::ops::Range;
    use vokg_engine::geometry::Size;

    /// Grey ground of 128 by 64 cells with blocks of these columns, rows and luma, the last on top; and their cells.
    pub fn scene(blocks: &[(Range<usize>, Range<usize>, u8)]) -> (Plane, Piece) {
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        let mut plane = Plane { lattice, y: vec![120; 128 * 64], u: vec![128; 64 * 32], v: vec![128; 64 * 32] };
        let mut covered = vec![false; 128 * 64];
        for (xs, ys, luma) in blocks {
            for at in ys.clone().flat_map(|y| xs.clone().map(move |x| y * 128 + x)) {
                (plane.y[at], covered[at]) = (*luma, true);
            }
        }
        let cells = (0..128 * 64).filter(|at| covered[*at]);
        (plane, Piece::new(cells.map(|at| Run { y: at / 128, from: at % 128, to: at % 128 + 1 }).collect()))
    }

    /// The sprite of what `blocks` draws in each of `n` pictures, 40 ms apart.
    pub fn sprite(n: u64, blocks: impl Fn(u64) -> Vec<(Range<usize>, Range<usize>, u8)>) -> Sprite {
        let (plane, piece) = scene(&blocks(0));
        let mut sprite = Sprite::of(0, &piece, &plane).expect("it is small");
        for i in 1..n {
            let (plane, piece) = scene(&blocks(i));
            assert!(sprite.see(i * 40_000, &piece, &plane));
        }
        sprite
    }

    /// A trunk with a leg that swings to either side, walking to the right.
    fn walker(i: u64) -> Vec<(Range<usize>, Range<usize>, u8)> {
        let x = 20 + i as usize;
        let foot = if i % 10 < 5 { x - 6 } else { x + 6 };
        vec![(x..x + 8, 10..50, 60), (foot..foot + 8, 40..50, 200)]
    }

    #[test]
    fn the_anchor_walks_with_the_chest() {
        let anchor = |i| Anchor::of(&scene(&walker(i)).1);
        assert_eq!(anchor(3), Anchor { x: 27, y: 10 });
        assert_eq!(anchor(7), Anchor { x: 31, y: 10 });
    }

    #[test]
    fn what_swings_is_faint_and_what_stays_is_firm() {
        let sprite = sprite(40, walker);
        let share = |dx, dy| sprite.at(dx, dy).expect("inside").share;
        assert!(share(0, 5) > 0.99 && share(0, 20) > 0.99);
        assert!(share(8, 35) < 0.8 && share(-9, 35) < 0.8 && share(-9, 35) > 0.05);
        assert!((sprite.at(0, 5).expect("inside").colour[0] - 60.0).abs() < 1.0);
    }

    #[test]
    fn a_sprite_is_known_after_a_while_and_fits_what_it_saw() {
        assert!(!sprite(5, walker).is_known());
        let sprite = sprite(9, walker);
        assert!(sprite.is_known());
        assert!(sprite.misfit(0, 5, [60, 128, 128]) < 0.01);
        assert_eq!(sprite.misfit(0, 5, [120, 128, 128]), 1.0);
        assert_eq!(sprite.misfit(500, 5, [60, 128, 128]), 1.0);
    }

    #[test]
    fn what_is_too_large_has_no_sprite() {
        let (plane, piece) = scene(&[(0..128, 0..64, 10)]);
        let wide = Piece::new(piece.runs.iter().map(|run| Run { to: run.to + 200, ..*run }).collect());
        assert!(Sprite::of(0, &wide, &plane).is_none());
    }

    #[test]
    fn the_box_and_the_anchor_go_together() {
        let sprite = sprite(9, |_| vec![(30..40, 10..50, 60)]);
        let anchor = Anchor { x: 60, y: 12 };
        assert_eq!(sprite.rect_at(anchor), Rect::new(55.0, 12.0, 10.0, 40.0));
        assert_eq!(sprite.anchor_in(&sprite.rect_at(anchor)), anchor);
        assert_eq!(sprite.anchor_in(&Rect::new(55.0, 12.0, 10.0, 20.0)), anchor, "what is hidden is at the foot");
        assert_eq!(sprite.anchor_on(&Rect::new(55.0, 32.0, 10.0, 20.0)), anchor, "or all but the foot is");
        assert_eq!(sprite.area(COVERED), 400);
    }

    #[test]
    fn without_a_part_it_is_narrower_and_another_there() {
        let whole = sprite(9, |_| vec![(30..40, 10..50, 60), (40..50, 30..40, 200)]);
        let bare = whole.without(&Rect::new(5.0, 20.0, 10.0, 10.0));
        let anchor = Anchor { x: 35, y: 10 };
        assert_eq!(bare.rect_at(anchor), Rect::new(30.0, 10.0, 10.0, 40.0));
        assert_eq!(bare.misfit(8, 25, [200, 128, 128]), 1.0);
    }

    #[test]
    fn what_the_border_cuts_is_placed_by_the_edge_that_is_seen() {
        let sprite = sprite(9, |_| vec![(30..40, 10..50, 60)]);
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        let anchor = |left, width| sprite.anchor_in_view(&Rect::new(left, 12.0, width, 40.0), lattice);
        assert_eq!(anchor(55.0, 10.0), Anchor { x: 60, y: 12 });
        assert_eq!(anchor(124.0, 4.0), Anchor { x: 129, y: 12 }, "its left edge is seen");
        assert_eq!(anchor(0.0, 4.0), Anchor { x: -1, y: 12 }, "its right edge is seen");
    }
}
