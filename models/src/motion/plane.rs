//! The reduced picture the segmenter works on: luma about 384 cells wide and chroma at half of that, whatever the
//! size and layout of the frame.

use super::reduce::{Source, reduced, reduced_pairs};
use super::smooth::smoothed;
use crate::SegmentError;
use serde::{Deserialize, Serialize};
use vokg_engine::frame::{CpuFrame, Frame, FrameData, PixelFormat};
use vokg_engine::geometry::{Affine, Rect, Size};

/// The least width and height of a frame, in pixels.
pub(super) const MIN_FRAME_PX: u32 = 32;
/// The most luma cells for each cell of width: 384 × 288, so that tall frames cost no more than 4:3 ones.
const CELLS_PER_WIDTH_SQUARED: f64 = 0.75;

/// Luma cells laid over a frame. Both extents are even: a chroma cell covers 2 × 2 luma cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lattice {
    /// Luma cells per row.
    pub width: usize,
    /// Rows of luma cells.
    pub height: usize,
    /// The frame it is laid over.
    pub frame: Size,
}

impl Lattice {
    /// The lattice for a frame, at most `cells` wide. A cell covers a whole number of pixels each way, give or take
    /// what is left over at the rim: with fractions some cells would average more noise away than others.
    pub fn over(frame: Size, cells: u32) -> Self {
        let (width, height, cells) = (f64::from(frame.width), f64::from(frame.height), f64::from(cells));
        let by_area = (width * height / (CELLS_PER_WIDTH_SQUARED * cells * cells)).sqrt();
        let pixels = (width / cells).max(by_area).ceil().max(1.0);
        let even =
            |extent: f64, limit: u32| 2 * ((extent / pixels / 2.0).round().max(2.0) as usize).min(limit as usize / 2);
        Self { width: even(width, frame.width), height: even(height, frame.height), frame }
    }

    /// Luma cells.
    pub fn cells(&self) -> usize {
        self.width * self.height
    }

    /// Cells for a share of the frame's width, at least 1.
    pub fn span(&self, share_of_width: f64) -> usize {
        (share_of_width * self.width as f64).round().max(1.0) as usize
    }

    /// Cells for a share of the frame's area, at least 1.
    pub fn area(&self, share_of_frame: f64) -> usize {
        (share_of_frame * self.cells() as f64).round().max(1.0) as usize
    }

    /// Frame pixels in one cell, horizontally and vertically.
    pub fn pixels_per_cell(&self) -> (f32, f32) {
        (self.frame.width as f32 / self.width as f32, self.frame.height as f32 / self.height as f32)
    }

    /// A box of the frame in cells.
    pub fn to_cells(self, rect: &Rect) -> Rect {
        let (sx, sy) = self.pixels_per_cell();
        Rect::new(rect.left / sx, rect.top / sy, rect.width / sx, rect.height / sy)
    }

    /// A box of cells in frame pixels.
    pub fn to_frame(self, rect: &Rect) -> Rect {
        let (sx, sy) = self.pixels_per_cell();
        Rect::new(rect.left * sx, rect.top * sy, rect.width * sx, rect.height * sy)
    }
}

/// A map of the plane whose coordinates are stretched by `sx` and `sy`.
pub(super) fn stretched(map: &Affine, sx: f32, sy: f32) -> Affine {
    let [a, b, c, d, e, f] = map.m;
    Affine { m: [a, b * sx / sy, c * sx, d * sy / sx, e, f * sy] }
}

/// A reduced picture.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    /// Where its cells lie.
    pub lattice: Lattice,
    /// Luma, row by row.
    pub y: Vec<u8>,
    /// First chroma at half the width and height.
    pub u: Vec<u8>,
    /// Second chroma.
    pub v: Vec<u8>,
}

impl Plane {
    /// Luma and chroma of a cell.
    pub fn colour(&self, x: usize, y: usize) -> [u8; 3] {
        let chroma = y / 2 * (self.lattice.width / 2) + x / 2;
        [self.y[y * self.lattice.width + x], self.u[chroma], self.v[chroma]]
    }

    /// Luma and chroma less sharp.
    pub fn smoothed(&self) -> Self {
        let width = self.lattice.width;
        let chroma = |cells: &[u8]| smoothed(cells, width / 2);
        Self { lattice: self.lattice, y: smoothed(&self.y, width), u: chroma(&self.u), v: chroma(&self.v) }
    }

    /// Reduces a frame to at most `cells` luma cells per row.
    ///
    /// # Errors
    /// Where the frame is smaller than [`MIN_FRAME_PX`] or not in main memory.
    pub fn of(frame: &Frame, cells: u32) -> Result<Self, SegmentError> {
        let Size { width, height } = frame.size;
        if width < MIN_FRAME_PX || height < MIN_FRAME_PX {
            return Err(SegmentError::TooSmall { backend: super::NAME, width, height, min: MIN_FRAME_PX });
        }
        match &frame.data {
            FrameData::Cpu(cpu) => Ok(Self::of_cpu(cpu, Lattice::over(frame.size, cells))),
            FrameData::Cuda(_) => Err(SegmentError::DeviceFrame { backend: super::NAME }),
        }
    }

    fn of_cpu(frame: &CpuFrame, lattice: Lattice) -> Self {
        let (width, height) = (lattice.frame.width as usize, lattice.frame.height as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let source = |index: usize, width: usize, height: usize| {
            let (bytes, stride) = frame.planes.plane(index);
            Source { bytes, stride, width, height }
        };
        let (chroma_width, chroma_height) = (lattice.width / 2, lattice.height / 2);
        let chroma = |index: usize, width: usize, height: usize| {
            reduced(source(index, width, height), chroma_width, chroma_height)
        };
        let (u, v) = match frame.format {
            PixelFormat::I420 => (chroma(1, half_width, half_height), chroma(2, half_width, half_height)),
            PixelFormat::Y42B => (chroma(1, half_width, height), chroma(2, half_width, height)),
            PixelFormat::Y444 => (chroma(1, width, height), chroma(2, width, height)),
            PixelFormat::Nv12 => reduced_pairs(source(1, half_width, half_height), chroma_width, chroma_height),
            PixelFormat::Gray8 => (vec![128; lattice.cells() / 4], vec![128; lattice.cells() / 4]),
        };
        Self { lattice, y: reduced(source(0, width, height), lattice.width, lattice.height), u, v }
    }
}

/// Luma at half the width and height of the lattice.
pub(super) fn halved(luma: &[u8], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(luma.len() / 4);
    for rows in luma.chunks_exact(2 * width) {
        let (above, below) = rows.split_at(width);
        out.extend(above.chunks_exact(2).zip(below.chunks_exact(2)).map(|(a, b)| {
            let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
            ((sum + 2) / 4) as u8
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use vokg_engine::frame::OwnedPlanes;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn gradient(format: PixelFormat, width: usize, height: usize) -> Frame {
        let luma = |x: usize, y: usize| ((x * 90 / width) + (y * 90 / height) + 30) as u8;
        let (u, v) = (|x: f64| (60.0 + 100.0 * x) as u8, |y: f64| (200.0 - 100.0 * y) as u8);
        let fill = |w: usize, h: usize, stride: usize, f: &dyn Fn(usize, usize) -> u8| {
            let bytes = (0..stride * h).map(|i| if i % stride < w { f(i % stride, i / stride) } else { 0 }).collect();
            (bytes, stride)
        };
        let (cw, ch) = match format {
            PixelFormat::Y444 => (width, height),
            PixelFormat::Y42B => (width.div_ceil(2), height),
            _ => (width.div_ceil(2), height.div_ceil(2)),
        };
        let mut planes = vec![fill(width, height, width + 7, &luma)];
        let share = |at: usize, of: usize| at as f64 / of as f64;
        match format {
            PixelFormat::Gray8 => {}
            PixelFormat::Nv12 => planes.push(fill(cw * 2, ch, cw * 2 + 6, &|x, y| {
                if x % 2 == 0 { u(share(x / 2, cw)) } else { v(share(y, ch)) }
            })),
            _ => {
                planes.push(fill(cw, ch, cw + 3, &|x, _| u(share(x, cw))));
                planes.push(fill(cw, ch, cw + 3, &|_, y| v(share(y, ch))));
            }
        }
        let data = FrameData::Cpu(CpuFrame { format, planes: Arc::new(OwnedPlanes(planes)) });
        Frame { t: 0, size: size(width as u32, height as u32), pixel_aspect: (1, 1), data }
    }

    #[test]
    fn every_layout_gives_the_same_picture() -> Result<(), SegmentError> {
        for (width, height) in [(1280, 720), (768, 432), (641, 481), (33, 47), (1920, 1080), (500, 1000)] {
            let reference = Plane::of(&gradient(PixelFormat::Y444, width, height), 384)?;
            for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Y42B, PixelFormat::Gray8] {
                let plane = Plane::of(&gradient(format, width, height), 384)?;
                assert_eq!(plane.y, reference.y, "{format:?} {width}x{height}");
                let near = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 4);
                if format != PixelFormat::Gray8 {
                    assert!(
                        near(&plane.u, &reference.u) && near(&plane.v, &reference.v),
                        "{format:?} {width}x{height}"
                    );
                }
                assert_eq!(plane.u.len() * 4, plane.y.len());
            }
        }
        Ok(())
    }

    #[test]
    fn lattices_are_even_and_bounded() {
        for (width, height) in
            [(32, 32), (33, 35), (1920, 1080), (1080, 1920), (20_000, 32), (32, 20_000), (7680, 4320)]
        {
            let lattice = Lattice::over(size(width, height), 384);
            assert!(lattice.width.is_multiple_of(2) && lattice.height.is_multiple_of(2));
            assert!(lattice.width >= 4 && lattice.height >= 4 && lattice.width <= 384);
            assert!(lattice.cells() <= 384 * 310, "{width}x{height}: {}", lattice.cells());
            assert!(lattice.width <= width as usize && lattice.height <= height as usize);
        }
        let wide = Lattice::over(size(1920, 1080), 384);
        assert_eq!((wide.width, wide.height), (384, 216));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let tiny = gradient(PixelFormat::Gray8, 31, 200);
        assert!(matches!(Plane::of(&tiny, 384), Err(SegmentError::TooSmall { min: 32, .. })));
    }

    #[test]
    fn boxes_go_to_cells_and_back() {
        let lattice = Lattice::over(size(1280, 720), 384);
        let rect = Rect::new(100.0, 50.0, 300.0, 200.0);
        let back = lattice.to_frame(&lattice.to_cells(&rect));
        assert!((back.left - rect.left).abs() < 1e-3 && (back.height - rect.height).abs() < 1e-3);
    }
}
