//! Removes segments that nothing refers to: those of streams begun anew, and those a crash left before their
//! transaction.

use super::SegmentRef;
use super::write::segments_dir;
use crate::store::error::{CommitError, OpenError, ReadError};
use crate::store::open::Store;
use crate::store::schema::{OBSERVATIONS, STREAMS, from_row};
use crate::store::stream::StreamId;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Removes all segments of a stream.
pub fn remove_segments(data_dir: &Path, stream: StreamId) -> Result<(), CommitError> {
    let all = segments_dir(data_dir);
    for dir in list(&all).map_err(CommitError::io("cannot list the observations", &all))? {
        if stream_of(&dir) == Some(stream) {
            fs::remove_dir_all(&dir).map_err(CommitError::io("cannot remove old observations", &dir))?;
        }
    }
    Ok(())
}

/// Removes whatever lies among the segments and belongs to no stream or no transaction.
pub fn sweep_segments(store: &Store) -> Result<(), OpenError> {
    let all = segments_dir(store.dir());
    for dir in list(&all).map_err(swept(&all))? {
        let Some(stream) = stream_of(&dir) else {
            continue;
        };
        let Some(known) = referenced(store, stream)? else {
            fs::remove_dir_all(&dir).map_err(swept(&dir))?;
            continue;
        };
        for file in list(&dir).map_err(swept(&dir))? {
            if !file.file_name().and_then(OsStr::to_str).is_some_and(|name| known.contains(name)) {
                tracing::info!(file = %file.display(), "removing observations no transaction refers to");
                fs::remove_file(&file).map_err(swept(&file))?;
            }
        }
    }
    Ok(())
}

fn swept(path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    OpenError::io("cannot sweep the observations", path)
}

/// The names of the files of a stream's segments; `None` where there is no such stream.
fn referenced(store: &Store, stream: StreamId) -> Result<Option<BTreeSet<String>>, ReadError> {
    let transaction = store.read()?;
    if transaction.open_table(STREAMS)?.get(stream.0)?.is_none() {
        return Ok(None);
    }
    let mut names = BTreeSet::new();
    for row in transaction.open_table(OBSERVATIONS)?.range((stream.0, 0)..=(stream.0, u32::MAX))? {
        names.insert(from_row::<SegmentRef>("observations", row?.1.value())?.file_name());
    }
    Ok(Some(names))
}

/// The stream a directory belongs to; `None` for what is not ours.
fn stream_of(dir: &Path) -> Option<StreamId> {
    let (number, _) = dir.file_name()?.to_str()?.split_once('-')?;
    number.parse().ok().map(StreamId)
}

fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
