//! Making a data directory small while nobody uses it.

use super::check::{Writers, open_to_check};
use super::error::{CommitError, OpenError, ReadError};
use super::observations::orphans;
use super::open::{LOCK_PATIENCE, StoreConfig, Writer, builder, database_file, take_lock};
use serde::Serialize;
use std::path::Path;

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Bytes of the database file before.
    pub bytes_before: u64,
    /// Bytes of the database file after.
    pub bytes_after: u64,
    /// Log entries that were sealed.
    pub sealed: u64,
    /// Log entries that were dropped, being older than what is kept.
    pub dropped: u64,
    /// Files removed that nothing referred to.
    pub orphans: u64,
}

/// Seals whatever can be sealed, drops what is older than what is kept, and gives unused pages back to the disk.
///
/// Every page is compared with its checksum before: what is written anew has a new one, and damage would be found no
/// more.
///
/// # Errors
/// [`OpenError::InUse`] where another process uses the directory, [`OpenError::Damaged`] where a page is not what was
/// written; where there is no store, or the disk fails.
pub fn compact(dir: &Path, config: StoreConfig) -> Result<Compacted, OpenError> {
    let file = database_file(dir)?;
    let length =
        || file.metadata().map(|about| about.len()).map_err(OpenError::io("cannot look at the database", &file));
    let mut compacted = Compacted { bytes_before: length()?, ..Compacted::default() };
    refuse_damaged(dir, &file, config)?;
    let writer = Writer::open(dir, config)?;
    (compacted.sealed, compacted.dropped) = writer.seal_all().map_err(|error| match error {
        CommitError::Read(error) => error.into(),
        CommitError::Database(error) => OpenError::Database(error),
        other => OpenError::from(ReadError::Damaged(other.to_string())),
    })?;
    for orphan in orphans(writer.store()).map_err(OpenError::io("cannot look at the observations", dir))? {
        writer.files.remove(&orphan).map_err(OpenError::io("cannot remove old observations", &orphan))?;
        compacted.orphans += 1;
    }
    drop(writer);
    let _lock = take_lock(dir, LOCK_PATIENCE)?;
    let mut database = builder(config).open(&file)?;
    loop {
        match database.compact() {
            Ok(true) => {}
            Ok(false) => break,
            Err(redb::CompactionError::TransactionInProgress) => {
                return Err(OpenError::InUse { pid: None, dir: dir.to_owned() });
            }
            Err(error) => return Err(OpenError::Database(Box::new(error.into()))),
        }
    }
    drop(database);
    compacted.bytes_after = length()?;
    Ok(compacted)
}

/// Refuses a database whose pages are not what was written, or that is in use.
fn refuse_damaged(dir: &Path, file: &Path, config: StoreConfig) -> Result<(), OpenError> {
    // Whoever writes is waited for, and named where that takes long.
    drop(take_lock(dir, LOCK_PATIENCE)?);
    let opened = open_to_check(dir, config, Writers::Wait)?;
    match opened.store {
        Err(reason) => Err(OpenError::Damaged { path: file.to_owned(), reason }),
        Ok(_) if !opened.pages_checked => Err(OpenError::InUse { pid: None, dir: dir.to_owned() }),
        Ok(_) => Ok(()),
    }
}
