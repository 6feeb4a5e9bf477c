//! The decisions of a follower: whom to read next, what to do about an error.

use super::backoff::Backoff;
use super::config::FollowerConfig;
use super::cursor::{Cursor, gone};
use super::letters::{DeadLetters, LettersError};
use super::listing::{LIST_EVERY, Listing};
use super::pause::PauseMark;
use super::portion::{Portion, read_portion};
use super::status::{SinkControl, SinkState};
use super::target::{Followed, Held, Target, TargetError, Told};
use super::trouble::Trouble;
use crate::export::delta_json::DeltaJson;
use crate::store::{Position, ReadError, Store, Stream, StreamId};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use vokg_engine::id::StreamName;
use vokg_engine::record::LogEntry;

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

/// Follows all streams of a store on behalf of one target.
pub struct Follower<T> {
    pub(super) store: Store,
    pub(super) target: T,
    pub(super) config: FollowerConfig,
    pub(super) control: SinkControl,
    /// That of the sink.
    name: String,
    mark: PauseMark,
    pub(super) letters: DeadLetters,
    backoff: Backoff,
    /// The streams when they were last listed, and when that was.
    pub(super) listed: Vec<Stream>,
    /// The names and numbers of all streams by then, also of those that others have replaced.
    pub(super) all: BTreeMap<StreamName, StreamId>,
    /// Those of them that another generation has replaced, and by which.
    pub(super) replaced: BTreeMap<StreamName, Stream>,
    pub(super) listing: Option<Listing>,
    pub(super) streams: BTreeMap<StreamId, Followed>,
    /// What the target said, and what it took since. Forgotten at every error.
    pub(super) cursors: BTreeMap<StreamId, Cursor>,
    /// What the target holds of streams whose log does not reach there yet: to be compared once it does.
    pub(super) unproven: BTreeMap<StreamId, Told>,
    /// The same of the streams themselves; `None` before the target was asked, and where it keeps all it was told.
    pub(super) held: Option<Option<Held>>,
    /// When each stream was served last.
    pub(super) told: BTreeMap<StreamId, Instant>,
    /// The stream served last; the next one's turn comes first.
    served: Option<StreamId>,
    /// Streams had their turn since a piece of one was removed: whoever is live does not wait for many removals.
    has_told: bool,
}

impl<T: Target> Follower<T> {
    /// A follower that has done nothing yet. `name` is that of the sink, `data_dir` where its dead letters are kept and
    /// where [`PauseMark`] looks.
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
            name: name.to_owned(),
            mark: PauseMark::of(data_dir, name),
            letters,
            backoff,
            listed: Vec::new(),
            all: BTreeMap::new(),
            replaced: BTreeMap::new(),
            listing: None,
            streams: BTreeMap::new(),
            cursors: BTreeMap::new(),
            unproven: BTreeMap::new(),
            held: None,
            told: BTreeMap::new(),
            served: None,
            has_told: false,
        })
    }

    /// What asks the sink to pause from outside.
    pub(super) fn mark(&self) -> &PauseMark {
        &self.mark
    }

    /// Tells the target the next portion of the stream whose turn it is.
    pub fn step(&mut self) -> Step {
        let asked = self.control.asked();
        let step = match self.advance(asked) {
            Ok(step) => {
                self.backoff.reset();
                step
            }
            Err(Trouble::Target(TargetError::Underway(what))) => {
                tracing::debug!(sink = %self.name, %what, "a sink does something else first");
                self.backoff.reset();
                self.forget_cursors();
                self.held = None;
                self.listing = None;
                self.control.update(|status| status.moves += 1);
                Step::Moved
            }
            Err(trouble) => {
                // Whether the last portion was taken is unknown: the target is asked again.
                self.forget_cursors();
                self.held = None;
                self.listing = None;
                match trouble.into_error() {
                    TargetError::Again(reason) => self.again(reason),
                    error => self.fail(error.to_string()),
                }
            }
        };
        self.tell(&step, asked);
        step
    }

    fn forget_cursors(&mut self) {
        self.cursors.clear();
        self.unproven.clear();
    }

    fn again(&mut self, reason: String) -> Step {
        let wait = self.backoff.next_wait();
        let (sink, tries) = (&self.name, self.backoff.tries());
        tracing::warn!(%sink, %reason, tries, "a sink waits for its target");
        self.control.update(|status| {
            status.retries += 1;
            status.last_error = Some(reason);
        });
        Step::Wait(wait)
    }

    fn fail(&self, reason: String) -> Step {
        tracing::error!(sink = %self.name, %reason, "a sink has stopped, somebody must look");
        Step::Failed(reason)
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
            status.answers = !matches!(state, SinkState::Waiting | SinkState::Failed(_));
            (status.state, status.dead_letters, status.looked) = (state, dead_letters, asked);
        });
    }

    fn advance(&mut self, asked: u64) -> Result<Step, Trouble> {
        let is_fresh = |listing: &Listing| listing.asked == asked && listing.at.elapsed() < LIST_EVERY;
        let is_new = !self.listing.as_ref().is_some_and(is_fresh);
        if is_new {
            self.list(asked)?;
        }
        self.measure(&self.listed);
        let superseded = if self.has_told { self.superseded() } else { None };
        if let Some(gone) = self.stale()?.or(superseded) {
            self.has_told = false;
            self.remove(&gone)?;
            return Ok(Step::Moved);
        }
        self.has_told = true;
        let streams = std::mem::take(&mut self.listed);
        let turn = self.take_turn(&streams);
        self.listed = streams;
        let turn = turn?;
        if !matches!(turn, Step::CaughtUp) {
            return Ok(turn);
        }
        self.measure(&self.listed);
        if !is_new {
            // Only a list of now can say that there is no more.
            self.listing = None;
            return Ok(Step::Moved);
        }
        // Now it is known of each how much of it was told.
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

    /// Tells the next portion of a stream; `None` where there is nothing to tell.
    fn serve(&mut self, stream: &Stream) -> Result<Option<Step>, Trouble> {
        let Some(followed) = self.followed(stream)? else { return Ok(None) };
        let (cursor, has_made_up) = self.cursor(&followed, stream)?;
        if has_made_up {
            self.served = Some(stream.id);
            self.control.update(|status| status.moves += 1);
            return Ok(Some(Step::Moved));
        }
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
            Err(error @ ReadError::Gone { .. }) => {
                let forgets = matches!(self.held, Some(Some(_)));
                return Err(gone(stream, cursor, forgets, &error).into());
            }
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

    pub(super) fn held(&mut self) -> Result<&mut Option<Held>, Trouble> {
        if self.held.is_none() {
            self.held = Some(self.target.held()?);
        }
        Ok(self.held.get_or_insert_default())
    }

    fn remove(&mut self, name: &StreamName) -> Result<(), Trouble> {
        // The target may take long to answer, and holds until then what is no longer there.
        self.control.update(|status| {
            if status.state == SinkState::CaughtUp {
                status.state = SinkState::Behind;
            }
        });
        let is_done = self.target.remove(name)?;
        self.control.update(|status| status.moves += 1);
        if is_done {
            tracing::info!(stream = %name, "a target has forgotten a stream");
            self.forget_cursors();
            if let Some(stream) = self.all.get(name) {
                self.control.backlog().stands(*stream, None);
            }
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

    fn apply(&mut self, stream: &Followed, cursor: Cursor, entries: &[LogEntry]) -> Result<(), Trouble> {
        loop {
            let refused = self.letters.of(stream);
            let portion = Portion { stream, after: cursor.0, entries, refused };
            let (last, wanted) = (portion.last(), portion.wanted().count() as u64);
            let (at, reason) = match self.target.apply(&portion) {
                Ok(()) => {
                    self.cursors.insert(stream.id, Cursor(Some(last)));
                    self.control.backlog().stands(stream.id, Some(last));
                    if let Some(held) = self.held()? {
                        held.insert(stream.name.clone(), Some(stream.id));
                    }
                    self.control.update(|status| {
                        status.applied += wanted;
                        status.portions += 1;
                        status.moves += 1;
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
            self.letters.add(&lines, stream, &entry, &reason)?;
            self.backoff.reset();
        }
    }

    /// Streams of which something is kept in memory.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.streams.keys().chain(self.cursors.keys()).collect::<std::collections::BTreeSet<_>>().len()
    }

    pub(super) fn measure(&self, streams: &[Stream]) {
        let behind = self.control.backlog().entries(streams);
        self.control.update(|status| status.behind = behind);
    }
}
