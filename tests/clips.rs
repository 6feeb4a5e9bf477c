//! Real clips, where they are at hand: what vokg must find in them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::PathBuf;
use support::{run, store};
use vokg::config::Config;
use vokg::eval::relations::temporal_iou;
use vokg::jobs::Disturbance;
use vokg::report::Status;
use vokg_engine::delta::{Vertex, VertexKey};
use vokg_engine::evidence::RelationKind;
use vokg_engine::graph::Graph;
use vokg_engine::time::{Micros, SECOND_US};

/// The clips beside the repository, or where `VOKG_SHARED` says.
fn clip(name: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("VOKG_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("clips").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {name} is not there; set VOKG_SHARED to the folder that holds clips/");
        return None;
    }
    Some(path)
}

fn graph_of(path: PathBuf, frames: u64) -> Graph {
    let data = tempfile::tempdir().unwrap();
    let finished = run(&[path], data.path(), &Config::default(), &Disturbance::default());
    let report = &finished.reports[0];
    assert_eq!((report.status, report.frames), (Status::Complete, frames), "{:?}", report.error);
    let store = store(data.path());
    let stream = store.find_stream(report.stream.as_str()).unwrap().unwrap();
    store.graph(stream.id, None, None).unwrap()
}

fn us(secs: f64) -> Micros {
    (secs * SECOND_US as f64) as Micros
}

/// Objects that live at least so long, with their times.
fn lives(graph: &Graph, at_least: Micros) -> Vec<(VertexKey, (Micros, Micros))> {
    let lives = graph.vertices.iter().filter_map(|(key, vertex)| match vertex {
        Vertex::Object(object) => Some((*key, (object.first_seen_us, object.last_seen_us))),
        _ => None,
    });
    lives.filter(|(_, (from, to))| to - from >= at_least).collect()
}

#[test]
fn four_cars_on_a_road_and_two_that_pass() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let graph = graph_of(path, 377);
    let lives = lives(&graph, us(1.5));
    let find = |from: f64, to: f64| {
        let overlap = |life: &(Micros, Micros)| temporal_iou(*life, (us(from), us(to)));
        let best = lives.iter().max_by(|a, b| overlap(&a.1).total_cmp(&overlap(&b.1))).unwrap();
        assert!(overlap(&best.1) >= 0.7, "{from}-{to}: best is {:.2} of {best:?}", overlap(&best.1));
        best.0
    };
    let cars = [find(4.35, 8.3), find(14.55, 18.2), find(14.95, 19.08), find(25.2, 27.7)];
    assert_eq!(cars.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{cars:?}");
    assert!(lives.len() <= 6, "{} objects besides the four cars: {lives:?}", lives.len() - 4);

    let [_, b, c, _] = cars;
    let between = |kind| {
        graph
            .edges
            .values()
            .filter(move |edge| edge.kind == kind && [(edge.from, edge.to), (edge.to, edge.from)].contains(&(b, c)))
    };
    let near: Vec<_> =
        between(RelationKind::NEAR).map(|edge| (edge.valid_from_us, edge.valid_to_us.unwrap())).collect();
    let best = near.iter().map(|interval| temporal_iou(*interval, (us(15.7), us(17.7)))).fold(0.0, f64::max);
    assert!(best >= 0.7, "NEAR(B, C) overlaps 15.7-17.7 by {best:.2}: {near:?}");
    assert_eq!(between(RelationKind::CONTAINS).count() + between(RelationKind::OCCLUDES).count(), 0);
}

#[test]
fn a_woman_and_a_dog() {
    let Some(path) = clip("01_dog.mp4") else { return };
    let graph = graph_of(path, 289);
    assert!(!lives(&graph, us(1.5)).is_empty());
}

#[test]
fn two_children_on_a_bed() {
    let Some(path) = clip("bedroom.mp4") else { return };
    let graph = graph_of(path, 200);
    assert!(!lives(&graph, us(1.5)).is_empty());
}

#[test]
fn every_bad_clip_ends_in_time_through_the_whole_path() {
    let Some(good) = clip("../badclips/good.mp4") else { return };
    let mut paths: Vec<_> = std::fs::read_dir(good.parent().unwrap()).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let data = tempfile::tempdir().unwrap();
        let begun = std::time::Instant::now();
        let finished = run(std::slice::from_ref(&path), data.path(), &Config::default(), &Disturbance::default());
        let report = &finished.reports[0];
        assert!(begun.elapsed().as_secs() < 15, "{}: {:?}", path.display(), begun.elapsed());
        assert_eq!(report.status == Status::Failed, report.error.is_some(), "{report:?}");
        let sound = ["good.mp4", "hevc.mp4", "vp8.webm", "one_frame.mp4"].iter().any(|name| path.ends_with(name));
        assert!(!sound || report.status == Status::Complete, "{report:?}");
    }
}
