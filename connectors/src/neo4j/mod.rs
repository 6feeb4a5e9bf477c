//! The graph in Neo4j: the fold of the log, kept up by one transaction per portion.
//!
//! ```text
//! portion ──Changes──▶ Statement… ──Session──▶ Neo4j
//!          one per key    values         Bolt
//! ```
//!
//! [`changes`] consolidates a portion per key and says what a vertex or an edge looks like; [`interactions`] adds the
//! reified view; [`Statement`] is what is asked of the database, apart from how it is reached ([`Session`], [`Server`]);
//! [`Neo4jTarget`] puts them behind the [`crate::follow::Target`] of a sink. docs/neo4j.md tells users of the model.

mod chain;
pub mod changes;
mod config;
mod cursor;
#[cfg(test)]
mod fake_bolt;
mod identifier;
pub mod interactions;
#[cfg(test)]
mod model;
mod removal;
mod server;
mod session;
mod statement;
mod target;
mod value;

pub use config::{Neo4jConfig, Neo4jConfigError};
pub use cursor::SinkCursor;
pub use identifier::Identifier;
pub use server::Server;
pub use session::{Session, SessionError};
pub use statement::{EdgeRow, Statement, VertexRow};
pub use target::Neo4jTarget;
pub use value::{Properties, Value};
