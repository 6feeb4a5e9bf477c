//! What of Kafka exactly-once delivery takes.

use super::records::{KafkaRecord, Topic};
use crate::follow::Told;
use crate::store::Position;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::id::StreamName;
use vokg_engine::time::Micros;

/// How far a stream is in the topics: the value of its record in `progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The store that wrote it, in hexadecimal digits.
    pub instance: String,
    /// Epoch of the last entry.
    pub epoch: u32,
    /// Its sequence number.
    pub seq: u64,
    /// Partitions of `deltas` when it was written. Another number would move streams and break their order.
    pub partitions: u32,
    /// How long edges wait in `final`, in microseconds; absent where it is not written. Another wait would say some of them
    /// twice or never, so the one that a stream began with stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_us: Option<Micros>,
    /// The number of the stream in its store. One of the same name with another number is another stream. Absent in what an
    /// earlier vokg wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// What tells the last entries from others in their place, see [`Mark`](crate::follow::Mark). Absent after a snapshot, and
    /// in what an earlier vokg wrote, as is one that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// Whether `state` has all that was told of the stream; where it has not, it cannot be made up for. Absent in what an earlier
    /// vokg wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<bool>,
    /// The topics beside `deltas` that hold records of the stream. Absent in what an earlier vokg wrote.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub also_in: BTreeSet<Topic>,
    /// Part of what the topics hold of the stream was taken back already, and the rest is to be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves: bool,
}

impl Cursor {
    /// The last entry.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, seq: self.seq }
    }

    /// Whether a topic was written when the stream was told last.
    pub fn is_told_in(&self, topic: Topic) -> bool {
        match topic {
            Topic::Deltas | Topic::Progress => true,
            Topic::State => self.state == Some(true),
            Topic::Final => self.margin_us.is_some(),
        }
    }

    /// Whether a topic may hold records of the stream. An earlier vokg did not count where it wrote.
    pub fn may_be_in(&self, topic: Topic) -> bool {
        self.also_in.contains(&topic) || self.is_told_in(topic)
    }

    /// How much of the stream the topics hold.
    pub fn told(&self) -> Told {
        let mark = self.mark.as_deref().and_then(|mark| mark.parse().ok());
        Told { at: self.position(), mark }
    }
}

/// A log of records with transactions, of which one writer at a time has a session.
pub trait TransactionLog: Send {
    /// Opens a session: whoever wrote under our name before is fenced off and his open transaction aborted. Then gives
    /// the cursors of all streams, of committed transactions only.
    ///
    /// # Errors
    /// Where there is no session to be had.
    fn open(&mut self) -> Result<BTreeMap<String, Cursor>, TransactionError>;

    /// The keys of a stream that have a value in a partition of `state`, of committed transactions only.
    ///
    /// # Errors
    /// Where the cluster does not answer.
    fn state_keys(&mut self, stream: &StreamName, partition: u32) -> Result<BTreeSet<String>, TransactionError>;

    /// Whether a topic is there, also one that is not written any more.
    ///
    /// # Errors
    /// Where the cluster does not answer.
    fn has(&mut self, topic: Topic) -> Result<bool, TransactionError>;

    /// Partitions of `deltas`, known once a session was opened.
    fn partitions(&self) -> u32;

    /// Whether the session still is: one may end with a transaction, also with one that has gone through.
    fn is_open(&self) -> bool;

    /// Writes all the records in one transaction of the session.
    ///
    /// # Errors
    /// Whether they were written is unknown after [`TransactionError::Again`]; after the others they were not.
    fn write(&mut self, records: &[KafkaRecord]) -> Result<(), TransactionError>;
}

/// Why a transaction did not go through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// The cluster is away, busy or slow. The session is over.
    #[error("{0}")]
    Again(String),
    /// Another writer has opened a session under our name.
    #[error("{0}")]
    Fenced(String),
    /// This record is never taken.
    #[error("record {index}: {reason}")]
    Refused {
        /// Its place among those given.
        index: usize,
        /// What the cluster says.
        reason: String,
    },
    /// Somebody must change something first.
    #[error("{0}")]
    Hopeless(String),
}
