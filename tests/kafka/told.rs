//! What is told of a run, in every topic, whoever is killed when.

use crate::broker::{Seen, broker, committed, config, config_file, kafka, logs, set, settings, stored, vokg};
use crate::support::{clip, run, store};
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use vokg::jobs::Disturbance;
use vokg::sinks::Sinks;
use vokg_connectors::export::delta_json::parse_line;
use vokg_connectors::follow::{SinkState, StartFrom};
use vokg_engine::crash;
use vokg_engine::delta::Diff;
use vokg_engine::graph::Graph;
use vokg_engine::record::Record;

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

/// What a topic of deltas adds up to, by stream; the values a key was given, and how often something was taken back.
fn folded(seen: &[Seen]) -> BTreeMap<String, (Graph, usize, usize)> {
    let mut streams = BTreeMap::<String, (Graph, usize, usize)>::new();
    for Seen { value, .. } in seen {
        let line = value.as_ref().unwrap();
        let Ok(line) = parse_line(line) else {
            assert!(line.contains("\"kind\":\"snapshot\""), "{line}");
            continue;
        };
        let (graph, stated, taken_back) = streams.entry(line.stream.to_string()).or_default();
        if let Record::Delta(delta) = &line.entry.record {
            graph.apply(delta).unwrap();
            match delta.diff {
                Diff::Assert => *stated += 1,
                Diff::Retract => *taken_back += 1,
            }
        }
    }
    streams
}

#[test]
fn final_says_each_element_once_and_is_the_graph() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut config, data) = (config(&brokers, "final"), dir.path().join("data"));
    // What was settled within the clip is said before its end.
    config.resolve.correction_horizon_secs = 12.0;
    config.relate.hidden_by.most_secs = 3.0;
    config.identify.reach_secs = 1.0;
    config.identify.reconsider_secs = 2.0;
    config.identify.returns.within_secs = 1.0;
    let finished = run(&[clip(dir.path(), "street", Some(30.0)).0], &data, &config, &Disturbance::default());
    assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
    let store = store(&data);
    let stream = &store.streams().unwrap()[0];
    let graph = store.graph(stream.id, None, None).unwrap();
    let elements = graph.vertices.len() + graph.edges.len();
    let seen = committed(kafka(&config), "final", 3);
    assert_eq!(folded(&seen)["street"], (graph, elements, 0));
    let progress = seen.iter().filter(|seen| seen.key == "~progress/street").count();
    assert!(progress > 3, "most is said before the end: {progress}");
}

#[test]
fn a_sink_that_begins_with_a_snapshot_holds_the_graph_and_what_follows() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut config, data) = (config(&brokers, "snapshot"), dir.path().join("data"));
    config.sinks.kafka.get_mut("main").unwrap().from = StartFrom::Snapshot;
    let told_later = std::mem::take(&mut config.sinks.kafka);
    let path = clip(dir.path(), "street", Some(10.0)).0;
    run(std::slice::from_ref(&path), &data, &config, &Disturbance::default());
    config.sinks.kafka = told_later;
    for _ in 0..2 {
        let finished = run(std::slice::from_ref(&path), &data, &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        let store = store(&data);
        let stream = &store.streams().unwrap()[0];
        let graph = store.graph(stream.id, None, None).unwrap();
        let elements = graph.vertices.len() + graph.edges.len();
        for topic in ["deltas", "final"] {
            assert_eq!(folded(&committed(kafka(&config), topic, 3))["street"], (graph.clone(), elements, 0), "{topic}");
        }
    }
}

/// Two instances open a session under one name. The later one fences the earlier one off, which says so and writes no more.
#[test]
fn of_two_instances_exactly_one_writes() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut config, data) = (config(&brokers, "fence"), dir.path().join("data"));
    let kafka_sinks = std::mem::take(&mut config.sinks.kafka);
    let [first_clip, second_clip] = ["near", "crossing"].map(|scene| clip(dir.path(), scene, None).0);
    run(&[first_clip], &data, &config, &Disturbance::default());
    config.sinks.kafka = kafka_sinks.clone();
    let (store_of_first, interrupt) = (store(&data), AtomicBool::new(false));
    let start = || Sinks::start(&config, &[], &store_of_first, &data).unwrap();
    let wait = |sinks: &Sinks, wanted: fn(&SinkState) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !wanted(&sinks.reports()[0].status.state) {
            assert!(Instant::now() < deadline, "{:?}", sinks.reports());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let caught_up = |state: &SinkState| *state == SinkState::CaughtUp;
    let first = start();
    wait(&first, caught_up);
    let told_by_first = stored(&store_of_first).values().map(Vec::len).sum::<usize>() as u64;
    assert_eq!(first.reports()[0].status.applied, told_by_first);
    let second = start();
    wait(&second, caught_up);

    let without = vokg::config::Config { sinks: vokg::config::SinksConfig::default(), ..config.clone() };
    run(&[second_clip], &data, &without, &Disturbance::default());
    wait(&first, |state| matches!(state, SinkState::Failed(reason) if reason.contains("another instance")));
    let [first, second] = [first, second].map(|sinks| sinks.finish(&interrupt));
    let all = stored(&store(&data)).values().map(Vec::len).sum::<usize>() as u64;
    assert!(all > told_by_first);
    assert_eq!((first[0].status.applied, second[0].status.applied), (told_by_first, all - told_by_first));
    assert_eq!(second[0].status.state, SinkState::CaughtUp);
    assert_eq!(logs(kafka(&config)), stored(&store(&data)));
}

/// Readers of committed records see nothing behind a transaction that is open, whoever has it open: so a session that begins
/// then waits, and does not take what it told there for untold.
#[test]
fn what_was_told_behind_the_open_transaction_of_another_is_not_told_again() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (config(&brokers, "open"), dir.path().join("data"));
    let [first_clip, second_clip] = ["near", "crossing"].map(|scene| clip(dir.path(), scene, None).0);
    run(&[first_clip], &data, &config, &Disturbance::default());

    let mut other = ClientConfig::new();
    let other = other.set("bootstrap.servers", &brokers).set("transactional.id", kafka(&config).topic("other"));
    let other: BaseProducer = other.create().unwrap();
    let patience = Duration::from_secs(30);
    other.init_transactions(patience).unwrap();
    let progress = kafka(&config).topic("progress");
    let (store, interrupt) = (store(&data), AtomicBool::new(false));
    let start = || Sinks::start(&config, &[], &store, &data).unwrap();
    let is_caught_up = |sinks: &Sinks| sinks.reports()[0].status.state == SinkState::CaughtUp;
    let caught_up = |sinks: &Sinks| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_caught_up(sinks) {
            assert!(Instant::now() < deadline, "{:?}", sinks.reports());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let session = start();
    caught_up(&session);
    other.begin_transaction().unwrap();
    other.send(BaseRecord::to(&progress).key("other").payload("{}").partition(0)).map_err(|(error, _)| error).unwrap();
    other.flush(patience).unwrap();
    let without = vokg::config::Config { sinks: vokg::config::SinksConfig::default(), ..config.clone() };
    run(&[second_clip], &data, &without, &Disturbance::default());
    assert!(session.finish(&interrupt)[0].status.applied > 0, "it tells on behind what is open");

    let session = start();
    std::thread::sleep(Duration::from_secs(3));
    assert!(!is_caught_up(&session), "it cannot know");
    other.abort_transaction(patience).unwrap();
    caught_up(&session);
    assert_eq!(session.finish(&interrupt)[0].status.applied, 0);
    assert_eq!(logs(kafka(&config)), stored(&store));
}

/// The process dies just before and just after a transaction is committed; a reader of committed records sees nothing of it.
#[test]
fn what_a_crash_interrupts_is_told_once() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (config(&brokers, "kill"), dir.path().join("data"));
    let toml = config_file(dir.path(), &config);
    let clips = ["near", "crossing", "street"].map(|scene| clip(dir.path(), scene, Some(6.0)).0);
    let run = |count: usize, crash_at: Option<&str>| {
        let mut command = vokg();
        command.arg("run").args(&clips[..count]).arg("--data").arg(&data);
        // Crashes are ours, not the input's.
        command.arg("--config").arg(&toml).args(["-q", "--no-restart", "--retry"]);
        if let Some(place) = crash_at {
            command.env(crash::VARIABLE, place);
        }
        command.status().unwrap()
    };
    for count in 1..=3 {
        for place in ["kafka.sent:1", "kafka.committed:1"] {
            let status = run(count, Some(place));
            assert_eq!(status.signal(), Some(6), "{count} clips, {place}: {status}");
        }
    }
    assert!(run(3, None).success());
    assert_eq!(logs(kafka(&config)), stored(&store(&data)));
}

/// Topics that the sink made itself are as docs/kafka.md says, and one that forgets is refused.
#[test]
fn topics_are_made_small_and_a_forgetful_one_is_refused() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (config(&brokers, "topics"), dir.path().join("data"));
    let path = [clip(dir.path(), "near", Some(2.0)).0];
    let finished = run(&path, &data, &config, &Disturbance::default());
    assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
    let topic = kafka(&config).topic("progress");
    let settings = settings(&brokers, &topic);
    let wanted = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "600000"),
        ("min.cleanable.dirty.ratio", "0.1"),
    ];
    for (key, value) in wanted {
        assert_eq!(settings[key], value, "{key}");
    }
    set(&brokers, &topic, "cleanup.policy", "delete");
    let sinks = Sinks::start(&config, &[], &store(&data), &data).unwrap();
    let reports = sinks.finish(&AtomicBool::new(false));
    let SinkState::Failed(reason) = &reports[0].status.state else { panic!("{reports:?}") };
    assert!(reason.contains(&topic) && reason.contains("cleanup.policy=delete"), "{reason}");
    assert!(reason.contains("--add-config cleanup.policy=compact"), "{reason}");
    set(&brokers, &topic, "cleanup.policy", "compact");
    let sinks = Sinks::start(&config, &[], &store(&data), &data).unwrap();
    let reports = sinks.finish(&AtomicBool::new(false));
    assert_eq!((&reports[0].status.state, reports[0].status.applied), (&SinkState::CaughtUp, 0), "{reports:?}");
}
