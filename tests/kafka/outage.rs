//! The broker stands still, or dies, while 25 commits a second go on: nothing is lost, and who commits does not notice.

use crate::broker::{OwnBroker, broker, config, is_long, kafka, logs, stopwatch, stored};
use crate::support::{clip, run, store};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::sinks::Sinks;
use vokg_connectors::follow::{SinkState, SinkStatus};
use vokg_connectors::store::{Begun, Ending, Outcome, ProgramId, StoreConfig, StreamBatch, StreamRequest, Writer};
use vokg_engine::id::StreamName;
use vokg_engine::record::{LogEntry, Record};

/// Commits a second, as of a camera.
const RATE: u32 = 25;

/// A camera that shows a recorded log over and over, a moment every fortieth of a second.
struct Camera {
    writer: Writer,
    log: Vec<Vec<LogEntry>>,
    shows: usize,
    /// How long each commit took, in milliseconds.
    commits_ms: Vec<f64>,
    /// The greatest lateness of a commit behind its due time.
    late: Duration,
}

impl Camera {
    fn new(data: &Path, log: &[LogEntry]) -> Self {
        let mut moments = vec![Vec::new()];
        for entry in log {
            moments.last_mut().unwrap().push(entry.clone());
            if matches!(entry.record, Record::Progress(_)) {
                moments.push(Vec::new());
            }
        }
        moments.retain(|moment| !moment.is_empty());
        let writer = Writer::open(data, StoreConfig::default()).unwrap();
        Self { writer, log: moments, shows: 0, commits_ms: Vec::new(), late: Duration::ZERO }
    }

    /// Commits for so long at the rate of a camera, and tells the sinks as a run does; gives the time of the 99th of a
    /// hundred commits in milliseconds.
    fn film(&mut self, how_long: Duration, sinks: &Sinks) -> f64 {
        let moments = self.log.clone();
        let begin = Instant::now();
        let (mut shown, mut stream) = (0, None);
        self.commits_ms.clear();
        loop {
            let due = Duration::from_secs(1) * shown / RATE;
            let index = shown as usize % moments.len();
            if index == 0 && due >= how_long {
                break;
            }
            std::thread::sleep((begin + due).saturating_duration_since(Instant::now()));
            let id = *stream.get_or_insert_with(|| self.begin_stream());
            let mut batch = StreamBatch::of_entries(id, moments[index].clone());
            if index + 1 == moments.len() {
                let ending = Ending::Complete;
                batch.outcome =
                    Some(Outcome { ending, frames: 1, frames_expected: None, gaps: 0, duration_us: 1_000_000 });
                stream = None;
            }
            let commit = Instant::now();
            self.writer.commit(&[batch]).unwrap();
            self.commits_ms.push(commit.elapsed().as_secs_f64() * 1e3);
            self.late = self.late.max(begin.elapsed().saturating_sub(due));
            sinks.nudge().all();
            shown += 1;
            // Between two showings nothing is open, so that there the camera may end.
        }
        self.commits_ms.sort_by(f64::total_cmp);
        self.commits_ms[self.commits_ms.len() * 99 / 100]
    }

    fn begin_stream(&mut self) -> vokg_connectors::store::StreamId {
        self.shows += 1;
        let request = StreamRequest {
            name: StreamName::new(&format!("camera-{}", self.shows)).unwrap(),
            source_path: "camera".into(),
            content_hash: [1; 32],
            config_hash: [2; 32],
            segmenter: "motion".into(),
            sampling: "all".into(),
            created_us: 0,
        };
        let begun = self.writer.begin_stream(request, ProgramId([0; 32]));
        match begun.unwrap() {
            Begun::Fresh(stream) => stream.id,
            Begun::Done(_) | Begun::Resumed(..) => panic!("the name is new"),
        }
    }
}

/// How a sink caught up.
struct CaughtUp {
    /// Until its target held something more.
    first: Duration,
    /// Until its target held the whole log.
    all: Duration,
    /// What it told meanwhile.
    entries: u64,
    /// Transactions it took.
    portions: u64,
}

/// Waits until the target holds the whole log, and measures from now on. How much of it the sink remembers to have told says
/// nothing: a client that is replaced amid a transaction finds it told or not.
fn catch_up(sinks: &Sinks, before: &SinkStatus) -> CaughtUp {
    let begin = Instant::now();
    sinks.look_again();
    let mut first = None;
    loop {
        let status = sinks.reports()[0].status.clone();
        assert!(!matches!(status.state, SinkState::Failed(_)), "{status:?}");
        let holds_all = status.state == SinkState::CaughtUp && status.behind == 0;
        if first.is_none() && (status.applied > before.applied || holds_all) {
            first = Some(begin.elapsed());
        }
        if let Some(first) = first.filter(|_| holds_all) {
            let (entries, portions) = (status.applied - before.applied, status.portions - before.portions);
            return CaughtUp { first, all: begin.elapsed(), entries, portions };
        }
        assert!(begin.elapsed() < Duration::from_secs(180), "{status:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How many times faster than it came a backlog is to be told.
const PACE: f64 = 10.0;
/// Within the hiccup of a disk nobody waits.
const HICCUP_MS: f64 = 5.0;

/// Three quiet stretches and three in which the broker stands still, in turn; then one in which it is killed.
#[test]
fn an_outage_of_the_broker_is_a_sink_that_lags() {
    if broker().is_none() {
        return;
    }
    let _one = is_long().then(stopwatch);
    // How fast it is depends on what else the machine does: that is judged in the long form alone, and told in both.
    let is_long = is_long();
    let outage = Duration::from_secs(if is_long { 60 } else { 8 });
    let dir = tempfile::tempdir().unwrap();
    let own = OwnBroker::start(&dir.path().join("services"), false);
    let config: Config = config(&own.address(), "outage");
    let recorded = dir.path().join("recorded");
    // Each showing is a stream, and has a transaction of its own when it is told late: some 0.1 s, whatever it holds.
    let seconds = if is_long { 60.0 } else { 6.0 };
    run(&[clip(dir.path(), "street", Some(seconds)).0], &recorded, &Config::default(), &Disturbance::default());
    let log = stored(&store(&recorded)).remove("street").unwrap();

    let data = dir.path().join("data");
    let mut camera = Camera::new(&data, &log);
    let own_store = camera.writer.store().clone();
    let sinks = Sinks::start(&config, &[], &own_store, &data).unwrap();
    camera.film(Duration::from_millis(1), &sinks);
    catch_up(&sinks, &SinkStatus::default());
    let (mut quiet_ms, mut disturbed_ms) = (Vec::new(), Vec::new());
    for round in 0..4 {
        let told = sinks.reports()[0].status.clone();
        quiet_ms.push(camera.film(outage / 2, &sinks));
        catch_up(&sinks, &told);
        let is_killed = round == 3;
        let port_is_free = is_killed.then(OwnBroker::no_starts);
        own.signal(if is_killed { "-KILL" } else { "-STOP" });
        let told = sinks.reports()[0].status.clone();
        let begin = Instant::now();
        let p99_ms = camera.film(outage, &sinks);
        let filmed = begin.elapsed();
        match is_killed {
            true => own.restart(),
            false => own.signal("-CONT"),
        }
        drop(port_is_free);
        let caught_up = catch_up(&sinks, &told);
        if !is_killed {
            disturbed_ms.push(p99_ms);
        }
        let pace = filmed.as_secs_f64() / caught_up.all.as_secs_f64();
        println!(
            "the broker {} for {:.1} s: commits p99 {p99_ms:.1} ms (quiet {:.1}); {:.2} s after it was back the first, and \
             {:.2} s after it all {} entries were told, in {} portions: {pace:.1} times as fast as they came",
            if is_killed { "was dead" } else { "stood still" },
            filmed.as_secs_f64(),
            quiet_ms[round],
            caught_up.first.as_secs_f64(),
            caught_up.all.as_secs_f64(),
            caught_up.entries,
            caught_up.portions,
        );
        assert!(!is_long || is_killed || pace >= PACE, "{pace}");
    }
    let (quiet_ms, disturbed_ms) = (median(quiet_ms), median(disturbed_ms));
    let ratio = disturbed_ms / quiet_ms;
    println!(
        "commits p99, medians: {quiet_ms:.1} ms quiet, {disturbed_ms:.1} ms while the broker stood still: {ratio:.2}"
    );
    if is_long {
        assert!(disturbed_ms <= (2.0 * quiet_ms).max(HICCUP_MS), "{disturbed_ms} ms, quiet {quiet_ms} ms");
        assert!(camera.late < Duration::from_secs(2), "{:?}", camera.late);
    }
    let reports = sinks.finish(&AtomicBool::new(false));
    assert_eq!(reports[0].status.state, SinkState::CaughtUp, "{reports:?}");
    assert_eq!(logs(kafka(&config)), stored(&own_store));
}
