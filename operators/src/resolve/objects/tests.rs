//! Objects over a few frames.

use super::*;
use vokg_engine::geometry::Rect;
use vokg_engine::time::SECOND_US;

fn seen(track: u32, t: Micros, score: f32) -> Observation {
    Observation {
        t,
        track: TrackId(track),
        rect: Rect::new(0.0, 0.0, 8.0, 8.0),
        score,
        mask: None,
        visible: None,
        merged: false,
        look: None,
    }
}

fn frame(t: Micros, sightings: &[u32]) -> TrackedFrame {
    let seen = sightings.iter().map(|track| seen(*track, t, 0.8)).collect();
    TrackedFrame { t, seen, ..TrackedFrame::default() }
}

fn is(track: u32, from: Option<u32>, to: u32) -> IdentityChange {
    let reason = if from.is_some() { "fragment" } else { "began" };
    IdentityChange { track: TrackId(track), from: from.map(ObjectId), to: ObjectId(to), score_milli: 700, reason }
}

/// (diff, object, first seen, last seen, open, tracks) of each object delta.
fn summary(deltas: &[Delta]) -> Vec<(i8, u32, Micros, Micros, bool, Vec<u32>)> {
    let objects = deltas.iter().filter_map(|delta| match &delta.element {
        Element::Vertex(VertexKey::Object(id), Vertex::Object(object)) => {
            let tracks = object.tracks.iter().map(|track| track.0).collect();
            let ObjectVertex { first_seen_us, last_seen_us, open, .. } = *object;
            Some((delta.diff.sign(), id.0, first_seen_us, last_seen_us, open, tracks))
        }
        _ => None,
    });
    objects.collect()
}

#[test]
fn an_object_begins_with_the_sightings_that_confirmed_it_and_is_closed_when_it_leaves() {
    let mut objects = Objects::new(Micros::MAX);
    let mut confirming = frame(30, &[1]);
    confirming.confirmed = vec![seen(1, 10, 0.5), seen(1, 20, 0.5)];
    let begun = objects.frame(&confirming, &[is(1, None, 1)]);
    assert_eq!(summary(&begun), [(1, 1, 10, 30, true, vec![1])]);
    let Element::Vertex(_, Vertex::Object(vertex)) = &begun[0].element else { panic!("{begun:?}") };
    assert_eq!(vertex.confidence_milli, 600);
    assert_eq!(objects.frame(&frame(40, &[1]), &[]), [], "a running value is not restated");
    let leaving = TrackedFrame { ended: vec![(TrackId(1), 40)], ..frame(90, &[]) };
    assert_eq!(summary(&objects.frame(&leaving, &[])), [(1, 1, 10, 40, false, vec![1])]);
}

#[test]
fn a_return_a_merge_and_a_split_restate_both_sides() {
    let mut objects = Objects::new(Micros::MAX);
    objects.frame(&frame(10, &[1]), &[is(1, None, 1)]);
    objects.frame(&TrackedFrame { ended: vec![(TrackId(1), 10)], ..frame(20, &[2]) }, &[is(2, None, 2)]);
    let merged = objects.frame(&frame(30, &[2]), &[is(2, Some(2), 1)]);
    assert_eq!(summary(&merged), [(1, 1, 10, 30, true, vec![1, 2]), (-1, 2, 20, 20, true, vec![2])]);
    assert!(merged[1..].iter().all(|delta| delta.caused_by == Some(30)));
    let Element::Vertex(VertexKey::Correction(30), Vertex::Correction(correction)) = &merged[0].element else {
        panic!("{merged:?}")
    };
    assert_eq!((correction.moves.len(), correction.reason.as_str()), (1, "fragment"));
    let split = objects.frame(&frame(40, &[2]), &[is(2, Some(1), 2)]);
    assert_eq!(summary(&split), [(1, 1, 10, 10, false, vec![1]), (1, 2, 20, 40, true, vec![2])]);
    let returned = objects.frame(&frame(50, &[2, 3]), &[is(3, None, 1)]);
    assert_eq!(summary(&returned), [(1, 1, 10, 50, true, vec![1, 3])]);
    assert_eq!(returned[0].caused_by, None, "a return is no correction");
}

#[test]
fn the_end_closes_every_object() {
    let mut objects = Objects::new(Micros::MAX);
    objects.frame(&frame(10, &[1, 2]), &[is(1, None, 1), is(2, None, 2)]);
    let end = TrackedFrame { end: true, ..frame(11, &[]) };
    assert_eq!(summary(&objects.frame(&end, &[])), [(1, 1, 10, 10, false, vec![1]), (1, 2, 10, 10, false, vec![2])]);
}

#[test]
fn what_left_before_the_settled_time_is_forgotten() {
    let mut objects = Objects::new(SECOND_US);
    let mut most = 0;
    for n in 1..1000 {
        let t = u64::from(n) * 100_000;
        let before = TrackedFrame { ended: vec![(TrackId(n - 1), t - 100_000)], ..frame(t, &[n]) };
        objects.frame(&before, &[is(n, None, n)]);
        most = most.max(objects.rows());
    }
    assert!(most <= 60, "{most} rows for what comes and goes within two seconds");
}
