//! `vokg.delta.v1`: the delta log as lines of JSON, one record a line.
//!
//! The envelope says where the record stands in the log; the member `cud` is, as it stands, a message that the CUD
//! strategy of the Neo4j Connector for Kafka accepts. The form is lossless: [`parse_line`] gives back the record that
//! [`DeltaJson::write`] was given, so the digest of a log can be computed from its lines ([`digests`]).
//! docs/delta-format.md explains it to consumers, docs/delta.schema.json checks it.

mod log;
mod parse;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use log::{LogError, MAX_LINE_BYTES, digests, read_lines};
pub use parse::{Line, ParseError, parse_line};

use super::properties::Properties;
use crate::store::Position;
use serde::Serialize;
use std::io::{self, Write};
use vokg_engine::delta::{Delta, Diff, Edge, Element, VertexKey};
use vokg_engine::id::StreamName;
use vokg_engine::record::{LogEntry, Progress, Record};

/// The version in the member `v`. It rises with a change that a consumer of the old form would misread.
pub const VERSION: u64 = 1;

/// Writes the records of one stream as lines.
#[derive(Clone, Debug)]
pub struct DeltaJson {
    stream: StreamName,
    origin: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "type")]
enum Cud {
    Node {
        op: &'static str,
        labels: [&'static str; 1],
        ids: Ids,
        #[serde(skip_serializing_if = "Option::is_none")]
        properties: Option<Properties>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detach: Option<bool>,
    },
    Relationship {
        op: &'static str,
        rel_type: String,
        from: End,
        to: End,
        ids: Ids,
        #[serde(skip_serializing_if = "Option::is_none")]
        properties: Option<Properties>,
    },
}

#[derive(Serialize)]
struct End {
    op: &'static str,
    labels: [&'static str; 1],
    ids: Ids,
}

#[derive(Serialize)]
struct Ids {
    vokg_id: String,
}

#[derive(Serialize)]
struct DeltaLine<'a> {
    v: u64,
    kind: &'static str,
    stream: &'a StreamName,
    epoch: u32,
    seq: u64,
    t: u64,
    diff: i8,
    #[serde(skip_serializing_if = "Option::is_none")]
    caused_by: Option<String>,
    cud: Cud,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Properties>,
}

#[derive(Serialize)]
struct ProgressLine<'a> {
    v: u64,
    kind: &'static str,
    stream: &'a StreamName,
    epoch: u32,
    seq: u64,
    lower: u64,
    frontier: Option<u64>,
    settled_us: u64,
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
}

/// Which end of a snapshot a line marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotPhase {
    /// The elements follow.
    Begin,
    /// All have come; the log follows.
    End,
}

#[derive(Serialize)]
struct SnapshotLine<'a> {
    v: u64,
    kind: &'static str,
    stream: &'a StreamName,
    epoch: u32,
    seq: u64,
    as_of: String,
    phase: SnapshotPhase,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
}

#[derive(Serialize)]
struct RefusedLine<'a> {
    v: u64,
    kind: &'static str,
    stream: &'a StreamName,
    epoch: u32,
    seq: u64,
    t: u64,
    diff: i8,
    vokg_id: String,
}

impl DeltaJson {
    /// For the records of `stream`, whose `t = 0` was at `origin_us` microseconds since 1970, where that is known.
    ///
    /// An origin outside the years −9999 to 9999 is no calendar time and is left out.
    pub fn new(stream: StreamName, origin_us: Option<i64>) -> Self {
        let calendar = |us| jiff::Timestamp::from_microsecond(us).ok();
        Self { stream, origin: origin_us.and_then(calendar).map(|origin| origin.to_string()) }
    }

    /// Writes one record and a line feed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write, entry: &LogEntry) -> io::Result<()> {
        match &entry.record {
            Record::Delta(delta) => serde_json::to_writer(&mut *out, &self.delta_line(entry, delta))?,
            Record::Progress(progress) => serde_json::to_writer(&mut *out, &self.progress_line(entry, progress))?,
        }
        out.write_all(b"\n")
    }

    /// Writes a marker of a snapshot and a line feed. Between the two stand as many deltas as it counts, all under the place
    /// it is as of. Only sinks write them: a log has none.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_snapshot(
        &self,
        out: &mut impl Write,
        as_of: Position,
        phase: SnapshotPhase,
        count: u64,
    ) -> io::Result<()> {
        let line = SnapshotLine {
            v: VERSION,
            kind: "snapshot",
            stream: &self.stream,
            epoch: as_of.epoch,
            seq: as_of.seq,
            as_of: as_of.to_string(),
            phase,
            count,
            origin: self.origin.as_deref(),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }

    /// Writes what stands in the place of a delta that a target never takes, and a line feed: which element it states or takes
    /// back, without its value. Only sinks write it: a log has none.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_refused(&self, out: &mut impl Write, at: Position, delta: &Delta) -> io::Result<()> {
        let vokg_id = external_id(&delta.element, &self.stream);
        let line = RefusedLine {
            v: VERSION,
            kind: "refused",
            stream: &self.stream,
            epoch: at.epoch,
            seq: at.seq,
            t: delta.t,
            diff: delta.diff.sign(),
            vokg_id,
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }

    fn value(&self, entry: &LogEntry) -> Result<serde_json::Value, serde_json::Error> {
        match &entry.record {
            Record::Delta(delta) => serde_json::to_value(self.delta_line(entry, delta)),
            Record::Progress(progress) => serde_json::to_value(self.progress_line(entry, progress)),
        }
    }

    fn progress_line(&self, entry: &LogEntry, progress: &Progress) -> ProgressLine<'_> {
        ProgressLine {
            v: VERSION,
            kind: "progress",
            stream: &self.stream,
            epoch: entry.epoch,
            seq: entry.seq,
            lower: progress.lower,
            frontier: progress.frontier,
            settled_us: progress.settled_us,
            count: progress.count,
            origin: self.origin.as_deref(),
        }
    }

    fn delta_line(&self, entry: &LogEntry, delta: &Delta) -> DeltaLine<'_> {
        let caused_by = delta.caused_by.map(|t| VertexKey::Correction(t).external(&self.stream));
        let value = match &delta.element {
            Element::Vertex(key, vertex) => Properties::of_vertex(&self.stream, key, vertex),
            Element::Edge(edge) => Properties::of_edge(&self.stream, edge),
        };
        let (properties, before) = match delta.diff {
            Diff::Assert => (Some(value.with_cause(caused_by.clone())), None),
            Diff::Retract => (None, Some(value)),
        };
        let cud = match &delta.element {
            Element::Vertex(key, _) => self.node(key, delta.diff, properties),
            Element::Edge(edge) => self.relationship(edge, delta.diff, properties),
        };
        DeltaLine {
            v: VERSION,
            kind: "delta",
            stream: &self.stream,
            epoch: entry.epoch,
            seq: entry.seq,
            t: delta.t,
            diff: delta.diff.sign(),
            caused_by,
            cud,
            before,
        }
    }

    fn node(&self, key: &VertexKey, diff: Diff, properties: Option<Properties>) -> Cud {
        // Whoever adds relationships of their own to our vertices must not be able to block a correction.
        let detach = (diff == Diff::Retract).then_some(true);
        Cud::Node { op: operation(diff), labels: [key.label()], ids: self.ids(key), properties, detach }
    }

    fn relationship(&self, edge: &Edge, diff: Diff, properties: Option<Properties>) -> Cud {
        Cud::Relationship {
            op: operation(diff),
            rel_type: edge.kind.to_string(),
            from: self.end(&edge.from),
            to: self.end(&edge.to),
            ids: Ids { vokg_id: edge.id.external(&self.stream) },
            properties,
        }
    }

    fn end(&self, key: &VertexKey) -> End {
        End { op: "match", labels: [key.label()], ids: self.ids(key) }
    }

    fn ids(&self, key: &VertexKey) -> Ids {
        Ids { vokg_id: key.external(&self.stream) }
    }
}

/// The id of an element outside its stream.
pub(crate) fn external_id(element: &Element, stream: &StreamName) -> String {
    match element {
        Element::Vertex(key, _) => key.external(stream),
        Element::Edge(edge) => edge.id.external(stream),
    }
}

fn operation(diff: Diff) -> &'static str {
    match diff {
        Diff::Assert => "merge",
        Diff::Retract => "delete",
    }
}
