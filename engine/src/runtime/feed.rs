//! The way into a dataflow: a reader thread on one side, a source operator on the other, a short queue between them.

use super::control::StreamControl;
use super::credit::Credits;
use super::engine::Placement;
use crate::time::Micros;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use timely::dataflow::operators::generic::operator::source as timely_source;
use timely::dataflow::{Scope, StreamVec};
use timely::scheduling::SyncActivator;

/// How long a blocked reader sleeps before it looks again whether it should stop.
const RETRY: Duration = Duration::from_millis(2);

/// A record with its media time. Times rise strictly within a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed<R> {
    /// When.
    pub t: Micros,
    /// What.
    pub record: R,
}

/// The reader's end of a feed.
pub struct FeedSender<R> {
    queue: SyncSender<Timed<R>>,
    activator: Arc<OnceLock<SyncActivator>>,
}

/// The dataflow's end of a feed.
pub struct FeedReceiver<R> {
    queue: Receiver<Timed<R>>,
    activator: Arc<OnceLock<SyncActivator>>,
}

/// A feed that queues at most `records` records.
pub fn feed<R>(records: usize) -> (FeedSender<R>, FeedReceiver<R>) {
    let (sender, receiver) = sync_channel(records);
    let activator = Arc::new(OnceLock::new());
    (FeedSender { queue: sender, activator: Arc::clone(&activator) }, FeedReceiver { queue: receiver, activator })
}

/// Nobody takes records any more: the stream was stopped, or its dataflow is gone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream takes no more records")]
pub struct FeedClosed;

impl<R> FeedSender<R> {
    /// Hands over a record and waits while the queue is full: for sources that can wait, such as files.
    ///
    /// # Errors
    /// Where the stream is stopping or gone; the record is then lost, as it was not taken.
    pub fn send(&self, t: Micros, record: R, control: &StreamControl) -> Result<(), FeedClosed> {
        let mut timed = Timed { t, record };
        loop {
            match self.queue.try_send(timed) {
                Ok(()) => break,
                Err(TrySendError::Full(_)) if control.is_stopping() => return Err(FeedClosed),
                Err(TrySendError::Full(back)) => {
                    timed = back;
                    std::thread::sleep(RETRY);
                }
                Err(TrySendError::Disconnected(_)) => return Err(FeedClosed),
            }
        }
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        if let Some(activator) = self.activator.get() {
            // The worker is gone only while the process ends; the next send finds the queue closed.
            let _ = activator.activate();
        }
    }
}

impl<R> Drop for FeedSender<R> {
    fn drop(&mut self) {
        let (queue, _) = sync_channel(0);
        drop(std::mem::replace(&mut self.queue, queue));
        self.wake();
    }
}

/// Emits the records of a feed, each at its own time, as far as `credits` allow. On workers that are not the stream's
/// home it emits nothing. A stream that has failed ends at once: whoever failed returns no credits.
///
/// # Panics
/// Where a record's time is not greater than the one before: readers promise strictly rising times.
pub fn source<'s, R: Clone + 'static>(
    scope: Scope<'s, Micros>,
    receiver: Option<FeedReceiver<R>>,
    placement: Placement,
    credits: &Credits,
    control: &Arc<StreamControl>,
) -> StreamVec<'s, Micros, Timed<R>> {
    let (credits, control) = (credits.clone(), Arc::clone(control));
    timely_source(scope, "source", move |capability, info| {
        credits.refill_activates(scope.activator_for(info.address.clone()));
        if let Some(receiver) = &receiver {
            let _ = receiver.activator.set(scope.worker().sync_activator_for(info.address.to_vec()));
        }
        let mut held = (placement == Placement::Home).then_some(capability).zip(receiver);
        move |output| {
            if control.failure().is_some() {
                held = None;
            }
            let Some((capability, receiver)) = held.as_mut() else { return };
            while credits.available() {
                match receiver.queue.try_recv() {
                    Ok(timed) => {
                        let t = timed.t;
                        credits.spend(t);
                        capability.downgrade(&t);
                        output.session(&capability).give(timed);
                        capability.downgrade(&(t + 1));
                    }
                    Err(TryRecvError::Empty) => return,
                    Err(TryRecvError::Disconnected) => {
                        held = None;
                        return;
                    }
                }
            }
        }
    })
}
