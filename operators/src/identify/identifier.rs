//! Which tracks are fragments of one object.

use super::agreement::agreement_milli;
use super::config::IdentifyConfig;
use super::fragment::Fragment;
use std::collections::BTreeMap;
use vokg_engine::id::TrackId;
use vokg_engine::observation::{IdentityChange, TrackedFrame};
use vokg_engine::time::{Micros, micros_from_secs};

/// The reason of a track that is the first of its object.
pub const BEGAN: &str = "began";
/// The reason of a track that goes on where another ended.
pub const FRAGMENT: &str = "fragment";

/// Links tracks to objects, given what the tracker knew after each frame, in the order of time.
///
/// A track that begins is an object of its own. It is moved to the object of a track that ended shortly before, where
/// their agreement (see [`IdentifyConfig`]) is good enough and clearly better than that of any other pair either of the
/// two could form. The judgement is made once, as soon as every track it depends on has been seen again or given up:
/// often in the frame that confirms the track, at the latest when the reach has passed since it was first seen. So a
/// correction reaches back seconds, far less than any horizon behind which evidence is sealed.
///
/// Two tracks that were seen at the same time are never one object: a track is continued by at most one other, which
/// was first seen after it was last seen. The camera's motion between the two is not known here.
///
/// Memory is bounded: a track that ended is forgotten when twice the reach has passed.
#[derive(Clone, Debug)]
pub struct Identifier {
    config: IdentifyConfig,
    fragments: BTreeMap<TrackId, Fragment>,
}

impl Identifier {
    /// An identifier that knows no track.
    pub fn new(config: IdentifyConfig) -> Self {
        Self { config, fragments: BTreeMap::new() }
    }

    /// Takes what is known after the next frame; answers which tracks changed their object, ordered by track.
    pub fn on_frame(&mut self, frame: &TrackedFrame) -> Vec<IdentityChange> {
        let mut changes = self.take_sightings(frame);
        for (track, _) in &frame.ended {
            if let Some(fragment) = self.fragments.get_mut(track) {
                fragment.ended = true;
            }
        }
        for track in self.undecided() {
            if !self.must_wait(track, frame.t) {
                self.decide(track, &mut changes);
            }
        }
        self.forget(frame.t);
        changes.into_values().collect()
    }

    /// Every track seen for the first time begins an object.
    fn take_sightings(&mut self, frame: &TrackedFrame) -> BTreeMap<TrackId, IdentityChange> {
        let mut changes = BTreeMap::new();
        for seen in frame.confirmed.iter().chain(&frame.seen) {
            if let Some(fragment) = self.fragments.get_mut(&seen.track) {
                fragment.see(seen);
                continue;
            }
            let (track, to) = (seen.track, seen.track.into());
            self.fragments.insert(track, Fragment::new(seen));
            let began = IdentityChange { track, from: None, to, score_milli: 1000, reason: BEGAN };
            changes.insert(track, began);
        }
        changes
    }

    fn undecided(&self) -> Vec<TrackId> {
        self.fragments.values().filter(|fragment| fragment.undecided).map(|fragment| fragment.track).collect()
    }

    /// Whether a track that could be continued by this one may yet be seen again, or change its own object.
    fn must_wait(&self, track: TrackId, now: Micros) -> bool {
        let later = &self.fragments[&track];
        let waited_us = now.saturating_sub(later.first_seen);
        waited_us <= micros_from_secs(self.config.reach_secs)
            && self.rivals_before(later).any(|(earlier, _)| !earlier.ended || earlier.undecided)
    }

    /// Moves a track to the object of the one it continues, where there is no doubt.
    fn decide(&mut self, track: TrackId, changes: &mut BTreeMap<TrackId, IdentityChange>) {
        let link = self.undoubted_link(&self.fragments[&track]);
        let to = link.and_then(|(earlier, _)| {
            let earlier = self.fragments.get_mut(&earlier)?;
            earlier.continued = true;
            Some(earlier.object)
        });
        let Some(later) = self.fragments.get_mut(&track) else {
            return;
        };
        later.undecided = false;
        if let (Some((_, score_milli)), Some(to)) = (link, to) {
            let just_began = changes.contains_key(&track);
            let from = if just_began { None } else { Some(later.object) };
            later.object = to;
            changes.insert(track, IdentityChange { track, from, to, score_milli, reason: FRAGMENT });
        }
    }

    fn undoubted_link(&self, later: &Fragment) -> Option<(TrackId, u16)> {
        let (earlier, score) = self.rivals_before(later).max_by_key(|(_, score)| *score)?;
        let doubt = score.saturating_sub(self.config.margin_milli);
        let rival_ends = self.rivals_before(later).filter(|(rival, _)| rival.track != earlier.track);
        let rival_beginnings = self.rivals_after(earlier).filter(|(rival, _)| rival.track != later.track);
        let doubted = rival_ends.chain(rival_beginnings).any(|(_, rival_score)| rival_score > doubt);
        let settled = earlier.ended && !earlier.undecided;
        (settled && !doubted && score >= self.config.min_score_milli).then_some((earlier.track, score))
    }

    /// The tracks this one could continue, with their scores.
    fn rivals_before<'a>(&'a self, later: &'a Fragment) -> impl Iterator<Item = (&'a Fragment, u16)> {
        let open = self.fragments.values().filter(|earlier| !earlier.continued);
        let scored = open.map(|earlier| (earlier, agreement_milli(earlier, later, &self.config)));
        scored.filter(|(_, score)| *score > 0)
    }

    /// The tracks that could continue this one, with their scores.
    fn rivals_after<'a>(&'a self, earlier: &'a Fragment) -> impl Iterator<Item = (&'a Fragment, u16)> {
        let unlinked = self.fragments.values().filter(|later| later.object == later.track.into());
        let scored = unlinked.map(|later| (later, agreement_milli(earlier, later, &self.config)));
        scored.filter(|(_, score)| *score > 0)
    }

    fn forget(&mut self, now: Micros) {
        let oldest = now.saturating_sub(2 * micros_from_secs(self.config.reach_secs));
        self.fragments.retain(|_, fragment| !fragment.ended || fragment.undecided || fragment.last_seen >= oldest);
    }
}

#[cfg(test)]
mod tests;
