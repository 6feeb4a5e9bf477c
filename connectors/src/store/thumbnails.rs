//! A small picture of each track, for people.

use super::error::ReadError;
use super::open::Store;
use super::schema::THUMBNAILS;
use super::stream::StreamId;
use crate::jpeg;
use vokg_engine::id::TrackId;
use vokg_engine::rgb::RgbImage;

/// The most bytes a picture may have.
pub const THUMBNAIL_BYTES_MAX: usize = 64 << 10;
const JPEG_QUALITY: u8 = 80;

/// A picture of a track, to be stored with a batch. A later one of the same track replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Whom it shows.
    pub track: TrackId,
    /// The picture as JPEG, at most [`THUMBNAIL_BYTES_MAX`] bytes.
    pub jpeg: Vec<u8>,
}

impl Thumbnail {
    /// A picture as JPEG; `None` where it has no pixels or more bytes than are kept.
    pub fn of(track: TrackId, image: &RgbImage) -> Option<Self> {
        let jpeg = jpeg::encode(image, JPEG_QUALITY).ok()?;
        (jpeg.len() <= THUMBNAIL_BYTES_MAX).then_some(Self { track, jpeg })
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Size;

    fn image(width: u32, height: u32) -> RgbImage {
        let size = Size { width, height };
        RgbImage { size, bytes: (0..size.area() * 3).map(|i| (i * 31 % 251) as u8).collect() }
    }

    #[test]
    fn a_picture_becomes_a_small_jpeg() {
        let thumbnail = Thumbnail::of(TrackId(1), &image(160, 90)).expect("it has pixels");
        assert!(thumbnail.jpeg.starts_with(&[0xff, 0xd8]) && thumbnail.jpeg.len() < THUMBNAIL_BYTES_MAX);
    }

    #[test]
    fn what_is_empty_or_too_large_is_no_thumbnail() {
        assert_eq!(Thumbnail::of(TrackId(1), &image(0, 0)), None);
        assert_eq!(Thumbnail::of(TrackId(1), &image(2000, 2000)), None);
    }
}
