//! The thread that commits: whatever waits becomes one transaction.
//!
//! Under load transactions grow by themselves, which is what makes a slow disk fast enough; without load a batch is on
//! disk one sync after it was submitted. How batches are grouped changes nothing that is stored.
//!
//! ```text
//! workers ──try_submit──▶ queue (256 batches, 64 MiB) ──▶ one transaction (20 000 entries' worth, 16 MiB) ──▶ disk
//!     ▲                        │ full: the batch comes back, and
//!     └────────wake────────────┘ the wake-up tells when there is room
//! ```

use super::commit::{Committed, StreamBatch};
use super::error::CommitError;
use super::open::Writer;
use super::queue::{FlushError, Queue, QueueLimits, SubmitError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

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
}

impl Default for CommitterConfig {
    fn default() -> Self {
        let queue = QueueLimits { batches: 256, bytes: 64 << 20 };
        Self { queue, transaction_bytes: 16 << 20, grouping: Grouping::default() }
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
}

#[derive(Default)]
struct Totals {
    commits: AtomicU64,
    entries: AtomicU64,
    deltas: AtomicU64,
    bytes: AtomicU64,
}

/// Owns the thread that commits. Dropping it commits what waits and ends the thread.
pub struct Committer {
    handle: CommitHandle,
    thread: Option<JoinHandle<()>>,
}

/// Submits batches to a [`Committer`]. Clones share its queue.
#[derive(Clone)]
pub struct CommitHandle {
    queue: Arc<Queue>,
    totals: Arc<Totals>,
}

impl Committer {
    /// Starts the thread. `wake` is called on it whenever there is room again for somebody who was refused, and when
    /// a commit fails; it must be quick.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        writer: Arc<Writer>,
        config: CommitterConfig,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let handle = CommitHandle { queue: Arc::new(Queue::new(config.queue)), totals: Arc::default() };
        let CommitHandle { queue, totals } = handle.clone();
        let run = move || commit_all(&writer, config, &queue, &totals, &wake);
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
        let flushed = self.handle.queue.flush(deadline);
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
        if let Some(thread) = self.thread.take() {
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
        self.queue.flush(deadline)
    }

    /// Why nothing is committed any more, if a commit failed.
    pub fn failure(&self) -> Option<Arc<CommitError>> {
        self.queue.failure()
    }

    /// What was done so far.
    pub fn counters(&self) -> CommitCounters {
        let (waiting, refused) = self.queue.counts();
        let of = |total: &AtomicU64| total.load(Ordering::Relaxed);
        let Totals { commits, entries, deltas, bytes } = &*self.totals;
        CommitCounters {
            commits: of(commits),
            entries: of(entries),
            deltas: of(deltas),
            bytes: of(bytes),
            waiting,
            refused,
        }
    }
}

fn commit_all(writer: &Writer, config: CommitterConfig, queue: &Queue, totals: &Totals, wake: &dyn Fn()) {
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
    while let Some((batches, somebody_waits)) = queue.pop(&mut choose) {
        if somebody_waits {
            wake();
        }
        let result = writer.commit(&batches).map(|committed| totals.add(committed));
        if let Err(error) = &result {
            tracing::error!(%error, "nothing is committed any more");
        }
        let failed = result.is_err();
        queue.finish(batches.len() as u64, result);
        if failed {
            wake();
            return;
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
