//! What a sink must be able to do.

use super::mark::Mark;
use super::portion::Portion;
use crate::store::{Position, StreamId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::graph::Graph;
use vokg_engine::id::StreamName;
use vokg_engine::time::Micros;

/// A stream as its followers know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Its number in the store.
    pub id: StreamId,
    /// Its own name, by which the target knows it.
    pub name: StreamName,
    /// UTC time of `t = 0` in microseconds since 1970, where the source knows it.
    pub origin_us: Option<i64>,
}

/// With what a sink begins a stream of which its target holds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartFrom {
    /// With the first entry of its log.
    #[default]
    Beginning,
    /// With its graph as it is then; the log follows from there.
    Snapshot,
}

/// The graph of a stream in place of its log up to an entry.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Whose.
    pub stream: &'a Followed,
    /// The entry it is as of, a progress record: the target holds this position afterwards.
    pub at: Position,
    /// Time of the last frame known then.
    pub t: Micros,
    /// What the log up to there adds up to; where its beginning was dropped, what was open then and what came after.
    pub graph: &'a Graph,
}

/// How much of a stream a target was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The last entry it holds.
    pub at: Position,
    /// What tells the entries it was told last from others in their place. `None` where it keeps none, as after a snapshot.
    pub mark: Option<Mark>,
}

/// Where a log goes. All of a sink's calls come from one thread, one at a time.
pub trait Target: Send {
    /// How much of the stream the target holds; `None` where it holds nothing of it. Asked before the first
    /// portion of a stream and after every error, so an answer must come from the target and not from memory.
    ///
    /// # Errors
    /// Where the target cannot be asked, or has something else to do first.
    fn told(&mut self, stream: &Followed) -> Result<Option<Told>, TargetError>;

    /// Does what is owed of what the target was told already, as where it is to be told in one more place now; whether there
    /// was anything. Called after [`Target::told`], once what it holds of the stream is known to be part of its log.
    ///
    /// # Errors
    /// As [`Target::apply`], but for a refusal.
    fn make_up(&mut self, _stream: &Followed, _refused: &BTreeSet<Position>) -> Result<bool, TargetError> {
        Ok(false)
    }

    /// Takes a portion, its last position and its [`Portion::mark`] in one transaction: all of it or nothing.
    ///
    /// # Errors
    /// After [`TargetError::Again`] it is unknown whether the portion was taken.
    fn apply(&mut self, portion: &Portion<'_>) -> Result<(), TargetError>;

    /// The streams of this store that the target holds, or has begun to remove. `None` for a target that keeps for ever
    /// what it was told, as a log does. Asked at first and after every error.
    ///
    /// # Errors
    /// Where the target cannot be asked.
    fn held(&mut self) -> Result<Option<Held>, TargetError> {
        Ok(None)
    }

    /// Removes a piece of what the target holds of a stream, small enough for one transaction; whether nothing is left.
    ///
    /// # Errors
    /// Whether the piece was removed is unknown.
    fn remove(&mut self, _stream: &StreamName) -> Result<bool, TargetError> {
        Ok(true)
    }

    /// Takes a snapshot and its position in one transaction: all of it or nothing.
    ///
    /// # Errors
    /// As [`Target::apply`]; and where the target cannot begin so.
    fn snapshot(&mut self, snapshot: &Snapshot<'_>) -> Result<(), TargetError> {
        let stream = &snapshot.stream.name;
        Err(TargetError::Hopeless(format!("this sink cannot begin {stream} with a snapshot; use from = \"beginning\"")))
    }
}

/// What a target holds: by the name of a stream, the number it had when it was told. `None` where it cannot go on from
/// there and is to be told anew.
pub type Held = BTreeMap<StreamName, Option<StreamId>>;

/// Why a target did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It may work later: the target is away, busy or slow. Whether it took what it was given is unknown.
    #[error("{0}")]
    Again(String),
    /// It has done a piece of what must be done first: it is to be asked again at once.
    #[error("{0}")]
    Underway(String),
    /// It will never take this entry, and can take the others.
    #[error("entry {at} is refused: {reason}")]
    Refused {
        /// Which.
        at: Position,
        /// What the target says.
        reason: String,
    },
    /// Another instance writes the same log to the same place.
    #[error(
        "another instance has taken over: {0}; let one of them end, or give one of them topics of its own (topic_prefix)"
    )]
    Fenced(String),
    /// It will not work before somebody changes something.
    #[error("{0}")]
    Hopeless(String),
}
