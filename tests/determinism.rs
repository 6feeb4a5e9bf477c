//! The same frames give the same log, byte for byte: whatever the number of workers and of frames in flight, the timing
//! of the slow stages and the grouping of commits; alone or beside other streams; now or later.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use support::{clip, run};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::report::Status;

const SCENES: [&str; 5] = ["near", "contains", "occludes", "approaches", "street"];

/// The digest of each stream, and how often the queue of the committer was full.
fn digests(
    clips: &[PathBuf],
    workers: usize,
    frames_in_flight: usize,
    seed: Option<u64>,
) -> (BTreeMap<String, String>, u64) {
    let mut config = Config::default();
    config.run.workers = workers;
    config.run.frames_in_flight = frames_in_flight;
    config.run.streams_at_once = SCENES.len();
    let disturbance = Disturbance {
        offload_jitter: seed,
        commit_grouping: seed,
        commit_queue: seed.map(|_| 1),
        ..Disturbance::default()
    };
    let data = tempfile::tempdir().unwrap();
    let finished = run(clips, data.path(), &config, &disturbance);
    let refused = finished.commits.refused;
    let digest = |report: vokg::report::StreamReport| {
        assert_eq!(report.status, Status::Complete, "{:?}", report.error);
        assert!(report.objects > 0 && !report.interactions.is_empty(), "{} says nothing: {report:?}", report.stream);
        (report.stream.to_string(), report.digest)
    };
    (finished.reports.into_iter().map(digest).collect(), refused)
}

#[test]
fn timing_workers_credits_and_company_cannot_be_seen_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let clips: Vec<_> = SCENES.iter().map(|name| clip(dir.path(), name, Some(11.0)).0).collect();
    let (expected, _) = digests(&clips, 1, 8, None);
    assert_eq!(expected.len(), SCENES.len());
    let mut runs = vec![(1, 8, None), (1, 1, Some(1)), (2, 2, Some(2)), (4, 8, Some(3))];
    if std::env::var_os("VOKG_LONG").is_some() {
        let all = (0..27).map(|n| ([1, 2, 4][n % 3], [1, 2, 8][n / 3 % 3], Some(10 + n as u64)));
        runs.extend(all);
    }
    for (workers, frames_in_flight, seed) in runs {
        let (got, refused) = digests(&clips, workers, frames_in_flight, seed);
        assert!(seed.is_none() || refused > 0, "the committer was held until the queue was full");
        assert_eq!(got, expected, "{workers} workers, K = {frames_in_flight}, seed {seed:?}");
    }
    for clip in &clips {
        let (alone, refused) = digests(std::slice::from_ref(clip), 2, 2, Some(4));
        assert!(refused > 0, "the committer was held until the queue was full");
        assert!(alone.iter().all(|(stream, digest)| expected[stream] == *digest), "{alone:?} differs when alone");
    }
}
