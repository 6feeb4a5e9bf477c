//! What corrections can no longer reach leaves memory, and nobody notices.

use crate::from_scratch;
use crate::history::{History, NO_HORIZON, Plan, as_settled, history, rules};
use crate::run::{Way, build, logs};
use differential_dataflow::logging::{DifferentialEvent, DifferentialEventBuilder};
use std::cell::RefCell;
use std::rc::Rc;
use vokg_engine::record::Record;
use vokg_engine::time::{Micros, SECOND_US};
use vokg_operators::emit::Closed;

const HORIZON_US: Micros = 3 * SECOND_US;

fn without_settled_times(log: &[Closed]) -> Vec<Record> {
    let records = log.iter().flat_map(|closed| &closed.entries).map(|entry| entry.record.clone());
    records
        .map(|record| match record {
            Record::Progress(mut told) => {
                told.settled_us = 0;
                Record::Progress(told)
            }
            delta => delta,
        })
        .collect()
}

/// Evidence older than the horizon is withdrawn too, and time jumps further than the horizon reaches.
#[test]
fn a_horizon_that_corrections_keep_does_not_show() {
    for seed in 0..8 {
        let plan = Plan { frames: 600, horizon_us: HORIZON_US };
        let histories: Vec<History> = (0..2).map(|stream| history(seed * 2 + stream, plan)).collect();
        let settled: Vec<History> = histories.iter().map(|history| as_settled(history, HORIZON_US)).collect();
        let way = Way { workers: 1 + seed as usize % 2, schedule: seed, horizon_us: HORIZON_US };
        let sealed = logs(&histories, &rules(), way);
        let kept = logs(&settled, &rules(), Way { horizon_us: NO_HORIZON, ..way });
        for ((history, sealed), kept) in settled.iter().zip(&sealed).zip(&kept) {
            let (sealed_records, kept) = (without_settled_times(sealed), without_settled_times(kept));
            for (index, (sealed, kept)) in sealed_records.iter().zip(&kept).enumerate() {
                assert_eq!(sealed, kept, "seed {seed}, record {index}");
            }
            assert_eq!(sealed_records.len(), kept.len());
            from_scratch::check(history, sealed);
        }
    }
}

/// A test of the test: histories without these would prove little.
#[test]
fn what_is_older_than_the_horizon_is_withdrawn_now_and_then() {
    let plan = Plan { frames: 600, horizon_us: HORIZON_US };
    let histories: Vec<History> = (0..16).map(|seed| history(seed, plan)).collect();
    let changed = |history: &History| {
        let settled = as_settled(history, HORIZON_US);
        history.iter().zip(settled).filter(|(frame, settled)| frame.spans != settled.spans).count()
    };
    assert!(histories.iter().map(changed).sum::<usize>() > 20);
}

/// Updates that stand in all arrangements of a run, sampled after each `every` frames.
fn standing_updates(history: History, horizon_us: Micros, every: usize) -> Vec<isize> {
    timely::execute_directly(move |worker| {
        let standing = Rc::new(RefCell::new(0));
        let counted = Rc::clone(&standing);
        let mut register = worker.log_register().expect("a worker run directly has a log");
        register.insert::<DifferentialEventBuilder, _>("differential/arrange", move |_, events| {
            for (_, event) in events.iter().flatten() {
                *counted.borrow_mut() += match event {
                    DifferentialEvent::Batch(batch) => batch.length as isize,
                    DifferentialEvent::Drop(dropped) => -(dropped.length as isize),
                    DifferentialEvent::Merge(merge) => match merge.complete {
                        Some(length) => length as isize - (merge.length1 + merge.length2) as isize,
                        None => 0,
                    },
                    _ => 0,
                };
            }
        });
        drop(register);
        let way = Way { workers: 1, schedule: 0, horizon_us };
        let mut samples = Vec::new();
        let mut feed =
            worker.dataflow(|scope| build(scope, &history, &rules(), way, |_closed| {}, &Default::default()));
        for frame in 0..history.len() {
            feed.advance_all();
            (0..4).for_each(|_| _ = worker.step());
            if frame % every == every - 1 {
                worker.log_register().expect("as above").flush();
                samples.push(*standing.borrow());
            }
        }
        samples
    })
}

#[test]
fn a_long_run_keeps_as_many_rows_as_a_short_one() {
    let plan = Plan { frames: 6000, horizon_us: HORIZON_US };
    let most = |samples: &[isize]| samples.iter().copied().max().unwrap_or_default();
    let sealed = standing_updates(history(7, plan), HORIZON_US, 100);
    let (early, late) = (most(&sealed[10..20]), most(&sealed[40..]));
    assert!(early > 0 && late <= early * 2, "grows: {sealed:?}");
    // The count is no accident: without a horizon the same history keeps everything.
    let kept = standing_updates(history(7, plan), NO_HORIZON, 100);
    assert!(most(&kept[40..]) > late * 5, "{kept:?} against {sealed:?}");
}
