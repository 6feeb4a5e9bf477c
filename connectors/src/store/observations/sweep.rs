//! Removes segments that nothing refers to: those of streams begun anew, and those a crash left before their
//! transaction.

use super::write::{file_name, segments_dir};
use crate::store::error::{CommitError, OpenError, ReadError};
use crate::store::files::Files;
use crate::store::head::StreamHead;
use crate::store::open::Store;
use crate::store::schema::{HEADS, STREAMS, from_row};
use crate::store::stream::StreamId;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Removes all segments of a stream.
pub fn remove_segments(data_dir: &Path, stream: StreamId, files: &dyn Files) -> Result<(), CommitError> {
    let all = segments_dir(data_dir);
    for dir in list(&all).map_err(CommitError::io("cannot list the observations", &all))? {
        if stream_of(&dir) == Some(stream) {
            files.remove_tree(&dir).map_err(CommitError::io("cannot remove old observations", &dir))?;
        }
    }
    Ok(())
}

/// Removes the segments of streams that are not there, and those a crash left before their transaction.
///
/// Only a stream's newest segments can be such: they are numbered in the order they are written, so what lies behind the
/// last one that a transaction refers to is looked for by name. The time this takes does not grow with the stream.
pub fn sweep_segments(store: &Store, files: &dyn Files) -> Result<(), OpenError> {
    let all = segments_dir(store.dir());
    let dirs = list(&all).map_err(swept(&all))?;
    if !dirs.is_empty() {
        // Whoever made a directory may have been killed before its name was durable, and now it is there.
        files.sync_dir(&all).map_err(swept(&all))?;
    }
    for dir in dirs {
        let Some(stream) = stream_of(&dir) else {
            continue;
        };
        let Some(head) = head_of(store, stream)? else {
            files.remove_tree(&dir).map_err(swept(&dir))?;
            continue;
        };
        // The last first: after a kill half-way, the rest is still found. After a power loss what is left may have a gap;
        // it is written over, or found by `vokg store check`.
        for file in left_behind(&dir, &head).into_iter().rev() {
            tracing::info!(file = %file.display(), "removing observations no transaction refers to");
            files.remove(&file).map_err(swept(&file))?;
        }
    }
    Ok(())
}

fn swept(path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    OpenError::io("cannot sweep the observations", path)
}

/// Whether a data directory has files of the observations of any stream.
pub fn segments_there(data_dir: &Path) -> io::Result<bool> {
    for dir in list(&segments_dir(data_dir))? {
        if stream_of(&dir).is_some() && dir.is_dir() && !list(&dir)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The head of a stream; `None` where there is no such stream.
fn head_of(store: &Store, stream: StreamId) -> Result<Option<StreamHead>, ReadError> {
    let transaction = store.read()?;
    if transaction.open_table(STREAMS)?.get(stream.0)?.is_none() {
        return Ok(None);
    }
    let head = transaction.open_table(HEADS)?.get(stream.0)?.map(|row| from_row("heads", row.value()));
    head.transpose()
}

/// Files among the observations that no stream refers to.
pub fn orphans(store: &Store) -> io::Result<Vec<PathBuf>> {
    let mut orphans = Vec::new();
    for dir in list(&segments_dir(store.dir()))? {
        let Some(stream) = stream_of(&dir) else { continue };
        let known: BTreeSet<PathBuf> = match store.observation_files(stream) {
            Ok(files) => files.into_iter().map(|(_, file)| file.path).collect(),
            Err(ReadError::UnknownStream(_)) => BTreeSet::new(),
            Err(error) => return Err(io::Error::other(error)),
        };
        orphans.extend(list(&dir)?.into_iter().filter(|file| !known.contains(file)));
    }
    Ok(orphans)
}

/// Files of segments numbered after the last one that was committed, finished or not. The transaction that was lost may
/// have begun an epoch.
fn left_behind(dir: &Path, head: &StreamHead) -> Vec<PathBuf> {
    let of_number = |number| {
        let named = move |epoch| dir.join(file_name(epoch, number));
        let files = (head.epoch..=head.epoch + 1).map(named);
        files.flat_map(|file| [file.with_extension("tmp"), file]).filter(|file| file.exists()).collect::<Vec<_>>()
    };
    (head.next_segment..).map(of_number).take_while(|files| !files.is_empty()).flatten().collect()
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
