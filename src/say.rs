//! What a command tells: data on stdout, everything else on stderr. Neither ever panics.

use crate::exit::{Context, Failure};
use std::io::{ErrorKind, Write};

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

/// Writes a line to stderr. Where that fails, there is nobody left to tell.
pub fn note(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}
