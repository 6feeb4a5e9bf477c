//! Which streams there are.

use super::commit::own_name;
use super::error::ReadError;
use super::open::Store;
use super::schema::*;
use super::stream::{Stream, StreamId, split_generation};
use redb::ReadTransaction;

impl Store {
    /// All streams, in the order in which they were begun.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn streams(&self) -> Result<Vec<Stream>, ReadError> {
        let transaction = self.read()?;
        let mut ids = Vec::new();
        for row in transaction.open_table(STREAMS)?.range(0..)? {
            ids.push(StreamId(row?.0.value()));
        }
        ids.into_iter().map(|id| load(&transaction, id)).collect()
    }

    /// The stream with this number.
    ///
    /// # Errors
    /// Where there is none, or the database cannot be read.
    pub fn stream(&self, id: StreamId) -> Result<Stream, ReadError> {
        load(&self.read()?, id)
    }

    /// The stream a name stands for: `clip` is its latest complete generation, or the latest while none is complete;
    /// `clip.g2` is the second generation, whatever its state.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn find_stream(&self, name: &str) -> Result<Option<Stream>, ReadError> {
        let transaction = self.read()?;
        let (aliases, names) = (transaction.open_table(ALIASES)?, transaction.open_table(NAMES)?);
        let mut id = aliases.get(name)?.map(|id| id.value());
        if id.is_none() {
            let latest = names.range((name, 0)..=(name, u32::MAX))?.next_back();
            id = latest.transpose()?.map(|row| row.1.value());
        }
        if let (None, Some(generation)) = (id, split_generation(name)) {
            id = names.get(generation)?.map(|id| id.value());
        }
        id.map(|id| load(&transaction, StreamId(id))).transpose()
    }
}

pub(super) fn load(transaction: &ReadTransaction, id: StreamId) -> Result<Stream, ReadError> {
    let unknown = || ReadError::UnknownStream(id);
    let descriptors = transaction.open_table(STREAMS)?;
    let descriptor = from_row("streams", descriptors.get(id.0)?.ok_or_else(unknown)?.value())?;
    let heads = transaction.open_table(HEADS)?;
    let head = from_row("heads", heads.get(id.0)?.ok_or_else(unknown)?.value())?;
    Ok(Stream { id, name: own_name(&descriptor)?, descriptor, head })
}
