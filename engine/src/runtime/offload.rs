//! Slow work on a thread of its own.
//!
//! An operator must not keep its worker busy for milliseconds: every other stream of that worker would wait. A
//! [`Thread`] takes jobs in order over a short queue and wakes the operator when an answer is there; [`offload`] is the
//! operator for the plain case. The operator holds the capability of each job, so frontiers wait for the answer.
//!
//! Errors and panics of the work come back as data. A job that has not come back by its deadline is an error too; its
//! thread may be stuck for ever, so it is left behind and the stream ends.

use crate::time::Micros;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::OperatorInfo;
use timely::dataflow::{Scope, StreamVec};
use timely::scheduling::{Activator, SyncActivator};

/// Why a job has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OffloadError {
    /// The work panicked.
    #[error("{stage} panicked: {message}")]
    Panic {
        /// Name of the stage.
        stage: &'static str,
        /// The panic's message.
        message: String,
    },
    /// No answer in time.
    #[error("{stage} gave no answer within {} s", .deadline.as_secs_f64())]
    Deadline {
        /// Name of the stage.
        stage: &'static str,
        /// The limit.
        deadline: Duration,
    },
    /// The thread could not be started.
    #[error("no thread for {stage}: {reason}")]
    Start {
        /// Name of the stage.
        stage: &'static str,
        /// What the system said.
        reason: String,
    },
}

/// How a stage's thread is run.
#[derive(Clone, Debug)]
pub struct OffloadConfig {
    /// Jobs that may wait for the thread.
    pub queue: usize,
    /// Longest time from handing a job over to its answer.
    pub deadline: Duration,
    /// Seed of random pauses before each job, by which tests show that results do not depend on timing.
    pub jitter: Option<u64>,
}

impl Default for OffloadConfig {
    fn default() -> Self {
        Self { queue: 4, deadline: Duration::from_secs(60), jitter: None }
    }
}

/// A thread that answers jobs in the order they are handed over.
pub struct Thread<J, A> {
    stage: &'static str,
    deadline: Duration,
    jobs: Option<SyncSender<J>>,
    answers: Receiver<Result<A, OffloadError>>,
    /// When each job that is under way was handed over, oldest first.
    handed: VecDeque<Instant>,
}

impl<J: Send + 'static, A: Send + 'static> Thread<J, A> {
    /// Starts a thread that answers jobs with `work` and activates `activator` after each answer.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        stage: &'static str,
        config: &OffloadConfig,
        activator: SyncActivator,
        mut work: impl FnMut(J) -> A + Send + 'static,
    ) -> Result<Self, OffloadError> {
        let (job_sender, job_receiver) = sync_channel::<J>(config.queue.max(1));
        // An answer never waits: at most `queue` jobs wait, one is worked on, and one may be in between.
        let (answer_sender, answers) = sync_channel(config.queue.max(1) + 2);
        let mut pause = config.jitter.map(Jitter);
        std::thread::Builder::new()
            .name(format!("vokg-{stage}"))
            .spawn(move || {
                for job in job_receiver {
                    if let Some(pause) = &mut pause {
                        std::thread::sleep(pause.next());
                    }
                    let answer = catch_unwind(AssertUnwindSafe(|| work(job)))
                        .map_err(|panic| OffloadError::Panic { stage, message: panic_message(panic.as_ref()) });
                    let broken = answer.is_err();
                    if answer_sender.send(answer).is_err() || activator.activate().is_err() || broken {
                        return;
                    }
                }
            })
            .map_err(|error| OffloadError::Start { stage, reason: error.to_string() })?;
        Ok(Self { stage, deadline: config.deadline, jobs: Some(job_sender), answers, handed: VecDeque::new() })
    }

    /// Hands over a job; gives it back where the queue is full or the thread has ended.
    ///
    /// # Errors
    /// The job itself, to be offered again after an answer came.
    pub fn submit(&mut self, job: J) -> Result<(), J> {
        let Some(jobs) = &self.jobs else { return Err(job) };
        match jobs.try_send(job) {
            Ok(()) => {
                self.handed.push_back(Instant::now());
                Ok(())
            }
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Err(job),
        }
    }

    /// Jobs handed over and not answered.
    pub fn under_way(&self) -> usize {
        self.handed.len()
    }

    /// The next answer, if it is there; the answer to the oldest job. After an error there are no more answers.
    pub fn poll(&mut self) -> Option<Result<A, OffloadError>> {
        self.jobs.as_ref()?;
        match self.answers.try_recv() {
            Ok(answer) => {
                self.handed.pop_front();
                if answer.is_err() {
                    self.jobs = None;
                }
                Some(answer)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                let late = self.handed.front().is_some_and(|handed| handed.elapsed() >= self.deadline);
                late.then(|| {
                    self.jobs = None;
                    Err(OffloadError::Deadline { stage: self.stage, deadline: self.deadline })
                })
            }
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Pauses of 0 to 3 ms from a SplitMix64 sequence (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014, figure 16).
struct Jitter(u64);

impl Jitter {
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_micros((z ^ (z >> 31)) % 3000)
    }
}

/// Jobs with the capabilities of their times: those that wait for the thread and those under way. The thread is started
/// with the first job, so workers without data have none.
pub struct Lane<J, A> {
    start: Option<StartThread<J, A>>,
    thread: Option<Thread<J, A>>,
    waiting: VecDeque<(Capability<Micros>, J)>,
    under_way: VecDeque<Capability<Micros>>,
    activator: Activator,
    deadline: Duration,
    /// When the operator is next activated to look for late jobs.
    next_look: Option<Instant>,
    broken: bool,
}

type StartThread<J, A> = Box<dyn FnOnce() -> Result<Thread<J, A>, OffloadError>>;

impl<J: Send + 'static, A: Send + 'static> Lane<J, A> {
    /// A lane for the operator at `info`, whose thread will answer with `work`.
    pub fn new(
        scope: Scope<'_, Micros>,
        info: &OperatorInfo,
        stage: &'static str,
        config: OffloadConfig,
        work: impl FnMut(J) -> A + Send + 'static,
    ) -> Self {
        let remote = scope.worker().sync_activator_for(info.address.to_vec());
        let deadline = config.deadline;
        Self {
            start: Some(Box::new(move || Thread::start(stage, &config, remote, work))),
            thread: None,
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            activator: scope.activator_for(info.address.clone()),
            deadline,
            next_look: None,
            broken: false,
        }
    }

    /// Adds a job. After an error it is let go together with its capability.
    pub fn offer(&mut self, capability: Capability<Micros>, job: J) {
        if !self.broken {
            self.waiting.push_back((capability, job));
        }
    }

    /// Jobs offered and not answered.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    /// Whether every job has been answered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Collects answers, oldest job first, and hands over what waits. After an error nothing follows.
    pub fn pump(&mut self, mut answered: impl FnMut(Capability<Micros>, Result<A, OffloadError>)) {
        if self.thread.is_none() && !self.waiting.is_empty() {
            match self.start.take().map(|start| start()) {
                Some(Ok(thread)) => self.thread = Some(thread),
                Some(Err(error)) => {
                    if let Some((capability, _)) = self.waiting.pop_front() {
                        answered(capability, Err(error));
                    }
                    return self.give_up();
                }
                None => return self.give_up(),
            }
        }
        let Some(thread) = self.thread.as_mut() else { return };
        while let Some(answer) = thread.poll() {
            let failed = answer.is_err();
            if let Some(capability) = self.under_way.pop_front() {
                answered(capability, answer);
            }
            if failed {
                return self.give_up();
            }
        }
        while let Some((capability, job)) = self.waiting.pop_front() {
            match thread.submit(job) {
                Ok(()) => self.under_way.push_back(capability),
                Err(job) => {
                    self.waiting.push_front((capability, job));
                    break;
                }
            }
        }
        let now = Instant::now();
        if !self.under_way.is_empty() && self.next_look.is_none_or(|look| look <= now) {
            self.next_look = Some(now + self.deadline);
            self.activator.activate_after(self.deadline);
        }
    }

    fn give_up(&mut self) {
        self.broken = true;
        self.thread = None;
        self.waiting.clear();
        self.under_way.clear();
    }
}

/// Answers each record with `work` on a thread of its own, in order, at the record's time. After an error, which is
/// emitted at the time of the record that caused it, nothing more comes out.
pub fn offload<'s, J, A>(
    stream: StreamVec<'s, Micros, J>,
    stage: &'static str,
    config: OffloadConfig,
    work: impl FnMut(J) -> A + Send + 'static,
) -> StreamVec<'s, Micros, Result<A, OffloadError>>
where
    J: Send + 'static,
    A: Send + 'static,
{
    let scope = stream.scope();
    stream.unary_frontier(Pipeline, stage, move |_, info| {
        let mut lane = Lane::new(scope, &info, stage, config, work);
        move |(input, _), output| {
            input.for_each(|capability, jobs| {
                if let Some(capability) = capability.retain_least(0) {
                    jobs.drain(..).for_each(|job| lane.offer(capability.clone(), job));
                }
            });
            lane.pump(|capability, answer| output.session(&capability).give(answer));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use timely::dataflow::operators::{Inspect, ToStream};

    fn run(config: OffloadConfig, work: fn(u64) -> u64) -> Vec<Result<u64, OffloadError>> {
        let (sender, receiver) = channel();
        timely::execute_directly(move |worker| {
            worker.dataflow::<u64, _, _>(|scope| {
                let numbers = (0..20u64).to_stream(scope).container::<Vec<_>>();
                offload(numbers, "square", config, work).inspect(move |answer| {
                    let _ = sender.send(answer.clone());
                });
            });
        });
        receiver.iter().collect()
    }

    #[test]
    fn answers_come_in_order_whatever_the_timing() {
        for jitter in [None, Some(1), Some(2)] {
            let answers = run(OffloadConfig { queue: 2, jitter, ..Default::default() }, |n| n * n);
            assert_eq!(answers, (0..20).map(|n| Ok(n * n)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_of_the_work_is_data_and_ends_the_stage() {
        let answers = run(OffloadConfig::default(), |n| if n == 3 { panic!("three") } else { n });
        let panic = OffloadError::Panic { stage: "square", message: "three".into() };
        assert_eq!(answers, vec![Ok(0), Ok(1), Ok(2), Err(panic)]);
    }

    #[test]
    fn a_job_past_its_deadline_is_an_error_not_a_hang() {
        let deadline = Duration::from_millis(50);
        let work = |n| {
            std::thread::sleep(Duration::from_millis(if n == 2 { 5000 } else { 0 }));
            n
        };
        let answers = run(OffloadConfig { deadline, ..Default::default() }, work);
        assert_eq!(answers, vec![Ok(0), Ok(1), Err(OffloadError::Deadline { stage: "square", deadline })]);
    }
}
