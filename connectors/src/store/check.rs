//! Is a data directory whole? Every page, every checksum, every index row against the log it is made of.

use super::error::{OpenError, ReadError};
use super::index::Filed;
use super::observations::orphans;
use super::open::{LOCK_FILE, Store, StoreConfig, database_file};
use super::packed::{COLUMNS, Row};
use super::position::Position;
use super::schema::*;
use super::snapshot;
use super::stream::{Stream, StreamId};
use super::view::{View, is_open};
use redb::{ReadableTable, TableError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use vokg_engine::delta::Delta;
use vokg_engine::record::Record;

/// Problems of one stream that are told one by one.
const PROBLEMS_MAX: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Format of the store.
    pub format: u32,
    /// Streams.
    pub streams: u64,
    /// Log entries that were read, progress included.
    pub entries: u64,
    /// Those of them that are sealed.
    pub sealed_entries: u64,
    /// Segments of observations that were read.
    pub observation_files: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of the observations.
    pub observation_bytes: u64,
    /// Whether the checksum of every page of the database was compared. Not while another process writes.
    pub pages_checked: bool,
    /// Files that nothing refers to: harmless, `vokg store compact` removes them.
    pub orphans: Vec<String>,
    /// What is wrong, for people.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A store that is opened to find out whether it is whole.
pub(super) struct Opened {
    /// The store, or what is wrong with its database.
    pub store: Result<Store, String>,
    /// Whether every page of its database was compared with its checksum: not while another process writes.
    pub pages_checked: bool,
    /// As long as it is held, nobody begins to write.
    _lock: Option<File>,
}

/// Reads all of a data directory and compares it with itself. Changes nothing.
///
/// While another process writes, the pages of the database cannot be compared with their checksums, and the streams are
/// those of one moment.
///
/// # Errors
/// Where there is no store, it may not be read, or a newer vokg wrote it. What is wrong with one is no error.
pub fn check(dir: &Path, config: StoreConfig) -> Result<CheckReport, OpenError> {
    let path = database_file(dir)?;
    let mut report =
        CheckReport { database_bytes: path.metadata().map_or(0, |about| about.len()), ..Default::default() };
    let opened = open_to_check(dir, config, Writers::Wait)?;
    let store = match &opened.store {
        Ok(store) => store,
        Err(problem) => {
            report.problems.push(problem.clone());
            return Ok(report);
        }
    };
    report.pages_checked = opened.pages_checked;
    let looked = catch_unwind(AssertUnwindSafe(|| look(store, &mut report)));
    match looked {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.problems.push(error.to_string()),
        Err(_) => report.problems.push("the database cannot be read to its end: its rows make no sense".into()),
    }
    Ok(report)
}

/// Whether somebody may begin to write while a store is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writers {
    /// No: they are kept waiting, where the directory was ever written.
    Wait,
    /// Yes.
    MayCome,
}

/// Opens a store, comparing every page of its database with its checksum where nobody writes to it.
///
/// # Errors
/// As [`check`].
pub(super) fn open_to_check(dir: &Path, config: StoreConfig, writers: Writers) -> Result<Opened, OpenError> {
    let lock = File::open(dir.join(LOCK_FILE)).ok();
    let in_use =
        lock.as_ref().is_some_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)));
    let lock = lock.filter(|_| writers == Writers::Wait);
    // The database promises errors instead of panics only where its pages are compared with their checksums first.
    let opened = catch_unwind(AssertUnwindSafe(|| match in_use {
        true => Store::open(dir, config),
        false => open_checked(dir, config),
    }));
    let store = match opened {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(error @ (OpenError::Newer { .. } | OpenError::Absent(_)))) => return Err(error),
        Ok(Err(error @ (OpenError::Empty(_) | OpenError::Unreadable { .. } | OpenError::Io { .. }))) => {
            return Err(error);
        }
        // Whoever writes may be in the way.
        Ok(Err(error)) if in_use && !matches!(error, OpenError::Damaged { .. } | OpenError::Read(_)) => {
            return Err(error);
        }
        Ok(Err(error)) => Err(format!("the database cannot be read: {}", error.problem())),
        Err(_) => Err("the database cannot be read: its pages make no sense".to_owned()),
    };
    Ok(Opened { pages_checked: !in_use && store.is_ok(), store, _lock: lock })
}

/// Opens a database that nobody writes, comparing every page with its checksum.
fn open_checked(dir: &Path, config: StoreConfig) -> Result<Store, OpenError> {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(config.cache_bytes).set_check_integrity_on_open(true);
    Store::open_overlaid(dir, &builder)
}

/// Looks at all that an open store holds.
pub(super) fn look(store: &Store, report: &mut CheckReport) -> Result<(), ReadError> {
    report.format = store.format()?;
    store.instance()?;
    let streams = store.streams()?;
    names_fit(store, &streams, report)?;
    rows_belong(store, &streams, report)?;
    for stream in &streams {
        report.streams += 1;
        let mut problems = Vec::new();
        if let Err(error) = look_at(store, stream, report, &mut problems) {
            problems.push(error.to_string());
        }
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        report.problems.extend(problems.into_iter().map(|problem| format!("stream {}: {problem}", stream.name)));
        if more > 0 {
            report.problems.push(format!("stream {}: {more} problems more", stream.name));
        }
    }
    let orphans = orphans(store).map_err(|source| ReadError::Io { source, path: store.dir().to_owned() })?;
    report.orphans = orphans.iter().map(|file| file.display().to_string()).collect();
    Ok(())
}

/// Every name stands for a stream that has it.
fn names_fit(store: &Store, streams: &[Stream], report: &mut CheckReport) -> Result<(), ReadError> {
    let transaction = store.read()?;
    let known: BTreeMap<u32, &Stream> = streams.iter().map(|stream| (stream.id.0, stream)).collect();
    let mut named = BTreeSet::new();
    for row in transaction.open_table(NAMES)?.iter()? {
        let (key, id) = row?;
        let (name, generation) = key.value();
        let fits = known.get(&id.value()).is_some_and(|stream| {
            stream.descriptor.request.name.as_str() == name && stream.descriptor.generation == generation
        });
        if !fits {
            report.problems.push(format!("the name {name}, generation {generation}, stands for no stream that has it"));
        }
        named.insert(id.value());
    }
    for unnamed in streams.iter().filter(|stream| !named.contains(&stream.id.0)) {
        report.problems.push(format!("stream {}: no name leads to it", unnamed.name));
    }
    for row in transaction.open_table(ALIASES)?.iter()? {
        let (name, id) = row?;
        if !known.contains_key(&id.value()) {
            report.problems.push(format!("the alias {} stands for no stream", name.value()));
        }
    }
    Ok(())
}

/// The numbers of the streams that have rows in a table.
trait StreamOf {
    fn stream(&self) -> u32;
}
impl StreamOf for (u32, u64) {
    fn stream(&self) -> u32 {
        self.0
    }
}
impl StreamOf for (u32, u32) {
    fn stream(&self) -> u32 {
        self.0
    }
}
impl StreamOf for (u32, u64, u64) {
    fn stream(&self) -> u32 {
        self.0
    }
}
impl StreamOf for (u32, u8, u64, u64) {
    fn stream(&self) -> u32 {
        self.0
    }
}
impl StreamOf for (u32, u8, u64, u64, u64) {
    fn stream(&self) -> u32 {
        self.0
    }
}
impl StreamOf for (u32, u64, u64, u64, u64) {
    fn stream(&self) -> u32 {
        self.0
    }
}

/// No table has rows of a stream that is neither there nor on its way out.
fn rows_belong(store: &Store, streams: &[Stream], report: &mut CheckReport) -> Result<(), ReadError> {
    let transaction = store.read()?;
    let mut known: BTreeSet<u32> = streams.iter().map(|stream| stream.id.0).collect();
    for row in transaction.open_table(DROPPED)?.iter()? {
        known.insert(row?.0.value());
    }
    macro_rules! look {
        ($($of_store:ident),+ | $($table:ident),+) => {
            $(match transaction.open_table($table) {
                Err(TableError::TableDoesNotExist(_)) => {}
                table => {
                    let mut strangers = BTreeSet::new();
                    for row in table?.iter()? {
                        let stream = row?.0.value().stream();
                        if !known.contains(&stream) {
                            strangers.insert(stream);
                        }
                    }
                    for stream in strangers {
                        let table = stringify!($table).to_lowercase();
                        report.problems.push(format!("the table {table} has rows of stream number {stream}, which is not there"));
                    }
                }
            })+
        };
    }
    each_table!(look);
    Ok(())
}

fn look_at(
    store: &Store,
    stream: &Stream,
    report: &mut CheckReport,
    problems: &mut Vec<String>,
) -> Result<(), ReadError> {
    store.verify(stream.id)?;
    indexes_fit(store, stream, report, problems)?;
    for evidence in [store.evidence(stream.id).err(), store.corrections(stream.id).err()].into_iter().flatten() {
        problems.push(evidence.to_string());
    }
    observations_fit(store, stream, report, problems)
}

/// What the index tables hold by the log.
#[derive(Default)]
struct Expected {
    versions: BTreeSet<Row>,
    closed: BTreeSet<Row>,
    incident: BTreeSet<Row>,
    open: BTreeMap<(u8, u64, u64), u64>,
}

impl Expected {
    fn take(&mut self, place: u64, delta: &Delta) {
        let filed = Filed::of(place, delta);
        self.versions.insert(filed.version);
        self.closed.extend(filed.closed);
        self.incident.extend(filed.incident.into_iter().flatten());
        match VersionState::of(delta) {
            VersionState::Open => drop(self.open.insert(element_code(&delta.element), place)),
            VersionState::Closed | VersionState::Retracted => drop(self.open.remove(&element_code(&delta.element))),
        }
    }
}

fn indexes_fit(
    store: &Store,
    stream: &Stream,
    report: &mut CheckReport,
    problems: &mut Vec<String>,
) -> Result<(), ReadError> {
    let view = View::open(store, stream.id)?;
    let mut expected = Expected::default();
    for place in view.log.kept_places()? {
        if let Some(bytes) = view.log.get(place)?
            && let Ok(Record::Delta(delta)) = Record::decode(&bytes)
        {
            expected.take(place, &delta);
        }
    }
    let mut snapshots = view.snapshots()?.into_iter().peekable();
    let sealed = store.sealed_until(stream.id)?.map_or(0, Position::place);
    let mut wrong = Vec::new();
    let mut told_snapshots = |expected: &Expected, before: u64, problems: &mut Vec<String>| {
        while let Some((at, places)) = snapshots.next_if(|(at, _)| *at < before) {
            problems.extend(snapshot_fits(&view, expected, at, &places).err());
        }
    };
    view.records(None, u64::MAX, |place, record| {
        told_snapshots(&expected, place, &mut wrong);
        report.entries += 1;
        report.sealed_entries += u64::from(place <= sealed);
        if let Record::Delta(delta) = record {
            expected.take(place, &delta);
        }
    })?;
    told_snapshots(&expected, u64::MAX, &mut wrong);
    problems.append(&mut wrong);

    let mut compare = |what: &str, found: BTreeSet<Row>, expected: &BTreeSet<Row>, may_have_more: bool| {
        if let Some(row) = expected.difference(&found).next() {
            problems.push(format!("the index {what} lacks a row the log calls for: {row:?}"));
        }
        if let Some(row) = found.difference(expected).next().filter(|_| !may_have_more) {
            problems.push(format!("the index {what} has a row the log does not call for: {row:?}"));
        }
    };
    let rows = view.index_rows()?;
    compare("versions", rows.versions, &expected.versions, false);
    compare("closed", rows.closed, &expected.closed, false);
    // Of an edge that is kept, the ends may be known from entries that were dropped.
    compare("incident", rows.incident, &expected.incident, view.log.oldest.is_some());
    let open: BTreeMap<(u8, u64, u64), u64> = rows.open;
    for (element, place) in &expected.open {
        if open.get(element) != Some(place) {
            problems.push(format!("the index open does not lead to entry {}", Position::from_place(*place)));
        }
    }
    for (element, place) in open.iter().filter(|(element, _)| !expected.open.contains_key(*element)) {
        if view.asserted_at(*place).map_or(true, |element| is_open(&element)) {
            problems.push(format!("the index open holds {element:?}, which the log has ended"));
        }
    }
    Ok(())
}

/// A snapshot holds what was open at its place.
fn snapshot_fits(view: &View, expected: &Expected, at: u64, places: &[u64]) -> Result<(), String> {
    let open: BTreeSet<u64> = expected.open.values().copied().collect();
    let found: BTreeSet<u64> = places.iter().copied().collect();
    let at = Position::from_place(at);
    if let Some(missing) = open.difference(&found).next() {
        return Err(format!("the snapshot at {at} lacks entry {}", Position::from_place(*missing)));
    }
    for more in found.difference(&open) {
        if view.asserted_at(*more).map_or(true, |element| is_open(&element)) {
            return Err(format!("the snapshot at {at} holds entry {}", Position::from_place(*more)));
        }
    }
    Ok(())
}

/// Every segment of observations that is referred to can be read.
fn observations_fit(
    store: &Store,
    stream: &Stream,
    report: &mut CheckReport,
    problems: &mut Vec<String>,
) -> Result<(), ReadError> {
    let segments = store.observation_files(stream.id)?;
    let first = segments.first().map(|(number, _)| *number).filter(|first| *first > 0);
    if let (Some(first), None) = (first, store.oldest(stream.id)?) {
        problems.push(format!("observations: they begin with segment {first}, and nothing was dropped"));
    }
    for pair in segments.windows(2) {
        if pair[1].0 != pair[0].0 + 1 {
            problems.push(format!("observations: segment {} is followed by {}", pair[0].0, pair[1].0));
        }
    }
    let ends_at = segments.last().map(|(number, _)| number + 1);
    if ends_at.is_some_and(|next| next != stream.head.next_segment) {
        problems.push(format!("observations: the last segment is not number {}", stream.head.next_segment - 1));
    }
    for (_, file) in segments {
        match store.read_observation_file(&file) {
            Ok(bytes) => {
                report.observation_files += 1;
                report.observation_bytes += bytes;
            }
            Err(error) => problems.push(error.to_string()),
        }
    }
    Ok(())
}

/// All rows of the indexes of a stream, hot and packed.
pub(super) struct IndexRows {
    versions: BTreeSet<Row>,
    closed: BTreeSet<Row>,
    incident: BTreeSet<Row>,
    open: BTreeMap<(u8, u64, u64), u64>,
}

impl View {
    fn index_rows(&self) -> Result<IndexRows, ReadError> {
        let StreamId(id) = self.stream;
        let ends = ([0; COLUMNS], [u64::MAX; COLUMNS]);
        let mut versions: BTreeSet<Row> = self.packed_versions.range(ends.0, ends.1)?.into_iter().collect();
        for row in self.versions.range((id, 0, 0, 0, 0)..=(id, u8::MAX, u64::MAX, u64::MAX, u64::MAX))? {
            let (key, state) = row?;
            let (_, kind, major, minor, place) = key.value();
            versions.insert([kind.into(), major, minor, place, state.value().into()]);
        }
        let mut closed: BTreeSet<Row> = self.packed_closed.range(ends.0, ends.1)?.into_iter().collect();
        for row in self.closed.range((id, 0, 0)..=(id, u64::MAX, u64::MAX))? {
            let (key, span) = row?;
            let span: super::index::ClosedSpan = from_row("closed", span.value())?;
            let [before, after] = span.columns();
            closed.insert([key.value().1, key.value().2, before, after, 0]);
        }
        let mut incident: BTreeSet<Row> = self.packed_incident.range(ends.0, ends.1)?.into_iter().collect();
        for row in self.incident.range((id, 0, 0, 0, 0)..=(id, u8::MAX, u64::MAX, u64::MAX, u64::MAX))? {
            let (_, kind, number, from, edge) = row?.0.value();
            incident.insert([kind.into(), number, from, edge, 0]);
        }
        let mut open = BTreeMap::new();
        for row in self.open.range((id, 0, 0, 0)..=(id, u8::MAX, u64::MAX, u64::MAX))? {
            let (key, place) = row?;
            let (_, kind, major, minor) = key.value();
            open.insert((kind, major, minor), place.value());
        }
        Ok(IndexRows { versions, closed, incident, open })
    }

    fn snapshots(&self) -> Result<Vec<(u64, Vec<u64>)>, ReadError> {
        let rows = self.snapshots.range((self.stream.0, 0)..=(self.stream.0, u64::MAX))?;
        rows.map(|row| {
            let (key, places) = row?;
            Ok((key.value().1, snapshot::decode(places.value())?))
        })
        .collect()
    }
}
