//! Dropping a stream: it is unknown at once, and leaves in small transactions, which a crash may interrupt; the next writer
//! finishes them.

use super::begin::generations;
use super::commit::{load, own_name};
use super::error::{BeginError, CommitError, OpenError, ReadError};
use super::observations::remove_segments;
use super::open::Writer;
use super::schema::*;
use super::stream::{Stream, StreamDescriptor, StreamId};
use redb::{Key, ReadableTable, Table, TableDefinition, Value, WriteTransaction};
use std::ops::RangeInclusive;

/// Rows removed per table and transaction.
const DROP_ROWS: usize = 10_000;

impl Writer {
    /// Drops a stream that nobody writes: it is unknown at once, and its rows and files leave before this returns.
    ///
    /// # Errors
    /// Where there is no such stream, this process writes it, or the disk fails.
    pub fn drop_stream(&self, stream: StreamId) -> Result<(), BeginError> {
        let transaction = self.begin_write().map_err(CommitError::from)?;
        let (descriptor, _) = load(&transaction, stream)?;
        if self.active().contains(&stream) {
            return Err(BeginError::Busy(own_name(&descriptor).map_err(CommitError::from)?));
        }
        forget(&transaction, stream, &descriptor)?;
        transaction.commit().map_err(CommitError::from)?;
        Ok(self.drop_rows(stream)?)
    }

    /// Finishes what an earlier writer began to remove.
    pub(super) fn finish_drops(&self) -> Result<(), OpenError> {
        let mut dropped = Vec::new();
        for row in self.store.read()?.open_table(DROPPED)?.range(0..)? {
            dropped.push(StreamId(row?.0.value()));
        }
        for stream in dropped {
            self.drop_rows(stream).map_err(|error| match error {
                CommitError::Read(error) => error.into(),
                CommitError::Database(error) => OpenError::Database(error),
                other => ReadError::Damaged(other.to_string()).into(),
            })?;
        }
        Ok(())
    }

    fn drop_rows(&self, stream: StreamId) -> Result<(), CommitError> {
        remove_segments(self.store.dir(), stream, &*self.files)?;
        let StreamId(id) = stream;
        loop {
            let transaction = self.begin_write()?;
            let mut removed = 0;
            removed += drop_some(&transaction, LOG, (id, 0)..=(id, u64::MAX))?;
            removed +=
                drop_some(&transaction, VERSIONS, (id, 0, 0, 0, 0)..=(id, u8::MAX, u64::MAX, u64::MAX, u64::MAX))?;
            removed += drop_some(&transaction, OPEN, (id, 0, 0, 0)..=(id, u8::MAX, u64::MAX, u64::MAX))?;
            removed += drop_some(&transaction, CLOSED, (id, 0, 0)..=(id, u64::MAX, u64::MAX))?;
            let all_edges = (id, 0, 0, 0, 0)..=(id, u8::MAX, u64::MAX, u64::MAX, u64::MAX);
            removed += drop_some(&transaction, INCIDENT, all_edges)?;
            removed += drop_some(&transaction, SNAPSHOTS, (id, 0)..=(id, u64::MAX))?;
            removed += drop_some(&transaction, OBSERVATIONS, (id, 0)..=(id, u32::MAX))?;
            removed += drop_some(&transaction, THUMBNAILS, (id, 0)..=(id, u32::MAX))?;
            removed += drop_some(&transaction, LOOKS, (id, 0)..=(id, u32::MAX))?;
            removed += drop_some(&transaction, EVIDENCE, (id, 0)..=(id, u32::MAX))?;
            removed += drop_some(&transaction, CORRECTIONS, (id, 0)..=(id, u32::MAX))?;
            removed += drop_some(&transaction, CHECKPOINTS, id..=id)?;
            removed += drop_some(&transaction, ATTEMPTS, id..=id)?;
            removed += drop_some(&transaction, STAMPS, id..=id)?;
            removed += drop_some(&transaction, SEGMENTS, (id, 0)..=(id, u64::MAX))?;
            removed += drop_some(&transaction, KEPT, (id, 0)..=(id, u64::MAX))?;
            for table in [PACKED_VERSIONS, PACKED_CLOSED, PACKED_INCIDENT] {
                let all = (id, 0, 0, 0, 0)..=(id, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
                removed += drop_some(&transaction, table, all)?;
            }
            if removed == 0 {
                transaction.open_table(OLDEST)?.remove(id)?;
                transaction.open_table(DROPPED)?.remove(id)?;
            }
            transaction.commit()?;
            if removed == 0 {
                return Ok(());
            }
        }
    }
}

/// Makes a stream unknown at once; its rows follow later. Its name then stands for its latest complete generation.
fn forget(transaction: &WriteTransaction, stream: StreamId, descriptor: &StreamDescriptor) -> Result<(), CommitError> {
    let name = descriptor.request.name.as_str();
    transaction.open_table(NAMES)?.remove((name, descriptor.generation))?;
    let mut aliases = transaction.open_table(ALIASES)?;
    if aliases.get(name)?.is_some_and(|alias| alias.value() == stream.0) {
        let is_complete = |other: &&Stream| other.head.outcome.as_ref().is_some_and(|outcome| outcome.is_complete());
        match generations(transaction, &descriptor.request)?.iter().rfind(is_complete) {
            Some(other) => aliases.insert(name, other.id.0)?,
            None => aliases.remove(name)?,
        };
    }
    transaction.open_table(STREAMS)?.remove(stream.0)?;
    transaction.open_table(HEADS)?.remove(stream.0)?;
    transaction.open_table(DROPPED)?.insert(stream.0, ())?;
    Ok(())
}

fn drop_some<K: Key + 'static, V: Value + 'static>(
    transaction: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
    range: RangeInclusive<K::SelfType<'static>>,
) -> Result<usize, CommitError> {
    let mut table: Table<'_, K, V> = transaction.open_table(table)?;
    let mut removed = 0;
    for row in table.extract_from_if(range, |_, _| true)?.take(DROP_ROWS) {
        row?;
        removed += 1;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::super::history::{PROGRAM, begin, complete, fill, open, request};
    use super::super::{Begun, StreamRequest};
    use super::*;

    fn rows(writer: &Writer) -> u64 {
        writer.store.table_sizes().expect("the store is whole").iter().map(|(_, _, rows)| rows).sum()
    }

    #[test]
    fn a_dropped_stream_leaves_nothing_behind_and_gives_its_name_back() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut writer = open(dir.path());
        let clean = rows(&writer);
        let first = begin(&writer, "clip");
        fill(&writer, first, Some(complete()));
        let Ok(Begun::Fresh(second)) =
            writer.begin_stream(StreamRequest { config_hash: [3; 32], ..request("clip") }, PROGRAM)
        else {
            panic!("other settings are new")
        };
        assert!(matches!(writer.drop_stream(second.id), Err(BeginError::Busy(_))));
        fill(&writer, second.id, Some(complete()));
        let found = |writer: &Writer| writer.store().find_stream("clip").expect("it can be read").map(|found| found.id);
        assert_eq!(found(&writer), Some(second.id));
        writer.drop_stream(second.id).expect("nobody writes it");
        assert_eq!(found(&writer), Some(first));
        writer.drop_stream(first).expect("nobody writes it");
        assert_eq!((found(&writer), rows(&writer)), (None, clean));
        assert!(matches!(writer.store().page(first, None, 1), Err(ReadError::UnknownStream(_))));
        assert_eq!(std::fs::read_dir(dir.path().join("observations")).expect("it was made").count(), 0);
        assert!(writer.drop_stream(first).is_err());
        drop(writer);
        writer = open(dir.path());
        begin(&writer, "clip");
    }

    #[test]
    fn a_drop_that_a_crash_interrupted_is_finished_at_the_next_opening() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let clean = rows(&writer);
        let first = begin(&writer, "clip");
        fill(&writer, first, None);
        let transaction = writer.begin_write().expect("nothing else writes");
        let (descriptor, _) = crate::store::commit::load(&transaction, first).expect("it exists");
        forget(&transaction, first, &descriptor).expect("the disk has room");
        transaction.commit().expect("the disk has room");
        assert!(rows(&writer) > clean);
        drop(writer);
        assert_eq!(rows(&open(dir.path())), clean);
    }
}
