//! Going on in the middle of a file, at exactly the picture after the one where a source was left.
//!
//! A jump lands on a key picture, and what is decoded from there on need not be what decoding from the beginning gives:
//! some files have pictures that look like key pictures and are not. So the picture at which the source was left is
//! decoded again and compared; where it differs, or a file cannot be searched, everything before it is decoded anew.

use super::gaps::GapDetector;
use super::limits::Limits;
use super::pipeline::{Decoding, Pipeline, Pulled};
use super::probe::{Opened, open, stream_nanos, video_info};
use super::sample::Sampler;
use super::sniff::Container;
use super::time::{MediaClock, micros};
use super::{FileConfig, FileSource, SourceStats};
use crate::source::SourceError;
use gstreamer as gst;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::Ordering;
use vokg_engine::frame::{Frame, FrameData, PixelFormat};
use vokg_engine::geometry::Size;
use vokg_engine::time::Micros;

/// How far before the bookmark a jump aims, one after the other, until one leads there.
const BACK_NANOS: [u64; 3] = [0, 1_000_000_000, 10_000_000_000];

/// Where a source was left, right after a frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bookmark {
    /// Media time of the frame.
    pub t: Micros,
    /// Stream time of its picture, where it has one.
    stream_nanos: Option<u64>,
    /// BLAKE3 hash of its pixels.
    pixels: [u8; 32],
    clock: MediaClock,
    gaps: GapDetector,
    sampler: Sampler,
    stats: SourceStats,
}

impl Bookmark {
    /// Reads back what a bookmark was encoded as.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        postcard::from_bytes(bytes).map_err(|error| format!("its place in the file cannot be read: {error}"))
    }
}

impl FileSource {
    /// Where the source is, after the frame it gave last and before it is asked for more.
    pub fn bookmark(&self, frame: &Frame) -> Bookmark {
        Bookmark {
            t: frame.t,
            stream_nanos: self.last_stream_nanos,
            pixels: fingerprint(frame),
            clock: self.clock.clone(),
            gaps: self.gaps.clone(),
            sampler: self.sampler.clone(),
            stats: self.stats,
        }
    }

    /// Goes on where a source of the same file and configuration was left; this one has only been opened. `goes_on` is asked
    /// at every picture that is decoded on the way, which may be all of them.
    ///
    /// # Errors
    /// As for opening it, where the picture at the bookmark is not there any more, and [`SourceError::Interrupted`] where
    /// `goes_on` says no.
    pub fn resume(mut self, bookmark: Bookmark, goes_on: impl Fn() -> bool) -> Result<Self, SourceError> {
        let (path, config) = (self.path.clone(), self.config.clone());
        let way = Way { bookmark: &bookmark, path: &path, limits: &config.limits, goes_on: &goes_on };
        let mut pictures = way.jump(&self.pipeline, self.info.container)?;
        if pictures.is_none() {
            drop(self);
            let opened = open(&path, Self::decoding(&config), &config.limits)?;
            pictures = way.walk(&opened)?;
            self = Self::over(&path, &config, opened);
        }
        let Some(pictures) = pictures else {
            let reason = format!("the picture at {} us is not the one that was decoded before", bookmark.t);
            return Err(SourceError::Damaged { reason, path });
        };
        let Bookmark { clock, gaps, sampler, stats, .. } = bookmark;
        (self.clock, self.gaps, self.sampler, self.stats) = (clock, gaps, sampler, stats);
        (self.pictures, self.last_stream_nanos) = (pictures, None);
        self.ready.clear();
        Ok(self)
    }
}

/// The way to a bookmark.
struct Way<'a> {
    bookmark: &'a Bookmark,
    path: &'a Path,
    limits: &'a Limits,
    goes_on: &'a dyn Fn() -> bool,
}

impl Way<'_> {
    /// From a key picture before; how many pictures were decoded since, `None` where that does not lead there. A jump may
    /// land behind the bookmark or amid a group of pictures, whose first then come out broken: so also from further back.
    fn jump(&self, pipeline: &Pipeline, container: Container) -> Result<Option<u64>, SourceError> {
        let searchable = !matches!(container, Container::RawH264 | Container::Jpeg);
        let Some(target) = self.bookmark.stream_nanos.filter(|_| searchable && self.bookmark.clock.resets() == 0)
        else {
            return Ok(None);
        };
        for back in BACK_NANOS {
            let pictures = self.jump_to(pipeline, target.saturating_sub(back), target)?;
            if pictures.is_some() {
                return Ok(pictures);
            }
        }
        Ok(None)
    }

    fn jump_to(&self, pipeline: &Pipeline, from: u64, target: u64) -> Result<Option<u64>, SourceError> {
        if pipeline.seek_before(gst::ClockTime::from_nseconds(from)).is_err() {
            return Ok(None);
        }
        // What went into the decoder before the jump and never came out is no error.
        pipeline.sightings.fed.store(0, Ordering::Relaxed);
        let mut pictures = 0;
        while let Some(sample) = self.pull(pipeline)? {
            pictures += 1;
            match stream_nanos(&sample) {
                Some(nanos) if nanos == target => return Ok(self.is_it(&sample).then_some(pictures)),
                Some(nanos) if nanos > target => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }

    /// From the first picture, by counting.
    fn walk(&self, opened: &Opened) -> Result<Option<u64>, SourceError> {
        let mut pictures = 1;
        let mut last = opened.first.clone();
        while pictures < self.bookmark.stats.decoded {
            let Some(sample) = self.pull(&opened.pipeline)? else { return Ok(None) };
            pictures += 1;
            last = sample;
        }
        Ok(self.is_it(&last).then_some(pictures))
    }

    fn pull(&self, pipeline: &Pipeline) -> Result<Option<gst::Sample>, SourceError> {
        match pipeline.pull(self.limits.stall_deadline) {
            Pulled::Picture(sample) if (self.goes_on)() => Ok(Some(sample)),
            Pulled::Picture(_) => Err(SourceError::Interrupted(self.path.to_owned())),
            Pulled::End | Pulled::Broken(_) | Pulled::Stopped => Ok(None),
            Pulled::Refused(error) => Err(error),
            Pulled::Late => {
                let seconds = self.limits.stall_deadline.as_secs();
                Err(SourceError::Stalled { seconds, at_us: self.bookmark.t, path: self.path.to_owned() })
            }
        }
    }

    /// Whether a picture is that of the bookmark, pixel by pixel.
    fn is_it(&self, sample: &gst::Sample) -> bool {
        let frame = || {
            let (info, buffer) = (video_info(sample)?, sample.buffer_owned()?);
            let data = super::pixels::Mapper::new(self.limits.shared_frames).map(buffer, &info)?;
            let size = Size { width: info.width(), height: info.height() };
            Some(Frame { t: micros(0), size, pixel_aspect: (1, 1), data })
        };
        frame().is_some_and(|frame| fingerprint(&frame) == self.bookmark.pixels)
    }
}

impl FileSource {
    pub(super) fn decoding(config: &FileConfig) -> Decoding {
        let keyframes_only = config.sample == super::Sample::Keyframes;
        Decoding { keyframes_only, threads: config.decoder_threads }
    }
}

/// BLAKE3 hash of the pixels of a frame, without the padding of its rows. Of a frame on a device, of nothing.
fn fingerprint(frame: &Frame) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    if let FrameData::Cpu(cpu) = &frame.data {
        for (index, (width, height)) in plane_sizes(cpu.format, frame.size).into_iter().enumerate() {
            let (bytes, stride) = cpu.planes.plane(index);
            for row in bytes.chunks(stride.max(1)).take(height) {
                hasher.update(&row[..width.min(row.len())]);
            }
        }
    }
    *hasher.finalize().as_bytes()
}

/// Bytes per row and rows of each plane.
fn plane_sizes(format: PixelFormat, size: Size) -> Vec<(usize, usize)> {
    let (width, height) = (size.width as usize, size.height as usize);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    match format {
        PixelFormat::I420 => vec![(width, height), (half_width, half_height), (half_width, half_height)],
        PixelFormat::Nv12 => vec![(width, height), (2 * half_width, half_height)],
        PixelFormat::Y42B => vec![(width, height), (half_width, height), (half_width, height)],
        PixelFormat::Y444 => vec![(width, height); 3],
        PixelFormat::Gray8 => vec![(width, height)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_of_the_pixels_and_not_of_the_padding() {
        let size = Size { width: 3, height: 3 };
        let frame = |y: u8| Frame::from_i420(0, size, vec![y; 9], vec![1; 4], vec![2; 4]);
        let padded = |padding: u8| {
            let luma = (0..3).flat_map(|_| [5, 5, 5, padding]).collect();
            let planes = vec![(luma, 4), (vec![1; 4], 2), (vec![2; 4], 2)];
            let planes = std::sync::Arc::new(vokg_engine::frame::OwnedPlanes(planes));
            let data = FrameData::Cpu(vokg_engine::frame::CpuFrame { format: PixelFormat::I420, planes });
            Frame { t: 9, size, pixel_aspect: (1, 1), data }
        };
        assert_eq!(fingerprint(&frame(5)), fingerprint(&padded(0)));
        assert_eq!(fingerprint(&padded(0)), fingerprint(&padded(77)));
        assert_ne!(fingerprint(&frame(5)), fingerprint(&frame(6)));
    }
}
