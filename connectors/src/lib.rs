//! Whatever crosses the process border: sources, the store, sinks, exports.

mod jpeg;
mod secret;

pub mod export;
pub mod follow;
pub mod kafka;
pub mod neo4j;
pub mod source;
pub mod store;
