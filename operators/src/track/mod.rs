//! Gives segments to tracks.

mod assign;
mod candidates;
mod config;
mod filter;
mod life;
pub mod mot;
mod tracker;

pub use config::TrackConfig;
pub use tracker::Tracker;
