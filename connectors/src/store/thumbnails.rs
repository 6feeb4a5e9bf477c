//! A small picture of each track, for people.

use super::error::ReadError;
use super::open::Store;
use super::schema::THUMBNAILS;
use super::stream::StreamId;
use vokg_engine::id::TrackId;

/// The most bytes a picture may have.
pub const THUMBNAIL_BYTES_MAX: usize = 64 << 10;

/// A picture of a track, to be stored with a batch. A later one of the same track replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Whom it shows.
    pub track: TrackId,
    /// The picture as JPEG, at most [`THUMBNAIL_BYTES_MAX`] bytes.
    pub jpeg: Vec<u8>,
}

impl Store {
    /// The picture of a track as JPEG, where there is one.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn thumbnail(&self, stream: StreamId, track: TrackId) -> Result<Option<Vec<u8>>, ReadError> {
        let table = self.read()?.open_table(THUMBNAILS)?;
        Ok(table.get((stream.0, track.0))?.map(|jpeg| jpeg.value().to_vec()))
    }
}
