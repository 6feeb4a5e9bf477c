//! Where the ground lies in the picture, so that what the camera does is not taken for movement of things.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::observation::TrackedFrame;
use vokg_engine::time::Micros;

/// Most moved frames that are remembered.
const FRAMES_MAX: usize = 240;

/// A box on the ground, in pixels of the first picture. A camera that turns all day is millions of pixels away from that, so
/// the place is in double precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GroundBox {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// How far the camera has moved the picture since the begin of the stream, in pixels.
///
/// It is the shift of the middle of the picture, summed. Turning and zooming move what is far from the middle by more or
/// less; over the seconds in which movement is judged that is small. A frame whose camera motion is unknown counts as still.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ground {
    /// From which time on the shift is which, of the frames that moved.
    shifts: VecDeque<(Micros, (f64, f64))>,
}

impl Ground {
    /// Takes the next frame, in order of time.
    pub(crate) fn on_frame(&mut self, frame: &TrackedFrame) {
        let (Some(map), Some(Size { width, height })) = (frame.camera.since_known(), frame.size) else { return };
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
    pub(crate) fn under(&self, t: Micros, rect: &Rect) -> GroundBox {
        let after = self.shifts.partition_point(|(from, _)| *from <= t);
        let before_all = if self.shifts.len() < FRAMES_MAX { None } else { self.shifts.front() };
        let known = after.checked_sub(1).and_then(|at| self.shifts.get(at)).or(before_all);
        let here = GroundBox::from(rect);
        known.map_or(here, |(_, (x, y))| GroundBox { left: here.left - x, top: here.top - y, ..here })
    }
}

impl From<&Rect> for GroundBox {
    fn from(rect: &Rect) -> Self {
        Self { left: rect.left.into(), top: rect.top.into(), width: rect.width, height: rect.height }
    }
}

impl GroundBox {
    /// Centre (x, y).
    pub(crate) fn centre(&self) -> (f64, f64) {
        (self.left + f64::from(self.width) / 2.0, self.top + f64::from(self.height) / 2.0)
    }

    /// The bottom edge, from above.
    pub(crate) fn bottom(&self) -> f64 {
        self.top + f64::from(self.height)
    }

    /// The square root of its area.
    pub(crate) fn scale(&self) -> f32 {
        (self.width * self.height).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Affine;
    use vokg_engine::segment::CameraMotion;

    fn moved(t: Micros, map: Affine) -> TrackedFrame {
        let size = Some(Size { width: 200, height: 100 });
        TrackedFrame { t, size, camera: CameraMotion::Moved(map), ..TrackedFrame::default() }
    }

    #[test]
    fn what_stands_stays_where_it_is_while_the_camera_moves() {
        let mut ground = Ground::default();
        let seen = |x: f32, y: f32| Rect::new(x, y, 20.0, 10.0);
        let lies = GroundBox::from(&seen(50.0, 40.0));
        assert_eq!(ground.under(0, &seen(50.0, 40.0)), lies);
        ground.on_frame(&moved(40, Affine::translation(-7.0, 3.0)));
        ground.on_frame(&TrackedFrame { t: 80, ..TrackedFrame::default() });
        ground.on_frame(&moved(120, Affine::translation(-1.0, 0.0)));
        let places = [(0, 50.0, 40.0), (40, 43.0, 43.0), (80, 43.0, 43.0), (120, 42.0, 43.0)];
        for (t, x, y) in places {
            assert_eq!(ground.under(t, &seen(x, y)), lies, "at {t}");
        }
    }

    #[test]
    fn after_a_day_of_turning_places_are_as_exact_as_at_first() {
        let (mut ground, turns) = (Ground::default(), 25 * 86_400);
        (0..turns).for_each(|i| ground.on_frame(&moved(i * 40, Affine::translation(-40.0, 0.0))));
        let at = |x: f32| ground.under(turns * 40, &Rect::new(x, 0.0, 20.0, 10.0)).centre().0;
        assert_eq!(at(1.0625) - at(1.0), 0.0625);
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
