//! What is appended after the end of a complete stream: a correction by hand, in an epoch of its own.

use super::commit::{StreamBatch, load, own_name, store_snapshot};
use super::error::{CommitError, ReadError};
use super::head::BatchError;
use super::index::Indexes;
use super::open::{Store, Writer};
use super::schema::*;
use super::snapshot;
use super::stream::{Outcome, StreamId};
use redb::{ReadableTable, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use vokg_engine::delta::IdentityMove;
use vokg_engine::record::LogEntry;

/// What a correction by hand does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hand {
    /// Two objects become one.
    Merge,
    /// Some tracks of an object become another.
    Split,
}

/// A correction by hand, as the store remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandCorrection {
    /// What it does.
    pub what: Hand,
    /// The tracks it moved, ascending.
    pub moves: Vec<IdentityMove>,
    /// The epoch it was logged in.
    pub epoch: u32,
    /// It was taken back.
    pub undone: bool,
}

/// What an appended epoch does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// It corrects; remembered under the next number.
    Correct {
        /// What was asked for.
        what: Hand,
        /// The tracks that move, ascending.
        moves: Vec<IdentityMove>,
    },
    /// It takes back the correction with this number.
    Undo(u32),
}

impl Writer {
    /// Appends one whole epoch to the log of a complete stream and remembers why, in one transaction. The stream stays
    /// complete and its digest goes on.
    ///
    /// # Errors
    /// Where the stream is not complete, the entries are not exactly the next epoch, closed at its end, there is no such
    /// correction to undo, or the disk fails. Nothing is stored then.
    pub fn amend(&self, stream: StreamId, entries: Vec<LogEntry>, amendment: Amendment) -> Result<(), CommitError> {
        let transaction = self.begin_write()?;
        let (descriptor, mut head) = load(&transaction, stream)?;
        let name = own_name(&descriptor)?;
        let refused = |reason| CommitError::Refused { stream: name.clone(), reason };
        let outcome = head.outcome.take().filter(Outcome::is_complete);
        let outcome = outcome.ok_or_else(|| refused(BatchError::Unfinished))?;
        let epoch = head.epoch + 1;
        let records: Vec<Vec<u8>> = entries.iter().map(|entry| entry.record.encode()).collect();
        let batch = StreamBatch::of_entries(stream, entries);
        head.extend(&batch.entries, &records).map_err(refused)?;
        if head.epoch != epoch || !head.closed {
            return Err(refused(BatchError::StillOpen));
        }
        {
            let mut indexes = Indexes::open(&transaction, self.store.unpacked.clone())?;
            indexes.append(stream, &name, &batch.entries, &records)?;
            if snapshot::is_due(&head) {
                store_snapshot(&transaction, &indexes, &batch, &mut head)?;
            }
        }
        head.outcome = Some(outcome);
        transaction.open_table(HEADS)?.insert(stream.0, to_row(&head).as_slice())?;
        remember(&transaction, stream, epoch, amendment)?;
        transaction.commit()?;
        Ok(())
    }
}

impl Store {
    /// The corrections by hand of a stream, with their numbers, in the order in which they were made.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn corrections(&self, stream: StreamId) -> Result<Vec<(u32, HandCorrection)>, ReadError> {
        let table = match self.read()?.open_table(CORRECTIONS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            table => table?,
        };
        let mut corrections = Vec::new();
        for row in table.range((stream.0, 0)..=(stream.0, u32::MAX))? {
            let (key, value) = row?;
            corrections.push((key.value().1, from_row("corrections", value.value())?));
        }
        Ok(corrections)
    }
}

fn remember(
    transaction: &WriteTransaction,
    stream: StreamId,
    epoch: u32,
    amendment: Amendment,
) -> Result<(), CommitError> {
    let mut table = transaction.open_table(CORRECTIONS)?;
    let (number, correction) = match amendment {
        Amendment::Correct { what, moves } => {
            let last = table.range((stream.0, 0)..=(stream.0, u32::MAX))?.next_back().transpose()?;
            let number = last.map_or(1, |(key, _)| key.value().1 + 1);
            (number, HandCorrection { what, moves, epoch, undone: false })
        }
        Amendment::Undo(number) => {
            let row = table.get((stream.0, number))?;
            let absent = || ReadError::Damaged(format!("there is no correction {number} to undo"));
            let correction: HandCorrection = from_row("corrections", row.ok_or_else(absent)?.value())?;
            (number, HandCorrection { undone: true, ..correction })
        }
    };
    table.insert((stream.0, number), to_row(&correction).as_slice())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::{begin, complete, object, open, progress, random_log};
    use crate::store::{KnownAt, Position};
    use vokg_engine::delta::VertexKey;
    use vokg_engine::id::{ObjectId, TrackId};
    use vokg_engine::record::Record;

    fn epoch(number: u32, records: Vec<Record>) -> Vec<LogEntry> {
        let place = |(seq, record)| LogEntry { epoch: number, seq: seq as u64, record };
        records.into_iter().enumerate().map(place).collect()
    }

    fn merge() -> Amendment {
        let moves = vec![IdentityMove { track: TrackId(2), from: ObjectId(2), to: ObjectId(1), score_milli: 1000 }];
        Amendment::Correct { what: Hand::Merge, moves }
    }

    #[test]
    fn a_complete_stream_takes_another_epoch_and_stays_complete() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let log = random_log(3, 8);
        let before = StreamBatch::of_entries(stream, log);
        let error = writer.amend(stream, vec![], merge());
        assert!(matches!(error, Err(CommitError::Refused { reason: BatchError::Unfinished, .. })), "{error:?}");
        writer.commit(&[StreamBatch { outcome: Some(complete()), ..before }]).expect("the log keeps every promise");

        let store = writer.store();
        let head = store.stream(stream).expect("it exists").head;
        let t = head.frontier_us;
        let new = object(900, t);
        let wrong = |entries| writer.amend(stream, entries, merge()).is_err();
        assert!(wrong(vec![]) && wrong(epoch(1, vec![new.clone(), progress(t, None, 1)])));
        assert!(wrong(epoch(2, vec![new.clone(), progress(t, Some(t + 1), 1)])), "it has to close its epoch");
        assert!(wrong(epoch(3, vec![new.clone(), progress(t, None, 1)])), "an epoch is left out");
        assert_eq!(store.stream(stream).expect("it exists").head, head, "nothing of this was stored");

        writer.amend(stream, epoch(2, vec![new, progress(t, None, 1)]), merge()).expect("the stream is complete");
        let after = store.stream(stream).expect("it exists").head;
        assert_eq!((after.epoch, after.deltas, &after.outcome), (2, head.deltas + 1, &head.outcome));
        assert_eq!(store.verify(stream).expect("the store is whole"), after.digest);
        let there = |known_at| {
            let graph = store.graph(stream, None, known_at).expect("the store is whole");
            graph.vertices.contains_key(&VertexKey::Object(ObjectId(900)))
        };
        let end_of_first = Position { epoch: 1, seq: super::super::SEQ_MAX };
        assert!(there(None) && !there(Some(KnownAt::Position(end_of_first))));
    }

    #[test]
    fn corrections_are_remembered_in_order_with_what_was_undone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let [stream, other] = ["clip", "other"].map(|name| begin(&writer, name));
        let whole = StreamBatch::of_entries(stream, random_log(3, 8));
        writer.commit(&[StreamBatch { outcome: Some(complete()), ..whole }]).expect("the log keeps every promise");
        let t = writer.store().stream(stream).expect("it exists").head.frontier_us;
        let amend = |number, amendment| writer.amend(stream, epoch(number, vec![progress(t, None, 0)]), amendment);
        amend(2, merge()).expect("it is the next epoch");
        amend(3, merge()).expect("it is the next epoch");
        amend(4, Amendment::Undo(2)).expect("it is the next epoch");
        assert!(amend(5, Amendment::Undo(7)).is_err());
        let corrections = writer.store().corrections(stream).expect("the store is whole");
        let told: Vec<_> = corrections.iter().map(|(number, c)| (*number, c.epoch, c.undone)).collect();
        assert_eq!(told, [(1, 2, false), (2, 3, true)]);
        assert_eq!(writer.store().corrections(other).expect("the store is whole"), []);
    }
}
