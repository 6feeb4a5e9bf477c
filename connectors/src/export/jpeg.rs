//! A frame, or a part of it, as a JPEG inside a `data:` address.

use super::ExportError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jpeg_encoder::{ColorType, Encoder};
use vokg_engine::frame::{CpuFrame, Frame, FrameData, PixelFormat};
use vokg_engine::geometry::{Rect, Size};

/// A picture in red, green and blue.
pub(crate) struct Rgb {
    pub(crate) size: Size,
    pixels: Vec<[u8; 3]>,
}

impl Rgb {
    /// The colours of a frame in main memory, read as limited-range video: BT.709 from 720 rows on, else BT.601
    /// (ITU-R BT.601-7 and BT.709-6, section 3), the usual guess where a file does not say.
    pub(crate) fn of(frame: &Frame) -> Result<Self, ExportError> {
        let FrameData::Cpu(cpu) = &frame.data else { return Err(ExportError::OnDevice { t: frame.t }) };
        let (kr, kb) = if frame.size.height >= 720 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let kg: f32 = 1.0 - kr - kb;
        let mut pixels = Vec::with_capacity(frame.size.area() as usize);
        for y in 0..frame.size.height as usize {
            for x in 0..frame.size.width as usize {
                let [luma, u, v] = yuv(cpu, x, y);
                let luma = (f32::from(luma) - 16.0) * 255.0 / 219.0;
                let chroma = |c: u8| (f32::from(c) - 128.0) * 255.0 / 112.0;
                let (cb, cr) = (chroma(u) * (1.0 - kb), chroma(v) * (1.0 - kr));
                pixels.push([luma + cr, luma - (kb * cb + kr * cr) / kg, luma + cb].map(|c| c.round() as u8));
            }
        }
        Ok(Self { size: frame.size, pixels })
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
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        let mut jpeg = Vec::new();
        let encoder = Encoder::new(&mut jpeg, quality);
        encoder.encode(self.pixels.as_flattened(), side(width), side(height), ColorType::Rgb).map_err(error)?;
        Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
    }
}

fn yuv(frame: &CpuFrame, x: usize, y: usize) -> [u8; 3] {
    let sample = |plane: usize, x: usize, y: usize| {
        let (bytes, stride) = frame.planes.plane(plane);
        bytes[y * stride + x]
    };
    let luma = sample(0, x, y);
    match frame.format {
        PixelFormat::I420 => [luma, sample(1, x / 2, y / 2), sample(2, x / 2, y / 2)],
        PixelFormat::Nv12 => [luma, sample(1, x / 2 * 2, y / 2), sample(1, x / 2 * 2 + 1, y / 2)],
        PixelFormat::Y42B => [luma, sample(1, x / 2, y), sample(2, x / 2, y)],
        PixelFormat::Y444 => [luma, sample(1, x, y), sample(2, x, y)],
        PixelFormat::Gray8 => [luma, 128, 128],
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
    fn limited_range_white_black_and_red_become_full_range() {
        let size = Size { width: 3, height: 3 };
        let first = |y, u, v| Rgb::of(&flat(size, y, u, v)).unwrap().pixels[0];
        assert_eq!(first(235, 128, 128), [255; 3]);
        assert_eq!(first(16, 128, 128), [0; 3]);
        let [r, g, b] = first(81, 90, 240);
        assert!(r > 250 && g < 4 && b < 4, "{r} {g} {b}");
    }

    #[test]
    fn parts_outside_the_frame_repeat_its_border() {
        let rgb = Rgb::of(&flat(Size { width: 4, height: 4 }, 235, 128, 128)).unwrap();
        let part = rgb.part(&Rect::new(-2.0, 3.0, 8.0, 8.0), Size { width: 5, height: 7 });
        assert!(part.pixels.iter().all(|pixel| *pixel == [255; 3]));
        assert!(part.data_uri(80).unwrap().starts_with("data:image/jpeg;base64,/9j/"));
    }
}
