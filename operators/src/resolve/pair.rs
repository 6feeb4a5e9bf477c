//! One relation between two objects: its evidence, and the interactions stated so far.

use super::cut::Holes;
use super::intervals::{Interval, Now, Piece};
use super::rules::Rules;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::Edge;
use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::id::{InteractionId, ObjectId};
use vokg_engine::time::Micros;

/// One relation between two objects; of a symmetric relation the smaller object comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PairKey {
    pub(super) kind: RelationKind,
    pub(super) a: ObjectId,
    pub(super) b: ObjectId,
}

impl PairKey {
    /// Before all others.
    pub(super) const FIRST: Self = Self { kind: RelationKind::literal("A"), a: ObjectId(0), b: ObjectId(0) };

    pub(super) fn new(kind: RelationKind, rule: &IntervalRule, a: ObjectId, b: ObjectId) -> Self {
        let (a, b) = if rule.symmetric && b < a { (b, a) } else { (a, b) };
        Self { kind, a, b }
    }

    pub(super) fn id(&self, first_number: u32) -> InteractionId {
        InteractionId::of(self.kind, self.a, self.b, first_number)
    }

    /// The edge an interval is stated as.
    pub(super) fn edge(&self, id: InteractionId, interval: &Interval, supersedes: Vec<InteractionId>) -> Edge {
        Edge {
            id,
            kind: self.kind,
            from: self.a.into(),
            to: self.b.into(),
            valid_from_us: interval.from_us,
            valid_to_us: interval.to_us,
            confidence_milli: interval.confidence_milli,
            detail: interval.detail,
            supersedes,
        }
    }
}

/// An interaction as the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stated {
    pub(super) edge: Edge,
    /// The spans it rested on when last evaluated; those that were sealed by then count as their first.
    pub(super) numbers: BTreeSet<u32>,
}

/// The state of one relation between two objects.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pair {
    spans: BTreeMap<u32, EvidenceSpan>,
    /// Spans that left memory, per interval as one.
    sealed: Vec<Piece>,
    pub(super) stated: BTreeMap<InteractionId, Stated>,
    pub(super) deadline_us: Option<Micros>,
}

impl Pair {
    /// Whether nothing is left to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.sealed.is_empty() && self.stated.is_empty()
    }

    pub(super) fn insert(&mut self, span: EvidenceSpan) {
        self.spans.insert(span.number, span);
    }

    /// Takes a span away. Where it is old enough to be sealed it has not been withdrawn but only leaves memory, and
    /// what it said stays.
    pub(super) fn remove(&mut self, span: &EvidenceSpan, rules: &Rules, key: &PairKey, settled_us: Micros) {
        let Some(rule) = rules.of(key.kind, key.b).filter(|_| self.spans.get(&span.number) == Some(span)) else {
            return;
        };
        self.spans.remove(&span.number);
        if span.to_us.is_some_and(|to| rules.is_sealed(key, to, settled_us)) {
            self.sealed.push(Piece::new(span, rule, Now::End(settled_us)));
        }
    }

    pub(super) fn pieces(&self, rule: &IntervalRule, now: Now) -> Vec<Piece> {
        let spans = self.spans.values().map(|span| Piece::new(span, rule, now));
        spans.chain(self.sealed.iter().copied()).collect()
    }

    /// The spans that did not leave memory yet, by number.
    pub(super) fn spans(&self) -> &BTreeMap<u32, EvidenceSpan> {
        &self.spans
    }

    /// Has these spans instead of those it had, save for what is sealed.
    pub(super) fn replace(
        &mut self,
        spans: BTreeMap<u32, EvidenceSpan>,
        rules: &Rules,
        key: &PairKey,
        settled_us: Micros,
    ) {
        self.spans = spans;
        let is_old = |span: &EvidenceSpan| span.to_us.is_some_and(|to| rules.is_sealed(key, to, settled_us));
        let old: Vec<EvidenceSpan> = self.spans.values().filter(|span| is_old(span)).copied().collect();
        old.iter().for_each(|span| self.remove(span, rules, key, settled_us));
    }

    /// The beginning of the earliest evidence that did not leave memory yet.
    fn first_live_us(&self) -> Option<Micros> {
        self.spans.values().map(|span| span.from_us).min()
    }

    /// Where its intervals may begin, unless evidence is taken out of it.
    fn starts(&self) -> impl Iterator<Item = Micros> {
        self.spans.values().map(|span| span.from_us).chain(self.sealed.iter().map(|piece| piece.from_us))
    }

    /// Forgets sealed evidence as far as the intervals allow: what ended in no interval at all; an interval with all
    /// its evidence; and of an interval that goes on, or that another relation still looks back at, everything but one
    /// piece that stands for its past. Evidence that is still to be taken out of another relation's stays as it is.
    ///
    /// Where `holes` are taken out of the evidence, its parts stand for it; they are not merged over a hole that is still
    /// there.
    ///
    /// Returns the interactions that are sealed with this.
    pub(super) fn forget(
        &mut self,
        intervals: &[&(InteractionId, Interval)],
        needs: &Needs,
        holes: Option<&Holes>,
        now: Now,
        rule: &IntervalRule,
    ) -> Vec<Stated> {
        if self.sealed.is_empty() {
            return Vec::new();
        }
        let live: BTreeSet<u32> = match holes {
            None => self.spans.keys().copied().collect(),
            Some(holes) => {
                self.sealed = holes.cut(std::mem::take(&mut self.sealed));
                let spans = self.spans.values().map(|span| Piece::new(span, rule, now)).collect();
                holes.cut(spans).iter().map(|part| part.number).collect()
            }
        };
        let mut sealed = std::mem::take(&mut self.sealed);
        sealed.sort_unstable_by_key(|piece| (piece.from_us, piece.number));
        let (raw, sealed): (Vec<Piece>, Vec<Piece>) = sealed.into_iter().partition(|piece| needs.evidence(piece));
        self.sealed = raw;
        let mut forgotten = Vec::new();
        for (id, interval) in intervals {
            let is_kept = self.sealed.iter().any(|piece| interval.numbers.contains(&piece.number));
            let mut past = sealed.iter().filter(|piece| interval.numbers.contains(&piece.number));
            if is_kept {
                self.sealed.extend(past);
                continue;
            }
            let Some(first) = past.next() else { continue };
            if interval.numbers.is_disjoint(&live) && !needs.interval(interval) {
                forgotten.extend(self.stated.remove(id));
                continue;
            }
            let mut whole = *first;
            for piece in past {
                if holes.is_some_and(|holes| holes.part(&whole, piece)) {
                    self.sealed.push(std::mem::replace(&mut whole, *piece));
                } else {
                    whole.absorb(piece);
                }
            }
            self.sealed.push(whole);
        }
        forgotten
    }

    /// The size of the state, in rows.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.spans.len() + self.sealed.len() + self.stated.len()
    }
}

/// What other relations still look at of one pair.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// All evidence that ended then or later.
    since_us: Option<Micros>,
    /// An interval that has begun by the first of these moments and ended no longer before it than the second says.
    before: Vec<(Micros, Micros)>,
}

impl Needs {
    /// Another relation takes the evidence of this one out of its own.
    pub(super) fn taken_out_of(&mut self, other: &Pair) {
        self.all_since(other.first_live_us());
    }

    /// Another relation's intervals count only after one of this one.
    pub(super) fn looked_back_at(&mut self, from: &Pair, within_us: Micros) {
        self.before.extend(from.starts().map(|start| (start, within_us)));
    }

    /// The same, where its intervals are not known, or those of the other may begin anywhere.
    pub(super) fn looked_back_at_anywhere(&mut self, from: &Pair, within_us: Micros) {
        self.all_since(from.starts().min().map(|first| first.saturating_sub(within_us)));
    }

    fn all_since(&mut self, since_us: Option<Micros>) {
        self.since_us = [self.since_us, since_us].into_iter().flatten().min();
    }

    fn evidence(&self, piece: &Piece) -> bool {
        self.since_us.is_some_and(|since| piece.end_us >= since)
    }

    fn interval(&self, interval: &Interval) -> bool {
        let leads = |(start, within_us): &(Micros, Micros)| {
            interval.from_us <= *start && interval.to_us.is_none_or(|to| to.saturating_add(*within_us) >= *start)
        };
        self.before.iter().any(leads)
    }
}
