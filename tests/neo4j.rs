//! What a real Neo4j server holds is the fold of the log. scripts/services.sh starts one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "kafka/broker.rs"]
#[allow(dead_code, reason = "the tests of Kafka use more of it")]
mod broker;
mod support;

use neo4rs::{BoltType, Graph, query};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{clip, run, store};
use tokio::runtime::{Builder, Runtime};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg_connectors::export::delta_json::DeltaJson;
use vokg_connectors::follow::SinkState;
use vokg_connectors::neo4j::Neo4jConfig;
use vokg_connectors::store::Stream;
use vokg_engine::record::Record;

/// One test at a time has the server: some of them kill it.
static SERVER: Mutex<()> = Mutex::new(());

/// Names that go before what a test makes, in a server that may have run before.
struct Neo4j {
    uri: String,
    prefix: String,
    runtime: Runtime,
    dir: tempfile::TempDir,
    _one: MutexGuard<'static, ()>,
}

/// Properties of the vertices and edges of a stream, by label or type, id and ends.
type Elements = BTreeMap<(String, String, String), Map<String, Value>>;

impl Neo4j {
    /// The server for tests, where there is one.
    fn find(test: &str) -> Option<Self> {
        let Ok(uri) = std::env::var("VOKG_TEST_NEO4J") else {
            eprintln!("SKIPPED: VOKG_TEST_NEO4J names no server; scripts/services.sh start gives one");
            return None;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let one = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        Some(Self { uri, prefix: format!("{test}-{now}"), runtime, dir, _one: one })
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A clip with a name of its own.
    fn clip(&self, scene: &str, seconds: Option<f64>) -> PathBuf {
        let path = clip(self.dir.path(), scene, seconds).0;
        let own = self.dir.path().join(format!("{}-{scene}.mp4", self.prefix));
        std::fs::rename(path, &own).unwrap();
        own
    }

    fn config(&self, interactions: bool) -> Config {
        let neo4j = Neo4jConfig { uri: self.uri.clone(), interactions, ..Neo4jConfig::default() };
        let mut config = Config::default();
        config.sinks.neo4j.insert("graph".to_owned(), neo4j);
        config.sinks.drain_secs = 120.0;
        config
    }

    /// A configuration file that writes little at a time, so that much can be interrupted.
    fn toml(&self) -> PathBuf {
        let path = self.dir.path().join("vokg.toml");
        let settings = format!(
            "[sinks]\ndrain_secs = 120.0\n[sinks.neo4j.graph]\nuri = \"{}\"\nbatch_entries = 1\nbatch_secs = 0.0\n",
            self.uri
        );
        std::fs::write(&path, settings).unwrap();
        path
    }

    fn vokg(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
        command.args(words).arg("--data").arg(self.data()).stdout(Stdio::null());
        command
    }

    fn follow(&self) -> Child {
        let toml = self.toml();
        let mut command = self.vokg(&["follow", "--once", "-q", "--config", toml.to_str().unwrap()]);
        command.spawn().unwrap()
    }

    /// Rows of one query, as JSON.
    fn rows(&self, text: &str, stream: &str) -> Vec<Map<String, Value>> {
        let graph = Graph::new(&self.uri, "neo4j", "").unwrap();
        self.runtime.block_on(async {
            let mut answer = graph.execute(query(text).param("stream", stream)).await.unwrap();
            let mut rows = Vec::new();
            while let Some(row) = answer.next().await.unwrap() {
                let value = |key: &str| (key.to_owned(), json_of(row.get::<BoltType>(key).unwrap()));
                rows.push(row.keys().iter().map(|key| value(&key.value)).collect());
            }
            rows
        })
    }

    fn count(&self, text: &str, stream: &str) -> u64 {
        self.rows(&format!("{text} RETURN count(*) AS count"), stream)[0]["count"].as_u64().unwrap()
    }

    /// What the server holds of a stream, the projection aside.
    fn held(&self, stream: &str) -> Elements {
        let mut held = Elements::new();
        let vertices = self.rows(
            "MATCH (n {stream: $stream}) WHERE NOT n:Interaction AND NOT n:VokgSink \
             RETURN labels(n) AS labels, properties(n) AS properties",
            stream,
        );
        for row in vertices {
            let mut properties = row["properties"].as_object().unwrap().clone();
            let labels: Vec<_> =
                row["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
            assert_eq!(labels.len(), 1, "the segmenter names no classes: {labels:?}");
            let id = text(&mut properties, "vokg_id");
            assert_eq!(text(&mut properties, "stream"), stream);
            if !["Object", "Zone"].contains(&labels[0]) {
                assert!(properties.remove("name").is_some(), "{id} has a caption");
            }
            held.insert((labels[0].to_owned(), id, String::new()), properties);
        }
        let edges = self.rows(
            "MATCH (a {stream: $stream})-[r]->(b) WHERE NOT type(r) IN ['IN_INTERACTION', 'BEFORE'] \
             RETURN type(r) AS kind, a.vokg_id + ' ' + b.vokg_id AS ends, properties(r) AS properties",
            stream,
        );
        for row in edges {
            let mut properties = row["properties"].as_object().unwrap().clone();
            let id = text(&mut properties, "vokg_id");
            let key = (row["kind"].as_str().unwrap().to_owned(), id, row["ends"].as_str().unwrap().to_owned());
            assert_eq!(held.insert(key, properties), None, "each edge is there once");
        }
        held
    }

    /// Asserts that the server holds the fold of the log of every stream that is to be there, and nothing else of them.
    fn assert_holds(&self, interactions: bool) {
        let store = store(&self.data());
        for stream in store.streams().unwrap() {
            let wanted = self.fold(&stream);
            let held = self.held(stream.name.as_str());
            assert_eq!(held.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
            assert_eq!(held, wanted);
            if interactions {
                self.assert_projection(&stream, &wanted);
            }
            let cursor = &self.rows(
                "MATCH (s:VokgSink {stream: $stream}) RETURN s.epoch AS epoch, s.seq AS seq",
                stream.name.as_str(),
            )[0];
            let end = (u64::from(stream.head.epoch), stream.head.next_seq - 1);
            assert_eq!((cursor["epoch"].as_u64().unwrap(), cursor["seq"].as_u64().unwrap()), end);
        }
    }

    /// The log of a stream as other programs read it, folded.
    fn fold(&self, stream: &Stream) -> Elements {
        let store = store(&self.data());
        let lines = DeltaJson::new(stream.name.clone(), None);
        let mut elements = Elements::new();
        for entry in store.entries(stream.id, None) {
            let entry = entry.unwrap();
            if !matches!(entry.record, Record::Delta(_)) {
                continue;
            }
            let mut bytes = Vec::new();
            lines.write(&mut bytes, &entry).unwrap();
            let line: Value = serde_json::from_slice(&bytes).unwrap();
            let cud = &line["cud"];
            let id = cud["ids"]["vokg_id"].as_str().unwrap().to_owned();
            let end = |end: &str| cud[end]["ids"]["vokg_id"].as_str().unwrap();
            let key = match cud["type"].as_str().unwrap() {
                "node" => (cud["labels"][0].as_str().unwrap().to_owned(), id, String::new()),
                _ => (cud["rel_type"].as_str().unwrap().to_owned(), id, format!("{} {}", end("from"), end("to"))),
            };
            if line["diff"] == json!(1) {
                let mut properties = cud["properties"].as_object().unwrap().clone();
                properties.retain(|_, value| !value.is_null());
                elements.insert(key, properties);
            } else {
                assert!(elements.remove(&key).is_some());
            }
        }
        elements
    }

    /// Asserts that the interactions are those of the edges, and that BEFORE leads through those of each object in order.
    fn assert_projection(&self, stream: &Stream, elements: &Elements) {
        let edges = elements.iter().filter(|((.., ends), _)| !ends.is_empty());
        let edges: Vec<_> = edges.map(|((kind, id, ends), properties)| (kind, id, ends, properties)).collect();
        let mut chains: BTreeMap<&str, BTreeSet<(u64, &str)>> = BTreeMap::new();
        let mut wanted = BTreeMap::new();
        for (kind, id, ends, properties) in &edges {
            wanted.insert(
                (*id).clone(),
                (json!(kind), properties["valid_from_us"].clone(), properties.get("valid_to_us").cloned()),
            );
            for end in ends.split(' ').filter(|end| end.contains("/o/")) {
                chains.entry(end).or_default().insert((properties["valid_from_us"].as_u64().unwrap(), id));
            }
        }
        let name = stream.name.as_str();
        let rows = self.rows(
            "MATCH (i:Interaction {stream: $stream}) RETURN i.vokg_id AS id, i.kind AS kind, i.valid_from_us AS from_us, \
             i.valid_to_us AS to_us",
            name,
        );
        let found: BTreeMap<_, _> = rows
            .iter()
            .map(|row| {
                let to_us = Some(row["to_us"].clone()).filter(|to_us| !to_us.is_null());
                (row["id"].as_str().unwrap().to_owned(), (row["kind"].clone(), row["from_us"].clone(), to_us))
            })
            .collect();
        assert_eq!(found, wanted);
        let members: BTreeSet<_> = self
            .rows(
                "MATCH (o {stream: $stream})-[r:IN_INTERACTION]->(i) RETURN o.vokg_id + ' ' + r.role + ' ' + i.vokg_id AS said",
                name,
            )
            .iter()
            .map(|row| row["said"].as_str().unwrap().to_owned())
            .collect();
        let ends = edges.iter().flat_map(|(_, id, ends, _)| {
            let (from, to) = ends.split_once(' ').unwrap();
            [format!("{from} from {id}"), format!("{to} to {id}")]
        });
        assert_eq!(members, ends.collect());
        let mut pairs = BTreeSet::new();
        for (object, chain) in chains {
            let chain: Vec<_> = chain.into_iter().collect();
            pairs.extend(chain.windows(2).map(|two| format!("{object} {} {}", two[0].1, two[1].1)));
        }
        let before: Vec<_> = self
            .rows(
                "MATCH (a:Interaction {stream: $stream})-[r:BEFORE]->(b) RETURN r.object + ' ' + a.vokg_id + ' ' + b.vokg_id AS said",
                name,
            )
            .iter()
            .map(|row| row["said"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(before.len(), pairs.len());
        assert_eq!(before.into_iter().collect::<BTreeSet<_>>(), pairs);
    }

    /// Kills the server with -9 and starts it again, `pause` later.
    fn crash(&self, pause: Duration) {
        let services = |verb: &str| {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services.sh");
            let done = Command::new(script).args([verb, "neo4j"]).stdout(Stdio::null()).status().unwrap();
            assert!(done.success(), "{verb}");
        };
        services("crash");
        std::thread::sleep(pause);
        services("revive");
    }
}

impl Drop for Neo4j {
    /// Leaves nothing behind for tests to come.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.rows("MATCH (n) WHERE n.stream STARTS WITH $stream DETACH DELETE n RETURN 1", &self.prefix);
    }
}

fn text(properties: &mut Map<String, Value>, name: &str) -> String {
    properties.remove(name).unwrap().as_str().unwrap().to_owned()
}

fn json_of(value: BoltType) -> Value {
    match value {
        BoltType::Null(_) => Value::Null,
        BoltType::Boolean(flag) => json!(flag.value),
        BoltType::Integer(number) => json!(number.value),
        BoltType::Float(number) => json!(number.value),
        BoltType::String(text) => json!(text.value),
        BoltType::List(list) => Value::Array(list.value.into_iter().map(json_of).collect()),
        BoltType::Map(map) => {
            Value::Object(map.value.into_iter().map(|(name, value)| (name.value, json_of(value))).collect())
        }
        BoltType::DateTime(_) => json!("a moment"),
        other => panic!("{other:?} is no value of ours"),
    }
}

/// How often the long form does what the short one does less often.
fn times(short: u32, long: u32) -> u32 {
    if std::env::var_os("VOKG_LONG").is_some() { long } else { short }
}

#[test]
fn a_run_tells_neo4j_its_graph_and_the_next_adds_only_what_is_new() {
    let Some(neo4j) = Neo4j::find("run") else { return };
    let config = neo4j.config(true);
    let clips = ["near", "crossing"].map(|scene| neo4j.clip(scene, None));
    let mut told = Vec::new();
    for clips in [&clips[..1], &clips[..], &clips[..]] {
        let finished = run(clips, &neo4j.data(), &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        told.push(finished.sinks[0].status.applied);
        neo4j.assert_holds(true);
    }
    assert!(told[0] > 0 && told[1] > 0 && told[2] == 0, "{told:?}");
    // By hand: an epoch of its own after the end, with retractions.
    let graph = store(&neo4j.data()).graph(store(&neo4j.data()).streams().unwrap()[0].id, None, None).unwrap();
    let stream = store(&neo4j.data()).streams().unwrap()[0].name.clone();
    let mut objects: Vec<String> = graph.vertices.keys().map(|key| key.external(&stream)).collect();
    objects.retain(|id| id.contains("/o/"));
    let merged = neo4j.vokg(&["merge", &objects[0], &objects[1]]).status().unwrap();
    if merged.success() {
        assert!(neo4j.follow().wait().unwrap().success());
        neo4j.assert_holds(true);
    }
    // Without the projection the rest stays, and with it again it is whole.
    for interactions in [false, true] {
        let config = neo4j.config(interactions);
        let finished = run(&clips, &neo4j.data(), &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        neo4j.assert_holds(interactions);
        let count = neo4j.count("MATCH (i:Interaction {stream: $stream})", stream.as_str());
        assert_eq!(count > 0, interactions);
    }
}

#[test]
fn what_other_settings_replace_and_what_the_store_has_not_is_removed() {
    let Some(neo4j) = Neo4j::find("generation") else { return };
    let clip = neo4j.clip("near", None);
    let mut config = neo4j.config(true);
    run(std::slice::from_ref(&clip), &neo4j.data(), &config, &Disturbance::default());
    let first = store(&neo4j.data()).streams().unwrap()[0].name.to_string();
    assert!(neo4j.count("MATCH (n {stream: $stream})", &first) > 0);
    config.run.max_frames = Some(60);
    run(&[clip], &neo4j.data(), &config, &Disturbance::default());
    let second = store(&neo4j.data()).find_stream(&first).unwrap().unwrap();
    assert_eq!(second.name.as_str(), format!("{first}.g2"));
    assert_eq!(neo4j.held(second.name.as_str()), neo4j.fold(&second));
    assert_eq!(neo4j.count("MATCH (n {stream: $stream})", &first), 0);
    assert_eq!(neo4j.count("MATCH (n:VokgSink {stream: $stream})", &first), 0);
    let held = "MATCH (s:VokgSink {stream: $stream}) SET s.stream = s.stream + '.g3' WITH s MATCH (n {stream: $stream}) \
                SET n.vokg_id = replace(n.vokg_id, $stream, $stream + '.g3'), n.stream = n.stream + '.g3' \
                RETURN count(*) AS count";
    assert!(neo4j.rows(held, second.name.as_str())[0]["count"].as_u64().unwrap() > 0);
    assert!(neo4j.follow().wait().unwrap().success());
    assert_eq!(neo4j.count("MATCH (n {stream: $stream + '.g3'})", second.name.as_str()), 0);
    assert_eq!(neo4j.held(second.name.as_str()), neo4j.fold(&second));
}

#[test]
fn every_query_of_the_documentation_runs() {
    let Some(neo4j) = Neo4j::find("docs") else { return };
    run(&[neo4j.clip("near", None)], &neo4j.data(), &neo4j.config(true), &Disturbance::default());
    let stream = store(&neo4j.data()).streams().unwrap()[0].name.clone();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/neo4j.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut answered = 0;
    for block in text.split("```cypher").skip(1) {
        let block = block.split("```").next().unwrap().replace("'yard'", &format!("'{stream}'"));
        let query: String = block.lines().filter(|line| !line.starts_with(":param")).collect::<Vec<_>>().join("\n");
        let query =
            query.trim().trim_end_matches(';').replace("$t", "2000000").replace("RETURN a, r, b", "RETURN a.name");
        answered += usize::from(!neo4j.rows(&query, stream.as_str()).is_empty());
    }
    assert!(answered >= 4, "{answered}");
}

/// The follower is killed while it writes, again and again.
#[test]
fn what_kill_9_interrupts_is_written_once() {
    let Some(neo4j) = Neo4j::find("kill") else { return };
    let clip = neo4j.clip("street", Some(10.0));
    run(&[clip], &neo4j.data(), &Config::default(), &Disturbance::default());
    for turn in 0..times(6, 40) {
        let mut child = neo4j.follow();
        std::thread::sleep(Duration::from_millis(250 + u64::from(turn * 137 % 500)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(neo4j.follow().wait().unwrap().success());
    neo4j.assert_holds(true);
}

/// Whole runs are killed at random, with Kafka and Neo4j attached, until each input is done. Each run after a kill waits
/// for the servers to give up the transaction of the one before, which takes minutes in all.
#[test]
fn runs_that_are_killed_at_random_tell_both_targets_once() {
    if std::env::var_os("VOKG_LONG").is_none() {
        eprintln!("SKIPPED: kills with both servers attached are part of the long form, VOKG_LONG=1");
        return;
    }
    let Some(neo4j) = Neo4j::find("killed") else { return };
    let Some(brokers) = broker::broker() else { return };
    let mut both = neo4j.config(true);
    both.sinks.kafka = broker::config(&brokers, "killed").sinks.kafka;
    let toml = std::fs::read_to_string(broker::config_file(neo4j.dir.path(), &both)).unwrap();
    let toml = format!("[sinks]\ndrain_secs = 120.0\n[sinks.neo4j.graph]\nuri = \"{}\"\n{toml}", neo4j.uri);
    let path = neo4j.dir.path().join("both.toml");
    std::fs::write(&path, toml).unwrap();
    let street = neo4j.clip("street", None);
    let begin = |clip: &Path| {
        let mut command = neo4j.vokg(&["run", "-q", "--config", path.to_str().unwrap()]);
        command.arg(clip).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    assert!(begin(&street).wait().unwrap().success());
    let took = begun.elapsed();
    let (mut killed, mut inputs) = (0, 0);
    while killed < 100 {
        inputs += 1;
        let clip = street.with_file_name(format!("{}-street-{inputs}.mp4", neo4j.prefix));
        std::fs::copy(&street, &clip).unwrap();
        loop {
            let mut child = begin(&clip);
            let until = Instant::now() + took.mul_f64(f64::from(killed * 389 % 100) / 100.0);
            let mut ended = None;
            while ended.is_none() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
                ended = child.try_wait().unwrap();
            }
            if let Some(status) = ended {
                assert!(status.success(), "{status}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
            if killed % 8 == 0 {
                assert!(begin(&clip).wait().unwrap().success());
                break;
            }
        }
    }
    let streams = store(&neo4j.data()).streams().unwrap();
    let digests: BTreeSet<_> = streams.iter().map(|stream| stream.head.digest.to_string()).collect();
    println!("{killed} kills over {inputs} inputs, an undisturbed run takes {:.1} s", took.as_secs_f64());
    assert_eq!((streams.len(), digests.len()), (inputs + 1, 1), "all are the same film");
    assert_eq!(broker::logs(broker::kafka(&both)), broker::stored(&store(&neo4j.data())));
    neo4j.assert_holds(true);
}

/// The server is killed while it is written to, and comes back with what it had.
#[test]
fn a_server_that_dies_holds_the_same_graph_when_it_is_back() {
    let Some(neo4j) = Neo4j::find("crash") else { return };
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/services/neo4j/pid").exists() {
        eprintln!("SKIPPED: the server of VOKG_TEST_NEO4J was not started by scripts/services.sh and cannot be killed");
        return;
    }
    let clip = neo4j.clip("street", Some(10.0));
    run(&[clip], &neo4j.data(), &Config::default(), &Disturbance::default());
    let stream = store(&neo4j.data()).streams().unwrap()[0].clone();
    let (name, entries) = (stream.name.as_str(), stream.head.next_seq);
    for turn in 0..times(1, 10) {
        // Without its cursor the stream is told anew.
        neo4j.rows("MATCH (s:VokgSink {stream: $stream}) DETACH DELETE s RETURN 1", name);
        let mut child = neo4j.follow();
        let midst = 5 + u64::from(turn) * 37 % (entries / 2);
        let written = || neo4j.rows("MATCH (s:VokgSink {stream: $stream}) RETURN coalesce(s.seq, 0) AS seq", name);
        while written().first().is_none_or(|row| row["seq"].as_u64().unwrap() < midst) {
            assert!(child.try_wait().unwrap().is_none(), "it was done before it was interrupted");
            std::thread::sleep(Duration::from_millis(5));
        }
        neo4j.crash(Duration::from_millis(300));
        assert!(child.wait().unwrap().success(), "it waits until the server is back, and goes on");
        neo4j.assert_holds(true);
    }
}
