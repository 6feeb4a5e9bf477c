//! One state of one stream, read through the indexes.

use super::error::ReadError;
use super::index::{ClosedSpan, valid};
use super::interval::path_to;
use super::open::Store;
use super::position::Position;
use super::schema::*;
use super::snapshot;
use super::stream::StreamId;
use redb::ReadOnlyTable;
use std::collections::BTreeMap;
use std::ops::Bound;
use vokg_engine::delta::{Delta, Diff, Element, ElementKey};
use vokg_engine::record::Record;
use vokg_engine::time::Micros;

/// Up to where the log is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownAt {
    /// Up to this entry, included.
    Position(Position),
    /// Up to what was decided at this media time, included.
    Time(Micros),
}

/// The tables of a stream within one read transaction. It pins pages of the database: for one answer, not longer.
pub(super) struct View {
    pub stream: StreamId,
    pub log: ReadOnlyTable<(u32, u64), &'static [u8]>,
    pub incident: ReadOnlyTable<(u32, u8, u64, u64, u64), ()>,
    versions: ReadOnlyTable<(u32, u8, u64, u64, u64), u8>,
    open: ReadOnlyTable<(u32, u8, u64, u64), u64>,
    closed: ReadOnlyTable<(u32, u64, u64), &'static [u8]>,
    snapshots: ReadOnlyTable<(u32, u64), &'static [u8]>,
}

/// Whether an element has no end. A row of `open` may be a Correction, which has one.
fn is_open(element: &Element) -> bool {
    valid(element).1.is_none()
}

impl View {
    pub fn open(store: &Store, stream: StreamId) -> Result<Self, ReadError> {
        let transaction = store.read()?;
        if transaction.open_table(STREAMS)?.get(stream.0)?.is_none() {
            return Err(ReadError::UnknownStream(stream));
        }
        Ok(Self {
            stream,
            log: transaction.open_table(LOG)?,
            incident: transaction.open_table(INCIDENT)?,
            versions: transaction.open_table(VERSIONS)?,
            open: transaction.open_table(OPEN)?,
            closed: transaction.open_table(CLOSED)?,
            snapshots: transaction.open_table(SNAPSHOTS)?,
        })
    }

    /// The place of the last entry that is believed; `None` where nothing is.
    pub fn place_of(&self, known_at: Option<KnownAt>) -> Result<Option<u64>, ReadError> {
        match known_at {
            None => self.last_place(u64::MAX),
            Some(KnownAt::Position(position)) => self.last_place(position.place()),
            Some(KnownAt::Time(t)) => self.last_decided_at(t),
        }
    }

    /// Entries of the log after one place, up to another, with their records.
    pub fn records(
        &self,
        after: Option<u64>,
        until: u64,
    ) -> Result<impl Iterator<Item = Result<(u64, Record), ReadError>>, ReadError> {
        let from = match after {
            Some(after) => Bound::Excluded((self.stream.0, after)),
            None => Bound::Included((self.stream.0, 0)),
        };
        let rows = self.log.range((from, Bound::Included((self.stream.0, until))))?;
        Ok(rows.map(|row| {
            let (key, bytes) = row?;
            Ok((key.value().1, decode(bytes.value())?))
        }))
    }

    /// The value of an element as known at `until`; `None` where it has none.
    pub fn value(&self, (kind, major, minor): (u8, u64, u64), until: u64) -> Result<Option<Element>, ReadError> {
        let key = |place| (self.stream.0, kind, major, minor, place);
        let range = key(0)..=key(until);
        let Some(latest) = self.versions.range(range)?.next_back() else {
            return Ok(None);
        };
        let (key, state) = latest?;
        if state.value() == VersionState::Retracted as u8 {
            return Ok(None);
        }
        self.asserted_at(key.value().4).map(Some)
    }

    /// The elements that had no end as known at `until`.
    pub fn open_at(&self, until: u64) -> Result<Vec<Element>, ReadError> {
        if self.last_place(u64::MAX)? == Some(until) {
            let rows = self.open.range((self.stream.0, 0, 0, 0)..=(self.stream.0, u8::MAX, u64::MAX, u64::MAX))?;
            let elements = rows.map(|row| self.asserted_at(row?.1.value()));
            return elements.filter(|element| element.as_ref().is_ok_and(is_open) || element.is_err()).collect();
        }
        let mut open: BTreeMap<ElementKey, Element> = BTreeMap::new();
        let snapshot = self.snapshots.range((self.stream.0, 0)..=(self.stream.0, until))?.next_back().transpose()?;
        if let Some((_, places)) = &snapshot {
            for place in snapshot::decode(places.value())? {
                let element = self.asserted_at(place)?;
                if is_open(&element) {
                    open.insert(element.key(), element);
                }
            }
        }
        for entry in self.records(snapshot.map(|(key, _)| key.value().1), until)? {
            let (_, Record::Delta(delta)) = entry? else {
                continue;
            };
            if delta.diff == Diff::Assert && is_open(&delta.element) {
                open.insert(delta.element.key(), delta.element);
            } else {
                open.remove(&delta.element.key());
            }
        }
        Ok(open.into_values().collect())
    }

    /// The elements that, as known at `until`, had an end and held at `at`.
    pub fn closed_at(&self, at: Micros, until: u64) -> Result<Vec<Element>, ReadError> {
        let mut elements = Vec::new();
        for node in path_to(at) {
            for row in self.closed.range((self.stream.0, node, 0)..=(self.stream.0, node, until))? {
                let (key, span) = row?;
                let span: ClosedSpan = from_row("closed", span.value())?;
                if !span.holds_at(node, at) {
                    continue;
                }
                let place = key.value().2;
                let element = self.asserted_at(place)?;
                if !self.is_overruled(&element, place, until)? {
                    elements.push(element);
                }
            }
        }
        Ok(elements)
    }

    /// Whether something after `place` and up to `until` says otherwise of the element.
    fn is_overruled(&self, element: &Element, place: u64, until: u64) -> Result<bool, ReadError> {
        let (kind, major, minor) = element_code(element);
        let key = |place| (self.stream.0, kind, major, minor, place);
        let later = (Bound::Excluded(key(place)), Bound::Included(key(until)));
        Ok(place < until && self.versions.range(later)?.next().is_some())
    }

    fn asserted_at(&self, place: u64) -> Result<Element, ReadError> {
        let row = self.log.get((self.stream.0, place))?;
        match row.map(|row| decode(row.value())).transpose()? {
            Some(Record::Delta(Delta { diff: Diff::Assert, element, .. })) => Ok(element),
            _ => {
                let at = Position::from_place(place);
                Err(ReadError::Damaged(format!("an index points at entry {at}, which asserts nothing")))
            }
        }
    }

    /// The place of the last entry up to and including `until`.
    fn last_place(&self, until: u64) -> Result<Option<u64>, ReadError> {
        let last = self.log.range((self.stream.0, 0)..=(self.stream.0, until))?.next_back();
        Ok(last.transpose()?.map(|(key, _)| key.value().1))
    }

    /// The place of the last entry decided at `t` or before, by halving: the times of a log never fall.
    fn last_decided_at(&self, t: Micros) -> Result<Option<u64>, ReadError> {
        let (mut below, mut above) = (0, u64::MAX);
        let mut found = None;
        while below < above {
            let middle = below + (above - below) / 2;
            let row = self.log.range((self.stream.0, below)..=(self.stream.0, middle))?.next_back().transpose()?;
            let Some((key, bytes)) = row else {
                below = middle + 1;
                continue;
            };
            let place = key.value().1;
            if decided_by(&decode(bytes.value())?) <= t {
                found = Some(place);
                below = middle + 1;
            } else {
                above = place;
            }
        }
        Ok(found)
    }
}

/// The media time by which the entry had been written. Progress counts as decided at the time it closes.
fn decided_by(record: &Record) -> Micros {
    match record {
        Record::Delta(delta) => delta.t,
        Record::Progress(progress) => progress.frontier.map_or(progress.lower, |frontier| frontier.saturating_sub(1)),
    }
}

fn decode(bytes: &[u8]) -> Result<Record, ReadError> {
    Record::decode(bytes).map_err(|error| ReadError::Damaged(error.to_string()))
}
