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
    /// All of it was committed before.
    Known,
    /// It has nothing of the log, which ends here or goes on with a later time: it may have been committed or not.
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
        Self(State::Compares(Box::new(Again { store, stream, committed: None })))
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
        let Self { store, stream, committed } = self;
        if derived.is_empty() {
            return Ok(Derived::Unknown);
        }
        let next = stream.head.next();
        let news = derived.split_off(derived.partition_point(|entry| Position::of(entry) < next));
        // What was dropped since is there no longer to be compared with.
        let oldest = store.oldest(stream.id)?.map(|oldest| oldest.first);
        for entry in derived {
            let at = Position::of(&entry);
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
