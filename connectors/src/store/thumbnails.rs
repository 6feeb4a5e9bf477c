//! A small picture of each track, for people.

use super::error::ReadError;
use super::open::Store;
use super::schema::THUMBNAILS;
use super::stream::StreamId;
use jpeg_encoder::{ColorType, Encoder};
use std::ops::Range;
use vokg_engine::frame::{Frame, FrameData, PixelFormat};
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;

/// The most bytes a picture may have.
pub const THUMBNAIL_BYTES_MAX: usize = 64 << 10;
/// Pixels of the longer side of a picture cut by [`Thumbnail::cut`]; what is smaller is not enlarged.
const SIDE_PX: u32 = 128;
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
    /// The part of a frame inside a box. `None` where no whole pixel of the frame lies inside, or the pixels are not
    /// in main memory.
    ///
    /// Video of limited range is stretched to the full range of JPEG; the difference between the colour matrices of
    /// BT.601 and BT.709 is left in.
    pub fn cut(track: TrackId, frame: &Frame, rect: &Rect) -> Option<Self> {
        let planes = PlaneView::of(frame)?;
        let inside = rect.clipped(frame.size);
        let (columns, rows) = (whole(inside.left, inside.right()), whole(inside.top, inside.bottom()));
        if columns.is_empty() || rows.is_empty() {
            return None;
        }
        let longer = columns.len().max(rows.len()) as u32;
        let scaled = |range: &Range<u32>| (range.len() as u32 * SIDE_PX.min(longer) / longer).max(1);
        let (width, height) = (scaled(&columns), scaled(&rows));
        let mut pixels = Vec::with_capacity(3 * (width * height) as usize);
        for y in 0..height {
            for x in 0..width {
                pixels.extend(planes.mean(share(&columns, x, width), share(&rows, y, height)));
            }
        }
        let mut jpeg = Vec::new();
        let encoder = Encoder::new(&mut jpeg, JPEG_QUALITY);
        encoder.encode(&pixels, width as u16, height as u16, ColorType::Ycbcr).ok()?;
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

/// The whole pixels between two edges.
fn whole(from: f32, to: f32) -> Range<u32> {
    from.ceil() as u32..to.floor() as u32
}

/// The pixels that make up pixel `index` of `count`; at least one.
fn share(range: &Range<u32>, index: u32, count: u32) -> Range<u32> {
    let length = range.end - range.start;
    let edge = |index: u32| range.start + length * index / count;
    edge(index)..edge(index + 1).max(edge(index) + 1)
}

/// The planes of a frame in main memory: luma with its stride, and how chroma is laid out.
struct PlaneView<'a> {
    luma: (&'a [u8], usize),
    /// U and V; absent for grey pictures.
    chroma: Option<[ChromaPlane<'a>; 2]>,
    /// Pixels per chroma sample, horizontally and vertically.
    chroma_px: (usize, usize),
}

/// Where the samples of U or V lie.
struct ChromaPlane<'a> {
    bytes: &'a [u8],
    stride: usize,
    /// Bytes before the first sample, and from one to the next.
    offset: usize,
    step: usize,
}

impl<'a> PlaneView<'a> {
    fn of(frame: &'a Frame) -> Option<Self> {
        let FrameData::Cpu(cpu) = &frame.data else {
            return None;
        };
        let planar = |index| {
            let (bytes, stride) = cpu.planes.plane(index);
            ChromaPlane { bytes, stride, offset: 0, step: 1 }
        };
        let (chroma, chroma_px) = match cpu.format {
            PixelFormat::I420 => (Some([planar(1), planar(2)]), (2, 2)),
            PixelFormat::Y42B => (Some([planar(1), planar(2)]), (2, 1)),
            PixelFormat::Y444 => (Some([planar(1), planar(2)]), (1, 1)),
            PixelFormat::Nv12 => {
                let (bytes, stride) = cpu.planes.plane(1);
                (Some([0, 1].map(|offset| ChromaPlane { bytes, stride, offset, step: 2 })), (2, 2))
            }
            PixelFormat::Gray8 => (None, (1, 1)),
        };
        Some(Self { luma: cpu.planes.plane(0), chroma, chroma_px })
    }

    /// The mean luma of a rectangle and the chroma at its centre, in full range.
    fn mean(&self, columns: Range<u32>, rows: Range<u32>) -> [u8; 3] {
        let (bytes, stride) = self.luma;
        let row = |y: u32| &bytes[y as usize * stride..][columns.start as usize..columns.end as usize];
        let sum: u64 = rows.clone().flat_map(row).map(|luma| u64::from(*luma)).sum();
        let luma = sum / (columns.len() * rows.len()) as u64;
        let x = ((columns.start + columns.end) / 2).min(columns.end - 1) as usize / self.chroma_px.0;
        let y = ((rows.start + rows.end) / 2).min(rows.end - 1) as usize / self.chroma_px.1;
        let sample = |plane: &ChromaPlane<'_>| plane.bytes[y * plane.stride + x * plane.step + plane.offset];
        let chroma = self.chroma.as_ref().map(|[u, v]| [u, v].map(|plane| full_range_chroma(sample(plane))));
        let [u, v] = chroma.unwrap_or([128; 2]);
        [((luma.saturating_sub(16)) * 255 / 219).min(255) as u8, u, v]
    }
}

fn full_range_chroma(limited: u8) -> u8 {
    ((i32::from(limited) - 128) * 255 / 224 + 128).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Size;

    /// A frame that is black on its left and white on its right half.
    fn frame(width: u32, height: u32) -> Frame {
        let luma = (0..height).flat_map(|_| (0..width).map(|x| if x < width / 2 { 16 } else { 235 })).collect();
        let chroma = vec![128; (width.div_ceil(2) * height.div_ceil(2)) as usize];
        Frame::from_i420(0, Size { width, height }, luma, chroma.clone(), chroma)
    }

    /// Width and height in the frame header of a baseline JPEG.
    fn jpeg_size(jpeg: &[u8]) -> Option<(u16, u16)> {
        let at = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0])?;
        let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
        Some((number(at + 7), number(at + 5)))
    }

    #[test]
    fn a_picture_keeps_the_shape_of_the_box_and_is_small() {
        for (rect, size) in [
            (Rect::new(10.0, 10.0, 400.0, 200.0), (128, 64)),
            (Rect::new(-50.0, 470.5, 70.0, 90.0), (20, 9)),
            (Rect::new(0.0, 0.0, 640.0, 1.0), (128, 1)),
        ] {
            let cut = Thumbnail::cut(TrackId(1), &frame(640, 480), &rect).expect("it lies inside");
            assert_eq!(jpeg_size(&cut.jpeg), Some(size), "{rect:?}");
            assert!(cut.jpeg.len() < THUMBNAIL_BYTES_MAX);
        }
    }

    #[test]
    fn outside_there_is_no_picture() {
        for rect in
            [Rect::new(700.0, 0.0, 50.0, 50.0), Rect::new(5.0, 5.0, 0.5, 9.0), Rect::new(f32::NAN, 0.0, 9.0, 9.0)]
        {
            assert_eq!(Thumbnail::cut(TrackId(1), &frame(640, 480), &rect), None, "{rect:?}");
        }
    }

    #[test]
    fn black_stays_black_and_white_white() {
        let frame = frame(64, 64);
        let planes = PlaneView::of(&frame).expect("it is in main memory");
        assert_eq!(planes.mean(0..32, 0..64), [0, 128, 128]);
        assert_eq!(planes.mean(32..64, 0..1), [255, 128, 128]);
        assert_eq!(planes.mean(0..64, 3..4), [127, 128, 128]);
        assert_eq!([full_range_chroma(16), full_range_chroma(240)], [1, 255]);
    }
}
