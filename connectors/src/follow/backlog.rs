//! How much a target does not hold yet, as far as whoever does not ask it can know.

use crate::store::{Position, Stream, StreamId};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::id::StreamName;

/// How far a target was in each stream when that was known last. It can be asked while the sink waits for its target.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    reached: BTreeMap<StreamId, Position>,
    /// Streams that are not told, each as long as the one that has replaced it is there.
    passed_over: BTreeMap<StreamId, StreamId>,
}

impl Backlog {
    /// The target stands there in a stream; `None` where it holds nothing of it.
    pub(super) fn stands(&mut self, stream: StreamId, at: Option<Position>) {
        match at {
            Some(at) => drop(self.reached.insert(stream, at)),
            None => drop(self.reached.remove(&stream)),
        }
    }

    /// Of all streams there are, these are told; the others have been replaced by whoever `replaced` says.
    pub(super) fn list(&mut self, all: &[Stream], told: &BTreeSet<StreamId>, replaced: &BTreeMap<StreamName, Stream>) {
        self.reached.retain(|id, _| told.contains(id));
        let others = all.iter().filter(|stream| !told.contains(&stream.id));
        self.passed_over = others.filter_map(|stream| Some((stream.id, replaced.get(&stream.name)?.id))).collect();
    }

    /// Entries of the present epochs of these streams that the target does not hold. Of one of which it is not known how far
    /// the target is, all: it is at most so many.
    pub(super) fn entries(&self, streams: &[Stream]) -> u64 {
        let there: BTreeSet<StreamId> = streams.iter().map(|stream| stream.id).collect();
        let is_there = |id: &StreamId| there.contains(id);
        let told = streams.iter().filter(|stream| !self.passed_over.get(&stream.id).is_some_and(is_there));
        let behind = told.map(|stream| match self.reached.get(&stream.id) {
            Some(at) if at.epoch == stream.head.epoch => stream.head.next_seq.saturating_sub(at.seq + 1),
            Some(at) if at.epoch > stream.head.epoch => 0,
            _ => stream.head.next_seq,
        });
        behind.sum()
    }
}
