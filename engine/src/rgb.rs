//! RGB pictures cut out of frames, for people to look at. Nothing is decided on them.

use crate::frame::{CpuFrame, Frame, FrameData, PixelFormat};
use crate::geometry::{Rect, Size};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A picture of 3 bytes per pixel, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RgbImage {
    /// Pixels of the picture.
    pub size: Size,
    /// Red, green, blue of each pixel.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// The part of the frame under `rect`, made smaller by averaging where its longer side exceeds `max_side` pixels.
    /// `None` where less than one pixel of the box lies in the frame, or the pixels are on a device.
    pub fn rgb(&self, rect: &Rect, max_side: u32) -> Option<RgbImage> {
        let FrameData::Cpu(cpu) = &self.data else { return None };
        let part = rect.clipped(self.size);
        if part.width < 1.0 || part.height < 1.0 {
            return None;
        }
        let scale = (max_side.max(1) as f32 / part.width.max(part.height)).min(1.0);
        let pixels = |extent: f32| ((extent * scale).round() as u32).max(1);
        let size = Size { width: pixels(part.width), height: pixels(part.height) };
        let (matrix, pixels_of) = (Matrix::of(self.size), Pixels::of(cpu));
        let columns: Vec<_> =
            (0..size.width).map(|x| share(part.left, part.width, x, size.width, self.size.width)).collect();
        let mut bytes = Vec::with_capacity(size.area() as usize * 3);
        for y in 0..size.height {
            let rows = share(part.top, part.height, y, size.height, self.size.height);
            for columns in &columns {
                bytes.extend(matrix.rgb(pixels_of.mean_yuv(columns.clone(), rows.clone())));
            }
        }
        Some(RgbImage { size, bytes })
    }
}

/// The pixels, at least one, that part `index` of `parts` of the stretch from `from` covers.
fn share(from: f32, extent: f32, index: u32, parts: u32, limit: u32) -> Range<usize> {
    let edge = |index: u32| (from + extent * index as f32 / parts as f32).round() as u32;
    let first = edge(index).min(limit - 1);
    first as usize..edge(index + 1).clamp(first + 1, limit) as usize
}

/// The planes of a frame, each with its stride.
struct Pixels<'a> {
    format: PixelFormat,
    planes: [(&'a [u8], usize); 3],
}

impl<'a> Pixels<'a> {
    fn of(frame: &'a CpuFrame) -> Self {
        let last = match frame.format {
            PixelFormat::Gray8 => 0,
            PixelFormat::Nv12 => 1,
            PixelFormat::I420 | PixelFormat::Y42B | PixelFormat::Y444 => 2,
        };
        Self { format: frame.format, planes: [0, 1, 2].map(|plane: usize| frame.planes.plane(plane.min(last))) }
    }

    fn mean_yuv(&self, columns: Range<usize>, rows: Range<usize>) -> [u8; 3] {
        let count = (columns.len() * rows.len()) as u32;
        let mut sum = [0u32; 3];
        for y in rows {
            for x in columns.clone() {
                let yuv = self.yuv(x, y);
                (0..3).for_each(|channel| sum[channel] += u32::from(yuv[channel]));
            }
        }
        sum.map(|sum| ((sum + count / 2) / count) as u8)
    }

    fn yuv(&self, x: usize, y: usize) -> [u8; 3] {
        let at = |plane: usize, x: usize, y: usize| {
            let (bytes, stride) = self.planes[plane];
            bytes.get(y * stride + x).copied().unwrap_or(128)
        };
        let luma = at(0, x, y);
        match self.format {
            PixelFormat::I420 => [luma, at(1, x / 2, y / 2), at(2, x / 2, y / 2)],
            PixelFormat::Nv12 => [luma, at(1, x / 2 * 2, y / 2), at(1, x / 2 * 2 + 1, y / 2)],
            PixelFormat::Y42B => [luma, at(1, x / 2, y), at(2, x / 2, y)],
            PixelFormat::Y444 => [luma, at(1, x, y), at(2, x, y)],
            PixelFormat::Gray8 => [luma, 128, 128],
        }
    }
}

/// How colours are told from limited-range video: BT.709 from 720 rows on, else BT.601 (ITU-R BT.709-6 and BT.601-7,
/// section 3), the usual guess where a file does not say.
struct Matrix {
    red: f32,
    blue: f32,
}

impl Matrix {
    fn of(size: Size) -> Self {
        if size.height >= 720 { Self { red: 0.2126, blue: 0.0722 } } else { Self { red: 0.299, blue: 0.114 } }
    }

    fn rgb(&self, [y, u, v]: [u8; 3]) -> [u8; 3] {
        let luma = (f32::from(y) - 16.0) * 255.0 / 219.0;
        let chroma = |c: u8| (f32::from(c) - 128.0) * 255.0 / 112.0;
        let (to_blue, to_red) = (chroma(u) * (1.0 - self.blue), chroma(v) * (1.0 - self.red));
        let green = luma - (self.blue * to_blue + self.red * to_red) / (1.0 - self.red - self.blue);
        [luma + to_red, green, luma + to_blue].map(|c| c.round() as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(y: u8, u: u8, v: u8) -> Frame {
        Frame::from_i420(0, Size { width: 4, height: 4 }, vec![y; 16], vec![u; 4], vec![v; 4])
    }

    #[test]
    fn limited_range_white_black_and_red_become_full_range() {
        let whole = Rect::new(0.0, 0.0, 4.0, 4.0);
        let first = |frame: Frame| frame.rgb(&whole, 4).map(|image| image.bytes[..3].to_vec());
        assert_eq!(first(flat(235, 128, 128)), Some(vec![255; 3]));
        assert_eq!(first(flat(16, 128, 128)), Some(vec![0; 3]));
        assert!(first(flat(81, 90, 240)).is_some_and(|rgb| rgb[0] > 250 && rgb[1] < 4 && rgb[2] < 4));
    }

    #[test]
    fn a_crop_keeps_its_shape_and_averages() {
        let size = Size { width: 8, height: 4 };
        let luma = (0..32).map(|i| if i % 8 < 4 { 235 } else { 16 }).collect();
        let frame = Frame::from_i420(0, size, luma, vec![128; 8], vec![128; 8]);
        let whole = frame.rgb(&Rect::new(-5.0, 0.0, 100.0, 100.0), 4).map(|image| (image.size, image.bytes));
        let row = [[255u8; 6], [0u8; 6]].concat();
        assert_eq!(whole, Some((Size { width: 4, height: 2 }, [row.clone(), row].concat())));
        assert_eq!(frame.rgb(&Rect::new(9.0, 0.0, 5.0, 5.0), 4), None);
    }
}
