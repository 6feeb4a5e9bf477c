//! How close a graph is to the truth: relations by temporal overlap, detections and identities by boxes.

pub mod identity;
pub mod mot;
pub mod moved;
pub mod relations;
pub mod zones;

use identity::IdentityScore;
use moved::Moved;
use relations::{Comparison, Fact, RelationScores};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use vokg_connectors::export::Sighting;
use vokg_connectors::source::synthetic::Truth;
use vokg_connectors::source::synthetic::truth::TruthInteraction;
use vokg_engine::delta::{Edge, VertexKey};
use vokg_engine::evidence::RelationKind;
use vokg_engine::geometry::Rect;
use vokg_engine::graph::Graph;
use vokg_engine::time::{Micros, SECOND_US};
use vokg_operators::relate::{OVERLAPS, RelateConfig};

/// Truth boxes of which less than this share is visible are nobody's task.
const VISIBLE: f32 = 0.1;

/// All figures of one stream.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// Temporal overlap at which an interval counts as found.
    pub tiou: f64,
    /// Boxes and identities; `None` where facts alone were compared.
    pub identity: Option<IdentityScore>,
    /// The same of what had moved before: the true boxes of a thing until then count neither as missed nor as found.
    pub identity_moved: Option<IdentityScore>,
    /// Relations that this version states.
    pub relations: RelationScores,
    /// Of these, the ones between things that had both moved before: both can be known by their motion.
    pub relations_moved: RelationScores,
    /// The rest.
    pub relations_unmoved: RelationScores,
}

/// Compares a graph, and the sightings it rests on, with the truth. Relations that this version does not know are left
/// out of the truth.
pub fn evaluate(graph: &Graph, sightings: &[Sighting], truth: &Truth) -> Evaluation {
    let frame = |t: Micros| (t as f64 * truth.fps / SECOND_US as f64).round() as u64;
    let stated: Vec<_> =
        sightings.iter().map(|s| identity::Sighting { frame: frame(s.t), id: s.object.0, rect: s.rect }).collect();
    let boxes = truth.objects.iter().flat_map(|object| object.boxes.iter().map(move |b| (object.id, b)));
    let moved = Moved::of(truth);
    let (had_moved, had_not): (Vec<_>, Vec<_>) = boxes
        .filter(|(_, b)| b.visible >= VISIBLE)
        .map(|(id, b)| {
            let rect = Rect::new(b.left, b.top, b.width, b.height);
            (moved.by(id, b.t_us), identity::Sighting { frame: frame(b.t_us), id, rect })
        })
        .partition(|(moved, _)| *moved);
    let [had_moved, had_not] = [had_moved, had_not].map(|boxes| boxes.into_iter().map(|(_, b)| b).collect::<Vec<_>>());
    let (identity, true_of) = identity::score(&stated, &[had_moved.as_slice(), &had_not].concat());
    let (identity_moved, _) = identity::score(&identity::without_ignored(&stated, &had_moved, &had_not), &had_moved);
    let end_us = sightings.iter().map(|s| s.t).max().unwrap_or(0) + 1;
    let facts = evaluation(&stated_facts(graph, &true_of, end_us), truth, end_us);
    Evaluation { identity: Some(identity), identity_moved: Some(identity_moved), ..facts }
}

/// Compares facts whose ends are the numbers of the truth, such as those of `vokg relate` from true boxes.
pub fn evaluate_facts(stated: &[Fact], truth: &Truth) -> Evaluation {
    evaluation(stated, truth, 0)
}

/// Scores facts, for the relations this version states, over what the truth covers and at least `end_us`.
fn evaluation(stated: &[Fact], truth: &Truth, end_us: Micros) -> Evaluation {
    let rules = RelateConfig::default().rules();
    let symmetric: BTreeSet<_> = rules.kinds().filter(|(_, rule)| rule.symmetric).map(|(kind, _)| kind).collect();
    // No truth says whose movement foretells whose, and every truth knows who is in front.
    let unknown = [RelationKind::INFLUENCES, OVERLAPS];
    let judged = rules.kinds().filter(|(kind, _)| !unknown.contains(kind));
    let kinds: BTreeSet<_> = judged.map(|(kind, _)| kind).collect();
    let duration_us = end_of(truth).max(end_us);
    let comparison = Comparison::new(stated, &true_facts(truth), &symmetric, &kinds, duration_us);
    let moved = Moved::of(truth);
    // Where an end is no true thing, what was stated counts as false among those that moved.
    let both_moved = |fact: &Fact| match (fact.a, fact.b) {
        (Some(a), Some(b)) => [a, b].into_iter().all(|end| !truth.is_thing(end) || moved.by(end, fact.from_us)),
        _ => true,
    };
    Evaluation {
        tiou: relations::HIT,
        identity: None,
        identity_moved: None,
        relations: comparison.scores(),
        relations_moved: comparison.scores_where(both_moved),
        relations_unmoved: comparison.scores_where(|fact| !both_moved(fact)),
    }
}

/// The end of the last frame that shows something.
fn end_of(truth: &Truth) -> Micros {
    let last = truth.objects.iter().filter_map(|object| object.boxes.last()).map(|b| b.t_us).max();
    last.map_or(0, |last| last + (SECOND_US as f64 / truth.fps).round() as Micros)
}

/// The interactions of the truth.
fn true_facts(truth: &Truth) -> Vec<Fact> {
    let fact = |i: &TruthInteraction| {
        let kind = RelationKind::parse(&i.kind)?;
        Some(Fact { kind, a: Some(i.a), b: Some(i.b), from_us: i.from_us, to_us: i.to_us })
    };
    truth.interactions.iter().filter_map(fact).collect()
}

fn stated_facts(graph: &Graph, true_of: &BTreeMap<u32, u32>, end_us: Micros) -> Vec<Fact> {
    let end = |key: VertexKey| match key {
        VertexKey::Object(object) => true_of.get(&object.0).copied(),
        VertexKey::Zone(zone) => Some(zone.0),
        _ => None,
    };
    let fact = |edge: &Edge| Fact {
        kind: edge.kind,
        a: end(edge.from),
        b: end(edge.to),
        from_us: edge.valid_from_us,
        to_us: edge.valid_to_us.unwrap_or(end_us),
    };
    graph.edges.values().map(fact).collect()
}
