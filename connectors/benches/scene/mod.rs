//! The scene that the benchmarks of the store and of the sinks write.

use vokg_connectors::store::StreamRequest;
use vokg_engine::delta::{Delta, Diff, Edge, Element, ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::{Detail, RelationKind};
use vokg_engine::id::{InteractionId, ObjectId, StreamName, TrackId};
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::Micros;

pub const DELTAS_A_COMMIT: usize = 1_000;
pub const HOUR_US: Micros = 3_600_000_000;
const KINDS: [RelationKind; 5] = [
    RelationKind::NEAR,
    RelationKind::CONTAINS,
    RelationKind::OCCLUDES,
    RelationKind::APPROACHES,
    RelationKind::LEAVES,
];

pub fn request(name: &str) -> Result<StreamRequest, Box<dyn std::error::Error>> {
    Ok(StreamRequest {
        name: StreamName::new(name)?,
        source_path: "bench".into(),
        content_hash: [0; 32],
        config_hash: [0; 32],
        segmenter: "none".into(),
        sampling: "all".into(),
        created_us: 0,
    })
}

/// An hour in which objects live for some ten seconds and each meets others for a second or two: half of the deltas
/// begin something, half end it. Batches of about [`DELTAS_A_COMMIT`] deltas, each time closed by its progress.
pub fn scene(deltas: u64) -> Vec<Vec<LogEntry>> {
    let mut batches = vec![Vec::with_capacity(DELTAS_A_COMMIT * 3 / 2)];
    let mut pending: Vec<Delta> = Vec::new();
    let (mut seq, mut lower, mut deltas_in_batch) = (0, 0, 0);
    let steps = deltas / 10;
    for step in 0..steps {
        let t = HOUR_US / steps * step;
        scene_at(step, HOUR_US / steps, &mut pending);
        pending.sort_by_key(Delta::order);
        let progress = Progress { lower, frontier: Some(t + 1), settled_us: lower, count: pending.len() as u32 };
        deltas_in_batch += pending.len();
        let batch = batches.last_mut().expect("it starts with one");
        let records = pending.drain(..).map(Record::Delta).chain([Record::Progress(progress)]);
        for record in records {
            batch.push(LogEntry { epoch: 1, seq, record });
            seq += 1;
        }
        lower = t + 1;
        if deltas_in_batch >= DELTAS_A_COMMIT {
            batches.push(Vec::with_capacity(DELTAS_A_COMMIT * 3 / 2));
            deltas_in_batch = 0;
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// The deltas of one step: one object comes, one leaves, four edges begin and four end.
fn scene_at(step: u64, step_us: Micros, deltas: &mut Vec<Delta>) {
    const LIFE_STEPS: u64 = 300;
    let t = step_us * step;
    let mut state = |element| deltas.push(Delta { t, diff: Diff::Assert, element, caused_by: None });
    let number = |step: u64| ObjectId(step as u32 + 1);
    state(object(number(step), t, None));
    if let Some(born) = step.checked_sub(LIFE_STEPS) {
        state(object(number(born), born * step_us, Some(t)));
    }
    for index in 0..4u64 {
        let length_steps = 20 + index * 30;
        let edge = |begun: u64| {
            let (from, to) = (number(begun), number(begun.saturating_sub(1 + index * 7)));
            let kind = KINDS[(begun + index) as usize % KINDS.len()];
            Edge {
                id: InteractionId::of(kind, from, to, (begun * 4 + index) as u32),
                kind,
                from: VertexKey::Object(from),
                to: VertexKey::Object(to),
                valid_from_us: (begun * step_us).saturating_sub(300_000),
                valid_to_us: None,
                confidence_milli: 800,
                detail: Detail::default(),
                supersedes: vec![],
            }
        };
        state(Element::Edge(edge(step)));
        if let Some(begun) = step.checked_sub(length_steps) {
            state(Element::Edge(Edge { valid_to_us: Some(t), ..edge(begun) }));
        }
    }
}

fn object(id: ObjectId, first_seen_us: Micros, left_us: Option<Micros>) -> Element {
    let vertex = ObjectVertex {
        class: None,
        first_seen_us,
        last_seen_us: left_us.unwrap_or(first_seen_us),
        open: left_us.is_none(),
        confidence_milli: 870,
        tracks: vec![TrackId(id.0)],
    };
    Element::Vertex(VertexKey::Object(id), Vertex::Object(vertex))
}
