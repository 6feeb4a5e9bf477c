//! The decisions of a follower: whom to read next, what to do about an error.

use super::backoff::Backoff;
use super::letters::{DeadLetters, LettersError};
use super::portion::{Portion, read_portion};
use super::status::{SinkControl, SinkState};
use super::target::{Followed, Held, Snapshot, StartFrom, Target, TargetError};
use crate::export::delta_json::DeltaJson;
use crate::store::{KnownAt, Position, ReadError, SEQ_MAX, Store, Stream, StreamId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use vokg_engine::delta::{Element, Vertex, VertexKey};
use vokg_engine::id::StreamName;
use vokg_engine::record::{LogEntry, Record};

/// Limits of a follower.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowerConfig {
    /// Entries of a portion, unless one time has more.
    pub portion_entries: usize,
    /// Time between two portions of a stream, unless the second has [`FollowerConfig::portion_entries`].
    pub portion_pause: Duration,
    /// First wait after an error.
    pub retry_first: Duration,
    /// Longest wait after an error.
    pub retry_most: Duration,
    /// Entries that may be set aside because the target refuses them.
    pub dead_letters: usize,
    /// With what a stream begins that the target does not hold.
    pub from: StartFrom,
}

impl Default for FollowerConfig {
    fn default() -> Self {
        Self {
            portion_entries: 5_000,
            portion_pause: Duration::ZERO,
            retry_first: Duration::from_millis(100),
            retry_most: Duration::from_secs(30),
            dead_letters: 10_000,
            from: StartFrom::Beginning,
        }
    }
}

/// What a follower did last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It told its target something, or learned something: there may be more to do at once.
    Moved,
    /// Its target holds the whole log.
    CaughtUp,
    /// There is little to tell, and more may come within this long.
    Soon(Duration),
    /// Its target failed; it is to be tried again after this long.
    Wait(Duration),
    /// It cannot go on, for this reason.
    Failed(String),
}

/// Where the target stands in one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor(Option<Position>);

/// Follows all streams of a store on behalf of one target.
pub struct Follower<T> {
    store: Store,
    target: T,
    config: FollowerConfig,
    control: SinkControl,
    letters: DeadLetters,
    backoff: Backoff,
    /// The streams when they were last listed, and when that was.
    listed: Vec<Stream>,
    /// The names of all streams by then, also of those that others have replaced.
    all: BTreeSet<StreamName>,
    listing: Option<Listing>,
    streams: BTreeMap<StreamId, Followed>,
    /// What the target said, and what it took since. Forgotten at every error.
    cursors: BTreeMap<StreamId, Cursor>,
    /// The same of the streams themselves; `None` before the target was asked, and where it keeps all it was told.
    held: Option<Option<Held>>,
    /// When each stream was served last.
    told: BTreeMap<StreamId, Instant>,
    /// The stream served last; the next one's turn comes first.
    served: Option<StreamId>,
}

impl<T: Target> Follower<T> {
    /// A follower that has done nothing yet. `name` is that of the sink, `data_dir` where its dead letters are kept.
    ///
    /// # Errors
    /// Where the dead letters cannot be read.
    pub fn new(
        store: Store,
        target: T,
        name: &str,
        data_dir: &Path,
        config: FollowerConfig,
        control: SinkControl,
    ) -> Result<Self, LettersError> {
        let letters = DeadLetters::open(data_dir, name, config.dead_letters)?;
        let seed = name.bytes().fold(u64::from(std::process::id()), |seed, byte| seed.rotate_left(8) ^ u64::from(byte));
        let backoff = Backoff::new(config.retry_first, config.retry_most, seed);
        Ok(Self {
            store,
            target,
            config,
            control,
            letters,
            backoff,
            listed: Vec::new(),
            all: BTreeSet::new(),
            listing: None,
            streams: BTreeMap::new(),
            cursors: BTreeMap::new(),
            held: None,
            told: BTreeMap::new(),
            served: None,
        })
    }

    /// Tells the target the next portion of the stream whose turn it is.
    pub fn step(&mut self) -> Step {
        let asked = self.control.asked();
        let step = match self.advance(asked) {
            Ok(step) => {
                self.backoff.reset();
                step
            }
            Err(trouble) => {
                // Whether the last portion was taken is unknown: the target is asked again.
                self.cursors.clear();
                self.held = None;
                self.listing = None;
                match trouble {
                    Trouble::Target(TargetError::Again(reason)) => self.again(reason),
                    Trouble::Store(error) => self.again(error.to_string()),
                    Trouble::Letters(error) if error.is_for_want_of_room() => self.again(error.to_string()),
                    Trouble::Target(error) => Step::Failed(error.to_string()),
                    Trouble::Letters(error) => Step::Failed(error.to_string()),
                }
            }
        };
        self.tell(&step, asked);
        step
    }

    fn again(&mut self, reason: String) -> Step {
        let wait = self.backoff.next_wait();
        tracing::warn!(%reason, tries = self.backoff.tries(), "a sink waits for its target");
        self.control.update(|status| {
            status.retries += 1;
            status.last_error = Some(reason);
        });
        Step::Wait(wait)
    }

    fn tell(&self, step: &Step, asked: u64) {
        let state = match step {
            Step::Moved | Step::Soon(_) => SinkState::Behind,
            Step::CaughtUp => SinkState::CaughtUp,
            Step::Wait(_) => SinkState::Waiting,
            Step::Failed(reason) => SinkState::Failed(reason.clone()),
        };
        let dead_letters = self.letters.count() as u64;
        self.control.update(|status| {
            (status.state, status.dead_letters, status.looked) = (state, dead_letters, asked);
        });
    }

    fn advance(&mut self, asked: u64) -> Result<Step, Trouble> {
        let is_fresh = |listing: &Listing| listing.asked == asked && listing.at.elapsed() < LIST_EVERY;
        let is_new = !self.listing.as_ref().is_some_and(is_fresh);
        if is_new {
            self.list(asked)?;
        }
        self.measure();
        if let Some(stale) = self.stale() {
            self.remove(&stale)?;
            return Ok(Step::Moved);
        }
        let streams = std::mem::take(&mut self.listed);
        let turn = self.take_turn(&streams);
        self.listed = streams;
        let turn = turn?;
        if !matches!(turn, Step::CaughtUp) {
            return Ok(turn);
        }
        if !is_new {
            // Only a list of now can say that there is no more.
            self.listing = None;
            return Ok(Step::Moved);
        }
        // What has taken the place of a superseded stream is told now: at no time is neither there.
        let Some(superseded) = self.superseded() else { return Ok(Step::CaughtUp) };
        self.remove(&superseded)?;
        Ok(Step::Moved)
    }

    /// Serves the next stream for which there is something to tell.
    fn take_turn(&mut self, streams: &[Stream]) -> Result<Step, Trouble> {
        let mut soon: Option<Duration> = None;
        let later = streams.iter().position(|stream| Some(stream.id) > self.served).unwrap_or(0);
        for stream in streams[later..].iter().chain(&streams[..later]) {
            match self.serve(stream)? {
                None => {}
                Some(Step::Soon(wait)) => soon = Some(soon.map_or(wait, |soon| soon.min(wait))),
                Some(step) => return Ok(step),
            }
        }
        Ok(soon.map_or(Step::CaughtUp, Step::Soon))
    }

    fn list(&mut self, asked: u64) -> Result<(), Trouble> {
        let all = self.store.streams()?;
        self.listed = match self.held()? {
            None => all.clone(),
            Some(_) => self.present(&all)?,
        };
        self.all = all.iter().map(|stream| stream.name.clone()).collect();
        self.listing = Some(Listing { at: Instant::now(), asked });
        // What was dropped never comes back under its number.
        let present: BTreeSet<StreamId> = self.listed.iter().map(|stream| stream.id).collect();
        self.streams.retain(|id, _| present.contains(id));
        self.cursors.retain(|id, _| present.contains(id));
        self.told.retain(|id, _| present.contains(id));
        Ok(())
    }

    /// Tells the next portion of a stream; `None` where there is nothing to tell.
    fn serve(&mut self, stream: &Stream) -> Result<Option<Step>, Trouble> {
        let Some(followed) = self.followed(stream)? else { return Ok(None) };
        let cursor = self.cursor(&followed, stream)?;
        // One that has not ended may have grown since it was listed.
        if cursor.is_at(stream) && stream.head.outcome.is_some() {
            return Ok(None);
        }
        let entries = match read_portion(&self.store, &followed, cursor.0, self.config.portion_entries) {
            // It was dropped since it was listed.
            Err(ReadError::UnknownStream(_)) => {
                self.listing = None;
                return Ok(Some(Step::Moved));
            }
            Err(error @ ReadError::Gone { .. }) => return Err(gone(stream, cursor, &error).into()),
            other => other?,
        };
        if entries.is_empty() {
            return Ok(None);
        }
        if let Some(wait) = self.pause(stream.id, entries.len()) {
            return Ok(Some(Step::Soon(wait)));
        }
        self.served = Some(stream.id);
        self.apply(&followed, cursor, &entries)?;
        self.told.insert(stream.id, Instant::now());
        Ok(Some(Step::Moved))
    }

    fn held(&mut self) -> Result<&mut Option<Held>, Trouble> {
        if self.held.is_none() {
            self.held = Some(self.target.held()?);
        }
        Ok(self.held.get_or_insert_default())
    }

    /// The streams without those that another generation has replaced: the complete ones that their name no longer
    /// stands for, and those older than the one it stands for.
    fn present(&self, all: &[Stream]) -> Result<Vec<Stream>, ReadError> {
        let mut generations: BTreeMap<&StreamName, usize> = BTreeMap::new();
        all.iter().for_each(|stream| *generations.entry(&stream.descriptor.request.name).or_default() += 1);
        let mut present = Vec::with_capacity(all.len());
        for stream in all {
            let name = &stream.descriptor.request.name;
            let stands = if generations[name] == 1 { None } else { self.store.find_stream(name.as_str())? };
            let replaced = stands.is_some_and(|stands| {
                let is_complete = |stream: &Stream| stream.head.outcome.as_ref().is_some_and(|o| o.is_complete());
                let is_older = stream.descriptor.generation < stands.descriptor.generation;
                stands.id != stream.id && is_complete(&stands) && (is_complete(stream) || is_older)
            });
            if !replaced {
                present.push(stream.clone());
            }
        }
        Ok(present)
    }

    /// A stream that the target holds and that the store no longer has, or has under another number.
    fn stale(&self) -> Option<StreamName> {
        let held = self.held.as_ref()?.as_ref()?;
        let is_stale = |name: &StreamName, id: Option<StreamId>| match self.listed.iter().find(|s| s.name == *name) {
            Some(now) => Some(now.id) != id,
            None => !self.all.contains(name),
        };
        held.iter().find(|(name, id)| is_stale(name, **id)).map(|(name, _)| name.clone())
    }

    /// A stream that the target holds and that another has replaced.
    fn superseded(&self) -> Option<StreamName> {
        let held = self.held.as_ref()?.as_ref()?;
        held.keys().find(|name| !self.listed.iter().any(|stream| stream.name == **name)).cloned()
    }

    fn remove(&mut self, name: &StreamName) -> Result<(), Trouble> {
        if self.target.remove(name)? {
            tracing::info!(stream = %name, "a target has forgotten a stream");
            self.cursors.clear();
            if let Some(held) = self.held()? {
                held.remove(name);
            }
        }
        Ok(())
    }

    /// How long a portion of this size is to wait for more.
    fn pause(&self, stream: StreamId, entries: usize) -> Option<Duration> {
        if entries >= self.config.portion_entries {
            return None;
        }
        let since = self.told.get(&stream)?.elapsed();
        self.config.portion_pause.checked_sub(since).filter(|wait| !wait.is_zero())
    }

    /// The stream with its origin, once its first moment is in the log.
    fn followed(&mut self, stream: &Stream) -> Result<Option<Followed>, Trouble> {
        if let Some(followed) = self.streams.get(&stream.id) {
            return Ok(Some(followed.clone()));
        }
        let origin_us = match self.store.page(stream.id, None, FIRST_ENTRIES) {
            Err(ReadError::UnknownStream(_)) => return Ok(None),
            // The vertex of a stream is kept when the beginning of its log is dropped.
            Err(ReadError::Gone { .. }) => match self.store.vertex(stream.id, VertexKey::Stream, None)? {
                Some(Vertex::Stream(own)) => own.origin_us,
                _ => None,
            },
            page => {
                let first = page?.entries;
                if first.is_empty() {
                    return Ok(None);
                }
                first.iter().find_map(origin_of)
            }
        };
        let followed = Followed { id: stream.id, name: stream.name.clone(), origin_us };
        self.streams.insert(stream.id, followed.clone());
        Ok(Some(followed))
    }

    fn cursor(&mut self, followed: &Followed, stream: &Stream) -> Result<Cursor, Trouble> {
        if let Some(cursor) = self.cursors.get(&followed.id) {
            return Ok(*cursor);
        }
        let held = self.target.position(followed)?;
        if let Some(at) = held.filter(|at| *at >= stream.head.next() && stream.head.outcome.is_some()) {
            let reason = format!(
                "the target holds entry {at} of {}, of which the store has only those before {}: it was filled from \
                 another store; use another target or sink name",
                stream.name,
                stream.head.next()
            );
            return Err(TargetError::Hopeless(reason).into());
        }
        let cursor = match (held, self.config.from) {
            (None, StartFrom::Snapshot) => Cursor(self.snapshot(followed)?),
            (held, _) => Cursor(held),
        };
        self.cursors.insert(followed.id, cursor);
        Ok(cursor)
    }

    /// Begins a stream with its graph as it is; the position this leaves the target at.
    fn snapshot(&mut self, stream: &Followed) -> Result<Option<Position>, Trouble> {
        let Some(at) = self.store.position(stream.id, None)? else { return Ok(None) };
        let graph = self.store.graph(stream.id, None, Some(KnownAt::Position(at)))?;
        let before = match at.seq.checked_sub(1) {
            Some(seq) => Some(Position { seq, ..at }),
            None => at.epoch.checked_sub(1).map(|epoch| Position { epoch, seq: SEQ_MAX }),
        };
        let last = self.store.page(stream.id, before, 1)?.entries;
        let t = last.iter().find_map(|entry| match &entry.record {
            Record::Progress(progress) => Some(progress.frontier.unwrap_or(progress.lower).saturating_sub(1)),
            Record::Delta(_) => None,
        });
        let snapshot = Snapshot { stream, at, t: t.unwrap_or(0), graph: &graph };
        match self.target.snapshot(&snapshot) {
            Ok(()) => Ok(Some(at)),
            Err(TargetError::Refused { reason, .. }) => {
                let reason = format!("a snapshot of {} is refused: {reason}; use from = \"beginning\"", stream.name);
                Err(TargetError::Hopeless(reason).into())
            }
            Err(other) => Err(other.into()),
        }
    }

    fn apply(&mut self, stream: &Followed, cursor: Cursor, entries: &[LogEntry]) -> Result<(), Trouble> {
        loop {
            let refused = self.letters.of(&stream.name);
            let portion = Portion { stream, after: cursor.0, entries, refused };
            let last = portion.last();
            let (at, reason) = match self.target.apply(&portion) {
                Ok(()) => {
                    self.cursors.insert(stream.id, Cursor(Some(last)));
                    if let Some(held) = self.held()? {
                        held.insert(stream.name.clone(), Some(stream.id));
                    }
                    self.control.update(|status| {
                        status.applied += entries.len() as u64;
                        status.portions += 1;
                    });
                    return Ok(());
                }
                Err(TargetError::Refused { at, reason }) => (at, reason),
                Err(other) => return Err(other.into()),
            };
            let Some(entry) = portion.wanted().find(|entry| Position::of(entry) == at).cloned() else {
                let reason = format!("it refuses entry {at}, which it was not given: {reason}");
                return Err(TargetError::Hopeless(reason).into());
            };
            tracing::error!(stream = %stream.name, %at, %reason, "a target refuses an entry, it is set aside");
            let lines = DeltaJson::new(stream.name.clone(), stream.origin_us);
            self.letters.add(&lines, &stream.name, &entry, &reason)?;
        }
    }

    /// Streams of which something is kept in memory.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.streams.keys().chain(self.cursors.keys()).collect::<BTreeSet<_>>().len()
    }

    fn measure(&self) {
        let told = |stream: &Stream| self.cursors.get(&stream.id).and_then(|cursor| cursor.0);
        let behind = self.listed.iter().map(|stream| match told(stream) {
            Some(at) if at.epoch == stream.head.epoch => stream.head.next_seq.saturating_sub(at.seq + 1),
            Some(at) if at.epoch > stream.head.epoch => 0,
            _ => stream.head.next_seq,
        });
        let behind = behind.sum();
        self.control.update(|status| status.behind = behind);
    }
}

/// A target that was away for longer than the log is kept can be told no further: it would miss what came between.
fn gone(stream: &Stream, cursor: Cursor, error: &ReadError) -> TargetError {
    let holds = cursor.0.map_or_else(|| "nothing".to_owned(), |at| format!("what comes up to entry {at}"));
    TargetError::Hopeless(format!(
        "the target holds {holds} of {}, and {error}; keep more so that the log outlasts an outage, and run the input \
         again into another directory to tell the target all of it",
        stream.name
    ))
}

/// When the streams were listed, and how often the sink had been asked to look again by then.
#[derive(Debug)]
struct Listing {
    at: Instant,
    asked: u64,
}

/// How old a list of the streams may be. Listing reads two rows of every stream, and most of them have ended.
const LIST_EVERY: Duration = Duration::from_millis(200);
/// Entries among which the vertex of a stream is looked for.
const FIRST_ENTRIES: usize = 64;

fn origin_of(entry: &LogEntry) -> Option<i64> {
    match &entry.record {
        Record::Delta(delta) => match &delta.element {
            Element::Vertex(_, Vertex::Stream(own)) => own.origin_us,
            _ => None,
        },
        Record::Progress(_) => None,
    }
}

impl Cursor {
    fn is_at(self, stream: &Stream) -> bool {
        let Position { epoch, seq } = stream.head.next();
        self.0.is_some_and(|at| (at.epoch, at.seq + 1) >= (epoch, seq))
    }
}

enum Trouble {
    Target(TargetError),
    Store(ReadError),
    Letters(LettersError),
}

impl From<TargetError> for Trouble {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        Self::Store(error)
    }
}

impl From<LettersError> for Trouble {
    fn from(error: LettersError) -> Self {
        Self::Letters(error)
    }
}
