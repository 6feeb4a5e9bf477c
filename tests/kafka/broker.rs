//! The broker for tests, and what it holds to a reader of committed records.

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use vokg::config::Config;
use vokg_connectors::export::delta_json::parse_line;
use vokg_connectors::kafka::KafkaConfig;
use vokg_connectors::store::Store;
use vokg_engine::record::LogEntry;

/// The broker for tests, where there is one.
pub fn broker() -> Option<String> {
    let broker = std::env::var("VOKG_TEST_KAFKA").ok();
    if broker.is_none() {
        eprintln!("SKIPPED: VOKG_TEST_KAFKA names no broker; scripts/services.sh start gives one");
    }
    broker
}

/// Whether times are to be judged, and not only told.
pub fn is_long() -> bool {
    std::env::var_os("VOKG_LONG").is_some()
}

/// Held by a test that judges times, of which one runs at once.
pub fn stopwatch() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Topics that no other test writes, in a broker that may have run before.
pub fn config(brokers: &str, test: &str) -> Config {
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

pub fn kafka(config: &Config) -> &KafkaConfig {
    &config.sinks.kafka["main"]
}

/// A record as a consumer sees it.
pub struct Seen {
    pub partition: i32,
    pub key: String,
    pub value: Option<String>,
    pub id: Option<String>,
}

/// All committed records of a topic, in order within each partition.
pub fn committed(config: &KafkaConfig, part: &str, partitions: i32) -> Vec<Seen> {
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
pub fn logs(config: &KafkaConfig) -> BTreeMap<String, Vec<LogEntry>> {
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

fn block_on<T>(question: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(question)
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap()
}

/// The settings of a topic.
pub fn settings(brokers: &str, topic: &str) -> BTreeMap<String, String> {
    let (asked, options) = ([ResourceSpecifier::Topic(topic)], AdminOptions::new());
    let mut told = block_on(admin(brokers).describe_configs(&asked, &options)).unwrap();
    let entries = told.remove(0).unwrap().entries.into_iter();
    entries.map(|entry| (entry.name, entry.value.unwrap_or_default())).collect()
}

/// Gives a topic another setting; its others are those of the broker then.
pub fn set(brokers: &str, topic: &str, key: &str, value: &str) {
    let altered = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(key, value);
    let told = block_on(admin(brokers).alter_configs(&[altered], &AdminOptions::new())).unwrap();
    assert!(told.iter().all(Result::is_ok), "{told:?}");
}

/// Has a broker drop all records of a topic, as its retention does.
pub fn drop_records(brokers: &str, topic: &str, partitions: i32) {
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::End).unwrap();
    }
    block_on(admin(brokers).delete_records(&all, &AdminOptions::new())).unwrap();
}

/// Deletes topics, and waits until they are gone.
pub fn delete(brokers: &str, topics: &[String]) {
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let admin = admin(brokers);
    let deleted = block_on(admin.delete_topics(&names, &AdminOptions::new())).unwrap();
    let is_gone = |result: &Result<String, (String, RDKafkaErrorCode)>| {
        matches!(result, Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)))
    };
    assert!(deleted.iter().all(is_gone), "{deleted:?}");
    let deadline = Instant::now() + Duration::from_secs(30);
    let is_there = |name: &str| {
        let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(10)).unwrap();
        metadata.topics().iter().any(|topic| topic.name() == name)
    };
    while names.iter().any(|name| is_there(name)) {
        assert!(Instant::now() < deadline, "{names:?} are not deleted");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn stored(store: &Store) -> BTreeMap<String, Vec<LogEntry>> {
    let streams = store.streams().unwrap().into_iter();
    streams.map(|s| (s.name.to_string(), store.entries(s.id, None).collect::<Result<_, _>>().unwrap())).collect()
}

/// The configuration as a file for the command.
pub fn config_file(dir: &Path, config: &Config) -> PathBuf {
    let path = dir.join("vokg.toml");
    let KafkaConfig { brokers, topic_prefix, partitions, .. } = kafka(config);
    let text = format!(
        "[sinks.kafka.main]\nbrokers = \"{brokers}\"\ntopic_prefix = \"{topic_prefix}\"\ncreate_topics = true\n\
         partitions = {partitions}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// The command.
pub fn vokg() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
    command.stdout(std::process::Stdio::null());
    command
}

/// A broker of one test alone, which may be stopped and killed.
pub struct OwnBroker {
    home: PathBuf,
}

impl OwnBroker {
    /// Starts it with its files in `home`; a secure one takes SASL over TLS alone.
    pub fn start(home: &Path, is_secure: bool) -> Self {
        let _one = Self::no_starts();
        let broker = Self { home: home.to_owned() };
        let mut command = broker.command("start");
        if is_secure {
            command.env("VOKG_KAFKA_SECURE", "1");
        }
        answer(&mut command);
        broker
    }

    /// As long as this is held no other is started: two that look for a free port together find the same, and one that is
    /// killed has left its own.
    pub fn no_starts() -> MutexGuard<'static, ()> {
        static STARTS: Mutex<()> = Mutex::new(());
        STARTS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services.sh"));
        command.args([verb, "kafka"]).env("VOKG_SERVICES", &self.home);
        command
    }

    /// Where it is found.
    pub fn address(&self) -> String {
        answer(&mut self.command("env")).rsplit('=').next().unwrap().to_owned()
    }

    /// Sends it a signal, such as `-STOP`.
    pub fn signal(&self, signal: &str) {
        answer(Command::new("kill").args([signal, &answer(&mut self.command("pid"))]));
    }

    /// Starts it again with its data, after it was killed.
    pub fn restart(&self) {
        answer(&mut self.command("restart"));
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        let _ = self.command("stop").status();
    }
}

/// What a command that succeeds prints.
fn answer(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
