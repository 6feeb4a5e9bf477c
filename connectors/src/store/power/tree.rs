//! Files beside the database on a disk that forgets bytes, names and directories that were not synced.
//!
//! Nothing is promised that POSIX does not promise: the sync of a file makes its bytes durable and not its name, the sync
//! of a directory the names in it and not its own, and of what was not synced any part may be there, in any order. Only
//! a rename takes place whole or not at all.

use super::disk::SECTOR;
use super::supply::{Device, Power};
use crate::store::files::{Files, SystemFiles};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files in a directory of the system, where reads find them as they are without a loss. Clones share them.
#[derive(Clone)]
pub struct Tree {
    root: PathBuf,
    nodes: Arc<Mutex<Nodes>>,
    power: Power,
    /// Syncs do nothing but say they did.
    is_lying: bool,
}

#[derive(Default)]
struct Nodes {
    /// By number. A file keeps its number under another name.
    files: Vec<Content>,
    /// By path. None is renamed, and none is made again once it was removed.
    dirs: BTreeMap<PathBuf, Names>,
}

#[derive(Default)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Dir,
}

/// What names stand for after one call, each for nothing where it was taken away.
type Renaming = Vec<(PathBuf, Option<Node>)>;

#[derive(Default)]
struct Names {
    current: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// Since the last sync.
    unsynced: Vec<Renaming>,
}

impl Names {
    fn change(&mut self, renaming: Renaming) {
        apply(&mut self.current, &renaming);
        self.unsynced.push(renaming);
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Node>, renaming: &Renaming) {
    for (path, node) in renaming {
        match node {
            Some(node) => drop(names.insert(path.clone(), *node)),
            None => drop(names.remove(path)),
        }
    }
}

impl Tree {
    /// The files that are in a directory, all durable.
    pub fn new(root: &Path, power: Power, is_lying: bool) -> Self {
        let mut nodes = Nodes::default();
        nodes.take_in(root);
        Self { root: root.to_owned(), nodes: Arc::new(Mutex::new(nodes)), power, is_lying }
    }

    /// Copies the files, as they are without a loss, into an empty directory.
    pub fn copy_to(&self, target: &Path) {
        let nodes = self.lock();
        self.copy(&self.root, target, &|dir| nodes.dirs[dir].current.clone(), &|file| {
            nodes.files[file].current.clone()
        });
    }

    /// Copies what is found after a power loss into an empty directory.
    pub fn copy_after_loss(&self, target: &Path, rng: &mut ChaCha8Rng) {
        let nodes = self.lock();
        let contents: Vec<Vec<u8>> = nodes.files.iter().map(|content| content.after_loss(rng)).collect();
        let mut names: BTreeMap<PathBuf, BTreeMap<PathBuf, Node>> = BTreeMap::new();
        for (dir, entries) in &nodes.dirs {
            let mut left = entries.durable.clone();
            for renaming in entries.unsynced.iter().filter(|_| rng.next_u32().is_multiple_of(2)) {
                apply(&mut left, renaming);
            }
            names.insert(dir.clone(), left);
        }
        self.copy(&self.root, target, &|dir| names[dir].clone(), &|file| contents[file].clone());
    }

    fn copy(
        &self,
        dir: &Path,
        target: &Path,
        names: &dyn Fn(&Path) -> BTreeMap<PathBuf, Node>,
        bytes: &dyn Fn(usize) -> Vec<u8>,
    ) {
        for (path, node) in names(dir) {
            let to = target.join(path.strip_prefix(&self.root).expect("it lies below"));
            match node {
                Node::File(file) => fs::write(&to, bytes(file)).expect("the disk has room"),
                Node::Dir => {
                    fs::create_dir(&to).expect("the disk has room");
                    self.copy(&path, target, names, bytes);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, act: impl FnOnce(&mut Nodes) -> io::Result<T>) -> io::Result<T> {
        self.power.call(Device::Files)?;
        act(&mut self.lock())
    }
}

impl Content {
    /// The durable bytes where nothing was written since; otherwise sectors of both, or none, at either length.
    fn after_loss(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        if self.current == self.durable {
            return self.durable.clone();
        }
        let lengths = [self.current.len(), self.durable.len()];
        let mut left = self.durable.clone();
        left.resize(lengths[rng.next_u32() as usize % 2], 0);
        for (index, sector) in left.chunks_mut(SECTOR).enumerate() {
            let written = self.current.get(index * SECTOR..).unwrap_or_default();
            let length = sector.len().min(written.len());
            if rng.next_u32().is_multiple_of(2) {
                sector[..length].copy_from_slice(&written[..length]);
            }
        }
        left
    }
}

impl Nodes {
    fn take_in(&mut self, dir: &Path) {
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(dir).expect("it is a directory") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                self.take_in(&path);
                names.insert(path, Node::Dir);
            } else {
                let current = fs::read(&path).expect("it is there");
                names.insert(path, Node::File(self.files.len()));
                self.files.push(Content { durable: current.clone(), current });
            }
        }
        self.dirs.insert(dir.to_owned(), Names { durable: names.clone(), current: names, unsynced: Vec::new() });
    }

    /// The names in the directory of a path.
    fn around(&mut self, path: &Path) -> io::Result<&mut Names> {
        path.parent().and_then(|dir| self.dirs.get_mut(dir)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, path: &Path) -> io::Result<usize> {
        match self.around(path)?.current.get(path) {
            Some(Node::File(file)) => Ok(*file),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Files for Tree {
    fn make_dirs(&self, dir: &Path) -> io::Result<()> {
        let below = |above: &&Path| above.starts_with(&self.root) && *above != self.root;
        let mut absent: Vec<&Path> = dir.ancestors().filter(below).filter(|above| !above.is_dir()).collect();
        while let Some(dir) = absent.pop() {
            self.call(|nodes| {
                nodes.around(dir)?.change(vec![(dir.to_owned(), Some(Node::Dir))]);
                nodes.dirs.insert(dir.to_owned(), Names::default());
                fs::create_dir(dir)
            })?;
        }
        Ok(())
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.call(|nodes| {
            let number = match nodes.file(file) {
                Ok(number) => number,
                Err(_) => {
                    let number = nodes.files.len();
                    nodes.files.push(Content::default());
                    nodes.around(file)?.change(vec![(file.to_owned(), Some(Node::File(number)))]);
                    number
                }
            };
            nodes.files[number].current = bytes.to_vec();
            SystemFiles.write(file, bytes)
        })
    }

    fn sync(&self, file: &Path) -> io::Result<()> {
        self.call(|nodes| {
            let number = nodes.file(file)?;
            if !self.is_lying {
                nodes.files[number].durable = nodes.files[number].current.clone();
            }
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent(), "files stay in their directory");
        self.call(|nodes| {
            let number = nodes.file(from)?;
            let renaming = vec![(from.to_owned(), None), (to.to_owned(), Some(Node::File(number)))];
            nodes.around(from)?.change(renaming);
            SystemFiles.rename(from, to)
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(|nodes| {
            let names = nodes.dirs.get_mut(dir).ok_or(io::ErrorKind::NotFound)?;
            if !self.is_lying {
                names.durable = names.current.clone();
                names.unsynced.clear();
            }
            Ok(())
        })
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.call(|nodes| {
            nodes.file(file)?;
            nodes.around(file)?.change(vec![(file.to_owned(), None)]);
            SystemFiles.remove(file)
        })
    }

    fn remove_tree(&self, dir: &Path) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            match path.is_dir() {
                true => self.remove_tree(&path)?,
                false => self.remove(&path)?,
            }
        }
        self.call(|nodes| {
            nodes.around(dir)?.change(vec![(dir.to_owned(), None)]);
            fs::remove_dir(dir)
        })
    }
}
