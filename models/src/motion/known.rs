//! What the segmenter remembers of live tracks: their colours while they were alone, and whether they have travelled.

use super::colours::Colours;
use super::expected::Expected;
use std::collections::BTreeMap;
use vokg_engine::geometry::Affine;
use vokg_engine::id::TrackId;

/// A track has travelled once its centre is this many sizes from where it was first expected.
const TRAVELLED_SIZES: f32 = 0.5;
/// One of so many parts of the remembered colours is renewed by each sight.
const RENEWED_PART: u32 = 8;

/// Live tracks by id.
#[derive(Default)]
pub(super) struct KnownTracks {
    tracks: BTreeMap<TrackId, Known>,
}

struct Known {
    colours: Option<Colours>,
    born_at: (f32, f32),
    travelled: bool,
}

impl KnownTracks {
    /// Takes in where tracks are expected; those no longer expected are forgotten.
    pub fn update(&mut self, expected: &[Expected]) {
        let mut before = std::mem::take(&mut self.tracks);
        for live in expected {
            let Some(track) = live.track else { continue };
            let (x, y) = live.rect.centre();
            let mut known = before.remove(&track).unwrap_or(Known { colours: None, born_at: (x, y), travelled: false });
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

    /// Takes in the colours of a track seen alone.
    pub fn saw(&mut self, expected: &Expected, seen: Colours) {
        let Some(known) = expected.track.and_then(|track| self.tracks.get_mut(&track)) else { return };
        match &mut known.colours {
            Some(colours) => colours.blend(&seen, RENEWED_PART),
            None => known.colours = Some(seen),
        }
    }

    /// The colours of a track, once it was seen alone.
    pub fn colours(&self, expected: &Expected) -> Option<&Colours> {
        expected.track.and_then(|track| self.tracks.get(&track)).and_then(|known| known.colours.as_ref())
    }

    /// Whether a track has moved by a good part of its size since it was first expected.
    pub fn has_travelled(&self, expected: &Expected) -> bool {
        expected.track.and_then(|track| self.tracks.get(&track)).is_some_and(|known| known.travelled)
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
        let mut known = KnownTracks::default();
        known.update(&[at(0.0)]);
        let mut counts = [0; 64];
        counts[5] = 800;
        known.saw(&at(0.0), Colours(counts));
        known.saw(&at(0.0), Colours([0; 64]));
        assert_eq!(known.colours(&at(0.0)).map(|c| c.0[5]), Some(700));
    }
}
