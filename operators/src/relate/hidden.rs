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

use super::SpanChange;
use super::config::RelateConfig;
use super::evidence::Evidence;
use super::hidden_config::HiddenByConfig;
use super::pose::Pose;
use super::relation::confidence;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::time::{Micros, micros_from_secs};

/// Evidence that somebody came into sight after another went out of it behind a cover.
const REAPPEARS: RelationKind = RelationKind::literal("REAPPEARS");

/// Most pairs of a hidden thing and a cover at once; beyond it nothing more is believed to be hidden.
const HIDINGS_MAX: usize = 64;

/// When so many came into sight since something went behind a cover, nobody can tell whether it is still there.
const APPEARED_MAX: usize = 64;

/// What is out of sight is as sure when it is believed as when it was stated.
const NEVER_RESTATED: Micros = Micros::MAX;

/// The rules of HIDDEN_BY and of what is taken out of it.
pub(super) fn rules(config: &RelateConfig) -> [(RelationKind, IntervalRule); 2] {
    let hold_off_us = micros_from_secs(config.occludes.hold.off_secs);
    let hold_on_us = micros_from_secs(config.occludes.covered_secs);
    let hidden = IntervalRule { hold_on_us, hold_off_us, without: Some(REAPPEARS), ..IntervalRule::PLAIN };
    let reappears = IntervalRule { internal: true, of_earlier: true, ..IntervalRule::PLAIN };
    [(RelationKind::HIDDEN_BY, hidden), (REAPPEARS, reappears)]
}

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

/// One thing behind another.
#[derive(Debug, Serialize, Deserialize)]
struct Hiding {
    /// When the hidden thing was last seen.
    since_us: Micros,
    place: Place,
    score: f64,
    /// The last sighting of the cover.
    cover_us: Micros,
    cover: Rect,
    cover_size_px: f64,
    occludes: Option<Evidence>,
    hidden: Option<Evidence>,
    /// It is no longer believed, since then; kept for those who come into sight later.
    over_us: Option<Micros>,
}

/// Where a thing went out of sight, and where it is if it went on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Place {
    seen: Rect,
    gone_on: Rect,
    size_px: f64,
}

/// Who came into sight while something was hidden.
#[derive(Debug, Serialize, Deserialize)]
struct Appeared {
    first_us: Micros,
    from_us: Micros,
    /// Stated once all it speaks of is, so that it has a greater number.
    evidence: Option<Evidence>,
}

/// The first sighting of a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstSighting {
    pub(super) track: TrackId,
    pub(super) t: Micros,
    pub(super) rect: Rect,
}

/// A frame as it was seen before, by whom something may be covered now.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) t: Micros,
    /// In the order of their tracks.
    pub(super) poses: &'a [Pose],
}

impl Place {
    fn new(pose: &Pose, carry_secs: f64) -> Self {
        let (x, y) = pose.velocity.unwrap_or((0.0, 0.0));
        let Rect { left, top, width, height } = pose.rect;
        let (dx, dy) = ((x * carry_secs) as f32, (y * carry_secs) as f32);
        Self { seen: pose.rect, gone_on: Rect::new(left + dx, top + dy, width, height), size_px: pose.size_px }
    }

    /// The share of it that lies under `cover`: of the better of both places, since the thing may have stopped or not.
    fn share_under(&self, cover: &Rect) -> f64 {
        let area = f64::from(self.seen.area()).max(f64::MIN_POSITIVE);
        let under = |rect: &Rect| f64::from(rect.overlap(cover)) / area;
        under(&self.seen).max(under(&self.gone_on))
    }
}

impl Hiding {
    fn is_open(&self) -> bool {
        self.over_us.is_none()
    }

    /// Whether what is seen there, now that the cover is at `cover`, may come out of here.
    fn is_at_home(&self, rect: &Rect, size_px: f64, cover: &Rect, back_gap: f64) -> bool {
        let within =
            |other: &Rect, other_px: f64| f64::from(rect.gap(other)) <= back_gap * (size_px * other_px).max(0.0).sqrt();
        within(cover, self.cover_size_px) || within(&self.place.seen, self.place.size_px)
    }
}

/// The first sightings of the tracks in a frame that `is_known` does not know, by track.
pub(super) fn first_sightings<'a>(
    sightings: impl Iterator<Item = &'a Observation>,
    is_known: impl Fn(TrackId) -> bool,
) -> Vec<FirstSighting> {
    let mut first: BTreeMap<TrackId, FirstSighting> = BTreeMap::new();
    for seen in sightings.filter(|seen| !is_known(seen.track)) {
        let sighting = FirstSighting { track: seen.track, t: seen.t, rect: seen.rect };
        let known = first.entry(seen.track).or_insert(sighting);
        if seen.t < known.t {
            *known = sighting;
        }
    }
    first.into_values().collect()
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

    /// Begins the evidence of those who came into sight in an earlier frame.
    fn tell_appeared(&mut self, t: Micros) {
        let hidings = &self.hidings;
        let is_told = |cover: TrackId, first_us: Micros| {
            let mut older = hidings.iter().filter(|(key, hiding)| key.1 == cover && hiding.since_us < first_us);
            older.all(|(_, hiding)| hiding.hidden.as_ref().is_some_and(|hidden| hidden.unstated().is_none()))
        };
        for ((cover, track), appeared) in self.appeared.iter_mut().filter(|(_, appeared)| appeared.evidence.is_none()) {
            if is_told(*cover, appeared.first_us) {
                appeared.evidence = Some(Evidence::begin(REAPPEARS, (*track, *cover), t, appeared.from_us, 1.0));
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

    /// Who came into sight after something went behind this cover is of interest until nothing of that is hidden.
    fn close_appeared(&mut self, cover: TrackId, at_us: Micros, out: &mut Vec<SpanChange>) {
        let open = self.hidings.iter().filter(|(key, hiding)| key.1 == cover && hiding.is_open());
        let oldest_us = open.map(|(_, hiding)| hiding.since_us).min();
        let of_cover = (cover, TrackId(0))..=(cover, TrackId(u32::MAX));
        let is_idle = |appeared: &Appeared| oldest_us.is_none_or(|since| since >= appeared.first_us);
        for (_, mut appeared) in self.appeared.extract_if(of_cover, |_, appeared| is_idle(appeared)) {
            if let Some(evidence) = &mut appeared.evidence {
                evidence.end(at_us, out);
                self.over.extend(evidence.unstated());
            }
        }
    }

    /// Forgets what is no longer hidden; what it says without a number yet is still to be stated.
    fn leave(&mut self, hiding: Hiding) {
        let said = [&hiding.occludes, &hiding.hidden].into_iter().flatten();
        self.over.extend(said.filter_map(Evidence::unstated));
    }

    /// Somebody comes into sight who was not seen before; confirmed at `now`, first seen maybe earlier. `cover_at` tells the
    /// box of a cover at that moment.
    pub(super) fn appear(
        &mut self,
        first: FirstSighting,
        now: Micros,
        cover_at: impl Fn(TrackId) -> Option<Rect>,
        out: &mut Vec<SpanChange>,
    ) {
        let mut covers: Vec<TrackId> = self.hidings.keys().map(|key| key.1).filter(|id| *id != first.track).collect();
        covers.sort_unstable();
        covers.dedup();
        for cover in covers {
            self.appear_towards(first, now, cover, cover_at(cover), out);
        }
    }

    fn appear_towards(
        &mut self,
        first: FirstSighting,
        now: Micros,
        cover: TrackId,
        cover_rect: Option<Rect>,
        out: &mut Vec<SpanChange>,
    ) {
        let of_cover = (cover, TrackId(0))..=(cover, TrackId(u32::MAX));
        if self.appeared.range(of_cover).count() >= APPEARED_MAX {
            let open = self.hidings.iter().filter(|(key, hiding)| key.1 == cover && hiding.is_open());
            let open: Vec<Key> = open.map(|(key, _)| *key).collect();
            return open.into_iter().for_each(|key| self.give_up(key, now, out));
        }
        let (size_px, back_gap) = (f64::from(first.rect.scale()), self.bounds.back_gap);
        let (mut at_home, mut open, mut from_us, mut to_us) = (false, false, Micros::MAX, 0);
        let older = self
            .hidings
            .iter()
            .filter(|(key, hiding)| key.1 == cover && key.0 != first.track && hiding.since_us < first.t);
        for (_, hiding) in older {
            let rect = cover_rect.unwrap_or(hiding.cover);
            at_home |= hiding.is_at_home(&first.rect, size_px, &rect, back_gap);
            open |= hiding.is_open();
            from_us = from_us.min(hiding.since_us);
            to_us = to_us.max(hiding.over_us.unwrap_or(0));
        }
        if from_us == Micros::MAX || at_home && !open {
            return;
        }
        let from_us = if at_home { first.t } else { from_us };
        if open {
            let appeared = Appeared { first_us: first.t, from_us, evidence: None };
            self.appeared.insert((cover, first.track), appeared);
        } else {
            let mut evidence = Evidence::begin(REAPPEARS, (first.track, cover), now, from_us, 1.0);
            evidence.end(to_us, out);
            self.over.extend(evidence.unstated());
        }
        if at_home {
            self.yield_to(first.t, cover, out);
        }
    }

    /// Who comes out at a cover may be who went behind it: OCCLUDES is then that one's.
    fn yield_to(&mut self, t: Micros, cover: TrackId, out: &mut Vec<SpanChange>) {
        let of_cover = self.hidings.iter_mut().filter(|(key, hiding)| key.1 == cover && hiding.since_us < t);
        for (_, hiding) in of_cover {
            if let Some(occludes) = &mut hiding.occludes {
                occludes.end(t, out);
            }
        }
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

impl Hiding {
    /// The evidence of an absence that is long enough to be told.
    fn state(&mut self, (thing, cover): Key, t: Micros, sure: f64, is_there: bool) {
        let begin = |kind, ends| Some(Evidence::begin(kind, ends, t, self.since_us, sure));
        let (hidden, occludes) =
            (begin(RelationKind::HIDDEN_BY, (thing, cover)), begin(RelationKind::OCCLUDES, (cover, thing)));
        self.hidden = hidden;
        if !is_there {
            self.occludes = occludes;
        }
    }
}

#[cfg(test)]
mod tests;
