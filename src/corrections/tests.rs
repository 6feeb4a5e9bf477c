#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::belief::{Unknowable, founded};
use super::moves::Refused;
use super::sightings::vertex;
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use vokg_connectors::store::StreamHead;
use vokg_engine::delta::{IdentityMove, Vertex, VertexKey};
use vokg_engine::evidence::{After, Detail, EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::graph::Graph;
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::record::Record;
use vokg_engine::time::Micros;
use vokg_operators::resolve::Rules;

const TRACKS: u32 = 7;
const ENDED_US: Micros = 3000;
const KINDS: [RelationKind; 4] = [RelationKind::NEAR, RelationKind::FOLLOWS, RelationKind::CHASES, RelationKind::IN];

/// All that is known of a stream, made up.
#[derive(Debug)]
struct World {
    graph: Graph,
    evidence: Vec<EvidenceSpan>,
    sightings: BTreeMap<TrackId, Sightings>,
    rules: Rules,
}

fn rules() -> Rules {
    let pauses = IntervalRule { hold_off_us: 40, bridge_us: 90, min_us: 60, ..IntervalRule::PLAIN };
    let after = Some(After { kind: RelationKind::NEAR, within_us: 500 });
    let mut rules = Rules::from([
        (RelationKind::NEAR, IntervalRule { symmetric: true, ..pauses }),
        (RelationKind::FOLLOWS, IntervalRule { without: Some(RelationKind::CHASES), ..pauses }),
        (RelationKind::CHASES, IntervalRule { after, ..pauses }),
        (RelationKind::IN, pauses),
        (RelationKind::COUNT, IntervalRule::PLAIN),
    ]);
    rules.crowd(ZoneId(1), 2);
    rules
}

impl World {
    fn new(evidence: Vec<EvidenceSpan>, follows: &[Option<u32>]) -> Self {
        let seen = |n: u32| Sightings {
            first_us: u64::from(n) * 100,
            last_us: u64::from(n) * 100 + 99,
            count: u64::from(n) + 3,
            score_milli: u64::from(n) * 700 + 900,
            place_px: [0; 3],
        };
        let sightings: BTreeMap<_, _> = (1..=TRACKS).map(|n| (TrackId(n), seen(n))).collect();
        let mut objects: BTreeMap<TrackId, ObjectId> = BTreeMap::new();
        for (track, earlier) in (1..=TRACKS).zip(follows) {
            let earlier = earlier.and_then(|earlier| objects.get(&TrackId(earlier))).copied();
            objects.insert(TrackId(track), earlier.unwrap_or(TrackId(track).into()));
        }
        let mut world = Self { graph: Graph::default(), evidence, sightings, rules: rules() };
        world.graph = world.scratch(&objects);
        world
    }

    fn scratch(&self, objects: &BTreeMap<TrackId, ObjectId>) -> Graph {
        let mut graph = Graph::default();
        for id in objects.values() {
            let tracks: BTreeSet<_> = objects.iter().filter(|(_, of)| *of == id).map(|(track, _)| *track).collect();
            let vertex = vertex(&tracks, None, &self.sightings).unwrap();
            graph.vertices.insert(VertexKey::Object(*id), Vertex::Object(vertex));
        }
        let edges = founded(&self.known(&self.graph), objects);
        graph.edges = edges.into_iter().map(|(id, founded)| (id, founded.edge)).collect();
        graph
    }

    fn known<'a>(&'a self, graph: &'a Graph) -> Known<'a> {
        let Self { evidence, sightings, rules, .. } = self;
        Known { graph, evidence, sightings, rules, ended_us: ENDED_US }
    }

    fn objects(&self) -> Vec<ObjectId> {
        let ids = self.graph.vertices.keys().map(|key| match key {
            VertexKey::Object(id) => *id,
            other => panic!("{other:?} is no object"),
        });
        ids.collect()
    }

    fn tracks(graph: &Graph, object: ObjectId) -> BTreeSet<TrackId> {
        match &graph.vertices[&VertexKey::Object(object)] {
            Vertex::Object(vertex) => vertex.tracks.iter().copied().collect(),
            other => panic!("{other:?} is no object"),
        }
    }
}

/// The graph without what its edges replaced.
fn bare(mut graph: Graph) -> Graph {
    graph.edges.values_mut().for_each(|edge| edge.supersedes.clear());
    graph
}

/// What the log says after the deltas from one graph to another, without the correction vertex.
fn folded(from: &Graph, to: &Graph, moves: &[IdentityMove]) -> Graph {
    let mut graph = Graph { vertices: from.vertices.clone(), edges: from.edges.clone() };
    let zone = VertexKey::Zone(ZoneId(1));
    let shape = vokg_engine::delta::ZoneShape::Area;
    let area = vokg_engine::delta::ZoneVertex { name: String::new(), shape, corners_ppm: vec![] };
    graph.vertices.insert(zone, Vertex::Zone(area));
    let deltas = between(from, to, moves, "by hand", 9000);
    assert!(deltas.is_sorted_by(|a, b| a.order() < b.order()), "in order, one for each key");
    deltas.iter().for_each(|delta| graph.apply(delta).unwrap());
    assert!(graph.vertices.remove(&VertexKey::Correction(9000)).is_some());
    graph.vertices.remove(&zone);
    graph
}

fn span() -> impl Strategy<Value = EvidenceSpan> {
    let ends = (1..=TRACKS, 1..=TRACKS).prop_filter("two ends", |(a, b)| a != b);
    (0..KINDS.len(), ends, 0..1500u64, prop::option::of(1..900u64), 300..1000u16).prop_map(
        |(kind, (a, b), from_us, length, confidence_milli)| {
            let kind = KINDS[kind];
            let b = if kind == RelationKind::IN { ZoneId(1).track() } else { TrackId(b) };
            let to_us = length.map(|length| from_us + length);
            EvidenceSpan {
                kind,
                a: TrackId(a),
                b,
                from_us,
                number: 0,
                to_us,
                confidence_milli,
                detail: Detail::default(),
            }
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    let follows = prop::collection::vec(prop::option::weighted(0.3, 1..=TRACKS), TRACKS as usize);
    (prop::collection::vec(span(), 0..40), follows).prop_map(|(mut evidence, follows)| {
        evidence.sort_unstable_by_key(|span| span.from_us);
        (1..).zip(&mut evidence).for_each(|(number, span)| span.number = number);
        World::new(evidence, &follows)
    })
}

proptest! {
    #[test]
    fn a_merge_is_what_scratch_says_and_a_split_restores_what_was(
        world in world(),
        (a, b) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let objects = world.objects();
        let (a, b) = (*a.get(&objects), *b.get(&objects));
        prop_assume!(a != b);
        let moves = merge(&world.graph, &world.sightings, (a, b)).unwrap();
        let merged = corrected(&world.known(&world.graph), &moves).unwrap();

        let mut map = crate::sightings::objects_by_track(&world.graph);
        map.extend(moves.iter().map(|change| (change.track, a.min(b))));
        prop_assert_eq!(bare(merged.clone()), world.scratch(&map));
        prop_assert_eq!(&folded(&world.graph, &merged, &moves), &merged);
        for edge in merged.edges.values() {
            let is_gone = |id| world.graph.edges.contains_key(id) && !merged.edges.contains_key(id);
            prop_assert!(edge.supersedes.iter().all(is_gone), "{:?}", edge);
        }

        let parted = World::tracks(&world.graph, a.max(b));
        let moves = split(&merged, &world.sightings, a.min(b), &parted).unwrap();
        let restored = corrected(&world.known(&merged), &moves).unwrap();
        prop_assert_eq!(bare(restored), world.graph.clone());
        // Undone, it is the graph that was, with what its edges replaced.
        prop_assert_eq!(&folded(&merged, &world.graph, &moves), &world.graph);
    }

    #[test]
    fn a_split_is_what_scratch_says(world in world(), chosen in any::<[bool; TRACKS as usize]>()) {
        let Some(object) = world.objects().into_iter().find(|id| World::tracks(&world.graph, *id).len() > 1) else {
            return Ok(());
        };
        let all = World::tracks(&world.graph, object);
        let parted: BTreeSet<_> = all.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(track, _)| *track).collect();
        let moves = split(&world.graph, &world.sightings, object, &parted);
        if parted.is_empty() || parted == all {
            let is_refused = matches!(moves, Err(Refused::NoPart { .. }));
            prop_assert!(is_refused);
            return Ok(());
        }
        let after = corrected(&world.known(&world.graph), &moves.unwrap()).unwrap();
        let rest: BTreeSet<_> = all.difference(&parted).copied().collect();
        for part in [parted, rest] {
            // Track numbers rise with their first sighting here.
            prop_assert_eq!(&World::tracks(&after, (*part.first().unwrap()).into()), &part);
        }
        let map = crate::sightings::objects_by_track(&after);
        prop_assert_eq!(bare(after), world.scratch(&map));
    }
}

fn two_meet() -> World {
    let near = |number, a, b, from_us| EvidenceSpan {
        kind: RelationKind::NEAR,
        a: TrackId(a),
        b: TrackId(b),
        from_us,
        number,
        to_us: Some(from_us + 200),
        confidence_milli: 800,
        detail: Detail::default(),
    };
    World::new(vec![near(1, 1, 2, 100), near(2, 2, 3, 350)], &[None; TRACKS as usize])
}

#[test]
fn what_was_two_is_one_and_says_what_it_replaces() {
    let mut world = two_meet();
    world.graph = world.scratch(&(1..=3).map(|n| (TrackId(n), ObjectId(n))).collect());
    assert_eq!(world.graph.edges.len(), 2);
    let moves = merge(&world.graph, &world.sightings, (ObjectId(3), ObjectId(1))).unwrap();
    assert_eq!(moves, [IdentityMove { track: TrackId(3), from: ObjectId(3), to: ObjectId(1), score_milli: 1000 }]);
    let merged = corrected(&world.known(&world.graph), &moves).unwrap();
    let [edge] = &merged.edges.values().collect::<Vec<_>>()[..] else { panic!("{:?}", merged.edges) };
    assert_eq!((edge.valid_from_us, edge.valid_to_us), (100, Some(550)), "the pause between them is bridged");
    assert_eq!(edge.supersedes.len(), 1, "the other interaction keeps its id: {edge:?}");

    let mut head = StreamHead::default();
    (head.epoch, head.frontier_us) = (3, 9000);
    let deltas = between(&world.graph, &merged, &moves, "merged by hand", 9000);
    let entries = epoch(&head, deltas.clone());
    assert_eq!(entries.len(), deltas.len() + 1);
    assert!(entries.iter().zip(0..).all(|(entry, seq)| (entry.epoch, entry.seq) == (4, seq)));
    let Some(Record::Progress(closing)) = entries.last().map(|entry| entry.record.clone()) else {
        panic!("nothing closes the epoch")
    };
    assert_eq!((closing.lower, closing.frontier, closing.count as usize), (9000, None, deltas.len()));
}

#[test]
fn evidence_that_does_not_give_the_graph_corrects_nothing() {
    let mut world = two_meet();
    world.graph = world.scratch(&(1..=3).map(|n| (TrackId(n), ObjectId(n))).collect());
    let moves = merge(&world.graph, &world.sightings, (ObjectId(1), ObjectId(3))).unwrap();
    let all = std::mem::take(&mut world.evidence);
    assert_eq!(corrected(&world.known(&world.graph), &moves), Err(Unknowable::NoEvidence));
    world.evidence = vec![all[0], EvidenceSpan { number: 7, ..all[1] }];
    assert_eq!(corrected(&world.known(&world.graph), &moves), Err(Unknowable::Differs { absent: 1, surplus: 1 }));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let mut world = two_meet();
    let graph = world.scratch(&(1..=7).map(|n| (TrackId(n), ObjectId(n))).collect());
    let merge = |world: &World, a, b| merge(&graph, &world.sightings, (ObjectId(a), ObjectId(b))).unwrap_err();
    assert_eq!(merge(&world, 1, 1), Refused::Same(ObjectId(1)));
    assert_eq!(merge(&world, 1, 99).to_string(), "no object 99; there are: 1, 2, 3, 4, 5, 6, 7");
    world.sightings.get_mut(&TrackId(1)).unwrap().last_us = 1_200_000;
    world.sightings.get_mut(&TrackId(4)).unwrap().last_us = 700_400;
    let both = "they cannot be one: track 1 and track 4 were both there from 0.0 s to 0.7 s";
    assert_eq!(merge(&world, 1, 4).to_string(), both);
    let split = |tracks: &[u32]| {
        let tracks = tracks.iter().copied().map(TrackId).collect();
        split(&graph, &world.sightings, ObjectId(2), &tracks).unwrap_err()
    };
    assert_eq!(split(&[3]).to_string(), "object 2 has no track 3; it has: 2");
    assert!(matches!(split(&[2]), Refused::NoPart { .. }) && matches!(split(&[]), Refused::NoPart { .. }));
}
