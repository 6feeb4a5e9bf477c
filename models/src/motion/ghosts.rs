//! Foreground where nothing is: a thing that was part of the background has gone, and the place it left differs.
//!
//! Around such a place it is the background that has an edge and not the picture. What looks so for a while at the
//! same place is a ghost, and the background believes the picture there.

use super::background::Background;
use super::components::Piece;
use super::expected::rect_of;
use super::light::Light;
use super::morphology::eroded;
use super::plane::Plane;
use serde::{Deserialize, Serialize};
use vokg_engine::geometry::Rect;
use vokg_engine::time::Micros;

/// The background's edge must exceed the picture's by this factor.
const EDGE_RATIO: f32 = 1.3;
/// The same where a track that has travelled claims the place: it may have stopped there.
const CLAIMED_EDGE_RATIO: f32 = 2.0;
/// Least mean slope of the background's edge, in grey levels per cell.
const LEAST_EDGE: f32 = 8.0;
/// Overlap with the place of the frame before.
const SAME_PLACE_IOU: f32 = 0.5;

/// Places that look like ghosts, and since when.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ghosts {
    suspects: Vec<Suspect>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Suspect {
    rect: Rect,
    since: Micros,
}

/// Something that may be a ghost.
pub(super) struct Candidate<'a> {
    /// Its cells.
    pub piece: &'a Piece,
    /// A track that has travelled claims it.
    pub claimed: bool,
}

impl Ghosts {
    /// Indices of the candidates that have looked like ghosts for `patience_us`. Called once per frame.
    pub fn confirmed(
        &mut self,
        t: Micros,
        candidates: &[Candidate<'_>],
        scene: &Scene<'_>,
        patience_us: Micros,
    ) -> Vec<usize> {
        let mut confirmed = Vec::new();
        let mut suspects = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            if !scene.looks_left(candidate) {
                continue;
            }
            let rect = rect_of(candidate.piece);
            let before = self.suspects.iter().find(|s| s.rect.iou(&rect) > SAME_PLACE_IOU);
            let since = before.map_or(t, |s| s.since);
            if t.saturating_sub(since) >= patience_us {
                confirmed.push(index);
            } else {
                suspects.push(Suspect { rect, since });
            }
        }
        self.suspects = suspects;
        confirmed
    }
}

/// A picture and the background in its light.
pub(super) struct Scene<'a> {
    /// The picture.
    pub plane: &'a Plane,
    /// The background.
    pub background: &'a Background,
    /// The picture's light.
    pub light: &'a Light,
}

impl Scene<'_> {
    /// Whether the background has an edge around the candidate and the picture has none.
    fn looks_left(&self, candidate: &Candidate<'_>) -> bool {
        let (in_background, in_picture) = self.edges(candidate.piece);
        let ratio = if candidate.claimed { CLAIMED_EDGE_RATIO } else { EDGE_RATIO };
        in_background > LEAST_EDGE && in_background > ratio * in_picture
    }

    /// Mean slope of background and picture along the outline of a piece.
    fn edges(&self, piece: &Piece) -> (f32, f32) {
        let (width, height) = (self.plane.lattice.width, self.plane.lattice.height);
        let cells = piece.to_bits(width, height);
        let mut outline = cells.dilated(1);
        outline.subtract(&eroded(&cells, 1));
        let (mut n, mut background, mut picture) = (0.0, 0.0, 0.0);
        for y in piece.rows.start.max(2) - 1..(piece.rows.end + 1).min(height - 1) {
            outline.for_each_run(y, |xs| {
                for x in xs.start.max(1)..xs.end.min(width - 1) {
                    let at = y * width + x;
                    let level = |at: usize| f32::from(self.plane.y[at]);
                    let (dx, dy) =
                        ((level(at + 1) - level(at - 1)) / 2.0, (level(at + width) - level(at - width)) / 2.0);
                    n += 1.0;
                    background += self.light.gain * self.background.slope[at].sqrt();
                    picture += dx.hypot(dy);
                }
            });
        }
        if n > 0.0 { (background / n, picture / n) } else { (0.0, 0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::components::Run;
    use crate::motion::plane::Lattice;
    use vokg_engine::geometry::Size;

    /// Dark ground with a bright block, or without.
    fn picture(block: bool) -> Plane {
        let lattice = Lattice::over(Size { width: 64, height: 64 }, 384);
        let inside = |i: usize| (20..40).contains(&(i % 64)) && (20..40).contains(&(i / 64));
        let y = (0..64 * 64).map(|i| if block && inside(i) { 180 } else { 60 }).collect();
        Plane { lattice, y, u: vec![128; 32 * 32], v: vec![128; 32 * 32] }
    }

    fn found_after(background: &Plane, seen: &Plane, claimed: bool) -> Option<Micros> {
        let background = Background::of(background, 0.5);
        let scene = Scene { plane: seen, background: &background, light: &Light::AS_BEFORE };
        let piece = Piece::new((20..40).map(|y| Run { y, from: 20, to: 40 }).collect());
        let mut ghosts = Ghosts::default();
        let times = (0..30).map(|i| i * 40_000);
        let mut hits = times
            .filter(|t| !ghosts.confirmed(*t, &[Candidate { piece: &piece, claimed }], &scene, 500_000).is_empty());
        hits.next()
    }

    #[test]
    fn what_was_taken_away_is_a_ghost_after_a_while() {
        assert_eq!(found_after(&picture(true), &picture(false), false), Some(520_000));
        assert_eq!(found_after(&picture(true), &picture(false), true), Some(520_000));
    }

    #[test]
    fn what_was_put_down_is_none() {
        assert_eq!(found_after(&picture(false), &picture(true), false), None);
    }

    #[test]
    fn a_suspect_that_goes_away_starts_anew() {
        let background = Background::of(&picture(true), 0.5);
        let seen = picture(false);
        let scene = Scene { plane: &seen, background: &background, light: &Light::AS_BEFORE };
        let piece = Piece::new((20..40).map(|y| Run { y, from: 20, to: 40 }).collect());
        let candidates = [Candidate { piece: &piece, claimed: false }];
        let mut ghosts = Ghosts::default();
        assert!(ghosts.confirmed(0, &candidates, &scene, 500_000).is_empty());
        assert!(ghosts.confirmed(400_000, &[], &scene, 500_000).is_empty());
        assert!(ghosts.confirmed(600_000, &candidates, &scene, 500_000).is_empty());
    }
}
