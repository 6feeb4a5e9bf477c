//! How the whole picture moved, read off the boxes themselves where nobody says how the camera moved.
//!
//! Each box that was found has a residual: how far from its predicted place. One thing that turns has a residual of its
//! own; when the camera turns, all have the same one. The median of the residuals is taken for the motion of the picture
//! where it is further from nothing than chance explains.

/// Standard deviation of normal errors, in median absolute deviations.
const DEVIATION_OF_MEDIAN: f32 = 1.4826;
/// Standard error of a median of n normal values, in standard deviations over the root of n: √(π/2).
const ERROR_OF_MEDIAN: f32 = 1.2533;

/// How far boxes were found from where they were expected, rightwards and downwards in pixels.
#[derive(Clone, Debug, Default)]
pub(super) struct Residuals {
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Residuals {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.x.clear();
        self.y.clear();
    }

    /// Adds a box.
    pub(super) fn push(&mut self, away: (f32, f32)) {
        self.x.push(away.0);
        self.y.push(away.1);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.x.len()
    }

    /// The shift of the picture beyond what the tracks expect; `None` where they do not tell of one. Their order is lost.
    ///
    /// An axis counts where its median is `errors` of its standard errors from 0, these being estimated from the median
    /// absolute deviation (Hoaglin, Mosteller and Tukey, "Understanding Robust and Exploratory Data Analysis", 1983,
    /// chapters 11 and 12).
    pub(super) fn common_shift(&mut self, errors: f32) -> Option<(f32, f32)> {
        let shift_x = significant_median(&mut self.x, errors)?;
        let shift_y = significant_median(&mut self.y, errors)?;
        (shift_x != 0.0 || shift_y != 0.0).then_some((shift_x, shift_y))
    }
}

/// The upper median, or 0 where it may be 0; `None` of nothing.
fn significant_median(values: &mut [f32], errors: f32) -> Option<f32> {
    let (root, half) = ((values.len() as f32).sqrt(), values.len() / 2);
    if values.is_empty() {
        return None;
    }
    let middle = *values.select_nth_unstable_by(half, f32::total_cmp).1;
    // The error grows with the deviation, so the median of the errors is that of the median deviation.
    let error = |value: f32| errors * (ERROR_OF_MEDIAN * DEVIATION_OF_MEDIAN * (value - middle).abs() / root);
    let smaller = values.iter().filter(|value| error(**value) < middle.abs()).count();
    Some(if smaller > half { middle } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common_shift(away: &[(f32, f32)], errors: f32) -> Option<(f32, f32)> {
        let mut residuals = Residuals::default();
        away.iter().for_each(|away| residuals.push(*away));
        residuals.common_shift(errors)
    }

    #[test]
    fn what_most_share_is_found_beside_some_who_go_their_own_way() {
        let shared = [(20.0, 0.3), (21.0, -0.5), (19.5, 0.4), (20.5, 0.1), (20.2, -0.2), (-30.0, 40.0), (60.0, -9.0)];
        assert_eq!(common_shift(&shared, 3.0), Some((20.2, 0.0)));
    }

    #[test]
    fn errors_of_every_direction_are_no_motion() {
        let apart = [(9.0, 2.0), (-8.0, 5.0), (4.0, -7.0), (-3.0, -1.0), (7.0, 6.0), (-9.0, 1.0), (2.0, -4.0)];
        assert_eq!(common_shift(&apart, 3.0), None);
        assert_eq!(common_shift(&[], 3.0), None);
    }

    #[test]
    fn many_tell_what_few_cannot() {
        let apart = [(14.0, 0.0), (-3.0, 0.0), (9.0, 0.0), (2.0, 0.0), (12.0, 0.0), (-4.0, 0.0), (7.0, 0.0)];
        let many: Vec<_> = apart.iter().copied().cycle().take(210).collect();
        assert_eq!((common_shift(&apart, 3.0), common_shift(&many, 3.0)), (None, Some((7.0, 0.0))));
    }
}
