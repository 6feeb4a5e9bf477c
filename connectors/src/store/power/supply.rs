//! When the power goes, and what lies.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What calls go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The file of the database.
    Database,
    /// The files beside it.
    Files,
}

/// Whose syncs do nothing but say they did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liar {
    /// Those of the database.
    Database,
    /// Those of the bytes of files.
    Bytes,
    /// Those of directories.
    Names,
}

/// The power of one machine. Clones share it.
#[derive(Clone, Debug)]
pub struct Power(Arc<Mutex<Countdown>>);

#[derive(Clone, Copy, Debug)]
struct Countdown {
    /// Calls until it goes; after that every call fails.
    left: u32,
    /// Which calls count; `None` for all.
    counted: Option<Device>,
}

impl Power {
    /// Power that never goes.
    pub fn unlimited() -> Self {
        Self(Arc::new(Mutex::new(Countdown { left: u32::MAX, counted: None })))
    }

    /// From now on it goes after so many calls, of one device or of both.
    pub fn last_for(&self, calls: u32, counted: Option<Device>) {
        *self.lock() = Countdown { left: calls, counted };
    }

    /// Whether the next call fails.
    pub fn is_gone(&self) -> bool {
        self.lock().left == 0
    }

    /// One call.
    ///
    /// # Errors
    /// Where the power is gone.
    pub fn call(&self, device: Device) -> io::Result<()> {
        let mut countdown = self.lock();
        if countdown.left == 0 {
            return Err(io::Error::other("the power is gone"));
        }
        countdown.left -= u32::from(countdown.counted.is_none_or(|counted| counted == device));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Countdown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
