//! The configuration: one TOML file, `VOKG_SECTION__KEY` variables and `--set section.key=value`, later ones winning.
//!
//! Each section is the configuration type of the part it configures, so defaults and meanings stand in one place. Keys
//! that do not exist are refused with the line and the nearest key that does. docs/config.schema.json is the schema.

use crate::exit::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use toml::{Table, Value};
use vokg_connectors::kafka::KafkaConfig;
use vokg_connectors::neo4j::Neo4jConfig;
use vokg_connectors::source::file::Limits;
use vokg_connectors::store::{Retention, StoreConfig};
use vokg_engine::geometry::Size;
use vokg_engine::time::micros_from_secs;

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How streams are run.
    pub run: RunConfig,
    /// Which inputs are accepted.
    pub limits: LimitsConfig,
    /// The segmenter `motion`.
    pub motion: vokg_models::motion::MotionConfig,
    /// The tracker.
    pub track: vokg_operators::track::TrackConfig,
    /// Linking tracks to objects.
    pub identify: vokg_operators::identify::IdentifyConfig,
    /// The relations.
    pub relate: vokg_operators::relate::RelateConfig,
    /// Corrections.
    pub resolve: ResolveConfig,
    /// The store on disk.
    pub store: StoreLimits,
    /// Where the log is told.
    pub sinks: SinksConfig,
}

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

    /// A name becomes part of file names and of ids in the target.
    fn refuse_names(&self) -> Result<(), String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(name) = self.names().find(|name| name.is_empty() || name.len() > 40 || !name.chars().all(fits)) {
            return Err(format!("a sink is called {name:?}, it takes 1 to 40 of a-z, 0-9 and -"));
        }
        match self.neo4j.keys().find(|name| self.kafka.contains_key(*name)) {
            Some(name) => Err(format!("two sinks are called {name:?}, each takes a name of its own")),
            None => Ok(()),
        }
    }
}

impl Config {
    /// The settings from a file, if one is named, the environment and the command line.
    ///
    /// # Errors
    /// Where the file cannot be read, a key does not exist or a value is out of range: with file, line and way out.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &[String],
    ) -> Result<Self, Failure> {
        let mut table = Table::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read the configuration: {error}: {}", path.display()))
            })?;
            let name = path.display().to_string();
            toml::from_str::<Self>(&text).map_err(|error| Failure::usage(describe(&error, &text, &name)))?;
            table = text.parse().map_err(|error| Failure::usage(format!("{name}: {error}")))?;
        }
        let mut variables: Vec<_> =
            environment.filter_map(|(name, value)| Some((variable_key(&name)?, value))).collect();
        variables.sort();
        for (key, value) in variables {
            let name = format!("VOKG_{}", key.replace('.', "__").to_uppercase());
            override_with(&mut table, &key, &value, &name)?;
        }
        for setting in overrides {
            let Some((key, value)) = setting.split_once('=') else {
                return Err(Failure::usage(format!(
                    "--set {setting}: expected KEY=VALUE, such as track.lost_secs=0.8"
                )));
            };
            override_with(&mut table, key.trim(), value.trim(), &format!("--set {}", key.trim()))?;
        }
        let config: Self =
            over_defaults(table).try_into().map_err(|error| Failure::usage(describe(&error, "", "configuration")))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every number against the range the schema gives it, so that the two cannot differ.
    fn validate(&self) -> Result<(), Failure> {
        let json = |failed| Failure::failed(format!("the configuration has no JSON form: {failed}"));
        let schema = schemars::schema_for!(Self);
        let settings = serde_json::to_value(self).map_err(json)?;
        // They have no JSON form.
        refuse_not_finite("", &Value::Table(settings_table(self))).map_err(Failure::usage)?;
        refuse_out_of_range("", &settings, schema.as_value(), schema.as_value()).map_err(Failure::usage)?;
        self.sinks.refuse_names().map_err(Failure::usage)?;
        self.refuse_short_horizon()?;
        self.relate.refuse_crossed_bounds().map_err(Failure::usage)?;
        self.relate.refuse_zones().map_err(Failure::usage)?;
        self.relate.influence.refuse_crossed_bounds().map_err(|error| Failure::usage(format!("relate.{error}")))
    }

    /// What can still be linked must not be sealed.
    fn refuse_short_horizon(&self) -> Result<(), Failure> {
        let horizon = self.resolve.correction_horizon_secs;
        let linked = self.identify.memory_secs() + self.track.lost_secs + self.track.history_secs;
        let least = linked + self.relate.hidden_by.most_secs;
        if horizon >= least {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "resolve.correction_horizon_secs is {horizon}, it takes at least the greater of \
             identify.reach_secs and identify.returns.within_secs + the greater of identify.reach_secs and \
             identify.reconsider_secs + track.lost_secs + track.history_secs + relate.hidden_by.most_secs, {least}"
        )))
    }

    /// Hash of everything that can change a stream's log, with the version of the program.
    ///
    /// # Panics
    /// Never: every setting has a JSON form.
    pub fn content_hash(&self) -> [u8; 32] {
        let run = (&self.run.segmenter, &self.run.sample, &self.run.max_frames);
        let parts =
            (env!("CARGO_PKG_VERSION"), run, &self.motion, &self.track, &self.identify, &self.relate, &self.resolve);
        let text = serde_json::to_vec(&parts).expect("settings are numbers, texts and lists of them");
        *blake3::hash(&text).as_bytes()
    }
}

/// The variables that are text; no other can be a setting.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// `VOKG_TRACK__LOST_SECS` is `track.lost_secs`; names without two underscores are not settings.
fn variable_key(name: &str) -> Option<String> {
    let key = name.strip_prefix("VOKG_")?;
    key.contains("__").then(|| key.to_lowercase().replace("__", "."))
}

fn override_with(table: &mut Table, key: &str, text: &str, origin: &str) -> Result<(), Failure> {
    let value = format!("v = {text}").parse::<Table>().ok().and_then(|mut parsed| parsed.remove("v"));
    let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
    let mut one = Table::new();
    insert(&mut one, key, value.clone());
    over_defaults(one)
        .try_into::<Config>()
        .map_err(|error| Failure::usage(describe(&error, "", &format!("{origin}={text}"))))?;
    insert(table, key, value);
    Ok(())
}

fn settings_table(config: &Config) -> Table {
    Table::try_from(config).expect("settings are numbers, texts and tables of them")
}

fn refuse_not_finite(path: &str, setting: &Value) -> Result<(), String> {
    match setting {
        Value::Float(number) if !number.is_finite() => Err(format!("{path} is not a finite number")),
        Value::Table(settings) => {
            settings.iter().try_for_each(|(key, inner)| refuse_not_finite(&key_in(path, key), inner))
        }
        Value::Array(entries) => {
            entries.iter().enumerate().try_for_each(|(index, entry)| refuse_not_finite(&entry_in(path, index), entry))
        }
        _ => Ok(()),
    }
}

fn key_in(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// An entry of a list by its place, counted from 1.
fn entry_in(path: &str, index: usize) -> String {
    format!("{path}[{}]", index + 1)
}

/// Looks up the range of each number in its schema.
fn refuse_out_of_range(path: &str, setting: &Json, schema: &Json, root: &Json) -> Result<(), String> {
    // What may be absent has its schema beside that of nothing.
    let some = schema["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null"));
    let schema = some.unwrap_or(schema);
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    let schema = reference.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema);
    if let Json::Object(settings) = setting {
        return settings.iter().try_for_each(|(key, inner)| {
            let path = key_in(path, key);
            let known = &schema["properties"][key];
            // A table whose keys the user chooses has one schema for all of them.
            let schema = if known.is_null() { &schema["additionalProperties"] } else { known };
            refuse_out_of_range(&path, inner, schema, root)
        });
    }
    if let Json::Array(entries) = setting {
        let inner = |(index, entry)| refuse_out_of_range(&entry_in(path, index), entry, &schema["items"], root);
        return entries.iter().enumerate().try_for_each(inner);
    }
    let (least, most) = (&schema["minimum"], &schema["maximum"]);
    let below = |low: &Json, high: &Json| low.as_f64().zip(high.as_f64()).is_some_and(|(low, high)| low < high);
    if below(setting, least) || below(most, setting) {
        let most = if most.is_null() { String::from("or more") } else { format!("to {most}") };
        return Err(format!("{path} is {setting}, it takes {least} {most}"));
    }
    Ok(())
}

/// The default settings with those of `table` in their place.
fn over_defaults(table: Table) -> Value {
    fn merge(base: &mut Table, over: Table) {
        for (key, value) in over {
            match (base.get_mut(&key), value) {
                (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
                (_, value) => {
                    base.insert(key, value);
                }
            }
        }
    }
    let mut defaults = settings_table(&Config::default());
    merge(&mut defaults, table);
    Value::Table(defaults)
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            match entry {
                Value::Table(inner) => insert(inner, rest, value),
                other => *other = value,
            }
        }
    }
}

/// The error with its place and, for an unknown key, the key that was probably meant.
fn describe(error: &toml::de::Error, text: &str, origin: &str) -> String {
    let message = error.message();
    let line_of = |start: usize| text[..start.min(text.len())].matches('\n').count() + 1;
    let line = error.span().filter(|_| !text.is_empty()).map(|span| line_of(span.start));
    let place = line.map_or(origin.to_owned(), |line| format!("{origin}:{line}"));
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let suggestion = match names.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => known
            .iter()
            .map(|name| (strsim::jaro_winkler(unknown, name), name))
            .filter(|(score, _)| *score > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| format!("; did you mean `{name}`?")),
        _ => None,
    };
    format!("{place}: {message}{}", suggestion.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)], overrides: &[&str]) -> Result<Config, String> {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let path = dir.path().join("vokg.toml");
        std::fs::write(&path, text).map_err(|e| e.to_string())?;
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let overrides: Vec<_> = overrides.iter().map(|o| (*o).to_owned()).collect();
        Config::load(Some(&path), environment, &overrides).map_err(|failure| failure.to_string())
    }

    #[test]
    fn later_layers_win() {
        let file = "[run]\nworkers = 2\nframes_in_flight = 3\n";
        let config = load(file, &[("VOKG_RUN__WORKERS", "3"), ("VOKG_SHARED", "x")], &["run.frames_in_flight=5"]);
        let run = config.map(|c| (c.run.workers, c.run.frames_in_flight, c.run.segmenter));
        assert_eq!(run, Ok((3, 5, "motion".to_owned())));
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_suggestion() {
        let message = load("[run]\n\nworker = 2\n", &[], &[]).expect_err("there is no such key");
        assert!(message.contains(":3: ") && message.contains("did you mean `workers`?"), "{message}");
        let message = load("", &[], &["run.wrokers=2"]).expect_err("there is no such key");
        assert!(message.contains("--set run.wrokers=2") && message.contains("did you mean `workers`?"), "{message}");
        let message = load("", &[("VOKG_RUN__WROKERS", "2")], &[]).expect_err("there is no such key");
        assert!(message.contains("VOKG_RUN__WROKERS=2") && message.contains("did you mean `workers`?"), "{message}");
    }

    #[test]
    fn values_out_of_range_name_value_and_limit() {
        let message = load("[run]\nworkers = 0\n", &[], &[]).expect_err("no workers");
        assert!(message.contains("run.workers is 0, it takes 1 to 256"), "{message}");
        for (setting, words) in [
            ("resolve.correction_horizon_secs=nan", "resolve.correction_horizon_secs is not a finite number"),
            ("track.lost_secs=-1.0", "track.lost_secs is -1.0, it takes 0.0 to 86400.0"),
            ("motion.lead_secs=1e9", "it takes 0.0 to 60.0"),
            ("store.keep_secs=0.5", "store.keep_secs is 0.5, it takes 1.0 to"),
            ("store.keep_bytes=5", "store.keep_bytes is 5, it takes 1000000 or more"),
            ("run.max_frames=0", "run.max_frames is 0, it takes 1 or more"),
            ("motion.plane_width=1", "it takes 32 to 4096"),
            ("relate.near.hold.on_secs=1e30", "relate.near.hold.on_secs"),
            ("relate.near.on_gap=0.9", "relate.near.on_gap is 0.9, it takes at most relate.near.off_gap, 0.75"),
            ("relate.contains.off_share=0.95", "relate.contains.off_share"),
            ("sinks.kafka.main.partitions=0", "sinks.kafka.main.partitions is 0, it takes 1 to 10000"),
            ("sinks.kafka.M.partitions=1", "it takes 1 to 40 of a-z"),
            ("sinks.kafka.main.broker=x", "did you mean `brokers`?"),
            ("sinks.neo4j.main.batch_entries=0", "sinks.neo4j.main.batch_entries is 0, it takes 1 to 100000"),
            ("sinks.neo4j.main.password=x", "did you mean `password_"),
            ("resolve.correction_horizon_secs=1", "it takes at least the greater of identify.reach_secs"),
            ("store.keep_secs=inf", "store.keep_secs is not a finite number"),
        ] {
            let message = load("", &[], &[setting]).expect_err("out of range");
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn values_within_lists_have_ranges_too() {
        let zones = |setting: &str| {
            let fine = "[[relate.zones]]\nid = 1\npolygon = [[0, 0], [1, 0], [1, 1]]\n";
            load(&format!("{fine}{}{setting}\n", fine.replace("id = 1", "id = 2")), &[], &[]).map(|_| ())
        };
        assert_eq!(zones("loiter_secs = 30\ncrowd = 3\nhold = { off_secs = 2 }"), Ok(()));
        for (setting, words) in [
            ("loiter_secs = -5", "relate.zones[2].loiter_secs is -5.0, it takes 0.0 to 86400.0"),
            ("loiter_secs = 1e18", "relate.zones[2].loiter_secs is 1e+18, it takes 0.0 to 86400.0"),
            ("loiter_secs = nan", "relate.zones[2].loiter_secs is not a finite number"),
            ("loiter_secs = inf", "relate.zones[2].loiter_secs is not a finite number"),
            ("hold = { on_secs = -1 }", "relate.zones[2].hold.on_secs is -1.0, it takes 0.0 to 600.0"),
            ("crowd = 0", "relate.zones[2].crowd is 0, it takes 1 to 1000"),
        ] {
            let message = zones(setting).expect_err("out of range");
            assert!(message.contains(words), "{message}");
        }
        let line = "[[relate.lines]]\nid = 16777216\nends = [[0, 0], [1, 1]]\n";
        assert!(
            load(line, &[], &[]).is_err_and(|error| error.contains("relate.lines[1].id is 16777216, it takes 1 to"))
        );
        let nan = line.replace("16777216", "1").replace("[0, 0]", "[nan, 0]");
        assert!(load(&nan, &[], &[]).is_err_and(|error| error.contains("relate.lines[1].ends[1][1] is not a finite")));
    }

    #[test]
    fn two_sinks_have_two_names() {
        let sinks = "[sinks.kafka.main]\n[sinks.neo4j.main]\n";
        assert!(load(sinks, &[], &[]).is_err_and(|error| error.contains("two sinks are called \"main\"")));
        assert!(load(&sinks.replace("neo4j.main", "neo4j.graph"), &[], &[]).is_ok());
    }

    #[test]
    fn only_what_can_change_a_log_changes_the_hash() {
        let base = Config::default();
        let mut other = base.clone();
        other.run.workers = 7;
        assert_eq!(base.content_hash(), other.content_hash());
        other.run.sample = "5fps".to_owned();
        assert_ne!(base.content_hash(), other.content_hash());
    }
}
