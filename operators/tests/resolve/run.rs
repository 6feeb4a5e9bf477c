//! Runs histories through the dataflow of `resolve`, `objects` and `emit`, in any number of ways.

use crate::dice::Dice;
use crate::history::History;
use differential_dataflow::AsCollection;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concat, Input, Inspect};
use timely::dataflow::{InputHandle, Scope};
use timely::worker::Worker;
use timely::{Config, execute};
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::observation::{IdentityChange, TrackedFrame};
use vokg_engine::record::Digest;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;
use vokg_operators::emit::{Closed, EmitConfig, emit};
use vokg_operators::resolve::Rules;
use vokg_operators::resolve::{ResolveConfig, objects, resolve};
use vokg_operators::tick::Tick;

/// How a run goes; none of it may show in the log.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub workers: usize,
    /// Decides how inputs are grouped and interleaved.
    pub schedule: u64,
    /// The one that shows: `settled_us` of progress records.
    pub horizon_us: Micros,
}

type Handle<D> = InputHandle<Micros, CapacityContainerBuilder<Vec<D>>>;

/// The inputs of one stream, and how much of its history each has had.
pub struct Feed {
    history: History,
    spans: Option<Handle<(EvidenceSpan, Micros, isize)>>,
    changes: Option<Handle<IdentityChange>>,
    tracked: Option<Handle<TrackedFrame>>,
    fed: [usize; 3],
}

/// The log of each history. All run at once, stream `i` on worker `i` modulo their number.
pub fn logs(histories: &[History], rules: &Rules, way: Way) -> Vec<Vec<Closed>> {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    let shared: Arc<Vec<History>> = Arc::new(histories.to_vec());
    let rules = rules.clone();
    let guards = execute(Config::process(way.workers), move |worker| {
        let sender = sender.lock().expect("no run panics with the lock").clone();
        let mut feeds: Vec<Feed> = Vec::new();
        for (stream, history) in shared.iter().enumerate() {
            let sender = sender.clone();
            let on_closed = move |closed: &Closed| {
                sender.send((stream, closed.clone())).expect("the log is collected after the run");
            };
            let feed = worker.dataflow(|scope| build(scope, history, &rules, way, on_closed, &Checkpoints::default()));
            if stream % worker.peers() == worker.index() {
                feeds.push(feed);
            }
        }
        feed_all(worker, feeds, Dice::new(way.schedule ^ worker.index() as u64));
    });
    guards.expect("workers start").join().into_iter().for_each(|done| done.expect("workers finish"));
    let mut logs = vec![Vec::new(); histories.len()];
    receiver.try_iter().for_each(|(stream, closed): (usize, Closed)| logs[stream].push(closed));
    logs
}

/// Builds the dataflow of one stream.
pub fn build(
    scope: Scope<'_, Micros>,
    history: &History,
    rules: &Rules,
    way: Way,
    on_closed: impl Fn(&Closed) + 'static,
    kept: &Checkpoints,
) -> Feed {
    let (mut spans, mut changes, mut tracked) = (InputHandle::new(), InputHandle::new(), InputHandle::new());
    let span_rows = scope.input_from(&mut spans).as_collection();
    let identities = scope.input_from(&mut changes);
    let frames = scope.input_from(&mut tracked);
    let ticks = frames.clone().map(|frame| Tick::from(&frame));
    let config = ResolveConfig { rules: rules.clone(), correction_horizon_us: way.horizon_us };
    let interactions = resolve(span_rows, identities.clone(), ticks.clone(), config, kept);
    let deltas = interactions.deltas.concat(objects(frames, identities, way.horizon_us, kept));
    let config = EmitConfig { correction_horizon_us: way.horizon_us, ..EmitConfig::default() };
    emit(deltas, ticks, config, kept).inspect(on_closed);
    Feed { history: history.clone(), spans: Some(spans), changes: Some(changes), tracked: Some(tracked), fed: [0; 3] }
}

fn feed_all(worker: &mut Worker, mut feeds: Vec<Feed>, mut dice: Dice) {
    while !feeds.is_empty() {
        let feed = dice.below(feeds.len() as u64) as usize;
        let most = 1 << dice.below(5);
        let some = 1 + dice.below(most) as usize;
        feeds[feed].advance(dice.below(3) as usize, some, &mut dice);
        if feeds[feed].is_done() {
            feeds.swap_remove(feed);
        }
        for _ in 0..dice.below(4) {
            worker.step();
        }
    }
}

impl Feed {
    /// Gives every input the next frame and closes its time, as a live source does.
    pub fn advance_all(&mut self) {
        let next_us = self.history[self.fed[0]].t() + 1;
        (0..3).for_each(|input| self.advance(input, 1, &mut Dice::new(0)));
        self.spans.iter_mut().for_each(|input| input.advance_to(next_us));
        self.changes.iter_mut().for_each(|input| input.advance_to(next_us));
        self.tracked.iter_mut().for_each(|input| input.advance_to(next_us));
    }

    fn is_done(&self) -> bool {
        self.spans.is_none() && self.changes.is_none() && self.tracked.is_none()
    }

    /// Gives one of the inputs some more frames. The frontier of the evidence moves less often than its data.
    fn advance(&mut self, input: usize, frames: usize, dice: &mut Dice) {
        let until = (self.fed[input] + frames).min(self.history.len());
        for frame in &self.history[self.fed[input]..until] {
            let t = frame.t();
            if let Some(spans) = self.spans.as_mut().filter(|_| input == 0) {
                if dice.chance(30) {
                    spans.advance_to(t);
                }
                frame.spans.iter().for_each(|(span, diff)| spans.send((*span, t, *diff)));
            }
            if let Some(changes) = self.changes.as_mut().filter(|_| input == 1) {
                changes.advance_to(t);
                frame.changes.iter().for_each(|change| changes.send(*change));
            }
            if let Some(tracked) = self.tracked.as_mut().filter(|_| input == 2) {
                tracked.advance_to(t);
                tracked.send(frame.tracked.clone());
            }
        }
        self.fed[input] = until;
        if until == self.history.len() {
            match input {
                0 => self.spans = None,
                1 => self.changes = None,
                _ => self.tracked = None,
            }
        }
    }
}

/// The digest of a log.
pub fn digest(log: &[Closed]) -> Digest {
    let mut digest = Digest::default();
    for entry in log.iter().flat_map(|closed| &closed.entries) {
        digest.extend(entry.epoch, entry.seq, &entry.record.encode());
    }
    digest
}
