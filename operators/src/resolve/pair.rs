//! One relation between two objects: its evidence, and the interactions stated so far.

use super::cut::Holes;
use super::horizon::is_sealed;
use super::intervals::{Interval, Now, Piece};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::Edge;
use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::id::{InteractionId, ObjectId};
use vokg_engine::time::Micros;

/// One relation between two objects; of a symmetric relation the smaller object comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) edge: Edge,
    /// The spans it rested on when last evaluated; those that were sealed by then count as their first.
    pub(super) numbers: BTreeSet<u32>,
}

/// The state of one relation between two objects.
#[derive(Debug, Default)]
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
    pub(super) fn remove(&mut self, span: &EvidenceSpan, rule: &IntervalRule, settled_us: Micros) {
        if self.spans.get(&span.number) != Some(span) {
            return;
        }
        self.spans.remove(&span.number);
        if span.to_us.is_some_and(|to| is_sealed(to, rule, settled_us)) {
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
    pub(super) fn replace(&mut self, spans: BTreeMap<u32, EvidenceSpan>, rule: &IntervalRule, settled_us: Micros) {
        self.spans = spans;
        let is_old = |span: &EvidenceSpan| span.to_us.is_some_and(|to| is_sealed(to, rule, settled_us));
        let old: Vec<EvidenceSpan> = self.spans.values().filter(|span| is_old(span)).copied().collect();
        old.iter().for_each(|span| self.remove(span, rule, settled_us));
    }

    /// The beginning of its earliest evidence.
    pub(super) fn first_us(&self) -> Option<Micros> {
        let sealed = self.sealed.iter().map(|piece| piece.from_us);
        self.spans.values().map(|span| span.from_us).chain(sealed).min()
    }

    /// Forgets sealed evidence as far as the intervals allow: what ended in no interval at all; an interval with all
    /// its evidence; and of an interval that goes on, everything but one piece that stands for its past. What ended at or
    /// after `needed_us` stays, since another relation looks at it.
    ///
    /// Where `holes` are taken out of the evidence, its parts stand for it, and none of them is merged with another.
    ///
    /// Returns the interactions that are sealed with this.
    pub(super) fn forget(
        &mut self,
        intervals: &[&(InteractionId, Interval)],
        needed_us: Option<Micros>,
        holes: Option<&Holes>,
        now: Now,
        rule: &IntervalRule,
    ) -> Vec<Stated> {
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
        let is_needed = |piece: &Piece| needed_us.is_some_and(|needed| piece.end_us >= needed);
        if sealed.iter().any(is_needed) {
            self.sealed = sealed;
            return Vec::new();
        }
        let mut forgotten = Vec::new();
        for (id, interval) in intervals {
            let mut past = sealed.iter().filter(|piece| interval.numbers.contains(&piece.number));
            let Some(first) = past.next() else { continue };
            let goes_on = !interval.numbers.is_disjoint(&live);
            if !goes_on {
                forgotten.extend(self.stated.remove(id));
                continue;
            }
            let mut whole = *first;
            if holes.is_some() {
                self.sealed.extend(past);
            } else {
                past.for_each(|piece| whole.absorb(piece));
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
