//! A picture and the moment it shows.

use crate::delta::GapVertex;
use crate::geometry::Size;
use crate::time::Micros;
use std::fmt;
use std::sync::Arc;

/// How the bytes of a picture in main memory are laid out. Sources keep what the decoder gives; an operator converts
/// only what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// 8-bit Y, U, V planes, chroma halved both ways.
    I420,
    /// 8-bit Y plane and an interleaved UV plane, chroma halved both ways.
    Nv12,
    /// 8-bit Y, U, V planes, chroma halved horizontally.
    Y42B,
    /// 8-bit Y, U, V planes, full size.
    Y444,
    /// 8-bit Y plane alone.
    Gray8,
}

/// Planes of bytes that somebody else owns, such as a mapped decoder buffer.
pub trait Planes: Send + Sync {
    /// The bytes of plane `index` and its stride in bytes. Rows may be longer than the picture.
    ///
    /// # Panics
    /// May panic where the format has no such plane.
    fn plane(&self, index: usize) -> (&[u8], usize);
}

/// A picture in main memory.
#[derive(Clone)]
pub struct CpuFrame {
    /// Layout of the planes.
    pub format: PixelFormat,
    /// The planes themselves.
    pub planes: Arc<dyn Planes>,
}

/// A picture in the memory of an NVIDIA device: the address of NV12 planes and whoever keeps them alive.
#[derive(Clone)]
pub struct CudaFrame {
    /// Ordinal of the device.
    pub device: u32,
    /// Device address of the Y plane.
    pub luma: u64,
    /// Device address of the interleaved UV plane.
    pub chroma: u64,
    /// Bytes per row of both planes.
    pub pitch: u32,
    /// Keeps the memory alive as long as the frame.
    pub owner: Arc<dyn std::any::Any + Send + Sync>,
}

/// Where the pixels are.
#[derive(Clone)]
pub enum FrameData {
    /// In main memory.
    Cpu(CpuFrame),
    /// On a CUDA device.
    Cuda(CudaFrame),
}

/// One picture of a stream, upright.
#[derive(Clone)]
pub struct Frame {
    /// Media time; strictly increasing within a stream.
    pub t: Micros,
    /// Pixels of the picture, after rotation.
    pub size: Size,
    /// Pixel aspect ratio as numerator and denominator; boxes are in pixels, not in square units.
    pub pixel_aspect: (u32, u32),
    /// The pixels.
    pub data: FrameData,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame {{ t: {}, {}x{} }}", self.t, self.size.width, self.size.height)
    }
}

/// What a source hands over at one media time: a frame, or the end of the stream one microsecond after its last frame.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// What was not seen between the frame before and this one, where the source noticed.
    pub gaps: Vec<GapVertex>,
    /// The frame; `None` for the end.
    pub frame: Option<Frame>,
    /// Where the source is after it, where a checkpoint is to be taken there.
    pub position: Option<Vec<u8>>,
}

/// Planes in plain vectors: pictures made in code, and tests.
pub struct OwnedPlanes(pub Vec<(Vec<u8>, usize)>);

impl Planes for OwnedPlanes {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        let (bytes, stride) = &self.0[index];
        (bytes, *stride)
    }
}

impl Frame {
    /// A frame from I420 planes without padding.
    ///
    /// # Panics
    /// Where a plane is shorter than the size asks for: `width × height` and twice a quarter of it, rounded up.
    pub fn from_i420(t: Micros, size: Size, y: Vec<u8>, u: Vec<u8>, v: Vec<u8>) -> Self {
        let (w, h) = (size.width as usize, size.height as usize);
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        assert!(y.len() >= w * h && u.len() >= cw * ch && v.len() >= cw * ch, "planes shorter than {w}x{h}");
        let planes = Arc::new(OwnedPlanes(vec![(y, w), (u, cw), (v, cw)]));
        let data = FrameData::Cpu(CpuFrame { format: PixelFormat::I420, planes });
        Self { t, size, pixel_aspect: (1, 1), data }
    }
}
