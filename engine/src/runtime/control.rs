//! What is shared between a stream's dataflow and those who watch it from outside.

use crate::time::Micros;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// The state of one running stream: counters anybody may read, a request to stop, and the first failure.
#[derive(Debug, Default)]
pub struct StreamControl {
    /// Steps of the source, also those that give no frame: parts of the file hashed, pictures passed over.
    pub activity: AtomicU64,
    /// Frames the source has handed over.
    pub frames_in: AtomicU64,
    /// Frames whose deltas have left the dataflow.
    pub frames_out: AtomicU64,
    /// Frames that an earlier process had done, where the stream goes on.
    pub frames_before: AtomicU64,
    /// Frames expected in all, 0 where unknown.
    pub frames_expected: AtomicU64,
    /// Media time of the last frame whose deltas have left.
    pub t_us: AtomicU64,
    /// Ends of the interactions that hold now, two for each.
    pub open_ends: AtomicI64,
    stop: AtomicBool,
    failure: Mutex<Option<String>>,
}

/// The counters of a stream at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// See [`StreamControl::activity`].
    pub activity: u64,
    /// See [`StreamControl::frames_in`].
    pub frames_in: u64,
    /// See [`StreamControl::frames_out`].
    pub frames_out: u64,
    /// See [`StreamControl::frames_expected`].
    pub frames_expected: u64,
    /// See [`StreamControl::t_us`].
    pub t_us: Micros,
    /// Interactions that hold now.
    pub interactions_open: u64,
}

impl StreamControl {
    /// The counters now.
    pub fn counters(&self) -> StreamCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StreamCounters {
            activity: read(&self.activity),
            frames_in: read(&self.frames_in),
            frames_out: read(&self.frames_out),
            frames_expected: read(&self.frames_expected),
            t_us: read(&self.t_us),
            interactions_open: u64::try_from(self.open_ends.load(Ordering::Relaxed) / 2).unwrap_or(0),
        }
    }

    /// Asks the source to end the stream after the frame it is at; what is in flight is still finished.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether somebody asked the stream to stop, or it failed.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Records why the stream cannot go on and stops it. The first reason stays.
    pub fn fail(&self, reason: impl Into<String>) {
        let mut failure = self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        failure.get_or_insert_with(|| reason.into());
        drop(failure);
        self.stop();
    }

    /// Why the stream failed, if it did.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}
