//! What is known of a scene, and what moves in a picture of it.

use super::background::{Background, LearningRates, SLACK_AT_REST, SLACK_IN_MOTION};
use super::bits::BitPlane;
use super::body::without_shadows;
use super::components::{Piece, pieces};
use super::config::MotionConfig;
use super::encoder::Reduced;
use super::expected::{Expected, rect_of};
use super::foreground::{Foreground, foreground};
use super::ghosts::{Candidate, Ghosts, Scene};
use super::group::{Blob, grouped};
use super::known::KnownTracks;
use super::light::Light;
use super::loads::Loads;
use super::morphology::{median, opened};
use super::newcomers;
use super::plane::{Lattice, Plane};
use super::pose::{Landmarks, Pose};
use super::shadow::shadows;
use super::split::{Claim, Part, covered, split};
use super::sprite::Anchor;
use serde::{Deserialize, Serialize};
use vokg_engine::geometry::{Affine, Rect};
use vokg_engine::time::{Micros, micros_from_secs, secs_from_micros};

/// The background learns at most this often: it changes over seconds.
const LEARN_EVERY_US: Micros = 120_000;
/// Share of its width or height by which a picture may be off the background before that is laid anew.
const LOST_SHARE: f32 = 0.05;
/// How far beside a thing that comes in ground never seen before is not believed, as a share of its box: where nothing
/// is known of the ground, half of it can be hidden.
const DOUBT_SHARE: f32 = 1.0;
/// What looks much like the ground is seen in scraps: the least, as a share of the least thing. While the camera moves
/// the edges of what stands still look so too.
const SCRAP_SHARE: f32 = 0.2;
/// Fewest cells of proof in a thing.
const FEWEST_PROOF: usize = 4;

/// The background of a scene at one size of the frame, and what must be remembered to compare pictures with it.
#[derive(Serialize, Deserialize)]
pub(super) struct SceneState {
    /// The background.
    pub background: Background,
    /// Where the camera looks.
    pub pose: Pose,
    light: Light,
    /// The background as pictures of a camera that moves are compared with it where they fit.
    smoothed: Option<Background>,
    /// Foreground of the last picture.
    moving: BitPlane,
    ghosts: Ghosts,
    /// Texture of the background while the camera moves.
    landmarks: Option<Landmarks>,
    learned_at: Option<Micros>,
    flooded_since: Option<Micros>,
}

/// A picture laid on the background.
pub(super) struct View<'a> {
    /// Media time.
    pub t: Micros,
    /// The picture.
    pub plane: &'a Plane,
    /// Cells of the background that it does not show.
    pub outside: BitPlane,
}

/// A thing found in one picture, in cells of the background.
pub(super) struct Thing {
    /// Its cells.
    pub piece: Piece,
    /// Its box.
    pub rect: Rect,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// It could not be told from others.
    pub merged: bool,
    /// Share of it that nothing else hides, where it was told from what does.
    pub visible: Option<f32>,
    /// Where it stands, if it was found by its sprite.
    pub anchor: Option<Anchor>,
    /// It stands free of other things.
    pub alone: bool,
    /// Its cells and those of what it carries, where it carries something.
    pub with_cargo: Option<Piece>,
    /// What it carried has been put down.
    pub put_down: bool,
    /// What it carries was known by its look where it is carried.
    pub still_carries: bool,
    /// Index of the expectation it fits.
    pub owner: Option<usize>,
}

impl SceneState {
    /// A scene of which only the background is known.
    pub fn new(background: Background) -> Self {
        let moving = BitPlane::new(background.lattice.width, background.lattice.height);
        Self {
            background,
            pose: Pose::default(),
            light: Light::AS_BEFORE,
            smoothed: None,
            moving,
            ghosts: Ghosts::default(),
            landmarks: None,
            learned_at: None,
            flooded_since: None,
        }
    }

    /// Follows the camera; lays the background anew where it has come to rest elsewhere or lost too much from view,
    /// and answers how places on the background moved by that.
    pub fn look_along(&mut self, reduced: &Reduced) -> Option<Affine> {
        let (t, plane) = (reduced.t, &reduced.plane);
        self.pose.follow(t, &reduced.camera, plane.lattice);
        if self.pose.is_identity() {
            self.landmarks = None;
            self.background.set_slack(SLACK_AT_REST);
            return None;
        }
        if self.pose.moves(t) {
            let background = &self.background;
            let landmarks = self.landmarks.get_or_insert_with(|| Landmarks::of(background));
            self.pose.refine(t, landmarks, &reduced.texture);
        }
        self.background.set_slack(if self.pose.fits_well() { SLACK_AT_REST } else { SLACK_IN_MOTION });
        let at_rest = reduced.camera.is_still() && !self.pose.is_restless(t);
        let lost = self.pose.shift_share(plane.lattice) > LOST_SHARE;
        let moved = if at_rest {
            self.pose.picture_from_background
        } else if lost {
            self.pose.whole_shift(plane.lattice)
        } else {
            return None;
        };
        self.relocate(&moved, plane);
        Some(moved)
    }

    /// Lays the background anew: its places go where `moved` takes them.
    fn relocate(&mut self, moved: &Affine, plane: &Plane) {
        self.pose.relocate(moved);
        let (plane, _) = self.pose.lay(plane);
        self.background = self.background.seen_from(moved, &plane, &self.light);
        self.moving = BitPlane::new(plane.lattice.width, plane.lattice.height);
        self.ghosts = Ghosts::default();
        self.landmarks = None;
        self.smoothed = None;
    }

    /// What moves, from the top left; the background learns the rest.
    pub fn things(
        &mut self,
        view: &View<'_>,
        expected: &[Expected],
        known: &KnownTracks,
        config: &MotionConfig,
    ) -> Vec<Thing> {
        self.light = Light::of(view.plane, &self.background, &self.moving, &view.outside, self.light);
        let proof = self.compare(view, config);
        if self.is_flooded(view, config) {
            return Vec::new();
        }
        let least_area = self.background.lattice.area(config.least_area_share);
        let pieces = self.solid_pieces(&proof, least_area, config.proof_share);
        let loads = Loads::of(expected, known);
        let mut blobs = grouped(pieces, expected, view.plane.lattice, least_area, |i| loads.carrier_of(i).unwrap_or(i));
        blobs.retain(|blob| blob.piece.area >= least_area);
        let blobs = self.without_ghosts(view, blobs, expected, known, config);
        let patience_us = micros_from_secs(config.claim_secs);
        let shared_out = |blob| shared_out(blob, view.plane, expected, known, &loads, patience_us, least_area);
        let things = blobs.into_iter().flat_map(shared_out);
        let mut things: Vec<Thing> =
            things.flat_map(|thing| loads.taken_off(thing, expected, known, view.plane)).collect();
        things.iter_mut().for_each(|thing| thing.score = score(&thing.piece, &proof));
        things.sort_by_key(|thing| (thing.piece.rows.start, thing.piece.columns.start, thing.piece.area));
        self.learn(view, expected, known, config);
        things
    }

    /// Finds the foreground, without shadows, specks and thin bridges; answers what is proof in it.
    fn compare(&mut self, view: &View<'_>, config: &MotionConfig) -> BitPlane {
        let is_smoothed = !self.pose.is_identity() && self.pose.fits_well();
        let smoothed_plane = is_smoothed.then(|| view.plane.smoothed());
        let (plane, background) = match &smoothed_plane {
            Some(plane) => (plane, &*self.smoothed.get_or_insert_with(|| self.background.smoothed())),
            None => (view.plane, &self.background),
        };
        let Foreground { mut low, high: mut proof } =
            foreground(plane, background, &self.light, config.low_sigma, config.high_sigma);
        low.subtract(&view.outside);
        let moving = median(&low);
        // Smoothing takes away the grain by which a thing differs from a shadow.
        let shades = shadows(view.plane, &self.background, &self.light, &moving);
        let gap_radius = view.plane.lattice.span(config.gap_share / 2.0);
        proof.subtract(&shades.even);
        self.moving = opened(&without_shadows(&moving, &shades, gap_radius, self.pose.is_identity()), 1);
        proof
    }

    /// Whether so much differs that it is the scene that has changed; after a while the background is taken anew.
    fn is_flooded(&mut self, view: &View<'_>, config: &MotionConfig) -> bool {
        let lattice = view.plane.lattice;
        if self.moving.count() <= lattice.area(config.flood_share) {
            self.flooded_since = None;
            return false;
        }
        self.moving = BitPlane::new(lattice.width, lattice.height);
        let since = *self.flooded_since.get_or_insert(view.t);
        if view.t.saturating_sub(since) >= micros_from_secs(config.flood_secs) {
            let pose = self.pose.clone();
            *self = Self::new(Background::of(view.plane, SLACK_AT_REST));
            self.pose = pose;
        }
        true
    }

    /// The pieces that hold enough proof and are large enough to be things, or scraps of one.
    fn solid_pieces(&self, proof: &BitPlane, least_area: usize, proof_share: f32) -> Vec<Piece> {
        let scrap_share = if self.pose.is_identity() { SCRAP_SHARE } else { 1.0 };
        let least_scrap = (scrap_share * least_area as f32) as usize;
        let mut solid = pieces(&self.moving);
        solid.retain(|piece| {
            let proven = piece.count_in(proof);
            let enough = proven >= FEWEST_PROOF && proven as f32 >= proof_share * piece.area as f32;
            piece.area >= least_scrap && enough
        });
        solid
    }

    /// The blobs that are things; the background takes over the places of the others.
    fn without_ghosts(
        &mut self,
        view: &View<'_>,
        blobs: Vec<Blob>,
        expected: &[Expected],
        known: &KnownTracks,
        config: &MotionConfig,
    ) -> Vec<Blob> {
        let claimed = |blob: &Blob| blob.owner.is_some_and(|owner| known.has_travelled(&expected[owner]));
        let candidates: Vec<Candidate<'_>> =
            blobs.iter().map(|blob| Candidate { piece: &blob.piece, claimed: claimed(blob) }).collect();
        let scene = Scene { plane: view.plane, background: &self.background, light: &self.light };
        let gone = self.ghosts.confirmed(view.t, &candidates, &scene, micros_from_secs(config.ghost_secs));
        let Lattice { width, height, .. } = view.plane.lattice;
        for index in &gone {
            let mut place = blobs[*index].piece.to_bits(width, height).dilated(2);
            place.subtract(&view.outside);
            self.background.copy_in(view.plane, &place, &self.light);
            self.smoothed = None;
            self.moving.subtract(&place);
        }
        blobs.into_iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, blob)| blob).collect()
    }

    /// Where the background does not learn: what the picture does not show, what live tracks cover, and ground never
    /// seen before beside those that are still coming in: the rest of them would be taken for the ground.
    fn not_learned(&self, view: &View<'_>, expected: &[Expected], known: &KnownTracks, margin_share: f32) -> BitPlane {
        let Lattice { width, height, .. } = view.plane.lattice;
        let cells = |from: f32, to: f32, limit: usize| {
            let end = (to.ceil().max(0.0) as usize).min(limit);
            (from.max(0.0) as usize).min(end)..end
        };
        let cells_of = |rect: Rect| (cells(rect.left, rect.right(), width), cells(rect.top, rect.bottom(), height));
        let mut frozen = view.outside.clone();
        for live in expected.iter().filter(|e| !e.settled) {
            if live.track.is_some() {
                let (columns, rows) = cells_of(live.rect.grown(margin_share));
                frozen.fill_rect(columns, rows);
            }
            // Where pictures fit badly, many a piece is no thing.
            if known.has_travelled(live) || !self.pose.fits_well() {
                continue;
            }
            let (columns, rows) = cells_of(live.rect.grown(DOUBT_SHARE));
            for y in rows {
                self.background.unseen.for_each_run(y, |xs| {
                    let end = xs.end.min(columns.end);
                    frozen.fill_range(y, xs.start.max(columns.start).min(end)..end);
                });
            }
        }
        frozen
    }

    /// Lets the background learn, except around live tracks that have not settled.
    fn learn(&mut self, view: &View<'_>, expected: &[Expected], known: &KnownTracks, config: &MotionConfig) {
        let elapsed = self.learned_at.map_or(LEARN_EVERY_US, |at| view.t.saturating_sub(at));
        if elapsed < LEARN_EVERY_US {
            return;
        }
        self.learned_at = Some(view.t);
        let frozen = self.not_learned(view, expected, known, config.track_margin_share);
        let share = |time_constant: f64| (1.0 - (-secs_from_micros(elapsed) / time_constant).exp()) as f32;
        let rates = LearningRates { free: share(config.learn_secs), unowned: share(config.unowned_learn_secs) };
        self.background.learn(view.plane, &self.light, rates, &frozen, &self.moving);
        self.landmarks = None;
        self.smoothed = None;
    }
}

/// A blob as one thing, or as one for each track it covers.
fn shared_out(
    blob: Blob,
    plane: &Plane,
    expected: &[Expected],
    known: &KnownTracks,
    loads: &Loads,
    patience_us: Micros,
    least_area: usize,
) -> Vec<Thing> {
    let mut claimants = covered(&blob.piece, expected, patience_us, plane.lattice);
    claimants.retain(|claimant| loads.carrier_of(*claimant).is_none());
    let whole = |merged, owner| vec![Thing::of(blob.piece.clone(), owner, merged)];
    if claimants.len() < 2 {
        let sole = claimants.first().copied().or(blob.owner).filter(|sole| expected[*sole].track.is_some());
        let parted = sole.and_then(|sole| {
            let parted = newcomers::parted(&blob.piece, &expected[sole].rect, plane.lattice, least_area);
            parted.map(|(own, new)| (own, new, sole))
        });
        if let Some((own, new, sole)) = parted {
            let thing = |piece, owner| Thing { alone: false, ..Thing::of(piece, owner, false) };
            return vec![thing(own, Some(sole)), thing(new, None)];
        }
        let carrier = claimants.first().copied().filter(|claimant| loads.carries(*claimant));
        return whole(false, carrier.or(blob.owner));
    }
    let claim = |i: &usize| Claim {
        rect: expected[*i].rect,
        colours: known.colours(&expected[*i]),
        sprite: known.sprite(&expected[*i]),
        area: known.area(&expected[*i]),
    };
    let claims: Vec<Claim<'_>> = claimants.iter().map(claim).collect();
    let parts = split(&blob.piece, &claims, plane);
    if parts.iter().flatten().count() < 2 {
        return whole(true, blob.owner);
    }
    let part = |(part, owner): (Option<Part>, usize)| {
        let Part { piece, rect, anchor, measured, visible, beyond } = part?;
        let beyond = beyond.filter(|beyond| beyond.area >= least_area);
        let part = Thing { rect, anchor, visible, alone: false, ..Thing::of(piece, Some(owner), !measured) };
        Some([Some(part), beyond.map(|beyond| Thing { alone: false, ..Thing::of(beyond, None, false) })])
    };
    parts.into_iter().zip(claimants).filter_map(part).flatten().flatten().collect()
}

impl Thing {
    /// A thing of these cells.
    pub fn of(piece: Piece, owner: Option<usize>, merged: bool) -> Self {
        Self {
            rect: rect_of(&piece),
            piece,
            score: 0.0,
            merged,
            visible: None,
            owner,
            anchor: None,
            alone: !merged,
            with_cargo: None,
            put_down: false,
            still_carries: false,
        }
    }
}

/// Confidence grows with the share of proof, from a half to one.
fn score(piece: &Piece, proof: &BitPlane) -> f32 {
    0.5 + 0.5 * piece.count_in(proof) as f32 / piece.area.max(1) as f32
}
