//! The workers, and the numbered commands that all of them apply in the same order.
//!
//! Timely numbers the dataflows of a worker by a counter, and the parts of one dataflow on different workers find each
//! other by that number. So every worker must build the same dataflows in the same order: commands go through one
//! owner, which numbers them, and each worker refuses a number out of turn.

use crate::crash;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};
use timely::WorkerConfig;
use timely::communication::{Config as CommunicationConfig, WorkerGuards};
use timely::worker::Worker;

/// Commands a worker may be behind before the sender waits.
const MAILBOX_COMMANDS: usize = 64;
/// How long a worker may leave a full mailbox unread.
const MAILBOX_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two offers to a full mailbox.
const RETRY: Duration = Duration::from_millis(1);
/// How long an idle worker sleeps before it looks at its mailbox unasked.
const PARK: Duration = Duration::from_millis(100);

/// Where a worker stands towards a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The stream's data lives on this worker.
    Home,
    /// Another worker has the data; this one builds the same operators and drops its capabilities at once.
    Elsewhere,
}

/// Builds the dataflow of one stream. Called once on every worker, in command order.
pub type Build = Arc<dyn Fn(&mut Worker, Placement) + Send + Sync>;

/// The number of a stream's dataflow within an engine, by which it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataflowNumber(u64);

#[derive(Clone)]
enum Order {
    Add { dataflow: DataflowNumber, home: usize, build: Build },
    Remove { dataflow: DataflowNumber },
    Finish,
}

#[derive(Clone)]
struct Command {
    number: u64,
    order: Order,
}

/// Why an engine cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// More or fewer workers than an engine takes.
    #[error("{0} workers asked for, an engine takes 1 to {MAX_WORKERS}")]
    Workers(usize),
    /// Timely could not start its threads.
    #[error("workers cannot be started: {0}")]
    Start(String),
    /// A worker is gone; this happens only while the process is going down.
    #[error("worker {0} no longer takes commands")]
    Gone(usize),
    /// An operator keeps a worker and does not come back.
    #[error("worker {0} is stuck in an operator")]
    Stuck(usize),
    /// The workers did not come to their end in time.
    #[error("the workers did not end in time")]
    Unfinished,
}

/// The most workers of one engine.
pub const MAX_WORKERS: usize = 256;

/// Running workers.
///
/// Dropping it waits for the workers, unless one was found stuck: then all are left behind, to end with the process.
pub struct Engine {
    mailboxes: Vec<SyncSender<Command>>,
    guards: Option<WorkerGuards<()>>,
    /// Closed once every worker has come to its end.
    ended: Receiver<()>,
    next_command: u64,
    next_dataflow: u64,
}

impl Engine {
    /// Starts `workers` worker threads. A panic on any of them ends the process: its peers would wait for ever.
    ///
    /// # Errors
    /// Where the number is out of range or threads cannot be had.
    pub fn start(workers: usize) -> Result<Self, EngineError> {
        if !(1..=MAX_WORKERS).contains(&workers) {
            return Err(EngineError::Workers(workers));
        }
        abort_on_worker_panic();
        let (mailboxes, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(MAILBOX_COMMANDS)).unzip();
        let (at_work, ended) = sync_channel(0);
        let posts = receivers.into_iter().map(|receiver| Some((receiver, at_work.clone())));
        let posts = Mutex::new(posts.collect::<Vec<_>>());
        drop(at_work);
        let communication =
            if workers == 1 { CommunicationConfig::Thread } else { CommunicationConfig::Process(workers) };
        let config = timely::Config { communication, worker: WorkerConfig::default() };
        let guards = timely::execute(config, move |worker| {
            let post = posts.lock().ok().and_then(|mut all| all[worker.index()].take());
            let (mailbox, _at_work) = post.expect("each worker takes its own mailbox, once");
            work(worker, mailbox);
        })
        .map_err(EngineError::Start)?;
        Ok(Self { mailboxes, guards: Some(guards), ended, next_command: 0, next_dataflow: 0 })
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.mailboxes.len()
    }

    /// Builds a stream's dataflow on every worker; streams take turns in having a worker as home.
    ///
    /// # Errors
    /// Where a worker is gone or stuck. The engine is of no use then.
    pub fn add(&mut self, build: Build) -> Result<DataflowNumber, EngineError> {
        let dataflow = DataflowNumber(self.next_dataflow);
        self.next_dataflow += 1;
        let home = (dataflow.0 % self.workers() as u64) as usize;
        self.command(Order::Add { dataflow, home, build })?;
        Ok(dataflow)
    }

    /// Takes a dataflow away on every worker, with whatever is still in it. A dataflow whose source has ended goes by
    /// itself; this is for one that no longer moves. Nothing happens where it is already gone.
    ///
    /// # Errors
    /// Where a worker is gone or stuck. The engine is of no use then.
    pub fn remove(&mut self, dataflow: DataflowNumber) -> Result<(), EngineError> {
        self.command(Order::Remove { dataflow })
    }

    /// Waits until every dataflow has come to its end, then ends the workers.
    ///
    /// # Errors
    /// Where a worker is gone or stuck, or the deadline came first.
    pub fn finish(mut self, deadline: Instant) -> Result<(), EngineError> {
        self.command(Order::Finish)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if self.ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            self.abandon();
            return Err(EngineError::Unfinished);
        }
        let joined = self.guards.take().map(WorkerGuards::join).into_iter().flatten();
        for (index, result) in joined.enumerate() {
            result.map_err(|_| EngineError::Gone(index))?;
        }
        Ok(())
    }

    /// Gives the workers up: nobody waits for them any more.
    pub fn abandon(&mut self) {
        std::mem::forget(self.guards.take());
    }

    fn command(&mut self, order: Order) -> Result<(), EngineError> {
        let command = Command { number: self.next_command, order };
        self.next_command += 1;
        let deadline = Instant::now() + MAILBOX_DEADLINE;
        let sent = self.mailboxes.iter().enumerate().try_for_each(|(index, mailbox)| {
            post(mailbox, command.clone(), deadline).map_err(|error| match error {
                TrySendError::Full(_) => EngineError::Stuck(index),
                TrySendError::Disconnected(_) => EngineError::Gone(index),
            })
        });
        if sent.is_err() {
            self.abandon();
        }
        for guard in self.guards.iter().flat_map(WorkerGuards::guards) {
            guard.thread().unpark();
        }
        sent
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The workers see that there will be no more commands, and let go of what is still running.
        self.mailboxes.clear();
    }
}

/// Offers a command until there is room for it or the deadline comes.
fn post(mailbox: &SyncSender<Command>, command: Command, deadline: Instant) -> Result<(), TrySendError<Command>> {
    let mut command = command;
    loop {
        match mailbox.try_send(command) {
            Err(TrySendError::Full(back)) if Instant::now() < deadline => command = back,
            sent => return sent,
        }
        std::thread::sleep(RETRY);
    }
}

fn work(worker: &mut Worker, mailbox: Receiver<Command>) {
    let mut indices = BTreeMap::new();
    let mut expected = 0;
    let mut finishing = false;
    while !finishing || worker.has_dataflows() {
        loop {
            match mailbox.try_recv() {
                Ok(command) => {
                    assert_eq!(command.number, expected, "commands reach every worker in their one order");
                    expected += 1;
                    finishing |= matches!(command.order, Order::Finish);
                    apply(worker, command.order, &mut indices);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) if finishing => break,
                Err(TryRecvError::Disconnected) => {
                    worker.installed_dataflows().into_iter().for_each(|index| worker.drop_dataflow(index));
                    return;
                }
            }
        }
        worker.step_or_park(Some(PARK));
    }
}

fn apply(worker: &mut Worker, order: Order, indices: &mut BTreeMap<DataflowNumber, usize>) {
    let running = worker.installed_dataflows();
    indices.retain(|_, index| running.contains(index));
    match order {
        Order::Add { dataflow, home, build } => {
            let index = worker.next_dataflow_index();
            let placement = if worker.index() == home { Placement::Home } else { Placement::Elsewhere };
            build(worker, placement);
            indices.insert(dataflow, index);
        }
        Order::Remove { dataflow } => {
            if let Some(index) = indices.remove(&dataflow) {
                worker.drop_dataflow(index);
            }
        }
        Order::Finish => {}
    }
}

/// A panic kills only its own worker thread, and the others would wait for its frontier for ever. So it ends the
/// process; what was committed stays, and the next run starts from there.
fn abort_on_worker_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            previous(panic);
            let thread = std::thread::current();
            if thread.name().is_some_and(|name| name.starts_with("timely:work-")) {
                eprintln!("vokg: a worker panicked, so the process ends; what was committed is safe, run again");
                crash::last_word("a worker panicked");
                std::process::abort();
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use timely::dataflow::operators::generic::operator::source;
    use timely::dataflow::operators::{Inspect, Probe};

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// A dataflow that emits 0, 1, 2 … on its home worker until `stop` and counts what it emitted.
    fn counting(limit: u64, seen: Arc<AtomicUsize>) -> Build {
        Arc::new(move |worker, placement| {
            let seen = Arc::clone(&seen);
            worker.dataflow::<u64, _, _>(|scope| {
                source(scope, "count", |capability, info| {
                    let activator = scope.activator_for(info.address);
                    let mut capability = (placement == Placement::Home).then_some(capability);
                    move |output| {
                        let Some(held) = capability.as_mut() else { return };
                        let t = *held.time();
                        output.session(&held).give(t);
                        held.downgrade(&(t + 1));
                        if t + 1 == limit {
                            capability = None;
                        }
                        activator.activate();
                    }
                })
                .container::<Vec<_>>()
                .inspect(move |_| {
                    seen.fetch_add(1, Ordering::Relaxed);
                })
                .probe();
            });
        })
    }

    #[test]
    fn streams_come_and_go_on_running_workers() -> Result<(), EngineError> {
        for workers in [1, 2, 3] {
            let mut engine = Engine::start(workers)?;
            let seen = Arc::new(AtomicUsize::new(0));
            for _ in 0..20 {
                engine.add(counting(10, Arc::clone(&seen)))?;
            }
            engine.finish(soon())?;
            assert_eq!(seen.load(Ordering::Relaxed), 200);
        }
        Ok(())
    }

    #[test]
    fn a_dataflow_that_never_ends_can_be_removed() -> Result<(), EngineError> {
        let mut engine = Engine::start(2)?;
        let seen = Arc::new(AtomicUsize::new(0));
        let endless = engine.add(counting(u64::MAX, Arc::clone(&seen)))?;
        engine.add(counting(10, Arc::clone(&seen)))?;
        engine.remove(endless)?;
        engine.remove(endless)?;
        engine.finish(soon())
    }

    #[test]
    fn an_engine_that_is_dropped_lets_go_of_endless_dataflows() -> Result<(), EngineError> {
        for workers in [1, 2] {
            let mut engine = Engine::start(workers)?;
            engine.add(counting(u64::MAX, Arc::default()))?;
            drop(engine);
        }
        Ok(())
    }

    #[test]
    fn nobody_waits_for_a_dataflow_that_never_ends() -> Result<(), EngineError> {
        let mut engine = Engine::start(2)?;
        engine.add(counting(u64::MAX, Arc::default()))?;
        let finished = engine.finish(Instant::now() + Duration::from_millis(100));
        assert!(matches!(finished, Err(EngineError::Unfinished)), "{finished:?}");
        Ok(())
    }

    /// The process of [`a_panic_on_a_worker_ends_the_process`].
    #[test]
    #[ignore = "run by the test beside it, in a process of its own"]
    fn panicking_process() {
        let mut engine = Engine::start(2).expect("workers start");
        let panics: Build = Arc::new(|worker, placement| {
            assert!(placement == Placement::Elsewhere, "worker {} panics on purpose", worker.index());
        });
        engine.add(panics).expect("the mailbox has room");
        std::thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn a_panic_on_a_worker_ends_the_process() -> std::io::Result<()> {
        let begun = Instant::now();
        let output = std::process::Command::new(std::env::current_exe()?)
            .args(["--ignored", "--exact", "--nocapture", "runtime::engine::tests::panicking_process"])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("panics on purpose") && said.contains("what was committed is safe"), "{said}");
        assert_eq!(output.status.code(), None, "a signal ended it: {:?}", output.status);
        assert!(begun.elapsed() < Duration::from_secs(30));
        Ok(())
    }

    #[test]
    fn a_number_of_workers_out_of_range_is_refused() {
        assert!(matches!(Engine::start(0), Err(EngineError::Workers(0))));
        assert!(Engine::start(MAX_WORKERS + 1).is_err());
    }
}
