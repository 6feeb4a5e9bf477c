//! What users type: exit codes, what goes to which output, and how errors read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::{clip, sized_clip};
use vokg_connectors::store::{Store, Writer};
use vokg_engine::geometry::Size;

fn vokg(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vokg")).args(args).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The members that scripts rely on.
fn streams(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for member in ["streams", "seconds", "cpu_seconds", "fps", "x_realtime", "peak_rss_bytes"] {
        assert!(!report[member].is_null(), "{member} is absent: {report}");
    }
    report["streams"].as_array().unwrap().clone()
}

#[test]
fn a_clip_goes_in_and_a_graph_comes_out_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "near", None);
    let data = dir.path().join("data");
    let data = text(&data);

    let first = vokg(&["run", text(&path), "--data", data, "--json"]);
    let [stream] = &streams(&first)[..] else { panic!("one stream: {first:?}") };
    assert_eq!((stream["status"].as_str(), stream["stream"].as_str()), (Some("complete"), Some("near")));
    assert!(stream["interactions"]["NEAR"].as_u64() >= Some(1), "{stream}");

    let again = streams(&vokg(&["run", text(&path), "--data", data, "--json"]));
    assert_eq!(again[0]["digest"], stream["digest"], "the same content and settings again: nothing to do");

    for format in ["json", "jsonl", "graphml", "gexf", "csv", "cypher", "mot", "coco", "allen"] {
        let out = stdout(&vokg(&["export", "--data", data, "--format", format]));
        assert!(out.len() > 100, "{format}: {out}");
    }
    let graph: Value = serde_json::from_str(&stdout(&vokg(&["export", "--data", data, "--format", "json"]))).unwrap();
    let edges = graph["edges"].as_array().unwrap();
    let near = edges.iter().find(|edge| edge["kind"] == "NEAR").unwrap();
    let from = near["properties"]["valid_from_us"].as_u64().unwrap();
    let at = |t: u64| {
        let at = format!("{t}us");
        let graph = stdout(&vokg(&["export", "--data", data, "--format", "json", "--at", &at]));
        let graph: Value = serde_json::from_str(&graph).unwrap();
        graph["edges"].as_array().unwrap().iter().any(|edge| edge["id"] == near["id"])
    };
    assert!(at(from) && !at(from - 1), "NEAR begins at {from}");

    let log = dir.path().join("log.jsonl");
    stdout(&vokg(&["export", "--data", data, "--format", "jsonl", "--out", text(&log)]));
    assert!(stdout(&vokg(&["verify", data, text(&log)])).lines().count() == 2);
    fold_in_python(&log, &graph);
}

/// The consumer of the examples arrives at the graph that is exported.
fn fold_in_python(log: &Path, graph: &Value) {
    let fold = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fold.py");
    let Ok(output) = Command::new("python3").arg(fold).arg(log).output() else {
        eprintln!("SKIPPED: python3 is not there to run examples/fold.py");
        return;
    };
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), *graph);
}

#[test]
fn objects_that_look_alike_are_found_in_all_streams() {
    let dir = tempfile::tempdir().unwrap();
    let (near, _) = clip(dir.path(), "near", None);
    let again = dir.path().join("again.mp4");
    std::fs::copy(&near, &again).unwrap();
    let (crossing, _) = clip(dir.path(), "crossing", None);
    let data = dir.path().join("data");
    let data = text(&data);
    stdout(&vokg(&["run", text(&near), text(&again), text(&crossing), "--data", data]));
    let similar = |args: &[&str]| -> Value {
        let output = vokg(&[&["similar", "near/o/1", "--data", data, "--json"], args].concat());
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    let all = similar(&[]);
    let found = all["similar"].as_array().unwrap();
    assert_eq!((found[0]["object"].as_str(), found[0]["similarity"].as_f64()), (Some("again/o/1"), Some(1.0)), "{all}");
    assert!(found.iter().all(|found| found["object"] != "near/o/1"), "{all}");
    let similarities: Vec<_> = found.iter().map(|found| found["similarity"].as_f64().unwrap()).collect();
    assert!(similarities.is_sorted_by(|a, b| a >= b) && similarities.iter().all(|s| (0.0..=1.0).contains(s)), "{all}");
    assert_eq!(similar(&[]), all, "the same again");
    assert_eq!(similar(&["--limit", "1"])["similar"].as_array().unwrap()[..], found[..1]);
    let there = similar(&["--stream", "crossing"]);
    assert!(
        there["similar"].as_array().unwrap().iter().all(|f| f["object"].as_str().unwrap().starts_with("crossing/"))
    );

    let lines = stdout(&vokg(&["similar", "near/o/1", "--data", data, "--limit", "1"]));
    assert!(lines.starts_with("1.000  again/o/1 ") && lines.lines().count() == 1, "{lines}");
    for (object, words) in [("near/o/77", "it has: 1"), ("far/o/1", "there are: "), ("near", "yard/o/3")] {
        let output = vokg(&["similar", object, "--data", data]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains(words), "{object}: {}", stderr(&output));
    }
}

#[test]
fn a_bad_input_fails_alone_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs");
    std::fs::create_dir(&inputs).unwrap();
    clip(&inputs, "near", Some(2.0));
    std::fs::write(inputs.join("empty.mp4"), b"").unwrap();
    std::fs::write(inputs.join("list.mp4"), b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n").unwrap();
    let data = dir.path().join("data");

    let output = vokg(&["run", text(&inputs), "--data", text(&data), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let streams = streams(&output);
    let of = |name: &str| streams.iter().find(|stream| stream["stream"] == name).unwrap();
    assert_eq!(of("near")["status"], "complete");
    assert!(of("empty")["error"].as_str().is_some_and(|error| error.contains("empty")), "{}", of("empty"));
    assert_eq!(of("list")["status"], "failed");
}

#[test]
fn wrong_usage_is_2_and_names_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("vokg.toml");
    std::fs::write(&config, "[track]\nlost_sec = 1.0\n").unwrap();
    let truth = dir.path().join("truth.json");
    let absent = dir.path().join("absent");
    for (args, code, words) in [
        (vec!["check", text(&config)], 2, "did you mean `lost_secs`?"),
        (vec!["run", "x.mp4", "--set", "run.segmenter=sam3"], 2, "motion"),
        (vec!["run", "x.mp4", "--sample", "0fps"], 2, "5fps"),
        (vec!["run", "rtsp://cam/1"], 2, "rtsp://"),
        (vec!["run", "a/x.mp4", "b/x.mp4"], 2, "--name"),
        (vec!["synth", "--scene", "naer", "--truth", text(&truth)], 2, "near"),
        (vec!["export", "--format", "json", "--data", text(&absent)], 1, "vokg run"),
        (vec!["similar", "near", "--data", text(&absent)], 1, "vokg run"),
        (vec!["similar", "near/o/1", "--limit", "0"], 2, "--limit"),
        (vec!["doctor", "--set", "track.lost_secs=9"], 2, "reads no configuration"),
        (vec!["run"], 2, "<INPUT>"),
    ] {
        let output = vokg(&args);
        assert!(stderr(&output).contains(words), "{args:?}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_slip_of_the_keys_is_reported_and_leaves_no_store() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let output = vokg(&["run", "no/such/clip.mp4", "--data", text(&data), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(streams(&output)[0]["error"].as_str().unwrap().starts_with("no such file"), "{output:?}");
    assert!(!data.exists());
}

#[test]
fn two_different_logs_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (near, _) = clip(dir.path(), "near", Some(4.0));
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    assert!(vokg(&["run", text(&near), "--data", text(&a)]).status.success());
    assert!(vokg(&["run", text(&near), "--data", text(&b), "--max-frames", "20"]).status.success());
    let same = vokg(&["verify", text(&a), text(&a)]);
    let other = vokg(&["verify", text(&a), text(&b)]);
    assert_eq!((same.status.code(), other.status.code()), (Some(0), Some(1)));
    assert!(String::from_utf8_lossy(&other.stdout).contains("near: "));
}

/// Starts a run and waits until something of it is in the store.
fn spawn_until_committed(args: &[&str], data: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
    let child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let some_log = || {
        let store = Store::open(data, Default::default()).ok()?;
        store.streams().ok()?.first().filter(|stream| stream.head.entries > 0).map(|_| ())
    };
    while some_log().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was committed");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn signal(child: &Child, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), signal).unwrap();
}

#[test]
fn a_second_ctrl_c_stops_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = sized_clip(dir.path(), "near", Some(60.0), Size { width: 640, height: 360 }, 25.0);
    let data = dir.path().join("data");
    let child = spawn_until_committed(&["run", text(&path), "--data", text(&data), "--json"], &data);
    // Two that arrive together, which one signal sent twice may not do.
    for sent in [Signal::SIGSTOP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGCONT] {
        signal(&child, sent);
    }
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(output.stdout.is_empty(), "no report of what was not finished: {output:?}");
    assert!(Store::open(&data, Default::default()).unwrap().streams().unwrap()[0].head.entries > 0);
}

/// As a service manager does that tells all processes of a service.
#[test]
fn a_signal_to_both_processes_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = sized_clip(dir.path(), "near", Some(60.0), Size { width: 640, height: 360 }, 25.0);
    let data = dir.path().join("data");
    let child = spawn_until_committed(&["run", text(&path), "--data", text(&data), "--json"], &data);
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let at_work: i32 = children.trim().parse().expect("one process does the work");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(at_work), Signal::SIGTERM).unwrap();
    signal(&child, Signal::SIGTERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let told = streams(&output)[0]["error"].to_string();
    assert!(told.starts_with("\"interrupted"), "what was under way is finished and reported: {told}");
}

#[test]
fn ctrl_c_drains_and_the_next_run_starts_the_stream_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = sized_clip(dir.path(), "near", Some(60.0), Size { width: 640, height: 360 }, 25.0);
    let data = dir.path().join("data");
    let args = ["run", text(&path), "--data", text(&data), "--json"];
    let child = spawn_until_committed(&args, &data);
    signal(&child, Signal::SIGINT);
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(output.status.code(), Some(130), "{output:?}");

    let whole = streams(&vokg(&args));
    assert_eq!(whole[0]["status"], "complete", "{whole:?}");
    assert_eq!(whole[0]["frames"], 1500);
    let undisturbed = dir.path().join("undisturbed");
    let undisturbed = streams(&vokg(&["run", text(&path), "--data", text(&undisturbed), "--json"]));
    assert_eq!(whole[0]["digest"], undisturbed[0]["digest"]);
}

#[test]
fn a_correction_by_hand_is_followed_by_the_graph_and_can_be_undone() {
    let dir = tempfile::tempdir().unwrap();
    let (meets, _) = clip(dir.path(), "meets", None);
    let data = dir.path().join("data");
    let data = text(&data);
    stdout(&vokg(&["run", text(&meets), "--data", data]));
    let graph =
        || -> Value { serde_json::from_str(&stdout(&vokg(&["export", "--data", data, "--format", "json"]))).unwrap() };
    let of = |graph: &Value, label: &str| -> Vec<Value> {
        graph["vertices"].as_array().unwrap().iter().filter(|v| v["label"] == label).cloned().collect()
    };
    let before = graph();
    let several = |object: &&Value| object["properties"]["tracks"].as_array().unwrap().len() > 1;
    let objects = of(&before, "Object");
    let object = objects.iter().find(several).expect("an object of several tracks");
    let last = object["properties"]["tracks"].as_array().unwrap().last().unwrap().to_string();

    stdout(&vokg(&["split", object["id"].as_str().unwrap(), &last, "--data", data]));
    let apart = graph();
    assert_eq!(of(&apart, "Object").len(), objects.len() + 1);
    assert_eq!(of(&apart, "Correction").len(), of(&before, "Correction").len() + 1);
    assert_ne!(apart["edges"], before["edges"]);

    let again = stdout(&vokg(&["run", text(&meets), "--data", data]));
    assert!(again.contains("nothing to do"), "{again}");

    stdout(&vokg(&["undo", "meets", "--data", data, "--json"]));
    let undone = graph();
    assert_eq!((of(&undone, "Object"), &undone["edges"]), (objects, &before["edges"]));
    let nothing = vokg(&["undo", "meets", "--data", data]);
    assert_eq!(nothing.status.code(), Some(2), "{}", stderr(&nothing));
}

#[test]
fn zones_of_the_configuration_are_vertices_that_interactions_lead_to() {
    let dir = tempfile::tempdir().unwrap();
    let (count, _) = clip(dir.path(), "count", None);
    let (data, config) = (dir.path().join("data"), dir.path().join("zones.toml"));
    let zones = "[[relate.zones]]\nid = 3\nname = \"yard\"\ncrowd = 2\nloiter_secs = 3\n\
                 polygon = [[0.37, 0.46], [0.66, 0.46], [0.7, 0.89], [0.32, 0.89]]\n";
    std::fs::write(&config, zones).unwrap();
    let with = ["--config", text(&config), "--data", text(&data)];
    stdout(&vokg(&[&["run", text(&count)], &with[..]].concat()));
    let graph: Value =
        serde_json::from_str(&stdout(&vokg(&["export", "--data", text(&data), "--format", "json"]))).unwrap();
    let zone = graph["vertices"].as_array().unwrap().iter().find(|v| v["label"] == "Zone").expect("a zone");
    assert_eq!((zone["id"].as_str(), zone["properties"]["name"].as_str()), (Some("count/z/3"), Some("yard")));
    for kind in ["IN", "LOITERS", "COUNT"] {
        let edges = graph["edges"].as_array().unwrap();
        assert!(edges.iter().any(|e| e["kind"] == kind && e["to"] == "count/z/3"), "no {kind}");
    }
    let twice = format!("{zones}{zones}");
    std::fs::write(&config, twice).unwrap();
    let refused = vokg(&["check", text(&config)]);
    assert!(
        refused.status.code() == Some(2) && stderr(&refused).contains("relate.zones[2].id is 3"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn zones_are_not_related_in_frames_of_unknown_size() {
    let dir = tempfile::tempdir().unwrap();
    let (rows, config) = (dir.path().join("rows.txt"), dir.path().join("zones.toml"));
    let walk: String = (1..=40).map(|frame| format!("{frame},1,{},40,10,20\n", 4 * frame)).collect();
    std::fs::write(&rows, walk).unwrap();
    let relate = |zones: &str, size: &[&str]| {
        std::fs::write(&config, zones).unwrap();
        let given = ["--config", text(&config), "relate", "--tracks", text(&rows), "--fps", "10"];
        vokg(&[&given, size].concat())
    };
    let area = "[[relate.zones]]\nid = 3\npolygon = [[0.3, 0.2], [0.7, 0.2], [0.7, 0.9], [0.3, 0.9]]\n";
    let line = "[[relate.lines]]\nid = 7\nends = [[0.5, 0.0], [0.5, 1.0]]\n";
    for (zones, kind) in [(area, "\"IN\""), (line, "\"CROSSES\"")] {
        let refused = relate(zones, &[]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(stderr(&refused).contains("--size"), "{}", stderr(&refused));
        assert!(stdout(&relate(zones, &["--size", "200x100"])).contains(kind));
    }
    assert_eq!(stdout(&relate("", &[])), "");
}

#[test]
fn a_data_directory_in_use_is_refused_to_a_second_writer() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let writer = Writer::open(&data, Default::default()).unwrap();
    let (near, _) = clip(dir.path(), "near", Some(1.0));
    let output = vokg(&["run", text(&near), "--data", text(&data)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("in use"), "{}", stderr(&output));
    drop(writer);
}

/// The target is never there: no server listens on port 1.
#[test]
fn following_once_ends_for_a_target_that_is_away_and_a_pause_reaches_it() {
    let dir = tempfile::tempdir().unwrap();
    let (near, _) = clip(dir.path(), "near", Some(2.0));
    let (data, config) = (dir.path().join("data"), dir.path().join("vokg.toml"));
    let settings = "[sinks]\ndrain_secs = 0.0\n[sinks.neo4j.graph]\nuri = \"bolt://127.0.0.1:1\"\n";
    std::fs::write(&config, settings).unwrap();
    let with = ["--config", text(&config), "--data", text(&data)];
    stdout(&vokg(&["run", text(&near), "--data", text(&data)]));
    let follow = || vokg(&[&["follow", "--once", "--json"], &with[..]].concat());
    let sinks = |words: &[&str]| vokg(&[&["sinks"], words, &with[..]].concat());

    let begun = Instant::now();
    let away = follow();
    assert!((5..60).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(away.status.code(), Some(1), "{away:?}");
    for words in ["the sink graph has stood still for 5 s", "run vokg follow again"] {
        assert!(stderr(&away).contains(words), "{}", stderr(&away));
    }

    assert_eq!(stdout(&sinks(&["pause", "graph"])), "graph is paused: it stops after the portion at hand\n");
    assert_eq!(stdout(&sinks(&["pause", "graph"])), "graph was paused already\n");
    let listed = |output: Output| serde_json::from_str::<Value>(&stdout(&output)).unwrap();
    let list = serde_json::json!([{"sink": "graph", "kind": "neo4j", "paused": true, "dead_letters": 0}]);
    assert_eq!(listed(sinks(&["list", "--json"])), list);
    std::fs::write(&config, settings.replace("0.0", "600.0")).unwrap();
    let begun = Instant::now();
    let paused = follow();
    assert!(begun.elapsed() < Duration::from_secs(300), "it is not waited for: {:?}", begun.elapsed());
    assert_eq!(paused.status.code(), Some(1), "{paused:?}");
    assert!(stderr(&paused).contains("vokg sinks resume graph"), "{}", stderr(&paused));
    let report: Value = serde_json::from_slice(&paused.stdout).unwrap();
    assert_eq!(report[0]["state"], "paused");

    let letters = data.join("dead-letters");
    std::fs::create_dir_all(&letters).unwrap();
    let letter = "{\"stream\":\"near\",\"number\":1,\"epoch\":1,\"seq\":4,\"reason\":\"too wide\",\"record\":{}}\n";
    std::fs::write(letters.join("graph.jsonl"), format!("{letter}{}", &letter[..20])).unwrap();
    assert!(stdout(&sinks(&["resume", "graph"])).starts_with("graph goes on where it stands"));
    assert_eq!(stdout(&sinks(&["resume", "graph"])), "graph was not paused\n");
    assert!(stdout(&sinks(&["list"])).contains("not paused  dead letters: 1"));
    for verb in ["pause", "resume"] {
        let unknown = sinks(&[verb, "../log"]);
        assert!(unknown.status.code() == Some(2) && stderr(&unknown).contains("there is: graph"), "{unknown:?}");
    }
}
