//! Reads observations back, in order of time, one or two segments in memory at a time.

use super::SegmentRef;
use super::format::unseal;
use super::write::segment_dir;
use crate::store::error::ReadError;
use crate::store::open::Store;
use crate::store::schema::{OBSERVATIONS, from_row};
use crate::store::stream::StreamId;
use std::fs;
use std::iter::Peekable;
use std::ops::Range;
use std::path::PathBuf;
use vokg_engine::id::TrackId;
use vokg_engine::observation::Observation;
use vokg_engine::time::Micros;

impl Store {
    /// The observations of a stream within a stretch of media time, ordered by (time, track).
    ///
    /// Boxes come back as they were on the grid of 1/16 pixel, scores and shares in thousandths; looks are not kept.
    /// What was seen in the last ten seconds of a stream that is still running may be missing.
    ///
    /// # Errors
    /// Where there is no such stream or the database cannot be read; while iterating, where a file is absent or
    /// damaged. Nothing follows an error.
    pub fn observations(&self, stream: StreamId, range: Range<Micros>) -> Result<Observations, ReadError> {
        let name = self.stream(stream)?.name;
        let mut segments = Vec::new();
        let table = self.read()?.open_table(OBSERVATIONS)?;
        for row in table.range((stream.0, 0)..=(stream.0, u32::MAX))? {
            let segment: SegmentRef = from_row("observations", row?.1.value())?;
            if segment.first_us < range.end && segment.last_us >= range.start {
                segments.push(segment);
            }
        }
        Ok(Observations::new(segment_dir(self.dir(), stream, &name), segments, range))
    }
}

/// Iterates over stored observations; see [`Store::observations`].
pub struct Observations {
    dir: PathBuf,
    range: Range<Micros>,
    /// Segments that are still to be read, the next one last, each with the earliest time in it or any after it.
    unread: Vec<(SegmentRef, Micros)>,
    /// Rows of segments that were read, each in order.
    read: Vec<Peekable<std::vec::IntoIter<Observation>>>,
}

impl Observations {
    fn new(dir: PathBuf, segments: Vec<SegmentRef>, range: Range<Micros>) -> Self {
        let mut earliest = Micros::MAX;
        let mut unread = Vec::with_capacity(segments.len());
        for segment in segments.into_iter().rev() {
            earliest = earliest.min(segment.first_us);
            unread.push((segment, earliest));
        }
        // Built from the back for the running minimum, which leaves the first segment last, where it is popped.
        Self { dir, range, unread, read: Vec::new() }
    }

    /// The reader that has the earliest observation, with its time.
    fn earliest(&mut self) -> Option<(usize, Micros)> {
        let heads = self.read.iter_mut().enumerate();
        let heads = heads.filter_map(|(index, rows)| rows.peek().map(|row| ((row.t, row.track), index)));
        let ((t, _), index): ((Micros, TrackId), usize) = heads.min()?;
        Some((index, t))
    }

    fn load(&self, segment: &SegmentRef) -> Result<Vec<Observation>, ReadError> {
        let path = self.dir.join(segment.file_name());
        let bytes = fs::read(&path).map_err(|source| ReadError::Io { source, path: path.clone() })?;
        let damaged = |error| ReadError::Damaged(format!("{error}: {}", path.display()));
        let mut rows = unseal(&bytes, &segment.hash).map_err(damaged)?;
        rows.retain(|row| self.range.contains(&row.t));
        rows.sort_by_key(|row| (row.t, row.track));
        Ok(rows)
    }
}

impl Iterator for Observations {
    type Item = Result<Observation, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let earliest = self.earliest();
            let may_be_earlier = |(_, t): &mut (SegmentRef, Micros)| earliest.is_none_or(|(_, head)| *t <= head);
            match (self.unread.pop_if(may_be_earlier), earliest) {
                (Some((segment, _)), _) => match self.load(&segment) {
                    Ok(rows) => self.read.push(rows.into_iter().peekable()),
                    Err(error) => {
                        self.unread.clear();
                        self.read.clear();
                        return Some(Err(error));
                    }
                },
                (None, Some((index, _))) => {
                    let row = self.read[index].next();
                    if self.read[index].peek().is_none() {
                        drop(self.read.swap_remove(index));
                    }
                    return row.map(Ok);
                }
                (None, None) => return None,
            }
        }
    }
}
