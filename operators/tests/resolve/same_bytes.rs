//! The log is the same, byte for byte, however it comes about.

use crate::history::{History, Plan, history, rules};
use crate::run::{Way, digest, logs};
use vokg_engine::record::Digest;
use vokg_engine::time::{Micros, SECOND_US};

const HORIZON_US: Micros = 2 * SECOND_US;

fn digests(histories: &[History], workers: usize, schedule: u64) -> Vec<Digest> {
    let logs = logs(histories, &rules(), Way { workers, schedule, horizon_us: HORIZON_US });
    logs.iter().map(|log| digest(log)).collect()
}

#[test]
fn batching_stepping_and_workers_do_not_show() {
    for seed in 0..3 {
        let plan = Plan { frames: 150, horizon_us: HORIZON_US };
        let histories: Vec<History> = (0..5).map(|stream| history(seed * 5 + stream, plan)).collect();
        let expected = digests(&histories, 1, 0);
        for (workers, schedule) in [(1, 1), (1, 2), (2, 3), (2, 4), (4, 5), (4, 6)] {
            assert_eq!(digests(&histories, workers, schedule), expected, "{workers} workers, schedule {schedule}");
        }
        let alone: Vec<Digest> =
            histories.iter().flat_map(|history| digests(std::slice::from_ref(history), 1, 7)).collect();
        assert_eq!(alone, expected, "a stream alone, or beside others");
    }
}

#[test]
fn different_histories_have_different_logs() {
    let plan = Plan { frames: 50, horizon_us: HORIZON_US };
    let digests = digests(&[history(1, plan), history(2, plan)], 1, 0);
    assert_ne!(digests[0], digests[1]);
}
