//! Histories of tracks and what is made of them.

use super::*;
use crate::identify::config::ReturnConfig;
use proptest::prelude::*;
use std::collections::BTreeMap;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::ObjectId;
use vokg_engine::look::{Look, LookSpace};
use vokg_engine::observation::Observation;

const STEP_US: Micros = 100_000;
/// How long after its first sighting a track of these histories is confirmed, and after its last given up.
const CONFIRM_US: Micros = 300_000;
const LOST_US: Micros = 600_000;
const FRAME: Size = Size { width: 400, height: 200 };

/// A track of a history: seen from `from` to `to`, in steps, moving along x.
#[derive(Clone, Debug)]
struct Life {
    from: u32,
    to: u32,
    x: f32,
    speed: f32,
    size: f32,
    shade: usize,
    /// From this step on it has another shade.
    turns: Option<(u32, usize)>,
}

impl Life {
    fn seen(&self, track: TrackId, step: u32) -> Observation {
        let x = self.x + self.speed * (step - self.from) as f32 / 10.0;
        let shade = self.turns.filter(|(from, _)| step >= *from).map_or(self.shade, |(_, shade)| shade);
        let mut look = [0.0; 16];
        look[shade] = 1.0;
        Observation {
            t: Micros::from(step) * STEP_US,
            track,
            rect: Rect::from_centre(x, 100.0, self.size, self.size).clipped(FRAME),
            score: 1.0,
            mask: None,
            visible: None,
            merged: false,
            look: Look::new(LookSpace(1), &look),
        }
    }
}

/// What a tracker would tell of these lives, up to the end of the stream. Lives shorter than the confirmation are not
/// told. Tracks are numbered in the order of confirmation.
fn history(lives: &[Life]) -> Vec<TrackedFrame> {
    let (confirm, lost) = ((CONFIRM_US / STEP_US) as u32, (LOST_US / STEP_US) as u32);
    let mut lives: Vec<&Life> = lives.iter().filter(|life| life.to >= life.from + confirm).collect();
    lives.sort_by_key(|life| life.from);
    let last = lives.iter().map(|life| life.to).max().unwrap_or(0);
    let mut frames = Vec::new();
    for step in 0..=last {
        let mut frame = TrackedFrame { t: Micros::from(step) * STEP_US, size: Some(FRAME), ..Default::default() };
        for (number, life) in (1..).zip(&lives) {
            let (track, confirmed) = (TrackId(number), life.from + confirm);
            if step == confirmed {
                frame.confirmed.extend((life.from..step).map(|earlier| life.seen(track, earlier)));
            }
            if (confirmed..=life.to).contains(&step) {
                frame.seen.push(life.seen(track, step));
            }
            if step == life.to + lost + 1 {
                frame.ended.push((track, Micros::from(life.to) * STEP_US));
            }
        }
        frames.push(frame);
    }
    let ended = (1..).zip(&lives).filter(|(_, life)| life.to + lost + 1 > last);
    let ended = ended.map(|(number, life)| (TrackId(number), Micros::from(life.to) * STEP_US)).collect();
    frames.push(TrackedFrame { t: Micros::from(last) * STEP_US + 1, end: true, ended, ..Default::default() });
    frames
}

fn changes(lives: &[Life]) -> Vec<(Micros, IdentityChange)> {
    changes_under(IdentifyConfig::default(), history(lives))
}

fn changes_under(config: IdentifyConfig, told: Vec<TrackedFrame>) -> Vec<(Micros, IdentityChange)> {
    let mut identifier = Identifier::new(config);
    told.into_iter()
        .flat_map(|frame| identifier.on_frame(&frame).into_iter().map(move |change| (frame.t, change)))
        .collect()
}

/// The object of each track after all changes.
fn objects(lives: &[Life]) -> Vec<u32> {
    let objects: BTreeMap<TrackId, ObjectId> =
        changes(lives).iter().map(|(_, change)| (change.track, change.to)).collect();
    objects.values().map(|object| object.0).collect()
}

fn walker(from: u32, to: u32, x: f32) -> Life {
    Life { from, to, x, speed: 50.0, size: 40.0, shade: 7, turns: None }
}

/// Somebody who leaves through the right side after 4 s, and somebody who comes in through it.
fn out(from: u32) -> Life {
    Life { from, to: from + 40, x: 200.0, speed: 50.0, size: 40.0, shade: 7, turns: None }
}

fn back(from: u32) -> Life {
    Life { from, to: from + 40, x: 395.0, speed: -50.0, size: 40.0, shade: 7, turns: None }
}

/// Without the rule for fragments.
fn returns_alone() -> IdentifyConfig {
    IdentifyConfig { min_score_milli: 1000, ..IdentifyConfig::default() }
}

#[test]
fn a_walker_behind_a_post_stays_one_object() {
    let lives = [walker(0, 20, 0.0), walker(30, 50, 150.0)];
    assert_eq!(objects(&lives), [1, 1]);
    let (decided, change) = changes(&lives)[1];
    assert_eq!((decided, change.from, change.reason), (33 * STEP_US, None, FRAGMENT));
    assert!(change.score_milli >= IdentifyConfig::default().min_score_milli);
}

#[test]
fn a_track_that_may_come_back_is_waited_for() {
    let lives = [walker(0, 20, 0.0), walker(22, 50, 110.0)];
    let told = changes(&lives);
    let moved = told[2];
    assert_eq!((told[1].0, told[1].1.reason), (25 * STEP_US, BEGAN));
    assert_eq!((moved.0, moved.1.from, moved.1.to), (27 * STEP_US, Some(ObjectId(2)), ObjectId(1)));
}

#[test]
fn an_object_of_three_fragments_keeps_the_number_of_the_oldest() {
    assert_eq!(objects(&[walker(0, 20, 0.0), walker(30, 50, 150.0), walker(58, 80, 290.0)]), [1, 1, 1]);
}

#[test]
fn another_look_place_size_or_direction_or_a_long_gap_continues_nothing() {
    let first = walker(0, 20, 0.0);
    let second = walker(30, 50, 150.0);
    for other in [
        Life { shade: 8, ..second.clone() },
        Life { x: 260.0, ..second.clone() },
        Life { size: 90.0, ..second.clone() },
        Life { x: 100.0, speed: -80.0, ..second.clone() },
        walker(51, 80, 255.0),
    ] {
        let told = changes(&[first.clone(), other.clone()]);
        assert!(told.iter().all(|(_, change)| change.reason != FRAGMENT), "{other:?}");
    }
}

#[test]
fn of_two_that_fit_equally_none_is_taken() {
    // The rule for returns agrees.
    let beside = |x: f32| walker(30, 50, x);
    assert_eq!(objects(&[walker(0, 20, 0.0), beside(140.0), beside(160.0)]), [1, 2, 3], "two beginnings, one end");
    let ended = |x: f32| walker(0, 20, x);
    assert_eq!(objects(&[ended(-10.0), ended(10.0), beside(150.0)]), [1, 2, 3], "two ends, one beginning");
}

#[test]
fn a_clear_best_of_two_is_taken() {
    assert_eq!(objects(&[walker(0, 20, 0.0), walker(30, 50, 150.0), walker(30, 50, 60.0)]), [1, 1, 3]);
}

#[test]
fn what_ended_long_ago_is_forgotten_and_never_too_many_are_remembered() {
    let returns = ReturnConfig { within_secs: 5.0, ..ReturnConfig::default() };
    let brief = IdentifyConfig { reconsider_secs: 3.0, returns, ..IdentifyConfig::default() };
    let few = IdentifyConfig { remembered_tracks: 4, ..IdentifyConfig::default() };
    let lives: Vec<Life> =
        (0..100).map(|n| Life { shade: n % 16, ..walker(20 * n as u32, 20 * n as u32 + 10, 0.0) }).collect();
    for (config, limit, early) in [(brief, 7, false), (few, 7, true)] {
        let mut identifier = Identifier::new(config);
        for frame in history(&lives) {
            identifier.on_frame(&frame);
            assert!(identifier.links.tracks.len() <= limit, "{}", identifier.links.tracks.len());
        }
        assert_eq!(identifier.forgotten_early() > 0, early);
    }
}

#[test]
fn who_leaves_through_a_side_and_comes_back_through_it_is_one_object_told_late() {
    let lives = [out(0), back(90)];
    assert_eq!(objects(&lives), [1, 1]);
    let told = changes(&lives);
    let (decided, change) = told[2];
    assert_eq!((change.from, change.to, change.reason), (Some(ObjectId(2)), ObjectId(1), RETURN));
    assert!(decided > 93 * STEP_US + 500_000 && decided <= 110 * STEP_US, "enough was seen of it: {decided}");
    assert_eq!(told.len(), 3);
}

#[test]
fn another_look_side_size_or_a_very_long_absence_is_no_return() {
    for other in [
        Life { shade: 8, ..back(90) },
        Life { x: 5.0, speed: 50.0, ..back(90) },
        Life { x: 300.0, ..back(90) },
        Life { size: 90.0, ..back(90) },
        back(90 + 610),
    ] {
        assert_eq!(objects(&[out(0), other.clone()]), [1, 2], "{other:?}");
    }
}

#[test]
fn of_two_who_could_be_the_one_who_left_none_is_taken_until_they_differ() {
    assert_eq!(objects(&[out(0), back(90), back(92)]), [1, 2, 3]);
    // The second turns out to look otherwise.
    let second = Life { turns: Some((94, 9)), to: 170, speed: -25.0, ..back(92) };
    assert_eq!(objects(&[out(0), back(90), second]), [1, 1, 3]);
}

#[test]
fn a_return_is_taken_back_when_it_turns_out_to_look_otherwise() {
    let turning = Life { turns: Some((112, 9)), to: 180, speed: -25.0, ..back(90) };
    let told = changes(&[out(0), turning.clone()]);
    let moves: Vec<_> = told.iter().skip(1).map(|(_, c)| (c.track.0, c.from.map(|o| o.0), c.to.0, c.reason)).collect();
    assert_eq!(moves, [(2, None, 2, BEGAN), (2, Some(2), 1, RETURN), (2, Some(1), 2, PARTED)]);
    let config = IdentifyConfig { reconsider_secs: 1.8, ..IdentifyConfig::default() };
    let told = changes_under(config, history(&[out(0), turning]));
    assert_eq!(told.last().map(|(_, c)| c.reason), Some(RETURN), "too late to take it back");
}

#[test]
fn a_scrap_gives_way_to_who_looks_clearly_more_alike() {
    // Seen for 0.4 s where the first was lost; its look is half known and half another's.
    let scrap = Life { turns: Some((28, 8)), ..walker(25, 29, 125.0) };
    let lives = [walker(0, 20, 0.0), scrap.clone(), walker(60, 90, 110.0)];
    assert_eq!(objects(&lives), [1, 2, 1]);
    let moves: Vec<_> = changes(&lives).iter().map(|(_, c)| (c.track.0, c.to.0, c.reason)).collect();
    assert_eq!(moves, [(1, 1, BEGAN), (2, 1, FRAGMENT), (3, 3, BEGAN), (2, 2, PARTED), (3, 1, RETURN)]);
    // A longer one is known, and went on at once.
    let known = Life { to: 35, turns: Some((31, 8)), ..scrap };
    assert_eq!(objects(&[walker(0, 20, 0.0), known, walker(60, 90, 110.0)]), [1, 1, 3]);
}

/// Somebody goes behind one who stands, whose box then widens to the left border or not; somebody appears at that
/// border. `visible`: what can be seen of the first when he goes behind.
fn behind_a_cover(visible: Option<f32>, widens: bool) -> Vec<TrackedFrame> {
    let seen = |step: u32, track: u32, rect: Rect, visible: Option<f32>, shade: usize| {
        let mut look = [0.0; 16];
        look[shade] = 1.0;
        let (t, track, look) = (Micros::from(step) * STEP_US, TrackId(track), Look::new(LookSpace(1), &look));
        Observation { t, track, rect, score: 1.0, mask: None, visible, merged: false, look }
    };
    let square = |x: f32| Rect::from_centre(x, 100.0, 40.0, 40.0);
    let out = |step: u32| seen(step, 3, square(20.0 + 4.0 * (step - 40) as f32), None, 7);
    let frame = |step: u32| {
        let mut frame = TrackedFrame { t: Micros::from(step) * STEP_US, size: Some(FRAME), ..Default::default() };
        let left = if widens && (30..40).contains(&step) { 0.0 } else { 170.0 };
        frame.seen.push(seen(step, 1, Rect::new(left, 40.0, 230.0 - left, 120.0), None, 3));
        if step <= 20 {
            frame.seen.push(seen(step, 2, square(100.0 + 5.0 * step as f32), visible.filter(|_| step > 15), 7));
        }
        if step == 27 {
            frame.ended.push((TrackId(2), 20 * STEP_US));
        }
        if step == 43 {
            frame.confirmed.extend((40..43).map(out));
        }
        if step >= 43 {
            frame.seen.push(out(step));
        }
        frame
    };
    (0..70).map(frame).collect()
}

#[test]
fn who_went_behind_another_comes_out_from_behind_him_wherever_that_is() {
    let links = |visible, widens| {
        let told = changes_under(IdentifyConfig::default(), behind_a_cover(visible, widens));
        let moved = told.into_iter().filter(|(_, change)| change.reason != BEGAN);
        moved.map(|(_, change)| (change.track.0, change.to.0, change.reason)).collect::<Vec<_>>()
    };
    assert_eq!(links(Some(0.2), true), [(3, 2, RETURN)]);
    assert_eq!(links(Some(0.2), false), [], "it came in through the border");
    assert_eq!(links(Some(0.9), true), [], "it was not hidden");
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let turns = prop::option::of((0u32..200, 0usize..2));
    let life = (0u32..150, 3u32..40, 0u8..6, -1i8..2, 0usize..2, turns).prop_map(
        |(from, length, place, speed, shade, turns)| Life {
            from,
            to: from + length,
            x: 10.0 + 75.0 * f32::from(place),
            speed: 40.0 * f32::from(speed),
            size: 40.0,
            shade,
            turns,
        },
    );
    prop::collection::vec(life, 0..12)
}

/// When each track was first and last seen.
fn spans(told: &[TrackedFrame]) -> BTreeMap<TrackId, (Micros, Micros)> {
    let mut spans: BTreeMap<TrackId, (Micros, Micros)> = BTreeMap::new();
    for seen in told.iter().flat_map(|frame| frame.confirmed.iter().chain(&frame.seen)) {
        spans.entry(seen.track).or_insert((seen.t, seen.t)).1 = seen.t;
    }
    spans
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn at_every_time_objects_are_chains_of_tracks_named_after_the_oldest(lives in lives(), fragments in any::<bool>()) {
        let config = if fragments { IdentifyConfig::default() } else { returns_alone() };
        let told = history(&lives);
        let seen = spans(&told);
        let reconsider_us = micros_from_secs(config.reconsider_secs);
        let mut said = BTreeMap::new();
        let mut changes = changes_under(config, told).into_iter().peekable();
        while let Some((t, change)) = changes.next() {
            prop_assert_eq!(said.insert(change.track, change.to), change.from, "what was last said, at {}", t);
            prop_assert!(change.from != Some(change.to));
            prop_assert!(change.from.is_none() || t <= seen[&change.track].0 + reconsider_us);
            if changes.peek().is_some_and(|(next, _)| *next == t) {
                continue;
            }
            let mut members: BTreeMap<ObjectId, Vec<TrackId>> = BTreeMap::new();
            said.iter().for_each(|(track, object)| members.entry(*object).or_default().push(*track));
            for (object, tracks) in members {
                prop_assert_eq!(ObjectId::from(tracks[0]), object, "the oldest gives the number, at {}", t);
                let apart = tracks.windows(2).all(|pair| seen[&pair[0]].1 < seen[&pair[1]].0);
                prop_assert!(apart, "{:?} were seen at one time", tracks);
            }
        }
        prop_assert_eq!(said.len(), seen.len(), "every track has an object");
    }

    #[test]
    fn the_order_within_a_frame_does_not_matter(lives in lives()) {
        let told = history(&lives);
        let mut reversed = told.clone();
        for frame in &mut reversed {
            frame.seen.reverse();
            frame.ended.reverse();
            // Sightings of one track stay in the order of time.
            frame.confirmed.sort_by_key(|seen| (std::cmp::Reverse(seen.track), seen.t));
        }
        let config = IdentifyConfig::default();
        prop_assert_eq!(changes_under(config.clone(), told), changes_under(config, reversed));
    }
}
