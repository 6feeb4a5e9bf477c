//! The bytes of a sealed stretch of a log: some hundred entries as one zstd frame behind a checksum.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | the first half of the BLAKE3 hash of all that follows |
//! | 4 | entries, little-endian as all numbers here |
//! | 4 | bytes of the rows before compression, at most 1 MiB and a row |
//! | 8 | place of the last entry; that of the first is the key |
//! | 8, 8 | least and greatest time at which an entry was decided |
//! | 8 | stored bytes of all segments the stream had before this one |
//! | rest | zstd frame of the rows: difference of the place, length (both as LEB128), record bytes |
//!
//! How many rows a segment takes is chosen so that it just fills pages of the database: a value alone on its pages
//! wastes what it leaves of them.

use super::error::ReadError;
use super::schema::RECORD_BYTES_MAX;
use vokg_engine::time::Micros;

const ZSTD_LEVEL: i32 = 3;
const HEADER_BYTES: usize = 56;
/// The most bytes the rows of a segment have before compression, unless a single one is larger.
const ROWS_BYTES_MAX: usize = 64 << 10;
/// Bytes of a page of the database, and of one with a single value those that the key and the page itself need.
const PAGE: (usize, usize) = (4096, 64);
/// Bytes of rows in the smallest segment that is sealed before a stream has ended.
pub(super) const FULL_ROWS_BYTES: usize = 56 << 10;

/// An entry on its way into a segment: its place, when it was decided, its record bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentRow {
    pub place: u64,
    pub t: Micros,
    pub record: Vec<u8>,
}

/// What is known of a segment without unpacking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub entries: u32,
    pub last_place: u64,
    pub first_us: Micros,
    pub last_us: Micros,
    pub bytes_before: u64,
}

/// A segment, unpacked.
#[derive(Debug)]
pub(super) struct Segment {
    bytes: Vec<u8>,
    /// Place, and where the record begins and ends in `bytes`.
    rows: Vec<(u64, u32, u32)>,
}

impl Segment {
    /// Places and records, in order.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (u64, &[u8])> {
        self.rows.iter().map(|(place, from, to)| (*place, &self.bytes[*from as usize..*to as usize]))
    }

    /// The last entry at or before a place.
    pub fn at_or_before(&self, place: u64) -> Option<(u64, &[u8])> {
        let after = self.rows.partition_point(|(own, ..)| *own <= place);
        let (place, from, to) = *self.rows.get(after.checked_sub(1)?)?;
        Some((place, &self.bytes[from as usize..to as usize]))
    }

    /// The record at a place.
    pub fn get(&self, place: u64) -> Option<&[u8]> {
        self.at_or_before(place).filter(|(own, _)| *own == place).map(|(_, record)| record)
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(self.rows.as_slice())
    }
}

/// As many of the first rows as make one good segment, and its bytes. `rows` is not empty, and `are_last` where none will
/// ever follow them; `bytes_before` is what the segments of the stream had until now.
pub(super) fn seal(rows: &[SegmentRow], are_last: bool, bytes_before: u64) -> std::io::Result<(usize, Vec<u8>)> {
    let mut count = 0;
    let mut raw = 0;
    while count < rows.len() && (count == 0 || raw + rows[count].record.len() + 8 <= ROWS_BYTES_MAX) {
        raw += rows[count].record.len() + 8;
        count += 1;
    }
    let mut bytes = pack(&rows[..count], bytes_before)?;
    let taken = taken_bytes(bytes.len());
    // What fills its pages badly is cut in proportion to half of them; the last cut is for rows that compress worse than
    // most.
    if bytes.len() * 10 < taken * 9 && taken > PAGE.0 && !(are_last && count == rows.len()) {
        let fits = taken / 2 - PAGE.1;
        for _ in 0..4 {
            if bytes.len() <= fits || count == 1 {
                break;
            }
            count = (count * fits * 98 / (bytes.len() * 100)).clamp(1, count - 1);
            bytes = pack(&rows[..count], bytes_before)?;
        }
    }
    Ok((count, bytes))
}

/// Bytes of the pages that a value of this length takes: a power of two of them.
fn taken_bytes(length: usize) -> usize {
    (length + PAGE.1).div_ceil(PAGE.0).next_power_of_two() * PAGE.0
}

fn pack(rows: &[SegmentRow], bytes_before: u64) -> std::io::Result<Vec<u8>> {
    let mut raw = Vec::with_capacity(rows.iter().map(|row| row.record.len() + 8).sum());
    let first = rows.first().map_or(0, |row| row.place);
    let mut before = first;
    for row in rows {
        put_number(&mut raw, row.place - before);
        put_number(&mut raw, row.record.len() as u64);
        raw.extend_from_slice(&row.record);
        before = row.place;
    }
    let times = || rows.iter().map(|row| row.t);
    let body = zstd::bulk::compress(&raw, ZSTD_LEVEL)?;
    let mut bytes = vec![0; 16];
    bytes.extend_from_slice(&(rows.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&before.to_le_bytes());
    bytes.extend_from_slice(&times().min().unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(&times().max().unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(&bytes_before.to_le_bytes());
    bytes.extend_from_slice(&body);
    let sum = checksum(&bytes[16..]);
    bytes[..16].copy_from_slice(&sum);
    Ok(bytes)
}

/// What the header of a segment says. Its checksum is not looked at.
pub(super) fn header(bytes: &[u8]) -> Result<SegmentHeader, ReadError> {
    let number = |at: usize| bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).map(u64::from_le_bytes);
    let entries = bytes.get(16..20).and_then(|part| part.try_into().ok()).map(u32::from_le_bytes);
    match (entries, number(24), number(32), number(40), number(48)) {
        (Some(entries), Some(last_place), Some(first_us), Some(last_us), Some(bytes_before)) => {
            Ok(SegmentHeader { entries, last_place, first_us, last_us, bytes_before })
        }
        _ => Err(damaged("it is shorter than its header")),
    }
}

/// The entries of the segment whose first one has this place.
pub(super) fn unseal(first: u64, bytes: &[u8]) -> Result<Segment, ReadError> {
    let header = header(bytes)?;
    if checksum(&bytes[16..]) != bytes[..16] {
        return Err(damaged("its checksum is wrong"));
    }
    let raw_bytes = u32::from_le_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]) as usize;
    if raw_bytes > ROWS_BYTES_MAX + RECORD_BYTES_MAX + 32 {
        return Err(damaged("its length is wrong"));
    }
    let raw =
        zstd::bulk::decompress(&bytes[HEADER_BYTES..], raw_bytes).map_err(|_| damaged("it cannot be unpacked"))?;
    let mut rows = Vec::with_capacity((header.entries as usize).min(raw.len()));
    let (mut at, mut place) = (0usize, first);
    while at < raw.len() {
        let row = || -> Option<(u64, u32, u32)> {
            let (step, after) = take_number(&raw, at)?;
            let (length, from) = take_number(&raw, after)?;
            let to = from.checked_add(usize::try_from(length).ok()?).filter(|to| *to <= raw.len())?;
            Some((place.checked_add(step)?, from as u32, to as u32))
        };
        let (own, from, to) = row().ok_or_else(|| damaged("its rows have no meaning"))?;
        rows.push((own, from, to));
        (place, at) = (own, to as usize);
    }
    if rows.len() != header.entries as usize || place != header.last_place {
        return Err(damaged("its rows differ from its header"));
    }
    Ok(Segment { bytes: raw, rows })
}

/// The first half of the BLAKE3 hash.
pub(super) fn checksum(bytes: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    half
}

fn damaged(what: &str) -> ReadError {
    ReadError::Damaged(format!("a sealed segment: {what}"))
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A number at a place in the bytes, and where it ends.
fn take_number(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(lengths: &[usize]) -> Vec<SegmentRow> {
        let row = |(index, length): (usize, &usize)| SegmentRow {
            place: (1 << 40) + 3 * index as u64,
            t: 100 + index as u64,
            record: (0..*length).map(|i| (i * 31 + index * 7) as u8).collect(),
        };
        lengths.iter().enumerate().map(row).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn entries_come_back(lengths in prop::collection::vec(0usize..300, 1..400)) {
            let rows = rows(&lengths);
            let mut left = rows.as_slice();
            while !left.is_empty() {
                let (count, bytes) = seal(left, left.len().is_multiple_of(2), 9).expect("memory is no disk");
                prop_assert!((1..=left.len()).contains(&count));
                let segment = unseal(left[0].place, &bytes).expect("it was just made");
                let back: Vec<_> = segment.rows().map(|(place, record)| (place, record.to_vec())).collect();
                let meant: Vec<_> = left[..count].iter().map(|row| (row.place, row.record.clone())).collect();
                prop_assert_eq!(back, meant);
                let about = header(&bytes).expect("it was just made");
                prop_assert_eq!((about.first_us, about.last_us, about.bytes_before), (left[0].t, left[count - 1].t, 9));
                prop_assert_eq!(segment.get(left[0].place), Some(left[0].record.as_slice()));
                prop_assert_eq!(segment.get(left[0].place + 1), None);
                left = &left[count..];
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), first in any::<u64>()) {
            prop_assert!(unseal(first, &bytes).is_err());
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let (_, bytes) = seal(&rows(&[20, 30, 40]), true, 0).expect("memory is no disk");
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(unseal(1 << 40, &flipped).is_err(), "byte {at}");
        }
    }
}
