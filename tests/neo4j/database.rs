//! The server for tests, and `vokg` at work beside it.

use crate::support::{clip, store};
use neo4rs::{BoltType, Graph, query};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, Runtime};
use vokg::config::Config;
use vokg_connectors::neo4j::Neo4jConfig;
use vokg_connectors::store::{Position, Stream};
use vokg_engine::delta::Diff;
use vokg_engine::record::{LogEntry, Record};

/// One test at a time has the server: some of them kill it.
static SERVER: Mutex<()> = Mutex::new(());

/// Names that go before what a test makes, in a server that may have run before.
pub struct Neo4j {
    pub uri: String,
    pub prefix: String,
    runtime: Runtime,
    pub dir: tempfile::TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Neo4j {
    /// The server for tests, where there is one.
    pub fn find(test: &str) -> Option<Self> {
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

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A clip with a name of its own.
    pub fn clip(&self, scene: &str, seconds: Option<f64>) -> PathBuf {
        let path = clip(self.dir.path(), scene, seconds).0;
        let own = self.dir.path().join(format!("{}-{scene}.mp4", self.prefix));
        std::fs::rename(path, &own).unwrap();
        own
    }

    pub fn config(&self, interactions: bool) -> Config {
        let neo4j = Neo4jConfig { uri: self.uri.clone(), interactions, ..Neo4jConfig::default() };
        let mut config = Config::default();
        config.sinks.neo4j.insert("graph".to_owned(), neo4j);
        config.sinks.drain_secs = 120.0;
        config
    }

    /// A configuration file that writes little at a time, so that much can be interrupted.
    pub fn toml(&self) -> PathBuf {
        self.toml_of_batches(1)
    }

    /// The same with so many entries in a transaction.
    fn toml_of_batches(&self, entries: u32) -> PathBuf {
        let path = self.dir.path().join("vokg.toml");
        let settings = format!(
            "[sinks]\ndrain_secs = 120.0\n[sinks.neo4j.graph]\nuri = \"{}\"\nbatch_entries = {entries}\nbatch_secs = 0.0\n",
            self.uri
        );
        std::fs::write(&path, settings).unwrap();
        path
    }

    pub fn vokg(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
        command.args(words).arg("--data").arg(self.data()).stdout(Stdio::null());
        command
    }

    pub fn follow(&self) -> Child {
        self.follow_in_batches(1)
    }

    /// Tells the server the log, so many entries in a transaction.
    pub fn follow_in_batches(&self, entries: u32) -> Child {
        let toml = self.toml_of_batches(entries);
        let mut command = self.vokg(&["follow", "--once", "-q", "--config", toml.to_str().unwrap()]);
        command.spawn().unwrap()
    }

    /// How far the server is with a stream; `None` where it is at its beginning.
    pub fn written(&self, stream: &str) -> Option<u64> {
        let rows = self.rows("MATCH (s:VokgSink {stream: $stream}) RETURN coalesce(s.seq, 0) AS seq", stream);
        rows.first().map(|row| row["seq"].as_u64().unwrap())
    }

    /// Waits until the server is so far with a stream, while `child` writes it.
    pub fn await_written(&self, stream: &str, seq: u64, child: &mut Child) {
        while self.written(stream).is_none_or(|written| written < seq) {
            assert!(child.try_wait().unwrap().is_none(), "it was done before it was interrupted");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Takes the cursor of a stream away: it is told anew.
    pub fn forget(&self, stream: &str) {
        self.rows("MATCH (s:VokgSink {stream: $stream}) DETACH DELETE s RETURN 1", stream);
    }

    /// Makes the first two objects of a stream one that can be: an epoch of its own after the end, which takes back what
    /// was said of the two.
    pub fn merge_two(&self, stream: &Stream) {
        let graph = store(&self.data()).graph(stream.id, None, None).unwrap();
        let mut objects: Vec<String> = graph.vertices.keys().map(|key| key.external(&stream.name)).collect();
        objects.retain(|id| id.contains("/o/"));
        let mut pairs = objects.iter().flat_map(|a| objects.iter().map(move |b| (a, b))).filter(|(a, b)| a < b);
        // Those that were in view together cannot be one.
        let merges =
            |(a, b): (&String, &String)| self.vokg(&["merge", a, b]).stderr(Stdio::null()).status().unwrap().success();
        assert!(pairs.any(merges), "two of {objects:?} can be one");
        let after = Position { epoch: stream.head.epoch, seq: stream.head.next_seq - 1 };
        let appended = store(&self.data()).entries(stream.id, Some(after)).collect::<Result<Vec<_>, _>>().unwrap();
        let takes_back =
            |entry: &LogEntry| matches!(&entry.record, Record::Delta(delta) if delta.diff == Diff::Retract);
        assert!(appended.iter().any(takes_back) && appended.iter().all(|entry| entry.epoch > after.epoch));
    }

    /// Rows of one query, as JSON.
    pub fn rows(&self, text: &str, stream: &str) -> Vec<Map<String, Value>> {
        let graph = Graph::new(&self.uri, "neo4j", "").unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        self.runtime.block_on(async {
            let mut answer = loop {
                match graph.execute(query(text).param("stream", stream)).await {
                    // A server that has much to do takes its time to greet.
                    Err(neo4rs::Error::ConnectionTimedOut) if Instant::now() < deadline => {}
                    answer => break answer.unwrap(),
                }
            };
            let mut rows = Vec::new();
            while let Some(row) = answer.next().await.unwrap() {
                let value = |key: &str| (key.to_owned(), json_of(row.get::<BoltType>(key).unwrap()));
                rows.push(row.keys().iter().map(|key| value(&key.value)).collect());
            }
            rows
        })
    }

    pub fn count(&self, text: &str, stream: &str) -> u64 {
        self.rows(&format!("{text} RETURN count(*) AS count"), stream)[0]["count"].as_u64().unwrap()
    }

    /// Kills the server with -9 and starts it again, `pause` later.
    pub fn crash(&self, pause: Duration) {
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
