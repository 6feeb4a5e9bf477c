//! The commit log: the only source of truth about every stream, and the graph read from it.
//!
//! A data directory holds one redb database and, beside it, compressed segments of observations. [`Writer`] takes
//! batches of log entries, one transaction each; [`Committer`] gives it a thread and a bounded queue. [`Store`] reads:
//! the graph at a time as known at another ([`Store::graph`]), the log by pages ([`Store::page`]), observations, and
//! pictures. docs/store-format.md draws the tables.
//!
//! What survives: whatever [`Writer::commit`] returned for, through `kill -9` and power loss. A stream interrupted
//! half-way goes on from its latest checkpoint, or from its beginning ([`Writer::begin_stream`]); what its log already has
//! is derived again and compared.
//!
//! ```
//! use vokg_connectors::store::{Begun, ProgramId, Store, StoreConfig, StreamBatch, StreamRequest, Writer};
//! use vokg_engine::id::StreamName;
//! use vokg_engine::record::{LogEntry, Progress, Record};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let writer = Writer::open(dir.path(), StoreConfig::default())?;
//! let request = StreamRequest {
//!     name: StreamName::new("clip.mp4")?,
//!     source_path: "clip.mp4".into(),
//!     content_hash: [1; 32],
//!     config_hash: [2; 32],
//!     segmenter: "motion".into(),
//!     sampling: "all".into(),
//!     created_us: 0,
//! };
//! let begun = writer.begin_stream(request, ProgramId([3; 32]))?;
//! let Begun::Fresh(stream) = begun else { panic!("the directory is new") };
//! let nothing_yet = Record::Progress(Progress { lower: 0, frontier: Some(1_000_000), settled_us: 0, count: 0 });
//! let entries = vec![LogEntry { epoch: 1, seq: 0, record: nothing_yet }];
//! writer.commit(&[StreamBatch::of_entries(stream.id, entries)])?;
//!
//! let reader = Store::open(dir.path(), StoreConfig::default())?;
//! assert_eq!(reader.page(stream.id, None, 100)?.entries.len(), 1);
//! assert_eq!(reader.verify(stream.id)?, reader.stream(stream.id)?.head.digest);
//! # Ok(())
//! # }
//! ```

mod amend;
mod attempts;
mod begin;
mod check;
mod checkpoint;
mod commit;
mod committer;
mod compact;
mod copy;
#[cfg(test)]
mod copying;
mod drop;
mod error;
mod evidence;
#[cfg(test)]
mod faults;
mod files;
#[cfg(test)]
mod fixture;
mod graph;
mod head;
#[cfg(test)]
pub(crate) mod history;
mod index;
mod interval;
mod kept;
#[cfg(test)]
mod kill;
mod log;
mod looks;
mod lookup;
mod observations;
mod open;
mod overlay;
mod packed;
mod page;
mod position;
#[cfg(test)]
mod power;
mod queue;
mod retain;
mod schema;
mod seal;
mod segment;
mod size;
mod snapshot;
mod space;
mod stamp;
mod stream;
mod thumbnails;
mod view;

pub use amend::{Amendment, Hand, HandCorrection};
pub use attempts::{CRASH_NOTE, CRASHES_MAX};
pub use begin::Begun;
pub use check::{CheckReport, check};
pub use checkpoint::{CHECKPOINT_BYTES_MAX, NewCheckpoint, ProgramId};
pub use commit::{Committed, StreamBatch};
pub use committer::{CommitCounters, CommitHandle, Committer, CommitterConfig, Grouping};
pub use compact::{Compacted, compact};
pub use copy::{Copied, CopyError, backup, restore};
pub use error::{BeginError, CommitError, OpenError, ReadError};
pub use evidence::EvidenceChange;
pub(crate) use files::sync_dir;
pub use graph::EdgeQuery;
pub use head::{BatchError, StreamHead};
pub use kept::Kept;
pub use looks::Looks;
pub use observations::{
    FormatError, ObservationBuffer, ObservationSegment, Observations, SEGMENT_US, StoredObservation,
};
pub use open::{Store, StoreConfig, Writer};
pub use page::{Entries, PAGE_ENTRIES_MAX, Page};
pub use position::{EPOCH_MAX, Position, PositionError, SEQ_MAX};
pub use queue::{FlushError, QueueLimits, SubmitError};
pub use retain::{OldestEntry, Retention};
pub use schema::{DATABASE_FILE, FORMAT_VERSION, RECORD_BYTES_MAX};
pub use space::DiskSpace;
pub(crate) use space::is_lack_of_room;
pub use stamp::FileStamp;
pub use stream::{Ending, Outcome, Stream, StreamDescriptor, StreamId, StreamRequest};
pub use thumbnails::{THUMBNAIL_BYTES_MAX, Thumbnail};
pub use view::KnownAt;
