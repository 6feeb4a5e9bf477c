//! Where in a stream's log something stands: what people and sinks hold on to, and its form in keys.

use std::fmt;
use std::str::FromStr;
use vokg_engine::record::LogEntry;

const SEQ_BITS: u32 = 40;
/// The greatest sequence number an epoch can hold: 2⁴⁰ − 1.
pub const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;
/// The greatest epoch a stream can reach: 2²⁴ − 1.
pub const EPOCH_MAX: u32 = (1 << (64 - SEQ_BITS)) - 1;

/// An entry's place in the log of its stream, ordered as the log is. As text, `epoch-seq`: the cursor of pages and
/// sinks, opaque to them.
///
/// ```
/// # use vokg_connectors::store::Position;
/// let position = Position { epoch: 3, seq: 4102 };
/// assert_eq!(position.to_string(), "3-4102");
/// assert_eq!("3-4102".parse(), Ok(position));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Rises when the source restarts; 1 at first.
    pub epoch: u32,
    /// Place within the epoch, from 0.
    pub seq: u64,
}

/// A text that is no [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position in the log reads epoch-seq, such as 1-250, not {0:?}")]
pub struct PositionError(String);

impl Position {
    /// The place of an entry.
    pub fn of(entry: &LogEntry) -> Self {
        Self { epoch: entry.epoch, seq: entry.seq }
    }

    /// The place before it in its epoch; `None` before the first, where a log is read from its beginning.
    ///
    /// ```
    /// # use vokg_connectors::store::Position;
    /// assert_eq!(Position { epoch: 1, seq: 3 }.before(), Some(Position { epoch: 1, seq: 2 }));
    /// assert_eq!(Position { epoch: 1, seq: 0 }.before(), None);
    /// ```
    pub fn before(self) -> Option<Self> {
        self.seq.checked_sub(1).map(|seq| Self { seq, ..self })
    }

    /// Whether both parts fit into a key.
    pub(super) fn is_storable(self) -> bool {
        self.epoch <= EPOCH_MAX && self.seq <= SEQ_MAX
    }

    /// The position as one ordered number. What lies beyond the limits stands at the limit, after everything stored.
    pub(super) fn place(self) -> u64 {
        if self.epoch > EPOCH_MAX {
            return u64::MAX;
        }
        u64::from(self.epoch) << SEQ_BITS | self.seq.min(SEQ_MAX)
    }

    /// The position that has this number.
    pub(super) fn from_place(place: u64) -> Self {
        Self { epoch: (place >> SEQ_BITS) as u32, seq: place & SEQ_MAX }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl FromStr for Position {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parse = || {
            let (epoch, seq) = text.split_once('-')?;
            Some(Self { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? })
        };
        parse().ok_or_else(|| PositionError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_keep_order_and_come_back(a in (0..=EPOCH_MAX, 0..=SEQ_MAX), b in (0..=EPOCH_MAX, 0..=SEQ_MAX)) {
            let [a, b] = [a, b].map(|(epoch, seq)| Position { epoch, seq });
            prop_assert_eq!(a.cmp(&b), a.place().cmp(&b.place()));
            prop_assert_eq!(Position::from_place(a.place()), a);
            prop_assert_eq!(a.to_string().parse(), Ok(a));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1", "1-", "-1", "a-b", "1-2-3", "1--2", "99999999999-1"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
