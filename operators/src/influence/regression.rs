//! Least squares by elimination in the table of cross products, one regressor after the other in a fixed order.
//!
//! After the regressors so far are eliminated, the table holds the cross products of what they leave unexplained of all
//! later columns: the Schur complement. So one pass gives the error of the small model and of the large one.

/// A regressor of which less than this share is left by those before it is determined by them.
const DETERMINED_SHARE: f64 = 1e-9;

/// Cross products of regressors and, as the last column, the response.
#[derive(Clone, Debug)]
pub(super) struct CrossProducts {
    columns: usize,
    /// Row by row; only the part right of the diagonal is read.
    table: Vec<f64>,
    /// The diagonal at first.
    whole: Vec<f64>,
}

impl CrossProducts {
    /// The table whose entry in row `i` and column `j ≥ i` is `product(i, j)`.
    pub(super) fn new(columns: usize, mut product: impl FnMut(usize, usize) -> f64) -> Self {
        let mut table = vec![0.0; columns * columns];
        for i in 0..columns {
            for j in i..columns {
                table[i * columns + j] = product(i, j);
            }
        }
        let whole = (0..columns).map(|i| table[i * columns + i]).collect();
        Self { columns, table, whole }
    }

    /// Takes a regressor into the model. False, and nothing else, if it is determined by those before it.
    pub(super) fn eliminate(&mut self, regressor: usize) -> bool {
        if self.is_determined(regressor) {
            return false;
        }
        let n = self.columns;
        let (above, below) = self.table.split_at_mut((regressor + 1) * n);
        let pivot_row = &above[regressor * n..];
        let pivot = pivot_row[regressor];
        for (row, i) in below.chunks_exact_mut(n).zip(regressor + 1..) {
            let factor = pivot_row[i] / pivot;
            for (entry, of_pivot) in row[i..].iter_mut().zip(&pivot_row[i..]) {
                *entry -= factor * of_pivot;
            }
        }
        true
    }

    /// The squared error of the model so far.
    pub(super) fn error(&self) -> f64 {
        self.table.last().copied().unwrap_or(0.0)
    }

    /// By how much this regressor alone, added to the model so far, would lower the squared error.
    pub(super) fn lowers_by(&self, regressor: usize) -> f64 {
        if self.is_determined(regressor) {
            return 0.0;
        }
        let row = &self.table[regressor * self.columns..][..self.columns];
        row[self.columns - 1] * row[self.columns - 1] / row[regressor]
    }

    fn is_determined(&self, regressor: usize) -> bool {
        let left = self.table[regressor * self.columns + regressor];
        left <= DETERMINED_SHARE * self.whole[regressor]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_columns(columns: &[Vec<f64>]) -> CrossProducts {
        let product = |i: usize, j: usize| columns[i].iter().zip(&columns[j]).map(|(a, b)| a * b).sum();
        CrossProducts::new(columns.len(), product)
    }

    /// The error by Gram and Schmidt on the columns themselves.
    fn by_projection(columns: &[Vec<f64>]) -> f64 {
        let mut left: Vec<Vec<f64>> = columns.to_vec();
        for i in 0..left.len() - 1 {
            let pivot = left[i].clone();
            let length: f64 = pivot.iter().map(|v| v * v).sum();
            for column in &mut left[i + 1..] {
                let share = pivot.iter().zip(&*column).map(|(a, b)| a * b).sum::<f64>() / length;
                column.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= share * p);
            }
        }
        left[left.len() - 1].iter().map(|v| v * v).sum()
    }

    #[test]
    fn a_line_through_points_and_a_regressor_said_twice() {
        let ones = vec![1.0; 4];
        let x = vec![0.0, 1.0, 2.0, 3.0];
        let twice: Vec<f64> = x.iter().map(|x| 2.0 * x + 1.0).collect();
        let y = vec![1.0, 2.0, 2.0, 4.0];
        let mut products = of_columns(&[ones, x, twice, y]);
        assert_eq!(products.error(), 25.0);
        assert!(products.eliminate(0));
        assert_eq!((products.error(), products.lowers_by(1)), (4.75, 4.05));
        assert!(products.eliminate(1));
        assert!((products.error() - 0.7).abs() < 1e-12);
        assert!(!products.eliminate(2));
        assert!((products.error() - 0.7).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn elimination_is_projection(values in prop::collection::vec(-1.0..1.0f64, 20 * 6)) {
            let columns: Vec<Vec<f64>> = values.chunks(20).map(<[f64]>::to_vec).collect();
            let mut products = of_columns(&columns);
            for regressor in 0..5 {
                let promised = products.error() - products.lowers_by(regressor);
                prop_assert!(products.eliminate(regressor));
                prop_assert!((products.error() - promised).abs() < 1e-9);
            }
            prop_assert!((products.error() - by_projection(&columns)).abs() < 1e-9);
        }
    }
}
