//! Whatever crosses the process border: sources, the store, exports.

mod jpeg;

pub mod export;
pub mod follow;
pub mod kafka;
pub mod neo4j;
pub mod source;
pub mod store;
