//! The half that knows what the tracker expects: from a reduced picture to segments.

use super::background::{Background, SLACK_AT_REST};
use super::bootstrap::{Sample, bootstrap};
use super::components::Piece;
use super::config::MotionConfig;
use super::encoder::Reduced;
use super::expected::Expected;
use super::known::KnownTracks;
use super::look::{Exposure, look_of};
use super::plane::Lattice;
use super::pose::Pose;
use super::scene::{SceneState, View};
use super::unrest::unrest;
use crate::{Encoded, RecallError, SegmentError, Segmented, Segmenter};
use vokg_engine::segment::{Hints, Segment, SegmentOrigin};
use vokg_engine::time::{Micros, micros_from_secs};

/// How long what moves is given to be elsewhere.
const MOMENT_US: Micros = 120_000;

/// Finds what moves in reduced pictures.
pub(super) struct MotionSegmenter {
    config: MotionConfig,
    scene: Option<SceneState>,
    known: KnownTracks,
}

impl MotionSegmenter {
    /// A segmenter at the start of a stream.
    pub fn new(config: MotionConfig) -> Self {
        Self { config, scene: None, known: KnownTracks::default() }
    }
}

impl Segmenter for MotionSegmenter {
    fn prepare(&mut self, lead: &[Encoded]) {
        let lead: Vec<&Reduced> = lead.iter().filter_map(|encoded| encoded.downcast_ref()).collect();
        let Some(first) = lead.first().copied() else { return };
        let lattice = first.plane.lattice;
        let every_us = micros_from_secs(self.config.sample_secs);
        let mut due = first.t;
        let mut pose = Pose::default();
        let mut poses = Vec::with_capacity(lead.len());
        let lead: Vec<&Reduced> = lead.into_iter().filter(|reduced| reduced.plane.lattice == lattice).collect();
        for reduced in &lead {
            if reduced.t > first.t {
                pose.follow(reduced.t, &reduced.camera, lattice);
            }
            poses.push(pose.clone());
        }
        let laid = |index: usize| poses[index].lay(&lead[index].plane);
        let mut samples = Vec::new();
        for (index, reduced) in lead.iter().enumerate() {
            if reduced.t < due {
                continue;
            }
            due = reduced.t + every_us;
            let (plane, outside) = laid(index);
            let before = lead[..index].iter().rposition(|other| other.t + MOMENT_US <= reduced.t);
            let after = lead.iter().position(|other| other.t >= reduced.t + MOMENT_US);
            let beside: Vec<_> = before.into_iter().chain(after).map(|beside| laid(beside).0).collect();
            let unrest = unrest(&plane, beside.iter().map(|plane| &**plane));
            samples.push(Sample { plane: plane.into_owned(), seen: outside.complement(), unrest });
        }
        self.scene = bootstrap(samples, SLACK_AT_REST).map(SceneState::new);
    }

    fn segment(&mut self, encoded: &Encoded, hints: &Hints) -> Result<Segmented, SegmentError> {
        let reduced: &Reduced = encoded.downcast_ref().ok_or(SegmentError::ForeignEncoding { backend: super::NAME })?;
        let lattice = reduced.plane.lattice;
        let scene = match &mut self.scene {
            Some(scene) if scene.background.lattice == lattice => scene,
            other => other.insert(SceneState::new(Background::of(&reduced.plane, SLACK_AT_REST))),
        };
        // The tracker expects tracks where they would be, had the camera stood still since the frame before.
        let mut expected = expectations(hints, lattice, &scene.pose);
        self.known.update(&expected);
        if let Some(moved) = scene.look_along(reduced) {
            self.known.relocate(&moved);
            expected.iter_mut().for_each(|live| live.rect = moved.apply_to_rect(&live.rect));
        }
        let (plane, outside) = scene.pose.lay(&reduced.plane);
        let view = View { t: reduced.t, plane: &plane, outside };
        let things = scene.things(&view, &expected, &self.known, &self.config);
        let exposure = Exposure::of(&plane);
        let mut segments = Vec::with_capacity(things.len());
        for thing in things {
            segments.push(Segment {
                rect: lattice.to_frame(&scene.pose.to_picture(&thing.rect)).clipped(lattice.frame),
                mask: Some(scene.pose.mask(&thing.piece, lattice)),
                score: thing.score,
                origin: SegmentOrigin::Motion,
                merged: thing.merged,
                visible: thing.visible,
                look: look_of(&plane, &thing.piece, &exposure),
            });
            if let Some(owner) = thing.owner.filter(|_| thing.put_down) {
                self.known.put_down(&expected[owner]);
            }
            if let Some(owner) = thing.owner.filter(|_| thing.still_carries) {
                self.known.still_carries(&expected[owner], reduced.t);
            }
            if let Some(owner) = thing.owner.filter(|_| thing.alone) {
                let body = thing.with_cargo.as_ref().unwrap_or(&thing.piece);
                self.known.saw(&expected[owner], reduced.t, body, &plane, is_whole(body, lattice));
            }
        }
        Ok(Segmented { camera: reduced.camera, segments })
    }

    fn remember(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&(&self.scene, &self.known)).ok()
    }

    fn recall(&mut self, memory: &[u8]) -> Result<(), RecallError> {
        (self.scene, self.known) = postcard::from_bytes(memory).map_err(RecallError::new)?;
        Ok(())
    }
}

/// Whether the border of the plane does not cut a piece.
fn is_whole(piece: &Piece, lattice: Lattice) -> bool {
    piece.columns.start > 0
        && piece.columns.end < lattice.width
        && piece.rows.start > 0
        && piece.rows.end < lattice.height
}

/// What the tracker expects, in cells of the background.
fn expectations(hints: &Hints, lattice: Lattice, pose: &Pose) -> Vec<Expected> {
    let predictions = hints.predictions.iter();
    let expected = predictions.map(|p| Expected {
        track: p.track,
        rect: pose.to_background(&lattice.to_cells(&p.rect)),
        settled: p.settled,
        unseen_us: p.unseen_us,
    });
    expected.collect()
}
