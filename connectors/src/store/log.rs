//! The log of a stream, wherever its entries are: hot rows, sealed segments, and what retention kept.
//!
//! ```text
//!  place ─────────────────────────────────────────────────────────▶
//!  ┆ dropped, but for `kept` ┆ sealed: `segments` ┆ hot: `log` ┆
//!                            oldest
//! ```

use super::error::ReadError;
use super::lookup::load;
use super::open::Store;
use super::position::Position;
use super::retain::Oldest;
use super::schema::*;
use super::segment::{Segment, unseal};
use super::stream::StreamId;
use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, TableError, Value};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use vokg_engine::id::StreamName;

/// Bytes of unpacked segments that a store keeps in memory.
const CACHED_BYTES: usize = 8 << 20;

/// Segments that were unpacked lately. A segment never changes, so what was read once stays true.
#[derive(Default)]
pub(super) struct Unpacked(Mutex<VecDeque<Known>>);

/// Stream and first place of a segment, and the segment.
type Known = ((u32, u64), Arc<Segment>);

impl Unpacked {
    /// The record at a place of a sealed segment, if it lies in one.
    pub fn record(
        &self,
        segments: &impl ReadableTable<(u32, u64), &'static [u8]>,
        stream: StreamId,
        place: u64,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let segment = self.segment_at(segments, stream, place)?;
        Ok(segment.and_then(|(_, segment)| segment.get(place).map(<[u8]>::to_vec)))
    }

    /// The segment that begins last at or before a place, with the place of its first entry.
    fn segment_at(
        &self,
        segments: &impl ReadableTable<(u32, u64), &'static [u8]>,
        stream: StreamId,
        place: u64,
    ) -> Result<Option<(u64, Arc<Segment>)>, ReadError> {
        let Some(row) = segments.range((stream.0, 0)..=(stream.0, place))?.next_back() else {
            return Ok(None);
        };
        let (key, bytes) = row?;
        Ok(Some((key.value().1, self.get(key.value(), bytes.value())?)))
    }

    fn get(&self, key: (u32, u64), bytes: &[u8]) -> Result<Arc<Segment>, ReadError> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = cached.iter().position(|(own, _)| *own == key)
            && let Some(found) = cached.remove(index)
        {
            let segment = Arc::clone(&found.1);
            cached.push_back(found);
            return Ok(segment);
        }
        drop(cached);
        let segment = Arc::new(unseal(key.1, bytes)?);
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.push_back((key, Arc::clone(&segment)));
        while cached.len() > 1 && cached.iter().map(|(_, segment)| segment.bytes()).sum::<usize>() > CACHED_BYTES {
            cached.pop_front();
        }
        Ok(segment)
    }
}

/// A table that stores made by an earlier vokg do not have.
pub(super) fn open_if_there<K: Key + 'static, V: Value + 'static>(
    transaction: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, ReadError> {
    match transaction.open_table(table) {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        table => Ok(Some(table?)),
    }
}

/// The log of one stream in one state of the store.
pub(super) struct Log {
    pub stream: StreamId,
    /// Where it begins, if its beginning was dropped.
    pub oldest: Option<Oldest>,
    /// Its own name, known where its beginning was dropped: whoever asks for that is told it.
    name: Option<StreamName>,
    hot: Rows,
    segments: Option<Rows>,
    kept: Option<Rows>,
    unpacked: Arc<Unpacked>,
}

type Rows = ReadOnlyTable<(u32, u64), &'static [u8]>;

impl Log {
    pub fn open(store: &Store, transaction: &ReadTransaction, stream: StreamId) -> Result<Self, ReadError> {
        let oldest = match open_if_there(transaction, OLDEST)? {
            Some(table) => table.get(stream.0)?.map(|row| from_row("oldest", row.value())).transpose()?,
            None => None,
        };
        let name = match oldest {
            Some(_) => Some(load(transaction, stream)?.name),
            None => None,
        };
        Ok(Self {
            stream,
            oldest,
            name,
            hot: transaction.open_table(LOG)?,
            segments: open_if_there(transaction, SEGMENTS)?,
            kept: open_if_there(transaction, KEPT)?,
            unpacked: Arc::clone(&store.unpacked),
        })
    }

    /// The record at a place; `None` where there is none any more.
    pub fn get(&self, place: u64) -> Result<Option<Vec<u8>>, ReadError> {
        if let Some(row) = self.hot.get((self.stream.0, place))? {
            return Ok(Some(row.value().to_vec()));
        }
        if let Some((_, segment)) = self.segment_at(place)?
            && let Some(record) = segment.get(place)
        {
            return Ok(Some(record.to_vec()));
        }
        let Some(kept) = &self.kept else { return Ok(None) };
        Ok(kept.get((self.stream.0, place))?.map(|row| row.value().to_vec()))
    }

    /// The last entry between two places, both included; of those that are still there.
    pub fn last(&self, from: u64, until: u64) -> Result<Option<(u64, Vec<u8>)>, ReadError> {
        if let Some(row) = self.hot.range((self.stream.0, from)..=(self.stream.0, until))?.next_back() {
            let (key, bytes) = row?;
            return Ok(Some((key.value().1, bytes.value().to_vec())));
        }
        let Some((_, segment)) = self.segment_at(until)? else { return Ok(None) };
        let last = segment.at_or_before(until).filter(|(place, _)| *place >= from);
        Ok(last.map(|(place, record)| (place, record.to_vec())))
    }

    /// The place of the last entry up to a place, this included.
    pub fn last_place(&self, until: u64) -> Result<Option<u64>, ReadError> {
        if let Some(row) = self.hot.range((self.stream.0, 0)..=(self.stream.0, until))?.next_back() {
            return Ok(Some(row?.0.value().1));
        }
        Ok(self.segment_at(until)?.and_then(|(_, segment)| segment.at_or_before(until).map(|(place, _)| place)))
    }

    /// Shows the entries after a place (default: all that are there) up to another, in order, until somebody has seen
    /// enough.
    pub fn scan(
        &self,
        after: Option<u64>,
        until: u64,
        mut show: impl FnMut(u64, &[u8]) -> Result<ControlFlow<()>, ReadError>,
    ) -> Result<(), ReadError> {
        let Some(from) = after.map_or(Some(0), |after| after.checked_add(1)) else { return Ok(()) };
        if let Some(segments) = &self.segments {
            let start = match self.segment_at(from)? {
                Some((first, _)) => first,
                None => from,
            };
            for row in segments.range((self.stream.0, start)..=(self.stream.0, until))? {
                let (key, bytes) = row?;
                let segment = self.unpacked.get(key.value(), bytes.value())?;
                for (place, record) in segment.rows().filter(|(place, _)| (from..=until).contains(place)) {
                    if show(place, record)?.is_break() {
                        return Ok(());
                    }
                }
            }
        }
        for row in self.hot.range((self.stream.0, from)..=(self.stream.0, until))? {
            let (key, bytes) = row?;
            if show(key.value().1, bytes.value())?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The places of the dropped entries that were kept, ascending.
    pub fn kept_places(&self) -> Result<Vec<u64>, ReadError> {
        let Some(kept) = &self.kept else { return Ok(Vec::new()) };
        let rows = kept.range((self.stream.0, 0)..=(self.stream.0, u64::MAX))?;
        rows.map(|row| Ok(row?.0.value().1)).collect()
    }

    /// Refuses to go on after a place where entries behind it have been dropped.
    pub fn refuse_gone(&self, after: Option<u64>) -> Result<(), ReadError> {
        self.refuse_where(|oldest| after.is_none_or(|after| after < oldest.dropped_place))
    }

    /// Refuses what lies before the beginning of what is there.
    pub fn refuse_where(&self, is_gone: impl Fn(&Oldest) -> bool) -> Result<(), ReadError> {
        match (&self.oldest, &self.name) {
            (Some(oldest), Some(name)) if is_gone(oldest) => Err(oldest.gone(name)),
            _ => Ok(()),
        }
    }

    /// What is wrong where an index points at a place that has no entry.
    pub fn missing(&self, place: u64) -> ReadError {
        let missing = || ReadError::Damaged(format!("entry {} is missing", Position::from_place(place)));
        self.refuse_where(|oldest| place <= oldest.dropped_place).err().unwrap_or_else(missing)
    }

    /// The segment that begins last at or before a place.
    fn segment_at(&self, place: u64) -> Result<Option<(u64, Arc<Segment>)>, ReadError> {
        let Some(segments) = &self.segments else { return Ok(None) };
        self.unpacked.segment_at(segments, self.stream, place)
    }
}
