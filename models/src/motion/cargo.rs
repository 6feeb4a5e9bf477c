//! What somebody carries: a part of the blob that stands out to one side and does not swing.
//!
//! Legs and arms swing past the trunk to both sides and back; a bag beside the hip stays. So in a sprite learnt while its
//! owner walked, firm cells beside the trunk, below the shoulders and above the ground, are a carried thing (after
//! Haritaoglu, Cutler, Harwood and Davis, "Backpack: detection of people carrying objects using silhouettes", ICCV
//! 1999). How far it reaches in front of the trunk is told by its colour.

use super::sprite::{Anchor, COVERED, Sprite};
use std::ops::Range;
use vokg_engine::geometry::Rect;

/// Cells covered in at least this share of pictures do not swing.
const FIRM: f32 = 0.75;
/// Rows of the trunk, as shares of the height.
const TRUNK_ROWS: (f32, f32) = (0.1, 0.35);
/// Rows in which things are carried: not at the feet.
const CARRIED_ROWS: (f32, f32) = (0.3, 0.95);
/// Who carries is upright: the trunk is at most this wide, in heights, ...
const TRUNK_WIDTH: f32 = 0.45;
/// ... he is, with what he carries, at most this wide, ...
const WHOLE_WIDTH: f32 = 0.8;
/// ... and at least so many cells tall.
const LEAST_HEIGHT: f32 = 20.0;
/// How far beside the trunk it begins to stand out, in heights.
const BESIDE: f32 = 0.05;
/// Bounds of the height of what stands out, in heights.
const HEIGHT: (f32, f32) = (0.15, 0.6);
/// How far it stands out at least and at most.
const REACH: (f32, f32) = (0.08, 0.55);
/// Differences of luma and chroma within one thing.
const SAME_COLOUR: (f32, f32) = (26.0, 8.0);
/// Widest and narrowest it can be, in its own heights.
const WIDTH: (f32, f32) = (0.8, 1.5);

/// The box of what is carried about the anchor of who carries it, `None` where nothing is.
pub(super) fn carried(sprite: &Sprite) -> Option<Rect> {
    let covered = |x: i32, y: i32| sprite.at(x, y).is_some_and(|cell| cell.share >= COVERED);
    let height = sprite.rows().filter(|y| sprite.columns().any(|x| covered(x, *y))).count() as f32;
    let row = |share: f32| (share * height) as i32;
    let trunk = trunk(sprite, row(TRUNK_ROWS.0)..row(TRUNK_ROWS.1))?;
    let width = sprite.columns().filter(|x| sprite.rows().any(|y| covered(*x, y))).count() as f32;
    let upright = trunk.len() as f32 <= TRUNK_WIDTH * height && width <= WHOLE_WIDTH * height;
    if height < LEAST_HEIGHT || !upright {
        return None;
    }
    let rows = row(CARRIED_ROWS.0)..row(CARRIED_ROWS.1);
    let beside = (BESIDE * height).round().max(1.0) as i32;
    let sides = [(1, trunk.end - 1 + beside), (-1, trunk.start - beside)];
    let found = sides.into_iter().filter_map(|(side, edge)| standing_out(sprite, side, edge, rows.clone(), height));
    found.max_by_key(|out| out.cells).map(|out| out.rect(sprite))
}

/// Columns of the trunk: median of the rows.
fn trunk(sprite: &Sprite, rows: Range<i32>) -> Option<Range<i32>> {
    let mut ends: (Vec<i32>, Vec<i32>) = Default::default();
    for y in rows {
        let covered = || sprite.columns().filter(|x| sprite.at(*x, y).is_some_and(|cell| cell.share >= COVERED));
        if let (Some(first), Some(last)) = (covered().next(), covered().next_back()) {
            ends.0.push(first);
            ends.1.push(last + 1);
        }
    }
    ends.0.sort_unstable();
    ends.1.sort_unstable();
    Some(*ends.0.get(ends.0.len() / 2)?..*ends.1.get(ends.1.len() / 2)?)
}

/// What stands out to one side.
struct StandingOut {
    side: i32,
    /// The column from which on it stands out, and the farthest.
    edge: i32,
    outer: i32,
    rows: Range<i32>,
    cells: usize,
}

fn standing_out(sprite: &Sprite, side: i32, edge: i32, rows: Range<i32>, height: f32) -> Option<StandingOut> {
    let firm = |x: i32, y: i32| sprite.at(x, y).is_some_and(|cell| cell.share >= FIRM);
    let reach = |y: i32| (1..=(REACH.1 * height) as i32 + 1).take_while(|i| firm(edge + side * i, y)).count() as i32;
    let least = (REACH.0 * height).max(2.0) as i32;
    let mut best: Range<i32> = 0..0;
    let mut start = None;
    for y in rows.start..=rows.end {
        match (y < rows.end && reach(y) >= least, start) {
            (true, None) => start = Some(y),
            (false, Some(from)) => {
                if y - from > best.len() as i32 {
                    best = from..y;
                }
                start = None;
            }
            _ => {}
        }
    }
    let tall = best.len() as f32;
    let mut reaches: Vec<i32> = best.clone().map(reach).collect();
    reaches.sort_unstable();
    let typical = *reaches.get(reaches.len() * 3 / 4)?;
    let fits = tall >= HEIGHT.0 * height && tall <= HEIGHT.1 * height && typical as f32 <= REACH.1 * height;
    let cells = reaches.iter().map(|reach| *reach as usize).sum();
    fits.then_some(StandingOut { side, edge, outer: edge + side * typical, rows: best, cells })
}

impl StandingOut {
    /// Its box: outwards as far as it stands out, inwards as far as it has one colour.
    fn rect(&self, sprite: &Sprite) -> Rect {
        let tall = self.rows.len() as f32;
        let colour = self.colour(sprite);
        let same = |x: i32, y: i32| {
            sprite.at(x, y).is_some_and(|cell| {
                cell.share >= COVERED
                    && (cell.colour[0] - colour[0]).abs() <= SAME_COLOUR.0
                    && (cell.colour[1] - colour[1]).abs() <= SAME_COLOUR.1
                    && (cell.colour[2] - colour[2]).abs() <= SAME_COLOUR.1
            })
        };
        let alike = |x: i32| self.rows.clone().filter(|y| same(x, *y)).count() as f32 >= 0.5 * tall;
        let widest = (WIDTH.1 * tall) as i32;
        let narrowest = (WIDTH.0 * tall) as i32;
        let mut inwards = 0;
        let mut width = (self.outer - self.edge).abs();
        while width + inwards < widest && alike(self.edge - self.side * inwards) {
            inwards += 1;
        }
        width = (width + inwards).max(narrowest);
        let inner = self.outer - self.side * (width - 1);
        let (left, right) = (inner.min(self.outer), inner.max(self.outer) + 1);
        Rect::new(left as f32, self.rows.start as f32, (right - left) as f32, tall)
    }

    /// Median colour of what stands out.
    fn colour(&self, sprite: &Sprite) -> [f32; 3] {
        let columns = self.edge.min(self.outer)..=self.edge.max(self.outer);
        let cells = self.rows.clone().flat_map(|y| columns.clone().filter_map(move |x| sprite.at(x, y)));
        let cells: Vec<[f32; 3]> = cells.filter(|cell| cell.share >= FIRM).map(|cell| cell.colour).collect();
        [0, 1, 2].map(|i| {
            let mut values: Vec<f32> = cells.iter().map(|colour| colour[i]).collect();
            values.sort_unstable_by(f32::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(0.0)
        })
    }
}

/// The box on the plane.
pub(super) fn placed(carried: &Rect, anchor: Anchor) -> Rect {
    Rect::new(carried.left + anchor.x as f32, carried.top + anchor.y as f32, carried.width, carried.height)
}

#[cfg(test)]
mod tests {
    use super::super::sprite::tests::sprite;
    use super::*;

    /// Somebody who walks to the right, the leg swinging, beside him `load`: columns about the left of the trunk, rows.
    fn walker(i: u64, load: Option<(Range<usize>, Range<usize>)>) -> Vec<(Range<usize>, Range<usize>, u8)> {
        let x = 30 + i as usize;
        let foot = if i % 10 < 5 { x - 6 } else { x + 6 };
        let load = load.map(|(columns, rows)| (x + columns.start - 20..x + columns.end - 20, rows, 30));
        [(x..x + 8, 8..50, 90), (foot..foot + 8, 38..50, 200)].into_iter().chain(load).collect()
    }

    fn found(load: Option<(Range<usize>, Range<usize>)>) -> Option<Rect> {
        carried(&sprite(40, |i| walker(i, load.clone())))
    }

    #[test]
    fn a_bag_beside_the_hip_is_found_with_what_of_it_is_before_the_trunk() {
        // Columns 24 to 38 about a trunk of 20 to 28, whose anchor is at 24.
        assert_eq!(found(Some((24..38, 28..43))), Some(Rect::new(0.0, 20.0, 14.0, 15.0)));
        assert_eq!(found(Some((10..24, 28..43))), Some(Rect::new(-14.0, 20.0, 14.0, 15.0)));
    }

    #[test]
    fn legs_that_swing_are_not_carried() {
        assert_eq!(found(None), None);
    }

    #[test]
    fn what_is_nearly_as_tall_or_a_mere_strip_is_not_carried() {
        assert_eq!(found(Some((24..38, 12..50))), None);
        assert_eq!(found(Some((24..38, 30..34))), None);
        assert_eq!(found(Some((24..30, 26..43))), None);
    }

    #[test]
    fn a_wide_thing_carries_nothing() {
        let car = |i: u64| {
            let x = 20 + i as usize;
            vec![(x..x + 50, 20..40, 90), (x + 50..x + 56, 30..38, 40)]
        };
        assert_eq!(carried(&sprite(20, car)), None);
        let dog = |i: u64| {
            let x = 10 + i as usize;
            vec![(x + 16..x + 24, 20..30, 90), (x..x + 40, 28..36, 90), (x + 4..x + 36, 36..46, 60)]
        };
        assert_eq!(carried(&sprite(20, dog)), None);
        let running_dog = |i: u64| {
            let x = 10 + i as usize;
            vec![(x + 20..x + 34, 10..50, 90), (x..x + 20, 28..40, 60)]
        };
        assert_eq!(carried(&sprite(20, running_dog)), None);
    }
}
