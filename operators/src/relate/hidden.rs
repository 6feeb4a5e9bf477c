//! HIDDEN_BY: a thing is out of sight behind another.
//!
//! It is not judged where two are seen but where one is not: what is out of sight under OCCLUDES is hidden as long as its
//! cover is seen and lies over the place where it was. Nobody sees it there, so this is believed until further notice:
//!
//! - OCCLUDES goes on for the first seconds of the absence, also beyond the end of the hidden track, so that a new track of
//!   the same object continues its interval.
//! - HIDDEN_BY lasts from the last sighting on. It ends when the same track is seen again at the cover, when the place is no
//!   longer covered, when the cover is gone, and after a most. If the track is seen again elsewhere, it never was so.
//! - Any track that is first seen after that may be the hidden thing; that is known only per object. So every such track
//!   states evidence of REAPPEARS towards the cover, which is taken out of the earlier HIDDEN_BY of its object: from its
//!   first sighting on where it came into sight at the cover, and from the beginning where it came elsewhere.

mod appear;
mod hiding;
mod rules;

use super::SpanChange;
use super::config::RelateConfig;
use super::evidence::Evidence;
use super::hidden_config::HiddenByConfig;
use super::pose::Pose;
use super::relation::confidence;
use appear::Appeared;
use hiding::{Hiding, Place};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::time::{Micros, micros_from_secs};

pub(super) use appear::first_sightings;
pub(super) use rules::rules;

/// Most pairs of a hidden thing and a cover at once; beyond it nothing more is believed to be hidden.
const HIDINGS_MAX: usize = 64;

/// What is out of sight is as sure when it is believed as when it was stated.
const NEVER_RESTATED: Micros = Micros::MAX;

/// What is out of sight behind something else.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hidden {
    #[serde(skip)]
    bounds: HiddenByConfig,
    carry_secs: f64,
    most_us: Micros,
    /// OCCLUDES goes on for so long.
    covered_us: Micros,
    /// A shorter absence is not stated: a frame in which a detector missed something says nothing.
    stated_after_us: Micros,
    hidings: BTreeMap<Key, Hiding>,
    /// Evidence of REAPPEARS that holds, by cover and who came into sight.
    appeared: BTreeMap<(TrackId, TrackId), Appeared>,
    /// Spans that ended before they had a number.
    over: Vec<EvidenceSpan>,
}

/// The hidden track and its cover.
type Key = (TrackId, TrackId);

/// A frame as it was seen before, by whom something may be covered now.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) t: Micros,
    /// In the order of their tracks.
    pub(super) poses: &'a [Pose],
}

impl Hidden {
    pub(super) fn new(config: &RelateConfig) -> Self {
        let hold_off_us = micros_from_secs(config.occludes.hold.off_secs);
        Self {
            bounds: config.hidden_by.clone(),
            carry_secs: config.hidden_by.carry_secs,
            most_us: micros_from_secs(config.hidden_by.most_secs),
            covered_us: micros_from_secs(config.occludes.covered_secs),
            stated_after_us: hold_off_us / 2,
            hidings: BTreeMap::new(),
            appeared: BTreeMap::new(),
            over: Vec::new(),
        }
    }

    /// Goes on where others with the same configuration were.
    pub(super) fn resume(self, other: Self) -> Self {
        Self { bounds: self.bounds, ..other }
    }

    /// Begins with what was seen whole and `occluded` by another in the frame before, and is not among those seen now.
    ///
    /// `seen` has the tracks that are seen now, in their order.
    pub(super) fn lose(
        &mut self,
        before: Before<'_>,
        seen: &[TrackId],
        involved: impl Fn(TrackId, TrackId) -> bool,
        occluded: impl Fn(TrackId, TrackId) -> bool,
    ) {
        let is_lost = |pose: &&Pose| pose.whole && self.sees(pose) && seen.binary_search(&pose.track).is_err();
        let lost: Vec<&Pose> = before.poses.iter().filter(is_lost).collect();
        for pose in lost {
            let place = Place::new(pose, self.carry_secs);
            for cover in before.poses.iter().filter(|cover| cover.track != pose.track) {
                let key = (pose.track, cover.track);
                let may_cover = place.share_under(&cover.rect) >= self.bounds.share && involved(key.0, key.1);
                if !may_cover || !occluded(cover.track, pose.track) || !self.has_room() {
                    continue;
                }
                let hiding = Hiding {
                    since_us: before.t,
                    place,
                    score: pose.score,
                    cover_us: before.t,
                    cover: cover.rect,
                    cover_size_px: cover.size_px,
                    occludes: None,
                    hidden: None,
                    over_us: None,
                };
                self.hidings.insert(key, hiding);
            }
        }
    }

    /// Whether one more can be hidden; of those kept for who comes into sight later, the oldest makes room.
    fn has_room(&mut self) -> bool {
        if self.hidings.len() < HIDINGS_MAX {
            return true;
        }
        let over = self.hidings.iter().filter(|(_, hiding)| !hiding.is_open());
        let oldest = over.min_by_key(|(key, hiding)| (hiding.since_us, **key)).map(|(key, _)| *key);
        oldest.and_then(|key| self.hidings.remove(&key)).map(|hiding| self.leave(hiding)).is_some()
    }

    /// The tracks of a frame that are seen, in their order.
    pub(super) fn seen(&self, sightings: &[Observation]) -> Vec<TrackId> {
        let is_seen = |seen: &&Observation| seen.visible.is_none_or(|share| f64::from(share) > self.bounds.visible);
        let mut tracks: Vec<TrackId> = sightings.iter().filter(is_seen).map(|seen| seen.track).collect();
        tracks.sort_unstable();
        tracks
    }

    /// The tracks of these poses that are seen, in their order.
    pub(super) fn seen_of(&self, poses: &[Pose]) -> Vec<TrackId> {
        poses.iter().filter(|pose| self.sees(pose)).map(|pose| pose.track).collect()
    }

    fn sees(&self, pose: &Pose) -> bool {
        pose.visible.is_none_or(|share| share > self.bounds.visible)
    }

    /// Looks at what is hidden among those `involved`, in a frame at `t` that shows these poses in the order of their tracks.
    pub(super) fn step(
        &mut self,
        t: Micros,
        poses: &[Pose],
        pause_us: Micros,
        involved: impl Fn(TrackId, TrackId) -> bool,
        out: &mut Vec<SpanChange>,
    ) {
        self.tell_appeared(t);
        let keys: Vec<Key> = self.hidings.keys().filter(|key| involved(key.0, key.1)).copied().collect();
        for key in keys {
            let find = |track| poses.binary_search_by_key(&track, |pose| pose.track).ok().map(|at| &poses[at]);
            let (thing, cover) = (find(key.0), find(key.1).filter(|cover| self.sees(cover)));
            let is_there = thing.is_some();
            match thing.filter(|thing| self.sees(thing)) {
                Some(_) if self.is_unwatched(&key, t, pause_us) => self.leave_unwatched(key, out),
                Some(thing) => self.come_back(key, t, thing, cover, out),
                None => self.stay(key, t, cover, is_there, pause_us, out),
            }
        }
    }

    /// Whether the cover of what is believed to be hidden was last seen more than `pause_us` before `t`.
    fn is_unwatched(&self, key: &Key, t: Micros, pause_us: Micros) -> bool {
        let watched_until = |hiding: &Hiding| hiding.cover_us.saturating_add(pause_us);
        self.hidings.get(key).is_some_and(|hiding| hiding.is_open() && watched_until(hiding) < t)
    }

    /// The hidden track is seen again after nobody watched its cover for a while: where it was in between is not known.
    fn leave_unwatched(&mut self, key: Key, out: &mut Vec<SpanChange>) {
        if let Some(hiding) = self.hidings.get(&key) {
            let at_us = hiding.cover_us.min(hiding.since_us.saturating_add(self.most_us));
            self.give_up(key, at_us, out);
        }
        if let Some(hiding) = self.hidings.remove(&key) {
            self.leave(hiding);
        }
    }

    /// The hidden track itself is seen again.
    fn come_back(&mut self, key: Key, t: Micros, thing: &Pose, cover: Option<&Pose>, out: &mut Vec<SpanChange>) {
        let Some(mut hiding) = self.hidings.remove(&key) else { return };
        let cover = cover.map_or(hiding.cover, |cover| cover.rect);
        let at_home = hiding.is_at_home(&thing.rect, thing.size_px, &cover, self.bounds.back_gap);
        for evidence in [&mut hiding.occludes, &mut hiding.hidden].into_iter().flatten() {
            match at_home {
                true => evidence.end(t, out),
                false => evidence.void(out),
            }
        }
        self.leave(hiding);
        self.close_appeared(key.1, t, out);
    }

    /// The hidden track is still out of sight; `is_there` says that it is known where it is all the same.
    fn stay(
        &mut self,
        key: Key,
        t: Micros,
        cover: Option<&Pose>,
        is_there: bool,
        pause_us: Micros,
        out: &mut Vec<SpanChange>,
    ) {
        let Some(hiding) = self.hidings.get_mut(&key) else { return };
        let most_us = hiding.since_us.saturating_add(self.most_us);
        if hiding.over_us.is_some() {
            if t > most_us {
                self.hidings.remove(&key);
            }
            return;
        }
        if hiding.cover_us.saturating_add(pause_us) < t {
            let at_us = hiding.cover_us.min(most_us);
            return self.give_up(key, at_us, out);
        }
        if t >= most_us {
            return self.give_up(key, most_us, out);
        }
        let Some(cover) = cover else { return };
        hiding.cover_us = t;
        if !cover.measured {
            return;
        }
        (hiding.cover, hiding.cover_size_px) = (cover.rect, cover.size_px);
        let share = hiding.place.share_under(&cover.rect);
        if share < self.bounds.share {
            return self.give_up(key, t, out);
        }
        let sure = confidence(share, self.bounds.share, 1.0) * hiding.score.min(cover.score);
        if let Some(hidden) = &mut hiding.hidden {
            hidden.hold(t, sure, NEVER_RESTATED, out);
        } else if t - hiding.since_us >= self.stated_after_us {
            hiding.state(key, t, sure, is_there);
        }
        let covered_us = hiding.since_us.saturating_add(self.covered_us);
        if let Some(occludes) = &mut hiding.occludes {
            match t < covered_us {
                true => occludes.hold(t, sure, NEVER_RESTATED, out),
                false => occludes.end(covered_us, out),
            }
        }
    }

    /// From `at_us` on nobody believes that it is hidden there.
    fn give_up(&mut self, key: Key, at_us: Micros, out: &mut Vec<SpanChange>) {
        let Some(hiding) = self.hidings.get_mut(&key) else { return };
        let at_us = at_us.max(hiding.since_us);
        if let Some(occludes) = &mut hiding.occludes {
            occludes.end(at_us.min(hiding.since_us.saturating_add(self.covered_us)), out);
        }
        hiding.over_us = Some(at_us);
        match &mut hiding.hidden {
            Some(hidden) => hidden.end(at_us, out),
            None => drop(self.hidings.remove(&key)),
        }
        self.close_appeared(key.1, at_us, out);
    }

    /// Forgets what is no longer hidden; what it says without a number yet is still to be stated.
    fn leave(&mut self, hiding: Hiding) {
        let said = [&hiding.occludes, &hiding.hidden].into_iter().flatten();
        self.over.extend(said.filter_map(Evidence::unstated));
    }

    /// Ends everything at `t`, the end of the stream; what has no number yet is still to be stated.
    pub(super) fn end(&mut self, t: Micros, out: &mut Vec<SpanChange>) {
        self.tell_appeared(t);
        let hidings = self.hidings.values_mut();
        let held = hidings.flat_map(|hiding| [&mut hiding.occludes, &mut hiding.hidden]).flatten();
        let appeared = self.appeared.values_mut().filter_map(|appeared| appeared.evidence.as_mut());
        for evidence in held.chain(appeared) {
            evidence.end(t, out);
            self.over.extend(evidence.unstated());
        }
        (self.hidings, self.appeared) = Default::default();
    }

    /// The spans that have no number yet.
    pub(super) fn unstated(&self) -> Vec<EvidenceSpan> {
        let over = self.over.iter().copied();
        over.chain(self.evidence().filter_map(Evidence::unstated)).collect()
    }

    fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        let held = self.hidings.values().flat_map(|hiding| [&hiding.occludes, &hiding.hidden]).flatten();
        held.chain(self.appeared.values().filter_map(|appeared| appeared.evidence.as_ref()))
    }

    /// Gives one of [`Hidden::unstated`] its number and states it.
    pub(super) fn number(&mut self, span: &EvidenceSpan, number: u32, out: &mut Vec<SpanChange>) {
        if let Some(at) = self.over.iter().position(|over| over == span) {
            let span = EvidenceSpan { number, ..self.over.swap_remove(at) };
            out.push(SpanChange { span, diff: 1 });
            return;
        }
        let held = self.hidings.values_mut().flat_map(|hiding| [&mut hiding.occludes, &mut hiding.hidden]).flatten();
        let mut all = held.chain(self.appeared.values_mut().filter_map(|appeared| appeared.evidence.as_mut()));
        if let Some(evidence) = all.find(|evidence| evidence.unstated() == Some(*span)) {
            evidence.number(number, out);
        }
    }
}

#[cfg(test)]
mod tests;
