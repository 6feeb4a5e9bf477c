//! What a target refuses for good, kept on disk for people to look at.

use crate::export::delta_json::DeltaJson;
use crate::store::Position;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
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
    #[error("the target refused {most} entries, the most that are set aside; see {path}, then remove it", path = path.display())]
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
    known: BTreeMap<StreamName, BTreeSet<Position>>,
    none: BTreeSet<Position>,
}

impl DeadLetters {
    /// Those of the sink so named in a data directory; at most so many are taken. A last line cut short by a crash is
    /// dropped: its entry is refused again.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn open(data_dir: &Path, sink: &str, most: usize) -> Result<Self, LettersError> {
        let path = data_dir.join(DIRECTORY).join(format!("{sink}.jsonl"));
        let mut letters = Self { path, most, known: BTreeMap::new(), none: BTreeSet::new() };
        let file = match File::open(&letters.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(letters),
            Err(source) => return Err(letters.failed(source)),
        };
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|source| letters.failed(source))?;
            if let Ok(DeadLetter { stream, epoch, seq, .. }) = serde_json::from_str(&line) {
                letters.known.entry(stream).or_default().insert(Position { epoch, seq });
            }
        }
        Ok(letters)
    }

    /// The entries of a stream that were refused.
    pub fn of(&self, stream: &StreamName) -> &BTreeSet<Position> {
        self.known.get(stream).unwrap_or(&self.none)
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
        stream: &StreamName,
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
        let letter = DeadLetter { stream: stream.clone(), epoch, seq, reason: reason.to_owned(), record };
        self.append(&letter).map_err(|source| self.failed(source))?;
        self.known.entry(stream.clone()).or_default().insert(Position { epoch, seq });
        Ok(())
    }

    fn append(&self, letter: &DeadLetter) -> std::io::Result<()> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let mut line = serde_json::to_vec(letter)?;
        line.push(b'\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(&line)?;
        file.sync_all()
    }

    fn failed(&self, source: std::io::Error) -> LettersError {
        LettersError::Io { source, path: self.path.clone() }
    }
}
