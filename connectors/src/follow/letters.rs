//! What a target refuses for good, kept on disk for people to look at.

use super::target::Followed;
use crate::export::delta_json::DeltaJson;
use crate::store::{Position, is_lack_of_room, sync_dir};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use vokg_engine::id::StreamName;
use vokg_engine::record::LogEntry;

/// Directory of dead letters within a data directory.
const DIRECTORY: &str = "dead-letters";

/// An entry that a target refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Whose.
    pub stream: StreamName,
    /// Its number in the store: another stream of that name has entries of its own.
    pub number: u32,
    /// Its epoch.
    pub epoch: u32,
    /// Its sequence number.
    pub seq: u64,
    /// What the target said.
    pub reason: String,
    /// The entry as a line of the delta log.
    pub record: serde_json::Value,
}

/// Why a dead letter cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    /// The file cannot be read or written.
    #[error("dead letters cannot be kept: {source}: {path}", path = path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// There are too many.
    #[error("the target refused {most} entries, the most that are set aside; {path} says why: once the target takes such entries, remove it", path = path.display())]
    Full {
        /// The limit.
        most: usize,
        /// The file.
        path: PathBuf,
    },
}

/// The dead letters of one sink: a file of JSON lines, synced before the cursor passes the entry.
#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    most: usize,
    known: BTreeMap<(StreamName, u32), BTreeSet<Position>>,
    none: BTreeSet<Position>,
}

impl DeadLetters {
    /// Those of the sink so named in a data directory; at most so many are taken. A last line without a line feed was cut
    /// short by a crash and does not count: its entry is refused again, and the next letter takes its place. Changes
    /// nothing on disk.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn open(data_dir: &Path, sink: &str, most: usize) -> Result<Self, LettersError> {
        let path = data_dir.join(DIRECTORY).join(format!("{sink}.jsonl"));
        let mut letters = Self { path, most, known: BTreeMap::new(), none: BTreeSet::new() };
        let bytes = match std::fs::read(&letters.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(letters),
            Err(source) => return Err(letters.failed(source)),
        };
        for line in bytes[..whole(&bytes)].split(|byte| *byte == b'\n') {
            if let Ok(DeadLetter { stream, number, epoch, seq, .. }) = serde_json::from_slice(line) {
                letters.known.entry((stream, number)).or_default().insert(Position { epoch, seq });
            }
        }
        Ok(letters)
    }

    /// The entries of a stream that were refused.
    pub fn of(&self, stream: &Followed) -> &BTreeSet<Position> {
        self.known.get(&(stream.name.clone(), stream.id.0)).unwrap_or(&self.none)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.known.values().map(BTreeSet::len).sum()
    }

    /// Sets an entry aside; on disk when this returns.
    ///
    /// # Errors
    /// Where there are too many, or the disk refuses.
    pub fn add(
        &mut self,
        lines: &DeltaJson,
        stream: &Followed,
        entry: &LogEntry,
        reason: &str,
    ) -> Result<(), LettersError> {
        if self.count() >= self.most {
            return Err(LettersError::Full { most: self.most, path: self.path.clone() });
        }
        let mut text = Vec::new();
        let written = lines.write(&mut text, entry).and_then(|()| Ok(serde_json::from_slice(&text)?));
        let record = written.map_err(|source| self.failed(source))?;
        let LogEntry { epoch, seq, .. } = *entry;
        let (name, number) = (stream.name.clone(), stream.id.0);
        let letter = DeadLetter { stream: name.clone(), number, epoch, seq, reason: reason.to_owned(), record };
        self.append(&letter).map_err(|source| self.failed(source))?;
        self.known.entry((name, number)).or_default().insert(Position { epoch, seq });
        Ok(())
    }

    fn append(&self, letter: &DeadLetter) -> std::io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let is_new = !self.path.exists();
        std::fs::create_dir_all(directory)?;
        let mut line = serde_json::to_vec(letter)?;
        line.push(b'\n');
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
        mend(&mut file)?;
        file.write_all(&line)?;
        file.sync_all()?;
        // A name is not on disk because what it names is.
        let names = [directory, directory.parent().unwrap_or(directory)];
        names.into_iter().filter(|_| is_new).try_for_each(sync_dir)
    }

    fn failed(&self, source: std::io::Error) -> LettersError {
        LettersError::Io { source, path: self.path.clone() }
    }
}

impl LettersError {
    /// Whether it works once there is room on the disk.
    pub fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_lack_of_room(source))
    }
}

/// Length of the lines that are whole.
fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
}

/// Takes a last line away that a crash or a full disk cut short: what is written behind it would be lost with it.
fn mend(file: &mut File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(());
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    file.set_len(whole(&bytes) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StreamId;
    use crate::store::history::random_log;

    fn add(letters: &mut DeadLetters, entry: &LogEntry) {
        let stream = Followed { id: StreamId(1), name: StreamName::slug("clip"), origin_us: None };
        letters
            .add(&DeltaJson::new(stream.name.clone(), None), &stream, entry, "too wide: 9 µm")
            .expect("there is room");
        let anew = Followed { id: StreamId(2), ..stream.clone() };
        assert!(
            !letters.of(&stream).is_empty() && letters.of(&anew).is_empty(),
            "of another stream of that name nothing was refused"
        );
    }

    /// The file is cut at every byte of its second letter, also within a character.
    #[test]
    fn a_letter_cut_short_is_written_again_and_takes_no_other_with_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let log = random_log(1, 4);
        let mut letters = DeadLetters::open(dir.path(), "sink", 10).expect("there are none");
        add(&mut letters, &log[0]);
        let path = dir.path().join("dead-letters/sink.jsonl");
        let first = std::fs::read(&path).expect("it was written").len();
        add(&mut letters, &log[1]);
        let both = std::fs::read(&path).expect("it was written");
        for end in first..both.len() {
            std::fs::write(&path, &both[..end]).expect("there is room");
            let mut letters = DeadLetters::open(dir.path(), "sink", 10).expect("a crash is no reason to stop");
            assert_eq!(letters.count(), 1, "cut at {end}");
            add(&mut letters, &log[2]);
            let lines = std::fs::read_to_string(&path).expect("it is text");
            let seqs: Vec<u64> = lines
                .lines()
                .map(|line| serde_json::from_str::<DeadLetter>(line).expect("every line is a letter").seq)
                .collect();
            assert_eq!(seqs, [log[0].seq, log[2].seq], "cut at {end}");
            assert_eq!(DeadLetters::open(dir.path(), "sink", 10).expect("it is whole").count(), 2);
        }
    }
}
