//! The consumers of examples/ rebuild from Kafka what `vokg export` reads from the store.

use crate::broker::{broker, config, config_file, kafka, vokg};
use crate::support::{clip, run, store};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use vokg::jobs::Disturbance;
use vokg_engine::delta::VertexKey;

#[path = "../../examples/consumer.rs"]
mod consumer;

/// The graph of each stream as the store has it, in the order of names.
fn exported(data: &Path) -> Vec<Value> {
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
fn python() -> Option<String> {
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

fn by_python(python: &str, brokers: &str, topic: &str, state: &Path) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/consumer.py");
    let output = Command::new(python).arg(script).args([brokers, topic]).arg(state).output().unwrap();
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
}
