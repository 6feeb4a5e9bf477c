//! All relations of one stream: frames of tracks in, changes of evidence out.

use super::SpanChange;
use super::candidates::Candidates;
use super::config::RelateConfig;
use super::hidden::{Before, Hidden, first_sightings};
use super::pair::Delays;
use super::pairs::{Changes, Moment, Pairs};
use super::pose::{Motion, Pose, Windows};
use super::relation::Registry;
use super::trail::STEP_US;
use super::zones::Zones;
use crate::ground::Ground;
use crate::influence::Influences;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use vokg_engine::evidence::{Detail, EvidenceSpan, RelationKind};
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
#[derive(Serialize, Deserialize)]
pub struct Relations {
    #[serde(skip)]
    windows: Windows,
    #[serde(skip)]
    delays: Delays,
    interpolate_us: Micros,
    replay_us: Micros,
    crowd_gap: f64,
    ground: Ground,
    /// Live tracks.
    tracks: BTreeMap<TrackId, Motion>,
    pairs: Pairs,
    recent: VecDeque<Recent>,
    rhythm: Rhythm,
    zones: Zones,
    hidden: Hidden,
    influences: Influences,
}

/// A frame that later confirmed tracks are compared with.
#[derive(Serialize, Deserialize)]
struct Recent {
    t: Micros,
    frame: Option<Size>,
    poses: Vec<Pose>,
    /// The trails had grown since the frame before.
    new_step: bool,
}

/// The times of the last frames.
#[derive(Default, Serialize, Deserialize)]
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
            delays: Delays::new(&config.measure),
            interpolate_us: micros_from_secs(config.measure.interpolate_secs),
            replay_us: micros_from_secs(config.measure.replay_secs),
            crowd_gap: config.measure.crowd_gap,
            ground: Ground::default(),
            tracks: BTreeMap::new(),
            pairs: Pairs::new(registry, &config.measure),
            recent: VecDeque::new(),
            rhythm: Rhythm::default(),
            zones: Zones::new(&config),
            hidden: Hidden::new(&config),
            influences: Influences::new(config.influence),
        }
    }

    /// Goes on where others with the same configuration and registry were.
    pub fn resume(self, other: Self) -> Self {
        Self {
            windows: self.windows,
            delays: self.delays,
            pairs: self.pairs.resume(other.pairs),
            zones: self.zones.resume(other.zones),
            hidden: self.hidden.resume(other.hidden),
            influences: self.influences.resume(other.influences),
            ..other
        }
    }

    /// Takes the next frame. The answer depends on the frames alone, not on the order of the observations in them; it is
    /// ordered by number, what is taken back before what is stated.
    ///
    /// A frame that is not later than the one before is ignored.
    pub fn on_frame(&mut self, frame: &TrackedFrame) -> Vec<SpanChange> {
        if self.rhythm.last_us.is_some_and(|last| frame.t <= last) {
            return Vec::new();
        }
        let mut changes = Changes::default();
        self.ground.on_frame(frame);
        if frame.end {
            self.pairs.end(frame.t, &mut changes);
            self.zones.on_frame(frame, 0, changes.stated());
            self.hidden.end(frame.t, changes.stated());
            self.pairs.number(&mut self.hidden, &mut changes);
            self.influence(frame, &mut changes);
            self.tracks.clear();
            self.recent.clear();
            return changes.into_stated();
        }
        let pause_us = self.rhythm.longest_pause(frame.t, self.interpolate_us);
        self.windows.set_pause(self.rhythm.longest_motion_pause(frame.t, self.interpolate_us));
        let hole = self.rhythm.is_hole(frame.t, pause_us);
        // Before what held of the tracks that end is forgotten.
        let seen = self.hidden.seen(&frame.seen);
        self.lose(frame.t, &seen, pause_us, |_, _| true);
        for (track, _) in &frame.ended {
            self.tracks.remove(track);
            self.pairs.forget(*track, (!hole).then_some(frame.t), &mut changes);
        }
        if hole {
            self.pairs.pause_all(&mut changes);
        }
        self.zones.on_frame(frame, pause_us, changes.stated());
        let sightings = frame.confirmed.iter().chain(&frame.seen);
        let newcomers = first_sightings(sightings, |track| self.tracks.contains_key(&track));
        self.replay(&frame.confirmed, pause_us, &mut changes);
        if !frame.confirmed.is_empty() {
            let is_new = |track: TrackId| frame.confirmed.iter().any(|seen| seen.track == track);
            self.lose(frame.t, &seen, pause_us, |a, b| is_new(a) || is_new(b));
        }
        let new_step = self.rhythm.last_us.is_none_or(|last| last / STEP_US != frame.t / STEP_US);
        let poses = self.judge(frame, pause_us, new_step, &mut changes);
        self.hidden.step(frame.t, &poses, pause_us, |_, _| true, changes.stated());
        for first in newcomers {
            let cover_at =
                |cover| pose_at(&self.recent, first.t, cover).or_else(|| find(&poses, cover)).map(|p| p.rect);
            self.hidden.appear(first, frame.t, cover_at, changes.stated());
        }
        self.pairs.number(&mut self.hidden, &mut changes);
        let pairs = &mut self.pairs;
        self.zones.number(|| pairs.next_number(), changes.stated());
        self.influence(frame, &mut changes);
        self.remember(Recent { t: frame.t, frame: frame.size, poses, new_step });
        self.rhythm.tick(frame.t);
        changes.into_stated()
    }

    /// What is out of sight.
    #[cfg(test)]
    pub(super) fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// Begins with what is out of sight since the last frame.
    fn lose(&mut self, t: Micros, seen: &[TrackId], pause_us: Micros, involved: impl Fn(TrackId, TrackId) -> bool) {
        if let Some(last) = self.recent.back().filter(|last| last.t + pause_us >= t) {
            let before = Before { t: last.t, poses: &last.poses };
            let pairs = &self.pairs;
            let occluded = |cover, thing| pairs.held_at(RelationKind::OCCLUDES, cover, thing, last.t, pause_us);
            self.hidden.lose(before, seen, involved, occluded);
        }
    }

    /// States whose movement foretold whose, where a window closed.
    fn influence(&mut self, frame: &TrackedFrame, changes: &mut Changes) {
        for found in self.influences.on_frame(frame) {
            let span = EvidenceSpan {
                kind: RelationKind::INFLUENCES,
                a: found.leader,
                b: found.follower,
                from_us: found.from_us,
                number: self.pairs.next_number(),
                to_us: Some(found.to_us),
                confidence_milli: found.gain_milli,
                detail: Detail { lag_ms: Some(found.lag_ms), p_ppm: Some(found.p_ppm), rightwards: None },
            };
            changes.stated().push(SpanChange { span, diff: 1 });
        }
    }

    /// Judges what is seen in this frame.
    fn judge(&mut self, frame: &TrackedFrame, pause_us: Micros, new_step: bool, changes: &mut Changes) -> Vec<Pose> {
        let mut seen: Vec<&Observation> = frame.seen.iter().collect();
        seen.sort_by_key(|observation| observation.track);
        seen.dedup_by_key(|observation| observation.track);
        let mut poses: Vec<Pose> = seen
            .iter()
            .map(|seen| {
                let ground = self.ground.under(seen.t, &seen.rect);
                self.tracks.entry(seen.track).or_default().observe(seen, ground, frame.size, &self.windows)
            })
            .collect();

        let left = self.pairs.left_at(frame.t);
        poses.iter_mut().for_each(|pose| pose.left = left.contains(&pose.track));
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
        let moment = Moment {
            t: frame.t,
            frame: frame.size,
            poses: &poses,
            pause_us,
            motions: &self.tracks,
            new_step,
            delays: self.delays,
        };
        if self.tracks.len() > poses.len() || self.pairs.has_lone() {
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

        let mut before: Option<Before<'_>> = None;
        for past in &mut self.recent {
            while let Some(seen) = earlier.next_if(|seen| seen.t <= past.t) {
                let motion = self.tracks.entry(seen.track).or_default();
                let ground = self.ground.under(seen.t, &seen.rect);
                let mut pose = motion.observe(seen, ground, past.frame, &self.windows);
                let crowded = past.poses.iter().any(|other| is_crowd(&pose, other, self.crowd_gap));
                motion.look(&mut pose, seen.t, past.frame, crowded);
                // What is older than the recent frames fills the windows only.
                if seen.t == past.t {
                    let at = past.poses.partition_point(|other| other.track < pose.track);
                    past.poses.insert(at, pose);
                }
            }
            let moment = Moment {
                t: past.t,
                frame: past.frame,
                poses: &past.poses,
                pause_us,
                motions: &self.tracks,
                new_step: past.new_step,
                delays: self.delays,
            };
            let involved = |a: TrackId, b: TrackId| is_new(a) || is_new(b);
            if let Some(before) = before.filter(|before| before.t + pause_us >= past.t) {
                let pairs = &self.pairs;
                let occluded = |cover, thing| pairs.held_at(RelationKind::OCCLUDES, cover, thing, before.t, pause_us);
                self.hidden.lose(before, &self.hidden.seen_of(&past.poses), involved, occluded);
            }
            self.pairs.pause_unseen(moment, involved, changes);
            let row = |i: usize, row: &mut Vec<usize>| {
                let a = past.poses[i].track;
                row.extend((i + 1..past.poses.len()).filter(|j| involved(a, past.poses[*j].track)));
            };
            self.pairs.judge(moment, involved, row, changes);
            self.hidden.step(past.t, &past.poses, pause_us, involved, changes.stated());
            before = Some(Before { t: past.t, poses: &past.poses });
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

/// A track in one of these frames.
fn pose_at(recent: &VecDeque<Recent>, t: Micros, track: TrackId) -> Option<&Pose> {
    find(&recent.iter().rev().find(|past| past.t == t)?.poses, track)
}

fn find(poses: &[Pose], track: TrackId) -> Option<&Pose> {
    poses.binary_search_by_key(&track, |pose| pose.track).ok().map(|at| &poses[at])
}

/// Whether two boxes are so close that one may hide the other.
fn is_crowd(a: &Pose, b: &Pose, gap: f64) -> bool {
    f64::from(a.rect.gap(&b.rect)) <= gap * a.pair_size_px(b)
}

impl Rhythm {
    /// The longest time between two sightings that evidence survives. A sighting stands for the time up to the next frame, so
    /// that is a period more than what is interpolated; in a stream of very few frames one and a half of its periods, so that
    /// evidence spans from each frame to the next.
    fn longest_pause(&self, t: Micros, interpolate_us: Micros) -> Micros {
        let period_us = self.period(t);
        (interpolate_us + period_us).max(period_us + period_us / 2)
    }

    /// The longest pause motion is read over: none where already the frames are further apart than what is interpolated.
    fn longest_motion_pause(&self, t: Micros, interpolate_us: Micros) -> Micros {
        let period_us = self.period(t);
        if period_us > interpolate_us { interpolate_us } else { interpolate_us + period_us }
    }

    fn period(&self, t: Micros) -> Micros {
        self.period_us.or(self.last_us.map(|last| t - last)).unwrap_or(0)
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

#[cfg(test)]
mod tests;
