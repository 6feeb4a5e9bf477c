//! The thread of a follower.

use super::follower::{Follower, Step};
use super::status::{SinkControl, SinkState, SinkStatus};
use super::target::Target;
use crate::store::Store;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a follower that has told everything sleeps unless it is nudged: another process may write the log. It looks
/// as often whether it is to pause.
const IDLE: Duration = Duration::from_millis(200);
/// How long a sink whose target does not answer may take to end: it waits for an answer, and what it began keeps its place.
const UNANSWERED: Duration = Duration::from_secs(1);

/// Wakes followers when the log has grown. Clones wake the same ones.
#[derive(Clone, Debug, Default)]
pub struct Nudge(Arc<(Mutex<u64>, Condvar)>);

impl Nudge {
    /// The log has grown.
    pub fn all(&self) {
        let (count, changed) = &*self.0;
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_all();
    }

    fn count(&self) -> u64 {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody nudges after `seen`, at most so long.
    fn wait(&self, seen: u64, most: Duration) {
        let (count, changed) = &*self.0;
        let guard = count.lock().unwrap_or_else(PoisonError::into_inner);
        // A poisoned lock or a time-out only ends the wait early.
        let _ = changed.wait_timeout_while(guard, most, |count| *count == seen);
    }
}

/// A sink at work on its own thread. Dropping it asks the thread to end and leaves it behind.
pub struct Following {
    name: String,
    control: SinkControl,
    nudge: Nudge,
    store: Store,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start<T: Target + 'static>(
        name: &str,
        control: SinkControl,
        nudge: Nudge,
        follower: Follower<T>,
    ) -> std::io::Result<Self> {
        let (thread_control, thread_nudge) = (control.clone(), nudge.clone());
        let store = follower.store.clone();
        let run = move || {
            let _guard = PanicGuard(&thread_control);
            follow(follower, &thread_control, &thread_nudge);
        };
        let thread = std::thread::Builder::new().name(format!("sink-{name}")).spawn(run)?;
        Ok(Self { name: name.to_owned(), control, nudge, store, thread: Some(thread) })
    }

    /// The name of the sink.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// To watch and to steer it.
    pub fn control(&self) -> &SinkControl {
        &self.control
    }

    /// What it last said. One that was asked to look again since it said that its target holds everything, and has not answered,
    /// no more claims so.
    pub fn said(&self) -> SinkStatus {
        let mut status = self.control.status();
        if status.state == SinkState::CaughtUp && !self.control.is_answer(&status) {
            status.state = SinkState::Behind;
        }
        status
    }

    /// What is known of it now: how far it is behind is counted here, for it may have waited for its target ever since the log
    /// had a few entries. Reads two rows of every stream; where the store cannot be read, what the sink last said stands.
    pub fn status(&self) -> SinkStatus {
        let mut status = self.said();
        if status.state != SinkState::CaughtUp
            && let Ok(streams) = self.store.streams()
        {
            status.behind = self.control.backlog().entries(&streams);
        }
        status
    }

    /// Asks the sink to look at the log as it is now; [`SinkControl::is_caught_up`] speaks of that from now on.
    pub fn look_again(&self) {
        self.control.look_again();
        self.nudge.all();
    }

    /// Whether there is nothing to wait for: the target holds the whole log as it was when the sink was last asked to
    /// look, or the sink has ended.
    pub fn is_done(&self) -> bool {
        let ended = matches!(self.control.status().state, SinkState::Failed(_) | SinkState::Stopped);
        ended || self.control.is_caught_up()
    }

    /// Asks the sink to end after the portion at hand and waits for that until the deadline, for one whose target does not
    /// answer a second at most; whether it ended.
    pub fn stop(mut self, deadline: Instant) -> bool {
        self.control.stop();
        self.nudge.all();
        let Some(thread) = self.thread.take() else { return true };
        let deadline = match self.control.status().answers {
            true => deadline,
            false => deadline.min(Instant::now() + UNANSWERED),
        };
        while !thread.is_finished() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // One that panicked has said so in its status.
        let _ = thread.join();
        true
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.control.stop();
        self.nudge.all();
    }
}

/// A thread that panicked tells nobody else.
struct PanicGuard<'a>(&'a SinkControl);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "its thread panicked; please report it".to_owned();
            tracing::error!(%reason, "a sink has ended");
            self.0.update(|status| status.state = SinkState::Failed(reason));
        }
    }
}

fn follow<T: Target>(mut follower: Follower<T>, control: &SinkControl, nudge: &Nudge) {
    let mut not_before = Instant::now();
    let mut looked: Option<Instant> = None;
    while !control.is_stopping() {
        if looked.is_none_or(|looked| looked.elapsed() >= IDLE) {
            looked = Some(Instant::now());
            // Where the system does not tell, what was known stands.
            if let Ok(is_there) = follower.mark().is_there() {
                control.mark(is_there);
            }
        }
        if control.is_paused() {
            control.update(|status| status.state = SinkState::Paused);
            nudge.wait(nudge.count(), IDLE);
            continue;
        }
        let now = Instant::now();
        if now < not_before {
            nudge.wait(nudge.count(), (not_before - now).min(IDLE));
            continue;
        }
        let seen = nudge.count();
        match follower.step() {
            Step::Moved => {}
            Step::CaughtUp => nudge.wait(seen, IDLE),
            Step::Wait(wait) | Step::Soon(wait) => not_before = Instant::now() + wait,
            Step::Failed(_) => return,
        }
    }
    control.update(|status| status.state = SinkState::Stopped);
}
