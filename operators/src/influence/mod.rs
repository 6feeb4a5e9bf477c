//! Whose movement foretells whose: INFLUENCES, by conditional Granger tests. A prediction, never proof of a cause.
//!
//! A thing influences another if the last second of its velocity improves the forecast of the other's beyond what the
//! other's own past and the things around them say (Granger, Econometrica 37(3), 1969; conditional form: Geweke, JASA
//! 79(388), 1984). Two that follow a third look like leader and follower unless the third is in the model, so every test
//! is conditioned on the nearest others. One that is not seen, or a moving camera, cannot be conditioned on.
//!
//! Read `influences.rs` first: which pairs of which window are tested and what is stated. `way.rs` resamples sightings,
//! `series.rs` makes velocities of them, `granger.rs` is the test. Arithmetic is `+ − × ÷ √` in a fixed order, so every
//! machine decides the same.

mod config;
mod fdr;
mod granger;
mod influences;
mod products;
mod regression;
mod series;
mod tail;
#[cfg(test)]
mod walkers;
mod way;

pub use config::InfluenceConfig;
pub use influences::{Influence, Influences, OTHERS_MAX, SPREAD_US, TRACKS_MAX};
