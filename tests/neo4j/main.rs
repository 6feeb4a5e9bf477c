//! What a real Neo4j server holds is the fold of the log. scripts/services.sh starts one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../kafka/broker.rs"]
#[allow(dead_code, reason = "the tests of Kafka use more of it")]
mod broker;
mod database;
mod graph;
mod killed;
mod told;

#[path = "../support/mod.rs"]
mod support;
