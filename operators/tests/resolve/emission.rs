//! Rules of the log.
