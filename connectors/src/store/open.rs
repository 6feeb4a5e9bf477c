//! A data directory, opened: [`Store`] to read, [`Writer`] to write.
//!
//! One process writes, any number read beside it (redb's single-writer mode). The writer holds `writer.lock`, which
//! names it, for as long as it lives; a process that dies leaves no lock behind.

use super::error::{OpenError, ReadError};
use super::files::{Files, SystemFiles, make_dir};
use super::log::Unpacked;
use super::observations::{segments_dir, segments_there, sweep_segments};
use super::overlay::Overlay;
use super::retain::Retention;
use super::schema::*;
use super::space::{DiskSpace, PatientFile, is_lack_of_room};
use super::stream::StreamId;
use redb::{
    ConcurrencyMode, Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageError, TableError,
    WriteTransaction,
};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vokg_engine::crash;

pub(super) const LOCK_FILE: &str = "writer.lock";
/// How long a writer waits for another: one that was killed dies at its own pace, and a reader that repairs is one too.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How long a reader that repairs waits for one: it looks again by itself.
const REPAIR_PATIENCE: Duration = Duration::from_millis(300);
/// How long a reader waits for a writer that is just opening or closing.
const OPEN_PATIENCE: Duration = Duration::from_secs(2);

/// How much memory and time the store may take.
#[derive(Clone, Copy, Debug)]
pub struct StoreConfig {
    /// Bytes of database pages kept in memory.
    pub cache_bytes: usize,
    /// How much of each stream's log a writer keeps.
    pub retention: Retention,
    /// Bytes that a writer leaves free on the disk: it waits while there are fewer.
    pub least_free_bytes: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_bytes: 32 << 20, retention: Retention::default(), least_free_bytes: 256 << 20 }
    }
}

/// A data directory, open for reading. Clones share it. Each call reads one state of the store and lets go of it.
#[derive(Clone)]
pub struct Store {
    database: Arc<dyn ReadableDatabase + Send + Sync>,
    dir: Arc<Path>,
    pub(super) unpacked: Arc<Unpacked>,
}

impl Store {
    /// Opens a data directory for reading, also beside a process that writes to it.
    ///
    /// After a crash it is repaired first: on disk, or in memory where nothing can be written. A writer that is opening or
    /// closing at the same moment is waited for, at most 2 s.
    ///
    /// # Errors
    /// Where there is no store, it is damaged, a newer program wrote it, or the disk fails.
    pub fn open(dir: &Path, config: StoreConfig) -> Result<Self, OpenError> {
        let file = database_file(dir)?;
        let patience = Instant::now() + OPEN_PATIENCE;
        let database = loop {
            match builder(config).open_read_only(&file) {
                Ok(database) => break database,
                Err(DatabaseError::RepairAborted | DatabaseError::DatabaseAlreadyOpen) if Instant::now() < patience => {
                    match Writer::open_within(dir, config, REPAIR_PATIENCE) {
                        Ok(repaired) => drop(repaired),
                        Err(OpenError::InUse { .. } | OpenError::BeingChecked(_)) => {
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        Err(error) if error.is_unwritable() => return Self::open_unwritten(dir, config),
                        Err(other) => return Err(other),
                    }
                }
                Err(DatabaseError::Storage(StorageError::Io(error))) if error.kind() == ErrorKind::PermissionDenied => {
                    return Err(OpenError::unreadable(&file)(error));
                }
                Err(other) => return Err(OpenError::from(other).at(&file)),
            }
        };
        let store = Self::of_database(Arc::new(database), dir);
        store.check_format().map_err(|error| error.at(&file))?;
        Ok(store)
    }

    /// Opens a data directory that nobody writes to, repairing in memory what has to be repaired.
    pub(super) fn open_unwritten(dir: &Path, config: StoreConfig) -> Result<Self, OpenError> {
        Self::open_overlaid(dir, redb::Builder::new().set_cache_size(config.cache_bytes))
    }

    /// Opens a data directory that nobody writes to, with what is written to the database kept in memory.
    pub(super) fn open_overlaid(dir: &Path, builder: &redb::Builder) -> Result<Self, OpenError> {
        let file = database_file(dir)?;
        let overlay = File::open(&file).and_then(Overlay::new).map_err(OpenError::unreadable(&file))?;
        let opened = builder.create_with_backend(overlay).map_err(OpenError::from).and_then(|database| {
            let store = Self::of_database(Arc::new(database), dir);
            store.check_format()?;
            Ok(store)
        });
        opened.map_err(|error| error.at(&file))
    }

    pub(super) fn of_database(database: Arc<dyn ReadableDatabase + Send + Sync>, dir: &Path) -> Self {
        Self { database, dir: dir.into(), unpacked: Arc::default() }
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A random number that tells this data directory from others. Part of no digest.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn instance(&self) -> Result<[u8; 16], ReadError> {
        let meta = self.read()?.open_table(META)?;
        let instance = meta.get("instance")?.and_then(|value| value.value().try_into().ok());
        instance.ok_or_else(|| ReadError::Damaged("it has no instance number".into()))
    }

    /// The number of the stream that is begun next. None is given out twice, also where streams were dropped.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn next_stream(&self) -> Result<StreamId, ReadError> {
        let meta = self.read()?.open_table(META)?;
        let next = meta.get("next_stream")?.and_then(|value| value.value().try_into().ok()).map(u32::from_le_bytes);
        next.map(StreamId).ok_or_else(|| ReadError::Damaged("it has no next stream number".into()))
    }

    /// The format of what is stored.
    pub(super) fn format(&self) -> Result<u32, ReadError> {
        let meta = self.read()?.open_table(META)?;
        let format = meta.get("format")?.and_then(|value| value.value().try_into().ok()).map(u32::from_le_bytes);
        format.ok_or_else(|| ReadError::Damaged("it has no format version".into()))
    }

    pub(super) fn read(&self) -> Result<ReadTransaction, ReadError> {
        Ok(self.database.begin_read()?)
    }

    pub(super) fn check_format(&self) -> Result<(), OpenError> {
        let meta = match self.read()?.open_table(META) {
            Err(TableError::TableDoesNotExist(_)) => return Err(OpenError::Absent(self.dir.to_path_buf())),
            meta => meta?,
        };
        let format = meta.get("format")?.and_then(|value| value.value().try_into().ok()).map(u32::from_le_bytes);
        match format {
            Some(found) if found > FORMAT_VERSION => {
                Err(OpenError::Newer { found, known: FORMAT_VERSION, dir: self.dir.to_path_buf() })
            }
            Some(1..) => Ok(()),
            _ => Err(ReadError::Damaged("it has no format version".into()).into()),
        }
    }
}

/// A data directory, open for writing. At most one exists per directory.
///
/// The directory is free again when the writer and every [`Store`] taken from it are gone.
pub struct Writer {
    pub(super) database: Arc<Database>,
    pub(super) store: Store,
    /// Streams that were begun here and have not ended.
    pub(super) active: Mutex<BTreeSet<StreamId>>,
    pub(super) retention: Retention,
    pub(super) space: DiskSpace,
    pub(super) files: Box<dyn Files>,
    _lock: File,
}

impl Drop for Writer {
    /// Closing tidies up what the next opening could as well: no disk is waited for.
    fn drop(&mut self) {
        self.space.give_up();
    }
}

impl Writer {
    /// Opens a data directory for writing; makes it where it is absent. Finishes what a crash interrupted: removes
    /// half-dropped streams and files that no transaction refers to.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where another writer has it, [`OpenError::BeingChecked`] where it is, [`OpenError::Empty`]
    /// and [`OpenError::Lost`] where the database of a store is gone, otherwise where it cannot be made, repaired or
    /// read. A disk that has no room for that is not waited for.
    pub fn open(dir: &Path, config: StoreConfig) -> Result<Self, OpenError> {
        Self::open_within(dir, config, LOCK_PATIENCE)
    }

    fn open_within(dir: &Path, config: StoreConfig, patience: Duration) -> Result<Self, OpenError> {
        make_dir(dir).map_err(OpenError::no_directory(dir))?;
        let lock = take_lock(dir, patience)?;
        let path = dir.join(DATABASE_FILE);
        let space = DiskSpace::new(dir, config.least_free_bytes);
        // Nothing is under way that a wait could save, and nobody yet who could end it.
        space.give_up();
        if !path.try_exists().map_err(OpenError::io("cannot look for the database", &path))? {
            refuse_lost(dir)?;
            make_database(&path, config, &space)?;
        }
        refuse_empty(&path)?;
        let file = File::options().read(true).write(true).open(&path).map_err(OpenError::unwritable(&path))?;
        let database = match builder(config).create_with_backend(PatientFile::new(file, space.clone())?) {
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                return Err(OpenError::InUse { pid: None, dir: dir.to_owned() });
            }
            database => database.map_err(|error| OpenError::from(error).at(&path))?,
        };
        let files = Box::new(SystemFiles);
        let writer = Self::with_database(dir, database, lock, config.retention, space, files);
        let writer = writer.map_err(|error| error.at(&path))?;
        writer.space.be_patient();
        Ok(writer)
    }

    pub(super) fn with_database(
        dir: &Path,
        database: Database,
        lock: File,
        retention: Retention,
        space: DiskSpace,
        files: Box<dyn Files>,
    ) -> Result<Self, OpenError> {
        files.sync_dir(dir).map_err(OpenError::io("cannot sync the data directory", dir))?;
        let database = Arc::new(database);
        let store = Store::of_database(database.clone(), dir);
        let writer = Self { database, store, active: Mutex::default(), retention, space, files, _lock: lock };
        match writer.store.check_format() {
            Err(OpenError::Absent(_)) => writer.make_tables()?,
            checked => {
                checked?;
                writer.upgrade()?;
            }
        }
        writer.settle_attempts()?;
        writer.finish_drops()?;
        sweep_segments(&writer.store, &*writer.files)?;
        Ok(writer)
    }

    /// The room on the disk it writes to.
    pub fn space(&self) -> &DiskSpace {
        &self.space
    }

    /// The same directory, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Begins a transaction that is on disk when it is committed.
    pub(super) fn begin_write(&self) -> Result<WriteTransaction, redb::TransactionError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    fn make_tables(&self) -> Result<(), OpenError> {
        let transaction = self.begin_write()?;
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert("format", FORMAT_VERSION.to_le_bytes().as_slice())?;
            meta.insert("instance", random_bytes().as_slice())?;
            meta.insert("next_stream", 1u32.to_le_bytes().as_slice())?;
        }
        open_all_tables(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// Makes the tables that came after the format the store was made with, and says so.
    fn upgrade(&self) -> Result<(), OpenError> {
        if self.store.format()? == FORMAT_VERSION {
            return Ok(());
        }
        let transaction = self.begin_write()?;
        transaction.open_table(META)?.insert("format", FORMAT_VERSION.to_le_bytes().as_slice())?;
        open_all_tables(&transaction)?;
        transaction.commit()?;
        Ok(())
    }
}

fn open_all_tables(transaction: &WriteTransaction) -> Result<(), TableError> {
    macro_rules! open {
        ($($table:ident),+ | $($of_stream:ident),+) => {
            $(transaction.open_table($table)?;)+
            $(transaction.open_table($of_stream)?;)+
        };
    }
    each_table!(open);
    Ok(())
}

pub(super) fn builder(config: StoreConfig) -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::SingleWriter).set_cache_size(config.cache_bytes);
    builder
}

/// The database file of a data directory that has one.
pub(super) fn database_file(dir: &Path) -> Result<PathBuf, OpenError> {
    let path = dir.join(DATABASE_FILE);
    match path.metadata() {
        Ok(about) if about.is_file() => refuse_empty(&path).map(|()| path),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(OpenError::unreadable(dir)(error)),
        _ => Err(OpenError::Absent(dir.to_owned())),
    }
}

/// An empty file would be taken for a new store, and the observations beside it for nobody's.
fn refuse_empty(path: &Path) -> Result<(), OpenError> {
    match path.metadata().map_err(OpenError::io("cannot look at the database", path))?.len() {
        0 => Err(OpenError::Empty(path.to_owned())),
        _ => Ok(()),
    }
}

/// Observations are written once there is a database. Where it is gone, a new one would take them for nobody's.
fn refuse_lost(dir: &Path) -> Result<(), OpenError> {
    let all = segments_dir(dir);
    match segments_there(dir).map_err(OpenError::io("cannot look at the observations", &all))? {
        true => Err(OpenError::Lost { database: dir.join(DATABASE_FILE), observations: all }),
        false => Ok(()),
    }
}

/// Makes an empty database. It gets its name once it is one: whoever dies meanwhile leaves a file that nothing can open.
fn make_database(path: &Path, config: StoreConfig, space: &DiskSpace) -> Result<(), OpenError> {
    let unfinished = path.with_added_extension("new");
    let failed = || OpenError::io("cannot make the database", &unfinished);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&unfinished);
    let file = PatientFile::new(file.map_err(failed())?, space.clone())?;
    let database = builder(config).create_with_backend(file)?;
    crash::point("database.made");
    drop(database);
    fs::rename(&unfinished, path).map_err(failed())
}

/// Takes the writer's lock and leaves this process's number in it.
pub(super) fn take_lock(dir: &Path, patience: Duration) -> Result<File, OpenError> {
    let path: PathBuf = dir.join(LOCK_FILE);
    let failed = || OpenError::io("cannot take the writer's lock", &path);
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed())?;
    let give_up = Instant::now() + patience;
    let locked = loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => std::thread::sleep(Duration::from_millis(20)),
            locked => break locked,
        }
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // Writers exclude each other and whoever checks; checks do not.
            if file.try_lock_shared().is_ok() {
                return Err(OpenError::BeingChecked(dir.to_owned()));
            }
            let mut holder = String::new();
            let read = file.take(16).read_to_string(&mut holder);
            let pid = read.ok().and_then(|_| holder.trim().parse().ok());
            return Err(OpenError::InUse { pid, dir: dir.to_owned() });
        }
        Err(TryLockError::Error(error)) => return Err(failed()(error)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed())?;
    match writeln!(file, "{}", std::process::id()) {
        // Others are then not told who has it.
        Err(error) if is_lack_of_room(&error) => Ok(file),
        written => written.map(|()| file).map_err(failed()),
    }
}

/// 16 bytes from the seeds the standard library draws from the system for its hash maps: enough to tell two data
/// directories apart, and no crate more.
fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    for half in bytes.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(half.len()).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Result<Writer, OpenError> {
        Writer::open(dir, StoreConfig::default())
    }

    #[test]
    fn a_second_writer_is_told_who_has_it_and_a_reader_is_let_in() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path()).expect("the directory is new");
        let error = open(dir.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
        let reader = Store::open(dir.path(), StoreConfig::default()).expect("readers are let in");
        assert_eq!(reader.instance().ok(), writer.store().instance().ok());
        drop(writer);
        drop(open(dir.path()).expect("the directory is free again"));
    }

    #[test]
    fn a_writer_is_told_of_a_check_and_not_of_a_writer_that_is_gone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        drop(open(dir.path()).expect("the directory is new"));
        let checking = File::open(dir.path().join(LOCK_FILE)).expect("a writer made it");
        checking.try_lock_shared().expect("nobody writes");
        let error = Writer::open_within(dir.path(), StoreConfig::default(), REPAIR_PATIENCE).err();
        assert!(matches!(error, Some(OpenError::BeingChecked(_))), "{error:?}");
        drop(checking);
        drop(open(dir.path()).expect("the directory is free again"));
    }

    #[test]
    fn reading_makes_nothing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let absent = dir.path().join("none");
        assert!(matches!(Store::open(&absent, StoreConfig::default()), Err(OpenError::Absent(_))));
        assert!(!absent.exists());
    }

    #[test]
    fn what_a_newer_program_wrote_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path()).expect("the directory is new");
        let instance = writer.store().instance().expect("it was just made");
        let transaction = writer.begin_write().expect("nothing else writes");
        {
            let mut meta = transaction.open_table(META).expect("the table exists");
            meta.insert("format", 9u32.to_le_bytes().as_slice()).expect("the disk has room");
        }
        transaction.commit().expect("the disk has room");
        drop(writer);
        for error in [open(dir.path()).err(), Store::open(dir.path(), StoreConfig::default()).err()] {
            let text = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(text.contains("has format 9, this vokg reads up to 2"), "{text}");
        }
        assert_ne!(instance, [0; 16]);
    }

    #[test]
    fn something_else_in_place_of_the_database_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join(DATABASE_FILE), "no database at all, but long enough to look at")
            .expect("it has room");
        for error in [open(dir.path()).err(), Store::open(dir.path(), StoreConfig::default()).err()] {
            let text = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(text.contains("damaged or no store of vokg") && text.contains("vokg store restore"), "{text}");
        }
    }

    #[test]
    fn a_database_that_was_cut_short_is_named_with_the_ways_out() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        drop(open(dir.path()).expect("the directory is new"));
        let file = File::options().write(true).open(dir.path().join(DATABASE_FILE)).expect("it was made");
        file.set_len(2_000).expect("the file is ours");
        for error in [open(dir.path()).err(), Store::open(dir.path(), StoreConfig::default()).err()] {
            assert!(matches!(error, Some(OpenError::Damaged { .. })), "{error:?}");
        }
    }

    #[test]
    fn a_store_whose_database_is_gone_is_no_new_one() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let observations = dir.path().join("observations/1-clip/1-000000.zst");
        drop(open(dir.path()).expect("the directory is new"));
        fs::create_dir_all(observations.parent().expect("it has one")).expect("the disk has room");
        fs::write(&observations, "seen").expect("the disk has room");
        let database = dir.path().join(DATABASE_FILE);
        fs::write(&database, "").expect("the disk has room");
        for error in [open(dir.path()).err(), Store::open(dir.path(), StoreConfig::default()).err()] {
            let text = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(text.contains("vokg.redb is empty") && text.contains("vokg store restore"), "{text}");
        }
        fs::remove_file(&database).expect("it is there");
        let text = open(dir.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("is not there, but observations") && text.contains("vokg store restore"), "{text}");
        assert!(observations.exists(), "nothing was removed");
        fs::remove_file(&observations).expect("it is there");
        drop(open(dir.path()).expect("nothing was stored there"));
    }
}
