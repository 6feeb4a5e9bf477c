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
    /// Overlap in millionths, an integer so that equal sums are equal.
    pub(super) gain: i64,
}

/// All pairs with at least `min_iou` overlap, ordered by (row, column).
pub(super) fn overlapping(rows: &[Rect], columns: &[Rect], min_iou: f32) -> Vec<Candidate> {
    let (row_order, column_order) = (by_left_edge(rows), by_left_edge(columns));
    let (mut next_row, mut next_column) = (0, 0);
    let (mut open_rows, mut open_columns) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    while next_row < rows.len() || next_column < columns.len() {
        let row = row_order.get(next_row).copied();
        let column = column_order.get(next_column).copied();
        match (row, column) {
            (Some(row), column) if column.is_none_or(|column| rows[row].left <= columns[column].left) => {
                next_row += 1;
                close_left_of(rows[row].left, &mut open_columns, columns);
                found.extend(open_columns.iter().filter_map(|&column| candidate(rows, columns, row, column, min_iou)));
                open_rows.push(row);
            }
            (_, Some(column)) => {
                next_column += 1;
                close_left_of(columns[column].left, &mut open_rows, rows);
                found.extend(open_rows.iter().filter_map(|&row| candidate(rows, columns, row, column, min_iou)));
                open_columns.push(column);
            }
            (_, None) => break,
        }
    }
    found.sort_unstable();
    found
}

fn by_left_edge(rects: &[Rect]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rects.len()).collect();
    order.sort_unstable_by(|&a, &b| rects[a].left.total_cmp(&rects[b].left).then(a.cmp(&b)));
    order
}

fn close_left_of(line: f32, open: &mut Vec<usize>, rects: &[Rect]) {
    open.retain(|&index| rects[index].right() > line);
}

fn candidate(rows: &[Rect], columns: &[Rect], row: usize, column: usize, min_iou: f32) -> Option<Candidate> {
    let iou = rows[row].iou(&columns[column]);
    (iou > 0.0 && iou >= min_iou).then_some(Candidate { row, column, gain: (iou * 1e6) as i64 })
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

    proptest! {
        #[test]
        fn the_sweep_finds_what_comparing_every_pair_finds(rows in rects(), columns in rects(), gate in 0u8..9) {
            let min_iou = f32::from(gate) / 10.0;
            let mut every = Vec::new();
            for row in 0..rows.len() {
                every.extend((0..columns.len()).filter_map(|column| candidate(&rows, &columns, row, column, min_iou)));
            }
            prop_assert_eq!(overlapping(&rows, &columns, min_iou), every);
        }
    }
}
