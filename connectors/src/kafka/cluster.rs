//! A Kafka cluster through librdkafka.

use super::config::KafkaConfig;
use super::records::{KafkaRecord, Topic};
use super::transaction_log::{Cursor, TransactionError, TransactionLog};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use vokg_engine::crash;

/// A record of the log has at most 1 MiB; its JSON may be longer.
const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// How long a cluster may take to answer a question.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);
/// How often a full queue of librdkafka is offered a record again.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// Writes to a cluster under one transactional id.
pub struct Cluster {
    config: KafkaConfig,
    client: ClientConfig,
    transactional_id: String,
    partitions: u32,
    producer: Option<ThreadedProducer<Reports>>,
}

/// What became of the records of the open transaction.
#[derive(Default)]
struct Reports {
    /// The first one that failed, and why.
    failed: Mutex<Option<(usize, RDKafkaErrorCode)>>,
}

impl Reports {
    fn take(&self) -> Option<(usize, RDKafkaErrorCode)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Quiet.error(error, reason);
    }
}

/// What librdkafka says of itself is for whoever looks for a defect: what matters comes back as an error of a call.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((*index, code));
        }
    }
}

impl Cluster {
    /// A cluster that is not reached yet. The transactional id tells its writers apart: two that share it fence each
    /// other off.
    ///
    /// # Errors
    /// Where the configuration cannot work.
    pub fn new(config: KafkaConfig, transactional_id: String) -> Result<Self, super::KafkaConfigError> {
        let client = config.client()?;
        Ok(Self { config, client, transactional_id, partitions: 0, producer: None })
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs_f64(self.config.transaction_secs)
    }

    fn connect(&self) -> Result<ThreadedProducer<Reports>, TransactionError> {
        let milliseconds = self.deadline().as_millis().to_string();
        let mut client = self.client.clone();
        client
            .set("transactional.id", &self.transactional_id)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("transaction.timeout.ms", &milliseconds)
            .set("message.timeout.ms", &milliseconds)
            .set("socket.timeout.ms", ANSWER_DEADLINE.min(self.deadline()).as_millis().to_string())
            .set("compression.type", "zstd")
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("linger.ms", "5");
        client.create_with_context(Reports::default()).map_err(hopeless)
    }

    /// Sees to the topics, and counts the partitions of `deltas`.
    fn find_topics(&self) -> Result<u32, TransactionError> {
        let admin: AdminClient<Quiet> = self.client.create_with_context(Quiet).map_err(hopeless)?;
        let mut found = BTreeMap::new();
        let written: Vec<Topic> = Topic::ALL.into_iter().filter(|topic| self.config.writes(*topic)).collect();
        for topic in &written {
            let name = self.config.topic(topic.part());
            let metadata = admin.inner().fetch_metadata(Some(&name), ANSWER_DEADLINE).map_err(again)?;
            let of_topic = metadata.topics().first().filter(|of_topic| of_topic.error().is_none());
            let count = of_topic.map_or(0, |of_topic| of_topic.partitions().len());
            found.insert(*topic, u32::try_from(count).unwrap_or(u32::MAX));
        }
        let count = |topic: Topic| found.get(&topic).copied().filter(|count| *count > 0);
        let partitions = count(Topic::Deltas).unwrap_or(self.config.partitions);
        let wanted = |topic: Topic| if topic == Topic::Progress { 1 } else { partitions };
        for topic in &written {
            if let Some(count) = count(*topic).filter(|count| *count != wanted(*topic)) {
                let (name, wanted) = (self.config.topic(topic.part()), wanted(*topic));
                return Err(TransactionError::Hopeless(format!(
                    "the topic {name} has {count} partitions, it takes {wanted}"
                )));
            }
        }
        let absent: Vec<Topic> = written.into_iter().filter(|topic| count(*topic).is_none()).collect();
        if absent.is_empty() {
            return Ok(partitions);
        }
        if !self.config.create_topics {
            let names: Vec<_> = absent.iter().map(|topic| self.config.topic(topic.part())).collect();
            return Err(TransactionError::Hopeless(format!(
                "the cluster has no topic {}; make them (docs/kafka.md has the commands), or set create_topics = true",
                names.join(", ")
            )));
        }
        self.create_topics(&admin, &absent, wanted)?;
        Ok(partitions)
    }

    fn create_topics(
        &self,
        admin: &AdminClient<Quiet>,
        absent: &[Topic],
        partitions: impl Fn(Topic) -> u32,
    ) -> Result<(), TransactionError> {
        let names: Vec<String> = absent.iter().map(|topic| self.config.topic(topic.part())).collect();
        let bytes = MESSAGE_BYTES_MAX.to_string();
        let topics = absent.iter().zip(&names).map(|(topic, name)| {
            let replication = i32::try_from(self.config.replication).unwrap_or(i32::MAX);
            let partitions = i32::try_from(partitions(*topic)).unwrap_or(i32::MAX);
            let policy = if topic.is_compacted() { "compact" } else { "delete" };
            // Records carry the time of the video, which may be years ago: by age they would be deleted at once.
            NewTopic::new(name, partitions, TopicReplication::Fixed(replication))
                .set("cleanup.policy", policy)
                .set("retention.ms", "-1")
                .set("max.message.bytes", &bytes)
        });
        let topics: Vec<NewTopic<'_>> = topics.collect();
        let options =
            AdminOptions::new().operation_timeout(Some(ANSWER_DEADLINE)).request_timeout(Some(ANSWER_DEADLINE));
        let made = futures_executor::block_on(admin.create_topics(&topics, &options)).map_err(again)?;
        for result in made {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(TransactionError::Hopeless(format!("the topic {name} cannot be made: {code}")));
                }
            }
        }
        Ok(())
    }

    /// Reads `progress` up to the end of what is committed.
    fn cursors(&self) -> Result<BTreeMap<String, Cursor>, TransactionError> {
        let mut client = self.client.clone();
        // No group is joined and no offset kept; librdkafka wants a name all the same.
        client
            .set("group.id", format!("{}-cursors", self.transactional_id))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Quiet> = client.create_with_context(Quiet).map_err(hopeless)?;
        let topic = self.config.topic(Topic::Progress.part());
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(&topic, 0, Offset::Beginning).map_err(hopeless)?;
        consumer.assign(&assignment).map_err(hopeless)?;
        let mut cursors = BTreeMap::new();
        let mut deadline = Instant::now() + ANSWER_DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match consumer.poll(left) {
                None => {
                    return Err(TransactionError::Again(format!("{topic} was not read within {ANSWER_DEADLINE:?}")));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(cursors),
                Some(Err(error)) => return Err(again(error)),
                Some(Ok(message)) => message,
            };
            deadline = Instant::now() + ANSWER_DEADLINE;
            let Some(Ok(stream)) = message.key().map(|key| String::from_utf8(key.to_vec())) else { continue };
            match message.payload().map(serde_json::from_slice::<Cursor>) {
                None => drop(cursors.remove(&stream)),
                Some(Ok(cursor)) => drop(cursors.insert(stream, cursor)),
                Some(Err(error)) => {
                    let reason = format!("{topic} holds something else than our cursors, for {stream}: {error}");
                    return Err(TransactionError::Hopeless(reason));
                }
            }
        }
    }

    fn send(&self, producer: &ThreadedProducer<Reports>, records: &[KafkaRecord]) -> Result<(), KafkaError> {
        let give_up = Instant::now() + self.deadline();
        let names = Topic::ALL.map(|topic| (topic, self.config.topic(topic.part())));
        for (index, record) in records.iter().enumerate() {
            let name = names.iter().find(|(topic, _)| *topic == record.topic).map_or("", |(_, name)| name);
            let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
            for (key, value) in &record.headers {
                headers = headers.insert(Header { key, value: Some(value) });
            }
            let mut message: BaseRecord<'_, str, [u8], Box<usize>> = BaseRecord::with_opaque_to(name, Box::new(index))
                .key(record.key.as_str())
                .partition(i32::try_from(record.partition).unwrap_or(i32::MAX))
                .headers(headers);
            message.payload = record.value.as_deref();
            message.timestamp = record.timestamp_ms;
            while let Err((error, back)) = producer.send(message) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) || Instant::now() >= give_up {
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
                        producer.context().delivery_failed(index, RDKafkaErrorCode::MessageSizeTooLarge);
                    }
                    return Err(error);
                }
                message = back;
                std::thread::sleep(QUEUE_PAUSE);
            }
        }
        Ok(())
    }

    /// Sends and commits; a commit that may be repeated is.
    fn transact(&self, producer: &ThreadedProducer<Reports>, records: &[KafkaRecord]) -> Result<(), KafkaError> {
        producer.begin_transaction()?;
        self.send(producer, records)?;
        crash::point("kafka.sent");
        let give_up = Instant::now() + self.deadline();
        loop {
            match producer.commit_transaction(self.deadline()) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < give_up => {}
                Ok(()) => {
                    crash::point("kafka.committed");
                    return Ok(());
                }
                other => return other,
            }
        }
    }
}

impl Reports {
    fn delivery_failed(&self, index: usize, code: RDKafkaErrorCode) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((index, code));
    }
}

impl TransactionLog for Cluster {
    fn open(&mut self) -> Result<BTreeMap<String, Cursor>, TransactionError> {
        self.producer = None;
        self.partitions = self.find_topics()?;
        let producer = self.connect()?;
        producer.init_transactions(self.deadline()).map_err(of_transaction)?;
        let cursors = self.cursors()?;
        self.producer = Some(producer);
        Ok(cursors)
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn write(&mut self, records: &[KafkaRecord]) -> Result<(), TransactionError> {
        let Some(producer) = self.producer.take() else {
            return Err(TransactionError::Again("there is no session".to_owned()));
        };
        let Err(error) = self.transact(&producer, records) else {
            self.producer = Some(producer);
            return Ok(());
        };
        let needs_abort = matches!(&error, KafkaError::Transaction(error) if error.txn_requires_abort());
        let refused = producer.context().take().filter(|(_, code)| is_of_the_record(*code));
        if let (Some((index, code)), true) = (refused, needs_abort || refused.is_some()) {
            producer.abort_transaction(self.deadline()).map_err(of_transaction)?;
            producer.context().take();
            self.producer = Some(producer);
            return Err(TransactionError::Refused { index, reason: code.to_string() });
        }
        // A new session aborts what is open; the producer is dropped without waiting for its queue.
        Err(of_transaction(error))
    }
}

/// Whether the record is the reason, and not the cluster.
fn is_of_the_record(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessage | RDKafkaErrorCode::InvalidRecord
    )
}

fn of_transaction(error: KafkaError) -> TransactionError {
    let fenced = [RDKafkaErrorCode::Fenced, RDKafkaErrorCode::ProducerFenced, RDKafkaErrorCode::InvalidProducerEpoch];
    match error.rdkafka_error_code() {
        Some(code) if fenced.contains(&code) => TransactionError::Fenced(error.to_string()),
        Some(
            RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::InvalidTransactionTimeout,
        ) => hopeless(error),
        _ => again(error),
    }
}

fn again(error: KafkaError) -> TransactionError {
    TransactionError::Again(format!("Kafka: {error}"))
}

fn hopeless(error: KafkaError) -> TransactionError {
    TransactionError::Hopeless(format!("Kafka: {error}"))
}
