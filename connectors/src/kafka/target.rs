//! Kafka as the target of a sink.

use super::records::Recorder;
use super::transaction_log::{Cursor, TransactionError, TransactionLog};
use crate::follow::{Followed, Portion, Target, TargetError};
use crate::store::Position;
use std::collections::BTreeMap;

/// Writes portions as transactions of a log.
pub struct KafkaTarget<L> {
    log: L,
    instance: String,
    state: bool,
    /// The session and the cursors as of its last transaction; none before the first session and after an error. While it
    /// lasts nobody else writes: whoever opened another would have fenced it off.
    session: Option<(Recorder, BTreeMap<String, Cursor>)>,
}

impl<L: TransactionLog> KafkaTarget<L> {
    /// A target for the log of the store so called; `state` as in [`super::KafkaConfig`].
    pub fn new(log: L, instance: [u8; 16], state: bool) -> Self {
        let instance = instance.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { log, instance, state, session: None }
    }

    fn session(&mut self) -> Result<&mut (Recorder, BTreeMap<String, Cursor>), TargetError> {
        if self.session.is_none() {
            let cursors = self.log.open().map_err(refusal)?;
            let partitions = self.log.partitions();
            let recorder = Recorder { instance: self.instance.clone(), partitions, state: self.state };
            self.session = Some((recorder, cursors));
        }
        self.session.as_mut().ok_or_else(|| TargetError::Again("the session is closed".to_owned()))
    }
}

impl<L: TransactionLog> Target for KafkaTarget<L> {
    fn position(&mut self, stream: &Followed) -> Result<Option<Position>, TargetError> {
        let instance = self.instance.clone();
        let (recorder, cursors) = self.session()?;
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
        Ok(Some(cursor.position()))
    }

    fn apply(&mut self, portion: &Portion<'_>) -> Result<(), TargetError> {
        // A new session begins by asking for the cursors, so one that is gone is not opened here.
        let Some((recorder, cursors)) = &mut self.session else {
            return Err(TargetError::Again("the session is closed".to_owned()));
        };
        let records = recorder.records(portion);
        match self.log.write(&records) {
            Ok(()) => {
                cursors.insert(portion.stream.name.to_string(), recorder.cursor(portion.last()));
                Ok(())
            }
            Err(TransactionError::Refused { index, reason }) => Err(match records.get(index) {
                Some(record) => TargetError::Refused { at: record.at, reason },
                None => TargetError::Hopeless(reason),
            }),
            Err(other) => {
                // What was written is unknown: only a new session tells.
                self.session = None;
                Err(refusal(other))
            }
        }
    }
}

fn refusal(error: TransactionError) -> TargetError {
    match error {
        TransactionError::Again(reason) => TargetError::Again(reason),
        TransactionError::Fenced(reason) => TargetError::Fenced(reason),
        TransactionError::Hopeless(reason) => TargetError::Hopeless(reason),
        TransactionError::Refused { reason, .. } => TargetError::Hopeless(reason),
    }
}
