//! The streams of the store as a follower knows them: which it tells, and which its target is to forget.

use super::follower::Follower;
use super::target::{Target, TargetError};
use super::trouble::Trouble;
use crate::store::{ReadError, Stream, StreamId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use vokg_engine::id::StreamName;

/// When the streams were listed, and how often the sink had been asked to look again by then.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) at: Instant,
    pub(super) asked: u64,
}

/// How old a list of the streams may be. Listing reads two rows of every stream, and most of them have ended.
pub(super) const LIST_EVERY: Duration = Duration::from_millis(200);

impl<T: Target> Follower<T> {
    pub(super) fn list(&mut self, asked: u64) -> Result<(), Trouble> {
        let all = self.store.streams()?;
        // As long as the target says nothing, whatever there was to tell still is, and what has come since.
        self.measure(&all);
        self.listed = match self.held()? {
            None => all.clone(),
            Some(_) => self.present(&all)?,
        };
        self.all = all.iter().map(|stream| (stream.name.clone(), stream.id)).collect();
        self.listing = Some(Listing { at: Instant::now(), asked });
        // What was dropped never comes back under its number.
        let present: BTreeSet<StreamId> = self.listed.iter().map(|stream| stream.id).collect();
        self.streams.retain(|id, _| present.contains(id));
        self.cursors.retain(|id, _| present.contains(id));
        self.unproven.retain(|id, _| present.contains(id));
        self.control.backlog().list(&all, &present, &self.replaced);
        self.told.retain(|id, _| present.contains(id));
        Ok(())
    }

    /// The streams without those that another generation has replaced: the complete ones that their name no longer
    /// stands for, and those older than the one it stands for.
    fn present(&mut self, all: &[Stream]) -> Result<Vec<Stream>, ReadError> {
        let mut generations: BTreeMap<&StreamName, usize> = BTreeMap::new();
        all.iter().for_each(|stream| *generations.entry(&stream.descriptor.request.name).or_default() += 1);
        let mut present = Vec::with_capacity(all.len());
        self.replaced.clear();
        for stream in all {
            let name = &stream.descriptor.request.name;
            let stands = if generations[name] == 1 { None } else { self.store.find_stream(name.as_str())? };
            let replaces = |stands: &Stream| {
                let is_complete = |stream: &Stream| stream.head.outcome.as_ref().is_some_and(|o| o.is_complete());
                let is_older = stream.descriptor.generation < stands.descriptor.generation;
                stands.id != stream.id && is_complete(stands) && (is_complete(stream) || is_older)
            };
            match stands.filter(replaces) {
                Some(stands) => drop(self.replaced.insert(stream.name.clone(), stands)),
                None => present.push(stream.clone()),
            }
        }
        Ok(present)
    }

    /// A stream that the target holds and that the store no longer has, or has under another number.
    ///
    /// # Errors
    /// Where the store has not given out that number yet, or to another stream: then it is an older copy, and it is not for it to
    /// say what is gone.
    pub(super) fn stale(&self) -> Result<Option<StreamName>, Trouble> {
        let Some((name, id)) = self.find_stale() else { return Ok(None) };
        let next = self.store.next_stream()?;
        let is_of_another = |id| self.all.iter().any(|(other, number)| *number == id && *other != name);
        match id.filter(|id| *id >= next || is_of_another(*id)) {
            None => Ok(Some(name)),
            Some(StreamId(number)) => Err(TargetError::Hopeless(format!(
                "the target holds {name} as stream {number}, which this store has not begun, or has as another stream: it is an \
                 older copy; restore a newer one, or give this one a target of its own"
            ))
            .into()),
        }
    }

    fn find_stale(&self) -> Option<(StreamName, Option<StreamId>)> {
        let held = self.held.as_ref()?.as_ref()?;
        let is_stale = |name: &StreamName, id: Option<StreamId>| match self.listed.iter().find(|s| s.name == *name) {
            Some(now) => Some(now.id) != id,
            None => !self.all.contains_key(name),
        };
        held.iter().find(|(name, id)| is_stale(name, **id)).map(|(name, id)| (name.clone(), *id))
    }

    /// A stream that the target holds beside all of the one that has replaced it: at no time is neither there.
    pub(super) fn superseded(&self) -> Option<StreamName> {
        let held = self.held.as_ref()?.as_ref()?;
        let is_told = |stream: &Stream| self.cursors.get(&stream.id).is_some_and(|cursor| cursor.is_at(stream));
        let mut replaced = self.replaced.iter().filter(|(name, _)| held.contains_key(*name));
        replaced.find(|(_, by)| is_told(by)).map(|(name, _)| name.clone())
    }
}
