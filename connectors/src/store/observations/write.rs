//! Brings a segment to disk, whole or not at all, before anything refers to it.

use super::format::seal;
use super::{ObservationSegment, SegmentRef};
use crate::store::error::CommitError;
use crate::store::files::Files;
use crate::store::space::DiskSpace;
use crate::store::stream::StreamId;
use std::path::{Path, PathBuf};
use vokg_engine::id::StreamName;

const FOLDER: &str = "observations";

impl SegmentRef {
    /// The name of its file within the directory of its stream.
    pub fn file_name(&self) -> String {
        file_name(self.epoch, self.number)
    }
}

/// The name of the file of a segment.
pub fn file_name(epoch: u32, number: u32) -> String {
    format!("{epoch}-{number:06}.zst")
}

/// The directory of a stream's segments. It carries the stream's number: a stream begun anew has another.
pub fn segment_dir(data_dir: &Path, stream: StreamId, name: &StreamName) -> PathBuf {
    segments_dir(data_dir).join(format!("{}-{name}", stream.0))
}

/// The directory of all streams' directories.
pub fn segments_dir(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER)
}

/// Writes a segment into the directory of its stream, waiting for room where there is none. When this returns, it
/// survives a power loss.
pub fn write_segment(
    dir: &Path,
    epoch: u32,
    number: u32,
    segment: &ObservationSegment,
    space: &DiskSpace,
    files: &dyn Files,
) -> Result<SegmentRef, CommitError> {
    let (bytes, hash) = seal(&segment.rows, segment.count).map_err(CommitError::io("cannot compress", dir))?;
    let reference = SegmentRef { epoch, number, first_us: segment.first_us, last_us: segment.last_us, hash };
    if !dir.is_dir() {
        let made = space.retry(|| files.make_dirs(dir));
        made.map_err(CommitError::io("cannot make the directory", dir))?;
        for above in dir.ancestors().skip(1).take(2) {
            files.sync_dir(above).map_err(CommitError::io("cannot sync the directory", above))?;
        }
    }
    let file = dir.join(reference.file_name());
    let unfinished = file.with_extension("tmp");
    let write = || {
        files.write(&unfinished, &bytes)?.sync()?;
        files.rename(&unfinished, &file)?;
        files.sync_dir(dir)
    };
    space.retry(write).map_err(CommitError::io("cannot write the observations", &file))?;
    Ok(reference)
}
