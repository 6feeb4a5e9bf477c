//! What can go wrong at the store's three borders: opening, reading and committing.

use super::head::BatchError;
use super::position::Position;
use super::space::is_lack_of_room;
use super::stream::StreamId;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use vokg_engine::id::StreamName;
use vokg_engine::time::{Micros, secs_from_micros};

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes to it.
    #[error("data directory in use by {}, wait for it to end or choose another directory: {dir}", by(*.pid), dir = dir.display())]
    InUse {
        /// Which process, where known.
        pid: Option<u32>,
        /// The directory.
        dir: PathBuf,
    },
    /// `vokg store check` reads all of it, and nothing may change meanwhile.
    #[error("data directory is being checked, wait for that to end or choose another directory: {}", .0.display())]
    BeingChecked(PathBuf),
    /// There is no store, and reading does not make one.
    #[error("no vokg data here, vokg run puts it there: {}", .0.display())]
    Absent(PathBuf),
    /// A newer vokg wrote it.
    #[error("the data has format {found}, this vokg reads up to {known}, a newer vokg is needed: {dir}", dir = dir.display())]
    Newer {
        /// Format of the data.
        found: u32,
        /// The latest format this program knows.
        known: u32,
        /// The directory.
        dir: PathBuf,
    },
    /// The database is an empty file. It gets its name once it is a database, so it was one before.
    #[error(
        "{} is empty: what was stored there is gone; move the directory away and bring a backup there with vokg store \
         restore BACKUP DIR, or remove the file if nothing was ever stored there",
        .0.display()
    )]
    Empty(PathBuf),
    /// The observations of a store are there, and its database is not.
    #[error(
        "{} is not there, but observations of a store are in {}: move the directory away and bring a backup there with \
         vokg store restore BACKUP DIR; where a copy was not finished, remove the directory and copy again",
        database.display(),
        observations.display()
    )]
    Lost {
        /// Where the database should be.
        database: PathBuf,
        /// Where the observations are.
        observations: PathBuf,
    },
    /// The database file may not be read.
    #[error(
        "no permission to read {}{rights}: give this user the right to read it, or run vokg as the user who has it",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Its rights and its owner, for people; empty where they are not known.
        rights: String,
    },
    /// The database file is damaged, or something else.
    #[error(
        "{} is damaged or no store of vokg: {reason}; vokg store check tells more; move the directory away and bring a \
         backup there with vokg store restore BACKUP DIR",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A file or directory could not be made, read or locked.
    #[error("{doing}: {source}{}: {path}", way_out(source), path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
        /// On what.
        path: PathBuf,
    },
    /// There is no data directory, and none can be made.
    #[error("cannot make the data directory: {source}; use one that is there or can be made: {path}", path = path.display())]
    NoDirectory {
        /// What the system said.
        source: io::Error,
        /// Its path.
        path: PathBuf,
    },
    /// Something else stands in the place of the data directory.
    #[error("{} is a file, not a data directory: name a directory, which is made where it is absent", .0.display())]
    NotADirectory(PathBuf),
    /// The database refused.
    #[error("the store cannot be opened: {error}{}", way_out_of(.0), error = .0)]
    Database(Box<redb::Error>),
    /// The database opened, but what it holds makes no sense.
    #[error(transparent)]
    Read(#[from] ReadError),
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            " (what is there can still be read; to write, use a directory that may be written)"
        }
        _ if is_lack_of_room(error) => " (free some space, or use a directory on another disk)",
        _ => "",
    }
}

fn way_out_of(error: &redb::Error) -> &'static str {
    if let redb::Error::Io(error) = error { way_out(error) } else { "" }
}

fn by(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

impl OpenError {
    /// Whether it lies in that nothing may be written there, or that there is no room.
    pub(super) fn is_unwritable(&self) -> bool {
        let error = match self {
            Self::Io { source, .. } | Self::NoDirectory { source, .. } => source,
            Self::Database(error) => match &**error {
                redb::Error::Io(error) => error,
                _ => return false,
            },
            _ => return false,
        };
        matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
            || is_lack_of_room(error)
    }

    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { doing, source, path }
    }

    /// Why there is no data directory.
    pub(super) fn no_directory(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match path.is_file() {
            true => Self::NotADirectory(path),
            false => Self::NoDirectory { source, path },
        }
    }

    /// Why a database file cannot be opened to be read.
    pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Unreadable { rights: rights(&path), path },
            _ => Self::Io { doing: "cannot read the database", source, path },
        }
    }

    /// Why a database file cannot be opened to be written.
    pub(super) fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied if File::open(&path).is_err() => {
                Self::Unreadable { rights: rights(&path), path }
            }
            _ => Self::Io { doing: "cannot write the database", source, path },
        }
    }

    /// The same of the database at hand: where that is no whole database, it is named, and the ways out.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Database(error) | Self::Read(ReadError::Database(error)) => match damage(&error) {
                Some(reason) => Self::Damaged { path: path.to_owned(), reason },
                None => Self::Database(error),
            },
            other => other,
        }
    }

    /// What is wrong, for whoever tells the ways out himself.
    pub(super) fn problem(&self) -> String {
        match self {
            Self::Damaged { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }
}

/// What a database file has that no whole one has; `None` where the error says nothing of that.
fn damage(error: &redb::Error) -> Option<String> {
    match error {
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some("it ends too early".to_owned()),
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Some(error.to_string()),
        redb::Error::Corrupted(_) => Some(error.to_string()),
        _ => None,
    }
}

/// The rights of a file and its owner, for people.
fn rights(path: &Path) -> String {
    match path.metadata() {
        Ok(about) => format!(" (its rights are {:03o}, its owner is user {})", about.mode() & 0o7777, about.uid()),
        Err(_) => String::new(),
    }
}

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database could not be read.
    #[error("the store cannot be read: {0}")]
    Database(Box<redb::Error>),
    /// A stream with this number does not exist, or was begun anew meanwhile.
    #[error("no stream has the number {}, it may have been started again", .0.0)]
    UnknownStream(StreamId),
    /// It is older than what the store keeps of the stream.
    #[error(
        "what is asked for of stream {stream} is gone: the oldest entry still kept is {oldest}, at {:.3} s; \
         [store] keep_secs and keep_bytes say how much is kept",
        *.oldest_us as f64 / 1e6
    )]
    Gone {
        /// Own name of the stream.
        stream: StreamName,
        /// The oldest entry that is there.
        oldest: Position,
        /// From this media time on the graph can be asked for.
        oldest_us: Micros,
    },
    /// What was read contradicts itself or its checksum.
    #[error("the store is damaged: {0}; restore a copy, or run the input again into another directory")]
    Damaged(String),
    /// A file beside the database could not be read.
    #[error("{source}: {path}", path = path.display())]
    Io {
        /// What the system said.
        source: io::Error,
        /// On what.
        path: PathBuf,
    },
}

/// Why a transaction did not happen. Nothing of it is stored then.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The database could not be written, for example because the disk is full.
    #[error("the store cannot be written: {0}")]
    Database(Box<redb::Error>),
    /// A file beside the database could not be written.
    #[error("{doing}: {source}: {path}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
        /// On what.
        path: PathBuf,
    },
    /// Something the commit builds upon could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The entries cannot follow those in the log: whoever made them broke a promise.
    #[error("stream {stream}: {reason}")]
    Refused {
        /// Own name of the stream.
        stream: StreamName,
        /// What is wrong.
        reason: BatchError,
    },
    /// A value is taken back that its key does not have.
    #[error("stream {stream}: entry {at} takes back a value that its key does not have: {element}")]
    NotThere {
        /// Own name of the stream.
        stream: StreamName,
        /// The entry.
        at: Position,
        /// The key, for people.
        element: String,
    },
    /// The thread that commits is gone.
    #[error("the commit thread panicked, which is a fault of vokg")]
    Panicked,
    /// A picture is larger than a row may be.
    #[error("the picture of track {track} has {bytes} bytes, the limit is {limit}")]
    Thumbnail {
        /// Whose picture.
        track: u32,
        /// Its bytes.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
}

impl CommitError {
    /// Whether it lies in what one stream submitted. Others can go on.
    pub(super) fn is_of_one_stream(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::NotThere { .. } | Self::Thumbnail { .. } => true,
            Self::Database(_) | Self::Io { .. } | Self::Read(_) | Self::Panicked => false,
        }
    }

    pub(super) fn no_room(source: io::Error, dir: &Path) -> Self {
        Self::io("the disk has no room, free some and run again", dir)(source)
    }

    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { doing, source, path }
    }
}

/// Why a stream cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// Another input has the name.
    #[error("the name {name} belongs to {other}, give {source_path} another with --name")]
    NameTaken {
        /// The name asked for.
        name: StreamName,
        /// The input that has it.
        other: String,
        /// The input that wants it.
        source_path: String,
    },
    /// The stream is being written right now.
    #[error("the stream {0} is being written already")]
    Busy(StreamName),
    /// The input was being processed whenever the process died.
    #[error(
        "{name} was being processed at {times} crashes of vokg in a row and {}, so it is set aside and the others go on; try \
         it again with --retry",
        stood(*reached_us)
    )]
    SetAside {
        /// The stream.
        name: StreamName,
        /// Crashes.
        times: u8,
        /// How much media time of it is committed, in microseconds.
        reached_us: Micros,
    },
    /// The name leaves no room for the suffix of the generation.
    #[error("the name {name} with its suffix {suffix} is longer than 128 characters, give a shorter one with --name")]
    NameTooLong {
        /// The name asked for.
        name: StreamName,
        /// The suffix.
        suffix: String,
    },
    /// It could not be stored.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// How far a stream has got.
fn stood(reached_us: Micros) -> String {
    match reached_us {
        0 => "nothing of it was committed".to_owned(),
        _ => format!("got no further than {:.1} s", secs_from_micros(reached_us)),
    }
}

macro_rules! from_redb {
    ($($target:ident: $($source:ty),+;)+) => {
        $($(impl From<$source> for $target {
            fn from(error: $source) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })+)+
    };
}

from_redb! {
    OpenError: redb::DatabaseError, redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError;
    ReadError: redb::TransactionError, redb::TableError, redb::StorageError;
    CommitError: redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError, redb::CursorError;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_is_no_whole_database_is_named_with_the_ways_out() {
        let path = Path::new("data/vokg.redb");
        let of = |kind: io::ErrorKind| OpenError::Database(Box::new(redb::Error::Io(kind.into()))).at(path);
        for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData] {
            let error = of(kind).to_string();
            for part in ["data/vokg.redb", "damaged or no store of vokg", "vokg store check", "vokg store restore"] {
                assert!(error.contains(part), "{error}");
            }
        }
        assert!(matches!(of(io::ErrorKind::TimedOut), OpenError::Database(_)), "that is a matter of the disk");
    }

    #[test]
    fn what_is_no_data_directory_and_cannot_be_one_is_told_apart() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("clip.mp4");
        std::fs::write(&file, "pictures").expect("the disk has room");
        let taken = OpenError::no_directory(&file)(io::ErrorKind::AlreadyExists.into()).to_string();
        assert!(taken.contains("clip.mp4 is a file, not a data directory"), "{taken}");
        let absent = OpenError::no_directory(&dir.path().join("a"))(io::ErrorKind::PermissionDenied.into()).to_string();
        assert!(absent.contains("cannot make the data directory: permission denied"), "{absent}");
        assert!(!absent.contains("can still be read"), "{absent}");
    }

    #[test]
    fn a_file_without_the_right_to_read_it_is_told_with_its_rights() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("vokg.redb");
        std::fs::write(&path, "something").expect("the disk has room");
        std::fs::set_permissions(&path, Permissions::from_mode(0o0)).expect("the file is ours");
        let error = OpenError::unreadable(&path)(io::ErrorKind::PermissionDenied.into()).to_string();
        assert!(error.contains("no permission to read") && error.contains("rights are 000"), "{error}");
        assert!(!error.contains("can still be read") && !error.contains("restore"), "{error}");
    }
}
