//! The end of a stream's dataflow: closed times go to the committer, in order.
//!
//! The committer's queue is bounded. While it is full, the operator keeps what it has and the capability with it, so
//! the stream's frontier waits, and with it the source.

use crate::replay::{Derived, Replay};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Capability, Concat};
use timely::scheduling::SyncActivator;
use vokg_connectors::store::{
    CommitHandle, EvidenceChange, NewCheckpoint, ObservationBuffer, ProgramId, StreamBatch, StreamId, SubmitError,
    Thumbnail,
};
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::look::TrackLook;
use vokg_engine::observation::TrackedFrame;
use vokg_engine::record::LogEntry;
use vokg_engine::runtime::checkpoint::{Checkpoints, Keeper};
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::time::Micros;
use vokg_operators::emit::Closed;

/// Wakes the operators that wait for room in the committer's queue.
#[derive(Clone, Default)]
pub struct Wake(Arc<Mutex<BTreeMap<StreamId, SyncActivator>>>);

impl Wake {
    /// Wakes them all. One that is gone needs no waking and is forgotten.
    pub fn all(&self) {
        self.waiting().retain(|_, activator| activator.activate().is_ok());
    }

    fn add(&self, stream: StreamId, activator: SyncActivator) {
        self.waiting().insert(stream, activator);
    }

    fn remove(&self, stream: StreamId) {
        self.waiting().remove(&stream);
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<StreamId, SyncActivator>> {
        // The map is changed by single calls, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a stream is committed.
pub struct Sink {
    /// Which stream of the store.
    pub stream: StreamId,
    /// The committer's queue.
    pub queue: CommitHandle,
    /// Wakes the operator when the queue has room again.
    pub wake: Wake,
    /// Told once everything of the stream is in the queue.
    pub drained: SyncSender<()>,
    /// Who takes the checkpoints.
    pub program: ProgramId,
    /// What the log of a stream that goes on already has.
    pub replay: Replay,
}

/// What is remembered of a stream on its way into the queue.
#[derive(Default, Serialize, Deserialize)]
struct Sent {
    observations: ObservationBuffer,
    frames: u64,
}

/// What belongs to one time.
#[derive(Default)]
struct Moment {
    entries: Vec<LogEntry>,
    frame: Option<TrackedFrame>,
    thumbnails: Vec<Thumbnail>,
    looks: Vec<TrackLook>,
    evidence: Vec<(EvidenceSpan, isize)>,
}

#[derive(Clone)]
enum Part {
    Log(Closed),
    Frame(TrackedFrame),
    Thumbnail(Thumbnail),
    Look(TrackLook),
    Evidence(EvidenceSpan, isize),
}

/// What a stream has to commit.
pub struct Results<'s> {
    /// Closed times of the log.
    pub log: StreamVec<'s, Micros, Closed>,
    /// What was seen.
    pub tracked: StreamVec<'s, Micros, TrackedFrame>,
    /// Pictures of tracks.
    pub thumbnails: StreamVec<'s, Micros, Thumbnail>,
    /// What tracks looked like.
    pub looks: StreamVec<'s, Micros, TrackLook>,
    /// Evidence as it was stated.
    pub evidence: StreamVec<'s, Micros, (EvidenceSpan, Micros, isize)>,
}

/// Commits each time once it is complete. The stream that comes out carries nothing; its frontier tells how far the
/// stream has left the dataflow.
pub fn commit<'s>(
    results: Results<'s>,
    sink: Option<Sink>,
    control: Arc<StreamControl>,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, ()> {
    let keeper = checkpoints.keeper("commit");
    let sent = keeper.restore().unwrap_or_default();
    if let Some(refused) = checkpoints.refused() {
        control.fail(format!("the stream cannot go on where it was: {refused}"));
    }
    let checkpoints = checkpoints.clone();
    let Results { log, tracked, thumbnails, looks, evidence } = results;
    let parts = log.map(Part::Log).concat(tracked.map(Part::Frame));
    let parts = parts.concat(thumbnails.map(Part::Thumbnail)).concat(looks.map(Part::Look));
    let parts = parts.concat(evidence.map(|(span, _, diff)| Part::Evidence(span, diff)));
    let scope = parts.scope();
    parts.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "commit", |_, info| {
        let activator = scope.worker().sync_activator_for(info.address.to_vec());
        let mut outbox = sink.map(|sink| {
            sink.wake.add(sink.stream, activator);
            Outbox::new(sink, control, sent, keeper, checkpoints)
        });
        let mut open: BTreeMap<Micros, (Capability<Micros>, Moment)> = BTreeMap::new();
        // The right to the time after what is in the queue, so that the operator lives until all of it is there.
        let mut held: Option<Capability<Micros>> = None;
        move |(input, frontier), _| {
            input.for_each(|capability, parts| {
                let Some(held) = capability.retain_least(0) else { return };
                let t = *held.time();
                let (_, moment) = open.entry(t).or_insert_with(|| (held, Moment::default()));
                for part in parts.drain(..) {
                    match part {
                        Part::Log(closed) => moment.entries.extend(closed.entries),
                        Part::Frame(frame) => moment.frame = Some(frame),
                        Part::Thumbnail(thumbnail) => moment.thumbnails.push(thumbnail),
                        Part::Look(look) => moment.looks.push(look),
                        Part::Evidence(span, diff) => moment.evidence.push((span, diff)),
                    }
                }
            });
            let Some(outbox) = &mut outbox else { return };
            while outbox.has_room() {
                if let Some(put) = &mut held {
                    let after = outbox.put_us.map_or(*put.time(), |t| t + 1);
                    put.downgrade(&after);
                }
                let Some(next) = open.first_entry().filter(|next| !frontier.less_equal(next.key())) else { break };
                let (t, (capability, moment)) = next.remove_entry();
                held = Some(capability);
                outbox.put(t, moment);
            }
            if frontier.is_empty() && open.is_empty() && outbox.finish() {
                held = None;
            }
        }
    })
}

/// What goes with the log and is stored in the same transaction.
#[derive(Default)]
struct Beside {
    thumbnails: Vec<Thumbnail>,
    looks: Vec<TrackLook>,
    evidence: Vec<EvidenceChange>,
}

/// Batches on their way to the queue.
struct Outbox {
    sink: Sink,
    control: Arc<StreamControl>,
    sent: Option<Sent>,
    keeper: Keeper,
    checkpoints: Checkpoints,
    refused: Option<StreamBatch>,
    /// What was derived again beside the log since the last entry that is known to be in it.
    beside: Beside,
    /// Time of what was put last.
    put_us: Option<Micros>,
    finished: bool,
}

impl Outbox {
    fn new(sink: Sink, control: Arc<StreamControl>, sent: Sent, keeper: Keeper, checkpoints: Checkpoints) -> Self {
        for counter in [&control.frames_in, &control.frames_out, &control.frames_before] {
            counter.fetch_add(sent.frames, Ordering::Relaxed);
        }
        let sent = Some(sent);
        Self {
            sink,
            control,
            sent,
            keeper,
            checkpoints,
            refused: None,
            beside: Beside::default(),
            put_us: None,
            finished: false,
        }
    }

    /// Offers again what the queue refused; whether there is room for more.
    fn has_room(&mut self) -> bool {
        if let Some(batch) = self.refused.take() {
            self.submit(batch);
        }
        self.refused.is_none()
    }

    fn put(&mut self, t: Micros, moment: Moment) {
        self.put_us = Some(t);
        let derived = match self.sink.replay.compare(moment.entries) {
            Ok(Derived::Worthless) => return,
            Ok(derived) => derived,
            Err(error) => {
                // Nor what was gathered before: it would end a segment of observations amid what it is to hold.
                self.sent = None;
                return self.control.fail(error.to_string());
            }
        };
        let mut batch = StreamBatch::of_entries(self.sink.stream, Vec::new());
        self.beside.thumbnails.extend(moment.thumbnails);
        self.beside.looks.extend(moment.looks);
        self.beside.evidence.extend(EvidenceChange::net(moment.evidence));
        let is_due = match derived {
            Derived::News(entries) => {
                batch.entries = entries;
                true
            }
            Derived::Known => {
                self.beside = Beside::default();
                false
            }
            Derived::Unknown | Derived::Worthless => false,
        };
        if let Some(frame) = moment.frame {
            if let Some(sent) = &mut self.sent {
                batch.observations.extend(sent.observations.push(&frame));
                sent.frames += u64::from(!frame.end);
                self.keeper.keep(t, sent);
            }
            if !frame.end {
                self.control.frames_out.fetch_add(1, Ordering::Relaxed);
                self.control.t_us.store(frame.t, Ordering::Relaxed);
            }
        }
        let checkpoint = self.checkpoints.finish(t);
        batch.checkpoint = checkpoint.map(|checkpoint| NewCheckpoint { program: self.sink.program, checkpoint });
        // Who goes on from a checkpoint takes everything before it to be there.
        if is_due || batch.checkpoint.is_some() {
            let beside = std::mem::take(&mut self.beside);
            (batch.thumbnails, batch.looks, batch.evidence) = (beside.thumbnails, beside.looks, beside.evidence);
        }
        self.submit(batch);
    }

    /// Commits the observations of the last, unfinished segment, and says that the stream has drained; whether it has.
    fn finish(&mut self) -> bool {
        if self.finished || !self.has_room() {
            return self.finished;
        }
        if let Some(last) = self.sent.take().and_then(|sent| sent.observations.finish()) {
            let mut batch = StreamBatch::of_entries(self.sink.stream, Vec::new());
            batch.observations.push(last);
            self.submit(batch);
        }
        if self.refused.is_none() {
            self.finished = true;
            self.sink.wake.remove(self.sink.stream);
            // Nobody listens any more where the command is ending.
            let _ = self.sink.drained.try_send(());
        }
        self.finished
    }

    fn submit(&mut self, batch: StreamBatch) {
        let unseen = batch.observations.is_empty() && batch.thumbnails.is_empty() && batch.looks.is_empty();
        if batch.entries.is_empty() && unseen && batch.evidence.is_empty() && batch.checkpoint.is_none() {
            return;
        }
        match self.sink.queue.try_submit(batch) {
            Ok(()) => {}
            Err(SubmitError::Full(back)) => self.refused = Some(*back),
            // Nothing is committed any more: what is still in flight is let go, and the stream has failed.
            Err(error) => self.control.fail(error.to_string()),
        }
    }
}
