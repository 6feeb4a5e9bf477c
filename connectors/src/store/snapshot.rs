//! From time to time, which elements were open: so that an earlier state of knowledge is found without reading the
//! log from its beginning.
//!
//! A snapshot holds pointers to log entries, not copies. One is taken after 8 192 entries, or after as many as the
//! last one had elements if those are more, so that all snapshots together stay smaller than the log. What is
//! closed needs none: the interval index answers for every state of knowledge.

use super::error::ReadError;
use super::head::StreamHead;
use super::schema::{from_row, to_row};

const ENTRIES_BETWEEN: u64 = 8192;

/// Whether the stream has grown enough for the next snapshot.
pub(super) fn is_due(head: &StreamHead) -> bool {
    head.entries_since_snapshot >= ENTRIES_BETWEEN.max(head.snapshot_elements)
}

/// The bytes of ascending places: differences, as variable-length integers.
pub(super) fn encode(places: &[u64]) -> Vec<u8> {
    let mut before = 0;
    let differences: Vec<u64> = places.iter().map(|place| place - std::mem::replace(&mut before, *place)).collect();
    to_row(&differences)
}

/// The places of a snapshot, ascending.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u64>, ReadError> {
    let mut places: Vec<u64> = from_row("snapshots", bytes)?;
    let mut place = 0u64;
    for difference in &mut places {
        place = place.wrapping_add(*difference);
        *difference = place;
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_survive(mut places in prop::collection::vec(any::<u64>(), 0..50)) {
            places.sort_unstable();
            prop_assert_eq!(decode(&encode(&places)).ok(), Some(places));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
        }
    }
}
