//! What a track looked like and how large it was on the whole, from where it was seen whole and alone.

use serde::{Deserialize, Serialize};
use vokg_engine::look::{Look, MeanLook};
use vokg_engine::observation::Observation;
use vokg_engine::time::Micros;

/// The longest pause between two sightings that counts as having been seen throughout.
const PAUSE_US: Micros = 250_000;

/// Of which less than this share can be seen is not seen whole.
const WHOLE_SHARE: f32 = 0.85;

/// The appearance of a track so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Appearance {
    /// Where nothing cut its box and nothing hid it.
    whole: Summary,
    /// Everywhere.
    any: Summary,
}

/// Looks and sizes of some sightings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Summary {
    looks: MeanLook,
    sizes: f64,
    count: u32,
    /// How long it was seen so, pauses not counted.
    seen_us: Micros,
    last_us: Option<Micros>,
}

impl Appearance {
    /// Adds a sighting; they come in the order of time. One that covers more than its track says nothing.
    pub(crate) fn see(&mut self, seen: &Observation, is_cut: bool) {
        if seen.merged {
            return;
        }
        self.any.see(seen);
        if !is_cut && seen.visible.is_none_or(|visible| visible >= WHOLE_SHARE) {
            self.whole.see(seen);
        }
    }

    /// How long it was seen whole.
    pub(super) fn whole_us(&self) -> Micros {
        self.whole.seen_us
    }

    /// What it looked like on the whole.
    pub(crate) fn look(&self) -> Option<Look> {
        self.best().looks.mean()
    }

    /// How many sightings its look is the mean of, at most.
    pub(crate) fn sightings(&self) -> u32 {
        self.best().count
    }

    /// Its mean size, in pixels; `None` where it was never seen alone.
    pub(super) fn size(&self) -> Option<f32> {
        let best = self.best();
        (best.count > 0).then(|| (best.sizes / f64::from(best.count)) as f32).filter(|size| *size > 0.0)
    }

    fn best(&self) -> &Summary {
        if self.whole.seen_us >= PAUSE_US { &self.whole } else { &self.any }
    }
}

impl Summary {
    fn see(&mut self, seen: &Observation) {
        if let Some(look) = &seen.look {
            self.looks.add(look, 1);
        }
        self.sizes += f64::from(seen.rect.scale());
        self.count += 1;
        let since = self.last_us.map_or(0, |last| seen.t.saturating_sub(last));
        self.seen_us += if since <= PAUSE_US { since } else { 0 };
        self.last_us = Some(seen.t);
    }
}
