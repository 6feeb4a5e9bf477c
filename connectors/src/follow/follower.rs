//! The decisions of a follower: whom to read next, what to do about an error.

use super::backoff::Backoff;
use super::letters::{DeadLetters, LettersError};
use super::portion::{Portion, read_portion};
use super::status::{SinkControl, SinkState};
use super::target::{Followed, Snapshot, StartFrom, Target, TargetError};
use crate::export::delta_json::DeltaJson;
use crate::store::{KnownAt, Position, ReadError, SEQ_MAX, Store, Stream, StreamId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use vokg_engine::delta::{Element, Vertex};
use vokg_engine::record::{LogEntry, Record};

/// Limits of a follower.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowerConfig {
    /// Entries of a portion, unless one time has more.
    pub portion_entries: usize,
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
    listing: Option<Listing>,
    streams: BTreeMap<StreamId, Followed>,
    /// What the target said, and what it took since. Forgotten at every error.
    cursors: BTreeMap<StreamId, Cursor>,
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
            listing: None,
            streams: BTreeMap::new(),
            cursors: BTreeMap::new(),
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
                self.listing = None;
                match trouble {
                    Trouble::Target(TargetError::Again(reason)) => self.again(reason),
                    Trouble::Store(error) => self.again(error.to_string()),
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
            Step::Moved => SinkState::Behind,
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
        if !self.listing.as_ref().is_some_and(is_fresh) {
            self.list(asked)?;
        }
        self.measure();
        let streams = std::mem::take(&mut self.listed);
        let later = streams.iter().position(|stream| Some(stream.id) > self.served).unwrap_or(0);
        let mut in_turn = streams[later..].iter().chain(&streams[..later]);
        let moved = in_turn.find_map(|stream| self.serve(stream).transpose());
        self.listed = streams;
        moved.unwrap_or(Ok(Step::CaughtUp))
    }

    fn list(&mut self, asked: u64) -> Result<(), Trouble> {
        self.listed = self.store.streams()?;
        self.listing = Some(Listing { at: Instant::now(), asked });
        // What was dropped never comes back under its number.
        let present: BTreeSet<StreamId> = self.listed.iter().map(|stream| stream.id).collect();
        self.streams.retain(|id, _| present.contains(id));
        self.cursors.retain(|id, _| present.contains(id));
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
            // It was begun anew since it was listed, under a number that the next list will have.
            Err(ReadError::UnknownStream(_)) => {
                self.listing = None;
                return Ok(Some(Step::Moved));
            }
            other => other?,
        };
        if entries.is_empty() {
            return Ok(None);
        }
        self.served = Some(stream.id);
        self.apply(&followed, cursor, &entries)?;
        Ok(Some(Step::Moved))
    }

    /// The stream with its origin, once its first moment is in the log.
    fn followed(&mut self, stream: &Stream) -> Result<Option<Followed>, Trouble> {
        if let Some(followed) = self.streams.get(&stream.id) {
            return Ok(Some(followed.clone()));
        }
        let first = match self.store.page(stream.id, None, FIRST_ENTRIES) {
            Err(ReadError::UnknownStream(_)) => return Ok(None),
            other => other?.entries,
        };
        if first.is_empty() {
            return Ok(None);
        }
        let origin_us = first.iter().find_map(origin_of);
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
