//! Retention: what is older than a stream keeps is dropped, in whole sealed segments.
//!
//! Age is media time: the latest the log speaks of is now, so that what is kept of a stream follows from its log alone.
//! Nothing is dropped that an automatic correction could still reach.
//!
//! What is open where the log then begins is kept, and what edges hang on that the log speaks of later: copies of the
//! entries that say so, and a snapshot of what is open. So the graph can be asked for from there on, and only the digest and the number of entries before are remembered of the rest. With an
//! object go its pictures and looks, and observations that end before.

use super::commit::load;
use super::error::{CommitError, ReadError};
use super::head::StreamHead;
use super::index::{Filed, oldest};
use super::observations::{SegmentRef, segment_dir};
use super::open::{Store, Writer};
use super::packed::{self, Row};
use super::position::Position;
use super::schema::*;
use super::segment::{self, SegmentHeader};
use super::snapshot;
use super::stream::StreamId;
use super::view::View;
use redb::{ReadableTable, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::PathBuf;
use vokg_engine::delta::{Delta, Diff, Element, Vertex, VertexKey};
use vokg_engine::id::StreamName;
use vokg_engine::record::{Digest, Record};
use vokg_engine::time::Micros;

/// Segments dropped in one transaction.
const STEP_SEGMENTS: usize = 16;
/// Evidence looked at in one transaction.
const STEP_EVIDENCE: usize = 20_000;

/// How much of a stream is kept. By default everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Microseconds of media time up to the latest one.
    pub keep_us: Option<Micros>,
    /// Bytes of the sealed segments of its log.
    pub keep_bytes: Option<u64>,
}

/// Where the log of a stream begins since its beginning was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Oldest {
    /// Place of the last entry that was dropped.
    pub dropped_place: u64,
    /// Place of the first entry that is there.
    pub first_place: u64,
    /// From this media time on the graph can be told.
    pub t_us: Micros,
    /// Digest of the entries that were dropped.
    pub digest: Digest,
    /// How many there were.
    pub entries: u64,
}

/// The oldest entry that is still there of a stream whose beginning was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldestEntry {
    /// The entry.
    pub first: Position,
    /// From this media time on the graph can be asked for.
    pub t_us: Micros,
    /// Digest of the entries that were dropped.
    pub digest: Digest,
    /// How many there were.
    pub entries: u64,
    pub(super) dropped_place: u64,
}

impl OldestEntry {
    /// The cursor behind which it comes.
    pub fn after(&self) -> Position {
        Position::from_place(self.dropped_place)
    }
}

impl Oldest {
    /// What whoever asks for something older is told.
    pub fn gone(&self, stream: &StreamName) -> ReadError {
        let stream = stream.clone();
        ReadError::Gone { stream, oldest: Position::from_place(self.first_place), oldest_us: self.t_us }
    }
}

impl Store {
    /// The oldest entry that is still there; `None` where nothing was dropped.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn oldest(&self, stream: StreamId) -> Result<Option<OldestEntry>, ReadError> {
        let table = match self.read()?.open_table(OLDEST) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        let row = table.get(stream.0)?;
        let oldest: Option<Oldest> = row.map(|row| from_row("oldest", row.value())).transpose()?;
        Ok(oldest.map(|oldest| OldestEntry {
            first: Position::from_place(oldest.first_place),
            t_us: oldest.t_us,
            digest: oldest.digest,
            entries: oldest.entries,
            dropped_place: oldest.dropped_place,
        }))
    }
}

/// How many of the first segments are beyond what is kept. The last one always stays.
fn beyond(segments: &[(SegmentHeader, u64)], total: u64, head: &StreamHead, retention: &Retention) -> usize {
    let settled_us = match head.outcome.as_ref().is_some_and(|outcome| outcome.is_complete()) {
        true => Micros::MAX,
        false => head.settled_us,
    };
    let is_beyond = |(segment, bytes): &&(SegmentHeader, u64)| {
        let age_us = head.frontier_us.saturating_sub(segment.last_us);
        let is_old = retention.keep_us.is_some_and(|keep_us| age_us > keep_us);
        let after = total.saturating_sub(segment.bytes_before + bytes);
        let is_much = retention.keep_bytes.is_some_and(|keep| after >= keep);
        (is_old || is_much) && segment.last_us.saturating_add(1) < settled_us
    };
    segments.iter().take_while(is_beyond).count()
}

impl Writer {
    /// Whether old entries are dropped at all.
    pub(super) fn drops(&self) -> bool {
        self.retention != Retention::default()
    }

    /// Drops some of the oldest segments of a stream that are beyond what is kept, in one transaction; how many entries.
    pub(super) fn drop_oldest(&self, stream: StreamId) -> Result<u64, CommitError> {
        if !self.drops() {
            return Ok(0);
        }
        let Some(dropped) = self.beyond(stream)? else { return Ok(0) };
        let view = View::open(&self.store, stream)?;
        let edge = dropped.last_place;
        let open = view.open_with_places(edge)?;
        let mut keep: BTreeSet<u64> = open.values().map(|(place, _)| *place).collect();
        for (_, element) in open.values() {
            if let Element::Edge(own) = element {
                for end in own.ends() {
                    keep.extend(view.asserted_place(end, edge)?);
                }
            }
        }
        keep.extend(view.ends_of_later_edges(edge, &keep)?);
        let gone = view.gone_with(edge, &keep)?;
        drop(view);

        let transaction = self.begin_write()?;
        let before = oldest(&transaction, stream)?;
        let (mut digest, mut entries) = before.map_or((Digest::default(), 0), |oldest| (oldest.digest, oldest.entries));
        let first_place = {
            let mut segments = transaction.open_table(SEGMENTS)?;
            let mut kept = transaction.open_table(KEPT)?;
            for first in &dropped.firsts {
                let Some(bytes) = segments.remove((stream.0, *first))? else { continue };
                for (place, record) in segment::unseal(*first, bytes.value())?.rows() {
                    let at = Position::from_place(place);
                    digest.extend(at.epoch, at.seq, record);
                    entries += 1;
                    if keep.contains(&place) {
                        kept.insert((stream.0, place), record)?;
                    }
                }
            }
            kept.retain_in((stream.0, 0)..=(stream.0, u64::MAX), |(_, place), _| keep.contains(&place))?;
            let next = segments.range((stream.0, 0)..=(stream.0, u64::MAX))?.next().transpose()?;
            next.map_or(edge + 1, |(key, _)| key.value().1)
        };
        let number = entries - oldest(&transaction, stream)?.map_or(0, |oldest| oldest.entries);
        unfile(&transaction, stream, &gone)?;
        {
            let mut snapshots = transaction.open_table(SNAPSHOTS)?;
            snapshots.retain_in((stream.0, 0)..=(stream.0, edge), |_, _| false)?;
            let mut places: Vec<u64> = open.values().map(|(place, _)| *place).collect();
            places.sort_unstable();
            snapshots.insert((stream.0, edge), snapshot::encode(&places).as_slice())?;
        }
        let t_us = dropped.last_us.saturating_add(1);
        let files = drop_beside(&transaction, stream, t_us, self.store.dir())?;
        let row = Oldest { dropped_place: edge, first_place, t_us, digest, entries };
        transaction.open_table(OLDEST)?.insert(stream.0, to_row(&row).as_slice())?;
        transaction.commit()?;
        for file in files {
            // A file that stays is found by `vokg store check` and removed by `vokg store compact`.
            if let Err(error) = self.files.remove(&file) {
                tracing::warn!(%error, file = %file.display(), "old observations cannot be removed");
            }
        }
        Ok(number)
    }

    /// The first segments of a stream that are beyond what is kept, as many as are dropped at once.
    fn beyond(&self, stream: StreamId) -> Result<Option<Dropped>, CommitError> {
        let transaction = self.store.read()?;
        let head = match super::lookup::load(&transaction, stream) {
            Err(ReadError::UnknownStream(_)) => return Ok(None),
            stream => stream?.head,
        };
        let table = transaction.open_table(SEGMENTS)?;
        let all = || table.range((stream.0, 0)..=(stream.0, u64::MAX));
        let Some(last) = all()?.next_back().transpose()? else { return Ok(None) };
        let total = segment::header(last.1.value())?.bytes_before + last.1.value().len() as u64;
        let last_first = last.0.value().1;
        let (mut firsts, mut segments) = (Vec::new(), Vec::new());
        for row in all()?.take(STEP_SEGMENTS) {
            let (key, bytes) = row?;
            if key.value().1 != last_first {
                firsts.push(key.value().1);
                segments.push((segment::header(bytes.value())?, bytes.value().len() as u64));
            }
        }
        let count = beyond(&segments, total, &head, &self.retention);
        firsts.truncate(count);
        segments.truncate(count);
        let last_us = segments.iter().map(|(segment, _)| segment.last_us).max().unwrap_or(0);
        Ok(segments.last().map(|(segment, _)| Dropped { firsts, last_place: segment.last_place, last_us }))
    }
}

struct Dropped {
    /// Places of the first entries of the segments.
    firsts: Vec<u64>,
    /// Place of the last entry of the last.
    last_place: u64,
    /// Latest time in them.
    last_us: Micros,
}

/// An entry that goes, and whether nothing speaks of its element any more.
pub(super) struct Gone {
    place: u64,
    delta: Delta,
    is_last: bool,
    /// It is the last, and its element had come to its end.
    has_ended: bool,
}

impl View {
    /// The place of the entry that gives a vertex its value at a place, where it has one.
    fn asserted_place(&self, vertex: VertexKey, until: u64) -> Result<Option<u64>, ReadError> {
        let (kind, number) = vertex_code(vertex);
        let latest = self.latest((kind, number, 0), until)?;
        Ok(latest.filter(|(_, state)| *state != VersionState::Retracted as u8).map(|(place, _)| place))
    }

    /// The deltas up to a place that are still there, but for some, in the order of the log.
    fn deltas_but(&self, edge: u64, keep: &BTreeSet<u64>) -> Result<BTreeMap<u64, Delta>, ReadError> {
        let mut deltas: BTreeMap<u64, Delta> = BTreeMap::new();
        let mut note = |place, record| {
            if let (Record::Delta(delta), false) = (record, keep.contains(&place)) {
                deltas.insert(place, delta);
            }
        };
        for place in self.log.kept_places()? {
            if let Some(bytes) = self.log.get(place)? {
                note(place, Record::decode(&bytes).map_err(|error| ReadError::Damaged(error.to_string()))?);
            }
        }
        self.records(None, edge, note)?;
        Ok(deltas)
    }

    /// The places up to one that give vertices their value on which something hangs that the log says later.
    fn ends_of_later_edges(&self, edge: u64, keep: &BTreeSet<u64>) -> Result<Vec<u64>, ReadError> {
        let mut ends = Vec::new();
        for (place, delta) in self.deltas_but(edge, keep)? {
            if let (Element::Vertex(key, _), Diff::Assert) = (&delta.element, delta.diff)
                && self.asserted_place(*key, edge)? == Some(place)
                && self.has_edge_said_after(*key, edge)?
            {
                ends.push(place);
            }
        }
        Ok(ends)
    }

    /// Whether the log says something of an edge of this vertex after a place.
    fn has_edge_said_after(&self, vertex: VertexKey, place: u64) -> Result<bool, ReadError> {
        let (kind, number) = vertex_code(vertex);
        let mut after = Bound::Included((0, 0));
        loop {
            let edges = self.edges_after((kind, number), after, Micros::MAX)?;
            let Some(last) = edges.last() else { return Ok(false) };
            after = Bound::Excluded(*last);
            for (from, id) in edges {
                if self.latest(edge_code(from, id), u64::MAX)?.is_some_and(|(latest, _)| latest > place) {
                    return Ok(true);
                }
            }
        }
    }

    /// The deltas up to a place that are not to be kept.
    fn gone_with(&self, edge: u64, keep: &BTreeSet<u64>) -> Result<Vec<Gone>, ReadError> {
        let gone = self.deltas_but(edge, keep)?;
        let mut told = Vec::with_capacity(gone.len());
        for (place, delta) in gone {
            let latest = self.latest(element_code(&delta.element), u64::MAX)?;
            let is_last = latest.is_none_or(|(latest, _)| latest <= edge && !keep.contains(&latest));
            let has_ended = is_last && latest.is_some_and(|(_, state)| state == VersionState::Closed as u8);
            told.push(Gone { place, delta, is_last, has_ended });
        }
        Ok(told)
    }
}

/// Takes the index rows of dropped entries out, and what belongs to objects of which nothing is left.
fn unfile(transaction: &WriteTransaction, stream: StreamId, gone: &[Gone]) -> Result<(), CommitError> {
    let none = BTreeSet::new();
    let filed: Vec<(Filed, bool)> =
        gone.iter().map(|gone| (Filed::of(gone.place, &gone.delta), gone.is_last)).collect();
    let mut rows: BTreeSet<Row> = filed.iter().map(|(filed, _)| filed.version).collect();
    packed::change(&mut transaction.open_table(PACKED_VERSIONS)?, stream.0, &none, &rows)?;
    rows = filed.iter().filter_map(|(filed, _)| filed.closed).collect();
    packed::change(&mut transaction.open_table(PACKED_CLOSED)?, stream.0, &none, &rows)?;
    let last = filed.iter().filter(|(_, is_last)| *is_last);
    rows = last.filter_map(|(filed, _)| filed.incident).flatten().collect();
    packed::change(&mut transaction.open_table(PACKED_INCIDENT)?, stream.0, &none, &rows)?;
    let (mut thumbnails, mut looks) = (transaction.open_table(THUMBNAILS)?, transaction.open_table(LOOKS)?);
    for gone in gone.iter().filter(|gone| gone.has_ended) {
        if let Element::Vertex(_, Vertex::Object(object)) = &gone.delta.element {
            for track in &object.tracks {
                thumbnails.remove((stream.0, track.0))?;
                looks.remove((stream.0, track.0))?;
            }
        }
    }
    Ok(())
}

/// Drops references to observations, and evidence, that end before a time; the files that go with them.
fn drop_beside(
    transaction: &WriteTransaction,
    stream: StreamId,
    t_us: Micros,
    data_dir: &std::path::Path,
) -> Result<Vec<PathBuf>, CommitError> {
    let (descriptor, _) = load(transaction, stream)?;
    let dir = segment_dir(data_dir, stream, &super::commit::own_name(&descriptor)?);
    let mut files = Vec::new();
    let mut references = transaction.open_table(OBSERVATIONS)?;
    loop {
        let number = {
            let Some(row) = references.range((stream.0, 0)..=(stream.0, u32::MAX))?.next() else { break };
            let (key, value) = row?;
            let reference: SegmentRef = from_row("observations", value.value())?;
            if reference.last_us() >= t_us {
                break;
            }
            files.push(dir.join(reference.file_name()));
            key.value().1
        };
        references.remove((stream.0, number))?;
    }
    let mut evidence = transaction.open_table(EVIDENCE)?;
    let mut ended = Vec::new();
    for row in evidence.range((stream.0, 0)..=(stream.0, u32::MAX))?.take(STEP_EVIDENCE) {
        let (key, value) = row?;
        let span: vokg_engine::evidence::EvidenceSpan = from_row("evidence", value.value())?;
        if span.from_us >= t_us {
            break;
        }
        if span.to_us.is_some_and(|to| to < t_us) {
            ended.push(key.value().1);
        }
    }
    for number in ended {
        evidence.remove((stream.0, number))?;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::check::{CheckReport, look};
    use super::super::history::{begin, complete, folds, open, random_batches, random_log, settling_log};
    use super::super::{KnownAt, StreamBatch};
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::record::LogEntry;

    /// A store whose log lies in segments of 40 entries, of which only the last part is kept.
    fn kept(log: &[LogEntry], keep_us: Micros, is_complete: bool) -> (tempfile::TempDir, Writer, StreamId) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut writer = open(dir.path());
        writer.retention = Retention { keep_us: Some(keep_us), keep_bytes: None };
        let stream = begin(&writer, "clip");
        for entries in random_batches(1, log) {
            writer.commit(&[StreamBatch::of_entries(stream, entries)]).expect("the log keeps every promise");
            writer.seal(stream, u64::MAX, 40, false).expect("the disk has room");
            writer.drop_oldest(stream).expect("the disk has room");
        }
        if is_complete {
            let end = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, vec![]) };
            writer.commit(&[end]).expect("the log is closed");
        }
        while writer.seal(stream, u64::MAX, 40, true).expect("the disk has room") > 0 {}
        while writer.drop_oldest(stream).expect("the disk has room") > 0 {}
        (dir, writer, stream)
    }

    fn is_gone<T: std::fmt::Debug>(answer: Result<T, ReadError>, first: Position) -> bool {
        matches!(answer, Err(ReadError::Gone { oldest, .. }) if oldest == first)
    }

    fn behaves(log: &[LogEntry], store: &Store, stream: StreamId, picks: &[(f64, f64)]) {
        let oldest = store.oldest(stream).expect("it is whole").expect("something was dropped");
        let mut report = CheckReport::default();
        look(store, &mut report).expect("it is whole");
        assert_eq!(report.problems, Vec::<String>::new());
        let head = store.stream(stream).expect("it exists").head;
        assert_eq!(store.verify(stream).expect("it is whole"), head.digest);
        let left: Vec<_> = store.entries(stream, None).collect::<Result<_, _>>().expect("it is whole");
        assert_eq!(left, log[oldest.entries as usize..]);
        assert_eq!(oldest.first.seq, oldest.entries);

        let older = Position { epoch: 1, seq: oldest.entries - 2 };
        assert!(is_gone(store.page(stream, None, 10), oldest.first));
        assert!(is_gone(store.page(stream, Some(older), 10), oldest.first));
        assert_eq!(
            store.page(stream, Some(oldest.after()), 1).expect("it is there").entries,
            log[oldest.entries as usize..][..1]
        );
        assert!(is_gone(store.graph(stream, Some(oldest.t_us - 1), None), oldest.first));
        assert!(is_gone(store.graph(stream, Some(oldest.t_us), Some(KnownAt::Position(older))), oldest.first));
        let told = store.page(stream, None, 10).expect_err("it is gone").to_string();
        assert!(told.contains(&oldest.first.to_string()) && told.contains("keep_secs"), "{told}");
        assert!(told.contains("of stream clip is gone"), "{told}");

        let folds = folds(log);
        for (at, known) in picks {
            let at = oldest.t_us + ((head.frontier_us - oldest.t_us) as f64 * at) as Micros;
            let seq = oldest.entries + ((log.len() as u64 - oldest.entries) as f64 * known) as u64;
            let found = store.graph(stream, Some(at), Some(KnownAt::Position(Position { epoch: 1, seq })));
            assert_eq!(
                found.expect("it is kept"),
                folds[log.len().min(seq as usize + 1)].at(at),
                "at {at}, known at {seq}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn what_is_kept_is_read_as_before_and_what_is_gone_says_so(
            seed in any::<u64>(),
            picks in prop::collection::vec((0.0f64..1.1, 0.0f64..1.1), 20),
        ) {
            let log = random_log(seed, 250);
            let (_dir, writer, stream) = kept(&log, 1_500_000, true);
            behaves(&log, writer.store(), stream, &picks);
        }
    }

    #[test]
    fn a_running_stream_keeps_a_window_and_little_is_left_of_the_rest() {
        let log = settling_log(1_000);
        let (_dir, writer, stream) = kept(&log, 4_000_000, false);
        behaves(&log, writer.store(), stream, &[(0.0, 0.0), (0.0, 1.0), (0.4, 0.5), (1.0, 1.0)]);
        let rows = |table: &str| {
            let sizes = writer.store().table_sizes().expect("it is whole");
            sizes.iter().find(|(name, ..)| name == table).map_or(0, |(_, _, rows)| *rows)
        };
        let head = writer.store().stream(stream).expect("it exists").head;
        let oldest = writer.store().oldest(stream).expect("it is whole").expect("something was dropped");
        assert!(head.frontier_us - oldest.t_us < 6_000_000, "{oldest:?}");
        assert!(rows("kept") < 40 && rows("segments") < 20, "{} kept, {} segments", rows("kept"), rows("segments"));
    }

    #[test]
    fn what_can_still_be_corrected_is_not_dropped() {
        let mut log = settling_log(300);
        for entry in &mut log {
            if let Record::Progress(progress) = &mut entry.record {
                progress.settled_us = 0;
            }
        }
        let (_dir, writer, stream) = kept(&log, 1_000, false);
        assert_eq!(writer.store().oldest(stream).expect("it is whole"), None);
    }
}
