//! Connected pieces of a foreground, as runs of cells, by union-find over the runs of neighbouring rows.

use super::bits::BitPlane;
use std::ops::Range;

/// A stretch of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    /// The row.
    pub y: usize,
    /// First column.
    pub from: usize,
    /// One past the last column.
    pub to: usize,
}

/// A set of cells as runs, with its extent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// The cells, by row and column.
    pub runs: Vec<Run>,
    /// Number of cells.
    pub area: usize,
    /// Columns it spans.
    pub columns: Range<usize>,
    /// Rows it spans.
    pub rows: Range<usize>,
}

impl Piece {
    /// The piece of these runs; they are brought in order.
    pub fn new(mut runs: Vec<Run>) -> Self {
        runs.sort_unstable();
        let area = runs.iter().map(|r| r.to - r.from).sum();
        let left = runs.iter().map(|r| r.from).min().unwrap_or(0);
        let right = runs.iter().map(|r| r.to).max().unwrap_or(0);
        let rows = runs.first().map_or(0, |r| r.y)..runs.last().map_or(0, |r| r.y + 1);
        Self { runs, area, columns: left..right, rows }
    }

    /// One piece of all the cells of several.
    pub fn joined(pieces: impl IntoIterator<Item = Self>) -> Self {
        Self::new(pieces.into_iter().flat_map(|p| p.runs).collect())
    }

    /// Cells that are also in `bits`.
    pub fn count_in(&self, bits: &BitPlane) -> usize {
        self.runs.iter().map(|r| bits.count_range(r.y, r.from..r.to)).sum()
    }

    /// The cells as a bit plane of this size.
    pub fn to_bits(&self, width: usize, height: usize) -> BitPlane {
        let mut bits = BitPlane::new(width, height);
        for run in &self.runs {
            bits.fill_range(run.y, run.from..run.to);
        }
        bits
    }

    /// Cells inside a box of columns and rows given in fractions of cells, by their centres.
    pub fn count_inside(&self, left: f32, top: f32, right: f32, bottom: f32) -> usize {
        let first = |edge: f32| (edge - 0.5).ceil().max(0.0) as usize;
        let (from, to) = (first(left), first(right));
        let rows = first(top)..first(bottom);
        let inside = |r: &&Run| rows.contains(&r.y);
        self.runs.iter().filter(inside).map(|r| r.to.min(to).saturating_sub(r.from.max(from))).sum()
    }
}

/// The 8-connected pieces, ordered by their first cell from the top left.
pub(super) fn pieces(bits: &BitPlane) -> Vec<Piece> {
    let mut runs: Vec<Run> = Vec::new();
    let mut parents: Vec<usize> = Vec::new();
    let mut above = 0..0;
    for y in 0..bits.height {
        let start = runs.len();
        bits.for_each_run(y, |xs| runs.push(Run { y, from: xs.start, to: xs.end }));
        parents.extend(start..runs.len());
        let mut candidate = above.start;
        for here in start..runs.len() {
            while candidate < above.end && runs[candidate].to < runs[here].from {
                candidate += 1;
            }
            let mut touching = candidate;
            while touching < above.end && runs[touching].from <= runs[here].to {
                unite(&mut parents, touching, here);
                touching += 1;
            }
        }
        above = start..runs.len();
    }
    gather(&runs, &mut parents)
}

fn gather(runs: &[Run], parents: &mut [usize]) -> Vec<Piece> {
    let mut slot_of_root = vec![usize::MAX; runs.len()];
    let mut members: Vec<Vec<Run>> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let root = find(parents, index);
        if slot_of_root[root] == usize::MAX {
            slot_of_root[root] = members.len();
            members.push(Vec::new());
        }
        members[slot_of_root[root]].push(*run);
    }
    members.into_iter().map(Piece::new).collect()
}

/// The smallest member of a set is its root, so that the outcome does not depend on the order of unions.
pub(super) fn find(parents: &mut [usize], mut member: usize) -> usize {
    while parents[member] != member {
        parents[member] = parents[parents[member]];
        member = parents[member];
    }
    member
}

/// Makes two sets one.
pub(super) fn unite(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(parents, a), find(parents, b));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flood(cells: &mut [bool], width: usize, height: usize, start: usize) -> usize {
        let mut stack = vec![start];
        let mut area = 0;
        while let Some(at) = stack.pop() {
            if !std::mem::take(&mut cells[at]) {
                continue;
            }
            area += 1;
            let (x, y) = ((at % width) as i32, (at / width) as i32);
            for (nx, ny) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (x + dx, y + dy))) {
                if (0..width as i32).contains(&nx) && (0..height as i32).contains(&ny) {
                    stack.push(ny as usize * width + nx as usize);
                }
            }
        }
        area
    }

    proptest! {
        #[test]
        fn pieces_are_those_of_a_flood_fill(cells in prop::collection::vec(prop::bool::weighted(0.4), 24 * 12)) {
            let mut bits = BitPlane::new(24, 12);
            for (i, _) in cells.iter().enumerate().filter(|(_, cell)| **cell) {
                bits.fill_range(i / 24, i % 24..i % 24 + 1);
            }
            let mut left = cells.clone();
            let expected: Vec<usize> = (0..left.len())
                .filter_map(|i| if left[i] { Some(flood(&mut left, 24, 12, i)) } else { None })
                .collect();
            let found: Vec<usize> = pieces(&bits).iter().map(|p| p.area).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn cells_are_counted_by_their_centres() {
        let piece = Piece::new(vec![Run { y: 1, from: 2, to: 6 }, Run { y: 2, from: 2, to: 6 }]);
        assert_eq!(piece.count_inside(3.0, 0.0, 5.0, 2.0), 2);
        assert_eq!(piece.count_inside(2.6, 1.0, 9.0, 9.0), 6);
    }
}
