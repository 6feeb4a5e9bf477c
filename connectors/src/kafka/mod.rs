//! The delta log in Kafka: exactly once, to whoever reads committed records only.
//!
//! Deltas, progress and the cursor of a portion are one Kafka transaction. [`records`] says what is written where;
//! [`TransactionLog`] is what of Kafka that takes, [`Cluster`] does it with librdkafka, and [`KafkaTarget`] puts the two
//! behind the [`crate::follow::Target`] of a sink. docs/kafka.md tells users of the topics.

mod agreement;
mod cluster;
mod committed;
mod config;
mod errors;
#[cfg(test)]
mod fake_broker;
#[cfg(test)]
mod faults;
mod finals;
mod lookout;
#[cfg(test)]
mod model;
mod murmur2;
pub mod records;
mod reports;
mod target;
mod topics;
mod transaction_log;

pub use cluster::Cluster;
pub use config::{KafkaConfig, KafkaConfigError, SaslMechanism, Security};
pub use target::{KafkaTarget, Written};
pub use transaction_log::{Cursor, TransactionError, TransactionLog};
