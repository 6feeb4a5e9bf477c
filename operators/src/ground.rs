//! Where the ground lies in the picture, so that what the camera does is not taken for movement of things.

use std::collections::VecDeque;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::observation::TrackedFrame;
use vokg_engine::segment::CameraMotion;
use vokg_engine::time::Micros;

/// Most moved frames that are remembered.
const FRAMES_MAX: usize = 240;

/// How far the camera has moved the picture since the begin of the stream, in pixels.
///
/// It is the shift of the middle of the picture, summed. Turning and zooming move what is far from the middle by more or
/// less; over the seconds in which movement is judged that is small. A frame whose camera motion is unknown counts as still.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ground {
    /// From which time on the shift is which, of the frames that moved.
    shifts: VecDeque<(Micros, (f64, f64))>,
}

impl Ground {
    /// Takes the next frame, in order of time.
    pub(crate) fn on_frame(&mut self, frame: &TrackedFrame) {
        let (CameraMotion::Moved(map), Some(Size { width, height })) = (&frame.camera, frame.size) else { return };
        let middle = (width as f32 / 2.0, height as f32 / 2.0);
        let moved = map.apply(middle.0, middle.1);
        let (x, y) = self.shifts.back().map_or((0.0, 0.0), |(_, shift)| *shift);
        let shift = (x + f64::from(moved.0 - middle.0), y + f64::from(moved.1 - middle.1));
        self.shifts.push_back((frame.t, shift));
        if self.shifts.len() > FRAMES_MAX {
            self.shifts.pop_front();
        }
    }

    /// Where a box seen at `t` lies on the ground, in pixels of the first picture.
    pub(crate) fn under(&self, t: Micros, rect: &Rect) -> Rect {
        let after = self.shifts.partition_point(|(from, _)| *from <= t);
        let before_all = if self.shifts.len() < FRAMES_MAX { None } else { self.shifts.front() };
        let known = after.checked_sub(1).and_then(|at| self.shifts.get(at)).or(before_all);
        let Some((_, (x, y))) = known else { return *rect };
        let place = |along: f32, shift: f64| (f64::from(along) - shift) as f32;
        Rect::new(place(rect.left, *x), place(rect.top, *y), rect.width, rect.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Affine;

    fn moved(t: Micros, map: Affine) -> TrackedFrame {
        let size = Some(Size { width: 200, height: 100 });
        TrackedFrame { t, size, camera: CameraMotion::Moved(map), ..TrackedFrame::default() }
    }

    #[test]
    fn what_stands_stays_where_it_is_while_the_camera_moves() {
        let mut ground = Ground::default();
        let seen = |x: f32, y: f32| Rect::new(x, y, 20.0, 10.0);
        assert_eq!(ground.under(0, &seen(50.0, 40.0)), seen(50.0, 40.0));
        ground.on_frame(&moved(40, Affine::translation(-7.0, 3.0)));
        ground.on_frame(&TrackedFrame { t: 80, ..TrackedFrame::default() });
        ground.on_frame(&moved(120, Affine::translation(-1.0, 0.0)));
        let places = [(0, 50.0, 40.0), (40, 43.0, 43.0), (80, 43.0, 43.0), (120, 42.0, 43.0)];
        for (t, x, y) in places {
            assert_eq!(ground.under(t, &seen(x, y)), seen(50.0, 40.0), "at {t}");
        }
    }

    #[test]
    fn zooming_about_the_middle_shifts_nothing_and_memory_is_bounded() {
        let mut ground = Ground::default();
        let zoom = Affine { m: [1.1, 0.0, -10.0, 0.0, 1.1, -5.0] };
        (0..1000).for_each(|i| ground.on_frame(&moved(i * 40, zoom)));
        let place = ground.under(40_000, &Rect::new(1.0, 2.0, 3.0, 4.0));
        assert!((place.left - 1.0).abs() < 0.1 && (place.top - 2.0).abs() < 0.1, "{place:?}");
        assert_eq!(ground.shifts.len(), FRAMES_MAX);
    }
}
