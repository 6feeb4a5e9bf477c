//! Histories of tracks and what is made of them.

use super::*;
use proptest::prelude::*;
use vokg_engine::geometry::Rect;
use vokg_engine::id::ObjectId;
use vokg_engine::observation::Observation;
use vokg_engine::segment::Look;
use vokg_engine::time::SECOND_US;

const STEP_US: Micros = 100_000;
/// How long after its first sighting a track of these histories is confirmed, and after its last given up.
const CONFIRM_US: Micros = 300_000;
const LOST_US: Micros = 600_000;

/// A track of a history: seen from `from` to `to`, in steps, moving along x.
#[derive(Clone, Debug)]
struct Life {
    from: u32,
    to: u32,
    x: f32,
    speed: f32,
    size: f32,
    shade: usize,
}

impl Life {
    fn seen(&self, track: TrackId, step: u32) -> Observation {
        let x = self.x + self.speed * (step - self.from) as f32 / 10.0;
        let mut look = [0; 64];
        look[self.shade] = 65535;
        Observation {
            t: Micros::from(step) * STEP_US,
            track,
            rect: Rect::from_centre(x, 100.0, self.size, self.size),
            score: 1.0,
            mask: None,
            visible: None,
            merged: false,
            look: Some(Look(Box::new(look))),
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
        let mut frame = TrackedFrame { t: Micros::from(step) * STEP_US, ..Default::default() };
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
    let mut identifier = Identifier::new(IdentifyConfig::default());
    let told = history(lives).into_iter();
    told.flat_map(|frame| identifier.on_frame(&frame).into_iter().map(move |change| (frame.t, change))).collect()
}

/// The object of each track after all changes.
fn objects(lives: &[Life]) -> Vec<u32> {
    let objects: BTreeMap<TrackId, ObjectId> =
        changes(lives).iter().map(|(_, change)| (change.track, change.to)).collect();
    objects.values().map(|object| object.0).collect()
}

fn walker(from: u32, to: u32, x: f32) -> Life {
    Life { from, to, x, speed: 50.0, size: 40.0, shade: 7 }
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
fn another_look_place_size_or_direction_or_a_long_gap_is_another_object() {
    let first = walker(0, 20, 0.0);
    let second = walker(30, 50, 150.0);
    for other in [
        Life { shade: 8, ..second.clone() },
        Life { x: 260.0, ..second.clone() },
        Life { size: 90.0, ..second.clone() },
        Life { x: 100.0, speed: -80.0, ..second.clone() },
        walker(51, 80, 255.0),
    ] {
        assert_eq!(objects(&[first.clone(), other.clone()]), [1, 2], "{other:?}");
    }
}

#[test]
fn of_two_that_fit_equally_none_is_taken() {
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
fn what_ended_long_ago_is_forgotten() {
    let mut identifier = Identifier::new(IdentifyConfig::default());
    for frame in history(&(0..100).map(|n| walker(n * 20, n * 20 + 10, 0.0)).collect::<Vec<_>>()) {
        identifier.on_frame(&frame);
        assert!(identifier.fragments.len() <= 6, "{}", identifier.fragments.len());
    }
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let life = (0u32..60, 3u32..25, 0u8..6, -1i8..2, 0usize..2).prop_map(|(from, length, place, speed, shade)| Life {
        from,
        to: from + length,
        x: 30.0 * f32::from(place),
        speed: 40.0 * f32::from(speed),
        size: 40.0,
        shade,
    });
    prop::collection::vec(life, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn tracks_seen_at_one_time_are_never_one_object(lives in lives()) {
        let mut spans: BTreeMap<ObjectId, Vec<(Micros, Micros)>> = BTreeMap::new();
        let mut ends: BTreeMap<TrackId, (Micros, Micros)> = BTreeMap::new();
        for frame in history(&lives) {
            for seen in frame.confirmed.iter().chain(&frame.seen) {
                ends.entry(seen.track).or_insert((seen.t, seen.t)).1 = seen.t;
            }
        }
        let mut object_of = BTreeMap::new();
        for (t, change) in changes(&lives) {
            prop_assert_eq!(object_of.insert(change.track, change.to), change.from, "at {}", t);
            prop_assert!(change.to.0 <= change.track.0, "the oldest track gives the number");
        }
        prop_assert_eq!(object_of.len(), ends.len(), "every track has an object");
        for (track, object) in object_of {
            spans.entry(object).or_default().push(ends[&track]);
        }
        for spans in spans.values_mut() {
            spans.sort_unstable();
            prop_assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", spans);
            prop_assert!(spans.windows(2).all(|pair| pair[1].0 - pair[0].1 <= 3 * SECOND_US));
        }
    }
}
