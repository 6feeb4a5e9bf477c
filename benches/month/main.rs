//! Does a stream that never ends stay within its memory, and does its store still open quickly?
//!
//! `cargo bench --bench month [-- DAYS]` (default 30) states what a busy camera sees in that many days, one frame a
//! second, through resolve, objects and emit into a store, durably. After each day it prints
//!
//! * the resident memory of this process, at the end of the day;
//! * the updates that stand in the arrangements of the dataflow;
//! * the size of the database;
//! * how long a process takes that opens a copy of the store as a crash at this moment would leave it, and then as it was
//!   closed, out of the page cache both times, and reads the head and what is open; of the second, the best of five;
//! * the same of the store as it was after day 5, opened in turn with it.
//!
//! Only an optimised build tells anything of memory and time: with its debug assertions, redb walks the whole file
//! whenever it is opened and remembers every page.
//!
//! It fails where the median of the last third of the days is more than 1.2 times that of days 2 to 5, in memory, updates
//! or time; the time relative to that of the store of day 5, so 1 until then. Observations are not written.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

mod restart;
mod street;

use differential_dataflow::AsCollection;
use differential_dataflow::logging::{DifferentialEvent, DifferentialEventBuilder};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use street::{Facts, LINE, PARKING, PAVEMENT, Street};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concat, Input, Inspect, Probe, ToStream};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;
use vokg_connectors::store::{
    Begun, Committer, CommitterConfig, EvidenceChange, ProgramId, StoreConfig, StreamBatch, StreamId, StreamRequest,
    SubmitError, Writer,
};
use vokg_engine::delta::{Delta, Diff, Element, Vertex, VertexKey, ZoneShape, ZoneVertex};
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::id::{StreamName, ZoneId};
use vokg_engine::observation::{IdentityChange, TrackedFrame};
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::time::Micros;
use vokg_operators::emit::{Closed, EmitConfig, emit};
use vokg_operators::relate::{RelateConfig, ZoneConfig};
use vokg_operators::resolve::{ResolveConfig, degrees, objects, resolve, watch_open};
use vokg_operators::tick::Tick;

const SEED: u64 = 30_000;
const FRAMES_A_DAY: u64 = 86_400;
const GROWTH_MAX: f64 = 1.2;
const PATIENCE: Duration = Duration::from_secs(60);

type Handle<D> = InputHandle<Micros, CapacityContainerBuilder<Vec<D>>>;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match arguments.next() {
        Some(word) if word == restart::WORD => restart::open(Path::new(&arguments.next().unwrap())),
        days => month(days.map_or(30, |days| days.parse().unwrap())),
    }
}

fn month(days: u64) {
    let dir = std::env::temp_dir().join(format!("vokg-month-{}", std::process::id()));
    let started = Instant::now();
    let samples = timely::execute_directly({
        let dir = dir.clone();
        move |worker| run(worker, days, &dir)
    });
    std::fs::remove_dir_all(&dir).unwrap();
    println!("{days} days in {:.0} s", started.elapsed().as_secs_f64());
    let is_flat = [
        flat("memory", &samples, |day| day.rss_mb),
        flat("standing updates", &samples, |day| day.updates),
        flat("restart, relative to the store of day 5", &samples, |day| day.restart_ms / day.early_ms),
    ];
    if is_flat.contains(&false) {
        std::process::exit(1);
    }
}

/// What was measured after a day.
struct Day {
    deltas: u64,
    rss_mb: f64,
    updates: f64,
    store_mb: f64,
    crash_ms: f64,
    restart_ms: f64,
    early_ms: f64,
    open_elements: u64,
}

fn run(worker: &mut Worker, days: u64, dir: &Path) -> Vec<Day> {
    let standing = count_updates(worker);
    let mut log = Log::begin(dir);
    let mut street = Street::new(SEED);
    let mut feed = Feed::new(worker);
    let mut samples = Vec::new();
    println!(
        "| day | deltas | memory, MB | updates | store, MB | after a crash, ms | restart, ms | of day 5, ms | open elements |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for day in 1..=days {
        for _ in 0..FRAMES_A_DAY {
            let facts = street.frame();
            let evidence = EvidenceChange::net(facts.spans.iter().copied());
            log.put(evidence, feed.frame(worker, facts));
        }
        log.pause();
        worker.log_register().unwrap().flush();
        let restarts = restart::measure(&log.writer, log.stream, day);
        let sample = Day {
            deltas: log.deltas,
            rss_mb: resident_mb(),
            updates: *standing.borrow() as f64,
            store_mb: restarts.store_mb,
            crash_ms: restarts.crash_ms,
            restart_ms: restarts.clean_ms,
            early_ms: restarts.early_ms,
            open_elements: restarts.open_elements,
        };
        let Day { deltas, rss_mb, updates, store_mb, crash_ms, restart_ms, early_ms, open_elements } = &sample;
        println!(
            "| {day} | {deltas} | {rss_mb:.1} | {updates} | {store_mb:.0} | {crash_ms:.1} | {restart_ms:.1} | {early_ms:.1} \
             | {open_elements} |"
        );
        samples.push(sample);
    }
    samples
}

/// Whether a figure of the last third of the days is about that of days 2 to 5; says so.
fn flat(what: &str, samples: &[Day], of: impl Fn(&Day) -> f64) -> bool {
    let (Some(early), late) = (samples.get(1..5), &samples[samples.len() * 2 / 3..]) else {
        println!("{what}: too few days to tell");
        return true;
    };
    let (early, late) = (median(early.iter().map(&of)), median(late.iter().map(&of)));
    let growth = late / early;
    println!("{what}: days 2 to 5 {early:.2}, last third {late:.2}, {growth:.2} times");
    growth <= GROWTH_MAX
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0 / 1e6
}

/// Follows how many updates stand in all arrangements of the worker.
fn count_updates(worker: &Worker) -> Rc<RefCell<isize>> {
    let standing = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&standing);
    worker.log_register().unwrap().insert::<DifferentialEventBuilder, _>("differential/arrange", move |_, events| {
        for (_, event) in events.iter().flatten() {
            *counted.borrow_mut() += match event {
                DifferentialEvent::Batch(batch) => batch.length as isize,
                DifferentialEvent::Drop(dropped) => -(dropped.length as isize),
                DifferentialEvent::Merge(merge) => {
                    merge.complete.map_or(0, |length| length as isize - (merge.length1 + merge.length2) as isize)
                }
                _ => 0,
            };
        }
    });
    standing
}

/// The inputs of the dataflow, and what came out.
struct Feed {
    spans: Handle<(EvidenceSpan, Micros, isize)>,
    changes: Handle<IdentityChange>,
    tracked: Handle<TrackedFrame>,
    probe: ProbeHandle<Micros>,
    closed: Rc<RefCell<Vec<Closed>>>,
}

impl Feed {
    fn new(worker: &mut Worker) -> Self {
        let feed = Self {
            spans: InputHandle::new(),
            changes: InputHandle::new(),
            tracked: InputHandle::new(),
            probe: ProbeHandle::new(),
            closed: Rc::default(),
        };
        let Self { mut spans, mut changes, mut tracked, probe, closed } = feed;
        let area = |zone: ZoneId, crowd| ZoneConfig {
            id: zone.0,
            name: String::new(),
            polygon: vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]],
            loiter_secs: 30.0,
            crowd,
            hold: None,
        };
        let zones = vec![area(PAVEMENT, Some(4)), area(PARKING, None)];
        let rules = RelateConfig { zones, ..RelateConfig::default() }.rules();
        let config = ResolveConfig::new(rules);
        worker.dataflow(|scope| {
            let horizon_us = config.correction_horizon_us;
            let evidence = scope.input_from(&mut spans).as_collection();
            let identities = scope.input_from(&mut changes);
            let frames = scope.input_from(&mut tracked);
            let ticks = frames.clone().map(|frame| Tick::from(&frame));
            let kept = Checkpoints::default();
            let interactions = resolve(evidence, identities.clone(), ticks.clone(), config, &kept);
            watch_open(degrees(interactions.standing), Arc::new(StreamControl::default()));
            let own = [PAVEMENT, PARKING, LINE].map(zone).to_stream(scope).container::<Vec<_>>();
            let deltas = own.concat(objects(frames, identities, horizon_us, &kept)).concat(interactions.deltas);
            let log =
                emit(deltas, ticks, EmitConfig { correction_horizon_us: horizon_us, ..EmitConfig::default() }, &kept);
            let closed = Rc::clone(&closed);
            log.inspect(move |entries| closed.borrow_mut().push(entries.clone())).probe_with(&probe);
        });
        Self { spans, changes, tracked, probe, closed }
    }

    /// One frame, until its log is there.
    fn frame(&mut self, worker: &mut Worker, facts: Facts) -> Vec<Closed> {
        let Facts { spans, changes, tracked } = facts;
        let t = tracked.t;
        spans.into_iter().for_each(|(span, diff)| self.spans.send((span, t, diff)));
        changes.into_iter().for_each(|change| self.changes.send(change));
        self.tracked.send(tracked);
        self.spans.advance_to(t + 1);
        self.changes.advance_to(t + 1);
        self.tracked.advance_to(t + 1);
        worker.step_while(|| self.probe.less_than(&(t + 1)));
        self.closed.take()
    }
}

fn zone(zone: ZoneId) -> Delta {
    let shape = if zone == LINE { ZoneShape::Line } else { ZoneShape::Area };
    let vertex = Vertex::Zone(ZoneVertex { name: String::new(), shape, corners_ppm: vec![] });
    Delta { t: 0, diff: Diff::Assert, element: Element::Vertex(VertexKey::Zone(zone), vertex), caused_by: None }
}

/// The store of the stream.
struct Log {
    writer: Arc<Writer>,
    /// Until it pauses.
    committer: Option<Committer>,
    stream: StreamId,
    /// Committed before the last pause.
    deltas: u64,
}

impl Log {
    fn begin(dir: &Path) -> Self {
        let writer = Arc::new(Writer::open(dir, StoreConfig::default()).unwrap());
        let request = StreamRequest {
            name: StreamName::new("street").unwrap(),
            source_path: "street".into(),
            content_hash: [0; 32],
            config_hash: [0; 32],
            segmenter: "none".into(),
            sampling: "all".into(),
            created_us: 0,
        };
        let Begun::Fresh(stream) = writer.begin_stream(request, ProgramId([0; 32])).unwrap() else {
            panic!("the directory is new")
        };
        Self { writer, committer: None, stream: stream.id, deltas: 0 }
    }

    /// Nothing is written from now on until something is put, no sealing of old entries either.
    fn pause(&mut self) {
        if let Some(committer) = self.committer.take() {
            self.deltas += committer.stop(Instant::now() + PATIENCE).unwrap().deltas;
        }
    }

    fn put(&mut self, evidence: Vec<EvidenceChange>, closed: Vec<Closed>) {
        let entries = closed.into_iter().flat_map(|closed| closed.entries).collect();
        let mut batch = StreamBatch { evidence, ..StreamBatch::of_entries(self.stream, entries) };
        let start = || Committer::start(Arc::clone(&self.writer), CommitterConfig::default(), || {}, || {}).unwrap();
        let handle = self.committer.get_or_insert_with(start).handle();
        while let Err(error) = handle.try_submit(batch) {
            let SubmitError::Full(back) = error else { panic!("{error}") };
            batch = *back;
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}
