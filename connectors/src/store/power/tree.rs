//! Files beside the database on a disk that forgets bytes, names and directories that were not synced.
//!
//! What POSIX does not promise is not promised: the sync of a file makes its bytes durable and not its name, the sync of
//! a directory the names in it and not its own, and of what was not synced any part may be there. Only a rename takes
//! place whole or not at all.

use super::disk::SECTOR;
use super::supply::{Device, Liar, Power};
use crate::store::files::{Files, SystemFiles, Unsynced};
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
    liar: Option<Liar>,
}

/// How often that happened which a test is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// A file was removed.
    pub removed: u32,
    /// A directory was.
    pub dirs_removed: u32,
    /// A file took the name of another.
    pub replaced: u32,
    /// The power went while bytes were not synced.
    pub losses_of_bytes: u32,
    /// The power went while names were not.
    pub losses_of_names: u32,
}

#[derive(Default)]
struct Nodes {
    /// By number. A file keeps its number under another name.
    files: Vec<Content>,
    /// By path. None is renamed, and none is made again once it was removed.
    dirs: BTreeMap<PathBuf, Names>,
    counts: Counts,
}

#[derive(Default)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
    is_dirty: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Dir,
}

/// What names stand for after one call, each for nothing where it was taken away.
type Change = Vec<(PathBuf, Option<Node>)>;

#[derive(Default)]
struct Names {
    current: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// Since the last sync.
    unsynced: Vec<Change>,
}

impl Names {
    fn change(&mut self, change: Change) {
        apply(&mut self.current, &change);
        self.unsynced.push(change);
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Node>, change: &Change) {
    for (path, node) in change {
        match node {
            Some(node) => drop(names.insert(path.clone(), *node)),
            None => drop(names.remove(path)),
        }
    }
}

impl Tree {
    /// The files that are in a directory, all durable.
    pub fn new(root: &Path, power: Power, liar: Option<Liar>, counts: Counts) -> Self {
        let mut nodes = Nodes { counts, ..Nodes::default() };
        nodes.take_in(root);
        Self { root: root.to_owned(), nodes: Arc::new(Mutex::new(nodes)), power, liar }
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Copies the files, as they are without a loss, into an empty directory.
    pub fn copy_to(&self, target: &Path) {
        let nodes = self.lock();
        let names = |dir: &Path| nodes.dirs[dir].current.clone();
        self.copy(&self.root, target, &names, &|file| nodes.files[file].current.clone());
    }

    /// Copies what is found after a power loss into an empty directory. `chance` gives a number below its limit each
    /// time; zeros leave nothing that was not synced.
    pub fn copy_after_loss(&self, target: &Path, chance: &mut dyn FnMut(usize) -> usize) {
        let mut nodes = self.lock();
        nodes.counts.losses_of_bytes += u32::from(nodes.files.iter().any(|content| content.is_dirty));
        nodes.counts.losses_of_names += u32::from(nodes.dirs.values().any(|names| !names.unsynced.is_empty()));
        let contents: Vec<Vec<u8>> = nodes.files.iter().map(|content| content.after_loss(chance)).collect();
        let mut left: BTreeMap<&Path, BTreeMap<PathBuf, Node>> = BTreeMap::new();
        for (dir, names) in &nodes.dirs {
            let mut durable = names.durable.clone();
            for change in names.unsynced.iter().filter(|_| chance(2) == 1) {
                apply(&mut durable, change);
            }
            left.insert(dir, durable);
        }
        self.copy(&self.root, target, &|dir| left[dir].clone(), &|file| contents[file].clone());
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

    /// Changes the bytes of a file, which is made where it is absent.
    fn fill(&self, file: &Path, bytes: &[u8]) -> io::Result<usize> {
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
            (nodes.files[number].current, nodes.files[number].is_dirty) = (bytes.to_vec(), true);
            fs::write(file, bytes)?;
            Ok(number)
        })
    }
}

impl Content {
    /// The durable bytes where nothing was written since. Otherwise some length up to the greater one, and in it sectors
    /// of what was durable, of what was written, and of nothing.
    fn after_loss(&self, chance: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
        if !self.is_dirty {
            return self.durable.clone();
        }
        let longest = self.current.len().max(self.durable.len());
        let length = match chance(4) {
            0 => 0,
            1 => self.durable.len(),
            2 => self.current.len(),
            _ => chance(longest + 1),
        };
        let mut left = vec![0; length];
        for (index, sector) in left.chunks_mut(SECTOR).enumerate() {
            let from: &[u8] = match chance(3) {
                0 => &[],
                1 => &self.durable,
                _ => &self.current,
            };
            let from = from.get(index * SECTOR..).unwrap_or_default();
            let length = sector.len().min(from.len());
            sector[..length].copy_from_slice(&from[..length]);
        }
        left
    }
}

impl Nodes {
    fn take_in(&mut self, dir: &Path) {
        let mut names = BTreeMap::new();
        let entries = fs::read_dir(dir).expect("it is a directory");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.take_in(&path);
                names.insert(path, Node::Dir);
            } else {
                let current = fs::read(&path).expect("it is there");
                names.insert(path, Node::File(self.files.len()));
                self.files.push(Content { durable: current.clone(), current, is_dirty: false });
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
                assert!(!nodes.dirs.contains_key(dir), "it was removed before");
                nodes.around(dir)?.change(vec![(dir.to_owned(), Some(Node::Dir))]);
                nodes.dirs.insert(dir.to_owned(), Names::default());
                fs::create_dir(dir)
            })?;
        }
        Ok(())
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<Box<dyn Unsynced>> {
        self.fill(file, &[])?;
        self.fill(file, &bytes[..bytes.len() / 2])?;
        let number = self.fill(file, bytes)?;
        Ok(Box::new(Written { tree: self.clone(), number }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent(), "files stay in their directory");
        self.call(|nodes| {
            let number = nodes.file(from)?;
            nodes.counts.replaced += u32::from(nodes.file(to).is_ok());
            nodes.around(from)?.change(vec![(from.to_owned(), None), (to.to_owned(), Some(Node::File(number)))]);
            SystemFiles.rename(from, to)
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(|nodes| {
            let names = nodes.dirs.get_mut(dir).ok_or(io::ErrorKind::NotFound)?;
            if self.liar != Some(Liar::Names) {
                names.durable = names.current.clone();
                names.unsynced.clear();
            }
            Ok(())
        })
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.call(|nodes| {
            nodes.file(file)?;
            nodes.counts.removed += 1;
            nodes.around(file)?.change(vec![(file.to_owned(), None)]);
            SystemFiles.remove(file)
        })
    }

    fn remove_tree(&self, dir: &Path) -> io::Result<()> {
        let mut paths: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        for path in paths {
            match path.is_dir() {
                true => self.remove_tree(&path)?,
                false => self.remove(&path)?,
            }
        }
        self.call(|nodes| {
            nodes.counts.dirs_removed += 1;
            nodes.around(dir)?.change(vec![(dir.to_owned(), None)]);
            fs::remove_dir(dir)
        })
    }
}

/// A file of the tree that was written.
struct Written {
    tree: Tree,
    number: usize,
}

impl Unsynced for Written {
    fn sync(&self) -> io::Result<()> {
        let does_nothing = self.tree.liar == Some(Liar::Bytes);
        self.tree.call(|nodes| {
            let content = &mut nodes.files[self.number];
            if !does_nothing {
                (content.durable, content.is_dirty) = (content.current.clone(), false);
            }
            Ok(())
        })
    }
}
