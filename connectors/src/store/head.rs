//! The end of a stream's log, and the promises whatever comes next must keep.

use super::position::Position;
use super::schema::RECORD_BYTES_MAX;
use super::stream::Outcome;
use serde::{Deserialize, Serialize};
use vokg_engine::delta::{Delta, ElementKey};
use vokg_engine::record::{Digest, LogEntry, Progress, Record};
use vokg_engine::time::Micros;

/// How far a stream is. Changes in the same transaction as its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHead {
    /// The epoch being written.
    pub epoch: u32,
    /// The sequence number the next entry of the epoch will have.
    pub next_seq: u64,
    /// No further delta has `t` below this.
    pub frontier_us: Micros,
    /// The epoch was closed: only a new epoch can follow.
    pub closed: bool,
    /// Valid time before which no automatic correction will come.
    pub settled_us: Micros,
    /// Digest of all entries.
    pub digest: Digest,
    /// Entries of all epochs, progress included.
    pub entries: u64,
    /// Deltas of all epochs.
    pub deltas: u64,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    /// Entries since the latest snapshot, or since the beginning.
    pub(super) entries_since_snapshot: u64,
    /// Elements in the latest snapshot.
    pub(super) snapshot_elements: u64,
    /// The number the next observation segment will have.
    pub(super) next_segment: u32,
}

impl Default for StreamHead {
    fn default() -> Self {
        Self {
            epoch: 1,
            next_seq: 0,
            frontier_us: 0,
            closed: false,
            settled_us: 0,
            digest: Digest::default(),
            entries: 0,
            deltas: 0,
            outcome: None,
            entries_since_snapshot: 0,
            snapshot_elements: 0,
            next_segment: 0,
        }
    }
}

/// How a batch of entries breaks the promises of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// An entry is not the next one.
    #[error("entry {found} comes where {expected} is due")]
    Sequence {
        /// What was due.
        expected: Position,
        /// What came.
        found: Position,
    },
    /// The stream has ended.
    #[error("the stream has ended, nothing can follow")]
    Ended,
    /// The stream is not complete, so nothing can be appended after its end.
    #[error("the stream is not complete, only what is complete can be corrected by hand")]
    Unfinished,
    /// The stream is called complete, but its log goes on.
    #[error("the stream cannot be complete, no record has closed its epoch")]
    StillOpen,
    /// The epoch was closed.
    #[error("entry {0} follows the record that closed its epoch")]
    Closed(Position),
    /// The batch ends within a time.
    #[error("the batch does not end with a progress record, {0} deltas are left over")]
    Unclosed(u32),
    /// A delta comes too late.
    #[error("the delta {at} has t={t}, before the frontier {frontier_us}")]
    Late {
        /// The entry.
        at: Position,
        /// Its time.
        t: Micros,
        /// What had been promised.
        frontier_us: Micros,
    },
    /// Two deltas are not in the order of the log.
    #[error(
        "the delta {0} stands before the one ahead of it in the order (t, edges -1, vertices +1, edges +1, vertices -1, key)"
    )]
    Order(Position),
    /// A progress record contradicts what it closes.
    #[error("the progress record {at} says {said} for {what}, it is {found}")]
    Progress {
        /// The entry.
        at: Position,
        /// Which field.
        what: &'static str,
        /// Its value.
        said: u64,
        /// The right value.
        found: u64,
    },
    /// A record is larger than a row may be.
    #[error("the entry {at} has {bytes} bytes, the limit is {RECORD_BYTES_MAX}")]
    Size {
        /// The entry.
        at: Position,
        /// Its bytes.
        bytes: usize,
    },
}

impl StreamHead {
    /// The position the next entry of the current epoch takes.
    pub fn next(&self) -> Position {
        Position { epoch: self.epoch, seq: self.next_seq }
    }

    /// Takes the next entries with their record bytes, or says which promise they break. After an error the head is
    /// of no use.
    pub(super) fn extend(&mut self, entries: &[LogEntry], records: &[Vec<u8>]) -> Result<(), BatchError> {
        if self.outcome.is_some() && !entries.is_empty() {
            return Err(BatchError::Ended);
        }
        let mut open = OpenTime::default();
        for (entry, bytes) in entries.iter().zip(records) {
            let at = Position::of(entry);
            self.take_place(at, bytes.len())?;
            match &entry.record {
                Record::Delta(delta) => open.take(delta, at, self.frontier_us)?,
                Record::Progress(progress) => {
                    let closed = std::mem::take(&mut open);
                    self.take_progress(progress, at, &closed)?;
                }
            }
            self.digest.extend(entry.epoch, entry.seq, bytes);
        }
        match open.count {
            0 => Ok(()),
            left_over => Err(BatchError::Unclosed(left_over)),
        }
    }

    fn take_place(&mut self, at: Position, bytes: usize) -> Result<(), BatchError> {
        let restart = Position { epoch: self.epoch + 1, seq: 0 };
        if at == restart {
            (self.epoch, self.next_seq, self.closed) = (at.epoch, 0, false);
        }
        let expected = self.next();
        if at != expected || !at.is_storable() {
            return Err(BatchError::Sequence { expected, found: at });
        }
        if self.closed {
            return Err(BatchError::Closed(at));
        }
        if bytes > RECORD_BYTES_MAX {
            return Err(BatchError::Size { at, bytes });
        }
        self.next_seq += 1;
        self.entries += 1;
        self.entries_since_snapshot += 1;
        Ok(())
    }

    fn take_progress(&mut self, progress: &Progress, at: Position, closes: &OpenTime) -> Result<(), BatchError> {
        let differs = |what, said, found| BatchError::Progress { at, what, said, found };
        if progress.count != closes.count {
            return Err(differs("count", progress.count.into(), closes.count.into()));
        }
        if progress.lower != self.frontier_us {
            return Err(differs("lower", progress.lower, self.frontier_us));
        }
        let least = closes.latest.map_or(self.frontier_us, |(t, _)| t.saturating_add(1));
        match progress.frontier {
            Some(frontier) if frontier < least => return Err(differs("frontier", frontier, least)),
            Some(frontier) => self.frontier_us = frontier,
            None => (self.frontier_us, self.closed) = (least, true),
        }
        self.settled_us = progress.settled_us;
        self.deltas += u64::from(closes.count);
        Ok(())
    }
}

/// The deltas since the last progress record.
#[derive(Default)]
struct OpenTime {
    count: u32,
    latest: Option<(Micros, (u8, ElementKey))>,
}

impl OpenTime {
    fn take(&mut self, delta: &Delta, at: Position, frontier_us: Micros) -> Result<(), BatchError> {
        if delta.t < frontier_us {
            return Err(BatchError::Late { at, t: delta.t, frontier_us });
        }
        let place = (delta.t, delta.order());
        if self.latest.is_some_and(|latest| place <= latest) {
            return Err(BatchError::Order(at));
        }
        self.latest = Some(place);
        self.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::{object, progress};

    fn entries(records: Vec<Record>) -> Vec<LogEntry> {
        let place = |(seq, record)| LogEntry { epoch: 1, seq: seq as u64, record };
        records.into_iter().enumerate().map(place).collect()
    }

    fn extend(entries: &[LogEntry]) -> Result<StreamHead, BatchError> {
        let records: Vec<_> = entries.iter().map(|entry| entry.record.encode()).collect();
        let mut head = StreamHead::default();
        head.extend(entries, &records).map(|()| head)
    }

    #[test]
    fn a_closed_time_moves_the_frontier() {
        let head = extend(&entries(vec![object(1, 7), object(2, 7), progress(0, Some(8), 2)]));
        let head = head.expect("the batch keeps every promise");
        assert_eq!((head.next_seq, head.frontier_us, head.deltas, head.entries), (3, 8, 2, 3));
    }

    #[test]
    fn each_broken_promise_has_its_name() {
        let good = entries(vec![object(1, 7), progress(0, Some(8), 1)]);
        let check = |records: Vec<Record>| extend(&entries(records)).expect_err("a promise is broken");
        assert!(matches!(extend(&good[1..]), Err(BatchError::Sequence { .. })));
        assert_eq!(check(vec![object(1, 7)]), BatchError::Unclosed(1));
        assert!(matches!(
            check(vec![object(1, 7), progress(0, Some(8), 2)]),
            BatchError::Progress { what: "count", .. }
        ));
        assert!(matches!(check(vec![progress(1, Some(8), 0)]), BatchError::Progress { what: "lower", .. }));
        let early = vec![object(1, 7), progress(0, Some(7), 1)];
        assert!(matches!(check(early), BatchError::Progress { what: "frontier", .. }));
        assert!(matches!(check(vec![progress(0, Some(8), 0), object(1, 7)]), BatchError::Late { .. }));
        assert!(matches!(check(vec![object(2, 7), object(1, 7)]), BatchError::Order(_)));
        assert!(matches!(check(vec![progress(0, None, 0), progress(0, Some(1), 0)]), BatchError::Closed(_)));
    }

    #[test]
    fn an_epoch_may_follow_a_closed_one_and_an_interrupted_one() {
        for end in [None, Some(8)] {
            let mut log = entries(vec![object(1, 7), progress(0, end, 1)]);
            log.push(LogEntry { epoch: 2, seq: 0, record: progress(8, Some(9), 0) });
            let head = extend(&log).expect("a new epoch may begin");
            assert_eq!((head.epoch, head.next_seq, head.frontier_us), (2, 1, 9));
        }
    }
}
