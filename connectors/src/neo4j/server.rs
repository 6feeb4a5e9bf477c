//! A Neo4j server over Bolt, through neo4rs.

use super::config::{Neo4jConfig, Neo4jConfigError};
use super::session::{Row, Session, SessionError};
use super::statement::Statement;
use super::value::Value;
use neo4rs::{BoltList, BoltMap, BoltNull, BoltType, Error, Graph, Neo4jClientErrorKind, Neo4jErrorKind};
use neo4rs::{Neo4jSecurityErrorKind, Query, Txn};
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// A connection to a server. One statement is under way at a time; whatever fails ends the connection, and the server rolls
/// back what was open on it. The driver waits for answers only, so every wait here has a deadline of its own.
pub struct Server {
    runtime: Runtime,
    driver: neo4rs::Config,
    connect: Duration,
    transaction: Duration,
    /// Where it is, for whoever reads of an error.
    place: String,
    graph: Option<Graph>,
    open: Option<(Txn, Instant)>,
}

impl Server {
    /// A server that is not reached yet.
    ///
    /// # Errors
    /// Where the configuration cannot work.
    pub fn new(config: &Neo4jConfig) -> Result<Self, Neo4jConfigError> {
        let driver = config.driver()?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Neo4jConfigError::Driver(error.to_string()))?;
        let (connect, transaction) = (config.connect(), config.transaction());
        let place = config.place();
        Ok(Self { runtime, driver, connect, transaction, place, graph: None, open: None })
    }

    /// Throws the connection away: whoever holds it open no longer does.
    fn disconnect(&mut self) {
        let _context = self.runtime.enter();
        self.open = None;
        self.graph = None;
    }

    /// The connection, which is made at the first statement.
    fn graph(&mut self) -> Result<Graph, SessionError> {
        if self.graph.is_none() {
            let _context = self.runtime.enter();
            self.graph = Some(Graph::connect(self.driver.clone()).map_err(refusal)?);
        }
        self.graph.clone().ok_or_else(|| SessionError::Again("there is no connection".to_owned()))
    }

    fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, SessionError>) -> Result<T, SessionError> {
        let done = work(self);
        done.map_err(|error| {
            self.disconnect();
            match error {
                SessionError::Again(reason) => SessionError::Again(format!("{reason} ({})", self.place)),
                SessionError::Hopeless(reason) => SessionError::Hopeless(format!("{reason} ({})", self.place)),
            }
        })
    }
}

/// Waits for an answer until a deadline.
fn wait<T>(
    runtime: &Runtime,
    deadline: Instant,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, SessionError> {
    let left = deadline.saturating_duration_since(Instant::now());
    match runtime.block_on(async { tokio::time::timeout(left, answer).await }) {
        Ok(done) => done.map_err(refusal),
        Err(_) => Err(SessionError::Again("Neo4j did not answer in time".to_owned())),
    }
}

impl Session for Server {
    fn see_to(&mut self, statement: &Statement) -> Result<(), SessionError> {
        self.begin()?;
        self.run(statement)?;
        self.commit()
    }

    fn begin(&mut self) -> Result<(), SessionError> {
        self.roll_back();
        self.attempt(|own| {
            let graph = own.graph()?;
            let transaction = wait(&own.runtime, Instant::now() + own.connect, graph.start_txn())?;
            own.open = Some((transaction, Instant::now() + own.transaction));
            Ok(())
        })
    }

    fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, SessionError> {
        self.attempt(|own| {
            let Some((transaction, deadline)) = own.open.as_mut() else {
                return Err(SessionError::Again("there is no transaction".to_owned()));
            };
            let parameters = statement.parameters().into_iter().map(|(name, value)| (name, bolt(value)));
            let query = Query::new(statement.cypher()).params(parameters);
            let answer = async {
                let mut rows = transaction.execute(query).await?;
                let mut answer = Vec::new();
                while let Some(row) = rows.next(transaction.handle()).await? {
                    answer.push(row_of(&row)?);
                }
                Ok(answer)
            };
            wait(&own.runtime, *deadline, answer)
        })
    }

    fn commit(&mut self) -> Result<(), SessionError> {
        self.attempt(|own| {
            let Some((transaction, deadline)) = own.open.take() else {
                return Err(SessionError::Again("there is no transaction".to_owned()));
            };
            wait(&own.runtime, deadline, transaction.commit())
        })
    }

    fn roll_back(&mut self) {
        let Some((transaction, deadline)) = self.open.take() else { return };
        if wait(&self.runtime, deadline.min(Instant::now() + self.connect), transaction.rollback()).is_err() {
            self.disconnect();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.disconnect();
    }
}

fn bolt(value: Value) -> BoltType {
    match value {
        Value::Null => BoltType::Null(BoltNull),
        Value::Flag(flag) => flag.into(),
        Value::Integer(number) => number.into(),
        Value::Decimal(number) => number.into(),
        Value::Text(text) => text.into(),
        // What is beyond the calendar of the driver, a quarter of a million years, has no name as a moment.
        Value::Moment(us) => chrono::DateTime::from_timestamp_micros(us)
            .map_or(BoltType::Null(BoltNull), |moment| moment.fixed_offset().into()),
        Value::List(values) => BoltType::List(BoltList::from(values.into_iter().map(bolt).collect::<Vec<_>>())),
        Value::Map(values) => {
            let mut map = BoltMap::with_capacity(values.len());
            values.into_iter().for_each(|(name, value)| map.put(name.into(), bolt(value)));
            BoltType::Map(map)
        }
    }
}

fn row_of(row: &neo4rs::Row) -> Result<Row, Error> {
    let value = |name: &str| Ok((name.to_owned(), value_of(row.get::<BoltType>(name)?)));
    row.keys().into_iter().map(|key| value(&key.value)).collect()
}

/// A value of an answer; what we never ask for is none.
fn value_of(value: BoltType) -> Value {
    match value {
        BoltType::Boolean(flag) => Value::Flag(flag.value),
        BoltType::Integer(number) => Value::Integer(number.value),
        BoltType::Float(number) => Value::Decimal(number.value),
        BoltType::String(text) => Value::Text(text.value),
        BoltType::List(list) => Value::List(list.value.into_iter().map(value_of).collect()),
        _ => Value::Null,
    }
}

/// What an error means for us. A transaction that the server ended may be tried again from its beginning.
fn refusal(error: Error) -> SessionError {
    let said = match &error {
        Error::AuthenticationError(_) => format!(
            "Neo4j turns the user away ({error}); see to user and password_env or password_file of this sink, and start again"
        ),
        Error::Neo4j(said) if said.code() == "Neo.ClientError.Database.DatabaseNotFound" => {
            format!("Neo4j: {error}; see to database of this sink, or make that database, and start again")
        }
        Error::IOError { detail } => {
            format!("Neo4j cannot be reached: {detail}; see that it runs, and to uri of this sink")
        }
        error => format!("Neo4j: {error}"),
    };
    let is_ours = match &error {
        Error::Neo4j(error) if error.code().starts_with("Neo.ClientError.Transaction.") => false,
        Error::Neo4j(error) => match error.kind() {
            Neo4jErrorKind::Client(Neo4jClientErrorKind::Security(kind)) => {
                !matches!(kind, Neo4jSecurityErrorKind::AuthorizationExpired | Neo4jSecurityErrorKind::TokenExpired)
            }
            Neo4jErrorKind::Client(kind) => matches!(
                kind,
                Neo4jClientErrorKind::FatalDiscovery | Neo4jClientErrorKind::Other | Neo4jClientErrorKind::Unknown
            ),
            Neo4jErrorKind::Transient | Neo4jErrorKind::Database | Neo4jErrorKind::Unknown => false,
        },
        Error::AuthenticationError(message) => {
            let message = message.to_lowercase();
            message.contains("unauthorized") || message.contains("authentication")
        }
        Error::UrlParseError(_)
        | Error::UnsupportedScheme(_)
        | Error::InvalidDnsName(_)
        | Error::InvalidConfig
        | Error::UnsupportedVersion(..)
        | Error::ProtocolMismatch(_)
        | Error::ListTooLong
        | Error::MapTooBig
        | Error::StringTooLong => true,
        _ => false,
    };
    if is_ours { SessionError::Hopeless(said) } else { SessionError::Again(said) }
}
