//! One state of one stream, read through the indexes.

use super::error::ReadError;
use super::index::{ClosedSpan, valid};
use super::interval::{fork, path_to};
use super::log::{Log, open_if_there};
use super::open::Store;
use super::packed::{BlockKey, Packed};
use super::position::Position;
use super::schema::*;
use super::snapshot;
use super::stream::StreamId;
use redb::ReadOnlyTable;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};
use vokg_engine::delta::{Delta, Diff, Element, ElementKey};
use vokg_engine::record::Record;
use vokg_engine::time::Micros;

/// Edges of a vertex that are looked up at once.
const EDGES_AT_ONCE: usize = 256;

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
    pub log: Log,
    pub incident: ReadOnlyTable<(u32, u8, u64, u64, u64), ()>,
    pub packed_incident: PackedIndex,
    pub packed_versions: PackedIndex,
    pub packed_closed: PackedIndex,
    pub versions: ReadOnlyTable<(u32, u8, u64, u64, u64), u8>,
    pub open: ReadOnlyTable<(u32, u8, u64, u64), u64>,
    pub closed: ReadOnlyTable<(u32, u64, u64), &'static [u8]>,
    pub snapshots: ReadOnlyTable<(u32, u64), &'static [u8]>,
}

pub(super) type PackedIndex = Packed<ReadOnlyTable<BlockKey, &'static [u8]>>;

/// Whether an element has no end. A row of `open` may be a Correction, which has one.
pub(super) fn is_open(element: &Element) -> bool {
    valid(element).1.is_none()
}

impl View {
    pub fn open(store: &Store, stream: StreamId) -> Result<Self, ReadError> {
        let transaction = store.read()?;
        if transaction.open_table(STREAMS)?.get(stream.0)?.is_none() {
            return Err(ReadError::UnknownStream(stream));
        }
        let packed = |table| Ok::<_, ReadError>(Packed::new(open_if_there(&transaction, table)?, stream.0));
        Ok(Self {
            stream,
            log: Log::open(store, &transaction, stream)?,
            packed_incident: packed(PACKED_INCIDENT)?,
            packed_versions: packed(PACKED_VERSIONS)?,
            packed_closed: packed(PACKED_CLOSED)?,
            incident: transaction.open_table(INCIDENT)?,
            versions: transaction.open_table(VERSIONS)?,
            open: transaction.open_table(OPEN)?,
            closed: transaction.open_table(CLOSED)?,
            snapshots: transaction.open_table(SNAPSHOTS)?,
        })
    }

    /// The place of the last entry that is believed; `None` where nothing is.
    pub fn place_of(&self, known_at: Option<KnownAt>) -> Result<Option<u64>, ReadError> {
        let place = match known_at {
            None => self.log.last_place(u64::MAX)?,
            Some(KnownAt::Position(position)) => self.log.last_place(position.place())?,
            Some(KnownAt::Time(t)) => self.last_decided_at(t)?,
        };
        if place.is_none() {
            self.log.refuse_where(|_| true)?;
        }
        Ok(place)
    }

    /// Shows the entries of the log after one place (default: all that are there), up to another, with their records.
    pub fn records(&self, after: Option<u64>, until: u64, mut show: impl FnMut(u64, Record)) -> Result<(), ReadError> {
        self.log.scan(after, until, |place, bytes| {
            show(place, decode(bytes)?);
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The place and the state of the latest entry up to `until` that speaks of an element.
    pub fn latest(&self, (kind, major, minor): (u8, u64, u64), until: u64) -> Result<Option<(u64, u8)>, ReadError> {
        let key = |place| (self.stream.0, kind, major, minor, place);
        if let Some(latest) = self.versions.range(key(0)..=key(until))?.next_back() {
            let (key, state) = latest?;
            return Ok(Some((key.value().4, state.value())));
        }
        let row = |place, state| [kind.into(), major, minor, place, state];
        let latest = self.packed_versions.last(row(0, 0), row(until, u64::MAX))?;
        Ok(latest.map(|[.., place, state]| (place, state as u8)))
    }

    /// The value of an element as known at `until`; `None` where it has none.
    pub fn value(&self, element: (u8, u64, u64), until: u64) -> Result<Option<Element>, ReadError> {
        match self.latest(element, until)? {
            None => Ok(None),
            Some((_, state)) if state == VersionState::Retracted as u8 => Ok(None),
            Some((place, _)) => {
                let found = self.asserted_at(place)?;
                match element_code(&found) == element {
                    true => Ok(Some(found)),
                    false => Err(contradicts("versions", place)),
                }
            }
        }
    }

    /// The elements that retention kept.
    pub fn kept(&self) -> Result<Vec<Element>, ReadError> {
        self.log.kept_places()?.into_iter().map(|place| self.asserted_at(place)).collect()
    }

    /// The elements that had no end as known at `until`.
    pub fn open_at(&self, until: u64) -> Result<Vec<Element>, ReadError> {
        if self.log.last_place(u64::MAX)? == Some(until) {
            let rows = self.open.range((self.stream.0, 0, 0, 0)..=(self.stream.0, u8::MAX, u64::MAX, u64::MAX))?;
            let elements = rows.map(|row| self.asserted_at(row?.1.value()));
            return elements.filter(|element| element.as_ref().is_ok_and(is_open) || element.is_err()).collect();
        }
        Ok(self.open_with_places(until)?.into_values().map(|(_, element)| element).collect())
    }

    /// The elements that had no end as known at `until`, with the places of the entries that say so: from the nearest
    /// snapshot and the log after it.
    pub fn open_with_places(&self, until: u64) -> Result<BTreeMap<ElementKey, (u64, Element)>, ReadError> {
        let mut open: BTreeMap<ElementKey, (u64, Element)> = BTreeMap::new();
        let snapshot = self.snapshots.range((self.stream.0, 0)..=(self.stream.0, until))?.next_back().transpose()?;
        if let Some((_, places)) = &snapshot {
            for place in snapshot::decode(places.value())? {
                let element = self.asserted_at(place)?;
                if is_open(&element) {
                    open.insert(element.key(), (place, element));
                }
            }
        }
        self.records(snapshot.map(|(key, _)| key.value().1), until, |place, record| match record {
            Record::Progress(_) => {}
            Record::Delta(delta) if delta.diff == Diff::Assert && is_open(&delta.element) => {
                open.insert(delta.element.key(), (place, delta.element));
            }
            Record::Delta(delta) => drop(open.remove(&delta.element.key())),
        })?;
        Ok(open)
    }

    /// The elements that, as known at `until`, had an end and held at `at`.
    pub fn closed_at(&self, at: Micros, until: u64) -> Result<Vec<Element>, ReadError> {
        let mut elements = Vec::new();
        for node in path_to(at) {
            let mut places = Vec::new();
            for row in self.packed_closed.range([node, 0, 0, 0, 0], [node, until, u64::MAX, u64::MAX, u64::MAX])? {
                let [_, place, before, after, _] = row;
                places.push((place, ClosedSpan::of_columns([before, after])));
            }
            for row in self.closed.range((self.stream.0, node, 0)..=(self.stream.0, node, until))? {
                let (key, span) = row?;
                places.push((key.value().2, from_row("closed", span.value())?));
            }
            for (place, _) in places.into_iter().filter(|(_, span)| span.holds_at(node, at)) {
                let element = self.asserted_at(place)?;
                let (from, to) = valid(&element);
                if to.and_then(|to| fork(from, to)) != Some(node) {
                    return Err(contradicts("closed", place));
                }
                if !self.is_overruled(&element, place, until)? {
                    elements.push(element);
                }
            }
        }
        Ok(elements)
    }

    /// Beginnings and ids of edges of a vertex, in order, after one and before a beginning; some of the first ones, and
    /// none only where there are none.
    pub fn edges_after(
        &self,
        (kind, number): (u8, u64),
        after: Bound<(Micros, u64)>,
        end: Micros,
    ) -> Result<Vec<(Micros, u64)>, ReadError> {
        let key = |(from, id)| (self.stream.0, kind, number, from, id);
        let mut edges: BTreeSet<(Micros, u64)> = BTreeSet::new();
        // Where a side has more than it shows, what comes behind its last one may lie before others: left for later.
        let mut certain = (Micros::MAX, u64::MAX);
        for row in self.incident.range((after.map(key), Bound::Excluded(key((end, 0)))))?.take(EDGES_AT_ONCE) {
            let (.., from, id) = row?.0.value();
            edges.insert((from, id));
        }
        if edges.len() == EDGES_AT_ONCE {
            certain = certain.min(*edges.last().unwrap_or(&certain));
        }
        let (first, is_excluded) = match after {
            Bound::Excluded(after) => (after, true),
            Bound::Included(first) => (first, false),
            Bound::Unbounded => ((0, 0), false),
        };
        let row = |(from, id): (Micros, u64)| [kind.into(), number, from, id, 0];
        let (mut shown, mut last) = (0, None);
        self.packed_incident.show(row(first), row((end, 0)), |[_, _, from, id, _]| {
            if from < end && !(is_excluded && (from, id) == first) {
                edges.insert((from, id));
                (shown, last) = (shown + 1, Some((from, id)));
            }
            shown < EDGES_AT_ONCE
        })?;
        if shown == EDGES_AT_ONCE {
            certain = certain.min(last.unwrap_or(certain));
        }
        Ok(edges.into_iter().take_while(|edge| *edge <= certain).collect())
    }

    /// Whether something after `place` and up to `until` says otherwise of the element.
    fn is_overruled(&self, element: &Element, place: u64, until: u64) -> Result<bool, ReadError> {
        let latest = self.latest(element_code(element), until)?;
        Ok(latest.is_some_and(|(latest, _)| latest > place))
    }

    pub fn asserted_at(&self, place: u64) -> Result<Element, ReadError> {
        let row = self.log.get(place)?.ok_or_else(|| self.log.missing(place))?;
        match decode(&row)? {
            Record::Delta(Delta { diff: Diff::Assert, element, .. }) => Ok(element),
            _ => {
                let at = Position::from_place(place);
                Err(ReadError::Damaged(format!("an index points at entry {at}, which asserts nothing")))
            }
        }
    }

    /// The place of the last entry decided at `t` or before, by halving: the times of a log never fall.
    fn last_decided_at(&self, t: Micros) -> Result<Option<u64>, ReadError> {
        let (mut below, mut above) = (0, u64::MAX);
        let mut found = None;
        while below < above {
            let middle = below + (above - below) / 2;
            let Some((place, bytes)) = self.log.last(below, middle)? else {
                below = middle + 1;
                continue;
            };
            if decided_by(&decode(&bytes)?) <= t {
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
pub(super) fn decided_by(record: &Record) -> Micros {
    match record {
        Record::Delta(delta) => delta.t,
        Record::Progress(progress) => progress.frontier.map_or(progress.lower, |frontier| frontier.saturating_sub(1)),
    }
}

/// An index row that says otherwise than the entry it points at.
fn contradicts(index: &str, place: u64) -> ReadError {
    let at = Position::from_place(place);
    ReadError::Damaged(format!("a row of the index {index} contradicts entry {at}, which it points at"))
}

fn decode(bytes: &[u8]) -> Result<Record, ReadError> {
    Record::decode(bytes).map_err(|error| ReadError::Damaged(error.to_string()))
}
