//! Kafka as the target of a sink.

use super::finals::Finals;
use super::records::{KafkaRecord, Recorder, Topic};
use super::transaction_log::{Cursor, TransactionError, TransactionLog};
use crate::follow::{Followed, Held, Mark, Portion, Snapshot, Target, TargetError, Told};
use crate::store::{Position, ReadError, SEQ_MAX, Store, StreamId};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::id::StreamName;
use vokg_engine::record::LogEntry;
use vokg_engine::time::Micros;

/// Keys of `state` that one transaction takes back.
const KEYS_AT_ONCE: usize = 5_000;

/// What is written beside the log itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The latest values.
    pub state: bool,
    /// What is final, edges once they have ended so long before the settled time; not at all where absent.
    pub finals: Option<Micros>,
}

impl Written {
    fn has(self, topic: Topic) -> bool {
        match topic {
            Topic::Deltas | Topic::Progress => true,
            Topic::State => self.state,
            Topic::Final => self.finals.is_some(),
        }
    }
}

/// Writes portions as transactions of a log.
pub struct KafkaTarget<L> {
    log: L,
    store: Store,
    instance: String,
    written: Written,
    /// None before the first session and after an error. While it lasts nobody else writes: whoever opened another would
    /// have fenced it off.
    session: Option<Session>,
    /// What of each stream may still change; folded from the store where it is not there. It outlasts sessions: after an
    /// error the cluster says up to where it holds.
    finals: BTreeMap<StreamName, Finals>,
    pub(super) keys_at_once: usize,
}

struct Session {
    recorder: Recorder,
    /// As of the last transaction.
    cursors: BTreeMap<String, Cursor>,
    /// The stream that is being taken back, and its keys that still have a value.
    leaving: Option<(StreamName, Vec<String>)>,
}

impl<L: TransactionLog> KafkaTarget<L> {
    /// A target for the log of a store, which calls itself `instance`.
    pub fn new(log: L, store: Store, instance: [u8; 16], written: Written) -> Self {
        let instance = instance.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { log, store, instance, written, session: None, finals: BTreeMap::new(), keys_at_once: KEYS_AT_ONCE }
    }

    /// Whoever wrote meanwhile may have moved the cursors: where the session has ended they are asked for again, all of them.
    fn refuse_ended(&mut self) -> Result<(), TargetError> {
        if self.session.is_some() && !self.log.is_open() {
            self.session = None;
            return Err(closed());
        }
        Ok(())
    }

    fn session(&mut self) -> Result<&mut Session, TargetError> {
        self.refuse_ended()?;
        if self.session.is_none() {
            let cursors = self.log.open().map_err(refusal)?;
            let partitions = self.log.partitions();
            let recorder = Recorder { instance: self.instance.clone(), partitions, state: self.written.state };
            self.session = Some(Session { recorder, cursors, leaving: None });
        }
        self.session.as_mut().ok_or_else(closed)
    }

    /// Writes what tells of a stream up to a position, and the position, in one transaction.
    fn write(&mut self, telling: &Telling<'_>, mut records: Vec<KafkaRecord>) -> Result<(), TargetError> {
        let name = &telling.stream.name;
        // A new session begins by asking for the cursors, so one that is gone is not opened here.
        let Some(session) = &mut self.session else { return Err(closed()) };
        let finals = match self.written.finals {
            None => None,
            Some(margin_us) => {
                let told = session.cursors.get(name.as_str()).and_then(|cursor| cursor.margin_us);
                let held = self.finals.remove(name);
                let (finals, said) = settle(&self.store, telling, held, told, margin_us).map_err(unreadable)?;
                records.extend(session.recorder.finals(telling.stream, &said, telling.refused));
                let margin_us = finals.margin_us();
                self.finals.insert(name.clone(), finals);
                Some(margin_us)
            }
        };
        let mut also_in = session.cursors.get(name.as_str()).map(|cursor| cursor.also_in.clone()).unwrap_or_default();
        also_in.extend(records.iter().map(|record| record.topic).filter(|topic| *topic != Topic::Deltas));
        let mut cursor = Cursor {
            mark: telling.mark.as_ref().map(Mark::to_string),
            also_in,
            ..session.recorder.cursor(telling.stream.id, telling.until, finals)
        };
        // Whether `state` has all does not change where nothing new is told.
        if let Some(before) = session.cursors.get(name.as_str()).filter(|before| before.position() == telling.until) {
            cursor.state = before.state;
        }
        records.push(session.recorder.progress(name, &cursor));
        match self.log.write(&records) {
            Ok(()) => {
                session.cursors.insert(name.to_string(), cursor);
                if let Some(finals) = self.finals.get_mut(name) {
                    finals.mark();
                    // Behind its end a stream takes no memory.
                    if finals.is_empty() {
                        self.finals.remove(name);
                    }
                }
                Ok(())
            }
            Err(TransactionError::Refused { index, reason }) => Err(refused(records.get(index), telling, reason)),
            Err(other) => {
                // What was written is unknown: only a new session tells.
                self.session = None;
                Err(refusal(other))
            }
        }
    }
}

/// What one transaction tells of a stream.
struct Telling<'a> {
    stream: &'a Followed,
    after: Option<Position>,
    entries: &'a [LogEntry],
    refused: &'a BTreeSet<Position>,
    until: Position,
    mark: Option<Mark>,
}

/// What of a stream becomes final with these entries, and what may change after them. Where `final` was not told before,
/// all that became final until then comes first.
fn settle(
    store: &Store,
    telling: &Telling<'_>,
    held: Option<Finals>,
    told: Option<Micros>,
    margin_us: Micros,
) -> Result<(Finals, Vec<LogEntry>), ReadError> {
    // What was held before `final` was told is of a transaction that failed, and with it what it said.
    let held = held.filter(|held| told == Some(held.margin_us())).and_then(|held| held.stand_at(telling.after));
    let (mut finals, mut said) = match held {
        Some(finals) => (finals, Vec::new()),
        None => {
            let mut finals = Finals::new(told.unwrap_or(margin_us));
            let said = fold(store, telling, &mut finals)?;
            (finals, if told.is_none() { said } else { Vec::new() })
        }
    };
    finals.mark();
    for entry in telling.entries {
        said.extend(finals.take(entry));
    }
    Ok((finals, said))
}

/// Reads what the store has of the log up to the entries that are told; what became final by then. Where retention has
/// dropped the beginning, what was open there and the ends of open edges come first.
fn fold(store: &Store, telling: &Telling<'_>, finals: &mut Finals) -> Result<Vec<LogEntry>, ReadError> {
    let mut said = Vec::new();
    if telling.after.is_none() {
        return Ok(said);
    }
    let kept = store.kept(telling.stream.id)?;
    for entry in &kept.entries {
        said.extend(finals.take(entry));
    }
    // If more is dropped meanwhile, this fails, and the next try finds more that was kept.
    let from = kept.dropped.unwrap_or(Position { epoch: 0, seq: SEQ_MAX });
    for entry in store.entries(telling.stream.id, Some(from)) {
        let entry = entry?;
        if Some(Position::of(&entry)) > telling.after {
            break;
        }
        said.extend(finals.take(&entry));
    }
    Ok(said)
}

impl<L: TransactionLog> Target for KafkaTarget<L> {
    fn told(&mut self, stream: &Followed) -> Result<Option<Told>, TargetError> {
        let instance = self.instance.clone();
        let Session { recorder, cursors, .. } = self.session()?;
        let Some(cursor) = cursors.get(stream.name.as_str()) else { return Ok(None) };
        if cursor.instance != instance {
            return Err(TargetError::Hopeless(format!(
                "{} in these topics comes from another store, {}; name the stream otherwise, or use another topic_prefix",
                stream.name, cursor.instance
            )));
        }
        if cursor.partitions != recorder.partitions {
            return Err(TargetError::Hopeless(format!(
                "the topics had {} partitions and have {}: {} would go on in another partition and lose its order; use \
                 another topic_prefix",
                cursor.partitions, recorder.partitions, stream.name
            )));
        }
        if recorder.state && cursor.state == Some(false) {
            return Err(TargetError::Hopeless(format!(
                "{} was told without state, which would lack all that was said of it until now; set state = false, or use \
                 another topic_prefix",
                stream.name
            )));
        }
        Ok(Some(cursor.told()))
    }

    fn apply(&mut self, portion: &Portion<'_>) -> Result<(), TargetError> {
        let Portion { stream, after, entries, refused } = *portion;
        self.refuse_ended()?;
        let Some(session) = &self.session else { return Err(closed()) };
        let records = session.recorder.records(portion);
        self.write(
            &Telling { stream, after, entries, refused, until: portion.last(), mark: Some(portion.mark()) },
            records,
        )
    }

    /// Where `final` was not written then, all that has become final by now.
    fn make_up(&mut self, stream: &Followed, refused: &BTreeSet<Position>) -> Result<bool, TargetError> {
        self.refuse_ended()?;
        let Some(session) = &self.session else { return Err(closed()) };
        let Some(cursor) = session.cursors.get(stream.name.as_str()) else { return Ok(false) };
        let is_whole = self.written.finals.is_none() || cursor.margin_us.is_some();
        if is_whole || cursor.leaves || cursor.number.is_some_and(|number| number != stream.id.0) {
            return Ok(false);
        }
        let (until, mark) = (cursor.position(), cursor.told().mark);
        let told = self.write(&Telling { stream, after: Some(until), entries: &[], refused, until, mark }, Vec::new());
        match told {
            Err(TargetError::Refused { reason, .. }) => Err(TargetError::Hopeless(format!(
                "the topic of final does not take what that of deltas has taken ({reason}); give it the same max.message.bytes"
            ))),
            told => told.map(|()| true),
        }
    }

    fn held(&mut self) -> Result<Option<Held>, TargetError> {
        let (instance, store) = (self.instance.clone(), self.store.clone());
        let Session { recorder, cursors, .. } = self.session()?;
        let ours = |cursor: &Cursor| cursor.instance == instance && cursor.partitions == recorder.partitions;
        let mut held = Held::new();
        for (name, cursor) in cursors.iter().filter(|(_, cursor)| ours(cursor)) {
            let Ok(name) = StreamName::new(name) else { continue };
            let id = match (cursor.leaves, cursor.number) {
                (true, _) => None,
                (false, Some(number)) => Some(StreamId(number)),
                // Written by an earlier vokg, which knew each name once.
                (false, None) => store.streams().map_err(unreadable)?.iter().find(|s| s.name == name).map(|s| s.id),
            };
            held.insert(name, id);
        }
        Ok(Some(held))
    }

    /// The values of its elements are taken back piece by piece. With the last piece, readers of the other topics are told
    /// to forget it, and its cursor goes.
    fn remove(&mut self, stream: &StreamName) -> Result<bool, TargetError> {
        let (written, most) = (self.written, self.keys_at_once);
        self.session()?;
        let Some(Session { recorder, cursors, leaving }) = &mut self.session else { return Err(closed()) };
        let Some(cursor) = cursors.get(stream.as_str()).cloned() else { return Ok(true) };
        let at = cursor.position();
        // Also from what is not written any more, where it is still there: its readers would keep the stream for ever.
        let mut is_in = |topic: Topic| match written.has(topic) {
            true => Ok(true),
            false => Ok(cursor.may_be_in(topic) && self.log.has(topic).map_err(refusal)?),
        };
        let (in_state, in_final) = (is_in(Topic::State)?, is_in(Topic::Final)?);
        let mut keys = match leaving.take().filter(|(name, _)| name == stream) {
            Some((_, keys)) => keys,
            None if in_state => {
                let keys = self.log.state_keys(stream, recorder.partition(stream)).map_err(refusal)?;
                keys.into_iter().collect()
            }
            None => Vec::new(),
        };
        let piece = keys.split_off(keys.len().saturating_sub(most));
        let mut records = recorder.tombstones(stream, &piece, at);
        let cursor = Cursor { leaves: true, ..cursor };
        match keys.is_empty() {
            true => records.extend(recorder.forgotten(stream, at, in_final)),
            false => records.push(recorder.progress(stream, &cursor)),
        }
        self.finals.remove(stream);
        if let Err(error) = self.log.write(&records) {
            self.session = None;
            return Err(refusal(error));
        }
        if keys.is_empty() {
            cursors.remove(stream.as_str());
            return Ok(true);
        }
        cursors.insert(stream.to_string(), cursor);
        *leaving = Some((stream.clone(), keys));
        Ok(false)
    }

    fn snapshot(&mut self, snapshot: &Snapshot<'_>) -> Result<(), TargetError> {
        self.refuse_ended()?;
        let Some(session) = &self.session else { return Err(closed()) };
        let records = session.recorder.snapshot(snapshot);
        let (stream, until) = (snapshot.stream, snapshot.at);
        let refused = BTreeSet::new();
        self.write(&Telling { stream, after: Some(until), entries: &[], refused: &refused, until, mark: None }, records)
    }
}

/// What is to become of a record that the cluster never takes: the entry is set aside where something else may stand in its
/// place.
fn refused(record: Option<&KafkaRecord>, telling: &Telling<'_>, reason: String) -> TargetError {
    let Some(record) = record else { return TargetError::Hopeless(reason) };
    // A snapshot is of what others have told.
    if !telling.entries.is_empty() && !telling.entries.iter().any(|entry| Position::of(entry) == record.at) {
        return TargetError::Hopeless(format!(
            "the topic of {} does not take {}, which that of deltas has taken ({reason}); give it the same max.message.bytes",
            record.topic.part(),
            record.key
        ));
    }
    if !record.is_of_a_delta() || telling.refused.contains(&record.at) {
        let bytes = record.value.as_ref().map_or(0, Vec::len);
        return TargetError::Hopeless(format!(
            "the topic of {} does not even take a record of {bytes} bytes ({reason}); raise its max.message.bytes",
            record.topic.part()
        ));
    }
    TargetError::Refused { at: record.at, reason }
}

fn closed() -> TargetError {
    TargetError::Underway("a new session is opened".to_owned())
}

fn unreadable(error: ReadError) -> TargetError {
    TargetError::unreadable(&error)
}

fn refusal(error: TransactionError) -> TargetError {
    match error {
        TransactionError::Again(reason) => TargetError::Again(reason),
        TransactionError::Fenced(reason) => TargetError::Fenced(reason),
        TransactionError::Hopeless(reason) => TargetError::Hopeless(reason),
        TransactionError::Refused { reason, .. } => TargetError::Hopeless(reason),
    }
}
