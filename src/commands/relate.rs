//! `vokg relate`: the relations alone, from MOTChallenge rows.

use super::{parse_size, read_text, write_to};
use crate::cli::{self, Common};
use crate::config::{Config, environment};
use crate::exit::{Context, Exit, Failure};
use std::io::Write;
use vokg_operators::relate::facts::facts;

/// Runs the command.
pub fn run(args: cli::Relate, common: &Common) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?;
    let size = args.size.as_deref().map(parse_size).transpose()?;
    if size.is_none() && config.relate.has_zones() {
        return Err(Failure::usage(
            "relate.zones and relate.lines are shares of a frame whose size is not given: name it by --size WxH, \
             or take them out of the configuration",
        ));
    }
    let text = read_text(&args.tracks)?;
    let facts = facts(&text, args.fps, size, &config.relate).context(args.tracks.display())?;
    write_to(args.out.as_deref(), |out| {
        for fact in &facts {
            serde_json::to_writer(&mut *out, fact).context("cannot write a fact")?;
            out.write_all(b"\n").context("cannot write a fact")?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}
