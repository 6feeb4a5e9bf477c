//! Ticks: the moments at which operators decide.
//!
//! What an operator decides at a frame may depend on all that belongs to the frame and on nothing later, and it must
//! not depend on how far timely happened to have got. So the frames themselves are the clock: a [`Tick`] travels as
//! data, and whoever decides keeps what arrives, each item by its own time, until the tick of a frame is there and no
//! input can bring more up to its time. The capability that came with the tick is the only one held meanwhile.

use std::collections::BTreeMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use vokg_engine::id::TrackId;
use vokg_engine::observation::TrackedFrame;
use vokg_engine::time::Micros;

/// One frame, as a moment to decide. A stream has one at the time of each frame and one at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Media time, which is also the timestamp it travels at.
    pub t: Micros,
    /// No frame but the end of the stream, one microsecond after the last frame.
    pub end: bool,
    /// Tracks given up in this frame: once their evidence is sealed, their identity leaves memory.
    pub ended: Vec<TrackId>,
}

impl From<&TrackedFrame> for Tick {
    fn from(frame: &TrackedFrame) -> Self {
        Self { t: frame.t, end: frame.end, ended: frame.ended.iter().map(|(track, _)| *track).collect() }
    }
}

/// Calls `decide` for each tick, in order, with all events up to its time that no earlier tick got, in the order of
/// their times and for one time as they arrived. What it answers is sent at the time of the tick.
pub(crate) fn at_ticks<'s, K, E, D>(
    name: &str,
    ticks: StreamVec<'s, Micros, K>,
    events: StreamVec<'s, Micros, (Micros, E)>,
    mut decide: impl FnMut(Micros, K, Vec<E>) -> Vec<D> + 'static,
) -> StreamVec<'s, Micros, D>
where
    K: Clone + 'static,
    E: Clone + 'static,
    D: Clone + 'static,
{
    ticks.binary_frontier::<_, CapacityContainerBuilder<Vec<D>>, _, _, _, _>(
        events,
        Pipeline,
        Pipeline,
        name,
        move |_capability, _info| {
            let mut waiting_ticks = BTreeMap::new();
            let mut waiting_events: BTreeMap<Micros, Vec<E>> = BTreeMap::new();
            move |(ticks, ticks_frontier), (events, events_frontier), output| {
                ticks.for_each(|capability, batch| {
                    let Some(held) = capability.retain_least(0) else { return };
                    for tick in batch.drain(..) {
                        waiting_ticks.insert(*held.time(), (held.clone(), tick));
                    }
                });
                events.for_each(|_capability, batch| {
                    for (t, event) in batch.drain(..) {
                        waiting_events.entry(t).or_default().push(event);
                    }
                });
                while let Some(next) = waiting_ticks.first_entry() {
                    let t = *next.key();
                    if ticks_frontier.less_equal(&t) || events_frontier.less_equal(&t) {
                        break;
                    }
                    let (held, tick) = next.remove();
                    let later = waiting_events.split_off(&(t + 1));
                    let due = std::mem::replace(&mut waiting_events, later);
                    let decided = decide(t, tick, due.into_values().flatten().collect());
                    output.session(&held).give_iterator(decided.into_iter());
                }
            }
        },
    )
}

/// Puts beside each item the time it travels at.
pub(crate) fn stamped<'s, D: Clone + 'static>(items: StreamVec<'s, Micros, D>) -> StreamVec<'s, Micros, (Micros, D)> {
    items.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "stamp", |_capability, _info| {
        move |input, output| {
            input.for_each(|capability, batch| {
                let Some(t) = capability.least().copied() else { return };
                output.session(&capability).give_iterator(batch.drain(..).map(|item| (t, item)));
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use timely::dataflow::InputHandle;
    use timely::dataflow::operators::{Input, Inspect};

    #[test]
    fn a_tick_waits_for_its_time_to_close_and_gets_what_lies_before_it() {
        timely::execute_directly(|worker| {
            let seen = Rc::new(RefCell::new(Vec::new()));
            let mut ticks = InputHandle::new();
            let mut events = InputHandle::new();
            worker.dataflow::<Micros, _, _>(|scope| {
                let (ticks, events) = (scope.input_from(&mut ticks), scope.input_from(&mut events));
                let seen = Rc::clone(&seen);
                at_ticks("test", ticks, events, |t, (), events: Vec<char>| vec![(t, events)])
                    .inspect(move |decided| seen.borrow_mut().push(decided.clone()));
            });
            // Sent early and in one message; each counts at its own time.
            [(5, 'a'), (12, 'c'), (7, 'b')].into_iter().for_each(|event| events.send(event));
            ticks.advance_to(10);
            ticks.send(());
            ticks.advance_to(20);
            for _ in 0..5 {
                worker.step();
            }
            assert_eq!(*seen.borrow(), []);
            events.advance_to(11);
            for _ in 0..5 {
                worker.step();
            }
            assert_eq!(*seen.borrow(), [(10, vec!['a', 'b'])]);
            ticks.send(());
            drop((ticks, events));
            while worker.step() {}
            assert_eq!(*seen.borrow(), [(10, vec!['a', 'b']), (20, vec!['c'])]);
        });
    }
}
