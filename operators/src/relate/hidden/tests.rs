use super::super::testing::{apply, clip, end, run, seen};
use super::super::{RelateConfig, Relations};
use super::appear::APPEARED_MAX;
use super::rules::REAPPEARS;
use super::*;
use crate::resolve::intervals::Now;
use crate::resolve::scratch::interactions;
use vokg_engine::evidence::RelationKind;
use vokg_engine::geometry::Size;
use vokg_engine::id::ObjectId;
use vokg_engine::observation::TrackedFrame;

/// The left edge of one who walks behind a cover at 40 to 80 and stays there from 2 to 8 s: last seen at 1.44 s, seen again
/// at 8.56 s.
fn walk(s: f64) -> f64 {
    if s < 2.0 { 10.0 + 20.0 * s } else { (50.0 + 20.0 * (s - 8.0)).max(50.0) }
}

/// One with the left edge at `left`, if it is seen beside a cover at `cover`, and the cover.
fn two(track: u32, left: f64, cover: f64) -> Vec<Observation> {
    let under = ((left + 20.0).min(cover + 40.0) - left.max(cover)).clamp(0.0, 20.0);
    let visible = 1.0 - under / 20.0;
    let thing = Observation { visible: Some(visible as f32), ..seen(0, track, left as f32, 15.0, 20.0, 20.0) };
    let cover = Observation { visible: Some(1.0), ..seen(0, 9, cover as f32, 0.0, 40.0, 40.0) };
    if visible > 0.05 { vec![thing, cover] } else { vec![cover] }
}

/// (kind, a, b, from, to) of the evidence of being hidden, times in milliseconds; what never was so is left out.
type Told = (&'static str, u32, u32, u64, u64);

fn rows(spans: &[EvidenceSpan]) -> Vec<Told> {
    let kinds =
        [("HIDDEN_BY", RelationKind::HIDDEN_BY), ("OCCLUDES", RelationKind::OCCLUDES), ("REAPPEARS", REAPPEARS)];
    let row = |span: &EvidenceSpan| {
        let (name, _) = kinds.iter().find(|(_, kind)| *kind == span.kind)?;
        let to_us = span.to_us.expect("the stream has ended");
        (to_us > span.from_us).then_some((*name, span.a.0, span.b.0, span.from_us / 1000, to_us / 1000))
    };
    let mut rows: Vec<Told> = spans.iter().filter_map(row).collect();
    rows.sort_unstable();
    rows
}

fn told(frames: &[TrackedFrame]) -> Vec<Told> {
    rows(&run(&mut Relations::new(RelateConfig::default()), frames))
}

fn hidden(frames: &[TrackedFrame]) -> Vec<(u64, u64)> {
    told(frames).into_iter().filter(|row| row.0 == "HIDDEN_BY").map(|row| (row.3, row.4)).collect()
}

#[test]
fn who_stays_behind_something_is_hidden_by_it_from_the_last_sighting_to_the_next() {
    let frames = clip(11.0, |s| two(1, walk(s), 40.0));
    let wanted = [
        ("HIDDEN_BY", 1, 9, 1440, 8560),
        ("OCCLUDES", 9, 1, 720, 1480),
        ("OCCLUDES", 9, 1, 1440, 4440),
        ("OCCLUDES", 9, 1, 8560, 9440),
    ];
    assert_eq!(told(&frames), wanted);
}

#[test]
fn a_row_that_says_nothing_is_visible_is_no_sighting() {
    let frames = clip(11.0, |s| {
        let mut seen = two(1, walk(s), 40.0);
        if seen.len() == 1 {
            let thing = super::super::testing::seen(0, 1, walk(s) as f32, 15.0, 20.0, 20.0);
            seen.push(Observation { visible: Some(0.0), ..thing });
        }
        seen
    });
    let wanted = [("HIDDEN_BY", 1, 9, 1440, 8560), ("OCCLUDES", 9, 1, 720, 9440)];
    assert_eq!(told(&frames), wanted);
}

#[test]
fn it_ends_when_the_place_is_uncovered_when_the_cover_is_gone_and_after_a_most() {
    let moves = |s: f64| if s < 5.0 { 40.0 } else { 40.0 + 20.0 * (s - 5.0) };
    let stays = |s: f64| if s < 2.0 { walk(s) } else { 50.0 };
    let driven_off = clip(9.0, |s| if s < 2.0 { two(1, walk(s), 40.0) } else { two(1, 0.0, moves(s))[1..].to_vec() });
    // Last seen at 38.8 to 58.8; carried on to 48.8, half of that is uncovered at 58.8.
    assert_eq!(hidden(&driven_off), [(1440, 5960)]);
    let gone = clip(9.0, |s| if s < 5.0 { two(1, stays(s), 40.0) } else { vec![] });
    assert_eq!(hidden(&gone), [(1440, 4960)]);
    let missed = clip(9.0, |s| if (5.0..5.4).contains(&s) { vec![] } else { two(1, stays(s), 40.0) });
    assert_eq!(hidden(&missed), [(1440, 8960)]);
    let mut config = RelateConfig::default();
    config.hidden_by.most_secs = 5.0;
    let mut relations = Relations::new(config);
    let spans = run(&mut relations, &clip(9.0, |s| two(1, stays(s), 40.0)));
    assert!(rows(&spans).contains(&("HIDDEN_BY", 1, 9, 1440, 6440)), "{:?}", rows(&spans));
}

#[test]
fn who_is_seen_again_elsewhere_was_not_there() {
    let frames = clip(9.0, |s| two(1, if s < 6.0 { walk(s) } else { 120.0 }, 40.0));
    assert_eq!(told(&frames), [("OCCLUDES", 9, 1, 720, 1480)]);
}

#[test]
fn who_comes_back_after_a_hole_in_the_stream_was_hidden_until_the_hole() {
    let holed = |back: f64| {
        let mut frames = clip(12.0, |s| two(1, if s < 6.0 { walk(s) } else { back }, 40.0));
        frames.retain(|frame| !(5_000_000..8_000_000).contains(&frame.t));
        hidden(&frames)
    };
    assert_eq!(holed(61.2), [(1440, 4960)], "at the cover");
    assert_eq!(holed(150.0), [(1440, 4960)], "elsewhere");
}

#[test]
fn who_is_first_seen_in_the_last_frame_is_told_at_the_end() {
    for (left, from) in [(61.2, 13_960), (150.0, 1440)] {
        let mut frames = clip(14.0, |s| match s < 13.96 {
            true => two(1, walk(s.min(7.0)), 40.0),
            false => two(3, left, 40.0),
        });
        frames[60].ended.push((TrackId(1), 1_440_000));
        let appeared: Vec<Told> = told(&frames).into_iter().filter(|row| row.0 == "REAPPEARS").collect();
        assert_eq!(appeared, [("REAPPEARS", 3, 9, from, 13_960)]);
    }
}

#[test]
fn who_leaves_the_picture_is_not_hidden() {
    let frames = clip(9.0, |s| two(1, walk(s), 40.0));
    let cut = |frame: TrackedFrame| TrackedFrame { size: Some(Size { width: 59, height: 35 }), ..frame };
    let frames: Vec<TrackedFrame> = frames.into_iter().map(cut).collect();
    assert_eq!(hidden(&frames), []);
}

/// Track 1 goes behind the cover and ends; track 3 is first seen at 8.56 s with the left edge at `left` then, and goes right.
fn with_another(left: f64) -> Vec<TrackedFrame> {
    let mut frames = clip(14.0, |s| match s < 8.56 {
        true => two(1, walk(s.min(7.0)), 40.0),
        false => two(3, left + 20.0 * (s - 8.56), 40.0),
    });
    frames[60].ended.push((TrackId(1), 1_440_000));
    frames
}

/// The intervals of HIDDEN_BY and OCCLUDES if track 3 is the object `third`.
fn resolved(frames: &[TrackedFrame], third: u32) -> Vec<Told> {
    let config = RelateConfig::default();
    let rules = config.rules();
    let spans = run(&mut Relations::new(config), frames);
    let object = |track: TrackId| ObjectId(if track.0 == 3 { third } else { track.0 });
    let spans = spans.iter().map(|span| (object(span.a), object(span.b), *span));
    let all = interactions(spans, &rules, Now::End(14_000_000));
    let of = |name: &'static str, kind| {
        let pairs = all.iter().filter(move |((of, ..), _)| *of == kind);
        pairs.flat_map(move |((_, a, b), intervals)| {
            intervals.iter().map(move |i| (name, a.0, b.0, i.from_us / 1000, i.to_us.unwrap_or(0) / 1000))
        })
    };
    of("HIDDEN_BY", RelationKind::HIDDEN_BY).chain(of("OCCLUDES", RelationKind::OCCLUDES)).collect()
}

#[test]
fn a_track_that_comes_out_at_the_cover_ends_it_where_it_is_the_same_object() {
    let frames = with_another(61.2);
    assert!(told(&frames).contains(&("REAPPEARS", 3, 9, 8560, 13_960)));
    let two = resolved(&frames, 3);
    assert_eq!(two[0], ("HIDDEN_BY", 1, 9, 1440, 13_960));
    let one = resolved(&frames, 1);
    let wanted = [("HIDDEN_BY", 1, 9, 1440, 8560), ("OCCLUDES", 9, 1, 720, 4440), ("OCCLUDES", 9, 1, 8560, 9440)];
    assert_eq!(one, wanted);
}

#[test]
fn a_track_that_comes_from_elsewhere_takes_it_back_where_it_is_the_same_object() {
    let frames = with_another(150.0);
    assert_eq!(resolved(&frames, 3)[0], ("HIDDEN_BY", 1, 9, 1440, 13_960));
    assert_eq!(resolved(&frames, 1), [("OCCLUDES", 9, 1, 720, 4440)]);
}

#[test]
fn a_new_track_within_the_first_seconds_continues_the_same_occlusion() {
    let mut frames = clip(6.0, |s| match s < 3.0 {
        true => two(1, walk(s), 40.0),
        false => two(3, 61.2 + 20.0 * (s - 3.0), 40.0),
    });
    frames[60].ended.push((TrackId(1), 1_440_000));
    let occludes: Vec<Told> = resolved(&frames, 1).into_iter().filter(|row| row.0 == "OCCLUDES").collect();
    assert_eq!(occludes, [("OCCLUDES", 9, 1, 720, 3880)]);
    assert_eq!(resolved(&frames, 1).len(), 1, "it was not hidden for long enough");
}

#[test]
fn who_came_out_and_is_hidden_again_is_hidden_twice() {
    let again = |s: f64| if s < 10.0 { 61.2 + 20.0 * (s - 8.56) } else { (90.0 - 20.0 * (s - 10.0)).max(50.0) };
    let mut frames = clip(17.0, |s| match s < 8.56 {
        true => two(1, walk(s.min(7.0)), 40.0),
        false => two(3, again(s), 40.0),
    });
    frames[60].ended.push((TrackId(1), 1_440_000));
    let hidden: Vec<Told> = resolved(&frames, 1).into_iter().filter(|row| row.0 == "HIDDEN_BY").collect();
    let [first, second] = hidden[..] else { panic!("{hidden:?}") };
    assert_eq!((first.3, first.4, second.4), (1440, 8560, 16_960));
    assert!((11_000..12_000).contains(&second.3), "{second:?}");
}

#[test]
fn what_is_hidden_is_bounded_and_forgotten() {
    let many = |s: f64| -> Vec<Observation> {
        let things = (0..100).flat_map(|track| two(10 + track, walk(s.min(7.0)), 40.0).into_iter().rev().skip(1));
        let cover = two(1, walk(s), 40.0).pop();
        // Somebody new comes into sight all the time.
        let new = seen(0, 1000 + (s * 10.0) as u32, 300.0, 0.0, 20.0, 20.0);
        things.chain(cover).chain([new]).collect()
    };
    let mut config = RelateConfig::default();
    config.hidden_by.most_secs = 9.0;
    let mut relations = Relations::new(config);
    let mut spans = BTreeMap::new();
    let (mut most, mut most_appeared) = (0, 0);
    for frame in clip(12.0, many) {
        apply(&mut spans, &relations.on_frame(&frame));
        most = most.max(relations.hidden().hidings.len());
        most_appeared = most_appeared.max(relations.hidden().appeared.len());
    }
    assert_eq!((most, most_appeared), (HIDINGS_MAX, APPEARED_MAX));
    assert_eq!((relations.hidden().hidings.len(), relations.hidden().appeared.len()), (0, 0));
    let given_up = spans.values().filter(|span| span.kind == RelationKind::HIDDEN_BY && span.to_us > Some(8_500_000));
    assert_eq!(given_up.count(), 0, "64 came into sight within 6.4 s");
    relations.on_frame(&end(12_000_000));
}
