//! What a real Kafka broker holds, to a reader of committed records, is the log. scripts/services.sh starts one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agreement;
mod broker;
mod consumers;
mod outage;
mod paced;
mod refused;
mod security;
mod told;

#[path = "../support/mod.rs"]
mod support;
