//! A stream that goes on derives again what its log has beyond the checkpoint. It must come out the same; where it does
//! not, nothing that follows is worth keeping.

use vokg_connectors::export::delta_json::DeltaJson;
use vokg_connectors::store::{Entries, Position, ReadError, Store, Stream};
use vokg_engine::record::LogEntry;

/// The part of a log that is derived again, compared entry by entry.
pub struct Replay(State);

enum State {
    /// What is derived is news.
    Over,
    Compares(Box<Again>),
    /// What was derived was not what was committed.
    Differed,
}

/// What is to be done with what was derived at one time.
#[derive(Debug, PartialEq, Eq)]
pub enum Derived {
    /// All of it was committed before, or is older than what was.
    Known,
    /// It has nothing of the log, which as far as it was compared ends here: it may have been committed or not.
    Unknown,
    /// It is to be committed, with these entries of the log.
    News(Vec<LogEntry>),
    /// It rests on what differs from the log.
    Worthless,
}

struct Again {
    store: Store,
    stream: Stream,
    /// Committed entries, from the first that was derived again.
    committed: Option<Entries>,
    /// Where the log goes on behind the last entry that was derived again.
    after: Option<Position>,
}

/// Why a stream cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// What was derived is not what was committed.
    #[error(
        "{stream} cannot go on: entry {at} of its log is {committed}, derived again it is {derived}. Nothing was \
         added to it. Has vokg, a codec or the machine been replaced since? --name processes the input as another stream"
    )]
    Differs {
        /// Which stream.
        stream: String,
        /// Where they differ first.
        at: Position,
        /// What the log says.
        committed: String,
        /// What came out now.
        derived: String,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// An entry as a line of the delta format, or that there is none.
fn said(stream: &Stream, entry: Option<&LogEntry>) -> String {
    let mut line = Vec::new();
    match entry.map(|entry| DeltaJson::new(stream.name.clone(), None).write(&mut line, entry)) {
        Some(Ok(())) => String::from_utf8_lossy(&line).trim_end().to_owned(),
        _ => "absent".to_owned(),
    }
}

impl Replay {
    /// Of a stream that begins: everything is news.
    pub fn none() -> Self {
        Self(State::Over)
    }

    /// Of a stream that goes on, as it was found.
    pub fn of(store: Store, stream: Stream) -> Self {
        Self(State::Compares(Box::new(Again { store, stream, committed: None, after: None })))
    }

    /// Compares what was derived at one time with what is in the log. Times come in order.
    ///
    /// # Errors
    /// Where they differ, or the log cannot be read; what comes after that is [`Derived::Worthless`].
    pub fn compare(&mut self, derived: Vec<LogEntry>) -> Result<Derived, ReplayError> {
        let again = match &mut self.0 {
            State::Over => return Ok(Derived::News(derived)),
            State::Differed => return Ok(Derived::Worthless),
            State::Compares(again) => again,
        };
        let compared = again.compare(derived);
        match &compared {
            Ok(Derived::News(_)) => {
                tracing::info!(stream = %again.stream.name, "it goes on where its log ended");
                self.0 = State::Over;
            }
            Err(_) => self.0 = State::Differed,
            Ok(_) => {}
        }
        compared
    }
}

impl Again {
    fn compare(&mut self, mut derived: Vec<LogEntry>) -> Result<Derived, ReplayError> {
        let Self { store, stream, committed, after } = self;
        let next = stream.head.next();
        if derived.is_empty() {
            // What was committed at a later time came with everything before it, and may have been changed by it.
            let goes_on = after.is_some_and(|after| after < next);
            return Ok(if goes_on { Derived::Known } else { Derived::Unknown });
        }
        let news = derived.split_off(derived.partition_point(|entry| Position::of(entry) < next));
        // What was dropped since is there no longer to be compared with.
        let oldest = store.oldest(stream.id)?.map(|oldest| oldest.first);
        for entry in derived {
            let at = Position::of(&entry);
            *after = Some(Position { seq: at.seq + 1, ..at });
            if oldest.is_some_and(|oldest| at < oldest) {
                continue;
            }
            let entries = committed.get_or_insert_with(|| store.entries(stream.id, at.before()));
            let there = entries.next().transpose()?;
            if there.as_ref() != Some(&entry) {
                let (committed, derived) = (said(stream, there.as_ref()), said(stream, Some(&entry)));
                let stream = stream.name.to_string();
                return Err(ReplayError::Differs { stream, at, committed, derived });
            }
        }
        Ok(if news.is_empty() { Derived::Known } else { Derived::News(news) })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use vokg_connectors::store::{Begun, ProgramId, StoreConfig, StreamBatch, StreamId, StreamRequest, Writer};
    use vokg_engine::id::StreamName;
    use vokg_engine::record::{Progress, Record};

    /// Says of ten microseconds that they have passed.
    pub(crate) fn entry(seq: u64) -> LogEntry {
        let progress = Progress { lower: 10 * seq, frontier: Some(10 * seq + 10), settled_us: 0, count: 0 };
        LogEntry { epoch: 1, seq, record: Record::Progress(progress) }
    }

    /// Begins a stream whose log has these entries.
    pub(crate) fn begun_with(writer: &Writer, entries: Vec<LogEntry>) -> StreamId {
        let request = StreamRequest {
            name: StreamName::slug("clip"),
            source_path: "clip".into(),
            content_hash: [1; 32],
            config_hash: [2; 32],
            segmenter: "motion".into(),
            sampling: "all".into(),
            created_us: 0,
        };
        let begun = writer.begin_stream(request, ProgramId([0; 32])).expect("there is room");
        let Begun::Fresh(stream) = begun else { panic!("the name is new") };
        writer.commit(&[StreamBatch::of_entries(stream.id, entries)]).expect("it keeps every promise");
        stream.id
    }

    /// As of a stream that is derived again from its beginning, since another build took its checkpoint.
    #[test]
    fn what_lies_between_two_entries_of_the_log_is_known_and_what_lies_behind_it_is_not() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = Writer::open(dir.path(), StoreConfig::default()).expect("nobody else uses the directory");
        let stream = begun_with(&writer, vec![entry(0), entry(1)]);
        let stream = writer.store().stream(stream).expect("it exists");
        let mut replay = Replay::of(writer.store().clone(), stream);
        let mut compare = |derived: &[LogEntry]| replay.compare(derived.to_vec()).expect("it comes out the same");
        assert_eq!(compare(&[]), Derived::Unknown);
        assert_eq!(compare(&[entry(0)]), Derived::Known);
        assert_eq!(compare(&[]), Derived::Known);
        assert_eq!(compare(&[entry(1)]), Derived::Known);
        assert_eq!(compare(&[]), Derived::Unknown);
        assert_eq!(compare(&[entry(2)]), Derived::News(vec![entry(2)]));
        assert_eq!(compare(&[]), Derived::News(vec![]));
    }
}
