//! What a command tells: data on stdout, everything else on stderr. Neither ever panics.

use crate::exit::{Context, Failure};
use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::rc::Rc;

/// Writes text to stdout. Whoever stops reading has read enough: that is no error.
///
/// # Errors
/// Where stdout cannot take it, for example because a disk is full.
pub fn say(text: impl AsRef<str>) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_ref().as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// Stdout for what is written in many pieces. Whoever stops reading has read enough: the writing ends with an error then, and
/// the cell says that it is none.
pub struct Listener {
    has_left: Rc<Cell<bool>>,
}

impl Listener {
    /// Stdout, and whether its reader has left.
    pub fn new() -> (Self, Rc<Cell<bool>>) {
        let has_left = Rc::default();
        (Self { has_left: Rc::clone(&has_left) }, has_left)
    }

    fn heard<T>(&self, written: std::io::Result<T>) -> std::io::Result<T> {
        if written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            self.has_left.set(true);
        }
        written
    }
}

impl Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.heard(std::io::stdout().lock().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.heard(std::io::stdout().lock().flush())
    }
}

/// Writes a line to stderr. Where that fails, there is nobody left to tell.
pub fn note(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}
