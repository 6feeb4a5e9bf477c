//! Writes a scene as H.264 in MP4. The same scene gives the same file: the encoder gets a fixed number of threads, and
//! the time of writing, which the multiplexer notes in the file, is wiped out.

use super::config::SynthError;
use super::stage::Scene;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vokg_engine::frame::{Frame, FrameData};

/// Frames waiting for the encoder at most.
const QUEUE_FRAMES: u64 = 4;
/// An encoder that takes no frame for so long is stuck.
const STALL_SECS: u64 = 30;

/// Renders and encodes a scene. The file appears under its name only when it is whole.
///
/// # Errors
/// Where GStreamer lacks an encoder or multiplexer, gets stuck or fails, or the file cannot be written.
pub fn encode(scene: &Scene, out: &Path) -> Result<(), SynthError> {
    gst::init().map_err(|e| SynthError::GStreamer(e.to_string()))?;
    if std::fs::symlink_metadata(out).is_ok_and(|about| !about.is_file()) {
        return Err(file_error(out, std::io::Error::other("a clip is written to a regular file, and this is none")));
    }
    let part = part_of(out);
    let written = write_clip(scene, &part).and_then(|()| {
        forget_dates(&part).and_then(|()| std::fs::rename(&part, out)).map_err(|error| file_error(out, error))
    });
    if written.is_err() {
        // Nothing to report beyond the first error; the part may not even exist.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn part_of(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    out.with_file_name(name)
}

fn file_error(path: &Path, error: std::io::Error) -> SynthError {
    SynthError::File { path: path.to_owned(), error }
}

fn write_clip(scene: &Scene, part: &Path) -> Result<(), SynthError> {
    // The sink's own message about a missing directory does not say what is missing.
    std::fs::File::create(part).map_err(|error| file_error(part, error))?;
    let pipeline = gst::Pipeline::new();
    let source = source(scene);
    let encoder = encoder(scene)?;
    let parse = element("h264parse", "gstreamer1.0-plugins-bad").build()?;
    let mux = element("mp4mux", "gstreamer1.0-plugins-good").build()?;
    let sink = element("filesink", "libgstreamer1.0-0").property("location", part).build()?;
    let chain = [source.upcast_ref(), &encoder, &parse, &mux, &sink];
    pipeline.add_many(chain).map_err(failed)?;
    gst::Element::link_many(chain).map_err(failed)?;
    let run = Run { pipeline, source };
    run.pipeline.set_state(gst::State::Playing).map_err(failed)?;
    for frame in scene.frames() {
        run.push(scene, &frame)?;
    }
    run.finish()
}

fn failed(error: impl std::fmt::Display) -> SynthError {
    SynthError::Encoder(error.to_string())
}

fn source(scene: &Scene) -> AppSrc {
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", scene.size.width as i32)
        .field("height", scene.size.height as i32)
        .field("framerate", gst::Fraction::new(scene.rate.frames as i32, scene.rate.secs as i32))
        .field("colorimetry", "bt709")
        .build();
    AppSrc::builder().caps(&caps).format(gst::Format::Time).max_bytes(2 * QUEUE_FRAMES * scene.size.area()).build()
}

/// x264, or Cisco's encoder where there is none.
fn encoder(scene: &Scene) -> Result<gst::Element, SynthError> {
    let key_frames = (2.0 * scene.rate.fps()).round().max(1.0) as u32;
    let x264 = element("x264enc", "gstreamer1.0-plugins-ugly");
    if x264.exists() {
        return x264
            // Rate control for the eye wipes the sensor noise away (0.6 of 4.6 steps were left at quality 21).
            .text("pass", "quant")
            .property("quantizer", 23u32)
            .text("speed-preset", "veryfast")
            .property("key-int-max", key_frames)
            .property("threads", 2u32)
            .build();
    }
    let openh264 = element("openh264enc", "gstreamer1.0-plugins-bad");
    if !openh264.exists() {
        let element = "H.264 encoder, neither x264enc nor openh264enc".to_owned();
        return Err(SynthError::MissingElement { element, package: "gstreamer1.0-plugins-ugly" });
    }
    let bits = scene.size.area() as f64 * scene.rate.fps() * 0.3;
    openh264.property("bitrate", bits.min(8e7) as u32).property("gop-size", key_frames).build()
}

fn element(factory: &'static str, package: &'static str) -> Part {
    Part { factory, package, settings: Vec::new(), texts: Vec::new() }
}

/// An element to be made, with what it takes to say where it comes from when it is missing.
struct Part {
    factory: &'static str,
    package: &'static str,
    settings: Vec<(&'static str, gst::glib::Value)>,
    texts: Vec<(&'static str, &'static str)>,
}

impl Part {
    fn exists(&self) -> bool {
        gst::ElementFactory::find(self.factory).is_some()
    }

    fn property(mut self, name: &'static str, value: impl Into<gst::glib::Value>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// For enumerations, by nickname.
    fn text(mut self, name: &'static str, value: &'static str) -> Self {
        self.texts.push((name, value));
        self
    }

    fn build(self) -> Result<gst::Element, SynthError> {
        let missing = || SynthError::MissingElement { element: self.factory.to_owned(), package: self.package };
        let element = gst::ElementFactory::make(self.factory).build().map_err(|_| missing())?;
        for (name, value) in &self.settings {
            element.set_property_from_value(name, value);
        }
        for (name, value) in &self.texts {
            element.set_property_from_str(name, value);
        }
        Ok(element)
    }
}

/// A running pipeline; stopped when it goes.
struct Run {
    pipeline: gst::Pipeline,
    source: AppSrc,
}

impl Drop for Run {
    fn drop(&mut self) {
        // A pipeline that cannot be stopped leaves nothing to be done.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Run {
    fn push(&self, scene: &Scene, frame: &Frame) -> Result<(), SynthError> {
        let asked = Instant::now();
        while self.source.current_level_bytes() >= QUEUE_FRAMES * scene.size.area() {
            self.check_bus(Duration::from_millis(2))?;
            if asked.elapsed() > Duration::from_secs(STALL_SECS) {
                return Err(SynthError::Stalled(STALL_SECS));
            }
        }
        let nanos = |secs: f64| gst::ClockTime::from_nseconds((secs * 1e9).round() as u64);
        let mut buffer = gst::Buffer::from_mut_slice(packed(scene, frame));
        let shown = buffer.get_mut().expect("a new buffer has one owner");
        let index = (frame.t as f64 * scene.rate.fps() / 1e6).round() as u32;
        shown.set_pts(nanos(scene.rate.secs(index)));
        shown.set_duration(nanos(1.0 / scene.rate.fps()));
        self.source.push_buffer(buffer).map(drop).map_err(failed)
    }

    fn finish(&self) -> Result<(), SynthError> {
        self.source.end_of_stream().map_err(failed)?;
        match self.check_bus(Duration::from_secs(STALL_SECS))? {
            true => Ok(()),
            false => Err(SynthError::Stalled(STALL_SECS)),
        }
    }

    /// Waits for a message; whether the file is finished.
    fn check_bus(&self, patience: Duration) -> Result<bool, SynthError> {
        let Some(bus) = self.pipeline.bus() else { return Ok(false) };
        let patience = gst::ClockTime::from_mseconds(patience.as_millis() as u64);
        let news = bus.timed_pop_filtered(patience, &[gst::MessageType::Error, gst::MessageType::Eos]);
        match news.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => Err(failed(error.error())),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }
}

/// The planes in the layout GStreamer expects of I420: rows padded to four bytes.
fn packed(scene: &Scene, frame: &Frame) -> Vec<u8> {
    let FrameData::Cpu(pixels) = &frame.data else { return Vec::new() };
    let (width, height) = (scene.size.width as usize, scene.size.height as usize);
    let mut bytes = Vec::with_capacity(width * height * 3 / 2 + 8 * height);
    for (index, (width, height)) in
        [(width, height), (width / 2, height / 2), (width / 2, height / 2)].into_iter().enumerate()
    {
        let (plane, stride) = pixels.planes.plane(index);
        for row in plane.chunks(stride).take(height) {
            bytes.extend_from_slice(&row[..width]);
            bytes.resize(bytes.len() + width.next_multiple_of(4) - width, 0);
        }
    }
    bytes
}

/// Sets the dates in the movie, track and media headers to 0: ISO/IEC 14496-12, 8.2.2, 8.3.2 and 8.4.2.
fn forget_dates(clip: &Path) -> std::io::Result<()> {
    let mut bytes = std::fs::read(clip)?;
    let end = bytes.len();
    wipe_dates(&mut bytes, 0, end);
    std::fs::write(clip, bytes)
}

fn wipe_dates(bytes: &mut [u8], mut at: usize, end: usize) {
    while at + 8 <= end {
        let word = |at: usize| bytes[at..at + 4].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let (mut length, mut header) = (word(at), 8);
        if length == 1 && at + 16 <= end {
            (length, header) = (word(at + 8) << 32 | word(at + 12), 16);
        }
        let next = at.saturating_add(length as usize);
        if length < header as u64 || next > end {
            return;
        }
        match &bytes[at + 4..at + 8] {
            b"moov" | b"trak" | b"mdia" => wipe_dates(bytes, at + header, next),
            b"mvhd" | b"tkhd" | b"mdhd" if next >= at + 28 => {
                let dates = if bytes[at + 8] == 1 { 16 } else { 8 };
                bytes[at + 12..at + 12 + dates].fill(0);
            }
            _ => {}
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::synthetic::config::SynthConfig;
    use crate::source::synthetic::scenes::scene;
    use vokg_engine::geometry::Size;

    fn small() -> Scene {
        let config = SynthConfig { size: Size { width: 162, height: 90 }, fps: 29.97, seconds: Some(1.0), seed: 1 };
        scene("near", &config).expect("a known scene")
    }

    /// Stream time in nanoseconds and luma of the frames a decoder gives back.
    fn decoded(clip: &Path) -> Vec<(u64, Vec<u8>)> {
        let chain = format!(
            "filesrc location={} ! qtdemux ! h264parse ! decodebin ! appsink name=out sync=false caps=video/x-raw",
            clip.display()
        );
        let pipeline = gst::parse::launch(&chain).expect("elements of the file source are installed");
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a chain is a pipeline");
        let out =
            pipeline.by_name("out").and_then(|e| e.downcast::<gstreamer_app::AppSink>().ok()).expect("an appsink");
        pipeline.set_state(gst::State::Playing).expect("the clip plays");
        let mut frames = Vec::new();
        while let Some(sample) = out.try_pull_sample(gst::ClockTime::from_seconds(20)) {
            let segment =
                sample.segment().and_then(|s| s.downcast_ref::<gst::ClockTime>().cloned()).expect("a time segment");
            let buffer = sample.buffer().expect("a sample holds a frame");
            let pts = buffer.pts().expect("frames have times");
            let luma = buffer.map_readable().expect("readable")[..162 * 90].to_vec();
            frames.push((segment.to_stream_time(pts).expect("inside the segment").nseconds(), luma));
        }
        pipeline.set_state(gst::State::Null).expect("a pipeline stops");
        frames
    }

    #[test]
    fn what_is_encoded_decodes_to_as_many_frames_at_the_same_times_and_twice_to_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("one.mp4"), folder.path().join("two.mp4"));
        let scene = small();
        encode(&scene, &one).expect("encodes");
        // Dates in the file count seconds.
        std::thread::sleep(Duration::from_millis(1100));
        encode(&scene, &two).expect("encodes again");
        let frames = decoded(&one);
        assert_eq!(frames.len(), 30);
        for (index, (nanos, _)) in frames.iter().enumerate() {
            let expected = scene.rate.time_us(index as u32) as i64;
            assert!(
                (*nanos as i64 / 1000 - expected).abs() <= 20,
                "frame {index} at {nanos} ns, expected {expected} us"
            );
        }
        assert!(std::fs::read(&one).expect("one") == std::fs::read(&two).expect("two"), "the files differ");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 2);
    }

    #[test]
    fn the_clip_keeps_the_noise_of_the_sensor() {
        let folder = tempfile::tempdir().expect("a folder");
        let clip = folder.path().join("clip.mp4");
        let size = Size { width: 162, height: 90 };
        let config = SynthConfig { size, fps: 25.0, seconds: Some(1.0), seed: 1 };
        encode(&scene("stopped", &config).expect("a known scene"), &clip).expect("encodes");
        let frames = decoded(&clip);
        let spread = |pixel: usize| {
            let values = || frames.iter().map(|(_, luma)| f64::from(luma[pixel]));
            let mean = values().sum::<f64>() / frames.len() as f64;
            values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / frames.len() as f64
        };
        let sigma = ((0..162 * 90).map(spread).sum::<f64>() / (162.0 * 90.0)).sqrt();
        assert!(sigma >= 4.0, "sigma {sigma}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("missing/clip.mp4");
        assert!(matches!(encode(&small(), &out), Err(SynthError::File { .. })));
        assert!(!out.exists());
    }
}
