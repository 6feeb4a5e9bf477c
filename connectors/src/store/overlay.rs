//! A database file that is only read: what the database writes to it stays in memory.
//!
//! So the database can be repaired and checked to the last page where nothing may be changed: on a medium that cannot be
//! written, and by whoever only wants to know whether it is whole.

use redb::StorageBackend;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are kept in memory as one.
const PAGE: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Overlay {
    file: File,
    changed: Mutex<Changed>,
}

#[derive(Debug)]
struct Changed {
    length: u64,
    /// What of the file is still to be seen: it may have been cut.
    visible: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, changed: Mutex::new(Changed { length, visible: length, pages: BTreeMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page of the file with this number; zeros where it has none.
    fn page(&self, number: u64, visible: u64) -> io::Result<Vec<u8>> {
        let mut page = vec![0; PAGE as usize];
        let there = visible.saturating_sub(number * PAGE).min(PAGE) as usize;
        self.file.read_exact_at(&mut page[..there], number * PAGE)?;
        Ok(page)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changed = self.lock();
        let end = offset.checked_add(out.len() as u64).filter(|end| *end <= changed.length);
        let end = end.ok_or(ErrorKind::UnexpectedEof)?;
        let in_file = changed.visible.saturating_sub(offset).min(out.len() as u64) as usize;
        self.file.read_exact_at(&mut out[..in_file], offset)?;
        out[in_file..].fill(0);
        for (number, page) in changed.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let from = (number * PAGE).max(offset);
            let to = ((number + 1) * PAGE).min(end);
            let own = &page[(from - number * PAGE) as usize..(to - number * PAGE) as usize];
            out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(own);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut changed = self.lock();
        changed.length = len;
        changed.visible = changed.visible.min(len);
        changed.pages.retain(|number, _| number * PAGE < len);
        let cut = (len % PAGE) as usize;
        if let Some(last) = changed.pages.get_mut(&(len / PAGE)) {
            last[cut..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut changed = self.lock();
        let end = offset + data.len() as u64;
        changed.length = changed.length.max(end);
        for number in offset / PAGE..end.div_ceil(PAGE) {
            let (from, to) = ((number * PAGE).max(offset), ((number + 1) * PAGE).min(end));
            if !changed.pages.contains_key(&number) {
                let page = self.page(number, changed.visible)?;
                changed.pages.insert(number, page);
            }
            if let Some(page) = changed.pages.get_mut(&number) {
                let own = &data[(from - offset) as usize..(to - offset) as usize];
                page[(from - number * PAGE) as usize..(to - number * PAGE) as usize].copy_from_slice(own);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn it_behaves_like_a_file_and_leaves_the_file_alone(
            begins in 0usize..20_000,
            steps in prop::collection::vec((0u8..3, 0u64..20_000, 0usize..9_000), 0..30),
        ) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let path = dir.path().join("file");
            let mut expected: Vec<u8> = (0..begins).map(|i| (i * 7) as u8).collect();
            let original = expected.clone();
            std::fs::write(&path, &expected).expect("the disk has room");
            let overlay = Overlay::new(File::open(&path).expect("it was made")).expect("it has a length");
            for (index, (what, at, length)) in steps.into_iter().enumerate() {
                match what {
                    0 => {
                        let data: Vec<u8> = (0..length).map(|i| (i + index) as u8).collect();
                        let end = at as usize + length;
                        expected.resize(expected.len().max(end), 0);
                        expected[at as usize..end].copy_from_slice(&data);
                        overlay.write(at, &data).expect("memory is no disk");
                    }
                    1 => {
                        expected.resize(at as usize, 0);
                        overlay.set_len(at).expect("memory is no disk");
                    }
                    _ => {
                        let mut found = vec![9; length];
                        let read = overlay.read(at, &mut found);
                        match expected.get(at as usize..at as usize + length) {
                            Some(bytes) => prop_assert_eq!(found, bytes),
                            None => prop_assert!(read.is_err()),
                        }
                    }
                }
                prop_assert_eq!(overlay.len().expect("it has a length"), expected.len() as u64);
            }
            prop_assert_eq!(std::fs::read(&path).expect("it is there"), original);
        }
    }
}
