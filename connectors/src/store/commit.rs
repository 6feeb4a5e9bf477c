//! One transaction for whatever is ready: log entries, indexes, heads, and references to files that are on disk by then.

use super::attempts::forget_attempts;
use super::checkpoint::{NewCheckpoint, store_checkpoint};
use super::error::CommitError;
use super::evidence::{EvidenceChange, store_evidence};
use super::head::{BatchError, StreamHead};
use super::index::Indexes;
use super::looks::look_row;
use super::observations::{ObservationSegment, segment_dir, write_segment};
use super::open::Writer;
use super::position::Position;
use super::schema::*;
use super::snapshot;
use super::stamp::forget_stamp;
use super::stream::{Outcome, StreamDescriptor, StreamId};
use super::thumbnails::{THUMBNAIL_BYTES_MAX, Thumbnail};
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;
use vokg_engine::crash;
use vokg_engine::id::StreamName;
use vokg_engine::look::TrackLook;
use vokg_engine::record::LogEntry;

/// What one stream has to commit. It is stored whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamBatch {
    /// Whose.
    pub stream: StreamId,
    /// The next entries of its log, ending with a progress record; may be empty.
    pub entries: Vec<LogEntry>,
    /// Finished observation segments.
    pub observations: Vec<ObservationSegment>,
    /// Pictures of tracks.
    pub thumbnails: Vec<Thumbnail>,
    /// What tracks looked like.
    pub looks: Vec<TrackLook>,
    /// What became of evidence, in order.
    pub evidence: Vec<EvidenceChange>,
    /// From where the stream can go on, once this batch is committed.
    pub checkpoint: Option<NewCheckpoint>,
    /// How the stream ended, if this is its end. Its name then stands for this generation, unless it failed.
    pub outcome: Option<Outcome>,
}

impl StreamBatch {
    /// A batch of log entries alone.
    pub fn of_entries(stream: StreamId, entries: Vec<LogEntry>) -> Self {
        let (observations, thumbnails, looks, evidence) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (checkpoint, outcome) = (None, None);
        Self { stream, entries, observations, thumbnails, looks, evidence, checkpoint, outcome }
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        let observations: usize = self.observations.iter().map(ObservationSegment::bytes).sum();
        let thumbnails: usize = self.thumbnails.iter().map(|thumbnail| thumbnail.jpeg.len()).sum();
        let looks: usize = self.looks.iter().map(|look| look.look.bytes()).sum();
        let evidence = size_of_val(self.evidence.as_slice());
        let checkpoint = self.checkpoint.as_ref().map_or(0, NewCheckpoint::bytes);
        size_of_val(self.entries.as_slice()) + observations + thumbnails + looks + evidence + checkpoint
    }
}

/// What a transaction stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Log entries, progress included.
    pub entries: u64,
    /// Deltas among them.
    pub deltas: u64,
    /// Bytes of the log records, the pictures, the looks, the evidence, and the observations before compression.
    pub bytes: u64,
}

impl Writer {
    /// Stores batches in one transaction, each stream's in the order given. When this returns, they survive a power
    /// loss.
    ///
    /// # Errors
    /// Where a batch breaks a promise of its log, or the disk fails. Nothing is stored then. After a failure of the
    /// disk the data directory has to be opened again.
    pub fn commit(&self, batches: &[StreamBatch]) -> Result<Committed, CommitError> {
        let transaction = self.begin_write()?;
        let mut committed = Committed::default();
        {
            let mut indexes = Indexes::open(&transaction, self.store.unpacked.clone())?;
            let taken = batches.iter().enumerate().filter(|(_, batch)| batch.checkpoint.is_some());
            let latest: BTreeMap<StreamId, usize> = taken.map(|(index, batch)| (batch.stream, index)).collect();
            for (index, batch) in batches.iter().enumerate() {
                let checkpoint = batch.checkpoint.as_ref().filter(|_| latest.get(&batch.stream) == Some(&index));
                self.store_batch(&transaction, &mut indexes, batch, checkpoint, &mut committed)?;
            }
        }
        crash::point("commit.before");
        transaction.commit()?;
        crash::point("commit.after");
        let mut active = self.active();
        for ended in batches.iter().filter(|batch| batch.outcome.is_some()) {
            active.remove(&ended.stream);
        }
        Ok(committed)
    }

    fn store_batch(
        &self,
        transaction: &WriteTransaction,
        indexes: &mut Indexes<'_>,
        batch: &StreamBatch,
        checkpoint: Option<&NewCheckpoint>,
        committed: &mut Committed,
    ) -> Result<(), CommitError> {
        let (descriptor, mut head) = load(transaction, batch.stream)?;
        let name = own_name(&descriptor)?;
        let records: Vec<Vec<u8>> = batch.entries.iter().map(|entry| entry.record.encode()).collect();
        let before = (head.entries, head.deltas);
        let refused = |reason| CommitError::Refused { stream: name.clone(), reason };
        head.extend(&batch.entries, &records).map_err(refused)?;
        indexes.append(batch.stream, &name, &batch.entries, &records)?;
        self.store_observations(transaction, &name, &mut head, batch)?;
        store_thumbnails(transaction, batch)?;
        store_looks(transaction, batch)?;
        store_evidence(transaction, batch)?;
        if snapshot::is_due(&head) {
            store_snapshot(transaction, indexes, batch, &mut head)?;
        }
        store_checkpoint(transaction, batch, checkpoint, &head)?;
        if let Some(outcome) = &batch.outcome {
            if outcome.is_complete() && !head.closed {
                return Err(refused(BatchError::StillOpen));
            }
            head.outcome = Some(outcome.clone());
            forget_attempts(transaction, batch.stream)?;
            if outcome.is_complete() {
                transaction.open_table(ALIASES)?.insert(descriptor.request.name.as_str(), batch.stream.0)?;
            } else {
                // Its content may not be what it was taken for.
                forget_stamp(transaction, batch.stream)?;
            }
        }
        transaction.open_table(HEADS)?.insert(batch.stream.0, to_row(&head).as_slice())?;

        let beside = batch.bytes() - size_of_val(batch.entries.as_slice());
        committed.entries += head.entries - before.0;
        committed.deltas += head.deltas - before.1;
        committed.bytes += (records.iter().map(Vec::len).sum::<usize>() + beside) as u64;
        Ok(())
    }

    fn store_observations(
        &self,
        transaction: &WriteTransaction,
        name: &StreamName,
        head: &mut StreamHead,
        batch: &StreamBatch,
    ) -> Result<(), CommitError> {
        if batch.observations.is_empty() {
            return Ok(());
        }
        let dir = segment_dir(self.store.dir(), batch.stream, name);
        let mut table = transaction.open_table(OBSERVATIONS)?;
        for segment in &batch.observations {
            let reference = write_segment(&dir, head.epoch, head.next_segment, segment, &self.space, &*self.files)?;
            table.insert((batch.stream.0, head.next_segment), to_row(&reference).as_slice())?;
            head.next_segment += 1;
        }
        crash::point("observations.written");
        Ok(())
    }
}

/// A stream as it stands within a transaction.
pub(super) fn load(
    transaction: &WriteTransaction,
    stream: StreamId,
) -> Result<(StreamDescriptor, StreamHead), CommitError> {
    let unknown = || super::ReadError::UnknownStream(stream);
    let descriptors = transaction.open_table(STREAMS)?;
    let descriptor = descriptors.get(stream.0)?.ok_or_else(unknown)?;
    let heads = transaction.open_table(HEADS)?;
    let head = heads.get(stream.0)?.ok_or_else(unknown)?;
    Ok((from_row("streams", descriptor.value())?, from_row("heads", head.value())?))
}

pub(super) fn own_name(descriptor: &StreamDescriptor) -> Result<StreamName, super::ReadError> {
    descriptor.own_name().map_err(|error| super::ReadError::Damaged(error.to_string()))
}

fn store_thumbnails(transaction: &WriteTransaction, batch: &StreamBatch) -> Result<(), CommitError> {
    if batch.thumbnails.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(THUMBNAILS)?;
    for Thumbnail { track, jpeg } in &batch.thumbnails {
        if jpeg.len() > THUMBNAIL_BYTES_MAX {
            let (track, bytes) = (track.0, jpeg.len());
            return Err(CommitError::Thumbnail { track, bytes, limit: THUMBNAIL_BYTES_MAX });
        }
        table.insert((batch.stream.0, track.0), jpeg.as_slice())?;
    }
    Ok(())
}

fn store_looks(transaction: &WriteTransaction, batch: &StreamBatch) -> Result<(), CommitError> {
    if batch.looks.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(LOOKS)?;
    for look in &batch.looks {
        table.insert((batch.stream.0, look.track.0), look_row(look).as_slice())?;
    }
    Ok(())
}

pub(super) fn store_snapshot(
    transaction: &WriteTransaction,
    indexes: &Indexes<'_>,
    batch: &StreamBatch,
    head: &mut StreamHead,
) -> Result<(), CommitError> {
    let Some(last) = batch.entries.last() else {
        return Ok(());
    };
    let places = indexes.open_places(batch.stream)?;
    let mut table = transaction.open_table(SNAPSHOTS)?;
    table.insert((batch.stream.0, Position::of(last).place()), snapshot::encode(&places).as_slice())?;
    (head.entries_since_snapshot, head.snapshot_elements) = (0, places.len() as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::ReadError;
    use super::super::history::{begin, complete, object, open, progress, random_log};
    use super::*;
    use vokg_engine::delta::Diff;
    use vokg_engine::id::TrackId;
    use vokg_engine::record::Record;

    fn entries(first_seq: u64, records: Vec<Record>) -> Vec<LogEntry> {
        let place = |(index, record)| LogEntry { epoch: 1, seq: first_seq + index as u64, record };
        records.into_iter().enumerate().map(place).collect()
    }

    #[test]
    fn a_bad_batch_takes_the_whole_transaction_with_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let [good, bad] = ["good", "bad"].map(|name| begin(&writer, name));
        let log = random_log(1, 10);
        let gap = StreamBatch::of_entries(bad, log[1..].to_vec());
        let error = writer.commit(&[StreamBatch::of_entries(good, log.clone()), gap]).expect_err("an entry is missing");
        assert!(matches!(error, CommitError::Refused { reason: BatchError::Sequence { .. }, .. }), "{error}");
        assert_eq!(writer.store().stream(good).expect("it exists").head, StreamHead::default());
        assert_eq!(writer.store().page(good, None, 9).expect("it exists").entries, vec![]);
        writer.commit(&[StreamBatch::of_entries(good, log)]).expect("it can be stored alone");
    }

    #[test]
    fn only_the_current_value_of_a_key_can_be_taken_back() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let taken_back = |number, first_seen, t| match object(number, first_seen) {
            Record::Delta(delta) => Record::Delta(vokg_engine::delta::Delta { t, diff: Diff::Retract, ..delta }),
            progress => progress,
        };
        let commit = |batch| writer.commit(&[StreamBatch::of_entries(stream, batch)]);
        commit(entries(0, vec![object(1, 5), progress(0, Some(6), 1)])).expect("the log keeps every promise");
        for wrong in [taken_back(2, 5, 7), taken_back(1, 4, 7)] {
            let error = commit(entries(2, vec![wrong, progress(6, Some(8), 1)]));
            assert!(matches!(error, Err(CommitError::NotThere { .. })), "{error:?}");
        }
        commit(entries(2, vec![taken_back(1, 5, 7), progress(6, Some(8), 1)])).expect("that was its value");
        let error = commit(entries(4, vec![taken_back(1, 5, 9), progress(8, Some(10), 1)]));
        assert!(matches!(error, Err(CommitError::NotThere { .. })), "{error:?}");
    }

    #[test]
    fn nothing_follows_the_end_and_the_unknown_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let end = |entries| StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, entries) };
        let error = writer.commit(&[end(vec![])]);
        assert!(matches!(error, Err(CommitError::Refused { reason: BatchError::StillOpen, .. })));
        writer.commit(&[end(random_log(1, 3))]).expect("the log is closed");
        let error = writer.commit(&[StreamBatch::of_entries(stream, random_log(1, 3))]);
        assert!(matches!(error, Err(CommitError::Refused { reason: BatchError::Ended, .. })));
        let error = writer.commit(&[StreamBatch::of_entries(StreamId(99), vec![])]);
        assert!(matches!(error, Err(CommitError::Read(ReadError::UnknownStream(StreamId(99))))));
    }

    #[test]
    fn pictures_have_a_limit_and_the_latest_counts() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let picture = |bytes| Thumbnail { track: TrackId(3), jpeg: vec![7; bytes] };
        let batch = |thumbnails| StreamBatch { thumbnails, ..StreamBatch::of_entries(stream, vec![]) };
        writer.commit(&[batch(vec![picture(10), picture(20)])]).expect("they are small");
        assert!(matches!(writer.commit(&[batch(vec![picture(1 << 20)])]), Err(CommitError::Thumbnail { .. })));
        assert_eq!(writer.store().thumbnail(stream, TrackId(3)).expect("it exists"), Some(vec![7; 20]));
        assert_eq!(writer.store().thumbnail(stream, TrackId(4)).expect("the store is whole"), None);
    }
}
