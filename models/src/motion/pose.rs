//! Where the camera looks, relative to where the background was seen.

use super::background::Background;
use super::bits::BitPlane;
use super::camera::{Block, Texture, align};
use super::components::Piece;
use super::expected::rect_of;
use super::plane::{Lattice, Plane, stretched};
use super::registration::registered;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use vokg_engine::geometry::{Affine, Rect, Size};
use vokg_engine::mask::{CellBounds, Mask};
use vokg_engine::segment::CameraMotion;
use vokg_engine::time::{Micros, SECOND_US, secs_from_micros};

/// Cells of the texture around the expected place in which the background is searched.
const RADIUS: i32 = 2;
/// How long after its last motion a camera counts as moving.
const UNREST_US: Micros = SECOND_US;
/// Time constant of the mean error.
const ERROR_SECS: f64 = 1.0;
/// Error of a picture in which the background is not found, in cells.
const ERROR_UNFOUND: f32 = 1.0;
/// Greatest mean error of pictures that fit the background well, in cells. The rest is no rigid ground seen from
/// afar: depth, a rolling shutter or cloth.
const WELL_LAID: f32 = 0.25;

/// The map from the background's cells to those of the present picture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pose {
    /// The map.
    pub picture_from_background: Affine,
    moved_at: Option<Micros>,
    /// Mean distance of the background's landmarks from where the map has them, in cells, and when it was measured.
    error: Option<(f32, Micros)>,
}

impl Default for Pose {
    fn default() -> Self {
        Self { picture_from_background: Affine::IDENTITY, moved_at: None, error: None }
    }
}

impl Pose {
    /// Takes in a motion of the camera, in pixels of the frame. What is unknown is taken for rest until it is found.
    pub fn follow(&mut self, t: Micros, camera: &CameraMotion, lattice: Lattice) {
        let Some(map) = camera.since_known() else { return };
        let (sx, sy) = lattice.pixels_per_cell();
        self.picture_from_background = stretched(map, 1.0 / sx, 1.0 / sy).after(&self.picture_from_background);
        self.moved_at = Some(t);
    }

    /// Corrects the map by finding the background's texture in the picture: errors do not add up.
    pub fn refine(&mut self, t: Micros, landmarks: &Landmarks, texture: &Texture) {
        let guess = stretched(&self.picture_from_background, 0.5, 0.5);
        let found = align(&landmarks.texture, &landmarks.blocks, texture, &guess, RADIUS);
        self.take_error(t, found.as_ref().map_or(ERROR_UNFOUND, |found| 2.0 * found.error));
        if let Some(found) = found {
            self.picture_from_background = stretched(&found.map, 2.0, 2.0);
        }
    }

    fn take_error(&mut self, t: Micros, error: f32) {
        let (mean, at) = self.error.unwrap_or((error, t));
        let share = 1.0 - (-secs_from_micros(t.saturating_sub(at)) / ERROR_SECS).exp();
        self.error = Some((mean + share as f32 * (error - mean), t));
    }

    /// Whether pictures have lately lain on the background as pictures of rigid ground do.
    pub fn fits_well(&self) -> bool {
        self.error.is_some_and(|(mean, _)| mean <= WELL_LAID)
    }

    /// Whether the picture lies as the background does.
    pub fn is_identity(&self) -> bool {
        self.picture_from_background == Affine::IDENTITY
    }

    /// Whether the camera moved in this very frame.
    pub fn moves(&self, t: Micros) -> bool {
        self.moved_at == Some(t)
    }

    /// Whether the camera has moved lately.
    pub fn is_restless(&self, t: Micros) -> bool {
        self.moved_at.is_some_and(|at| t.saturating_sub(at) < UNREST_US)
    }

    /// The picture laid on the background, and the background's cells it does not show.
    pub fn lay<'a>(&self, plane: &'a Plane) -> (Cow<'a, Plane>, BitPlane) {
        if self.is_identity() {
            return (Cow::Borrowed(plane), BitPlane::new(plane.lattice.width, plane.lattice.height));
        }
        let (plane, outside) = registered(plane, &self.picture_from_background);
        (Cow::Owned(plane), outside)
    }

    /// A box of the background's cells in the picture's.
    pub fn to_picture(&self, rect: &Rect) -> Rect {
        self.picture_from_background.apply_to_rect(rect)
    }

    /// A box of the picture's cells in the background's.
    pub fn to_background(&self, rect: &Rect) -> Rect {
        let back = self.picture_from_background.inverse().unwrap_or(Affine::IDENTITY);
        back.apply_to_rect(rect)
    }

    /// A piece of the background's cells as a mask of the picture.
    pub fn mask(&self, piece: &Piece, lattice: Lattice) -> Mask {
        let bits = piece.to_bits(lattice.width, lattice.height);
        let size = Size { width: lattice.width as u32, height: lattice.height as u32 };
        if self.is_identity() {
            return Mask::from_cells(size, bounds(&rect_of(piece), size), |x, y| bits.get(x as usize, y as usize));
        }
        let back = self.picture_from_background.inverse().unwrap_or(Affine::IDENTITY);
        // One cell more on each side: the box of a turned box is larger than the turned box.
        let around = self.to_picture(&rect_of(piece));
        let around = Rect::new(around.left - 1.0, around.top - 1.0, around.width + 2.0, around.height + 2.0);
        Mask::from_cells(size, bounds(&around, size), |x, y| {
            let (u, v) = back.apply(x as f32 + 0.5, y as f32 + 0.5);
            u >= 0.0
                && v >= 0.0
                && (u as usize) < bits.width
                && (v as usize) < bits.height
                && bits.get(u as usize, v as usize)
        })
    }

    /// How far the middle of the background is off that of the picture, as a share of its width or height.
    pub fn shift_share(&self, lattice: Lattice) -> f32 {
        let (width, height) = (lattice.width as f32, lattice.height as f32);
        let (x, y) = self.picture_from_background.apply(width / 2.0, height / 2.0);
        ((x / width - 0.5).abs()).max((y / height - 0.5).abs())
    }

    /// The shift by whole cells, of luma as of chroma, that brings the middle of the background closest to that of the
    /// picture: a background moved by it stays as sharp as it was.
    pub fn whole_shift(&self, lattice: Lattice) -> Affine {
        let (x, y) = (lattice.width as f32 / 2.0, lattice.height as f32 / 2.0);
        let (u, v) = self.picture_from_background.apply(x, y);
        let even = |cells: f32| 2.0 * (cells / 2.0).round();
        Affine::translation(even(u - x), even(v - y))
    }

    /// Takes in that the background's places have gone where `moved` takes them.
    pub fn relocate(&mut self, moved: &Affine) {
        let still = self.picture_from_background == *moved;
        let back = moved.inverse().filter(|_| !still);
        self.picture_from_background = back.map_or(Affine::IDENTITY, |back| self.picture_from_background.after(&back));
    }
}

/// The cells a box touches.
fn bounds(rect: &Rect, lattice: Size) -> CellBounds {
    let rect = rect.clipped(lattice);
    let (left, top) = (rect.left.floor() as u32, rect.top.floor() as u32);
    let (right, bottom) = (rect.right().ceil() as u32, rect.bottom().ceil() as u32);
    CellBounds { left, top, width: right - left, height: bottom - top }
}

/// The background's texture, by which a picture is laid on it.
#[derive(Serialize, Deserialize)]
pub(super) struct Landmarks {
    texture: Texture,
    blocks: Vec<Block>,
}

impl Landmarks {
    /// The landmarks of a background.
    pub fn of(background: &Background) -> Self {
        let luma: Vec<u8> = background.y.mean.iter().map(|level| *level as u8).collect();
        let texture = Texture::of(&luma, background.lattice.width);
        Self { blocks: texture.blocks(), texture }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::components::Run;

    #[test]
    fn a_background_that_goes_along_by_whole_cells_leaves_the_rest_to_the_pose() {
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        let mut pose = Pose::default();
        pose.follow(0, &CameraMotion::Moved(Affine::translation(-7.3, 2.6)), lattice);
        let moved = pose.whole_shift(lattice);
        assert_eq!(moved, Affine::translation(-8.0, 2.0));
        pose.relocate(&moved);
        let (x, y) = pose.picture_from_background.apply(0.0, 0.0);
        assert!((x - 0.7).abs() < 1e-5 && (y - 0.6).abs() < 1e-5, "{x} {y}");
        let whole = pose.picture_from_background;
        pose.relocate(&whole);
        assert!(pose.is_identity());
    }

    #[test]
    fn a_fit_is_judged_over_a_while() {
        let mut pose = Pose::default();
        assert!(!pose.fits_well(), "nothing is known yet");
        pose.take_error(0, 0.1);
        assert!(pose.fits_well());
        pose.take_error(40_000, ERROR_UNFOUND);
        assert!(pose.fits_well(), "one picture is not enough");
        (2..20).for_each(|i| pose.take_error(i * 40_000, 0.4));
        assert!(!pose.fits_well());
    }

    #[test]
    fn a_mask_follows_the_camera() {
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        let piece = Piece::new((10..20).map(|y| Run { y, from: 30, to: 50 }).collect());
        let mut pose = Pose::default();
        let at_rest = pose.mask(&piece, lattice);
        assert_eq!((at_rest.area(), at_rest.bounds.left, at_rest.bounds.top), (200, 30, 10));
        pose.follow(0, &CameraMotion::Moved(Affine::translation(-7.0, 3.0)), lattice);
        let moved = pose.mask(&piece, lattice);
        assert_eq!(moved.area(), 200);
        assert!(moved.is_well_formed());
        assert_eq!(moved.share_inside(lattice.frame, &Rect::new(23.0, 13.0, 20.0, 10.0)), 1.0);
        pose.follow(1, &CameraMotion::Moved(Affine::translation(-40.0, 0.0)), lattice);
        assert_eq!(pose.mask(&piece, lattice).area(), 30, "the rest is out of the picture");
        pose.follow(2, &CameraMotion::Moved(Affine::translation(-90.0, 0.0)), lattice);
        assert!(pose.mask(&piece, lattice).is_well_formed());
    }
}
