//! All relations between all objects: from changed evidence to deltas.
//!
//! At each tick the pairs are evaluated whose evidence changed or whose deadline has come, and the difference between
//! what they say now and what was stated is the answer. A change of shape is +1 on the same id. An id that is gone is
//! taken back, and whatever now rests on its evidence says that it supersedes it.

use super::degrees::{Phase, StandingEnd};
use super::horizon::{Rules, settled_us};
use super::intervals::{Interval, Now};
use super::pair::{Pair, PairKey, Stated};
use crate::tick::Tick;
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Delta, Diff, Edge, Element};
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::id::{InteractionId, ObjectId, TrackId};
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
#[derive(Debug)]
pub(super) struct Pairs {
    rules: Rules,
    horizon_us: Micros,
    pairs: BTreeMap<PairKey, Pair>,
    deadlines: BTreeSet<(Micros, PairKey)>,
}

/// A pair under evaluation.
struct Touched {
    key: PairKey,
    intervals: Vec<(InteractionId, Interval)>,
    /// Some of its evidence hangs on a track that was corrected at this tick.
    moved: bool,
}

impl Pairs {
    pub(super) fn new(rules: Rules, horizon_us: Micros) -> Self {
        Self { rules, horizon_us, pairs: BTreeMap::new(), deadlines: BTreeSet::new() }
    }

    /// Decides at one tick, from all changes up to it.
    pub(super) fn tick(&mut self, tick: &Tick, changes: Vec<Change>) -> Outcome {
        let now = if tick.end { Now::End(tick.t) } else { Now::Frame(tick.t) };
        let touched = self.absorb(tick, changes);
        let evaluated: Vec<Touched> =
            touched.into_iter().filter_map(|(key, moved)| self.evaluate(key, moved, now)).collect();
        let mut outcome = Outcome::default();
        let retracted = self.retract(tick.t, &evaluated, &mut outcome);
        let born = self.born(&evaluated);
        for pair in &evaluated {
            self.state(tick.t, pair, &retracted, &born, &mut outcome);
        }
        for Touched { key, intervals, .. } in &evaluated {
            self.forget(key, intervals, &mut outcome);
        }
        outcome
    }

    /// Takes in the changes and names the pairs to look at: those changed, those due, and at the end all.
    fn absorb(&mut self, tick: &Tick, changes: Vec<Change>) -> BTreeMap<PairKey, bool> {
        let settled_us = settled_us(tick.t, self.horizon_us);
        let mut moved = BTreeSet::new();
        let mut net: BTreeMap<(PairKey, EvidenceSpan), isize> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Moved(track) => _ = moved.insert(track),
                Change::Evidence(a, b, span, diff) => {
                    let Some(rule) = self.rules.get(&span.kind) else { continue };
                    *net.entry((PairKey::new(span.kind, rule, a, b), span)).or_default() += diff;
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
            if let (Some(pair), Some(rule)) = (self.pairs.get_mut(key), self.rules.get(&key.kind)) {
                pair.remove(span, rule, settled_us);
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
        let rule = self.rules.get(&key.kind)?;
        let pair = self.pairs.get_mut(&key)?;
        let evaluation = pair.evaluate(rule, now);
        pair.deadline_us = evaluation.deadline_us;
        self.deadlines.extend(evaluation.deadline_us.map(|t| (t, key)));
        let identify = |interval: Interval| (key.id(interval.first_number), interval);
        Some(Touched { key, intervals: evaluation.intervals.into_iter().map(identify).collect(), moved })
    }

    /// Takes back what the touched pairs no longer say. Returns which interaction each of its spans belonged to.
    fn retract(&mut self, t: Micros, touched: &[Touched], outcome: &mut Outcome) -> BTreeMap<u32, InteractionId> {
        let mut retracted = BTreeMap::new();
        for Touched { key, intervals, moved } in touched {
            let Some(pair) = self.pairs.get_mut(key) else { continue };
            let said: BTreeSet<_> = intervals.iter().map(|(id, _)| *id).collect();
            for (id, stated) in pair.stated.extract_if(.., |id, _| !said.contains(id)) {
                retracted.extend(stated.numbers.iter().map(|number| (*number, id)));
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
        Touched { key, intervals, moved }: &Touched,
        retracted: &BTreeMap<u32, InteractionId>,
        born: &BTreeSet<InteractionId>,
        outcome: &mut Outcome,
    ) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        for (id, interval) in intervals {
            let before = pair.stated.get(id).map(|stated| &stated.edge);
            // What came back into being is no longer superseded.
            let kept = before.iter().flat_map(|edge| &edge.supersedes).filter(|id| !born.contains(id)).copied();
            let gained = interval.numbers.iter().filter_map(|number| retracted.get(number)).copied();
            let supersedes: BTreeSet<_> = kept.chain(gained).collect();
            let edge = key.edge(*id, interval, supersedes.into_iter().collect());
            let is_news = before.is_none_or(|before| is_news(before, &edge));
            if is_news {
                before.into_iter().for_each(|before| outcome.stands(key, before, -1));
                outcome.stands(key, &edge, 1);
                outcome.push(t, Diff::Assert, edge.clone(), *moved);
                pair.stated.insert(*id, Stated { edge, numbers: interval.numbers.clone() });
            } else if let Some(stated) = pair.stated.get_mut(id) {
                stated.numbers.clone_from(&interval.numbers);
            }
        }
    }

    fn forget(&mut self, key: &PairKey, intervals: &[(InteractionId, Interval)], outcome: &mut Outcome) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        let sealed = pair.forget(intervals);
        sealed.iter().for_each(|stated| outcome.stands(key, &stated.edge, -1));
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

/// Whether a value is worth stating: the confidence of what still holds is a running value and is not.
fn is_news(before: &Edge, now: &Edge) -> bool {
    let running = before.valid_to_us.is_none() && now.valid_to_us.is_none();
    let confidence_milli = if running { before.confidence_milli } else { now.confidence_milli };
    *before != Edge { confidence_milli, ..now.clone() }
}

impl Outcome {
    pub(super) fn is_empty(&self) -> bool {
        self.deltas.is_empty() && self.standing.is_empty()
    }

    fn stands(&mut self, key: &PairKey, edge: &Edge, diff: isize) {
        let phase = if edge.valid_to_us.is_none() { Phase::Open } else { Phase::Ended };
        self.standing.extend([key.a, key.b].map(|object| (((object, key.kind), phase), diff)));
    }

    fn push(&mut self, t: Micros, diff: Diff, edge: Edge, moved: bool) {
        self.deltas.push(Delta { t, diff, element: Element::Edge(edge), caused_by: moved.then_some(t) });
    }
}

#[cfg(test)]
mod tests;
