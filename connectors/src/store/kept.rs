//! What retention kept of the dropped beginning of a log.

use super::error::ReadError;
use super::log::Log;
use super::open::Store;
use super::position::Position;
use super::stream::StreamId;
use vokg_engine::record::{LogEntry, Record};

/// What is left of the dropped beginning of a log, and behind what the log goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The entries that say what was open where the log now begins, and the ends of open edges; in order.
    pub entries: Vec<LogEntry>,
    /// The last entry that was dropped; `None` where the log is whole.
    pub dropped: Option<Position>,
}

impl Store {
    /// What retention kept of the dropped beginning of a log. Until more is dropped, the log goes on behind it.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn kept(&self, stream: StreamId) -> Result<Kept, ReadError> {
        let log = Log::open(self, &self.read()?, stream)?;
        let mut entries = Vec::new();
        for place in log.kept_places()? {
            let Position { epoch, seq } = Position::from_place(place);
            let bytes = log.get(place)?.ok_or_else(|| log.missing(place))?;
            let record = Record::decode(&bytes).map_err(|error| ReadError::Damaged(error.to_string()))?;
            entries.push(LogEntry { epoch, seq, record });
        }
        let dropped = log.oldest.map(|oldest| Position::from_place(oldest.dropped_place));
        Ok(Kept { entries, dropped })
    }
}
