//! Which of the expected boxes a blob covers.

use super::super::components::Piece;
use super::super::expected::{Expected, rect_of};
use super::super::newcomers::is_at_side;
use super::super::plane::Lattice;
use super::APART_SHARE;
use vokg_engine::geometry::Rect;

/// A blob covers a box when its own box covers more than this share of it ...
const COVERED_SHARE: f32 = 0.5;
/// ... and its cells fill more than this share.
const FILLED_SHARE: f32 = 0.15;
/// What is farther from the side than this share of its width is believed, or came from elsewhere.
const JUST_IN_SHARE: f32 = 0.5;

/// Indices of the expected boxes a blob covers, those seen lately only. What has just come in through a side of the frame
/// and is not believed yet counts beside one that is.
pub(in crate::motion) fn covered(
    piece: &Piece,
    expected: &[Expected],
    patience_us: u64,
    lattice: Lattice,
) -> Vec<usize> {
    let around = rect_of(piece);
    let fills = |e: &Expected| {
        let area = e.rect.area().max(1.0);
        let filled = piece.count_inside(e.rect.left, e.rect.top, e.rect.right(), e.rect.bottom()) as f32 / area;
        around.overlap(&e.rect) / area > COVERED_SHARE && filled > FILLED_SHARE
    };
    let covers = |e: &Expected| e.track.is_some() && e.unseen_us <= patience_us && fills(e);
    let mut covered: Vec<usize> = (0..expected.len()).filter(|i| covers(&expected[*i])).collect();
    if !covered.is_empty() {
        let apart =
            |e: &Expected| covered.iter().all(|i| expected[*i].rect.overlap(&e.rect) <= APART_SHARE * e.rect.area());
        let is_new = |e: &Expected| {
            e.track.is_none() && e.unseen_us == 0 && is_just_in(&e.rect, lattice) && fills(e) && apart(e)
        };
        let new: Vec<usize> = (0..expected.len()).filter(|i| is_new(&expected[*i])).collect();
        covered.extend(new);
        covered.sort_unstable();
    }
    covered
}

/// Whether a box lies at a side of the frame, or so near its left or right that what is in it came in a moment ago. Near the
/// foot of the frame are the legs of many who did not.
fn is_just_in(rect: &Rect, lattice: Lattice) -> bool {
    let reach = JUST_IN_SHARE * rect.width;
    let wider = Rect { left: rect.left - reach, width: rect.width + 2.0 * reach, ..*rect };
    is_at_side(&wider, lattice)
}
