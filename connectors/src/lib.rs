//! Whatever crosses the process border: sources, the store, exports.
