//! The thread that commits: whatever waits becomes one transaction.
//!
//! Under load transactions grow by themselves, which is what makes a slow disk fast enough; without load a batch is on
//! disk one sync after it was submitted. How batches are grouped changes nothing that is stored.
//!
//! ```text
//! workers ──try_submit──▶ queue (256 batches, 64 MiB) ──▶ one transaction (16 MiB) ──▶ disk
//!     ▲                        │ full: the batch comes back, and
//!     └────────wake────────────┘ the wake-up tells when there is room
//! ```

use super::commit::{Committed, StreamBatch};
use super::error::CommitError;
use super::open::Writer;
use super::queue::{FlushError, Popped, Queue, QueueLimits, SubmitError};
use super::seal::Housekeeping;
use super::space::DiskSpace;
use super::stream::StreamId;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How batches become transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Grouping {
    /// As many as wait and fit.
    #[default]
    AllThatWaits,
    /// Any number of those, drawn from this seed: for tests that show it does not matter.
    Random(u64),
}

/// The limits of a committer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitterConfig {
    /// The most that waits.
    pub queue: QueueLimits,
    /// Bytes in memory after which a transaction takes no further batch.
    pub transaction_bytes: usize,
    /// How batches become transactions.
    pub grouping: Grouping,
    /// Nothing is committed before a batch was refused, or the committer stops: for tests that show what a full queue does.
    pub hold_until_refused: bool,
}

impl Default for CommitterConfig {
    fn default() -> Self {
        let queue = QueueLimits { batches: 256, bytes: 64 << 20 };
        Self { queue, transaction_bytes: 16 << 20, grouping: Grouping::default(), hold_until_refused: false }
    }
}

/// What a committer has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitCounters {
    /// Transactions.
    pub commits: u64,
    /// Log entries, progress included.
    pub entries: u64,
    /// Deltas among them.
    pub deltas: u64,
    /// Bytes of log records, pictures, and observations before compression.
    pub bytes: u64,
    /// Batches that wait or are being committed.
    pub waiting: u64,
    /// How often a batch was refused because the queue was full.
    pub refused: u64,
    /// Log entries that were sealed.
    pub sealed: u64,
    /// Log entries that were dropped, being older than what is kept.
    pub dropped: u64,
    /// It waits for room on the disk: nothing is stored until there is some.
    pub waits_for_space: bool,
    /// How often it had to.
    pub space_waits: u64,
}

#[derive(Default)]
struct Totals {
    commits: AtomicU64,
    entries: AtomicU64,
    deltas: AtomicU64,
    bytes: AtomicU64,
    sealed: AtomicU64,
    dropped: AtomicU64,
}

/// How long a committer that is dropped waits for its disk.
const DROP_PATIENCE: Duration = Duration::from_secs(60);

/// Owns the thread that commits. Dropping it commits what waits and ends the thread; one whose disk hangs for a minute is
/// left behind.
pub struct Committer {
    handle: CommitHandle,
    thread: Option<JoinHandle<()>>,
}

/// Submits batches to a [`Committer`]. Clones share its queue.
#[derive(Clone)]
pub struct CommitHandle {
    queue: Arc<Queue>,
    totals: Arc<Totals>,
    space: DiskSpace,
}

impl Committer {
    /// Starts the thread. `wake` is called on it whenever there is room again for somebody who was refused, and when
    /// a commit fails; `grown` when the log in the store has grown. Both must be quick.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        writer: Arc<Writer>,
        config: CommitterConfig,
        wake: impl Fn() + Send + 'static,
        grown: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(config.queue));
        let handle = CommitHandle { queue, totals: Arc::default(), space: writer.space().clone() };
        let CommitHandle { queue, totals, .. } = handle.clone();
        let run = move || commit_all(&writer, config, &queue, &totals, (&wake, &grown));
        let thread = std::thread::Builder::new().name("commit".into()).spawn(run)?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// Where to submit.
    pub fn handle(&self) -> CommitHandle {
        self.handle.clone()
    }

    /// Takes no more batches, commits those that wait, and gives the counters. A disk that hangs is waited for until
    /// the deadline only; the thread is then left behind.
    ///
    /// # Errors
    /// Where a commit failed, or the deadline came first.
    pub fn stop(mut self, deadline: Instant) -> Result<CommitCounters, FlushError> {
        self.handle.queue.stop();
        let flushed = self.handle.flush(deadline);
        let thread = self.thread.take();
        if let (Some(thread), false) = (thread, matches!(flushed, Err(FlushError::Deadline(_)))) {
            join(thread);
        }
        flushed.map(|()| self.handle.counters())
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.handle.queue.stop();
        let flushed = self.handle.flush(Instant::now() + DROP_PATIENCE);
        if let (Some(thread), false) = (self.thread.take(), matches!(flushed, Err(FlushError::Deadline(_)))) {
            join(thread);
        }
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("the commit thread panicked");
    }
}

impl CommitHandle {
    /// Hands over a batch without waiting. Batches of one stream are stored in the order in which they were taken.
    ///
    /// # Errors
    /// The batch comes back where the queue is full, a commit failed, or the committer was stopped.
    pub fn try_submit(&self, batch: StreamBatch) -> Result<(), SubmitError> {
        self.queue.try_push(batch)
    }

    /// Waits until everything submitted so far is on disk.
    ///
    /// # Errors
    /// Where a commit failed, or the deadline came first.
    pub fn flush(&self, deadline: Instant) -> Result<(), FlushError> {
        self.flush_until(self.submitted(), deadline)
    }

    /// How many batches were taken so far.
    pub fn submitted(&self) -> u64 {
        self.queue.taken()
    }

    /// Waits until the first so many of the batches are on disk, whatever was submitted since.
    ///
    /// # Errors
    /// As [`CommitHandle::flush`].
    pub fn flush_until(&self, submitted: u64, deadline: Instant) -> Result<(), FlushError> {
        self.queue.flush(submitted, deadline)
    }

    /// What was done so far.
    pub fn counters(&self) -> CommitCounters {
        let (waiting, refused) = self.queue.counts();
        let of = |total: &AtomicU64| total.load(Ordering::Relaxed);
        let Totals { commits, entries, deltas, bytes, sealed, dropped } = &*self.totals;
        CommitCounters {
            commits: of(commits),
            entries: of(entries),
            deltas: of(deltas),
            bytes: of(bytes),
            waiting,
            refused,
            sealed: of(sealed),
            dropped: of(dropped),
            waits_for_space: self.space.is_waited_for(),
            space_waits: self.space.episodes(),
        }
    }

    /// The room on the disk that is committed to.
    pub fn space(&self) -> &DiskSpace {
        &self.space
    }
}

fn commit_all(
    writer: &Writer,
    config: CommitterConfig,
    queue: &Queue,
    totals: &Totals,
    (wake, grown): (&dyn Fn(), &dyn Fn()),
) {
    let _guard = PanicGuard(queue);
    if config.hold_until_refused {
        queue.wait_for_refusal();
    }
    let mut rng = match config.grouping {
        Grouping::AllThatWaits => None,
        Grouping::Random(seed) => Some(ChaCha8Rng::seed_from_u64(seed)),
    };
    let mut choose = |sizes: &[usize]| {
        let fitting = fitting(sizes, config.transaction_bytes);
        match &mut rng {
            Some(rng) => 1 + rng.next_u32() as usize % fitting,
            None => fitting,
        }
    };
    let mut house = Housekeeping::default();
    let mut is_tidy = false;
    loop {
        let (batches, somebody_waits) = match queue.pop(&mut choose, (!is_tidy).then(|| house.due())) {
            Popped::Batches(batches, somebody_waits) => (batches, somebody_waits),
            Popped::Nothing => {
                is_tidy = tidy(writer, &mut house, totals);
                continue;
            }
            Popped::End => return,
        };
        is_tidy = false;
        if somebody_waits {
            wake();
        }
        batches.iter().for_each(|batch| house.note(batch.stream));
        let drop_some = || {
            if writer.drops() {
                keep_house(writer, &mut house, totals);
            }
        };
        let room = writer.space().wait_for_room(drop_some);
        let room = room.map_err(|source| CommitError::no_room(source, writer.store().dir()));
        let mut result = room.and_then(|()| writer.commit(&batches)).map(|committed| totals.add(committed));
        let broken = result.as_ref().is_err_and(CommitError::is_of_one_stream);
        if broken {
            result = commit_apart(writer, batches, queue, totals);
        }
        if let Err(error) = &result {
            tracing::error!(%error, "nothing is committed any more");
        }
        let failed = result.is_err();
        queue.finish(result);
        grown();
        if failed || broken {
            wake();
        }
        if failed {
            return;
        }
    }
}

/// Seals or drops a little while nothing waits; whether there is nothing more to do. Trouble with it is no trouble for the
/// log: it is told, and the stream is left alone until its log grows.
fn tidy(writer: &Writer, house: &mut Housekeeping, totals: &Totals) -> bool {
    // Sealing can wait for room, unless it ends in dropping, which gives some back.
    let is_worth_it = writer.space().is_ample() || writer.drops() && writer.space().has_room();
    !is_worth_it || !keep_house(writer, house, totals)
}

/// Does a little of it; whether there may be more to do.
fn keep_house(writer: &Writer, house: &mut Housekeeping, totals: &Totals) -> bool {
    let more = house.step(writer).unwrap_or_else(|error| {
        tracing::warn!(%error, "the old entries of a stream are not sealed");
        true
    });
    totals.sealed.store(house.sealed, Ordering::Relaxed);
    totals.dropped.store(house.dropped, Ordering::Relaxed);
    more
}

/// Commits each stream in a transaction of its own, and casts out those that break a promise of their log.
fn commit_apart(writer: &Writer, batches: Vec<StreamBatch>, queue: &Queue, totals: &Totals) -> Result<(), CommitError> {
    let mut by_stream: BTreeMap<StreamId, Vec<StreamBatch>> = BTreeMap::new();
    batches.into_iter().for_each(|batch| by_stream.entry(batch.stream).or_default().push(batch));
    for (stream, batches) in by_stream {
        match writer.commit(&batches) {
            Ok(committed) => totals.add(committed),
            Err(error) if error.is_of_one_stream() => {
                tracing::error!(%error, "the stream is committed no further");
                queue.cast_out(stream, error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lets nobody wait for a thread that panicked.
struct PanicGuard<'a>(&'a Queue);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.finish(Err(CommitError::Panicked));
        }
    }
}

/// How many of the first batches make a transaction; at least one.
fn fitting(sizes: &[usize], limit: usize) -> usize {
    let mut total = 0usize;
    let fits = |size: &&usize| {
        total = total.saturating_add(**size);
        total <= limit
    };
    sizes.iter().take_while(fits).count().max(1)
}

impl Totals {
    fn add(&self, committed: Committed) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(committed.entries, Ordering::Relaxed);
        self.deltas.fetch_add(committed.deltas, Ordering::Relaxed);
        self.bytes.fetch_add(committed.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
