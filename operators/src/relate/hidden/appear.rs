//! Who comes into sight while something is hidden: it may be that.

use super::super::SpanChange;
use super::super::evidence::Evidence;
use super::rules::REAPPEARS;
use super::{Hidden, Key};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::time::Micros;

/// When so many came into sight since something went behind a cover, nobody can tell whether it is still there.
pub(super) const APPEARED_MAX: usize = 64;

/// Who came into sight while something was hidden.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Appeared {
    pub(super) first_us: Micros,
    pub(super) from_us: Micros,
    /// Stated once all it speaks of is, so that it has a greater number.
    pub(super) evidence: Option<Evidence>,
}

/// The first sighting of a track.
#[derive(Clone, Copy, Debug)]
pub(in crate::relate) struct FirstSighting {
    pub(in crate::relate) track: TrackId,
    pub(in crate::relate) t: Micros,
    pub(in crate::relate) rect: Rect,
}

/// The first sightings of the tracks in a frame that `is_known` does not know, by track.
pub(in crate::relate) fn first_sightings<'a>(
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
    /// Begins the evidence of those who came into sight in an earlier frame.
    pub(super) fn tell_appeared(&mut self, t: Micros) {
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

    /// Who came into sight after something went behind this cover is of interest until nothing of that is hidden.
    pub(super) fn close_appeared(&mut self, cover: TrackId, at_us: Micros, out: &mut Vec<SpanChange>) {
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

    /// Somebody comes into sight who was not seen before; confirmed at `now`, first seen maybe earlier. `cover_at` tells the
    /// box of a cover at that moment.
    pub(in crate::relate) fn appear(
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
}
