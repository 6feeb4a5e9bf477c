//! Runs one timely dataflow per stream on workers that keep running.
//!
//! ```text
//!  reader thread ──feed (bounded)──▶ source ──▶ … offload ⇄ thread … ──▶ sink
//!                                      ▲                                  │
//!                                      └──────── credits (K frames) ◀─────┘
//! ```
//!
//! [`engine`] starts the workers and has each of them apply the same numbered commands in the same order. [`feed`] and
//! [`credit`] bring records in, at most K frames at once; [`offload`] keeps slow work off the workers; [`control`] is
//! how a stream is stopped, fails and is watched from outside.

pub mod checkpoint;
pub mod control;
pub mod credit;
pub mod engine;
pub mod feed;
pub mod offload;
