//! What is written to which topic: pure functions from log entries to records.

use super::murmur2::partition_of;
use super::transaction_log::Cursor;
use crate::export::delta_json::{DeltaJson, SnapshotPhase, external_id};
use crate::follow::{Followed, Portion, Snapshot};
use crate::store::{Position, StreamId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vokg_engine::delta::{Delta, Diff, Element};
use vokg_engine::id::StreamName;
use vokg_engine::record::{LogEntry, Record};
use vokg_engine::time::Micros;

/// The `$id` of docs/delta.schema.json.
const SCHEMA: &str = "urn:vokg:delta:v1";

/// A topic of ours, by its last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// The log itself.
    Deltas,
    /// The latest value of every element; compacted.
    State,
    /// Each element once, when nothing automatic can change it any more.
    Final,
    /// The cursor of every stream; compacted, one partition.
    Progress,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deltas, Self::State, Self::Final, Self::Progress];

    /// The last part of its name.
    pub fn part(self) -> &'static str {
        match self {
            Self::Deltas => "deltas",
            Self::State => "state",
            Self::Final => "final",
            Self::Progress => "progress",
        }
    }

    /// Whether only the latest record of a key is kept.
    pub fn is_compacted(self) -> bool {
        matches!(self, Self::State | Self::Progress)
    }
}

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Where to.
    pub topic: Topic,
    /// Which partition.
    pub partition: u32,
    /// Its key.
    pub key: String,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Milliseconds since 1970 of what it tells of, where that is known.
    pub timestamp_ms: Option<i64>,
    /// The log entry it comes from.
    pub at: Position,
}

impl KafkaRecord {
    /// Whether it tells of one element, and not of how far a stream is.
    pub fn is_of_a_delta(&self) -> bool {
        self.topic != Topic::Progress && !self.key.starts_with("~progress/")
    }

    /// Bytes of its key, its value and its headers.
    pub fn bytes(&self) -> u64 {
        let headers: usize = self.headers.iter().map(|(key, value)| key.len() + value.len()).sum();
        (self.key.len() + self.value.as_ref().map_or(0, Vec::len) + headers) as u64
    }
}

/// What does not change from record to record.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// The store they come from, in hexadecimal digits.
    pub instance: String,
    /// Partitions of all topics but `progress`.
    pub partitions: u32,
    /// Whether `state` is written.
    pub state: bool,
}

impl Recorder {
    /// The partition of all records of a stream.
    pub fn partition(&self, stream: &StreamName) -> u32 {
        partition_of(stream.as_str(), self.partitions)
    }

    /// The cursor that stands at a position of a stream.
    pub fn cursor(&self, stream: StreamId, Position { epoch, seq }: Position, margin_us: Option<Micros>) -> Cursor {
        let (instance, partitions, number) = (self.instance.clone(), self.partitions, Some(stream.0));
        let (state, also_in) = (Some(self.state), BTreeSet::new());
        Cursor { instance, epoch, seq, partitions, margin_us, number, mark: None, state, also_in, leaves: false }
    }

    /// The tombstones of these keys of a stream in `state`.
    pub fn tombstones(&self, stream: &StreamName, keys: &[String], at: Position) -> Vec<KafkaRecord> {
        let of = |key: &String| self.without_value(Topic::State, stream, key.clone(), at);
        keys.iter().map(of).collect()
    }

    /// What tells readers of `deltas`, and of `final` where `in_final`, to forget a stream. Its cursor goes with it.
    pub fn forgotten(&self, stream: &StreamName, at: Position, in_final: bool) -> Vec<KafkaRecord> {
        let marked = [Some(Topic::Deltas), in_final.then_some(Topic::Final)].into_iter().flatten();
        let marker = |topic| {
            let mut record = self.without_value(topic, stream, format!("~progress/{stream}"), at);
            let source = if topic == Topic::Final { "/final" } else { "" };
            record.headers = vec![
                ("ce_specversion", "1.0".to_owned()),
                ("ce_id", format!("{stream}/{}/{}/forgotten", at.epoch, at.seq)),
                ("ce_source", format!("/vokg/{}/{stream}{source}", self.instance)),
                ("ce_type", "dev.vokg.forgotten.v1".to_owned()),
                ("vokg-kind", "forgotten".to_owned()),
            ];
            record
        };
        let mut records: Vec<KafkaRecord> = marked.map(marker).collect();
        let cursor = self.without_value(Topic::Progress, stream, stream.to_string(), at);
        records.push(KafkaRecord { partition: 0, ..cursor });
        records
    }

    fn without_value(&self, topic: Topic, stream: &StreamName, key: String, at: Position) -> KafkaRecord {
        let (partition, headers) = (self.partition(stream), Vec::new());
        KafkaRecord { topic, partition, key, value: None, headers, timestamp_ms: None, at }
    }

    /// The records of a portion: those of `deltas` and of `state`. A delta that is refused leaves a line in its place, and no
    /// value.
    pub fn records(&self, portion: &Portion<'_>) -> Vec<KafkaRecord> {
        let stream = portion.stream;
        let lines = DeltaJson::new(stream.name.clone(), stream.origin_us);
        let mut records = Vec::new();
        for entry in portion.entries {
            match &entry.record {
                Record::Delta(delta) if portion.refused.contains(&Position::of(entry)) => {
                    let line = self.refused(&lines, stream, Position::of(entry), delta);
                    let value = || self.without_value(Topic::State, &stream.name, line.key.clone(), line.at);
                    records.extend(self.state.then(value));
                    records.push(line);
                }
                _ => {
                    let record = self.delta_or_progress(&lines, stream, entry);
                    records.extend(self.state_of(&record, entry));
                    records.push(record);
                }
            }
        }
        records
    }

    /// What stands in the place of a delta.
    fn refused(&self, lines: &DeltaJson, stream: &Followed, at: Position, delta: &Delta) -> KafkaRecord {
        let mut value = Vec::new();
        lines.write_refused(&mut value, at, delta).expect("writing to memory works");
        let key = external_id(&delta.element, &stream.name);
        self.record(stream, "refused", (key, id_of(stream, at)), Some(delta.t), value, at)
    }

    /// What a stream begins with in place of its log up to an entry: the elements of its graph between two markers.
    ///
    /// # Panics
    /// Never: what we write has a JSON form.
    pub fn snapshot(&self, snapshot: &Snapshot<'_>) -> Vec<KafkaRecord> {
        let Snapshot { stream, at, t, graph } = *snapshot;
        let lines = DeltaJson::new(stream.name.clone(), stream.origin_us);
        let vertices = graph.vertices.iter().map(|(key, vertex)| Element::Vertex(*key, vertex.clone()));
        let elements: Vec<Element> = vertices.chain(graph.edges.values().cloned().map(Element::Edge)).collect();
        let id = |part: &str| format!("{}/{}/{}/{part}", stream.name, at.epoch, at.seq);
        let marker = |phase| {
            let mut value = Vec::new();
            lines.write_snapshot(&mut value, at, phase, elements.len() as u64).expect("writing to memory works");
            let name = if phase == SnapshotPhase::Begin { "begin" } else { "end" };
            let key = format!("~progress/{}", stream.name);
            self.record(stream, "snapshot", (key, id(name)), Some(t), value, at)
        };
        let mut records = vec![marker(SnapshotPhase::Begin)];
        for (place, element) in elements.iter().enumerate() {
            let delta = Delta { t, diff: Diff::Assert, element: element.clone(), caused_by: None };
            let entry = LogEntry { epoch: at.epoch, seq: at.seq, record: Record::Delta(delta) };
            let mut record = self.delta_or_progress(&lines, stream, &entry);
            if let Some((_, value)) = record.headers.iter_mut().find(|(key, _)| *key == "ce_id") {
                *value = id(&place.to_string());
            }
            records.extend(self.state_of(&record, &entry));
            records.push(record);
        }
        records.push(marker(SnapshotPhase::End));
        records
    }

    /// The records of what has become final. What is refused leaves a line in its place, as in `deltas`.
    pub fn finals(&self, stream: &Followed, said: &[LogEntry], refused: &BTreeSet<Position>) -> Vec<KafkaRecord> {
        let lines = DeltaJson::new(stream.name.clone(), stream.origin_us);
        let records = said.iter().map(|entry| {
            let mut record = match &entry.record {
                Record::Delta(delta) if refused.contains(&Position::of(entry)) => {
                    self.refused(&lines, stream, Position::of(entry), delta)
                }
                _ => self.delta_or_progress(&lines, stream, entry),
            };
            // Ids are unique within a source, and `deltas` has used these.
            if let Some((_, value)) = record.headers.iter_mut().find(|(key, _)| *key == "ce_source") {
                value.push_str("/final");
            }
            KafkaRecord { topic: Topic::Final, ..record }
        });
        records.collect()
    }

    /// The record that moves the cursor of a stream.
    ///
    /// # Panics
    /// Never: a cursor has a JSON form.
    pub fn progress(&self, stream: &StreamName, cursor: &Cursor) -> KafkaRecord {
        KafkaRecord {
            topic: Topic::Progress,
            partition: 0,
            key: stream.to_string(),
            value: Some(serde_json::to_vec(cursor).expect("a cursor is numbers and a text")),
            headers: Vec::new(),
            timestamp_ms: None,
            at: cursor.position(),
        }
    }

    fn delta_or_progress(&self, lines: &DeltaJson, stream: &Followed, entry: &LogEntry) -> KafkaRecord {
        let mut value = Vec::new();
        lines.write(&mut value, entry).expect("writing to memory works");
        let (kind, t, key) = match &entry.record {
            Record::Delta(delta) => ("delta", Some(delta.t), external_id(&delta.element, &stream.name)),
            Record::Progress(progress) => ("progress", progress.frontier, format!("~progress/{}", stream.name)),
        };
        let at = Position::of(entry);
        self.record(stream, kind, (key, id_of(stream, at)), t, value, at)
    }

    /// A record of `deltas` from a line of the log, its line feed included.
    fn record(
        &self,
        stream: &Followed,
        kind: &'static str,
        (key, id): (String, String),
        t: Option<Micros>,
        mut line: Vec<u8>,
        at: Position,
    ) -> KafkaRecord {
        line.pop();
        let of_media = |t: u64| stream.origin_us?.checked_add_unsigned(t);
        let time_us = t.and_then(of_media);
        let mut headers = vec![
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", id),
            ("ce_source", format!("/vokg/{}/{}", self.instance, stream.name)),
            ("ce_type", format!("dev.vokg.{kind}.v1")),
            ("ce_dataschema", SCHEMA.to_owned()),
            ("content-type", "application/json".to_owned()),
            ("vokg-kind", kind.to_owned()),
            ("vokg-seq", at.seq.to_string()),
        ];
        headers.extend(t.map(|t| ("vokg-t", t.to_string())));
        let calendar = time_us.and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
        headers.extend(calendar.map(|time| ("ce_time", time.to_string())));
        KafkaRecord {
            topic: Topic::Deltas,
            partition: self.partition(&stream.name),
            key,
            value: Some(line),
            headers,
            timestamp_ms: time_us.map(|us| us.div_euclid(1000)),
            at,
        }
    }

    /// The same for the topic of latest values; what never was so leaves a tombstone.
    fn state_of(&self, record: &KafkaRecord, entry: &LogEntry) -> Option<KafkaRecord> {
        let Record::Delta(delta) = &entry.record else { return None };
        let value = record.value.clone().filter(|_| delta.diff == Diff::Assert);
        self.state.then(|| KafkaRecord { topic: Topic::State, value, ..record.clone() })
    }
}

fn id_of(stream: &Followed, at: Position) -> String {
    format!("{}/{}/{}", stream.name, at.epoch, at.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::delta_json::{parse_line, samples};
    use std::collections::BTreeMap;

    #[test]
    fn in_the_place_of_what_is_refused_stands_a_line_without_its_value() {
        let stream = Followed { id: StreamId(1), name: samples::stream(), origin_us: None };
        let entries = samples::story();
        let refused = BTreeSet::from([Position::of(&entries[2])]);
        let portion = Portion { stream: &stream, after: None, entries: &entries, refused: &refused };
        let recorder = Recorder { instance: "ab".into(), partitions: 3, state: true };
        let records = recorder.records(&portion);
        let of = |topic| {
            let at = |record: &&KafkaRecord| record.topic == topic && record.at == Position::of(&entries[2]);
            let found: Vec<&KafkaRecord> = records.iter().filter(at).collect();
            assert_eq!(found.len(), 1, "{topic:?}");
            found[0]
        };
        let (line, state) = (of(Topic::Deltas), of(Topic::State));
        assert_eq!((line.key.as_str(), &state.value), (state.key.as_str(), &None));
        let value: serde_json::Value =
            serde_json::from_slice(line.value.as_ref().expect("a line")).expect("it is JSON");
        let Record::Delta(delta) = &entries[2].record else { panic!("the third of the story is a delta") };
        let wanted = serde_json::json!({
            "v": 1, "kind": "refused", "stream": "gate", "epoch": 1, "seq": entries[2].seq, "t": delta.t, "diff": 1,
            "vokg_id": line.key,
        });
        assert_eq!(value, wanted);
        let seqs = records.iter().filter(|record| record.topic == Topic::Deltas).map(|record| record.at);
        assert!(seqs.eq(entries.iter().map(Position::of)), "there is no gap");
    }

    fn written(origin_us: Option<i64>, state: bool) -> (Vec<LogEntry>, Vec<KafkaRecord>) {
        let stream = Followed { id: StreamId(1), name: samples::stream(), origin_us };
        let entries = samples::story();
        let refused = BTreeSet::new();
        let portion = Portion { stream: &stream, after: None, entries: &entries, refused: &refused };
        let recorder = Recorder { instance: "ab".into(), partitions: 3, state };
        let mut records = recorder.records(&portion);
        records.push(recorder.progress(&stream.name, &recorder.cursor(stream.id, portion.last(), None)));
        (entries, records)
    }

    #[test]
    fn the_topic_of_deltas_is_the_log_in_one_partition_and_the_cursor_comes_last() {
        let (entries, records) = written(None, false);
        assert_eq!(records.len(), entries.len() + 1);
        let partition = partition_of("gate", 3);
        for (record, entry) in records.iter().zip(&entries) {
            assert_eq!((record.topic, record.partition, record.at), (Topic::Deltas, partition, Position::of(entry)));
            let line = parse_line(std::str::from_utf8(record.value.as_ref().expect("no tombstone")).expect("UTF-8"));
            assert_eq!(&line.expect("it is a line of the log").entry, entry);
            assert_eq!(record.timestamp_ms, None, "the source knows no origin");
        }
        let cursor = records.last().expect("there are records");
        assert_eq!((cursor.topic, cursor.key.as_str()), (Topic::Progress, "gate"));
        let cursor: Cursor = serde_json::from_slice(cursor.value.as_ref().expect("no tombstone")).expect("it is JSON");
        assert_eq!(Position { epoch: cursor.epoch, seq: cursor.seq }, Position::of(&entries[entries.len() - 1]));
        assert_eq!((cursor.instance.as_str(), cursor.partitions), ("ab", 3));
    }

    #[test]
    fn times_are_those_of_the_video_where_it_knows_them() {
        let (entries, records) = written(Some(1_700_000_000_000_000), false);
        let Record::Delta(first) = &entries[0].record else { panic!("the story begins with a delta") };
        assert_eq!(
            records[0].timestamp_ms,
            Some(1_700_000_000_000 + i64::try_from(first.t / 1000).expect("it is small"))
        );
        let header = |name| records[0].headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        assert_eq!(header("ce_id"), Some("gate/1/0"));
        assert_eq!(header("ce_type"), Some("dev.vokg.delta.v1"));
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/delta.schema.json")).expect("it is JSON");
        assert_eq!(header("ce_dataschema"), schema["$id"].as_str());
        assert!(header("ce_time").is_some_and(|time| time.starts_with("2023-11-14T")));
    }

    #[test]
    fn the_latest_values_are_the_graph_and_what_never_was_is_a_tombstone() {
        let (entries, records) = written(None, true);
        let mut state = BTreeMap::new();
        for record in records.iter().filter(|record| record.topic == Topic::State) {
            match &record.value {
                Some(_) => state.insert(record.key.clone(), ()),
                None => state.remove(&record.key),
            };
        }
        let graph = samples::fold(&entries);
        let stream = samples::stream();
        let vertices = graph.vertices.keys().map(|key| key.external(&stream));
        let wanted: BTreeSet<String> = vertices.chain(graph.edges.keys().map(|id| id.external(&stream))).collect();
        assert_eq!(state.into_keys().collect::<BTreeSet<_>>(), wanted);
        assert!(records.iter().any(|record| record.topic == Topic::State && record.value.is_none()));
    }
}
