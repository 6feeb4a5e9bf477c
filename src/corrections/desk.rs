//! One complete stream on the desk, to be corrected by hand.

use super::{Known, Sightings, between, corrected, epoch, of_tracks};
use crate::exit::{Context, Failure};
use std::collections::BTreeMap;
use vokg_connectors::store::{
    Amendment, Hand, KnownAt, Outcome, Position, SEQ_MAX, Store, Stream, StreamHead, StreamId, Writer,
};
use vokg_engine::delta::{Diff, Element, IdentityMove, Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::id::TrackId;
use vokg_operators::resolve::Rules;

const UNREADABLE: &str = "cannot read the store";

/// A complete stream and its graph. Nobody else corrects it meanwhile.
pub struct Desk<'a> {
    writer: &'a Writer,
    /// The stream.
    pub stream: Stream,
    /// What is believed of it.
    pub graph: Graph,
}

/// What a correction did.
pub struct Corrected {
    /// The tracks that are another object now.
    pub moves: Vec<IdentityMove>,
    /// Interactions that were taken back.
    pub retracted: usize,
    /// Interactions that were stated.
    pub asserted: usize,
    /// The stream's head after it.
    pub head: StreamHead,
}

impl<'a> Desk<'a> {
    /// Of a stream of the store.
    ///
    /// # Errors
    /// Where the stream is not complete, or the store cannot be read.
    pub fn new(writer: &'a Writer, stream: StreamId) -> Result<Self, Failure> {
        let stream = writer.store().stream(stream).context(UNREADABLE)?;
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

    /// What was seen of each of its tracks.
    ///
    /// # Errors
    /// Where the observations cannot be read.
    pub fn sightings(&self) -> Result<BTreeMap<TrackId, Sightings>, Failure> {
        of_tracks(self.store(), &self.stream)
    }

    /// Believes from now on that these tracks are another object. The rules are those the stream was made with.
    ///
    /// # Errors
    /// Where its evidence does not give its graph, or the store fails.
    pub fn correct(
        &self,
        what: Hand,
        moves: Vec<IdentityMove>,
        sightings: &BTreeMap<TrackId, Sightings>,
        rules: &Rules,
    ) -> Result<Corrected, Failure> {
        let name = &self.stream.name;
        let evidence = self.store().evidence(self.stream.id).context(UNREADABLE)?;
        let Some(Vertex::Stream(own)) = self.graph.vertices.get(&VertexKey::Stream) else {
            return Err(Failure::failed(format!("{name} has no frames")));
        };
        // The end of a stream is one microsecond after its last frame.
        let ended_us = own.ended_us.unwrap_or(self.stream.head.frontier_us) + 1;
        let known = Known { graph: &self.graph, evidence: &evidence, sightings, rules, ended_us };
        let graph = corrected(&known, &moves).context(name)?;
        let reason = match what {
            Hand::Merge => "merged by hand",
            Hand::Split => "split by hand",
        };
        self.amend(&graph, moves.clone(), reason, Amendment::Correct { what, moves })
    }

    /// Believes again what was believed before the last correction that still stands. Ids are functions of what they
    /// name, so the old ones return.
    ///
    /// # Errors
    /// Where none stands, or the store fails.
    pub fn undo(&self) -> Result<Corrected, Failure> {
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
        let moves = last.moves.iter().map(back).collect();
        self.amend(&graph, moves, "undone", Amendment::Undo(number))
    }

    fn amend(
        &self,
        graph: &Graph,
        moves: Vec<IdentityMove>,
        reason: &str,
        amendment: Amendment,
    ) -> Result<Corrected, Failure> {
        let head = &self.stream.head;
        let deltas = between(&self.graph, graph, &moves, reason, head.frontier_us);
        let interactions = |diff: Diff| {
            let edges = deltas.iter().filter(|delta| matches!(delta.element, Element::Edge(_)));
            edges.filter(|delta| delta.diff == diff).count()
        };
        let (retracted, asserted) = (interactions(Diff::Retract), interactions(Diff::Assert));
        self.writer.amend(self.stream.id, epoch(head, deltas), amendment).context("cannot correct")?;
        let head = self.store().stream(self.stream.id).context(UNREADABLE)?.head;
        Ok(Corrected { moves, retracted, asserted, head })
    }
}
