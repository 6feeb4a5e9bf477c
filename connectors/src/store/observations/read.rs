//! Reads observations back, in order of time, one or two segments in memory at a time.

use super::SegmentRef;
use super::format::{StoredObservation, unseal};
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

impl Store {
    /// The segments of a stream by number, with their files and checksums.
    pub(in crate::store) fn observation_files(
        &self,
        stream: StreamId,
    ) -> Result<Vec<(u32, ObservationFile)>, ReadError> {
        let name = self.stream(stream)?.name;
        let dir = segment_dir(self.dir(), stream, &name);
        let table = self.read()?.open_table(OBSERVATIONS)?;
        let mut files = Vec::new();
        for row in table.range((stream.0, 0)..=(stream.0, u32::MAX))? {
            let (key, value) = row?;
            let reference: SegmentRef = from_row("observations", value.value())?;
            files.push((key.value().1, ObservationFile { path: dir.join(reference.file_name()), reference }));
        }
        Ok(files)
    }

    /// Reads a segment and compares it with its checksum and its times; its bytes.
    pub(in crate::store) fn read_observation_file(&self, file: &ObservationFile) -> Result<u64, ReadError> {
        let path = &file.path;
        let bytes = fs::read(path).map_err(|source| ReadError::Io { source, path: path.clone() })?;
        let damaged = |what: String| ReadError::Damaged(format!("{what}: {}", path.display()));
        let rows = unseal(&bytes, &file.reference.hash).map_err(|error| damaged(error.to_string()))?;
        let times = file.reference.first_us..=file.reference.last_us;
        match rows.iter().find(|row| !times.contains(&row.observation.t)) {
            Some(row) => {
                Err(damaged(format!("it has an observation at {} us, outside of its times", row.observation.t)))
            }
            None => Ok(bytes.len() as u64),
        }
    }
}

/// A segment on disk, as a transaction refers to it.
pub(in crate::store) struct ObservationFile {
    pub path: PathBuf,
    reference: SegmentRef,
}

/// Iterates over stored observations; see [`Store::observations`].
pub struct Observations {
    dir: PathBuf,
    range: Range<Micros>,
    /// Segments that are still to be read, the next one last, each with the earliest time in it or any after it.
    unread: Vec<(SegmentRef, Micros)>,
    /// Rows of segments that were read, each in order.
    read: Vec<Peekable<std::vec::IntoIter<StoredObservation>>>,
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
        let heads = heads.filter_map(|(index, rows)| rows.peek().map(|row| (place(row), index)));
        let ((t, _), index): ((Micros, TrackId), usize) = heads.min()?;
        Some((index, t))
    }

    fn load(&self, segment: &SegmentRef) -> Result<Vec<StoredObservation>, ReadError> {
        let path = self.dir.join(segment.file_name());
        let bytes = fs::read(&path).map_err(|source| ReadError::Io { source, path: path.clone() })?;
        let damaged = |error| ReadError::Damaged(format!("{error}: {}", path.display()));
        let mut rows = unseal(&bytes, &segment.hash).map_err(damaged)?;
        rows.retain(|row| self.range.contains(&row.observation.t));
        rows.sort_by_key(place);
        Ok(rows)
    }
}

fn place(row: &StoredObservation) -> (Micros, TrackId) {
    (row.observation.t, row.observation.track)
}

impl Iterator for Observations {
    type Item = Result<StoredObservation, ReadError>;

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

#[cfg(test)]
mod tests {
    use super::super::samples::{frame, frames, observation};
    use super::super::{ObservationBuffer, SEGMENT_US};
    use super::*;
    use crate::store::StreamBatch;
    use crate::store::history::{begin, open};
    use proptest::prelude::*;
    use vokg_engine::observation::Observation;

    fn batch(stream: StreamId, segment: super::super::ObservationSegment) -> StreamBatch {
        StreamBatch { observations: vec![segment], ..StreamBatch::of_entries(stream, vec![]) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_seen_comes_back_in_order(frames in frames(), from in 0u64..40_000_000, length in 0u64..40_000_000) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let writer = open(dir.path());
            let stream = begin(&writer, "clip");
            let mut buffer = ObservationBuffer::default();
            let mut segments: Vec<_> = frames.iter().filter_map(|frame| buffer.push(frame)).collect();
            segments.extend(buffer.finish());
            for segment in segments {
                writer.commit(&[batch(stream, segment)]).expect("the disk has room");
            }
            let range = from..from + length;
            let number = |t| frames.iter().filter(|frame| frame.t <= t).count() as u64;
            let all = frames.iter().flat_map(|frame| frame.confirmed.iter().chain(&frame.seen));
            let inside = all.filter(|seen| range.contains(&seen.t));
            let stored = |seen: &Observation| StoredObservation { frame: number(seen.t), observation: seen.clone() };
            let mut expected: Vec<_> = inside.map(stored).collect();
            expected.sort_by_key(place);
            let found: Result<Vec<_>, _> = writer.store().observations(stream, range).expect("it exists").collect();
            prop_assert_eq!(found.expect("the files are whole"), expected);
        }
    }

    #[test]
    fn a_damaged_file_is_named_and_orphans_are_swept() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let mut buffer = ObservationBuffer::default();
        buffer.push(&frame(1, vec![observation(1, 1, 0.0)], vec![]));
        let segment = buffer.push(&frame(SEGMENT_US, vec![], vec![])).expect("ten seconds are over");
        writer.commit(&[batch(stream, segment)]).expect("the disk has room");
        let files = dir.path().join("observations").join("1-clip");
        let file = files.join("1-000000.zst");
        let orphans = ["1-000001.zst", "1-000001.tmp", "2-000002.zst", "2-000003.tmp"].map(|name| files.join(name));
        orphans.iter().for_each(|orphan| fs::write(orphan, "left behind").expect("the disk has room"));
        drop(writer);
        let writer = open(dir.path());
        assert!(file.exists() && orphans.iter().all(|orphan| !orphan.exists()));

        let mut bytes = fs::read(&file).expect("it exists");
        *bytes.last_mut().expect("it has bytes") ^= 1;
        fs::write(&file, bytes).expect("the disk has room");
        let mut observations = writer.store().observations(stream, 0..9).expect("it exists");
        let error = observations.next().and_then(Result::err).map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("checksum") && error.contains("1-000000.zst"), "{error}");
        assert!(observations.next().is_none());
    }
}
