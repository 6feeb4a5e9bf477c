//! The frame shown at a given time, exactly.
//!
//! An accurate seek is not it: inside a picture it clips the time stamp, and with the millisecond stamps of Matroska it
//! may give the picture before. So: jump to the key picture before, decode forward, keep the last picture that is not
//! later than asked for.

use super::limits::Limits;
use super::pipeline::{Decoding, Pulled};
use super::pixels::Mapper;
use super::probe::{Opened, open, stream_nanos, video_info};
use super::sniff::Container;
use super::time::micros;
use crate::source::SourceError;
use gstreamer as gst;
use std::path::Path;
use vokg_engine::frame::Frame;
use vokg_engine::geometry::Size;
use vokg_engine::time::Micros;

/// A picture this little after the time asked for still counts as being there: containers round time stamps.
const ROUNDING_NANOS: u64 = 500_000;

/// How much further back to begin where a jump landed too late.
const STEP_BACK_NANOS: u64 = 1_000_000_000;

/// The last frame at or before `t_us` of media time; the first or last of the file where `t_us` lies outside.
///
/// # Errors
/// As for opening the file, and where decoding stands still on the way.
pub fn frame_at(path: &Path, t_us: Micros, limits: &Limits) -> Result<Frame, SourceError> {
    let opened = open(path, Decoding { keyframes_only: false, threads: 1 }, limits)?;
    let first_nanos = stream_nanos(&opened.first).unwrap_or(0);
    let target = first_nanos.saturating_add(t_us.saturating_mul(1000));
    let sample = Search { opened: &opened, target, first_nanos, path, limits }.run()?;

    let damaged = || SourceError::Damaged { reason: "the picture has no pixels".into(), path: path.to_owned() };
    let info = video_info(&sample).ok_or_else(damaged)?;
    let buffer = sample.buffer_owned().ok_or_else(damaged)?;
    let data = Mapper::new(limits.shared_frames).map(buffer, &info).ok_or_else(damaged)?;
    Ok(Frame {
        t: micros(stream_nanos(&sample).unwrap_or(first_nanos).saturating_sub(first_nanos)),
        size: Size { width: info.width(), height: info.height() },
        pixel_aspect: opened.probe.pixel_aspect,
        data,
    })
}

struct Search<'a> {
    opened: &'a Opened,
    target: u64,
    first_nanos: u64,
    path: &'a Path,
    limits: &'a Limits,
}

impl Search<'_> {
    fn run(&self) -> Result<gst::Sample, SourceError> {
        let seekable = !matches!(self.opened.probe.container, Container::RawH264 | Container::Jpeg);
        if !seekable || self.target <= self.first_nanos {
            return Ok(self
                .walk(Some(self.opened.first.clone()))?
                .map_or_else(|| self.opened.first.clone(), |hit| hit.sample));
        }
        let mut from = self.target;
        loop {
            self.opened.pipeline.seek_before(gst::ClockTime::from_nseconds(from))?;
            let at_start = from <= self.first_nanos;
            match self.walk(None)? {
                Some(hit) if at_start || hit.trusted(self.opened.probe.container) => return Ok(hit.sample),
                None if at_start => return Ok(self.opened.first.clone()),
                _ => from = from.saturating_sub(STEP_BACK_NANOS).max(self.first_nanos),
            }
        }
    }

    /// Decodes forward to the last picture that is not later than the target.
    fn walk(&self, first: Option<gst::Sample>) -> Result<Option<Hit>, SourceError> {
        let mut hit: Option<Hit> = first.map(|sample| Hit { sample, pictures: 1 });
        let mut pictures = u64::from(hit.is_some());
        loop {
            let sample = match self.opened.pipeline.pull(self.limits.stall_deadline) {
                Pulled::Picture(sample) => sample,
                Pulled::End | Pulled::Broken(_) | Pulled::Stopped => return Ok(hit),
                Pulled::Refused(error) => return Err(error),
                Pulled::Late => {
                    return Err(SourceError::Stalled {
                        seconds: self.limits.stall_deadline.as_secs(),
                        at_us: micros(self.target.saturating_sub(self.first_nanos)),
                        path: self.path.to_owned(),
                    });
                }
            };
            let Some(nanos) = stream_nanos(&sample) else { continue };
            if nanos > self.target.saturating_add(ROUNDING_NANOS) {
                return Ok(hit);
            }
            pictures += 1;
            hit = Some(Hit { sample, pictures });
        }
    }
}

/// A picture found, as which after the jump.
struct Hit {
    sample: gst::Sample,
    pictures: u64,
}

impl Hit {
    /// A jump in a transport stream may land amid a group of pictures, and the first of them then come out broken.
    fn trusted(&self, container: Container) -> bool {
        container != Container::MpegTs || self.pictures > 2
    }
}
