//! Lives of tracks, frame by frame.

use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeSet;
use vokg_engine::geometry::{Affine, Size};
use vokg_engine::segment::SegmentOrigin;
use vokg_engine::time::SECOND_US;

const SIZE: Size = Size { width: 640, height: 360 };

fn segment(rect: Rect) -> Segment {
    Segment { rect, mask: None, score: 0.9, origin: SegmentOrigin::Motion, merged: false, visible: None, look: None }
}

fn frame(t: Micros, rects: &[Rect]) -> SegmentedFrame {
    let segments = rects.iter().copied().map(segment).collect();
    SegmentedFrame { t, size: SIZE, end: false, camera: CameraMotion::Still, segments }
}

/// Runs a scene, given as the boxes at a time in seconds, at some frame rate; answers what was told, frame by frame.
fn run(fps: u32, secs: f64, scene: impl Fn(f64) -> Vec<Rect>) -> Vec<TrackedFrame> {
    let mut tracker = Tracker::new(TrackConfig::default());
    let frames = (secs * f64::from(fps)).round() as u32;
    let times = (0..frames).map(|n| u64::from(n) * SECOND_US / u64::from(fps));
    let mut told: Vec<TrackedFrame> = times.map(|t| tracker.on_frame(&frame(t, &scene(secs_from_micros(t))))).collect();
    let end = told.last().map_or(0, |last| last.t + 1);
    told.push(tracker.on_frame(&SegmentedFrame { end: true, ..frame(end, &[]) }));
    told
}

fn walker(secs: f64) -> Rect {
    Rect::new(20.0 + 60.0 * secs as f32, 100.0, 30.0, 60.0)
}

#[test]
fn a_life_takes_the_same_seconds_at_any_frame_rate() {
    for fps in [10, 25, 60] {
        let step = SECOND_US / u64::from(fps);
        let told = run(fps, 4.0, |secs| if secs < 2.0 { vec![walker(secs)] } else { vec![] });
        let first = told.iter().find(|frame| !frame.seen.is_empty()).map(|frame| (frame.t, frame.confirmed[0].t));
        let (believed, began) = first.unwrap_or_default();
        assert!((300_000..300_000 + step).contains(&believed), "{fps}: {believed}");
        assert_eq!(began, 0);
        let (given_up, last_seen) =
            told.iter().find_map(|frame| frame.ended.first().map(|end| (frame.t, end.1))).unwrap_or_default();
        assert!((2 * SECOND_US - step - 1..2 * SECOND_US).contains(&last_seen), "{fps}: {last_seen}");
        assert!((600_000..=600_000 + 2 * step).contains(&(given_up - last_seen)), "{fps}: {given_up}");
    }
}

/// The tracks told of.
fn tracks_seen(told: &[TrackedFrame]) -> BTreeSet<u32> {
    told.iter().flat_map(|frame| &frame.seen).map(|seen| seen.track.0).collect()
}

fn last_box_of(told: &[TrackedFrame], track: u32) -> Rect {
    let seen = told.iter().flat_map(|frame| &frame.seen).filter(|seen| seen.track == TrackId(track));
    seen.max_by_key(|seen| seen.t).map(|seen| seen.rect).unwrap_or_default()
}

#[test]
fn crossing_paths_keep_their_numbers() {
    let scene = |secs: f64| {
        let x = 80.0 * secs as f32;
        vec![Rect::new(20.0 + x, 100.0, 30.0, 60.0), Rect::new(420.0 - x, 130.0, 30.0, 60.0)]
    };
    for fps in [10, 25, 60] {
        let told = run(fps, 5.0, scene);
        assert_eq!(tracks_seen(&told), BTreeSet::from([1, 2]), "{fps}");
        assert!(last_box_of(&told, 1).left > 400.0 && last_box_of(&told, 2).left < 40.0, "{fps}");
    }
}

#[test]
fn someone_hidden_for_less_than_the_patience_is_the_same_track() {
    let told = run(25, 4.0, |secs| if (1.0..1.5).contains(&secs) { vec![] } else { vec![walker(secs)] });
    assert_eq!(tracks_seen(&told), BTreeSet::from([1]));
}

#[test]
fn jitter_and_flicker_do_not_break_a_track_or_make_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut noise = |range: u32| (rng.next_u32() % (2 * range + 1)) as f32 - range as f32;
    let mut tracker = Tracker::new(TrackConfig::default());
    let mut tracks = BTreeSet::new();
    for n in 0..250u64 {
        let t = n * 40_000;
        let body = walker(secs_from_micros(t));
        let mut rects = vec![Rect::new(body.left + noise(3), body.top + noise(3), body.width + noise(3), body.height)];
        if n % 10 == 3 {
            rects.clear();
        }
        if n % 7 < 2 {
            rects.push(Rect::new(500.0 + noise(4), 300.0 + noise(4), 12.0, 12.0));
        }
        tracks.extend(tracker.on_frame(&frame(t, &rects)).seen.iter().map(|seen| seen.track.0));
    }
    assert_eq!(tracks, BTreeSet::from([1]));
}

#[test]
fn what_does_not_move_is_believed_only_if_large_and_only_later() {
    let still = || vec![Rect::new(10.0, 10.0, 30.0, 30.0), Rect::new(300.0, 100.0, 60.0, 60.0)];
    let told = run(25, 3.0, |secs| if secs > 0.0 { still() } else { vec![] });
    let first = told.iter().find(|frame| !frame.seen.is_empty());
    assert_eq!(first.map(|frame| (frame.t, frame.seen[0].rect.left)), Some((SECOND_US + 40_000, 300.0)));
    assert_eq!(tracks_seen(&told), BTreeSet::from([1]));
}

#[test]
fn who_is_there_when_the_stream_begins_is_believed_soon_if_large() {
    let still = || vec![Rect::new(10.0, 10.0, 30.0, 30.0), Rect::new(300.0, 100.0, 60.0, 60.0)];
    let told = run(25, 3.0, |_| still());
    let first = told.iter().find(|frame| !frame.seen.is_empty());
    assert_eq!(first.map(|frame| (frame.t, frame.seen[0].rect.left)), Some((120_000, 300.0)));
    assert_eq!(tracks_seen(&told), BTreeSet::from([1]));
    let flickering = run(25, 3.0, |secs| if secs < 0.1 { still() } else { vec![] });
    assert_eq!(tracks_seen(&flickering), BTreeSet::new());
}

#[test]
fn sightings_before_confirmation_are_told_once_and_only_so_far_back() {
    let told = run(25, 12.0, |secs| vec![Rect::new(10.0 + 8.0 * (secs - 8.0).max(0.0) as f32, 10.0, 20.0, 20.0)]);
    let earlier: Vec<_> = told.iter().flat_map(|frame| &frame.confirmed).collect();
    let seen: Vec<_> = told.iter().flat_map(|frame| &frame.seen).collect();
    let confirmed_at = seen[0].t;
    assert_eq!(earlier[0].t, confirmed_at - 5 * SECOND_US);
    let told_times: Vec<_> = earlier.iter().chain(&seen).map(|seen| seen.t).collect();
    assert!(told_times.windows(2).all(|pair| pair[1] == pair[0] + 40_000));
    assert!(earlier.iter().all(|seen| seen.track == TrackId(1)));
}

#[test]
fn a_gap_in_time_ends_every_track_where_it_was_last_seen() {
    let mut tracker = Tracker::new(TrackConfig::default());
    for n in 0..20 {
        tracker.on_frame(&frame(n * 40_000, &[walker(n as f64 / 25.0)]));
    }
    let after = tracker.on_frame(&frame(2 * SECOND_US, &[walker(0.8)]));
    assert_eq!((after.ended, after.seen.len()), (vec![(TrackId(1), 760_000)], 0));
}

#[test]
fn the_end_of_the_stream_ends_every_track_and_nothing_follows_it() {
    let told = run(25, 2.0, |secs| vec![walker(secs)]);
    let end = told.last();
    assert_eq!(end.map(|end| (end.end, end.ended.clone())), Some((true, vec![(TrackId(1), 1_960_000)])));
}

#[test]
fn a_frame_out_of_time_changes_nothing() {
    let mut tracker = Tracker::new(TrackConfig::default());
    tracker.on_frame(&frame(80_000, &[walker(0.08)]));
    let before = tracker.hints();
    for t in [80_000, 40_000] {
        let told = tracker.on_frame(&frame(t, &[walker(3.0)]));
        assert_eq!((told.t, told.seen.len(), told.ended.len()), (t, 0, 0));
        assert_eq!(tracker.hints(), before);
    }
}

#[test]
fn the_camera_carries_tracks_along_and_its_motion_confirms_none() {
    let mut tracker = Tracker::new(TrackConfig::default());
    let mut tracks = BTreeSet::new();
    for n in 0..25u64 {
        let pan = 35.0 * n as f32;
        let moved = SegmentedFrame {
            camera: CameraMotion::Moved(Affine::translation(35.0, 0.0)),
            ..frame(n * 40_000, &[Rect::new(10.0 + pan, 10.0, 20.0, 20.0), shifted(walker(n as f64 / 25.0), pan)])
        };
        tracks.extend(tracker.on_frame(&moved).seen.iter().map(|seen| seen.track.0));
    }
    assert_eq!(tracks, BTreeSet::from([1]), "the walker alone, though both jump by more than their width");
    let expected: Vec<_> = tracker.hints().predictions.iter().map(|p| p.track).collect();
    assert_eq!(expected, [Some(TrackId(1)), None]);
}

fn shifted(rect: Rect, x: f32) -> Rect {
    Rect { left: rect.left + x, ..rect }
}

#[test]
fn a_merged_segment_moves_its_track_little_and_begins_no_other() {
    let mut tracker = Tracker::new(TrackConfig::default());
    let pair = |secs: f64| [walker(secs), shifted(walker(secs), 45.0)];
    for n in 0..25 {
        tracker.on_frame(&frame(n * 40_000, &pair(n as f64 / 25.0)));
    }
    let [a, b] = pair(1.0);
    let mut merged = frame(SECOND_US, &[a.union(&b)]);
    merged.segments[0].merged = true;
    let told = tracker.on_frame(&merged);
    assert_eq!(told.seen.len(), 1);
    assert!(told.seen[0].merged && told.seen[0].rect.width < 45.0, "{:?}", told.seen[0].rect);
    assert_eq!(tracker.hints().predictions.len(), 2);
}

#[test]
fn hints_look_one_step_ahead_and_tell_how_long_a_track_is_unseen() {
    let mut tracker = Tracker::new(TrackConfig::default());
    for n in 0..50 {
        tracker.on_frame(&frame(n * 40_000, &[walker(n as f64 / 25.0)]));
    }
    let expected = |tracker: &Tracker| tracker.hints().predictions[0].clone();
    assert!((expected(&tracker).rect.left - walker(2.0).left).abs() < 0.5);
    assert_eq!((expected(&tracker).track, expected(&tracker).unseen_us), (Some(TrackId(1)), 0));
    tracker.on_frame(&frame(50 * 40_000, &[]));
    tracker.on_frame(&frame(51 * 40_000, &[]));
    assert!((expected(&tracker).rect.left - walker(2.08).left).abs() < 0.5);
    assert_eq!(expected(&tracker).unseen_us, 80_000);
}

#[test]
fn a_track_settles_after_a_minute_of_stillness_and_not_while_it_creeps() {
    let mut tracker = Tracker::new(TrackConfig::default());
    let mut settled_at = [None; 2];
    for n in 0..700u64 {
        let t = n * 100_000;
        let secs = secs_from_micros(t) as f32;
        let parked = Rect::new(100.0 + 60.0 * secs.min(2.0), 50.0 + (n % 3) as f32, 60.0, 40.0);
        let creeping = Rect::new(10.0 + 8.0 * secs, 200.0, 60.0, 40.0);
        tracker.on_frame(&frame(t, &[parked, creeping]));
        for prediction in tracker.hints().predictions.iter().filter(|prediction| prediction.settled) {
            let lane = usize::from(prediction.rect.top > 150.0);
            settled_at[lane].get_or_insert(t);
        }
    }
    let parked_at = settled_at[0].unwrap_or_default();
    assert!((62 * SECOND_US..65 * SECOND_US).contains(&parked_at), "{parked_at}");
    assert_eq!(settled_at[1], None);
}

#[test]
fn equal_frames_give_equal_answers() {
    let scene = |secs: f64| (0..12).map(|n| shifted(walker(secs), 25.0 * n as f32)).collect::<Vec<_>>();
    let (first, again) = (run(25, 3.0, scene), run(25, 3.0, scene));
    assert_eq!(first, again);
}

#[test]
fn boxes_without_extent_or_far_outside_do_no_harm() {
    let mut tracker = Tracker::new(TrackConfig::default());
    for n in 0..20 {
        let rects = [Rect::default(), Rect::new(-1e6, -1e6, 2e6, 2e6), Rect::new(5.0, 5.0, 0.0, 9.0)];
        let told = tracker.on_frame(&frame(n * 40_000, &rects));
        let predictions = tracker.hints().predictions;
        assert!(predictions.iter().all(|p| p.rect.left.is_finite() && p.rect.width > 0.0), "{predictions:?}");
        assert!(told.seen.iter().all(|seen| seen.rect.area().is_finite()));
    }
}

#[test]
fn a_sparsely_sampled_stream_is_followed() {
    let slow = |secs: u64| Rect::new(10.0 + 10.0 * secs as f32, 10.0, 40.0, 40.0);
    for times in [[0, 1, 2, 3, 4, 5, 6, 7], [0, 2, 4, 7, 9, 10, 12, 14]] {
        let mut tracker = Tracker::new(TrackConfig::default());
        let seen = |(n, secs): (usize, u64)| frame(secs * SECOND_US, &[slow(secs)][..usize::from(n != 5)]);
        let told: Vec<_> = times.into_iter().enumerate().map(|at| tracker.on_frame(&seen(at))).collect();
        assert_eq!(tracks_seen(&told), BTreeSet::from([1]), "{times:?}");
        assert_eq!(last_box_of(&told, 1), slow(times[7]));
    }
}

#[test]
fn a_hole_ends_every_track_at_any_rate() {
    for step in [40_000, SECOND_US] {
        let mut tracker = Tracker::new(TrackConfig::default());
        let slow = |n: u64| shifted(Rect::new(10.0, 10.0, 40.0, 40.0), n as f32);
        let mut told: Vec<_> = (0..30).map(|n| tracker.on_frame(&frame(n * step, &[slow(n)]))).collect();
        let back = 29 * step + 3 * SECOND_US;
        let after = tracker.on_frame(&frame(back, &[slow(29)]));
        assert_eq!(after.ended, [(TrackId(1), 29 * step)], "{step}");
        told.extend((1..30).map(|n| tracker.on_frame(&frame(back + n * step, &[slow(29 + n)]))));
        assert_eq!(tracks_seen(&told), BTreeSet::from([1, 2]), "{step}");
    }
}

#[test]
fn a_small_thing_that_lies_is_believed_where_somebody_may_have_put_it_down() {
    let tracks_with_bag_at = |x: f32| {
        let bag = Rect::new(x, 140.0, 16.0, 18.0);
        let scene = |secs: f64| [walker(secs)].into_iter().chain((secs >= 1.0).then_some(bag)).collect();
        let told = run(25, 4.0, scene);
        told.iter().flat_map(|frame| &frame.seen).map(|seen| seen.track).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((tracks_with_bag_at(62.0), tracks_with_bag_at(400.0)), (2, 1));
}

/// People in a row, each walking at a speed of their own, seen by a camera that swings to and fro from second 1 on.
fn jolted(t: Micros) -> Vec<Rect> {
    let n = t / 40_000;
    let jolt = if n < 25 { 0.0 } else { 18.0 * (n % 12).min(12 - n % 12) as f32 };
    let walk = |k: u32| 0.4 * (k as f32 - 3.5) * n as f32;
    (0..8).map(|k| Rect::new(40.0 + 60.0 * k as f32 + walk(k) + jolt, 100.0, 24.0, 48.0)).collect()
}

#[test]
fn a_camera_of_which_nothing_is_known_is_followed_by_what_all_boxes_do() {
    let missed = |common_tracks: u32| {
        let mut tracker =
            Tracker::new(TrackConfig { common_tracks, confirm_moved_sizes: 0.0, ..TrackConfig::default() });
        let mut missed = 0;
        for t in (0..75).map(|n| n * 40_000) {
            let seen = tracker.on_frame(&SegmentedFrame { camera: CameraMotion::Unknown, ..frame(t, &jolted(t)) }).seen;
            let in_order = seen.windows(2).all(|pair| pair[0].rect.left < pair[1].rect.left);
            missed += usize::from(t > SECOND_US && !(in_order && seen.len() == 8));
        }
        missed
    };
    assert_eq!(missed(5), 0, "everybody is seen in every frame, with the number of their place in the row");
    assert!(missed(0) > 20, "boxes that jump by three quarters of their width are lost without: {}", missed(0));
}

/// Three who stand, where the camera swings by 5 pixels a frame from the 25th frame to the 30th, or by then is back. Its motion
/// is unknown meanwhile; the third is not seen then.
fn swung(back: bool, found: CameraMotion) -> Vec<TrackedFrame> {
    let mut tracker = Tracker::new(TrackConfig { confirm_moved_sizes: 0.0, ..TrackConfig::default() });
    let frames = (0..45u64).map(|n| {
        let way = n.clamp(24, 30) - 24;
        let swing = 5.0 * if back { way.min(6 - way) } else { way } as f32;
        let camera = match n {
            25..30 => CameraMotion::Unknown,
            30 => found,
            _ => CameraMotion::Still,
        };
        let places = [40.0, 160.0, 280.0].map(|x| Rect::new(x + swing, 100.0, 30.0, 60.0));
        let seen = if (25..30).contains(&n) { &places[..2] } else { &places };
        tracker.on_frame(&SegmentedFrame { camera, ..frame(n * 40_000, seen) })
    });
    frames.collect()
}

#[test]
fn who_was_seen_while_the_camera_was_unknown_is_not_carried_a_second_time_and_who_was_not_is_once() {
    let all = BTreeSet::from([1, 2, 3]);
    let found = CameraMotion::Found(Affine::translation(30.0, 0.0));
    for told in [swung(false, found), swung(true, CameraMotion::Found(Affine::IDENTITY))] {
        assert_eq!(told.iter().map(|frame| frame.seen.len()).max(), Some(3));
        let at_first: Vec<_> = told[20].seen.iter().map(|seen| seen.track.0).collect();
        let found_in = |n: usize| told[n].seen.iter().map(|seen| seen.track.0).collect::<Vec<_>>();
        assert_eq!((at_first.len(), found_in(44)), (3, at_first), "{:?}", tracks_seen(&told));
        assert_eq!(tracks_seen(&told), all);
    }
}

/// Someone stops behind a thing that stands there and walks on when `away_secs` have passed.
fn hidden_for(away_secs: f64, config: TrackConfig) -> Vec<TrackedFrame> {
    let mut tracker = Tracker::new(config);
    let frames = (0..200u64).map(|n| {
        let (t, secs) = (n * 40_000, n as f64 / 25.0);
        let body = walker(secs.min(1.5));
        let mut rects = vec![Rect::new(95.0 + 8.0 * (6.0 * secs).sin() as f32, 70.0, 90.0, 140.0)];
        if secs < 2.0 {
            rects.push(body);
        } else if secs >= 2.0 + away_secs {
            let since = secs - 2.0 - away_secs;
            rects.push(Rect { left: body.left + 60.0 * since as f32, ..body });
        }
        tracker.on_frame(&frame(t, &rects))
    });
    frames.collect()
}

#[test]
fn someone_hidden_by_what_stands_there_is_found_again_after_the_patience() {
    let config = TrackConfig::default();
    assert!(config.lost_secs < 1.5 && 1.5 < config.hidden_secs);
    assert_eq!(tracks_seen(&hidden_for(1.5, config.clone())), BTreeSet::from([1, 2]));
    let without = TrackConfig { hidden_secs: 0.0, ..config };
    assert_eq!(tracks_seen(&hidden_for(1.5, without)), BTreeSet::from([1, 2, 3]));
}

#[test]
fn nobody_is_hidden_for_ever() {
    let told = hidden_for(6.0, TrackConfig::default());
    let ended: Vec<_> = told.iter().flat_map(|frame| frame.ended.iter().map(|end| (frame.t, *end))).collect();
    let (given_up, (_, last_seen)) = ended[0];
    assert!((2 * SECOND_US..=2 * SECOND_US + 40_000).contains(&(given_up - last_seen)), "{ended:?}");
}

#[test]
fn what_is_hidden_is_not_looked_for_in_the_picture() {
    let mut tracker = Tracker::new(TrackConfig::default());
    let stage = Rect::new(95.0, 70.0, 90.0, 140.0);
    for n in 0..100u64 {
        let (t, secs) = (n * 40_000, n as f64 / 25.0);
        let sway = shifted(stage, 8.0 * (6.0 * secs).sin() as f32);
        let rects = [sway, walker(secs.min(1.5))];
        let told = tracker.on_frame(&frame(t, if secs < 2.0 { &rects } else { &rects[..1] }));
        let hints = tracker.hints();
        if secs > 2.7 {
            assert!(told.seen.iter().all(|seen| seen.rect.width > 50.0), "{:?}", told.seen);
            assert_eq!(hints.predictions.len(), 1, "{secs}");
        }
    }
}

/// A bar from corner to corner of a square of 80 pixels, on a lattice of a quarter.
fn bar(place: Rect, falling: bool) -> Segment {
    let lattice = Size { width: SIZE.width / 4, height: SIZE.height / 4 };
    let (left, top) = ((place.left / 4.0).round() as u32, (place.top / 4.0).round() as u32);
    let bounds = vokg_engine::mask::CellBounds { left, top, width: 20, height: 20 };
    let on_bar = |x: u32, y: u32| (x - left).abs_diff(if falling { y - top } else { 19 + top - y }) < 3;
    Segment { mask: Some(vokg_engine::mask::Mask::from_cells(lattice, bounds, on_bar)), ..segment(place) }
}

#[test]
fn where_boxes_tell_nothing_masks_do() {
    let follow = |mask_weight: f32| {
        let mut tracker = Tracker::new(TrackConfig { mask_weight, ..TrackConfig::default() });
        let mut last = Vec::new();
        for n in 0..60u64 {
            // They meet, stand in the same box for some frames, and each goes back to where it came from.
            let way = 4.0 * (n as f32 - 30.0).abs().max(5.0) - 20.0;
            let (rising, falling) =
                (Rect::new(280.0 - way, 100.0, 80.0, 80.0), Rect::new(280.0 + way, 100.0, 80.0, 80.0));
            let mut frame = frame(n * 40_000, &[]);
            frame.segments = vec![bar(rising, false), bar(falling, true)];
            let told = tracker.on_frame(&frame);
            if !told.seen.is_empty() {
                last = told.seen.iter().map(|seen| (seen.track.0, seen.rect.left < 280.0)).collect();
            }
        }
        last
    };
    assert_eq!(follow(0.5), [(1, true), (2, false)], "each is where its mask is");
    assert_eq!(follow(0.0), [(1, false), (2, true)], "by their boxes they would have passed each other");
}
