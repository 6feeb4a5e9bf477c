//! `vokg sinks`: what is known of the sinks of the configuration without reaching their targets, and pausing them.

use super::open_store;
use crate::cli::{Common, DataDir, SinksArgs, SinksCommand, SinksList, SinksName};
use crate::config::{Config, SinksConfig, environment};
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use serde::Serialize;
use vokg_connectors::follow::{DeadLetters, PauseMark};

/// A sink as it is listed.
#[derive(Serialize)]
struct Listed<'a> {
    sink: &'a str,
    kind: &'static str,
    paused: bool,
    dead_letters: usize,
}

/// Runs the command.
pub fn run(args: SinksArgs, common: &Common) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?.sinks;
    match args.command {
        SinksCommand::List(args) => list(&args, &config),
        SinksCommand::Pause(args) => pause(&args, &config),
        SinksCommand::Resume(args) => resume(&args, &config),
    }
}

fn list(args: &SinksList, config: &SinksConfig) -> Result<Exit, Failure> {
    open_store(&args.data.dir)?;
    let kinds = config.kafka.keys().map(|name| (name, "kafka")).chain(config.neo4j.keys().map(|name| (name, "neo4j")));
    let listed = kinds.map(|(sink, kind)| {
        let paused = PauseMark::of(&args.data.dir, sink).is_there();
        let letters = DeadLetters::open(&args.data.dir, sink, 0);
        let unknown = || format!("what the sink {sink} does is not known");
        let (paused, letters) = (paused.context(unknown())?, letters.context(unknown())?);
        Ok(Listed { sink, kind, paused, dead_letters: letters.count() })
    });
    let listed = listed.collect::<Result<Vec<_>, Failure>>()?;
    if args.json {
        say(serde_json::to_string(&listed).context("the list cannot be written")? + "\n")?;
        return Ok(Exit::Done);
    }
    for Listed { sink, kind, paused, dead_letters } in &listed {
        let paused = if *paused { "paused" } else { "not paused" };
        say(format!("{sink:24} {kind}  {paused:10}  dead letters: {dead_letters}\n"))?;
    }
    Ok(Exit::Done)
}

fn pause(args: &SinksName, config: &SinksConfig) -> Result<Exit, Failure> {
    let set = mark_of(args, config)?.set().context(format!(
        "the sink {} cannot be paused in {}",
        args.sink,
        args.data.dir.display()
    ))?;
    say(match set {
        true => format!("{} is paused: it stops after the portion at hand\n", args.sink),
        false => format!("{} was paused already\n", args.sink),
    })?;
    Ok(Exit::Done)
}

fn resume(args: &SinksName, config: &SinksConfig) -> Result<Exit, Failure> {
    let cleared = mark_of(args, config)?.clear().context(format!("the sink {} cannot go on", args.sink))?;
    say(match cleared {
        true => format!("{} goes on where it stands, in the process that has it or in the next\n", args.sink),
        false => format!("{} was not paused\n", args.sink),
    })?;
    Ok(Exit::Done)
}

/// The mark of a sink that the configuration has, in a directory that is a store.
fn mark_of(args: &SinksName, config: &SinksConfig) -> Result<PauseMark, Failure> {
    let SinksName { sink, data: DataDir { dir } } = args;
    config.refuse_unknown(std::slice::from_ref(sink)).map_err(Failure::usage)?;
    open_store(dir)?;
    Ok(PauseMark::of(dir, sink))
}
