//! All relations of one stream: frames of tracks in, changes of evidence out.

use super::SpanChange;
use super::candidates::Candidates;
use super::config::RelateConfig;
use super::hidden::{Before, Hidden, first_sightings};
use super::pairs::{Changes, Moment, Pairs};
use super::pose::{Motion, Pose, Windows};
use super::relation::Registry;
use super::trail::STEP_US;
use super::zones::Zones;
use crate::ground::Ground;
use crate::influence::Influences;
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
pub struct Relations {
    windows: Windows,
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
            ground: Ground::default(),
            tracks: BTreeMap::new(),
            pairs: Pairs::new(registry),
            recent: VecDeque::new(),
            rhythm: Rhythm::default(),
            zones: Zones::new(&config),
            hidden: Hidden::new(&config),
            influences: Influences::new(config.influence),
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
        let poses = self.judge(frame, pause_us, &mut changes);
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
        self.remember(Recent { t: frame.t, frame: frame.size, poses });
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
    fn judge(&mut self, frame: &TrackedFrame, pause_us: Micros, changes: &mut Changes) -> Vec<Pose> {
        let mut seen: Vec<&Observation> = frame.seen.iter().collect();
        seen.sort_by_key(|observation| observation.track);
        seen.dedup_by_key(|observation| observation.track);
        let mut poses: Vec<Pose> = seen
            .iter()
            .map(|seen| {
                let ground = self.ground.under(seen.t, &seen.rect);
                self.tracks.entry(seen.track).or_default().observe(seen, &ground, frame.size, &self.windows)
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
        let new_step = self.rhythm.last_us.is_none_or(|last| last / STEP_US != frame.t / STEP_US);
        let moment = Moment { t: frame.t, frame: frame.size, poses: &poses, pause_us, motions: &self.tracks, new_step };
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

        let mut last_us = None;
        let mut before: Option<Before<'_>> = None;
        for past in &mut self.recent {
            let new_step = last_us.is_none_or(|last: Micros| last / STEP_US != past.t / STEP_US);
            last_us = Some(past.t);
            while let Some(seen) = earlier.next_if(|seen| seen.t <= past.t) {
                let motion = self.tracks.entry(seen.track).or_default();
                let ground = self.ground.under(seen.t, &seen.rect);
                let mut pose = motion.observe(seen, &ground, past.frame, &self.windows);
                let crowded = past.poses.iter().any(|other| is_crowd(&pose, other, self.crowd_gap));
                motion.look(&mut pose, seen.t, past.frame, crowded);
                // What is older than the recent frames fills the windows only.
                if seen.t == past.t {
                    let at = past.poses.partition_point(|other| other.track < pose.track);
                    past.poses.insert(at, pose);
                }
            }
            let moment =
                Moment { t: past.t, frame: past.frame, poses: &past.poses, pause_us, motions: &self.tracks, new_step };
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
mod tests {
    use super::super::SpanChange;
    use super::super::near::Near;
    use super::super::testing::{Chance, apply, clip, end, frame, held, history, run, seen};
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::geometry::{Affine, Rect};
    use vokg_engine::segment::CameraMotion;

    fn relations() -> Relations {
        Relations::new(RelateConfig::default())
    }

    fn near() -> Near {
        Near::new(&RelateConfig::default().near)
    }

    /// Two squares of size 20 with a gap between them.
    fn two(gap: f32) -> Vec<Observation> {
        vec![seen(0, 1, 0.0, 0.0, 20.0, 20.0), seen(0, 2, 20.0 + gap, 0.0, 20.0, 20.0)]
    }

    #[test]
    fn evidence_is_stated_when_it_begins_is_believed_and_ends() {
        let mut relations = relations();
        let mut stated = Vec::new();
        // The gap opens and closes by 40 pixels a second and is half a size at 0.5 s; three quarters at 2.125 s.
        for frame in clip(2.6, |s| two((30.0 - 40.0 * s).max(5.0).max(40.0 * s - 70.0) as f32)) {
            let changes = relations.on_frame(&frame);
            let near = changes.iter().filter(|c| c.span.kind == RelationKind::NEAR);
            stated.extend(near.map(|c| (frame.t / 1000, c.diff, c.span.from_us / 1000, c.span.to_us)));
        }
        // Judged by the mean over half a second, dated back by a quarter; then believed, with its confidence; then ended.
        let [begun, _, believed, _, ended] = stated[..] else { panic!("{stated:?}") };
        assert_eq!((begun, believed.0), ((800, 1, 550, None), 1200));
        assert_eq!(ended, (ended.0, 1, 550, Some(ended.0 * 1000 - 250_000)));
    }

    #[test]
    fn what_the_camera_does_is_no_movement_of_things() {
        // One walks up to another at a size a second while the camera pans along with it.
        let walks = |s: f64, pan: f32| {
            let (x, y) = (20.0 * s as f32, 60.0);
            vec![seen(0, 1, 200.0 + x - pan, y, 20.0, 20.0), seen(0, 2, 340.0 - pan, y, 20.0, 20.0)]
        };
        let still = clip(5.0, |s| walks(s, 0.0));
        let mut panned = clip(5.0, |s| walks(s, 40.0 * s as f32));
        for frame in &mut panned[1..] {
            frame.size = Some(Size { width: 640, height: 360 });
            frame.camera = CameraMotion::Moved(Affine::translation(-1.6, 0.0));
        }
        let spans = |frames: &[TrackedFrame]| {
            let spans = spans_of(frames).into_iter();
            spans.map(|s| (s.kind.to_string(), s.a.0, s.b.0, s.from_us, s.to_us)).collect::<Vec<_>>()
        };
        let seen_still = spans(&still);
        assert!(seen_still.iter().any(|(kind, a, ..)| kind == "APPROACHES" && *a == 1), "{seen_still:?}");
        assert_eq!(spans(&panned), seen_still);
    }

    #[test]
    fn an_unseen_track_closes_its_evidence_until_it_is_back() {
        let hidden = |from: f64, to: f64| {
            clip(3.0, move |s| if (from..to).contains(&s) { two(5.0)[..1].to_vec() } else { two(5.0) })
        };
        assert_eq!(held(near(), &hidden(1.0, 1.4)), [(1, 2, 0, Some(2960))]);
        assert_eq!(held(near(), &hidden(1.0, 1.6)), [(1, 2, 0, Some(1000)), (1, 2, 1600, Some(2960))]);
        assert_eq!(held(near(), &hidden(1.0, 1.4)[..35]), [(1, 2, 0, None)], "nothing could end by it");
        assert_eq!(held(near(), &hidden(1.0, 1.44)[..36]), [(1, 2, 0, Some(1000))], "closed meanwhile");
    }

    #[test]
    fn a_track_that_ends_takes_its_evidence_along() {
        let mut frames = clip(2.0, |s| if s < 1.0 { two(5.0) } else { two(5.0)[..1].to_vec() });
        frames[40].ended.push((TrackId(2), 960_000));
        let mut relations = relations();
        let spans = run(&mut relations, &frames[..45]);
        assert_eq!(spans.iter().map(|s| s.to_us).collect::<Vec<_>>(), [Some(1_000_000), Some(1_000_000)]);
        assert_eq!((relations.tracks.len(), relations.pairs.len()), (1, 0));
    }

    #[test]
    fn a_slow_stream_is_no_stream_of_holes() {
        let every = |period: u64| (0..8).map(|i| frame(i * period, two(5.0))).collect::<Vec<_>>();
        assert_eq!(held(near(), &every(2_000_000)), [(1, 2, 0, None)]);
        let mut holed = every(40_000);
        holed.push(frame(3_000_000, two(5.0)));
        assert_eq!(held(near(), &holed), [(1, 2, 0, Some(280)), (1, 2, 3000, None)]);
    }

    #[test]
    fn the_end_of_the_stream_ends_everything_and_times_never_turn_back() {
        let mut relations = relations();
        relations.on_frame(&frame(80_000, two(5.0)));
        assert_eq!(relations.on_frame(&frame(80_000, two(90.0))), []);
        let closed = relations.on_frame(&end(80_001));
        assert_eq!(closed.iter().map(|c| (c.diff, c.span.to_us)).collect::<Vec<_>>(), [(-1, None), (1, Some(80_001))]);
    }

    #[test]
    fn a_track_confirmed_late_is_related_from_its_first_sighting_on() {
        let frames = clip(2.0, |s| two(5.0 + (100.0 * (s as f32 - 0.5)).clamp(0.0, 55.0)));
        let mut late = frames.clone();
        let mut earlier = Vec::new();
        for frame in &mut late[..25] {
            earlier.extend(frame.seen.pop());
        }
        late[25].confirmed = earlier;
        let mut relations = relations();
        for frame in &late[..25] {
            assert_eq!(relations.on_frame(frame), []);
        }
        let now = relations.on_frame(&late[25]);
        let near = now.iter().find(|c| c.span.kind == RelationKind::NEAR).unwrap();
        assert_eq!((near.diff, near.span.from_us, near.span.to_us), (1, 0, Some(590_000)));
        assert!(now.iter().all(|c| c.diff == 1) && now.is_sorted_by_key(|c| (c.span.from_us, c.span.kind)));
    }

    fn spans_of(frames: &[TrackedFrame]) -> Vec<EvidenceSpan> {
        run(&mut relations(), frames)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn late_confirmation_changes_nothing_but_the_numbers(seed: u64) {
            let late = history(seed);
            let mut at_once = late.clone();
            for i in 0..late.len() {
                let (earlier, now) = at_once.split_at_mut(i);
                for sighting in now[0].confirmed.drain(..) {
                    let frame = earlier.iter_mut().find(|frame| frame.t == sighting.t);
                    frame.unwrap().seen.push(sighting);
                }
            }
            let unnumbered = |frames: &[TrackedFrame]| {
                let mut spans: Vec<_> = spans_of(frames).into_iter().map(|s| EvidenceSpan { number: 0, ..s }).collect();
                spans.sort_unstable();
                spans
            };
            // Who else is beside what was left is known only from the frame on that shows that it was left; and who came into
            // sight while something was hidden is of no interest any more once that is back.
            let internal = ["BESIDE", "REAPPEARS"].map(RelationKind::literal);
            let told = |frames: &[TrackedFrame]| -> Vec<EvidenceSpan> {
                unnumbered(frames).into_iter().filter(|span| !internal.contains(&span.kind)).collect()
            };
            let (late, at_once) = (told(&late), told(&at_once));
            let only = |these: &[EvidenceSpan], those: &[EvidenceSpan]| -> Vec<EvidenceSpan> {
                these.iter().filter(|span| !those.contains(span)).copied().collect()
            };
            prop_assert_eq!(only(&late, &at_once), only(&at_once, &late));
            prop_assert_eq!(late.len(), at_once.len());
        }

        #[test]
        fn the_order_of_observations_does_not_matter(seed: u64) {
            let (frames, mut chance) = (history(seed), Chance::new(!seed));
            let mut shuffled = frames.clone();
            for frame in &mut shuffled {
                for list in [&mut frame.seen, &mut frame.confirmed] {
                    (1..list.len()).rev().for_each(|i| list.swap(i, chance.below(i as u32 + 1) as usize));
                }
                frame.ended.reverse();
            }
            let (mut relations, mut other) = (relations(), self::relations());
            for (frame, shuffled) in frames.iter().zip(&shuffled) {
                prop_assert_eq!(relations.on_frame(frame), other.on_frame(shuffled));
            }
        }

        #[test]
        fn spans_do_not_depend_on_the_resolution(seed: u64, factor in prop::sample::select(vec![2.0f32, 3.0, 4.0])) {
            let frames = history(seed);
            let mut scaled = frames.clone();
            for frame in &mut scaled {
                let scale = |pixels: u32| (pixels as f32 * factor) as u32;
                frame.size = frame.size.map(|s| Size { width: scale(s.width), height: scale(s.height) });
                for sighting in frame.seen.iter_mut().chain(&mut frame.confirmed) {
                    let r = sighting.rect;
                    sighting.rect = Rect::new(r.left * factor, r.top * factor, r.width * factor, r.height * factor);
                }
            }
            prop_assert_eq!(spans_of(&frames), spans_of(&scaled));
        }

        #[test]
        fn numbers_rise_without_gaps_and_every_span_is_closed(seed: u64) {
            let mut spans = BTreeMap::new();
            let (mut relations, mut last) = (relations(), 0);
            for frame in history(seed) {
                let changes: Vec<SpanChange> = relations.on_frame(&frame);
                let new = changes.iter().map(|c| c.span).filter(|span| span.number > last).collect::<Vec<_>>();
                prop_assert!(new.is_sorted_by_key(|s| (s.number, s.from_us, s.kind, s.a, s.b)));
                prop_assert!(new.is_sorted_by_key(|s| (s.from_us, s.kind, s.a, s.b)));
                last += new.len() as u32;
                apply(&mut spans, &changes);
                prop_assert!(spans.values().all(|s| s.to_us.is_none_or(|to| s.from_us <= to && to <= frame.t)));
            }
            prop_assert!(spans.keys().copied().eq(1..=last));
            prop_assert!(spans.values().all(|span| span.to_us.is_some()));
        }
    }
}
