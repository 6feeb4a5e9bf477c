//! What is known of a sink from outside, and what it is asked to do.

use super::backlog::Backlog;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a sink fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkState {
    /// It has not asked its target yet.
    #[default]
    Starting,
    /// There is more to tell.
    Behind,
    /// The target holds the whole log.
    CaughtUp,
    /// The target is away; it is tried again.
    Waiting,
    /// Somebody asked it to pause.
    Paused,
    /// It has ended, for this reason, and somebody must look.
    Failed(String),
    /// It was asked to end.
    Stopped,
}

/// What is known of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkStatus {
    /// How it fares.
    pub state: SinkState,
    /// Entries its target took since it was started, progress included.
    pub applied: u64,
    /// Portions they came in.
    pub portions: u64,
    /// Entries of the present epochs that its target does not hold yet.
    pub behind: u64,
    /// How often something had to be tried again.
    pub retries: u64,
    /// Entries the target refused.
    pub dead_letters: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// How often its target took or removed something: while this stands still, nothing gets on.
    #[serde(skip)]
    pub moves: u64,
    /// Its target answered when it was asked last.
    #[serde(skip)]
    pub answers: bool,
    /// How often it had been asked to look again when it looked last.
    #[serde(skip)]
    pub(super) looked: u64,
}

/// Shared between a sink and whoever watches and steers it.
#[derive(Clone, Debug, Default)]
pub struct SinkControl(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    paused: AtomicBool,
    marked: AtomicBool,
    stopping: AtomicBool,
    asked: AtomicU64,
    status: Mutex<SinkStatus>,
    backlog: Mutex<Backlog>,
}

impl SinkControl {
    /// What is known of the sink.
    pub fn status(&self) -> SinkStatus {
        self.lock().clone()
    }

    /// Asks the sink to pause, or to go on.
    pub fn pause(&self, paused: bool) {
        self.0.paused.store(paused, Ordering::Release);
    }

    /// Whether its [`super::PauseMark`] is there.
    pub(super) fn mark(&self, is_there: bool) {
        self.0.marked.store(is_there, Ordering::Release);
    }

    /// Asks the sink to end after the portion at hand.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
    }

    /// Whether it is asked to pause, by [`SinkControl::pause`] or by its [`super::PauseMark`].
    pub fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::Acquire) || self.0.marked.load(Ordering::Acquire)
    }

    /// Whether it is asked to end.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Asks the sink to look at the log once more: what it says from now on is about the log as it is now or later.
    pub fn look_again(&self) {
        self.0.asked.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether the target holds the whole log as it was when somebody last called [`SinkControl::look_again`].
    pub fn is_caught_up(&self) -> bool {
        let status = self.lock();
        status.state == SinkState::CaughtUp && self.is_answer(&status)
    }

    /// Whether this was said after somebody last called [`SinkControl::look_again`].
    pub(super) fn is_answer(&self, status: &SinkStatus) -> bool {
        status.looked == self.0.asked.load(Ordering::Acquire)
    }

    /// How often the sink was asked to look again.
    pub(super) fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::Acquire)
    }

    /// What the target holds, as far as the sink knows. Nobody keeps it while a target is asked.
    pub(super) fn backlog(&self) -> MutexGuard<'_, Backlog> {
        // Each change is one of a map, so a panic elsewhere leaves it whole.
        self.0.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut SinkStatus)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, SinkStatus> {
        // Each change is a few assignments, so a panic elsewhere leaves it whole.
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
