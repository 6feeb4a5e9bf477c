//! A machine on which processes write a store, one after the other, until each is killed or the power goes.

use super::disk::Disk;
use super::story::{Held, Process, Story, checkpoint_at};
use super::supply::{Liar, Power};
use super::tree::{Counts, Tree};
use crate::store::history::request;
use crate::store::open::Writer;
use crate::store::retain::Retention;
use crate::store::space::DiskSpace;
use crate::store::{Begun, Ending, Outcome, StreamBatch};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use std::fmt::Display;
use tempfile::TempDir;

/// What a data directory lies on.
pub struct Machine {
    /// Where reads find the files beside the database.
    dir: TempDir,
    disk: Disk,
    tree: Tree,
    pub power: Power,
    liar: Option<Liar>,
}

impl Machine {
    /// One whose database has an image, and whose other files lie in a directory.
    pub fn new(image: Vec<u8>, dir: TempDir, liar: Option<Liar>, counts: Counts) -> Self {
        let power = Power::unlimited();
        let disk = Disk::new(image, power.clone(), liar);
        let tree = Tree::new(dir.path(), power.clone(), liar, counts);
        Self { dir, disk, tree, power, liar }
    }

    /// One without files, that goes on counting.
    pub fn empty(image: Vec<u8>, liar: Option<Liar>, counts: Counts) -> Self {
        Self::new(image, directory(), liar, counts)
    }

    pub fn image(&self) -> Vec<u8> {
        self.disk.image()
    }

    pub fn counts(&self) -> Counts {
        self.tree.counts()
    }

    /// # Errors
    /// What is in the way, for people.
    pub fn open(&self) -> Result<Writer, String> {
        let dir = self.dir.path();
        let database = redb::Builder::new().set_cache_size(1 << 20).create_with_backend(self.disk.clone());
        let database = database.map_err(|error| error.to_string())?;
        // No file of the directory: the power does not take it.
        let lock = tempfile::tempfile().expect("the disk has room");
        let retention = Retention { keep_us: None, keep_bytes: Some(6_000) };
        let (space, files) = (DiskSpace::new(dir, 0), Box::new(self.tree.clone()));
        Writer::with_database(dir, database, lock, retention, space, files).map_err(|error| error.to_string())
    }

    /// One that holds what is there, all of it durable.
    pub fn copy(&self) -> Self {
        let dir = directory();
        self.tree.copy_to(dir.path());
        Self::new(self.disk.image(), dir, None, Counts::default())
    }

    /// The machine after a power loss. `chance` gives a number below its limit each time; zeros leave nothing that was
    /// not synced.
    pub fn after_loss(&self, chance: &mut dyn FnMut(usize) -> usize) -> Self {
        let dir = directory();
        self.tree.copy_after_loss(dir.path(), chance);
        Self::new(self.disk.image_after_loss(chance), dir, self.liar, self.tree.counts())
    }

    /// Lets a process go on with a story, up to a batch, until the power goes. What the machine may hold then: what was
    /// acknowledged, and that with what was under way.
    ///
    /// # Errors
    /// What the process stopped at although there was power.
    pub fn write(
        &self,
        story: &Story,
        (found, until): (&Held, usize),
        process: Process,
        rng: &mut ChaCha8Rng,
    ) -> Result<[Held; 2], String> {
        let gone_back = found.gone_back(process.program);
        let writer = match self.open() {
            Ok(writer) => writer,
            Err(error) => return self.stopped(&error, [found.clone(), found.clone()]),
        };
        let begun = match writer.begin_stream(request("clip"), process.program) {
            Ok(begun) => begun,
            Err(error) => return self.stopped(&error, [found.clone(), gone_back]),
        };
        let Begun::Resumed(stream, checkpoint) = begun else { return Err(format!("it was begun before: {begun:?}")) };
        if checkpoint.map(|checkpoint| *checkpoint) != gone_back.checkpoint.map(|(batch, _)| checkpoint_at(batch)) {
            return Err("it goes on from another checkpoint".into());
        }
        let mut held = gone_back;
        for index in held.next()..until {
            let batch = story.batch(index, found.batches, process, stream.id);
            let after = held.with(index, process);
            match writer.commit(&[batch]) {
                Ok(_) => held = after,
                Err(error) => return self.stopped(&error, [held, after]),
            }
            let chance = rng.next_u32();
            if chance.is_multiple_of(3)
                && let Err(error) = writer.seal(stream.id, u64::MAX, 20 + chance as usize % 50, false)
            {
                return self.stopped(&error, [held.clone(), held]);
            }
            if chance.is_multiple_of(7)
                && let Err(error) = writer.drop_oldest(stream.id)
            {
                return self.stopped(&error, [held.clone(), held]);
            }
            if chance.is_multiple_of(31)
                && let Err(error) = another_stream(&writer, story, process)
            {
                return self.stopped(&error, [held.clone(), held]);
            }
        }
        Ok([held.clone(), held])
    }

    fn stopped(&self, error: &dyn Display, possible: [Held; 2]) -> Result<[Held; 2], String> {
        if self.power.is_gone() { Ok(possible) } else { Err(error.to_string()) }
    }
}

/// A stream beside the other that comes, is cut off, and is dropped with its files.
fn another_stream(writer: &Writer, story: &Story, process: Process) -> Result<(), Box<dyn std::error::Error>> {
    let (Begun::Fresh(stream) | Begun::Resumed(stream, _)) = writer.begin_stream(request("other"), process.program)?
    else {
        return Err("it never comes to its end".into());
    };
    let observations = story.segment(0, process.number).into_iter().collect();
    let ending = Ending::Failed("cut off".into());
    let outcome = Some(Outcome { ending, frames: 1, frames_expected: None, gaps: 0, duration_us: 0 });
    writer.commit(&[StreamBatch { observations, outcome, ..StreamBatch::of_entries(stream.id, vec![]) }])?;
    Ok(writer.drop_stream(stream.id)?)
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("the disk has room")
}
