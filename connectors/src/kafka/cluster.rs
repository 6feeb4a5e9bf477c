//! A Kafka cluster through librdkafka.

use super::agreement::{forgotten, lost, told_in};
use super::committed::{Committed, key};
use super::config::{ANSWER_DEADLINE, KafkaConfig};
use super::errors::{hopeless, is_spoilt, is_too_large_to_send, of_code, of_transaction, stranger};
use super::lookout::Lookout;
use super::records::{KafkaRecord, Topic};
use super::reports::Reports;
use super::topics::{is_there, see_to_topics};
use super::transaction_log::{Cursor, TransactionError, TransactionLog};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};
use vokg_engine::crash;
use vokg_engine::id::StreamName;

/// A record of the log has at most 1 MiB; its JSON may be longer.
pub(super) const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// Bytes of a batch unless a topic takes less.
const BATCH_BYTES: u64 = 1_000_000;
/// How long it is waited for what goes on in the background before the client is looked after.
const WAITED_AT_ONCE: Duration = Duration::from_secs(1);
/// How long after a failed connection the next one is tried at most: as long it may take to notice that the cluster is back.
const RECONNECT_MOST: Duration = Duration::from_secs(1);
/// How often a full queue of librdkafka is offered a record again.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// How long it is waited before a call that failed for now is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// How often it is looked whether all records were taken.
const DELIVERY_PAUSE: Duration = Duration::from_millis(1);

/// How long the report on a record may take that has spoiled the transaction.
const REPORT_DEADLINE: Duration = Duration::from_secs(5);

/// The way out where the cluster does not take the time of a record.
const OTHER_TIME: &str = "a topic does not take the time of a record, which is that of the video: years ago, or ahead of the \
                          broker's clock where a camera writes local time; set message.timestamp.before.max.ms and \
                          message.timestamp.after.max.ms of the topics to 9223372036854775807";

/// Writes to a cluster under one transactional id.
pub struct Cluster {
    config: KafkaConfig,
    client: ClientConfig,
    transactional_id: String,
    partitions: u32,
    /// The topics were found to keep what they must, in the first session.
    is_checked: bool,
    producer: Option<ThreadedProducer<Reports>>,
    /// Bytes of a batch that all topics take, where they tell.
    batch_bytes: Option<u64>,
    /// A batch was refused all the same: the next session sends each record by itself, until a transaction has gone through.
    apart: bool,
}

impl Cluster {
    /// A cluster that is not reached yet. The transactional id tells its writers apart: two that share it fence each
    /// other off.
    ///
    /// # Errors
    /// Where the configuration cannot work.
    pub fn new(config: KafkaConfig, transactional_id: String) -> Result<Self, super::KafkaConfigError> {
        let client = config.client()?;
        let (partitions, is_checked, producer, batch_bytes, apart) = (0, false, None, None, false);
        Ok(Self { config, client, transactional_id, partitions, is_checked, producer, batch_bytes, apart })
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs_f64(self.config.transaction_secs)
    }

    fn lookout(&self) -> Lookout<'_> {
        Lookout::new(&self.client, self.config.topic(Topic::Progress.part()))
    }

    fn committed(&self) -> Committed<'_> {
        Committed::new(&self.client, &self.transactional_id)
    }

    fn connect(&self) -> Result<ThreadedProducer<Reports>, TransactionError> {
        let milliseconds = self.deadline().as_millis().to_string();
        let mut client = self.client.clone();
        let most = RECONNECT_MOST.as_millis().to_string();
        client
            .set("reconnect.backoff.max.ms", &most)
            .set("transactional.id", &self.transactional_id)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("transaction.timeout.ms", &milliseconds)
            .set("message.timeout.ms", &milliseconds)
            .set("socket.timeout.ms", ANSWER_DEADLINE.min(self.deadline()).as_millis().to_string())
            .set("compression.type", "zstd")
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            // The broker closes a transaction after it has said so, and until then refuses the next.
            .set("retry.backoff.ms", "10")
            .set("batch.size", BATCH_BYTES.to_string())
            .set("linger.ms", "5");
        if let Some(bytes) = self.batch_bytes.filter(|bytes| *bytes < BATCH_BYTES) {
            client.set("batch.size", bytes.max(1).to_string());
        }
        if self.apart {
            client.set("batch.num.messages", "1");
        }
        client.create_with_context(Reports::default()).map_err(hopeless)
    }

    /// Refuses topics of which one was deleted, or made anew, while another stayed.
    fn check_agreement(&self, cursors: &BTreeMap<String, Cursor>) -> Result<(), TransactionError> {
        let name = |topic: Topic| self.config.topic(topic.part());
        let committed = self.committed();
        let end = committed.ends()?;
        let is_unwritten = |topic, partition: u32| Ok(end(&name(topic), number(partition))? == 0);
        let mut told = told_in(cursors);
        told.retain(|(topic, partition), _| self.config.writes(*topic) && *partition < self.partitions);
        let mut unwritten = BTreeSet::new();
        for (topic, partition) in told.keys().copied() {
            if is_unwritten(topic, partition)? {
                unwritten.insert((topic, partition));
            }
        }
        if let Some(complaint) = lost(&told, &unwritten, name) {
            return Err(TransactionError::Hopeless(complaint));
        }
        if !cursors.is_empty() || !is_unwritten(Topic::Progress, 0)? {
            return Ok(());
        }
        let filled = [Topic::Deltas, Topic::State, Topic::Final].into_iter().filter(|topic| self.config.writes(*topic));
        for (topic, partition) in filled.flat_map(|topic| (0..self.partitions).map(move |partition| (topic, partition)))
        {
            if is_unwritten(topic, partition)? {
                continue;
            }
            // What the first transaction left when it was aborted is nothing that was told.
            committed.read(&name(topic), number(partition), |_| {
                Err(match is_unwritten(Topic::Progress, 0)? {
                    true => TransactionError::Hopeless(forgotten(topic, name)),
                    false => TransactionError::Again("another store has begun to tell the same topics".to_owned()),
                })
            })?;
        }
        Ok(())
    }

    /// Reads `progress`.
    fn cursors(&self) -> Result<BTreeMap<String, Cursor>, TransactionError> {
        let topic = self.config.topic(Topic::Progress.part());
        let mut cursors = BTreeMap::new();
        self.committed().read(&topic, 0, |message| {
            let Some(stream) = key(message) else { return Ok(()) };
            match message.payload().map(serde_json::from_slice::<Cursor>) {
                None => drop(cursors.remove(&stream)),
                Some(Ok(cursor)) => drop(cursors.insert(stream, cursor)),
                Some(Err(error)) => {
                    let reason = format!("{topic} holds something else than our cursors, for {stream}: {error}");
                    return Err(TransactionError::Hopeless(reason));
                }
            }
            Ok(())
        })?;
        Ok(cursors)
    }

    /// The same error, unless the cluster has said before that it does not know us.
    fn explain(&self, error: TransactionError, reports: &Reports) -> TransactionError {
        match (error, reports.rejected()) {
            (TransactionError::Again(_), Some(reason)) => TransactionError::Hopeless(stranger(&self.config, &reason)),
            (error, _) => error,
        }
    }

    /// The same error, unless the transaction was open for too long: the cluster closes such a one in the same way as that of a
    /// writer that is replaced.
    fn unless_late(&self, error: TransactionError, begun: &Since) -> TransactionError {
        match error {
            TransactionError::Fenced(reason) if begun.elapsed() >= self.deadline() => {
                TransactionError::Again(format!("the transaction took longer than transaction_secs: {reason}"))
            }
            error => error,
        }
    }

    /// Hands the records to the producer.
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
                .partition(number(record.partition))
                .headers(headers);
            message.payload = record.value.as_deref();
            message.timestamp = record.timestamp_ms;
            let mut lookout = None;
            while let Err((error, back)) = producer.send(message) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) || Instant::now() >= give_up {
                    if is_too_large_to_send(&error) {
                        producer.context().not_sent(index, RDKafkaErrorCode::MessageSizeTooLarge);
                    }
                    return Err(error);
                }
                message = back;
                lookout.get_or_insert_with(|| self.lookout()).look_after(producer.client())?;
                std::thread::sleep(QUEUE_PAUSE);
            }
        }
        Ok(())
    }

    /// Waits until every record was taken, or one was not. Those that come behind one that is refused are never sent, and a commit
    /// would wait for them.
    fn deliver(&self, producer: &ThreadedProducer<Reports>) -> Result<(), KafkaError> {
        let give_up = Instant::now() + self.deadline();
        let (mut lookout, mut least) = (self.lookout(), i32::MAX);
        loop {
            let left = producer.in_flight_count();
            if left == 0 {
                return Ok(());
            }
            if left < least {
                least = left;
                lookout.rest();
            }
            if let Some(code) = producer.context().failed() {
                return Err(KafkaError::Flush(code));
            }
            if Instant::now() >= give_up {
                return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
            }
            lookout.look_after(producer.client())?;
            std::thread::sleep(DELIVERY_PAUSE);
        }
    }

    /// Sends and commits; a commit that may be repeated is.
    fn transact(&self, producer: &ThreadedProducer<Reports>, records: &[KafkaRecord]) -> Result<(), KafkaError> {
        producer.begin_transaction()?;
        self.send(producer, records)?;
        crash::point("kafka.sent");
        self.deliver(producer)?;
        self.see_through(producer, self.deadline(), |at_once| producer.commit_transaction(at_once))?;
        crash::point("kafka.committed");
        Ok(())
    }

    /// Waits for what goes on in the background, piece by piece, and looks after the client in between.
    fn see_through(
        &self,
        producer: &ThreadedProducer<Reports>,
        within: Duration,
        wait: impl Fn(Duration) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        let give_up = Instant::now() + within;
        let mut lookout = self.lookout();
        loop {
            match wait(WAITED_AT_ONCE.min(give_up.saturating_duration_since(Instant::now()))) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < give_up => {
                    lookout.look_after(producer.client())?;
                    std::thread::sleep(RETRY_PAUSE);
                }
                other => return other,
            }
        }
    }
}

impl TransactionLog for Cluster {
    fn open(&mut self) -> Result<BTreeMap<String, Cursor>, TransactionError> {
        self.producer = None;
        let mut producer = self.connect()?;
        let found = see_to_topics(&self.config, &self.client, &producer, !self.is_checked);
        let found = found.map_err(|error| self.explain(error, producer.context()))?;
        // What was made just now, or by somebody else at the same time, is looked at the next time.
        self.is_checked = !found.are_new;
        let is_narrow = found.batch_bytes.is_some_and(|bytes| bytes < BATCH_BYTES && self.batch_bytes != Some(bytes));
        self.batch_bytes = found.batch_bytes.or(self.batch_bytes);
        if found.are_new || is_narrow {
            producer = self.connect()?;
        }
        let ready = self.see_through(&producer, self.deadline(), |at_once| producer.init_transactions(at_once));
        ready.map_err(|error| self.explain(of_transaction(error), producer.context()))?;
        producer.context().known();
        self.partitions = found.partitions;
        let cursors = self.cursors()?;
        self.check_agreement(&cursors)?;
        self.producer = Some(producer);
        Ok(cursors)
    }

    fn state_keys(&mut self, stream: &StreamName, partition: u32) -> Result<BTreeSet<String>, TransactionError> {
        let mut keys = BTreeSet::new();
        let prefix = format!("{stream}/");
        self.committed().read(&self.config.topic(Topic::State.part()), number(partition), |message| {
            if let Some(key) = key(message).filter(|key| *key == stream.as_str() || key.starts_with(&prefix)) {
                match message.payload() {
                    Some(_) => drop(keys.insert(key)),
                    None => drop(keys.remove(&key)),
                }
            }
            Ok(())
        })?;
        Ok(keys)
    }

    fn has(&mut self, topic: Topic) -> Result<bool, TransactionError> {
        let Some(producer) = &self.producer else {
            return Err(TransactionError::Again("there is no session".to_owned()));
        };
        is_there(producer, &self.config, topic, &self.client)
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn is_open(&self) -> bool {
        self.producer.is_some()
    }

    fn write(&mut self, records: &[KafkaRecord]) -> Result<(), TransactionError> {
        let Some(producer) = self.producer.take() else {
            return Err(TransactionError::Again("there is no session".to_owned()));
        };
        let begun = Since::now();
        let Err(error) = self.transact(&producer, records) else {
            producer.context().known();
            // One that sends record by record is too slow to go on with.
            self.producer = Some(producer).filter(|_| !std::mem::take(&mut self.apart));
            return Ok(());
        };
        // What ended the producer stands before all else, and needs no abort to show.
        if let Some((code, reason)) = producer.client().fatal_error() {
            let error = self.unless_late(of_code(Some(code), reason), &begun);
            return Err(self.explain(error, producer.context()));
        }
        let patience = if is_spoilt(&error) { REPORT_DEADLINE } else { Duration::ZERO };
        if let Some((index, code)) = producer.context().refused_within(patience) {
            if code == RDKafkaErrorCode::InvalidTimestamp {
                return Err(TransactionError::Hopeless(OTHER_TIME.to_owned()));
            }
            // A batch is refused whole, with every record in it. Where a single one fills it, that is whose fault it was; else it
            // only shows where each goes by itself. The numbers of its records are lost, so that takes a new session.
            let fills_a_batch = |record: &KafkaRecord| self.batch_bytes.is_some_and(|bytes| record.bytes() > bytes);
            if !(self.apart || is_too_large_to_send(&error) || records.get(index).is_some_and(fills_a_batch)) {
                (self.apart, self.is_checked) = (true, false);
                return Err(TransactionError::Again(format!("a batch is refused, its records go one by one: {code}")));
            }
            return Err(TransactionError::Refused { index, reason: code.to_string() });
        }
        // A new session aborts what is open; the producer is dropped without waiting for its queue. What spoilt a transaction, and
        // whether it was another instance, shows where it is aborted.
        let error = match is_spoilt(&error) {
            true => {
                let abort = |at_once| producer.abort_transaction(at_once);
                self.see_through(&producer, ANSWER_DEADLINE.min(self.deadline()), abort).err().unwrap_or(error)
            }
            false => error,
        };
        let error = self.unless_late(of_transaction(error), &begun);
        Err(self.explain(error, producer.context()))
    }
}

/// A moment, and how long ago it was by whichever clock says more: one of them stands while a machine sleeps.
struct Since(Instant, SystemTime);

impl Since {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

/// How librdkafka numbers a partition.
fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
