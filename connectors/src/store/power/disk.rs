//! A disk under the database that forgets, reorders and tears whatever was not synced.

use super::supply::{Device, Liar, Power};
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes at once, or not at all.
pub const SECTOR: usize = 512;

/// A disk in memory. Writes are seen at once and become durable when they are synced.
#[derive(Clone, Debug)]
pub struct Disk {
    platter: Arc<Mutex<Platter>>,
    power: Power,
    liar: Option<Liar>,
}

#[derive(Debug)]
struct Platter {
    /// What reads see.
    current: Vec<u8>,
    /// What a power loss leaves for certain.
    durable: Vec<u8>,
    /// Since the last sync.
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Length(usize),
    Sector(usize, Vec<u8>),
}

impl Disk {
    /// A disk that holds an image.
    pub fn new(image: Vec<u8>, power: Power, liar: Option<Liar>) -> Self {
        let (current, durable) = (image.clone(), image);
        Self { platter: Arc::new(Mutex::new(Platter { current, durable, unsynced: Vec::new() })), power, liar }
    }

    /// What reads see.
    pub fn image(&self) -> Vec<u8> {
        self.lock().current.clone()
    }

    /// What is found after the power loss: all that was synced, and of the rest some sectors, in any order. `chance` gives
    /// a number below its limit each time; zeros leave nothing of the rest.
    pub fn image_after_loss(&self, chance: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
        let platter = self.lock();
        let mut image = platter.durable.clone();
        let mut survivors: Vec<&Change> = platter.unsynced.iter().filter(|_| chance(2) == 1).collect();
        for last in (1..survivors.len()).rev() {
            survivors.swap(last, chance(last + 1));
        }
        survivors.iter().for_each(|change| change.apply(&mut image));
        image
    }

    fn call<T>(&self, act: impl FnOnce(&mut Platter) -> T) -> io::Result<T> {
        self.power.call(Device::Database)?;
        Ok(act(&mut self.lock()))
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.platter.lock().unwrap_or_else(PoisonError::into_inner)
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
        let does_nothing = self.liar == Some(Liar::Database);
        self.call(|platter| {
            if !does_nothing {
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
