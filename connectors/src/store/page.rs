//! The log itself, in pages and as a whole.

use super::error::ReadError;
use super::log::Log;
use super::open::Store;
use super::position::Position;
use super::stream::StreamId;
use std::ops::ControlFlow;
use vokg_engine::record::{Digest, LogEntry, Record};

/// The most entries a page may have.
pub const PAGE_ENTRIES_MAX: usize = 10_000;
/// A page ends once its records have this many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// A stretch of a stream's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its entries, in order.
    pub entries: Vec<LogEntry>,
    /// The cursor of the next page; `None` where the log ended when this was read.
    pub next: Option<Position>,
}

impl Store {
    /// Entries after a position (default: from the beginning), at most `limit` and [`PAGE_ENTRIES_MAX`], at least one
    /// where there are more.
    ///
    /// # Errors
    /// [`ReadError::Gone`] where entries after the position were dropped. Otherwise where there is no such stream, or
    /// the database cannot be read.
    pub fn page(&self, stream: StreamId, after: Option<Position>, limit: usize) -> Result<Page, ReadError> {
        let mut entries = Vec::new();
        let next = self.scan(stream, after, limit, |at, bytes| {
            let record = Record::decode(bytes).map_err(|error| ReadError::Damaged(error.to_string()))?;
            entries.push(LogEntry { epoch: at.epoch, seq: at.seq, record });
            Ok(())
        })?;
        Ok(Page { entries, next })
    }

    /// All entries after a position (default: the first that is still there) up to where the log ends when the iterator gets
    /// there. It holds no transaction between pages.
    pub fn entries(&self, stream: StreamId, after: Option<Position>) -> Entries {
        let page = Vec::new().into_iter();
        Entries { store: self.clone(), stream, page, after, more: true, is_from_oldest: after.is_none() }
    }

    /// Recomputes the digest of a stream from its log and compares it with the stored one. Where its beginning was
    /// dropped, the digest goes on from the one recorded then.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] where they differ or an entry is missing. Otherwise where there is no such stream, it
    /// is written at this moment, or the database cannot be read.
    pub fn verify(&self, stream: StreamId) -> Result<Digest, ReadError> {
        let (head, oldest) = (self.stream(stream)?.head, self.oldest(stream)?);
        let (mut digest, mut entries, mut after) = (Digest::default(), 0, None);
        let mut due = Position { epoch: 1, seq: 0 };
        if let Some(oldest) = oldest {
            (digest, entries, due) = (oldest.digest, oldest.entries, oldest.first);
            after = Some(Position::from_place(oldest.dropped_place));
        }
        loop {
            let next = self.scan(stream, after, PAGE_ENTRIES_MAX, |at, bytes| {
                let begins_epoch = at == Position { epoch: due.epoch + 1, seq: 0 };
                if at != due && !begins_epoch {
                    return Err(ReadError::Damaged(format!("entry {at} stands where {due} is due")));
                }
                if entries < head.entries {
                    Record::decode(bytes).map_err(|error| ReadError::Damaged(format!("entry {at}: {error}")))?;
                    digest.extend(at.epoch, at.seq, bytes);
                    entries += 1;
                }
                due = Position { epoch: at.epoch, seq: at.seq + 1 };
                Ok(())
            })?;
            match next {
                Some(_) if entries < head.entries => after = next,
                _ => break,
            }
        }
        if entries != head.entries {
            return Err(ReadError::Damaged(format!("the log has {entries} entries of {}", head.entries)));
        }
        if digest != head.digest {
            return Err(ReadError::Damaged(format!("the log has digest {digest}, recorded is {}", head.digest)));
        }
        Ok(digest)
    }

    /// Shows the record bytes of one page; gives the cursor of the next.
    fn scan(
        &self,
        stream: StreamId,
        after: Option<Position>,
        limit: usize,
        mut show: impl FnMut(Position, &[u8]) -> Result<(), ReadError>,
    ) -> Result<Option<Position>, ReadError> {
        let transaction = self.read()?;
        super::lookup::load(&transaction, stream)?;
        let log = Log::open(self, &transaction, stream)?;
        let after = after.map(Position::place);
        log.refuse_gone(after)?;
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        let (mut shown, mut bytes_shown) = (0, 0);
        let (mut last, mut next) = (None, None);
        log.scan(after, u64::MAX, |place, bytes| {
            if shown >= limit || bytes_shown >= PAGE_BYTES {
                next = last;
                return Ok(ControlFlow::Break(()));
            }
            let at = Position::from_place(place);
            show(at, bytes)?;
            (shown, bytes_shown, last) = (shown + 1, bytes_shown + bytes.len(), Some(at));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(next)
    }
}

/// Iterates over a log; see [`Store::entries`].
pub struct Entries {
    store: Store,
    stream: StreamId,
    page: std::vec::IntoIter<LogEntry>,
    after: Option<Position>,
    more: bool,
    /// It begins with what is still there.
    is_from_oldest: bool,
}

impl Iterator for Entries {
    type Item = Result<LogEntry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(Ok(entry));
        }
        if !self.more {
            return None;
        }
        let after = match (self.after, self.is_from_oldest) {
            (None, true) => self.store.oldest(self.stream).map(|oldest| oldest.map(|oldest| oldest.after())),
            (after, _) => Ok(after),
        };
        match after.and_then(|after| self.store.page(self.stream, after, PAGE_ENTRIES_MAX)) {
            Ok(page) => {
                (self.after, self.more) = (page.next, page.next.is_some());
                self.page = page.entries.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.more = false;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::StreamBatch;
    use super::super::history::{begin, open, progress, random_log};
    use super::super::schema::LOG;
    use super::*;

    #[test]
    fn pages_add_up_to_the_log_whatever_their_size() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let (stream, log) = (begin(&writer, "clip"), random_log(3, 40));
        writer.commit(&[StreamBatch::of_entries(stream, log.clone())]).expect("the log keeps every promise");
        for limit in [1, 7, log.len(), usize::MAX] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = writer.store().page(stream, after, limit).expect("the stream exists");
                found.extend(page.entries);
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!(found, log, "pages of {limit}");
        }
        let half = Position { epoch: 1, seq: 20 };
        let rest: Result<Vec<_>, _> = writer.store().entries(stream, Some(half)).collect();
        assert_eq!(rest.expect("the stream exists"), log[21..]);
    }

    #[test]
    fn a_changed_record_and_a_lost_one_are_noticed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let (stream, log) = (begin(&writer, "clip"), random_log(3, 40));
        writer.commit(&[StreamBatch::of_entries(stream, log.clone())]).expect("the log keeps every promise");
        assert_eq!(
            writer.store().verify(stream).ok(),
            Some(writer.store().stream(stream).expect("it exists").head.digest)
        );
        let last = (stream.0, Position::of(&log[log.len() - 1]).place());
        for change in [Some(progress(0, None, 77).encode()), None] {
            let transaction = writer.begin_write().expect("nothing else writes");
            {
                let mut table = transaction.open_table(LOG).expect("the table exists");
                match change {
                    Some(bytes) => drop(table.insert(last, bytes.as_slice()).expect("the disk has room")),
                    None => drop(table.remove(last).expect("the disk has room")),
                }
            }
            transaction.commit().expect("the disk has room");
            assert!(matches!(writer.store().verify(stream), Err(ReadError::Damaged(_))));
        }
    }
}
