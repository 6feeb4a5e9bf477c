//! The half that knows what the tracker expects: from a reduced picture to segments.

use super::background::{Background, LearningRates};
use super::bits::BitPlane;
use super::bootstrap::{Sample, bootstrap};
use super::components::{Piece, pieces};
use super::config::MotionConfig;
use super::encoder::Reduced;
use super::expected::{Expected, rect_of};
use super::foreground::{Foreground, foreground};
use super::ghosts::{Candidate, Ghosts, Scene};
use super::group::{Blob, grouped};
use super::known::KnownTracks;
use super::light::Light;
use super::look::Colours;
use super::morphology::{closed, median, opened};
use super::plane::{Lattice, Plane};
use super::shadow::shadows;
use super::split::{Claim, covered, split, trimmed_rect};
use crate::{Encoded, SegmentError, Segmented, Segmenter};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::mask::{CellBounds, Mask};
use vokg_engine::segment::{Hints, Segment, SegmentOrigin};
use vokg_engine::time::{Micros, micros_from_secs, secs_from_micros};

/// The background learns at most this often: it changes over seconds.
const LEARN_EVERY_US: Micros = 120_000;
/// By how many cells pictures of a camera at rest may be off.
const SLACK_AT_REST: f32 = 0.5;

/// Finds what moves in reduced pictures.
pub(super) struct MotionSegmenter {
    config: MotionConfig,
    scene: Option<SceneState>,
    known: KnownTracks,
}

/// What is known of the scene at the present size of the frame.
struct SceneState {
    background: Background,
    light: Light,
    moving: BitPlane,
    ghosts: Ghosts,
    learned_at: Option<Micros>,
    flooded_since: Option<Micros>,
}

/// A thing found in one frame.
struct Thing {
    piece: Piece,
    rect: Rect,
    merged: bool,
    owner: Option<usize>,
}

impl SceneState {
    fn new(background: Background) -> Self {
        let moving = BitPlane::new(background.lattice.width, background.lattice.height);
        Self {
            background,
            light: Light::AS_BEFORE,
            moving,
            ghosts: Ghosts::default(),
            learned_at: None,
            flooded_since: None,
        }
    }
}

impl MotionSegmenter {
    /// A segmenter at the start of a stream.
    pub fn new(config: MotionConfig) -> Self {
        Self { config, scene: None, known: KnownTracks::default() }
    }

    fn things(&mut self, t: Micros, plane: &Plane, expected: &[Expected]) -> Vec<Thing> {
        let config = &self.config;
        let scene = match &mut self.scene {
            Some(scene) if scene.background.lattice == plane.lattice => scene,
            other => other.insert(SceneState::new(Background::of(plane, SLACK_AT_REST))),
        };
        scene.light = Light::of(plane, &scene.background, &scene.moving, scene.light);
        let found = foreground(plane, &scene.background, &scene.light, config.low_sigma, config.high_sigma);
        let (moving, proof) = cleaned(found, plane, scene, config);
        scene.moving = moving;
        if scene.is_flooded(t, config) {
            scene.moving = BitPlane::new(plane.lattice.width, plane.lattice.height);
            if t - scene.flooded_since.unwrap_or(t) >= micros_from_secs(config.flood_secs) {
                *scene = SceneState::new(Background::of(plane, SLACK_AT_REST));
            }
            return Vec::new();
        }
        let pieces = solid_pieces(&scene.moving, &proof, plane.lattice, config);
        let blobs = grouped(pieces, expected, plane.lattice);
        let blobs = scene.without_ghosts(t, blobs, plane, expected, &self.known, config);
        let patience_us = micros_from_secs(config.claim_secs);
        let things = blobs.into_iter().flat_map(|blob| shared_out(blob, plane, expected, &self.known, patience_us));
        let mut things: Vec<Thing> = things.collect();
        things.sort_by_key(|thing| (thing.piece.rows.start, thing.piece.columns.start, thing.piece.area));
        scene.learn(t, plane, expected, config);
        things
    }
}

impl Segmenter for MotionSegmenter {
    fn prepare(&mut self, lead: &[Encoded]) {
        let lead: Vec<&Reduced> = lead.iter().filter_map(|encoded| encoded.downcast_ref()).collect();
        let Some(first) = lead.first() else { return };
        let lattice = first.plane.lattice;
        let every_us = micros_from_secs(self.config.sample_secs);
        let mut due = first.t;
        let mut samples = Vec::new();
        for reduced in lead.iter().filter(|r| r.plane.lattice == lattice) {
            if reduced.t >= due {
                let seen = BitPlane::full(lattice.width, lattice.height);
                samples.push(Sample { plane: reduced.plane.clone(), seen });
                due = reduced.t + every_us;
            }
        }
        self.scene = bootstrap(samples, SLACK_AT_REST).map(SceneState::new);
    }

    fn segment(&mut self, encoded: &Encoded, hints: &Hints) -> Result<Segmented, SegmentError> {
        let reduced: &Reduced = encoded.downcast_ref().ok_or(SegmentError::ForeignEncoding { backend: super::NAME })?;
        let lattice = reduced.plane.lattice;
        let expected = expectations(hints, lattice);
        self.known.update(&expected);
        let things = self.things(reduced.t, &reduced.plane, &expected);
        let segments = things.into_iter().map(|thing| {
            let colours = Colours::of(&reduced.plane, &thing.piece.runs);
            let segment = Segment {
                rect: lattice.to_frame(&thing.rect),
                mask: Some(mask_of(&thing.piece, lattice)),
                score: 0.9,
                origin: SegmentOrigin::Motion,
                merged: thing.merged,
                look: colours.look(),
            };
            if let Some(owner) = thing.owner.filter(|_| !thing.merged) {
                self.known.saw(&expected[owner], colours);
            }
            segment
        });
        Ok(Segmented { camera: reduced.camera, segments: segments.collect() })
    }
}

fn expectations(hints: &Hints, lattice: Lattice) -> Vec<Expected> {
    let predictions = hints.predictions.iter();
    let expected = predictions.map(|p| Expected {
        track: p.track,
        rect: lattice.to_cells(&p.rect),
        settled: p.settled,
        unseen_us: p.unseen_us,
    });
    expected.collect()
}

/// The foreground without shadows, specks and thin bridges, and what is proof in it.
fn cleaned(found: Foreground, plane: &Plane, scene: &SceneState, config: &MotionConfig) -> (BitPlane, BitPlane) {
    let Foreground { low, high: mut proof } = found;
    let mut moving = median(&low);
    let shadow = shadows(plane, &scene.background, &scene.light, &moving);
    moving.subtract(&shadow);
    proof.subtract(&shadow);
    let gap_radius = plane.lattice.span(config.gap_share / 2.0);
    (opened(&closed(&moving, gap_radius), 1), proof)
}

/// The pieces that are large enough and hold enough proof.
fn solid_pieces(moving: &BitPlane, proof: &BitPlane, lattice: Lattice, config: &MotionConfig) -> Vec<Piece> {
    const FEWEST_PROOF: usize = 4;
    let least_area = lattice.area(config.least_area_share);
    let mut solid = pieces(moving);
    solid.retain(|piece| {
        let proven = piece.count_in(proof);
        piece.area >= least_area && proven >= FEWEST_PROOF && proven as f32 >= config.proof_share * piece.area as f32
    });
    solid
}

/// A blob as one thing, or as one for each track it covers.
fn shared_out(
    blob: Blob,
    plane: &Plane,
    expected: &[Expected],
    known: &KnownTracks,
    patience_us: Micros,
) -> Vec<Thing> {
    let whole = |blob: Blob, merged: bool| {
        vec![Thing { rect: rect_of(&blob.piece), piece: blob.piece, merged, owner: blob.owner }]
    };
    let claimants = covered(&blob.piece, expected, patience_us);
    if claimants.len() < 2 {
        return whole(blob, false);
    }
    let claim = |i: &usize| Claim { rect: expected[*i].rect, colours: known.colours(&expected[*i]) };
    let claims: Vec<Claim<'_>> = claimants.iter().map(claim).collect();
    let parts = split(&blob.piece, &claims, plane);
    if parts.iter().flatten().count() < 2 {
        return whole(blob, true);
    }
    let parts = parts.into_iter().zip(claimants);
    parts
        .filter_map(|(part, owner)| {
            let piece = part?;
            Some(Thing { rect: trimmed_rect(&piece), piece, merged: true, owner: Some(owner) })
        })
        .collect()
}

impl SceneState {
    /// Whether so much differs that it is the scene that has changed, and since when.
    fn is_flooded(&mut self, t: Micros, config: &MotionConfig) -> bool {
        let lattice = self.background.lattice;
        let flooded = self.moving.count() > lattice.area(config.flood_share);
        self.flooded_since = if flooded { self.flooded_since.or(Some(t)) } else { None };
        flooded
    }

    /// The blobs that are things; the background takes over the places of the others.
    fn without_ghosts(
        &mut self,
        t: Micros,
        blobs: Vec<Blob>,
        plane: &Plane,
        expected: &[Expected],
        known: &KnownTracks,
        config: &MotionConfig,
    ) -> Vec<Blob> {
        let claimed = |blob: &Blob| blob.owner.is_some_and(|owner| known.has_travelled(&expected[owner]));
        let candidates: Vec<Candidate<'_>> =
            blobs.iter().map(|blob| Candidate { piece: &blob.piece, claimed: claimed(blob) }).collect();
        let view = Scene { plane, background: &self.background, light: &self.light };
        let gone = self.ghosts.confirmed(t, &candidates, &view, micros_from_secs(config.ghost_secs));
        for index in &gone {
            let place = blobs[*index].piece.to_bits(plane.lattice.width, plane.lattice.height).dilated(2);
            self.background.copy_in(plane, &place, &self.light);
            self.moving.subtract(&place);
        }
        blobs.into_iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, blob)| blob).collect()
    }

    /// Lets the background learn, except around live tracks that have not settled.
    fn learn(&mut self, t: Micros, plane: &Plane, expected: &[Expected], config: &MotionConfig) {
        let elapsed = self.learned_at.map_or(LEARN_EVERY_US, |at| t.saturating_sub(at));
        if elapsed < LEARN_EVERY_US {
            return;
        }
        self.learned_at = Some(t);
        let Lattice { width, height, .. } = plane.lattice;
        let mut frozen = BitPlane::new(width, height);
        for live in expected.iter().filter(|e| e.track.is_some() && !e.settled) {
            let rect = live.rect.grown(config.track_margin_share);
            let cells = |from: f32, to: f32, limit: usize| {
                let end = (to.ceil().max(0.0) as usize).min(limit);
                (from.max(0.0) as usize).min(end)..end
            };
            frozen.fill_rect(cells(rect.left, rect.right(), width), cells(rect.top, rect.bottom(), height));
        }
        let share = |time_constant: f64| (1.0 - (-secs_from_micros(elapsed) / time_constant).exp()) as f32;
        let rates = LearningRates { free: share(config.learn_secs), unowned: share(config.unowned_learn_secs) };
        self.background.learn(plane, &self.light, rates, &frozen, &self.moving);
    }
}

fn mask_of(piece: &Piece, lattice: Lattice) -> Mask {
    let bits = piece.to_bits(lattice.width, lattice.height);
    let size = Size { width: lattice.width as u32, height: lattice.height as u32 };
    let bounds = CellBounds {
        left: piece.columns.start as u32,
        top: piece.rows.start as u32,
        width: piece.columns.len() as u32,
        height: piece.rows.len() as u32,
    };
    Mask::from_cells(size, bounds, |x, y| bits.get(x as usize, y as usize))
}
