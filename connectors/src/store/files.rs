//! Changes to the files beside the database, as a writer makes them: each goes through here, so that tests can take the
//! power away between any two.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Who changes files. A name is durable once its directory is synced.
pub(super) trait Files: Send + Sync {
    /// Makes a directory and those above it that are absent.
    fn make_dirs(&self, dir: &Path) -> io::Result<()>;
    /// Makes a file of these bytes, in place of one that has its name.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<Box<dyn Unsynced>>;
    /// Gives a file another name in its directory, in place of one that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, file: &Path) -> io::Result<()>;
    /// Removes a directory with all that is in it.
    fn remove_tree(&self, dir: &Path) -> io::Result<()>;
}

/// A file whose bytes are written and not durable. It stays open until they are: what goes wrong meanwhile is told to
/// whoever has it open.
pub(super) trait Unsynced {
    /// Makes the bytes durable.
    fn sync(&self) -> io::Result<()>;
}

impl Unsynced for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// The files of the system.
pub(super) struct SystemFiles;

impl Files for SystemFiles {
    fn make_dirs(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<Box<dyn Unsynced>> {
        let mut out = File::create(file)?;
        out.write_all(bytes)?;
        Ok(Box::new(out))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        super::open::sync_dir(dir)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }

    fn remove_tree(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }
}
