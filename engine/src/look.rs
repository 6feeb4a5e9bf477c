//! What something looks like, in numbers that can be compared.

use crate::id::TrackId;
use serde::{Deserialize, Serialize};

/// The most values a look may have.
pub const LOOK_VALUES_MAX: usize = 4096;
/// The length of a look as a vector, as far as rounding allows.
const LENGTH: f64 = 32767.0;

/// Whose numbers a look is made of. Looks of two spaces say nothing about each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LookSpace(pub u32);

impl LookSpace {
    /// Colour and texture over a mask, as the segmenter `motion` measures them.
    pub const COLOUR_AND_TEXTURE: Self = Self(1);
}

/// What something looks like: a direction in a space of looks.
///
/// Two looks are compared by the cosine of the angle between them. An embedding is used as it is. Of histograms the
/// square roots of the shares are taken, each histogram times the square root of its weight; the cosine is then the
/// weighted mean of their Bhattacharyya coefficients (Bhattacharyya, Bulletin of the Calcutta Mathematical Society 35,
/// 1943).
///
/// ```
/// use vokg_engine::look::{Look, LookSpace};
///
/// let look = |values: &[f32]| Look::new(LookSpace(7), values);
/// let (a, b) = (look(&[1.0, 0.0]).zip(look(&[1.0, 1.0]))).ok_or("nothing was measured")?;
/// assert_eq!(a.similarity(&a), Some(1.0));
/// assert!(a.similarity(&b).is_some_and(|cosine| (cosine - 0.7071).abs() < 1e-3));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    space: LookSpace,
    values: Box<[i16]>,
}

impl Look {
    /// The look with these values, of which only the direction counts; `None` where they have none, are no numbers, or
    /// are more than [`LOOK_VALUES_MAX`].
    pub fn new(space: LookSpace, values: &[f32]) -> Option<Self> {
        let squares: f64 = values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        if values.len() > LOOK_VALUES_MAX || !squares.is_normal() {
            return None;
        }
        let scale = LENGTH / squares.sqrt();
        let values = values.iter().map(|value| (f64::from(*value) * scale).round() as i16).collect();
        Some(Self { space, values })
    }

    /// The space it lies in.
    pub fn space(&self) -> LookSpace {
        self.space
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val::<[i16]>(&self.values)
    }

    /// How alike two looks are, 0 (nothing in common) to 1 (equal); `None` where they cannot be compared.
    pub fn similarity(&self, other: &Self) -> Option<f32> {
        if self.space != other.space || self.values.len() != other.values.len() {
            return None;
        }
        let product = |a: &[i16], b: &[i16]| -> i64 {
            a.iter().zip(b).map(|(a, b)| i64::from(i32::from(*a) * i32::from(*b))).sum()
        };
        let (a, b) = (product(&self.values, &self.values), product(&other.values, &other.values));
        let lengths = (a as f64).sqrt() * (b as f64).sqrt();
        (lengths > 0.0).then(|| (product(&self.values, &other.values) as f64 / lengths).clamp(0.0, 1.0) as f32)
    }
}

/// What a track looked like on the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackLook {
    /// Which track.
    pub track: TrackId,
    /// Its mean look.
    pub look: Look,
    /// How many sightings it is the mean of, at least 1.
    pub sightings: u32,
}

/// The mean of several looks of one space.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MeanLook {
    space: Option<LookSpace>,
    sums: Vec<i64>,
}

impl MeanLook {
    /// Adds a look that counts `times` times. One that cannot be compared with those before is left out.
    pub fn add(&mut self, look: &Look, times: u32) {
        if *self.space.get_or_insert(look.space) != look.space {
            return;
        }
        if self.sums.is_empty() {
            self.sums = vec![0; look.values.len()];
        }
        if self.sums.len() == look.values.len() {
            self.sums
                .iter_mut()
                .zip(&look.values)
                .for_each(|(sum, value)| *sum += i64::from(*value) * i64::from(times));
        }
    }

    /// The mean; `None` without looks.
    pub fn mean(&self) -> Option<Look> {
        let sums: Vec<f32> = self.sums.iter().map(|sum| *sum as f32).collect();
        Look::new(self.space?, &sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-100.0f32..100.0, 12)
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_and_blind_to_length(a in values(), b in values(), scale in 0.01f32..50.0) {
            let look = |values: &[f32]| Look::new(LookSpace(1), values);
            let scaled: Vec<f32> = a.iter().map(|value| value * scale).collect();
            prop_assume!(a.iter().any(|value| value.abs() > 0.1) && b.iter().any(|value| value.abs() > 0.1));
            let (Some(a), Some(b), Some(scaled)) = (look(&a), look(&b), look(&scaled)) else { panic!("they have a direction") };
            prop_assert_eq!(a.similarity(&b), b.similarity(&a));
            prop_assert!(a.similarity(&scaled).is_some_and(|similarity| similarity > 0.999));
        }
    }

    #[test]
    fn looks_of_different_spaces_or_lengths_are_not_compared() {
        let look = |space, values: &[f32]| Look::new(LookSpace(space), values).expect("it has a direction");
        assert_eq!(look(1, &[1.0, 2.0]).similarity(&look(2, &[1.0, 2.0])), None);
        assert_eq!(look(1, &[1.0, 2.0]).similarity(&look(1, &[1.0, 2.0, 3.0])), None);
        assert_eq!(look(1, &[1.0, 0.0]).similarity(&look(1, &[-1.0, 0.0])), Some(0.0));
    }

    #[test]
    fn what_has_no_direction_is_no_look() {
        for values in [&[][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY]] {
            assert_eq!(Look::new(LookSpace(1), values), None, "{values:?}");
        }
        assert_eq!(Look::new(LookSpace(1), &vec![1.0; LOOK_VALUES_MAX + 1]), None);
        assert_eq!(MeanLook::default().mean(), None);
    }

    #[test]
    fn a_mean_lies_between_and_leaves_strangers_out() {
        let look = |space, values: &[f32]| Look::new(LookSpace(space), values).expect("it has a direction");
        let mut mean = MeanLook::default();
        for look in [look(1, &[1.0, 0.0]), look(1, &[0.0, 1.0]), look(2, &[9.0, 1.0]), look(1, &[1.0, 1.0, 1.0])] {
            mean.add(&look, 2);
        }
        assert_eq!(mean.mean(), Some(look(1, &[1.0, 1.0])));
    }
}
