//! The segmenter `motion` in a closed loop with a tracker, on drawn scenes whose truth is known.

mod scene;
mod tracker;

use scene::{SIZE, Thing, World};
use std::collections::BTreeSet;
use tracker::Tracker;
use vokg_engine::geometry::Rect;
use vokg_engine::segment::Segment;
use vokg_engine::time::{Micros, micros_from_secs};
use vokg_models::motion::Motion;
use vokg_models::{Backend, Encoded, SegmentError};

const FPS: f64 = 25.0;

/// What was found over a clip.
struct Found {
    /// Time and segments of each frame.
    frames: Vec<(f64, Vec<Segment>)>,
    /// Tracks that were believed at any time.
    tracks: usize,
}

/// Runs a world for some seconds; tracks count as settled from `settled_from` on.
fn run(world: &World, secs: f64, settled_from: f64) -> Result<Found, SegmentError> {
    let motion = Motion::default();
    let (mut encoder, mut segmenter) = motion.open();
    let times: Vec<f64> = (0..(secs * FPS) as u32).map(|i| f64::from(i) / FPS).collect();
    let encoded: Vec<Encoded> =
        times.iter().map(|secs| encoder.encode(&world.frame(*secs))).collect::<Result<_, SegmentError>>()?;
    let lead = times.iter().take_while(|secs| micros_from_secs(**secs) < motion.lead_us()).count();
    segmenter.prepare(&encoded[..lead]);
    let mut tracker = Tracker::default();
    let (mut frames, mut tracks, mut before) = (Vec::new(), BTreeSet::new(), 0);
    for (secs, encoded) in times.iter().zip(&encoded) {
        let t: Micros = micros_from_secs(*secs);
        let segmented = segmenter.segment(encoded, &tracker.hints(before, *secs >= settled_from))?;
        tracker.follow(t, &segmented.camera, &segmented.segments);
        tracks.extend(tracker.believed().into_iter().map(|(id, _)| id));
        frames.push((*secs, segmented.segments));
        before = t;
    }
    Ok(Found { frames, tracks: tracks.len() })
}

impl Found {
    /// Frames between two times in which segments and truth agree: as many of each, every box with an IoU above
    /// `least`; as a share.
    fn agreement(&self, world: &World, from: f64, to: f64, least: f32) -> f32 {
        let frames: Vec<_> = self.frames.iter().filter(|(secs, _)| (from..to).contains(secs)).collect();
        let agrees = |secs: f64, segments: &[Segment]| {
            let truth = world.truth(secs);
            let met = |rect: &Rect| segments.iter().any(|s| s.rect.iou(rect) > least);
            truth.len() == segments.len() && truth.iter().all(met)
        };
        let agreeing = frames.iter().filter(|(secs, segments)| agrees(*secs, segments)).count();
        agreeing as f32 / frames.len() as f32
    }

    /// Segments of the frames between two times.
    fn segments(&self, from: f64, to: f64) -> usize {
        self.frames.iter().filter(|(secs, _)| (from..to).contains(secs)).map(|(_, s)| s.len()).sum()
    }
}

fn block(colour: (f32, f32, f32), path: impl Fn(f64) -> Option<Rect> + 'static) -> Thing {
    Thing { colour, round: false, path: Box::new(path) }
}

fn ball(colour: (f32, f32, f32), path: impl Fn(f64) -> Option<Rect> + 'static) -> Thing {
    Thing { colour, round: true, path: Box::new(path) }
}

/// A bright block, a ball hardly darker than the ground and a coloured block that cross on three lanes.
fn street(seed: u64) -> World {
    let mut world = World::new(seed);
    let lane = |top: f32, speed: f64, from: f64, width: f32, height: f32| {
        move |secs: f64| {
            let left = if speed > 0.0 { -f64::from(width) } else { 640.0 } + speed * (secs - from);
            (secs >= from && left < 640.0 && left > -f64::from(width))
                .then(|| Rect::new(left as f32, top, width, height))
        }
    };
    world.things.push(block((170.0, 124.0, 131.0), lane(30.0, 110.0, 1.0, 90.0, 60.0)));
    world.things.push(ball((80.0, 118.0, 128.0), lane(140.0, -90.0, 2.0, 70.0, 70.0)));
    world.things.push(block((110.0, 105.0, 165.0), lane(260.0, 130.0, 3.0, 110.0, 70.0)));
    world
}

/// After the leading second of each, three things are in view between these times.
const ALL_IN_VIEW: (f64, f64) = (4.2, 6.5);

#[test]
fn three_things_are_three_tight_segments() -> Result<(), SegmentError> {
    let world = street(1);
    let found = run(&world, 11.0, f64::INFINITY)?;
    let agreement = found.agreement(&world, ALL_IN_VIEW.0, ALL_IN_VIEW.1, 0.75);
    assert!(agreement > 0.95, "{agreement}");
    assert_eq!(found.tracks, 3);
    assert_eq!(found.segments(10.0, 11.0), 0, "nothing is left when all have gone");
    Ok(())
}

#[test]
fn soft_shadows_are_not_part_of_things() -> Result<(), SegmentError> {
    for shadow in [0.2, 0.3, 0.4] {
        let mut world = street(2);
        world.shadow = shadow;
        let found = run(&world, 8.0, f64::INFINITY)?;
        let agreement = found.agreement(&world, ALL_IN_VIEW.0, ALL_IN_VIEW.1, 0.65);
        assert!(agreement > 0.9, "shadow {shadow}: {agreement}");
        assert_eq!(found.tracks, 3, "shadow {shadow}");
    }
    Ok(())
}

#[test]
fn steps_of_light_make_no_segments() -> Result<(), SegmentError> {
    let mut world = street(3);
    world.light = Box::new(|secs| if (secs / 1.7) as u32 % 2 == 1 { 1.35 } else { 1.0 });
    let found = run(&world, 11.0, f64::INFINITY)?;
    let agreement = found.agreement(&world, ALL_IN_VIEW.0, ALL_IN_VIEW.1, 0.7);
    assert!(agreement > 0.9, "{agreement}");
    assert_eq!(found.tracks, 3);
    Ok(())
}

#[test]
fn what_stops_stays_a_segment_and_leaves_no_ghost() -> Result<(), SegmentError> {
    let mut world = World::new(4);
    // It drives in, stands from 4 s to 24 s and drives on.
    world.things.push(block((165.0, 124.0, 131.0), |secs| {
        let left = match secs {
            secs if secs < 4.0 => -100.0 + 100.0 * secs,
            secs if secs < 24.0 => 300.0,
            secs => 300.0 + 100.0 * (secs - 24.0),
        };
        (secs >= 0.0 && left < 640.0).then(|| Rect::new(left as f32, 150.0, 100.0, 70.0))
    }));
    let found = run(&world, 29.0, f64::INFINITY)?;
    let agreement = found.agreement(&world, 4.0, 24.0, 0.75);
    assert!(agreement > 0.98, "{agreement}");
    assert_eq!(found.tracks, 1);
    assert_eq!(found.segments(28.0, 29.0), 0);
    Ok(())
}

#[test]
fn the_ghost_of_a_thing_that_was_part_of_the_background_vanishes() -> Result<(), SegmentError> {
    let mut world = World::new(5);
    world.things.push(block((60.0, 124.0, 131.0), |secs| (secs < 8.0).then(|| Rect::new(250.0, 100.0, 110.0, 80.0))));
    let found = run(&world, 12.0, f64::INFINITY)?;
    assert_eq!(found.segments(0.0, 8.0), 0, "what has always been there is background");
    assert_eq!(found.segments(9.0, 12.0), 0, "its place is background soon after");
    Ok(())
}

#[test]
fn a_settled_thing_becomes_background() -> Result<(), SegmentError> {
    let mut world = World::new(6);
    world.things.push(block((165.0, 124.0, 131.0), |secs| {
        Some(Rect::new((-100.0 + 150.0 * secs as f32).min(300.0), 150.0, 100.0, 70.0))
    }));
    let found = run(&world, 40.0, 6.0)?;
    assert!(found.segments(5.0, 6.0) > 0);
    assert_eq!(found.segments(38.0, 40.0), 0);
    Ok(())
}

#[test]
fn two_things_that_meet_stay_two() -> Result<(), SegmentError> {
    let mut world = World::new(7);
    let crossing = |from: f32, speed: f32, top: f32| {
        move |secs: f64| {
            Some(Rect::new(from + speed * secs as f32, top, 70.0, 100.0)).filter(|r| r.right() > 0.0 && r.left < 640.0)
        }
    };
    world.things.push(block((175.0, 124.0, 131.0), crossing(-70.0, 90.0, 120.0)));
    world.things.push(block((70.0, 110.0, 160.0), crossing(640.0, -90.0, 140.0)));
    let found = run(&world, 7.5, f64::INFINITY)?;
    assert_eq!(found.tracks, 2);
    let together = found.frames.iter().filter(|(secs, _)| (3.6..4.3).contains(secs));
    let (all, two): (Vec<_>, Vec<_>) = (together.clone().collect(), together.filter(|(_, s)| s.len() == 2).collect());
    assert!(two.len() * 10 >= all.len() * 8, "{} of {} frames show two", two.len(), all.len());
    assert!(all.iter().any(|(_, s)| s.iter().any(|s| s.merged)));
    Ok(())
}

#[test]
fn a_shaking_camera_finds_what_a_camera_at_rest_does() -> Result<(), SegmentError> {
    for share in [0.01, 0.03] {
        let mut world = street(8);
        let swing = share * SIZE.width as f64;
        world.camera = Box::new(move |secs| {
            let (x, y) = ((secs * 2.3 * std::f64::consts::TAU).sin(), (secs * 1.7 * std::f64::consts::TAU).cos() - 1.0);
            ((swing * x) as f32, (0.6 * swing * y) as f32)
        });
        let found = run(&world, 10.0, f64::INFINITY)?;
        let agreement = found.agreement(&world, ALL_IN_VIEW.0, ALL_IN_VIEW.1, 0.6);
        assert!(agreement > 0.85, "shake {share}: {agreement}");
        assert_eq!(found.tracks, 3, "shake {share}");
    }
    Ok(())
}

#[test]
fn a_slow_pan_finds_what_a_camera_at_rest_does() -> Result<(), SegmentError> {
    let mut world = street(9);
    world.camera = Box::new(|secs| ((0.02 * 640.0 * secs) as f32, 0.0));
    let found = run(&world, 12.0, f64::INFINITY)?;
    let agreement = found.agreement(&world, ALL_IN_VIEW.0, ALL_IN_VIEW.1, 0.6);
    assert!(agreement > 0.85, "{agreement}");
    assert_eq!(found.tracks, 3);
    assert_eq!(found.segments(11.0, 12.0), 0);
    Ok(())
}

#[test]
fn what_looks_like_paved_ground_is_found_while_the_camera_shakes() -> Result<(), SegmentError> {
    let mut world = World::new(11);
    world.pave();
    world.things.push(block((118.0, 124.0, 131.0), |secs| {
        (secs >= 1.0).then(|| Rect::new(-60.0 + 100.0 * (secs - 1.0) as f32, 120.0, 60.0, 110.0))
    }));
    let swing = 0.01 * SIZE.width as f64;
    world.camera = Box::new(move |secs| {
        let (x, y) = ((secs * 2.3 * std::f64::consts::TAU).sin(), (secs * 1.7 * std::f64::consts::TAU).cos() - 1.0);
        ((swing * x) as f32, (0.6 * swing * y) as f32)
    });
    let found = run(&world, 7.0, f64::INFINITY)?;
    let agreement = found.agreement(&world, 2.0, 7.0, 0.6);
    assert!(agreement > 0.85, "{agreement}");
    assert_eq!(found.tracks, 1);
    Ok(())
}

#[test]
fn equal_frames_give_equal_segments() -> Result<(), SegmentError> {
    let world = street(10);
    let (a, b) = (run(&world, 6.0, f64::INFINITY)?, run(&world, 6.0, f64::INFINITY)?);
    assert!(a.frames == b.frames && a.tracks == b.tracks);
    Ok(())
}
