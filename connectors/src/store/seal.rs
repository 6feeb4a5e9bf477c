//! Sealing: what is no longer hot leaves the tables of single rows for compressed segments and blocks.
//!
//! The log says the same before and after, and every reader reads through both; so sealing waits for nobody, no sink and
//! no snapshot, and needs to be seen by nobody. A stream that is being written keeps its latest 16 384 entries hot, since
//! corrections look at them; of one that has ended everything is sealed.

use super::error::{CommitError, ReadError};
use super::index::Filed;
use super::open::{Store, Writer};
use super::packed::{self, Row};
use super::position::Position;
use super::schema::*;
use super::segment::{self, FULL_ROWS_BYTES, SegmentRow};
use super::stream::StreamId;
use super::view::decided_by;
use redb::{ReadableTable, TableError, WriteTransaction};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use vokg_engine::record::Record;

/// Latest entries of a stream that is being written which stay hot.
pub(super) const HOT_ENTRIES: u64 = 16_384;
/// Entries beyond those that make it worth while to begin.
const BACKLOG_ENTRIES: u64 = 4_096;
/// The most entries sealed in one transaction.
const STEP_ENTRIES_MAX: usize = 5_000;
const STEP_ENTRIES_MIN: usize = 1_000;
/// How long one transaction should take.
const STEP_TIME: Duration = Duration::from_millis(20);
/// After a step for what is left over the thread rests so many times as long as it took, and no longer than the limit.
const REST: u32 = 3;
const REST_MAX: Duration = Duration::from_millis(250);

/// What is to be sealed of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sealable {
    /// Up to this place.
    until: u64,
    /// Also what does not fill a segment.
    to_the_end: bool,
}

/// Streams whose log may have something to seal or to drop, and how fast the disk is.
#[derive(Debug)]
pub(super) struct Housekeeping {
    streams: BTreeSet<StreamId>,
    /// Those whose log has not grown since the store was opened: their turn comes last.
    left_over: BTreeSet<StreamId>,
    /// Nothing is done for those before.
    rests_until: Instant,
    step_entries: usize,
    /// Nobody waits for the disk meanwhile: every step may take as long as it likes.
    is_alone: bool,
    /// All streams were looked at once.
    has_begun: bool,
    /// Entries sealed.
    pub sealed: u64,
    /// Entries dropped.
    pub dropped: u64,
}

impl Default for Housekeeping {
    fn default() -> Self {
        Self {
            streams: BTreeSet::new(),
            left_over: BTreeSet::new(),
            rests_until: Instant::now(),
            step_entries: STEP_ENTRIES_MIN,
            is_alone: false,
            has_begun: false,
            sealed: 0,
            dropped: 0,
        }
    }
}

impl Housekeeping {
    /// The log of a stream has grown.
    pub fn note(&mut self, stream: StreamId) {
        self.left_over.remove(&stream);
        self.streams.insert(stream);
    }

    /// When the next step is due. What an earlier process left over has time, while the streams that go on after it need every
    /// core to get to where they were; what comes in now is sealed as fast as it comes.
    pub fn due(&self) -> Instant {
        if self.streams.is_empty() { self.rests_until } else { Instant::now() }
    }

    /// Does one transaction's worth of it; whether there may be more to do.
    pub fn step(&mut self, writer: &Writer) -> Result<bool, CommitError> {
        if !self.has_begun {
            // Also where they cannot be read, which the next look would not change.
            self.has_begun = true;
            let there = writer.store().streams()?.into_iter().map(|stream| stream.id);
            self.left_over.extend(there.filter(|stream| !self.streams.contains(stream)));
        }
        let Some(&stream) = self.streams.first().or(self.left_over.first()) else { return Ok(false) };
        let start = Instant::now();
        let may_be_more = self.step_of(writer, stream);
        if self.streams.is_empty() {
            self.rests_until = Instant::now() + rest(start.elapsed());
        }
        if !matches!(may_be_more, Ok(true)) {
            // Also where it fails: the others are not to wait for it.
            self.streams.remove(&stream);
            self.left_over.remove(&stream);
        }
        may_be_more.map(|_| !(self.streams.is_empty() && self.left_over.is_empty()))
    }

    /// Does one transaction's worth for a stream; whether there may be more to do for it.
    fn step_of(&mut self, writer: &Writer, stream: StreamId) -> Result<bool, CommitError> {
        let start = Instant::now();
        let sealed = match writer.sealable(stream)? {
            Some(sealable) => writer.seal(stream, sealable.until, self.step_entries, sealable.to_the_end)?,
            None => 0,
        };
        if sealed > 0 {
            self.sealed += sealed;
            let ratio = STEP_TIME.as_secs_f64() / start.elapsed().as_secs_f64().max(1e-4);
            let adapted = self.step_entries as f64 * ratio.clamp(0.5, 2.0);
            if !self.is_alone {
                self.step_entries = (adapted as usize).clamp(STEP_ENTRIES_MIN, STEP_ENTRIES_MAX);
            }
            return Ok(true);
        }
        let dropped = writer.drop_oldest(stream)?;
        self.dropped += dropped;
        Ok(dropped > 0)
    }
}

/// How long to rest after a step that took so long.
fn rest(took: Duration) -> Duration {
    (REST * took).min(REST_MAX)
}

impl Writer {
    /// What can be sealed of a stream now, where it is worth while.
    fn sealable(&self, stream: StreamId) -> Result<Option<Sealable>, CommitError> {
        let transaction = self.store.read()?;
        let head = match super::lookup::load(&transaction, stream) {
            Err(ReadError::UnknownStream(_)) => return Ok(None),
            stream => stream?.head,
        };
        let log = transaction.open_table(LOG).map_err(ReadError::from)?;
        let first = log.range((stream.0, 0)..=(stream.0, u64::MAX)).map_err(ReadError::from)?.next();
        let Some(first) =
            first.transpose().map_err(ReadError::from)?.map(|(key, _)| Position::from_place(key.value().1))
        else {
            return Ok(None);
        };
        if head.outcome.is_some() {
            return Ok(Some(Sealable { until: u64::MAX, to_the_end: true }));
        }
        let hot_from = Position { epoch: head.epoch, seq: head.next_seq.saturating_sub(HOT_ENTRIES) };
        let backlog = match first.epoch == head.epoch {
            true => hot_from.seq.saturating_sub(first.seq),
            false => BACKLOG_ENTRIES,
        };
        let until = hot_from.place().saturating_sub(1);
        Ok((backlog >= BACKLOG_ENTRIES && first.place() <= until).then_some(Sealable { until, to_the_end: false }))
    }

    /// Seals the oldest hot entries of a stream up to a place, at most so many, in one transaction; how many it sealed.
    /// Entries that do not fill a segment stay hot unless it is `to_the_end`.
    pub(super) fn seal(&self, stream: StreamId, until: u64, most: usize, to_the_end: bool) -> Result<u64, CommitError> {
        let transaction = self.begin_write()?;
        let (rows, filed) = hot_rows(&transaction, stream, until, most)?;
        let rest = match (rows.len() < most, to_the_end) {
            (true, true) => Rest::IsSealed,
            (true, false) => Rest::StaysHot,
            // More wait behind them: something has to be done.
            (false, _) => Rest::IsSealedIfFirst,
        };
        let sealed = store_segments(&transaction, stream, &rows, rest)?;
        let Some(last) = sealed.checked_sub(1).map(|last| rows[last].place) else {
            transaction.abort()?;
            return Ok(0);
        };
        let first = rows[0].place;
        transaction.open_table(LOG)?.retain_in((stream.0, first)..=(stream.0, last), |_, _| false)?;
        let filed: Vec<Filed> = filed.into_iter().take_while(|filed| filed.version[3] <= last).collect();
        pack_indexes(&transaction, stream, &filed)?;
        transaction.commit()?;
        Ok(sealed as u64)
    }

    /// Seals all that can be sealed of all streams, packs blocks full, and drops what retention says; how many entries
    /// were sealed and how many dropped.
    pub(super) fn seal_all(&self) -> Result<(u64, u64), CommitError> {
        let mut house = Housekeeping { step_entries: STEP_ENTRIES_MAX, is_alone: true, ..Housekeeping::default() };
        while house.step(self)? {}
        for stream in self.store.streams()? {
            let transaction = self.begin_write()?;
            for table in [PACKED_VERSIONS, PACKED_CLOSED, PACKED_INCIDENT] {
                packed::repack(&mut transaction.open_table(table)?, stream.id.0)?;
            }
            transaction.commit()?;
        }
        Ok((house.sealed, house.dropped))
    }
}

impl Store {
    /// The last entry of a stream that is sealed; what comes after it is hot.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn sealed_until(&self, stream: StreamId) -> Result<Option<Position>, ReadError> {
        let table = match self.read()?.open_table(SEGMENTS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        let last = table.range((stream.0, 0)..=(stream.0, u64::MAX))?.next_back().transpose()?;
        last.map(|(_, bytes)| Ok(Position::from_place(segment::header(bytes.value())?.last_place))).transpose()
    }
}

/// The first hot entries up to a place, and the rows they are found by.
fn hot_rows(
    transaction: &WriteTransaction,
    stream: StreamId,
    until: u64,
    most: usize,
) -> Result<(Vec<SegmentRow>, Vec<Filed>), CommitError> {
    let (mut rows, mut filed) = (Vec::with_capacity(most), Vec::with_capacity(most));
    for row in transaction.open_table(LOG)?.range((stream.0, 0)..=(stream.0, until))?.take(most) {
        let (key, bytes) = row?;
        let place = key.value().1;
        let record = Record::decode(bytes.value())
            .map_err(|error| ReadError::Damaged(format!("entry {}: {error}", Position::from_place(place))))?;
        rows.push(SegmentRow { place, t: decided_by(&record), record: bytes.value().to_vec() });
        if let Record::Delta(delta) = &record {
            filed.push(Filed::of(place, delta));
        }
    }
    Ok((rows, filed))
}

/// What becomes of rows that do not fill a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    StaysHot,
    IsSealedIfFirst,
    IsSealed,
}

/// Stores rows as segments; how many of them.
fn store_segments(
    transaction: &WriteTransaction,
    stream: StreamId,
    rows: &[SegmentRow],
    rest: Rest,
) -> Result<usize, CommitError> {
    let mut table = transaction.open_table(SEGMENTS)?;
    let mut bytes_before = match table.range((stream.0, 0)..=(stream.0, u64::MAX))?.next_back().transpose()? {
        Some((_, bytes)) => segment::header(bytes.value())?.bytes_before + bytes.value().len() as u64,
        None => 0,
    };
    let mut sealed = 0;
    while sealed < rows.len() {
        let left = &rows[sealed..];
        let raw: usize = left.iter().map(|row| row.record.len()).sum();
        let goes = rest == Rest::IsSealed || (rest == Rest::IsSealedIfFirst && sealed == 0);
        if raw < FULL_ROWS_BYTES && !goes {
            break;
        }
        let (count, bytes) = segment::seal(left, rest == Rest::IsSealed, bytes_before)
            .map_err(|error| ReadError::Damaged(format!("entries cannot be compressed: {error}")))?;
        table.insert((stream.0, left[0].place), bytes.as_slice())?;
        bytes_before += bytes.len() as u64;
        sealed += count;
    }
    Ok(sealed)
}

/// Moves index rows from the hot tables into packed blocks.
fn pack_indexes(transaction: &WriteTransaction, stream: StreamId, filed: &[Filed]) -> Result<(), CommitError> {
    let none = BTreeSet::new();
    let mut rows: BTreeSet<Row> = filed.iter().map(|filed| filed.version).collect();
    {
        let mut hot = transaction.open_table(VERSIONS)?;
        for [kind, major, minor, place, _] in &rows {
            hot.remove((stream.0, *kind as u8, *major, *minor, *place))?;
        }
    }
    packed::change(&mut transaction.open_table(PACKED_VERSIONS)?, stream.0, &rows, &none)?;
    rows = filed.iter().filter_map(|filed| filed.closed).collect();
    {
        let mut hot = transaction.open_table(CLOSED)?;
        for [node, place, ..] in &rows {
            hot.remove((stream.0, *node, *place))?;
        }
    }
    packed::change(&mut transaction.open_table(PACKED_CLOSED)?, stream.0, &rows, &none)?;
    rows = filed.iter().filter_map(|filed| filed.incident).flatten().collect();
    {
        let mut hot = transaction.open_table(INCIDENT)?;
        for [kind, number, from, edge, _] in &rows {
            hot.remove((stream.0, *kind as u8, *number, *from, *edge))?;
        }
    }
    packed::change(&mut transaction.open_table(PACKED_INCIDENT)?, stream.0, &rows, &none)
}

#[cfg(test)]
mod tests {
    use super::super::history::{begin, complete, folds, open, random_batches, random_log};
    use super::super::{KnownAt, StreamBatch};
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::graph::Graph;

    #[test]
    fn streams_that_cannot_be_read_are_looked_at_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let transaction = writer.begin_write().expect("nothing else writes");
        let broken: &[u8] = &[0xff; 3];
        let mut streams = transaction.open_table(STREAMS).expect("the table exists");
        streams.insert(stream.0 + 1, broken).expect("the disk has room");
        drop(streams);
        transaction.commit().expect("the disk has room");
        let mut house = Housekeeping::default();
        house.step(&writer).expect_err("the row makes no sense");
        assert!(!house.step(&writer).expect("there is nothing to do"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn sealing_at_any_time_changes_nothing_that_is_read(
            seed in any::<u64>(),
            seals in prop::collection::vec((any::<u16>(), 1usize..200), 40),
            picks in prop::collection::vec((0.0f64..1.1, 0.0f64..1.1), 20),
        ) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let writer = open(dir.path());
            let (stream, other) = (begin(&writer, "clip"), begin(&writer, "other"));
            let log = random_log(seed, 120);
            let mut seals = seals.into_iter().cycle();
            for batch in random_batches(seed, &log) {
                writer.commit(&[StreamBatch::of_entries(stream, batch.clone())]).expect("the log keeps every promise");
                writer.commit(&[StreamBatch::of_entries(other, batch)]).expect("the log keeps every promise");
                if let Some((share, most)) = seals.next().filter(|(share, _)| share % 3 == 0) {
                    let stored = writer.store().stream(stream).expect("it exists").head.next_seq;
                    let until = Position { epoch: 1, seq: stored * u64::from(share) / 65_535 }.place();
                    writer.seal(stream, until, most, share % 2 == 0).expect("the disk has room");
                }
            }
            let store = writer.store();
            let head = store.stream(stream).expect("it exists").head;
            prop_assert_eq!(store.verify(stream).expect("it is whole"), head.digest);
            prop_assert_eq!(store.stream(other).expect("it exists").head.digest, head.digest);
            let found: Vec<_> = store.entries(stream, None).collect::<Result<_, _>>().expect("it is whole");
            prop_assert_eq!(&found, &log);
            let folds: Vec<Graph> = folds(&log);
            let end = head.frontier_us as f64;
            for (at, known) in picks {
                let (at, seq) = ((end * at) as u64, (log.len() as f64 * known) as u64);
                let known_at = Some(KnownAt::Position(Position { epoch: 1, seq }));
                let fold = &folds[log.len().min(seq as usize + 1)];
                let read = |at| store.graph(stream, at, known_at).expect("it is whole");
                prop_assert_eq!(&read(Some(at)), &fold.at(at));
                prop_assert_eq!(&read(None), fold);
                let by_time = Some(KnownAt::Time((end * known) as u64));
                let [ours, others] = [stream, other].map(|id| store.graph(id, Some(at), by_time).expect("it is whole"));
                prop_assert_eq!(ours, others);
                for vertex in fold.vertices.keys() {
                    let query = super::super::EdgeQuery { vertex: *vertex, during: 0..u64::MAX, after: None, limit: 9 };
                    let [ours, others] = [stream, other].map(|id| store.edges_of(id, &query, known_at).expect("whole"));
                    prop_assert_eq!(ours, others);
                }
            }
        }
    }

    #[test]
    fn a_stream_that_cannot_be_sealed_is_in_nobodys_way() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let [damaged, whole] = ["damaged", "whole"].map(|name| begin(&writer, name));
        for stream in [damaged, whole] {
            let end = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, random_log(5, 100)) };
            writer.commit(&[end]).expect("the log keeps every promise");
        }
        let transaction = writer.begin_write().expect("nothing else writes");
        transaction.open_table(LOG).expect("it is there").insert((damaged.0, 0), &[0xff][..]).expect("it fits");
        transaction.commit().expect("the disk has room");
        let mut house = Housekeeping::default();
        assert!(house.step(&writer).is_err());
        while house.step(&writer).expect("the disk has room") {}
        assert!(writer.store().sealed_until(whole).expect("it is whole").is_some());
        assert!(writer.store().sealed_until(damaged).expect("it is whole").is_none());
    }

    #[test]
    fn what_is_left_over_comes_last_and_with_rests() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut writer = open(dir.path());
        let [old, new] = ["old", "new"].map(|name| begin(&writer, name));
        let ends = |writer: &Writer, stream| {
            let end = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, random_log(5, 100)) };
            writer.commit(&[end]).expect("the log keeps every promise");
        };
        ends(&writer, old);
        drop(writer);
        writer = open(dir.path());
        ends(&writer, new);
        let mut house = Housekeeping::default();
        house.note(new);
        let is_due = |house: &Housekeeping| house.due() <= Instant::now();
        let is_sealed = |stream| writer.store().sealed_until(stream).expect("it is whole").is_some();
        while !is_sealed(new) {
            assert!(is_due(&house) && !is_sealed(old));
            assert!(house.step(&writer).expect("the disk has room"));
        }
        let mut begin = Instant::now();
        assert!(house.rests_until < begin, "nobody rests from what comes in now");
        while !is_sealed(old) {
            begin = Instant::now();
            assert!(house.step(&writer).expect("the disk has room"));
        }
        assert!(house.rests_until > begin);
        house.rests_until += Duration::from_secs(60);
        assert!(!is_due(&house));
        house.note(old);
        assert!(is_due(&house), "its log grows again");
        assert_eq!([20, 0, 10_000].map(|ms| rest(Duration::from_millis(ms)).as_millis()), [60, 0, 250]);
    }

    #[test]
    fn a_running_stream_keeps_its_latest_entries_hot_and_one_that_ended_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let log = random_log(5, 14_000);
        assert!(log.len() as u64 > HOT_ENTRIES + 2 * BACKLOG_ENTRIES, "the log is too short for this test");
        writer.commit(&[StreamBatch::of_entries(stream, log.clone())]).expect("the log keeps every promise");
        let mut house = Housekeeping::default();
        let hot = || {
            let sizes = writer.store().table_sizes().expect("it is whole");
            sizes.iter().find(|(table, ..)| table == "log").map_or(0, |(_, _, rows)| *rows)
        };
        while house.step(&writer).expect("the disk has room") {}
        let left = hot();
        assert!((HOT_ENTRIES..HOT_ENTRIES + BACKLOG_ENTRIES).contains(&left), "{left}");
        assert_eq!(house.sealed + left, log.len() as u64);
        let sealed_until = writer.store().sealed_until(stream).expect("it is whole").expect("something is sealed");
        assert_eq!(sealed_until.seq + 1, house.sealed);
        let end = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, vec![]) };
        writer.commit(&[end]).expect("the log is closed");
        house.note(stream);
        while house.step(&writer).expect("the disk has room") {}
        assert_eq!((hot(), house.sealed), (0, log.len() as u64));
        let head = writer.store().stream(stream).expect("it exists").head;
        assert_eq!(writer.store().verify(stream).expect("it is whole"), head.digest);
    }
}
