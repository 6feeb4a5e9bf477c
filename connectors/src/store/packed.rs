//! Index rows of sealed entries: sorted rows of numbers, some hundred to a compressed block.
//!
//! A table of its own holds the blocks of each index, keyed by the first row. It is a search tree whose leaves are
//! compressed: a row is looked for in the last block that begins at or before it, new rows are merged into the blocks
//! they belong to. Since keys begin with times or with numbers that rise, new rows go to few blocks.
//!
//! A block is 16 bytes of checksum (the first half of the BLAKE3 hash of what follows), the number of rows and the bytes
//! before compression (both 4 bytes, little-endian), and one zstd frame: for each of the five columns the lengths of
//! its differences, then for each column the differences themselves, zigzag, without leading zero bytes.

use super::error::{CommitError, ReadError};
use super::segment::checksum;
use redb::{ReadableTable, Table};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// Columns of a row. An index that needs fewer leaves the last ones 0.
pub(super) const COLUMNS: usize = 5;
/// A row; its first four columns make it unique.
pub(super) type Row = [u64; COLUMNS];
/// The key of a block: the stream and the first four columns of its first row.
pub(super) type BlockKey = (u32, u64, u64, u64, u64);

const ZSTD_LEVEL: i32 = 3;
const HEADER_BYTES: usize = 24;
/// Bytes that one page of the database holds beside the key and what the page itself needs.
const FITS_BYTES: usize = 4096 - 64;
/// The most rows of a block, also where more would fit a page: whoever looks for one unpacks all.
const ROWS_MAX: usize = 1024;
/// Blocks a reader keeps unpacked.
const CACHED_BLOCKS: usize = 64;

fn block_key(stream: u32, row: &Row) -> BlockKey {
    (stream, row[0], row[1], row[2], row[3])
}

fn pack(rows: &[Row]) -> std::io::Result<Vec<u8>> {
    let (mut lengths, mut numbers) = (Vec::with_capacity(rows.len() * COLUMNS), Vec::with_capacity(rows.len() * 16));
    for column in 0..COLUMNS {
        let mut before = 0u64;
        for row in rows {
            let step = row[column].wrapping_sub(before) as i64;
            before = row[column];
            let zigzag = ((step << 1) ^ (step >> 63)) as u64;
            let length = 8 - zigzag.leading_zeros() as usize / 8;
            lengths.push(length as u8);
            numbers.extend_from_slice(&zigzag.to_le_bytes()[..length]);
        }
    }
    lengths.extend_from_slice(&numbers);
    let body = zstd::bulk::compress(&lengths, ZSTD_LEVEL)?;
    let mut bytes = vec![0; 16];
    bytes.extend_from_slice(&(rows.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(lengths.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&body);
    let sum = checksum(&bytes[16..]);
    bytes[..16].copy_from_slice(&sum);
    Ok(bytes)
}

fn unpack(bytes: &[u8]) -> Result<Vec<Row>, ReadError> {
    let damaged = |what: &str| ReadError::Damaged(format!("a block of sealed index rows: {what}"));
    if bytes.len() < HEADER_BYTES || checksum(&bytes[16..]) != bytes[..16] {
        return Err(damaged("its checksum is wrong"));
    }
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    let (count, raw_bytes) = (number(16), number(20));
    if count > ROWS_MAX || raw_bytes > ROWS_MAX * COLUMNS * 9 {
        return Err(damaged("its length is wrong"));
    }
    let raw =
        zstd::bulk::decompress(&bytes[HEADER_BYTES..], raw_bytes).map_err(|_| damaged("it cannot be unpacked"))?;
    let (lengths, mut numbers) =
        raw.split_at_checked(count * COLUMNS).ok_or_else(|| damaged("its rows have no meaning"))?;
    let mut rows = vec![[0u64; COLUMNS]; count];
    for column in 0..COLUMNS {
        let mut before = 0u64;
        for (row, length) in rows.iter_mut().zip(&lengths[column * count..]) {
            let taken = numbers.split_at_checked(*length as usize).filter(|_| *length <= 8);
            let (own, rest) = taken.ok_or_else(|| damaged("its rows have no meaning"))?;
            let mut eight = [0; 8];
            eight[..own.len()].copy_from_slice(own);
            let zigzag = u64::from_le_bytes(eight);
            before = before.wrapping_add(((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)) as u64);
            row[column] = before;
            numbers = rest;
        }
    }
    Ok(rows)
}

/// Reads one index of one stream. Blocks it meets stay unpacked for a while: for one answer, not longer.
pub(super) struct Packed<T> {
    table: Option<T>,
    stream: u32,
    unpacked: RefCell<BTreeMap<BlockKey, Rc<Vec<Row>>>>,
}

impl<T: ReadableTable<BlockKey, &'static [u8]>> Packed<T> {
    /// The rows of a stream in a table; none where the store has no such table.
    pub fn new(table: Option<T>, stream: u32) -> Self {
        Self { table, stream, unpacked: RefCell::default() }
    }

    /// The rows between two, both included, in order.
    pub fn range(&self, from: Row, to: Row) -> Result<Vec<Row>, ReadError> {
        let mut found = Vec::new();
        self.show(from, to, |row| {
            found.push(row);
            true
        })?;
        Ok(found)
    }

    /// Shows the rows between two, both included, in order, until somebody has seen enough.
    pub fn show(&self, from: Row, to: Row, mut go_on: impl FnMut(Row) -> bool) -> Result<(), ReadError> {
        let Some(table) = &self.table else { return Ok(()) };
        let start = self.last_block(&from)?.unwrap_or((self.stream, 0, 0, 0, 0));
        for block in table.range(start..=block_key(self.stream, &to))? {
            let (key, bytes) = block?;
            let rows = self.block(key.value(), bytes.value())?;
            let first = rows.partition_point(|row| *row < from);
            for row in rows[first..].iter().take_while(|row| **row <= to) {
                if !go_on(*row) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The last row between two, both included.
    pub fn last(&self, from: Row, to: Row) -> Result<Option<Row>, ReadError> {
        let Some(table) = &self.table else { return Ok(None) };
        let Some(key) = self.last_block(&to)? else { return Ok(None) };
        let Some(bytes) = table.get(key)? else { return Ok(None) };
        let rows = self.block(key, bytes.value())?;
        let after = rows.partition_point(|row| *row <= to);
        Ok(after.checked_sub(1).map(|last| rows[last]).filter(|row| *row >= from))
    }

    /// The last block that begins at or before a row.
    fn last_block(&self, row: &Row) -> Result<Option<BlockKey>, ReadError> {
        let Some(table) = &self.table else { return Ok(None) };
        let block = table.range((self.stream, 0, 0, 0, 0)..=block_key(self.stream, row))?.next_back().transpose()?;
        Ok(block.map(|(key, _)| key.value()))
    }

    fn block(&self, key: BlockKey, bytes: &[u8]) -> Result<Rc<Vec<Row>>, ReadError> {
        let mut unpacked = self.unpacked.borrow_mut();
        if let Some(rows) = unpacked.get(&key) {
            return Ok(Rc::clone(rows));
        }
        let rows = Rc::new(unpack(bytes)?);
        if unpacked.len() >= CACHED_BLOCKS {
            unpacked.clear();
        }
        unpacked.insert(key, Rc::clone(&rows));
        Ok(rows)
    }
}

/// Changes an index of a stream: takes rows out and puts rows in. Rows that are there already or not there are no error.
pub(super) fn change(
    table: &mut Table<'_, BlockKey, &'static [u8]>,
    stream: u32,
    put: &BTreeSet<Row>,
    take: &BTreeSet<Row>,
) -> Result<(), CommitError> {
    let mut changes: VecDeque<(Row, bool)> = VecDeque::with_capacity(put.len() + take.len());
    changes.extend(take.iter().map(|row| (*row, false)).chain(put.iter().map(|row| (*row, true))));
    changes.make_contiguous().sort_unstable();
    let all = (stream, 0, 0, 0, 0)..=(stream, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    while let Some((first, _)) = changes.front() {
        let key = block_key(stream, first);
        let own = table.range(*all.start()..=key)?.next_back().transpose()?;
        let own = own.map(|(key, bytes)| Ok::<_, ReadError>((key.value(), unpack(bytes.value())?))).transpose()?;
        let next = match key == *all.end() {
            true => None,
            false => table.range((std::ops::Bound::Excluded(key), std::ops::Bound::Included(*all.end())))?.next(),
        };
        let next = next.transpose()?.map(|(key, _)| key.value());
        let (old_key, old) = own.map_or((None, Vec::new()), |(key, rows)| (Some(key), rows));
        let last = old.last().copied();
        let (mut ahead, mut behind) = (0usize, 0usize);
        let mut old = old.into_iter().peekable();
        let mut rows: Vec<Row> = Vec::with_capacity(old.len());
        while let Some((row, is_new)) =
            changes.pop_front_if(|(row, _)| next.is_none_or(|next| block_key(stream, row) < next))
        {
            while let Some(earlier) = old.next_if(|own| *own < row) {
                rows.push(earlier);
            }
            old.next_if_eq(&row);
            rows.extend(is_new.then_some(row));
            *(if Some(row) > last { &mut behind } else { &mut ahead }) += 1;
        }
        rows.extend(old);
        if let Some(old) = old_key {
            table.remove(old)?;
        }
        // Where rows come at the end, full blocks stay full; elsewhere each half gets room.
        put_blocks(table, stream, &rows, behind >= ahead)?;
    }
    Ok(())
}

/// Writes rows as blocks of about a page each.
fn put_blocks(
    table: &mut Table<'_, BlockKey, &'static [u8]>,
    stream: u32,
    mut rows: &[Row],
    is_full_first: bool,
) -> Result<(), CommitError> {
    let packed = |rows: &[Row]| pack(rows).map_err(|error| ReadError::Damaged(error.to_string()));
    let mut per_block = ROWS_MAX;
    while !rows.is_empty() {
        let mut count = rows.len().min(per_block);
        let mut bytes = packed(&rows[..count])?;
        for _ in 0..8 {
            if bytes.len() <= FITS_BYTES || count == 1 {
                break;
            }
            let fitting = (count * FITS_BYTES * 98 / (bytes.len() * 100)).clamp(1, count - 1);
            count = match is_full_first {
                true => fitting,
                false => rows.len().div_ceil(rows.len().div_ceil(fitting)).clamp(1, count - 1),
            };
            bytes = packed(&rows[..count])?;
        }
        per_block = (count + count / 8).clamp(16, ROWS_MAX);
        table.insert(block_key(stream, &rows[0]), bytes.as_slice())?;
        rows = &rows[count..];
    }
    Ok(())
}

/// Writes all rows of a stream anew, each block full.
pub(super) fn repack(table: &mut Table<'_, BlockKey, &'static [u8]>, stream: u32) -> Result<(), CommitError> {
    let all = (stream, 0, 0, 0, 0)..=(stream, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    for block in table.range(all)? {
        let (key, bytes) = block?;
        keys.push(key.value());
        rows.extend(unpack(bytes.value())?);
    }
    for key in keys {
        table.remove(key)?;
    }
    put_blocks(table, stream, &rows, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use redb::{Database, ReadableDatabase, TableDefinition, backends::InMemoryBackend};

    const TABLE: TableDefinition<'_, BlockKey, &[u8]> = TableDefinition::new("rows");

    fn row() -> impl Strategy<Value = Row> {
        (0u64..4, prop_oneof![0u64..40, any::<u64>()], 0u64..50, any::<u8>())
            .prop_map(|(a, b, c, e)| [a, b, c, u64::from(e % 7), 0])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn blocks_are_a_sorted_set(
            steps in prop::collection::vec((prop::collection::vec(row(), 0..600), prop::collection::vec(0usize..600, 0..40)), 1..6),
            from in row(),
            to in row(),
        ) {
            let database = Database::builder().create_with_backend(InMemoryBackend::new()).expect("there is memory");
            let mut expected: BTreeSet<Row> = BTreeSet::new();
            for (put, taken) in steps {
                let take: BTreeSet<Row> = taken.iter().filter_map(|index| expected.iter().nth(*index).copied()).collect();
                let put: BTreeSet<Row> = put.into_iter().filter(|row| !take.contains(row)).collect();
                let transaction = database.begin_write().expect("nothing else writes");
                {
                    let mut table = transaction.open_table(TABLE).expect("the table is made");
                    for stream in [1, 2] {
                        change(&mut table, stream, &put, &take).expect("there is memory");
                    }
                }
                transaction.commit().expect("there is memory");
                expected.retain(|row| !take.contains(row));
                expected.extend(put);
            }
            let transaction = database.begin_write().expect("nothing else writes");
            repack(&mut transaction.open_table(TABLE).expect("it is there"), 2).expect("there is memory");
            transaction.commit().expect("there is memory");
            for stream in [1, 2] {
                let table = database.begin_read().expect("it is whole").open_table(TABLE).expect("it is there");
                let packed = Packed::new(Some(table), stream);
                let all = packed.range([0; COLUMNS], [u64::MAX; COLUMNS]).expect("it is whole");
                prop_assert_eq!(&all, &expected.iter().copied().collect::<Vec<_>>());
                let (low, high) = (from.min(to), from.max(to));
                let inside: Vec<Row> = expected.range(low..=high).copied().collect();
                prop_assert_eq!(packed.last(low, high).expect("it is whole"), inside.last().copied());
                prop_assert_eq!(packed.range(low, high).expect("it is whole"), inside);
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(unpack(&bytes).is_err());
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let bytes = pack(&[[1, 2, 3, 4, 5], [1, 2, 3, 5, 0], [u64::MAX; 5]]).expect("memory is no disk");
        assert_eq!(unpack(&bytes).expect("it was just made").len(), 3);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(unpack(&flipped).is_err(), "byte {at}");
        }
    }
}
