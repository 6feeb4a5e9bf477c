//! On a disk that is full a run waits, says so, can be read and interrupted, and goes on by itself when there is room.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{sized_clip, store};
use vokg_engine::geometry::Size;

const DISK: &str = "size=64m";

/// A small disk of its own, in memory.
struct Disk(PathBuf);

impl Disk {
    fn new(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&at).stderr(Stdio::null());
        if !mount.status().is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: a full disk needs a disk of its own, and only root may mount one");
            return None;
        }
        Some(Self(at))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves this many bytes free.
    fn fill(&self, but: u64) {
        let disk = nix::sys::statvfs::statvfs(&self.0).unwrap();
        let taken = (disk.blocks_available() * disk.fragment_size()).saturating_sub(but);
        let mut filler = File::create(self.filler()).unwrap();
        filler.write_all(&vec![0; usize::try_from(taken).unwrap()]).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn begin(clip: &Path, data: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
    command.arg("run").arg(clip).arg("--data").arg(data).args(["-q", "--set", "store.least_free_bytes=0"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the run says that it waits.
fn waits(child: &mut Child) {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (said, is_said) = std::sync::mpsc::channel();
    // Reads on, so that nothing the run says is refused.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok).filter(|line| line.contains("waiting for disk space")) {
            let _ = said.send(line);
        }
    });
    is_said.recv_timeout(Duration::from_secs(60)).expect("it waits and says so");
}

fn digest(data: &Path) -> String {
    let store = store(data);
    let stream = store.streams().unwrap().pop().unwrap();
    assert!(stream.head.outcome.as_ref().is_some_and(|outcome| outcome.is_complete()), "{:?}", stream.head);
    store.verify(stream.id).unwrap().to_string()
}

/// Bytes on the disk that a directory takes.
fn size_of(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => size_of(&entry.path()),
            false => entry.metadata().unwrap().blocks() * 512,
        })
        .sum()
}

#[test]
fn a_run_on_a_full_disk_waits_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let clip = sized_clip(dir.path(), "street", Some(34.0), Size { width: 384, height: 216 }, 12.5).0;
    let expected = dir.path().join("undisturbed");
    assert!(begin(&clip, &expected).wait().unwrap().success());
    let Some(disk) = Disk::new(dir.path().join("disk")) else { return };

    for is_interrupted in [false, true] {
        let data = disk.0.join(if is_interrupted { "interrupted" } else { "waiting" });
        disk.fill(size_of(&expected) * 2 / 3);
        let mut child = begin(&clip, &data);
        waits(&mut child);
        assert_eq!(store(&data).streams().unwrap().len(), 1, "reading goes on");
        if is_interrupted {
            kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130));
            assert_eq!(store(&data).streams().unwrap().len(), 1, "also with nobody who writes");
        } else {
            std::thread::sleep(Duration::from_secs(1));
            assert_eq!(child.try_wait().unwrap(), None, "it waits");
        }
        disk.free();
        if is_interrupted {
            child = begin(&clip, &data);
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(digest(&data), digest(&expected));
    }

    disk.fill(0);
    let refused = begin(&clip, &disk.0.join("new")).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("space"), "nothing is begun: {said}");
}
