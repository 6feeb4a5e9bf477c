//! What of a graph database exactly-once delivery takes.

use super::statement::Statement;
use super::value::Value;
use std::collections::BTreeMap;

/// A row of an answer: values by the names that the statement gives them.
pub type Row = BTreeMap<String, Value>;

/// A database with transactions. After an error the transaction is over, and whether it was committed is known only where
/// the error came before [`Session::commit`].
pub trait Session: Send {
    /// Runs a statement that changes the schema, in a transaction of its own, once per session.
    ///
    /// # Errors
    /// Where it did not run.
    fn see_to(&mut self, statement: &Statement) -> Result<(), SessionError>;

    /// Begins a transaction; an open one is rolled back.
    ///
    /// # Errors
    /// Where there is no connection to be had.
    fn begin(&mut self) -> Result<(), SessionError>;

    /// Runs a statement in the open transaction and gives its rows.
    ///
    /// # Errors
    /// Where it did not run. The transaction is rolled back.
    fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, SessionError>;

    /// Commits the open transaction.
    ///
    /// # Errors
    /// Whether it was committed is then unknown.
    fn commit(&mut self) -> Result<(), SessionError>;

    /// Gives the open transaction up, if there is one.
    fn roll_back(&mut self);
}

/// Why a database did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// It is away, busy or slow, or a lock could not be had.
    #[error("{0}")]
    Again(String),
    /// Somebody must change something first.
    #[error("{0}")]
    Hopeless(String),
}
