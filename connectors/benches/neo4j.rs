//! How many deltas a second does a real Neo4j server take?
//!
//! `eval $(scripts/services.sh env); cargo bench -p vokg-connectors --bench neo4j`. Writes two logs, with and without
//! interactions as vertices: one in which objects come and go and meet a few others, and one in which a single object has
//! 10 000 edges. Prints deltas a second, and how fast the graph is removed again. The floor is 2 000 deltas a second.

use std::collections::BTreeSet;
use std::time::Instant;
use vokg_connectors::follow::{Followed, Portion, Target};
use vokg_connectors::neo4j::{Neo4jConfig, Neo4jTarget, Server};
use vokg_connectors::store::StreamId;
use vokg_engine::delta::{Delta, Diff, Edge, Element, ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::{Detail, RelationKind};
use vokg_engine::id::{InteractionId, ObjectId, StreamName, TrackId};
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::Micros;

const PORTION: usize = 5_000;
const HUB_EDGES: u32 = 10_000;
const STREET_STEPS: u32 = 4_000;
const STEP_US: Micros = 40_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Ok(uri) = std::env::var("VOKG_TEST_NEO4J") else {
        eprintln!("SKIPPED: VOKG_TEST_NEO4J names no server; scripts/services.sh start gives one");
        return Ok(());
    };
    println!("{:<10}{:>14}{:>10}{:>12}{:>16}", "log", "interactions", "deltas", "deltas/s", "removed/s");
    for (name, log) in [("street", street()), ("hub", hub())] {
        for interactions in [false, true] {
            let config = Neo4jConfig { uri: uri.clone(), interactions, ..Neo4jConfig::default() };
            let mut target = Neo4jTarget::new(Server::new(&config)?, [1; 16], interactions, 100);
            let stream = Followed {
                id: StreamId(1),
                name: StreamName::new(&format!("bench-{}-{name}", std::process::id()))?,
                origin_us: Some(1_795_348_800_000_000),
            };
            measure(&mut target, &stream, &log)?;
        }
    }
    Ok(())
}

fn measure(
    target: &mut Neo4jTarget<Server>,
    stream: &Followed,
    log: &[LogEntry],
) -> Result<(), Box<dyn std::error::Error>> {
    let deltas = log.iter().filter(|entry| matches!(entry.record, Record::Delta(_))).count();
    let refused = BTreeSet::new();
    let mut after = target.told(stream)?.map(|told| told.at);
    let begun = Instant::now();
    for entries in portions(log) {
        let portion = Portion { stream, after, entries, refused: &refused };
        target.apply(&portion)?;
        after = Some(portion.last());
    }
    let written = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    while !target.remove(&stream.name)? {}
    let removed = begun.elapsed().as_secs_f64();
    let (name, interactions) = (stream.name.as_str().rsplit('-').next().unwrap_or_default(), target.has_interactions());
    let per_second = |seconds: f64| deltas as f64 / seconds;
    println!("{name:<10}{interactions:>14}{deltas:>10}{:>12.0}{:>16.0}", per_second(written), per_second(removed));
    Ok(())
}

/// Pieces of at most [`PORTION`] entries that end with a progress record.
fn portions(mut log: &[LogEntry]) -> Vec<&[LogEntry]> {
    let mut portions = Vec::new();
    while !log.is_empty() {
        let within = &log[..PORTION.min(log.len())];
        let last = within.iter().rposition(|entry| matches!(entry.record, Record::Progress(_)));
        let (portion, rest) = log.split_at(last.map_or(log.len(), |last| last + 1));
        portions.push(portion);
        log = rest;
    }
    portions
}

/// An object comes at each step and stays for 300, and four edges begin and end: half of the deltas end something.
fn street() -> Vec<LogEntry> {
    let mut log = Log::default();
    for step in 0..STREET_STEPS {
        let t = Micros::from(step) * STEP_US;
        let mut elements = vec![object(step + 1, t, None)];
        if let Some(born) = step.checked_sub(300) {
            elements.push(object(born + 1, Micros::from(born) * STEP_US, Some(t)));
        }
        for index in 0..4 {
            let begun = |begun: u32| {
                let other = begun.saturating_sub(1 + index * 7) + 1;
                let kind = [RelationKind::NEAR, RelationKind::OCCLUDES, RelationKind::APPROACHES][(begun % 3) as usize];
                edge(kind, begun + 1, other, begun * 4 + index, Micros::from(begun) * STEP_US)
            };
            elements.push(Element::Edge(begun(step)));
            if let Some(ended) = step.checked_sub(20 + index * 30) {
                elements.push(Element::Edge(Edge { valid_to_us: Some(t), ..begun(ended) }));
            }
        }
        log.at(t, elements);
    }
    log.entries
}

/// One object meets [`HUB_EDGES`] others one after the other.
fn hub() -> Vec<LogEntry> {
    let mut log = Log::default();
    log.at(0, vec![object(1, 0, None)]);
    for number in 1..=HUB_EDGES {
        let t = Micros::from(number) * STEP_US;
        let meets = |number: u32| edge(RelationKind::NEAR, 1, number + 1, number, Micros::from(number) * STEP_US);
        let mut elements = vec![object(number + 1, t, None), Element::Edge(meets(number))];
        if number > 25 {
            elements.push(Element::Edge(Edge { valid_to_us: Some(t), ..meets(number - 25) }));
        }
        log.at(t, elements);
    }
    log.entries
}

#[derive(Default)]
struct Log {
    entries: Vec<LogEntry>,
    lower: Micros,
}

impl Log {
    fn at(&mut self, t: Micros, elements: Vec<Element>) {
        let asserted = |element| Delta { t, diff: Diff::Assert, element, caused_by: None };
        let mut deltas: Vec<Delta> = elements.into_iter().map(asserted).collect();
        deltas.sort_by_key(Delta::order);
        let count = deltas.len() as u32;
        let progress = Progress { lower: self.lower, frontier: Some(t + 1), settled_us: 0, count };
        for record in deltas.into_iter().map(Record::Delta).chain([Record::Progress(progress)]) {
            self.entries.push(LogEntry { epoch: 1, seq: self.entries.len() as u64, record });
        }
        self.lower = t + 1;
    }
}

fn object(number: u32, first_seen_us: Micros, left_us: Option<Micros>) -> Element {
    let vertex = ObjectVertex {
        class: Some("person".to_owned()),
        first_seen_us,
        last_seen_us: left_us.unwrap_or(first_seen_us),
        open: left_us.is_none(),
        confidence_milli: 870,
        tracks: vec![TrackId(number)],
    };
    Element::Vertex(VertexKey::Object(ObjectId(number)), Vertex::Object(vertex))
}

fn edge(kind: RelationKind, from: u32, to: u32, number: u32, valid_from_us: Micros) -> Edge {
    Edge {
        id: InteractionId::of(kind, ObjectId(from), ObjectId(to), number),
        kind,
        from: VertexKey::Object(ObjectId(from)),
        to: VertexKey::Object(ObjectId(to)),
        valid_from_us,
        valid_to_us: None,
        confidence_milli: 800,
        detail: Detail::default(),
        supersedes: vec![],
    }
}
