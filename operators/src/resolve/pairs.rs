//! All relations between all objects: from changed evidence to deltas.
//!
//! At each tick the pairs are evaluated whose evidence changed or whose deadline has come, and the difference between
//! what they say now and what was stated is the answer. A change of shape is +1 on the same id. An id that is gone is
//! taken back, and whatever now rests on its evidence says that it supersedes it. A relation that depends on another is
//! looked at whenever the other is.

use super::crowd::crowded;
use super::cut::Holes;
use super::degrees::{Phase, StandingEnd};
use super::horizon::settled_us;
use super::intervals::{Interval, Now, Piece};
use super::pair::{Needs, Pair, PairKey, Stated};
use super::rules::Rules;
use super::scratch::{Evidence, evaluate};
use crate::tick::Tick;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Delta, Diff, Edge, Element};
use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::id::{InteractionId, ObjectId, TrackId, ZoneId};
use vokg_engine::time::Micros;

/// A change that concerns pairs.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Evidence between two objects came (+1) or went (−1).
    Evidence(ObjectId, ObjectId, EvidenceSpan, isize),
    /// This track was corrected.
    Moved(TrackId),
}

/// What a tick brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) deltas: Vec<Delta>,
    /// Ends of interactions that came to stand (+1) or no longer do (−1), sealing included.
    pub(super) standing: Vec<(StandingEnd, isize)>,
}

/// The state of all pairs of one stream.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pairs {
    #[serde(skip)]
    rules: Rules,
    horizon_us: Micros,
    pairs: BTreeMap<PairKey, Pair>,
    deadlines: BTreeSet<(Micros, PairKey)>,
    /// Crowds before this time are counted once and for all.
    cut_us: Micros,
    heirs: Heirs,
}

/// Which pairs state an interaction that supersedes another: when that one comes back, they must not say so any more.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Heirs(BTreeSet<(InteractionId, PairKey, InteractionId)>);

impl Heirs {
    fn enter(&mut self, key: &PairKey, edge: &Edge) {
        self.0.extend(edge.supersedes.iter().map(|old| (*old, *key, edge.id)));
    }

    fn leave(&mut self, key: &PairKey, edge: &Edge) {
        edge.supersedes.iter().for_each(|old| _ = self.0.remove(&(*old, *key, edge.id)));
    }

    fn of(&self, born: &BTreeSet<InteractionId>) -> BTreeSet<PairKey> {
        let heirs = |old: &InteractionId| {
            let from = (*old, PairKey::FIRST, InteractionId(0));
            self.0.range(from..).take_while(move |(id, ..)| id == old).map(|(_, key, _)| *key).collect::<Vec<_>>()
        };
        born.iter().flat_map(heirs).collect()
    }
}

/// Which interaction rested on a span of a relation.
type Retracted = BTreeMap<(RelationKind, u32), InteractionId>;

/// A pair under evaluation.
struct Touched {
    key: PairKey,
    intervals: Vec<(InteractionId, Interval)>,
    /// Intervals that count for nothing but whose evidence is kept like that of others.
    refused: Vec<(InteractionId, Interval)>,
    /// Some of its evidence hangs on a track that was corrected at this tick.
    moved: bool,
}

impl Pairs {
    pub(super) fn new(rules: Rules, horizon_us: Micros) -> Self {
        Self {
            rules,
            horizon_us,
            pairs: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            cut_us: 0,
            heirs: Heirs::default(),
        }
    }

    /// Goes on where others with the same rules were.
    pub(super) fn resume(self, other: Self) -> Self {
        Self { rules: self.rules, ..other }
    }

    /// The ends of all interactions that stand.
    pub(super) fn standing(&self) -> Vec<StandingEnd> {
        let mut outcome = Outcome::default();
        for (key, pair) in &self.pairs {
            pair.stated.values().for_each(|stated| outcome.stands(key, &stated.edge, 1));
        }
        outcome.standing.into_iter().map(|(end, _)| end).collect()
    }

    /// Decides at one tick, from all changes up to it.
    pub(super) fn tick(&mut self, tick: &Tick, changes: Vec<Change>) -> Outcome {
        let now = if tick.end { Now::End(tick.t) } else { Now::Frame(tick.t) };
        let settled_us = settled_us(tick.t, self.horizon_us);
        let touched = self.absorb(tick, changes, settled_us);
        let touched = self.with_relatives(touched);
        self.count(&touched, now, settled_us);
        let mut evaluated: Vec<Touched> =
            touched.into_iter().filter_map(|(key, moved)| self.evaluate(key, moved, now)).collect();
        let mut outcome = Outcome::default();
        let retracted = self.retract(tick.t, &evaluated, &mut outcome);
        let born = self.born(&evaluated);
        let known: BTreeSet<PairKey> = evaluated.iter().map(|touched| touched.key).collect();
        let heirs = self.heirs.of(&born).into_iter().filter(|key| !known.contains(key));
        let moved = evaluated.iter().any(|touched| touched.moved);
        let heirs: Vec<Touched> = heirs.filter_map(|key| self.evaluate(key, moved, now)).collect();
        evaluated.extend(heirs);
        for pair in &evaluated {
            self.state(tick.t, pair, &retracted, &born, &mut outcome);
        }
        // Those that look at others first: what they still need stays.
        let (looking, others): (Vec<&Touched>, Vec<&Touched>) =
            evaluated.iter().partition(|touched| self.rules.providers(&touched.key).next().is_some());
        for touched in looking.into_iter().chain(others) {
            self.forget(touched, now, &mut outcome);
        }
        outcome
    }

    /// With the pairs that depend on those touched, also by way of others, or that they depend on; a correction of the one
    /// corrects the other.
    fn with_relatives(&self, touched: BTreeMap<PairKey, bool>) -> BTreeMap<PairKey, bool> {
        let mut all = touched.clone();
        let mut open: Vec<(PairKey, bool)> = touched.into_iter().collect();
        while let Some((key, moved)) = open.pop() {
            for dependent in self.rules.dependents(&key) {
                let known = all.get(&dependent).copied();
                if self.pairs.contains_key(&dependent) && known.is_none_or(|known| moved && !known) {
                    all.insert(dependent, moved);
                    open.push((dependent, moved));
                }
            }
            for provider in self.rules.providers(&key) {
                if self.pairs.contains_key(&provider) {
                    all.entry(provider).or_default();
                }
            }
            if let Some(counter) = self.rules.counter(&key) {
                *all.entry(counter).or_default() |= moved;
            }
        }
        all
    }

    /// Counts anew who is in the zones of which somebody's stay was touched.
    fn count(&mut self, touched: &BTreeMap<PairKey, bool>, now: Now, settled_us: Micros) {
        for counter in touched.keys().filter(|key| key.kind == RelationKind::COUNT) {
            let zone = ZoneId::of_object(counter.b);
            let Some((zone, crowd)) = zone.and_then(|zone| Some((zone, self.rules.crowd_of(zone)?))) else { continue };
            let first = PairKey { kind: RelationKind::IN, ..PairKey::FIRST };
            let stays = self.pairs.range(first..).map(|(key, _)| key);
            let stays = stays.take_while(|key| key.kind == RelationKind::IN).filter(|key| key.b == counter.b);
            let inside: Vec<Interval> =
                stays.flat_map(|key| evaluate(&*self, &self.rules, key, now).intervals).collect();
            let cut_us = self.cut_us;
            let pair = self.pairs.entry(*counter).or_default();
            let spans = crowded(&inside, crowd, zone.track(), pair.spans(), cut_us);
            pair.replace(spans, &self.rules, counter, settled_us);
        }
        let inside_us = self.rules.longest_reach_us(RelationKind::IN);
        self.cut_us = self.cut_us.max(settled_us.saturating_sub(inside_us));
    }

    /// Takes in the changes and names the pairs to look at: those changed, those due, and at the end all.
    fn absorb(&mut self, tick: &Tick, changes: Vec<Change>, settled_us: Micros) -> BTreeMap<PairKey, bool> {
        let mut moved = BTreeSet::new();
        let mut net: BTreeMap<(PairKey, EvidenceSpan), isize> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Moved(track) => _ = moved.insert(track),
                Change::Evidence(a, b, span, diff) => {
                    let Some(key) = self.rules.key(span.kind, a, b) else { continue };
                    *net.entry((key, span)).or_default() += diff;
                }
            }
        }
        net.retain(|_, diff| *diff != 0);

        let mut touched = BTreeMap::new();
        if tick.end {
            touched.extend(self.pairs.keys().map(|key| (*key, false)));
        }
        let is_due = |(t, _): &(Micros, PairKey)| *t <= tick.t;
        while self.deadlines.first().is_some_and(is_due) {
            touched.extend(self.deadlines.pop_first().map(|(_, key)| (key, false)));
        }
        for (key, span) in net.keys() {
            *touched.entry(*key).or_default() |= moved.contains(&span.a) || moved.contains(&span.b);
        }
        // All −1 before all +1: a span restated under its number must not be lost.
        for ((key, span), _) in net.iter().filter(|(_, diff)| **diff < 0) {
            if let Some(pair) = self.pairs.get_mut(key) {
                pair.remove(span, &self.rules, key, settled_us);
            }
        }
        for ((key, span), _) in net.into_iter().filter(|(_, diff)| *diff > 0) {
            self.pairs.entry(key).or_default().insert(span);
        }
        touched
    }

    fn take_deadline(&mut self, key: &PairKey) {
        let deadline_us = self.pairs.get_mut(key).and_then(|pair| pair.deadline_us.take());
        if let Some(t) = deadline_us {
            self.deadlines.remove(&(t, *key));
        }
    }

    fn evaluate(&mut self, key: PairKey, moved: bool, now: Now) -> Option<Touched> {
        self.take_deadline(&key);
        let internal = self.rules.of(key.kind, key.b)?.internal;
        if !self.pairs.contains_key(&key) {
            return None;
        }
        if internal {
            return Some(Touched { key, intervals: Vec::new(), refused: Vec::new(), moved });
        }
        let evaluation = evaluate(&*self, &self.rules, &key, now);
        self.pairs.get_mut(&key)?.deadline_us = evaluation.deadline_us;
        self.deadlines.extend(evaluation.deadline_us.map(|t| (t, key)));
        let identify = |interval: Interval| (key.id(interval.first_number), interval);
        let intervals = evaluation.intervals.into_iter().map(identify).collect();
        let refused = evaluation.refused.into_iter().map(identify).collect();
        Some(Touched { key, intervals, refused, moved })
    }

    /// Takes back what the touched pairs no longer say. Returns which interaction each of its spans belonged to.
    fn retract(&mut self, t: Micros, touched: &[Touched], outcome: &mut Outcome) -> Retracted {
        let mut retracted = BTreeMap::new();
        for Touched { key, intervals, moved, .. } in touched {
            let Some(pair) = self.pairs.get_mut(key) else { continue };
            let said: BTreeSet<_> = intervals.iter().map(|(id, _)| *id).collect();
            for (id, stated) in pair.stated.extract_if(.., |id, _| !said.contains(id)) {
                self.heirs.leave(key, &stated.edge);
                retracted.extend(stated.numbers.iter().map(|number| ((key.kind, *number), id)));
                outcome.stands(key, &stated.edge, -1);
                outcome.push(t, Diff::Retract, stated.edge, *moved);
            }
        }
        retracted
    }

    /// The interactions that come into being.
    fn born(&self, touched: &[Touched]) -> BTreeSet<InteractionId> {
        let ids = touched.iter().flat_map(|Touched { key, intervals, .. }| {
            let pair = self.pairs.get(key);
            let ids = intervals.iter().map(|(id, _)| *id);
            ids.filter(move |id| pair.is_some_and(|pair| !pair.stated.contains_key(id)))
        });
        ids.collect()
    }

    /// States what the pair says now, where that differs from what it has stated.
    fn state(
        &mut self,
        t: Micros,
        Touched { key, intervals, moved, .. }: &Touched,
        retracted: &Retracted,
        born: &BTreeSet<InteractionId>,
        outcome: &mut Outcome,
    ) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        for (id, interval) in intervals {
            let before = pair.stated.get(id).map(|stated| &stated.edge);
            // What came back into being is no longer superseded.
            let kept = before.iter().flat_map(|edge| &edge.supersedes).filter(|id| !born.contains(id)).copied();
            let gained = interval.numbers.iter().filter_map(|number| retracted.get(&(key.kind, *number))).copied();
            let supersedes: BTreeSet<_> = kept.chain(gained).collect();
            let edge = key.edge(*id, interval, supersedes.into_iter().collect());
            let is_news = before.is_none_or(|before| is_news(before, &edge));
            if is_news {
                if let Some(before) = before {
                    outcome.stands(key, before, -1);
                    self.heirs.leave(key, before);
                }
                self.heirs.enter(key, &edge);
                outcome.stands(key, &edge, 1);
                outcome.push(t, Diff::Assert, edge.clone(), *moved);
                pair.stated.insert(*id, Stated { edge, numbers: interval.numbers.clone() });
            } else if let Some(stated) = pair.stated.get_mut(id) {
                stated.numbers.clone_from(&interval.numbers);
            }
        }
    }

    /// What others still look at of a pair.
    fn needs(&self, key: &PairKey) -> Needs {
        let mut needs = Needs::default();
        for dependent in self.rules.dependents(key) {
            let (Some(pair), Some(rule)) = (self.pairs.get(&dependent), self.rules.of(dependent.kind, dependent.b))
            else {
                continue;
            };
            if rule.without == Some(key.kind) {
                needs.taken_out_of(pair);
            }
            if let Some(after) = rule.after.filter(|after| after.kind == key.kind) {
                let is_internal = self.rules.of(key.kind, key.b).is_none_or(|rule| rule.internal);
                match is_internal || rule.without.is_some() {
                    true => needs.looked_back_at_anywhere(pair, after.within_us),
                    false => needs.looked_back_at(pair, after.within_us),
                }
            }
        }
        needs
    }

    fn forget(&mut self, touched: &Touched, now: Now, outcome: &mut Outcome) {
        let key = &touched.key;
        let Some(rule) = self.rules.of(key.kind, key.b) else { return };
        let hole = rule.without.and_then(|kind| self.rules.key(kind, key.a, key.b));
        let hole = hole.and_then(|hole| Some((hole, self.rules.of(hole.kind, hole.b)?)));
        let holes = hole.map(|(hole, rule)| Holes::new(self.pieces(&hole, rule, now), rule));
        let needs = self.needs(key);
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let intervals: Vec<_> = touched.intervals.iter().chain(&touched.refused).collect();
        let sealed = pair.forget(&intervals, &needs, holes.as_ref(), now, rule);
        for stated in &sealed {
            outcome.stands(key, &stated.edge, -1);
            self.heirs.leave(key, &stated.edge);
        }
        if pair.is_empty() {
            self.take_deadline(key);
            self.pairs.remove(key);
        }
    }

    /// The size of the state, in rows.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.deadlines.len() + self.pairs.values().map(Pair::rows).sum::<usize>()
    }
}

impl Evidence for Pairs {
    fn pieces(&self, key: &PairKey, rule: &IntervalRule, now: Now) -> Vec<Piece> {
        self.pairs.get(key).map(|pair| pair.pieces(rule, now)).unwrap_or_default()
    }
}

/// Whether a value is worth stating: what was measured of what still holds is a running value and is not.
fn is_news(before: &Edge, now: &Edge) -> bool {
    let running = before.valid_to_us.is_none() && now.valid_to_us.is_none();
    let (confidence_milli, detail) =
        if running { (before.confidence_milli, before.detail) } else { (now.confidence_milli, now.detail) };
    *before != Edge { confidence_milli, detail, ..now.clone() }
}

impl Outcome {
    pub(super) fn is_empty(&self) -> bool {
        self.deltas.is_empty() && self.standing.is_empty()
    }

    fn stands(&mut self, key: &PairKey, edge: &Edge, diff: isize) {
        let phase = if edge.valid_to_us.is_none() { Phase::Open } else { Phase::Ended };
        let ends: &[ObjectId] = if key.a == key.b { &[key.a] } else { &[key.a, key.b] };
        self.standing.extend(ends.iter().map(|object| (((*object, key.kind), phase), diff)));
    }

    fn push(&mut self, t: Micros, diff: Diff, edge: Edge, moved: bool) {
        self.deltas.push(Delta { t, diff, element: Element::Edge(edge), caused_by: moved.then_some(t) });
    }
}

#[cfg(test)]
mod tests;
