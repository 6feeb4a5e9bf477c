//! How the camera moved, from the grain of the ground.
//!
//! Blocks of texture in a *key* picture are found again in each following one, and the similarity transform most of
//! them agree on is the camera's. Measuring against a key that is kept for a while, and not against the frame before,
//! keeps a slow pan from drowning in noise and its errors from adding up. Motion of a camera at rest is told only once
//! it exceeds a small bound, so that noise is no motion. Where too little texture is found the answer is
//! [`CameraMotion::Unknown`], which is not [`CameraMotion::Still`].

use super::plane::{Lattice, stretched};
use serde::{Deserialize, Serialize};
use similarity::{Agreement, Pair, common_similarity, residual};
use texture::BLOCK;
use vokg_engine::geometry::Affine;
use vokg_engine::segment::CameraMotion;
use vokg_engine::time::{Micros, SECOND_US};

mod similarity;
pub(super) mod texture;

pub(super) use texture::{Block, Texture};

/// Fewest blocks that must agree.
const FEWEST: usize = 6;
/// Share of the blocks found again that must agree.
const AGREEING_SHARE: f32 = 0.4;
/// Share of the picture's width and of its height that agreeing blocks must span: one textured thing that moves over
/// flat ground is not the camera.
const SPAN_SHARE: f32 = 0.4;
/// Cells around the expected place in which a block is searched.
const RADIUS: i32 = 3;
/// Motion below this is rest, in cells of the texture at the corners of the picture.
const REST: f32 = 0.25;
/// How long a camera must rest to count as resting.
const REST_US: Micros = SECOND_US;
/// How long a key is kept by a resting camera, and how long one that cannot be found again.
const KEY_US: Micros = 2 * SECOND_US;
/// A key is replaced when the picture has moved by this share of its width or height.
const KEY_SHIFT_SHARE: f32 = 0.12;

/// The camera's motion over the pictures of one stream, given in order.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct CameraMeter {
    key: Option<Key>,
}

#[derive(Serialize, Deserialize)]
struct Key {
    texture: Texture,
    blocks: Vec<Block>,
    taken: Micros,
    /// From the key to the last picture, as measured.
    measured: Affine,
    /// From the key to where the last picture was told to be.
    told: Affine,
    /// Where the camera has been close to since `rest_since`.
    rest: Affine,
    rest_since: Option<Micros>,
    /// Blocks that agreed when the key was first found again.
    agreed_at_first: Option<usize>,
    /// It was not found again in the last picture.
    lost: bool,
    /// It was taken while the one before was lost and has not been found again since: how it lies to what was told before
    /// is not known.
    is_adrift: bool,
}

impl CameraMeter {
    /// The motion of the camera, in pixels of the full frame.
    pub fn measure(&mut self, t: Micros, lattice: Lattice, texture: &Texture) -> CameraMotion {
        let comparable = |key: &&mut Key| (key.texture.width, key.texture.height) == (texture.width, texture.height);
        let Some(key) = self.key.as_mut().filter(comparable) else {
            self.key = Some(Key::taken(t, texture.clone(), None));
            return CameraMotion::Unknown;
        };
        let Some(agreement) = key.find(texture) else {
            key.lost = true;
            if t.saturating_sub(key.taken) >= KEY_US {
                self.key = Some(Key { is_adrift: true, ..Key::taken(t, texture.clone(), None) });
            }
            return CameraMotion::Unknown;
        };
        if key.lost && key.is_adrift {
            // What moved since is not all that moved since something was told.
            self.key = Some(Key { is_adrift: true, ..Key::taken(t, texture.clone(), None) });
            return CameraMotion::Unknown;
        }
        key.is_adrift = false;
        let lost = std::mem::take(&mut key.lost);
        let motion = key.tell(t, &agreement);
        if key.is_worn(t, &agreement) {
            let rest_since = key.rest_since;
            self.key = Some(Key::taken(t, texture.clone(), rest_since));
        }
        let (sx, sy) = lattice.pixels_per_cell();
        match motion.map(|map| stretched(&map, 2.0 * sx, 2.0 * sy)) {
            Some(map) if lost => CameraMotion::Found(map),
            Some(map) => CameraMotion::Moved(map),
            None if lost => CameraMotion::Found(Affine::IDENTITY),
            None => CameraMotion::Still,
        }
    }
}

impl Key {
    /// `rest_since` is absent for the first key: a camera rests until it is seen to move.
    fn taken(t: Micros, texture: Texture, rest_since: Option<Micros>) -> Self {
        Self {
            blocks: texture.blocks(),
            texture,
            taken: t,
            measured: Affine::IDENTITY,
            told: Affine::IDENTITY,
            rest: Affine::IDENTITY,
            rest_since,
            agreed_at_first: None,
            lost: false,
            is_adrift: false,
        }
    }

    fn find(&self, texture: &Texture) -> Option<Agreement> {
        if self.blocks.len() < FEWEST {
            return None;
        }
        align(&self.texture, &self.blocks, texture, &self.measured, RADIUS).or_else(|| {
            let shift = self.texture.coarse_shift(texture);
            align(&self.texture, &self.blocks, texture, &shift, RADIUS + 1)
        })
    }

    /// The motion since what was told last, `None` for rest.
    fn tell(&mut self, t: Micros, agreement: &Agreement) -> Option<Affine> {
        self.measured = agreement.map;
        if self.farthest(&self.rest) > REST {
            (self.rest, self.rest_since) = (self.measured, Some(t));
        }
        let resting = self.rest_since.is_none_or(|since| t.saturating_sub(since) >= REST_US);
        if resting && self.farthest(&self.told) <= REST {
            return None;
        }
        let back = self.told.inverse()?;
        self.told = self.measured;
        Some(self.measured.after(&back))
    }

    /// The greatest distance at a corner between what was measured and another transform.
    fn farthest(&self, other: &Affine) -> f32 {
        let (w, h) = (self.texture.width as f32, self.texture.height as f32);
        let corners = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)];
        let distance =
            |from: &(f32, f32)| residual(&Pair { from: *from, to: self.measured.apply(from.0, from.1) }, other);
        corners.iter().map(distance).fold(0.0, f32::max)
    }

    fn is_worn(&mut self, t: Micros, agreement: &Agreement) -> bool {
        let agreed = agreement.agrees.iter().filter(|a| **a).count();
        let at_first = *self.agreed_at_first.get_or_insert(agreed);
        let [_, _, x, _, _, y] = self.measured.m;
        let far = x.abs() > KEY_SHIFT_SHARE * self.texture.width as f32
            || y.abs() > KEY_SHIFT_SHARE * self.texture.height as f32;
        let resting = self.farthest(&Affine::IDENTITY) <= REST;
        far || agreed * 2 < at_first || (resting && t.saturating_sub(self.taken) >= KEY_US)
    }
}

/// The transform from a key texture to another that enough of the key's blocks agree on, searched around `guess`.
pub(super) fn align(
    key: &Texture,
    blocks: &[Block],
    other: &Texture,
    guess: &Affine,
    radius: i32,
) -> Option<Agreement> {
    let pairs = key.found_again(blocks, other, guess, radius);
    let agreement = common_similarity(&pairs);
    let agreeing: Vec<(f32, f32)> =
        pairs.iter().zip(&agreement.agrees).filter(|(_, agrees)| **agrees).map(|(pair, _)| pair.from).collect();
    let span = |axis: fn(&(f32, f32)) -> f32| {
        let (low, high) = agreeing.iter().map(axis).fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
        high - low + BLOCK as f32
    };
    let enough = agreeing.len() >= FEWEST && agreeing.len() as f32 >= AGREEING_SHARE * pairs.len() as f32;
    let wide =
        enough && span(|p| p.0) >= SPAN_SHARE * key.width as f32 && span(|p| p.1) >= SPAN_SHARE * key.height as f32;
    wide.then_some(agreement)
}

#[cfg(test)]
mod tests {
    use super::super::plane::Plane;
    use super::texture::tests::ground;
    use super::*;
    use vokg_engine::geometry::Size;

    const FRAME: Size = Size { width: 1152, height: 648 };

    /// The ground with a large block of other ground on it that drifts to the right.
    fn seen(from: (f32, f32), frame: usize) -> Plane {
        let lattice = Lattice::over(FRAME, 384);
        let mut y = ground(384, 216, from.0, from.1);
        let thing = ground(384, 216, 500.0 - 3.0 * frame as f32, 300.0);
        for row in 40..160 {
            let left = (20 + 3 * frame).min(250);
            y[row * 384 + left..row * 384 + left + 130]
                .copy_from_slice(&thing[row * 384 + left..row * 384 + left + 130]);
        }
        let noise = |i: usize| ((i * 7919 + frame * 104_729) % 7) as u8;
        y.iter_mut().enumerate().for_each(|(i, cell)| *cell += noise(i));
        Plane { lattice, y, u: vec![128; 192 * 108], v: vec![128; 192 * 108] }
    }

    fn measure(meter: &mut CameraMeter, frame: usize, plane: &Plane) -> CameraMotion {
        meter.measure(frame as Micros * 40_000, plane.lattice, &Texture::of(&plane.y, plane.lattice.width))
    }

    /// How far the picture moved in all, in cells, as told and in truth, and how often nothing was known.
    fn followed(path: impl Fn(f32) -> (f32, f32), frames: usize) -> ((f32, f32), usize) {
        let mut meter = CameraMeter::default();
        let (mut total, mut unknown) = (Affine::IDENTITY, 0);
        for frame in 0..frames {
            let secs = frame as f32 / 25.0;
            match measure(&mut meter, frame, &seen(path(secs), frame)) {
                CameraMotion::Moved(map) | CameraMotion::Found(map) => total = map.after(&total),
                CameraMotion::Still => {}
                CameraMotion::Unknown => unknown += 1,
            }
        }
        let centre = (FRAME.width as f32 / 2.0, FRAME.height as f32 / 2.0);
        let (x, y) = total.apply(centre.0, centre.1);
        let cell = 3.0;
        (((x - centre.0) / cell, (y - centre.1) / cell), unknown)
    }

    #[test]
    fn a_camera_at_rest_is_still() {
        let ((x, y), unknown) = followed(|_| (0.0, 0.0), 60);
        assert_eq!((x, y, unknown), (0.0, 0.0, 1), "the first picture has none before it");
    }

    #[test]
    fn a_slow_pan_is_followed_for_as_long_as_it_lasts() {
        let ((x, y), unknown) = followed(|secs| (0.02 * 384.0 * secs, 0.0), 200);
        assert!((x + 0.02 * 384.0 * 199.0 / 25.0).abs() < 0.8 && y.abs() < 0.8, "{x} {y}");
        assert_eq!(unknown, 1);
    }

    #[test]
    fn a_shake_ends_where_it_began() {
        for share in [0.01, 0.03] {
            let shake = |secs: f32| {
                let swing = share * 384.0 * (secs * std::f32::consts::TAU * 1.5).sin();
                (swing, swing / 2.0)
            };
            let ((x, y), unknown) = followed(shake, 151);
            assert!(x.abs() < 0.6 && y.abs() < 0.6, "{share}: {x} {y}");
            assert_eq!(unknown, 1);
        }
    }

    #[test]
    fn what_is_found_behind_a_key_taken_in_the_dark_is_not_all_that_was_missed() {
        let mut meter = CameraMeter::default();
        // In picture 50 the ground is another and the key of picture 0 is given up for it; in 51 nothing can be seen.
        let blind = |frame: usize| (30..50).contains(&frame) || frame == 51;
        for frame in 0..60 {
            let x = 0.4 * frame as f32 + if frame < 50 { 0.0 } else { 900.0 };
            let mut plane = seen((x, 0.0), frame);
            if blind(frame) {
                plane.y.fill(90);
            }
            let motion = measure(&mut meter, frame, &plane);
            let is_unknown = frame == 0 || (30..=52).contains(&frame);
            assert_eq!(motion == CameraMotion::Unknown, is_unknown, "{frame}: {motion:?}");
            assert!(!matches!(motion, CameraMotion::Found(_)), "{frame}: {motion:?}");
        }
    }

    #[test]
    fn what_was_missed_while_nothing_could_be_seen_is_told_as_found() {
        let blind = |frame: usize| (30..36).contains(&frame);
        for (speed, still) in [(0.02 * 384.0, false), (0.0, true)] {
            let mut meter = CameraMeter::default();
            for frame in 0..60 {
                let mut plane = seen((speed * frame as f32 / 25.0, 0.0), frame);
                if blind(frame) {
                    plane.y.fill(90);
                }
                let motion = measure(&mut meter, frame, &plane);
                match motion {
                    CameraMotion::Unknown => assert!(frame == 0 || blind(frame), "{frame}"),
                    CameraMotion::Found(map) => {
                        let cells = map.apply(576.0, 324.0).0 / 3.0 - 192.0;
                        assert!(frame == 36 && (cells + 7.0 * speed / 25.0).abs() < 0.6, "{frame}: {cells}");
                        assert_eq!((motion.is_still(), motion.since_known().is_none()), (still, still));
                    }
                    CameraMotion::Moved(map) => {
                        assert!(!still && (map.apply(0.0, 0.0).0 / 3.0).abs() < 0.8, "{frame}: {map:?}");
                    }
                    CameraMotion::Still => assert!(still || frame < 30, "{frame}"),
                }
                assert_eq!(matches!(motion, CameraMotion::Found(_)), frame == 36, "{frame}: {motion:?}");
            }
        }
    }

    #[test]
    fn flat_ground_tells_nothing() {
        let lattice = Lattice::over(FRAME, 384);
        let flat = Plane { lattice, y: vec![90; 384 * 216], u: vec![128; 192 * 108], v: vec![128; 192 * 108] };
        let mut meter = CameraMeter::default();
        for frame in 0..5 {
            assert_eq!(measure(&mut meter, frame, &flat), CameraMotion::Unknown);
        }
    }

    #[test]
    fn one_textured_thing_on_flat_ground_is_not_the_camera() {
        let mut meter = CameraMeter::default();
        for frame in 0..20usize {
            let mut plane = seen((0.0, 0.0), frame);
            let left = (20 + 3 * frame).min(250);
            let on_thing = |i: usize| (40..160).contains(&(i / 384)) && (left..left + 130).contains(&(i % 384));
            plane.y.iter_mut().enumerate().filter(|(i, _)| !on_thing(*i)).for_each(|(_, cell)| *cell = 90);
            let motion = measure(&mut meter, frame, &plane);
            assert!(!matches!(motion, CameraMotion::Moved(_)), "frame {frame}: {motion:?}");
        }
    }
}
