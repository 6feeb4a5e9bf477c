//! Exports are what the programs that read them take them for. Python runs the checks in tests/python and examples.

use super::delta_json::samples;
use super::*;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use vokg_engine::delta::{Edge, ObjectVertex, Vertex, VertexKey};
use vokg_engine::evidence::{Detail, RelationKind};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::{InteractionId, ObjectId, TrackId};
use vokg_engine::mask::{CellBounds, Mask};

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The story's graph, and beside it awkward text, parallel edges, an edge to itself, open elements and an end before
/// its beginning.
fn awkward_graph() -> Graph {
    let mut graph = samples::fold(&samples::story());
    let class = Some("a \"b\" <c> & 'd' \\ ;,\n\u{1}é🚗".to_owned());
    for n in [7, 8] {
        let vertex = ObjectVertex {
            class: class.clone(),
            first_seen_us: 10,
            last_seen_us: 5,
            open: n == 7,
            confidence_milli: 1000,
            tracks: vec![],
        };
        graph.vertices.insert(VertexKey::Object(ObjectId(n)), Vertex::Object(vertex));
    }
    let ends = [(7, 8, None), (7, 8, Some(99)), (8, 7, Some(99)), (7, 7, None), (1, 2, None)];
    for (number, (from, to, valid_to_us)) in (1..).zip(ends) {
        let edge = Edge {
            id: InteractionId(number),
            kind: RelationKind::literal("TESTED_BY"),
            from: VertexKey::Object(ObjectId(from)),
            to: VertexKey::Object(ObjectId(to)),
            valid_from_us: 20,
            valid_to_us,
            confidence_milli: 1,
            detail: Detail::default(),
            supersedes: vec![InteractionId(9), InteractionId(u64::MAX)],
        };
        graph.edges.insert(edge.id, edge);
    }
    graph
}

fn sightings() -> Vec<Sighting> {
    let lattices = [Size { width: 64, height: 36 }, Size { width: 640, height: 360 }, Size { width: 7, height: 5 }];
    let mask = |step: u64| {
        let lattice = lattices[step as usize % 3];
        let bounds = CellBounds { left: 1, top: 1, width: lattice.width - 2, height: lattice.height - 1 };
        let modulus = 2 + step as u32;
        Mask::from_cells(lattice, bounds, |x, y| (x * x + 3 * y) % modulus == 0 || x > 4 * y)
    };
    let seen = |step: u64| Sighting {
        t: step / 2 * 40_000,
        frame: 1 + step / 2,
        track: TrackId(1 + step as u32 % 2),
        object: ObjectId(1 + step as u32 % 2),
        rect: Rect::new(step as f32, 0.5, 10.0, 20.0),
        score: 0.5,
        visible: None,
        mask: (step != 4).then(|| mask(step)),
    };
    (0..12).map(seen).collect()
}

#[test]
fn the_example_consumer_folds_the_log_into_the_exported_graph() {
    let (stream, story) = (samples::stream(), samples::story());
    let log = tempfile::NamedTempFile::new().unwrap();
    for end in 1..=story.len() {
        std::fs::write(log.path(), samples::lines(&story[..end])).unwrap();
        let run = Command::new("python3").arg(in_repository("examples/fold.py")).arg(log.path()).output();
        let output = match run {
            Ok(output) => output,
            Err(reason) => return eprintln!("SKIPPED: examples/fold.py needs python3: {reason}"),
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let folded: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let known_at = Some(LogPosition { epoch: story[end - 1].epoch, seq: story[end - 1].seq });
        let graph = samples::fold(&story[..end]);
        let mut exported = Vec::new();
        let view = GraphView { stream: &stream, at_us: None, known_at, graph: &graph };
        graph_json::write(&mut exported, &view).unwrap();
        let exported: serde_json::Value = serde_json::from_slice(&exported).unwrap();
        assert_eq!(folded, exported, "after {end} records");
    }
}

/// The end of an epoch, all of one, or the rest of a moment: whichever is lost, the example consumer stops.
#[test]
fn the_example_consumer_notices_what_is_missing() {
    use vokg_engine::record::{LogEntry, Progress, Record};
    let progress = |epoch, seq, lower, frontier| LogEntry {
        epoch,
        seq,
        record: Record::Progress(Progress { lower, frontier, settled_us: 0, count: 0 }),
    };
    let delta = |epoch, seq| LogEntry { epoch, seq, ..samples::story()[0].clone() };
    let cases = [
        (vec![progress(1, 0, 0, Some(6)), progress(2, 0, 6, Some(9))], true, "an epoch that was not closed"),
        (vec![progress(1, 0, 0, Some(6)), progress(1, 1, 6, None), progress(2, 0, 6, None)], true, "closed ones"),
        (vec![progress(1, 0, 0, Some(6)), progress(2, 0, 8, Some(9))], false, "the end of an epoch"),
        (vec![progress(1, 0, 0, None), progress(3, 0, 0, None)], false, "an epoch"),
        (vec![delta(1, 0), progress(2, 0, 0, None)], false, "half a moment"),
        (vec![progress(1, 0, 0, None), progress(1, 1, 0, None)], false, "what closed the epoch came too early"),
        (vec![progress(2, 0, 0, None)], false, "the first epoch"),
    ];
    let log = tempfile::NamedTempFile::new().unwrap();
    for (entries, is_whole, what) in cases {
        std::fs::write(log.path(), samples::lines(&entries)).unwrap();
        match Command::new("python3").arg(in_repository("examples/fold.py")).arg(log.path()).output() {
            Ok(output) => assert_eq!(output.status.success(), is_whole, "{what}: {output:?}"),
            Err(reason) => return eprintln!("SKIPPED: examples/fold.py needs python3: {reason}"),
        }
    }
}

#[test]
fn networkx_and_pycocotools_read_what_was_written() {
    let Some(python) = std::env::var_os("VOKG_PYTHON") else {
        return eprintln!("SKIPPED: VOKG_PYTHON names no python with networkx, pycocotools and numpy");
    };
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| File::create(directory.path().join(name)).unwrap();
    let (stream, graph) = (samples::stream(), awkward_graph());
    let view = GraphView { stream: &stream, at_us: None, known_at: None, graph: &graph };
    graph_json::write(&mut file("graph.json"), &view).unwrap();
    graphml::write(&mut file("graph.graphml"), &view).unwrap();
    gexf::write(&mut file("graph.gexf"), &view).unwrap();
    coco::write(&mut file("coco.json"), &stream, samples::SIZE, &graph, sightings()).unwrap();
    std::fs::create_dir(directory.path().join("pixels")).unwrap();
    for (id, sighting) in (1..).zip(sightings()) {
        if let Some(mask) = sighting.mask {
            file(&format!("pixels/{id}")).write_all(&mask.rasterise(samples::SIZE)).unwrap();
        }
    }
    let check = in_repository("tests/python/check_exports.py");
    let output = Command::new(python).arg(check).arg(directory.path()).output().unwrap();
    let (told, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{error}");
    assert!(told.contains("11 masks are the same"), "{told}");
}
