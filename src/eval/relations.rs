//! Relations compared with the truth: F1 at a temporal intersection over union.
//!
//! A predicted interval hits a true one of the same kind between the same objects, in the same direction, where their
//! intersection over union in time reaches the threshold; the pairs of the largest overlap are taken first, each
//! interval once. That is the protocol of temporal action detection (Caba Heilbron et al., "ActivityNet", CVPR 2015,
//! section 4) with the pair of objects added.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::evidence::RelationKind;
use vokg_engine::time::{Micros, secs_from_micros};

/// Temporal overlap at which an interval counts as found.
pub const HIT: f64 = 0.5;

/// A relation between two things over an interval. The ends are the truth's numbers; `None` for an object that is none
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Fact {
    /// Which relation.
    pub kind: RelationKind,
    /// Who.
    pub a: Option<u32>,
    /// Towards whom.
    pub b: Option<u32>,
    /// First moment.
    pub from_us: Micros,
    /// First moment without.
    pub to_us: Micros,
}

/// How well one relation, or all together, were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RelationScore {
    /// Intervals that are true.
    pub truth: usize,
    /// Intervals that were stated.
    pub predicted: usize,
    /// Intervals that were found.
    pub hits: usize,
    /// Hits among the stated.
    pub precision: f64,
    /// Hits among the true.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 1 where there was nothing to find and nothing was stated.
    pub f1: f64,
    /// Median distance of a hit's ends from the true ends, in seconds.
    pub boundary_error_s: Option<f64>,
    /// Stated intervals that hit nothing, by the minute of what was looked at.
    pub false_per_minute: f64,
}

/// Scores per relation that is true or stated, and over all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RelationScores {
    /// By name.
    pub by_kind: BTreeMap<String, RelationScore>,
    /// All intervals of all relations together.
    pub micro: RelationScore,
}

/// Intersection over union of two half-open intervals.
pub fn temporal_iou(a: (Micros, Micros), b: (Micros, Micros)) -> f64 {
    let overlap = a.1.min(b.1).saturating_sub(a.0.max(b.0));
    let union = a.1.max(b.1).saturating_sub(a.0.min(b.0));
    if union == 0 { 0.0 } else { overlap as f64 / union as f64 }
}

/// Stated facts held against true ones.
#[derive(Clone, Debug)]
pub struct Comparison {
    predicted: Vec<Fact>,
    truth: Vec<Fact>,
    /// Places of the stated and the true fact, each at most once.
    hits: Vec<(usize, usize)>,
    duration_us: Micros,
}

impl Comparison {
    /// Finds the hits. Kinds in `symmetric` are compared without direction; only `kinds` count, all where it is empty.
    /// `duration_us` is the length of what was looked at.
    pub fn new(
        predicted: &[Fact],
        truth: &[Fact],
        symmetric: &BTreeSet<RelationKind>,
        kinds: &BTreeSet<RelationKind>,
        duration_us: Micros,
    ) -> Self {
        let wanted = |fact: &&Fact| kinds.is_empty() || kinds.contains(&fact.kind);
        let undirected = |fact: &Fact| {
            let swap = symmetric.contains(&fact.kind) && fact.a > fact.b;
            if swap { Fact { a: fact.b, b: fact.a, ..*fact } } else { *fact }
        };
        let predicted: Vec<_> = predicted.iter().filter(wanted).map(undirected).collect();
        let truth: Vec<_> = truth.iter().filter(wanted).map(undirected).collect();
        let hits = matches(&predicted, &truth);
        Self { predicted, truth, hits, duration_us }
    }

    /// The scores of all facts.
    pub fn scores(&self) -> RelationScores {
        self.scores_where(|_| true)
    }

    /// The scores of the facts for which `belongs` holds. A hit belongs where its true fact does, so that scores of
    /// complementary groups add up to those of all.
    pub fn scores_where(&self, belongs: impl Fn(&Fact) -> bool) -> RelationScores {
        let true_of: BTreeMap<usize, usize> = self.hits.iter().copied().collect();
        let stands_for = |p: usize| true_of.get(&p).map_or(&self.predicted[p], |t| &self.truth[*t]);
        let predicted: Vec<usize> = (0..self.predicted.len()).filter(|p| belongs(stands_for(*p))).collect();
        let truth: Vec<&Fact> = self.truth.iter().filter(|fact| belongs(fact)).collect();
        let of = |kind: Option<RelationKind>| {
            let is = |fact: &Fact| kind.is_none_or(|kind| fact.kind == kind);
            let stated = || predicted.iter().filter(|p| is(&self.predicted[**p]));
            let errors: Vec<Micros> = stated()
                .filter_map(|p| Some((&self.predicted[*p], &self.truth[*true_of.get(p)?])))
                .flat_map(|(p, t)| [p.from_us.abs_diff(t.from_us), p.to_us.abs_diff(t.to_us)])
                .collect();
            summary(truth.iter().filter(|fact| is(fact)).count(), stated().count(), errors, self.duration_us)
        };
        let all: BTreeSet<_> =
            predicted.iter().map(|p| self.predicted[*p].kind).chain(truth.iter().map(|fact| fact.kind)).collect();
        let by_kind = all.into_iter().map(|kind| (kind.to_string(), of(Some(kind)))).collect();
        RelationScores { by_kind, micro: of(None) }
    }
}

/// A moment is found if it is stated within half of this.
const MOMENT_SECS: f64 = 2.0;

/// Whether a relation is a moment, of which only the beginning counts.
fn is_moment(kind: RelationKind) -> bool {
    [RelationKind::CROSSES, RelationKind::PICK_UP, RelationKind::PUT_DOWN].contains(&kind)
}

fn matches(predicted: &[Fact], truth: &[Fact]) -> Vec<(usize, usize)> {
    let mut candidates = Vec::new();
    for (p, fact) in predicted.iter().enumerate() {
        for (t, true_fact) in truth.iter().enumerate() {
            let same = fact.kind == true_fact.kind && fact.a == true_fact.a && fact.b == true_fact.b;
            let overlap = match is_moment(fact.kind) {
                true => 1.0 - secs_from_micros(fact.from_us.abs_diff(true_fact.from_us)) / MOMENT_SECS,
                false => temporal_iou((fact.from_us, fact.to_us), (true_fact.from_us, true_fact.to_us)),
            };
            if same && fact.a.is_some() && fact.b.is_some() && overlap >= HIT {
                candidates.push((overlap, p, t));
            }
        }
    }
    candidates.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let (mut used_p, mut used_t) = (BTreeSet::new(), BTreeSet::new());
    let mut hits = Vec::new();
    for (_, p, t) in candidates {
        if !used_p.contains(&p) && !used_t.contains(&t) {
            used_p.insert(p);
            used_t.insert(t);
            hits.push((p, t));
        }
    }
    hits
}

/// `errors_us` has both ends of each hit.
fn summary(truth: usize, predicted: usize, mut errors_us: Vec<Micros>, duration_us: Micros) -> RelationScore {
    let hits = errors_us.len() / 2;
    let share = |of: usize| if of == 0 { 1.0 } else { hits as f64 / of as f64 };
    let f1 = if truth + predicted == 0 { 1.0 } else { 2.0 * hits as f64 / (truth + predicted) as f64 };
    errors_us.sort_unstable();
    let boundary_error_s = errors_us.get(errors_us.len() / 2).map(|us| secs_from_micros(*us));
    let minutes = secs_from_micros(duration_us) / 60.0;
    let false_per_minute = if minutes > 0.0 { (predicted - hits) as f64 / minutes } else { 0.0 };
    let (precision, recall) = (share(predicted), share(truth));
    RelationScore { truth, predicted, hits, precision, recall, f1, boundary_error_s, false_per_minute }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(kind: RelationKind, a: u32, b: u32, from_us: Micros, to_us: Micros) -> Fact {
        Fact { kind, a: Some(a), b: Some(b), from_us, to_us }
    }

    fn compared(predicted: &[Fact], truth: &[Fact]) -> Comparison {
        let symmetric = BTreeSet::from([RelationKind::NEAR]);
        Comparison::new(predicted, truth, &symmetric, &BTreeSet::new(), 30_000_000)
    }

    fn f1(predicted: &[Fact], truth: &[Fact]) -> f64 {
        compared(predicted, truth).scores().micro.f1
    }

    #[test]
    fn direction_counts_where_the_relation_has_one() {
        let near = |a, b| fact(RelationKind::NEAR, a, b, 0, 100);
        let approaches = |a, b| fact(RelationKind::APPROACHES, a, b, 0, 100);
        assert_eq!(f1(&[near(2, 1)], &[near(1, 2)]), 1.0);
        assert_eq!(f1(&[approaches(2, 1)], &[approaches(1, 2)]), 0.0);
    }

    #[test]
    fn an_interval_is_found_once_and_half_overlap_is_needed() {
        let near = |from, to| fact(RelationKind::NEAR, 1, 2, from, to);
        assert_eq!(f1(&[near(0, 50)], &[near(0, 100)]), 1.0);
        assert_eq!(f1(&[near(0, 49)], &[near(0, 100)]), 0.0);
        assert_eq!(f1(&[near(0, 60), near(10, 100)], &[near(0, 100)]), 2.0 / 3.0);
    }

    #[test]
    fn objects_that_are_none_of_the_true_ones_never_hit() {
        let unknown = Fact { kind: RelationKind::NEAR, a: None, b: Some(2), from_us: 0, to_us: 9 };
        let scores = compared(&[unknown], &[unknown]).scores();
        assert_eq!((scores.micro.hits, scores.micro.predicted), (0, 1));
    }

    #[test]
    fn boundary_error_is_the_median_over_both_ends() {
        let near = |from, to| fact(RelationKind::NEAR, 1, 2, from, to);
        let scores = compared(&[near(200_000, 1_000_000)], &[near(0, 1_000_000)]).scores();
        assert_eq!(scores.micro.boundary_error_s, Some(0.2));
    }

    #[test]
    fn what_was_stated_and_is_not_so_is_counted_by_the_minute() {
        let near = |from, to| fact(RelationKind::NEAR, 1, 2, from, to);
        let scores = compared(&[near(0, 100), near(200, 300), near(400, 500)], &[near(0, 100)]).scores();
        assert_eq!(scores.micro.false_per_minute, 4.0);
    }

    #[test]
    fn a_hit_belongs_where_its_true_fact_does() {
        let near = |from, to| fact(RelationKind::NEAR, 1, 2, from, to);
        let compared = compared(&[near(90, 200), near(300, 400)], &[near(110, 200)]);
        let (early, late) =
            (compared.scores_where(|fact| fact.from_us < 100), compared.scores_where(|fact| fact.from_us >= 100));
        assert_eq!((early.micro.truth, early.micro.predicted, early.micro.hits), (0, 0, 0));
        assert_eq!((late.micro.truth, late.micro.predicted, late.micro.hits), (1, 2, 1));
    }
}
