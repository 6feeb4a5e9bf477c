//! Video files, decoded by GStreamer.
//!
//! A file is hostile until shown otherwise. [`admit`] and [`sniff`] decide from its first bytes what it is; [`pipeline`]
//! builds the one chain of elements that fits, so that no file can make vokg open an address or another file;
//! [`guard`] holds back pictures that are too large before a decoder learns of them. [`time`], [`gaps`] and [`sample`]
//! decide what becomes of a decoded picture, [`pixels`] hands it on without a copy.
//!
//! Survives a restart: a [`Bookmark`], from which a file is read on with the very next frame. Every wait has a
//! deadline, and a pipeline that does not stop is left to a thread of its own.
//!
//! Pictures of another size than the first, which transport streams may hold, are scaled to the first size: boxes are
//! in pixels of the frame, and a background or a track that spans the change would otherwise compare different pixels.

pub mod admit;
mod bookmark;
pub mod codec;
mod extent;
pub mod gaps;
mod guard;
pub mod limits;
pub mod mp4;
mod parts;
mod pipeline;
mod pixels;
pub mod probe;
pub mod sample;
mod seek;
mod setup;
pub mod sniff;
mod teardown;
pub mod time;

pub use bookmark::Bookmark;
pub use limits::Limits;
pub use parts::{Part, parts};
pub use probe::{Probe, probe};
pub use sample::Sample;
pub use seek::frame_at;

use crate::source::{Anomalies, EndReport, EndStatus, GapReason, SourceError, SourceEvent, SourceGap};
use gaps::GapDetector;
use gstreamer as gst;
use gstreamer_video::VideoInfo;
use pipeline::{Pipeline, Pulled};
use pixels::Mapper;
use probe::{Opened, stream_nanos, video_info};
use sample::Sampler;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use time::{MediaClock, Stamp, micros};
use vokg_engine::frame::{Frame, FrameData};
use vokg_engine::geometry::Size;

/// How to read a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileConfig {
    /// Which pictures become frames.
    pub sample: Sample,
    /// End after this many frames.
    pub max_frames: Option<u64>,
    /// What the file may ask of the machine.
    pub limits: Limits,
    /// Threads of the decoder; 0 lets the decoder choose. More of them shorten the wait, not the work. Default 1.
    pub decoder_threads: u32,
}

impl Default for FileConfig {
    fn default() -> Self {
        Self { sample: Sample::All, max_frames: None, limits: Limits::default(), decoder_threads: 1 }
    }
}

/// How far a source has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStats {
    /// Pictures decoded.
    pub decoded: u64,
    /// Frames delivered.
    pub frames: u64,
    /// Gaps reported.
    pub gaps: u64,
    /// What was odd so far.
    pub anomalies: Anomalies,
}

/// Asks a source to stop, from any thread. Its next event is then the end.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// Asks. The source answers within 20 ms, also while it waits for a picture.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A file that is being decoded.
///
/// ```no_run
/// use vokg_connectors::source::{SourceEvent, file::{FileConfig, FileSource}};
/// let mut source = FileSource::open("yard.mp4".as_ref(), &FileConfig::default())?;
/// loop {
///     match source.next()? {
///         SourceEvent::Frame(frame) => println!("{:?}", frame),
///         SourceEvent::Gap(gap) => println!("missing from {} to {}", gap.from_us, gap.to_us),
///         SourceEvent::End(report) => break println!("{:?}", report.status),
///     }
/// }
/// # Ok::<(), vokg_connectors::source::SourceError>(())
/// ```
pub struct FileSource {
    path: PathBuf,
    config: FileConfig,
    info: Probe,
    declared_end_nanos: Option<u64>,
    pipeline: Pipeline,
    mapper: Mapper,
    layout: Option<(gst::Caps, VideoInfo)>,
    clock: MediaClock,
    gaps: GapDetector,
    sampler: Sampler,
    stats: SourceStats,
    /// Pictures that came out of this pipeline, also on the way to a bookmark.
    pictures: u64,
    last_stream_nanos: Option<u64>,
    ready: VecDeque<SourceEvent>,
    end: Option<EndReport>,
    on_picture: Option<Box<dyn Fn() + Send>>,
}

impl FileSource {
    /// Opens a file and decodes its first picture.
    ///
    /// # Errors
    /// Where the file is refused or gives no picture before the open deadline; see docs/inputs.md for every case.
    pub fn open(path: &Path, config: &FileConfig) -> Result<Self, SourceError> {
        let opened = probe::open(path, Self::decoding(config), &config.limits)?;
        let first = opened.first.clone();
        let mut source = Self::over(path, config, opened);
        source.take(&first);
        Ok(source)
    }

    /// A source that has taken no picture yet.
    fn over(path: &Path, config: &FileConfig, opened: Opened) -> Self {
        let Opened { pipeline, probe, declared_end_nanos, .. } = opened;
        Self {
            path: path.to_owned(),
            config: config.clone(),
            info: probe,
            declared_end_nanos,
            pipeline,
            mapper: Mapper::new(config.limits.shared_frames),
            layout: None,
            clock: MediaClock::default(),
            gaps: GapDetector::default(),
            sampler: Sampler::new(config.sample),
            stats: SourceStats::default(),
            pictures: 0,
            last_stream_nanos: None,
            ready: VecDeque::new(),
            end: None,
            on_picture: None,
        }
    }

    /// The next event. Waits for it, at most for the stall deadline. After the end, the end again.
    ///
    /// # Errors
    /// Where decoding stands still, or the file turns out to ask for more than the limits allow.
    #[expect(clippy::should_implement_trait, reason = "an iterator would end without its report")]
    pub fn next(&mut self) -> Result<SourceEvent, SourceError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if let Some(report) = &self.end {
                return Ok(SourceEvent::End(report.clone()));
            }
            if self.config.max_frames.is_some_and(|max| self.stats.frames >= max) {
                self.finish(self.status());
                continue;
            }
            match self.pipeline.pull(self.config.limits.stall_deadline) {
                Pulled::Picture(sample) => self.take(&sample),
                Pulled::End => self.finish_at_end(GapReason::Truncated),
                Pulled::Broken(reason) => self.finish_at_end(GapReason::Broken(reason)),
                Pulled::Stopped => self.finish(EndStatus::Stopped),
                Pulled::Refused(error) => return Err(error),
                Pulled::Late => {
                    let seconds = self.config.limits.stall_deadline.as_secs();
                    let at_us = micros(self.clock.last_nanos().unwrap_or(0));
                    return Err(SourceError::Stalled { seconds, at_us, path: self.path.clone() });
                }
            }
        }
    }

    /// What was known when it was opened.
    pub fn info(&self) -> &Probe {
        &self.info
    }

    /// Calls `tell` for every picture that is decoded from now on, also where it becomes no frame.
    pub fn on_picture(&mut self, tell: impl Fn() + Send + 'static) {
        self.on_picture = Some(Box::new(tell));
    }

    /// How far it has come.
    pub fn stats(&self) -> SourceStats {
        let sightings = &self.pipeline.sightings;
        let mut stats = self.stats;
        stats.anomalies.clock_resets = self.clock.resets();
        stats.anomalies.size_changes = sightings.sizes.load(Ordering::Relaxed).saturating_sub(1);
        stats
    }

    /// Something that stops it from another thread.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(self.pipeline.stop_flag())
    }

    /// Makes events of one decoded picture.
    fn take(&mut self, sample: &gst::Sample) {
        self.stats.decoded += 1;
        self.pictures += 1;
        if let Some(tell) = &self.on_picture {
            tell();
        }
        self.last_stream_nanos = stream_nanos(sample);
        let nanos = match self.clock.stamp(self.stamp_of(sample)) {
            Stamp::At(nanos) => nanos,
            Stamp::Absent => return self.stats.anomalies.frames_without_pts += 1,
            Stamp::NotLater => return self.stats.anomalies.frames_not_later += 1,
        };
        let Some(buffer) = sample.buffer_owned() else { return };
        if buffer.flags().contains(gst::BufferFlags::CORRUPTED) {
            self.stats.anomalies.frames_corrupted += 1;
        }
        let duration = buffer.duration().map(gst::ClockTime::nseconds);
        let missing_from = self.gaps.see(nanos, duration);
        if let Some(from) = missing_from.filter(|_| self.config.sample != Sample::Keyframes) {
            self.report_gap(from, nanos, GapReason::Missing);
        }
        if !self.sampler.take(nanos) {
            return;
        }
        let Some(data) = self.pixels_of(sample, buffer) else {
            return self.stats.anomalies.frames_corrupted += 1;
        };
        let Probe { size, pixel_aspect, .. } = self.info;
        self.stats.frames += 1;
        self.ready.push_back(SourceEvent::Frame(Frame { t: micros(nanos), size, pixel_aspect, data }));
    }

    /// A still picture has no time stamp and needs none.
    fn stamp_of(&self, sample: &gst::Sample) -> Option<u64> {
        let is_still = self.info.container == sniff::Container::Jpeg && self.stats.decoded == 1;
        stream_nanos(sample).or(is_still.then_some(0))
    }

    /// The pixels of a picture of the settled size; pictures of a change that was not scaled in time have none.
    fn pixels_of(&mut self, sample: &gst::Sample, buffer: gst::Buffer) -> Option<FrameData> {
        let known = self.layout.as_ref().is_some_and(|(caps, _)| sample.caps() == Some(caps.as_ref()));
        if !known {
            self.layout = Some((sample.caps_owned()?, video_info(sample)?));
        }
        let (_, info) = self.layout.as_ref()?;
        let size = Size { width: info.width(), height: info.height() };
        if size == self.info.size { self.mapper.map(buffer, info) } else { None }
    }

    /// Ends after the last picture, with a gap where the container declares more or decoding broke off.
    fn finish_at_end(&mut self, reason: GapReason) {
        let broke = matches!(reason, GapReason::Broken(_));
        let last = self.clock.last_nanos().unwrap_or(0);
        let first = self.clock.first_nanos().unwrap_or(0);
        let declared = self.declared_end_nanos.map_or(0, |end| end.saturating_sub(first));
        // Key pictures are far apart: the end is then missing only where the file is known to be cut off.
        let comparable = self.config.sample != Sample::Keyframes || self.info.cut_off;
        let missing = comparable && self.clock.resets() == 0 && self.gaps.missing_before(declared).is_some();
        if missing || broke {
            self.report_gap(last, declared.max(self.gaps.end_nanos()).max(last + 1000), reason);
        }
        // Decoders hold pictures back, so the balance is right only once they are drained; and two fields coded
        // apart make one picture.
        if !self.info.interlaced {
            let fed = self.pipeline.sightings.fed.load(Ordering::Relaxed);
            self.stats.anomalies.decode_errors = fed.saturating_sub(self.pictures);
        }
        self.finish(self.status());
    }

    fn status(&self) -> EndStatus {
        if self.stats.gaps > 0 { EndStatus::CompleteWithGaps } else { EndStatus::Complete }
    }

    fn report_gap(&mut self, from_nanos: u64, to_nanos: u64, reason: GapReason) {
        self.stats.gaps += 1;
        let (from_us, to_us) = (micros(from_nanos), micros(to_nanos));
        self.ready.push_back(SourceEvent::Gap(SourceGap { from_us, to_us, reason }));
    }

    fn finish(&mut self, status: EndStatus) {
        let stats = self.stats();
        let listed = self.info.frames_expected.filter(|_| self.config.sample == Sample::All);
        let gap_end = self.ready.iter().rev().find_map(|event| match event {
            SourceEvent::Gap(gap) => Some(gap.to_us),
            _ => None,
        });
        self.end = Some(EndReport {
            status,
            frames: stats.frames,
            frames_expected: listed.map(|frames| frames.min(self.config.max_frames.unwrap_or(u64::MAX))),
            duration_us: micros(self.gaps.end_nanos()).max(gap_end.unwrap_or(0)),
            gaps: stats.gaps,
            anomalies: stats.anomalies,
        });
    }
}
