//! What each track looked like, for searching by look.

use super::error::ReadError;
use super::open::Store;
use super::schema::{LOOKS, from_row, to_row};
use super::stream::StreamId;
use redb::{ReadOnlyTable, TableError};
use vokg_engine::id::TrackId;
use vokg_engine::look::{Look, TrackLook};

/// The looks of a stream's tracks, as they are in one state of the store. It pins pages of the database: for one
/// answer, not longer.
pub struct Looks {
    stream: StreamId,
    table: Option<ReadOnlyTable<(u32, u32), &'static [u8]>>,
}

impl Store {
    /// The looks of a stream's tracks. A track has one once it has ended, if any was measured.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn looks(&self, stream: StreamId) -> Result<Looks, ReadError> {
        let table = match self.read()?.open_table(LOOKS) {
            Err(TableError::TableDoesNotExist(_)) => None,
            table => Some(table?),
        };
        Ok(Looks { stream, table })
    }
}

impl Looks {
    /// What a track looked like, where that is known.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn of(&self, track: TrackId) -> Result<Option<TrackLook>, ReadError> {
        let Some(table) = &self.table else { return Ok(None) };
        let Some(row) = table.get((self.stream.0, track.0))? else { return Ok(None) };
        let (look, sightings): (Look, u32) = from_row("looks", row.value())?;
        Ok(Some(TrackLook { track, look, sightings }))
    }
}

/// A look as it is stored.
pub(super) fn look_row(look: &TrackLook) -> Vec<u8> {
    to_row(&(&look.look, look.sightings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StreamBatch;
    use crate::store::history::{begin, open};
    use vokg_engine::look::LookSpace;

    #[test]
    fn looks_come_back_and_the_latest_counts() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let [stream, other] = ["clip", "other"].map(|name| begin(&writer, name));
        let look = |x: f32| {
            let look = Look::new(LookSpace(1), &[x, 1.0]).expect("it has a direction");
            TrackLook { track: TrackId(3), look, sightings: 7 }
        };
        let batch = StreamBatch { looks: vec![look(1.0), look(2.0)], ..StreamBatch::of_entries(stream, vec![]) };
        writer.commit(&[batch]).expect("the disk has room");
        let looks = writer.store().looks(stream).expect("the store is whole");
        assert_eq!(looks.of(TrackId(3)).expect("the store is whole"), Some(look(2.0)));
        assert_eq!(looks.of(TrackId(4)).expect("the store is whole"), None);
        let looks = writer.store().looks(other).expect("the store is whole");
        assert_eq!(looks.of(TrackId(3)).expect("the store is whole"), None);
    }

    #[test]
    fn a_store_from_before_there_were_looks_has_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let transaction = writer.begin_write().expect("the store is whole");
        transaction.delete_table(LOOKS).expect("it is there");
        transaction.commit().expect("the disk has room");
        let looks = writer.store().looks(stream).expect("the store is whole");
        assert_eq!(looks.of(TrackId(1)).expect("the store is whole"), None);
    }
}
