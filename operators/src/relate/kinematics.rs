//! What one track's sightings say about its size, its velocity and how much of it can be seen.
//!
//! All windows are in time, not frames, and hold at most [`SAMPLES_MAX`] sightings. Sums are f64 in order of time, so
//! that the same sightings give the same bits everywhere.

use super::border::{Edges, Extent};
use std::collections::VecDeque;
use vokg_engine::time::{Micros, secs_from_micros};

/// Most sightings in a window: two seconds at 120 frames a second. Faster streams have shorter windows.
const SAMPLES_MAX: usize = 240;

/// Time in which the noise of the centre follows the measured one by 63 %, in seconds.
const NOISE_SETTLE_SECS: f64 = 1.0;

/// Time in which the amodal area follows the measured one by 63 %, in seconds.
const AREA_SETTLE_SECS: f64 = 0.5;

/// Least-squares slopes of a track's edges over a trailing window.
#[derive(Clone, Debug, Default)]
pub(super) struct Velocity {
    samples: VecDeque<(Micros, Edges)>,
    /// Mean square of the distance of the centre from the line through it, along one axis.
    noise: Option<(Micros, f64)>,
}

/// Which sightings a velocity is measured from.
#[derive(Clone, Copy, Debug)]
pub(super) struct VelocityWindow {
    /// Those at most this old, and never fewer than three.
    pub(super) length_us: Micros,
    /// They span at least this long.
    pub(super) span_us: Micros,
    /// Motion is not carried over a longer pause.
    pub(super) pause_us: Micros,
}

/// The mean of several boxes, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct MeanBox {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl MeanBox {
    /// Distance to another, 0 where they touch.
    pub(super) fn gap(&self, other: &Self) -> f64 {
        let x = (self.left - other.right).max(other.left - self.right).max(0.0);
        let y = (self.top - other.bottom).max(other.top - self.bottom).max(0.0);
        (x * x + y * y).sqrt()
    }

    pub(super) fn centre(&self) -> (f64, f64) {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub(super) fn area(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    pub(super) fn shorter_extent(&self) -> f64 {
        (self.right - self.left).min(self.bottom - self.top)
    }

    /// The share of it that lies in another.
    pub(super) fn share_in(&self, other: &Self) -> f64 {
        let along = |low: f64, high: f64, from: f64, to: f64| (high.min(to) - low.max(from)).max(0.0);
        let common = along(self.left, self.right, other.left, other.right)
            * along(self.top, self.bottom, other.top, other.bottom);
        let area = self.area();
        if area > 0.0 { common / area } else { 0.0 }
    }
}

impl From<&Edges> for MeanBox {
    fn from(edges: &Edges) -> Self {
        Self { left: edges.x.low, right: edges.x.high, top: edges.y.low, bottom: edges.y.high }
    }
}

impl Velocity {
    pub(super) fn push(&mut self, t: Micros, edges: Edges, window: &VelocityWindow) {
        if self.samples.back().is_some_and(|(last, _)| last + window.pause_us < t) {
            self.samples.clear();
        }
        self.samples.push_back((t, edges));
        let is_old = |(then, _): &(Micros, Edges)| then + window.length_us < t;
        while self.samples.len() > SAMPLES_MAX || (self.samples.len() > 3 && self.samples.front().is_some_and(is_old)) {
            self.samples.pop_front();
        }
        if let Some(square) = self.residual_square() {
            self.noise = Some(match self.noise {
                None => (t, square),
                Some((before, mean)) => {
                    let secs = secs_from_micros(t - before);
                    (t, mean + (square - mean) * secs / (secs + NOISE_SETTLE_SECS))
                }
            });
        }
    }

    /// Mean square of the residuals of the centre along x and y, each with two degrees of freedom taken by the line.
    fn residual_square(&self) -> Option<f64> {
        let count = self.samples.len();
        let last = self.samples.back()?.0;
        if count < 3 {
            return None;
        }
        let along = |extent: fn(&Edges) -> &Extent| {
            let points = self.samples.iter().map(|(then, edges)| {
                let extent = extent(edges);
                (-secs_from_micros(last - then), (extent.low + extent.high) / 2.0)
            });
            let slope = slope(points.clone(), count);
            let (sum_x, sum_y) = points.clone().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
            let (mean_x, mean_y) = (sum_x / count as f64, sum_y / count as f64);
            points.fold(0.0, |sum, p| {
                let off = p.1 - mean_y - slope * (p.0 - mean_x);
                sum + off * off
            })
        };
        Some((along(|edges| &edges.x) + along(|edges| &edges.y)) / (2.0 * (count - 2) as f64))
    }

    /// The standard error of the speed in pixels per second, from how far sightings lie beside their line.
    pub(super) fn speed_noise(&self) -> f64 {
        let (Some((_, square)), Some((last, _))) = (self.noise, self.samples.back()) else { return 0.0 };
        let count = self.samples.len() as f64;
        let back = |then: &Micros| secs_from_micros(last - then);
        let mean = self.samples.iter().map(|(then, _)| back(then)).sum::<f64>() / count;
        let spread = self.samples.iter().map(|(then, _)| (back(then) - mean) * (back(then) - mean)).sum::<f64>();
        if spread > 0.0 { (2.0 * square / spread).sqrt() } else { 0.0 }
    }

    /// How far the centre lies beside the line through the sightings, along one axis, in pixels (root of the mean square).
    pub(super) fn jitter(&self) -> f64 {
        self.noise.map_or(0.0, |(_, square)| square.sqrt())
    }

    /// The standard error of the middle of that line, in pixels.
    pub(super) fn place_noise(&self) -> f64 {
        self.jitter() / (self.samples.len().max(1) as f64).sqrt()
    }

    /// The box `back_us` before `t` by the mean over the window, which is free of the noise of single boxes. Where sightings
    /// are missing, `velocity` brings the mean to that moment.
    pub(super) fn mean_box(&self, t: Micros, back_us: Micros, velocity: Option<(f64, f64)>) -> Option<MeanBox> {
        let count = self.samples.len() as f64;
        let mean = |of: fn(&(Micros, Edges)) -> f64| self.samples.iter().map(of).sum::<f64>() / count;
        let first = self.samples.front()?.0;
        let late = secs_from_micros(t.saturating_sub(back_us).max(first) - first)
            - self.samples.iter().map(|(then, _)| secs_from_micros(then - first)).sum::<f64>() / count;
        let whole = self.samples.iter().all(|(_, edges)| edges.whole());
        let (dx, dy) = velocity.filter(|_| whole).map_or((0.0, 0.0), |(x, y)| (x * late, y * late));
        let (left, right) = (mean(|(_, edges)| edges.x.low), mean(|(_, edges)| edges.x.high));
        let (top, bottom) = (mean(|(_, edges)| edges.y.low), mean(|(_, edges)| edges.y.high));
        Some(MeanBox { left: left + dx, top: top + dy, right: right + dx, bottom: bottom + dy })
    }

    /// Pixels per second, for as long after the last sighting as the window is.
    ///
    /// Along each axis it is the slope of the centre, or of one edge where the border of the frame cut the other. An
    /// axis with no edge that was free throughout says nothing and counts as standing still; if neither axis has one,
    /// there is no velocity.
    pub(super) fn at(&self, t: Micros, window: &VelocityWindow) -> Option<(f64, f64)> {
        let (first, last) = (self.samples.front()?.0, self.samples.back()?.0);
        if self.samples.len() < 3 || last - first < window.span_us || last + window.length_us < t {
            return None;
        }
        let along = |extent: fn(&Edges) -> &Extent| {
            let low_free = self.samples.iter().all(|(_, edges)| extent(edges).low_free);
            let high_free = self.samples.iter().all(|(_, edges)| extent(edges).high_free);
            let (low, high) = match (low_free, high_free) {
                (true, true) => (0.5, 0.5),
                (true, false) => (1.0, 0.0),
                (false, true) => (0.0, 1.0),
                (false, false) => return None,
            };
            let points = self.samples.iter().map(|(then, edges)| {
                let extent = extent(edges);
                (-secs_from_micros(last - then), low * extent.low + high * extent.high)
            });
            Some(slope(points, self.samples.len()))
        };
        match (along(|edges| &edges.x), along(|edges| &edges.y)) {
            (None, None) => None,
            (x, y) => Some((x.unwrap_or(0.0), y.unwrap_or(0.0))),
        }
    }
}

/// Least-squares slope; 0 where all points have one abscissa.
fn slope(points: impl Iterator<Item = (f64, f64)> + Clone, count: usize) -> f64 {
    let (sum_x, sum_y) = points.clone().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
    let (mean_x, mean_y) = (sum_x / count as f64, sum_y / count as f64);
    let (xy, xx) = points.fold((0.0, 0.0), |(xy, xx), p| {
        let dx = p.0 - mean_x;
        (xy + dx * (p.1 - mean_y), xx + dx * dx)
    });
    if xx > 0.0 { xy / xx } else { 0.0 }
}

/// Running median of a track's size, the square root of its box's area.
///
/// Boxes cut by the border count only until a whole one was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct SizeMedian {
    window: VecDeque<(Micros, f64)>,
    sorted: Vec<f64>,
    whole: bool,
    median: f64,
}

impl SizeMedian {
    pub(super) fn push(&mut self, t: Micros, size_px: f64, whole: bool, window_us: Micros) {
        if self.whole && !whole {
            return;
        }
        if whole && !self.whole {
            *self = Self { whole, ..Self::default() };
        }
        self.window.push_back((t, size_px));
        let at = self.sorted.partition_point(|old| *old < size_px);
        self.sorted.insert(at, size_px);
        while self.window.len() > SAMPLES_MAX || self.window.front().is_some_and(|(old, _)| old + window_us < t) {
            if let Some((_, old)) = self.window.pop_front() {
                self.sorted.remove(self.sorted.partition_point(|size| *size < old));
            }
        }
        let middle = self.sorted.len() / 2;
        self.median = match self.sorted.len() % 2 {
            1 => self.sorted[middle],
            _ => (self.sorted[middle - 1] + self.sorted[middle]) / 2.0,
        };
    }

    /// Pixels; 0 before the first sighting.
    pub(super) fn median(&self) -> f64 {
        self.median
    }
}

/// The area a track has when nothing hides it: an exponential mean over the frames in which nothing could.
#[derive(Clone, Debug, Default)]
pub(super) struct AmodalArea {
    mean: Option<(Micros, f64)>,
}

impl AmodalArea {
    pub(super) fn push(&mut self, t: Micros, area: f64) {
        let mean = match self.mean {
            None => area,
            Some((before, mean)) => {
                let secs = secs_from_micros(t - before);
                mean + (area - mean) * secs / (secs + AREA_SETTLE_SECS)
            }
        };
        self.mean = Some((t, mean));
    }

    /// The share of the amodal area that `area` is, at most 1; `None` if the track was never seen unhidden.
    pub(super) fn visible(&self, area: f64) -> Option<f64> {
        let (_, mean) = self.mean?;
        (mean > 0.0).then(|| (area / mean).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::{Rect, Size};

    const WINDOW: VelocityWindow = VelocityWindow { length_us: 500_000, span_us: 200_000, pause_us: 500_000 };

    fn velocity(period_us: Micros, frame: Option<Size>, rect: impl Fn(f64) -> Rect) -> Option<(f64, f64)> {
        let mut velocity = Velocity::default();
        let mut t = 0;
        while t <= 1_000_000 {
            velocity.push(t, Edges::new(&rect(t as f64 / 1e6), frame, 0.005), &WINDOW);
            t += period_us;
        }
        velocity.at(t - period_us, &WINDOW)
    }

    #[test]
    fn the_slope_is_the_same_at_any_frame_rate() {
        for period_us in [400_000, 200_000, 100_000, 40_000, 4_000] {
            let got = velocity(period_us, None, |s| Rect::new(100.0 * s as f32, 50.0 - 20.0 * s as f32, 30.0, 30.0));
            let (x, y) = got.unwrap();
            assert!((x - 100.0).abs() < 1e-2 && (y + 20.0).abs() < 1e-2, "{period_us}: {x} {y}");
        }
    }

    #[test]
    fn motion_reaches_over_missed_sightings_but_not_over_long_pauses() {
        let after = |times: &[Micros]| {
            let mut velocity = Velocity::default();
            for t in times {
                let rect = Rect::new(*t as f32 / 1e4, 0.0, 9.0, 9.0);
                velocity.push(*t, Edges::new(&rect, None, 0.005), &WINDOW);
            }
            velocity.at(*times.last().unwrap(), &WINDOW).map(|(x, _)| x.round())
        };
        assert_eq!(after(&[0, 200_000, 600_000]), Some(100.0));
        assert_eq!(after(&[0, 200_000, 800_000]), None);
        assert_eq!(after(&[0, 40_000, 80_000]), None, "too short a time");
        assert_eq!(after(&[0, 900_000, 1_000_000, 1_100_000]), Some(100.0));
    }

    #[test]
    fn a_thing_coming_in_has_the_speed_of_its_free_edge() {
        let frame = Some(Size { width: 640, height: 480 });
        let entering = |s: f64| {
            let right = 80.0 * s as f32;
            Rect::new((right - 100.0).max(0.0), 100.0, right.min(100.0), 60.0)
        };
        let (x, y) = velocity(40_000, frame, entering).unwrap();
        assert!((x - 80.0).abs() < 1e-2 && y.abs() < 1e-6, "{x} {y}");
    }

    #[test]
    fn the_median_follows_two_seconds_and_ignores_cut_boxes() {
        let mut size = SizeMedian::default();
        size.push(0, 10.0, false, 2_000_000);
        size.push(40_000, 14.0, false, 2_000_000);
        assert_eq!(size.median(), 12.0);
        for (i, px) in [50.0, 52.0, 90.0].into_iter().enumerate() {
            size.push(80_000 + i as u64, px, true, 2_000_000);
        }
        size.push(100_000, 5.0, false, 2_000_000);
        assert_eq!(size.median(), 52.0);
        size.push(2_080_001, 60.0, true, 2_000_000);
        assert_eq!(size.median(), 60.0);
    }

    #[test]
    fn windows_are_bounded_at_any_frame_rate() {
        let (mut size, mut velocity) = (SizeMedian::default(), Velocity::default());
        for t in 0..10_000 {
            size.push(t, t as f64, true, 2_000_000);
            velocity.push(t, Edges::new(&Rect::default(), None, 0.005), &WINDOW);
        }
        assert_eq!((size.window.len(), size.sorted.len()), (SAMPLES_MAX, SAMPLES_MAX));
        assert_eq!(velocity.samples.len(), SAMPLES_MAX);
    }

    #[test]
    fn what_is_hidden_is_measured_against_the_area_before() {
        let mut area = AmodalArea::default();
        assert_eq!(area.visible(10.0), None);
        (0..50).for_each(|i| area.push(i * 40_000, 100.0));
        assert_eq!(area.visible(60.0), Some(0.6));
        assert_eq!(area.visible(130.0), Some(1.0));
    }
}
