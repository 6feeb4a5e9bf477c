//! Decides which tracks are one object.

mod agreement;
mod config;
mod dataflow;
mod fragment;
mod identifier;

pub use config::IdentifyConfig;
pub use dataflow::identify;
pub use identifier::{BEGAN, FRAGMENT, Identifier};
