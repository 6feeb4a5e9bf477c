//! Which file the content of a stream was hashed from, so that going on with a long one need not begin with reading all of it.
//!
//! A file is taken to be the one that was hashed where nothing of its stamp has changed. Whoever writes to a file changes its
//! ctime, the time of its status, which no call sets back; so a stamp is remembered only once that time is past for good and
//! where the file system keeps it apart from the mtime, the time of its content ([`FileStamp::lasts`]). git's index relies on
//! the same ("racy git", in its technical documentation).

use super::error::{CommitError, ReadError};
use super::open::Writer;
use super::schema::{NAMES, STAMPS, STREAMS, from_row, to_row};
use super::stream::{StreamDescriptor, StreamId};
use redb::{TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vokg_engine::id::StreamName;

/// File systems tell times of change to this much: a change within it of the one before may leave the time as it was.
const COARSEST: Duration = Duration::from_secs(2);

/// File systems that keep a ctime, by the numbers of statfs(2): ext2 to ext4, XFS, Btrfs, ZFS, F2FS, bcachefs, tmpfs, and
/// overlays, which stand on one of these. vfat and exFAT, as of camera cards, show the mtime in its place, and NFS what its
/// server has, some of it late.
const KEEP_CTIME: [rustix::fs::FsWord; 8] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x2fc1_2fc1, 0xf2f5_2010, 0xca45_1a4e, 0x0102_1994, 0x794c_7630];

/// What tells that a path still leads to the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// mtime, in nanoseconds since 1970: of the last change of its content, but anybody can set it.
    modified_ns: i128,
    /// ctime, in nanoseconds since 1970: of the last change of anything about it, its names included.
    status_ns: i128,
}

impl FileStamp {
    /// The stamp of the file at a path, as it is now.
    ///
    /// # Errors
    /// Where there is none, or it may not be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|about| Self::of_metadata(&about))
    }

    /// The stamp of an open file, as it is now.
    ///
    /// # Errors
    /// Where it cannot be looked at.
    pub fn of_file(file: &File) -> io::Result<Self> {
        file.metadata().map(|about| Self::of_metadata(&about))
    }

    fn of_metadata(about: &Metadata) -> Self {
        let nanos = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
        Self {
            device: about.dev(),
            inode: about.ino(),
            bytes: about.len(),
            modified_ns: nanos(about.mtime(), about.mtime_nsec()),
            status_ns: nanos(about.ctime(), about.ctime_nsec()),
        }
    }

    /// Whether the content is that of the `earlier` stamp, where a new name or new rights are no change.
    pub fn has_content_of(&self, earlier: &Self) -> bool {
        Self { status_ns: earlier.status_ns, ..*self } == *earlier
    }

    /// Whether every change of this file after `now` will show in its stamp.
    pub fn lasts(&self, file: &File, now: SystemTime) -> bool {
        let keeps_ctime = rustix::fs::fstatfs(file).is_ok_and(|about| KEEP_CTIME.contains(&about.f_type));
        keeps_ctime && self.is_past(now)
    }

    /// Whether the time of its status can no longer be that of a change after `now`.
    fn is_past(&self, now: SystemTime) -> bool {
        let since_1970 = now.checked_sub(COARSEST).and_then(|then| then.duration_since(UNIX_EPOCH).ok());
        since_1970.is_some_and(|then| self.status_ns < i128::try_from(then.as_nanos()).unwrap_or(i128::MAX))
    }
}

impl Writer {
    /// The content hash of a stream of this name that was hashed from a file with this very stamp.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn known_content(&self, name: &StreamName, stamp: &FileStamp) -> Result<Option<[u8; 32]>, ReadError> {
        let transaction = self.store().read()?;
        let stamps = match transaction.open_table(STAMPS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        let (names, streams) = (transaction.open_table(NAMES)?, transaction.open_table(STREAMS)?);
        for row in names.range((name.as_str(), 0)..=(name.as_str(), u32::MAX))?.rev() {
            let id = row?.1.value();
            let known: Option<FileStamp> = stamps.get(id)?.map(|row| from_row("stamps", row.value())).transpose()?;
            if known.as_ref() == Some(stamp)
                && let Some(row) = streams.get(id)?
            {
                let descriptor: StreamDescriptor = from_row("streams", row.value())?;
                return Ok(Some(descriptor.request.content_hash));
            }
        }
        Ok(None)
    }

    /// Remembers that the content of a stream was hashed from a file with this stamp, one that [lasts](FileStamp::lasts).
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn remember_content(&self, stream: StreamId, stamp: &FileStamp) -> Result<(), CommitError> {
        let transaction = self.begin_write()?;
        transaction.open_table(STAMPS)?.insert(stream.0, to_row(stamp).as_slice())?;
        transaction.commit()?;
        Ok(())
    }

    /// Leaves a stream as [`Writer::leave_stream`] does, and forgets from which file its content was hashed, since what is there
    /// now does not seem to be that.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn doubt_content(&self, stream: StreamId) -> Result<(), CommitError> {
        let transaction = self.begin_write()?;
        forget_stamp(&transaction, stream)?;
        transaction.commit()?;
        self.leave_stream(stream)
    }
}

/// Forgets which file the content of a stream was hashed from, so that whoever comes next hashes it.
pub(super) fn forget_stamp(transaction: &WriteTransaction, stream: StreamId) -> Result<(), CommitError> {
    transaction.open_table(STAMPS)?.remove(stream.0)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::history::{PROGRAM, begin, complete, open, request};
    use super::super::{Begun, Ending, Outcome, StreamBatch, StreamRequest};
    use super::*;
    use std::fs;

    #[test]
    fn every_change_of_a_file_shows_in_its_stamp_once_the_stamp_is_past() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let [file, copy, link] = ["file", "copy", "link"].map(|name| dir.path().join(name));
        let stamp = |path: &Path| FileStamp::of(path).expect("it is there");
        fs::write(&file, "a").expect("the disk has room");
        let before = stamp(&file);
        assert_eq!(stamp(&file), before);
        fs::copy(&file, &copy).expect("the disk has room");
        assert!(!stamp(&copy).has_content_of(&before));
        let status = UNIX_EPOCH + Duration::from_nanos(u64::try_from(before.status_ns).expect("it is after 1970"));
        assert!(!before.is_past(status) && !before.is_past(status + COARSEST));
        let past = status + COARSEST + Duration::from_nanos(1);
        assert!(before.is_past(past) && !before.is_past(UNIX_EPOCH));
        let opened = File::open(&file).expect("it is there");
        assert_eq!(FileStamp::of_file(&opened).expect("it is open"), before);
        assert!(before.lasts(&opened, past) && !before.lasts(&opened, status));
        let process = File::open("/proc/self/status").expect("Linux has it");
        assert!(!before.lasts(&process, past), "that file system is not known to keep a ctime");

        std::thread::sleep(Duration::from_millis(20));
        fs::hard_link(&file, &link).expect("it is one file system");
        let linked = stamp(&file);
        assert!(linked != before && linked.has_content_of(&before), "a name more is no change of content");
        let modified = file.metadata().and_then(|about| about.modified()).expect("it is there");
        std::thread::sleep(Duration::from_millis(20));
        fs::write(&file, "b").expect("the disk has room");
        fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(modified)).expect("it is ours");
        assert!(stamp(&file).has_content_of(&before), "its own time was set back");
        assert_ne!(stamp(&file), linked, "that of its status cannot be");
        assert!(FileStamp::of(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_content_is_known_by_the_name_and_the_whole_stamp_until_its_stream_is_dropped() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stamp = FileStamp { device: 1, inode: 2, bytes: 3, modified_ns: -4, status_ns: 5 };
        let known = |name: &str, stamp: &FileStamp| {
            writer.known_content(&StreamName::new(name).expect("a good name"), stamp).expect("it can be read")
        };
        let first = begin(&writer, "clip");
        begin(&writer, "other");
        assert_eq!(known("clip", &stamp), None);
        writer.remember_content(first, &stamp).expect("the disk has room");
        let later = StreamRequest { content_hash: [9; 32], ..request("clip") };
        let Ok(Begun::Fresh(second)) = writer.begin_stream(later, PROGRAM) else { panic!("another content is new") };
        let second_stamp = FileStamp { bytes: 4, ..stamp };
        writer.remember_content(second.id, &second_stamp).expect("the disk has room");
        assert_eq!(known("clip", &stamp), Some(request("clip").content_hash));
        assert_eq!(known("clip", &second_stamp), Some([9; 32]));
        assert_eq!((known("other", &stamp), known("none", &stamp)), (None, None));
        for other in [
            FileStamp { device: 9, ..stamp },
            FileStamp { inode: 9, ..stamp },
            FileStamp { bytes: 9, ..stamp },
            FileStamp { modified_ns: 9, ..stamp },
            FileStamp { status_ns: 9, ..stamp },
        ] {
            assert_eq!(known("clip", &other), None, "{other:?}");
        }
        let failed = Outcome { ending: Ending::Failed("cut short".into()), ..complete() };
        let fails = StreamBatch { outcome: Some(failed), ..StreamBatch::of_entries(second.id, vec![]) };
        writer.commit(&[fails]).expect("it can end so");
        assert_eq!(known("clip", &second_stamp), None, "after a failure nothing is taken for granted");
        writer.remember_content(second.id, &second_stamp).expect("the disk has room");
        writer.leave_stream(second.id).expect("the disk has room");
        writer.drop_stream(second.id).expect("nobody writes it");
        assert_eq!((known("clip", &second_stamp), known("clip", &stamp)), (None, Some(request("clip").content_hash)));
    }
}
