//! Runs a list of files as streams: a few at once, each from reader to durable log, all on the same workers.

mod conclude;

use self::conclude::{flush, give_up_waiting};
use crate::commit::{Sink, Wake};
use crate::config::Config;
use crate::exit::{Context, Failure};
use crate::inputs::Input;
use crate::program::{self, program_id};
use crate::progress::{Display, Stalled, Watch};
use crate::reader::{self, Event, NOT_BEGUN, Opened, Reader};
use crate::registry;
use crate::replay::Replay;
use crate::report::StreamReport;
use crate::run::{Operators, Plan, dataflow};
use crate::sinks::{SinkReport, Sinks};
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use vokg_connectors::source::EndReport;
use vokg_connectors::source::file::{FileConfig, StopHandle};
use vokg_connectors::store::{
    CRASH_NOTE, CommitCounters, CommitHandle, Committer, CommitterConfig, Grouping, Stream, Writer,
};
use vokg_engine::crash;
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::runtime::engine::{DataflowNumber, Engine};
use vokg_engine::runtime::offload::OffloadConfig;
use vokg_engine::time::{Micros, TimeSource, micros_from_secs};
use vokg_models::Backend;
use vokg_operators::describe::DescribeConfig;
use vokg_operators::resolve::ResolveConfig;

/// Time between two looks at the streams.
const TICK: Duration = Duration::from_millis(100);
/// How long a stream that was given up may stay in the dataflow.
const REMOVAL_DEADLINE: Duration = Duration::from_secs(30);
/// How long the last transactions of a stream may take.
const FLUSH_DEADLINE: Duration = Duration::from_secs(60);

/// How a run is disturbed, by which tests show that timing does not matter and what hangs is given up.
#[derive(Clone, Default)]
pub struct Disturbance {
    /// Seed of random pauses before each job of each offload.
    pub offload_jitter: Option<u64>,
    /// Seed of the random grouping of batches into transactions.
    pub commit_grouping: Option<u64>,
    /// Batches that may wait for their transaction; nothing is committed before there was one too many.
    pub commit_queue: Option<usize>,
    /// Stands in for the segmenter of the configuration.
    pub segmenter: Option<Arc<dyn Backend>>,
}

/// What became of a list of inputs.
#[derive(Default)]
pub struct Finished {
    /// One report per input, in their order.
    pub reports: Vec<StreamReport>,
    /// From the opening of the first file to the last commit.
    pub seconds: f64,
    /// The user asked to stop.
    pub interrupted: bool,
    /// What was committed.
    pub commits: CommitCounters,
    /// How the sinks fared.
    pub sinks: Vec<SinkReport>,
    /// Why the run broke off, if it did; the reports tell what was done before.
    pub failure: Option<Failure>,
}

/// One input on its way.
struct Job {
    input: Input,
    control: Arc<StreamControl>,
    stage: Stage,
}

enum Stage {
    Waiting,
    Opening,
    Running(Box<Running>),
    Ended(StreamReport),
}

struct Running {
    stream: Stream,
    /// Media time at which this process took it up.
    from_us: Micros,
    dataflow: DataflowNumber,
    stop: StopHandle,
    read: Option<Result<EndReport, String>>,
    drained: bool,
    /// When it was given up and taken from the dataflow.
    removed: Option<Instant>,
}

/// Processes `inputs` into the store at `data_dir`. Setting `interrupt` ends every stream after the frames in flight.
///
/// # Errors
/// Where nothing can be processed at all: the store cannot be opened, or the configuration asks for the impossible.
/// Inputs that fail are reports, not errors.
pub fn run(
    inputs: Vec<Input>,
    data_dir: &Path,
    config: &Config,
    display: Display,
    interrupt: &AtomicBool,
    disturbance: &Disturbance,
) -> Result<Finished, Failure> {
    let backend = match &disturbance.segmenter {
        Some(other) => Arc::clone(other),
        None => registry::segmenter(config)?,
    };
    let sample = config.run.sample.parse().map_err(Failure::usage)?;
    let file = FileConfig {
        sample,
        max_frames: config.run.max_frames,
        limits: config.limits.to_limits(),
        ..FileConfig::default()
    };
    let is_absent = |input: &Input| matches!(input.path.try_exists(), Ok(false));
    if inputs.iter().all(|input| input.unlisted.is_some() || is_absent(input)) {
        // No store is made for a slip of the keys.
        let absent = |input: &Input| {
            let no_such_file = || format!("no such file: {}", input.path.display());
            StreamReport::not_run(input, &input.unlisted.clone().unwrap_or_else(no_such_file))
        };
        return Ok(Finished { reports: inputs.iter().map(absent).collect(), ..Finished::default() });
    }
    program::read_ahead();
    let writer = Writer::open(data_dir, config.store.to_config()).context("cannot open the store")?;
    let writer = Arc::new(writer);
    let note = data_dir.join(CRASH_NOTE);
    // Nobody is left to hear of a note that cannot be written.
    crash::before_abort(move |reason| _ = std::fs::write(&note, reason));
    let sinks = Sinks::start(config, &[], writer.store(), data_dir)?;
    let grouping = disturbance.commit_grouping.map_or(Grouping::AllThatWaits, Grouping::Random);
    let mut committing = CommitterConfig { grouping, ..CommitterConfig::default() };
    if let Some(batches) = disturbance.commit_queue {
        committing.queue.batches = batches;
        committing.hold_until_refused = true;
    }
    let wake = Wake::default();
    let committer = {
        let (wake, nudge) = (wake.clone(), sinks.nudge());
        let committer = Committer::start(Arc::clone(&writer), committing, move || wake.all(), move || nudge.all());
        committer.context("cannot start the committer")?
    };
    let engine = Engine::start(config.run.workers).context("cannot start the dataflow")?;
    let (events, inbox) = sync_channel(64);
    let seconds = |secs| Duration::from_secs_f64(secs);
    let watch = Watch::new(display, seconds(config.run.stall_warning_secs), seconds(config.run.stall_limit_secs));
    let jobs = inputs.into_iter().map(|input| Job { input, control: Arc::default(), stage: Stage::Waiting });
    let mut runner = Runner {
        interrupt,
        jobs: jobs.collect(),
        file,
        config,
        backend,
        queue: committer.handle(),
        wake,
        writer,
        engine,
        watch,
        events,
        disturbance,
        first_begin: None,
    };
    let ran = runner.run_all(&inbox);
    let seconds = runner.first_begin.map_or(0.0, |first| first.elapsed().as_secs_f64());
    let Runner { jobs, engine, .. } = runner;
    let interrupted = *ran.as_ref().unwrap_or(&false);
    let engine_ended = match ran {
        Ok(_) => engine.finish(Instant::now() + FLUSH_DEADLINE).context("the dataflow did not end cleanly"),
        Err(failure) => {
            drop(engine);
            Err(failure)
        }
    };
    let commits = committer.handle();
    // Its error is that of the last commit.
    let _ = flush(&commits, interrupt);
    let committed = committer.stop(Instant::now() + FLUSH_DEADLINE).context("the last commit failed");
    let reports = jobs.into_iter().map(|job| match job.stage {
        Stage::Ended(report) => report,
        _ => StreamReport::not_run(&job.input, "not finished"),
    });
    let failure = engine_ended.err().or(committed.err());
    // The user knows that there was no room.
    let has_given_up = commits.space().has_refused();
    let sinks = sinks.finish(interrupt);
    let interrupted = interrupted || interrupt.load(Ordering::Acquire);
    let commits = commits.counters();
    let failure = failure.filter(|failure| {
        if has_given_up {
            tracing::warn!(%failure, "for want of room on the disk");
        }
        !has_given_up
    });
    Ok(Finished { reports: reports.collect(), seconds, interrupted, commits, sinks, failure })
}

struct Runner<'a> {
    interrupt: &'a AtomicBool,
    jobs: Vec<Job>,
    file: FileConfig,
    config: &'a Config,
    backend: Arc<dyn Backend>,
    queue: CommitHandle,
    wake: Wake,
    writer: Arc<Writer>,
    engine: Engine,
    watch: Watch,
    events: SyncSender<(usize, Event)>,
    disturbance: &'a Disturbance,
    first_begin: Option<Instant>,
}

impl Runner<'_> {
    /// Whether the user asked to stop.
    fn run_all(&mut self, inbox: &Receiver<(usize, Event)>) -> Result<bool, Failure> {
        let at_once = match self.config.run.streams_at_once {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let (suspects, others) = self.suspects()?;
        let mut waiting: VecDeque<usize> = others.into_iter().chain(suspects.iter().copied()).collect();
        let mut interrupted = false;
        loop {
            if self.interrupt.load(Ordering::Acquire) && !interrupted {
                interrupted = true;
                self.stop_all();
                for index in waiting.drain(..) {
                    self.end(index, StreamReport::interrupted(&self.jobs[index].input, NOT_BEGUN));
                }
            }
            give_up_waiting(&self.queue, self.interrupt);
            let busy = self.jobs.iter().filter(|job| matches!(job.stage, Stage::Opening | Stage::Running(_))).count();
            if busy == 0 && waiting.is_empty() {
                return Ok(interrupted);
            }
            for busy in busy..at_once {
                // Those in doubt come last and alone, so that only the guilty one is there when the process dies again.
                if let Some(index) = waiting.pop_front_if(|index| busy == 0 || !suspects.contains(index)) {
                    self.begin(index);
                    if suspects.contains(&index) {
                        break;
                    }
                }
            }
            match inbox.recv_timeout(TICK) {
                Ok((index, event)) => self.on_event(index, event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(interrupted),
            }
            self.look_for_stalls()?;
        }
    }

    /// The inputs that were in flight when an earlier process died, and the others.
    fn suspects(&self) -> Result<(Vec<usize>, Vec<usize>), Failure> {
        let suspects = self.writer.suspects().context("the store cannot be read")?;
        let mut names = BTreeSet::new();
        for stream in suspects {
            let stream = self.writer.store().stream(stream).context("the store cannot be read")?;
            names.insert(stream.descriptor.request.name);
        }
        Ok((0..self.jobs.len()).partition(|index| names.contains(&self.jobs[*index].input.name)))
    }

    fn begin(&mut self, index: usize) {
        if let Some(reason) = &self.jobs[index].input.unlisted {
            return self.end(index, StreamReport::not_run(&self.jobs[index].input, reason));
        }
        let job = &mut self.jobs[index];
        let reader = Reader {
            input: job.input.clone(),
            file: self.file.clone(),
            segmenter: self.config.run.segmenter.clone(),
            config_hash: self.config.content_hash(),
            writer: Arc::clone(&self.writer),
            control: Arc::clone(&job.control),
            retry: self.config.run.retry,
        };
        self.first_begin.get_or_insert_with(Instant::now);
        job.stage = Stage::Opening;
        self.watch.begin(index, &job.input.name, Arc::clone(&job.control));
        if let Err(error) = reader::start(reader, index, self.events.clone()) {
            self.end(index, StreamReport::not_run(&self.jobs[index].input, &format!("no thread for it: {error}")));
        }
    }

    fn on_event(&mut self, index: usize, event: Event) -> Result<(), Failure> {
        if matches!(self.jobs[index].stage, Stage::Ended(_)) {
            // It was given up while it opened. Its feed is dropped with the event, and its control says stop.
            return Ok(());
        }
        match event {
            Event::Refused(reason) => {
                self.end(index, StreamReport::not_run(&self.jobs[index].input, &reason));
            }
            Event::Interrupted(how_far) => {
                self.end(index, StreamReport::interrupted(&self.jobs[index].input, how_far));
            }
            Event::AlreadyDone(stream) => {
                let corrected = self.corrected(stream.id);
                if let Err(failure) = corrected.and_then(|stream| self.report(index, &stream, false)) {
                    self.end(index, StreamReport::not_run(&self.jobs[index].input, &failure.to_string()));
                }
            }
            Event::Opened(opened) => self.build(index, *opened)?,
            Event::Read(end) => self.advance(index, |running| running.read = Some(end)),
            Event::Drained => self.advance(index, |running| running.drained = true),
        }
        Ok(())
    }

    fn build(&mut self, index: usize, opened: Opened) -> Result<(), Failure> {
        let Opened { stream, probe, feed, stop, resume, begun_before } = opened;
        let control = Arc::clone(&self.jobs[index].control);
        let from_us = resume.as_ref().map_or(0, |checkpoint| checkpoint.t);
        if control.is_stopping() {
            stop.stop();
        }
        let (drained, on_drained) = sync_channel(1);
        let events = self.events.clone();
        std::thread::Builder::new()
            .name(format!("vokg-drain-{index}"))
            .spawn(move || {
                // An error means that the dataflow was removed, and then nothing more of the stream will come either.
                let _ = on_drained.recv();
                let _ = events.send((index, Event::Drained));
            })
            .context("no thread to wait for the stream")?;
        let run = &self.config.run;
        let horizon_us = micros_from_secs(self.config.resolve.correction_horizon_secs);
        let plan = Plan {
            feed,
            sink: Sink {
                stream: stream.id,
                queue: self.queue.clone(),
                wake: self.wake.clone(),
                drained,
                program: program_id(),
                replay: match begun_before {
                    true => Replay::of(self.writer.store().clone(), stream.clone()),
                    false => Replay::none(),
                },
            },
            control: Arc::clone(&control),
            frames_in_flight: run.frames_in_flight,
            backend: Arc::clone(&self.backend),
            offload: OffloadConfig {
                deadline: Duration::from_secs_f64(run.segment_deadline_secs),
                jitter: self.disturbance.offload_jitter.map(|seed| seed.wrapping_add(index as u64)),
                ..OffloadConfig::default()
            },
            describe: DescribeConfig {
                origin_us: probe.origin_us,
                time_source: TimeSource::Pts,
                segmenter: self.backend.name().to_owned(),
                zones: self.config.relate.zone_vertices(),
            },
            operators: Operators {
                track: self.config.track.clone(),
                identify: self.config.identify.clone(),
                relate: self.config.relate.clone(),
                resolve: ResolveConfig { rules: self.config.relate.rules(), correction_horizon_us: horizon_us },
            },
            resume,
        };
        let dataflow = self.engine.add(dataflow(plan)).context("cannot build the dataflow")?;
        let (read, drained, removed) = (None, false, None);
        let running = Running { stream, from_us, dataflow, stop, read, drained, removed };
        self.jobs[index].stage = Stage::Running(Box::new(running));
        Ok(())
    }

    /// Notes what happened to a running stream and ends it once its reader and its dataflow have.
    fn advance(&mut self, index: usize, note: impl FnOnce(&mut Running)) {
        let Stage::Running(running) = &mut self.jobs[index].stage else { return };
        note(running);
        if let (Some(read), true) = (&running.read, running.drained) {
            let (stream, read) = (running.stream.clone(), read.clone());
            if let Err(failure) = self.conclude(index, &stream, read) {
                self.end(index, StreamReport::not_run(&self.jobs[index].input, &failure.to_string()));
            }
        }
    }

    fn end(&mut self, index: usize, report: StreamReport) {
        self.watch.end(index);
        self.jobs[index].stage = Stage::Ended(report);
    }

    fn stop_all(&mut self) {
        for job in &self.jobs {
            job.control.stop();
            if let Stage::Running(running) = &job.stage {
                running.stop.stop();
            }
        }
    }

    fn look_for_stalls(&mut self) -> Result<(), Failure> {
        if self.queue.space().is_waited_for() {
            self.watch.pause();
        }
        for Stalled { index, name, for_secs, hopeless } in self.watch.tick() {
            let message = format!("nothing has moved for {for_secs:.0} s");
            tracing::warn!(stream = %name, seconds = for_secs, "the frontier stands still");
            if hopeless {
                self.give_up(index, message)?;
            }
        }
        let stays = |job: &Job| match &job.stage {
            Stage::Running(running) => running.removed.is_some_and(|since| since.elapsed() > REMOVAL_DEADLINE),
            _ => false,
        };
        if let Some(job) = self.jobs.iter().find(|job| stays(job)) {
            let name = &job.input.name;
            self.engine.abandon();
            let message = format!("{name} hangs within the dataflow; what was committed is safe, run again");
            crash::last_word(&message);
            return Err(Failure::failed(message));
        }
        Ok(())
    }

    /// Ends a stream that does not move. The thread of a reader that hangs in a system call is left behind.
    fn give_up(&mut self, index: usize, message: String) -> Result<(), Failure> {
        let job = &mut self.jobs[index];
        job.control.fail(&message);
        match &mut job.stage {
            Stage::Running(running) => {
                running.stop.stop();
                running.read.get_or_insert(Err(message));
                running.removed = Some(Instant::now());
                self.engine.remove(running.dataflow).context("cannot remove the stream")
            }
            _ => {
                let report = StreamReport::not_run(&job.input, &format!("while it was opened, {message}"));
                self.end(index, report);
                Ok(())
            }
        }
    }
}
