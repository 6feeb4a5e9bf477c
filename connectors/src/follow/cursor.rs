//! Where the target stands in a stream, and where it begins with one it holds nothing of.

use super::follower::Follower;
use super::mark::Mark;
use super::target::{Followed, Snapshot, StartFrom, Target, TargetError, Told};
use super::trouble::Trouble;
use crate::store::{KnownAt, Position, ReadError, SEQ_MAX, Stream};
use vokg_engine::delta::{Element, Vertex, VertexKey};
use vokg_engine::record::{LogEntry, Record};

/// Entries among which the vertex of a stream is looked for.
const FIRST_ENTRIES: usize = 64;

/// Where the target stands in one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor(pub(super) Option<Position>);

impl Cursor {
    pub(super) fn is_at(self, stream: &Stream) -> bool {
        let Position { epoch, seq } = stream.head.next();
        self.0.is_some_and(|at| (at.epoch, at.seq + 1) >= (epoch, seq))
    }
}

impl<T: Target> Follower<T> {
    /// The stream with its origin, once its first moment is in the log.
    pub(super) fn followed(&mut self, stream: &Stream) -> Result<Option<Followed>, Trouble> {
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

    /// Where the target stands, and whether it had to be told something to stand there.
    pub(super) fn cursor(&mut self, followed: &Followed, stream: &Stream) -> Result<(Cursor, bool), Trouble> {
        let unproven = self.unproven.remove(&followed.id);
        if let (Some(cursor), None) = (self.cursors.get(&followed.id), &unproven) {
            return Ok((*cursor, false));
        }
        let told = match unproven {
            Some(told) => Some(told),
            None => self.target.told(followed)?,
        };
        let held = told.as_ref().map(|told| told.at);
        if let Some(at) = held.filter(|at| *at >= stream.head.next() && stream.head.outcome.is_some()) {
            let reason = format!(
                "the target holds entry {at} of {}, of which the store has only those before {}: it was filled from \
                 another store, or this one is an older copy of it; use another target or sink name",
                stream.name,
                stream.head.next()
            );
            return Err(TargetError::Hopeless(reason).into());
        }
        let is_proven = match &told {
            Some(Told { at, mark: Some(mark) }) => self.is_own_history(stream, *at, mark)?,
            _ => true,
        };
        let has_made_up = match told {
            Some(told) if !is_proven => {
                self.unproven.insert(followed.id, told);
                false
            }
            Some(_) => self.target.make_up(followed, self.letters.of(followed))?,
            None => false,
        };
        let cursor = match (held, self.config.from) {
            (None, StartFrom::Snapshot) => Cursor(self.snapshot(followed)?),
            (held, _) => Cursor(held),
        };
        self.cursors.insert(followed.id, cursor);
        self.control.backlog().stands(followed.id, cursor.0);
        Ok((cursor, has_made_up))
    }

    /// A store that was restored from a copy may have gone on otherwise since: what the target holds is then no part of its log,
    /// and the target is told no more. `false` as long as the log does not reach there, and may still come to say the same.
    /// What retention has dropped cannot be compared.
    fn is_own_history(&self, stream: &Stream, at: Position, mark: &Mark) -> Result<bool, Trouble> {
        let (mut own, mut is_reached) = (Vec::new(), false);
        // Not from the oldest entry that is kept: where the first of these are gone, the store is to say so.
        let beginning = Position { epoch: 0, seq: SEQ_MAX };
        for entry in self.store.entries(stream.id, Some(mark.after.unwrap_or(beginning))) {
            let entry = match entry {
                Err(ReadError::Gone { .. }) => return Ok(true),
                entry => entry?,
            };
            is_reached = Position::of(&entry) >= at;
            if Position::of(&entry) <= at {
                own.push(entry);
            }
            if is_reached {
                break;
            }
        }
        if !is_reached || Mark::of(mark.after, &own) == *mark {
            return Ok(is_reached);
        }
        let reason = format!(
            "the target holds other entries up to {at} of {} than this store: one of both was restored from a copy and went \
             on otherwise; give this store a target of its own (for Kafka another topic_prefix), or have a database forget \
             the stream as docs/neo4j.md says",
            stream.name
        );
        Err(TargetError::Hopeless(reason).into())
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
            Ok(()) => {
                if let Some(held) = self.held()? {
                    held.insert(stream.name.clone(), Some(stream.id));
                }
                self.control.update(|status| status.moves += 1);
                Ok(Some(at))
            }
            Err(TargetError::Refused { reason, .. }) => {
                let reason = format!("a snapshot of {} is refused: {reason}; use from = \"beginning\"", stream.name);
                Err(TargetError::Hopeless(reason).into())
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// A target that was away for longer than the log is kept can be told no further: it would miss what came between. One
/// that holds nothing yet can begin with a snapshot, and so can one that is able to forget.
pub(super) fn gone(stream: &Stream, cursor: Cursor, forgets: bool, error: &ReadError) -> TargetError {
    let name = &stream.name;
    TargetError::Hopeless(match (cursor.0, forgets) {
        (None, _) => format!(
            "the target holds nothing of {name}, and {error}; with from = \"snapshot\" this sink begins with the graph \
             as it is"
        ),
        (Some(at), true) => format!(
            "the target holds what comes up to entry {at} of {name}, and {error}; keep more so that the log outlasts an \
             outage, set from = \"snapshot\" and take the cursor of {name} out of the target: it then begins with the \
             graph as it is"
        ),
        (Some(at), false) => format!(
            "the target holds what comes up to entry {at} of {name}, and {error}; keep more so that the log outlasts an \
             outage, and run the input again into another directory to tell the target all of it"
        ),
    })
}

fn origin_of(entry: &LogEntry) -> Option<i64> {
    match &entry.record {
        Record::Delta(delta) => match &delta.element {
            Element::Vertex(_, Vertex::Stream(own)) => own.origin_us,
            _ => None,
        },
        Record::Progress(_) => None,
    }
}
