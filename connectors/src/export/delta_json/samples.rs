//! A short made-up log, told record by record, and strategies for random ones.

use super::DeltaJson;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use vokg_engine::delta::{
    CorrectionVertex, Delta, Diff, Edge, Element, GapVertex, IdentityMove, ObjectVertex, StreamVertex, Vertex,
    VertexKey, ZoneShape, ZoneVertex,
};
use vokg_engine::evidence::{Detail, RelationKind};
use vokg_engine::geometry::Size;
use vokg_engine::graph::Graph;
use vokg_engine::id::{InteractionId, ObjectId, StreamName, TrackId, ZoneId};
use vokg_engine::record::{Digest, LogEntry, Progress, Record};
use vokg_engine::time::{Micros, TimeSource};

pub(crate) fn stream() -> StreamName {
    StreamName::new("gate").unwrap()
}

/// 2026-11-22T12:00:00Z.
pub(crate) const ORIGIN_US: i64 = 1_795_348_800_000_000;

pub(crate) const SIZE: Size = Size { width: 640, height: 360 };

fn stream_vertex(ended_us: Option<Micros>) -> (VertexKey, Vertex) {
    let vertex = StreamVertex {
        size: SIZE,
        origin_us: Some(ORIGIN_US),
        time_source: TimeSource::Pts,
        segmenter: "motion".into(),
        ended_us,
    };
    (VertexKey::Stream, Vertex::Stream(vertex))
}

fn object(id: u32, class: &str, seen: (Micros, Micros), open: bool, tracks: &[u32]) -> (VertexKey, Vertex) {
    let vertex = ObjectVertex {
        class: Some(class.into()),
        first_seen_us: seen.0,
        last_seen_us: seen.1,
        open,
        confidence_milli: 900 + id as u16,
        tracks: tracks.iter().copied().map(TrackId).collect(),
    };
    (VertexKey::Object(ObjectId(id)), Vertex::Object(vertex))
}

fn near(a: u32, b: u32, number: u32, to: Option<Micros>, supersedes: Vec<InteractionId>) -> Edge {
    Edge {
        id: InteractionId::of(RelationKind::NEAR, ObjectId(a), ObjectId(b), number),
        kind: RelationKind::NEAR,
        from: VertexKey::Object(ObjectId(a)),
        to: VertexKey::Object(ObjectId(b)),
        valid_from_us: 1_000_000,
        valid_to_us: to,
        confidence_milli: 812,
        detail: Detail::default(),
        supersedes,
    }
}

/// A gate, a person who waits at it, a car whose track breaks: NEAR is found late and back-dated, ends, and moves to
/// another object when the two halves of the car are seen to be one.
pub(crate) fn story() -> Vec<LogEntry> {
    let mut log = Log::default();
    let plus = |vertex: (VertexKey, Vertex)| (Diff::Assert, Element::Vertex(vertex.0, vertex.1));
    let minus = |vertex: (VertexKey, Vertex)| (Diff::Retract, Element::Vertex(vertex.0, vertex.1));
    log.at(0, None, vec![plus(stream_vertex(None))]);
    log.at(
        400_000,
        None,
        vec![
            plus(object(1, "car", (0, 400_000), true, &[1])),
            plus(object(2, "person", (80_000, 400_000), true, &[2])),
        ],
    );
    log.at(880_000, None, vec![plus(object(1, "car", (0, 480_000), false, &[1]))]);
    log.at(
        1_320_000,
        None,
        vec![
            plus(object(3, "car", (920_000, 1_320_000), true, &[3])),
            (Diff::Assert, Element::Edge(near(2, 3, 0, None, vec![]))),
        ],
    );
    let ended = near(2, 3, 0, Some(2_400_000), vec![]);
    log.at(2_600_000, None, vec![(Diff::Assert, Element::Edge(ended.clone()))]);
    let moved = IdentityMove { track: TrackId(3), from: ObjectId(3), to: ObjectId(1), score_milli: 870 };
    let correction = CorrectionVertex { moves: vec![moved], reason: "fragment".into() };
    let moved_edge = near(1, 2, 0, Some(2_400_000), vec![ended.id]);
    log.at(
        3_000_000,
        Some(3_000_000),
        vec![
            (Diff::Retract, Element::Edge(ended)),
            plus(object(1, "car", (0, 3_000_000), true, &[1, 3])),
            plus((VertexKey::Correction(3_000_000), Vertex::Correction(correction))),
            (Diff::Assert, Element::Edge(moved_edge)),
            minus(object(3, "car", (920_000, 1_320_000), true, &[3])),
        ],
    );
    let gap = GapVertex { from_us: 3_200_000, to_us: 3_600_000, reason: "missing frames".into() };
    log.at(3_600_000, None, vec![plus((VertexKey::Gap(1), Vertex::Gap(gap)))]);
    log.at(
        5_000_001,
        None,
        vec![
            plus(stream_vertex(Some(5_000_000))),
            plus(object(1, "car", (0, 4_480_000), false, &[1, 3])),
            plus(object(2, "person", (80_000, 5_000_000), false, &[2])),
        ],
    );
    log.close()
}

#[derive(Default)]
struct Log {
    entries: Vec<LogEntry>,
    lower: Micros,
}

impl Log {
    fn at(&mut self, t: Micros, caused_by: Option<Micros>, changes: Vec<(Diff, Element)>) {
        let count = changes.len() as u32;
        for (diff, element) in changes {
            self.push(Record::Delta(Delta { t, diff, element, caused_by }));
        }
        self.progress(Some(t + 1), count);
    }

    fn progress(&mut self, frontier: Option<Micros>, count: u32) {
        self.push(Record::Progress(Progress { lower: self.lower, frontier, settled_us: 0, count }));
        self.lower = frontier.unwrap_or(self.lower);
    }

    fn push(&mut self, record: Record) {
        self.entries.push(LogEntry { epoch: 1, seq: self.entries.len() as u64, record });
    }

    fn close(mut self) -> Vec<LogEntry> {
        self.progress(None, 0);
        self.entries
    }
}

pub(crate) fn lines(entries: &[LogEntry]) -> String {
    let (mut text, format) = (Vec::new(), DeltaJson::new(stream(), Some(ORIGIN_US)));
    entries.iter().for_each(|entry| format.write(&mut text, entry).unwrap());
    String::from_utf8(text).unwrap()
}

pub(crate) fn story_lines() -> String {
    lines(&story())
}

pub(crate) fn story_digest() -> Digest {
    let mut digest = Digest::default();
    story().iter().for_each(|entry| digest.extend(entry.epoch, entry.seq, &entry.record.encode()));
    digest
}

pub(crate) fn fold(entries: &[LogEntry]) -> Graph {
    let mut graph = Graph::default();
    for entry in entries {
        if let Record::Delta(delta) = &entry.record {
            graph.apply(delta).unwrap();
        }
    }
    graph
}

/// Any record that the schema allows, with awkward text.
pub(crate) fn any_entry() -> impl Strategy<Value = LogEntry> {
    let progress = (any_time(), option::of(any_time()), any_time(), any::<u32>()).prop_map(
        |(lower, frontier, settled_us, count)| Record::Progress(Progress { lower, frontier, settled_us, count }),
    );
    let diff = prop_oneof![Just(Diff::Assert), Just(Diff::Retract)];
    let element =
        prop_oneof![any_vertex().prop_map(|(key, v)| Element::Vertex(key, v)), any_edge().prop_map(Element::Edge)];
    let delta = (any_time(), diff, element, option::of(any_time()))
        .prop_map(|(t, diff, element, caused_by)| Record::Delta(Delta { t, diff, element, caused_by }));
    (1u32.., 0..1u64 << 53, prop_oneof![progress, delta]).prop_map(|(epoch, seq, record)| LogEntry {
        epoch,
        seq,
        record,
    })
}

fn any_time() -> impl Strategy<Value = Micros> {
    prop_oneof![0..10_000_000u64, 0..1u64 << 53]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![Just("a \"b\" <c> & 'd' \\ ;,\n\u{1}é🚗".to_owned()), "\\PC{0,20}"]
}

fn any_vertex() -> impl Strategy<Value = (VertexKey, Vertex)> {
    let sizes = (any::<u32>(), any::<u32>()).prop_map(|(width, height)| Size { width, height });
    let sources = prop_oneof![Just(TimeSource::Pts), Just(TimeSource::Ntp), Just(TimeSource::Arrival)];
    let origins = option::of(-(1i64 << 53)..1i64 << 53);
    let stream = (sizes, origins, sources, any_text(), option::of(any_time())).prop_map(
        |(size, origin_us, time_source, segmenter, ended_us)| {
            let vertex = StreamVertex { size, origin_us, time_source, segmenter, ended_us };
            (VertexKey::Stream, Vertex::Stream(vertex))
        },
    );
    let gap = (1u32.., any_time(), any_time(), any_text()).prop_map(|(number, from_us, to_us, reason)| {
        (VertexKey::Gap(number), Vertex::Gap(GapVertex { from_us, to_us, reason }))
    });
    let correction = (any_time(), vec(any_move(), 0..4), any_text()).prop_map(|(t, moves, reason)| {
        (VertexKey::Correction(t), Vertex::Correction(CorrectionVertex { moves, reason }))
    });
    let shapes = prop_oneof![Just(ZoneShape::Area), Just(ZoneShape::Line)];
    let zone = (0..=ZoneId::MAX, any_text(), shapes, vec(0u32..=1_000_000, 4..9)).prop_map(
        |(id, name, shape, corners_ppm)| {
            (VertexKey::Zone(ZoneId(id)), Vertex::Zone(ZoneVertex { name, shape, corners_ppm }))
        },
    );
    prop_oneof![stream, any_object(), gap, correction, zone]
}

fn any_object() -> impl Strategy<Value = (VertexKey, Vertex)> {
    let members = (option::of(any_text()), any_time(), any_time(), any::<bool>(), 0u16..=1000, vec(any::<u32>(), 0..4));
    (any::<u32>(), members).prop_map(|(id, (class, first_seen_us, last_seen_us, open, confidence_milli, tracks))| {
        let tracks = tracks.into_iter().map(TrackId).collect();
        let vertex = ObjectVertex { class, first_seen_us, last_seen_us, open, confidence_milli, tracks };
        (VertexKey::Object(ObjectId(id)), Vertex::Object(vertex))
    })
}

fn any_move() -> impl Strategy<Value = IdentityMove> {
    (any::<u32>(), any::<u32>(), any::<u32>(), 0u16..=1000).prop_map(|(track, from, to, score_milli)| IdentityMove {
        track: TrackId(track),
        from: ObjectId(from),
        to: ObjectId(to),
        score_milli,
    })
}

fn any_edge() -> impl Strategy<Value = Edge> {
    let kinds =
        prop_oneof![Just(RelationKind::NEAR), Just(RelationKind::INFLUENCES), Just(RelationKind::literal("A_9"))];
    let ids = vec(any::<u64>().prop_map(InteractionId), 0..3);
    let ends = (any_vertex(), any_vertex());
    let measures = (0u16..=1000, option::of(any::<u32>()), option::of(0u32..=1_000_000));
    (any::<u64>(), kinds, ends, any_time(), option::of(any_time()), measures, ids).prop_map(
        |(id, kind, (from, to), valid_from_us, valid_to_us, (confidence_milli, lag_ms, p_ppm), supersedes)| Edge {
            id: InteractionId(id),
            kind,
            from: from.0,
            to: to.0,
            valid_from_us,
            valid_to_us,
            confidence_milli,
            detail: Detail { lag_ms, p_ppm, rightwards: None },
            supersedes,
        },
    )
}
