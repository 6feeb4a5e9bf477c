//! `vokg merge`, `vokg split`, `vokg undo`: who is who, by hand.

use super::{open_store, parse_object, pick_stream};
use crate::cli::{self, Common};
use crate::config::{Config, environment};
use crate::corrections::{Corrected, Desk, merge, split};
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use vokg_connectors::store::{Hand, StoreConfig, Writer};
use vokg_engine::delta::{IdentityMove, VertexKey};
use vokg_engine::id::{StreamName, TrackId};

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
struct Answer {
    stream: String,
    moves: Vec<Moved>,
    interactions_retracted: usize,
    interactions_asserted: usize,
    epoch: u32,
    digest: String,
}

#[derive(Debug, Serialize)]
struct Moved {
    track: u32,
    from: String,
    to: String,
}

impl Moved {
    fn of(change: &IdentityMove, stream: &StreamName) -> Self {
        let object = |object| VertexKey::Object(object).external(stream);
        Self { track: change.track.0, from: object(change.from), to: object(change.to) }
    }
}

/// Runs `vokg merge`.
pub fn run_merge(args: cli::Merge, common: &Common) -> Result<Exit, Failure> {
    let (name_a, a) = parse_object(&args.a)?;
    let (name_b, b) = parse_object(&args.b)?;
    let writer = open(&args.data.dir)?;
    let desk = desk(&writer, name_a)?;
    let other = pick_stream(writer.store(), Some(name_b))?;
    if other.id != desk.stream.id {
        let names = format!("{} is of {}, {} is of {}", args.a, desk.stream.name, args.b, other.name);
        return Err(Failure::usage(format!("both objects have to be of one stream; {names}")));
    }
    let config = same_settings(&desk, common)?;
    let sightings = desk.sightings()?;
    let moves = merge(&desk.graph, &sightings, (a, b)).map_err(|refused| no_sense(&desk, refused))?;
    tell(&desk, desk.correct(Hand::Merge, moves, &sightings, &config.relate.rules())?, args.json)
}

/// Runs `vokg split`.
pub fn run_split(args: cli::Split, common: &Common) -> Result<Exit, Failure> {
    let (name, object) = parse_object(&args.object)?;
    let parted: BTreeSet<TrackId> = args.tracks.iter().copied().map(TrackId).collect();
    let writer = open(&args.data.dir)?;
    let desk = desk(&writer, name)?;
    let config = same_settings(&desk, common)?;
    let sightings = desk.sightings()?;
    let moves = split(&desk.graph, &sightings, object, &parted).map_err(|refused| no_sense(&desk, refused))?;
    tell(&desk, desk.correct(Hand::Split, moves, &sightings, &config.relate.rules())?, args.json)
}

/// Runs `vokg undo`.
pub fn run_undo(args: cli::Undo) -> Result<Exit, Failure> {
    let writer = open(&args.data.dir)?;
    let desk = desk(&writer, &args.stream)?;
    tell(&desk, desk.undo()?, args.json)
}

fn open(dir: &Path) -> Result<Writer, Failure> {
    // Where there is no store, none is made.
    drop(open_store(dir)?);
    Writer::open(dir, StoreConfig::default()).context("cannot open the store")
}

fn desk<'a>(writer: &'a Writer, name: &str) -> Result<Desk<'a>, Failure> {
    Desk::new(writer, pick_stream(writer.store(), Some(name))?.id)
}

/// The settings the stream was made with.
fn same_settings(desk: &Desk<'_>, common: &Common) -> Result<Config, Failure> {
    let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?;
    if config.content_hash() == desk.stream.descriptor.request.config_hash {
        return Ok(config);
    }
    Err(Failure::usage(format!(
        "{} was made with other settings or by another version of vokg, and a correction needs the same; name them \
         with --config and --set (what run took as --sample 5fps is --set run.sample=5fps here)",
        desk.stream.name
    )))
}

fn no_sense(desk: &Desk<'_>, refused: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {refused}", desk.stream.name))
}

fn tell(desk: &Desk<'_>, corrected: Corrected, json: bool) -> Result<Exit, Failure> {
    let Corrected { moves, retracted, asserted, head } = corrected;
    let answer = Answer {
        stream: desk.stream.name.to_string(),
        moves: moves.iter().map(|change| Moved::of(change, &desk.stream.name)).collect(),
        interactions_retracted: retracted,
        interactions_asserted: asserted,
        epoch: head.epoch,
        digest: head.digest.to_string(),
    };
    match json {
        true => say(serde_json::to_string(&answer).context("the answer cannot be written")? + "\n")?,
        false => say(text(&answer))?,
    }
    Ok(Exit::Done)
}

fn text(answer: &Answer) -> String {
    let moves: String =
        (answer.moves.iter()).map(|Moved { track, from, to }| format!("track {track} of {from} is {to}\n")).collect();
    let (back, stated) = (answer.interactions_retracted, answer.interactions_asserted);
    format!("{moves}{back} interactions taken back, {stated} stated (epoch {} of {})\n", answer.epoch, answer.stream)
}
