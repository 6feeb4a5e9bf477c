//! Which foreground belongs to bodies, and which to the shadows they cast.
//!
//! Cell by cell a grey leg on grey ground looks like a shadow, and the soft shadow of a narrow thing like a thing. What
//! tells them apart is where they are: a body is framed by cells that cannot be shadow (a face, shoes, windows, wheels),
//! while its shadow lies on the ground beside or below it. So what may be shadow is kept inside that frame and above
//! it, and dropped beside and below. A piece that hardly has such cells loses only what is as even as a shadow.

use super::bits::BitPlane;
use super::components::{Piece, pieces};
use super::morphology::{accompanied, closed};
use super::shadow::Shades;
use std::ops::Range;

/// Share of a piece's cells that cannot be shadow, from which they frame bodies.
const FRAMING_SHARE: f32 = 0.2;
/// Fewest such cells in a column of a body.
const COLUMN_CELLS: usize = 2;
/// Columns without such cells that do not end a body.
const GAP_COLUMNS: usize = 2;
/// A body has at least this share of the cells of the largest one in its piece.
const BODY_SHARE: f32 = 0.08;
/// Rim cells are part thing and part ground, so they may look like shadow: so many around a frame are kept.
const RIM: usize = 1;

/// The cells of `moving` that are not shadow. Gaps of up to twice `gap_radius` do not part a body.
pub(super) fn without_shadows(moving: &BitPlane, shades: &Shades, gap_radius: usize) -> BitPlane {
    let mut firm = moving.clone();
    firm.subtract(&shades.possible);
    let firm = accompanied(&firm);
    let mut uneven = moving.clone();
    uneven.subtract(&shades.even);

    let mut bodies = BitPlane::new(moving.width, moving.height);
    for piece in pieces(&closed(moving, gap_radius)) {
        let frames = frames(&piece, &firm);
        if frames.is_empty() {
            for run in &piece.runs {
                copy(&uneven, &mut bodies, run.y, run.from..run.to);
            }
        }
        for frame in frames {
            for run in piece.runs.iter().filter(|run| run.y < frame.rows.end + RIM) {
                let xs = within(run.from..run.to, &frame.columns, RIM);
                copy(&uneven, &mut bodies, run.y, xs);
                if frame.rows.contains(&run.y) {
                    let xs = within(run.from..run.to, &frame.columns, 0);
                    bodies.fill_range(run.y, xs);
                }
            }
        }
    }
    bodies
}

/// Columns and rows of a body, by its cells that cannot be shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    columns: Range<usize>,
    rows: Range<usize>,
    cells: usize,
}

/// The bodies in a piece, from left to right; none where too little of it is firm.
fn frames(piece: &Piece, firm: &BitPlane) -> Vec<Frame> {
    let left = piece.columns.start;
    let mut counts = vec![0usize; piece.columns.len()];
    let mut total = 0;
    for run in &piece.runs {
        for x in (run.from..run.to).filter(|x| firm.get(*x, run.y)) {
            counts[x - left] += 1;
            total += 1;
        }
    }
    if (total as f32) < FRAMING_SHARE * piece.area as f32 {
        return Vec::new();
    }
    let mut frames: Vec<Frame> = Vec::new();
    for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count >= COLUMN_CELLS) {
        let x = left + column;
        match frames.last_mut() {
            Some(last) if x - last.columns.end <= GAP_COLUMNS => {
                last.columns.end = x + 1;
                last.cells += count;
            }
            _ => frames.push(Frame { columns: x..x + 1, rows: 0..0, cells: *count }),
        }
    }
    let largest = frames.iter().map(|frame| frame.cells).max().unwrap_or(0);
    frames.retain(|frame| frame.cells as f32 >= BODY_SHARE * largest as f32);
    for frame in &mut frames {
        frame.rows = firm_rows(piece, firm, &frame.columns);
    }
    frames
}

/// The rows in which a piece has firm cells among these columns.
fn firm_rows(piece: &Piece, firm: &BitPlane, columns: &Range<usize>) -> Range<usize> {
    let is_firm = |y: usize, xs: Range<usize>| firm.count_range(y, xs) > 0;
    let mut rows = piece.runs.iter().filter(|run| is_firm(run.y, within(run.from..run.to, columns, 0))).map(|run| run.y);
    let first = rows.next().unwrap_or(piece.rows.start);
    first..rows.last().unwrap_or(first) + 1
}

/// The part of `xs` in `columns`, these widened by `margin` either way.
fn within(xs: Range<usize>, columns: &Range<usize>, margin: usize) -> Range<usize> {
    let from = xs.start.max(columns.start.saturating_sub(margin));
    from..xs.end.min(columns.end + margin).max(from)
}

fn copy(from: &BitPlane, to: &mut BitPlane, y: usize, xs: Range<usize>) {
    for x in xs.filter(|x| from.get(*x, y)) {
        to.fill_range(y, x..x + 1);
    }
}
