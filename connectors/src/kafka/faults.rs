//! What the sink makes of a cluster that answers with errors, against librdkafka's own mock cluster.
//!
//! The mock ignores aborts and fencing, so nothing here is evidence of exactly-once delivery: tests/kafka.rs asks a real
//! broker for that. Here it counts that no error loses an entry, and that the sink goes on or stops as it should.

use super::finals::tests::settled_log;
use super::records::{KafkaRecord, Topic};
use super::{Cluster, KafkaConfig, KafkaTarget, TransactionError, TransactionLog, Written};
use crate::export::delta_json::parse_line;
use crate::follow::{Follower, FollowerConfig, SinkControl, Step};
use crate::store::history::{begin, open, random_batches};
use crate::store::{Position, StreamBatch, StreamId, Writer};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey::{AddPartitionsToTxn, EndTxn, InitProducerId, Produce};
use rdkafka::types::RDKafkaRespErr::{self, *};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use vokg_engine::record::LogEntry;

/// A store with a log, and a cluster it is told to.
struct Scene {
    mock: MockCluster<'static, DefaultProducerContext>,
    config: KafkaConfig,
    dir: tempfile::TempDir,
    writer: Writer,
    stream: StreamId,
    log: Vec<LogEntry>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mock = MockCluster::new(3).expect("the mock starts");
        let config = KafkaConfig {
            brokers: mock.bootstrap_servers(),
            topic_prefix: "mock".into(),
            transaction_secs: 3.0,
            ..KafkaConfig::default()
        };
        for topic in Topic::ALL {
            mock.create_topic(&config.topic(topic.part()), 1, 3).expect("the mock makes topics");
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        Self { mock, config, dir, writer, stream, log: settled_log(seed, 30) }
    }

    /// Every broker answers this late from now on.
    fn slow(&self, answer: Duration) {
        for broker in 1..=3 {
            self.mock.broker_round_trip_time(broker, answer).expect("the broker is there");
        }
    }

    fn sink(&self) -> Follower<KafkaTarget<Cluster>> {
        let cluster = Cluster::new(self.config.clone(), "vokg-mock".to_owned()).expect("the configuration is whole");
        let store = self.writer.store();
        let target = KafkaTarget::new(cluster, store.clone(), [7; 16], Written { state: true, finals: Some(0) });
        let config = FollowerConfig {
            portion_entries: 20,
            retry_first: Duration::from_millis(20),
            retry_most: Duration::from_millis(100),
            ..FollowerConfig::default()
        };
        Follower::new(store.clone(), target, "mock", self.dir.path(), config, SinkControl::default())
            .expect("there are no dead letters yet")
    }

    /// Commits the log batch by batch and tells it, with something done to the cluster before each batch is told.
    fn tell(&self, sink: &mut Follower<KafkaTarget<Cluster>>, disturb: impl Fn(&Self, usize)) {
        for (turn, entries) in random_batches(1, &self.log).into_iter().enumerate() {
            self.writer.commit(&[StreamBatch::of_entries(self.stream, entries)]).expect("the log keeps every promise");
            disturb(self, turn);
            until_caught_up(sink);
        }
    }

    /// The entries that the topic of deltas holds, in order, repetitions included.
    fn held(&self) -> Vec<LogEntry> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.config.brokers)
            .set("group.id", "vokg-tests")
            .set("enable.partition.eof", "true")
            .create()
            .expect("the configuration is whole");
        let mut assignment = TopicPartitionList::new();
        let topic = self.config.topic(Topic::Deltas.part());
        assignment.add_partition_offset(&topic, 0, Offset::Beginning).expect("the topic is there");
        consumer.assign(&assignment).expect("the topic is there");
        let mut held = Vec::new();
        loop {
            match consumer.poll(Duration::from_secs(30)).expect("the mock answers") {
                Err(KafkaError::PartitionEOF(_)) => return held,
                Err(error) => panic!("{error}"),
                Ok(message) => {
                    let line = std::str::from_utf8(message.payload().expect("no tombstones")).expect("JSON is UTF-8");
                    held.push(parse_line(line).expect("it is a line of the log").entry);
                }
            }
        }
    }
}

fn until_caught_up(sink: &mut Follower<KafkaTarget<Cluster>>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        match sink.step() {
            Step::CaughtUp => return,
            Step::Failed(reason) => panic!("{reason}"),
            Step::Moved => {}
            Step::Wait(wait) | Step::Soon(wait) => std::thread::sleep(wait),
        }
        assert!(Instant::now() < deadline, "it never caught up");
    }
}

/// The entries without repetitions, which only aborted transactions may leave: the mock shows them.
fn once(mut entries: Vec<LogEntry>) -> Vec<LogEntry> {
    entries.sort_by_key(|entry| (entry.epoch, entry.seq));
    entries.dedup();
    entries
}

#[test]
fn errors_that_pass_are_waited_out_within_the_transaction() {
    let scene = Scene::new(1);
    let mut sink = scene.sink();
    let plans: [(_, &[RDKafkaRespErr]); 5] = [
        (Produce, &[RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT]),
        (Produce, &[RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__TRANSPORT]),
        (AddPartitionsToTxn, &[RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR]),
        (EndTxn, &[RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR]),
        (InitProducerId, &[RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS]),
    ];
    scene.tell(&mut sink, |scene, turn| {
        let (request, errors) = &plans[turn % plans.len()];
        scene.mock.request_errors(*request, errors);
    });
    assert_eq!(scene.held(), scene.log, "each entry once and in order");
}

#[test]
fn a_coordinator_that_moves_is_followed() {
    let scene = Scene::new(2);
    let mut sink = scene.sink();
    scene.tell(&mut sink, |scene, turn| {
        let broker = 1 + turn as i32 % 3;
        let coordinator = MockCoordinator::Transaction("vokg-mock".to_owned());
        scene.mock.coordinator(coordinator, broker).expect("the broker is there");
    });
    assert_eq!(scene.held(), scene.log, "each entry once and in order");
}

#[test]
fn after_a_commit_that_timed_out_the_cluster_is_asked_how_far_it_is() {
    let scene = Scene::new(3);
    let mut sink = scene.sink();
    let batches = random_batches(1, &scene.log);
    let commit = |entries: &[LogEntry]| {
        let batch = StreamBatch::of_entries(scene.stream, entries.to_vec());
        scene.writer.commit(&[batch]).expect("the log keeps every promise");
    };
    commit(&batches[0]);
    until_caught_up(&mut sink);
    batches[1..].iter().for_each(|entries| commit(entries));
    scene.mock.broker_down(-1).expect("there are brokers");
    let away = sink.step();
    assert!(matches!(&away, Step::Wait(_)), "{away:?}");
    scene.mock.broker_up(-1).expect("there are brokers");
    until_caught_up(&mut sink);
    assert_eq!(once(scene.held()), scene.log);
}

#[test]
fn an_error_that_ends_the_session_begins_another() {
    let scene = Scene::new(4);
    let mut sink = scene.sink();
    let errors = [
        (AddPartitionsToTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING),
        (EndTxn, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE),
    ];
    scene.tell(&mut sink, |scene, turn| {
        if let Some((request, error)) = errors.get(turn) {
            scene.mock.request_errors(*request, &[*error]);
        }
    });
    assert_eq!(once(scene.held()), scene.log);
}

/// Some of the records failed for good. The mock shows the others, though their transaction is aborted, so only the way is
/// looked at: the transaction is given up, and another session goes on.
#[test]
fn a_record_that_failed_on_the_way_ends_the_session() {
    let scene = Scene::new(6);
    scene
        .writer
        .commit(&[StreamBatch::of_entries(scene.stream, scene.log.clone())])
        .expect("the log keeps every promise");
    let mut sink = scene.sink();
    // Something was told before: of a topic that nobody has written to it is known that nothing was told there.
    let is_told = |_| {
        sink.step();
        !scene.held().is_empty()
    };
    assert!((0..1_000).any(is_told), "nothing was told");
    scene.mock.request_errors(Produce, &[RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    let step = (0..1_000).map(|_| sink.step()).find(|step| !matches!(step, Step::Moved));
    assert!(matches!(&step, Some(Step::Wait(_))), "{step:?}");
    until_caught_up(&mut sink);
}

#[test]
fn whoever_is_fenced_stops_and_the_next_goes_on() {
    let errors = [RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH];
    // Before the first record is taken, and when all of them are.
    let ways = [AddPartitionsToTxn, EndTxn].into_iter().flat_map(|request| errors.map(|error| (request, error)));
    for (request, error) in ways {
        let scene = Scene::new(5);
        scene
            .writer
            .commit(&[StreamBatch::of_entries(scene.stream, scene.log.clone())])
            .expect("the log keeps every promise");
        let mut sink = scene.sink();
        scene.mock.request_errors(request, &[error]);
        let step = (0..1_000).map(|_| sink.step()).find(|step| !matches!(step, Step::Moved));
        assert!(
            matches!(&step, Some(Step::Failed(reason)) if reason.contains("another instance")),
            "{request:?} answers {error:?}: {step:?}"
        );
        until_caught_up(&mut scene.sink());
        assert_eq!(once(scene.held()), scene.log);
    }
}

/// The cluster answers for the first record long before the last one is handed over.
#[test]
fn whoever_is_fenced_while_it_sends_is_told_so() {
    let scene = Scene::new(9);
    // A machine that stands still for a moment does not make it late.
    let config = KafkaConfig { transaction_secs: 60.0, ..scene.config.clone() };
    let mut cluster = Cluster::new(config, "vokg-mock".to_owned()).expect("the configuration is whole");
    cluster.open().expect("the mock answers");
    scene.mock.request_errors(AddPartitionsToTxn, &[RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    let record = KafkaRecord {
        topic: Topic::Deltas,
        partition: 0,
        key: "key".to_owned(),
        value: None,
        headers: Vec::new(),
        timestamp_ms: None,
        at: Position { epoch: 0, seq: 0 },
    };
    let written = cluster.write(&vec![record; 90_000]);
    assert!(matches!(&written, Err(TransactionError::Fenced(_))), "{written:?}");
}

/// The cluster ends a transaction that stays open too long as it ends that of a producer which was replaced.
#[test]
fn whose_transaction_took_too_long_was_not_replaced() {
    let scene = Scene::new(7);
    scene
        .writer
        .commit(&[StreamBatch::of_entries(scene.stream, scene.log.clone())])
        .expect("the log keeps every promise");
    let mut sink = scene.sink();
    while scene.held().is_empty() {
        sink.step();
    }
    scene.slow(Duration::from_millis(1_200));
    scene.mock.request_errors(EndTxn, &[RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    let step = (0..1_000).map(|_| sink.step()).find(|step| !matches!(step, Step::Moved));
    assert!(matches!(&step, Some(Step::Wait(_))), "{step:?}");
    scene.slow(Duration::ZERO);
    until_caught_up(&mut sink);
    assert_eq!(once(scene.held()), scene.log);
}

#[test]
fn a_slow_cluster_is_told_everything_once() {
    let scene = Scene::new(8);
    scene.slow(Duration::from_millis(60));
    let mut sink = scene.sink();
    scene.tell(&mut sink, |_, _| {});
    assert_eq!(scene.held(), scene.log);
}
