//! Whatever crosses the process border: sources, the store, exports.

pub mod export;
pub mod source;
pub mod store;
