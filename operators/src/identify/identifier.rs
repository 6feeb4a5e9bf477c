//! Which tracks are one object.

use super::agreement::agreement_milli;
use super::config::IdentifyConfig;
use super::cover::Places;
use super::fragment::Fragment;
use super::links::{Changes, Links};
use super::reason::{BEGAN, FRAGMENT, PARTED, RETURN};
use super::returns::{is_known, return_milli};
use serde::{Deserialize, Serialize};
use vokg_engine::id::TrackId;
use vokg_engine::observation::{IdentityChange, TrackedFrame};
use vokg_engine::time::{Micros, micros_from_secs};

/// Time between two judgements of returns: what is known of a track grows slowly.
const JUDGE_EVERY_US: Micros = 250_000;

/// Links tracks to objects, given what the tracker knew after each frame, in the order of time.
///
/// A track that begins is an object of its own. It is moved to the object of a track that ended before by one of two
/// rules, where their score (see [`IdentifyConfig`]) is good enough and clearly better than that of any other pair
/// either of the two could form:
///
/// * *fragment*: it goes on where the other ended shortly before. This is judged once, as soon as every track it
///   depends on has been seen again or given up: often in the frame that confirms the track, at the latest when the
///   reach has passed since it was first seen.
/// * *return*: it is a thing that was gone for a while, or went behind a track and came out from behind it. This is
///   judged once enough was seen of it to know its look, and again as more is seen: a link whose score has fallen is
///   undone, one that a clearly better pair needs gives way.
///
/// Nothing moves a track any more when [`IdentifyConfig::reconsider_secs`] have passed since it was first seen. So a
/// correction reaches back seconds, far less than any horizon behind which evidence is sealed.
///
/// Two tracks that were seen at the same time are never one object: a track is followed by at most one other, which
/// was first seen after it was last seen. The camera's motion between the two is not known here.
///
/// Memory is bounded: a track that ended is forgotten when nothing can be linked to it any more, and of more than
/// [`IdentifyConfig::remembered_tracks`] the longest gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identifier {
    #[serde(skip)]
    config: IdentifyConfig,
    links: Links,
    places: Places,
    judged_us: Option<Micros>,
    forgotten_early: u64,
}

/// A track and an older one it could be, as a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    earlier: TrackId,
    later: TrackId,
    score_milli: u16,
    /// Whether it is the link that stands.
    stands: bool,
    /// Whether enough was seen of the later one to link it; until then it only casts doubt.
    known: bool,
}

impl Identifier {
    /// An identifier that knows no track.
    pub fn new(config: IdentifyConfig) -> Self {
        Self { config, links: Links::default(), places: Places::default(), judged_us: None, forgotten_early: 0 }
    }

    /// Goes on where another identifier with the same configuration was.
    pub fn resume(self, other: Self) -> Self {
        Self { config: self.config, ..other }
    }

    /// Takes what is known after the next frame; answers which tracks changed their object, ordered by track.
    pub fn on_frame(&mut self, frame: &TrackedFrame) -> Vec<IdentityChange> {
        let mut changes = Changes::default();
        self.take_sightings(frame, &mut changes);
        for (track, _) in &frame.ended {
            if let Some(fragment) = self.links.tracks.get_mut(track) {
                fragment.ended = true;
            }
        }
        for track in self.undecided() {
            if !self.must_wait(track, frame.t) {
                self.decide(track, &mut changes);
            }
        }
        if frame.end || self.judged_us.is_none_or(|judged| judged + JUDGE_EVERY_US <= frame.t) {
            self.judged_us = Some(frame.t);
            self.judge_returns(frame.t, &mut changes);
            self.forget(frame.t);
        }
        changes.into_vec()
    }

    /// How many tracks were forgotten before their time, since there were too many.
    pub fn forgotten_early(&self) -> u64 {
        self.forgotten_early
    }

    /// Every track seen for the first time begins an object.
    fn take_sightings(&mut self, frame: &TrackedFrame, changes: &mut Changes) {
        self.places.see(frame.t, &frame.seen);
        for seen in frame.confirmed.iter().chain(&frame.seen) {
            if let Some(fragment) = self.links.tracks.get_mut(&seen.track) {
                fragment.see(seen, frame.size);
                if let Some(other) = self.places.hides(seen) {
                    fragment.see_behind(other, seen.t);
                }
                continue;
            }
            let mut fragment = Fragment::new(seen, frame.size);
            fragment.released_by = self.places.released(seen);
            self.links.tracks.insert(seen.track, fragment);
            changes.began(seen.track, BEGAN);
        }
    }

    fn undecided(&self) -> Vec<TrackId> {
        let tracks = self.links.tracks.values();
        tracks.filter(|fragment| fragment.undecided).map(|fragment| fragment.track).collect()
    }

    /// Whether a track that could be continued by this one may yet be seen again, or change its own object.
    fn must_wait(&self, track: TrackId, now: Micros) -> bool {
        let later = &self.links.tracks[&track];
        let waited_us = now.saturating_sub(later.first_seen);
        waited_us <= micros_from_secs(self.config.reach_secs)
            && self.rivals_before(later).any(|(earlier, _)| !earlier.ended || earlier.undecided)
    }

    /// Moves a track to the object of the one it continues, where there is no doubt.
    fn decide(&mut self, track: TrackId, changes: &mut Changes) {
        let link = self.undoubted_link(&self.links.tracks[&track]);
        if let Some(later) = self.links.tracks.get_mut(&track) {
            later.undecided = false;
        }
        if let Some((earlier, score_milli)) = link {
            self.links.join(earlier, track, score_milli, FRAGMENT, changes);
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
        let open = self.links.tracks.values().filter(|earlier| earlier.after.is_none());
        let scored = open.map(|earlier| (earlier, agreement_milli(earlier, later, &self.config)));
        scored.filter(|(_, score)| *score > 0)
    }

    /// The tracks that could continue this one, with their scores.
    fn rivals_after<'a>(&'a self, earlier: &'a Fragment) -> impl Iterator<Item = (&'a Fragment, u16)> {
        let unlinked = self.links.tracks.values().filter(|later| later.before.is_none());
        let scored = unlinked.map(|later| (later, agreement_milli(earlier, later, &self.config)));
        scored.filter(|(_, score)| *score > 0)
    }

    /// Undoes links that are no longer good enough or stand in the way of a clearly better one, and makes new ones.
    fn judge_returns(&mut self, now: Micros, changes: &mut Changes) {
        let pairs = self.pairs(now);
        let returns = &self.config.returns;
        let needed = |pair: &Pair| match pair.stands {
            true => returns.min_score_milli.saturating_sub(self.config.keep_milli),
            false => returns.min_score_milli,
        };
        let rivals = |a: &Pair, b: &Pair| a != b && (a.earlier == b.earlier || a.later == b.later);
        let doubts =
            |a: &Pair, b: &Pair| rivals(a, b) && b.score_milli.saturating_add(returns.margin_milli) > a.score_milli;
        let undoubted =
            |pair: &&Pair| pair.score_milli >= needed(pair) && !pairs.iter().any(|other| doubts(pair, other));
        let new =
            pairs.iter().filter(|pair| !pair.stands && pair.known && self.links.has_room(pair.earlier, pair.later));
        let new: Vec<Pair> = new.filter(undoubted).copied().collect();
        let in_the_way = |pair: &Pair| new.iter().any(|better| rivals(better, pair));
        let parted = pairs.iter().filter(|pair| pair.stands && (pair.score_milli < needed(pair) || in_the_way(pair)));
        for pair in parted {
            self.links.part(pair.later, pair.score_milli, PARTED, changes);
        }
        for pair in &new {
            self.links.join(pair.earlier, pair.later, pair.score_milli, RETURN, changes);
        }
    }

    /// The pairs that could be returns, and the links that may still be undone, ordered by the later track.
    fn pairs(&self, now: Micros) -> Vec<Pair> {
        let tracks = &self.links.tracks;
        let movable = |track: &Fragment| !track.undecided && self.may_move(track, now);
        let mut pairs = Vec::new();
        for later in tracks.values().filter(|track| movable(track)) {
            let known = is_known(later, &self.config.returns);
            let scrap = !known && later.ended;
            for earlier in tracks.values().filter(|earlier| earlier.ended && !earlier.undecided) {
                let stands = later.before.is_some_and(|link| link.track == earlier.track);
                let free = earlier.after.is_none_or(|after| tracks.get(&after).is_some_and(movable));
                if !stands && (scrap || !free) {
                    continue;
                }
                let score_milli = match later.before.filter(|_| stands) {
                    Some(link) if link.reason == FRAGMENT => self.fragment_milli(earlier, later, scrap),
                    _ => return_milli(earlier, later, &self.config.returns),
                };
                if score_milli > 0 || stands {
                    pairs.push(Pair { earlier: earlier.track, later: later.track, score_milli, stands, known });
                }
            }
        }
        pairs
    }

    /// What a fragment is worth beside returns: going on at once is the better reason. A scrap, which ended before its look was
    /// known, is worth no more than it agrees.
    fn fragment_milli(&self, earlier: &Fragment, later: &Fragment, scrap: bool) -> u16 {
        match agreement_milli(earlier, later, &self.config) {
            0 => return_milli(earlier, later, &self.config.returns),
            agreement if scrap => agreement,
            _ => 1000,
        }
    }

    fn may_move(&self, track: &Fragment, now: Micros) -> bool {
        now.saturating_sub(track.first_seen) <= micros_from_secs(self.config.reconsider_secs)
    }

    fn forget(&mut self, now: Micros) {
        let oldest = now.saturating_sub(micros_from_secs(self.config.memory_secs()));
        let kept = |track: &Fragment| !track.ended || track.undecided || track.last_seen >= oldest;
        self.links.tracks.retain(|_, track| kept(track));
        let gone = self.links.tracks.values().filter(|track| track.ended && !track.undecided);
        let mut gone: Vec<(Micros, TrackId)> = gone.map(|track| (track.last_seen, track.track)).collect();
        gone.sort_unstable();
        for (_, track) in gone.iter().take(gone.len().saturating_sub(self.config.remembered_tracks)) {
            self.links.tracks.remove(track);
            self.forgotten_early += 1;
        }
    }
}

#[cfg(test)]
mod tests;
