//! Changes to the files beside the database: each goes through here, one call of the system at a time, so that tests
//! can take the power away between any two.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Who changes files. What is written is durable once the file is synced, and a name once its directory is.
pub(super) trait Files: Send + Sync {
    /// Makes a directory and those above it that are absent.
    fn make_dirs(&self, dir: &Path) -> io::Result<()>;
    /// Makes a file of these bytes, in place of one that has its name.
    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes the bytes of a file durable.
    fn sync(&self, file: &Path) -> io::Result<()>;
    /// Gives a file another name in its directory, in place of one that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, file: &Path) -> io::Result<()>;
    /// Removes a directory with all that is in it.
    fn remove_tree(&self, dir: &Path) -> io::Result<()>;
}

/// The files of the system.
pub(super) struct SystemFiles;

impl Files for SystemFiles {
    fn make_dirs(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(file, bytes)
    }

    fn sync(&self, file: &Path) -> io::Result<()> {
        File::open(file)?.sync_all()
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
