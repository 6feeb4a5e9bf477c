//! Which predicted boxes and segments overlap enough to be the same thing, without looking at every pair.
//!
//! A line sweeps over both sets from left to right and keeps those it crosses; only what the line crosses at the same
//! time is compared. The cost follows the crowd along one column of the picture, not the product of the two sets.

use vokg_engine::geometry::Rect;

/// A pair that may be matched, and how good that would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Position in the first set.
    pub(super) row: usize,
    /// Position in the second set.
    pub(super) column: usize,
    /// How far the overlap is above the least allowed, in millionths: two poor pairs do not outweigh one good pair. An
    /// integer, so that equal sums are equal.
    pub(super) gain: i64,
}

impl Candidate {
    /// The gain of a pair that overlaps by `iou`.
    pub(super) fn gain_of(iou: f32, min_iou: f32) -> i64 {
        ((iou - min_iou) * 1e6) as i64
    }
}

/// All pairs with at least `min_iou` overlap, ordered by (row, column).
pub(super) fn overlapping(rows: &[Rect], columns: &[Rect], min_iou: f32) -> Vec<Candidate> {
    if rows.is_empty() || columns.is_empty() {
        return Vec::new();
    }
    let (row_order, column_order) = (by_left_edge(rows), by_left_edge(columns));
    let (mut next_row, mut next_column) = (0, 0);
    let (mut open_rows, mut open_columns) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    loop {
        match (row_order.get(next_row), column_order.get(next_column)) {
            (Some(row), column) if column.is_none_or(|column| row.rect.left <= column.rect.left) => {
                next_row += 1;
                meet(row, &mut open_columns, |column| found.extend(candidate(row, column, min_iou)));
                open_rows.push(*row);
            }
            (_, Some(column)) => {
                next_column += 1;
                meet(column, &mut open_rows, |row| found.extend(candidate(row, column, min_iou)));
                open_columns.push(*column);
            }
            (_, None) => break,
        }
    }
    found.sort_unstable();
    found
}

/// The candidates that are the best of their row and of their column; of equally good ones the first.
pub(super) fn mutually_best(rows: usize, columns: usize, candidates: &[Candidate]) -> Vec<Candidate> {
    let (mut of_row, mut of_column) = (vec![-1; rows], vec![-1; columns]);
    for candidate in candidates {
        of_row[candidate.row] = candidate.gain.max(of_row[candidate.row]);
        of_column[candidate.column] = candidate.gain.max(of_column[candidate.column]);
    }
    let mut best = candidates.to_vec();
    best.retain(|candidate| {
        let (row, column) = (&mut of_row[candidate.row], &mut of_column[candidate.column]);
        let is_best = *row == candidate.gain && *column == candidate.gain;
        if is_best {
            (*row, *column) = (i64::MAX, i64::MAX);
        }
        is_best
    });
    best
}

/// A box and its position in its set, side by side because the sweep reads little else.
#[derive(Clone, Copy)]
struct Indexed {
    index: usize,
    rect: Rect,
}

fn by_left_edge(rects: &[Rect]) -> Vec<Indexed> {
    let mut order: Vec<Indexed> = rects.iter().enumerate().map(|(index, &rect)| Indexed { index, rect }).collect();
    order.sort_unstable_by(|a, b| a.rect.left.total_cmp(&b.rect.left).then(a.index.cmp(&b.index)));
    order
}

/// Closes the boxes that end left of a new one, and visits those it overlaps in height.
fn meet(new: &Indexed, open: &mut Vec<Indexed>, mut visit: impl FnMut(&Indexed)) {
    let (top, bottom) = (new.rect.top, new.rect.bottom());
    open.retain(|old| {
        let still_open = old.rect.right() > new.rect.left;
        if still_open && old.rect.top < bottom && old.rect.bottom() > top {
            visit(old);
        }
        still_open
    });
}

fn candidate(row: &Indexed, column: &Indexed, min_iou: f32) -> Option<Candidate> {
    let iou = row.rect.iou(&column.rect);
    let gain = Candidate::gain_of(iou, min_iou);
    (iou > 0.0 && iou >= min_iou).then_some(Candidate { row: row.index, column: column.index, gain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rects() -> impl Strategy<Value = Vec<Rect>> {
        let rect = (0i16..60, 0i16..60, 0i16..30, 0i16..30)
            .prop_map(|(x, y, w, h)| Rect::new(f32::from(x), f32::from(y), f32::from(w), f32::from(h)));
        prop::collection::vec(rect, 0..20)
    }

    #[test]
    fn the_best_of_both_sides_are_taken_once() {
        let pair = |row, column, gain| Candidate { row, column, gain };
        let candidates = [pair(0, 0, 9), pair(0, 1, 5), pair(1, 0, 7), pair(1, 1, 6), pair(2, 2, 4), pair(2, 3, 4)];
        assert_eq!(mutually_best(3, 4, &candidates), [pair(0, 0, 9), pair(2, 2, 4)]);
    }

    proptest! {
        #[test]
        fn the_sweep_finds_what_comparing_every_pair_finds(rows in rects(), columns in rects(), gate in 0u8..9) {
            let min_iou = f32::from(gate) / 10.0;
            let mut every = Vec::new();
            for (row, row_rect) in rows.iter().enumerate() {
                for (column, column_rect) in columns.iter().enumerate() {
                    let iou = row_rect.iou(column_rect);
                    let gain = ((iou - min_iou) * 1e6) as i64;
                    every.extend((iou > 0.0 && iou >= min_iou).then_some(Candidate { row, column, gain }));
                }
            }
            prop_assert_eq!(overlapping(&rows, &columns, min_iou), every);
        }
    }
}
