//! What the file of a stream is: its bytes as they were hashed, whatever happens to it or to its path while it is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::Ordering;
use vokg_connectors::store::FileStamp;
use vokg_engine::runtime::control::StreamControl;

/// Why a stream ends whose file is no longer what was hashed.
pub const CHANGED: &str = "the file changed while it was read; run it again when it is complete";
/// Bytes hashed between two looks at whether to stop.
const HASH_CHUNK_BYTES: usize = 1 << 20;

/// What the file that is read must be.
pub struct Content {
    /// BLAKE3 hash of its bytes.
    pub hash: [u8; 32],
    /// The stamp it had when it was hashed, or looked at last.
    pub stamp: FileStamp,
}

impl Content {
    /// Whether the file is still the one that was hashed; it was opened more than once, and the hash must be that of what was
    /// decoded. False where the stream is asked to stop before that is known.
    ///
    /// # Errors
    /// Where it is another, or has been written to.
    pub fn is_unchanged(&mut self, path: &Path, control: &StreamControl) -> Result<bool, String> {
        let now = FileStamp::of(path).ok().filter(|now| now.has_content_of(&self.stamp));
        let Some(now) = now else { return Err(CHANGED.to_owned()) };
        if now != self.stamp {
            // It has a new name or new rights, or was written to and had its time set back.
            let file = File::open(path).map_err(unreadable)?;
            match hash(file, &now, control)? {
                Some(hashed) if hashed.hash == self.hash => self.stamp = now,
                Some(_) => return Err(CHANGED.to_owned()),
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// What is known of the bytes of a file.
pub struct Hashed {
    /// BLAKE3 hash of all of them.
    pub hash: [u8; 32],
    /// The file that was hashed just now, where it had the very stamp it should have.
    pub file: Option<File>,
}

/// BLAKE3 hash of the bytes of the file with this stamp, `None` where the stream is asked to stop meanwhile. The path from which
/// the stamp was taken may have led to another file, by a link or a directory that was exchanged, and a file may be written to.
///
/// # Errors
/// Where it cannot be read, or has not the content of the stamp.
pub fn hash(mut file: File, stamp: &FileStamp, control: &StreamControl) -> Result<Option<Hashed>, String> {
    let before = FileStamp::of_file(&file).map_err(unreadable)?;
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; HASH_CHUNK_BYTES];
    loop {
        if control.is_stopping() {
            return Ok(None);
        }
        match file.read(&mut chunk).map_err(unreadable)? {
            0 => break,
            bytes => {
                hasher.update(&chunk[..bytes]);
                control.activity.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    let stamps = [before, FileStamp::of_file(&file).map_err(unreadable)?];
    if !stamps.iter().all(|now| now.has_content_of(stamp)) {
        return Err(CHANGED.to_owned());
    }
    let is_unchanged = stamps.iter().all(|now| now == stamp);
    Ok(Some(Hashed { hash: *hasher.finalize().as_bytes(), file: is_unchanged.then_some(file) }))
}

/// A file that cannot be opened, read or looked at.
pub fn unreadable(error: std::io::Error) -> String {
    format!("cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hashed_is_the_file_with_the_stamp_or_nothing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let [a, b, link] = ["a", "b", "link"].map(|name| dir.path().join(name));
        std::fs::write(&a, "one").expect("the disk has room");
        std::fs::write(&b, "two").expect("the disk has room");
        std::os::unix::fs::symlink(&a, &link).expect("the disk has room");
        let control = StreamControl::default();
        let open = |path: &Path| File::open(path).expect("it is there");
        let stamp = FileStamp::of(&link).expect("it is there");
        let hashed = hash(open(&link), &stamp, &control).expect("it can be read").expect("nobody stops it");
        assert_eq!(hashed.hash, *blake3::hash(b"one").as_bytes());
        assert!(hashed.file.is_some());
        std::fs::remove_file(&link).and_then(|()| std::os::unix::fs::symlink(&b, &link)).expect("it is ours");
        assert_eq!(hash(open(&link), &stamp, &control).err(), Some(CHANGED.to_owned()), "another file is there now");

        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::hard_link(&a, dir.path().join("name")).expect("it is one file system");
        let hashed = hash(open(&a), &stamp, &control).expect("it can be read").expect("nobody stops it");
        assert!(hashed.file.is_none(), "a name more is no other content, and the stamp is not the one that was taken");
        control.stop();
        assert!(hash(open(&a), &stamp, &control).expect("it can be read").is_none());
    }

    #[test]
    fn a_file_that_was_written_to_is_no_longer_the_one_whatever_its_own_time_says() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("clip");
        std::fs::write(&path, "one").expect("the disk has room");
        let control = StreamControl::default();
        let stamp = FileStamp::of(&path).expect("it is there");
        let mut content = Content { hash: *blake3::hash(b"one").as_bytes(), stamp };
        assert_eq!(content.is_unchanged(&path, &control), Ok(true));
        let soon = || std::thread::sleep(std::time::Duration::from_millis(20));
        soon();
        std::fs::hard_link(&path, dir.path().join("name")).expect("it is one file system");
        assert_eq!(content.is_unchanged(&path, &control), Ok(true), "a name more is no other content");
        assert_ne!(content.stamp, stamp, "nor is it hashed again each time");

        let modified = path.metadata().and_then(|about| about.modified()).expect("it is there");
        soon();
        std::fs::write(&path, "two").expect("the disk has room");
        File::options().write(true).open(&path).and_then(|file| file.set_modified(modified)).expect("it is ours");
        assert_eq!(content.is_unchanged(&path, &control), Err(CHANGED.to_owned()));
        control.stop();
        assert_eq!(content.is_unchanged(&path, &control), Ok(false), "it was not looked into");
        std::fs::write(&path, "three").expect("the disk has room");
        assert_eq!(content.is_unchanged(&path, &control), Err(CHANGED.to_owned()));
        std::fs::remove_file(&path).expect("it is ours");
        assert_eq!(content.is_unchanged(&path, &control), Err(CHANGED.to_owned()));
    }
}
