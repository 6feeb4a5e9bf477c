//! A file that asks a sink to pause, in whichever process it runs and until somebody takes it away.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Directory of the marks within a data directory.
const DIRECTORY: &str = "sinks";

/// The mark of one sink.
#[derive(Clone, Debug)]
pub struct PauseMark {
    path: PathBuf,
}

impl PauseMark {
    /// That of the sink so named in a data directory.
    pub fn of(data_dir: &Path, sink: &str) -> Self {
        Self { path: data_dir.join(DIRECTORY).join(format!("{sink}.paused")) }
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn is_there(&self) -> std::io::Result<bool> {
        self.path.try_exists()
    }

    /// Makes it; whether it was not there.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn set(&self) -> std::io::Result<bool> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        match std::fs::File::create_new(&self.path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes it away; whether it was there.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn clear(&self) -> std::io::Result<bool> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_made_and_taken_away_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mark = PauseMark::of(dir.path(), "graph");
        assert!(!mark.is_there().expect("it can be asked"));
        assert!(!mark.clear().expect("there is nothing to take away"));
        assert!(mark.set().expect("there is room") && !mark.set().expect("it is there"));
        assert!(mark.is_there().expect("it can be asked") && !PauseMark::of(dir.path(), "log").path().exists());
        assert!(mark.clear().expect("it is there") && !mark.is_there().expect("it can be asked"));
    }
}
