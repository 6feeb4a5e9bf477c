//! Small RGB pictures cut out of frames, for people to look at. Nothing is decided on them.

use crate::frame::{Frame, FrameData, PixelFormat};
use crate::geometry::{Rect, Size};

/// A picture of 3 bytes per pixel, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    /// Pixels of the picture.
    pub size: Size,
    /// Red, green, blue of each pixel.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// The part of the frame under `rect`, made smaller where its longer side exceeds `max_side` pixels. `None` where
    /// less than one pixel of the box lies in the frame, or the pixels are on a device.
    pub fn rgb(&self, rect: &Rect, max_side: u32) -> Option<RgbImage> {
        let FrameData::Cpu(cpu) = &self.data else { return None };
        let part = rect.clipped(self.size);
        if part.width < 1.0 || part.height < 1.0 {
            return None;
        }
        let scale = (max_side.max(1) as f32 / part.width.max(part.height)).min(1.0);
        let pixels = |extent: f32| ((extent * scale).round() as u32).max(1);
        let size = Size { width: pixels(part.width), height: pixels(part.height) };
        let mut bytes = Vec::with_capacity(size.area() as usize * 3);
        let at = |from: f32, extent: f32, index: u32, count: u32, limit: u32| {
            ((from + (index as f32 + 0.5) * extent / count as f32) as u32).min(limit - 1) as usize
        };
        for row in 0..size.height {
            let y = at(part.top, part.height, row, size.height, self.size.height);
            for column in 0..size.width {
                let x = at(part.left, part.width, column, size.width, self.size.width);
                let plane = |index: usize, x: usize, y: usize| {
                    let (bytes, stride) = cpu.planes.plane(index);
                    bytes.get(y * stride + x).copied().unwrap_or(128)
                };
                let luma = plane(0, x, y);
                let (u, v) = match cpu.format {
                    PixelFormat::I420 => (plane(1, x / 2, y / 2), plane(2, x / 2, y / 2)),
                    PixelFormat::Nv12 => (plane(1, x / 2 * 2, y / 2), plane(1, x / 2 * 2 + 1, y / 2)),
                    PixelFormat::Y42B => (plane(1, x / 2, y), plane(2, x / 2, y)),
                    PixelFormat::Y444 => (plane(1, x, y), plane(2, x, y)),
                    PixelFormat::Gray8 => (128, 128),
                };
                bytes.extend(rgb_from_yuv(luma, u, v));
            }
        }
        Some(RgbImage { size, bytes })
    }
}

/// ITU-R BT.601, limited range.
fn rgb_from_yuv(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = (1.164 * (f32::from(y) - 16.0), f32::from(u) - 128.0, f32::from(v) - 128.0);
    [y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u].map(|c| c.round().clamp(0.0, 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_keeps_its_shape_and_colours() {
        let size = Size { width: 8, height: 4 };
        let luma = (0..32).map(|i| if i % 8 < 4 { 235 } else { 16 }).collect();
        let frame = Frame::from_i420(0, size, luma, vec![128; 8], vec![128; 8]);
        let whole = frame.rgb(&Rect::new(-5.0, 0.0, 100.0, 100.0), 4).map(|image| (image.size, image.bytes));
        let (white, black) = ([255u8; 3], [0u8; 3]);
        let row = [white, white, black, black].concat();
        assert_eq!(whole, Some((Size { width: 4, height: 2 }, [row.clone(), row].concat())));
        assert_eq!(frame.rgb(&Rect::new(9.0, 0.0, 5.0, 5.0), 4), None);
    }
}
