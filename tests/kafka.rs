//! What a real Kafka broker holds, to a reader of committed records, is the log. scripts/services.sh starts one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{clip, run, store};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::sinks::Sinks;
use vokg_connectors::export::delta_json::parse_line;
use vokg_connectors::follow::SinkState;
use vokg_connectors::kafka::KafkaConfig;
use vokg_connectors::store::Store;
use vokg_engine::record::LogEntry;

/// The broker for tests, where there is one.
fn broker() -> Option<String> {
    let broker = std::env::var("VOKG_TEST_KAFKA").ok();
    if broker.is_none() {
        eprintln!("SKIPPED: VOKG_TEST_KAFKA names no broker; scripts/services.sh start gives one");
    }
    broker
}

/// Topics that no other test writes, in a broker that may have run before.
fn config(brokers: &str, test: &str) -> Config {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let kafka = KafkaConfig {
        brokers: brokers.to_owned(),
        topic_prefix: format!("{test}-{now}"),
        create_topics: true,
        partitions: 3,
        ..KafkaConfig::default()
    };
    let mut config = Config::default();
    config.sinks.kafka.insert("main".to_owned(), kafka);
    config.sinks.drain_secs = 60.0;
    config
}

fn kafka(config: &Config) -> &KafkaConfig {
    &config.sinks.kafka["main"]
}

/// A record as a consumer sees it.
struct Seen {
    partition: i32,
    key: String,
    value: Option<String>,
    id: Option<String>,
}

/// All committed records of a topic, in order within each partition.
fn committed(config: &KafkaConfig, part: &str, partitions: i32) -> Vec<Seen> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", "vokg-tests")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment.add_partition_offset(&config.topic(part), partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let (mut seen, mut ended) = (Vec::new(), BTreeSet::new());
    while ended.len() < partitions as usize {
        match consumer.poll(Duration::from_secs(30)).expect("the broker answers") {
            Err(KafkaError::PartitionEOF(partition)) => drop(ended.insert(partition)),
            Err(error) => panic!("{error}"),
            Ok(message) => seen.push(Seen {
                partition: message.partition(),
                key: String::from_utf8(message.key().unwrap().to_vec()).unwrap(),
                value: message.payload().map(|value| String::from_utf8(value.to_vec()).unwrap()),
                id: message.headers().and_then(|headers| {
                    let id = headers.iter().find(|header| header.key == "ce_id")?;
                    Some(String::from_utf8(id.value?.to_vec()).unwrap())
                }),
            }),
        }
    }
    seen
}

/// The logs that the topic of deltas holds, by stream.
fn logs(config: &KafkaConfig) -> BTreeMap<String, Vec<LogEntry>> {
    let (mut logs, mut partitions) = (BTreeMap::<String, Vec<LogEntry>>::new(), BTreeMap::new());
    for Seen { partition, value, id, .. } in committed(config, "deltas", 3) {
        let line = parse_line(&value.unwrap()).unwrap();
        let stream = line.stream.to_string();
        assert_eq!(*partitions.entry(stream.clone()).or_insert(partition), partition, "a stream has one partition");
        assert_eq!(id, Some(format!("{stream}/{}/{}", line.entry.epoch, line.entry.seq)));
        logs.entry(stream).or_default().push(line.entry);
    }
    logs
}

fn stored(store: &Store) -> BTreeMap<String, Vec<LogEntry>> {
    let streams = store.streams().unwrap().into_iter();
    streams.map(|s| (s.name.to_string(), store.entries(s.id, None).collect::<Result<_, _>>().unwrap())).collect()
}

#[test]
fn a_run_tells_kafka_its_log_and_the_next_adds_only_what_is_new() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let config = config(&brokers, "run");
    let data = dir.path().join("data");
    let clips = ["near", "crossing"].map(|scene| clip(dir.path(), scene, None).0);
    for clips in [&clips[..1], &clips[..], &clips[..]] {
        let finished = run(clips, &data, &config, &Disturbance::default());
        assert_eq!(finished.sinks.len(), 1);
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        assert_eq!(logs(kafka(&config)), stored(&store(&data)));
    }
    let mut state = BTreeMap::new();
    for Seen { key, value, .. } in committed(kafka(&config), "state", 3) {
        state.insert(key, value);
    }
    state.retain(|_, value| value.is_some());
    let store = store(&data);
    for stream in store.streams().unwrap() {
        let graph = store.graph(stream.id, None, None).unwrap();
        for id in graph.vertices.keys().map(|key| key.external(&stream.name)) {
            assert!(state.remove(&id).is_some(), "{id}");
        }
        for id in graph.edges.keys().map(|id| id.external(&stream.name)) {
            assert!(state.remove(&id).is_some(), "{id}");
        }
    }
    assert!(state.is_empty(), "{:?}", state.keys());
}

#[test]
fn of_two_instances_one_writes_and_the_log_is_whole() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut config, data) = (config(&brokers, "fence"), dir.path().join("data"));
    let sinks = std::mem::take(&mut config.sinks.kafka);
    run(&[clip(dir.path(), "near", None).0], &data, &config, &Disturbance::default());
    config.sinks.kafka = sinks;
    let (store, interrupt) = (store(&data), AtomicBool::new(false));
    let first = Sinks::start(&config, &[], &store, &data).unwrap();
    let second = Sinks::start(&config, &[], &store, &data).unwrap();
    let (first, second) = (first.finish(&interrupt), second.finish(&interrupt));
    let states = [&first[0].status.state, &second[0].status.state];
    assert!(states.contains(&&SinkState::CaughtUp), "{states:?}");
    assert_eq!(logs(kafka(&config)), stored(&store));
}

/// The process is killed while it writes, again and again; a reader of committed records sees nothing of it.
#[test]
fn what_kill_9_interrupts_is_told_once() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (config(&brokers, "kill"), dir.path().join("data"));
    let toml = dir.path().join("vokg.toml");
    let kafka_config = kafka(&config);
    std::fs::write(
        &toml,
        format!(
            "[sinks.kafka.main]\nbrokers = \"{}\"\ntopic_prefix = \"{}\"\ncreate_topics = true\npartitions = 3\n",
            kafka_config.brokers, kafka_config.topic_prefix
        ),
    )
    .unwrap();
    let path = clip(dir.path(), "street", Some(10.0)).0;
    let begin = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
        command.arg("run").arg(&path).arg("--data").arg(&data).arg("--config").arg(&toml).arg("-q");
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    for pause in [300, 700, 1_100, 1_500, 900] {
        let mut child = begin();
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(begin().wait().unwrap().success());
    assert_eq!(logs(kafka_config), stored(&store(&data)));
}
