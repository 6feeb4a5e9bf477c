//! A run that dies goes on where it stood, and ends as if nothing had happened: the same log, observations, evidence and
//! looks. Killed at named places, at random times, and by Ctrl-C; with another number of workers afterwards.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use support::{sized_clip, store};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg::program::program_id;
use vokg::registry;
use vokg::report::{Status, StreamReport};
use vokg_connectors::store::{Begun, FileStamp, NewCheckpoint, Store, StoreConfig, StreamBatch, StreamRequest, Writer};
use vokg_engine::crash;
use vokg_engine::geometry::Size;
use vokg_engine::runtime::checkpoint::SOURCE;
use vokg_engine::segment::{CameraMotion, Hints};
use vokg_engine::time::{Micros, SECOND_US};
use vokg_models::{Backend, Encoded, Encoder, RecallError, SegmentError, Segmented, Segmenter};

/// Long enough for three segments of observations. Every 25th picture has a checkpoint.
const SECONDS: f64 = 34.0;

fn clip(dir: &Path) -> PathBuf {
    sized_clip(dir, "street", Some(SECONDS), Size { width: 384, height: 216 }, 12.5).0
}

/// A run as a process of its own.
fn command(clip: &Path, data: &Path, workers: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
    command.arg("run").arg(clip).arg("--data").arg(data).args(["--workers", &workers.to_string(), "-q"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn run(clip: &Path, data: &Path, workers: usize) {
    let output = command(clip, data, workers).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everything a store has of its one stream.
fn contents(data: &Path) -> String {
    let store = store(data);
    let [stream] = &store.streams().unwrap()[..] else { panic!("one stream") };
    let head = &stream.head;
    assert!(head.outcome.as_ref().is_some_and(|outcome| outcome.is_complete()), "{head:?}");
    assert_eq!(store.verify(stream.id).unwrap(), head.digest);
    let observations: Vec<_> = store.observations(stream.id, 0..u64::MAX).unwrap().collect::<Result<_, _>>().unwrap();
    let evidence = store.evidence(stream.id).unwrap();
    let tracks: BTreeSet<_> = observations.iter().map(|seen| seen.observation.track).collect();
    let known = store.looks(stream.id).unwrap();
    let looks: Vec<_> = tracks.iter().map(|track| known.of(*track).unwrap()).collect();
    let thumbnails: Vec<_> = tracks.iter().map(|track| store.thumbnail(stream.id, *track).unwrap()).collect();
    let outcome = head.outcome.as_ref();
    format!("{}\n{outcome:?}\n{observations:?}\n{evidence:?}\n{looks:?}\n{thumbnails:?}", head.digest)
}

/// The same, as a hash, so that a difference does not print megabytes.
fn fingerprint(data: &Path) -> String {
    let contents = contents(data);
    let digest = contents.lines().next().unwrap_or_default().to_owned();
    format!("{digest} {}", blake3::hash(contents.as_bytes()))
}

struct Undisturbed {
    dir: tempfile::TempDir,
    clip: PathBuf,
    fingerprint: String,
    took: Duration,
}

fn undisturbed() -> Undisturbed {
    let dir = tempfile::tempdir().unwrap();
    let (clip, data) = (clip(dir.path()), dir.path().join("undisturbed"));
    let begun = Instant::now();
    run(&clip, &data, 1);
    let took = begun.elapsed();
    Undisturbed { fingerprint: fingerprint(&data), clip, took, dir }
}

fn has_a_checkpoint(data: &Path) -> bool {
    let Ok(store) = Store::open(data, StoreConfig::default()) else { return false };
    let stream = store.streams().unwrap().pop();
    stream.is_some_and(|stream| store.checkpoint_us(stream.id).unwrap().is_some())
}

#[test]
fn a_file_is_hashed_once() {
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let (clip, data) = (support::clip(dir.path(), "street", Some(2.0)).0, dir.path().join("data"));
    let known = || {
        let writer = Writer::open(&data, StoreConfig::default()).unwrap();
        writer.known_content(&support::input(&clip).name, &FileStamp::of(&clip).unwrap()).unwrap()
    };
    run(&clip, &data, 1);
    assert!(known().is_none() || begun.elapsed() > Duration::from_secs(2), "a change might not show in its stamp yet");
    std::thread::sleep(Duration::from_millis(2_100));
    if !FileStamp::of(&clip).unwrap().lasts(&std::fs::File::open(&clip).unwrap(), SystemTime::now()) {
        println!("SKIPPED: {} is on a file system that is not known to keep a ctime", clip.display());
        return;
    }
    run(&clip, &data, 1);
    assert_eq!(known(), Some(*blake3::hash(&std::fs::read(&clip).unwrap()).as_bytes()));
    // What is known is not read: nobody would hash it to this.
    let other = dir.path().join("other");
    let writer = Writer::open(&other, StoreConfig::default()).unwrap();
    let request =
        StreamRequest { content_hash: [7; 32], ..store(&data).streams().unwrap()[0].descriptor.request.clone() };
    let stream = writer.begin_stream(request, program_id()).unwrap().stream().id;
    writer.remember_content(stream, &FileStamp::of(&clip).unwrap()).unwrap();
    drop(writer);
    run(&clip, &other, 1);
    assert_eq!(store(&other).streams().unwrap().len(), 1);
    assert_eq!(fingerprint(&other), fingerprint(&data));

    // As many bytes, and its own time is set back: that it was written to shows all the same.
    let mut bytes = std::fs::read(&clip).unwrap();
    let encoder = b"x264 - core";
    let place = bytes.windows(encoder.len()).position(|part| part == encoder).unwrap();
    bytes[place] = b'y';
    let modified = clip.metadata().unwrap().modified().unwrap();
    std::fs::write(&clip, bytes).unwrap();
    std::fs::File::options().write(true).open(&clip).unwrap().set_modified(modified).unwrap();
    run(&clip, &data, 1);
    let streams = store(&data).streams().unwrap();
    assert_eq!(streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(), ["street", "street.g2"]);
}

/// A stamp that lies, as after a loss of power: the checkpoint is of another content.
#[test]
fn a_checkpoint_whose_picture_is_not_in_the_file_has_the_file_hashed_again() {
    let dir = tempfile::tempdir().unwrap();
    let (clip, data) = (clip(dir.path()), dir.path().join("data"));
    let dies = command(&clip, &data, 1).arg("--no-restart").env(crash::VARIABLE, "frame.street:200").output().unwrap();
    assert!(!dies.status.success() && has_a_checkpoint(&data));
    support::clip(dir.path(), "street", Some(2.0));
    let writer = Writer::open(&data, StoreConfig::default()).unwrap();
    let first = writer.store().streams().unwrap()[0].id;
    writer.remember_content(first, &FileStamp::of(&clip).unwrap()).unwrap();
    drop(writer);
    run(&clip, &data, 1);
    let streams = store(&data).streams().unwrap();
    let content = *blake3::hash(&std::fs::read(&clip).unwrap()).as_bytes();
    assert_eq!(streams[1].descriptor.request.content_hash, content);
    assert_eq!([0, 1].map(|at| streams[at].head.outcome.is_some()), [false, true], "{streams:?}");
}

#[test]
fn a_run_that_dies_at_a_named_place_goes_on() {
    let Undisturbed { dir, clip, fingerprint: expected, .. } = undisturbed();
    let places =
        ["commit.before:1", "commit.after:3", "frame.street:200", "observations.written:2", "frame.street:400"];
    let mut from_checkpoints = 0;
    for (place, workers) in places.into_iter().zip([1, 2, 4, 1, 2]) {
        let data = dir.path().join(place.replace([':', '.'], "-"));
        let output = command(&clip, &data, 1).arg("--no-restart").env(crash::VARIABLE, place).output().unwrap();
        assert!(!output.status.success(), "it should have died at {place}");
        if !store(&data).streams().unwrap().is_empty() {
            from_checkpoints += u32::from(has_a_checkpoint(&data));
        }
        run(&clip, &data, workers);
        assert_eq!(fingerprint(&data), expected, "after dying at {place}");
    }
    assert!(from_checkpoints >= 1, "none of these had a checkpoint");
}

/// A database that is not whole has no name yet.
#[test]
fn a_run_that_dies_while_it_makes_the_store_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (clip, data) = (support::clip(dir.path(), "near", Some(2.0)).0, dir.path().join("data"));
    let output = command(&clip, &data, 1).arg("--no-restart").env(crash::VARIABLE, "database.made:1").output().unwrap();
    assert!(!output.status.success(), "it should have died");
    assert!(!data.join("vokg.redb").exists());
    // Not even the beginning of the file need be there.
    std::fs::write(data.join("vokg.redb.new"), [0; 4096]).unwrap();
    run(&clip, &data, 1);
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        files.iter().any(|file| file == "vokg.redb") && !files.iter().any(|file| file == "vokg.redb.new"),
        "{files:?}"
    );
}

/// Kills runs at random times, and goes on with each until it is done.
fn kill_at_random(kills: usize, seed: u64) {
    let Undisturbed { dir, clip, fingerprint: expected, took } = undisturbed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut killed, mut stores) = (0, 0);
    while killed < kills {
        stores += 1;
        let data = dir.path().join(format!("killed-{stores}"));
        loop {
            let mut child = command(&clip, &data, 1 + (killed % 3)).spawn().unwrap();
            let lives = took.mul_f64(f64::from(random.next_u32() % 1000) / 1000.0);
            if !dies_within(&mut child, lives) {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
            killed += 1;
        }
        assert_eq!(fingerprint(&data), expected, "store {stores}, {killed} kills");
        std::fs::remove_dir_all(&data).unwrap();
    }
    println!("{killed} kills over {stores} stores, an undisturbed run takes {:.1} s", took.as_secs_f64());
}

/// Kills a process after a while; `false` where it ended before.
fn dies_within(child: &mut Child, lives: Duration) -> bool {
    let until = Instant::now() + lives;
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    !status.success()
}

#[test]
fn a_run_that_is_killed_at_random_goes_on() {
    let kills = if std::env::var_os("VOKG_LONG").is_some() { 100 } else { 25 };
    kill_at_random(kills, 20);
}

#[test]
fn ctrl_c_keeps_what_was_done() {
    let Undisturbed { dir, clip, fingerprint: expected, .. } = undisturbed();
    let data = dir.path().join("interrupted");
    let child = command(&clip, &data, 1).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_a_checkpoint(&data) {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    run(&clip, &data, 2);
    assert_eq!(fingerprint(&data), expected);
}

/// The first seconds are segmented once the background of all of them is known.
#[test]
fn ctrl_c_in_the_first_seconds_leaves_nothing_that_would_come_out_otherwise() {
    let Undisturbed { dir, clip, fingerprint: expected, took } = undisturbed();
    for turn in 1..=8u32 {
        let data = dir.path().join(format!("early-{turn}"));
        let child = command(&clip, &data, 1).spawn().unwrap();
        std::thread::sleep(took.mul_f64(0.04 * f64::from(turn)));
        let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
        let status = child.wait_with_output().unwrap().status;
        assert!(status.code() == Some(130) || status.signal().is_some(), "{status}");
        run(&clip, &data, 2);
        assert_eq!(fingerprint(&data), expected, "turn {turn}");
    }
}

/// Pictures of tracks are cut out of the frames behind the lead, also where a run goes on within it.
#[test]
fn a_run_that_dies_within_a_long_lead_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let clip = clip(dir.path());
    let [expected, data] = ["undisturbed", "died"].map(|name| dir.path().join(name));
    let leading = |data: &Path| {
        let mut command = command(&clip, data, 1);
        command.args(["--set", "motion.lead_secs=30"]);
        command
    };
    let ends_well = |data: &Path| {
        let output = leading(data).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ends_well(&expected);
    let died = leading(&data).arg("--no-restart").env(crash::VARIABLE, "observations.written:2").output().unwrap();
    assert!(!died.status.success());
    let stream = store(&data).streams().unwrap().pop().unwrap();
    let t = store(&data).checkpoint_us(stream.id).unwrap().unwrap();
    assert!(t < 30 * SECOND_US, "{t}");
    ends_well(&data);
    assert_eq!(fingerprint(&data), fingerprint(&expected));
}

/// What is to come out for a picture instead of what is seen; pictures are counted from where the run begins.
type Bend = dyn Fn(u32) -> Option<Result<Segmented, SegmentError>> + Send + Sync;

/// The segmenter of every run, bent.
#[derive(Clone)]
struct Bent {
    backend: Arc<dyn Backend>,
    bend: Arc<Bend>,
    /// No checkpoint is taken behind this picture.
    remembers_until: u32,
}

struct BentSegmenter {
    segmenter: Box<dyn Segmenter>,
    bent: Bent,
    picture: u32,
}

impl Bent {
    fn by(bend: impl Fn(u32) -> Option<Result<Segmented, SegmentError>> + Send + Sync + 'static) -> Self {
        let backend = registry::segmenter(&Config::default()).unwrap();
        Self { backend, bend: Arc::new(bend), remembers_until: u32::MAX }
    }

    fn that_fails_at(at: u32) -> Self {
        Self::by(move |picture| (picture == at).then_some(Err(SegmentError::ForeignEncoding { backend: "a test" })))
    }

    fn disturbance(self) -> Disturbance {
        Disturbance { segmenter: Some(Arc::new(self)), ..Disturbance::default() }
    }

    fn fails_at(at: u32) -> Disturbance {
        Self::that_fails_at(at).disturbance()
    }

    fn is_blind_from(from: u32) -> Disturbance {
        let nothing = || Segmented { camera: CameraMotion::Still, segments: Vec::new() };
        Self::by(move |picture| (picture >= from).then(|| Ok(nothing()))).disturbance()
    }
}

impl Backend for Bent {
    fn name(&self) -> &'static str {
        self.backend.name()
    }

    fn lead_us(&self) -> Micros {
        self.backend.lead_us()
    }

    fn open(&self) -> (Box<dyn Encoder>, Box<dyn Segmenter>) {
        let (encoder, segmenter) = self.backend.open();
        (encoder, Box::new(BentSegmenter { segmenter, bent: self.clone(), picture: 0 }))
    }
}

impl Segmenter for BentSegmenter {
    fn prepare(&mut self, lead: &[Encoded]) {
        self.segmenter.prepare(lead);
    }

    fn segment(&mut self, encoded: &Encoded, hints: &Hints) -> Result<Segmented, SegmentError> {
        self.picture += 1;
        let seen = self.segmenter.segment(encoded, hints);
        (self.bent.bend)(self.picture).unwrap_or(seen)
    }

    fn remember(&self) -> Option<Vec<u8>> {
        self.segmenter.remember().filter(|_| self.picture <= self.bent.remembers_until)
    }

    fn recall(&mut self, memory: &[u8]) -> Result<(), RecallError> {
        self.segmenter.recall(memory)
    }
}

fn run_within(clip: &Path, data: &Path, disturbance: &Disturbance) -> StreamReport {
    support::run(&[clip.to_owned()], data, &Config::default(), disturbance).reports.pop().unwrap()
}

#[test]
fn a_checkpoint_whose_picture_is_not_in_the_file_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let clip = clip(dir.path());
    let [expected, data] = ["undisturbed", "misled"].map(|name| dir.path().join(name));
    assert_eq!(run_within(&clip, &expected, &Disturbance::default()).status, Status::Complete);
    assert_eq!(run_within(&clip, &data, &Bent::fails_at(400)).status, Status::Failed);

    let writer = Writer::open(&data, StoreConfig::default()).unwrap();
    let request = writer.store().streams().unwrap().pop().unwrap().descriptor.request;
    let begun = writer.begin_stream(request, program_id()).unwrap();
    let Begun::Resumed(stream, Some(mut checkpoint)) = begun else { panic!("it was interrupted: {begun:?}") };
    // Behind its times, of at most 15 bytes, the bookmark has the hash of the picture.
    checkpoint.parts.get_mut(SOURCE).unwrap()[20] ^= 1;
    let misleading = NewCheckpoint { program: program_id(), checkpoint: *checkpoint };
    let empty = StreamBatch::of_entries(stream.id, Vec::new());
    writer.commit(&[StreamBatch { checkpoint: Some(misleading), ..empty }]).unwrap();
    drop(writer);

    assert_eq!(run_within(&clip, &data, &Disturbance::default()).status, Status::Complete);
    assert_eq!(fingerprint(&data), fingerprint(&expected));
}

#[test]
fn a_log_that_comes_out_otherwise_stops_the_run_loudly() {
    let dir = tempfile::tempdir().unwrap();
    let (clip, data) = (clip(dir.path()), dir.path().join("differs"));
    assert_eq!(run_within(&clip, &data, &Bent::fails_at(300)).status, Status::Failed);
    let before = store(&data).streams().unwrap().pop().unwrap();
    assert!(before.head.deltas > 0, "something was committed");
    let report = run_within(&clip, &data, &Bent::is_blind_from(0));
    assert_eq!(report.status, Status::Failed);
    assert!(report.error.as_ref().is_some_and(|e| e.contains("derived again") && e.contains("--name")), "{report:?}");
    let after = store(&data).streams().unwrap().pop().unwrap();
    assert_eq!((after.id, after.head.digest), (before.id, before.head.digest), "nothing was added");
    assert_eq!(run_within(&clip, &data, &Disturbance::default()).status, Status::Complete);
}

/// What is in flight behind a difference rests on it. The log ends some 50 pictures after where a run goes on, long enough for
/// blindness to show in it.
#[test]
fn nothing_is_added_behind_a_difference_nor_a_checkpoint_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (clip, data) = (clip(dir.path()), dir.path().join("differs"));
    let failing = Bent { remembers_until: 260, ..Bent::that_fails_at(300) };
    assert_eq!(run_within(&clip, &data, &failing.disturbance()).status, Status::Failed);
    let kept = |data: &Path| {
        let store = store(data);
        let stream = store.streams().unwrap().pop().unwrap();
        let evidence = store.evidence(stream.id).unwrap();
        let log_and_evidence = format!("{} {evidence:?}", stream.head.digest);
        (blake3::hash(log_and_evidence.as_bytes()), store.checkpoint_us(stream.id).unwrap())
    };
    let (expected, checkpoint_us) = kept(&data);
    assert_eq!(checkpoint_us, Some(20 * SECOND_US));
    let mut differed = 0;
    for from in (36..50).step_by(2) {
        let copy = dir.path().join(from.to_string());
        copy_dir(&data, &copy);
        let report = run_within(&clip, &copy, &Bent::is_blind_from(from));
        let differs = report.error.is_some_and(|error| error.contains("derived again"));
        assert_eq!(report.status, if differs { Status::Failed } else { Status::Complete });
        if differs {
            assert_eq!(kept(&copy), (expected, Some(22 * SECOND_US)), "the next checkpoint lies behind the difference");
            differed += 1;
        }
    }
    assert!(differed > 0, "one of them differs within the log");
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn an_input_that_kills_the_process_twice_is_set_aside_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let size = Size { width: 384, height: 216 };
    let [bad, good] = ["near", "street"].map(|name| sized_clip(dir.path(), name, Some(12.0), size, 12.5).0);
    let [expected, data] = ["undisturbed", "crashing"].map(|name| dir.path().join(name));
    run(&bad, &expected, 1);
    let output = command(&bad, &data, 1)
        .arg(&good)
        .arg("--json")
        .stdout(Stdio::piped())
        .env(crash::VARIABLE, "frame.near:70")
        .output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("died of SIGABRT").count(), 2, "{said}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = told["streams"][0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("set aside") && error.contains("--retry"), "{error}");
    let told = [0, 1].map(|place| told["streams"][place]["status"].clone());
    assert_eq!(told, ["failed", "complete"]);
    let output = command(&bad, &data, 1).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "it stays set aside");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("near: failed: ") && !said.contains("0 frames"), "{said}");
    let output = command(&bad, &data, 1).arg("--retry").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let digest = |data: &Path| store(data).find_stream("near").unwrap().unwrap().head.digest;
    assert_eq!(digest(&data), digest(&expected));
}

#[test]
fn a_checkpoint_is_taken_every_two_seconds_of_media_time() {
    let dir = tempfile::tempdir().unwrap();
    let (clip, data) = (clip(dir.path()), dir.path().join("failed"));
    assert_eq!(run_within(&clip, &data, &Bent::fails_at(340)).status, Status::Failed);
    let store = store(&data);
    let stream = store.streams().unwrap().pop().unwrap();
    assert_eq!(store.checkpoint_us(stream.id).unwrap(), Some(26 * SECOND_US), "picture 340 is at 27.12 s");
}
