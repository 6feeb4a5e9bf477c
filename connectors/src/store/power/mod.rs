//! Power losses, simulated under all that a writer writes: the database, and the observations beside it.
//!
//! A stream is written by one process after the other. Each is killed, or the power goes while it runs, and the next one
//! goes on from the checkpoint, derives again what the log has beyond it, and writes those observations anew.

mod disk;
mod supply;
mod tree;

use super::check::{CheckReport, look};
use super::history::{PROGRAM, begin, folds, is_long, random_batches, random_log, request, settling_log};
use super::observations::samples::{frame, observation};
use super::open::Writer;
use super::retain::Retention;
use super::space::DiskSpace;
use super::{Begun, NewCheckpoint, ObservationBuffer, ObservationSegment, Store, StreamBatch, StreamId};
use disk::Disk;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use supply::{Device, Power};
use tree::Tree;
use vokg_engine::observation::Observation;
use vokg_engine::record::{LogEntry, Record};
use vokg_engine::runtime::checkpoint::Checkpoint;
use vokg_engine::time::Micros;

/// Every how many batches one ends a segment of observations, and one has a checkpoint.
const SEGMENT_EVERY: usize = 2;
const CHECKPOINT_EVERY: usize = 5;
/// Sightings in a segment: more than fit into a sector.
const SIGHTINGS: u32 = 40;

/// What a stream has to say, batch by batch.
struct Story {
    batches: Vec<Vec<LogEntry>>,
}

/// How much of a story a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    /// Batches whose entries it has.
    batches: usize,
    /// Segments of observations.
    segments: usize,
    /// The batch that has the latest checkpoint.
    checkpoint: Option<usize>,
}

impl Held {
    /// Once a batch is committed.
    fn with(self, batch: usize) -> Self {
        Self {
            batches: self.batches.max(batch + 1),
            segments: self.segments + usize::from(Story::has_segment(batch)),
            checkpoint: if Story::has_checkpoint(batch) { Some(batch) } else { self.checkpoint },
        }
    }

    /// Once it went back to its checkpoint: what was seen since is written again.
    fn gone_back(self) -> Self {
        Self { segments: Story::segments_before(self.next()), ..self }
    }

    /// The batch that comes after the checkpoint.
    fn next(self) -> usize {
        self.checkpoint.map_or(0, |checkpoint| checkpoint + 1)
    }
}

impl Story {
    fn has_segment(batch: usize) -> bool {
        batch % SEGMENT_EVERY == SEGMENT_EVERY - 1
    }

    fn has_checkpoint(batch: usize) -> bool {
        batch % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1
    }

    fn segments_before(batch: usize) -> usize {
        batch / SEGMENT_EVERY
    }

    /// What is seen in a segment. It ends with the log of its batch.
    fn seen(&self, segment: usize) -> Vec<Observation> {
        let entries = &self.batches[segment * SEGMENT_EVERY + SEGMENT_EVERY - 1];
        let t = entries.last().map_or(0, |entry| match &entry.record {
            Record::Progress(progress) => progress.lower,
            Record::Delta(delta) => delta.t,
        });
        (0..SIGHTINGS).map(|track| observation(t, track, (segment * 31 + track as usize * 17) as f32)).collect()
    }

    fn segment(&self, number: usize) -> Option<ObservationSegment> {
        let mut buffer = ObservationBuffer::default();
        let seen = self.seen(number);
        buffer.push(&frame(seen.first()?.t, seen, vec![]));
        buffer.finish()
    }

    /// A batch as it is committed by a process that found so many batches in the log.
    fn batch(&self, index: usize, in_log: usize, stream: StreamId) -> StreamBatch {
        let entries = if index < in_log { Vec::new() } else { self.batches[index].clone() };
        let segment = Self::has_segment(index).then(|| self.segment(Self::segments_before(index))).flatten();
        let checkpoint = Self::has_checkpoint(index).then(|| checkpoint_at(index));
        let checkpoint = checkpoint.map(|checkpoint| NewCheckpoint { program: PROGRAM, checkpoint });
        let observations = segment.into_iter().collect();
        StreamBatch { observations, checkpoint, ..StreamBatch::of_entries(stream, entries) }
    }

    /// How much of it a store holds; `None` where it holds anything but whole batches of it, or anything that does not
    /// belong to them.
    fn held(&self, store: &Store) -> Option<Held> {
        let stream = store.find_stream("clip").ok()??;
        let mut report = CheckReport::default();
        look(store, &mut report).ok()?;
        assert_eq!(report.problems, Vec::<String>::new());
        let oldest = store.oldest(stream.id).ok()?;
        let (dropped, from_us) = oldest.map_or((0, 0), |oldest| (oldest.entries as usize, oldest.t_us));
        let log: Vec<LogEntry> = store.entries(stream.id, None).collect::<Result<_, _>>().ok()?;
        let batches = self.batches_of(dropped + log.len())?;
        let whole = self.batches[..batches].concat();
        let at = from_us.max(400_000);
        let graph = folds(&whole).pop()?;
        let same = whole[dropped..] == log && store.graph(stream.id, Some(at), None).ok()? == graph.at(at);
        let segments = stream.head.next_segment as usize;
        let is_seen = self.observed(store, stream.id, from_us..Micros::MAX)? == self.to_observe(segments, from_us);
        let checkpoint = store.checkpoint_us(stream.id).ok()?.map(|t| t as usize);
        (same && is_seen).then_some(Held { batches, segments, checkpoint })
    }

    /// How many batches have so many entries.
    fn batches_of(&self, entries: usize) -> Option<usize> {
        let mut sum = 0;
        (0..=self.batches.len()).find(|count| {
            sum += if *count == 0 { 0 } else { self.batches[count - 1].len() };
            sum == entries
        })
    }

    fn observed(&self, store: &Store, stream: StreamId, range: Range<Micros>) -> Option<Vec<Observation>> {
        let rows = store.observations(stream, range).ok()?;
        rows.map(|row| row.map(|row| row.observation)).collect::<Result<_, _>>().ok()
    }

    fn to_observe(&self, segments: usize, from_us: Micros) -> Vec<Observation> {
        let all = (0..segments).flat_map(|segment| self.seen(segment));
        all.filter(|seen| seen.t >= from_us).collect()
    }
}

/// What is remembered after a batch: more than fits into a page of the database.
fn checkpoint_at(batch: usize) -> Checkpoint {
    let mut rng = ChaCha8Rng::seed_from_u64(batch as u64);
    let mut state = vec![0; 6_000];
    rng.fill_bytes(&mut state);
    Checkpoint { t: batch as Micros, parts: [("track".to_owned(), state)].into() }
}

/// What a data directory lies on.
struct Machine {
    /// Where reads find the files beside the database.
    dir: tempfile::TempDir,
    disk: Disk,
    tree: Tree,
    power: Power,
}

/// Which syncs do nothing but say they did.
type Liar = Option<Device>;

impl Machine {
    fn new(image: Vec<u8>, dir: tempfile::TempDir, liar: Liar) -> Self {
        let power = Power::unlimited();
        let disk = Disk::new(image, power.clone(), liar == Some(Device::Database));
        let tree = Tree::new(dir.path(), power.clone(), liar == Some(Device::Files));
        Self { dir, disk, tree, power }
    }

    fn open(&self) -> Option<Writer> {
        let dir = self.dir.path();
        let database = redb::Builder::new().set_cache_size(1 << 20).create_with_backend(self.disk.clone()).ok()?;
        // No file of the directory: the power does not take it.
        let lock = tempfile::tempfile().expect("the disk has room");
        let retention = Retention { keep_us: None, keep_bytes: Some(6_000) };
        let (space, files) = (DiskSpace::new(dir, 0), Box::new(self.tree.clone()));
        Writer::with_database(dir, database, lock, retention, space, files).ok()
    }

    /// The same after a kill: all is there that was written, and what was not synced may still be lost.
    fn copy(&self) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        self.tree.copy_to(dir.path());
        Self::new(self.disk.image(), dir, None)
    }

    fn after_loss(&self, rng: &mut ChaCha8Rng, liar: Liar) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        self.tree.copy_after_loss(dir.path(), rng);
        Self::new(self.disk.image_after_loss(rng), dir, liar)
    }

    /// How much it holds of a story. Changes nothing.
    fn held(&self, story: &Story) -> Option<Held> {
        let copy = self.copy();
        catch_unwind(AssertUnwindSafe(|| story.held(copy.open()?.store()))).ok().flatten()
    }

    /// Writes a story, sealing and dropping in between, until the power goes or it is told. What it then may hold.
    fn write(&self, story: &Story, found: Held, rng: &mut ChaCha8Rng) -> [Held; 2] {
        let Some(writer) = self.open() else { return [found; 2] };
        if writer.retry_stream(&request("clip")).is_err() {
            return [found; 2];
        }
        let begun = match writer.begin_stream(request("clip"), PROGRAM) {
            Ok(begun) => begun,
            Err(_) => return [found, found.gone_back()],
        };
        let Begun::Resumed(stream, checkpoint) = begun else { panic!("it was begun: {begun:?}") };
        assert_eq!(checkpoint.map(|checkpoint| *checkpoint), found.checkpoint.map(checkpoint_at));
        let mut held = found.gone_back();
        for index in found.next()..story.batches.len() {
            let batch = story.batch(index, found.batches, stream.id);
            match writer.commit(&[batch]) {
                Ok(_) => held = held.with(index),
                Err(_) => return [held, held.with(index)],
            }
            let chance = rng.next_u32();
            if chance.is_multiple_of(3) && writer.seal(stream.id, u64::MAX, 20 + chance as usize % 50, false).is_err() {
                break;
            }
            if chance.is_multiple_of(7) && writer.drop_oldest(stream.id).is_err() {
                break;
            }
        }
        [held; 2]
    }
}

/// A store that has a stream and nothing in it.
fn fresh_image() -> Vec<u8> {
    let machine = Machine::new(Vec::new(), tempfile::tempdir().expect("a temporary directory"), None);
    let writer = machine.open().expect("the disk is empty");
    begin(&writer, "clip");
    drop(writer);
    machine.disk.image()
}

/// Lets processes write one after the other, with at most three losses of power. How many there were until the store did
/// not hold what it should, and whether it ever did not.
fn lives(image: &[u8], story: &Story, rng: &mut ChaCha8Rng, liar: Liar) -> (u32, bool) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut machine = Machine::new(image.to_vec(), dir, liar);
    let (mut found, mut losses) = (Held::default(), 0);
    while losses < 3 {
        match rng.next_u32() % 3 {
            0 => machine.power.last_for(30 + rng.next_u32() % 1_800, None),
            1 => machine.power.last_for(rng.next_u32() % 60, Some(Device::Files)),
            // Where directories are made, and where a process that goes on writes files over others.
            _ => machine.power.last_for(rng.next_u32() % 9, Some(Device::Files)),
        }
        let possible = machine.write(story, found, rng);
        machine.power.last_for(u32::MAX, None);
        if !rng.next_u32().is_multiple_of(3) {
            losses += 1;
            machine = machine.after_loss(rng, liar);
        }
        match machine.held(story) {
            Some(held) if possible.contains(&held) => found = held,
            _ => return (losses, false),
        }
        if found.batches == story.batches.len() {
            break;
        }
    }
    (losses, true)
}

/// A log with corrections, of which nothing is dropped, and one that settles, of which most is.
fn stories() -> [Story; 2] {
    [random_log(4, 200), settling_log(300)].map(|log| Story { batches: random_batches(4, &log) })
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let losses = if is_long() { 2_000 } else { 200 };
    let (image, stories) = (fresh_image(), stories());
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut lost = 0;
    for story in stories.iter().cycle() {
        let (more, is_whole) = lives(&image, story, &mut rng, None);
        lost += more;
        assert!(is_whole, "power loss {lost}");
        if lost >= losses {
            break;
        }
    }
    println!("{lost} losses of power: nothing lost, nothing torn, every store opens");
}

#[test]
fn the_log_that_settles_is_sealed_and_dropped_in_these_tests() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let machine = Machine::new(fresh_image(), dir, None);
    let writer = machine.open().expect("the disk is whole");
    let stream = writer.store().find_stream("clip").expect("it is whole").expect("it was begun").id;
    let [_, story] = stories();
    let mut held = Held::default();
    for index in 0..story.batches.len() {
        writer.commit(&[story.batch(index, 0, stream)]).expect("the log keeps every promise");
        held = held.with(index);
        writer.seal(stream, u64::MAX, 40, false).expect("the disk has room");
        writer.drop_oldest(stream).expect("the disk has room");
    }
    let oldest = writer.store().oldest(stream).expect("it is whole").expect("something was dropped");
    assert!(oldest.entries > 200, "{oldest:?}");
    let first = writer.store().observation_files(stream).expect("it is whole").first().map(|(number, _)| *number);
    assert!(first > Some(10), "observations go with the log: {first:?}");
    assert_eq!(story.held(writer.store()), Some(held));
}

#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let (image, stories) = (fresh_image(), stories());
    for liar in [Device::Database, Device::Files] {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let runs = if is_long() { 100 } else { 20 };
        let mut is_noticed = |run: usize| {
            let story = &stories[run % 2];
            let told = catch_unwind(AssertUnwindSafe(|| lives(&image, story, &mut rng, Some(liar))));
            !told.is_ok_and(|(_, is_whole)| is_whole)
        };
        let caught = (0..runs).filter(|run| is_noticed(*run)).count();
        println!("syncs of {liar:?} that do nothing: noticed in {caught} of {runs} runs");
        assert!(caught * 4 >= runs * 3, "only {caught} of {runs} runs were noticed for {liar:?}");
    }
}
