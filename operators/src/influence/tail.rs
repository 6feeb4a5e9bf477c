//! The upper tail of the F distribution for an even number of tested coefficients, as a finite sum.
//!
//! Abramowitz and Stegun, Handbook of Mathematical Functions, 26.6.4: no series, no logarithm, and so the same bits on
//! every machine.

/// P(F > f) where `kept` = df / (df + tested × f), the share of the squared error that the tested coefficients leave,
/// RSS1 / RSS0. `half_tested` is half their number; `df` are the degrees of freedom left.
///
/// ```text
/// p = kept^(df/2) × Σ_{j < half_tested} (1 − kept)^j × (df/2)(df/2 + 1)…(df/2 + j − 1) / j!
/// ```
pub(super) fn upper_tail(kept: f64, half_tested: u32, df: u32) -> f64 {
    let half_df = f64::from(df) / 2.0;
    let mut term = 1.0;
    let mut sum = 0.0;
    for j in 0..half_tested {
        sum += term;
        term *= (1.0 - kept) * (half_df + f64::from(j)) / f64::from(j + 1);
    }
    (power(kept.sqrt(), df) * sum).clamp(0.0, 1.0)
}

/// By repeated squaring: the order of the products is ours and not the library's.
fn power(base: f64, mut exponent: u32) -> f64 {
    let (mut square, mut product) = (base, 1.0);
    while exponent > 0 {
        if exponent % 2 == 1 {
            product *= square;
        }
        square *= square;
        exponent /= 2;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tail(f: f64, tested: u32, df: u32) -> f64 {
        upper_tail(f64::from(df) / (f64::from(df) + f64::from(tested) * f), tested / 2, df)
    }

    #[test]
    fn critical_values_of_the_tables() {
        // Abramowitz and Stegun, table 26.9.
        let table = [
            (2, 10, 4.10, 0.05),
            (2, 10, 7.56, 0.01),
            (4, 15, 3.06, 0.05),
            (6, 30, 3.47, 0.01),
            (10, 20, 2.35, 0.05),
            (10, 60, 2.63, 0.01),
            (10, 120, 1.91, 0.05),
            (20, 120, 2.03, 0.01),
        ];
        for (tested, df, f, p) in table {
            let found = tail(f, tested, df);
            assert!((found - p).abs() < 0.025 * p, "F({tested}, {df}) > {f}: {found}, not {p}");
        }
    }

    #[test]
    fn two_coefficients_have_a_closed_form() {
        // P(F(2, m) > f) = (1 + 2f/m)^(−m/2).
        for (f, m) in [(0.0, 7), (0.5, 8), (3.0, 30), (9.0, 101)] {
            let expected = (1.0 + 2.0 * f / f64::from(m)).powf(-f64::from(m) / 2.0);
            assert!((tail(f, 2, m) - expected).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn it_falls_from_one_to_zero(f in 0.0..50.0f64, more in 0.0..5.0f64, half in 1u32..20, df in 1u32..600) {
            let (p, later) = (tail(f, 2 * half, df), tail(f + more, 2 * half, df));
            prop_assert!((0.0..=1.0).contains(&p) && later <= p + 1e-12);
            prop_assert!((tail(0.0, 2 * half, df) - 1.0).abs() < 1e-12);
        }

        #[test]
        fn it_is_the_integral_of_the_density_of_beta(kept in 0.05..0.95f64, half in 1u32..8, half_df in 2u32..40) {
            // The tail is the incomplete beta function I_kept(df/2, tested/2), here by Simpson's rule.
            let (a, b) = (f64::from(half_df), half);
            let density = |x: f64| power(x, half_df - 1) * power(1.0 - x, b - 1);
            let integral = |to: f64| {
                let n = 4000;
                let h = to / f64::from(n);
                let weight = |i| if i == 0 || i == n { 1.0 } else if i % 2 == 1 { 4.0 } else { 2.0 };
                (0..=n).map(|i| weight(i) * density(h * f64::from(i))).sum::<f64>() * h / 3.0
            };
            let expected = integral(kept) / integral(1.0);
            let found = upper_tail(kept, half, 2 * half_df);
            prop_assert!((found - expected).abs() < 1e-6, "I_{kept}({a}, {b}): {found}, not {expected}");
        }
    }
}
