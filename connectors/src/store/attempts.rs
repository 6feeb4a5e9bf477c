//! How often a stream was in flight when the process died, so that an input that kills it every time is set aside.
//!
//! What counts are deaths in a row after which the stream had got no further: an innocent stream beside the guilty one
//! gets further each time, and [`Writer::suspects`] lets those in doubt be processed alone. Only a death that leaves
//! [`CRASH_NOTE`] behind counts: one without it came from outside, of a kill or a power cut, and says nothing of inputs.

use super::error::{CommitError, OpenError, ReadError};
use super::open::Writer;
use super::schema::{ATTEMPTS, HEADS, from_row, to_row};
use super::stream::StreamId;
use redb::{ReadableTable, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use vokg_engine::time::{Micros, SECOND_US};

/// The file in a data directory in which a crashing process says so.
pub const CRASH_NOTE: &str = "crashed";
/// After so many crashes without getting further, a stream is set aside.
pub const CRASHES_MAX: u8 = 2;
/// A stream that has come this much further has got further. How much of what was read is committed when the process
/// dies is chance, and a segmenter may look seconds ahead.
const FURTHER_US: Micros = 10 * SECOND_US;

/// What is remembered of the attempts at one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    /// A process is at it, or died at it.
    in_flight: bool,
    crashes: u8,
    /// How far the stream was when the first of them happened.
    stuck_us: Micros,
}

impl Attempts {
    /// Whether the stream is no longer tried.
    pub(super) fn is_set_aside(self) -> bool {
        self.crashes >= CRASHES_MAX
    }

    /// How often it was in flight when the process crashed.
    pub(super) fn crashes(self) -> u8 {
        self.crashes
    }

    /// After a process died in flight, with the stream this far.
    fn died(self, reached_us: Micros, crashed: bool) -> Self {
        let is_further = reached_us > self.stuck_us.saturating_add(FURTHER_US);
        match crashed {
            false => Self { in_flight: false, ..self },
            true if is_further || self.crashes == 0 => Self { in_flight: false, crashes: 1, stuck_us: reached_us },
            true => Self { in_flight: false, crashes: self.crashes.saturating_add(1), ..self },
        }
    }
}

/// The attempts at a stream so far.
pub(super) fn attempts(transaction: &WriteTransaction, stream: StreamId) -> Result<Attempts, CommitError> {
    let row = transaction.open_table(ATTEMPTS)?.get(stream.0)?.map(|row| from_row("attempts", row.value()));
    Ok(row.transpose()?.unwrap_or_default())
}

/// A process is at the stream from now on.
pub(super) fn attempt(transaction: &WriteTransaction, stream: StreamId, before: Attempts) -> Result<(), CommitError> {
    let row = to_row(&Attempts { in_flight: true, ..before });
    transaction.open_table(ATTEMPTS)?.insert(stream.0, row.as_slice())?;
    Ok(())
}

/// The stream has ended, and its attempts with it.
pub(super) fn forget_attempts(transaction: &WriteTransaction, stream: StreamId) -> Result<(), CommitError> {
    transaction.open_table(ATTEMPTS)?.remove(stream.0)?;
    Ok(())
}

impl Writer {
    /// Streams that were in flight when a process died and have got no further since. They are best processed alone.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn suspects(&self) -> Result<BTreeSet<StreamId>, ReadError> {
        let table = match self.store().read()?.open_table(ATTEMPTS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeSet::new()),
            table => table?,
        };
        let mut suspects = BTreeSet::new();
        for row in table.range(0..)? {
            let (stream, attempts) = row?;
            let attempts: Attempts = from_row("attempts", attempts.value())?;
            if attempts.crashes > 0 {
                suspects.insert(StreamId(stream.value()));
            }
        }
        Ok(suspects)
    }

    /// The process stops being at a stream in good order, before its end.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn leave_stream(&self, stream: StreamId) -> Result<(), CommitError> {
        let transaction = self.begin_write()?;
        let before = attempts(&transaction, stream)?;
        {
            let row = to_row(&Attempts { in_flight: false, ..before });
            transaction.open_table(ATTEMPTS)?.insert(stream.0, row.as_slice())?;
        }
        transaction.commit()?;
        self.active().remove(&stream);
        Ok(())
    }

    /// Counts the death of an earlier process against what it was at.
    pub(super) fn settle_attempts(&self) -> Result<(), OpenError> {
        let note = self.store().dir().join(CRASH_NOTE);
        let crashed = note.exists();
        let transaction = self.begin_write()?;
        {
            let mut table = transaction.open_table(ATTEMPTS)?;
            let heads = transaction.open_table(HEADS)?;
            let mut died = Vec::new();
            for row in table.range(0..)? {
                let (stream, row) = row?;
                let (stream, before): (u32, Attempts) = (stream.value(), from_row("attempts", row.value())?);
                if before.in_flight {
                    let head = heads.get(stream)?.map(|row| from_row("heads", row.value())).transpose()?;
                    let reached_us = head.map_or(0, |head: super::StreamHead| head.frontier_us);
                    died.push((stream, before.died(reached_us, crashed)));
                }
            }
            for (stream, attempts) in died {
                table.insert(stream, to_row(&attempts).as_slice())?;
            }
        }
        transaction.commit()?;
        match self.files.remove(&note) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            // One that came back would be counted against whatever is in flight then.
            removed => removed.and_then(|()| self.files.sync_dir(self.store().dir())),
        }
        .map_err(OpenError::io("cannot remove the note of a crash", &note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::{PROGRAM, begin, complete, open, random_log, request};
    use crate::store::{BeginError, Begun, StreamBatch};

    #[test]
    fn two_crashes_without_getting_further_set_a_stream_aside() {
        let after = |deaths: &[(Micros, bool)]| {
            let died = |before: Attempts, (secs, crashed): &(Micros, bool)| before.died(secs * SECOND_US, *crashed);
            deaths.iter().fold(Attempts::default(), died).is_set_aside()
        };
        assert!(after(&[(7, true), (7, true)]) && after(&[(7, true), (17, true)]));
        assert!(
            !after(&[(7, true)]) && !after(&[(7, true), (18, true)]) && !after(&[(7, true), (18, true), (30, true)])
        );
        assert!(after(&[(0, true), (0, false), (0, true)]) && !after(&[(0, false); 50]));
    }

    #[test]
    fn an_input_in_flight_at_two_crashes_is_set_aside_until_somebody_asks_for_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let resume = |writer: &Writer| writer.begin_stream(request("bad"), PROGRAM);
        let writer = open(dir.path());
        let [bad, good] = ["bad", "good"].map(|name| begin(&writer, name));
        let crash = |writer: Writer| {
            std::fs::write(dir.path().join(CRASH_NOTE), "a panic").expect("the disk has room");
            drop(writer);
            open(dir.path())
        };
        let whole = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(good, random_log(1, 3)) };
        writer.commit(&[whole]).expect("the log is closed");
        let writer = crash(writer);
        assert_eq!(writer.suspects().expect("it can be read"), BTreeSet::from([bad]));
        assert!(matches!(resume(&writer), Ok(Begun::Resumed(..))), "once is no proof");
        let writer = crash(writer);
        let error = resume(&writer).expect_err("twice is").to_string();
        assert!(error.contains("nothing of it was committed") && error.contains("--retry"), "{error}");
        assert!(matches!(writer.begin_stream(request("good"), PROGRAM), Ok(Begun::Done(_))));
        writer.retry_stream(&request("bad")).expect("the disk has room");
        assert!(matches!(resume(&writer), Ok(Begun::Resumed(..))));
        writer.leave_stream(bad).expect("the disk has room");
        let writer = crash(writer);
        assert_eq!(writer.suspects().expect("it can be read"), BTreeSet::new(), "it was left in good order");
        assert!(!matches!(resume(&writer), Err(BeginError::SetAside { .. })));
    }
}
