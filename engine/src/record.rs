//! Records of the delta log: their bytes and their digest.
//!
//! A record is encoded with postcard (wire format version 1). The digest of a stream is a BLAKE3 chain over its
//! records, `d' = H(d ‖ epoch ‖ seq ‖ bytes)` with little-endian numbers, so it depends on what was decided and on its
//! order, and on nothing else: no instance, no wall clock, no grouping into commits.

use crate::delta::Delta;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// One entry of a stream's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A change of the graph.
    Delta(Delta),
    /// No further delta before a time.
    Progress(Progress),
}

/// Says how far a stream's deltas are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The frontier of the previous progress record, 0 at first.
    pub lower: Micros,
    /// No further delta has `t` below this; `None` closes the epoch.
    pub frontier: Option<Micros>,
    /// No automatic correction will touch what was valid before this.
    pub settled_us: Micros,
    /// Deltas since the previous progress record.
    pub count: u32,
}

/// A record with its place in the log: `seq` rises by one from 0 within (stream, epoch), progress included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Rises when a source restarts without replayable input; 1 at first.
    pub epoch: u32,
    /// Place within the epoch.
    pub seq: u64,
    /// What is said there.
    pub record: Record,
}

/// Bytes that are no record.
#[derive(Debug, thiserror::Error)]
#[error("{length} bytes are no log record: {reason}")]
pub struct DecodeError {
    length: usize,
    reason: postcard::Error,
}

impl Record {
    /// The bytes of the record.
    ///
    /// # Panics
    /// Never for a record made by this crate: every field has an encoding and vectors have lengths.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("records have no field without an encoding")
    }

    /// A record from its bytes; bytes left over are an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let error = |reason| DecodeError { length: bytes.len(), reason };
        let (record, rest) = postcard::take_from_bytes(bytes).map_err(error)?;
        match rest {
            [] => Ok(record),
            _ => Err(error(postcard::Error::DeserializeBadEncoding)),
        }
    }
}

/// The digest of a log so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest after one more entry with these record bytes.
    pub fn extend(&mut self, epoch: u32, seq: u64, record_bytes: &[u8]) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(&epoch.to_le_bytes());
        hasher.update(&seq.to_le_bytes());
        hasher.update(record_bytes);
        self.0 = *hasher.finalize().as_bytes();
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::{Diff, Edge, Element, VertexKey};
    use crate::evidence::{Detail, RelationKind};
    use crate::id::{InteractionId, ObjectId};
    use proptest::prelude::*;

    fn near(t: Micros) -> Record {
        let edge = Edge {
            id: InteractionId(7),
            kind: RelationKind::NEAR,
            from: VertexKey::Object(ObjectId(1)),
            to: VertexKey::Object(ObjectId(2)),
            valid_from_us: 3,
            valid_to_us: None,
            confidence_milli: 800,
            detail: Detail::default(),
            supersedes: vec![InteractionId(5)],
        };
        Record::Delta(Delta { t, diff: Diff::Assert, element: Element::Edge(edge), caused_by: Some(t) })
    }

    #[test]
    fn records_survive_their_bytes() {
        let progress = Record::Progress(Progress { lower: 0, frontier: None, settled_us: 9, count: 1 });
        for record in [near(5), progress] {
            assert_eq!(Record::decode(&record.encode()).ok(), Some(record));
        }
    }

    #[test]
    fn left_over_bytes_and_cut_records_are_refused() {
        let mut bytes = near(5).encode();
        assert!(Record::decode(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(Record::decode(&bytes).is_err());
    }

    #[test]
    fn the_digest_tells_order_and_place() {
        let (a, b) = (near(1).encode(), near(2).encode());
        let digest = |entries: &[(u64, &[u8])]| {
            let mut digest = Digest::default();
            entries.iter().for_each(|(seq, bytes)| digest.extend(1, *seq, bytes));
            digest
        };
        assert_ne!(digest(&[(0, &a), (1, &b)]), digest(&[(0, &b), (1, &a)]));
        assert_ne!(digest(&[(0, &a)]), digest(&[(1, &a)]));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::decode(&bytes);
        }
    }
}
