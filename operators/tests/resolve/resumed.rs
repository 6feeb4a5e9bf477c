//! A stream that goes on from a checkpoint says what it would have said: the plain states from their bytes, the joins
//! from their rows.

use crate::history::{History, Plan, history, rules};
use crate::run::{Way, build};
use std::cell::RefCell;
use std::rc::Rc;
use vokg_engine::runtime::checkpoint::{Checkpoint, Checkpoints};
use vokg_engine::time::{Micros, SECOND_US};
use vokg_operators::emit::Closed;

const HORIZON_US: Micros = 2 * SECOND_US;

/// The log of a history, from a checkpoint or from its beginning; and the checkpoint of the frame at `mark`.
fn log(history: History, from: Option<Checkpoint>, mark: Option<Micros>) -> (Vec<Closed>, Option<Checkpoint>) {
    timely::execute_directly(move |worker| {
        let kept = Checkpoints::new(from);
        mark.into_iter().for_each(|t| kept.begin(t, Vec::new()));
        let closed = Rc::new(RefCell::new(Vec::new()));
        let way = Way { workers: 1, schedule: 0, horizon_us: HORIZON_US };
        let frames = history.len();
        let mut feed = worker.dataflow(|scope| {
            let closed = Rc::clone(&closed);
            build(scope, &history, &rules(), way, move |told| closed.borrow_mut().push(told.clone()), &kept)
        });
        for _ in 0..frames {
            feed.advance_all();
            worker.step();
        }
        drop(feed);
        while worker.step() {}
        assert_eq!(kept.refused(), None);
        (closed.take(), mark.and_then(|t| kept.finish(t)))
    })
}

#[test]
fn what_follows_a_checkpoint_is_the_same_wherever_it_is() {
    for seed in 0..12 {
        let whole = history(seed, Plan { frames: 160, horizon_us: HORIZON_US });
        for cut in [1, 40, 80, 120, 150] {
            let mark = whole[cut - 1].t();
            let (expected, checkpoint) = log(whole.clone(), None, Some(mark));
            let checkpoint = checkpoint.expect("every operator has kept its part");
            let (rest, _) = log(whole[cut..].to_vec(), Some(checkpoint), None);
            let expected: Vec<_> = expected.into_iter().filter(|closed| closed.t > mark).collect();
            assert_eq!(rest, expected, "seed {seed}, after {cut} frames");
        }
    }
}
