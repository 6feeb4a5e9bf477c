//! The tables of the database, their keys, and the limits of what a row may hold. docs/store-format.md draws them.

use super::error::ReadError;
use super::packed::BlockKey;
use redb::TableDefinition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vokg_engine::delta::{Element, VertexKey};
use vokg_engine::time::Micros;

/// The format this program writes. It rises with every change that an older program would misread.
pub const FORMAT_VERSION: u32 = 2;
/// Name of the database in a data directory.
pub const DATABASE_FILE: &str = "vokg.redb";
/// The most bytes one log record may have.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Name → value: `format` (u32, little-endian), `instance` (16 bytes), `next_stream` (u32, little-endian).
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Stream → `StreamDescriptor`.
pub(super) const STREAMS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("streams");
/// Stream → `StreamHead`.
pub(super) const HEADS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("heads");
/// (name, generation) → stream.
pub(super) const NAMES: TableDefinition<'_, (&str, u32), u32> = TableDefinition::new("names");
/// Name → the latest generation that is complete.
pub(super) const ALIASES: TableDefinition<'_, &str, u32> = TableDefinition::new("aliases");
/// Streams that were begun anew and whose rows are still being removed.
pub(super) const DROPPED: TableDefinition<'_, u32, ()> = TableDefinition::new("dropped");
/// (stream, place) → record.
pub(super) const LOG: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("log");
/// (stream, element, place) → [`VersionState`]: which log entries say something of an element.
pub(super) const VERSIONS: TableDefinition<'_, (u32, u8, u64, u64, u64), u8> = TableDefinition::new("versions");
/// (stream, element) → place of its latest version: the elements that have no end.
pub(super) const OPEN: TableDefinition<'_, (u32, u8, u64, u64), u64> = TableDefinition::new("open");
/// (stream, fork, place) → [`super::index::ClosedSpan`]: versions that have an end, filed by the time they hold.
pub(super) const CLOSED: TableDefinition<'_, (u32, u64, u64), &[u8]> = TableDefinition::new("closed");
/// (stream, vertex, valid from, edge): the edges that hang or hung on a vertex.
pub(super) const INCIDENT: TableDefinition<'_, (u32, u8, u64, u64, u64), ()> = TableDefinition::new("incident");
/// (stream, place) → places of the elements open after that entry.
pub(super) const SNAPSHOTS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("snapshots");
/// (stream, number) → `SegmentRef`.
pub(super) const OBSERVATIONS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("observations");
/// (stream, track) → JPEG.
pub(super) const THUMBNAILS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("thumbnails");
/// (stream, track) → look and its sightings. Absent in stores made before there were looks.
pub(super) const LOOKS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("looks");
/// (stream, number) → `EvidenceSpan`. Absent in stores made before evidence was kept.
pub(super) const EVIDENCE: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("evidence");
/// (stream, number) → [`super::HandCorrection`]. Absent in stores made before there were corrections by hand.
pub(super) const CORRECTIONS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("corrections");

/// Stream → the latest checkpoint of one that is not complete. Absent in stores made before there were checkpoints.
pub(super) const CHECKPOINTS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("checkpoints");

/// Stream → what is known of the attempts at one that has not ended. Absent in older stores.
pub(super) const ATTEMPTS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("attempts");

/// Stream → [`super::FileStamp`] of the file its content was hashed from. Absent in older stores.
pub(super) const STAMPS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("stamps");

/// (stream, place of the first entry) → a sealed segment of the log ([`super::segment`]). Since format 2.
pub(super) const SEGMENTS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("segments");
/// Blocks of the rows of [`VERSIONS`] that point at sealed entries: element, place, state. Since format 2.
pub(super) const PACKED_VERSIONS: TableDefinition<'_, BlockKey, &[u8]> = TableDefinition::new("packed_versions");
/// Blocks of the rows of [`CLOSED`] that point at sealed entries: fork, place, span. Since format 2.
pub(super) const PACKED_CLOSED: TableDefinition<'_, BlockKey, &[u8]> = TableDefinition::new("packed_closed");
/// Blocks of the rows of [`INCIDENT`] of edges that a sealed entry states. Since format 2.
pub(super) const PACKED_INCIDENT: TableDefinition<'_, BlockKey, &[u8]> = TableDefinition::new("packed_incident");
/// Stream → [`super::retain::Oldest`]: where its log begins, once its beginning was dropped. Since format 2.
pub(super) const OLDEST: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("oldest");
/// (stream, place) → record: dropped entries that still say what is so. Since format 2.
pub(super) const KEPT: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("kept");

/// Does something with every table. The numbers of streams come first in the keys of those after the bar.
macro_rules! each_table {
    ($do:ident) => {
        $do!(
            META,
            STREAMS,
            HEADS,
            NAMES,
            ALIASES,
            DROPPED,
            OLDEST,
            CHECKPOINTS,
            ATTEMPTS,
            STAMPS | LOG,
            VERSIONS,
            OPEN,
            CLOSED,
            INCIDENT,
            SNAPSHOTS,
            OBSERVATIONS,
            THUMBNAILS,
            LOOKS,
            EVIDENCE,
            CORRECTIONS,
            SEGMENTS,
            PACKED_VERSIONS,
            PACKED_CLOSED,
            PACKED_INCIDENT,
            KEPT
        );
    };
}
pub(super) use each_table;

/// What a log entry makes of its element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionState {
    /// It never was.
    Retracted = 0,
    /// It is so from some time on.
    Open = 1,
    /// It was so for a while.
    Closed = 2,
}

/// The kind of an edge where a [`vertex_code`] has that of a vertex.
const EDGE: u8 = 4;

/// Where an element stands in table keys: a vertex by its kind and number, an edge by its beginning and id.
///
/// The id of an edge is a hash and determines its beginning (engine, `InteractionId::of`). With the beginning ahead of
/// it, what happens at one time is changed in one place of the table, which is worth a factor in disk writes.
pub(super) fn element_code(element: &Element) -> (u8, u64, u64) {
    match element {
        Element::Vertex(key, _) => {
            let (kind, number) = vertex_code(*key);
            (kind, number, 0)
        }
        Element::Edge(edge) => edge_code(edge.valid_from_us, edge.id.0),
    }
}

/// Where the edge with this beginning and id stands in table keys.
pub(super) fn edge_code(valid_from_us: Micros, id: u64) -> (u8, u64, u64) {
    (EDGE, valid_from_us, id)
}

/// A vertex's key as it stands in table keys.
pub(super) fn vertex_code(vertex: VertexKey) -> (u8, u64) {
    match vertex {
        VertexKey::Stream => (0, 0),
        VertexKey::Object(id) => (1, id.0.into()),
        VertexKey::Gap(number) => (2, number.into()),
        VertexKey::Correction(t) => (3, t),
        VertexKey::Zone(zone) => (5, zone.0.into()),
    }
}

/// A row value of a small typed record.
pub(super) fn to_row<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("rows have no field without an encoding")
}

/// The small typed record of a row value.
pub(super) fn from_row<T: DeserializeOwned>(table: &str, bytes: &[u8]) -> Result<T, ReadError> {
    postcard::from_bytes(bytes)
        .map_err(|reason| ReadError::Damaged(format!("a row of {table} has no meaning: {reason}")))
}
