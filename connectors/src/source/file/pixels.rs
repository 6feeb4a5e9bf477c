//! Decoded buffers as frames, without copying.
//!
//! A frame keeps its decoder buffer mapped, with the strides GStreamer says it has. Decoders may own few buffers, so
//! only a limited number of frames may share theirs; those beyond are copies.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use gstreamer_video::video_frame::Readable;
use gstreamer_video::{VideoFormat, VideoFrame, VideoInfo};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vokg_engine::frame::{CpuFrame, FrameData, OwnedPlanes, PixelFormat, Planes};

/// Formats handed on as they are; everything else is converted, to I420 where nothing else is nearer.
pub(super) const NATIVE: [VideoFormat; 5] =
    [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Y42b, VideoFormat::Y444, VideoFormat::Gray8];

/// Maps buffers and knows how many are still held.
pub(super) struct Mapper {
    held: Arc<AtomicUsize>,
    limit: usize,
}

impl Mapper {
    /// A mapper that lets `limit` frames share memory with the decoder.
    pub fn new(limit: usize) -> Self {
        Self { held: Arc::new(AtomicUsize::new(0)), limit }
    }

    /// The pixels of a buffer. `None` where the buffer is not what `info` says.
    pub fn map(&self, buffer: gst::Buffer, info: &VideoInfo) -> Option<FrameData> {
        let format = pixel_format(info.format())?;
        let frame = VideoFrame::from_buffer_readable(buffer, info).ok()?;
        if self.held.load(Ordering::Acquire) >= self.limit {
            return Some(FrameData::Cpu(CpuFrame { format, planes: Arc::new(copied(&frame)?) }));
        }
        let planes = Arc::new(MappedPlanes { frame, _place: Place::take(&self.held) });
        Some(FrameData::Cpu(CpuFrame { format, planes }))
    }
}

/// One of the limited places, given back when the frame is gone.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(held: &Arc<AtomicUsize>) -> Self {
        held.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(held))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

struct MappedPlanes {
    frame: VideoFrame<Readable>,
    _place: Place,
}

impl Planes for MappedPlanes {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        let bytes = self.frame.plane_data(index as u32).expect("the caller names a plane of the format");
        (bytes, self.frame.plane_stride()[index] as usize)
    }
}

fn copied(frame: &VideoFrame<Readable>) -> Option<OwnedPlanes> {
    let planes = (0..frame.n_planes()).map(|plane| {
        let bytes = frame.plane_data(plane).ok()?.to_vec();
        Some((bytes, usize::try_from(frame.plane_stride()[plane as usize]).ok()?))
    });
    Some(OwnedPlanes(planes.collect::<Option<_>>()?))
}

fn pixel_format(format: VideoFormat) -> Option<PixelFormat> {
    match format {
        VideoFormat::I420 => Some(PixelFormat::I420),
        VideoFormat::Nv12 => Some(PixelFormat::Nv12),
        VideoFormat::Y42b => Some(PixelFormat::Y42B),
        VideoFormat::Y444 => Some(PixelFormat::Y444),
        VideoFormat::Gray8 => Some(PixelFormat::Gray8),
        _ => None,
    }
}

/// Caps of what a pipeline may deliver, of one size where that is settled.
pub(super) fn delivered_caps(settled: Option<&VideoInfo>) -> gst::Caps {
    let caps = gst_video::VideoCapsBuilder::new().format_list(NATIVE);
    let Some(info) = settled else { return caps.build() };
    let (width, height) = (info.width() as i32, info.height() as i32);
    caps.width(width).height(height).pixel_aspect_ratio(info.par()).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(info: &VideoInfo) -> gst::Buffer {
        let bytes: Vec<u8> = (0..info.size()).map(|at| (at % 251) as u8).collect();
        gst::Buffer::from_slice(bytes)
    }

    #[test]
    fn frames_beyond_the_limit_are_copies_with_the_same_pixels() {
        gst::init().expect("GStreamer starts");
        let info = VideoInfo::builder(VideoFormat::I420, 321, 241).build().expect("a size");
        let mapper = Mapper::new(2);
        let held: Vec<_> = (0..4).map(|_| mapper.map(buffer(&info), &info).expect("it maps")).collect();
        assert_eq!(mapper.held.load(Ordering::Acquire), 2);
        let planes: Vec<_> = held
            .iter()
            .map(|data| match data {
                FrameData::Cpu(cpu) => (0..3).map(|at| cpu.planes.plane(at)).collect::<Vec<_>>(),
                FrameData::Cuda(_) => panic!("these are in main memory"),
            })
            .collect();
        assert_eq!(planes[0][0].1, 324, "rows are padded to four bytes");
        assert_eq!((planes[0].as_slice(), planes[1].as_slice()), (planes[2].as_slice(), planes[3].as_slice()));
        drop(planes);
        drop(held);
        assert_eq!(mapper.held.load(Ordering::Acquire), 0);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_refused() {
        gst::init().expect("GStreamer starts");
        let info = VideoInfo::builder(VideoFormat::Nv12, 64, 64).build().expect("a size");
        assert!(Mapper::new(2).map(gst::Buffer::from_slice(vec![0; 100]), &info).is_none());
    }
}
