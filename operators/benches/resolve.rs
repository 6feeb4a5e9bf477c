//! What does a frame cost in resolve + emit: one in which nothing happens, and one that merges an object with many edges?
//!
//! `cargo bench -p vokg-operators --bench resolve`. Times are from feeding a frame until its log is there, p50 of one
//! run, on one worker, with 10 000 spans standing.

use differential_dataflow::AsCollection;
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;
use vokg_engine::evidence::{Detail, EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::observation::IdentityChange;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;
use vokg_operators::emit::{EmitConfig, emit};
use vokg_operators::resolve::Rules;
use vokg_operators::resolve::{ResolveConfig, resolve};
use vokg_operators::tick::Tick;

const STANDING: u32 = 10_000;
const FRAME_US: Micros = 40_000;

type Handle<D> = InputHandle<Micros, CapacityContainerBuilder<Vec<D>>>;

/// A running dataflow and its inputs.
struct Bench {
    spans: Handle<(EvidenceSpan, Micros, isize)>,
    identities: Handle<IdentityChange>,
    ticks: Handle<Tick>,
    probe: ProbeHandle<Micros>,
    t: Micros,
}

impl Bench {
    fn new(worker: &mut Worker) -> Self {
        let mut bench = Self {
            spans: InputHandle::new(),
            identities: InputHandle::new(),
            ticks: InputHandle::new(),
            probe: ProbeHandle::new(),
            t: 0,
        };
        let hold_us = 400_000;
        let rule = IntervalRule {
            symmetric: true,
            hold_on_us: hold_us,
            hold_off_us: hold_us,
            min_us: 0,
            bridge_us: 0,
            ..IntervalRule::PLAIN
        };
        let config = ResolveConfig::new(Rules::from([(RelationKind::NEAR, rule)]));
        worker.dataflow(|scope| {
            let spans = scope.input_from(&mut bench.spans).as_collection();
            let identities = scope.input_from(&mut bench.identities);
            let ticks = scope.input_from(&mut bench.ticks);
            let deltas = resolve(spans, identities, ticks.clone(), config, &Checkpoints::default()).deltas;
            emit(deltas, ticks, EmitConfig::default(), &Checkpoints::default()).probe_with(&bench.probe);
        });
        bench
    }

    /// One frame, until its log is there.
    fn frame(&mut self, worker: &mut Worker, spans: &[EvidenceSpan], changes: &[IdentityChange]) -> Duration {
        let started = Instant::now();
        let t = self.t;
        spans.iter().for_each(|span| self.spans.send((*span, t, 1)));
        changes.iter().for_each(|change| self.identities.send(*change));
        self.ticks.send(Tick { t, ..Tick::default() });
        self.t += FRAME_US;
        self.spans.advance_to(self.t);
        self.identities.advance_to(self.t);
        self.ticks.advance_to(self.t);
        worker.step_while(|| self.probe.less_than(&self.t));
        started.elapsed()
    }
}

fn near(number: u32, a: u32, b: u32) -> EvidenceSpan {
    let (kind, a, b) = (RelationKind::NEAR, TrackId(a), TrackId(b));
    EvidenceSpan { kind, a, b, from_us: 0, number, to_us: None, confidence_milli: 800, detail: Detail::default() }
}

fn is(track: u32, from: Option<u32>, to: u32) -> IdentityChange {
    let reason = if from.is_some() { "fragment" } else { "began" };
    IdentityChange { track: TrackId(track), from: from.map(ObjectId), to: ObjectId(to), score_milli: 900, reason }
}

fn p50(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// Tracks 1 and 2 are the hubs: track 2 has `edges` edges, the other spans lie elsewhere.
fn run(edges: u32) -> (f64, f64) {
    timely::execute_directly(move |worker| {
        let mut bench = Bench::new(worker);
        let far = 10 + STANDING;
        let at_hub = (0..edges).map(|n| near(n, 2, 10 + n));
        let elsewhere = (edges..STANDING).map(|n| near(n, 10 + n, far + n));
        let spans: Vec<EvidenceSpan> = at_hub.chain(elsewhere).collect();
        let tracks = [1, 2].into_iter().chain(10..10 + STANDING).chain(far + edges..far + STANDING);
        let changes: Vec<IdentityChange> = tracks.map(|track| is(track, None, track)).collect();
        bench.frame(worker, &spans, &changes);
        for _ in 0..100 {
            bench.frame(worker, &[], &[]);
        }
        let idle = (0..2000).map(|_| bench.frame(worker, &[], &[])).collect();
        let merges = (0..200).map(|n| {
            let (from, to) = if n % 2 == 0 { (2, 1) } else { (1, 2) };
            bench.frame(worker, &[], &[is(2, Some(from), to)])
        });
        let merges = merges.collect();
        (p50(idle), p50(merges))
    })
}

fn main() {
    println!("edges of the merged object | idle frame, µs | merge, µs");
    for edges in [10, 100, 1000] {
        let (idle, merge) = run(edges);
        println!("{edges:>26} | {idle:>14.1} | {merge:>9.1}");
    }
}
