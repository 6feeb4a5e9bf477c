//! Makes small clips, reads files through, and tells pictures apart.

use gstreamer as gst;
use gstreamer::prelude::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vokg_connectors::source::file::{FileConfig, FileSource, Probe};
use vokg_connectors::source::{EndReport, SourceError, SourceEvent, SourceGap};
use vokg_engine::frame::{Frame, FrameData};

/// No input may take longer, whatever it is.
const PATIENCE: Duration = Duration::from_secs(15);

/// Two seconds of a moving ball, 60 pictures with B-pictures, a key picture every 15.
pub const BALL: &str = "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 \
                        ! x264enc key-int-max=15 bframes=2 b-adapt=false speed-preset=ultrafast bitrate=400 threads=1";

/// A folder of clips made for one test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a pipeline into a file.
    pub fn make(&self, name: &str, pipeline: &str) -> PathBuf {
        gst::init().expect("GStreamer starts");
        let path = self.path(name);
        let text = format!("{pipeline} ! filesink location={}", path.display());
        let pipeline = gst::parse::launch(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        pipeline.set_state(gst::State::Playing).expect("it starts");
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = pipeline.bus().expect("a bus").timed_pop_filtered(gst::ClockTime::from_seconds(120), &kinds);
        pipeline.set_state(gst::State::Null).expect("it stops");
        assert_eq!(end.map(|message| message.type_()), Some(gst::MessageType::Eos), "{text}");
        path
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("it can be written");
        path
    }
}

/// A file, read through.
pub struct Read {
    pub info: Probe,
    pub frames: Vec<Frame>,
    pub gaps: Vec<SourceGap>,
    pub report: EndReport,
}

/// Reads a file through and checks what holds for every file: in time, frames of one size in strictly increasing time,
/// gaps between them, a report that agrees.
pub fn read(path: &Path, config: &FileConfig) -> Result<Read, SourceError> {
    let asked = Instant::now();
    let outcome = read_events(path, config);
    assert!(asked.elapsed() < PATIENCE, "{} took {:?}", path.display(), asked.elapsed());
    if let Ok(read) = &outcome {
        assert!(read.frames.windows(2).all(|pair| pair[0].t < pair[1].t), "time must increase");
        assert!(read.frames.iter().all(|frame| frame.size == read.info.size), "one size");
        assert!(read.gaps.iter().all(|gap| gap.from_us < gap.to_us), "a gap has a length");
        assert_eq!((read.report.frames, read.report.gaps), (read.frames.len() as u64, read.gaps.len() as u64));
        assert!(read.frames.last().is_none_or(|last| last.t <= read.report.duration_us));
    }
    outcome
}

fn read_events(path: &Path, config: &FileConfig) -> Result<Read, SourceError> {
    let mut source = FileSource::open(path, config)?;
    let (mut frames, mut gaps) = (Vec::new(), Vec::new());
    loop {
        match source.next()? {
            SourceEvent::Frame(frame) => frames.push(frame),
            SourceEvent::Gap(gap) => gaps.push(gap),
            SourceEvent::End(report) => return Ok(Read { info: source.info().clone(), frames, gaps, report }),
        }
    }
}

/// The error a file must give, as text.
pub fn error_of(path: &Path) -> String {
    match read(path, &FileConfig::default()) {
        Ok(read) => panic!("{} was read: {:?}", path.display(), read.report),
        Err(error) => error.to_string(),
    }
}

/// Luma of a frame without padding.
pub fn luma(frame: &Frame) -> Vec<u8> {
    let FrameData::Cpu(cpu) = &frame.data else { panic!("files give pixels in main memory") };
    let (bytes, stride) = cpu.planes.plane(0);
    let rows = bytes.chunks(stride).take(frame.size.height as usize);
    rows.flat_map(|row| &row[..frame.size.width as usize]).copied().collect()
}
