//! The thread of a stream that reads its file: opens, hashes, begins the stream in the store, and feeds frames.

use crate::content::{CHANGED, Content, Hashed, hash, unreadable};
use crate::inputs::Input;
use crate::program::program_id;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{SystemTime, UNIX_EPOCH};
use vokg_connectors::source::file::{Bookmark, FileConfig, FileSource, Probe, StopHandle};
use vokg_connectors::source::{EndReport, EndStatus, GapReason, SourceError, SourceEvent, SourceGap};
use vokg_connectors::store::{Begun, FileStamp, Stream, StreamRequest, Writer};
use vokg_engine::crash;
use vokg_engine::delta::GapVertex;
use vokg_engine::frame::Arrival;
use vokg_engine::runtime::checkpoint::{Checkpoint, Marks, SOURCE, encode};
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::runtime::feed::{FeedReceiver, FeedSender, feed};
use vokg_engine::time::Micros;

/// Why an input has no stream whose turn had not come when the user asked to stop.
pub const NOT_BEGUN: &str = "interrupted before it began";
/// Why nothing came of an input that was still being opened at its checkpoint then.
const NOT_THERE: &str = "interrupted on the way to where it was left; the next run over this input goes there again";
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
    /// The user asked to stop before there was a stream to read.
    Interrupted(&'static str),
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
    /// Where the stream goes on, if it was interrupted.
    pub resume: Option<Checkpoint>,
    /// It was begun before, so its log has something to compare with.
    pub begun_before: bool,
}

/// What a reader needs.
pub struct Reader {
    pub input: Input,
    pub file: FileConfig,
    pub segmenter: String,
    pub config_hash: [u8; 32],
    pub writer: Arc<Writer>,
    pub control: Arc<StreamControl>,
    /// Also what was set aside is tried.
    pub retry: bool,
}

impl Reader {
    /// Reads the input to its end. `say` takes events; the order is `Opened`, `Read`, or one of the others alone.
    pub fn run(self, say: &impl Fn(Event)) {
        match self.open(true) {
            Ok(Begin::Done(stream)) => say(Event::AlreadyDone(stream)),
            Ok(Begin::Work(work)) => {
                let Work { stream, mut source, stamp, resume, begun_before } = *work;
                let content = Content { hash: stream.descriptor.request.content_hash, stamp };
                let (sender, receiver) = feed(FEED_RECORDS);
                let (probe, stop) = (source.info().clone(), source.stop_handle());
                let control = Arc::clone(&self.control);
                source.on_picture(move || {
                    control.activity.fetch_add(1, Ordering::Relaxed);
                });
                let expected = probe.frames_expected.unwrap_or(0).min(self.file.max_frames.unwrap_or(u64::MAX));
                self.control.frames_expected.store(expected, Ordering::Relaxed);
                let from_us = resume.as_ref().map(|checkpoint| checkpoint.t);
                let opened = Opened { stream, probe, feed: receiver, stop, resume, begun_before };
                say(Event::Opened(Box::new(opened)));
                let end = self.feed(&mut source, &sender, content, from_us);
                drop(sender);
                say(Event::Read(end));
            }
            Ok(Begin::Interrupted(how_far)) => say(Event::Interrupted(how_far)),
            Err(reason) => say(Event::Refused(reason)),
        }
    }

    /// Opens the input and begins its stream; its hash is that of an earlier run only where it `trusts` the stamp.
    fn open(&self, trusts: bool) -> Result<Begin, String> {
        let (stamp, stamped) = (FileStamp::of(&self.input.path), SystemTime::now());
        let source = FileSource::open(&self.input.path, &self.file).map_err(|error| error.to_string())?;
        let stamp = stamp.map_err(unreadable)?;
        let file = File::open(&self.input.path).map_err(unreadable)?;
        let known = if trusts { self.known_content(&file, &stamp)? } else { None };
        let hashed = match known {
            Some(hash) => Hashed { hash, file: None },
            None => match hash(file, &stamp, &self.control)? {
                Some(hashed) => hashed,
                None => return Ok(Begin::Interrupted(NOT_BEGUN)),
            },
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let request = StreamRequest {
            name: self.input.name.clone(),
            source_path: std::path::absolute(&self.input.path).unwrap_or_default().to_string_lossy().into_owned(),
            content_hash: hashed.hash,
            config_hash: self.config_hash,
            segmenter: self.segmenter.clone(),
            sampling: self.file.sample.to_string(),
            created_us: i64::try_from(now.as_micros()).unwrap_or(i64::MAX),
        };
        if self.retry {
            self.writer.retry_stream(&request).map_err(|error| error.to_string())?;
        }
        let begun = self.writer.begin_stream(request, program_id()).map_err(|error| error.to_string())?;
        if hashed.file.is_some_and(|file| stamp.lasts(&file, stamped))
            && let Err(error) = self.writer.remember_content(begun.stream().id, &stamp)
        {
            tracing::warn!(input = %self.input.name, %error, "the next run will hash the file again");
        }
        let begun_before = matches!(begun, Begun::Resumed(..));
        let (stream, source, resume) = match begun {
            Begun::Done(stream) => return Ok(Begin::Done(Box::new(stream))),
            Begun::Fresh(stream) | Begun::Resumed(stream, None) => (stream, source, None),
            Begun::Resumed(stream, Some(checkpoint)) => match self.go_on(source, &checkpoint) {
                Ok(there) => (stream, there, Some(*checkpoint)),
                Err(Astray::Hindered(error)) => return self.leave(&stream, error),
                Err(Astray::Misled(reason)) if known.is_some() => {
                    tracing::warn!(stream = %stream.name, %reason, "the file is hashed again");
                    self.writer.doubt_content(stream.id).map_err(|error| error.to_string())?;
                    return self.open(false);
                }
                Err(Astray::Misled(reason)) => {
                    tracing::warn!(stream = %stream.name, %reason, "it is processed again from its beginning");
                    let stream = self.writer.start_over(&stream).map_err(|error| error.to_string())?;
                    match FileSource::open(&self.input.path, &self.file) {
                        Ok(source) => (stream, source, None),
                        Err(error) => return self.leave(&stream, error),
                    }
                }
            },
        };
        Ok(Begin::Work(Box::new(Work { stream, source, stamp, resume, begun_before })))
    }

    /// The hash of the file, where an earlier run took it of the very same.
    fn known_content(&self, file: &File, stamp: &FileStamp) -> Result<Option<[u8; 32]>, String> {
        let opened = FileStamp::of_file(file).map_err(unreadable)?;
        if !opened.has_content_of(stamp) {
            return Err(CHANGED.to_owned());
        }
        if opened != *stamp {
            return Ok(None);
        }
        Ok(self.writer.known_content(&self.input.name, stamp).unwrap_or_else(|error| {
            tracing::warn!(input = %self.input.name, %error, "the file is hashed again");
            None
        }))
    }

    /// Leaves a stream in good order whose file is not read any further now: no death of the process counts against it.
    fn leave(&self, stream: &Stream, error: SourceError) -> Result<Begin, String> {
        self.writer.leave_stream(stream.id).map_err(|left| format!("{error}; and {left}"))?;
        match error {
            SourceError::Interrupted(_) => Ok(Begin::Interrupted(NOT_THERE)),
            error => Err(error.to_string()),
        }
    }

    /// The file, at the frame after the checkpoint.
    fn go_on(&self, opened: FileSource, checkpoint: &Checkpoint) -> Result<FileSource, Astray> {
        let bookmark = checkpoint.parts.get(SOURCE).map(|bytes| Bookmark::decode(bytes));
        let bookmark = bookmark.unwrap_or_else(|| Err("the checkpoint has no place in the file".to_owned()));
        let bookmark = bookmark.map_err(Astray::Misled)?;
        let goes_on = || {
            self.control.activity.fetch_add(1, Ordering::Relaxed);
            !self.control.is_stopping()
        };
        opened.resume(bookmark, goes_on).map_err(|error| match error {
            SourceError::Damaged { reason, .. } => Astray::Misled(reason),
            error => Astray::Hindered(error),
        })
    }

    fn feed(
        &self,
        source: &mut FileSource,
        sender: &FeedSender<Arrival>,
        mut content: Content,
        from_us: Option<Micros>,
    ) -> Result<EndReport, String> {
        let failed = |reason: String| {
            self.control.fail(reason.clone());
            reason
        };
        let mut gaps = Vec::new();
        let mut marks = Marks::new(from_us.unwrap_or(0));
        let mut last = from_us;
        let mut refused = false;
        loop {
            if self.control.is_stopping() {
                source.stop_handle().stop();
            }
            let event = source.next().map_err(|error| failed(error.to_string()))?;
            match event {
                SourceEvent::Gap(missing) => gaps.push(gap_vertex(missing)),
                SourceEvent::Frame(frame) => {
                    let t = frame.t;
                    crash::point_of("frame", self.input.name.as_str());
                    last = Some(t);
                    // What was read of another content must not be what a later run goes on from.
                    let is_marked =
                        marks.takes(t) && content.is_unchanged(&self.input.path, &self.control).map_err(failed)?;
                    let position = is_marked.then(|| encode(&source.bookmark(&frame)));
                    let arrival = Arrival { gaps: std::mem::take(&mut gaps), frame: Some(frame), position };
                    if sender.send(t, arrival, &self.control).is_err() {
                        refused = true;
                        source.stop_handle().stop();
                    } else {
                        self.control.frames_in.fetch_add(1, Ordering::Relaxed);
                    }
                }
                SourceEvent::End(mut report) => {
                    let is_unchanged = content.is_unchanged(&self.input.path, &self.control).map_err(failed)?;
                    let whole = is_unchanged && !refused && report.status != EndStatus::Stopped;
                    let end = Arrival { gaps, frame: None, position: None };
                    let end_t = last.map_or(0, |last| last + 1);
                    if !whole || sender.send(end_t, end, &self.control).is_err() {
                        report.status = EndStatus::Stopped;
                    }
                    return Ok(report);
                }
            }
        }
    }
}

/// Why a file does not go on at a checkpoint.
enum Astray {
    /// The checkpoint leads nowhere.
    Misled(String),
    /// It could not be seen whether it does.
    Hindered(SourceError),
}

enum Begin {
    Done(Box<Stream>),
    Work(Box<Work>),
    /// The user asked to stop, and this is how far it was.
    Interrupted(&'static str),
}

/// A stream to be processed.
struct Work {
    stream: Stream,
    source: FileSource,
    stamp: FileStamp,
    resume: Option<Checkpoint>,
    begun_before: bool,
}

fn gap_vertex(gap: SourceGap) -> GapVertex {
    let reason = match gap.reason {
        GapReason::Broken(text) => format!("broken: {text}"),
        other => other.as_str().to_owned(),
    };
    GapVertex { from_us: gap.from_us, to_us: gap.to_us, reason }
}

/// Starts a reader on a thread of its own. Events go to `events` with `index`.
///
/// # Errors
/// Where the system gives no thread.
pub fn start(reader: Reader, index: usize, events: SyncSender<(usize, Event)>) -> std::io::Result<()> {
    let name = format!("vokg-read-{index}");
    std::thread::Builder::new().name(name).spawn(move || {
        let control = Arc::clone(&reader.control);
        let opened = AtomicBool::new(false);
        let say = |event: Event| {
            opened.fetch_or(matches!(event, Event::Opened(_)), Ordering::Relaxed);
            // Nobody listens any more where the command is ending.
            let _ = events.send((index, event));
        };
        if catch_unwind(AssertUnwindSafe(|| reader.run(&say))).is_err() {
            let reason = "the reader panicked; please report the file".to_owned();
            control.fail(reason.clone());
            let was_opened = opened.load(Ordering::Relaxed);
            say(if was_opened { Event::Read(Err(reason)) } else { Event::Refused(reason) });
        }
    })?;
    Ok(())
}
