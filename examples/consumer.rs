//! A consumer of `vokg.deltas`: rebuilds the graph of every stream from Kafka alone.
//!
//! `cargo run --example consumer -- 127.0.0.1:9092 vokg.deltas graph.state` reads on from where the state file ends, up to
//! the end of the topic, and prints a line for each stream: the same JSON value that `vokg export --format json` prints, with
//! sorted keys. It uses nothing of vokg but what docs/delta-format.md and docs/kafka.md say; examples/consumer.py is the same
//! in Python.
//!
//! - It reads committed records only.
//! - It collects deltas and applies them at the progress record, so that it never shows half a moment.
//! - It knows loss and repetition by (epoch, seq), whatever its offsets say, and by `lower` that an epoch's end is not lost.
//! - It goes on where a record was too large for the topic, and says which elements it does not know for that.
//! - It drops a stream that the store no longer has.
//! - It keeps its place with the graph, in one file that is replaced at once: so each record counts once, wherever it is
//!   killed.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

type Failure = Box<dyn Error>;

/// What is kept from one run to the next.
#[derive(Default, Serialize, Deserialize)]
struct State {
    /// By partition, the first record to be read again.
    offsets: BTreeMap<i32, i64>,
    streams: BTreeMap<String, Stream>,
}

/// One stream: its graph and, beside it, what was read since the last progress record.
#[derive(Serialize, Deserialize)]
struct Stream {
    /// Place of the last progress record that was applied: epoch and sequence number.
    applied: Option<(u64, u64)>,
    /// Up to where time is told by then; not known after a snapshot.
    frontier: Option<u64>,
    /// Whether that record closed its epoch.
    is_closed: bool,
    vertices: BTreeMap<String, Value>,
    edges: BTreeMap<String, Value>,
    /// Elements whose value the topic did not take.
    #[serde(default)]
    unknown: BTreeSet<String>,
    #[serde(skip)]
    unapplied: Unapplied,
}

#[derive(Default)]
struct Unapplied {
    /// Place of the last record that was read.
    read: Option<(u64, u64)>,
    deltas: Vec<Value>,
    /// Partition and offset of the first of them.
    since: Option<(i32, i64)>,
    snapshot: Option<Snapshot>,
}

/// Within a snapshot all records have the place it is as of.
#[derive(PartialEq)]
enum Snapshot {
    Taken,
    Known,
}

impl Default for Stream {
    /// The first record of all is the first of epoch 1.
    fn default() -> Self {
        let (vertices, edges, unknown) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let unapplied = Unapplied::default();
        Self { applied: None, frontier: Some(0), is_closed: true, vertices, edges, unknown, unapplied }
    }
}

impl Stream {
    fn take(&mut self, record: Value, from: (i32, i64)) -> Result<(), Failure> {
        let place = (number(&record, "epoch")?, number(&record, "seq")?);
        let read = self.unapplied.read.or(self.applied);
        match (record["kind"].as_str(), &self.unapplied.snapshot) {
            (Some("snapshot"), None) => {
                let known = read.is_some_and(|read| place <= read);
                self.unapplied.snapshot = Some(if known { Snapshot::Known } else { Snapshot::Taken });
                self.unapplied.since = Some(from);
                return Ok(());
            }
            (Some("snapshot"), Some(Snapshot::Known)) => {
                (self.unapplied.snapshot, self.unapplied.since) = (None, None);
                return Ok(());
            }
            (_, Some(Snapshot::Known)) => return Ok(()),
            (Some("snapshot"), Some(Snapshot::Taken)) => {
                self.vertices.clear();
                self.edges.clear();
                self.unknown.clear();
                (self.frontier, self.is_closed) = (None, false);
                return self.apply(place, number(&record, "count")?);
            }
            (_, Some(Snapshot::Taken)) => self.unapplied.deltas.push(record),
            (kind, None) => {
                if read.is_some_and(|read| place <= read) {
                    return Ok(());
                }
                let (epoch, seq) = read.unwrap_or((0, 0));
                let ended = self.is_closed && self.unapplied.read.is_none();
                let goes_on = place == (epoch, seq + 1) && !ended;
                // An epoch need not be closed before the next begins, but it ends with a progress record.
                let begins = place == (epoch + 1, 0) && self.unapplied.deltas.is_empty();
                if !(goes_on || begins) {
                    return Err(format!("records are lost: {place:?} follows {read:?}").into());
                }
                self.unapplied.read = Some(place);
                self.unapplied.since.get_or_insert(from);
                match kind {
                    Some("delta" | "refused") => self.unapplied.deltas.push(record),
                    Some("progress") => {
                        self.move_time(&record)?;
                        self.apply(place, number(&record, "count")?)?;
                    }
                    // A later vokg may say more.
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn move_time(&mut self, progress: &Value) -> Result<(), Failure> {
        let lower = number(progress, "lower")?;
        if let Some(frontier) = self.frontier.filter(|frontier| *frontier != lower) {
            return Err(format!("records are lost: time was at {frontier} and goes on from {lower}: {progress}").into());
        }
        let last = self.unapplied.deltas.last().map(|delta| number(delta, "t")).transpose()?;
        self.is_closed = progress["frontier"].is_null();
        self.frontier = Some(match self.is_closed {
            true => last.map_or(lower, |t| lower.max(t + 1)),
            false => number(progress, "frontier")?,
        });
        Ok(())
    }

    fn apply(&mut self, place: (u64, u64), count: u64) -> Result<(), Failure> {
        let deltas = std::mem::take(&mut self.unapplied).deltas;
        if deltas.len() as u64 != count {
            return Err(format!("{count} deltas were announced, {} came before {place:?}", deltas.len()).into());
        }
        deltas.iter().try_for_each(|delta| self.change(delta))?;
        self.applied = Some(place);
        Ok(())
    }

    fn change(&mut self, delta: &Value) -> Result<(), Failure> {
        if delta["kind"] == "refused" {
            let id = text(&delta["vokg_id"])?;
            self.vertices.remove(&id);
            self.edges.remove(&id);
            match delta["diff"] == 1 {
                true => self.unknown.insert(id),
                false => self.unknown.remove(&id),
            };
            return Ok(());
        }
        let cud = &delta["cud"];
        let id = text(&cud["ids"]["vokg_id"])?;
        let is_vertex = cud["type"] == "node";
        let elements = if is_vertex { &mut self.vertices } else { &mut self.edges };
        let was_unknown = self.unknown.remove(&id);
        if delta["diff"] == -1 {
            let gone = elements.remove(&id);
            if was_unknown {
                return Ok(());
            }
            return match gone.is_some_and(|element| element["properties"] == delta["before"]) {
                true => Ok(()),
                false => Err(format!("{id} never had the value that is taken back").into()),
            };
        }
        let mut properties = cud["properties"].clone();
        if let Some(properties) = properties.as_object_mut() {
            // The cause belongs to the change, not to the value.
            properties.remove("caused_by");
        }
        let element = match is_vertex {
            true => json!({"id": id, "label": cud["labels"][0], "properties": properties}),
            false => {
                let [from, to] = ["from", "to"].map(|end| &cud[end]["ids"]["vokg_id"]);
                json!({"id": id, "kind": cud["rel_type"], "from": from, "to": to, "properties": properties})
            }
        };
        elements.insert(id, element);
        Ok(())
    }

    fn graph(&self, name: &str) -> Value {
        let known_at = self.applied.map(|(epoch, seq)| json!({"epoch": epoch, "seq": seq}));
        let [vertices, edges] = [&self.vertices, &self.edges].map(|elements| elements.values().collect::<Vec<_>>());
        json!({"stream": name, "at_us": null, "known_at": known_at, "vertices": vertices, "edges": edges})
    }
}

impl State {
    fn load(path: &Path) -> Result<Self, Failure> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let path = path.display();
                format!("{path} is no state of this consumer ({error}); delete it to read the topic from the beginning")
                    .into()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display()).into()),
        }
    }

    /// Replaces the file at once. `next` is the record after the last one read, by partition.
    fn save(&mut self, path: &Path, next: &BTreeMap<i32, i64>) -> Result<(), Failure> {
        for (partition, next) in next {
            // What is not applied yet is read again.
            let unapplied = self.streams.values().filter_map(|stream| stream.unapplied.since);
            let first = unapplied.filter(|(of, _)| of == partition).map(|(_, offset)| offset).min();
            self.offsets.insert(*partition, first.unwrap_or(*next));
        }
        let written = path.with_extension("new");
        std::fs::write(&written, serde_json::to_vec(self)?)?;
        std::fs::File::open(&written)?.sync_all()?;
        Ok(std::fs::rename(&written, path)?)
    }
}

/// Reads a topic from where the state file ends to its end; gives the graph of each stream.
pub fn consume(brokers: &str, topic: &str, state_file: &Path) -> Result<Vec<Value>, Failure> {
    let mut state = State::load(state_file)?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        // No group is joined and no offset committed; librdkafka wants a name all the same.
        .set("group.id", "vokg-example")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        // What is gone is told, and not passed over.
        .set("auto.offset.reset", "error")
        .create()?;
    let partitions = count_partitions(&consumer, brokers, topic)?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions)? {
        let offset = state.offsets.get(&partition).map_or(Offset::Beginning, |offset| Offset::Offset(*offset));
        assignment.add_partition_offset(topic, partition, offset)?;
    }
    consumer.assign(&assignment)?;
    let (mut next, mut ended) = (state.offsets.clone(), BTreeSet::new());
    while ended.len() < partitions {
        match consumer.poll(Duration::from_secs(30)).ok_or_else(|| format!("{brokers} does not answer"))? {
            Err(KafkaError::PartitionEOF(partition)) => drop(ended.insert(partition)),
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)) => {
                return Err(format!(
                    "{topic} does not have what follows the last record read: it was made again, or retention took that \
                     away; without {} it is read from its beginning",
                    state_file.display()
                )
                .into());
            }
            Err(error) => return Err(error.into()),
            Ok(message) => {
                next.insert(message.partition(), message.offset() + 1);
                let Some(value) = message.payload() else {
                    let key = std::str::from_utf8(message.key().ok_or("a record without key and value")?)?;
                    state.streams.remove(key.strip_prefix("~progress/").unwrap_or(key));
                    continue;
                };
                let record: Value = serde_json::from_slice(value)?;
                let stream = state.streams.entry(text(&record["stream"])?).or_default();
                stream.take(record, (message.partition(), message.offset()))?;
            }
        }
    }
    state.save(state_file, &next).map_err(|error| format!("{} cannot be written: {error}", state_file.display()))?;
    for (name, stream) in state.streams.iter().filter(|(_, stream)| !stream.unknown.is_empty()) {
        eprintln!("{name} has {} elements that {topic} did not take: {:?}", stream.unknown.len(), stream.unknown);
    }
    Ok(state.streams.iter().map(|(name, stream)| stream.graph(name)).collect())
}

/// The partitions of a topic, which has one at least where it is there.
fn count_partitions(consumer: &BaseConsumer, brokers: &str, topic: &str) -> Result<usize, Failure> {
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30));
    let metadata = metadata.map_err(|error| format!("{brokers} does not answer: {error}"))?;
    let found = metadata.topics().first().ok_or_else(|| format!("{brokers} has no topic {topic}"))?;
    match found.error().map(RDKafkaErrorCode::from) {
        None if !found.partitions().is_empty() => Ok(found.partitions().len()),
        None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Err(format!("{brokers} has no topic {topic}").into())
        }
        Some(code) => Err(format!("{brokers} does not give the topic {topic}: {code}").into()),
    }
}

/// What becomes of the records of one stream; for the tests.
#[cfg(test)]
#[allow(dead_code, reason = "the tests of whole runs call it")]
pub fn take_all(records: &[Value]) -> Result<(), Failure> {
    let mut stream = Stream::default();
    (0..).zip(records).try_for_each(|(offset, record)| stream.take(record.clone(), (0, offset)))
}

fn number(record: &Value, member: &str) -> Result<u64, Failure> {
    record[member].as_u64().ok_or_else(|| format!("a record has no {member}: {record}").into())
}

fn text(value: &Value) -> Result<String, Failure> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{value} should be a text").into())
}

#[allow(dead_code, reason = "the tests call consume")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic, state] = arguments.as_slice() else {
        eprintln!("usage: consumer BROKERS TOPIC STATE-FILE");
        return ExitCode::FAILURE;
    };
    match consume(brokers, topic, Path::new(state)) {
        Ok(graphs) => {
            graphs.iter().for_each(|graph| println!("{graph}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
