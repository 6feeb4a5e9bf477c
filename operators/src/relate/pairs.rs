//! The evidence between all pairs of live tracks: judged frame by frame, stated as spans.

use super::SpanChange;
use super::candidates::Reaches;
use super::config::MeasureConfig;
use super::evidence::Evidence;
use super::hidden::Hidden;
use super::judges::{Ask, Glance, Judges};
use super::pair::{Delays, Held, Pair, Shared};
use super::pair_evidence::{PairEvidence, Slot, forget_old};
use super::pose::{Motion, Pose};
use super::relation::{Judgement, Registry};
use super::sieve::{Sieve, Through};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::evidence::{EvidenceSpan, RelationKind};
use vokg_engine::geometry::Size;
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// Smaller track first.
pub(super) type Key = (TrackId, TrackId);

/// Evidence that holds, is paused or is remembered, per pair, and the relations it is judged by.
#[derive(Serialize, Deserialize)]
pub(super) struct Pairs {
    #[serde(skip)]
    relations: Judges,
    evidence: BTreeMap<Key, PairEvidence>,
    last_number: u32,
    /// Those whose first track is gone, while the relation goes on.
    lone: BTreeSet<Key>,
    /// Those with evidence of ABANDONED, and some that had it.
    left: BTreeSet<Key>,
}

/// What one frame changes.
#[derive(Default)]
pub(super) struct Changes {
    stated: Vec<SpanChange>,
    /// Spans that began and ended within a replay, before they had a number.
    over: Vec<EvidenceSpan>,
    begun: Vec<Key>,
}

impl Changes {
    /// What is stated so far.
    pub(super) fn stated(&mut self) -> &mut Vec<SpanChange> {
        &mut self.stated
    }

    /// By number, what is taken back before what is stated.
    pub(super) fn into_stated(mut self) -> Vec<SpanChange> {
        self.stated.sort_unstable_by_key(|change| (change.span.number, change.diff));
        self.stated
    }
}

/// Whose a span is that has no number yet.
#[derive(Clone, Copy)]
enum Owner {
    /// It is over.
    Nobody,
    Pair(Key),
    Hidden,
}

/// One frame as the pairs see it.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) t: Micros,
    pub(super) frame: Option<Size>,
    /// In the order of their tracks.
    pub(super) poses: &'a [Pose],
    /// Longest pause evidence survives.
    pub(super) pause_us: Micros,
    pub(super) motions: &'a BTreeMap<TrackId, Motion>,
    /// The trails have grown since the frame before.
    pub(super) new_step: bool,
    pub(super) delays: Delays,
}

/// Finds tracks that are asked for in their order, among poses in theirs.
struct InOrder<'a> {
    poses: &'a [Pose],
    at: usize,
    /// The last that was asked for.
    track: Option<TrackId>,
}

impl<'a> InOrder<'a> {
    fn new(poses: &'a [Pose]) -> Self {
        Self { poses, at: 0, track: None }
    }

    fn find(&mut self, track: TrackId) -> Option<usize> {
        self.track = Some(track);
        while self.poses.get(self.at).is_some_and(|pose| pose.track < track) {
            self.at += 1;
        }
        self.poses.get(self.at).filter(|pose| pose.track == track).map(|_| self.at)
    }
}

impl Moment<'_> {
    fn find(&self, track: TrackId) -> Option<usize> {
        self.poses.binary_search_by_key(&track, |pose| pose.track).ok()
    }
}

impl Pairs {
    pub(super) fn new(registry: Registry, measure: &MeasureConfig) -> Self {
        Self {
            relations: Judges::new(registry, measure),
            evidence: BTreeMap::new(),
            last_number: 0,
            lone: BTreeSet::new(),
            left: BTreeSet::new(),
        }
    }

    /// Goes on where others with the same relations were.
    pub(super) fn resume(self, other: Self) -> Self {
        Self { relations: self.relations, ..other }
    }

    /// The number of the next span.
    pub(super) fn next_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    /// Pairs with evidence that holds, is paused or is remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.evidence.len()
    }

    /// What the relations reach together, and pairs within `gap` sizes.
    pub(super) fn reaches(&self, gap: f64) -> Reaches {
        Reaches::new(gap, self.relations.all.iter().map(|judged| judged.reach))
    }

    /// Judges the pairs that `row` names for each pose, by the indices of later poses, and those with evidence among
    /// the tracks that `row` is asked for.
    pub(super) fn judge(
        &mut self,
        moment: Moment<'_>,
        involved: impl Fn(TrackId, TrackId) -> bool,
        candidates: impl Fn(usize, &mut Vec<usize>),
        changes: &mut Changes,
    ) {
        let (mut row, mut held, mut asked, mut may) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let glances: Vec<Glance> = moment.poses.iter().map(Glance::from).collect();
        let (sieve, bounds) = (Sieve::new(&glances), self.relations.bounds());
        let some_left = moment.poses.iter().any(|pose| pose.left);
        let memory_us = self.relations.memory_us;
        for (i, a) in moment.poses.iter().enumerate() {
            row.clear();
            candidates(i, &mut row);
            row.sort_unstable();
            row.dedup();
            let of_a = (a.track, a.track)..=(a.track, TrackId(u32::MAX));
            let everybody = moment.poses.len() - i - 1;
            let sifted = row.len() == everybody && everybody > 0 && !some_left;
            if sifted {
                sieve.row(i, &bounds, &mut may);
            } else {
                let known = self.evidence.range(of_a.clone()).map(|(key, _)| key.1);
                row.extend(known.filter(|b| involved(a.track, *b)).filter_map(|b| moment.find(b)));
                row.sort_unstable();
                row.dedup();
            }

            let through = |j: usize| if sifted { may[j - i - 1] } else { Through::ALL };
            let mut begun = Vec::new();
            let mut emptied = Vec::new();
            let mut known = self.evidence.range_mut(of_a).peekable();
            for &j in &row {
                let b = &moment.poses[j];
                let key = (a.track, b.track);
                while known.next_if(|(other, _)| **other < key).is_some() {}
                if let Some((_, pair)) = known.next_if(|(other, _)| **other == key) {
                    // Where something was left, nothing is sifted and everything goes through.
                    if !through(j).any() && pair.rests_until.is_some_and(|until_us| moment.t <= until_us) {
                        continue;
                    }
                    let slots = &mut pair.slots;
                    let standing = slots.iter().map(Slot::standing);
                    self.relations.ask((&glances[i], &glances[j]), through(j), standing, &mut asked);
                    let begun_before = changes.begun.len();
                    if !asked.is_empty() {
                        held.clear();
                        held.extend(slots.iter().map(Slot::held));
                        judge_pair(&self.relations, &asked, slots, &held, (a, b), moment, changes);
                    }
                    forget_old(slots, moment.t, memory_us);
                    if slots.is_empty() {
                        emptied.push(key);
                    }
                    if changes.begun.len() > begun_before && slots.iter().any(Slot::is_abandoned) {
                        self.left.insert(key);
                    }
                    pair.settle(&self.relations, memory_us);
                    continue;
                }
                if !through(j).any() {
                    continue;
                }
                self.relations.ask((&glances[i], &glances[j]), through(j), std::iter::empty(), &mut asked);
                if asked.is_empty() {
                    continue;
                }
                let mut slots = Vec::new();
                judge_pair(&self.relations, &asked, &mut slots, &[], (a, b), moment, changes);
                forget_old(&mut slots, moment.t, memory_us);
                if !slots.is_empty() {
                    begun.push((key, PairEvidence { slots, rests_until: None }));
                }
            }
            self.evidence.extend(begun);
            emptied.iter().for_each(|key| drop(self.evidence.remove(key)));
        }
    }

    /// Whether a relation from one track to another held at `t`, or at most `pause_us` before it.
    pub(super) fn held_at(&self, kind: RelationKind, from: TrackId, to: TrackId, t: Micros, pause_us: Micros) -> bool {
        let slots = self.evidence.get(&(from.min(to), from.max(to))).into_iter().flat_map(|pair| &pair.slots);
        let mut of_kind = slots.filter(|slot| slot.evidence.kind() == kind && slot.forward == (from < to));
        of_kind.any(|slot| slot.evidence.continues(t, pause_us))
    }

    /// The tracks that lay at `t` where others had left them.
    pub(super) fn left_at(&mut self, t: Micros) -> BTreeSet<TrackId> {
        self.left.retain(|key| self.evidence.get(key).is_some_and(|pair| pair.slots.iter().any(Slot::is_abandoned)));
        if !self.relations.look_at_left() {
            return BTreeSet::new();
        }
        let lay =
            |Slot { evidence, .. }: &Slot| evidence.began_us() < t && (!evidence.is_over() || evidence.on_us() >= t);
        let slots = self.left.iter().filter_map(|key| Some((key, self.evidence.get(key)?)));
        let slots = slots.flat_map(|(key, pair)| pair.slots.iter().map(move |slot| (key, slot)));
        slots.filter(|(_, slot)| slot.is_abandoned() && lay(slot)).map(|(key, slot)| slot.ends(*key).1).collect()
    }

    /// Whether evidence goes on with a track that is gone.
    pub(super) fn has_lone(&self) -> bool {
        !self.lone.is_empty()
    }

    /// Pauses evidence of the pairs `involved` of which not both are seen; some goes on without its first track.
    pub(super) fn pause_unseen(
        &mut self,
        moment: Moment<'_>,
        involved: impl Fn(TrackId, TrackId) -> bool,
        changes: &mut Changes,
    ) {
        let (mut first, mut second) = (InOrder::new(moment.poses), InOrder::new(moment.poses));
        for (key, pair) in &mut self.evidence {
            if first.track != Some(key.0) {
                second = InOrder::new(moment.poses);
            }
            let (a, b) = (first.find(key.0), second.find(key.1));
            if !involved(key.0, key.1) || a.is_some() && b.is_some() {
                continue;
            }
            // All of it is over, and pauses no more.
            if pair.rests_until.is_some() {
                continue;
            }
            for slot in &mut pair.slots {
                let to = if slot.forward { b } else { a };
                let alone = to.map(|at| &moment.poses[at]).filter(|_| !slot.evidence.is_over());
                let relation = &self.relations.all[slot.relation];
                let judgement = alone.and_then(|pose| relation.relation.judge_alone(pose.own_speed()));
                match judgement {
                    Some(Judgement::On(confidence)) => {
                        let confidence = confidence * alone.map_or(1.0, |pose| pose.score);
                        slot.evidence.hold(moment.t, confidence, relation.believed_us(), &mut changes.stated);
                    }
                    Some(Judgement::Off) => end(&mut slot.evidence, moment.t, relation.rule.delay_us, changes),
                    _ => slot.evidence.pause(moment.t, relation.patience_us(), &mut changes.stated),
                }
            }
        }
        let evidence = &mut self.evidence;
        self.lone.retain(|key| {
            let goes_on = evidence.get(key).is_some_and(|pair| pair.slots.iter().any(|slot| !slot.evidence.is_over()));
            if !goes_on {
                evidence.remove(key);
            }
            goes_on
        });
    }

    /// Pauses everything.
    pub(super) fn pause_all(&mut self, changes: &mut Changes) {
        let slots = self.evidence.values_mut().flat_map(|pair| &mut pair.slots);
        slots.for_each(|slot| slot.evidence.close(None, &mut changes.stated));
    }

    /// Forgets the pairs of a track that is gone; what held ended at `t`, the first frame without it, or else when it was last
    /// judged.
    /// What goes on without its first track stays until its second is gone.
    pub(super) fn forget(&mut self, track: TrackId, t: Option<Micros>, changes: &mut Changes) {
        let (relations, lone) = (&self.relations.all, &mut self.lone);
        self.evidence.retain(|key, PairEvidence { slots, .. }| {
            if key.0 != track && key.1 != track {
                return true;
            }
            let outlives = |slot: &Slot| {
                slot.ends(*key).0 == track
                    && !slot.evidence.is_over()
                    && relations[slot.relation].relation.judge_alone(None).is_some()
            };
            slots.retain_mut(|slot| {
                let stays = outlives(slot);
                if !stays {
                    slot.evidence.close(t, &mut changes.stated);
                }
                stays
            });
            match slots.is_empty() {
                true => _ = lone.remove(key),
                false => _ = lone.insert(*key),
            }
            !slots.is_empty()
        });
    }

    /// Ends everything at `t`; what is paused has ended where it paused.
    pub(super) fn end(&mut self, t: Micros, changes: &mut Changes) {
        let slots = self.evidence.values_mut().flat_map(|pair| &mut pair.slots);
        slots.for_each(|slot| slot.evidence.end(t, &mut changes.stated));
        self.evidence.clear();
        self.lone.clear();
        self.left.clear();
    }

    /// Numbers and states the spans that began, in the order (begin, kind, a, b), whenever they were noticed.
    /// The spans of `hidden` are numbered among them.
    pub(super) fn number(&mut self, hidden: &mut Hidden, changes: &mut Changes) {
        changes.begun.sort_unstable();
        changes.begun.dedup();
        let mut spans: Vec<(EvidenceSpan, Owner)> = changes.over.drain(..).map(|span| (span, Owner::Nobody)).collect();
        spans.extend(hidden.unstated().into_iter().map(|span| (span, Owner::Hidden)));
        for key in &changes.begun {
            let slots = self.evidence.get(key).into_iter().flat_map(|pair| &pair.slots);
            let going_on = slots.map(|slot| &slot.evidence).filter(|evidence| !evidence.is_over());
            spans.extend(going_on.filter_map(Evidence::unstated).map(|span| (span, Owner::Pair(*key))));
        }
        spans.sort_by_key(|(span, _)| (span.from_us, span.kind, span.a, span.b));
        for (span, owner) in spans {
            self.last_number += 1;
            let key = match owner {
                Owner::Pair(key) => key,
                Owner::Hidden => {
                    hidden.number(&span, self.last_number, &mut changes.stated);
                    continue;
                }
                Owner::Nobody => {
                    let span = EvidenceSpan { number: self.last_number, ..span };
                    changes.stated.push(SpanChange { span, diff: 1 });
                    continue;
                }
            };
            let mut slots = self.evidence.get_mut(&key).into_iter().flat_map(|pair| &mut pair.slots);
            if let Some(slot) = slots.find(|slot| slot.evidence.unstated() == Some(span)) {
                slot.evidence.number(self.last_number, &mut changes.stated);
            }
        }
        changes.begun.clear();
    }
}

/// Judges what is `asked`; `held` tells when each relation of `slots` last held, as of the frames before.
fn judge_pair(
    relations: &Judges,
    asked: &[Ask],
    slots: &mut Vec<Slot>,
    held: &[Held],
    (a, b): (&Pose, &Pose),
    moment: Moment<'_>,
    changes: &mut Changes,
) {
    let shared = Shared::new(a, b, held, &moment);
    for &Ask { relation: index, forward, reached } in asked {
        let judged = &relations.all[index];
        let (from, to) = if forward { (a, b) } else { (b, a) };
        let at = slots.iter().position(|slot| slot.relation == index && slot.forward == forward);
        let was_on = at.is_some_and(|at| slots[at].evidence.continues(moment.t, moment.pause_us));
        let judgement = match was_on || reached {
            true => judged.relation.judge(&Pair::new(from, to, &shared), was_on),
            false => Judgement::Off,
        };
        let known = at.map(|at| &mut slots[at].evidence);
        let mut since_us = None;
        let (confidence, lag_us) = match (judgement, known) {
            (Judgement::Off | Judgement::OffSince(_) | Judgement::Unclear, None) => continue,
            (Judgement::Unclear, Some(known)) => {
                known.pause(moment.t, judged.patience_us(), &mut changes.stated);
                continue;
            }
            (Judgement::OffSince(us), Some(known)) => {
                end(known, us, 0, changes);
                continue;
            }
            (Judgement::Off, Some(known)) => {
                end(known, moment.t, judged.rule.delay_us, changes);
                continue;
            }
            (Judgement::On(confidence), _) => (confidence * a.score.min(b.score), None),
            (Judgement::OnSince(confidence, us), _) => {
                since_us = Some(us);
                (confidence * a.score.min(b.score), None)
            }
            (Judgement::OnWithLag(confidence, lag_us), _) => (confidence * a.score.min(b.score), Some(lag_us)),
        };
        let evidence = match at {
            Some(at) if was_on => {
                let known = &mut slots[at].evidence;
                known.hold(moment.t, confidence, judged.believed_us(), &mut changes.stated);
                known
            }
            at => {
                let before = at.map_or(0, |at| slots[at].evidence.until_us());
                let earliest = a.since_us.max(b.since_us).max(before);
                let from_us = since_us.unwrap_or(moment.t.saturating_sub(judged.rule.delay_us));
                let from_us = from_us.max(earliest).min(moment.t);
                let ends = (from.track, to.track);
                let begun = Evidence::begin(judged.kind, ends, moment.t, from_us, confidence);
                let begun = if judged.relation.is_stated() { begun } else { begun.silent() };
                changes.begun.push((a.track, b.track));
                let at = at.unwrap_or(slots.len());
                match slots.get_mut(at) {
                    Some(slot) => {
                        end(&mut std::mem::replace(&mut slot.evidence, begun), moment.t, 0, changes);
                    }
                    None => slots.push(Slot { relation: index, forward, evidence: begun }),
                }
                &mut slots[at].evidence
            }
        };
        lag_us.into_iter().for_each(|lag_us| evidence.measure(lag_us));
    }
}

/// Ends evidence; what ends within a replay, before it had a number, is kept to be stated.
fn end(evidence: &mut Evidence, t: Micros, delay_us: Micros, changes: &mut Changes) {
    if evidence.is_over() {
        return;
    }
    evidence.end(t.saturating_sub(delay_us), &mut changes.stated);
    changes.over.extend(evidence.unstated());
}
