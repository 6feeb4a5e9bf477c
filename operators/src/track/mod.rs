//! Gives segments to tracks.

mod assign;
mod association;
mod candidates;
mod common_motion;
mod config;
mod contest;
mod dataflow;
mod filter;
mod heading;
mod life;
mod rhythm;
mod silhouette;
mod tracker;

pub use config::TrackConfig;
pub use dataflow::track;
pub use tracker::Tracker;
