//! Which rows stand in the joins: the evidence that may still change the graph, and the identities it needs.
//!
//! Everything that corrections can still reach stands as rows; the rest must leave, or a camera that runs for months
//! fills the memory. A closed span leaves when it is sealed (see [`super::horizon`]). The identity of a track stands
//! only while some span refers to it; it is remembered beside the rows until the track has ended and is sealed too.

use super::horizon::settled_us;
use super::moves::net_moves;
use super::rules::Rules;
use crate::tick::Tick;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::observation::IdentityChange;
use vokg_engine::time::Micros;

/// A change of the inputs.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Span(EvidenceSpan, isize),
    Identity(IdentityChange),
}

/// A change of the rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Span(EvidenceSpan, isize),
    /// Not a row: evidence was stated, or withdrawn as far as it can be.
    Stated(EvidenceSpan, isize),
    Identity(TrackId, ObjectId, isize),
    /// Not a row: this track was corrected at this time.
    Moved(TrackId),
}

/// The rows that stand, and what is known about those that do not yet.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Standing {
    #[serde(skip)]
    rules: Rules,
    horizon_us: Micros,
    /// All spans that stand as rows.
    spans: BTreeSet<EvidenceSpan>,
    /// Closed spans by the time after which they are sealed.
    closed: BTreeSet<(Micros, EvidenceSpan)>,
    tracks: BTreeMap<TrackId, Standpoint>,
    /// Tracks given up, by when.
    ended: BTreeSet<(Micros, TrackId)>,
}

/// What is known about one track.
#[derive(Debug, Serialize, Deserialize)]
struct Standpoint {
    object: Option<ObjectId>,
    spans: usize,
}

impl Standpoint {
    /// A track whose object is not known yet. A zone is its own object from the start.
    fn new(track: TrackId) -> Self {
        Self { object: ZoneId::of_track(track).map(|_| track.into()), spans: 0 }
    }
}

/// Where a span is withdrawn that began before the settled time, what it says of that time stands.
fn keep_what_is_settled(spans: &mut BTreeMap<EvidenceSpan, isize>, settled_us: Micros) {
    let restated: BTreeSet<u32> = spans.iter().filter(|(_, diff)| **diff > 0).map(|(span, _)| span.number).collect();
    let is_withdrawn = |span: &EvidenceSpan| span.from_us < settled_us && !restated.contains(&span.number);
    let withdrawn: Vec<EvidenceSpan> = spans.keys().filter(|span| is_withdrawn(span)).copied().collect();
    for span in withdrawn {
        let to_us = Some(span.to_us.map_or(settled_us, |to| to.min(settled_us)));
        *spans.entry(EvidenceSpan { to_us, ..span }).or_default() += 1;
    }
    spans.retain(|_, diff| *diff != 0);
}

impl Standing {
    pub(super) fn new(rules: Rules, horizon_us: Micros) -> Self {
        let (spans, closed, ended) = Default::default();
        Self { rules, horizon_us, spans, closed, tracks: BTreeMap::new(), ended }
    }

    /// Goes on where another with the same rules was.
    pub(super) fn resume(self, other: Self) -> Self {
        Self { rules: self.rules, ..other }
    }

    /// All rows that stand.
    pub(super) fn rows(&self) -> Vec<Row> {
        let spans = self.spans.iter().map(|span| Row::Span(*span, 1));
        let needed = self.tracks.iter().filter(|(_, track)| track.spans > 0);
        let identities = needed.filter_map(|(id, track)| Some(Row::Identity(*id, track.object?, 1)));
        spans.chain(identities).collect()
    }

    /// The changes of the rows at one tick, from all changes of the inputs up to it.
    pub(super) fn tick(&mut self, tick: &Tick, inputs: Vec<Input>) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut changes = Vec::new();
        let mut spans: BTreeMap<EvidenceSpan, isize> = BTreeMap::new();
        for input in inputs {
            match input {
                Input::Span(span, diff) => *spans.entry(span).or_default() += diff,
                Input::Identity(change) => changes.push(change),
            }
        }
        let settled_us = settled_us(tick.t, self.horizon_us);
        // What ends only now, however long ago, is sealed with the next tick: the pairs see its end first.
        self.seal(settled_us, &mut rows);
        self.identify(&net_moves(&changes), &mut rows);
        spans.retain(|span, diff| *diff != 0 && self.has_rule(span));
        keep_what_is_settled(&mut spans, settled_us);
        rows.extend(spans.iter().map(|(span, diff)| Row::Stated(*span, *diff)));
        // Arrivals first, so that a span restated does not make the identities it needs leave and return.
        for (span, _) in spans.iter().filter(|(_, diff)| **diff > 0) {
            self.arrive(*span, &mut rows);
        }
        for (span, _) in spans.iter().filter(|(_, diff)| **diff < 0) {
            self.leave(*span, &mut rows);
        }
        self.ended.extend(tick.ended.iter().map(|track| (tick.t, *track)));
        rows
    }

    fn has_rule(&self, span: &EvidenceSpan) -> bool {
        let known = self.rules.of_track(span.kind, span.b).is_some();
        if !known {
            tracing::error!(kind = %span.kind, "evidence of a relation without an interval rule is ignored");
        }
        known
    }

    fn identify(&mut self, moves: &[IdentityChange], rows: &mut Vec<Row>) {
        for change in moves {
            let track = self.tracks.entry(change.track).or_insert_with(|| Standpoint::new(change.track));
            let before = track.object.replace(change.to);
            if track.spans > 0 && before != Some(change.to) {
                rows.extend(before.map(|object| Row::Identity(change.track, object, -1)));
                rows.push(Row::Identity(change.track, change.to, 1));
            }
            if change.from.is_some() {
                rows.push(Row::Moved(change.track));
            }
        }
    }

    fn arrive(&mut self, span: EvidenceSpan, rows: &mut Vec<Row>) {
        for end in [span.a, span.b] {
            let track = self.tracks.entry(end).or_insert_with(|| Standpoint::new(end));
            track.spans += 1;
            if track.spans == 1 {
                rows.extend(track.object.map(|object| Row::Identity(end, object, 1)));
            }
        }
        self.closed.extend(self.sealed_after(&span).map(|t| (t, span)));
        self.spans.insert(span);
        rows.push(Row::Span(span, 1));
    }

    fn leave(&mut self, span: EvidenceSpan, rows: &mut Vec<Row>) {
        let sealed_before = self.sealed_after(&span).is_some_and(|t| !self.closed.remove(&(t, span)));
        if sealed_before {
            return;
        }
        self.spans.remove(&span);
        rows.push(Row::Span(span, -1));
        for end in [span.a, span.b] {
            let Some(track) = self.tracks.get_mut(&end) else { continue };
            track.spans = track.spans.saturating_sub(1);
            if track.spans == 0 {
                rows.extend(track.object.map(|object| Row::Identity(end, object, -1)));
            }
        }
    }

    fn sealed_after(&self, span: &EvidenceSpan) -> Option<Micros> {
        Some(span.to_us?.saturating_add(self.rules.seal_reach_us(span.kind, span.b.into())?))
    }

    fn seal(&mut self, settled_us: Micros, rows: &mut Vec<Row>) {
        while let Some((_, span)) = self.closed.first().filter(|(t, _)| *t < settled_us).copied() {
            self.leave(span, rows);
        }
        while let Some((ended_us, track)) = self.ended.first().filter(|(t, _)| *t < settled_us).copied() {
            self.ended.remove(&(ended_us, track));
            match self.tracks.get(&track) {
                // Its last span is not sealed yet: look again a second later.
                Some(standing) if standing.spans > 0 => _ = self.ended.insert((settled_us, track)),
                _ => _ = self.tracks.remove(&track),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::evidence::{Detail, IntervalRule, RelationKind};
    use vokg_engine::time::SECOND_US;

    const HORIZON_US: Micros = 10 * SECOND_US;

    fn span(number: u32, from_us: Micros, to_us: Option<Micros>) -> EvidenceSpan {
        let (a, b) = (TrackId(number), TrackId(number + 1));
        let (kind, detail) = (RelationKind::NEAR, Detail::default());
        EvidenceSpan { kind, a, b, from_us, number, to_us, confidence_milli: 900, detail }
    }

    fn standing() -> Standing {
        Standing::new(Rules::from([(RelationKind::NEAR, IntervalRule::PLAIN)]), HORIZON_US)
    }

    fn stated(rows: &[Row]) -> Vec<(EvidenceSpan, isize)> {
        let stated = |row: &Row| match row {
            Row::Stated(span, diff) => Some((*span, *diff)),
            _ => None,
        };
        rows.iter().filter_map(stated).collect()
    }

    #[test]
    fn tracks_that_are_gone_leave_nothing_behind() {
        let mut standing = standing();
        let (mut most, mut rows) = ([0; 2], 0isize);
        for step in 1..=4000u32 {
            let t = Micros::from(step) * SECOND_US / 10;
            let (track, to) = (TrackId(step), ObjectId(step));
            let began = IdentityChange { track, from: None, to, score_milli: 1000, reason: "began" };
            let (open, closed) = (span(step - 1, t - 100_000, None), span(step - 1, t - 100_000, Some(t)));
            let mut inputs = vec![Input::Identity(began), Input::Span(span(step, t, None), 1)];
            if step > 1 {
                inputs.extend([Input::Span(open, -1), Input::Span(closed, 1)]);
            }
            let ended = step.checked_sub(2).map(TrackId).into_iter().collect();
            for row in standing.tick(&Tick { t, end: false, ended }, inputs) {
                rows += match row {
                    Row::Span(_, diff) | Row::Identity(_, _, diff) => diff,
                    Row::Stated(..) | Row::Moved(_) => 0,
                };
            }
            let size = standing.spans.len()
                + standing.closed.len()
                + standing.tracks.len()
                + standing.ended.len()
                + rows as usize;
            let half = usize::from(step > 2000);
            most[half] = most[half].max(size);
        }
        assert!(most[0] > 100 && most[1] <= most[0], "{most:?}");
    }

    #[test]
    fn what_is_withdrawn_stands_for_the_time_that_is_settled() {
        let mut standing = standing();
        let old = span(1, SECOND_US, None);
        let tick = |secs: u64| Tick { t: secs * SECOND_US, ..Tick::default() };
        standing.tick(&tick(1), vec![Input::Span(old, 1)]);
        let young = span(3, 14 * SECOND_US, None);
        standing.tick(&tick(14), vec![Input::Span(young, 1)]);
        let rows = standing.tick(&tick(15), vec![Input::Span(old, -1), Input::Span(young, -1)]);
        let kept = EvidenceSpan { to_us: Some(5 * SECOND_US), ..old };
        assert_eq!(stated(&rows), [(old, -1), (kept, 1), (young, -1)]);
        // Closed before the settled time, it cannot be withdrawn at all.
        assert_eq!(stated(&standing.tick(&tick(16), vec![Input::Span(kept, -1)])), []);
    }

    #[test]
    fn an_end_that_comes_after_a_long_pause_is_seen_before_it_is_sealed() {
        let mut standing = standing();
        let open = span(1, SECOND_US, None);
        standing.tick(&Tick { t: SECOND_US, ..Tick::default() }, vec![Input::Span(open, 1)]);
        let closed = EvidenceSpan { to_us: Some(2 * SECOND_US), ..open };
        let restated = vec![Input::Span(open, -1), Input::Span(closed, 1)];
        let rows = standing.tick(&Tick { t: 60 * SECOND_US, ..Tick::default() }, restated);
        assert!(rows.contains(&Row::Span(closed, 1)) && !rows.contains(&Row::Span(closed, -1)), "{rows:?}");
        let rows = standing.tick(&Tick { t: 61 * SECOND_US, ..Tick::default() }, vec![]);
        assert_eq!(rows, [Row::Span(closed, -1)]);
    }
}
