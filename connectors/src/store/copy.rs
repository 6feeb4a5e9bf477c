//! A copy of a data directory as it was at one moment, also while another process writes to it.

use super::check::{CheckReport, Writers, check, open_to_check};
use super::error::{OpenError, ReadError};
use super::files::{make_dir, sync_dir};
use super::observations::segments_dir;
use super::open::{Store, StoreConfig};
use super::schema::*;
use redb::{Database, Key, ReadTransaction, ReadableTable, TableDefinition, TableError, Value, WriteTransaction};
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Directories of a data directory that are copied as they are: what sinks set aside, and which of them are paused.
const BESIDE: [&str; 2] = ["dead-letters", "sinks"];
/// Extension of the database of a copy that is not finished.
const UNFINISHED: &str = "part";

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Streams.
    pub streams: u64,
    /// Log entries, progress included.
    pub entries: u64,
    /// Bytes of the new database.
    pub database_bytes: u64,
    /// Segments of observations.
    pub observation_files: u64,
    /// Whether every page of the database that was copied was compared with its checksum. Not while another process
    /// writes.
    pub pages_checked: bool,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target has something in it.
    #[error("there is something in {}, choose a directory that is empty or not there yet", .0.display())]
    NotEmpty(PathBuf),
    /// The target lies in what is to be copied.
    #[error("{} is in {}, which is to be copied: choose a directory outside of it", target.display(), dir.display())]
    Within {
        /// Where the copy was to be.
        target: PathBuf,
        /// What was to be copied.
        dir: PathBuf,
    },
    /// What is to be restored has no database.
    #[error("{} is no backup, it has no {DATABASE_FILE}: name a directory that vokg store backup made", .0.display())]
    NoBackup(PathBuf),
    /// The store that is to be copied, or the copy, cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store that is to be copied cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The backup that is to be restored is not whole.
    #[error("{} is not whole: {problem}; vokg store check tells more, restore another backup", dir.display())]
    Damaged {
        /// Where.
        dir: PathBuf,
        /// What was found first.
        problem: String,
    },
    /// The store of which a backup is to be made is not whole.
    #[error(
        "the store in {} is damaged, no backup is made: {problem}; vokg store check tells more; move the directory away \
         and bring an older backup there with vokg store restore BACKUP DIR",
        dir.display()
    )]
    DamagedStore {
        /// Where.
        dir: PathBuf,
        /// What was found first.
        problem: String,
    },
    /// The copy is not whole.
    #[error(
        "the copy in {} is not whole and was removed: {problem}; vokg store check tells whether {} is whole",
        target.display(),
        dir.display()
    )]
    DamagedCopy {
        /// What was copied.
        dir: PathBuf,
        /// Where the copy was.
        target: PathBuf,
        /// What was found first.
        problem: String,
    },
    /// The copy cannot be written.
    #[error("the copy cannot be written: {0}")]
    Database(Box<redb::Error>),
    /// A file cannot be copied.
    #[error("{doing}: {source}: {path}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
        /// On what.
        path: PathBuf,
    },
    /// A file was removed while the copy was made.
    #[error("observations were removed meanwhile, since a stream was begun anew or is kept no longer; try again: {}", .0.display())]
    Vanished(PathBuf),
}

macro_rules! of_database {
    ($($error:ty),+) => {
        $(impl From<$error> for CopyError {
            fn from(error: $error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })+
    };
}
of_database!(redb::DatabaseError, redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CopyError + use<> {
    let path = path.to_owned();
    move |source| CopyError::Io { doing, source, path }
}

/// Copies the data directory `dir` into `target`, as it is at this moment. A process that writes to it goes on.
///
/// Before, every page of the database is compared with its checksum, as [`check`] does: the copy has checksums of its
/// own, and damage would be found no more. While another process writes that is not possible, and [`Copied`] says so.
///
/// The copy appears last, and is read to its end before this returns: what is there without it is no store. Of a copy
/// that fails, nothing is left.
///
/// # Errors
/// Where `target` has something in it or lies in `dir`, `dir` is damaged, something cannot be read or written, or the
/// copy is not whole.
pub fn backup(dir: &Path, target: &Path, config: StoreConfig) -> Result<Copied, CopyError> {
    refuse_target(dir, target)?;
    let pages_checked = refuse_damaged(dir, config)?;
    Ok(Copied { pages_checked, ..copy(&Store::open(dir, config)?, target, config)? })
}

/// Copies a backup into `target`, once it is found whole.
///
/// # Errors
/// Where the backup is not whole or is no store, `target` has something in it or lies in the backup, or something cannot
/// be read or written.
pub fn restore(backup: &Path, target: &Path, config: StoreConfig) -> Result<Copied, CopyError> {
    refuse_target(backup, target)?;
    let report = check(backup, config).map_err(|error| match error {
        OpenError::Absent(dir) => CopyError::NoBackup(dir),
        other => other.into(),
    })?;
    let pages_checked = report.pages_checked;
    if let Some(problem) = first_problem(report) {
        return Err(CopyError::Damaged { dir: backup.to_owned(), problem });
    }
    Ok(Copied { pages_checked, ..copy(&Store::open_unwritten(backup, config)?, target, config)? })
}

/// Refuses a store whose pages are not what was written; tells whether they could be looked at. Whoever wants to write may:
/// then nothing is known of them.
fn refuse_damaged(dir: &Path, config: StoreConfig) -> Result<bool, CopyError> {
    let written = || dir.join(DATABASE_FILE).metadata().and_then(|about| about.modified()).ok();
    let look = || {
        let before = written();
        let opened = open_to_check(dir, config, Writers::MayCome)?;
        Ok::<_, CopyError>((opened, written() == before))
    };
    let (mut opened, mut is_quiet) = look()?;
    if opened.store.is_err() && !is_quiet {
        // What came meanwhile may be what did not fit. Whoever writes has the store by now, or is done.
        (opened, is_quiet) = look()?;
    }
    match opened.store {
        Ok(_) => Ok(opened.pages_checked && is_quiet),
        Err(problem) => Err(CopyError::DamagedStore { dir: dir.to_owned(), problem }),
    }
}

fn first_problem(report: CheckReport) -> Option<String> {
    report.problems.into_iter().next()
}

/// Refuses a target that cannot take the copy of a directory, before anything is read.
fn refuse_target(dir: &Path, target: &Path) -> Result<(), CopyError> {
    if lies_in(target, dir) {
        return Err(CopyError::Within { target: target.to_owned(), dir: dir.to_owned() });
    }
    match target.try_exists() {
        Ok(true) => refuse_filled(target),
        _ => Ok(()),
    }
}

/// Whether a path is a directory or lies in it. The path need not be there.
fn lies_in(path: &Path, dir: &Path) -> bool {
    let (Ok(dir), Ok(path)) = (dir.canonicalize(), std::path::absolute(path)) else { return false };
    let there = path.ancestors().find_map(|above| above.canonicalize().ok());
    there.is_some_and(|there| there.starts_with(dir))
}

fn copy(store: &Store, target: &Path, config: StoreConfig) -> Result<Copied, CopyError> {
    let was_there = target.exists();
    make_empty_dir(target)?;
    let copied = copy_into(store, target, config);
    if copied.is_err() {
        remove_copy(target, was_there);
    }
    copied
}

/// Removes what was copied into a directory that was empty, and the directory where it was not there.
fn remove_copy(target: &Path, was_there: bool) {
    let database = target.join(DATABASE_FILE);
    // Nothing to report beyond the first error.
    for file in [database.with_extension(UNFINISHED), database] {
        let _ = fs::remove_file(file);
    }
    for dir in BESIDE.map(|name| target.join(name)).into_iter().chain([segments_dir(target)]) {
        let _ = fs::remove_dir_all(dir);
    }
    if !was_there {
        let _ = fs::remove_dir(target);
    }
}

fn copy_into(store: &Store, target: &Path, config: StoreConfig) -> Result<Copied, CopyError> {
    let transaction = store.read()?;
    let unfinished = target.join(DATABASE_FILE).with_extension(UNFINISHED);
    copy_database(&transaction, &unfinished)?;
    let mut copied = Copied::default();
    // The files of the transaction at hand: those that come later are not of this moment.
    let there = Store::of_database(std::sync::Arc::new(Database::open(&unfinished)?), store.dir());
    for stream in there.streams()? {
        copied.streams += 1;
        copied.entries += stream.head.entries;
        for (_, file) in there.observation_files(stream.id)? {
            let relative = file.path.strip_prefix(store.dir()).unwrap_or(&file.path);
            copy_file(&file.path, &target.join(relative), target)?;
            copied.observation_files += 1;
        }
    }
    drop(there);
    for name in BESIDE {
        copy_files_of(&store.dir().join(name), &target.join(name), target)?;
    }
    let database = target.join(DATABASE_FILE);
    fs::rename(&unfinished, &database).map_err(io_error("cannot name the copy", &database))?;
    sync_dir(target).map_err(io_error("cannot sync the directory", target))?;
    copied.database_bytes = database.metadata().map_or(0, |about| about.len());
    match first_problem(check(target, config)?) {
        Some(problem) => {
            Err(CopyError::DamagedCopy { dir: store.dir().to_owned(), target: target.to_owned(), problem })
        }
        None => Ok(copied),
    }
}

fn make_empty_dir(target: &Path) -> Result<(), CopyError> {
    make_dir(target).map_err(io_error("cannot make the directory", target))?;
    refuse_filled(target)
}

fn refuse_filled(target: &Path) -> Result<(), CopyError> {
    let mut entries = fs::read_dir(target).map_err(io_error("cannot list", target))?;
    match entries.next() {
        Some(_) => Err(CopyError::NotEmpty(target.to_owned())),
        None => Ok(()),
    }
}

/// Copies the files of a directory, where it is there.
fn copy_files_of(from: &Path, to: &Path, target: &Path) -> Result<(), CopyError> {
    if !from.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(from).map_err(io_error("cannot list", from))? {
        let path = entry.map_err(io_error("cannot list", from))?.path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        match copy_file(&path, &to.join(name), target) {
            // A sink was resumed meanwhile.
            Err(CopyError::Vanished(_)) => {}
            copied => copied?,
        }
    }
    Ok(())
}

/// Copies one file and makes it durable, with the directories above it up to the target.
fn copy_file(from: &Path, to: &Path, target: &Path) -> Result<(), CopyError> {
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir).map_err(io_error("cannot make the directory", dir))?;
    }
    fs::copy(from, to).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CopyError::Vanished(from.to_owned()),
        _ => io_error("cannot copy", from)(error),
    })?;
    File::open(to).and_then(|file| file.sync_all()).map_err(io_error("cannot sync", to))?;
    for dir in to.ancestors().skip(1).take_while(|dir| dir.starts_with(target)) {
        sync_dir(dir).map_err(io_error("cannot sync the directory", dir))?;
    }
    Ok(())
}

fn copy_database(from: &ReadTransaction, path: &Path) -> Result<(), CopyError> {
    let database = Database::create(path)?;
    let mut to = database.begin_write()?;
    to.set_quick_repair(true);
    macro_rules! copy {
        ($($table:ident),+ | $($of_stream:ident),+) => {
            $(copy_table(from, &to, $table)?;)+
            $(copy_table(from, &to, $of_stream)?;)+
        };
    }
    each_table!(copy);
    to.commit()?;
    drop(database);
    Ok(())
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), CopyError> {
    let rows = match from.open_table(table) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        rows => rows?,
    };
    let mut copies = to.open_table(table)?;
    for row in rows.iter()? {
        let (key, value) = row?;
        copies.insert(key.value(), value.value())?;
    }
    Ok(())
}
