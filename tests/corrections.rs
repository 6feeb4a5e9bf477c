//! Corrections by hand: they reach further back than automatic ones, to what was sealed long before, and are made again where
//! the input is processed with other settings.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use support::{clip, store};

const HORIZON_SECS: u64 = 12;
/// Whatever could still be linked after twelve seconds is not, so that the horizon may be as short.
const SETTINGS: [&str; 5] = [
    "relate.hidden_by.most_secs=3",
    "identify.reach_secs=1",
    "identify.reconsider_secs=2",
    "identify.returns.within_secs=1",
    "relate.zones=[{id=1,name=\"road\",crowd=2,loiter_secs=1,polygon=[[0,0.5],[1,0.5],[1,1],[0,1]]}]",
];
/// Merges that are tried.
const MERGES: usize = 5;

/// One stream, processed with some horizon.
struct Stream<'a> {
    data: &'a Path,
    settings: Vec<String>,
}

impl Stream<'_> {
    fn vokg(&self, words: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
        command.args(words).args(["--data", self.data.to_str().unwrap()]);
        if words[0] != "export" && words[0] != "undo" {
            self.settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn graph(&self) -> Value {
        self.vokg(&["export", "--format", "json"])
    }
}

fn list<'a>(graph: &'a Value, what: &str) -> impl Iterator<Item = &'a Value> {
    graph[what].as_array().unwrap().iter()
}

/// What each interaction claims. Confidence is left aside: of what was sealed in parts it was rounded in parts.
fn claims(graph: &Value) -> BTreeSet<String> {
    let claim = |edge: &Value| {
        let [from_us, to_us] = ["valid_from_us", "valid_to_us"].map(|name| edge["properties"][name].clone());
        format!("{} {} {} {} {from_us} {to_us}", edge["id"], edge["kind"], edge["from"], edge["to"])
    };
    list(graph, "edges").map(claim).collect()
}

/// Objects by when they were seen, of those that interact.
fn objects(graph: &Value) -> Vec<(u64, u64, String)> {
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let busy: BTreeSet<String> = list(graph, "edges").flat_map(|edge| [id(&edge["from"]), id(&edge["to"])]).collect();
    let of_object = |vertex: &Value| {
        let time = |name: &str| vertex["properties"][name].as_u64().unwrap();
        (time("first_seen_us"), time("last_seen_us"), id(&vertex["id"]))
    };
    let vertices = list(graph, "vertices").filter(|vertex| vertex["label"] == "Object").map(of_object);
    vertices.filter(|(.., id)| busy.contains(id)).collect()
}

#[test]
fn what_was_sealed_is_corrected_from_the_store_as_if_it_had_not_been() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "street", Some(52.0));
    let [sealed_dir, kept_dir] = ["sealed", "kept"].map(|name| dir.path().join(name));
    let with_horizon = |data, secs: u64| {
        let horizon = format!("resolve.correction_horizon_secs={secs}");
        let settings = SETTINGS.iter().map(|setting| (*setting).to_owned()).chain([horizon]).collect();
        Stream { data, settings }
    };
    let (sealed, kept) = (with_horizon(&sealed_dir, HORIZON_SECS), with_horizon(&kept_dir, 3600));
    for stream in [&sealed, &kept] {
        assert_eq!(stream.vokg(&["run", path.to_str().unwrap(), "--json"])["streams"][0]["status"], "complete");
    }
    let before = sealed.graph();
    assert_eq!(claims(&before), claims(&kept.graph()));
    let settled_us = store(&sealed_dir).streams().unwrap()[0].head.settled_us;
    assert!(settled_us > 30_000_000, "{settled_us}");

    let objects = objects(&before);
    let sealed_pairs = objects.iter().flat_map(|a| objects.iter().map(move |b| (a, b))).filter(|(a, b)| a.1 < b.0);
    let pairs: Vec<_> = sealed_pairs.filter(|(a, b)| a.1 < settled_us && b.0 < settled_us).collect();
    let every = pairs.len().div_ceil(MERGES).max(1);
    let mut touched = 0;
    for ((.., a), (.., b)) in pairs.iter().step_by(every) {
        let merge =
            |stream: &Stream<'_>| stream.vokg(&["merge", a, b, "--json"])["interactions_asserted"].as_u64().unwrap();
        touched += merge(&sealed);
        merge(&kept);
        let merged = claims(&sealed.graph());
        assert_eq!(merged, claims(&kept.graph()), "{a} and {b}");
        for stream in [&sealed, &kept] {
            stream.vokg(&["undo", "street", "--json"]);
            assert_eq!(claims(&stream.graph()), claims(&before), "{a} and {b}, undone");
        }
    }
    assert!(pairs.len() >= MERGES && touched > 0, "{} pairs, {touched} interactions", pairs.len());
}

#[test]
fn a_new_generation_is_corrected_as_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "street", Some(26.0));
    let data = dir.path().join("data");
    let with = |on_gap: &str| Stream { data: &data, settings: vec![format!("relate.near.on_gap={on_gap}")] };
    let run = |stream: &Stream<'_>| {
        let report = stream.vokg(&["run", path.to_str().unwrap(), "--json"]);
        report["streams"][0]["digest"].as_str().unwrap().to_owned()
    };
    let ids =
        |stream: &Stream<'_>| -> Vec<String> { objects(&stream.graph()).into_iter().map(|(.., id)| id).collect() };
    let by_hand = |stream: &Stream<'_>| {
        let reasons = |vertex: &Value| vertex["properties"]["reason"] == "merged by hand";
        list(&stream.graph(), "vertices").filter(|vertex| reasons(vertex)).count()
    };
    let (first, second) = (with("0.5"), with("0.45"));
    run(&first);
    let before = objects(&first.graph());
    let apart = before.iter().flat_map(|a| before.iter().map(move |b| (a, b))).find(|(a, b)| a.1 < b.0);
    let ((.., kept), (.., gone)) = apart.expect("somebody leaves before somebody comes");
    first.vokg(&["merge", kept, gone, "--json"]);
    assert!(!ids(&first).contains(gone));

    let corrected = run(&second);
    let of_second = |id: &str| id.replace("street/", "street.g2/");
    assert!(ids(&second).contains(&of_second(kept)) && !ids(&second).contains(&of_second(gone)));
    assert_eq!(by_hand(&second), 1);
    assert_eq!(run(&second), corrected, "once and not twice");

    second.vokg(&["undo", "street", "--json"]);
    assert!(ids(&second).contains(&of_second(gone)));
    let undone = run(&second);
    assert_eq!((by_hand(&second), run(&second)), (1, undone), "what was taken back stays so");
    assert!(ids(&second).contains(&of_second(gone)));
}
