//! Which pictures become frames: all, key pictures, or a number per second.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The greatest rate that can be asked for, in frames per second.
pub const MAX_FPS: f64 = 1000.0;

/// Which pictures become frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sample {
    /// Every picture.
    #[default]
    All,
    /// Only pictures that stand alone. The others are not even decoded, which saves nearly all of the work.
    Keyframes,
    /// At most this many per second of media time. Time stamps stay those of the pictures; everything is decoded.
    Fps(f64),
}

/// Why a text names no sampling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sample is {0:?}, it takes all, keyframes or <n>fps with n above 0 and at most 1000, such as 5fps")]
pub struct SampleError(String);

impl FromStr for Sample {
    type Err = SampleError;

    /// ```
    /// # use vokg_connectors::source::file::sample::Sample;
    /// assert_eq!("2.5fps".parse(), Ok(Sample::Fps(2.5)));
    /// assert!("0fps".parse::<Sample>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, SampleError> {
        match text {
            "all" => return Ok(Self::All),
            "keyframes" => return Ok(Self::Keyframes),
            _ => {}
        }
        let refused = || SampleError(text.to_owned());
        let fps: f64 = text.strip_suffix("fps").and_then(|n| n.trim().parse().ok()).ok_or_else(refused)?;
        if fps > 0.0 && fps <= MAX_FPS { Ok(Self::Fps(fps)) } else { Err(refused()) }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Keyframes => f.write_str("keyframes"),
            Self::Fps(fps) => write!(f, "{fps}fps"),
        }
    }
}

/// A picture this little before it is due counts as due: containers round time stamps.
const EARLY_NANOS: f64 = 500_000.0;

/// Picks pictures by media time. A picture is taken when it is due; the next one is then due at the first multiple of
/// 1/N after it, counted from the first picture, so that a late picture does not shift those that follow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sampler {
    fps: Option<f64>,
    due_nanos: f64,
}

impl Sampler {
    /// A sampler for decoded pictures. [`Sample::Keyframes`] is done before decoding, so here it takes all.
    pub fn new(sample: Sample) -> Self {
        let fps = match sample {
            Sample::All | Sample::Keyframes => None,
            Sample::Fps(fps) => Some(fps),
        };
        Self { fps, due_nanos: 0.0 }
    }

    /// Whether to take the picture at `t_nanos` after the first. Called once per picture, in order.
    pub fn take(&mut self, t_nanos: u64) -> bool {
        let Some(fps) = self.fps else { return true };
        let t_nanos = t_nanos as f64;
        if t_nanos < self.due_nanos - EARLY_NANOS {
            return false;
        }
        let passed = ((t_nanos + EARLY_NANOS) * fps / 1e9).floor();
        self.due_nanos = (passed + 1.0) * 1e9 / fps;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(fps: f64, nanos: &[u64]) -> Vec<u64> {
        let mut sampler = Sampler::new(Sample::Fps(fps));
        nanos.iter().copied().filter(|t| sampler.take(*t)).collect()
    }

    #[test]
    fn thirty_at_ten_takes_every_third() {
        let nanos: Vec<u64> = (0..300).map(|n| n * 1_000_000_000 / 30).collect();
        let every_third: Vec<u64> = nanos.iter().copied().step_by(3).collect();
        assert_eq!(taken(10.0, &nanos), every_third);
    }

    #[test]
    fn millisecond_time_stamps_do_not_shift_the_choice() {
        let nanos: Vec<u64> = (0..90).map(|n: u64| (n * 1000).div_ceil(30) * 1_000_000).collect();
        assert_eq!(taken(30.0, &nanos).len(), 90);
        assert_eq!(taken(15.0, &nanos).len(), 45);
    }

    #[test]
    fn a_rate_above_the_stream_takes_everything_once() {
        assert_eq!(taken(1000.0, &[0, 40_000_000, 80_000_000]).len(), 3);
    }

    #[test]
    fn texts_read_back() {
        for sample in [Sample::All, Sample::Keyframes, Sample::Fps(5.0), Sample::Fps(0.25)] {
            assert_eq!(sample.to_string().parse(), Ok(sample));
        }
        for text in ["", "fps", "-1fps", "nanfps", "inffps", "1001fps", "5", "Keyframes"] {
            assert!(text.parse::<Sample>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_window_of_a_second_holds_more_than_asked(
            steps in proptest::collection::vec(1_000_000u64..300_000_000, 1..200), fps in 1.0f64..30.0
        ) {
            let nanos: Vec<u64> = steps.iter().scan(0, |t, step| { *t += step; Some(*t - steps[0]) }).collect();
            let taken = taken(fps, &nanos);
            prop_assert_eq!(taken[0], 0);
            let count = (*taken.last().expect("the first is taken") as f64 + EARLY_NANOS) * fps / 1e9;
            prop_assert!(taken.len() as f64 <= count.floor() + 1.0);
        }

        #[test]
        fn a_picture_is_taken_wherever_a_grid_cell_has_one(
            steps in proptest::collection::vec(1_000_000u64..300_000_000, 1..200), fps in 1.0f64..30.0
        ) {
            let nanos: Vec<u64> = steps.iter().scan(0, |t, step| { *t += step; Some(*t - steps[0]) }).collect();
            let cell = |t: u64| ((t as f64 + EARLY_NANOS) * fps / 1e9).floor() as u64;
            let mut cells: Vec<u64> = nanos.iter().map(|t| cell(*t)).collect();
            cells.dedup();
            let of_taken: Vec<u64> = taken(fps, &nanos).into_iter().map(cell).collect();
            prop_assert_eq!(of_taken, cells);
        }
    }
}
