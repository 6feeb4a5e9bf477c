//! A whole run at the pace of a camera, told to two brokers of which one stands still: nobody waits for the sink, and
//! whoever reads from the other broker notices nothing.

use crate::broker::{OwnBroker, broker, config, is_long, kafka, logs, stopwatch, stored};
use crate::support::{run, sized_clip, store};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::registry;
use vokg_connectors::export::delta_json::parse_line;
use vokg_connectors::kafka::KafkaConfig;
use vokg_engine::frame::Frame;
use vokg_engine::geometry::Size;
use vokg_engine::record::Record;
use vokg_engine::time::Micros;
use vokg_models::{Backend, Encoded, Encoder, RecallError, SegmentError, Segmenter};

/// A segmenter that gets each frame when it is due.
struct Paced {
    inner: Arc<dyn Backend>,
    /// Told when the first frame comes.
    begin: Sender<Instant>,
}

struct PacedEncoder {
    inner: Box<dyn Encoder>,
    begun: Option<Instant>,
    begin: Sender<Instant>,
}

impl Backend for Paced {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn lead_us(&self) -> Micros {
        self.inner.lead_us()
    }

    fn open(&self) -> (Box<dyn Encoder>, Box<dyn Segmenter>) {
        let (inner, segmenter) = self.inner.open();
        (Box::new(PacedEncoder { inner, begun: None, begin: self.begin.clone() }), segmenter)
    }
}

impl Encoder for PacedEncoder {
    fn encode(&mut self, frame: &Frame) -> Result<Encoded, SegmentError> {
        let begun = *self.begun.get_or_insert_with(|| {
            let now = Instant::now();
            _ = self.begin.send(now);
            now
        });
        std::thread::sleep((begun + Duration::from_micros(frame.t)).saturating_duration_since(Instant::now()));
        self.inner.encode(frame)
    }

    fn remember(&self) -> Option<Vec<u8>> {
        self.inner.remember()
    }

    fn recall(&mut self, memory: &[u8]) -> Result<(), RecallError> {
        self.inner.recall(memory)
    }
}

/// When a delta reached a reader of committed records: its own time, and the time of its arrival.
type Arrival = (Micros, Instant);

/// Reads the deltas of one stream as they come, until its epoch is closed.
fn watch(config: KafkaConfig) -> JoinHandle<Vec<Arrival>> {
    std::thread::spawn(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &config.brokers)
            .set("group.id", "vokg-tests")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..3 {
            assignment.add_partition_offset(&config.topic("deltas"), partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&assignment).unwrap();
        let (mut seen, mut heard) = (Vec::new(), Instant::now());
        while heard.elapsed() < Duration::from_secs(180) {
            // Before the topic is there, and while the broker stands still, there are errors instead.
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
            heard = Instant::now();
            let Some(value) = message.payload() else { continue };
            match parse_line(std::str::from_utf8(value).unwrap()).unwrap().entry.record {
                Record::Delta(delta) => seen.push((delta.t, heard)),
                Record::Progress(progress) if progress.frontier.is_none() => return seen,
                Record::Progress(_) => {}
            }
        }
        panic!("nothing came for three minutes, after {} deltas", seen.len());
    })
}

/// One stretch of the clip in media time, and what is asked of it.
struct Stretch {
    from: Micros,
    to: Micros,
    is_outage: bool,
}

/// When the broker stood still, and when it was back.
type Outage = (Instant, Instant);

/// Stops the broker in every other stretch; when the first frame came, and the outages.
fn disturb(own: &OwnBroker, begin: &Receiver<Instant>, rounds: u32, stretch: Duration) -> (Instant, Vec<Outage>) {
    let begun = begin.recv_timeout(Duration::from_secs(60)).expect("a first frame comes");
    let signal = |signal: &str, at: u32| {
        std::thread::sleep((begun + stretch * at).saturating_duration_since(Instant::now()));
        own.signal(signal);
        Instant::now()
    };
    (begun, (0..rounds).map(|round| (signal("-STOP", 2 * round + 1), signal("-CONT", 2 * round + 2))).collect())
}

/// In milliseconds, the delay of the deltas between two media times at the 50th and the 99th of a hundred.
fn delays_ms(seen: &[Arrival], begun: Instant, stretches: &[&Stretch]) -> (f64, f64, usize) {
    let within = |t: Micros| stretches.iter().any(|stretch| (stretch.from..stretch.to).contains(&t));
    let late = |&(t, at): &Arrival| at.saturating_duration_since(begun + Duration::from_micros(t)).as_secs_f64() * 1e3;
    let mut delays: Vec<f64> = seen.iter().filter(|(t, _)| within(*t)).map(late).collect();
    delays.sort_by(f64::total_cmp);
    assert!(!delays.is_empty(), "the clip moves all the time");
    (delays[delays.len() / 2], delays[delays.len() * 99 / 100], delays.len())
}

/// Frames a second.
const RATE: f64 = 25.0;
/// What was on its way when the broker was stopped has arrived after so long.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// How many times faster than it came a backlog is to be told.
const PACE: f64 = 10.0;

#[test]
fn a_run_at_the_pace_of_a_camera_does_not_wait_for_a_broker_that_stands_still() {
    let Some(others) = broker() else { return };
    let _one = is_long().then(stopwatch);
    // How fast it is depends on what else the machine does: that is judged in the long form alone, and told in both.
    let is_long = is_long();
    let (rounds, stretch) = if is_long { (3, Duration::from_secs(60)) } else { (1, Duration::from_secs(6)) };
    let seconds = stretch.as_secs_f64() * f64::from(2 * rounds + 1);
    let dir = tempfile::tempdir().unwrap();
    let own = OwnBroker::start(&dir.path().join("services"), false);
    let disturbed = config(&own.address(), "paced");
    let quiet = config(&others, "paced");
    let mut both = disturbed.clone();
    both.sinks.kafka.insert("other".to_owned(), kafka(&quiet).clone());
    let (path, _) = sized_clip(dir.path(), "street", Some(seconds), Size { width: 384, height: 216 }, RATE);

    let (begin, first_frame) = channel();
    let inner = registry::segmenter(&Config::default()).unwrap();
    let paced = Paced { inner, begin };
    let disturbance = Disturbance { segmenter: Some(Arc::new(paced)), ..Disturbance::default() };
    let (by_disturbed, by_quiet) = (watch(kafka(&disturbed).clone()), watch(kafka(&quiet).clone()));
    let data = dir.path().join("data");
    let (finished, (begun, outages)) = std::thread::scope(|scope| {
        let own = &own;
        let disturber = scope.spawn(move || disturb(own, &first_frame, rounds, stretch));
        (run(&[path], &data, &both, &disturbance), disturber.join().unwrap())
    });
    let (by_disturbed, by_quiet) = (by_disturbed.join().unwrap(), by_quiet.join().unwrap());

    let report = &finished.reports[0];
    assert_eq!((report.frames, report.gaps), ((seconds * RATE) as u64, 0), "{report:?}");
    let us = |stretches: u32| Micros::try_from((stretch * stretches).as_micros()).unwrap();
    // In the first one the segmenter still looks for the background. One after an outage counts from its middle, when the
    // sink has caught up.
    let from = |i| if i % 2 == 1 { us(i) } else { us(i) + us(1) / 2 };
    let stretches: Vec<Stretch> =
        (1..=2 * rounds).map(|i| Stretch { from: from(i), to: us(i + 1), is_outage: i % 2 == 1 }).collect();
    let of = |is_outage| {
        let of_these: Vec<&Stretch> = stretches.iter().filter(|stretch| stretch.is_outage == is_outage).collect();
        delays_ms(&by_quiet, begun, &of_these)
    };
    let ((quiet_p50, quiet_p99, quiet_count), (p50, p99, count)) = (of(false), of(true));
    println!(
        "from frame to reader of the other broker, p50 and p99 in ms: {quiet_p50:.0} and {quiet_p99:.0} quiet ({quiet_count} \
         deltas), {p50:.0} and {p99:.0} while one stands still ({count} deltas): {:.2}",
        p99 / quiet_p99
    );
    assert!(p99 < stretch.as_secs_f64() * 1e3 / 2.0, "who waited for the broker would be this late: {p99} ms");
    for (round, (stopped, back)) in outages.iter().enumerate() {
        let still = *stopped + ON_ITS_WAY..*back;
        assert!(by_disturbed.iter().all(|(_, at)| !still.contains(at)), "it did not stand still");
        let until = us(2 * round as u32 + 2);
        let last = by_disturbed.iter().filter(|(t, _)| *t < until).map(|(_, at)| *at).max().unwrap();
        let caught_up = last.saturating_duration_since(*back);
        let pace = stretch.as_secs_f64() / caught_up.as_secs_f64();
        println!("caught up {:.2} s after it was back: {pace:.1} times as fast as it came", caught_up.as_secs_f64());
        assert!(!is_long || pace >= PACE, "{pace}");
    }
    if is_long {
        assert!(p99 <= 2.0 * quiet_p99, "{p99} ms, quiet {quiet_p99} ms");
    }
    let stored = stored(&store(&data));
    assert_eq!(logs(kafka(&disturbed)), stored);
    assert_eq!(logs(kafka(&quiet)), stored);
}
