//! The latest checkpoint of each stream, from which an interrupted one goes on.
//!
//! It changes in the transaction that commits the frame it was taken at, so the log of a stream always reaches at least
//! to its checkpoint. What lies in the log behind it is derived again and compared.

use super::commit::StreamBatch;
use super::error::{CommitError, ReadError};
use super::head::StreamHead;
use super::open::Store;
use super::schema::{CHECKPOINTS, OBSERVATIONS, from_row, to_row};
use super::stream::StreamId;
use redb::{ReadableTable, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use vokg_engine::runtime::checkpoint::Checkpoint;
use vokg_engine::time::Micros;

/// The most bytes a checkpoint may have once compressed: a larger one is left out, and the stream would go on from an
/// earlier one.
pub const CHECKPOINT_BYTES_MAX: usize = 64 << 20;
/// Compression of checkpoints: they are written often and read hardly ever.
const ZSTD_LEVEL: i32 = 1;

/// Which program remembers: what one program remembered means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramId(pub [u8; 32]);

/// A checkpoint on its way into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheckpoint {
    /// Who took it.
    pub program: ProgramId,
    /// What it holds.
    pub checkpoint: Checkpoint,
}

impl NewCheckpoint {
    /// Bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        self.checkpoint.parts.values().map(Vec::len).sum()
    }
}

/// A row of the table.
#[derive(Serialize, Deserialize)]
struct Row {
    program: ProgramId,
    /// The number of the next observation segment when it was taken.
    next_segment: u32,
    /// BLAKE3 hash of what follows.
    hash: [u8; 32],
    /// The checkpoint, compressed.
    state: Vec<u8>,
}

impl Store {
    /// Media time of the latest checkpoint of a stream, whoever took it; `None` where it has none.
    ///
    /// # Errors
    /// Where the database cannot be read, or the checkpoint.
    pub fn checkpoint_us(&self, stream: StreamId) -> Result<Option<Micros>, ReadError> {
        let table = match self.read()?.open_table(CHECKPOINTS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        let row: Option<Row> = table.get(stream.0)?.map(|row| from_row("checkpoints", row.value())).transpose()?;
        row.map(|row| read(&row).map(|checkpoint| checkpoint.t)).transpose()
    }
}

/// Stores a checkpoint of a batch in place of the one before, or forgets that where the batch completes the stream.
pub(super) fn store_checkpoint(
    transaction: &WriteTransaction,
    batch: &StreamBatch,
    checkpoint: Option<&NewCheckpoint>,
    head: &StreamHead,
) -> Result<(), CommitError> {
    let mut table = transaction.open_table(CHECKPOINTS)?;
    if batch.outcome.as_ref().is_some_and(|outcome| outcome.is_complete()) {
        table.remove(batch.stream.0)?;
        return Ok(());
    }
    let Some(NewCheckpoint { program, checkpoint }) = checkpoint else { return Ok(()) };
    let state = zstd::bulk::compress(&to_row(checkpoint), ZSTD_LEVEL);
    let state = state.map_err(|error| ReadError::Damaged(format!("a checkpoint cannot be compressed: {error}")))?;
    if state.len() > CHECKPOINT_BYTES_MAX {
        let (bytes, t_us) = (state.len(), checkpoint.t);
        tracing::warn!(stream = batch.stream.0, t_us, bytes, "a checkpoint is too large and is left out");
        return Ok(());
    }
    let hash = *blake3::hash(&state).as_bytes();
    let row = Row { program: *program, next_segment: head.next_segment, hash, state };
    table.insert(batch.stream.0, to_row(&row).as_slice())?;
    Ok(())
}

/// Sets a stream back to its checkpoint, as far as it is not its log: the segments of observations since are forgotten
/// and will be written again. Gives the checkpoint, where there is one that `program` understands.
pub(super) fn go_back(
    transaction: &WriteTransaction,
    stream: StreamId,
    head: &mut StreamHead,
    program: ProgramId,
) -> Result<Option<Checkpoint>, CommitError> {
    let row = transaction.open_table(CHECKPOINTS)?.get(stream.0)?.map(|row| from_row("checkpoints", row.value()));
    let row: Option<Row> = row.transpose()?;
    let mut usable = None;
    if let Some(row) = row.filter(|row| row.program == program) {
        match read(&row) {
            Ok(checkpoint) => usable = Some((row.next_segment, checkpoint)),
            Err(error) => tracing::warn!(stream = stream.0, %error, "the stream is processed again from its beginning"),
        }
    }
    match usable {
        Some((next_segment, checkpoint)) => {
            forget_observations(transaction, stream, head, next_segment)?;
            Ok(Some(checkpoint))
        }
        // Nor is it for later: what is forgotten now it would take to be there.
        None => forget_checkpoint(transaction, stream, head).map(|()| None),
    }
}

/// Sets a stream back to its beginning, as far as it is not its log.
pub(super) fn forget_checkpoint(
    transaction: &WriteTransaction,
    stream: StreamId,
    head: &mut StreamHead,
) -> Result<(), CommitError> {
    transaction.open_table(CHECKPOINTS)?.remove(stream.0)?;
    forget_observations(transaction, stream, head, 0)
}

fn forget_observations(
    transaction: &WriteTransaction,
    stream: StreamId,
    head: &mut StreamHead,
    next_segment: u32,
) -> Result<(), CommitError> {
    head.next_segment = next_segment;
    let since = (stream.0, next_segment)..=(stream.0, u32::MAX);
    transaction.open_table(OBSERVATIONS)?.retain_in(since, |_, _| false)?;
    Ok(())
}

fn read(row: &Row) -> Result<Checkpoint, ReadError> {
    let damaged = |reason: String| ReadError::Damaged(format!("the checkpoint cannot be read: {reason}"));
    if *blake3::hash(&row.state).as_bytes() != row.hash {
        return Err(damaged("its hash is another".to_owned()));
    }
    let bytes = zstd::stream::decode_all(row.state.as_slice()).map_err(|error| damaged(error.to_string()))?;
    from_row("checkpoints", &bytes)
}
