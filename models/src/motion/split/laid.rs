//! A sprite laid where it fits the picture best near the place where its thing is expected.

use super::super::plane::{Lattice, Plane};
use super::super::sprite::{Anchor, COVERED, Sprite};
use super::Claim;
use super::field::Field;

/// How far from the expected place a sprite is looked for, in columns and rows.
const SEARCH: (i32, i32) = (5, 2);
/// What a step away from the expected place adds to the mean misfit, for its square, in columns and rows.
const STRAY_COST: (f32, f32) = (0.004, 0.012);
/// Misfit of a cell of a sprite where the picture shows the background.
const BARE_MISFIT: f32 = 1.5;

/// A sprite laid on the picture.
pub(super) struct Laid<'a> {
    pub(super) sprite: &'a Sprite,
    pub(super) anchor: Anchor,
}

impl Laid<'_> {
    pub(super) fn misfit(&self, x: usize, y: usize, plane: &Plane) -> f32 {
        self.sprite.misfit(x as i32 - self.anchor.x, y as i32 - self.anchor.y, plane.colour(x, y))
    }

    pub(super) fn share(&self, x: i32, y: i32) -> f32 {
        self.sprite.at(x - self.anchor.x, y - self.anchor.y).map_or(0.0, |cell| cell.share)
    }

    pub(super) fn covers(&self, x: usize, y: usize) -> bool {
        self.share(x as i32, y as i32) >= COVERED
    }

    /// Share of it that is not hidden, of what lies on the plane.
    pub(super) fn visible(&self, lattice: Lattice, hidden: impl Fn(i32, i32) -> bool) -> f32 {
        let (mut all, mut covered) = (0.0, 0.0);
        for dy in self.sprite.rows() {
            for dx in self.sprite.columns() {
                let (x, y) = (self.anchor.x + dx, self.anchor.y + dy);
                let share = self.sprite.at(dx, dy).map_or(0.0, |cell| cell.share);
                let inside = x >= 0 && y >= 0 && x < lattice.width as i32 && y < lattice.height as i32;
                if share > 0.0 && inside {
                    all += share;
                    covered += if hidden(x, y) { share } else { 0.0 };
                }
            }
        }
        1.0 - covered / f32::max(all, 1.0)
    }
}

impl Field<'_> {
    /// Lays a claimant's sprite where it fits best.
    pub(super) fn laid<'s>(&self, claim: &Claim<'s>, plane: &Plane) -> Option<Laid<'s>> {
        let sprite = claim.sprite?;
        let from_top = sprite.anchor_in_view(&claim.rect, plane.lattice);
        // Of a box that is much too short nothing but the picture tells which end of the thing it is.
        let from_foot = Anchor { y: sprite.anchor_on(&claim.rect).y, ..from_top };
        let is_short = from_top.y - from_foot.y > 2 * SEARCH.1;
        let mut best: Option<(f32, Anchor)> = None;
        for expected in [from_top].into_iter().chain(is_short.then_some(from_foot)) {
            for dy in -SEARCH.1..=SEARCH.1 {
                for dx in -SEARCH.0..=SEARCH.0 {
                    let anchor = Anchor { x: expected.x + dx, y: expected.y + dy };
                    let stray = STRAY_COST.0 * (dx * dx) as f32 + STRAY_COST.1 * (dy * dy) as f32;
                    let Some(mean) = self.mean_misfit(sprite, anchor, plane) else { continue };
                    let misfit = stray + mean;
                    if best.is_none_or(|(least, _)| misfit < least) {
                        best = Some((misfit, anchor));
                    }
                }
            }
        }
        best.map(|(_, anchor)| Laid { sprite, anchor })
    }

    /// Mean misfit of every second cell both ways; `None` where the picture shows none of them.
    pub(super) fn mean_misfit(&self, sprite: &Sprite, anchor: Anchor, plane: &Plane) -> Option<f32> {
        let (width, height) = (plane.lattice.width as i32, plane.lattice.height as i32);
        let (mut sum, mut n) = (0.0, 0);
        for dy in sprite.rows().step_by(2) {
            for dx in sprite.columns().step_by(2) {
                let (x, y) = (anchor.x + dx, anchor.y + dy);
                let covered = sprite.at(dx, dy).is_some_and(|cell| cell.share >= COVERED);
                if !covered || x < 0 || y < 0 || x >= width || y >= height {
                    continue;
                }
                n += 1;
                sum += match self.holds(x, y) {
                    true => sprite.misfit(dx, dy, plane.colour(x as usize, y as usize)),
                    false => BARE_MISFIT,
                };
            }
        }
        (n > 0).then(|| sum / n as f32)
    }
}
