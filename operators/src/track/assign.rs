//! The best one-to-one matching of rows and columns over a sparse set of candidates.
//!
//! Rows are added one by one, each along a shortest augmenting path (Jonker and Volgenant, "A shortest augmenting path
//! algorithm for dense and sparse linear assignment problems", Computing 38, 1987). Every row may also stay alone at
//! gain 0. A search follows candidates only, so it never leaves the connected component of its row: many small groups
//! cost as much as their sum. All arithmetic is on integers; among equally good matchings the answer depends on the
//! order of the candidates alone.

use super::candidates::Candidate;

/// A column that the present search can reach.
#[derive(Clone, Copy, Debug)]
struct Reached {
    column: usize,
    distance: i64,
    from_row: usize,
    settled: bool,
}

/// Matches rows and columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    /// The first candidate of each row, and the end of them all.
    first: Vec<usize>,
    /// Prices keep every candidate's cost, `-gain - row_price - column_price`, at 0 or more, and 0 where matched.
    row_price: Vec<i64>,
    column_price: Vec<i64>,
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
    /// The columns of the present search, and where in it a column stands.
    reached: Vec<Reached>,
    place: Vec<Option<usize>>,
}

impl Matcher {
    /// Matches rows and columns so that the sum of gains is greatest. Answers the column of each row.
    ///
    /// `candidates` are ordered by row, name each pair once, and have gains of at least 0.
    pub(super) fn best(&mut self, rows: usize, columns: usize, candidates: &[Candidate]) -> &[Option<usize>] {
        self.clear(rows, columns, candidates);
        for row in 0..rows {
            self.add(row, candidates);
        }
        &self.column_of
    }

    fn clear(&mut self, rows: usize, columns: usize, candidates: &[Candidate]) {
        self.first.clear();
        for (at, candidate) in candidates.iter().enumerate() {
            while self.first.len() <= candidate.row {
                self.first.push(at);
            }
        }
        self.first.resize(rows + 1, candidates.len());
        for (prices, len) in [(&mut self.row_price, rows), (&mut self.column_price, columns)] {
            prices.clear();
            prices.resize(len, 0);
        }
        for (links, len) in [(&mut self.column_of, rows), (&mut self.row_of, columns), (&mut self.place, columns)] {
            links.clear();
            links.resize(len, None);
        }
    }

    fn add(&mut self, start: usize, candidates: &[Candidate]) {
        let offers = &candidates[self.first[start]..self.first[start + 1]];
        let cost = |offer: &Candidate| (-offer.gain - self.column_price[offer.column], offer.column);
        let Some((price, column)) = offers.iter().map(cost).min().filter(|(price, _)| *price <= 0) else { return };
        self.row_price[start] = price;
        if self.row_of[column].is_none() {
            self.row_of[column] = Some(start);
            self.column_of[start] = Some(column);
            return;
        }
        self.augment_from(start, candidates);
        for reached in self.reached.drain(..) {
            self.place[reached.column] = None;
        }
    }

    fn augment_from(&mut self, start: usize, candidates: &[Candidate]) {
        let (mut row, mut distance) = (start, 0);
        let mut alone = (start, -self.row_price[start]);
        loop {
            self.reach_from(row, distance, candidates);
            let Some(next) = self.nearest().filter(|&next| self.reached[next].distance <= alone.1) else {
                self.shift_prices(start, alone.1);
                self.leave_alone(alone.0);
                return;
            };
            let Reached { column, .. } = self.reached[next];
            self.reached[next].settled = true;
            distance = self.reached[next].distance;
            let Some(owner) = self.row_of[column] else {
                self.shift_prices(start, distance);
                self.hand_over(column);
                return;
            };
            row = owner;
            if distance - self.row_price[row] < alone.1 {
                alone = (row, distance - self.row_price[row]);
            }
        }
    }

    fn reach_from(&mut self, row: usize, distance: i64, candidates: &[Candidate]) {
        for candidate in &candidates[self.first[row]..self.first[row + 1]] {
            let column = candidate.column;
            let distance = distance - candidate.gain - self.row_price[row] - self.column_price[column];
            match self.place[column] {
                None => {
                    self.place[column] = Some(self.reached.len());
                    self.reached.push(Reached { column, distance, from_row: row, settled: false });
                }
                Some(at) if !self.reached[at].settled && distance < self.reached[at].distance => {
                    self.reached[at].distance = distance;
                    self.reached[at].from_row = row;
                }
                Some(_) => {}
            }
        }
    }

    fn nearest(&self) -> Option<usize> {
        let open = self.reached.iter().enumerate().filter(|(_, reached)| !reached.settled);
        open.min_by_key(|(_, reached)| (reached.distance, reached.column)).map(|(at, _)| at)
    }

    fn shift_prices(&mut self, start: usize, length: i64) {
        self.row_price[start] += length;
        for reached in self.reached.iter().filter(|reached| reached.settled) {
            self.column_price[reached.column] -= length - reached.distance;
            if let Some(owner) = self.row_of[reached.column] {
                self.row_price[owner] += length - reached.distance;
            }
        }
    }

    /// Gives `column` to the row it was reached from, that row's column to the row before, and so on back to the start.
    fn hand_over(&mut self, column: usize) {
        let mut column = Some(column);
        while let Some(at) = column.and_then(|column| self.place[column]) {
            let Reached { column: given, from_row, .. } = self.reached[at];
            self.row_of[given] = Some(from_row);
            column = self.column_of[from_row].replace(given);
        }
    }

    fn leave_alone(&mut self, row: usize) {
        if let Some(freed) = self.column_of[row].take() {
            self.hand_over(freed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(candidates: &[Candidate], matching: &[Option<usize>]) -> i64 {
        let matched = |c: &&Candidate| matching[c.row] == Some(c.column);
        candidates.iter().filter(matched).map(|c| c.gain).sum()
    }

    fn best_by_trying_all(rows: usize, candidates: &[Candidate], row: usize, taken: u32) -> i64 {
        if row == rows {
            return 0;
        }
        let alone = best_by_trying_all(rows, candidates, row + 1, taken);
        let offers = candidates.iter().filter(|c| c.row == row && taken & (1 << c.column) == 0);
        offers.fold(alone, |best, c| {
            best.max(c.gain + best_by_trying_all(rows, candidates, row + 1, taken | 1 << c.column))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn no_matching_is_better(rows in 0usize..7, columns in 0usize..7, gains in prop::collection::vec(0i64..12, 49)) {
            let mut candidates = Vec::new();
            for row in 0..rows {
                for column in 0..columns {
                    let gain = gains[row * 7 + column] - 4;
                    if gain >= 0 {
                        candidates.push(Candidate { row, column, gain });
                    }
                }
            }
            let mut matcher = Matcher::default();
            let matching = matcher.best(rows, columns, &candidates);
            let mut used: Vec<usize> = matching.iter().flatten().copied().collect();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), matching.iter().flatten().count(), "a column was given twice");
            prop_assert_eq!(total(&candidates, matching), best_by_trying_all(rows, &candidates, 0, 0));
        }
    }

    #[test]
    fn of_equal_matchings_the_first_row_takes_the_first_column() {
        let even = |row, column| Candidate { row, column, gain: 5 };
        let candidates = [even(0, 0), even(0, 1), even(1, 0), even(1, 1)];
        assert_eq!(Matcher::default().best(2, 2, &candidates), [Some(0), Some(1)]);
    }
}
