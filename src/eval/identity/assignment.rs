//! The one-to-one assignment of largest total weight among a sparse set of offers.
//!
//! Rows and columns that no offer connects, directly or through others, are assigned apart (Kuhn and Munkres in each
//! group), so that a frame with many small groups costs as much as their sum.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;
use std::collections::BTreeMap;

/// A row and a column that may be paired.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub row: usize,
    pub column: usize,
    /// Above 0.
    pub weight: i64,
}

/// Which offers are taken, in rising order: no row and no column twice, and the sum of weights is the largest there is.
pub(super) fn assign(offers: &[Offer]) -> Vec<usize> {
    let mut taken: Vec<usize> = groups(offers).iter().flat_map(|group| assign_group(offers, group)).collect();
    taken.sort_unstable();
    taken
}

/// Offers, by number, that hang together.
fn groups(offers: &[Offer]) -> Vec<Vec<usize>> {
    let (mut of_row, mut of_column) = (BTreeMap::new(), BTreeMap::new());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, offer) in offers.iter().enumerate() {
        let of_new = groups.len();
        let kept = *of_row.entry(offer.row).or_insert_with(|| of_column.get(&offer.column).copied().unwrap_or(of_new));
        let joined = *of_column.entry(offer.column).or_insert(kept);
        if kept == of_new {
            groups.push(Vec::new());
        }
        if joined != kept {
            for moved in std::mem::take(&mut groups[joined]) {
                of_row.insert(offers[moved].row, kept);
                of_column.insert(offers[moved].column, kept);
                groups[kept].push(moved);
            }
        }
        groups[kept].push(number);
    }
    groups
}

fn assign_group(offers: &[Offer], group: &[usize]) -> Vec<usize> {
    if group.len() < 2 {
        return group.to_vec();
    }
    let places = |of: fn(&Offer) -> usize| {
        let mut all: Vec<usize> = group.iter().map(|number| of(&offers[*number])).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().zip(0..).collect::<BTreeMap<usize, usize>>()
    };
    let (rows, columns) = (places(|offer| offer.row), places(|offer| offer.column));
    // The algorithm wants no more rows than columns.
    let swapped = rows.len() > columns.len();
    let cell = |offer: &Offer| {
        let (row, column) = (rows[&offer.row], columns[&offer.column]);
        if swapped { (column, row) } else { (row, column) }
    };
    let (height, width) = if swapped { (columns.len(), rows.len()) } else { (rows.len(), columns.len()) };
    let mut weights = Matrix::new(height, width, 0);
    for number in group {
        weights[cell(&offers[*number])] = offers[*number].weight;
    }
    let (_, column_of) = kuhn_munkres(&weights);
    let is_taken = |number: &usize| {
        let (row, column) = cell(&offers[*number]);
        column_of[row] == column
    };
    group.iter().copied().filter(is_taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn best_by_trying_all(offers: &[Offer], used_rows: u32, used_columns: u32) -> i64 {
        let Some((first, rest)) = offers.split_first() else { return 0 };
        let without = best_by_trying_all(rest, used_rows, used_columns);
        let (row, column) = (1 << first.row, 1 << first.column);
        if used_rows & row != 0 || used_columns & column != 0 {
            return without;
        }
        without.max(first.weight + best_by_trying_all(rest, used_rows | row, used_columns | column))
    }

    proptest! {
        #[test]
        fn no_assignment_is_heavier(cells in prop::collection::btree_map((0usize..5, 0usize..6), 1i64..20, 0..14)) {
            let offers: Vec<_> =
                cells.into_iter().map(|((row, column), weight)| Offer { row, column, weight }).collect();
            let taken: Vec<_> = assign(&offers).into_iter().map(|number| offers[number]).collect();
            for (i, a) in taken.iter().enumerate() {
                prop_assert!(taken[i + 1..].iter().all(|b| a.row != b.row && a.column != b.column));
            }
            prop_assert_eq!(taken.iter().map(|offer| offer.weight).sum::<i64>(), best_by_trying_all(&offers, 0, 0));
        }
    }
}
