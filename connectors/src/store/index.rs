//! The indexes over the log, as they change with each delta.
//!
//! Index rows point at log entries and are never changed: what a later entry overrules stays filed, and whoever reads
//! asks the versions of the element which entry was the latest. So an index answers for every earlier state of
//! knowledge too, and a correction costs no more than any other delta. Only `open` follows the present.

use super::error::{CommitError, ReadError};
use super::interval::fork;
use super::position::Position;
use super::schema::*;
use super::stream::StreamId;
use redb::{ReadableTable, Table, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use vokg_engine::delta::{Delta, Diff, Edge, Element};
use vokg_engine::id::StreamName;
use vokg_engine::record::{LogEntry, Record};
use vokg_engine::time::Micros;

/// The stretch of media time of a closed version, relative to the node it is filed under.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct ClosedSpan {
    before_us: Micros,
    after_us: Micros,
}

impl ClosedSpan {
    fn around(node: u64, (from, to): (Micros, Micros)) -> Self {
        Self { before_us: node - from, after_us: to - node }
    }

    /// Whether the version filed under `node` holds at `at`.
    pub(super) fn holds_at(self, node: u64, at: Micros) -> bool {
        node.saturating_sub(self.before_us) <= at && at < node.saturating_add(self.after_us)
    }
}

/// The stretch of media time in which an element is part of the graph; without an end while it is open.
pub(super) fn valid(element: &Element) -> (Micros, Option<Micros>) {
    match element {
        Element::Vertex(key, vertex) => vertex.valid(*key),
        Element::Edge(edge) => (edge.valid_from_us, edge.valid_to_us),
    }
}

/// The tables a delta goes into, within one transaction.
pub(super) struct Indexes<'txn> {
    log: Table<'txn, (u32, u64), &'static [u8]>,
    versions: Table<'txn, (u32, u8, u64, u64, u64), u8>,
    open: Table<'txn, (u32, u8, u64, u64), u64>,
    closed: Table<'txn, (u32, u64, u64), &'static [u8]>,
    incident: Table<'txn, (u32, u8, u64, u64, u64), ()>,
}

impl<'txn> Indexes<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, CommitError> {
        Ok(Self {
            log: transaction.open_table(LOG)?,
            versions: transaction.open_table(VERSIONS)?,
            open: transaction.open_table(OPEN)?,
            closed: transaction.open_table(CLOSED)?,
            incident: transaction.open_table(INCIDENT)?,
        })
    }

    /// Appends entries with their record bytes to the log of a stream and files them.
    pub(super) fn append(
        &mut self,
        stream: StreamId,
        name: &StreamName,
        entries: &[LogEntry],
        records: &[Vec<u8>],
    ) -> Result<(), CommitError> {
        let mut cursor = self.log.upper_bound_mut(Bound::Included((stream.0, u64::MAX)))?;
        for (entry, bytes) in entries.iter().zip(records) {
            cursor.insert_before((stream.0, Position::of(entry).place()), bytes.as_slice())?;
        }
        cursor.close()?;
        for entry in entries {
            if let Record::Delta(delta) = &entry.record {
                self.file(stream, name, Position::of(entry), delta)?;
            }
        }
        Ok(())
    }

    /// Places of the elements of a stream that are open now, ascending.
    pub(super) fn open_places(&self, stream: StreamId) -> Result<Vec<u64>, CommitError> {
        let mut places = Vec::new();
        for row in self.open.range((stream.0, 0, 0, 0)..=(stream.0, u8::MAX, u64::MAX, u64::MAX))? {
            places.push(row?.1.value());
        }
        places.sort_unstable();
        Ok(places)
    }

    fn file(&mut self, stream: StreamId, name: &StreamName, at: Position, delta: &Delta) -> Result<(), CommitError> {
        let place = at.place();
        let (kind, major, minor) = element_code(&delta.element);
        if delta.diff == Diff::Retract && !self.is_current(stream, at, &delta.element)? {
            let element = format!("{:?}", delta.element.key());
            return Err(CommitError::NotThere { stream: name.clone(), at, element });
        }
        let state = match (delta.diff, valid(&delta.element)) {
            (Diff::Retract, _) => VersionState::Retracted,
            (Diff::Assert, (_, None)) => VersionState::Open,
            (Diff::Assert, (from, Some(to))) => {
                self.file_closed(stream, place, from, to)?;
                VersionState::Closed
            }
        };
        self.versions.insert((stream.0, kind, major, minor, place), state as u8)?;
        match state {
            VersionState::Open => self.open.insert((stream.0, kind, major, minor), place)?,
            VersionState::Closed | VersionState::Retracted => self.open.remove((stream.0, kind, major, minor))?,
        };
        match &delta.element {
            Element::Edge(edge) if delta.diff == Diff::Assert => self.file_edge(stream, edge),
            _ => Ok(()),
        }
    }

    fn file_closed(&mut self, stream: StreamId, place: u64, from: Micros, to: Micros) -> Result<(), CommitError> {
        if let Some(node) = fork(from, to) {
            let span = to_row(&ClosedSpan::around(node, (from, to)));
            self.closed.insert((stream.0, node, place), span.as_slice())?;
        }
        Ok(())
    }

    fn file_edge(&mut self, stream: StreamId, edge: &Edge) -> Result<(), CommitError> {
        for end in [edge.from, edge.to] {
            let (kind, number) = vertex_code(end);
            self.incident.insert((stream.0, kind, number, edge.valid_from_us, edge.id.0), ())?;
        }
        Ok(())
    }

    /// Whether the latest entry before `at` that speaks of the element gave it this very value.
    fn is_current(&self, stream: StreamId, at: Position, element: &Element) -> Result<bool, CommitError> {
        let (kind, major, minor) = element_code(element);
        let earlier = (stream.0, kind, major, minor, 0)..(stream.0, kind, major, minor, at.place());
        let Some(latest) = self.versions.range(earlier)?.next_back() else {
            return Ok(false);
        };
        let (key, _) = latest?;
        let (.., place) = key.value();
        let row = self.log.get((stream.0, place))?;
        let row = row.ok_or_else(|| ReadError::Damaged(format!("entry {} is missing", Position::from_place(place))))?;
        let record = Record::decode(row.value()).map_err(|error| ReadError::Damaged(error.to_string()))?;
        Ok(matches!(record, Record::Delta(Delta { diff: Diff::Assert, element: value, .. }) if value == *element))
    }
}
