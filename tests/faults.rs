//! A stage that fails ends its stream at once, with what was committed before kept, and other streams go on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{clip, run, sized_clip};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::registry;
use vokg::report::Status;
use vokg_engine::geometry::Size;
use vokg_engine::segment::Hints;
use vokg_engine::time::Micros;
use vokg_models::{Backend, Encoded, Encoder, SegmentError, Segmented, Segmenter};

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

#[test]
fn a_stage_that_hangs_is_reported_and_given_up_and_the_next_input_runs() {
    let dir = tempfile::tempdir().unwrap();
    let [near, rest] = ["near", "rest"].map(|name| clip(dir.path(), name, Some(8.0)).0);
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.run.streams_at_once = 1;
    config.run.stall_warning_secs = 0.5;
    config.run.stall_limit_secs = 3.0;
    let hung = AtomicBool::new(false);
    let hang_once = move || {
        if !hung.swap(true, Ordering::Relaxed) {
            std::thread::sleep(Duration::from_secs(60));
        }
    };
    let begun = Instant::now();
    let finished = run(&[near, rest], data.path(), &config, &interfering(hang_once));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let [hanging, next] = &finished.reports[..] else { panic!("{:?}", finished.reports) };
    assert_eq!((hanging.status, next.status), (Status::Failed, Status::Complete), "{hanging:?}");
    assert!(hanging.error.as_ref().is_some_and(|error| error.contains("nothing has moved for")), "{hanging:?}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let near = clip(dir.path(), "near", Some(12.0)).0;
    let growing = near.clone();
    let grow = move || {
        let mut file = std::fs::OpenOptions::new().append(true).open(&growing).unwrap();
        file.write_all(b"more").unwrap();
    };
    let data = tempfile::tempdir().unwrap();
    let report = &run(&[near], data.path(), &Config::default(), &interfering(grow)).reports[0];
    assert_eq!(report.status, Status::Failed);
    assert!(report.error.as_ref().is_some_and(|error| error.contains("changed while it was read")), "{report:?}");
    let store = support::store(data.path());
    let stream = store.streams().unwrap()[0].id;
    assert_eq!(store.checkpoint_us(stream).unwrap(), None, "nobody goes on from what was read since");
}

/// A run whose segmenter does something of its own at the first frame of each stream.
fn interfering(act: impl Fn() + Send + Sync + 'static) -> Disturbance {
    let inner = registry::segmenter(&Config::default()).unwrap();
    let backend = Interfering { inner, act: Arc::new(act) };
    Disturbance { segmenter: Some(Arc::new(backend)), ..Disturbance::default() }
}

#[derive(Clone)]
struct Interfering {
    inner: Arc<dyn Backend>,
    act: Arc<dyn Fn() + Send + Sync>,
}

struct InterferingSegmenter {
    backend: Interfering,
    inner: Box<dyn Segmenter>,
    begun: bool,
}

impl Backend for Interfering {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn lead_us(&self) -> Micros {
        self.inner.lead_us()
    }

    fn open(&self) -> (Box<dyn Encoder>, Box<dyn Segmenter>) {
        let (encoder, inner) = self.inner.open();
        (encoder, Box::new(InterferingSegmenter { backend: self.clone(), inner, begun: false }))
    }
}

impl Segmenter for InterferingSegmenter {
    fn prepare(&mut self, lead: &[Encoded]) {
        self.inner.prepare(lead);
    }

    fn segment(&mut self, encoded: &Encoded, hints: &Hints) -> Result<Segmented, SegmentError> {
        if !std::mem::replace(&mut self.begun, true) {
            (self.backend.act)();
        }
        self.inner.segment(encoded, hints)
    }
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
