//! What the segmenter remembers of live tracks: how they looked while they were alone, what they carry, and whether they
//! have travelled.

use super::cargo::carried;
use super::colours::Colours;
use super::components::Piece;
use super::expected::Expected;
use super::plane::Plane;
use super::sprite::Sprite;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::geometry::{Affine, Rect};
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// A track has travelled once its centre is this many sizes from where it was first expected.
const TRAVELLED_SIZES: f32 = 0.5;
/// What stands out from somebody is believed to be carried once it did so for this long.
const CARRIED_US: Micros = 400_000;
/// What is carried is forgotten after so long without.
const PUT_DOWN_US: Micros = 200_000;
/// By this share the box of what is carried follows each sight.
const CARGO_RATE: f32 = 0.2;
/// By this share the mean number of cells follows each sight.
const AREA_RATE: f32 = 0.2;
/// One of so many parts of the remembered colours is renewed by each sight.
const RENEWED_PART: u32 = 8;

/// Live tracks by id.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct KnownTracks {
    tracks: BTreeMap<TrackId, Known>,
}

#[derive(Serialize, Deserialize)]
struct Known {
    colours: Option<Colours>,
    sprite: Option<Sprite>,
    /// Mean number of cells; of late where the border cuts it.
    area: Option<f32>,
    cargo: Option<Cargo>,
    born_at: (f32, f32),
    travelled: bool,
}

/// What a track carries.
#[derive(Serialize, Deserialize)]
struct Cargo {
    /// Its box about the track's anchor.
    rect: Rect,
    since: Micros,
    last: Micros,
}

impl KnownTracks {
    /// Takes in where tracks are expected; those no longer expected are forgotten.
    pub fn update(&mut self, expected: &[Expected]) {
        let mut before = std::mem::take(&mut self.tracks);
        for live in expected {
            let Some(track) = live.track else { continue };
            let (x, y) = live.rect.centre();
            let mut known = before.remove(&track).unwrap_or_else(|| Known::at((x, y)));
            let distance = (x - known.born_at.0).hypot(y - known.born_at.1);
            known.travelled |= distance > TRAVELLED_SIZES * live.rect.scale();
            self.tracks.insert(track, known);
        }
    }

    /// Maps remembered places to where the background lies now.
    pub fn relocate(&mut self, map: &Affine) {
        for known in self.tracks.values_mut() {
            known.born_at = map.apply(known.born_at.0, known.born_at.1);
        }
    }

    /// Takes in a track seen alone, with what it carries. `whole`: nothing cuts it.
    pub fn saw(&mut self, expected: &Expected, t: Micros, piece: &Piece, plane: &Plane, whole: bool) {
        let Some(known) = expected.track.and_then(|track| self.tracks.get_mut(&track)) else { return };
        known.take_colours(Colours::of(plane, &piece.runs));
        known.take_area(piece.area as f32, whole);
        if whole {
            known.take_shape(t, piece, plane);
        }
    }

    /// A track has put down what it carried: that is no part of how it looks.
    pub fn put_down(&mut self, expected: &Expected) {
        let Some(known) = expected.track.and_then(|track| self.tracks.get_mut(&track)) else { return };
        if let Some(cargo) = known.cargo.take() {
            known.sprite = known.sprite.take().map(|sprite| sprite.without(&cargo.rect));
        }
    }

    /// What a track carries was known where it is carried, whether or not it stands out at present.
    pub fn still_carries(&mut self, expected: &Expected, t: Micros) {
        let known = expected.track.and_then(|track| self.tracks.get_mut(&track));
        if let Some(cargo) = known.and_then(|known| known.cargo.as_mut()) {
            cargo.last = t;
        }
    }

    /// How a track looks, once it was seen alone for a while.
    pub fn sprite(&self, expected: &Expected) -> Option<&Sprite> {
        self.of(expected)?.sprite.as_ref().filter(|sprite| sprite.is_known())
    }

    /// How many cells a track has, once it was seen alone.
    pub fn area(&self, expected: &Expected) -> Option<f32> {
        self.of(expected)?.area
    }

    /// The box of what a track carries, about the anchor of its sprite.
    pub fn cargo(&self, expected: &Expected) -> Option<&Rect> {
        let cargo = self.of(expected)?.cargo.as_ref()?;
        (cargo.last - cargo.since >= CARRIED_US).then_some(&cargo.rect)
    }

    /// The colours of a track, once it was seen alone.
    pub fn colours(&self, expected: &Expected) -> Option<&Colours> {
        self.of(expected)?.colours.as_ref()
    }

    /// Whether a track has moved by a good part of its size since it was first expected.
    pub fn has_travelled(&self, expected: &Expected) -> bool {
        self.of(expected).is_some_and(|known| known.travelled)
    }

    fn of(&self, expected: &Expected) -> Option<&Known> {
        expected.track.and_then(|track| self.tracks.get(&track))
    }
}

impl Known {
    fn at(born_at: (f32, f32)) -> Self {
        Self { colours: None, sprite: None, area: None, cargo: None, born_at, travelled: false }
    }

    fn take_colours(&mut self, seen: Colours) {
        match &mut self.colours {
            Some(colours) => colours.blend(&seen, RENEWED_PART),
            None => self.colours = Some(seen),
        }
    }

    /// `whole`: the border does not cut it; else it grows or shrinks from picture to picture.
    fn take_area(&mut self, seen: f32, whole: bool) {
        let mean = self.area.unwrap_or(seen);
        self.area = Some(if whole { mean + AREA_RATE * (seen - mean) } else { seen });
    }

    fn take_shape(&mut self, t: Micros, piece: &Piece, plane: &Plane) {
        let fits = match &mut self.sprite {
            Some(sprite) => sprite.see(t, piece, plane),
            None => {
                self.sprite = Sprite::of(t, piece, plane);
                true
            }
        };
        if !fits {
            self.sprite = None;
        }
        let sprite = self.sprite.as_ref().filter(|sprite| sprite.is_known() && self.travelled);
        match (sprite.and_then(carried), &mut self.cargo) {
            (Some(seen), Some(cargo)) => {
                let follow = |mean: f32, seen: f32| mean + CARGO_RATE * (seen - mean);
                cargo.rect = Rect::new(
                    follow(cargo.rect.left, seen.left),
                    follow(cargo.rect.top, seen.top),
                    follow(cargo.rect.width, seen.width),
                    follow(cargo.rect.height, seen.height),
                );
                cargo.last = t;
            }
            (Some(rect), None) => self.cargo = Some(Cargo { rect, since: t, last: t }),
            (None, Some(cargo)) if t.saturating_sub(cargo.last) > PUT_DOWN_US => self.cargo = None,
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;

    fn at(left: f32) -> Expected {
        Expected { track: Some(TrackId(3)), rect: Rect::new(left, 0.0, 10.0, 10.0), settled: false, unseen_us: 0 }
    }

    #[test]
    fn a_track_that_went_away_and_came_back_has_travelled() {
        let mut known = KnownTracks::default();
        known.update(&[at(0.0)]);
        assert!(!known.has_travelled(&at(0.0)));
        known.update(&[at(6.0)]);
        known.update(&[at(0.0)]);
        assert!(known.has_travelled(&at(0.0)));
        known.update(&[]);
        assert!(!known.has_travelled(&at(0.0)));
    }

    #[test]
    fn colours_follow_what_is_seen() {
        let mut known = Known::at((0.0, 0.0));
        let mut counts = [0; 64];
        counts[5] = 800;
        known.take_colours(Colours(counts));
        known.take_colours(Colours([0; 64]));
        assert_eq!(known.colours.map(|c| c.0[5]), Some(700));
    }
}
