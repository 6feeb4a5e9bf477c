//! How a Neo4j database is reached and what of the graph it holds.

use crate::follow::StartFrom;
use crate::secret::{SecretError, secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a Neo4j sink. Passwords come from a variable of the environment or from a file, never from here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Neo4jConfig {
    /// Where the server is found: `bolt://host:port`, or `bolt+s://` to encrypt and check its certificate. `neo4j://` and
    /// `neo4j+s://` reach the one server that is named. `+ssc` encrypts without a check.
    pub uri: String,
    /// Which database of the server; its default one where absent.
    pub database: Option<String>,
    /// Who we are.
    pub user: String,
    /// The variable of the environment that holds the password.
    pub password_env: Option<String>,
    /// The file that holds the password; a line feed at its end does not count.
    pub password_file: Option<PathBuf>,
    /// Certificates of the authorities to trust (PEM); those of the system where absent.
    pub ca_file: Option<PathBuf>,
    /// Also keep interactions as vertices, with who takes part in them and which comes before which.
    pub interactions: bool,
    /// How many labels there may be that name a class, such as `:Object:Person`; classes beyond are a property only.
    #[schemars(range(min = 0, max = 10_000))]
    pub class_labels: usize,
    /// With what a stream begins of which the database holds nothing: its log from the beginning, or its graph as it is.
    pub from: StartFrom,
    /// Entries of the log that are written in one transaction, unless one time has more.
    #[schemars(range(min = 1, max = 100_000))]
    pub batch_entries: usize,
    /// Time between two transactions of a stream, unless the second is full, in seconds.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub batch_secs: f64,
    /// How long the server may take to answer a connection, in seconds.
    #[schemars(range(min = 0.1, max = 300.0))]
    pub connect_secs: f64,
    /// How long a transaction may take from its beginning to its commit, in seconds.
    #[schemars(range(min = 1.0, max = 900.0))]
    pub transaction_secs: f64,
}

impl Default for Neo4jConfig {
    fn default() -> Self {
        Self {
            uri: "bolt://127.0.0.1:7687".to_owned(),
            database: None,
            user: "neo4j".to_owned(),
            password_env: None,
            password_file: None,
            ca_file: None,
            interactions: true,
            class_labels: 100,
            from: StartFrom::Beginning,
            batch_entries: 5_000,
            batch_secs: 0.2,
            connect_secs: 10.0,
            transaction_secs: 60.0,
        }
    }
}

/// Why a sink cannot be set up as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum Neo4jConfigError {
    /// The address says who we are, and would be shown.
    #[error("uri holds a user or a password; set user and password_env or password_file instead")]
    Credentials,
    /// The address is none.
    #[error("uri is {0:?}, it takes bolt://, bolt+s://, bolt+ssc://, neo4j://, neo4j+s:// or neo4j+ssc:// and a host")]
    Uri(String),
    /// Two places for one password.
    #[error("there are password_env and password_file, it takes one of them")]
    Ambiguous,
    /// The variable is not there.
    #[error("password_env names {0}, which is not set in the environment")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("{setting} cannot be read: {source}: {path}", path = path.display())]
    NoFile {
        /// Which setting names it.
        setting: &'static str,
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// The driver takes it for wrong.
    #[error("the settings make no connection: {0}")]
    Driver(String),
}

const SCHEMES: [&str; 6] = ["bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"];

impl Neo4jConfig {
    /// Whether another sink has the same address, and so writes the same database: each would take the graph from the other.
    /// Two names of one server are not known for one.
    pub fn shares_database_with(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    /// Host, port and database, with the defaults of a server where they are absent.
    fn address(&self) -> (String, String) {
        let host = self.uri.split_once("://").map_or("", |(_, host)| host).to_lowercase();
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host } else { host + ":7687" };
        (host, self.database.as_deref().unwrap_or("neo4j").to_lowercase())
    }

    /// Where the database is.
    pub(super) fn place(&self) -> String {
        match &self.database {
            Some(database) => format!("{}, database {database}", self.uri),
            None => self.uri.clone(),
        }
    }

    /// How long a transaction may take.
    pub(super) fn transaction(&self) -> Duration {
        Duration::from_secs_f64(self.transaction_secs)
    }

    /// How long a connection may take.
    pub(super) fn connect(&self) -> Duration {
        Duration::from_secs_f64(self.connect_secs)
    }

    /// Looks at the settings by themselves: no variable of the environment, no file.
    ///
    /// # Errors
    /// Where the address is none or says who we are, or there are two sources of the password.
    pub fn check(&self) -> Result<(), Neo4jConfigError> {
        let wrong = || Neo4jConfigError::Uri(self.uri.clone());
        // No address we take has one, and what stands before it may be a password.
        if self.uri.contains('@') {
            return Err(Neo4jConfigError::Credentials);
        }
        let host = match self.uri.split_once("://") {
            Some((scheme, host)) if SCHEMES.contains(&scheme) => host,
            _ => return Err(wrong()),
        };
        if host.is_empty() || host.contains(['/', '?', '#']) {
            return Err(wrong());
        }
        if self.password_env.is_some() && self.password_file.is_some() {
            return Err(Neo4jConfigError::Ambiguous);
        }
        Ok(())
    }

    /// Looks whether the variable and the files that it names are there as well.
    ///
    /// # Errors
    /// As for [`Self::check`], and where the password or the authority cannot be read.
    pub fn check_here(&self) -> Result<(), Neo4jConfigError> {
        self.driver().map(drop)
    }

    /// Settings as the driver takes them.
    ///
    /// # Errors
    /// As for [`Self::check`], and where the password or the authority cannot be read.
    pub(super) fn driver(&self) -> Result<neo4rs::Config, Neo4jConfigError> {
        self.check()?;
        let mut driver = neo4rs::ConfigBuilder::default()
            .uri(&self.uri)
            .user(&self.user)
            .password(self.password()?.unwrap_or_default())
            // One at a time; what failed is thrown away and never used again.
            .max_connections(1)
            .fetch_size(10_000)
            .connection_timeout(self.transaction());
        if let Some(database) = &self.database {
            driver = driver.db(database.as_str());
        }
        if let Some(path) = &self.ca_file {
            std::fs::metadata(path).map_err(|source| Neo4jConfigError::NoFile {
                setting: "ca_file",
                source,
                path: path.clone(),
            })?;
            driver = driver.with_client_certificate(path);
        }
        driver.build().map_err(|error| Neo4jConfigError::Driver(error.to_string()))
    }

    fn password(&self) -> Result<Option<String>, Neo4jConfigError> {
        secret(self.password_env.as_deref(), self.password_file.as_deref()).map_err(|error| match error {
            SecretError::NoVariable(name) => Neo4jConfigError::NoVariable(name),
            SecretError::NoFile { source, path } => Neo4jConfigError::NoFile { setting: "password_file", source, path },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_from_a_file_and_is_never_shown() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("password");
        std::fs::write(&path, "open sesame\n").expect("the disk has room");
        let config = Neo4jConfig { password_file: Some(path), ..Neo4jConfig::default() };
        assert_eq!(config.password().expect("it is there").as_deref(), Some("open sesame"));
        assert!(config.driver().is_ok());
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn one_database_is_known_by_its_host_and_name() {
        let of = |uri: &str, database: Option<&str>| Neo4jConfig {
            uri: uri.into(),
            database: database.map(str::to_owned),
            ..Neo4jConfig::default()
        };
        assert!(of("bolt://host:7687", None).shares_database_with(&of("neo4j://Host", Some("neo4j"))));
        assert!(of("bolt://[::1]", None).shares_database_with(&of("bolt://[::1]:7687", None)));
        assert!(!of("bolt://host:7687", None).shares_database_with(&of("bolt://host:7687", Some("other"))));
        assert!(!of("bolt://host:7687", None).shares_database_with(&of("bolt://host:7688", None)));
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_name() {
        let with = |uri: &str| Neo4jConfig { uri: uri.into(), ..Neo4jConfig::default() }.driver().err();
        for uri in ["bolt://neo4j:sesame@host:7687", "neo4j:sesame@host:7687", "bolt:/neo4j:sesame@host"] {
            let shown = with(uri).expect("it holds a password").to_string();
            assert!(!shown.contains("sesame") && shown.contains("password_env"), "{shown}");
        }
        for uri in ["host:7687", "http://host:7474", "bolt://", "bolt://host/path"] {
            assert!(matches!(with(uri), Some(Neo4jConfigError::Uri(_))), "{uri}");
        }
        for uri in ["bolt://host", "neo4j+s://host:7687", "bolt://[::1]:7687"] {
            assert!(with(uri).is_none(), "{uri}");
        }
        let password_env = Some("VOKG_TEST_NO_SUCH_VARIABLE".to_owned());
        let error =
            Neo4jConfig { password_env, ..Neo4jConfig::default() }.driver().err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("VOKG_TEST_NO_SUCH_VARIABLE")));
        let ca_file = Some(PathBuf::from("/no/such/file"));
        let error = Neo4jConfig { ca_file, ..Neo4jConfig::default() }.driver().err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("ca_file")));
    }
}
