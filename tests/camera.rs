//! A camera that shakes or pans shows the objects one at rest shows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use support::{run, sized_clip};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg_engine::geometry::Size;

#[test]
fn shake_and_pan_add_and_lose_no_objects() {
    let dir = tempfile::tempdir().unwrap();
    let size = Size { width: 1280, height: 720 };
    let clips: Vec<_> =
        ["rest", "shake-1", "shake-3", "pan"].iter().map(|s| sized_clip(dir.path(), s, None, size, 12.5).0).collect();
    let data = tempfile::tempdir().unwrap();
    let finished = run(&clips, data.path(), &Config::default(), &Disturbance::default());
    let objects: Vec<_> = finished.reports.iter().map(|report| (report.stream.to_string(), report.objects)).collect();
    println!("{objects:?}");
    let rest = objects[0].1;
    assert!(rest >= 2, "{objects:?}");
    assert!(objects.iter().all(|(_, count)| *count == rest), "{objects:?}");
}
