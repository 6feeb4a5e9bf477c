//! `vokg check`: is a configuration valid?

use crate::cli;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::registry;
use crate::say::say;
use vokg_connectors::source::file::Sample;

/// Runs the command.
pub fn run(args: cli::Check) -> Result<Exit, Failure> {
    let config = Config::load(Some(&args.file), std::iter::empty(), &[])?;
    registry::segmenter(&config)?;
    config.run.sample.parse::<Sample>().map_err(Failure::usage)?;
    say(format!("{}: valid\n", args.file.display()))?;
    Ok(Exit::Done)
}
