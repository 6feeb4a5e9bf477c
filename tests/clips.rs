//! Real clips, where they are at hand: what vokg must find in them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{run, store};
use vokg::config::Config;
use vokg::eval::relations::temporal_iou;
use vokg::jobs::Disturbance;
use vokg::report::Status;
use vokg::sightings::sightings;
use vokg_connectors::store::KnownAt;
use vokg_engine::delta::{ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::RelationKind;
use vokg_engine::geometry::Rect;
use vokg_engine::graph::Graph;
use vokg_engine::time::{Micros, SECOND_US};

/// The clips beside the repository, or where `VOKG_SHARED` says.
fn shared_clip(name: &str) -> Option<PathBuf> {
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
    graphs_of(path, frames, &[None]).remove(0)
}

/// The whole graph as known at each of these times, or at the end.
fn graphs_of(path: PathBuf, frames: u64, known_at: &[Option<Micros>]) -> Vec<Graph> {
    let data = tempfile::tempdir().unwrap();
    let finished = run(&[path], data.path(), &Config::default(), &Disturbance::default());
    let report = &finished.reports[0];
    assert_eq!((report.status, report.frames), (Status::Complete, frames), "{:?}", report.error);
    let store = store(data.path());
    let stream = store.find_stream(report.stream.as_str()).unwrap().unwrap();
    known_at.iter().map(|t| store.graph(stream.id, None, t.map(KnownAt::Time)).unwrap()).collect()
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

fn objects(graph: &Graph) -> Vec<&ObjectVertex> {
    let objects = graph.vertices.values().filter_map(|vertex| match vertex {
        Vertex::Object(object) => Some(object),
        _ => None,
    });
    objects.collect()
}

#[test]
fn four_cars_on_a_road_and_two_that_pass() {
    let Some(path) = shared_clip("car-detection.mp4") else { return };
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
    let Some(path) = shared_clip("01_dog.mp4") else { return };
    let [then, end] = &graphs_of(path, 289, &[Some(us(4.2)), None])[..] else { unreachable!("two were asked for") };
    // The dog that runs away and comes back is two at first: its look is known only after a while.
    assert_all_found(&lives(end, us(1.5)), &[(0.0, 9.6), (0.0, 9.6)]);
    assert_eq!(objects(then).len(), 3, "{then:?}");
    let dog = objects(end).into_iter().find(|object| object.tracks.len() == 2).expect("the dog has two tracks");
    let correction = end.vertices.iter().find_map(|(key, vertex)| match (key, vertex) {
        (VertexKey::Correction(t), Vertex::Correction(correction)) => Some((*t, correction)),
        _ => None,
    });
    let (decided, correction) = correction.expect("it was decided after the return");
    assert!((us(3.4)..us(6.0)).contains(&decided), "{decided}");
    let moved: Vec<_> = correction.moves.iter().map(|moved| (moved.track, moved.to)).collect();
    assert_eq!(moved, [(dog.tracks[1], dog.tracks[0].into())]);
}

#[test]
fn two_children_on_a_bed() {
    let Some(path) = shared_clip("bedroom.mp4") else { return };
    let data = tempfile::tempdir().unwrap();
    let finished = run(&[path], data.path(), &Config::default(), &Disturbance::default());
    assert_eq!((finished.reports[0].status, finished.reports[0].frames), (Status::Complete, 200));
    let store = store(data.path());
    let stream = store.find_stream("bedroom").unwrap().unwrap();
    let graph = store.graph(stream.id, None, None).unwrap();
    assert_all_found(&lives(&graph, us(1.5)), &[(0.0, 6.6), (0.0, 6.6)]);

    // The boy, by eye, before he goes behind the girl and after he has come out from behind her.
    let boy = [
        (0.3, Rect::new(190.0, 175.0, 110.0, 240.0)),
        (0.7, Rect::new(180.0, 114.0, 105.0, 286.0)),
        (5.3, Rect::new(15.0, 5.0, 160.0, 490.0)),
        (6.3, Rect::new(25.0, 105.0, 200.0, 430.0)),
    ];
    let sightings = sightings(&store, &stream, &graph).unwrap();
    let found = boy.map(|(secs, place)| {
        let now = sightings.iter().filter(|seen| seen.t.abs_diff(us(secs)) < us(0.02));
        let best = now.max_by(|a, b| a.rect.iou(&place).total_cmp(&b.rect.iou(&place))).unwrap();
        assert!(best.rect.iou(&place) >= 0.5, "{secs}: {:?}", best.rect);
        best.object
    });
    assert!(found.iter().all(|object| *object == found[0]), "{found:?}");
}

/// There are these lives, in seconds, and no other.
fn assert_all_found(lives: &[(VertexKey, (Micros, Micros))], truth: &[(f64, f64)]) {
    assert_eq!(lives.len(), truth.len(), "{lives:?}");
    for (from, to) in truth {
        let overlap = lives.iter().map(|(_, life)| temporal_iou(*life, (us(*from), us(*to)))).fold(0.0, f64::max);
        assert!(overlap >= 0.8, "{from}-{to}: {lives:?}");
    }
}

#[test]
fn every_bad_clip_ends_in_time_and_memory_and_harms_no_other() {
    let Some(good) = shared_clip("../badclips/good.mp4") else { return };
    let dir = tempfile::tempdir().unwrap();
    let companion = support::clip(dir.path(), "near", Some(2.0)).0;
    let mut paths: Vec<_> = std::fs::read_dir(good.parent().unwrap()).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let (report, took) = run_in_a_process(&[&path, &companion], &dir.path().join("data"));
        assert!(took < Duration::from_secs(15), "{}: {took:?}", path.display());
        let bytes = report["peak_rss_bytes"].as_u64().unwrap();
        assert!(bytes < 500_000_000, "{}: {bytes} bytes", path.display());
        let [bad, near] = &report["streams"].as_array().unwrap()[..] else { panic!("{report}") };
        assert_eq!(near["status"], "complete", "beside {}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = match name {
            "bad_avcc.mp4" | "concat.mp4" | "hls_as.mp4" | "hls_ssrf.m3u8" | "mpeg4.avi" | "random.mp4"
            | "text.mp4" | "trunc_no_moov.mp4" | "zero.mp4" => "failed",
            "corrupt.mkv" | "corrupt.ts" => "complete_with_gaps",
            _ => "complete",
        };
        assert_eq!(bad["status"], expected, "{name}: {bad}");
        assert_eq!(expected == "failed", bad["error"].is_string(), "{bad}");
    }
}

/// What `vokg run --json` says in a process of its own, and how long it took. A process that hangs is killed.
fn run_in_a_process(inputs: &[&PathBuf], data: &Path) -> (serde_json::Value, Duration) {
    let _ = std::fs::remove_dir_all(data);
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
    command.arg("run").args(inputs).arg("--data").arg(data).args(["--json", "-q"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{inputs:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = begun.elapsed();
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{inputs:?}: {output:?}");
    (serde_json::from_slice(&output.stdout).unwrap(), took)
}
