//! The configuration: one TOML file, `VOKG_SECTION__KEY` variables and `--set section.key=value`, later ones winning.
//!
//! Each section is the configuration type of the part it configures, so defaults and meanings stand in one place. Keys
//! that do not exist are refused with the line and the nearest key that does. docs/config.schema.json is the schema.

mod ranges;
mod sections;

pub use sections::{LimitsConfig, ResolveConfig, RunConfig, SinksConfig, StoreLimits};

use crate::exit::Failure;
use ranges::{out_of_range, refuse_not_finite};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::{Table, Value};

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
                Failure::usage(format!(
                    "cannot read the configuration: {error}, it takes a TOML file: {}",
                    path.display()
                ))
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
        // Before the ranges, which would tell some of it again.
        self.relate.refuse_zones().map_err(Failure::usage)?;
        let mut problems = out_of_range("", &settings, schema.as_value(), schema.as_value());
        problems.extend(self.sinks.problems());
        if !problems.is_empty() {
            return Err(Failure::usage(problems.join("; ")));
        }
        self.refuse_short_horizon()?;
        self.relate.refuse_crossed_bounds().map_err(Failure::usage)?;
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

/// What was found where something else was expected, without the names that numbers have in a program.
fn expected(message: &str) -> String {
    let Some((found, type_name)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    match type_name {
        "f32" | "f64" => format!("{found}, expected a number"),
        "u8" => format!("{found}, expected a whole number from 0 to {}", u8::MAX),
        "u16" => format!("{found}, expected a whole number from 0 to {}", u16::MAX),
        "u32" => format!("{found}, expected a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => format!("{found}, expected a whole number from 0 on"),
        _ => message.to_owned(),
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
    let message = expected(error.message());
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
    fn what_is_no_number_is_told_without_types() {
        for (setting, words) in [
            ("track.lost_secs=soon", "invalid type: string \"soon\", expected a number"),
            ("run.workers=-1", "`-1`, expected a whole number from 0 on"),
            ("store.least_free_bytes=99999999999999999999", "expected a whole number from 0 on"),
            (
                "sinks.kafka.a.partitions=5000000000",
                "integer `5000000000`, expected a whole number from 0 to 4294967295",
            ),
        ] {
            let message = load("", &[], &[setting]).expect_err("it takes a number");
            assert!(message.starts_with(&format!("--set {setting}: ")) && message.ends_with(words), "{message}");
        }
    }

    #[test]
    fn values_out_of_range_name_value_and_limit() {
        let message = load("[run]\nworkers = 0\n", &[], &[]).expect_err("no workers");
        assert!(message.contains("run.workers is 0, it takes 1 to 256"), "{message}");
        for (setting, words) in [
            ("resolve.correction_horizon_secs=nan", "resolve.correction_horizon_secs is NaN, it takes a finite number"),
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
            ("store.keep_secs=inf", "store.keep_secs is inf, it takes a finite number"),
        ] {
            let message = load("", &[], &[setting]).expect_err("out of range");
            assert!(message.contains(words), "{message}");
        }
        let wrong = ["run.workers=0", "track.lost_secs=-1.0", "sinks.kafka.main.brokers=nowhere"];
        let message = load("", &[], &wrong).expect_err("out of range");
        assert!(
            ["run.workers is 0", "track.lost_secs is -1", "nowhere"].iter().all(|what| message.contains(what)),
            "{message}"
        );
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
            ("loiter_secs = nan", "relate.zones[2].loiter_secs is NaN, it takes a finite number"),
            ("loiter_secs = inf", "relate.zones[2].loiter_secs is inf, it takes a finite number"),
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
        assert!(load(&nan, &[], &[]).is_err_and(|error| error.contains("relate.lines[1].ends[1][1] is NaN")));
    }

    #[test]
    fn two_sinks_have_two_names() {
        let sinks = "[sinks.kafka.main]\n[sinks.neo4j.main]\n";
        assert!(load(sinks, &[], &[]).is_err_and(|error| error.contains("two sinks are called \"main\"")));
        assert!(load(&sinks.replace("neo4j.main", "neo4j.graph"), &[], &[]).is_ok());
    }

    #[test]
    fn two_sinks_write_topics_of_their_own() {
        let two = |second: &str| {
            load(&format!("[sinks.kafka.a]\nbrokers = \"one:9092, two:9092\"\n[sinks.kafka.b]\n{second}\n"), &[], &[])
        };
        let message = two("brokers = \"two:9092\"").expect_err("both write vokg.deltas of one cluster");
        assert!(message.contains("sinks.kafka.a and sinks.kafka.b") && message.contains("topic_prefix"), "{message}");
        assert!(two("brokers = \"three:9092\"").is_ok());
        assert!(two("brokers = \"two:9092\"\ntopic_prefix = \"yard\"").is_ok());
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
