//! `vokg run`: files in, graphs in the store.

use crate::cli::{self, Common};
use crate::config::{Config, environment};
use crate::exit::{Context, Exit, Failure};
use crate::inputs;
use crate::jobs::{self, Disturbance};
use crate::progress::Display;
use crate::report::RunReport;
use crate::say::{note, say};
use crate::sinks::SinkReport;
use crate::supervise::is_supervised;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs the command.
pub fn run(args: cli::Run, common: &Common) -> Result<Exit, Failure> {
    let config = settings(&args, common)?;
    let inputs = inputs::resolve(&args.inputs, args.name.as_deref())?;
    let interrupt = interrupt_flag()?;
    let display = Display::new(common);
    let finished = jobs::run(inputs, &args.data.dir, &config, display, &interrupt, &Disturbance::default())?;
    let report = RunReport { sinks: finished.sinks, ..RunReport::new(finished.reports, finished.seconds, 0.0) };
    if args.json {
        say(serde_json::to_string(&report).context("the report cannot be written")? + "\n")?;
    } else {
        report.failures().for_each(note);
        say(report.to_text())?;
    }
    if let Some(failure) = finished.failure {
        return Err(failure);
    }
    let told = !report.sinks.iter().any(SinkReport::has_failed);
    Ok(match (finished.interrupted, report.all_complete() && told) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::Failed,
    })
}

/// The configuration with what the command line says on top.
fn settings(args: &cli::Run, common: &Common) -> Result<Config, Failure> {
    let mut overrides = common.overrides.clone();
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    overrides.extend(args.segmenter.as_deref().map(|name| format!("run.segmenter={}", quoted(name))));
    overrides.extend(args.sample.as_deref().map(|sample| format!("run.sample={}", quoted(sample))));
    overrides.extend(args.workers.map(|workers| format!("run.workers={workers}")));
    overrides.extend(args.max_frames.map(|frames| format!("run.max_frames={frames}")));
    overrides.extend(args.retry.then(|| "run.retry=true".to_owned()));
    Config::load(common.config.as_deref(), environment(), &overrides)
}

/// Set by the first Ctrl-C or SIGTERM; the second ends the process at once, which the log survives. Not so under a supervisor,
/// who passes on what he is sent while a service manager signals both: he alone ends this process at once.
pub fn interrupt_flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        match set.swap(true, Ordering::AcqRel) {
            true if is_supervised() => return,
            true => std::process::exit(Exit::Interrupted as i32),
            false => {}
        }
        note("vokg: finishing what is under way; once more to stop at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(flag)
}
