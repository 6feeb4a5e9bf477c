//! Lives of tracks, frame by frame.

use super::*;
use vokg_engine::geometry::Size;
use vokg_engine::segment::SegmentOrigin;
use vokg_engine::time::SECOND_US;

const SIZE: Size = Size { width: 640, height: 360 };

fn segment(rect: Rect) -> Segment {
    Segment { rect, mask: None, score: 0.9, origin: SegmentOrigin::Motion, merged: false, look: None }
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
