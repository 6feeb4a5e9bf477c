//! What a stream has to say, and how much of it a store holds.

use super::machine::Machine;
use crate::store::check::{CheckReport, look};
use crate::store::history::{folds, random_batches, random_log, settling_log};
use crate::store::observations::samples::{frame, observation};
use crate::store::{NewCheckpoint, ObservationBuffer, ObservationSegment, ProgramId, StreamBatch, StreamId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use vokg_engine::observation::Observation;
use vokg_engine::record::{LogEntry, Record};
use vokg_engine::runtime::checkpoint::Checkpoint;
use vokg_engine::time::Micros;

/// Every how many batches one ends a segment of observations, and one has a checkpoint.
const SEGMENT_EVERY: usize = 2;
const CHECKPOINT_EVERY: usize = 5;
/// Sightings in a segment: their file takes several sectors.
const SIGHTINGS: u32 = 500;

/// A process that writes a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// What it sees differs a little from what the others see, so that it is known who wrote a file.
    pub number: u32,
    /// Its build: it does not understand the checkpoints of another.
    pub program: ProgramId,
}

/// What a stream has to say, batch by batch.
pub struct Story {
    pub batches: Vec<Vec<LogEntry>>,
}

/// How much of a story a store is to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Batches whose entries it has.
    pub batches: usize,
    /// The process that wrote each segment of observations.
    pub segments: Vec<u32>,
    /// The batch that has the latest checkpoint, and whose it is.
    pub checkpoint: Option<(usize, ProgramId)>,
}

impl Held {
    /// Once a process has committed a batch.
    pub fn with(&self, batch: usize, process: Process) -> Self {
        let mut held = self.clone();
        held.batches = held.batches.max(batch + 1);
        if Story::has_segment(batch) {
            held.segments.push(process.number);
        }
        if Story::has_checkpoint(batch) {
            held.checkpoint = Some((batch, process.program));
        }
        held
    }

    /// Once a program has taken it up: what was seen since its checkpoint is written again.
    pub fn gone_back(&self, program: ProgramId) -> Self {
        let mut held = self.clone();
        held.checkpoint = held.checkpoint.filter(|(_, whose)| *whose == program);
        held.segments.truncate(held.next() / SEGMENT_EVERY);
        held
    }

    /// The batch that comes after the checkpoint.
    pub fn next(&self) -> usize {
        self.checkpoint.map_or(0, |(batch, _)| batch + 1)
    }
}

impl Story {
    /// A log with corrections, of which nothing is dropped, and one that settles, of which most is.
    pub fn both() -> [Self; 2] {
        [random_log(4, 200), settling_log(300)].map(|log| Self { batches: random_batches(4, &log) })
    }

    fn has_segment(batch: usize) -> bool {
        batch % SEGMENT_EVERY == SEGMENT_EVERY - 1
    }

    fn has_checkpoint(batch: usize) -> bool {
        batch % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1
    }

    /// What a process sees in a segment. It ends with the log of its batch.
    fn seen(&self, segment: usize, process: u32) -> Vec<Observation> {
        let entries = &self.batches[segment * SEGMENT_EVERY + SEGMENT_EVERY - 1];
        let t = entries.last().map_or(0, |entry| match &entry.record {
            Record::Progress(progress) => progress.lower,
            Record::Delta(delta) => delta.t,
        });
        let mut rng = ChaCha8Rng::seed_from_u64(segment as u64 * 1_000 + u64::from(process));
        (0..SIGHTINGS).map(|track| observation(t, track, (rng.next_u32() % 16_000) as f32 / 16.0)).collect()
    }

    /// The same, to be stored.
    pub fn segment(&self, segment: usize, process: u32) -> Option<ObservationSegment> {
        let mut buffer = ObservationBuffer::default();
        let seen = self.seen(segment, process);
        buffer.push(&frame(seen.first()?.t, seen, vec![]));
        buffer.finish()
    }

    /// A batch as it is committed by a process that found so many batches in the log.
    pub fn batch(&self, index: usize, in_log: usize, process: Process, stream: StreamId) -> StreamBatch {
        let entries = if index < in_log { Vec::new() } else { self.batches[index].clone() };
        let segment = Self::has_segment(index).then(|| self.segment(index / SEGMENT_EVERY, process.number)).flatten();
        let checkpoint = Self::has_checkpoint(index).then(|| checkpoint_at(index));
        let checkpoint = checkpoint.map(|checkpoint| NewCheckpoint { program: process.program, checkpoint });
        let observations = segment.into_iter().collect();
        StreamBatch { observations, checkpoint, ..StreamBatch::of_entries(stream, entries) }
    }

    /// Whether a machine holds so much of it, whole, and nothing that does not belong to it. Changes nothing.
    ///
    /// # Errors
    /// What does not fit, for people.
    pub fn fits(&self, machine: &Machine, held: &Held) -> Result<(), String> {
        let copy = machine.copy();
        let writer = copy.open()?;
        let store = writer.store();
        let told = |error: crate::store::ReadError| error.to_string();
        let stream = store.find_stream("clip").map_err(told)?.ok_or("the stream is not there")?;
        let mut report = CheckReport::default();
        look(store, &mut report).map_err(told)?;
        if let Some(problem) = report.problems.first() {
            return Err(problem.clone());
        }
        let oldest = store.oldest(stream.id).map_err(told)?;
        let (dropped, from_us) = oldest.map_or((0, 0), |oldest| (oldest.entries as usize, oldest.t_us));
        let log: Vec<LogEntry> = store.entries(stream.id, None).collect::<Result<_, _>>().map_err(told)?;
        let whole = self.batches[..held.batches].concat();
        let entries = whole.len();
        if whole.get(dropped..) != Some(&log[..]) {
            return Err(format!("{dropped} entries were dropped and {} are there of {entries}", log.len()));
        }
        let at = from_us.max(400_000);
        let graph = folds(&whole).pop().unwrap_or_default();
        if store.graph(stream.id, Some(at), None).map_err(told)? != graph.at(at) {
            return Err(format!("the graph at {at} us is another"));
        }
        let rows = store.observations(stream.id, from_us..Micros::MAX).map_err(told)?;
        let seen: Vec<Observation> =
            rows.map(|row| row.map(|row| row.observation)).collect::<Result<_, _>>().map_err(told)?;
        let all = held.segments.iter().enumerate().flat_map(|(segment, process)| self.seen(segment, *process));
        if !all.filter(|seen| seen.t >= from_us).eq(seen) || stream.head.next_segment as usize != held.segments.len() {
            return Err("what was seen is another".into());
        }
        match store.checkpoint_us(stream.id).map_err(told)?.map(|t| t as usize) {
            found if found == held.checkpoint.map(|(batch, _)| batch) => Ok(()),
            found => Err(format!("the checkpoint is that of batch {found:?}")),
        }
    }
}

/// What is remembered after a batch: more than fits into a page of the database.
pub fn checkpoint_at(batch: usize) -> Checkpoint {
    let mut rng = ChaCha8Rng::seed_from_u64(batch as u64);
    let mut state = vec![0; 6_000];
    rng.fill_bytes(&mut state);
    Checkpoint { t: batch as Micros, parts: [("track".to_owned(), state)].into() }
}
