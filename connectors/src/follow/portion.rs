//! The piece of a log that a target takes at once.

use super::mark::Mark;
use super::target::Followed;
use crate::store::{PAGE_ENTRIES_MAX, Position, ReadError, Store};
use std::collections::BTreeSet;
use vokg_engine::record::{LogEntry, Record};

/// Entries of one stream, in order and without a gap, whole times only: the last is a progress record.
#[derive(Clone, Copy, Debug)]
pub struct Portion<'a> {
    /// Whose.
    pub stream: &'a Followed,
    /// The entry before the first of these; `None` at the beginning of the log.
    pub after: Option<Position>,
    /// The entries; never empty.
    pub entries: &'a [LogEntry],
    /// Those the target is known to refuse. They are left out, and the cursor passes them.
    pub refused: &'a BTreeSet<Position>,
}

impl<'a> Portion<'a> {
    /// The position the target holds afterwards.
    ///
    /// # Panics
    /// Never: a portion has a last entry.
    pub fn last(&self) -> Position {
        Position::of(self.entries.last().expect("a portion ends with a progress record"))
    }

    /// What tells these entries from others in their place.
    pub fn mark(&self) -> Mark {
        Mark::of(self.after, self.entries)
    }

    /// The entries that the target is to take.
    pub fn wanted(&self) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter().filter(|entry| !self.refused.contains(&Position::of(entry)))
    }
}

/// The entries after a position, up to the last progress record within `limit`, or up to the first one where that is
/// further away. Empty where nothing more is complete.
///
/// # Errors
/// Those of the store.
pub fn read_portion(
    store: &Store,
    stream: &Followed,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<LogEntry>, ReadError> {
    let (mut entries, mut from) = (Vec::new(), after);
    loop {
        let page = store.page(stream.id, from, limit.min(PAGE_ENTRIES_MAX))?;
        entries.extend(page.entries);
        let complete = entries.iter().rposition(|entry| matches!(entry.record, Record::Progress(_)));
        match (complete, page.next) {
            (Some(last), _) => {
                entries.truncate(last + 1);
                return Ok(entries);
            }
            (None, Some(next)) => from = Some(next),
            (None, None) => return Ok(Vec::new()),
        }
    }
}
