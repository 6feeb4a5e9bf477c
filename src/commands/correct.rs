//! `vokg merge`, `vokg split`, `vokg undo`: who is who, by hand.

use super::{open_store, parse_object, pick_stream};
use crate::cli::{self, Common};
use crate::config::{Config, environment};
use crate::corrections::{Known, between, corrected, epoch, merge, of_tracks, split};
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use vokg_connectors::store::{
    Amendment, Hand, KnownAt, Outcome, Position, SEQ_MAX, Store, StoreConfig, Stream, Writer,
};
use vokg_engine::delta::{Delta, Diff, Element, IdentityMove, Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::id::TrackId;

const UNREADABLE: &str = "cannot read the store";

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

/// Runs `vokg merge`.
pub fn run_merge(args: cli::Merge, common: &Common) -> Result<Exit, Failure> {
    let desk = Desk::open(&args.data.dir, parse_object(&args.a)?.0)?;
    let (name, b) = parse_object(&args.b)?;
    let (other, (_, a)) = (pick_stream(desk.store(), Some(name))?, parse_object(&args.a)?);
    if other.id != desk.stream.id {
        let names = format!("{} is of {}, {} is of {}", args.a, desk.stream.name, args.b, other.name);
        return Err(Failure::usage(format!("both objects have to be of one stream; {names}")));
    }
    desk.correct(Hand::Merge, args.json, common, |graph, sightings| merge(graph, sightings, (a, b)))
}

/// Runs `vokg split`.
pub fn run_split(args: cli::Split, common: &Common) -> Result<Exit, Failure> {
    let (name, object) = parse_object(&args.object)?;
    let parted: BTreeSet<TrackId> = args.tracks.iter().copied().map(TrackId).collect();
    let desk = Desk::open(&args.data.dir, name)?;
    desk.correct(Hand::Split, args.json, common, |graph, sightings| split(graph, sightings, object, &parted))
}

/// Runs `vokg undo`.
pub fn run_undo(args: cli::Undo) -> Result<Exit, Failure> {
    Desk::open(&args.data.dir, &args.stream)?.undo(args.json)
}

/// A complete stream, while nobody else writes.
struct Desk {
    writer: Writer,
    stream: Stream,
    graph: Graph,
}

impl Desk {
    fn open(dir: &Path, name: &str) -> Result<Self, Failure> {
        // Where there is no store, none is made.
        drop(open_store(dir)?);
        let writer = Writer::open(dir, StoreConfig::default()).context("cannot open the store")?;
        let stream = pick_stream(writer.store(), Some(name))?;
        if !stream.head.outcome.as_ref().is_some_and(Outcome::is_complete) {
            let name = &stream.name;
            return Err(Failure::usage(format!("{name} is not complete; only what is complete can be corrected")));
        }
        let graph = writer.store().graph(stream.id, None, None).context(UNREADABLE)?;
        Ok(Self { writer, stream, graph })
    }

    fn store(&self) -> &Store {
        self.writer.store()
    }

    fn correct<E: std::fmt::Display>(
        self,
        what: Hand,
        json: bool,
        common: &Common,
        decide: impl FnOnce(&Graph, &Sighted) -> Result<Vec<IdentityMove>, E>,
    ) -> Result<Exit, Failure> {
        let name = &self.stream.name;
        let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?;
        if config.content_hash() != self.stream.descriptor.request.config_hash {
            return Err(Failure::usage(format!(
                "{name} was made with other settings or by another version of vokg, and a correction needs the same; \
                 name them with --config and --set (what run took as --sample 5fps is --set run.sample=5fps here)"
            )));
        }
        let sightings = of_tracks(self.store(), &self.stream)?;
        let moves = decide(&self.graph, &sightings).map_err(|refused| Failure::usage(format!("{name}: {refused}")))?;
        let evidence = self.store().evidence(self.stream.id).context(UNREADABLE)?;
        let Some(Vertex::Stream(own)) = self.graph.vertices.get(&VertexKey::Stream) else {
            return Err(Failure::failed(format!("{name} has no frames")));
        };
        // The end of a stream is one microsecond after its last frame.
        let ended_us = own.ended_us.unwrap_or(self.stream.head.frontier_us) + 1;
        let rules = config.relate.rules();
        let known = Known { graph: &self.graph, evidence: &evidence, sightings: &sightings, rules: &rules, ended_us };
        let graph = corrected(&known, &moves).context(name)?;
        let reason = match what {
            Hand::Merge => "merged by hand",
            Hand::Split => "split by hand",
        };
        self.amend(&graph, &moves.clone(), reason, Amendment::Correct { what, moves }, json)
    }

    /// Believes again what was believed before the last correction that still stands. Ids are functions of what they
    /// name, so the old ones return.
    fn undo(self, json: bool) -> Result<Exit, Failure> {
        let name = &self.stream.name;
        let corrections = self.store().corrections(self.stream.id).context(UNREADABLE)?;
        let Some((number, last)) = corrections.into_iter().rfind(|(_, correction)| !correction.undone) else {
            return Err(Failure::usage(format!("{name} has no correction by hand that could be undone")));
        };
        // Later corrections were undone before this one, so since then nothing else has changed.
        let before = Position { epoch: last.epoch - 1, seq: SEQ_MAX };
        let before = Some(KnownAt::Position(before));
        let graph = self.store().graph(self.stream.id, None, before).context(UNREADABLE)?;
        let back = |change: &IdentityMove| IdentityMove { from: change.to, to: change.from, ..*change };
        let moves: Vec<IdentityMove> = last.moves.iter().map(back).collect();
        self.amend(&graph, &moves, "undone", Amendment::Undo(number), json)
    }

    fn amend(
        &self,
        graph: &Graph,
        moves: &[IdentityMove],
        reason: &str,
        amendment: Amendment,
        json: bool,
    ) -> Result<Exit, Failure> {
        let head = &self.stream.head;
        let deltas = between(&self.graph, graph, moves, reason, head.frontier_us);
        let interactions = |diff: Diff| {
            let of_diff = |delta: &&Delta| delta.diff == diff && matches!(delta.element, Element::Edge(_));
            deltas.iter().filter(of_diff).count()
        };
        let (interactions_retracted, interactions_asserted) = (interactions(Diff::Retract), interactions(Diff::Assert));
        self.writer.amend(self.stream.id, epoch(head, deltas), amendment).context("cannot correct")?;
        let head = self.store().stream(self.stream.id).context(UNREADABLE)?.head;
        let object = |object| VertexKey::Object(object).external(&self.stream.name);
        let moved =
            |change: &IdentityMove| Moved { track: change.track.0, from: object(change.from), to: object(change.to) };
        let answer = Answer {
            stream: self.stream.name.to_string(),
            moves: moves.iter().map(moved).collect(),
            interactions_retracted,
            interactions_asserted,
            epoch: head.epoch,
            digest: head.digest.to_string(),
        };
        match json {
            true => say(serde_json::to_string(&answer).context("the answer cannot be written")? + "\n")?,
            false => say(text(&answer))?,
        }
        Ok(Exit::Done)
    }
}

/// What was seen of each track.
type Sighted = std::collections::BTreeMap<TrackId, crate::corrections::Sightings>;

fn text(answer: &Answer) -> String {
    let moves: String =
        (answer.moves.iter()).map(|Moved { track, from, to }| format!("track {track} of {from} is {to}\n")).collect();
    let (back, stated) = (answer.interactions_retracted, answer.interactions_asserted);
    format!("{moves}{back} interactions taken back, {stated} stated (epoch {} of {})\n", answer.epoch, answer.stream)
}
