//! Gives segments to tracks.

mod assign;
mod candidates;
mod config;
mod dataflow;
mod filter;
mod life;
mod tracker;

pub use config::TrackConfig;
pub use dataflow::track;
pub use tracker::Tracker;
