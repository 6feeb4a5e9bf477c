//! The bounded queue between whoever makes batches and the thread that commits them.

use super::commit::StreamBatch;
use super::error::CommitError;
use super::stream::StreamId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// A batch that waits.
struct Waiting {
    number: u64,
    batch: StreamBatch,
    bytes: usize,
}

/// What waits, and how far the thread is. Batches have numbers from 1 in the order in which they were taken.
#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// Number of the first batch that is being committed, and how many are.
    committing: Option<(u64, usize)>,
    taken: u64,
    refused: u64,
    refused_since_room: bool,
    stopping: bool,
    failure: Option<Arc<CommitError>>,
    /// Streams that broke a promise of their log. Nothing of them is taken but how they ended.
    cast_out: BTreeMap<StreamId, Arc<CommitError>>,
}

impl State {
    /// Whether all batches up to this number have left the queue for good.
    fn is_done(&self, number: u64) -> bool {
        let committing = self.committing.map(|(first, _)| first);
        committing.or(self.waiting.front().map(|next| next.number)).is_none_or(|oldest| oldest > number)
    }

    /// Batches that wait or are being committed.
    fn outstanding(&self) -> u64 {
        (self.waiting.len() + self.committing.map_or(0, |(_, count)| count)) as u64
    }
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

    /// Takes a batch. How a stream ended needs no room: there is one such batch a stream, and it is small.
    pub fn try_push(&self, batch: StreamBatch) -> Result<(), SubmitError> {
        let bytes = batch.bytes();
        let mut state = self.lock();
        if let Some(failure) = &state.failure {
            return Err(SubmitError::Failed(Box::new(batch), failure.clone()));
        }
        let only_ends = batch.entries.is_empty() && batch.outcome.is_some();
        let only_fails = only_ends && batch.outcome.as_ref().is_some_and(|ended| !ended.is_complete());
        if let Some(broken) = state.cast_out.get(&batch.stream).filter(|_| !only_fails) {
            return Err(SubmitError::Failed(Box::new(batch), broken.clone()));
        }
        if state.stopping {
            return Err(SubmitError::Stopped(Box::new(batch)));
        }
        let too_many = state.waiting.len() >= self.limits.batches.max(1);
        let too_large = !state.waiting.is_empty() && state.waiting_bytes + bytes > self.limits.bytes;
        if (too_many || too_large) && !only_ends {
            state.refused += 1;
            state.refused_since_room = true;
            self.arrived.notify_one();
            return Err(SubmitError::Full(Box::new(batch)));
        }
        state.taken += 1;
        let number = state.taken;
        state.waiting.push_back(Waiting { number, batch, bytes });
        state.waiting_bytes += bytes;
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
    /// has come when somebody has other things to do, it says so.
    pub fn pop(&self, choose: impl FnOnce(&[usize]) -> usize, until: Option<Instant>) -> Popped {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.stopping {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Popped::Nothing,
                Some(left) => self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        if state.waiting.is_empty() || state.failure.is_some() {
            return Popped::End;
        }
        let sizes: Vec<usize> = state.waiting.iter().map(|next| next.bytes).collect();
        let count = choose(&sizes).clamp(1, sizes.len());
        state.waiting_bytes -= sizes[..count].iter().sum::<usize>();
        state.committing = state.waiting.front().map(|first| (first.number, count));
        let batches = state.waiting.drain(..count).map(|next| next.batch).collect();
        Popped::Batches(batches, std::mem::take(&mut state.refused_since_room))
    }

    /// Says that the batches that came out last are on disk, or why they and all that follow never will be.
    pub fn finish(&self, result: Result<(), CommitError>) {
        let mut state = self.lock();
        match result {
            Ok(()) => state.committing = None,
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
        state.waiting.retain(|next| next.batch.stream != stream);
        state.waiting_bytes = state.waiting.iter().map(|next| next.bytes).sum();
        state.cast_out.insert(stream, Arc::new(reason));
    }

    /// The number of the batch that was taken last.
    pub fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Waits until all batches up to a number are on disk.
    pub fn flush(&self, number: u64, deadline: Instant) -> Result<(), FlushError> {
        let mut state = self.lock();
        loop {
            if let Some(failure) = &state.failure {
                return Err(FlushError::Failed(failure.clone()));
            }
            if state.is_done(number) {
                return Ok(());
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                return Err(FlushError::Deadline(state.outstanding()));
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
        (state.outstanding(), state.refused)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below is made of steps that cannot panic, so a poisoned lock guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::complete;
    use super::*;

    fn batch(stream: u32) -> StreamBatch {
        StreamBatch::of_entries(StreamId(stream), Vec::new())
    }

    fn is_done(queue: &Queue, number: u64) -> bool {
        queue.flush(number, Instant::now()).is_ok()
    }

    fn queue_of(streams: &[u32]) -> Queue {
        let queue = Queue::new(QueueLimits { batches: streams.len(), bytes: usize::MAX });
        streams.iter().for_each(|stream| queue.try_push(batch(*stream)).expect("there is room"));
        queue
    }

    #[test]
    fn what_comes_after_is_not_waited_for() {
        let queue = queue_of(&[1, 1]);
        let asked = queue.taken();
        let Popped::Batches(batches, _) = queue.pop(|sizes| sizes.len(), None) else { panic!("some wait") };
        batches.iter().for_each(|_| queue.try_push(batch(2)).expect("there is room"));
        assert!(!is_done(&queue, asked), "they are not on disk yet");
        queue.finish(Ok(()));
        assert!(is_done(&queue, asked) && !is_done(&queue, queue.taken()));
    }

    #[test]
    fn what_waits_comes_before_other_things_to_do() {
        let queue = queue_of(&[1]);
        let past = Some(Instant::now());
        assert!(matches!(queue.pop(|_| 1, past), Popped::Batches(..)));
        assert!(matches!(queue.pop(|_| 1, past), Popped::Nothing));
        let soon = Instant::now() + Duration::from_millis(20);
        assert!(matches!(queue.pop(|_| 1, Some(soon)), Popped::Nothing) && Instant::now() >= soon);
        queue.stop();
        assert!(matches!(queue.pop(|_| 1, None), Popped::End));
    }

    #[test]
    fn what_is_cast_out_later_says_nothing_of_what_came_before() {
        let queue = queue_of(&[1, 2, 2, 2]);
        queue.cast_out(StreamId(2), CommitError::Panicked);
        assert!(!is_done(&queue, 1));
        assert_eq!(queue.counts().0, 1);
    }

    #[test]
    fn how_a_stream_ended_needs_no_room() {
        let queue = queue_of(&[1]);
        assert!(matches!(queue.try_push(batch(1)), Err(SubmitError::Full(_))));
        queue.try_push(StreamBatch { outcome: Some(complete()), ..batch(1) }).expect("it is one a stream");
        assert!(matches!(queue.flush(2, Instant::now() + Duration::from_millis(1)), Err(FlushError::Deadline(2))));
    }
}
