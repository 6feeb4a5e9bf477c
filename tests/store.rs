//! `vokg store`: what it prints, its exit codes, and that the graph stays the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::clip;
use vokg_connectors::store::{StoreConfig, Writer};

fn vokg(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vokg")).args(args).output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String) {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8_lossy(&both).into_owned())
}

fn json(args: &[&str]) -> Value {
    let output = vokg(args);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn digest(data: &str) -> String {
    let (code, text) = told(&vokg(&["verify", data, data]));
    assert_eq!(code, Some(0), "{text}");
    text.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_store_is_checked_compacted_backed_up_and_restored() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "near", Some(6.0));
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| dir.path().join(name));
    let [data, backup, restored] = [&data, &backup, &restored].map(|path| path.to_str().unwrap());
    assert!(vokg(&["run", path.to_str().unwrap(), "--data", data]).status.success());
    let graph = |data| vokg(&["export", "--data", data, "--format", "json", "--at", "3"]).stdout;
    let (before, seen) = (digest(data), graph(data));
    let beside = [("dead-letters/log.jsonl", "{}\n"), ("sinks/graph.paused", "")];
    for (file, text) in beside {
        let path = Path::new(data).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    let report = json(&["store", "check", "--data", data, "--json"]);
    assert_eq!(
        (&report["problems"], &report["pages_checked"]),
        (&Value::Array(vec![]), &Value::Bool(true)),
        "{report}"
    );
    let (code, text) = told(&vokg(&["store", "backup", backup, "--data", data]));
    assert!(code == Some(0) && text.contains("whole") && text.contains("compared with its checksum"), "{text}");
    let (code, text) = told(&vokg(&["store", "backup", backup, "--data", data]));
    assert!(code == Some(2) && text.contains("there is something in"), "{text}");
    let compacted = json(&["store", "compact", "--data", data, "--json"]);
    assert!(compacted["bytes_after"].as_u64() <= compacted["bytes_before"].as_u64(), "{compacted}");
    let report = json(&["store", "check", "--data", data, "--json"]);
    assert_eq!(report["entries"], report["sealed_entries"], "{report}");
    let (code, text) = told(&vokg(&["store", "restore", backup, restored]));
    assert!(code == Some(0) && text.contains("restored to"), "{text}");
    for data in [data, backup, restored] {
        assert_eq!((digest(data), graph(data)), (before.clone(), seen.clone()), "{data}");
        for (file, text) in beside {
            assert_eq!(std::fs::read_to_string(Path::new(data).join(file)).unwrap(), text, "{data}");
        }
    }
}

/// As in `vokg export | head`.
#[test]
fn whoever_stops_reading_an_export_has_read_enough() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "near", Some(3.0));
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    assert!(vokg(&["run", path.to_str().unwrap(), "--data", data]).status.success());
    for format in ["jsonl", "json", "csv"] {
        let mut export = Command::new(env!("CARGO_BIN_EXE_vokg"));
        export.args(["export", "--data", data, "--format", format]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut export = export.spawn().unwrap();
        drop(export.stdout.take());
        assert_eq!(told(&export.wait_with_output().unwrap()), (Some(0), String::new()), "{format}");
    }
}

#[test]
fn a_stream_is_dropped_by_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "near", Some(6.0));
    let (path, data) = (path.to_str().unwrap(), dir.path().join("data"));
    let data = data.to_str().unwrap();
    let run = |on_gap: &str| vokg(&["run", path, "--data", data, "--set", on_gap]).status.success();
    assert!(run("relate.near.on_gap=0.5"));
    let first = digest(data);
    assert!(run("relate.near.on_gap=0.45"));
    let (code, text) = told(&vokg(&["store", "drop", "yard", "--data", data]));
    assert!(code == Some(2) && text.contains("there are: near, near.g2"), "{text}");
    let dropped = json(&["store", "drop", "near.g2", "--data", data, "--json"]);
    assert!(dropped["stream"] == "near.g2" && dropped["entries"].as_u64() > Some(0), "{dropped}");
    assert_eq!(digest(data), first, "as if it had never been");
    let (code, text) = told(&vokg(&["store", "drop", "near", "--data", data]));
    assert!(code == Some(0) && text.contains("near is gone"), "{text}");
    let report = json(&["store", "check", "--data", data, "--json"]);
    assert_eq!((&report["streams"], &report["problems"]), (&Value::from(0), &Value::Array(vec![])), "{report}");
    assert!(run("relate.near.on_gap=0.5"));
    assert_eq!(digest(data), first, "the same again under the name that is free");
}

#[test]
fn what_is_wrong_is_named_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "near", Some(6.0));
    let data = dir.path().join("data");
    let text = data.to_str().unwrap();
    assert!(vokg(&["run", path.to_str().unwrap(), "--data", text]).status.success());

    let writer = Writer::open(&data, StoreConfig::default()).unwrap();
    let (code, said) = told(&vokg(&["store", "compact", "--data", text]));
    assert!(code == Some(1) && said.contains(&format!("in use by process {}", std::process::id())), "{said}");
    let (code, said) = told(&vokg(&["store", "check", "--data", text]));
    assert!(code == Some(0) && said.contains("another process writes to it"), "{said}");
    let backup = dir.path().join("backup");
    let (code, said) = told(&vokg(&["store", "backup", backup.to_str().unwrap(), "--data", text]));
    assert!(code == Some(0) && said.contains("were not compared with their checksums"), "{said}");
    drop(writer);
    let inside = data.join("x");
    let (code, said) = told(&vokg(&["store", "backup", inside.to_str().unwrap(), "--data", text]));
    assert!(code == Some(2) && said.contains("choose a directory outside of it") && !inside.exists(), "{said}");
    let [none, restored] = ["none", "restored"].map(|name| dir.path().join(name).to_str().unwrap().to_owned());
    let (code, said) = told(&vokg(&["store", "restore", &none, &restored]));
    assert!(code == Some(1) && said.contains("is no backup") && !said.contains("vokg run"), "{said}");

    let file = std::fs::read_dir(data.join("observations/1-near")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (code, said) = told(&vokg(&["store", "check", "--data", text]));
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(code == Some(1) && said.contains(name) && said.contains("vokg store restore"), "{said}");
    let (code, said) = told(&vokg(&["store", "check", "--data", Path::new(text).join("none").to_str().unwrap()]));
    assert!(code == Some(1) && said.contains("no vokg data here"), "{said}");
}

/// Before, an emptied database was taken for a new store, and its observations were removed.
#[test]
fn a_store_whose_database_is_lost_or_damaged_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = clip(dir.path(), "near", Some(6.0));
    let data = dir.path().join("data");
    let (path, text) = (path.to_str().unwrap(), data.to_str().unwrap());
    assert!(vokg(&["run", path, "--data", text]).status.success());
    let (database, observations) = (data.join("vokg.redb"), data.join("observations/1-near"));
    let files = || std::fs::read_dir(&observations).unwrap().count();
    let (there, whole) = (files(), std::fs::read(&database).unwrap());
    assert!(there > 0);
    let commands = [
        &["run", path, "--data", text][..],
        &["export", "--data", text, "--format", "json"],
        &["store", "compact", "--data", text],
        &["store", "check", "--data", text],
    ];
    let random: Vec<u8> = (0..8192u32).map(|i| (i * 31 % 251) as u8).collect();
    let contents = [(&whole[..0], "is empty"), (&whole[..2_000], "wrong: "), (&random[..], "wrong: ")];
    for (bytes, checked) in contents {
        std::fs::write(&database, bytes).unwrap();
        for command in commands {
            let (code, said) = told(&vokg(command));
            let found = match (command[1], bytes.len()) {
                ("check", _) => said.contains(checked),
                (_, 0) => said.contains("vokg.redb is empty"),
                _ => said.contains("vokg.redb is damaged or no store of vokg"),
            };
            assert!(code == Some(1) && found && said.contains("vokg store restore"), "{command:?}: {said}");
        }
    }
    std::fs::remove_file(&database).unwrap();
    let (code, said) = told(&vokg(commands[0]));
    assert!(code == Some(1) && said.contains("but observations of a store are in"), "{said}");
    assert_eq!(files(), there);
    std::fs::write(&database, whole).unwrap();
    let (code, said) = told(&vokg(commands[3]));
    assert!(code == Some(0) && said.contains("whole"), "{said}");
}
