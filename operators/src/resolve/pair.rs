//! One relation between two objects: its evidence, and the interactions stated so far.

use super::horizon::is_sealed;
use super::intervals::{Evaluation, Interval, Now, Piece, eval_pieces};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Edge, VertexKey};
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
            from: VertexKey::Object(self.a),
            to: VertexKey::Object(self.b),
            valid_from_us: interval.from_us,
            valid_to_us: interval.to_us,
            confidence_milli: interval.confidence_milli,
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
            self.sealed.push(Piece::new(span, Now::End(settled_us)));
        }
    }

    pub(super) fn evaluate(&self, rule: &IntervalRule, now: Now) -> Evaluation {
        let spans = self.spans.values().map(|span| Piece::new(span, now));
        eval_pieces(spans.chain(self.sealed.iter().copied()).collect(), rule, now)
    }

    /// Forgets sealed evidence as far as the intervals allow: what ended in no interval at all; an interval with all
    /// its evidence; and of an interval that goes on, everything but one piece that stands for its past.
    ///
    /// Returns the interactions that are sealed with this.
    pub(super) fn forget(&mut self, intervals: &[(InteractionId, Interval)]) -> Vec<Stated> {
        let mut sealed = std::mem::take(&mut self.sealed);
        sealed.sort_unstable_by_key(|piece| (piece.from_us, piece.number));
        let mut forgotten = Vec::new();
        for (id, interval) in intervals {
            let mut past = sealed.iter().filter(|piece| interval.numbers.contains(&piece.number));
            let Some(first) = past.next() else { continue };
            let goes_on = interval.numbers.iter().any(|number| self.spans.contains_key(number));
            if !goes_on {
                forgotten.extend(self.stated.remove(id));
                continue;
            }
            let mut whole = *first;
            past.for_each(|piece| whole.absorb(piece));
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
