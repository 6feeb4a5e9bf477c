//! A stage that fails ends its stream at once, with what was committed before kept, and other streams go on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use support::{clip, run, sized_clip};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::report::Status;
use vokg_engine::geometry::Size;

#[test]
fn a_frame_that_takes_too_long_fails_its_stream_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let near = clip(dir.path(), "near", Some(8.0)).0;
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    // Each job first sleeps for up to 3 ms, so none of some hundred jobs is sure to keep this deadline.
    config.run.segment_deadline_secs = 0.0005;
    let disturbance = Disturbance { offload_jitter: Some(1), ..Disturbance::default() };
    let begun = Instant::now();
    let finished = run(std::slice::from_ref(&near), data.path(), &config, &disturbance);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let report = &finished.reports[0];
    assert_eq!(report.status, Status::Failed);
    assert!(report.error.as_ref().is_some_and(|error| error.contains("no answer within")), "{report:?}");

    let again = run(&[near], data.path(), &Config::default(), &Disturbance::default());
    assert_eq!(again.reports[0].status, Status::Complete, "a failed stream starts again");
}

#[test]
fn a_picture_too_small_to_segment_fails_in_time_beside_a_good_clip() {
    let dir = tempfile::tempdir().unwrap();
    let near = clip(dir.path(), "near", Some(4.0)).0;
    let large = sized_clip(dir.path(), "rest", Some(2.0), Size { width: 64, height: 64 }, 25.0).0;
    let tiny = dir.path().join("tiny.mp4");
    shrink(&large, &tiny);
    let data = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let finished = run(&[tiny, near], data.path(), &Config::default(), &Disturbance::default());
    assert!(begun.elapsed() < Duration::from_secs(15));
    let status: Vec<_> = finished.reports.iter().map(|report| report.status).collect();
    assert_eq!(status, [Status::Failed, Status::Complete]);
    assert!(finished.reports[0].error.as_ref().is_some_and(|error| error.contains("too small")));
}

/// Encodes a clip again at 16 by 16 pixels.
fn shrink(from: &Path, to: &Path) {
    let (from, to) = (from.display(), to.display());
    let pipeline = format!(
        "filesrc location={from} ! qtdemux ! h264parse ! avdec_h264 ! videoscale ! video/x-raw,width=16,height=16 ! \
         x264enc ! h264parse ! mp4mux ! filesink location={to}"
    );
    let done = std::process::Command::new("gst-launch-1.0").arg("-q").args(pipeline.split_whitespace()).status();
    assert!(done.unwrap().success());
}
