//! All interactions from all evidence at once: what the incremental operators must equal.

use super::crowd::crowded;
use super::cut::Holes;
use super::intervals::{Evaluation, Interval, Now, Piece, eval_pieces};
use super::pair::PairKey;
use super::rules::Rules;
use std::collections::BTreeMap;
use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::id::{ObjectId, ZoneId};

/// Where the evidence of pairs is found.
pub(super) trait Evidence {
    /// The pieces of a pair, in any order.
    fn pieces(&self, key: &PairKey, rule: &IntervalRule, now: Now) -> Vec<Piece>;
}

/// What the evidence of one pair, and of the others its rule speaks of, adds up to.
pub(super) fn evaluate(evidence: &impl Evidence, rules: &Rules, key: &PairKey, now: Now) -> Evaluation {
    let Some(rule) = rules.of(key.kind, key.b) else { return Evaluation::default() };
    let mut pieces = evidence.pieces(key, rule, now);
    let hole = rule.without.and_then(|kind| rules.key(kind, key.a, key.b));
    if let Some((hole, rule)) = hole.and_then(|hole| Some((hole, rules.of(hole.kind, hole.b)?))) {
        pieces = Holes::new(evidence.pieces(&hole, rule, now), rule).cut(pieces);
    }
    let mut evaluation = eval_pieces(pieces, rule, now);
    if let Some(after) = rule.after.filter(|_| !evaluation.intervals.is_empty()) {
        let needed = rules.providers(key).filter(|provider| provider.kind == after.kind);
        let before: Vec<Interval> =
            needed.flat_map(|provider| evaluate(evidence, rules, &provider, now).intervals).collect();
        let comes_after = |x: &Interval| {
            let leads = |y: &Interval| {
                let is_recent = y.to_us.is_none_or(|to| to.saturating_add(after.within_us) >= x.from_us);
                y.from_us <= x.from_us && is_recent
            };
            before.iter().any(leads)
        };
        (evaluation.intervals, evaluation.refused) = evaluation.intervals.into_iter().partition(comes_after);
    }
    evaluation
}

/// Every interaction that `spans` between objects add up to at `now`, by relation and objects; of a symmetric relation
/// the smaller object comes first. Spans within one object say nothing.
pub fn interactions(
    spans: impl IntoIterator<Item = (ObjectId, ObjectId, EvidenceSpan)>,
    rules: &Rules,
    now: Now,
) -> BTreeMap<(RelationKind, ObjectId, ObjectId), Vec<Interval>> {
    let mut all = All::default();
    for (a, b, span) in spans {
        if let Some(key) = rules.key(span.kind, a, b).filter(|_| a != b) {
            all.0.entry(key).or_default().insert(span.number, span);
        }
    }
    let mut inside: BTreeMap<PairKey, Vec<Interval>> = BTreeMap::new();
    for key in all.0.keys() {
        if let Some(counter) = rules.counter(key) {
            inside.entry(counter).or_default().extend(evaluate(&all, rules, key, now).intervals);
        }
    }
    for (counter, inside) in inside {
        let zone = ZoneId::of_object(counter.b);
        if let Some((zone, crowd)) = zone.and_then(|zone| Some((zone, rules.crowd_of(zone)?))) {
            all.0.insert(counter, crowded(&inside, crowd, zone.track(), &BTreeMap::new(), 0));
        }
    }
    let stated = all.0.keys().filter(|key| rules.of(key.kind, key.b).is_some_and(|rule| !rule.internal));
    stated.map(|key| ((key.kind, key.a, key.b), evaluate(&all, rules, key, now).intervals)).collect()
}

#[derive(Default)]
struct All(BTreeMap<PairKey, BTreeMap<u32, EvidenceSpan>>);

impl Evidence for All {
    fn pieces(&self, key: &PairKey, rule: &IntervalRule, now: Now) -> Vec<Piece> {
        self.0.get(key).into_iter().flat_map(BTreeMap::values).map(|span| Piece::new(span, rule, now)).collect()
    }
}
