//! Power losses, simulated under the database: a disk that forgets, reorders and tears whatever was not synced.

use super::check::{CheckReport, look};
use super::history::{begin, folds, is_long, random_batches, random_log, settling_log};
use super::open::Writer;
use super::retain::Retention;
use super::space::DiskSpace;
use super::{Store, StreamBatch};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use redb::StorageBackend;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use vokg_engine::record::LogEntry;

/// What a disk writes at once, or not at all.
const SECTOR: usize = 512;

/// A disk in memory. Writes are seen at once and become durable when they are synced.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug)]
struct Platter {
    /// What reads see.
    current: Vec<u8>,
    /// What a power loss leaves for certain.
    durable: Vec<u8>,
    /// Since the last sync.
    unsynced: Vec<Change>,
    /// Calls until the power goes; after that every call fails.
    calls_left: u32,
    /// Syncs do nothing but say they did.
    lying: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Length(usize),
    Sector(usize, Vec<u8>),
}

impl Disk {
    fn new(image: Vec<u8>, calls_left: u32, lying: bool) -> Self {
        let (current, durable) = (image.clone(), image);
        Self(Arc::new(Mutex::new(Platter { current, durable, unsynced: Vec::new(), calls_left, lying })))
    }

    fn call<T>(&self, act: impl FnOnce(&mut Platter) -> T) -> io::Result<T> {
        let mut platter = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if platter.calls_left == 0 {
            return Err(io::Error::other("the power is gone"));
        }
        platter.calls_left -= 1;
        Ok(act(&mut platter))
    }

    /// What is found after the power loss: all that was synced, and of the rest some sectors, in any order.
    fn image_after_loss(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let platter = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut image = platter.durable.clone();
        let mut survivors: Vec<&Change> =
            platter.unsynced.iter().filter(|_| rng.next_u32().is_multiple_of(2)).collect();
        for last in (1..survivors.len()).rev() {
            survivors.swap(last, rng.next_u32() as usize % (last + 1));
        }
        survivors.iter().for_each(|change| change.apply(&mut image));
        image
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Sector(offset, bytes) => {
                let end = offset + bytes.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.call(|platter| platter.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = offset as usize;
        self.call(|platter| match platter.current.get(offset..offset + out.len()) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })?
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(|platter| {
            let change = Change::Length(len as usize);
            change.apply(&mut platter.current);
            platter.unsynced.push(change);
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(|platter| {
            if !platter.lying {
                platter.durable.clone_from(&platter.current);
                platter.unsynced.clear();
            }
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.call(|platter| {
            for (index, sector) in data.chunks(SECTOR).enumerate() {
                let change = Change::Sector(offset as usize + index * SECTOR, sector.to_vec());
                change.apply(&mut platter.current);
                platter.unsynced.push(change);
            }
        })
    }
}

fn open(dir: &Path, disk: Disk) -> Option<Writer> {
    let database = redb::Builder::new().set_cache_size(1 << 20).create_with_backend(disk).ok()?;
    let lock = File::create(dir.join("writer.lock")).expect("the disk has room");
    let retention = Retention { keep_us: None, keep_bytes: Some(6_000) };
    Writer::with_database(dir, database, lock, retention, DiskSpace::new(dir, 0)).ok()
}

/// How many batches of the log the store holds; `None` where it holds anything but whole batches of it, or anything that
/// does not belong to them.
fn batches_held(store: &Store, batches: &[Vec<LogEntry>]) -> Option<usize> {
    let stream = store.find_stream("clip").ok()??;
    let held: Vec<LogEntry> = store.entries(stream.id, None).collect::<Result<_, _>>().ok()?;
    let mut report = CheckReport::default();
    look(store, &mut report).ok()?;
    assert_eq!(report.problems, Vec::<String>::new());
    let oldest = store.oldest(stream.id).ok()?;
    let (dropped, from_us) = oldest.map_or((0, 0), |oldest| (oldest.entries as usize, oldest.t_us));
    let mut whole: Vec<LogEntry> = Vec::new();
    for count in 0..=batches.len() {
        if whole.len() == dropped + held.len() {
            let graph = folds(&whole).pop()?;
            let at = from_us.max(400_000);
            let same = whole[dropped..] == held && store.graph(stream.id, Some(at), None).ok()? == graph.at(at);
            return same.then_some(count);
        }
        whole.extend_from_slice(batches.get(count)?);
    }
    None
}

/// Writes until the power goes, sealing and dropping in between, and opens what is left. True where all that was
/// acknowledged is there, and no part of anything else.
fn survives(image: &[u8], batches: &[Vec<LogEntry>], rng: &mut ChaCha8Rng, lying: bool) -> bool {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = Disk::new(image.to_vec(), 30 + rng.next_u32() % 1_800, lying);
    let mut acknowledged = 0;
    if let Some(writer) = open(dir.path(), disk.clone()) {
        let stream = writer.store().find_stream("clip").ok().flatten();
        for batch in
            stream.iter().flat_map(|stream| batches.iter().map(|b| StreamBatch::of_entries(stream.id, b.clone())))
        {
            let stream = batch.stream;
            match writer.commit(&[batch]) {
                Ok(_) => acknowledged += 1,
                Err(_) => break,
            }
            let chance = rng.next_u32();
            if chance.is_multiple_of(3) && writer.seal(stream, u64::MAX, 20 + chance as usize % 50, false).is_err() {
                break;
            }
            if chance.is_multiple_of(7) && writer.drop_oldest(stream).is_err() {
                break;
            }
        }
    }
    let left = Disk::new(disk.image_after_loss(rng), u32::MAX, false);
    let reopened = std::panic::catch_unwind(|| open(dir.path(), left)).ok().flatten();
    let held = reopened.and_then(|writer| batches_held(writer.store(), batches));
    held.is_some_and(|held| held == acknowledged || held == acknowledged + 1)
}

/// A store that has a stream and nothing in it.
fn fresh_image() -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = Disk::new(Vec::new(), u32::MAX, false);
    let writer = open(dir.path(), disk.clone()).expect("the disk is empty");
    begin(&writer, "clip");
    drop(writer);
    let platter = disk.0.lock().unwrap_or_else(PoisonError::into_inner);
    platter.current.clone()
}

/// A log with corrections, of which nothing is dropped, and one that settles, of which most is.
fn logs() -> [Vec<Vec<LogEntry>>; 2] {
    [random_log(4, 200), settling_log(300)].map(|log| random_batches(4, &log))
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let losses = if is_long() { 2_000 } else { 300 };
    let (image, logs) = (fresh_image(), logs());
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for loss in 0..losses {
        assert!(survives(&image, &logs[loss % 2], &mut rng, false), "power loss {loss}");
    }
}

#[test]
fn the_log_that_settles_is_sealed_and_dropped_in_these_tests() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path(), Disk::new(fresh_image(), u32::MAX, false)).expect("the disk is whole");
    let stream = writer.store().find_stream("clip").expect("it is whole").expect("it was begun").id;
    for batch in &logs()[1] {
        writer.commit(&[StreamBatch::of_entries(stream, batch.clone())]).expect("the log keeps every promise");
        writer.seal(stream, u64::MAX, 40, false).expect("the disk has room");
        writer.drop_oldest(stream).expect("the disk has room");
    }
    let oldest = writer.store().oldest(stream).expect("it is whole").expect("something was dropped");
    assert!(oldest.entries > 200, "{oldest:?}");
    assert_eq!(batches_held(writer.store(), &logs()[1]), Some(logs()[1].len()));
}

#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let (image, logs) = (fresh_image(), logs());
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let losses = if is_long() { 100 } else { 20 };
    let mut is_noticed = |loss: usize| {
        let batches = &logs[loss % 2];
        let survives =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| survives(&image, batches, &mut rng, true)));
        !survives.unwrap_or(false)
    };
    let caught = (0..losses).filter(|loss| is_noticed(*loss)).count();
    assert!(caught * 4 >= losses * 3, "only {caught} of {losses} losses were noticed");
}
