//! Of a stream of which few frames are looked at the graph still tells what is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use support::{clip, run, store};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::report::Status;
use vokg_engine::delta::Vertex;
use vokg_engine::time::{Micros, SECOND_US};

/// How long each object of a scene is there, and how many frames were looked at.
fn lives(scene: &str, sample: &str) -> (Vec<Micros>, u64) {
    let dir = tempfile::tempdir().unwrap();
    let clip = clip(dir.path(), scene, None).0;
    let mut config = Config::default();
    config.run.sample = sample.to_owned();
    let finished = run(&[clip], dir.path(), &config, &Disturbance::default());
    let report = &finished.reports[0];
    assert_eq!(report.status, Status::Complete, "{:?}", report.error);
    let store = store(dir.path());
    let stream = store.find_stream(report.stream.as_str()).unwrap().unwrap();
    let graph = store.graph(stream.id, None, None).unwrap();
    let lives = graph.vertices.values().filter_map(|vertex| match vertex {
        Vertex::Object(object) => Some(object.last_seen_us - object.first_seen_us),
        _ => None,
    });
    (lives.collect(), report.frames)
}

#[test]
fn a_frame_a_second_shows_who_is_there() {
    for scene in ["meets", "moves-with"] {
        let (lives, frames) = lives(scene, "1fps");
        println!("{scene}: {lives:?}, {frames} frames");
        assert!((10..=20).contains(&frames), "{scene}: {frames}");
        assert!(lives.iter().any(|life| *life >= 4 * SECOND_US), "{scene}: {lives:?}");
    }
}

#[test]
fn keyframes_show_who_is_there() {
    for scene in ["near", "meets", "stopped"] {
        let (lives, frames) = lives(scene, "keyframes");
        println!("{scene}: {lives:?}, {frames} frames");
        assert!((5..=12).contains(&frames), "{scene}: {frames}");
        assert!(lives.iter().any(|life| *life >= 4 * SECOND_US), "{scene}: {lives:?}");
    }
}
