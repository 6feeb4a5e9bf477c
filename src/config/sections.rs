//! The sections of the configuration that are the command's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use vokg_connectors::kafka::KafkaConfig;
use vokg_connectors::neo4j::Neo4jConfig;
use vokg_connectors::source::file::Limits;
use vokg_connectors::store::{Retention, StoreConfig};
use vokg_engine::geometry::Size;
use vokg_engine::time::micros_from_secs;

/// How streams are run. Nothing here changes a log, save for the segmenter, the sampling and the number of frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// How objects are found.
    pub segmenter: String,
    /// Which frames are looked at: `all`, `keyframes`, or a rate such as `5fps`.
    pub sample: String,
    /// Stop each stream after this many frames.
    #[schemars(range(min = 1))]
    pub max_frames: Option<u64>,
    /// Worker threads of the dataflow.
    #[schemars(range(min = 1, max = 256))]
    pub workers: usize,
    /// Streams processed at once; 0 for one per processor core.
    #[schemars(range(min = 0, max = 256))]
    pub streams_at_once: usize,
    /// Frames of a stream in flight.
    #[schemars(range(min = 1, max = 64))]
    pub frames_in_flight: usize,
    /// A frame whose segmentation takes longer than this fails its stream, in seconds.
    #[schemars(range(min = 0.0001, max = 86_400.0))]
    pub segment_deadline_secs: f64,
    /// A stream whose frontier stands still for this long is reported, in seconds.
    #[schemars(range(min = 0.0001, max = 86_400.0))]
    pub stall_warning_secs: f64,
    /// A stream whose frontier stands still for this long has failed, in seconds.
    #[schemars(range(min = 0.0001, max = 86_400.0))]
    pub stall_limit_secs: f64,
    /// Try again also those inputs that were set aside because the process died over them.
    pub retry: bool,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            segmenter: "motion".to_owned(),
            sample: "all".to_owned(),
            max_frames: None,
            workers: 1,
            streams_at_once: 0,
            frames_in_flight: 8,
            segment_deadline_secs: 60.0,
            stall_warning_secs: 15.0,
            stall_limit_secs: 120.0,
            retry: false,
        }
    }
}

/// Which inputs are accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Bytes of a file.
    #[schemars(range(min = 1))]
    pub file_bytes: u64,
    /// Greatest width and height of a picture.
    #[schemars(range(min = 16, max = 65_536))]
    pub picture_side_px: u32,
    /// Greatest number of pixels of a picture.
    #[schemars(range(min = 256, max = 4_294_967_296u64))]
    pub picture_px: u64,
    /// Time to the first picture, in seconds.
    #[schemars(range(min = 0.0001, max = 86_400.0))]
    pub open_deadline_secs: f64,
    /// Time between two pictures while somebody waits, in seconds.
    #[schemars(range(min = 0.0001, max = 86_400.0))]
    pub stall_deadline_secs: f64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            file_bytes: limits.file_bytes,
            picture_side_px: limits.picture_px.width,
            picture_px: limits.pixels,
            open_deadline_secs: limits.open_deadline.as_secs_f64(),
            stall_deadline_secs: limits.stall_deadline.as_secs_f64(),
        }
    }
}

impl LimitsConfig {
    /// As the source takes them.
    pub fn to_limits(&self) -> Limits {
        let side = self.picture_side_px;
        Limits {
            file_bytes: self.file_bytes,
            picture_px: Size { width: side, height: side },
            pixels: self.picture_px,
            open_deadline: Duration::from_secs_f64(self.open_deadline_secs),
            stall_deadline: Duration::from_secs_f64(self.stall_deadline_secs),
            ..Limits::default()
        }
    }
}

/// Corrections of what was said before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResolveConfig {
    /// How far back automatic corrections reach, in seconds.
    #[schemars(range(min = 0.0, max = 31_536_000.0))]
    pub correction_horizon_secs: f64,
}

impl Default for ResolveConfig {
    fn default() -> Self {
        Self { correction_horizon_secs: 3600.0 }
    }
}

/// What the store on disk may take. Nothing here changes what is logged, but old entries are dropped where it says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreLimits {
    /// How much of each stream is kept, in seconds of its media time; everything where this is absent.
    #[schemars(range(min = 1.0, max = 3_153_600_000.0))]
    pub keep_secs: Option<f64>,
    /// How many bytes of each stream's sealed log are kept; everything where this is absent.
    #[schemars(range(min = 1_000_000))]
    pub keep_bytes: Option<u64>,
    /// Bytes to be left free on the disk: while there are fewer, a run waits.
    pub least_free_bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { keep_secs: None, keep_bytes: None, least_free_bytes: StoreConfig::default().least_free_bytes }
    }
}

impl StoreLimits {
    /// As the store takes them.
    pub fn to_config(&self) -> StoreConfig {
        let retention = Retention { keep_us: self.keep_secs.map(micros_from_secs), keep_bytes: self.keep_bytes };
        StoreConfig { retention, least_free_bytes: self.least_free_bytes, ..StoreConfig::default() }
    }
}

/// Where the log is told. Nothing here changes a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SinksConfig {
    /// How long a run waits at its end for its sinks to hold the whole log, and how long `vokg follow --once` waits for
    /// one that stands still, though never less than 5; in seconds.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub drain_secs: f64,
    /// Kafka clusters, each under the name of its sink.
    pub kafka: BTreeMap<String, KafkaConfig>,
    /// Neo4j databases, each under the name of its sink.
    pub neo4j: BTreeMap<String, Neo4jConfig>,
}

impl Default for SinksConfig {
    fn default() -> Self {
        Self { drain_secs: 30.0, kafka: BTreeMap::new(), neo4j: BTreeMap::new() }
    }
}

impl SinksConfig {
    /// The names of all sinks.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.kafka.keys().chain(self.neo4j.keys())
    }

    /// Says which of these names no sink has.
    ///
    /// # Errors
    /// The first of them, with the names that there are.
    pub fn refuse_unknown(&self, wanted: &[String]) -> Result<(), String> {
        let Some(unknown) = wanted.iter().find(|wanted| !self.names().any(|name| name == *wanted)) else {
            return Ok(());
        };
        let known = self.names().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        Err(format!("there is no sink {unknown:?} in the configuration, there is: {known}"))
    }

    /// What is wrong with the settings of every sink by themselves, and with what two of them share. A name becomes part of file
    /// names and of ids in the target.
    pub(super) fn problems(&self) -> Vec<String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_name = |name: &str| (1..=40).contains(&name.len()) && name.chars().all(fits);
        let unnamed = self.names().filter(|name| !is_name(name));
        let mut problems: Vec<String> =
            unnamed.map(|name| format!("a sink is called {name:?}, it takes 1 to 40 of a-z, 0-9 and -")).collect();
        let twice = self.neo4j.keys().filter(|name| self.kafka.contains_key(*name));
        problems.extend(twice.map(|name| format!("two sinks are called {name:?}, each takes a name of its own")));
        for (name, config) in &self.kafka {
            problems.extend(config.check().err().map(|error| format!("sinks.kafka.{name}: {error}")));
        }
        for (name, config) in &self.neo4j {
            problems.extend(config.check().err().map(|error| format!("sinks.neo4j.{name}: {error}")));
        }
        if let Some((other, name, config)) = clash(&self.kafka, KafkaConfig::shares_topics_with) {
            let prefix = &config.topic_prefix;
            problems.push(format!(
                "sinks.kafka.{other} and sinks.kafka.{name} write the same topics, {prefix}.*; each takes a topic_prefix of its \
                 own"
            ));
        }
        if let Some((other, name, _)) = clash(&self.neo4j, Neo4jConfig::shares_database_with) {
            problems.push(format!(
                "sinks.neo4j.{other} and sinks.neo4j.{name} write the same database (neo4j, where none is named); each takes a \
                 uri or a database of its own"
            ));
        }
        problems
    }

    /// What the sinks name that is not there for this process: variables, files of passwords and certificates.
    pub fn missing_here(&self) -> Vec<String> {
        let kafka = self.kafka.iter().filter_map(|(name, config)| {
            let missing = config.check_here().err()?;
            Some(format!("sinks.kafka.{name}: {missing}"))
        });
        let neo4j = self.neo4j.iter().filter_map(|(name, config)| {
            let missing = config.check_here().err()?;
            Some(format!("sinks.neo4j.{name}: {missing}"))
        });
        kafka.chain(neo4j).collect()
    }
}

/// The first two sinks that write the same, by their names, and the settings of the second.
fn clash<T>(sinks: &BTreeMap<String, T>, is_same: impl Fn(&T, &T) -> bool) -> Option<(&String, &String, &T)> {
    sinks.iter().find_map(|(name, config)| {
        let (other, _) = sinks.range(..name.clone()).find(|(_, other)| is_same(other, config))?;
        Some((other, name, config))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sinks_that_write_the_same_are_refused_by_their_names() {
        let kafka = |prefix: &str| KafkaConfig { topic_prefix: prefix.to_owned(), ..KafkaConfig::default() };
        let neo4j = |database: &str| Neo4jConfig { database: Some(database.to_owned()), ..Neo4jConfig::default() };
        let of = |prefixes: [&str; 2], databases: [&str; 2]| {
            let mut config = SinksConfig::default();
            config.kafka.extend(["a", "b"].map(str::to_owned).into_iter().zip(prefixes.map(kafka)));
            config.neo4j.extend(["c", "d"].map(str::to_owned).into_iter().zip(databases.map(neo4j)));
            config.problems()
        };
        assert_eq!(of(["one", "two"], ["one", "two"]), Vec::<String>::new());
        let told = of(["one", "one"], ["one", "one"]);
        let [topics, database] = told.as_slice() else { panic!("both write one.deltas and one database: {told:?}") };
        assert!(topics.starts_with("sinks.kafka.a and sinks.kafka.b"), "{topics}");
        assert!(database.starts_with("sinks.neo4j.c and sinks.neo4j.d"), "{database}");
    }

    #[test]
    fn what_a_sink_names_and_is_not_there_is_told_by_the_name_of_the_sink() {
        let absent = |dir: &str| Some(std::path::PathBuf::from(format!("/{dir}/no/such/file")));
        let mut config = SinksConfig::default();
        config.kafka.insert("a".to_owned(), KafkaConfig::default());
        config.neo4j.insert("b".to_owned(), Neo4jConfig { password_file: absent("b"), ..Neo4jConfig::default() });
        let told = config.missing_here();
        let [only] = told.as_slice() else { panic!("{told:?}") };
        assert!(only.starts_with("sinks.neo4j.b: password_file") && only.contains("/b/no/such/file"), "{only}");
    }

    #[test]
    fn sinks_that_cannot_work_are_refused_by_their_names_before_anything_begins() {
        let mut config = SinksConfig::default();
        config.kafka.insert("a".to_owned(), KafkaConfig { brokers: "here".to_owned(), ..KafkaConfig::default() });
        config.kafka.insert("b/c".to_owned(), KafkaConfig::default());
        config.neo4j.insert("b".to_owned(), Neo4jConfig { uri: "http://here".to_owned(), ..Neo4jConfig::default() });
        let told = config.problems();
        let [name, kafka, neo4j, shared @ ..] = told.as_slice() else { panic!("{told:?}") };
        assert!(name.starts_with("a sink is called \"b/c\""), "{name}");
        assert!(kafka.starts_with("sinks.kafka.a: ") && kafka.contains("here"), "{kafka}");
        assert!(neo4j.starts_with("sinks.neo4j.b: ") && neo4j.contains("http://here"), "{neo4j}");
        assert!(shared.is_empty(), "they are at different brokers: {shared:?}");
    }
}
