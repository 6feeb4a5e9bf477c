//! The consumers of examples/ rebuild from Kafka what `vokg export` reads from the store.

use crate::broker::{Seen, broker, committed, config, config_file, kafka, vokg};
use crate::support::{clip, run, store};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use vokg::jobs::Disturbance;
use vokg_connectors::follow::SinkState;
use vokg_engine::delta::VertexKey;

#[path = "../../examples/consumer.rs"]
pub mod consumer;

/// The graph of each stream as the store has it, in the order of names.
pub fn exported(data: &Path) -> Vec<Value> {
    let mut names: Vec<String> = store(data).streams().unwrap().iter().map(|stream| stream.name.to_string()).collect();
    names.sort();
    let export = |name: &String| {
        let mut command = vokg();
        command.args(["export", "--format", "json", "--stream", name, "--data"]).arg(data).stdout(Stdio::piped());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    names.iter().map(export).collect()
}

/// A Python that has the client, where there is one.
pub fn python() -> Option<String> {
    let Ok(python) = std::env::var("VOKG_PYTHON") else {
        eprintln!("SKIPPED: the Python consumer, since VOKG_PYTHON names no Python with confluent-kafka");
        return None;
    };
    let has_client = Command::new(&python).args(["-c", "import confluent_kafka"]).stderr(Stdio::null()).status();
    if !has_client.is_ok_and(|status| status.success()) {
        eprintln!(
            "SKIPPED: the Python consumer, since {python} has no confluent-kafka; scripts/prepare.sh test installs it"
        );
        return None;
    }
    Some(python)
}

fn python_command(python: &str, brokers: &str, topic: &str, state: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/consumer.py")).args([brokers, topic]).arg(state);
    command
}

pub fn by_python(python: &str, brokers: &str, topic: &str, state: &Path) -> Vec<Value> {
    let output = python_command(python, brokers, topic, state).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn consumers_rebuild_the_graph_and_go_on_where_they_ended() {
    let Some(brokers) = broker() else { return };
    let python = python();
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (config(&brokers, "consumers"), dir.path().join("data"));
    let topic = kafka(&config).topic("deltas");
    let [rust_state, python_state] = ["rust.state", "python.state"].map(|name| dir.path().join(name));
    let compare = |when: &str| {
        let wanted = exported(&data);
        assert!(!wanted.is_empty());
        assert_eq!(consumer::consume(&brokers, &topic, &rust_state).unwrap(), wanted, "{when}");
        if let Some(python) = &python {
            assert_eq!(by_python(python, &brokers, &topic, &python_state), wanted, "Python, {when}");
        }
    };
    let clips = ["near", "street"].map(|scene| clip(dir.path(), scene, Some(8.0)).0);
    run(&clips[..1], &data, &config, &Disturbance::default());
    compare("after one clip");
    run(&clips, &data, &config, &Disturbance::default());
    compare("after another");
    compare("without anything new");

    let stored = store(&data);
    let street = stored.find_stream("street").unwrap().unwrap();
    let vertices = stored.graph(street.id, None, None).unwrap().vertices;
    let objects = vertices.keys().filter(|key| matches!(key, VertexKey::Object(_)));
    let objects: Vec<String> = objects.map(|key| key.external(&street.name)).collect();
    let pairs = objects.iter().flat_map(|a| objects.iter().map(move |b| (a, b))).filter(|(a, b)| a < b);
    let merge = |(a, b): (&String, &String)| {
        let status = vokg().args(["merge", a, b, "--data"]).arg(&data).stderr(Stdio::null()).status();
        status.unwrap().success()
    };
    // Those that were in view together cannot be one.
    assert!(pairs.into_iter().any(merge), "two of {objects:?} can be one");
    let toml = config_file(dir.path(), &config);
    let follow = vokg().args(["follow", "--once", "--data"]).arg(&data).arg("--config").arg(toml).status().unwrap();
    assert!(follow.success());
    compare("after a correction by hand");

    // A topic that was made again does not reach so far.
    for state in [&rust_state, &python_state].into_iter().filter(|state| state.exists()) {
        let mut kept: Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
        for offset in kept["offsets"].as_object_mut().unwrap().values_mut() {
            *offset = json!(offset.as_i64().unwrap() + 1_000_000);
        }
        std::fs::write(state, kept.to_string()).unwrap();
    }
    let refused = consumer::consume(&brokers, &topic, &rust_state).unwrap_err().to_string();
    assert!(refused.contains("made again"), "{refused}");
    if let Some(python) = &python {
        let refused = python_command(python, &brokers, &topic, &python_state).output().unwrap();
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && told.contains("made again"), "{told}");
    }
}

/// The Python consumer takes the records of one stream from its standard input, with no client at hand.
const TAKE_ALL: &str = "
import json, sys, types
names = 'OFFSET_BEGINNING Consumer KafkaError KafkaException TopicPartition'.split()
sys.modules['confluent_kafka'] = types.SimpleNamespace(**dict.fromkeys(names))
import consumer
stream = consumer.Stream()
for offset, record in enumerate(json.load(sys.stdin)):
    stream.take(record, 0, offset)
";

/// Whether the Python consumer is content; `None` where there is no Python.
fn python_takes(records: &[Value]) -> Option<bool> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut command = Command::new("python3");
    command.args(["-B", "-c", TAKE_ALL]).current_dir(examples).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    serde_json::to_writer(child.stdin.take().unwrap(), records).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!told.contains("Traceback"), "{told}");
    Some(output.status.success())
}

#[test]
fn consumers_notice_what_is_missing() {
    let delta = |epoch: u64, seq: u64, t: u64| {
        let cud = json!({"type": "node", "ids": {"vokg_id": "s"}, "labels": ["Stream"], "properties": {}});
        json!({"kind": "delta", "stream": "s", "epoch": epoch, "seq": seq, "t": t, "diff": 1, "cud": cud})
    };
    let progress = |epoch: u64, seq: u64, lower: u64, frontier: Option<u64>, count: u64| {
        let mut record = json!({"kind": "progress", "stream": "s", "epoch": epoch, "seq": seq});
        (record["lower"], record["frontier"], record["count"]) = (lower.into(), frontier.into(), count.into());
        record
    };
    let snapshot =
        |phase: &str| json!({"kind": "snapshot", "stream": "s", "epoch": 3, "seq": 9, "phase": phase, "count": 0});
    let refused = |seq: u64, diff: i8| json!({"kind": "refused", "stream": "s", "epoch": 1, "seq": seq, "t": 5, "diff": diff, "vokg_id": "s"});
    let taken_back = |seq: u64| {
        let cud = json!({"type": "node", "ids": {"vokg_id": "s"}, "labels": ["Stream"]});
        let mut record =
            json!({"kind": "delta", "stream": "s", "epoch": 1, "seq": seq, "t": 7, "diff": -1, "cud": cud});
        record["before"] = json!({"of": "what was refused"});
        record
    };
    let begins = || vec![delta(1, 0, 5), progress(1, 1, 0, Some(6), 1)];
    let closes = || vec![delta(1, 0, 5), progress(1, 1, 0, None, 1)];
    let then = |mut records: Vec<Value>, more: &[Value]| {
        records.extend_from_slice(more);
        records
    };
    let cases = [
        (then(begins(), &[progress(2, 0, 6, Some(9), 0)]), true, "an epoch that was not closed, and the next"),
        (then(closes(), &[delta(2, 0, 7), progress(2, 1, 6, None, 1)]), true, "an epoch that was closed, and the next"),
        (then(begins(), &begins()), true, "a repetition"),
        (
            vec![refused(0, 1), progress(1, 1, 0, Some(6), 1), taken_back(2), progress(1, 3, 6, Some(8), 1)],
            true,
            "what was refused is taken back",
        ),
        (
            then(
                begins(),
                &[refused(2, 1), progress(1, 3, 6, Some(8), 1), delta(1, 4, 8), progress(1, 5, 8, Some(9), 1)],
            ),
            true,
            "what was refused has another value",
        ),
        (then(begins(), &[taken_back(2), progress(1, 3, 6, Some(8), 1)]), false, "what was never so is taken back"),
        (
            then(
                begins(),
                &[refused(2, -1), progress(1, 3, 6, Some(8), 1), taken_back(4), progress(1, 5, 8, Some(9), 1)],
            ),
            false,
            "what is gone already is taken back",
        ),
        (vec![snapshot("begin"), snapshot("end"), progress(3, 10, 70, None, 0)], true, "a snapshot, and what follows"),
        (vec![snapshot("begin"), snapshot("end"), progress(4, 0, 70, None, 0)], true, "a snapshot of a closed epoch"),
        (then(begins(), &[progress(2, 0, 8, Some(9), 0)]), false, "the end of an epoch is lost"),
        (then(closes(), &[progress(2, 0, 7, None, 0)]), false, "something after a closed epoch is lost"),
        (then(closes(), &[progress(3, 0, 6, None, 0)]), false, "an epoch is lost"),
        (vec![delta(1, 0, 5), progress(2, 0, 0, None, 0)], false, "the rest of a moment is lost"),
        (then(closes(), &[progress(1, 2, 6, None, 0)]), false, "something follows the end of an epoch"),
        (vec![progress(2, 0, 0, None, 0)], false, "the first epoch is lost"),
        (
            vec![snapshot("begin"), snapshot("end"), progress(5, 0, 70, None, 0)],
            false,
            "an epoch after a snapshot is lost",
        ),
    ];
    for (records, is_whole, what) in cases {
        let taken = consumer::take_all(&records);
        assert_eq!(taken.is_ok(), is_whole, "{what}: {taken:?}");
        match python_takes(&records) {
            Some(taken) => assert_eq!(taken, is_whole, "Python: {what}"),
            None => eprintln!("SKIPPED: the Python consumer, since there is no python3"),
        }
    }
}

/// A clip that is run again with other settings takes the place of the one before, in every topic.
#[test]
fn what_another_generation_replaced_is_forgotten() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut config, data) = (config(&brokers, "generations"), dir.path().join("data"));
    let topic = kafka(&config).topic("deltas");
    let path = [clip(dir.path(), "near", None).0];
    let states = ["rust.state", "python.state"].map(|name| dir.path().join(name));
    let python = python();
    for generation in 1..=2 {
        let finished = run(&path, &data, &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        let name = if generation == 1 { "near" } else { "near.g2" };
        let mut wanted = exported(&data);
        // The name of the first stands for the second by then.
        wanted.dedup();
        assert!(wanted.iter().all(|graph| graph["stream"] == name));
        assert_eq!(consumer::consume(&brokers, &topic, &states[0]).unwrap(), wanted);
        if let Some(python) = &python {
            assert_eq!(by_python(python, &brokers, &topic, &states[1]), wanted, "Python");
        }
        config.relate.near.on_sure += 0.5;
    }
    for part in ["state", "progress"] {
        let partitions = if part == "progress" { 1 } else { 3 };
        let mut latest = std::collections::BTreeMap::new();
        for Seen { key, value, .. } in committed(kafka(&config), part, partitions) {
            latest.insert(key, value);
        }
        let has_old = |key: &String| key == "near" || key.starts_with("near/");
        assert!(latest.keys().any(has_old), "{part}");
        latest.retain(|_, value| value.is_some());
        assert!(!latest.is_empty() && !latest.keys().any(has_old), "{part}: {:?}", latest.keys());
    }
    let forgotten = |seen: &Seen| seen.key == "~progress/near" && seen.value.is_none();
    for part in ["deltas", "final"] {
        assert_eq!(committed(kafka(&config), part, 3).iter().filter(|seen| forgotten(seen)).count(), 1, "{part}");
    }
}
