//! Which way a track goes by its last sightings, and how well a segment lies in that way.
//!
//! The observation-centric momentum of OC-SORT (Cao, Pang, Weng, Khirodkar, Kitani, "Observation-Centric SORT", CVPR 2023,
//! section 4.2): the direction from an earlier sighting to the last one is free of the filter's error, which grows while a
//! thing is unseen. Instead of the angle its cosine is taken; both agree straight ahead, across and backwards.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::geometry::{Affine, length};
use vokg_engine::time::Micros;

/// Most sightings that are remembered.
const SIGHTINGS_MAX: usize = 32;

/// The last places where a track was seen as itself, in pixels of the present frame.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Heading {
    places: VecDeque<(Micros, (f32, f32))>,
}

impl Heading {
    /// Seen here at `t`; what is older than `length_us` is forgotten but for one sighting.
    pub(super) fn push(&mut self, t: Micros, centre: (f32, f32), length_us: Micros) {
        let is_old = |next: &(Micros, (f32, f32))| next.0 + length_us <= t;
        while self.places.len() >= SIGHTINGS_MAX || self.places.get(1).is_some_and(is_old) {
            self.places.pop_front();
        }
        self.places.push_back((t, centre));
    }

    /// Carries all places along with the camera.
    pub(super) fn follow_camera(&mut self, map: &Affine) {
        self.places.iter_mut().for_each(|(_, place)| *place = map.apply(place.0, place.1));
    }

    /// The cosine between the way of the last sightings and the way from the first of them to `centre`; `None` where either
    /// is shorter than `least_px`, as noise has a direction too.
    pub(super) fn cosine(&self, centre: (f32, f32), least_px: f32) -> Option<f32> {
        let ((_, from), (_, last)) = (self.places.front()?, self.places.back()?);
        let (way, next) = ((last.0 - from.0, last.1 - from.1), (centre.0 - from.0, centre.1 - from.1));
        let (long, far) = (length(way.0, way.1), length(next.0, next.1));
        (long >= least_px.max(f32::MIN_POSITIVE) && far >= least_px.max(f32::MIN_POSITIVE))
            .then(|| (way.0 * next.0 + way.1 * next.1) / (long * far))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(places: &[(Micros, f32, f32)]) -> Heading {
        let mut heading = Heading::default();
        places.iter().for_each(|(t, x, y)| heading.push(*t, (*x, *y), 120));
        heading
    }

    #[test]
    fn straight_on_counts_most_and_back_least() {
        let heading = heading(&[(0, 0.0, 0.0), (40, 4.0, 0.0), (80, 8.0, 0.0)]);
        assert_eq!(heading.cosine((20.0, 0.0), 1.0), Some(1.0));
        assert_eq!(heading.cosine((0.0, 9.0), 1.0), Some(0.0));
        assert_eq!(heading.cosine((-9.0, 0.0), 1.0), Some(-1.0));
        assert_eq!(heading.cosine((20.0, 0.0), 10.0), None, "it has hardly moved");
        assert_eq!(Heading::default().cosine((1.0, 1.0), 0.0), None);
    }

    #[test]
    fn the_way_reaches_back_as_long_as_asked_and_moves_with_the_camera() {
        let mut turned = heading(&[(0, 0.0, 0.0), (40, 9.0, 0.0), (160, 9.0, 5.0), (200, 9.0, 9.0)]);
        assert_eq!(turned.cosine((9.0, 20.0), 1.0), Some(1.0), "the first leg is forgotten");
        turned.follow_camera(&Affine::translation(100.0, 0.0));
        assert_eq!(turned.cosine((109.0, 20.0), 1.0), Some(1.0));
        (0..1000).for_each(|t| turned.push(300 + t, (0.0, 0.0), 10_000));
        assert_eq!(turned.places.len(), SIGHTINGS_MAX);
    }
}
