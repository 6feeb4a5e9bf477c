//! All relations of one stream: frames of tracks in, changes of evidence out.

use super::SpanChange;
use super::candidates::Candidates;
use super::config::RelateConfig;
use super::pairs::{Changes, Moment, Pairs};
use super::pose::{Motion, Pose, Windows};
use super::relation::Registry;
use std::collections::{BTreeMap, VecDeque};
use vokg_engine::geometry::Size;
use vokg_engine::id::TrackId;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::time::{Micros, micros_from_secs};

/// Most frames kept for tracks that are confirmed later.
const RECENT_MAX: usize = 240;

/// Judges every pair of tracks in every frame and tells what evidence begins and ends.
///
/// A track that is confirmed late is related from its first sighting on: its earlier sightings are replayed against
/// the recent frames, and what began then is stated now, with its true beginning.
pub struct Relations {
    windows: Windows,
    interpolate_us: Micros,
    replay_us: Micros,
    crowd_gap: f64,
    /// Live tracks.
    tracks: BTreeMap<TrackId, Motion>,
    pairs: Pairs,
    recent: VecDeque<Recent>,
    rhythm: Rhythm,
}

/// A frame that later confirmed tracks are compared with.
struct Recent {
    t: Micros,
    frame: Option<Size>,
    poses: Vec<Pose>,
}

/// The times of the last frames.
#[derive(Default)]
struct Rhythm {
    last_us: Option<Micros>,
    period_us: Option<Micros>,
}

impl Relations {
    /// The relations that ship with vokg.
    pub fn new(config: RelateConfig) -> Self {
        let registry = Registry::builtin(&config);
        Self::with_registry(config, registry)
    }

    /// Any relations. Of `config`, only what concerns no relation in particular is read.
    pub fn with_registry(config: RelateConfig, registry: Registry) -> Self {
        Self {
            windows: Windows::new(&config.measure),
            interpolate_us: micros_from_secs(config.measure.interpolate_secs),
            replay_us: micros_from_secs(config.measure.replay_secs),
            crowd_gap: config.measure.crowd_gap,
            tracks: BTreeMap::new(),
            pairs: Pairs::new(registry),
            recent: VecDeque::new(),
            rhythm: Rhythm::default(),
        }
    }

    /// Takes the next frame. The answer depends on the frames alone, not on the order of the observations in them.
    ///
    /// A frame that is not later than the one before is ignored.
    pub fn on_frame(&mut self, frame: &TrackedFrame) -> Vec<SpanChange> {
        if self.rhythm.last_us.is_some_and(|last| frame.t <= last) {
            return Vec::new();
        }
        let mut changes = Changes::default();
        if frame.end {
            self.pairs.end(frame.t, &mut changes);
            self.tracks.clear();
            self.recent.clear();
            return changes.stated;
        }
        for (track, _) in &frame.ended {
            self.tracks.remove(track);
            self.pairs.forget(*track, &mut changes);
        }
        let pause_us = self.rhythm.longest_pause(frame.t, self.interpolate_us);
        if self.rhythm.is_hole(frame.t, pause_us) {
            self.pairs.pause_all(&mut changes);
        }
        self.replay(&frame.confirmed, pause_us, &mut changes);
        let poses = self.judge(frame, pause_us, &mut changes);
        self.pairs.number(&mut changes);
        self.remember(Recent { t: frame.t, frame: frame.size, poses });
        self.rhythm.tick(frame.t);
        changes.stated
    }

    /// Judges what is seen in this frame.
    fn judge(&mut self, frame: &TrackedFrame, pause_us: Micros, changes: &mut Changes) -> Vec<Pose> {
        let mut seen: Vec<&Observation> = frame.seen.iter().collect();
        seen.sort_by_key(|observation| observation.track);
        seen.dedup_by_key(|observation| observation.track);
        let mut poses: Vec<Pose> = seen
            .iter()
            .map(|seen| self.tracks.entry(seen.track).or_default().observe(seen, frame.size, &self.windows))
            .collect();

        let candidates = Candidates::new(&poses, self.pairs.reaches(self.crowd_gap));
        let mut crowded = vec![false; poses.len()];
        for &(i, j) in candidates.close() {
            if is_crowd(&poses[i], &poses[j], self.crowd_gap) {
                (crowded[i], crowded[j]) = (true, true);
            }
        }
        for (pose, crowded) in poses.iter_mut().zip(crowded) {
            if let Some(motion) = self.tracks.get_mut(&pose.track) {
                motion.look(pose, frame.t, frame.size, crowded);
            }
        }
        let moment = Moment { t: frame.t, frame: frame.size, poses: &poses, pause_us };
        if self.tracks.len() > poses.len() {
            self.pairs.pause_unseen(moment, |_, _| true, changes);
        }
        self.pairs.judge(moment, |_, _| true, |i, row| candidates.row(i, row), changes);
        poses
    }

    /// Relates tracks that are confirmed now to what was seen when they were.
    fn replay(&mut self, confirmed: &[Observation], pause_us: Micros, changes: &mut Changes) {
        if confirmed.is_empty() {
            return;
        }
        let mut earlier: Vec<&Observation> = confirmed.iter().collect();
        earlier.sort_by_key(|observation| (observation.t, observation.track));
        earlier.dedup_by_key(|observation| (observation.t, observation.track));
        let mut earlier = earlier.into_iter().peekable();
        let mut new: Vec<TrackId> = confirmed.iter().map(|observation| observation.track).collect();
        new.sort_unstable();
        new.dedup();
        let is_new = |track: TrackId| new.binary_search(&track).is_ok();

        for past in &mut self.recent {
            while let Some(seen) = earlier.next_if(|seen| seen.t <= past.t) {
                let motion = self.tracks.entry(seen.track).or_default();
                let mut pose = motion.observe(seen, past.frame, &self.windows);
                let crowded = past.poses.iter().any(|other| is_crowd(&pose, other, self.crowd_gap));
                motion.look(&mut pose, seen.t, past.frame, crowded);
                // What is older than the recent frames fills the windows only.
                if seen.t == past.t {
                    let at = past.poses.partition_point(|other| other.track < pose.track);
                    past.poses.insert(at, pose);
                }
            }
            let moment = Moment { t: past.t, frame: past.frame, poses: &past.poses, pause_us };
            let involved = |a: TrackId, b: TrackId| is_new(a) || is_new(b);
            self.pairs.pause_unseen(moment, involved, changes);
            let row = |i: usize, row: &mut Vec<usize>| {
                let a = past.poses[i].track;
                row.extend((i + 1..past.poses.len()).filter(|j| involved(a, past.poses[*j].track)));
            };
            self.pairs.judge(moment, involved, row, changes);
        }
    }

    fn remember(&mut self, frame: Recent) {
        let oldest_us = frame.t.saturating_sub(self.replay_us);
        self.recent.push_back(frame);
        while self.recent.len() > RECENT_MAX || self.recent.front().is_some_and(|past| past.t < oldest_us) {
            self.recent.pop_front();
        }
    }
}

/// Whether two boxes are so close that one may hide the other.
fn is_crowd(a: &Pose, b: &Pose, gap: f64) -> bool {
    f64::from(a.rect.gap(&b.rect)) <= gap * a.pair_size_px(b)
}

impl Rhythm {
    /// The longest pause evidence survives: as configured, but in a stream of few frames one and a half of its periods,
    /// so that evidence spans from each frame to the next.
    fn longest_pause(&self, t: Micros, interpolate_us: Micros) -> Micros {
        let period_us = self.period_us.or(self.last_us.map(|last| t - last)).unwrap_or(0);
        interpolate_us.max(period_us + period_us / 2)
    }

    /// Whether too much is missing between the last frame and `t`.
    fn is_hole(&self, t: Micros, pause_us: Micros) -> bool {
        self.last_us.is_some_and(|last| t - last > pause_us)
    }

    fn tick(&mut self, t: Micros) {
        self.period_us = self.last_us.map(|last| t - last);
        self.last_us = Some(t);
    }
}
