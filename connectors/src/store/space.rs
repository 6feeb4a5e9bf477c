//! Room on the disk: what is done while there is none.
//!
//! A disk that is full is no error. Whoever writes the store waits until there is room again and goes on with the very
//! write that was refused; the database never hears of it, and readers go on beside. So nothing is lost, nothing comes
//! twice, and nothing needs to be opened anew. While somebody waits the store says so, once in the log and for as long
//! as it lasts in [`super::CommitCounters`]; ingestion stands still behind the bounded queue.
//!
//! A sync that is refused for lack of room is an error like any other: what it should have made durable may be gone from
//! the system's cache, so writing it again is not enough.

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// First wait for room, and the longest between two tries.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

type Free = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;

/// The room on the disk of a data directory, as those who write there see it. Clones share it.
#[derive(Clone)]
pub struct DiskSpace(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    least_free_bytes: u64,
    free: Box<Free>,
    state: Mutex<State>,
    changed: Condvar,
    episodes: AtomicU64,
}

#[derive(Default)]
struct State {
    /// How many wait.
    waiting: u32,
    /// Whoever waits is to give up.
    is_given_up: bool,
    /// Somebody did, or would have had to wait since.
    has_refused: bool,
}

impl fmt::Debug for DiskSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskSpace").field("dir", &self.0.dir).finish_non_exhaustive()
    }
}

impl DiskSpace {
    /// That of a directory, of which so much is to stay free.
    pub(super) fn new(dir: &Path, least_free_bytes: u64) -> Self {
        Self::with(dir, least_free_bytes, Box::new(free_bytes))
    }

    pub(super) fn with(dir: &Path, least_free_bytes: u64, free: Box<Free>) -> Self {
        let (state, changed, episodes) = (Mutex::default(), Condvar::new(), AtomicU64::new(0));
        Self(Arc::new(Inner { dir: dir.to_owned(), least_free_bytes, free, state, changed, episodes }))
    }

    /// Whether somebody waits for room.
    pub fn is_waited_for(&self) -> bool {
        self.lock().waiting > 0
    }

    /// How often there was none.
    pub fn episodes(&self) -> u64 {
        self.0.episodes.load(Ordering::Relaxed)
    }

    /// Lets nobody wait any longer, now or later: what was refused then fails.
    pub fn give_up(&self) {
        self.lock().is_given_up = true;
        self.0.changed.notify_all();
    }

    /// Whether something was refused that, had nobody given up, would have waited for room.
    pub fn has_refused(&self) -> bool {
        self.lock().has_refused
    }

    /// From now on whoever finds no room waits for it.
    pub(super) fn be_patient(&self) {
        let mut state = self.lock();
        (state.is_given_up, state.has_refused) = (false, false);
    }

    /// Waits until enough is free to begin something. Before each look there is something to do about it.
    ///
    /// # Errors
    /// Where somebody gave up.
    pub(super) fn wait_for_room(&self, mut make_room: impl FnMut()) -> io::Result<()> {
        let least = self.0.least_free_bytes;
        // A system that does not tell is trusted: the write itself is refused in time.
        let lack = || (self.0.free)(&self.0.dir).ok().filter(|free| *free < least);
        self.retry(|| {
            if lack().is_none() {
                return Ok(());
            }
            make_room();
            match lack() {
                None => Ok(()),
                Some(free) => Err(io::Error::new(
                    ErrorKind::StorageFull,
                    format!("{free} bytes are free, store.least_free_bytes is {least}"),
                )),
            }
        })
    }

    /// Whether enough is free to begin something.
    pub(super) fn has_room(&self) -> bool {
        (self.0.free)(&self.0.dir).map_or(true, |free| free >= self.0.least_free_bytes)
    }

    /// Whether enough is free to do what can also be done later.
    pub(super) fn is_ample(&self) -> bool {
        (self.0.free)(&self.0.dir).map_or(true, |free| free >= self.0.least_free_bytes.saturating_mul(2))
    }

    /// Does something, and again as long as the disk has no room for it.
    ///
    /// # Errors
    /// Those of what is done, and a lack of room where somebody gave up.
    pub(super) fn retry<T>(&self, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let mut wait = WAITS.0;
        let mut waits = None;
        loop {
            let error = match act() {
                Err(error) if is_lack_of_room(&error) => error,
                done => {
                    if waits.is_some() {
                        tracing::warn!(dir = %self.0.dir.display(), "there is room on the disk again, writing goes on");
                    }
                    return done;
                }
            };
            if self.is_refused() {
                return Err(error);
            }
            let guard = match waits.take() {
                Some(guard) => guard,
                None => Waiting::begin(self, &error),
            };
            self.sleep(wait);
            wait = (wait * 2).min(WAITS.1);
            waits = Some(guard);
        }
    }

    /// Whether what found no room is not to wait for it.
    fn is_refused(&self) -> bool {
        let mut state = self.lock();
        state.has_refused |= state.is_given_up;
        state.is_given_up
    }

    /// Until somebody gives up, at the longest.
    fn sleep(&self, wait: Duration) {
        let state = self.lock();
        drop(self.0.changed.wait_timeout_while(state, wait, |state| !state.is_given_up));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment, so a panic elsewhere leaves it whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits.
struct Waiting<'a>(&'a DiskSpace);

impl<'a> Waiting<'a> {
    fn begin(space: &'a DiskSpace, error: &io::Error) -> Self {
        let mut state = space.lock();
        state.waiting += 1;
        if state.waiting == 1 {
            space.0.episodes.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                dir = %space.0.dir.display(), %error,
                "waiting for disk space: nothing is stored until some is freed, reading goes on"
            );
        }
        Self(space)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// Whether the disk, or what of it this user may have, is full.
pub(crate) fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn free_bytes(dir: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The file of a database that waits for room.
#[derive(Debug)]
pub(super) struct PatientFile<F> {
    file: F,
    space: DiskSpace,
}

impl PatientFile<FileBackend> {
    pub fn new(file: File, space: DiskSpace) -> Result<Self, DatabaseError> {
        Ok(Self { file: FileBackend::new(file)?, space })
    }
}

impl<F> PatientFile<F> {
    #[cfg(test)]
    pub fn over(file: F, space: DiskSpace) -> Self {
        Self { file, space }
    }
}

impl<F: StorageBackend> StorageBackend for PatientFile<F> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.space.retry(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.space.retry(|| self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
