//! Beginning a stream, and going on with it.
//!
//! An input that was processed with the same settings is not processed again. One that was interrupted or failed goes
//! on.

use super::attempts::{Attempts, attempt, attempts, forget_attempts};
use super::checkpoint::{ProgramId, forget_checkpoint, go_back};
use super::commit::own_name;
use super::error::{BeginError, CommitError, ReadError};
use super::head::StreamHead;
use super::open::Writer;
use super::schema::*;
use super::stream::{Stream, StreamDescriptor, StreamId, StreamRequest, split_generation};
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};
use vokg_engine::runtime::checkpoint::Checkpoint;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The same input was processed with the same settings: nothing to do.
    Done(Stream),
    /// The stream is empty and waits for its first batch.
    Fresh(Stream),
    /// The stream was interrupted or failed. It goes on after the checkpoint, or begins again where there is none; what
    /// its log has beyond that has to be derived again, and must come out the same.
    Resumed(Stream, Option<Box<Checkpoint>>),
}

impl Begun {
    /// The stream, in whatever state.
    pub fn stream(&self) -> &Stream {
        match self {
            Self::Done(stream) | Self::Fresh(stream) | Self::Resumed(stream, _) => stream,
        }
    }
}

impl Writer {
    /// Begins the stream an input asks for.
    ///
    /// Same content and settings, complete: [`Begun::Done`], and the name stands for it again. The same, interrupted or
    /// failed: [`Begun::Resumed`], from the checkpoint if `program` took it. Same input with changed content or settings:
    /// a new generation.
    ///
    /// # Errors
    /// Where the name belongs to another input, the stream is being written by this process, or the disk fails.
    pub fn begin_stream(&self, request: StreamRequest, program: ProgramId) -> Result<Begun, BeginError> {
        let transaction = self.begin_write().map_err(CommitError::from)?;
        let mut active = self.active();
        let generations = generations(&transaction, &request)?;
        let same = |d: &StreamDescriptor| {
            d.request.content_hash == request.content_hash && d.request.config_hash == request.config_hash
        };
        let earlier = generations.iter().find(|stream| same(&stream.descriptor));
        if let Some(done) = earlier.filter(|stream| stream.head.outcome.as_ref().is_some_and(|o| o.is_complete())) {
            name_stands_for(&transaction, done)?;
            transaction.commit().map_err(CommitError::from)?;
            return Ok(Begun::Done(done.clone()));
        }
        if let Some(busy) = earlier.filter(|stream| active.contains(&stream.id)) {
            return Err(BeginError::Busy(busy.name.clone()));
        }
        let before = earlier.map_or(Ok(Attempts::default()), |stream| attempts(&transaction, stream.id))?;
        if let Some(earlier) = earlier.filter(|_| before.is_set_aside()) {
            let (name, reached_us) = (earlier.name.clone(), earlier.head.frontier_us);
            return Err(BeginError::SetAside { name, times: before.crashes(), reached_us });
        }
        let begun = match earlier {
            Some(interrupted) => go_on(&transaction, interrupted, program)?,
            None => {
                let latest = generations.last().map(|stream| &stream.descriptor);
                latest.map_or(Ok(()), |latest| refuse_another_input(&request, latest))?;
                let generation = latest.map_or(1, |latest| latest.generation + 1);
                Begun::Fresh(new_stream(&transaction, StreamDescriptor { request, generation })?)
            }
        };
        if let Begun::Fresh(stream) | Begun::Resumed(stream, _) = &begun {
            attempt(&transaction, stream.id, before)?;
            active.insert(stream.id);
        }
        transaction.commit().map_err(CommitError::from)?;
        Ok(begun)
    }

    /// Sets a stream that this process has resumed back to its beginning, for a checkpoint that leads nowhere.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn start_over(&self, stream: &Stream) -> Result<Stream, CommitError> {
        let transaction = self.begin_write()?;
        let mut stream = stream.clone();
        forget_checkpoint(&transaction, stream.id, &mut stream.head)?;
        transaction.open_table(HEADS)?.insert(stream.id.0, to_row(&stream.head).as_slice())?;
        transaction.commit()?;
        Ok(stream)
    }

    /// Forgets at how many deaths of the process an input was being processed, so that it is tried again.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn retry_stream(&self, request: &StreamRequest) -> Result<(), CommitError> {
        let transaction = self.begin_write()?;
        for stream in generations(&transaction, request)? {
            forget_attempts(&transaction, stream.id)?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub(super) fn active(&self) -> MutexGuard<'_, BTreeSet<StreamId>> {
        // The set is changed by single calls, so a panic elsewhere leaves it whole.
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All streams under the name of the request, by generation.
pub(super) fn generations(transaction: &WriteTransaction, request: &StreamRequest) -> Result<Vec<Stream>, CommitError> {
    let name = request.name.as_str();
    let mut streams = Vec::new();
    for row in transaction.open_table(NAMES)?.range((name, 0)..=(name, u32::MAX))? {
        let id = StreamId(row?.1.value());
        let (descriptor, head) = super::commit::load(transaction, id)?;
        streams.push(Stream { id, name: own_name(&descriptor)?, descriptor, head });
    }
    Ok(streams)
}

fn name_stands_for(transaction: &WriteTransaction, stream: &Stream) -> Result<(), CommitError> {
    let name = stream.descriptor.request.name.as_str();
    transaction.open_table(ALIASES)?.insert(name, stream.id.0)?;
    Ok(())
}

/// A name stands for one input. Its content may change, but then it comes from the same place.
fn refuse_another_input(request: &StreamRequest, latest: &StreamDescriptor) -> Result<(), BeginError> {
    let holder = &latest.request;
    if holder.content_hash == request.content_hash || holder.source_path == request.source_path {
        return Ok(());
    }
    Err(BeginError::NameTaken {
        name: request.name.clone(),
        other: holder.source_path.clone(),
        source_path: request.source_path.clone(),
    })
}

fn new_stream(transaction: &WriteTransaction, descriptor: StreamDescriptor) -> Result<Stream, BeginError> {
    let name = descriptor.own_name().map_err(|_| BeginError::NameTooLong {
        name: descriptor.request.name.clone(),
        suffix: format!(".g{}", descriptor.generation),
    })?;
    refuse_equal_own_name(transaction, &descriptor)?;
    let id = next_id(transaction)?;
    let head = StreamHead::default();
    insert_stream(transaction, id, &descriptor, &head)?;
    Ok(Stream { id, name, descriptor, head })
}

fn insert_stream(
    transaction: &WriteTransaction,
    id: StreamId,
    descriptor: &StreamDescriptor,
    head: &StreamHead,
) -> Result<(), CommitError> {
    let name = descriptor.request.name.as_str();
    transaction.open_table(STREAMS)?.insert(id.0, to_row(descriptor).as_slice())?;
    transaction.open_table(HEADS)?.insert(id.0, to_row(head).as_slice())?;
    transaction.open_table(NAMES)?.insert((name, descriptor.generation), id.0)?;
    Ok(())
}

/// An input may itself be called `clip.g2`: it must not meet the second generation of `clip`.
fn refuse_equal_own_name(transaction: &WriteTransaction, descriptor: &StreamDescriptor) -> Result<(), BeginError> {
    let request = &descriptor.request;
    let own_name = format!("{}.g{}", request.name, descriptor.generation);
    let other = match descriptor.generation {
        1 => split_generation(request.name.as_str()).filter(|(_, generation)| *generation > 1),
        _ => Some((own_name.as_str(), 1)),
    };
    let Some(other) = other else {
        return Ok(());
    };
    let holder = || -> Result<Option<u32>, CommitError> {
        let names = transaction.open_table(NAMES)?;
        Ok(names.get(other)?.map(|id| id.value()))
    };
    let Some(holder) = holder()? else {
        return Ok(());
    };
    let (holder, _) = super::commit::load(transaction, StreamId(holder))?;
    let other = holder.request.source_path;
    Err(BeginError::NameTaken { name: request.name.clone(), other, source_path: request.source_path.clone() })
}

fn next_id(transaction: &WriteTransaction) -> Result<StreamId, CommitError> {
    let mut meta = transaction.open_table(META)?;
    let stored = meta.get("next_stream")?.and_then(|value| value.value().try_into().ok()).map(u32::from_le_bytes);
    let next = stored.ok_or_else(|| ReadError::Damaged("it has no next stream number".into()))?;
    meta.insert("next_stream", (next + 1).to_le_bytes().as_slice())?;
    Ok(StreamId(next))
}

/// Takes up an interrupted stream again, as one that has not ended.
fn go_on(transaction: &WriteTransaction, stream: &Stream, program: ProgramId) -> Result<Begun, CommitError> {
    let mut stream = stream.clone();
    stream.head.outcome = None;
    let checkpoint = go_back(transaction, stream.id, &mut stream.head, program)?;
    transaction.open_table(HEADS)?.insert(stream.id.0, to_row(&stream.head).as_slice())?;
    Ok(Begun::Resumed(stream, checkpoint.map(Box::new)))
}

#[cfg(test)]
mod tests {
    use super::super::history::{PROGRAM, begin, complete, fill, open, request};
    use super::super::{Ending, NewCheckpoint, Outcome, StreamBatch};
    use super::*;
    use vokg_engine::id::StreamName;

    #[test]
    fn what_is_complete_is_not_done_again_and_other_settings_make_a_generation() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let first = begin(&writer, "clip");
        assert!(matches!(writer.begin_stream(request("clip"), PROGRAM), Err(BeginError::Busy(_))));
        fill(&writer, first, Some(complete()));
        let again = writer.begin_stream(request("clip"), PROGRAM).expect("the name is ours");
        assert!(matches!(again, Begun::Done(stream) if stream.id == first));

        let changed = StreamRequest { config_hash: [3; 32], ..request("clip") };
        let Ok(Begun::Fresh(second)) = writer.begin_stream(changed, PROGRAM) else { panic!("other settings are new") };
        assert_eq!(second.name.as_str(), "clip.g2");
        let found = |name| writer.store().find_stream(name).expect("the store is whole").map(|stream| stream.id);
        assert_eq!(found("clip"), Some(first));
        fill(&writer, second.id, Some(complete()));
        assert_eq!(
            [found("clip"), found("clip.g1"), found("clip.g2")],
            [Some(second.id), Some(first), Some(second.id)]
        );
        assert_eq!([found("clip.g3"), found("clap")], [None, None]);
        assert_eq!(writer.store().streams().expect("the store is whole").len(), 2);
    }

    fn checkpoint(t: u64) -> NewCheckpoint {
        let parts = [("track".to_owned(), vec![1, 2, 3])].into();
        NewCheckpoint { program: PROGRAM, checkpoint: Checkpoint { t, parts } }
    }

    fn resumed(begun: Result<Begun, BeginError>) -> (Stream, Option<Checkpoint>) {
        match begun {
            Ok(Begun::Resumed(stream, checkpoint)) => (stream, checkpoint.map(|checkpoint| *checkpoint)),
            other => panic!("it was interrupted: {other:?}"),
        }
    }

    #[test]
    fn what_was_interrupted_or_failed_goes_on_from_its_checkpoint() {
        let failed = Outcome { ending: Ending::Failed("cut short".into()), ..complete() };
        for outcome in [None, Some(failed)] {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let mut writer = open(dir.path());
            let first = begin(&writer, "clip");
            let empty = StreamBatch::of_entries(first, vec![]);
            writer.commit(&[StreamBatch { checkpoint: Some(checkpoint(1)), ..empty.clone() }]).expect("it fits");
            fill(&writer, first, None);
            writer.commit(&[StreamBatch { outcome, ..empty.clone() }]).expect("it can end so");
            let log = writer.store().page(first, None, 99).expect("it exists").entries;
            drop(writer);
            writer = open(dir.path());
            let (stream, found) = resumed(writer.begin_stream(request("clip"), PROGRAM));
            assert_eq!((stream.id, found, &stream.head.outcome), (first, Some(checkpoint(1).checkpoint), &None));
            assert_eq!(writer.store().page(first, None, 99).expect("it exists").entries, log);
            assert_eq!(writer.store().observations(first, 0..10).expect("it exists").count(), 0, "written again");
            drop(writer);
            writer = open(dir.path());
            let (_, of_another) = resumed(writer.begin_stream(request("clip"), ProgramId([8; 32])));
            assert_eq!(of_another, None);
            drop(writer);
            writer = open(dir.path());
            let (stream, again) = resumed(writer.begin_stream(request("clip"), PROGRAM));
            assert_eq!(again, None, "what another program forgot is not taken to be there");
            writer.commit(&[StreamBatch { checkpoint: Some(checkpoint(2)), ..empty.clone() }]).expect("it fits");
            let over = writer.start_over(&stream).expect("it is resumed");
            assert_eq!((over.id, over.head.next_segment), (first, 0));
            assert_eq!(writer.store().checkpoint_us(first).expect("it exists"), None);
            let whole = StreamBatch { checkpoint: Some(checkpoint(2)), outcome: Some(complete()), ..empty };
            writer.commit(&[whole]).expect("its log is closed");
            let left = writer.store().read().expect("it opens").open_table(CHECKPOINTS).expect("it was made");
            assert!(left.get(first.0).expect("it can be read").is_none(), "what is complete needs none");
        }
    }

    #[test]
    fn a_damaged_checkpoint_is_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let first = begin(&writer, "clip");
        let batch = StreamBatch { checkpoint: Some(checkpoint(1)), ..StreamBatch::of_entries(first, vec![]) };
        writer.commit(&[batch]).expect("it fits");
        let transaction = writer.begin_write().expect("nothing else writes");
        {
            let mut table = transaction.open_table(CHECKPOINTS).expect("it is there");
            let mut row = table.get(first.0).expect("it can be read").expect("it is there").value().to_vec();
            *row.last_mut().expect("it has bytes") ^= 1;
            table.insert(first.0, row.as_slice()).expect("it fits");
        }
        transaction.commit().expect("the disk has room");
        drop(writer);
        let (_, found) = resumed(open(dir.path()).begin_stream(request("clip"), PROGRAM));
        assert_eq!(found, None);
    }

    #[test]
    fn one_name_is_one_input() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let first = begin(&writer, "clip");
        fill(&writer, first, Some(complete()));
        let elsewhere = StreamRequest { source_path: "other/clip".into(), content_hash: [9; 32], ..request("clip") };
        let error = writer.begin_stream(elsewhere.clone(), PROGRAM).expect_err("the name is taken").to_string();
        assert!(error.contains("--name") && error.contains("videos/clip") && error.contains("other/clip"), "{error}");

        let changed_in_place = StreamRequest { source_path: request("clip").source_path, ..elsewhere };
        assert!(
            matches!(writer.begin_stream(changed_in_place, PROGRAM), Ok(Begun::Fresh(stream)) if stream.name.as_str() == "clip.g2")
        );
        let lookalike = StreamRequest { name: StreamName::new("clip.g2").expect("a good name"), ..request("x") };
        assert!(matches!(writer.begin_stream(lookalike, PROGRAM), Err(BeginError::NameTaken { .. })));
    }

    #[test]
    fn a_generation_does_not_take_the_name_of_another_input() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        begin(&writer, "clip.g2");
        begin(&writer, "clip");
        let changed = StreamRequest { config_hash: [3; 32], ..request("clip") };
        assert!(matches!(writer.begin_stream(changed, PROGRAM), Err(BeginError::NameTaken { .. })));
        let long = StreamRequest { name: StreamName::slug(&"x".repeat(128)), ..request("x") };
        assert!(matches!(writer.begin_stream(long.clone(), PROGRAM), Ok(Begun::Fresh(_))));
        let changed = StreamRequest { config_hash: [3; 32], ..long };
        assert!(matches!(writer.begin_stream(changed, PROGRAM), Err(BeginError::NameTooLong { .. })));
    }
}
