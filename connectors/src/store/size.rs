//! How much room the tables take.

use super::error::ReadError;
use super::open::Store;
use redb::{ReadableTableMetadata, TableHandle};

impl Store {
    /// Every table with the bytes of its pages, unused parts included, and its rows; by name.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn table_sizes(&self) -> Result<Vec<(String, u64, u64)>, ReadError> {
        let transaction = self.read()?;
        let mut sizes = Vec::new();
        for table in transaction.list_tables()? {
            let name = table.name().to_owned();
            let table = transaction.open_untyped_table(table)?;
            let stats = table.stats()?;
            let bytes = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
            sizes.push((name, bytes, table.len()?));
        }
        Ok(sizes)
    }
}
