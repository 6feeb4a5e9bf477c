use super::super::SpanChange;
use super::super::near::Near;
use super::super::testing::{Chance, apply, clip, end, frame, held, history, run, seen};
use super::*;
use proptest::prelude::*;
use vokg_engine::geometry::{Affine, Rect, Size};
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
fn a_longer_window_is_dated_back_by_half_of_itself() {
    // One stands at a gap of 0.25 sizes until 3 s and then goes at 2 sizes a second: three quarters are reached at 3.25 s.
    let frames = clip(6.0, |s| two((5.0 + 40.0 * (s - 3.0).max(0.0)) as f32));
    for velocity_secs in [0.3, 0.5, 1.0, 1.5] {
        let mut config = RelateConfig::default();
        config.measure.velocity_secs = velocity_secs;
        let spans = run(&mut Relations::new(config), &frames);
        let near = spans.iter().find(|span| span.kind == RelationKind::NEAR).unwrap();
        let to_us = near.to_us.unwrap();
        assert!(to_us.abs_diff(3_250_000) <= 150_000, "{velocity_secs}: {to_us}");
    }
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
    fn spans_do_not_depend_on_the_resolution(seed: u64, factor in prop::sample::select(vec![0.5f32, 2.0, 3.0, 4.0])) {
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

/// Twenty seconds of a dozen who wander about a large frame, some confirmed late, some gone early.
fn crowd(seed: u64) -> Vec<TrackedFrame> {
    let mut chance = Chance::new(seed);
    let mut walkers: Vec<[f64; 4]> =
        (0..12).map(|_| [chance.share() * 600.0, chance.share() * 400.0, chance.normal(), chance.normal()]).collect();
    let mut waiting: Vec<Vec<Observation>> = vec![Vec::new(); 12];
    let mut frames = Vec::new();
    for step in 0..500_u64 {
        let mut next = frame(step * 40_000, Vec::new());
        next.size = Some(Size { width: 640, height: 440 });
        for (track, [x, y, vx, vy]) in walkers.iter_mut().enumerate() {
            (*x, *y) = ((*x + *vx).clamp(0.0, 600.0), (*y + *vy).clamp(0.0, 400.0));
            (*vx, *vy) = (0.98 * *vx + 0.2 * chance.normal(), 0.98 * *vy + 0.2 * chance.normal());
            let (number, ends_at) = (track as u32 + 1, 300 + 40 * track as u64);
            if step == ends_at {
                next.ended.push((TrackId(number), (step - 1) * 40_000));
            }
            if step >= ends_at {
                continue;
            }
            let sighting = seen(next.t, number, *x as f32, *y as f32, 30.0, 36.0);
            if track % 3 == 0 && step < 100 {
                waiting[track].push(sighting);
                continue;
            }
            next.confirmed.append(&mut waiting[track]);
            next.seen.push(sighting);
        }
        frames.push(next);
    }
    frames.push(end(500 * 40_000));
    frames
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whoever goes on from a memory reads all pairs anew; whoever does not leaves out those that rest.
    #[test]
    fn pairs_that_rest_miss_nothing(seed: u64) {
        let (mut straight, mut resumed) = (relations(), relations());
        let mut stated = 0;
        for frame in crowd(seed) {
            let changes = straight.on_frame(&frame);
            prop_assert_eq!(&changes, &resumed.on_frame(&frame), "at {}", frame.t);
            stated += changes.len();
            let memory = postcard::to_allocvec(&resumed).expect("it is plain data");
            resumed = relations().resume(postcard::from_bytes(&memory).expect("it was just written"));
        }
        prop_assert!(stated > 100, "{}", stated);
    }
}
