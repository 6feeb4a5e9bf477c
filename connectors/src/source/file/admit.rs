//! The door: what a path must be before anything is decoded. A regular file, within the size limit, whose first bytes
//! are those of a container on the list, whose index is there and keeps its media at home.

use super::extent::declared_bytes;
use super::limits::Limits;
use super::mp4::{Mp4, VideoTrack};
use super::sniff::{Container, Foreign, SNIFF_BYTES, sniff};
use crate::source::SourceError;
use std::fs::{File, FileType};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A file that may be decoded.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// What it is.
    pub container: Container,
    /// Its length.
    pub bytes: u64,
    /// It is shorter than its container declares.
    pub cut_off: bool,
    /// What the index of an MP4 says about its video track.
    pub track: Option<VideoTrack>,
}

impl Admitted {
    /// Whether its pictures may have to be turned: the index of an MP4 says so, a JPEG tells only when it is parsed.
    pub fn may_turn(&self) -> bool {
        self.container == Container::Jpeg || self.track.is_some_and(|track| track.turned)
    }
}

/// Looks at the file without decoding anything.
///
/// # Errors
/// Where the path is not such a file. Pipes and devices are told by their kind and never opened.
pub fn admit(path: &Path, limits: &Limits) -> Result<Admitted, SourceError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => SourceError::NotFound(path.to_owned()),
        kind => SourceError::Unreadable { reason: kind.to_string(), path: path.to_owned() },
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SourceError::NotAFile { what: kind_of(metadata.file_type()), path: path.to_owned() });
    }
    let bytes = metadata.len();
    if bytes == 0 {
        return Err(SourceError::Empty(path.to_owned()));
    }
    if bytes > limits.file_bytes {
        return Err(SourceError::FileTooLarge { bytes, limit: limits.file_bytes, path: path.to_owned() });
    }

    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    file.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    let container = sniff(&head).map_err(|foreign| refuse(foreign, path))?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    if container != Container::Mp4 {
        let cut_off = declared_bytes(container, &head).is_some_and(|declared| declared > bytes);
        return Ok(Admitted { path: absolute, container, bytes, cut_off, track: None });
    }

    let mp4 = Mp4::read(&mut file, bytes).map_err(unreadable)?;
    if !mp4.has_index {
        return Err(SourceError::NoIndex(path.to_owned()));
    }
    if mp4.video.is_some_and(|track| track.external) {
        return Err(refuse(Foreign::PointsElsewhere("an MP4 with its media in another file"), path));
    }
    let cut_off = mp4.declared_bytes > bytes;
    Ok(Admitted { path: absolute, container, bytes, cut_off, track: mp4.video })
}

fn refuse(foreign: Foreign, path: &Path) -> SourceError {
    match foreign {
        Foreign::PointsElsewhere(what) => SourceError::PointsElsewhere { what, path: path.to_owned() },
        Foreign::Other(what) => SourceError::NotAVideo { what, path: path.to_owned() },
    }
}

fn kind_of(kind: FileType) -> &'static str {
    match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(name: &str, content: &[u8]) -> Result<Container, SourceError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("it can be written");
        admit(&path, &Limits { file_bytes: 1000, ..Limits::default() }).map(|admitted| admitted.container)
    }

    #[test]
    fn content_decides_not_the_name() {
        assert_eq!(admitted("a.txt", b"RIFF\0\0\0\0AVI "), Ok(Container::Avi));
        assert!(matches!(admitted("a.mp4", b"#EXTM3U\n"), Err(SourceError::PointsElsewhere { .. })));
        assert!(matches!(admitted("a.mp4", b"<html>"), Err(SourceError::NotAVideo { .. })));
        assert!(matches!(admitted("a.mp4", b""), Err(SourceError::Empty(_))));
        assert!(matches!(admitted("a.mp4", b"\0\0\0\x0cftypisom\0\0\0\x08mdat"), Err(SourceError::NoIndex(_))));
    }

    #[test]
    fn length_is_limited_before_content_is_read() {
        assert!(matches!(
            admitted("a.avi", &[0; 1001]),
            Err(SourceError::FileTooLarge { bytes: 1001, limit: 1000, .. })
        ));
    }

    #[test]
    fn only_regular_files_are_opened() {
        let what = |path: &str| admit(Path::new(path), &Limits::default()).expect_err("no regular file");
        assert!(what("/dev/zero").to_string().starts_with("not a regular file but a device"));
        assert!(what("/").to_string().starts_with("not a regular file but a directory"));
        assert!(matches!(what("/no/such/file"), SourceError::NotFound(_)));
    }
}
