//! What a claimant gets of a blob: its cells, its box, and how much of it can be seen.

use super::super::components::{Piece, Run};
use super::super::newcomers::by_row;
use super::super::sprite::{Anchor, COVERED};
use super::laid::Laid;
use vokg_engine::geometry::Rect;

/// A claimant of which this share can be seen is measured by its own cells.
const WHOLE_SHARE: f32 = 0.85;
/// A thing does not grow: rows farther above or below its look than this share of its height are not its own.
const TALLER_SHARE: f32 = 0.2;
/// A claimant of which less can be seen is not measured.
const MEASURED_SHARE: f32 = 0.3;
/// Share of cells that may lie outside a part's box at either end of each axis.
const TRIMMED_SHARE: f32 = 0.01;

/// A claimant's part of a blob.
pub(in crate::motion) struct Part {
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

impl Part {
    /// The part of a claimant whose sprite was laid, of which this share can be seen.
    pub(super) fn of_laid(piece: Piece, laid: &Laid<'_>, visible: f32) -> Self {
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
    pub(super) fn of_unknown(piece: Piece, area: Option<f32>, foremost: bool) -> Self {
        let visible = match foremost {
            true => Some(1.0),
            false => area.map(|area| (piece.area as f32 / area.max(1.0)).min(1.0)),
        };
        let measured = visible.is_some_and(|visible| visible >= WHOLE_SHARE);
        Self { rect: trimmed_rect(&piece), piece, anchor: None, measured, visible, beyond: None }
    }
}

/// The box around all but the outermost cells of each axis: parts of a split have frayed rims.
pub(in crate::motion) fn trimmed_rect(piece: &Piece) -> Rect {
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
