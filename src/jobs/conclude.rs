//! How a stream ends: what came of it is stored after the last of its log, and read back for the report.

use super::{FLUSH_DEADLINE, Runner, Stage, TICK};
use crate::corrections::correct_as_before;
use crate::exit::{Context, Failure};
use crate::report::{Before, StreamReport};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use vokg_connectors::source::{EndReport, EndStatus};
use vokg_connectors::store::{CommitHandle, Ending, FlushError, Outcome, Store, Stream, StreamBatch, StreamId};

/// Waits until all that was submitted is on disk; for room there as long as nobody asks to stop.
pub(super) fn flush(queue: &CommitHandle, interrupt: &AtomicBool) -> Result<(), FlushError> {
    // What others submit meanwhile is not waited for.
    let submitted = queue.submitted();
    let mut deadline = Instant::now() + FLUSH_DEADLINE;
    loop {
        give_up_waiting(queue, interrupt);
        if queue.space().is_waited_for() {
            deadline = Instant::now() + FLUSH_DEADLINE;
        }
        match queue.flush_until(submitted, deadline.min(Instant::now() + TICK)) {
            Err(FlushError::Deadline(_)) if Instant::now() < deadline => {}
            flushed => return flushed,
        }
    }
}

/// What waits for room on the disk, or will, cannot be finished once the user asks to stop.
pub(super) fn give_up_waiting(queue: &CommitHandle, interrupt: &AtomicBool) {
    if interrupt.load(Ordering::Acquire) {
        queue.space().give_up();
    }
}

impl Runner<'_> {
    pub(super) fn conclude(
        &mut self,
        index: usize,
        stream: &Stream,
        read: Result<EndReport, String>,
    ) -> Result<(), Failure> {
        let failure = self.jobs[index].control.failure().or_else(|| read.as_ref().err().cloned());
        let ending = match (&failure, read.as_ref().map(|end| end.status)) {
            (Some(reason), _) => Some(Ending::Failed(reason.clone())),
            (None, Ok(EndStatus::Complete)) => Some(Ending::Complete),
            (None, Ok(EndStatus::CompleteWithGaps)) => Some(Ending::CompleteWithGaps),
            (None, Ok(EndStatus::Stopped) | Err(_)) => None,
        };
        let Some(ending) = ending else {
            self.flush()?;
            self.writer.leave_stream(stream.id).context("the store cannot be written")?;
            let stream = self.writer.store().stream(stream.id).context("the stream cannot be read back")?;
            self.report(index, &stream, true)?;
            let reached = self.jobs[index].control.counters();
            if let Stage::Ended(report) = &mut self.jobs[index].stage {
                (report.frames, report.duration_us) = (reached.frames_out, reached.t_us);
            }
            return Ok(());
        };
        let end = read.ok();
        let outcome = Outcome {
            ending,
            frames: self.jobs[index].control.counters().frames_out,
            frames_expected: end.as_ref().and_then(|end| end.frames_expected),
            gaps: end.as_ref().map_or(0, |end| end.gaps),
            duration_us: end.as_ref().map_or(0, |end| end.duration_us),
        };
        let mut batch = StreamBatch::of_entries(stream.id, Vec::new());
        batch.outcome = Some(outcome);
        self.queue.try_submit(batch).map_err(Failure::failed)?;
        self.flush()?;
        let stream = self.corrected(stream.id)?;
        self.report(index, &stream, true)
    }

    /// A stream that has ended, corrected as its generation before was by hand.
    pub(super) fn corrected(&self, stream: StreamId) -> Result<Stream, Failure> {
        let read = || self.writer.store().stream(stream).context("the stream cannot be read back");
        let ended = read()?;
        if ended.head.outcome.as_ref().is_some_and(Outcome::is_complete) {
            // The stream is whole without it, and the next run tries again.
            if let Err(failure) = correct_as_before(&self.writer, &ended, &self.config.relate.rules()) {
                tracing::warn!(stream = %ended.name, %failure, "corrections by hand are not made again");
            }
        }
        read()
    }

    fn flush(&self) -> Result<(), Failure> {
        flush(&self.queue, self.interrupt).context("the store did not take the last of the stream")
    }

    pub(super) fn report(&mut self, index: usize, stream: &Stream, ran: bool) -> Result<(), Failure> {
        let store: &Store = self.writer.store();
        let graph = store.graph(stream.id, None, None).context("the graph cannot be read back")?;
        let mut report = StreamReport::of(stream, &graph, ran);
        if let Stage::Running(running) = &self.jobs[index].stage {
            let frames = self.jobs[index].control.frames_before.load(Ordering::Relaxed);
            report.before = Before { frames, t_us: running.from_us };
        }
        self.end(index, report);
        Ok(())
    }
}
