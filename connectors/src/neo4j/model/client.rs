//! How the database is reached.

use super::database::Held;
use crate::neo4j::session::{Row, Session, SessionError};
use crate::neo4j::statement::Statement;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::sync::{Arc, Mutex};

/// A session with the database. One in so many statements and commits goes wrong, drawn from `chance`.
pub(super) struct Client {
    held: Arc<Mutex<Held>>,
    open: Option<Held>,
    chance: ChaCha8Rng,
    is_faulty: bool,
    /// Statements that were run.
    pub(super) statements: Arc<Mutex<Vec<Statement>>>,
}

impl Client {
    pub(super) fn new(held: &Arc<Mutex<Held>>, seed: u64, is_faulty: bool) -> Self {
        let (chance, statements) = (ChaCha8Rng::seed_from_u64(seed), Arc::default());
        Self { held: Arc::clone(held), open: None, chance, is_faulty, statements }
    }

    fn goes_wrong(&mut self, one_in: u32) -> Result<(), SessionError> {
        if self.is_faulty && self.chance.next_u32().is_multiple_of(one_in) {
            self.open = None;
            return Err(SessionError::Again("the connection is gone".into()));
        }
        Ok(())
    }
}

impl Session for Client {
    fn see_to(&mut self, statement: &Statement) -> Result<(), SessionError> {
        self.begin()?;
        self.run(statement)?;
        self.commit()
    }

    fn begin(&mut self) -> Result<(), SessionError> {
        self.goes_wrong(60)?;
        self.open = Some(self.held.lock().expect("nobody panicked").clone());
        Ok(())
    }

    fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, SessionError> {
        self.goes_wrong(60)?;
        self.statements.lock().expect("nobody panicked").push(statement.clone());
        let rows = self.open.as_mut().expect("a transaction is open").run(statement);
        self.goes_wrong(60)?;
        Ok(rows)
    }

    fn commit(&mut self) -> Result<(), SessionError> {
        self.goes_wrong(30)?;
        *self.held.lock().expect("nobody panicked") = self.open.take().expect("a transaction is open");
        // The commit arrived, its answer did not.
        self.goes_wrong(30)
    }

    fn roll_back(&mut self) {
        self.open = None;
    }
}
