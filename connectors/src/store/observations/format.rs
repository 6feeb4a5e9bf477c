//! The bytes of an observation segment: a header of 56 bytes, then the rows, one after the other, as one zstd frame.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `vokg-obs` |
//! | 8 | 4 | format version, little-endian as all numbers here |
//! | 12 | 4 | number of rows |
//! | 16 | 8 | bytes of the rows before compression |
//! | 24 | 32 | BLAKE3 of the 24 bytes before and of what follows |
//!
//! A row is a [`Row`] in postcard's wire format. Equal observations give equal bytes for one version of zstd.

use serde::{Deserialize, Serialize};
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::mask::Mask;
use vokg_engine::observation::Observation;
use vokg_engine::time::Micros;

const MAGIC: [u8; 8] = *b"vokg-obs";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 56;
const ZSTD_LEVEL: i32 = 3;
/// The most bytes the rows of a segment may have before compression.
pub(super) const ROWS_BYTES_MAX: usize = 64 << 20;

/// One observation as it is stored: boxes in sixteenths of a pixel, shares in thousandths, no look.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    t: Micros,
    frame: u64,
    track: u32,
    left_px16: i32,
    top_px16: i32,
    width_px16: i32,
    height_px16: i32,
    score_milli: u16,
    visible_milli: Option<u16>,
    merged: bool,
    mask: Option<Mask>,
}

/// An observation with the number of its frame.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredObservation {
    /// Frames of the stream that were looked at, up to and with this one: 1 for the first.
    pub frame: u64,
    /// What was seen in it.
    pub observation: Observation,
}

/// Why bytes are no observation segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It begins otherwise.
    #[error("it is no observation segment")]
    Magic,
    /// A newer vokg wrote it.
    #[error("it has format {0}, this vokg reads {VERSION}")]
    Version(u32),
    /// It is shorter than its header, or larger than allowed.
    #[error("its length is wrong")]
    Length,
    /// The checksum differs from its own or from the store's.
    #[error("its checksum is wrong")]
    Checksum,
    /// The rows make no sense.
    #[error("its rows have no meaning")]
    Rows,
}

/// The row bytes of an observation in this frame, appended.
pub(super) fn append_row(rows: Vec<u8>, frame: u64, observation: &Observation) -> Vec<u8> {
    let px16 = |px: f32| (px * 16.0).round() as i32;
    let milli = |share: f32| (share.clamp(0.0, 1.0) * 1000.0).round() as u16;
    let row = Row {
        t: observation.t,
        frame,
        track: observation.track.0,
        left_px16: px16(observation.rect.left),
        top_px16: px16(observation.rect.top),
        width_px16: px16(observation.rect.width),
        height_px16: px16(observation.rect.height),
        score_milli: milli(observation.score),
        visible_milli: observation.visible.map(milli),
        merged: observation.merged,
        mask: observation.mask.clone(),
    };
    postcard::to_extend(&row, rows).expect("rows have no field without an encoding")
}

/// The file bytes of `count` rows, and the hash the store keeps of them.
pub(super) fn seal(rows: &[u8], count: u32) -> std::io::Result<(Vec<u8>, [u8; 32])> {
    let body = zstd::bulk::compress(rows, ZSTD_LEVEL)?;
    let mut file = Vec::with_capacity(HEADER_BYTES + body.len());
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&count.to_le_bytes());
    file.extend_from_slice(&(rows.len() as u64).to_le_bytes());
    let hash = checksum(&file, &body);
    file.extend_from_slice(&hash);
    file.extend_from_slice(&body);
    Ok((file, hash))
}

/// The observations of a file whose rows have this hash, in the order in which they were gathered.
pub(super) fn unseal(file: &[u8], expected: &[u8; 32]) -> Result<Vec<StoredObservation>, FormatError> {
    let (header, body) = file.split_at_checked(HEADER_BYTES).ok_or(FormatError::Length)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if header[..8] != MAGIC {
        return Err(FormatError::Magic);
    }
    if number(8) != VERSION {
        return Err(FormatError::Version(number(8)));
    }
    let rows_bytes = number(16) as usize;
    if number(20) != 0 || rows_bytes > ROWS_BYTES_MAX {
        return Err(FormatError::Length);
    }
    if header[24..] != *expected || checksum(&header[..24], body) != *expected {
        return Err(FormatError::Checksum);
    }
    let rows = zstd::bulk::decompress(body, rows_bytes).map_err(|_| FormatError::Rows)?;
    let mut observations = Vec::new();
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let (row, after) = postcard::take_from_bytes::<Row>(rest).map_err(|_| FormatError::Rows)?;
        observations.push(row.into_stored()?);
        rest = after;
    }
    match observations.len() == number(12) as usize {
        true => Ok(observations),
        false => Err(FormatError::Rows),
    }
}

fn checksum(header: &[u8], body: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(header).update(body).finalize().as_bytes()
}

impl Row {
    fn into_stored(self) -> Result<StoredObservation, FormatError> {
        if self.mask.as_ref().is_some_and(|mask| !mask.is_well_formed()) {
            return Err(FormatError::Rows);
        }
        let px = |px16: i32| px16 as f32 / 16.0;
        let observation = Observation {
            t: self.t,
            track: TrackId(self.track),
            rect: Rect::new(px(self.left_px16), px(self.top_px16), px(self.width_px16), px(self.height_px16)),
            score: f32::from(self.score_milli) / 1000.0,
            mask: self.mask,
            visible: self.visible_milli.map(|milli| f32::from(milli) / 1000.0),
            merged: self.merged,
            look: None,
        };
        Ok(StoredObservation { frame: self.frame, observation })
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::observation;
    use super::*;
    use proptest::prelude::*;

    fn sealed(observations: &[Observation]) -> (Vec<u8>, [u8; 32]) {
        let rows = observations.iter().fold(Vec::new(), |rows, observation| append_row(rows, 7, observation));
        seal(&rows, observations.len() as u32).expect("memory has room")
    }

    #[test]
    fn observations_on_the_grid_come_back_as_they_were_and_give_the_same_bytes() {
        let observations: Vec<_> = (0..200).map(|n| observation(n.into(), n % 7, n as f32 * 0.0625)).collect();
        let (file, hash) = sealed(&observations);
        let stored = |observation: &Observation| StoredObservation { frame: 7, observation: observation.clone() };
        assert_eq!(unseal(&file, &hash), Ok(observations.iter().map(stored).collect()));
        assert_eq!(sealed(&observations), (file, hash));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let (file, hash) = sealed(&[observation(1, 2, 3.0), observation(1, 3, 3.0)]);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x40;
            assert!(unseal(&damaged, &hash).is_err(), "byte {at}");
            assert!(unseal(&file[..at], &hash).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn rows_of_any_bytes_never_panic(rows in prop::collection::vec(any::<u8>(), 0..300), count in 0u32..9) {
            let (file, hash) = seal(&rows, count).expect("memory has room");
            let _ = unseal(&file, &hash);
        }
    }
}
