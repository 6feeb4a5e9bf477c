//! The bounded queue between whoever makes batches and the thread that commits them.

use super::commit::StreamBatch;
use super::error::CommitError;
use super::stream::StreamId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The most a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Batches.
    pub batches: usize,
    /// Bytes in memory. A single batch may be larger: it is taken when the queue is empty.
    pub bytes: usize,
}

/// Why a batch was not taken. It comes back.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no room. The wake-up that was registered is called once there is.
    #[error("the commit queue is full")]
    Full(Box<StreamBatch>),
    /// A commit failed: nothing is taken any more, of any stream or of this one. What was committed before stays.
    #[error("nothing is committed any more: {1}")]
    Failed(Box<StreamBatch>, Arc<CommitError>),
    /// The committer was stopped.
    #[error("the committer was stopped")]
    Stopped(Box<StreamBatch>),
}

/// Why not everything submitted is known to be on disk.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The deadline came first.
    #[error("{0} batches were not committed before the deadline")]
    Deadline(u64),
    /// A commit failed. It is the reason, and nothing after it was stored.
    #[error(transparent)]
    Failed(Arc<CommitError>),
}

/// What waits, and how far the thread is. Batches have numbers from 1 in the order in which they were taken.
#[derive(Default)]
struct State {
    waiting: VecDeque<(StreamBatch, usize)>,
    waiting_bytes: usize,
    taken: u64,
    done: u64,
    refused: u64,
    refused_since_room: bool,
    stopping: bool,
    failure: Option<Arc<CommitError>>,
    /// Streams that broke a promise of their log. Nothing of them is taken but how they ended.
    cast_out: BTreeMap<StreamId, Arc<CommitError>>,
}

/// What comes out of a queue.
pub(super) enum Popped {
    /// The next batches, and whether somebody was refused and finds room now.
    Batches(Vec<StreamBatch>, bool),
    /// Nothing waits now.
    Nothing,
    /// The queue was stopped and is empty, or a commit failed.
    End,
}

/// See the module.
pub(super) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    arrived: Condvar,
    finished: Condvar,
}

impl Queue {
    pub fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Mutex::default(), arrived: Condvar::new(), finished: Condvar::new() }
    }

    pub fn try_push(&self, batch: StreamBatch) -> Result<(), SubmitError> {
        let bytes = batch.bytes();
        let mut state = self.lock();
        if let Some(failure) = &state.failure {
            return Err(SubmitError::Failed(Box::new(batch), failure.clone()));
        }
        let only_ends = batch.entries.is_empty() && batch.outcome.as_ref().is_some_and(|ended| !ended.is_complete());
        if let Some(broken) = state.cast_out.get(&batch.stream).filter(|_| !only_ends) {
            return Err(SubmitError::Failed(Box::new(batch), broken.clone()));
        }
        if state.stopping {
            return Err(SubmitError::Stopped(Box::new(batch)));
        }
        let too_many = state.waiting.len() >= self.limits.batches.max(1);
        let too_large = !state.waiting.is_empty() && state.waiting_bytes + bytes > self.limits.bytes;
        if too_many || too_large {
            state.refused += 1;
            state.refused_since_room = true;
            self.arrived.notify_one();
            return Err(SubmitError::Full(Box::new(batch)));
        }
        state.waiting.push_back((batch, bytes));
        state.waiting_bytes += bytes;
        state.taken += 1;
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits until somebody was refused, or the queue is stopped.
    pub fn wait_for_refusal(&self) {
        let mut state = self.lock();
        while state.refused == 0 && !state.stopping {
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for batches and takes as many as `choose` says, given the bytes of those that wait; at least one. Where none
    /// waits and somebody has other things to do meanwhile, it says so instead of waiting.
    pub fn pop(&self, choose: impl FnOnce(&[usize]) -> usize, waits: bool) -> Popped {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.stopping {
            if !waits {
                return Popped::Nothing;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.waiting.is_empty() || state.failure.is_some() {
            return Popped::End;
        }
        let sizes: Vec<usize> = state.waiting.iter().map(|(_, bytes)| *bytes).collect();
        let count = choose(&sizes).clamp(1, sizes.len());
        state.waiting_bytes -= sizes[..count].iter().sum::<usize>();
        let batches = state.waiting.drain(..count).map(|(batch, _)| batch).collect();
        Popped::Batches(batches, std::mem::take(&mut state.refused_since_room))
    }

    /// Says that the next `count` batches are on disk, or why they and all that follow never will be.
    pub fn finish(&self, count: u64, result: Result<(), CommitError>) {
        let mut state = self.lock();
        match result {
            Ok(()) => state.done += count,
            Err(error) => {
                state.failure = Some(Arc::new(error));
                state.waiting.clear();
                state.waiting_bytes = 0;
            }
        }
        self.finished.notify_all();
    }

    /// Takes nothing more of a stream but how it ended, and drops what waits of it.
    pub fn cast_out(&self, stream: StreamId, reason: CommitError) {
        let mut state = self.lock();
        let before = state.waiting.len();
        state.waiting.retain(|(batch, _)| batch.stream != stream);
        state.waiting_bytes = state.waiting.iter().map(|(_, bytes)| bytes).sum();
        state.done += (before - state.waiting.len()) as u64;
        state.cast_out.insert(stream, Arc::new(reason));
    }

    /// Waits until everything taken so far is on disk.
    pub fn flush(&self, deadline: Instant) -> Result<(), FlushError> {
        let mut state = self.lock();
        let taken = state.taken;
        loop {
            if let Some(failure) = &state.failure {
                return Err(FlushError::Failed(failure.clone()));
            }
            if state.done >= taken {
                return Ok(());
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                return Err(FlushError::Deadline(taken - state.done));
            }
            state = self.finished.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes no more batches; those that wait are still committed.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.arrived.notify_all();
    }

    /// Batches that wait, and how often one was refused.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.lock();
        (state.taken - state.done, state.refused)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below is made of steps that cannot panic, so a poisoned lock guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
