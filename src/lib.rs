//! The command `vokg` as a library, so that tests can run it and disturb it.
//!
//! `main` parses the arguments; [`main_with`] hands them to the command; [`run`] is the dataflow of a stream.

#![allow(missing_docs, reason = "the fields of arguments and reports are documented by their help texts and schemas")]

pub mod cli;
pub mod commands;
pub mod commit;
pub mod config;
pub mod content;
pub mod corrections;
pub mod eval;
pub mod exit;
pub mod inputs;
pub mod jobs;
pub mod patience;
pub mod picture;
pub mod program;
pub mod progress;
pub mod reader;
pub mod registry;
pub mod replay;
pub mod report;
pub mod run;
pub mod say;
pub mod sightings;
pub mod sinks;
pub mod supervise;

use cli::{Cli, Command, Common, LogFormat};
use exit::Exit;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;
use vokg_connectors::export::text::printable;

/// Runs a command and says on stderr why it failed.
pub fn main_with(cli: Cli) -> Exit {
    let Cli { command, common } = cli;
    start_logs(&common);
    let configured = matches!(
        command,
        Command::Run(_)
            | Command::Demo(_)
            | Command::Relate(_)
            | Command::Merge(_)
            | Command::Split(_)
            | Command::Follow(_)
            | Command::Sinks(_)
            | Command::Store(_)
    );
    if !configured && (common.config.is_some() || !common.overrides.is_empty()) {
        say::note(
            "vokg: this command reads no configuration; --config and --set go with run, demo, relate, merge, split, follow, \
             sinks and store",
        );
        return Exit::Usage;
    }
    let done = match command {
        Command::Run(args) => commands::run::run(args, &common),
        Command::Demo(args) => commands::demo::run(args, &common),
        Command::Synth(args) => commands::synth::run(args),
        Command::Track(args) => commands::track::run(args),
        Command::Relate(args) => commands::relate::run(args, &common),
        Command::Eval(args) => commands::eval::run(args),
        Command::Export(args) => commands::export::run(args),
        Command::Merge(args) => commands::correct::run_merge(args, &common),
        Command::Split(args) => commands::correct::run_split(args, &common),
        Command::Undo(args) => commands::correct::run_undo(args),
        Command::Follow(args) => commands::follow::run(args, &common),
        Command::Sinks(args) => commands::sinks::run(args, &common),
        Command::Store(args) => commands::store::run(args, &common),
        Command::Verify(args) => commands::verify::run(args),
        Command::Check(args) => commands::check::run(args),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Similar(args) => commands::similar::run(args),
    };
    done.unwrap_or_else(|failure| {
        let lines: Vec<_> = failure.to_string().lines().map(printable).collect();
        say::note(format!("vokg: {}", lines.join("\n")));
        failure.exit
    })
}

fn start_logs(common: &Common) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_env("VOKG_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = std::io::stderr().is_terminal() && !no_colour;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    // A second start, in tests, keeps the first.
    let _ = match common.log_format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
}
