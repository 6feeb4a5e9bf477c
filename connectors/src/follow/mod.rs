//! Followers: whatever is told of the log outside this process.
//!
//! A sink never stands in the way of ingestion. It follows the log in the store with a cursor of its own, kept inside its
//! target and moved in the same transaction as the data: so nothing is lost and nothing comes twice, whoever is killed
//! when. An outage is a follower that lags; the log waits on disk.
//!
//! ```text
//! store ──pages──▶ Follower ──portions──▶ Target (Kafka, Neo4j)
//!                     ▲  asks after every error     │
//!                     └──── where do you stand? ◀───┘
//! ```
//!
//! [`Target`] is what a sink must be able to do, [`Follower`] the decisions, [`Following`] the thread.

mod backlog;
mod backoff;
mod config;
mod cursor;
mod follower;
mod following;
mod letters;
mod listing;
mod mark;
#[cfg(test)]
mod model;
mod pause;
mod portion;
mod status;
mod target;
mod trouble;

pub use backoff::Backoff;
pub use config::FollowerConfig;
pub use follower::{Follower, Step};
pub use following::{Following, Nudge};
pub use letters::{DeadLetter, DeadLetters, LettersError};
pub use mark::{Mark, MarkError};
pub use pause::PauseMark;
pub use portion::{Portion, read_portion};
pub use status::{SinkControl, SinkState, SinkStatus};
pub use target::{Followed, Held, Snapshot, StartFrom, Target, TargetError, Told};
