//! Which pairs of which windows are tested, and what is stated of them.

use super::config::InfluenceConfig;
use super::fdr;
use super::granger::{Answer, LAGS, Question, granger};
use super::products::Products;
use super::series::{Series, shared_rows};
use super::way::{Resampling, STEP_US, STEPS_PER_SEC, Way};
use crate::ground::Ground;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::time::{Micros, micros_from_secs};

/// Most tracks of a window that are tested: those seen longest, of equals the lowest numbers. It bounds the work of a
/// window to 552 tests.
pub const TRACKS_MAX: usize = 24;

/// Most other tracks a test is conditioned on.
pub const OTHERS_MAX: usize = 3;

/// So long after it closed a window is decided, unless the next closes before that or the stream ends. It bounds the work of
/// a frame to a small part of that of a window.
pub const SPREAD_US: Micros = 2_000_000;

/// A box this close to the border of the frame is cut by it and has a false centre, as a share of the frame's extent.
const BORDER_SHARE: f32 = 0.005;

/// In one window, the movement of one track foretold that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Influence {
    /// Whose past foretells.
    pub leader: TrackId,
    /// Whose movement is foretold.
    pub follower: TrackId,
    /// Begin of what was looked at: all tracks of the test are seen from here on.
    pub from_us: Micros,
    /// Its end, exclusive.
    pub to_us: Micros,
    /// The share of the squared error of the forecast that the leader's past removes, in thousandths.
    pub gain_milli: u16,
    /// How likely this gain or more is where there is no influence, in millionths, rounded up.
    pub p_ppm: u32,
    /// How far back the part of the leader's past lies that alone helps most, in milliseconds.
    pub lag_ms: u32,
    /// The follower's past foretells the leader too, which is an influence of its own over the same time: which of the two leads
    /// is not told.
    pub mutual: bool,
}

/// Finds influences in the windows of one stream.
///
/// Windows close at multiples of the hop in media time, and the end of the stream closes one more. A crowd has hundreds of
/// tests: they are answered in the frames of the next [`SPREAD_US`], as many as media time has passed, and the last of these
/// frames states what was found. Sightings that cover more than their track, or are cut by the border, count as
/// none. Places are those on the ground: the motion of the camera is no movement of things. Kept are the
/// places of one window and one hop per track, ten a second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Influences {
    #[serde(skip)]
    config: InfluenceConfig,
    ground: Ground,
    ways: BTreeMap<TrackId, Way>,
    closes_us: Option<Micros>,
    /// The last window that closed, until it is decided.
    open: Option<Window>,
}

impl Influences {
    /// Begins with no tracks.
    pub fn new(config: InfluenceConfig) -> Self {
        Self { config, ground: Ground::default(), ways: BTreeMap::new(), closes_us: None, open: None }
    }

    /// Goes on where others with the same configuration were.
    pub fn resume(self, other: Self) -> Self {
        Self { config: self.config, ..other }
    }

    /// Takes the next frame, in order of time; tells what was found in the windows that it decides, by window, leader
    /// and follower.
    pub fn on_frame(&mut self, frame: &TrackedFrame) -> Vec<Influence> {
        if !self.config.enabled {
            return Vec::new();
        }
        let mut found = Vec::new();
        let hop_us = micros_from_secs(self.config.hop_secs).max(1);
        let mut closes_us = self.closes_us.unwrap_or((frame.t / hop_us + 1) * hop_us);
        let mut closed_us = None;
        while closes_us <= frame.t && !self.ways.is_empty() {
            found.append(&mut self.decide());
            self.close(closes_us);
            closed_us = Some(closes_us);
            closes_us += hop_us;
        }
        self.closes_us = Some(closes_us.max((frame.t / hop_us + 1) * hop_us));
        self.ground.on_frame(frame);
        for sighting in frame.confirmed.iter().chain(&frame.seen) {
            self.see(sighting, frame.size);
        }
        let spread_us = SPREAD_US.min(hop_us);
        if self.open.as_mut().is_some_and(|window| window.answer(frame.t, spread_us)) {
            found.append(&mut self.decide());
        }
        if frame.end {
            found.append(&mut self.decide());
            if closed_us != Some(frame.t) {
                self.close(frame.t);
                found.append(&mut self.decide());
            }
        }
        found
    }

    fn see(&mut self, sighting: &Observation, frame: Option<Size>) {
        let Observation { t, track, rect, merged, .. } = sighting;
        if *merged || rect.area() <= 0.0 || frame.is_some_and(|size| is_cut(rect, size)) {
            return;
        }
        let ground = self.ground.under(*t, rect);
        let InfluenceConfig { window_secs, hop_secs, interpolate_secs, .. } = self.config;
        let keep = steps_in(window_secs + hop_secs) + STEPS_PER_SEC;
        let resampling = Resampling { pause_us: micros_from_secs(interpolate_secs), keep };
        match self.ways.get_mut(track) {
            Some(way) => way.push(*t, ground, &resampling),
            None => {
                self.ways.insert(*track, Way::new(*t, ground));
            }
        }
    }

    /// Closes the window that ends here, exclusive. Tracks that the next window cannot hold are forgotten.
    fn close(&mut self, end_us: Micros) {
        let window_us = micros_from_secs(self.config.window_secs);
        let steps = end_us.saturating_sub(window_us).div_ceil(STEP_US)..end_us.div_ceil(STEP_US);
        self.open = Some(Window::new(&self.config, &self.ways, steps, end_us));
        self.ways.retain(|_, way| way.last_t() + window_us > end_us);
    }

    /// What is found in the window that closed last, unless that was told.
    fn decide(&mut self) -> Vec<Influence> {
        self.open.take().map_or(Vec::new(), |window| window.found(&self.config))
    }
}

fn steps_in(secs: f64) -> usize {
    (secs * STEPS_PER_SEC as f64).round() as usize
}

fn is_cut(rect: &Rect, frame: Size) -> bool {
    let (width, height) = (frame.width as f32, frame.height as f32);
    let (x, y) = (BORDER_SHARE * width, BORDER_SHARE * height);
    rect.left < x || rect.top < y || rect.right() > width - x || rect.bottom() > height - y
}

/// The tests of a window that has closed, answered one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Window {
    closed_us: Micros,
    steps: Range<u64>,
    products: Products,
    questions: Vec<Question>,
    /// Of how many questions the answer was looked for.
    asked: usize,
    /// Those that have an answer.
    answered: Vec<(Question, Answer)>,
}

impl Window {
    /// The tests at these steps of the grid.
    fn new(config: &InfluenceConfig, ways: &BTreeMap<TrackId, Way>, steps: Range<u64>, closed_us: Micros) -> Self {
        let least_seen = steps_in(config.shared_secs);
        let series = ways.iter().map(|(track, way)| Series::new(*track, way, steps.clone()));
        let mut series: Vec<Series> =
            series.filter(|s| s.seen() >= least_seen && s.moves(config.still_speed)).collect();
        series.sort_by_key(|s| (std::cmp::Reverse(s.seen()), s.track));
        series.truncate(TRACKS_MAX);
        series.sort_by_key(|s| s.track);
        let questions = questions(config, &series);
        Self { closed_us, steps, products: Products::new(series), questions, asked: 0, answered: Vec::new() }
    }

    /// Answers as many of the questions as of `spread_us` has passed at `t`; tells whether that were the last.
    fn answer(&mut self, t: Micros, spread_us: Micros) -> bool {
        let passed_us = t.saturating_sub(self.closed_us).min(spread_us);
        let due = (self.questions.len() as u64 * passed_us).div_ceil(spread_us) as usize;
        for question in &self.questions[self.asked.min(due)..due] {
            let answer = granger(&mut self.products, question);
            self.answered.extend(answer.map(|answer| (question.clone(), answer)));
        }
        self.asked = self.asked.max(due);
        self.asked == self.questions.len()
    }

    /// What is found when all questions are answered.
    fn found(mut self, config: &InfluenceConfig) -> Vec<Influence> {
        self.answer(Micros::MAX, 1);
        let p_values: Vec<f64> = self.answered.iter().map(|(_, answer)| answer.p).collect();
        let Some(bound) = fdr::bound(&p_values, config.false_share) else { return Vec::new() };
        let believed = self.answered.iter().filter(|(_, answer)| answer.p <= bound && answer.gain >= config.min_gain);
        let believed: BTreeMap<Edge, &(Question, Answer)> =
            believed.map(|both| ((both.0.leader, both.0.follower), both)).collect();
        let gains: BTreeMap<Edge, f64> = believed.iter().map(|(edge, (_, answer))| (*edge, answer.gain)).collect();
        let stated = believed.iter().filter(|(edge, _)| is_stated(**edge, &gains));
        let track = |place: &usize| self.products.series()[*place].track;
        let stated = stated.map(|((leader, follower), (question, answer))| {
            let first = question.rows.first().map_or(0, |rows| rows.start - LAGS - 1) as u64;
            let last = question.rows.last().map_or(0, |rows| rows.end) as u64;
            Influence {
                leader: track(leader),
                follower: track(follower),
                from_us: (self.steps.start + first) * STEP_US,
                to_us: ((self.steps.start + last) * STEP_US).min(self.closed_us),
                gain_milli: (answer.gain * 1000.0).round() as u16,
                p_ppm: (answer.p * 1e6).ceil() as u32,
                lag_ms: answer.lag as u32 * (STEP_US / 1000) as u32,
                mutual: believed.contains_key(&(*follower, *leader)),
            }
        });
        stated.collect()
    }
}

/// Leader and follower, by place in the window's list.
type Edge = (usize, usize);

/// Whether an edge is no remainder of others. Two that foretell each other are stated both or not at all: one half alone would
/// tell a direction that was not found.
fn is_stated(edge @ (leader, follower): Edge, gains: &BTreeMap<Edge, f64>) -> bool {
    let back = (follower, leader);
    !is_second_hand(edge, gains) || gains.contains_key(&back) && !is_second_hand(back, gains)
}

/// Whether the edge has the least gain in a triangle: a third is found to lead the follower with more, and one of third and
/// leader to lead the other with more.
///
/// Boxes are noisy, so conditioning on the third's past takes out a part only of what came from or through it. The weakest
/// side of a triangle is taken for that remainder, all triangles being judged by the same edges: the data processing
/// inequality as ARACNE uses it (Margolin et al., BMC Bioinformatics 7(S1), 2006).
fn is_second_hand((leader, follower): Edge, gains: &BTreeMap<Edge, f64>) -> bool {
    let gain = gains.get(&(leader, follower)).copied().unwrap_or(0.0);
    gains.iter().any(|((third, follows), third_gain)| {
        let links = [(*third, leader), (leader, *third)];
        let is_linked = links.iter().filter_map(|link| gains.get(link)).any(|link_gain| *link_gain > gain);
        *follows == follower && *third_gain > gain && is_linked
    })
}

/// The directed pairs of a window that are near enough and share enough, with the others each is conditioned on.
fn questions(config: &InfluenceConfig, series: &[Series]) -> Vec<Question> {
    let count = series.len();
    let mut distances = vec![None; count * count];
    for i in 0..count {
        for j in 0..i {
            let distance = series[i].distance(&series[j]).filter(|distance| *distance <= config.reach);
            (distances[i * count + j], distances[j * count + i]) = (distance, distance);
        }
    }
    let distance = |i: usize, j: usize| distances[i * count + j];
    let least_rows = steps_in(config.shared_secs).saturating_sub(LAGS + 1).max(1);
    let enough = |rows: &[Range<usize>]| rows.iter().map(ExactSizeIterator::len).sum::<usize>() >= least_rows;
    let mut questions = Vec::new();
    for i in 0..count {
        for j in (0..i).filter(|j| distance(i, *j).is_some()) {
            let mut model = vec![i, j];
            let mut rows = shared_rows(&[&series[i], &series[j]]);
            if !enough(&rows) {
                continue;
            }
            let mut around: Vec<(f64, usize)> =
                (0..count).filter_map(|k| Some((distance(i, k)? + distance(j, k)?, k))).collect();
            around.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (_, k) in around {
                let with_other: Vec<&Series> = model.iter().chain([&k]).map(|member| &series[*member]).collect();
                let fewer = shared_rows(&with_other);
                if model.len() < 2 + OTHERS_MAX && enough(&fewer) {
                    model.push(k);
                    rows = fewer;
                }
            }
            let others = &model[2..];
            for (leader, follower) in [(j, i), (i, j)] {
                questions.push(Question { leader, follower, others: others.to_vec(), rows: rows.clone() });
            }
        }
    }
    questions
}

#[cfg(test)]
mod tests {
    use super::super::walkers::{View, Walker, frames, sighting};
    use super::*;
    use proptest::prelude::*;

    const LEADER: [Walker; 2] = [Walker::ALONE, Walker::after(0, 0.6, 0.8)];
    const CAUSE: [Walker; 3] = [Walker::ALONE, Walker::after(0, 0.3, 0.8), Walker::after(0, 0.7, 0.8)];

    fn found_with(config: InfluenceConfig, frames: &[TrackedFrame]) -> Vec<Influence> {
        let mut influences = Influences::new(config);
        frames.iter().flat_map(|frame| influences.on_frame(frame)).collect()
    }

    fn found(frames: &[TrackedFrame]) -> Vec<Influence> {
        found_with(InfluenceConfig { reach: 100.0, ..InfluenceConfig::default() }, frames)
    }

    fn told(influences: &[Influence]) -> Vec<(u32, u32, bool)> {
        influences.iter().map(|i| (i.leader.0, i.follower.0, i.mutual)).collect()
    }

    #[test]
    fn a_leader_is_found_with_its_lag_at_the_end_of_a_short_clip() {
        let [influence] = found(&frames(7, &LEADER, &View::clear(12.0)))[..] else { panic!("one influence") };
        assert_eq!(told(&[influence]), [(1, 2, false)]);
        assert_eq!((influence.from_us, influence.to_us, influence.lag_ms), (0, 11_900_001, 600));
        assert!(influence.gain_milli > 300 && influence.p_ppm == 1, "{influence:?}");
        assert_eq!(found(&frames(7, &LEADER, &View::clear(11.0))), [], "too little is shared");
    }

    #[test]
    fn no_influence_ends_after_the_stream_does() {
        for secs in [12.1, 12.16, 12.2] {
            let clip = frames(7, &LEADER, &View { fps: 25.0, ..View::clear(secs) });
            let end_us = clip.last().map_or(0, |frame| frame.t);
            let [influence] = found(&clip)[..] else { panic!("one influence") };
            assert!(influence.to_us <= end_us && influence.to_us + STEP_US > end_us, "{influence:?} {end_us}");
        }
    }

    #[test]
    fn windows_close_at_multiples_of_the_hop() {
        let influences = found(&frames(7, &LEADER, &View::camera(47.0)));
        let ends: Vec<_> = influences.iter().map(|i| i.to_us / 1000).collect();
        assert_eq!(ends, [15_000, 20_000, 25_000, 30_000, 35_000, 40_000, 45_000, 46_960]);
        assert_eq!(influences.last().map(|i| i.from_us), Some(17_000_000));
    }

    #[test]
    fn the_tests_of_a_window_are_spread_over_two_seconds_and_find_what_they_find_at_once() {
        let clip = frames(7, &CAUSE, &View::camera(24.0));
        let mut influences = Influences::new(InfluenceConfig { reach: 100.0, ..InfluenceConfig::default() });
        let (mut told, mut most) = (Vec::new(), 0);
        for frame in &clip {
            let asked = |influences: &Influences| influences.open.as_ref().map_or(0, |window| window.asked);
            let before = asked(&influences);
            told.extend(influences.on_frame(frame).into_iter().map(|found| (frame.t, found)));
            most = most.max(asked(&influences).saturating_sub(before));
        }
        assert_eq!(most, 1, "of six questions, over fifty frames");
        let late = told.iter().filter(|(t, _)| *t < 23_000_000).map(|(t, found)| t - found.to_us);
        assert!(late.clone().count() > 0 && late.clone().all(|us| us > SPREAD_US / 2 && us <= SPREAD_US), "{told:?}");
        let of_window = |end_us: Micros| -> Vec<Influence> {
            told.iter().map(|(_, found)| *found).filter(|found| found.to_us == end_us).collect()
        };
        let cut: Vec<TrackedFrame> = clip.iter().filter(|frame| frame.t < 20_000_000).cloned().collect();
        let end = TrackedFrame { t: 20_000_000, end: true, ..TrackedFrame::default() };
        let mut at_once: Vec<Influence> = found(&[cut, vec![end]].concat());
        at_once.retain(|found| found.to_us == 20_000_000);
        assert!(!at_once.is_empty());
        assert_eq!(of_window(20_000_000), at_once);
    }

    #[test]
    fn who_stands_still_is_far_away_or_cannot_be_measured_is_not_tested() {
        let clip = frames(7, &LEADER, &View::clear(14.0));
        let with = |change: fn(&mut Observation)| {
            let mut clip = clip.clone();
            clip.iter_mut().flat_map(|frame| &mut frame.seen).filter(|seen| seen.track.0 == 2).for_each(change);
            found(&clip)
        };
        assert_eq!(with(|_| ()).len(), 1);
        assert_eq!(with(|seen| seen.merged = true), []);
        assert_eq!(with(|seen| (seen.rect.left, seen.rect.top) = (0.0, 0.0)), []);
        assert_eq!(with(|seen| (seen.rect.width, seen.rect.height) = (0.0, 0.0)), []);
        let near = InfluenceConfig { reach: 0.5, ..InfluenceConfig::default() };
        assert_eq!(found_with(near, &clip), []);
        assert_eq!(found_with(InfluenceConfig { enabled: false, ..InfluenceConfig::default() }, &clip), []);
        let mut small = clip.clone();
        small.iter_mut().for_each(|frame| frame.size = Some(Size { width: 4, height: 4 }));
        assert_eq!(found(&small), [], "every box is cut by the border");
    }

    #[test]
    fn two_with_one_leader_do_not_lead_each_other() {
        assert_eq!(told(&found(&frames(7, &CAUSE, &View::clear(12.0)))), [(1, 2, false), (1, 3, false)]);
    }

    #[test]
    fn the_weakest_side_of_a_triangle_is_second_hand() {
        let gains = BTreeMap::from([((1, 2), 0.5), ((1, 3), 0.6), ((2, 3), 0.1), ((4, 3), 0.05)]);
        let kept: Vec<_> = gains.keys().filter(|edge| !is_second_hand(**edge, &gains)).collect();
        assert_eq!(kept, [&(1, 2), &(1, 3), &(4, 3)]);
        // Two leaders of which one hardly foretells the other.
        let gains = BTreeMap::from([((1, 3), 0.30), ((2, 3), 0.35), ((1, 2), 0.06)]);
        assert!(gains.keys().all(|edge| !is_second_hand(*edge, &gains)));
    }

    #[test]
    fn of_two_who_lead_each_other_both_halves_are_stated_or_none() {
        let stated = |gains: &[(Edge, f64)]| {
            let gains = BTreeMap::from_iter(gains.iter().copied());
            gains.keys().filter(|edge| is_stated(**edge, &gains)).copied().collect::<Vec<_>>()
        };
        // A third leads one of the two with more gain, and one of the two leads the third.
        let half = [((1, 2), 0.5), ((2, 1), 0.2), ((3, 1), 0.4), ((2, 3), 0.3)];
        assert_eq!(stated(&half), [(1, 2), (2, 1), (2, 3), (3, 1)]);
        // A third leads both.
        let both = [((1, 2), 0.1), ((2, 1), 0.1), ((3, 1), 0.4), ((3, 2), 0.4)];
        assert_eq!(stated(&both), [(3, 1), (3, 2)]);
    }

    #[test]
    fn ended_tracks_and_long_pauses_leave_nothing_behind() {
        let mut influences = Influences::new(InfluenceConfig::default());
        let rect = Rect::from_centre(0.0, 0.0, 40.0, 40.0);
        for i in 0..1000u32 {
            let t = u64::from(i) * 1_000_000;
            influences.on_frame(&TrackedFrame { t, seen: vec![sighting(t, i + 1, rect)], ..TrackedFrame::default() });
            assert!(influences.ways.len() <= 36);
        }
        let t = Micros::MAX / 4;
        influences.on_frame(&TrackedFrame { t, seen: vec![sighting(t, 1, rect)], ..TrackedFrame::default() });
        assert_eq!(influences.ways.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn a_larger_picture_gives_the_same(seed: u64) {
            let clip = frames(seed, &CAUSE, &View::camera(16.0));
            let mut larger = clip.clone();
            for Observation { rect, .. } in larger.iter_mut().flat_map(|frame| &mut frame.seen) {
                *rect = Rect::new(4.0 * rect.left, 4.0 * rect.top, 4.0 * rect.width, 4.0 * rect.height);
            }
            prop_assert_eq!(found(&clip), found(&larger));
        }

        #[test]
        fn sightings_told_late_count_like_others(seed: u64) {
            let clip = frames(seed, &LEADER, &View::clear(14.0));
            let mut late = clip.clone();
            let first: Vec<_> = late[..9].iter_mut().flat_map(|frame| std::mem::take(&mut frame.seen)).collect();
            late[9].confirmed = first;
            prop_assert_eq!(found(&clip), found(&late));
        }
    }

    /// The share of runs, of 200 or of 2 000 in the long form, in which this holds.
    fn share(walkers: &[Walker], secs: f64, holds: impl Fn(&[(u32, u32, bool)]) -> bool) -> f64 {
        let runs: u32 = if std::env::var_os("VOKG_LONG").is_some() { 2_000 } else { 200 };
        let held = (0..runs).filter(|run| holds(&told(&found(&frames(u64::from(*run), walkers, &View::clear(secs))))));
        held.count() as f64 / f64::from(runs)
    }

    #[test]
    fn false_edges_are_rare_and_leaders_are_found() {
        let linked = |all: &[(u32, u32, bool)], a, b| all.iter().any(|i| (i.0, i.1) == (a, b) || (i.0, i.1) == (b, a));
        let independent = share(&[Walker::ALONE; 2], 12.0, |all| !all.is_empty());
        assert!(independent <= 0.03, "{independent} of independent pairs");
        let of_cause = share(&CAUSE, 12.0, |all| linked(all, 2, 3));
        assert!(of_cause <= 0.03, "{of_cause} of pairs with a common leader");
        let leaders = share(&LEADER, 12.0, |all| all == [(1, 2, false)]);
        assert!(leaders >= 0.97, "{leaders} of leaders");
    }
}
