//! Changes to the files beside the database, as a writer makes them: each goes through here, so that tests can take the
//! power away between any two.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
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
        sync_dir(dir)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }

    fn remove_tree(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }
}

/// Makes a directory where it is absent. Its name is durable then, whoever made it, where the directory above can be synced:
/// that may lie in a file system that knows no such thing, or be closed to whoever asks.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    let absent: Vec<&Path> = dir.ancestors().take_while(|above| !above.exists()).collect();
    fs::create_dir_all(dir)?;
    // Also that of one which was there: whoever made it may have been killed before it was durable.
    let was_there = if absent.is_empty() { Some(dir) } else { None };
    for &made in absent.iter().chain(&was_there) {
        let above = match made.parent() {
            Some(above) if above.as_os_str().is_empty() => Path::new("."),
            Some(above) => above,
            None => continue,
        };
        match sync_dir(above) {
            Err(error) if is_out_of_reach(error.kind()) => {
                if was_there.is_none() {
                    let above = above.display();
                    tracing::warn!(%above, %error, "its name cannot be made durable: a loss of power may take a new directory in it");
                }
            }
            synced => synced?,
        }
    }
    Ok(())
}

/// Whether nobody could sync the directory that was refused so, rather than that the disk failed.
fn is_out_of_reach(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(kind, PermissionDenied | InvalidInput | Unsupported | ReadOnlyFilesystem)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_in_a_file_system_without_syncs_serves() {
        let kind = sync_dir(Path::new("/proc")).expect_err("procfs syncs no directory").kind();
        assert!(is_out_of_reach(kind), "{kind:?}");
        make_dir(Path::new("/proc/self")).unwrap();
    }

    #[test]
    fn a_disk_that_fails_is_told() {
        assert!(![ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::NotFound].into_iter().any(is_out_of_reach));
    }
}
