//! `vokg check`: is a configuration valid? Whether what it names is there is said, but it may be meant for another machine.

use crate::cli;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::registry;
use crate::say::{note, say};
use vokg_connectors::source::file::Sample;

/// Runs the command.
pub fn run(args: cli::Check) -> Result<Exit, Failure> {
    let config = Config::load(Some(&args.file), std::iter::empty(), &[])?;
    registry::segmenter(&config)?;
    config.run.sample.parse::<Sample>().map_err(Failure::usage)?;
    for missing in config.sinks.missing_here() {
        note(format!("vokg: as things are here, this sink would not start: {missing}"));
    }
    say(format!("{}: valid\n", args.file.display()))?;
    Ok(Exit::Done)
}
