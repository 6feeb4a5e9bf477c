//! How many of many tests are believed: the procedure of Benjamini and Hochberg (JRSS B 57(1), 1995).

/// The bound for p values: those at most it are found, and of what is found at most the share `false_share` is false
/// in the mean. `None` if nothing is.
pub(super) fn bound(p_values: &[f64], false_share: f64) -> Option<f64> {
    let mut sorted = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let per_rank = false_share / sorted.len() as f64;
    let last = sorted.iter().zip(1u32..).filter(|(p, rank)| **p <= f64::from(*rank) * per_rank).last();
    last.map(|(p, _)| *p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_paper() {
        // Section 3.2: fifteen p values at q = 0.05, of which four are found.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        assert_eq!(bound(&p, 0.05), Some(0.0095));
        assert_eq!(bound(&p[4..], 0.001), None);
        assert_eq!(bound(&[], 0.05), None);
    }

    proptest! {
        #[test]
        fn the_bound_lies_between_bonferroni_and_no_correction(p in prop::collection::vec(0.0..=1.0f64, 1..30)) {
            let found = bound(&p, 0.05);
            let least = p.iter().copied().fold(1.0, f64::min);
            prop_assert!(found.is_none_or(|bound| bound <= 0.05));
            prop_assert!(found.is_some() || least > 0.05 / p.len() as f64);
        }
    }
}
