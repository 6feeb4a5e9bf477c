//! No clock of the wall reaches the log: it may run to another year and back while a run is killed and goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{sized_clip, store};
use vokg_connectors::store::Outcome;
use vokg_engine::crash;
use vokg_engine::geometry::Size;

/// libfaketime tells a process that is started with it another time.
fn other_clock() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib").ok()?;
    let found = libraries.filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketime.so.1")));
    found.into_iter().find(|library| library.is_file())
}

fn command(clip: &Path, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
    command.arg("run").arg(clip).arg("--data").arg(data).args(["-q", "--no-restart"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn end(data: &Path) -> (String, Option<Outcome>) {
    let store = store(data);
    let stream = store.streams().unwrap().pop().unwrap();
    (store.verify(stream.id).unwrap().to_string(), stream.head.outcome)
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let Some(library) = other_clock() else {
        eprintln!("SKIPPED: jumps of the clock need the package faketime");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let clip = sized_clip(dir.path(), "street", Some(34.0), Size { width: 384, height: 216 }, 12.5).0;
    let [expected, data, time] = ["undisturbed", "jumping", "time"].map(|name| dir.path().join(name));
    assert!(command(&clip, &expected).status().unwrap().success());
    // It dies after some checkpoints, with the clock years ahead, and goes on with the clock years behind.
    let runs = [("frame.street:340", ["+5y", "+5y", "+6y", "-1d"]), ("", ["-20y", "-19y", "-25y", "+3d"])];
    for (dies_at, jumps) in runs {
        std::fs::write(&time, jumps[0]).unwrap();
        let mut command = command(&clip, &data);
        command.envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]);
        command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &time);
        if !dies_at.is_empty() {
            command.env(crash::VARIABLE, dies_at);
        }
        let mut child = command.spawn().unwrap();
        let mut jump = jumps.iter().cycle();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::fs::write(&time, jump.next().unwrap()).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(status.success(), dies_at.is_empty(), "{status}");
    }
    let created = |data| store(data).streams().unwrap()[0].descriptor.request.created_us;
    assert!(created(&data) > created(&expected) + 1_000_000 * 86_400 * 365, "the run took the jump for the time");
    assert_eq!(end(&data), end(&expected));
}
