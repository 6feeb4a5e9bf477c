//! Gives segments to tracks.

mod assign;
mod candidates;
mod config;
mod filter;
mod life;
mod tracker;

pub use config::TrackConfig;
pub use tracker::Tracker;
