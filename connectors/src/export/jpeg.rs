//! A frame, or a part of it, as a JPEG inside a `data:` address.

use super::ExportError;
use crate::jpeg;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use vokg_engine::frame::Frame;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::rgb::RgbImage;

/// A picture in red, green and blue.
pub(crate) struct Rgb {
    pub(crate) size: Size,
    pixels: Vec<[u8; 3]>,
}

impl Rgb {
    /// The colours of a frame in main memory.
    pub(crate) fn of(frame: &Frame) -> Result<Self, ExportError> {
        let Size { width, height } = frame.size;
        let whole = Rect::new(0.0, 0.0, width as f32, height as f32);
        let image = frame.rgb(&whole, u32::MAX).ok_or(ExportError::OnDevice { t: frame.t })?;
        let (pixels, _) = image.bytes.as_chunks::<3>();
        Ok(Self { size: image.size, pixels: pixels.to_vec() })
    }

    /// The part inside a box, scaled to `size` by averaging (or repeating) pixels.
    pub(crate) fn part(&self, rect: &Rect, size: Size) -> Self {
        let range = |cell: u32, cells: u32, from: f32, extent: f32, limit: u32| {
            let edge = |cell: u32| from + extent * cell as f32 / cells as f32;
            let first = (edge(cell) as u32).min(limit - 1);
            first..(edge(cell + 1) as u32).clamp(first + 1, limit)
        };
        let mut pixels = Vec::with_capacity(size.area() as usize);
        for row in 0..size.height {
            let ys = range(row, size.height, rect.top, rect.height, self.size.height);
            for column in 0..size.width {
                let xs = range(column, size.width, rect.left, rect.width, self.size.width);
                pixels.push(self.mean(xs, ys.clone()));
            }
        }
        Self { size, pixels }
    }

    fn mean(&self, xs: std::ops::Range<u32>, ys: std::ops::Range<u32>) -> [u8; 3] {
        let count = xs.len() as u32 * ys.len() as u32;
        let mut sum = [0u32; 3];
        for y in ys {
            for x in xs.clone() {
                let pixel = self.pixels[(y * self.size.width + x) as usize];
                (0..3).for_each(|c| sum[c] += u32::from(pixel[c]));
            }
        }
        sum.map(|s| ((s + count / 2) / count) as u8)
    }

    /// `data:image/jpeg;base64,…`
    pub(crate) fn data_uri(&self, quality: u8) -> Result<String, ExportError> {
        let Size { width, height } = self.size;
        let error = |reason| ExportError::Jpeg { width, height, reason };
        let image = RgbImage { size: self.size, bytes: self.pixels.as_flattened().to_vec() };
        let jpeg = jpeg::encode(&image, quality).map_err(error)?;
        Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(size: Size, y: u8, u: u8, v: u8) -> Frame {
        let chroma = (size.width.div_ceil(2) * size.height.div_ceil(2)) as usize;
        Frame::from_i420(0, size, vec![y; size.area() as usize], vec![u; chroma], vec![v; chroma])
    }

    #[test]
    fn parts_outside_the_frame_repeat_its_border() {
        let rgb = Rgb::of(&flat(Size { width: 4, height: 4 }, 235, 128, 128)).unwrap();
        let part = rgb.part(&Rect::new(-2.0, 3.0, 8.0, 8.0), Size { width: 5, height: 7 });
        assert!(part.pixels.iter().all(|pixel| *pixel == [255; 3]));
        assert!(part.data_uri(80).unwrap().starts_with("data:image/jpeg;base64,/9j/"));
    }
}
