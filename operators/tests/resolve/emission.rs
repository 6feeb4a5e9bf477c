//! The rules every log keeps (docs/delta-format.md), on random histories.

use crate::history::{Frame, History, Plan, history, rules};
use crate::run::{Way, logs};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::ElementKey;
use vokg_engine::observation::TrackedFrame;
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::{Micros, SECOND_US};
use vokg_operators::emit::Closed;
use vokg_operators::resolve::horizon::settled_us;

const HORIZON_US: Micros = 2 * SECOND_US;

/// Reads a log as a cautious consumer would, and stops at the first rule broken.
fn check(history: &History, log: &[Closed]) {
    let entries: Vec<&LogEntry> = log.iter().flat_map(|closed| &closed.entries).collect();
    let mut frontier = Some(0);
    let mut since: Vec<(u8, ElementKey)> = Vec::new();
    let mut delta_times = BTreeSet::new();
    let mut progress = BTreeMap::new();
    for (seq, entry) in entries.iter().enumerate() {
        assert_eq!((entry.epoch, entry.seq), (1, seq as u64), "numbered without gaps");
        let lower = frontier.expect("nothing follows the record that closes the epoch");
        match &entry.record {
            Record::Delta(delta) => {
                assert!(delta.t >= lower, "{delta:?} lies below the frontier {lower}");
                assert!(delta_times.is_empty() || delta_times.contains(&delta.t), "two times without progress between");
                assert!(since.last().is_none_or(|last| *last < delta.order()), "out of order, or twice: {delta:?}");
                delta_times.insert(delta.t);
                since.push(delta.order());
            }
            Record::Progress(told) => {
                assert_eq!((told.lower, told.count), (lower, since.len() as u32));
                let keys: BTreeSet<_> = since.iter().map(|(_, key)| *key).collect();
                assert_eq!(keys.len(), since.len(), "a key twice at one time");
                check_progress(told, delta_times.pop_first(), history);
                progress.insert(told.frontier.unwrap_or(Micros::MAX), told.settled_us);
                since.clear();
                frontier = told.frontier;
            }
        }
    }
    assert_eq!(frontier, None, "the end closes the epoch");
    assert!(progress.values().is_sorted(), "what is settled stays settled");
    let seconds: BTreeSet<Micros> = history.iter().map(|frame| frame.t() / SECOND_US).filter(|s| *s > 0).collect();
    let told: BTreeSet<Micros> = progress.keys().map(|frontier| frontier / SECOND_US).collect();
    assert!(seconds.is_subset(&told), "no second with a frame passes in silence");
}

fn check_progress(told: &Progress, closes: Option<Micros>, history: &History) {
    let Progress { frontier, settled_us: settled, .. } = *told;
    let end_us = history.last().map(|frame| frame.t());
    match (closes, frontier) {
        (Some(t), frontier) => {
            assert_eq!(frontier, Some(t + 1), "a time with deltas is closed at once");
            assert_eq!(settled, settled_us(t, HORIZON_US));
        }
        (None, Some(second)) => {
            assert!(second > told.lower && second % SECOND_US == 0, "a heartbeat lies at a full second");
            let next = history.iter().map(|frame| frame.t()).find(|t| *t >= told.lower.max(second));
            let is_greatest = next.is_some_and(|t| t < second + SECOND_US);
            assert!(is_greatest, "{second} is not the greatest second before the next frame");
            assert_eq!(settled, settled_us(second, HORIZON_US));
        }
        (None, None) => assert_eq!(Some(settled), end_us.map(|t| settled_us(t, HORIZON_US))),
    }
}

#[test]
fn every_log_keeps_the_rules() {
    for seed in 0..20 {
        let histories: Vec<History> =
            (0..3).map(|i| history(seed * 3 + i, Plan { frames: 150, horizon_us: HORIZON_US })).collect();
        let logs = logs(&histories, &rules(), Way { workers: 1, schedule: seed, horizon_us: HORIZON_US });
        histories.iter().zip(&logs).for_each(|(history, log)| check(history, log));
    }
}

#[test]
fn a_stream_without_anything_still_tells_its_progress() {
    let frame =
        |t, end| Frame { spans: vec![], changes: vec![], tracked: TrackedFrame { t, end, ..Default::default() } };
    let silent = vec![frame(0, false), frame(999_999, false), frame(3_400_000, false), frame(3_400_001, true)];
    let logs = logs(&[silent], &rules(), Way { workers: 1, schedule: 0, horizon_us: HORIZON_US });
    let progress = |entry: &LogEntry| match entry.record {
        Record::Progress(told) => (told.lower, told.frontier, told.settled_us, told.count),
        Record::Delta(_) => panic!("a delta out of nothing"),
    };
    let told: Vec<_> = logs[0].iter().flat_map(|closed| &closed.entries).map(progress).collect();
    assert_eq!(told, [(0, Some(3_000_000), 1_000_000, 0), (3_000_000, None, 1_000_000, 0)]);
}
