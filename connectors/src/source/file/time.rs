//! From the time stamps of a container to media time: from 0, strictly increasing, in microseconds.

use serde::{Deserialize, Serialize};
use vokg_engine::time::Micros;

/// A step back beyond this is a new start of the time stamps, not a disordered picture.
const RESET_NANOS: u64 = 1_000_000_000;

/// The step assumed where time stamps started anew before a second picture was seen: 1/25 s.
const FIRST_STEP_NANOS: u64 = 40_000_000;

/// What a time stamp became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Nanoseconds since the first picture.
    At(u64),
    /// No time stamp: the picture cannot be placed.
    Absent,
    /// Not later than the picture before. It is dropped rather than moved by a microsecond: a picture at a wrong time
    /// would look like a leap to everything that measures velocity.
    NotLater,
}

/// Turns stream time into media time.
///
/// Time stamps that step back by more than a second, as in recordings that were put end to end, continue one step
/// after the last picture.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MediaClock {
    first_nanos: Option<u64>,
    /// Added to stream time to get media time; negative of the first time stamp until a reset.
    shift_nanos: i128,
    last: Option<u64>,
    last_step: Option<u64>,
    resets: u64,
}

impl MediaClock {
    /// Places the picture with this stream time. Called once per picture, in order of arrival.
    pub fn stamp(&mut self, stream_nanos: Option<u64>) -> Stamp {
        let Some(stream_nanos) = stream_nanos else { return Stamp::Absent };
        let Some(last) = self.last else {
            self.first_nanos = Some(stream_nanos);
            self.shift_nanos = -i128::from(stream_nanos);
            self.last = Some(0);
            return Stamp::At(0);
        };
        let mut nanos = i128::from(stream_nanos) + self.shift_nanos;
        if nanos + i128::from(RESET_NANOS) < i128::from(last) {
            let resumed = i128::from(last) + i128::from(self.last_step.unwrap_or(FIRST_STEP_NANOS));
            self.shift_nanos += resumed - nanos;
            self.resets += 1;
            nanos = resumed;
        }
        let Ok(nanos) = u64::try_from(nanos) else { return Stamp::NotLater };
        if micros(nanos) <= micros(last) {
            return Stamp::NotLater;
        }
        self.last_step = Some(nanos - last);
        self.last = Some(nanos);
        Stamp::At(nanos)
    }

    /// Stream time of the first picture.
    pub fn first_nanos(&self) -> Option<u64> {
        self.first_nanos
    }

    /// Media time of the latest picture, in nanoseconds.
    pub fn last_nanos(&self) -> Option<u64> {
        self.last
    }

    /// How often time stamps started anew.
    pub fn resets(&self) -> u64 {
        self.resets
    }
}

/// Nanoseconds in microseconds, to the nearest.
pub fn micros(nanos: u64) -> Micros {
    (nanos / 1000) + u64::from(nanos % 1000 >= 500)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn media_time_starts_at_zero_whatever_the_container_says() {
        let mut clock = MediaClock::default();
        assert_eq!(clock.stamp(Some(766_666_667)), Stamp::At(0));
        assert_eq!(clock.stamp(Some(800_000_000)), Stamp::At(33_333_333));
        assert_eq!(clock.first_nanos(), Some(766_666_667));
    }

    #[test]
    fn disordered_and_unstamped_pictures_are_dropped() {
        let mut clock = MediaClock::default();
        clock.stamp(Some(0));
        clock.stamp(Some(80_000_000));
        assert_eq!(clock.stamp(Some(80_000_000)), Stamp::NotLater);
        assert_eq!(clock.stamp(Some(80_000_400)), Stamp::NotLater, "the same microsecond");
        assert_eq!(clock.stamp(Some(40_000_000)), Stamp::NotLater);
        assert_eq!(clock.stamp(None), Stamp::Absent);
        assert_eq!(clock.stamp(Some(120_000_000)), Stamp::At(120_000_000));
        assert_eq!(clock.resets(), 0);
    }

    #[test]
    fn recordings_put_end_to_end_go_on() {
        let mut clock = MediaClock::default();
        for n in 0..100 {
            clock.stamp(Some(n * 40_000_000));
        }
        assert_eq!(clock.stamp(Some(0)), Stamp::At(4_000_000_000));
        assert_eq!(clock.stamp(Some(40_000_000)), Stamp::At(4_040_000_000));
        assert_eq!(clock.resets(), 1);
    }

    #[test]
    fn microseconds_are_rounded() {
        assert_eq!((micros(33_333_333), micros(66_666_667), micros(499), micros(500)), (33_333, 66_667, 0, 1));
        assert_eq!(micros(u64::MAX), u64::MAX / 1000 + 1);
    }

    proptest! {
        #[test]
        fn media_time_strictly_increases(stamps in proptest::collection::vec(proptest::option::of(any::<u64>()), 0..50)) {
            let mut clock = MediaClock::default();
            let mut last = None;
            for stamp in stamps {
                if let Stamp::At(nanos) = clock.stamp(stamp) {
                    prop_assert!(last.is_none_or(|last| last < micros(nanos)));
                    last = Some(micros(nanos));
                }
            }
        }

        #[test]
        fn sound_time_stamps_lose_nothing(first in 0u64..1 << 50, steps in proptest::collection::vec(1000u64..1 << 40, 1..50)) {
            let mut clock = MediaClock::default();
            let mut at = first;
            prop_assert_eq!(clock.stamp(Some(at)), Stamp::At(0));
            for step in steps {
                at += step;
                prop_assert_eq!(clock.stamp(Some(at)), Stamp::At(at - first));
            }
        }
    }
}
