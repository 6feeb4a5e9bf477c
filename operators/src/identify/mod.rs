//! Decides which tracks are one object.

mod agreement;
pub(crate) mod appearance;
pub(crate) mod border;
mod config;
mod cover;
mod dataflow;
mod fragment;
mod identifier;
mod links;
mod reason;
mod returns;

pub use config::{IdentifyConfig, ReturnConfig};
pub use dataflow::identify;
pub use identifier::Identifier;
pub use reason::{BEGAN, FRAGMENT, PARTED, RETURN};
