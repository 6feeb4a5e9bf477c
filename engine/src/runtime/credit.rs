//! Flow control: a stream has at most K frames in flight.
//!
//! The source spends one credit per frame and gets it back when the frame has passed the end of the pipeline. Frames
//! of the segmenter's lead (the first seconds, which it wants to see before it answers) count only until they are
//! encoded: what is kept of them is small.

use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use timely::Container;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::scheduling::Activator;

/// The most frames of a lead, however many a second a stream has: what is kept of them must fit into memory.
pub const LEAD_FRAMES_MAX: usize = 512;

/// Tells which frames of a stream belong to the segmenter's lead: those of the first stretch of media time, but no more
/// than [`LEAD_FRAMES_MAX`]. Whoever asks must show it every frame, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lead {
    length_us: Micros,
    ends: Option<Micros>,
    frames: usize,
}

impl Lead {
    /// A lead of this much media time.
    pub fn new(length_us: Micros) -> Self {
        Self { length_us, ends: None, frames: 0 }
    }

    /// Whether the next frame, at `t`, belongs to the lead.
    pub fn takes(&mut self, t: Micros) -> bool {
        let ends = *self.ends.get_or_insert(t.saturating_add(self.length_us));
        let takes = t < ends && self.frames < LEAD_FRAMES_MAX;
        self.frames += usize::from(takes);
        takes
    }
}

#[derive(Debug)]
struct Account {
    frames: usize,
    lead: Lead,
    unencoded: VecDeque<Micros>,
    /// With whether the frame belongs to the lead.
    undone: VecDeque<(Micros, bool)>,
    source: Option<Activator>,
}

/// The credits of one stream, shared by its operators on their one worker.
#[derive(Clone, Debug)]
pub struct Credits(Rc<RefCell<Account>>);

impl Credits {
    /// Credits for `frames` frames in flight (at least 1), not counting encoded frames of the first `lead_us`.
    pub fn new(frames: usize, lead_us: Micros) -> Self {
        Self(Rc::new(RefCell::new(Account {
            frames: frames.max(1),
            lead: Lead::new(lead_us),
            unencoded: VecDeque::new(),
            undone: VecDeque::new(),
            source: None,
        })))
    }

    pub(super) fn refill_activates(&self, source: Activator) {
        self.0.borrow_mut().source = Some(source);
    }

    pub(super) fn available(&self) -> bool {
        let account = self.0.borrow();
        let after_lead = account.undone.iter().filter(|(_, in_lead)| !in_lead).count();
        let in_lead = account.undone.back().is_none_or(|(_, in_lead)| *in_lead);
        account.unencoded.len() < account.frames && (in_lead || after_lead < account.frames)
    }

    pub(super) fn spend(&self, t: Micros) {
        let mut account = self.0.borrow_mut();
        let in_lead = account.lead.takes(t);
        account.unencoded.push_back(t);
        account.undone.push_back((t, in_lead));
    }

    /// The frame at `t` and all before it are encoded: their pixels are no longer needed in full.
    pub fn encoded(&self, t: Micros) {
        self.refund(|account| &mut account.unencoded, |frame| *frame <= t);
    }

    /// Returns the credits of the frames that `stream`'s frontier has passed: their deltas have left the dataflow.
    pub fn returned_by<C: Container>(&self, stream: Stream<'_, Micros, C>) {
        let credits = self.clone();
        stream.sink(Pipeline, "credits", move |(input, frontier)| {
            input.for_each(|_, _| {});
            let passed = |frame: &Micros| !frontier.frontier().less_equal(frame);
            credits.done(passed);
        });
    }

    fn done(&self, passed: impl Fn(&Micros) -> bool) {
        self.refund(|account| &mut account.undone, |(t, _)| passed(t));
    }

    fn refund<F>(&self, queue: impl Fn(&mut Account) -> &mut VecDeque<F>, passed: impl Fn(&F) -> bool) {
        let mut account = self.0.borrow_mut();
        let queue = queue(&mut account);
        let before = queue.len();
        while queue.front().is_some_and(&passed) {
            queue.pop_front();
        }
        let returned = queue.len() < before;
        if returned && let Some(source) = &account.source {
            source.activate();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spends while credits are there, from `*t` in steps of 10, and returns how many.
    fn spend_all(credits: &Credits, t: &mut Micros) -> usize {
        let mut spent = 0;
        while credits.available() && spent < 1000 {
            credits.spend(*t);
            *t += 10;
            spent += 1;
        }
        spent
    }

    #[test]
    fn without_lead_k_frames_are_in_flight() {
        let (credits, mut t) = (Credits::new(3, 0), 0);
        assert_eq!(spend_all(&credits, &mut t), 3);
        credits.encoded(t);
        assert_eq!(spend_all(&credits, &mut t), 0);
        credits.done(|t| *t < 20);
        assert_eq!(spend_all(&credits, &mut t), 2);
    }

    #[test]
    fn frames_of_the_lead_count_only_until_they_are_encoded() {
        let (credits, mut t) = (Credits::new(2, 100), 0);
        let mut sent = 0;
        for _ in 0..20 {
            sent += spend_all(&credits, &mut t);
            credits.encoded(t);
        }
        // 10 frames lie in the lead, 2 more are the frames in flight.
        assert_eq!(sent, 12);
        credits.done(|_| true);
        assert_eq!(spend_all(&credits, &mut t), 2);
    }

    #[test]
    fn a_lead_of_very_many_frames_is_cut_short() {
        let (credits, mut t) = (Credits::new(2, 1 << 40), 0);
        let mut sent = 0;
        for _ in 0..2 * LEAD_FRAMES_MAX {
            sent += spend_all(&credits, &mut t);
            credits.encoded(t);
        }
        assert_eq!(sent, LEAD_FRAMES_MAX + 2);
    }
}
