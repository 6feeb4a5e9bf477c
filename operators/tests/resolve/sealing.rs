//! What corrections can no longer reach leaves memory, and nobody notices.

use crate::from_scratch;
use crate::history::{History, NO_HORIZON, Plan, history, rules};
use crate::run::{Way, logs};
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

#[test]
fn a_horizon_that_corrections_keep_does_not_show() {
    for seed in 0..20 {
        let plan = Plan { frames: 600, horizon_us: HORIZON_US };
        let histories: Vec<History> = (0..2).map(|stream| history(seed * 2 + stream, plan)).collect();
        let way = Way { workers: 1, schedule: seed, horizon_us: HORIZON_US };
        let sealed = logs(&histories, &rules(), way);
        let kept = logs(&histories, &rules(), Way { horizon_us: NO_HORIZON, ..way });
        for ((history, sealed), kept) in histories.iter().zip(&sealed).zip(&kept) {
            assert_eq!(without_settled_times(sealed), without_settled_times(kept), "seed {seed}");
            from_scratch::check(history, sealed);
        }
    }
}
