//! Which foreground belongs to bodies, and which to the shadows they cast.
//!
//! Cell by cell a grey leg on grey ground looks like a shadow, and the soft shadow of a narrow thing like a thing. What
//! tells them apart is where they are: a body is framed by cells that cannot be shadow (a face, shoes, windows, wheels),
//! while its shadow lies on the ground beside or below it. So what may be shadow is kept between such cells of an
//! upright thing and, where it is not as even as a shadow, above them; it is dropped beside and below. A piece that hardly has such cells loses only what is as even as a shadow.

use super::bits::BitPlane;
use super::components::{Piece, pieces};
use super::morphology::{accompanied, closed};
use super::shadow::Shades;
use std::ops::Range;

/// Share of a piece's cells that cannot be shadow, from which they frame bodies, ...
const FRAMING_SHARE: f32 = 0.35;
/// ... and where pictures do not lie on the background cell by cell, so that no shadow is even.
const FRAMING_SHARE_BLURRED: f32 = 0.2;
/// Fewest such cells in a column of a body.
const COLUMN_CELLS: usize = 2;
/// Columns without such cells that do not end a body.
const GAP_COLUMNS: usize = 2;
/// A body has at least this share of the cells of the largest one in its piece.
const BODY_SHARE: f32 = 0.08;
/// Rim cells are part thing and part ground, so they may look like shadow: so many beside a frame are kept ...
const RIM: usize = 1;
/// ... except in this share of its height at the foot, where the shadow begins.
const FOOT_SHARE: f32 = 0.25;
/// What may be shadow below a frame is legs where it is at least so long, in widths of the frame, ...
const LEG_LENGTH: f32 = 0.5;
/// ... and at least this share of it is not as even as a shadow.
const LEG_UNEVEN_SHARE: f32 = 0.4;
/// How far beside a frame legs stride, in heights of the frame.
const STRIDE: f32 = 0.25;
/// Legs are looked for in frames at most this wide, in heights.
const UPRIGHT: f32 = 0.8;
/// Columns to either side in which firm cells frame a place from above and below.
const ENCLOSED_REACH: usize = 2;

/// The cells of `moving` that are not shadow, with gaps of up to twice `gap_radius` closed, but not across a shadow
/// between two bodies. `sharp`: the picture lies on the background cell by cell.
pub(super) fn without_shadows(moving: &BitPlane, shades: &Shades, gap_radius: usize, sharp: bool) -> BitPlane {
    let mut firm = moving.clone();
    firm.subtract(&shades.possible);
    let firm = accompanied(&firm);
    let mut uneven = moving.clone();
    uneven.subtract(&shades.even);

    let mut bodies = BitPlane::new(moving.width, moving.height);
    let mut between = BitPlane::new(moving.width, moving.height);
    for piece in pieces(&closed(moving, gap_radius)) {
        let frames = frames(&piece, &firm, &uneven, sharp);
        if frames.is_empty() {
            for run in &piece.runs {
                copy(&uneven, &mut bodies, run.y, run.from..run.to);
            }
        }
        if frames.len() > 1 {
            for run in &piece.runs {
                copy(moving, &mut between, run.y, run.from..run.to);
            }
        }
        for frame in frames {
            let foot = frame.rows.end - (frame.rows.len() as f32 * FOOT_SHARE) as usize;
            for run in piece.runs.iter().filter(|run| run.y < frame.rows.end) {
                let rim = if run.y < foot { RIM } else { 0 };
                copy(&uneven, &mut bodies, run.y, within(run.from..run.to, &frame.columns, rim));
                if run.y >= frame.firm_end {
                    copy(&uneven, &mut bodies, run.y, within(run.from..run.to, &frame.legs, 0));
                }
                if frame.is_upright() && frame.rows.contains(&run.y) {
                    for x in within(run.from..run.to, &frame.columns, 0).filter(|x| frame.encloses(*x, run.y, &firm)) {
                        bodies.fill_range(run.y, x..x + 1);
                    }
                }
            }
        }
    }
    between.subtract(&bodies);
    let mut whole = closed(&bodies, gap_radius);
    whole.subtract(&between);
    whole
}

/// Columns and rows of a body, by its cells that cannot be shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    columns: Range<usize>,
    rows: Range<usize>,
    /// The end of its rows with firm cells; legs follow.
    firm_end: usize,
    /// Columns of the legs that look like shadow but for not being even; none where there are no such legs.
    legs: Range<usize>,
    cells: usize,
}

impl Frame {
    /// The columns in which its legs may be.
    fn strides(&self) -> Range<usize> {
        let reach = (STRIDE * self.rows.len() as f32) as usize;
        self.columns.start.saturating_sub(reach)..self.columns.end + reach
    }

    fn is_upright(&self) -> bool {
        self.columns.len() as f32 <= UPRIGHT * self.rows.len() as f32
    }

    /// Whether firm cells stand above and below a place, in its column or close by; legs end without.
    fn encloses(&self, x: usize, y: usize, firm: &BitPlane) -> bool {
        let columns =
            x.saturating_sub(ENCLOSED_REACH).max(self.columns.start)..(x + ENCLOSED_REACH + 1).min(self.columns.end);
        let is_firm = |y: usize| firm.count_range(y, columns.clone()) > 0;
        (self.rows.start..=y).any(is_firm) && (y >= self.firm_end || (y..self.firm_end).any(is_firm))
    }
}

/// The bodies in a piece, from left to right; none where too little of it is firm.
fn frames(piece: &Piece, firm: &BitPlane, uneven: &BitPlane, sharp: bool) -> Vec<Frame> {
    let left = piece.columns.start;
    let mut counts = vec![0usize; piece.columns.len()];
    let mut total = 0;
    for run in &piece.runs {
        for x in (run.from..run.to).filter(|x| firm.get(*x, run.y)) {
            counts[x - left] += 1;
            total += 1;
        }
    }
    let framing_share = if sharp { FRAMING_SHARE } else { FRAMING_SHARE_BLURRED };
    if (total as f32) < framing_share * piece.area as f32 {
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
            _ => frames.push(Frame { columns: x..x + 1, rows: 0..0, firm_end: 0, legs: 0..0, cells: *count }),
        }
    }
    let largest = frames.iter().map(|frame| frame.cells).max().unwrap_or(0);
    frames.retain(|frame| frame.cells as f32 >= BODY_SHARE * largest as f32);
    for frame in &mut frames {
        frame.rows = firm_rows(piece, firm, &frame.columns);
        frame.firm_end = frame.rows.end;
        let legs = if sharp { frame.strides() } else { frame.columns.clone() };
        let end = end_of_legs(piece, uneven, frame, &legs);
        if end > frame.rows.end {
            (frame.rows.end, frame.legs) = (end, legs);
        }
    }
    frames
}

/// The end of what hangs below a frame in these columns, if that is legs: longer than a shadow underfoot, and not as even
/// as one.
fn end_of_legs(piece: &Piece, uneven: &BitPlane, frame: &Frame, columns: &Range<usize>) -> usize {
    let (mut cells, mut uneven_cells, mut end) = (0, 0, frame.rows.end);
    for run in piece.runs.iter().filter(|run| run.y >= frame.rows.end) {
        let xs = within(run.from..run.to, columns, 0);
        cells += xs.len();
        let here = uneven.count_range(run.y, xs);
        if here > 0 {
            end = run.y + 1;
        }
        uneven_cells += here;
    }
    let long = (end - frame.rows.end) as f32 >= LEG_LENGTH * frame.columns.len() as f32;
    if long && uneven_cells as f32 >= LEG_UNEVEN_SHARE * cells as f32 { end } else { frame.rows.end }
}

/// The rows in which a piece has firm cells among these columns.
fn firm_rows(piece: &Piece, firm: &BitPlane, columns: &Range<usize>) -> Range<usize> {
    let is_firm = |y: usize, xs: Range<usize>| firm.count_range(y, xs) > 0;
    let mut rows =
        piece.runs.iter().filter(|run| is_firm(run.y, within(run.from..run.to, columns, 0))).map(|run| run.y);
    let first = rows.next().unwrap_or(piece.rows.start);
    first..rows.next_back().unwrap_or(first) + 1
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

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 64;
    const HEIGHT: usize = 64;

    /// Draws blocks of columns and rows: `firm` cannot be shadow, `soft` may be but is not even, `even` is as a shadow.
    fn found(
        firm: &[(Range<usize>, Range<usize>)],
        soft: &[(Range<usize>, Range<usize>)],
        even: &[(Range<usize>, Range<usize>)],
    ) -> Vec<(Range<usize>, Range<usize>)> {
        found_where(true, firm, soft, even)
    }

    fn found_where(
        sharp: bool,
        firm: &[(Range<usize>, Range<usize>)],
        soft: &[(Range<usize>, Range<usize>)],
        even: &[(Range<usize>, Range<usize>)],
    ) -> Vec<(Range<usize>, Range<usize>)> {
        let empty = || BitPlane::new(WIDTH, HEIGHT);
        let (mut moving, mut shades) = (empty(), Shades { possible: empty(), even: empty() });
        for (xs, ys) in firm.iter().chain(soft).chain(even) {
            moving.fill_rect(xs.clone(), ys.clone());
        }
        for (xs, ys) in soft.iter().chain(even) {
            shades.possible.fill_rect(xs.clone(), ys.clone());
        }
        for (xs, ys) in even {
            shades.even.fill_rect(xs.clone(), ys.clone());
        }
        pieces(&without_shadows(&moving, &shades, 1, sharp))
            .into_iter()
            .map(|piece| (piece.columns, piece.rows))
            .collect()
    }

    #[test]
    fn grey_legs_between_a_coat_and_shoes_stay() {
        let (coat, shoes, legs) = ((20..28, 10..24), (20..28, 38..40), (21..27, 24..38));
        assert_eq!(found(&[coat, shoes], &[], &[legs]), [(20..28, 10..40)]);
    }

    #[test]
    fn legs_without_shoes_stay_where_they_are_longer_than_a_shadow_underfoot() {
        let coat = (20..28, 10..24);
        assert_eq!(found(std::slice::from_ref(&coat), &[(21..27, 24..38)], &[]), [(20..28, 10..38)]);
        assert_eq!(found(&[coat], &[(16..32, 24..27)], &[]), [(20..28, 10..24)]);
    }

    #[test]
    fn legs_that_stride_stay_and_the_shadow_they_cast_goes() {
        let legs = [(17..20, 24..42), (28..31, 24..42)];
        assert_eq!(found(&[(20..28, 4..24)], &legs, &[(31..50, 36..42)]), [(17..31, 4..42)]);
    }

    #[test]
    fn where_no_shadow_is_even_a_faint_frame_is_believed() {
        let (head, shadow) = ((20..26, 10..24), (20..44, 24..36));
        let found = |sharp| found_where(sharp, std::slice::from_ref(&head), std::slice::from_ref(&shadow), &[]);
        assert_eq!(found(false), [(20..27, 10..36)], "legs and a cell of rim");
        assert_eq!(found(true), [(20..44, 10..36)]);
    }

    #[test]
    fn a_shadow_beside_the_foot_goes_however_uneven() {
        assert_eq!(found(&[(20..28, 10..40)], &[(28..48, 34..40)], &[]), [(20..28, 10..40)]);
    }

    #[test]
    fn two_bodies_joined_by_a_shadow_are_two() {
        let bodies = [(20..28, 10..40), (31..39, 10..40)];
        assert_eq!(found(&bodies, &[(28..31, 34..40)], &[]), bodies);
    }

    #[test]
    fn a_thing_of_the_colour_of_shadow_loses_only_what_is_even() {
        assert_eq!(found(&[(20..22, 10..12)], &[(20..30, 12..40)], &[(30..50, 34..40)]), [(20..30, 10..40)]);
    }
}
