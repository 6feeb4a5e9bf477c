//! What is known about a file once its first picture is there.

use super::admit::{Admitted, admit};
use super::codec::Codec;
use super::limits::Limits;
use super::pipeline::{Decoding, Pipeline, Pulled};
use super::setup;
use super::sniff::Container;
use super::time::micros;
use crate::source::SourceError;
use gstreamer as gst;
use gstreamer_video as gst_video;
use std::path::Path;
use vokg_engine::geometry::Size;
use vokg_engine::time::Micros;

/// What is known about a file before it is read through.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// How it is packed.
    pub container: Container,
    /// How its pictures are coded.
    pub codec: Codec,
    /// Its length.
    pub bytes: u64,
    /// Pixels of the first picture, upright. Every frame of the stream has this size.
    pub size: Size,
    /// Pixel aspect ratio of every frame.
    pub pixel_aspect: (u32, u32),
    /// Pictures hold two fields taken one after the other. They are handed on woven, as they are coded.
    pub interlaced: bool,
    /// Pictures the file holds: exact where an MP4 lists them, else duration times rate; `None` where unknown.
    pub frames_expected: Option<u64>,
    /// Media time from the first picture to the end; `None` where the container does not say or only guesses.
    pub duration_us: Option<Micros>,
    /// When media time 0 was, in microseconds of UTC, where the container says so plausibly.
    pub origin_us: Option<i64>,
    /// The container's time stamp of the first picture; media time starts there.
    pub first_stamp_us: Micros,
    /// The file is shorter than its container declares.
    pub cut_off: bool,
}

/// Looks at a file, decodes its first picture and closes it again.
///
/// # Errors
/// Where the file is refused or gives no picture before the open deadline; see docs/inputs.md for every case.
pub fn probe(path: &Path, limits: &Limits) -> Result<Probe, SourceError> {
    let decoding = Decoding { keyframes_only: false, threads: 1 };
    open(path, decoding, limits).map(|opened| opened.probe)
}

/// A file whose first picture is there.
pub(super) struct Opened {
    pub pipeline: Pipeline,
    pub first: gst::Sample,
    pub probe: Probe,
    /// Stream time at which the video should end, in nanoseconds, where that is known of the video itself.
    pub declared_end_nanos: Option<u64>,
}

pub(super) fn open(path: &Path, decoding: Decoding, limits: &Limits) -> Result<Opened, SourceError> {
    let file = admit(path, limits)?;
    setup::start()?;
    let pipeline = Pipeline::start(&file, decoding, limits)?;
    let damaged = |reason: String| SourceError::Damaged { reason, path: path.to_owned() };
    let first = match pipeline.pull(limits.open_deadline) {
        Pulled::Picture(sample) => sample,
        Pulled::Refused(error) => return Err(error),
        Pulled::End => return Err(damaged("the file ends before the first picture".into())),
        Pulled::Broken(reason) => return Err(damaged(reason)),
        Pulled::Late | Pulled::Stopped => {
            return Err(SourceError::OpenDeadline { seconds: limits.open_deadline.as_secs(), path: path.to_owned() });
        }
    };
    let codec = *pipeline.sightings.codec.get().expect("a picture came through the pad that was linked");
    let info = video_info(&first).ok_or_else(|| damaged("the first picture has no size".into()))?;
    pipeline.settle_size(&info);

    let first_nanos = stream_nanos(&first).unwrap_or(0);
    let declared_end_nanos = declared_end(&file, &pipeline);
    let duration_nanos = declared_end_nanos.or_else(|| approximate_duration(&file, &pipeline));
    let duration_nanos = duration_nanos.map(|end| end.saturating_sub(first_nanos)).filter(|nanos| *nanos > 0);
    let par = info.par();
    let probe = Probe {
        container: file.container,
        codec,
        bytes: file.bytes,
        size: Size { width: info.width(), height: info.height() },
        pixel_aspect: (par.numer().max(1) as u32, par.denom().max(1) as u32),
        interlaced: info.is_interlaced(),
        frames_expected: frames_expected(&file, duration_nanos, info.fps()),
        duration_us: duration_nanos.map(micros),
        origin_us: pipeline.sightings.created_us.get().copied().filter(|us| is_plausible_origin(*us)),
        first_stamp_us: micros(first_nanos),
        cut_off: file.cut_off,
    };
    Ok(Opened { pipeline, first, probe, declared_end_nanos })
}

/// The layout of a decoded picture.
pub(super) fn video_info(sample: &gst::Sample) -> Option<gst_video::VideoInfo> {
    gst_video::VideoInfo::from_caps(sample.caps()?).ok()
}

/// Where a decoded picture stands in stream time. Raw time stamps will not do: B-pictures and edit lists shift them.
pub(super) fn stream_nanos(sample: &gst::Sample) -> Option<u64> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    segment.to_stream_time(sample.buffer()?.pts()?).map(gst::ClockTime::nseconds)
}

/// When the video itself should end. The duration of a container is that of its longest stream, so it counts only
/// where the video is alone or the file is known to be cut off.
fn declared_end(file: &Admitted, pipeline: &Pipeline) -> Option<u64> {
    if let Some(track) = file.track.filter(|track| track.duration_nanos > 0) {
        return Some(track.duration_nanos);
    }
    let of_the_video = pipeline.streams() == 1 || file.cut_off;
    approximate_duration(file, pipeline).filter(|_| of_the_video)
}

/// The duration of containers that write one down. Of the others GStreamer extrapolates it, to half in places.
fn approximate_duration(file: &Admitted, pipeline: &Pipeline) -> Option<u64> {
    match file.container {
        Container::Mp4 | Container::Matroska | Container::Avi => pipeline.duration_nanos(),
        Container::MpegTs | Container::RawH264 | Container::Jpeg => None,
    }
}

fn frames_expected(file: &Admitted, duration_nanos: Option<u64>, fps: gst::Fraction) -> Option<u64> {
    if file.container == Container::Jpeg {
        return Some(1);
    }
    let listed = file.track.map(|track| track.pictures).filter(|pictures| *pictures > 0);
    listed.or_else(|| frames_at_rate(duration_nanos?, fps))
}

/// Rates above this are time bases that a muxer wrote down as rates.
const MAX_PLAUSIBLE_FPS: f64 = 300.0;

fn frames_at_rate(duration_nanos: u64, fps: gst::Fraction) -> Option<u64> {
    let rate = f64::from(fps.numer()) / f64::from(fps.denom());
    let plausible = rate > 0.0 && rate <= MAX_PLAUSIBLE_FPS;
    plausible.then(|| (duration_nanos as f64 * rate / 1e9).round() as u64)
}

/// 1990 to 2100: before that no file of today was made, and unset clocks say 1904, 1970 or 1980.
fn is_plausible_origin(us: i64) -> bool {
    (631_152_000_000_000..4_102_444_800_000_000).contains(&us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_base_is_no_rate() {
        assert_eq!(frames_at_rate(2_000_000_000, gst::Fraction::new(30, 1)), Some(60));
        assert_eq!(frames_at_rate(2_000_000_000, gst::Fraction::new(90_000, 1)), None);
        assert_eq!(frames_at_rate(2_000_000_000, gst::Fraction::new(0, 1)), None);
    }

    #[test]
    fn clocks_that_were_never_set_give_no_origin() {
        assert!(!is_plausible_origin(-2_082_844_800_000_000), "1904");
        assert!(!is_plausible_origin(0), "1970");
        assert!(!is_plausible_origin(315_532_800_000_000), "1980");
        assert!(is_plausible_origin(1_700_000_000_000_000));
    }
}
