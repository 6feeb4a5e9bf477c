//! What is committed of a topic, read to where it ends now.

use super::config::ANSWER_DEADLINE;
use super::errors::{again, hopeless, of_transaction};
use super::lookout::Lookout;
use super::reports::Quiet;
use super::topics::forbidden;
use super::transaction_log::TransactionError;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long it is waited for the answer to a question that is then asked anew.
const ASKED_AT_ONCE: Duration = Duration::from_secs(3);
/// How long it is waited for a record before the client is looked after.
const WAITED_AT_ONCE: Duration = Duration::from_secs(1);
/// How often it is looked whether the transactions of others have ended.
const SETTLING_PAUSE: Duration = Duration::from_millis(100);

/// Reads what a writer has told before, in no group.
pub(super) struct Committed<'a> {
    client: &'a ClientConfig,
    /// The transactional id of the writer.
    writer: &'a str,
}

impl<'a> Committed<'a> {
    /// Connects to nothing yet.
    pub fn new(client: &'a ClientConfig, writer: &'a str) -> Self {
        Self { client, writer }
    }

    /// Tells where partitions end, whatever is open in them: whoever asks as a reader of committed records is told of nothing
    /// behind what others have open.
    ///
    /// # Errors
    /// Where no client can be made; when it is asked, where the cluster does not answer.
    pub fn ends(&self) -> Result<impl Fn(&str, i32) -> Result<i64, TransactionError>, TransactionError> {
        let mut client = self.client.clone();
        let any: BaseConsumer<Quiet> =
            client.set("isolation.level", "read_uncommitted").create_with_context(Quiet).map_err(hopeless)?;
        Ok(move |topic: &str, partition| self.end(&any, topic, partition))
    }

    /// Shows what is committed of a partition, in order, to its present end.
    ///
    /// Readers of committed records are told that a partition ends where the oldest open transaction begins, whoever has
    /// it open. What lies behind it may be ours: so those that are open now are waited for.
    ///
    /// # Errors
    /// Where the cluster does not answer, or somebody else's transaction stays open.
    pub fn read(
        &self,
        topic: &str,
        partition: i32,
        mut show: impl FnMut(&BorrowedMessage<'_>) -> Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        let mut client = self.client.clone();
        // No group is joined and no offset kept; librdkafka wants a name all the same.
        client
            .set("group.id", format!("{}-cursors", self.writer))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Quiet> = client.create_with_context(Quiet).map_err(hopeless)?;
        self.await_settled(topic, partition, &consumer)?;
        let mut lookout = Lookout::new(self.client, topic.to_owned());
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, partition, Offset::Beginning).map_err(hopeless)?;
        consumer.assign(&assignment).map_err(hopeless)?;
        let mut deadline = Instant::now() + ANSWER_DEADLINE;
        loop {
            match consumer.poll(WAITED_AT_ONCE) {
                None if Instant::now() < deadline => {
                    lookout.look_after(consumer.client()).map_err(again)?;
                    continue;
                }
                None => {
                    return Err(TransactionError::Again(format!("{topic} was not read within {ANSWER_DEADLINE:?}")));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                // librdkafka looks for the coordinator of the group, of which nothing else is asked.
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    return Err(TransactionError::Hopeless(forbidden(
                        topic,
                        RDKafkaErrorCode::TopicAuthorizationFailed,
                    )));
                }
                Some(Err(error)) => return Err(again(error)),
                Some(Ok(message)) => show(&message)?,
            }
            deadline = Instant::now() + ANSWER_DEADLINE;
        }
    }

    /// Waits until whatever was written to a partition by now is committed or aborted.
    fn await_settled(
        &self,
        topic: &str,
        partition: i32,
        committed: &BaseConsumer<Quiet>,
    ) -> Result<(), TransactionError> {
        let written = self.ends()?(topic, partition)?;
        let give_up = Instant::now() + ANSWER_DEADLINE;
        while self.end(committed, topic, partition)? < written {
            if Instant::now() >= give_up {
                let waited = ANSWER_DEADLINE.as_secs();
                return Err(TransactionError::Again(format!(
                    "another writer has had a transaction of {topic} open for {waited} s, and what is behind it cannot be seen"
                )));
            }
            std::thread::sleep(SETTLING_PAUSE);
        }
        Ok(())
    }

    /// Where a partition ends for this reader. What is asked of a broker that is just coming back may never be answered: so it
    /// is asked anew.
    fn end(&self, reader: &BaseConsumer<Quiet>, topic: &str, partition: i32) -> Result<i64, TransactionError> {
        let give_up = Instant::now() + ANSWER_DEADLINE;
        let mut lookout = Lookout::new(self.client, topic.to_owned());
        loop {
            match reader.fetch_watermarks(topic, partition, ASKED_AT_ONCE).map_err(of_transaction) {
                Ok((_, end)) => return Ok(end),
                Err(TransactionError::Again(_)) if Instant::now() < give_up => {
                    lookout.look_after(reader.client()).map_err(again)?;
                    std::thread::sleep(SETTLING_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// The key of a record of ours.
pub(super) fn key(message: &BorrowedMessage<'_>) -> Option<String> {
    String::from_utf8(message.key()?.to_vec()).ok()
}
