//! The thread of a stream that reads its file: opens, hashes, begins the stream in the store, and feeds frames.

use crate::inputs::Input;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{SystemTime, UNIX_EPOCH};
use vokg_connectors::source::file::{FileConfig, FileSource, Probe, StopHandle};
use vokg_connectors::source::{EndReport, EndStatus, GapReason, SourceEvent, SourceGap};
use vokg_connectors::store::{Begun, Stream, StreamRequest, Writer};
use vokg_engine::delta::GapVertex;
use vokg_engine::frame::Arrival;
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::runtime::feed::{FeedReceiver, FeedSender, feed};

/// Records between the reader and the dataflow.
const FEED_RECORDS: usize = 2;

/// What a reader says, with the place of its input in the list.
pub enum Event {
    /// The file is open and its stream begun.
    Opened(Box<Opened>),
    /// The same input was processed with the same settings: nothing to do.
    AlreadyDone(Box<Stream>),
    /// The file cannot become a stream.
    Refused(String),
    /// The reader is done; the dataflow may still be at work. `Err` where reading failed.
    Read(Result<EndReport, String>),
    /// Everything of the stream is in the committer's queue.
    Drained,
}

/// A stream that can be built.
pub struct Opened {
    pub stream: Stream,
    pub probe: Probe,
    pub feed: FeedReceiver<Arrival>,
    pub stop: StopHandle,
}

/// What a reader needs.
pub struct Reader {
    pub input: Input,
    pub file: FileConfig,
    pub segmenter: String,
    pub config_hash: [u8; 32],
    pub writer: Arc<Writer>,
    pub control: Arc<StreamControl>,
}

impl Reader {
    /// Reads the input to its end. `say` takes events; the order is `Opened`, `Read`, or one of the others alone.
    pub fn run(self, say: impl Fn(Event)) {
        match self.open() {
            Ok(Begin::Done(stream)) => say(Event::AlreadyDone(stream)),
            Ok(Begin::Fresh(stream, mut source)) => {
                let (sender, receiver) = feed(FEED_RECORDS);
                let (probe, stop) = (source.info().clone(), source.stop_handle());
                self.control.frames_expected.store(probe.frames_expected.unwrap_or(0), Ordering::Relaxed);
                say(Event::Opened(Box::new(Opened { stream: *stream, probe, feed: receiver, stop })));
                let end = self.feed(&mut source, &sender);
                drop(sender);
                say(Event::Read(end));
            }
            Err(reason) => say(Event::Refused(reason)),
        }
    }

    fn open(&self) -> Result<Begin, String> {
        let source = FileSource::open(&self.input.path, &self.file).map_err(|error| error.to_string())?;
        let hash = || -> std::io::Result<blake3::Hash> {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(File::open(&self.input.path)?)?;
            Ok(hasher.finalize())
        };
        let content_hash = hash().map_err(|error| format!("cannot be read: {error}"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let request = StreamRequest {
            name: self.input.name.clone(),
            source_path: self.input.path.to_string_lossy().into_owned(),
            content_hash: *content_hash.as_bytes(),
            config_hash: self.config_hash,
            segmenter: self.segmenter.clone(),
            sampling: self.file.sample.to_string(),
            created_us: i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
        };
        match self.writer.begin_stream(request).map_err(|error| error.to_string())? {
            Begun::Done(stream) => Ok(Begin::Done(Box::new(stream))),
            Begun::Fresh(stream) => Ok(Begin::Fresh(Box::new(stream), Box::new(source))),
        }
    }

    fn feed(&self, source: &mut FileSource, sender: &FeedSender<Arrival>) -> Result<EndReport, String> {
        let mut gap = None;
        let mut last = None;
        loop {
            let event = source.next().map_err(|error| {
                self.control.fail(error.to_string());
                error.to_string()
            })?;
            match event {
                SourceEvent::Gap(missing) => gap = Some(gap_vertex(missing, gap.take())),
                SourceEvent::Frame(frame) => {
                    let t = frame.t;
                    last = Some(t);
                    let arrival = Arrival { gap: gap.take(), frame: Some(frame) };
                    if sender.send(t, arrival, &self.control).is_err() {
                        source.stop_handle().stop();
                        continue;
                    }
                    self.control.frames_in.fetch_add(1, Ordering::Relaxed);
                }
                SourceEvent::End(report) => {
                    let ended = report.status != EndStatus::Stopped && !self.control.is_stopping();
                    if let Some(last) = last.filter(|_| ended) {
                        let arrival = Arrival { gap: gap.take(), frame: None };
                        // A stream that takes no more is stopping, which its end report will say.
                        let _ = sender.send(last + 1, arrival, &self.control);
                    }
                    return Ok(report);
                }
            }
        }
    }
}

enum Begin {
    Done(Box<Stream>),
    Fresh(Box<Stream>, Box<FileSource>),
}

/// The gap as a vertex; one that no frame parted from the gap before it is the same gap.
fn gap_vertex(gap: SourceGap, before: Option<GapVertex>) -> GapVertex {
    let reason = match gap.reason {
        GapReason::Broken(text) => format!("broken: {text}"),
        other => other.as_str().to_owned(),
    };
    let from_us = before.map_or(gap.from_us, |before| before.from_us.min(gap.from_us));
    GapVertex { from_us, to_us: gap.to_us, reason }
}

/// Starts a reader on a thread of its own. Events go to `events` with `index`.
///
/// # Errors
/// Where the system gives no thread.
pub fn start(reader: Reader, index: usize, events: SyncSender<(usize, Event)>) -> std::io::Result<()> {
    let name = format!("vokg-read-{index}");
    std::thread::Builder::new().name(name).spawn(move || {
        reader.run(|event| {
            // Nobody listens any more where the command is ending.
            let _ = events.send((index, event));
        });
    })?;
    Ok(())
}
