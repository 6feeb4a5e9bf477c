//! Power losses, simulated under the database: a disk that forgets, reorders and tears whatever was not synced.

use super::history::{begin, random_batches, random_log};
use super::open::Writer;
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
    Writer::with_database(dir, database, lock).ok()
}

/// How many batches of the log the store holds; `None` where it holds anything but whole batches of it.
fn batches_held(store: &Store, batches: &[Vec<LogEntry>]) -> Option<usize> {
    let stream = store.find_stream("clip").ok()??;
    let held: Vec<LogEntry> = store.entries(stream.id, None).collect::<Result<_, _>>().ok()?;
    store.verify(stream.id).ok()?;
    let mut whole = Vec::new();
    for count in 0..=batches.len() {
        if whole == held {
            let graph = super::history::folds(&held).pop()?;
            return (store.graph(stream.id, Some(400_000), None).ok()? == graph.at(400_000)).then_some(count);
        }
        whole.extend_from_slice(batches.get(count)?);
    }
    None
}

/// Writes until the power goes, and opens what is left. True where all that was acknowledged is there, and no part
/// of anything else.
fn survives(image: &[u8], batches: &[Vec<LogEntry>], rng: &mut ChaCha8Rng, lying: bool) -> bool {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = Disk::new(image.to_vec(), 30 + rng.next_u32() % 900, lying);
    let mut acknowledged = 0;
    if let Some(writer) = open(dir.path(), disk.clone()) {
        let stream = writer.store().find_stream("clip").ok().flatten();
        for batch in
            stream.iter().flat_map(|stream| batches.iter().map(|b| StreamBatch::of_entries(stream.id, b.clone())))
        {
            match writer.commit(&[batch]) {
                Ok(_) => acknowledged += 1,
                Err(_) => break,
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

#[test]
fn nothing_acknowledged_is_lost_in_300_power_losses() {
    let (image, batches) = (fresh_image(), random_batches(4, &random_log(4, 200)));
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for loss in 0..300 {
        assert!(survives(&image, &batches, &mut rng, false), "power loss {loss}");
    }
}

#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let (image, batches) = (fresh_image(), random_batches(4, &random_log(4, 200)));
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let caught = (0..20).filter(|_| !survives(&image, &batches, &mut rng, true)).count();
    assert!(caught >= 15, "only {caught} of 20 losses were noticed");
}
