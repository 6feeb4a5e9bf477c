//! `vokg follow`: tells the sinks of the configuration what the store holds, also while another process writes it.

use super::open_store;
use super::run::interrupt_flag;
use crate::cli::{self, Common};
use crate::config::{Config, environment};
use crate::exit::{Context, Exit, Failure};
use crate::say::{note, say};
use crate::sinks::{SinkReport, Sinks};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use vokg_connectors::follow::SinkState;

/// Time between two looks at the sinks.
const TICK: Duration = Duration::from_millis(50);
/// Time between two reports on stderr while something is behind.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Runs the command.
pub fn run(args: cli::Follow, common: &Common) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?;
    let store = open_store(&args.data.dir)?;
    let interrupt = interrupt_flag()?;
    let sinks = Sinks::start(&config, &args.sinks, &store, &args.data.dir)?;
    if sinks.is_empty() {
        return Err(Failure::usage("the configuration has no sinks; docs/kafka.md and docs/neo4j.md show some"));
    }
    let mut reported = Instant::now();
    let interrupted = loop {
        let reports = sinks.reports();
        let is = |wanted: fn(&SinkState) -> bool| reports.iter().all(|report| wanted(&report.status.state));
        let ended = is(|state| matches!(state, SinkState::Failed(_)));
        let done = is(|state| matches!(state, SinkState::Failed(_) | SinkState::CaughtUp));
        if interrupt.load(Ordering::Acquire) {
            break true;
        }
        if ended || (args.once && done) {
            break false;
        }
        if !done && reported.elapsed() >= REPORT_EVERY && !common.quiet {
            reports.iter().for_each(|report| note(report.to_text().trim_end()));
            reported = Instant::now();
        }
        std::thread::sleep(TICK);
    };
    let reports = sinks.reports();
    sinks.stop();
    match args.json {
        true => say(serde_json::to_string(&reports).context("the report cannot be written")? + "\n")?,
        false => reports.iter().try_for_each(|report| say(report.to_text()))?,
    }
    Ok(match (reports.iter().any(SinkReport::has_failed), interrupted) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Done,
    })
}
