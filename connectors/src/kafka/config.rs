//! How a Kafka cluster is reached and which topics are written.

use super::records::Topic;
use crate::follow::StartFrom;
use crate::secret::{SecretError, secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// How long a cluster may take to answer a question.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

/// Settings of a Kafka sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Where the cluster is found: `host:port`, several separated by commas.
    pub brokers: String,
    /// What the names of the topics begin with: `vokg` gives `vokg.deltas`, `vokg.progress` and so on.
    pub topic_prefix: String,
    /// Make topics that are not there.
    pub create_topics: bool,
    /// Partitions of a topic that is made. All records of a stream are in one partition.
    #[schemars(range(min = 1, max = 10_000))]
    pub partitions: u32,
    /// Copies of a topic that is made.
    #[schemars(range(min = 1, max = 100))]
    pub replication: u32,
    /// Also keep the latest value of every element in a compacted topic.
    pub state: bool,
    /// Also tell each element once more, in a topic of its own, when nothing automatic can change it any more.
    #[serde(rename = "final")]
    pub finals: bool,
    /// With what a stream begins of which the topics hold nothing: its log from the beginning, or its graph as it is.
    pub from: StartFrom,
    /// How the connection is secured.
    pub security: Security,
    /// How long the cluster may take to open or commit a transaction, in seconds, and to abort one where that is less than 15.
    #[schemars(range(min = 1.0, max = 900.0))]
    pub transaction_secs: f64,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            topic_prefix: "vokg".to_owned(),
            create_topics: false,
            partitions: 1,
            replication: 1,
            state: true,
            finals: true,
            from: StartFrom::Beginning,
            security: Security::default(),
            transaction_secs: 60.0,
        }
    }
}

/// How a connection is secured. Passwords come from a variable of the environment or from a file, never from here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Encrypt by TLS and check the certificate of the broker.
    pub tls: bool,
    /// Certificates of the authorities to trust (PEM); those of the system where absent.
    pub ca_file: Option<PathBuf>,
    /// Our certificate (PEM), where the cluster asks for one.
    pub certificate_file: Option<PathBuf>,
    /// The key of our certificate (PEM).
    pub key_file: Option<PathBuf>,
    /// How we say who we are; not at all where absent.
    pub sasl: Option<SaslMechanism>,
    /// Who we are.
    pub username: Option<String>,
    /// The variable of the environment that holds the password.
    pub password_env: Option<String>,
    /// The file that holds the password; a line feed at its end does not count.
    pub password_file: Option<PathBuf>,
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SaslMechanism {
    /// The password itself; only sensible over TLS.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Salted challenge with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Why a sink cannot be set up as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum KafkaConfigError {
    /// A mechanism without a user or a password.
    #[error("security.sasl needs security.username and one of security.password_env and security.password_file")]
    Incomplete,
    /// A user or a password that nothing would send.
    #[error(
        "security names a user or a password and no sasl, so neither would be sent; set security.sasl to PLAIN, SCRAM-SHA-256 or \
         SCRAM-SHA-512, or leave them out"
    )]
    Unused,
    /// The variable is not there.
    #[error("security.password_env names {0}, which is not set in the environment")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("security.password_file cannot be read: {source}: {path}", path = path.display())]
    NoFile {
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// No cluster can be found there.
    #[error("brokers is {0:?}, it takes host:port, several separated by commas, with ports from 1 to 65535")]
    Brokers(String),
    /// Two places for one password.
    #[error("security has password_env and password_file, it takes one of them")]
    Ambiguous,
    /// A file of the security cannot be read.
    #[error("security.{key} cannot be read: {source}: {path}", path = path.display())]
    NoPem {
        /// Which.
        key: &'static str,
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A topic would have no valid name.
    #[error("topic_prefix is {0:?}, it takes 1 to 200 letters, digits, dots, dashes and underscores")]
    Prefix(String),
}

impl KafkaConfig {
    /// The topic with this last part.
    pub fn topic(&self, part: &str) -> String {
        format!("{}.{part}", self.topic_prefix)
    }

    /// Whether another sink with these settings would write the same topics: a broker named by both is of one cluster.
    pub fn shares_topics_with(&self, other: &Self) -> bool {
        let brokers = |config: &Self| config.brokers.split(',').map(|broker| broker.trim().to_lowercase()).collect();
        let (own, others): (BTreeSet<String>, BTreeSet<String>) = (brokers(self), brokers(other));
        self.topic_prefix == other.topic_prefix && !own.is_disjoint(&others)
    }

    /// Whether this topic is written.
    pub fn writes(&self, topic: Topic) -> bool {
        match topic {
            Topic::Deltas | Topic::Progress => true,
            Topic::State => self.state,
            Topic::Final => self.finals,
        }
    }

    /// Looks at the settings by themselves: no variable of the environment, no file.
    ///
    /// # Errors
    /// Where the security is incomplete, the prefix makes no topic, or an address of a broker is none.
    pub fn check(&self) -> Result<(), KafkaConfigError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if self.topic_prefix.is_empty() || self.topic_prefix.len() > 200 || !self.topic_prefix.chars().all(fits) {
            return Err(KafkaConfigError::Prefix(self.topic_prefix.clone()));
        }
        if !self.brokers.split(',').all(|broker| is_address(broker.trim())) {
            return Err(KafkaConfigError::Brokers(self.brokers.clone()));
        }
        let Security { sasl, username, password_env, password_file, .. } = &self.security;
        if password_env.is_some() && password_file.is_some() {
            return Err(KafkaConfigError::Ambiguous);
        }
        if sasl.is_some() && (username.is_none() || password_env.is_none() && password_file.is_none()) {
            return Err(KafkaConfigError::Incomplete);
        }
        if sasl.is_none() && (username.is_some() || password_env.is_some() || password_file.is_some()) {
            return Err(KafkaConfigError::Unused);
        }
        Ok(())
    }

    /// Looks whether the variable and the files that it names are there as well.
    ///
    /// # Errors
    /// As for [`Self::check`], and where a password or a certificate cannot be read.
    pub fn check_here(&self) -> Result<(), KafkaConfigError> {
        self.client().map(drop)
    }

    /// Settings as librdkafka takes them, security included.
    ///
    /// # Errors
    /// As for [`Self::check`], and where a password or a certificate cannot be read.
    pub(super) fn client(&self) -> Result<rdkafka::ClientConfig, KafkaConfigError> {
        self.check()?;
        let mut client = rdkafka::ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers).set("client.id", "vokg");
        // A broker that stands still takes no more connections once it keeps some fifty. One that then goes on is to be noticed soon.
        client.set("socket.connection.setup.timeout.ms", ANSWER_DEADLINE.as_millis().to_string());
        // To ask for a topic is not to make it, with whatever settings a broker makes topics by itself.
        client.set("allow.auto.create.topics", "false");
        let Security { tls, ca_file, certificate_file, key_file, sasl, username, .. } = &self.security;
        let protocol = match (sasl.is_some(), *tls) {
            (false, false) => "plaintext",
            (false, true) => "ssl",
            (true, false) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        client.set("security.protocol", protocol);
        for (key, name, file) in [
            ("ssl.ca.location", "ca_file", ca_file),
            ("ssl.certificate.location", "certificate_file", certificate_file),
            ("ssl.key.location", "key_file", key_file),
        ] {
            if let Some(path) = file {
                let unreadable = |source| KafkaConfigError::NoPem { key: name, source, path: path.clone() };
                std::fs::File::open(path).map_err(unreadable)?;
                client.set(key, path.to_string_lossy());
            }
        }
        if let Some(mechanism) = sasl {
            let (Some(username), Some(password)) = (username, self.security.password()?) else {
                return Err(KafkaConfigError::Incomplete);
            };
            client
                .set("sasl.mechanism", mechanism.name())
                .set("sasl.username", username)
                .set("sasl.password", password);
        }
        Ok(client)
    }
}

/// Whether it is `host:port`; the host of an IPv6 address stands in brackets.
fn is_address(broker: &str) -> bool {
    let Some((host, port)) = broker.rsplit_once(':') else { return false };
    let is_host = !host.is_empty()
        && !host.contains('/')
        && !host.contains(char::is_whitespace)
        && (!host.contains(':') || host.starts_with('[') && host.ends_with(']'));
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

impl Security {
    fn password(&self) -> Result<Option<String>, KafkaConfigError> {
        secret(self.password_env.as_deref(), self.password_file.as_deref()).map_err(|error| match error {
            SecretError::NoVariable(name) => KafkaConfigError::NoVariable(name),
            SecretError::NoFile { source, path } => KafkaConfigError::NoFile { source, path },
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
        let security = Security {
            tls: true,
            sasl: Some(SaslMechanism::ScramSha512),
            username: Some("vokg".into()),
            password_file: Some(path),
            ..Security::default()
        };
        let config = KafkaConfig { security, ..KafkaConfig::default() };
        let client = config.client().expect("it is complete");
        assert_eq!(client.get("sasl.password"), Some("open sesame"));
        assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn brokers_are_hosts_with_ports() {
        let client = |brokers: &str| KafkaConfig { brokers: brokers.to_owned(), ..KafkaConfig::default() }.client();
        for good in ["127.0.0.1:9092", "a:1, b.example:65535", "[::1]:9092"] {
            assert!(client(good).is_ok(), "{good}");
        }
        for bad in ["", "here", "not here:1", "kafka://here:9092", "here:99999", "here:0", ":::", "a:1,,b:2", ":9092"] {
            assert!(matches!(client(bad), Err(KafkaConfigError::Brokers(_))), "{bad:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_name() {
        let with =
            |security| KafkaConfig { security, ..KafkaConfig::default() }.client().expect_err("it is incomplete");
        let sasl = Some(SaslMechanism::Plain);
        assert!(matches!(with(Security { sasl, ..Security::default() }), KafkaConfigError::Incomplete));
        let password_env = Some("VOKG_TEST_NO_SUCH_VARIABLE".to_owned());
        let username = Some("vokg".to_owned());
        let unsent = Security { username: username.clone(), ..Security::default() };
        assert!(matches!(with(unsent), KafkaConfigError::Unused));
        let error = with(Security { sasl, username, password_env, ..Security::default() });
        assert!(error.to_string().contains("VOKG_TEST_NO_SUCH_VARIABLE"), "{error}");
        let prefix = KafkaConfig { topic_prefix: "a b".into(), ..KafkaConfig::default() };
        assert!(matches!(prefix.client(), Err(KafkaConfigError::Prefix(_))));
    }
}
