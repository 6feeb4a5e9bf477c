//! Corrections by hand of a complete stream, computed from the store.
//!
//! ```text
//! observations ─▶ sightings ─▶ moves (merge, split) ─┐
//! graph, evidence, rules ────────────────────────────┴─▶ belief before and after ─▶ deltas
//! ```
//! A correction says which tracks are another object from now on. What follows from it is the function that the
//! dataflow computes step by step, from scratch, over the stored evidence: once as things stood, which has to give the
//! stored edges, and once as they shall stand. The difference is the correction. Undoing one needs no evidence: what was
//! believed before it is believed again.

pub mod again;
pub mod belief;
pub mod deltas;
pub mod desk;
pub mod moves;
pub mod sightings;
#[cfg(test)]
mod tests;

pub use again::correct_as_before;
pub use belief::{Known, corrected};
pub use deltas::{between, epoch};
pub use desk::{Corrected, Desk};
pub use moves::{merge, split};
pub use sightings::{Sightings, of_tracks};
