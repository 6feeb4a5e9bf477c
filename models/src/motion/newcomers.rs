//! Who comes into the picture beside somebody who is there already.
//!
//! What comes in through a side of the frame grows away from that side, a little with every picture. A blob that reaches
//! a side and is suddenly longer along it than the one thing in it can be is that thing and another that comes in. The
//! two are told apart at once: later nothing would tell that they are two.

use super::components::{Piece, Run};
use super::expected::{rect_of, share_inside};
use super::plane::Lattice;
use vokg_engine::geometry::Rect;

/// How far beyond its expected box a thing may reach, as a share of the box.
const MARGIN: f32 = 0.15;
/// What comes in has at least this share of the other's cells.
const LEAST_SHARE: f32 = 0.3;
/// Without it, the other's box covers this share of the expected one, and this share of its cells lie in that.
const SAME_SHARE: f32 = 0.6;

/// Whether a box lies at a side of the frame, but for a cell.
pub(super) fn is_at_side(rect: &Rect, lattice: Lattice) -> bool {
    let (width, height) = (lattice.width as f32, lattice.height as f32);
    rect.left <= 1.0 || rect.top <= 1.0 || rect.right() >= width - 1.0 || rect.bottom() >= height - 1.0
}

/// Whether a piece lies at a side of the frame.
pub(super) fn comes_in(piece: &Piece, lattice: Lattice) -> bool {
    at_upright_side(piece, lattice) || at_level_side(piece, lattice)
}

fn at_upright_side(piece: &Piece, lattice: Lattice) -> bool {
    piece.columns.start == 0 || piece.columns.end == lattice.width
}

fn at_level_side(piece: &Piece, lattice: Lattice) -> bool {
    piece.rows.start == 0 || piece.rows.end == lattice.height
}

/// A blob as the thing expected in this box and one of at least `least_area` cells that comes in; `None` where it is one.
pub(super) fn parted(blob: &Piece, expected: &Rect, lattice: Lattice, least_area: usize) -> Option<(Piece, Piece)> {
    let around = expected.grown(MARGIN);
    let (top, bottom) = (around.top.floor().max(0.0) as usize, around.bottom().ceil().max(0.0) as usize);
    let (left, right) = (around.left.floor().max(0.0) as usize, around.right().ceil().max(0.0) as usize);
    let wanted = |part: &Piece, own: &Piece, at_side: bool| {
        at_side && part.area >= least_area && part.area as f32 >= LEAST_SHARE * own.area as f32
    };
    let is_same = |own: &Piece| {
        rect_of(own).overlap(expected) >= SAME_SHARE * expected.area() && share_inside(own, &around) >= SAME_SHARE
    };
    for rows in [0..top, bottom..usize::MAX] {
        let (part, own) = by_row(blob, |y| rows.contains(&y));
        if wanted(&part, &own, at_upright_side(&part, lattice)) && is_same(&own) {
            return Some((own, part));
        }
    }
    for columns in [0..left, right..usize::MAX] {
        let (part, own) = by_columns(blob, columns.start, columns.end);
        if wanted(&part, &own, at_level_side(&part, lattice)) && is_same(&own) {
            return Some((own, part));
        }
    }
    None
}

/// Cells of a blob in these rows, and the others.
pub(super) fn by_row(blob: &Piece, is_part: impl Fn(usize) -> bool) -> (Piece, Piece) {
    let (part, own): (Vec<Run>, Vec<Run>) = blob.runs.iter().partition(|run| is_part(run.y));
    (Piece::new(part), Piece::new(own))
}

fn by_columns(blob: &Piece, from: usize, to: usize) -> (Piece, Piece) {
    let (mut part, mut own) = (Vec::new(), Vec::new());
    for run in &blob.runs {
        let (start, end) = (run.from.clamp(from, to.max(from)), run.to.clamp(from, to.max(from)));
        part.push(Run { from: start, to: end, ..*run });
        own.extend([
            Run { to: start.max(run.from).min(run.to), ..*run },
            Run { from: end.max(run.from).min(run.to), ..*run },
        ]);
    }
    part.retain(|run| run.from < run.to);
    own.retain(|run| run.from < run.to);
    (Piece::new(part), Piece::new(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Size;

    fn block(x: usize, y: usize, width: usize, height: usize) -> Piece {
        Piece::new((y..y + height).map(|y| Run { y, from: x, to: x + width }).collect())
    }

    fn rects(blob: &Piece, expected: Rect) -> Option<(Rect, Rect)> {
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        parted(blob, &expected, lattice, 20).map(|(own, new)| (rect_of(&own), rect_of(&new)))
    }

    #[test]
    fn somebody_who_comes_in_below_another_is_not_he() {
        let blob = Piece::joined([block(100, 5, 10, 20), block(104, 25, 24, 25)]);
        let found = rects(&blob, Rect::new(101.0, 5.0, 10.0, 20.0));
        assert_eq!(found, Some((Rect::new(100.0, 5.0, 28.0, 23.0), Rect::new(104.0, 28.0, 24.0, 22.0))));
    }

    #[test]
    fn what_grows_away_from_the_side_or_far_from_it_is_one_thing() {
        assert_eq!(rects(&block(100, 5, 28, 20), Rect::new(116.0, 5.0, 12.0, 20.0)), None);
        assert_eq!(rects(&block(50, 5, 10, 45), Rect::new(50.0, 5.0, 10.0, 20.0)), None);
    }
}
