//! The velocities of one track in one window, and what decides whether and with whom it is tested.

use super::granger::LAGS;
use super::way::{Place, STEPS_PER_SEC, Way};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use vokg_engine::id::TrackId;

/// One track in one window. Indices are steps from the window's begin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Series {
    pub(super) track: TrackId,
    places: Vec<Option<Place>>,
    /// Sizes per second along both axes, less their means; 0 where unknown.
    pub(super) velocity: [Vec<f64>; 2],
    /// Whether the velocity is known at a step and at all its lags.
    with_past: Vec<bool>,
}

impl Series {
    /// The part of a way between these steps of the grid.
    pub(super) fn new(track: TrackId, way: &Way, steps: Range<u64>) -> Self {
        let places: Vec<_> = steps.map(|step| way.at(step)).collect();
        let per_step: Vec<_> = (0..places.len())
            .map(|i| {
                let (before, now) = (places[i.checked_sub(1)?]?, places[i]?);
                let per_sec = STEPS_PER_SEC as f64 / now.size;
                Some([(now.x - before.x) * per_sec, (now.y - before.y) * per_sec])
            })
            .collect();
        let mut known_for = 0;
        let with_past = per_step.iter().map(|velocity| {
            known_for = if velocity.is_some() { known_for + 1 } else { 0 };
            known_for > LAGS
        });
        let with_past = with_past.collect();
        let velocity = [0, 1].map(|axis| centred(per_step.iter().map(|v| v.map(|v| v[axis]))));
        Self { track, places, velocity, with_past }
    }

    /// At how many steps the track is seen.
    pub(super) fn seen(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Whether it covers at least `still_speed` sizes a second in more than half of the seconds that end at a step.
    ///
    /// Over a second, and not from step to step, so that the noise of the box is no movement.
    pub(super) fn moves(&self, still_speed: f64) -> bool {
        let seconds = self.places.iter().zip(&self.places[STEPS_PER_SEC.min(self.places.len())..]);
        let (mut moving, mut all) = (0, 0);
        for (before, now) in seconds.filter_map(|(before, now)| before.zip(*now)) {
            all += 1;
            moving += usize::from(distance_px(&before, &now) >= still_speed * now.size);
        }
        2 * moving > all
    }

    /// The mean distance of the centres while both are seen, in sizes of the pair; `None` if they never are.
    pub(super) fn distance(&self, other: &Self) -> Option<f64> {
        let both = self.places.iter().zip(&other.places).filter_map(|(a, b)| a.zip(*b));
        let (sum, count) = both
            .fold((0.0, 0), |(sum, count), (a, b)| (sum + distance_px(&a, &b) / (a.size * b.size).sqrt(), count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }
}

fn distance_px(a: &Place, b: &Place) -> f64 {
    let (x, y) = (a.x - b.x, a.y - b.y);
    (x * x + y * y).sqrt()
}

fn centred(values: impl Iterator<Item = Option<f64>> + Clone) -> Vec<f64> {
    let (sum, count) = values.clone().flatten().fold((0.0, 0u32), |(sum, count), v| (sum + v, count + 1));
    let mean = sum / f64::from(count.max(1));
    values.map(|v| v.map_or(0.0, |v| v - mean)).collect()
}

/// Stretches of steps at which all of these have velocities with their past: the rows of a regression.
pub(super) fn shared_rows(series: &[&Series]) -> Vec<Range<usize>> {
    let steps = series.iter().map(|s| s.with_past.len()).min().unwrap_or(0);
    let mut rows: Vec<Range<usize>> = Vec::new();
    for step in (0..steps).filter(|step| series.iter().all(|s| s.with_past[*step])) {
        match rows.last_mut().filter(|stretch| stretch.end == step) {
            Some(stretch) => stretch.end += 1,
            None => rows.push(step..step + 1),
        }
    }
    rows
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::way::{Resampling, STEP_US};
    use super::*;
    use vokg_engine::geometry::Rect;

    /// A thing of size 16 at these places, one a step, in sizes; unseen where there is none.
    pub(in super::super) fn series(track: u32, places: &[Option<(f64, f64)>]) -> Series {
        let resampling = Resampling { pause_us: STEP_US, keep: places.len() };
        let seen = places.iter().zip(0u64..).filter_map(|(place, step)| Some((step, (*place)?)));
        let rects = seen
            .map(|(step, (x, y))| (step * STEP_US, Rect::from_centre(16.0 * x as f32, 16.0 * y as f32, 16.0, 16.0)));
        let mut way: Option<Way> = None;
        for (t, rect) in rects {
            match &mut way {
                Some(way) => way.push(t, &rect, &resampling),
                None => way = Some(Way::new(t, &rect)),
            }
        }
        Series::new(TrackId(track), &way.unwrap(), 0..places.len() as u64)
    }

    fn line(steps: usize, per_step: f64) -> Vec<Option<(f64, f64)>> {
        (0..steps).map(|i| Some((i as f64 * per_step, 0.0))).collect()
    }

    #[test]
    fn rows_need_the_whole_past_of_all() {
        let mut a = line(60, 0.1);
        a[30] = None;
        let a = series(1, &a);
        let b = series(2, &line(50, 0.1));
        assert_eq!(shared_rows(&[&a]), [11..30, 42..60]);
        assert_eq!(shared_rows(&[&a, &b]), [11..30, 42..50]);
        assert_eq!(a.seen(), 59);
    }

    #[test]
    fn what_trembles_is_still() {
        let trembling: Vec<_> = (0..60).map(|i| Some((0.03 * f64::from(i % 2), 0.0))).collect();
        assert!(!series(1, &trembling).moves(0.1));
        assert!(series(1, &line(60, 0.02)).moves(0.1));
        assert!(!series(1, &line(60, 0.005)).moves(0.1));
        assert!(!series(1, &line(8, 0.1)).moves(0.1), "less than a second tells nothing");
    }

    #[test]
    fn distance_is_the_mean_in_sizes() {
        let (a, b) = (series(1, &line(11, 0.2)), series(2, &line(21, 0.0)));
        assert!((a.distance(&b).unwrap() - 1.0).abs() < 1e-6);
        let never = series(3, &[vec![None; 30], line(3, 0.0)].concat());
        assert_eq!(a.distance(&never), None);
    }
}
