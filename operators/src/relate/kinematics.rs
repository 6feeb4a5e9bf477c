//! What one track's sightings say about its size, its velocity and how much of it can be seen.
//!
//! All windows are in time, not frames, and hold at most [`SAMPLES_MAX`] sightings. Sums are f64 in order of time, so
//! that the same sightings give the same bits everywhere.

use super::border::{Edges, Extent};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::time::{Micros, secs_from_micros};

/// Most sightings in a window: two seconds at 120 frames a second. Faster streams have shorter windows.
const SAMPLES_MAX: usize = 240;

/// Time in which the noise of the centre follows the measured one by 63 %, in seconds.
const NOISE_SETTLE_SECS: f64 = 1.0;

/// Time in which the amodal area follows the measured one by 63 %, in seconds.
const AREA_SETTLE_SECS: f64 = 0.5;

/// Least-squares slopes of a track's edges over a trailing window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Velocity {
    samples: VecDeque<(Micros, Edges)>,
    /// Of the samples, unless there are none.
    fit: Option<Fit>,
    /// Mean square of the distance of the centre from the line through it, along one axis.
    noise: Option<(Micros, f64)>,
}

/// The lines through the edges of a window.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Fit {
    count: f64,
    /// Mean time of the samples, in seconds after the last one; not positive.
    mean_secs: f64,
    /// Sum of the squares of the times about their mean.
    spread: f64,
    x: Line,
    y: Line,
}

/// The lines through both edges along one axis, in pixels and pixels per second.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Line {
    mean_low: f64,
    mean_high: f64,
    slope_low: f64,
    slope_high: f64,
    /// Sum of the squared distances of the centre from its line.
    off: f64,
    low_free: bool,
    high_free: bool,
}

/// Which sightings a velocity is measured from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VelocityWindow {
    /// Those at most this old, and never fewer than three.
    pub(super) length_us: Micros,
    /// They span at least this long.
    pub(super) span_us: Micros,
    /// Motion is not carried over a longer pause.
    pub(super) pause_us: Micros,
}

/// The mean of several boxes, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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

    pub(super) fn extents(&self) -> (f64, f64) {
        (self.right - self.left, self.bottom - self.top)
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
        self.fit = Fit::new(&self.samples);
        if let Some(square) = self.fit.and_then(|fit| fit.residual_square()) {
            self.noise = Some(match self.noise {
                None => (t, square),
                Some((before, mean)) => {
                    let secs = secs_from_micros(t - before);
                    (t, mean + (square - mean) * secs / (secs + NOISE_SETTLE_SECS))
                }
            });
        }
    }

    /// The standard error of the speed in pixels per second, from how far sightings lie beside their line.
    pub(super) fn speed_noise(&self) -> f64 {
        let (Some((_, square)), Some(fit)) = (self.noise, self.fit) else { return 0.0 };
        if fit.spread > 0.0 { (2.0 * square / fit.spread).sqrt() } else { 0.0 }
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
        let (fit, first, last) = (self.fit?, self.samples.front()?.0, self.samples.back()?.0);
        let moment_us = t.saturating_sub(back_us).max(first);
        let late = secs_from_micros(moment_us - first) - secs_from_micros(last - first) - fit.mean_secs;
        let whole = fit.x.low_free && fit.x.high_free && fit.y.low_free && fit.y.high_free;
        let (dx, dy) = velocity.filter(|_| whole).map_or((0.0, 0.0), |(x, y)| (x * late, y * late));
        Some(MeanBox {
            left: fit.x.mean_low + dx,
            top: fit.y.mean_low + dy,
            right: fit.x.mean_high + dx,
            bottom: fit.y.mean_high + dy,
        })
    }

    /// Pixels per second, for as long after the last sighting as the window is.
    ///
    /// Along each axis it is the slope of the centre, or of one edge where the border of the frame cut the other. An
    /// axis with no edge that was free throughout says nothing and counts as standing still; if neither axis has one,
    /// there is no velocity.
    pub(super) fn at(&self, t: Micros, window: &VelocityWindow) -> Option<(f64, f64)> {
        let (fit, first, last) = (self.fit?, self.samples.front()?.0, self.samples.back()?.0);
        if self.samples.len() < 3 || last - first < window.span_us || last + window.length_us < t {
            return None;
        }
        match (fit.x.slope(), fit.y.slope()) {
            (None, None) => None,
            (x, y) => Some((x.unwrap_or(0.0), y.unwrap_or(0.0))),
        }
    }
}

impl Fit {
    /// One pass over the window; places are taken from those of the last sample, so that their squares stay small.
    fn new(samples: &VecDeque<(Micros, Edges)>) -> Option<Self> {
        let (last_us, last) = samples.back()?;
        let (mut sum_secs, mut sum_square) = (0.0, 0.0);
        let (mut x, mut y) = (Sums::default(), Sums::default());
        for (t, edges) in samples {
            let secs = -secs_from_micros(last_us - t);
            sum_secs += secs;
            sum_square += secs * secs;
            x.add(secs, &edges.x, &last.x);
            y.add(secs, &edges.y, &last.y);
        }
        let count = samples.len() as f64;
        let mean_secs = sum_secs / count;
        let spread = (sum_square - sum_secs * mean_secs).max(0.0);
        let line = |sums: Sums, last: &Extent| sums.line(count, mean_secs, spread, last);
        Some(Self { count, mean_secs, spread, x: line(x, &last.x), y: line(y, &last.y) })
    }

    /// Mean square of the residuals of the centre along x and y, each with two degrees of freedom taken by the line.
    fn residual_square(&self) -> Option<f64> {
        (self.count >= 3.0).then(|| (self.x.off + self.y.off) / (2.0 * (self.count - 2.0)))
    }
}

impl Line {
    /// The slope of the centre, or of one edge where the border cut the other; `None` where neither was free throughout.
    fn slope(&self) -> Option<f64> {
        match (self.low_free, self.high_free) {
            (true, true) => Some(0.5 * (self.slope_low + self.slope_high)),
            (true, false) => Some(self.slope_low),
            (false, true) => Some(self.slope_high),
            (false, false) => None,
        }
    }
}

/// Sums over a window along one axis, of places from those of the last sample.
#[derive(Clone, Copy, Default)]
struct Sums {
    low: f64,
    high: f64,
    secs_low: f64,
    secs_high: f64,
    centre_square: f64,
    low_cut: bool,
    high_cut: bool,
}

impl Sums {
    fn add(&mut self, secs: f64, extent: &Extent, last: &Extent) {
        let (low, high) = (extent.low - last.low, extent.high - last.high);
        let centre = 0.5 * (low + high);
        self.low += low;
        self.high += high;
        self.secs_low += secs * low;
        self.secs_high += secs * high;
        self.centre_square += centre * centre;
        self.low_cut |= !extent.low_free;
        self.high_cut |= !extent.high_free;
    }

    fn line(self, count: f64, mean_secs: f64, spread: f64, last: &Extent) -> Line {
        let slope = |sum: f64, sum_secs: f64| if spread > 0.0 { (sum_secs - mean_secs * sum) / spread } else { 0.0 };
        let (slope_low, slope_high) = (slope(self.low, self.secs_low), slope(self.high, self.secs_high));
        let (centre, rise) = (0.5 * (self.low + self.high), 0.5 * (slope_low + slope_high));
        Line {
            mean_low: last.low + self.low / count,
            mean_high: last.high + self.high / count,
            slope_low,
            slope_high,
            off: (self.centre_square - centre * centre / count - rise * rise * spread).max(0.0),
            low_free: !self.low_cut,
            high_free: !self.high_cut,
        }
    }
}

/// Running median of a track's size, the square root of its box's area.
///
/// Boxes cut by the border count only until a whole one was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
