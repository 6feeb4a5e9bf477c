//! One pipeline per file, built from named elements alone:
//!
//! ```text
//! filesrc ! qtdemux|matroskademux|tsdemux|avidemux ! parser ! decoder ! videoconvertscale [! videoflip] ! appsink (2)
//! ```
//!
//! The demuxer follows from the first bytes of the file, parser and decoder from the first video pad whose codec is on
//! the list; other pads stay unlinked. GStreamer never chooses, so no file can lead to a playlist demuxer or a network
//! source. Everything up to the decoder runs on one thread of GStreamer; the appsink holds two pictures and then
//! blocks it. `videoconvertscale` hands pictures through untouched unless their format is foreign or their size
//! changes. `videoflip` is there only for files that may ask for a turn: even idle it adds a fifth to the CPU time.

use super::admit::Admitted;
use super::codec::{Codec, Wanted};
use super::guard::{self, Sighting};
use super::limits::Limits;
use super::pixels::delivered_caps;
use super::sniff::Container;
use super::teardown::tear_down;
use crate::source::SourceError;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How often a wait for a picture looks for errors and for a request to stop.
const SLICE: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// Pictures the appsink holds before it blocks the decoder.
const QUEUED_PICTURES: u32 = 2;

/// Errors that are kept; only the first matters.
const KEPT_TROUBLES: usize = 8;

/// What came of waiting for a picture.
pub(super) enum Pulled {
    /// A picture.
    Picture(gst::Sample),
    /// There are no more.
    End,
    /// GStreamer gave up; the text is its own.
    Broken(String),
    /// The file asks for something that is refused.
    Refused(SourceError),
    /// The deadline passed.
    Late,
    /// Somebody asked to stop.
    Stopped,
}

/// What the threads of a pipeline tell while it runs.
#[derive(Default)]
pub(super) struct Sightings {
    /// The codec of the pad that was linked.
    pub codec: OnceLock<Codec>,
    /// When the container says it was made, in microseconds of UTC.
    pub created_us: OnceLock<i64>,
    /// Sizes of coded pictures seen, one after another.
    pub sizes: AtomicU64,
    /// Compressed pictures that went into the decoder to be shown.
    pub fed: AtomicU64,
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoding {
    /// Let only pictures that stand alone into the decoder.
    pub keyframes_only: bool,
    /// Threads of the decoder.
    pub threads: u32,
}

/// A running pipeline. Dropping it stops it.
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    demuxer: Option<gst::Element>,
    sink: gst_app::AppSink,
    troubles: Receiver<Trouble>,
    stop: Arc<AtomicBool>,
    pub sightings: Arc<Sightings>,
    path: PathBuf,
}

enum Trouble {
    Refused(SourceError),
    Broken(String),
}

impl Pipeline {
    /// Builds and starts the pipeline of a file.
    ///
    /// # Errors
    /// Where an element is not installed.
    pub fn start(file: &Admitted, decoding: Decoding, limits: &Limits) -> Result<Self, SourceError> {
        let pipeline = gst::Pipeline::new();
        let (tell, troubles) = sync_channel(KEPT_TROUBLES);
        let sightings = Arc::new(Sightings::default());
        listen(&pipeline, tell.clone(), Arc::clone(&sightings));

        let install = |what, name, package| {
            let wanted = Wanted { what, names: name, package };
            make(wanted, file).inspect(|element| {
                pipeline.add(element).expect("a new element belongs to no other pipeline");
            })
        };
        let source = install("every file", &["filesrc"], "libgstreamer1.0-0")?;
        source.set_property("location", &file.path);
        let convert = install("every video", &["videoconvertscale"], "gstreamer1.0-plugins-base")?;
        let sink = gst_app::AppSink::builder()
            .caps(&delivered_caps(None))
            .max_buffers(QUEUED_PICTURES)
            .sync(false)
            .enable_last_sample(false)
            .wait_on_eos(false)
            .build();
        pipeline.add(&sink).expect("a new element belongs to no other pipeline");
        let promise = "these elements all speak raw video";
        if file.may_turn() {
            let flip = install("a rotated video", &["videoflip"], "gstreamer1.0-plugins-good")?;
            flip.set_property_from_str("video-direction", "auto");
            gst::Element::link_many([&convert, &flip, sink.upcast_ref()]).expect(promise);
        } else {
            convert.link(&sink).expect(promise);
        }

        let chain = Chain {
            pipeline: pipeline.downgrade(),
            convert,
            decoding,
            limits: limits.clone(),
            file: file.clone(),
            tell,
            sightings: Arc::clone(&sightings),
        };
        let wanted = demuxer(file.container);
        let demuxer = wanted.map(|wanted| install(wanted.what, wanted.names, wanted.package)).transpose()?;
        match &demuxer {
            Some(demuxer) => {
                source.link(demuxer).expect("a demuxer takes bytes");
                chain.follow(demuxer);
            }
            None => {
                let codec = if file.container == Container::Jpeg { Codec::Jpeg } else { Codec::H264 };
                chain.attach(&source.static_pad("src").expect("filesrc has a source pad"), codec)?;
            }
        }
        let path = file.path.clone();
        let started = Self { pipeline, demuxer, sink, troubles, stop: Arc::default(), sightings, path };
        // A failure to start also arrives as a message, with its reason.
        let _ = started.pipeline.set_state(gst::State::Playing);
        Ok(started)
    }

    /// Waits for the next picture. Time in which this process itself stood, stopped or asleep with its machine, does not count.
    pub fn pull(&self, deadline: Duration) -> Pulled {
        let mut waited = Duration::ZERO;
        loop {
            let asked = Instant::now();
            if self.stop.load(Ordering::Acquire) {
                return Pulled::Stopped;
            }
            if let Some(sample) = self.sink.try_pull_sample(SLICE) {
                return Pulled::Picture(sample);
            }
            match self.troubles.try_recv() {
                Ok(Trouble::Refused(error)) => return Pulled::Refused(error),
                Ok(Trouble::Broken(reason)) => return self.if_linked(Pulled::Broken(reason)),
                Err(_) => {}
            }
            if self.sink.is_eos() {
                return self.if_linked(Pulled::End);
            }
            waited += asked.elapsed().min(2 * Duration::from(SLICE));
            if waited > deadline {
                return Pulled::Late;
            }
        }
    }

    /// Jumps to the last key picture at or before a stream time.
    ///
    /// # Errors
    /// Where the file cannot be searched.
    pub fn seek_before(&self, stream_time: gst::ClockTime) -> Result<(), SourceError> {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT | gst::SeekFlags::SNAP_BEFORE;
        self.pipeline.seek_simple(flags, stream_time).map_err(|_| SourceError::Damaged {
            reason: format!("cannot be searched for {stream_time}"),
            path: self.path.clone(),
        })
    }

    /// Has every later picture scaled to the size of `info`.
    pub fn settle_size(&self, info: &gstreamer_video::VideoInfo) {
        self.sink.set_caps(Some(&delivered_caps(Some(info))));
    }

    /// The duration the demuxer knows, in nanoseconds.
    pub fn duration_nanos(&self) -> Option<u64> {
        self.pipeline.query_duration::<gst::ClockTime>().map(gst::ClockTime::nseconds)
    }

    /// Streams in the container, of any kind; 1 without a container.
    pub fn streams(&self) -> usize {
        self.demuxer.as_ref().map_or(1, |demuxer| usize::from(demuxer.num_src_pads()))
    }

    /// A flag that, once set, ends every wait.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// `then`, unless no pad was ever linked: that is the reason for whatever happened.
    fn if_linked(&self, then: Pulled) -> Pulled {
        match &self.demuxer {
            Some(demuxer) if self.sightings.codec.get().is_none() => {
                Pulled::Refused(why_nothing_linked(demuxer, &self.path))
            }
            _ => then,
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        tear_down(self.pipeline.clone());
    }
}

fn make(wanted: Wanted, file: &Admitted) -> Result<gst::Element, SourceError> {
    wanted.make().ok_or_else(|| SourceError::MissingPlugin {
        what: wanted.what,
        element: wanted.names.join(" or "),
        package: wanted.package,
        path: file.path.clone(),
    })
}

fn demuxer(container: Container) -> Option<Wanted> {
    let (names, package): (&'static [&'static str], _) = match container {
        Container::Mp4 => (&["qtdemux"], "gstreamer1.0-plugins-good"),
        Container::Matroska => (&["matroskademux"], "gstreamer1.0-plugins-good"),
        Container::MpegTs => (&["tsdemux"], "gstreamer1.0-plugins-bad"),
        Container::Avi => (&["avidemux"], "gstreamer1.0-plugins-good"),
        Container::RawH264 | Container::Jpeg => return None,
    };
    Some(Wanted { what: container.as_str(), names, package })
}

/// Keeps what matters of the messages of a pipeline and lets none pile up.
fn listen(pipeline: &gst::Pipeline, tell: SyncSender<Trouble>, sightings: Arc<Sightings>) {
    let bus = pipeline.bus().expect("every pipeline has a bus");
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Error(error) => {
                tracing::debug!(error = %error.error(), debug = ?error.debug(), "pipeline error");
                let _ = tell.try_send(Trouble::Broken(reason(error)));
            }
            gst::MessageView::Tag(tag) => {
                if let Some(created_us) = created_us(&tag.tags()) {
                    let _ = sightings.created_us.set(created_us);
                }
            }
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
}

/// GStreamer's words for an error, and its flow return where the words alone say nothing.
fn reason(error: &gst::message::Error) -> String {
    let words = error.error().to_string();
    let debug = error.debug().unwrap_or_default();
    if debug.contains("not-negotiated") {
        return "the decoder refuses the parameters of the stream".to_owned();
    }
    words.trim_end_matches('.').to_owned()
}

fn created_us(tags: &gst::TagList) -> Option<i64> {
    let tag = tags.get::<gst::tags::DateTime>()?;
    let when = tag.get();
    let seconds = if when.has_second() { when.to_g_date_time().ok()?.to_unix() } else { return None };
    seconds.checked_mul(1_000_000)
}

fn why_nothing_linked(demuxer: &gst::Element, path: &std::path::Path) -> SourceError {
    let media_types = demuxer.src_pads().into_iter().filter_map(|pad| media_type(&pad));
    let mut pictures = media_types.filter(|name| name.starts_with("video/") || name.starts_with("image/"));
    match pictures.next() {
        Some(codec) => SourceError::UnsupportedCodec { codec, path: path.to_owned() },
        None => SourceError::NoVideoTrack(path.to_owned()),
    }
}

/// The media type of a pad, with the version where a family shares one.
fn media_type(pad: &gst::Pad) -> Option<String> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let structure = caps.structure(0)?;
    let version = ["mpegversion", "wmvversion", "msmpegversion", "divxversion"]
        .into_iter()
        .find_map(|field| Some(format!(" {field} {}", structure.get::<i32>(field).ok()?)));
    Some(format!("{}{}", structure.name(), version.unwrap_or_default()))
}

/// Links parser and decoder between a demuxer's video pad and the fixed end of the pipeline.
#[derive(Clone)]
struct Chain {
    pipeline: gst::glib::WeakRef<gst::Pipeline>,
    convert: gst::Element,
    decoding: Decoding,
    limits: Limits,
    file: Admitted,
    tell: SyncSender<Trouble>,
    sightings: Arc<Sightings>,
}

impl Chain {
    /// Attaches the first video pad of the demuxer that is on the list.
    fn follow(self, demuxer: &gst::Element) {
        let linked = Arc::clone(&self.sightings);
        let (tell, path) = (self.tell.clone(), self.file.path.clone());
        demuxer.connect_no_more_pads(move |demuxer| {
            if linked.codec.get().is_none() {
                let _ = tell.try_send(Trouble::Refused(why_nothing_linked(demuxer, &path)));
            }
        });
        demuxer.connect_pad_added(move |_, pad| {
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let codec = caps.structure(0).and_then(|structure| Codec::from_media_type(structure.name()));
            let Some(codec) = codec.filter(|_| self.sightings.codec.get().is_none()) else { return };
            let too_large = guard::coded_size(&caps).filter(|size| !self.limits.allow_picture(*size));
            let refused = match too_large {
                Some(size) => Err(too_large_error(size, &self.limits, &self.file)),
                None => self.attach(pad, codec),
            };
            if let Err(error) = refused {
                let _ = self.tell.try_send(Trouble::Refused(error));
            }
        });
    }

    fn attach(&self, from: &gst::Pad, codec: Codec) -> Result<(), SourceError> {
        let Some(pipeline) = self.pipeline.upgrade() else { return Ok(()) };
        let parser = codec.parser().map(|wanted| make(wanted, &self.file)).transpose()?;
        let decoder = make(codec.decoder(), &self.file)?;
        for property in ["max-threads", "threads"] {
            if decoder.has_property(property) {
                decoder.set_property_from_str(property, &self.decoding.threads.to_string());
            }
        }
        let promise = "a parser and a decoder of one codec fit each other";
        pipeline.add(&decoder).expect(promise);
        decoder.link(&self.convert).expect(promise);
        let mut entry = decoder.static_pad("sink").expect("a decoder has a sink pad");
        self.guard(&entry, codec);
        if let Some(parser) = &parser {
            pipeline.add(parser).expect(promise);
            parser.link(&decoder).expect(promise);
            entry = parser.static_pad("sink").expect("a parser has a sink pad");
        }
        let damaged = |reason: &str| SourceError::Damaged { reason: reason.to_owned(), path: self.file.path.clone() };
        from.link(&entry).map_err(|_| damaged("the parser refuses the parameters of the stream"))?;
        let _ = self.sightings.codec.set(codec);
        for element in std::iter::once(&decoder).chain(&parser) {
            element.sync_state_with_parent().map_err(|_| damaged("the decoder does not start"))?;
        }
        Ok(())
    }

    fn guard(&self, entry: &gst::Pad, codec: Codec) {
        let (limits, file) = (self.limits.clone(), self.file.clone());
        let (tell, sightings) = (self.tell.clone(), Arc::clone(&self.sightings));
        guard::watch(entry, codec, &self.limits, self.decoding.keyframes_only, move |sighting| match sighting {
            Sighting::Size(_) => {
                sightings.sizes.fetch_add(1, Ordering::Relaxed);
            }
            Sighting::Picture => {
                sightings.fed.fetch_add(1, Ordering::Relaxed);
            }
            Sighting::TooLarge(size) => {
                let _ = tell.try_send(Trouble::Refused(too_large_error(size, &limits, &file)));
            }
        });
    }
}

fn too_large_error(size: vokg_engine::geometry::Size, limits: &Limits, file: &Admitted) -> SourceError {
    SourceError::PictureTooLarge {
        width: size.width,
        height: size.height,
        max_width: limits.picture_px.width,
        max_height: limits.picture_px.height,
        max_pixels: limits.pixels,
        path: file.path.clone(),
    }
}
