//! What a broker never takes is set aside, and everybody else goes on.

use crate::broker::{broker, committed, config, kafka, set};
use crate::consumers::{by_python, consumer, exported, python};
use crate::support::{clip, run, store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use vokg::config::{Config, SinksConfig};
use vokg::jobs::Disturbance;
use vokg::sinks::Sinks;
use vokg_connectors::follow::SinkState;
use vokg_connectors::store::{Begun, ProgramId, StoreConfig, StreamBatch, StreamRequest, Writer};
use vokg_engine::delta::{Delta, Diff, Element, ObjectVertex, Vertex, VertexKey};
use vokg_engine::id::{ObjectId, StreamName, TrackId};
use vokg_engine::record::{LogEntry, Progress, Record};

/// Bytes of a batch, and so of a record, that the topic of deltas takes from now on.
const MOST: &str = "4000";

/// A broker refuses a batch whole, with everybody in it: of those nobody is too large by himself.
#[test]
fn a_topic_of_small_messages_takes_every_record_that_is_small() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (config(&brokers, "small"), dir.path().join("data"));
    let [first_clip, second_clip] = ["near", "crossing"].map(|scene| clip(dir.path(), scene, None).0);
    run(&[first_clip], &data, &config, &Disturbance::default());
    set(&brokers, &kafka(&config).topic("deltas"), "max.message.bytes", "2000");
    let without = Config { sinks: SinksConfig::default(), ..config.clone() };
    run(&[second_clip], &data, &without, &Disturbance::default());
    let store = store(&data);
    let reports = Sinks::start(&config, &[], &store, &data).unwrap().finish(&AtomicBool::new(false));
    let status = &reports[0].status;
    assert_eq!((&status.state, status.dead_letters), (&SinkState::CaughtUp, 0), "{reports:?}");
    assert_eq!(crate::broker::logs(kafka(&config)), crate::broker::stored(&store));
}

/// A delta of an object that consists of so many tracks, whose numbers no compression makes small.
fn object(number: u32, t: u64, tracks: u32) -> Delta {
    let tracks = (0..tracks).map(|track| TrackId(track * 2_000_000 + track.wrapping_mul(2_654_435_761) % 1_999_999));
    let object = ObjectVertex {
        class: None,
        first_seen_us: t,
        last_seen_us: t,
        open: false,
        confidence_milli: 900,
        tracks: tracks.collect(),
    };
    let element = Element::Vertex(VertexKey::Object(ObjectId(number)), Vertex::Object(object));
    Delta { t, diff: Diff::Assert, element, caused_by: None }
}

/// Hundreds of objects, one at a time. What the topic does not take: 2, which was known before; 3, of which nothing else
/// is said; and 25, which is said again, smaller, later.
fn write_log(data: &Path) {
    let (most, large) = (800, 1_500);
    let mut entries = Vec::new();
    let mut lower = 0;
    for number in 0..most {
        let t = u64::from(number) * 40_000;
        let (of, tracks) = match number {
            3 | 25 => (number, large),
            50 => (25, 1),
            75 => (2, large),
            _ => (number, 1),
        };
        let frontier = (number + 1 < most).then_some(t + 1);
        entries.push(Record::Delta(object(of, t, tracks)));
        entries.push(Record::Progress(Progress { lower, frontier, settled_us: 0, count: 1 }));
        lower = t + 1;
    }
    let writer = Writer::open(data, StoreConfig::default()).unwrap();
    let request = StreamRequest {
        name: StreamName::slug("crowd"),
        source_path: "crowd".into(),
        content_hash: [1; 32],
        config_hash: [2; 32],
        segmenter: "motion".into(),
        sampling: "all".into(),
        created_us: 0,
    };
    let Ok(Begun::Fresh(stream)) = writer.begin_stream(request, ProgramId([0; 32])) else { panic!("the name is new") };
    let entries = (0..).zip(entries).map(|(seq, record)| LogEntry { epoch: 1, seq, record }).collect();
    writer.commit(&[StreamBatch::of_entries(stream.id, entries)]).unwrap();
}

/// What is not taken stands at the beginning of a portion of many, while the rest is still handed over.
#[test]
fn what_a_topic_does_not_take_leaves_its_place_and_consumers_go_on() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut config, data) = (config(&brokers, "refused"), dir.path().join("data"));
    config.sinks.drain_secs = 300.0;
    run(&[clip(dir.path(), "near", None).0], &data, &config, &Disturbance::default());
    let topic = kafka(&config).topic("deltas");
    set(&brokers, &topic, "max.message.bytes", MOST);
    write_log(&data);
    let begun = Instant::now();
    let reports = Sinks::start(&config, &[], &store(&data), &data).unwrap().finish(&AtomicBool::new(false));
    let status = &reports[0].status;
    println!("caught up in {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!((&status.state, status.dead_letters), (&SinkState::CaughtUp, 3), "{reports:?}");

    let unknown = [2, 3].map(|number| format!("crowd/o/{number}"));
    for part in ["deltas", "final"] {
        let lines = committed(kafka(&config), part, 3).into_iter().filter_map(|seen| seen.value);
        let lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let refused = lines.filter(|line| line["kind"] == "refused").map(|line| line["vokg_id"].clone());
        let refused: BTreeSet<String> = refused.map(|id| id.as_str().unwrap().to_owned()).collect();
        let of_all = ["crowd/o/2", "crowd/o/25", "crowd/o/3"].map(str::to_owned);
        let wanted = if part == "deltas" { of_all.to_vec() } else { unknown.to_vec() };
        assert_eq!(refused, BTreeSet::from_iter(wanted), "{part}");
    }
    let mut state = BTreeMap::new();
    for seen in committed(kafka(&config), "state", 3) {
        state.insert(seen.key, seen.value);
    }
    assert!(unknown.iter().all(|id| state[id].is_none()) && state["crowd/o/25"].is_some());

    let mut wanted = exported(&data);
    for graph in &mut wanted {
        graph["vertices"].as_array_mut().unwrap().retain(|vertex| !unknown.iter().any(|id| vertex["id"] == *id));
    }
    let [by_rust, by_python_too] = ["rust.state", "python.state"].map(|name| dir.path().join(name));
    assert_eq!(consumer::consume(&brokers, &topic, &by_rust).unwrap(), wanted);
    let kept: Value = serde_json::from_slice(&std::fs::read(&by_rust).unwrap()).unwrap();
    assert_eq!(kept["streams"]["crowd"]["unknown"], json!(["crowd/o/2", "crowd/o/3"]));
    if let Some(python) = python() {
        assert_eq!(by_python(&python, &brokers, &topic, &by_python_too), wanted, "Python");
    }
}
