//! The indexes over the log, as they change with each delta.
//!
//! Index rows point at log entries and are never changed: what a later entry overrules stays filed, and whoever reads
//! asks the versions of the element which entry was the latest. So an index answers for every earlier state of
//! knowledge too, and a correction costs no more than any other delta. Only `open` follows the present.

use super::error::{CommitError, ReadError};
use super::interval::fork;
use super::log::Unpacked;
use super::packed::{Packed, Row};
use super::position::Position;
use super::retain::Oldest;
use super::schema::*;
use super::stream::StreamId;
use redb::{ReadableTable, Table, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use std::sync::Arc;
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

    /// The span as columns of a packed row, and back.
    pub(super) fn columns(self) -> [u64; 2] {
        [self.before_us, self.after_us]
    }

    pub(super) fn of_columns([before_us, after_us]: [u64; 2]) -> Self {
        Self { before_us, after_us }
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

/// The rows by which a delta is found, as they are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filed {
    /// Of `versions`: element, place, state.
    pub version: Row,
    /// Of `closed`: fork, place, span; where the delta gives its element an end and some time before it.
    pub closed: Option<Row>,
    /// Of `incident`: vertex, beginning, edge; for both ends of an edge that is stated.
    pub incident: Option<[Row; 2]>,
}

impl Filed {
    /// The rows of a delta whose entry has this place.
    pub fn of(place: u64, delta: &Delta) -> Self {
        let (kind, major, minor) = element_code(&delta.element);
        let state = VersionState::of(delta);
        let span = match (state, valid(&delta.element)) {
            (VersionState::Closed, (from, Some(to))) => fork(from, to).map(|node| (node, (from, to))),
            _ => None,
        };
        let closed = span.map(|(node, span)| {
            let [before, after] = ClosedSpan::around(node, span).columns();
            [node, place, before, after, 0]
        });
        let incident = match (&delta.element, delta.diff) {
            (Element::Edge(edge), Diff::Assert) => Some(edge.ends().map(|end| {
                let (kind, number) = vertex_code(end);
                [kind.into(), number, edge.valid_from_us, edge.id.0, 0]
            })),
            _ => None,
        };
        Self { version: [kind.into(), major, minor, place, state as u64], closed, incident }
    }
}

impl VersionState {
    /// What a delta makes of its element.
    pub fn of(delta: &Delta) -> Self {
        match (delta.diff, valid(&delta.element).1) {
            (Diff::Retract, _) => Self::Retracted,
            (Diff::Assert, None) => Self::Open,
            (Diff::Assert, Some(_)) => Self::Closed,
        }
    }
}

/// The tables a delta goes into, within one transaction.
pub(super) struct Indexes<'txn> {
    transaction: &'txn WriteTransaction,
    unpacked: Arc<Unpacked>,
    log: Table<'txn, (u32, u64), &'static [u8]>,
    versions: Table<'txn, (u32, u8, u64, u64, u64), u8>,
    open: Table<'txn, (u32, u8, u64, u64), u64>,
    closed: Table<'txn, (u32, u64, u64), &'static [u8]>,
    incident: Table<'txn, (u32, u8, u64, u64, u64), ()>,
}

impl<'txn> Indexes<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction, unpacked: Arc<Unpacked>) -> Result<Self, CommitError> {
        Ok(Self {
            transaction,
            unpacked,
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
        let (kind, major, minor) = element_code(&delta.element);
        if delta.diff == Diff::Retract && !self.is_current(stream, name, at, &delta.element)? {
            let element = format!("{:?}", delta.element.key());
            return Err(CommitError::NotThere { stream: name.clone(), at, element });
        }
        let filed = Filed::of(at.place(), delta);
        if let Some([node, place, before_us, after_us, _]) = filed.closed {
            let span = to_row(&ClosedSpan { before_us, after_us });
            self.closed.insert((stream.0, node, place), span.as_slice())?;
        }
        let state = VersionState::of(delta);
        self.versions.insert((stream.0, kind, major, minor, at.place()), state as u8)?;
        match state {
            VersionState::Open => self.open.insert((stream.0, kind, major, minor), at.place())?,
            VersionState::Closed | VersionState::Retracted => self.open.remove((stream.0, kind, major, minor))?,
        };
        match &delta.element {
            Element::Edge(edge) if delta.diff == Diff::Assert => self.file_edge(stream, edge),
            _ => Ok(()),
        }
    }

    fn file_edge(&mut self, stream: StreamId, edge: &Edge) -> Result<(), CommitError> {
        for end in edge.ends() {
            let (kind, number) = vertex_code(end);
            self.incident.insert((stream.0, kind, number, edge.valid_from_us, edge.id.0), ())?;
        }
        Ok(())
    }

    /// Whether the latest entry before `at` that speaks of the element gave it this very value.
    fn is_current(
        &self,
        stream: StreamId,
        name: &StreamName,
        at: Position,
        element: &Element,
    ) -> Result<bool, CommitError> {
        let (kind, major, minor) = element_code(element);
        let earlier = (stream.0, kind, major, minor, 0)..(stream.0, kind, major, minor, at.place());
        let latest = self.versions.range(earlier)?.next_back().transpose()?.map(|(key, _)| key.value().4);
        let place = match latest {
            Some(place) => Some(place),
            None => self.latest_sealed(stream, name, at, (kind, major, minor))?,
        };
        let Some(place) = place else {
            return Ok(false);
        };
        let row = match self.log.get((stream.0, place))? {
            Some(row) => Some(row.value().to_vec()),
            None => self.sealed(stream, place)?,
        };
        let missing = || ReadError::Damaged(format!("entry {} is missing", Position::from_place(place)));
        let record =
            Record::decode(&row.ok_or_else(missing)?).map_err(|error| ReadError::Damaged(error.to_string()))?;
        Ok(matches!(record, Record::Delta(Delta { diff: Diff::Assert, element: value, .. }) if value == *element))
    }

    /// The latest sealed entry before `at` that speaks of an element.
    fn latest_sealed(
        &self,
        stream: StreamId,
        name: &StreamName,
        at: Position,
        (kind, major, minor): (u8, u64, u64),
    ) -> Result<Option<u64>, CommitError> {
        let table = self.transaction.open_table(PACKED_VERSIONS)?;
        let row = |place, state| [kind.into(), major, minor, place, state];
        let latest = Packed::new(Some(table), stream.0).last(row(0, 0), row(at.place().saturating_sub(1), u64::MAX))?;
        let oldest = oldest(self.transaction, stream)?;
        match (latest, oldest) {
            (Some([.., place, _]), _) => Ok(Some(place)),
            // What it takes back may have been dropped: then nobody can say.
            (None, Some(oldest)) => Err(oldest.gone(name).into()),
            (None, None) => Ok(None),
        }
    }

    /// The record of a sealed or kept entry.
    fn sealed(&self, stream: StreamId, place: u64) -> Result<Option<Vec<u8>>, CommitError> {
        if let Some(row) = self.transaction.open_table(KEPT)?.get((stream.0, place))? {
            return Ok(Some(row.value().to_vec()));
        }
        let segments = self.transaction.open_table(SEGMENTS)?;
        Ok(self.unpacked.record(&segments, stream, place)?)
    }
}

/// Where the log of a stream begins, if its beginning was dropped.
pub(super) fn oldest(transaction: &WriteTransaction, stream: StreamId) -> Result<Option<Oldest>, CommitError> {
    let table = transaction.open_table(OLDEST)?;
    let row = table.get(stream.0)?;
    Ok(row.map(|row| from_row("oldest", row.value())).transpose()?)
}
