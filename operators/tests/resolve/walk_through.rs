//! The log, record by record: a NEAR whose start is back-dated, its end, a merge that moves it, a split that restores it.
//!
//! Read the transcript beside docs/delta-format.md. Times are seconds. `+` says what is now the value of a key, `-`
//! what never was so; interactions are named A, B, C in the order in which they first appear.

use crate::history::{Frame, History};
use crate::run::{Way, logs};
use std::collections::BTreeMap;
use vokg_engine::delta::{Delta, Diff, Edge, Element, ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::geometry::Rect;
use vokg_engine::graph::Graph;
use vokg_engine::id::{InteractionId, ObjectId, TrackId};
use vokg_engine::observation::{IdentityChange, Observation, TrackedFrame};
use vokg_engine::record::{LogEntry, Record};
use vokg_engine::time::{Micros, SECOND_US};
use vokg_operators::resolve::Rules;

/// What happens in a story.
#[derive(Clone, Copy)]
enum Event {
    /// The tracker confirms a track, first seen earlier.
    Confirmed { track: u32, first_ms: u64 },
    /// The tracker gives a track up, last seen earlier.
    Ended { track: u32, last_ms: u64 },
    /// The condition of NEAR holds between two tracks since then, or did until then.
    Near { number: u32, tracks: (u32, u32), from_ms: u64, to_ms: Option<u64> },
    /// Identification thinks that a track is this object.
    Is { track: u32, object: u32 },
}
use Event::{Confirmed, Ended, Is, Near};

/// NEAR with the default holds of 0.4 s; whether pauses are bridged differs between the stories.
fn rules(bridge_us: Micros) -> Rules {
    let hold_us = 400_000;
    let near = IntervalRule {
        symmetric: true,
        hold_on_us: hold_us,
        hold_off_us: hold_us,
        min_us: 0,
        bridge_us,
        ..IntervalRule::PLAIN
    };
    Rules::from([(RelationKind::NEAR, near)])
}

/// A frame every 200 ms until `last_ms`, and the end.
fn story(events: &[(u64, Event)], last_ms: u64) -> History {
    let (mut spans, mut object_of) = (BTreeMap::new(), BTreeMap::new());
    let mut frames: History = (0..=last_ms).step_by(200).map(|ms| frame(ms * 1000, false)).collect();
    for (ms, event) in events {
        if let Confirmed { track, .. } = *event {
            let last_ms = last_sighting_ms(events, track).unwrap_or(last_ms);
            let visible = frames.iter_mut().filter(|frame| (ms * 1000..=last_ms * 1000).contains(&frame.t()));
            visible.for_each(|frame| frame.tracked.seen.push(sighting(track, frame.t() / 1000)));
        }
    }
    frames.push(frame(last_ms * 1000 + 1, true));
    for (ms, event) in events {
        let frame = frames.iter_mut().find(|frame| frame.t() >= ms * 1000).expect("events lie within the story");
        match *event {
            Confirmed { track, first_ms } => {
                frame.tracked.confirmed.push(sighting(track, first_ms));
            }
            Ended { track, last_ms } => frame.tracked.ended.push((TrackId(track), last_ms * 1000)),
            Near { number, tracks: (a, b), from_ms, to_ms } => {
                let span = EvidenceSpan {
                    kind: RelationKind::NEAR,
                    a: TrackId(a),
                    b: TrackId(b),
                    from_us: from_ms * 1000,
                    number,
                    to_us: to_ms.map(|ms| ms * 1000),
                    confidence_milli: 800,
                    detail: Default::default(),
                };
                frame.spans.extend(spans.insert(number, span).map(|before| (before, -1)));
                frame.spans.push((span, 1));
            }
            Is { track, object } => {
                let (track, to) = (TrackId(track), ObjectId(object));
                let from = object_of.insert(track, to);
                let reason = if from.is_some() { "fragment" } else { "began" };
                frame.changes.push(IdentityChange { track, from, to, score_milli: 900, reason });
            }
        }
    }
    frames
}

fn last_sighting_ms(events: &[(u64, Event)], of: u32) -> Option<u64> {
    events.iter().find_map(|(_, event)| match *event {
        Ended { track, last_ms } if track == of => Some(last_ms),
        _ => None,
    })
}

fn frame(t: Micros, end: bool) -> Frame {
    Frame { spans: vec![], changes: vec![], tracked: TrackedFrame { t, end, ..TrackedFrame::default() } }
}

fn sighting(track: u32, ms: u64) -> Observation {
    Observation {
        t: ms * 1000,
        track: TrackId(track),
        rect: Rect::new(0.0, 0.0, 8.0, 8.0),
        score: 0.9,
        mask: None,
        visible: None,
        merged: false,
        look: None,
    }
}

/// Writes records as lines.
#[derive(Default)]
struct Scribe {
    names: BTreeMap<InteractionId, char>,
}

impl Scribe {
    fn name(&mut self, id: InteractionId) -> char {
        let next = char::from(b'A' + self.names.len() as u8);
        *self.names.entry(id).or_insert(next)
    }

    fn line(&mut self, entry: &LogEntry) -> String {
        let said = match &entry.record {
            Record::Progress(told) => {
                let to = told.frontier.map_or("end".into(), |t| format!("{}", secs(t)));
                format!("progress {}..{to}, {} deltas", secs(told.lower), told.count)
            }
            Record::Delta(delta) => self.delta(delta),
        };
        format!("{:>2} {said}", entry.seq)
    }

    fn delta(&mut self, delta: &Delta) -> String {
        let sign = if delta.diff == Diff::Assert { '+' } else { '-' };
        let cause = if delta.caused_by.is_some() { ", corrected" } else { "" };
        let element = match &delta.element {
            Element::Edge(edge) => self.edge(edge),
            Element::Vertex(VertexKey::Object(id), Vertex::Object(object)) => object_text(*id, object),
            Element::Vertex(_, Vertex::Correction(correction)) => {
                let moves =
                    correction.moves.iter().map(|m| format!("track {} from {} to {}", m.track.0, m.from.0, m.to.0));
                format!("correction ({}): {}", correction.reason, moves.collect::<Vec<_>>().join(", "))
            }
            Element::Vertex(key, _) => panic!("no story has a {key:?}"),
        };
        format!("t={} {sign} {element}{cause}", secs(delta.t))
    }

    fn edge(&mut self, edge: &Edge) -> String {
        let end = |key| match key {
            VertexKey::Object(id) => id.0,
            key => panic!("an interaction ends at {key:?}"),
        };
        let to = edge.valid_to_us.map_or("".into(), |t| format!("{}", secs(t)));
        let span = format!("{}..{to}", secs(edge.valid_from_us));
        let name = self.name(edge.id);
        let superseded: String = edge.supersedes.iter().map(|id| format!(", supersedes {}", self.names[id])).collect();
        format!("{name} {} {}-{} {span}{superseded}", edge.kind, end(edge.from), end(edge.to))
    }
}

fn secs(t: Micros) -> f64 {
    t as f64 / SECOND_US as f64
}

fn object_text(id: ObjectId, object: &ObjectVertex) -> String {
    let to = if object.open { String::new() } else { format!("{}", secs(object.last_seen_us)) };
    let tracks: Vec<u32> = object.tracks.iter().map(|track| track.0).collect();
    format!("object {} {}..{to} tracks {tracks:?}", id.0, secs(object.first_seen_us))
}

/// A log with its transcript, and the graph it adds up to.
struct Told {
    entries: Vec<LogEntry>,
    scribe: Scribe,
}

fn tell(history: History, rules: Rules) -> Told {
    let way = Way { workers: 1, schedule: 0, horizon_us: 3600 * SECOND_US };
    let log = logs(&[history], &rules, way).remove(0);
    Told { entries: log.into_iter().flat_map(|closed| closed.entries).collect(), scribe: Scribe::default() }
}

impl Told {
    fn transcript(&mut self) -> Vec<String> {
        self.entries.iter().map(|entry| self.scribe.line(entry)).collect()
    }

    /// graph(T, K): of what was believed at K, that which was so at T. Applied strictly in order.
    fn graph(&mut self, at_secs: f64, known_at_secs: f64) -> Vec<String> {
        let us = |secs: f64| (secs * SECOND_US as f64).round() as Micros;
        let mut graph = Graph::default();
        for entry in &self.entries {
            if let Record::Delta(delta) = &entry.record
                && delta.t <= us(known_at_secs)
            {
                graph.apply(delta).expect("an end that is missing would be an error");
            }
        }
        let graph = graph.at(us(at_secs));
        let objects = graph.vertices.iter().filter_map(|(key, vertex)| match (key, vertex) {
            (VertexKey::Object(id), Vertex::Object(_)) => Some(format!("object {}", id.0)),
            _ => None,
        });
        let edges = graph.edges.values().map(|edge| self.scribe.edge(edge));
        objects.chain(edges.collect::<Vec<_>>()).collect()
    }
}

#[test]
fn back_dated_ended_moved_by_a_merge_and_restored_by_a_split() {
    let near = |number, tracks, from_ms, to_ms| Near { number, tracks, from_ms, to_ms };
    let history = story(
        &[
            (200, Confirmed { track: 1, first_ms: 0 }),
            (200, Is { track: 1, object: 1 }),
            (400, Confirmed { track: 2, first_ms: 200 }),
            (400, Is { track: 2, object: 2 }),
            (600, near(1, (1, 2), 600, None)),
            (1600, near(1, (1, 2), 600, Some(1600))),
            (2200, Ended { track: 2, last_ms: 1800 }),
            (2600, Confirmed { track: 3, first_ms: 2400 }),
            (2600, Is { track: 3, object: 3 }),
            (2800, near(2, (1, 3), 2600, None)),
            (3400, Is { track: 3, object: 2 }),
            (4200, Is { track: 3, object: 3 }),
        ],
        4600,
    );
    let mut told = tell(history, rules(0));
    let transcript = told.transcript();
    let expected = [
        // Both objects begin when they were first seen, which is before the tracker confirmed them.
        " 0 t=0.2 + object 1 0.. tracks [1]",
        " 1 progress 0..0.200001, 1 deltas",
        " 2 t=0.4 + object 2 0.2.. tracks [2]",
        " 3 progress 0.200001..0.400001, 1 deltas",
        // They have been close since 0.6. At 1.0 that has held for 0.4 s and is believed, from its beginning on.
        " 4 progress 0.400001..1, 0 deltas",
        " 5 t=1 + A NEAR 1-2 0.6..",
        " 6 progress 1..1.000001, 1 deltas",
        // Apart since 1.6, which is believed at 2.0. The end is another + on the same key.
        " 7 progress 1.000001..2, 0 deltas",
        " 8 t=2 + A NEAR 1-2 0.6..1.6",
        " 9 progress 2..2.000001, 1 deltas",
        // Object 2 leaves: it is closed, not deleted.
        "10 t=2.2 + object 2 0.2..1.8 tracks [2]",
        "11 progress 2.000001..2.200001, 1 deltas",
        // Somebody else comes, it seems, and is close to 1.
        "12 t=2.6 + object 3 2.4.. tracks [3]",
        "13 progress 2.200001..2.600001, 1 deltas",
        "14 progress 2.600001..3, 0 deltas",
        "15 t=3 + B NEAR 1-3 2.6..",
        "16 progress 3..3.000001, 1 deltas",
        // It was 2 that came back. B never was; what it said is said of 2. Object 3 never was either.
        "17 t=3.4 - B NEAR 1-3 2.6.., corrected",
        "18 t=3.4 + object 2 0.2.. tracks [2, 3], corrected",
        "19 t=3.4 + correction (fragment): track 3 from 3 to 2",
        "20 t=3.4 + C NEAR 1-2 2.6.., supersedes B, corrected",
        "21 t=3.4 - object 3 2.4.. tracks [3], corrected",
        "22 progress 3.000001..3.400001, 5 deltas",
        // It was not. The old ids return: B is B again.
        "23 progress 3.400001..4, 0 deltas",
        "24 t=4.2 - C NEAR 1-2 2.6.., supersedes B, corrected",
        "25 t=4.2 + object 2 0.2..1.8 tracks [2], corrected",
        "26 t=4.2 + object 3 2.4.. tracks [3], corrected",
        "27 t=4.2 + correction (fragment): track 3 from 2 to 3",
        "28 t=4.2 + B NEAR 1-3 2.6.., supersedes C, corrected",
        "29 progress 4..4.200001, 5 deltas",
        // The end closes what is open, one microsecond after the last frame, and then the epoch.
        "30 t=4.600001 + object 1 0..4.6 tracks [1]",
        "31 t=4.600001 + object 3 2.4..4.6 tracks [3]",
        "32 t=4.600001 + B NEAR 1-3 2.6..4.600001, supersedes C",
        "33 progress 4.200001..4.600002, 3 deltas",
        "34 progress 4.600002..end, 0 deltas",
    ];
    assert_eq!(transcript, expected);

    // graph(T, K) before and after each step.
    let (o1, o2, o3) = ("object 1", "object 2", "object 3");
    assert_eq!(told.graph(0.7, 0.9), [o1, o2], "not believed yet");
    assert_eq!(told.graph(0.7, 1.0), [o1, o2, "A NEAR 1-2 0.6.."], "back-dated");
    assert_eq!(told.graph(1.7, 1.9), [o1, o2, "A NEAR 1-2 0.6.."], "the end is not believed yet");
    assert_eq!(told.graph(1.7, 2.0), [o1, o2], "ended at 1.6");
    assert_eq!(told.graph(1.5, 2.0), [o1, o2, "A NEAR 1-2 0.6..1.6"]);
    assert_eq!(told.graph(2.7, 3.3), [o1, o3, "B NEAR 1-3 2.6.."]);
    assert_eq!(told.graph(2.7, 3.4), [o1, o2, "C NEAR 1-2 2.6.., supersedes B"], "moved");
    assert_eq!(told.graph(2.7, 4.2), [o1, o3, "B NEAR 1-3 2.6.., supersedes C"], "restored");
}

#[test]
fn an_interaction_that_absorbs_another_keeps_its_id_and_says_so() {
    let near = |number, tracks, from_ms, to_ms| Near { number, tracks, from_ms, to_ms };
    let history = story(
        &[
            (0, Confirmed { track: 1, first_ms: 0 }),
            (0, Is { track: 1, object: 1 }),
            (0, Confirmed { track: 2, first_ms: 0 }),
            (0, Is { track: 2, object: 2 }),
            (200, near(1, (1, 2), 200, None)),
            (800, near(1, (1, 2), 200, Some(800))),
            (1000, Ended { track: 2, last_ms: 800 }),
            (1200, Confirmed { track: 3, first_ms: 1200 }),
            (1200, Is { track: 3, object: 3 }),
            (1400, near(2, (1, 3), 1400, None)),
            (2200, Is { track: 3, object: 2 }),
            (2800, Is { track: 3, object: 3 }),
        ],
        3000,
    );
    let mut told = tell(history, rules(SECOND_US));
    let transcript = told.transcript();
    let interactions: Vec<&str> =
        transcript.iter().filter(|line| line.contains("NEAR")).map(|line| &line[3..]).collect();
    let expected = [
        "t=0.6 + A NEAR 1-2 0.2..",
        "t=1.2 + A NEAR 1-2 0.2..0.8",
        "t=1.8 + B NEAR 1-3 1.4..",
        // The pause from 0.8 to 1.4 is bridged: A goes on, under its id, in place of B.
        "t=2.2 - B NEAR 1-3 1.4.., corrected",
        "t=2.2 + A NEAR 1-2 0.2.., supersedes B, corrected",
        // And undone: A is what it was.
        "t=2.8 + A NEAR 1-2 0.2..0.8, corrected",
        "t=2.8 + B NEAR 1-3 1.4.., corrected",
        "t=3.000001 + B NEAR 1-3 1.4..3.000001",
    ];
    assert_eq!(interactions, expected);
}

#[test]
fn within_one_object_nothing_happens() {
    let history = story(
        &[
            (0, Confirmed { track: 1, first_ms: 0 }),
            (0, Is { track: 1, object: 1 }),
            (0, Confirmed { track: 2, first_ms: 0 }),
            (0, Is { track: 2, object: 2 }),
            (200, Near { number: 1, tracks: (1, 2), from_ms: 200, to_ms: None }),
            (1000, Is { track: 2, object: 1 }),
        ],
        1400,
    );
    let transcript = tell(history, rules(0)).transcript();
    let interactions: Vec<&str> =
        transcript.iter().filter(|line| line.contains("NEAR")).map(|line| &line[3..]).collect();
    assert_eq!(interactions, ["t=0.6 + A NEAR 1-2 0.2..", "t=1 - A NEAR 1-2 0.2.., corrected"]);
}
