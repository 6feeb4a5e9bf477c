//! Sharing out a blob that covers several things which were apart before.
//!
//! Each cell goes to the claimant it fits best: by its distance to the expected box and by how the track looked while it
//! was alone. A track that was seen free for a while has a sprite, which is first laid where it fits the picture best
//! near the expected place; where two sprites cover each other, the one that fits better there is in front. Of others
//! the colours alone are known. Votes are smoothed over a neighbourhood, so that borders run along edges and not cell by
//! cell.

mod cost;
mod covered;
mod field;
mod laid;
mod part;

use super::colours::Colours;
use super::components::{Piece, Run};
use super::plane::Plane;
use super::sprite::Sprite;
use field::Field;
use laid::Laid;
use vokg_engine::geometry::Rect;

pub(super) use covered::covered;
pub(super) use part::{Part, trimmed_rect};

/// What is not believed yet counts where at most this share of its box lies in those that are.
const APART_SHARE: f32 = 0.25;
/// A part smaller than this share of its box explains nothing.
const EXPLAINED_SHARE: f32 = 0.15;
/// Stands for the owner of a cell that is not in the blob.
const NOBODY: usize = usize::MAX;

/// One claimant of a blob's cells.
pub(super) struct Claim<'a> {
    /// Where it is expected, in cells.
    pub rect: Rect,
    /// Its colours while it was alone, where known.
    pub colours: Option<&'a Colours>,
    /// How it looked while it was alone, where known.
    pub sprite: Option<&'a Sprite>,
    /// Cells it had while it was alone, where known: fewer where the border cut it.
    pub area: Option<f32>,
}

/// The part of each claimant; `None` for one whose part is too small to be it.
pub(super) fn split(piece: &Piece, claims: &[Claim<'_>], plane: &Plane) -> Vec<Option<Part>> {
    let field = Field::of(piece);
    let laid: Vec<Option<Laid<'_>>> = claims.iter().map(|claim| field.laid(claim, plane)).collect();
    let mut costs: Vec<Vec<f32>> =
        claims.iter().zip(&laid).map(|(claim, laid)| field.costs(claim, laid.as_ref(), plane)).collect();
    let depth = field.put_in_order(claims, &laid, &mut costs, plane);
    let smooth: Vec<Vec<f32>> = costs.iter().map(|costs| field.smoothed(costs)).collect();
    let mut owners = vec![NOBODY; field.width * piece.rows.len()];
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); claims.len()];
    for run in &piece.runs {
        for x in run.from..run.to {
            let at = field.index(x, run.y);
            let cheapest = (0..claims.len()).min_by(|a, b| smooth[*a][at].total_cmp(&smooth[*b][at])).unwrap_or(0);
            owners[at] = cheapest;
            match runs[cheapest].last_mut() {
                Some(last) if last.y == run.y && last.to == x => last.to = x + 1,
                _ => runs[cheapest].push(Run { y: run.y, from: x, to: x + 1 }),
            }
        }
    }
    let others_laid = |index: usize| laid.iter().enumerate().all(|(other, laid)| other == index || laid.is_some());
    let part = |(index, (runs, claim)): (usize, (Vec<Run>, &Claim<'_>))| {
        let piece = Piece::new(runs);
        if (piece.area as f32) < EXPLAINED_SHARE * claim.rect.area() {
            return None;
        }
        let hidden = |x: i32, y: i32| {
            let owner = field.holds(x, y).then(|| owners[field.index(x as usize, y as usize)]);
            owner.is_some_and(|owner| depth.hides(owner, index))
        };
        let apart = |other: &Claim<'_>| {
            std::ptr::eq(other, claim)
                || other.rect.overlap(&claim.rect) <= APART_SHARE * claim.rect.area().min(other.rect.area())
        };
        Some(match &laid[index] {
            Some(laid) => Part::of_laid(piece, laid, laid.visible(plane.lattice, hidden)),
            None => {
                let part = Part::of_unknown(piece, claim.area, depth.is_foremost(index) && others_laid(index));
                Part { measured: part.measured || claims.iter().all(apart), ..part }
            }
        })
    };
    runs.into_iter().zip(claims).enumerate().map(part).collect()
}

/// The box of a thing of this look in a blob, near where it is expected, and how badly its cells fit on average.
pub(super) fn found_at(piece: &Piece, expected: &Rect, sprite: &Sprite, plane: &Plane) -> Option<(Rect, f32)> {
    let field = Field::of(piece);
    let laid = field.laid(&Claim { rect: *expected, colours: None, sprite: Some(sprite), area: None }, plane)?;
    Some((sprite.rect_at(laid.anchor), field.mean_misfit(sprite, laid.anchor, plane)?))
}

#[cfg(test)]
mod tests {
    use super::super::expected::Expected;
    use super::super::plane::Lattice;
    use super::*;
    use crate::motion::sprite::tests::{scene, sprite};
    use vokg_engine::geometry::Size;
    use vokg_engine::id::TrackId;

    fn plane() -> Plane {
        let lattice = Lattice::over(Size { width: 128, height: 64 }, 384);
        let y = (0..128 * 64).map(|i| if i % 128 < 50 { 40 } else { 200 }).collect();
        Plane { lattice, y, u: vec![128; 64 * 32], v: vec![128; 64 * 32] }
    }

    fn block(x: usize, y: usize, width: usize, height: usize) -> Piece {
        Piece::new((y..y + height).map(|y| Run { y, from: x, to: x + width }).collect())
    }

    fn expect(rect: Rect, unseen_us: u64) -> Expected {
        Expected { track: Some(TrackId(1)), rect, settled: false, unseen_us }
    }

    #[test]
    fn a_blob_covers_the_boxes_it_fills() {
        let blob = block(20, 10, 60, 40);
        let inside = expect(Rect::new(20.0, 10.0, 30.0, 40.0), 0);
        let outside = expect(Rect::new(90.0, 10.0, 30.0, 40.0), 0);
        let long_gone = expect(Rect::new(50.0, 10.0, 30.0, 40.0), 9_000_000);
        assert_eq!(covered(&blob, &[inside, outside, long_gone], 600_000, plane().lattice), [0]);
    }

    #[test]
    fn who_has_just_come_in_counts_beside_one_who_was_there() {
        let blob = block(98, 10, 30, 50);
        let there = expect(Rect::new(98.0, 10.0, 20.0, 24.0), 0);
        let new = |rect| Expected { track: None, ..expect(rect, 0) };
        let coming_in = new(Rect::new(116.0, 36.0, 12.0, 24.0));
        let his_legs = new(Rect::new(98.0, 36.0, 12.0, 24.0));
        let his_arm = new(Rect::new(112.0, 14.0, 16.0, 8.0));
        let found = covered(&blob, &[there.clone(), coming_in.clone(), his_legs, his_arm], 600_000, plane().lattice);
        assert_eq!(found, [0, 1]);
        let just_in = new(Rect::new(111.0, 36.0, 12.0, 24.0));
        assert_eq!(covered(&blob, &[there.clone(), just_in], 600_000, plane().lattice), [0, 1]);
        let farther = new(Rect::new(105.0, 36.0, 12.0, 24.0));
        assert_eq!(covered(&blob, &[there.clone(), farther], 600_000, plane().lattice), [0]);
        assert!(covered(&blob, &[coming_in], 600_000, plane().lattice).is_empty(), "alone it is the blob");
    }

    #[test]
    fn boxes_that_lie_apart_are_measured_by_their_cells() {
        let claim =
            |top, height| Claim { rect: Rect::new(20.0, top, 30.0, height), colours: None, sprite: None, area: None };
        let measured = |claims: &[Claim<'_>]| -> Vec<bool> {
            split(&block(20, 10, 30, 50), claims, &plane()).iter().flatten().map(|part| part.measured).collect()
        };
        assert_eq!(measured(&[claim(10.0, 24.0), claim(35.0, 24.0)]), [true, true]);
        assert_eq!(measured(&[claim(10.0, 40.0), claim(20.0, 40.0)]), [false, false]);
    }

    #[test]
    fn without_colours_the_nearer_box_wins() {
        let claim = |left| Claim { rect: Rect::new(left, 10.0, 30.0, 40.0), colours: None, sprite: None, area: None };
        let parts = split(&block(20, 10, 60, 40), &[claim(20.0), claim(50.0)], &plane());
        let rects: Vec<Rect> = parts.iter().flatten().map(|part| part.rect).collect();
        assert_eq!(rects.len(), 2);
        assert!(rects[0].iou(&Rect::new(20.0, 10.0, 30.0, 40.0)) > 0.9);
        assert!(rects[1].iou(&Rect::new(50.0, 10.0, 30.0, 40.0)) > 0.9);
    }

    #[test]
    fn colours_tell_apart_what_overlaps() {
        let plane = plane();
        let dark = Colours::of(&plane, &block(5, 5, 30, 30).runs);
        let bright = Colours::of(&plane, &block(80, 5, 30, 30).runs);
        let claim = |colours| Claim { rect: Rect::new(30.0, 10.0, 40.0, 40.0), colours, sprite: None, area: None };
        let parts = split(&block(30, 10, 40, 40), &[claim(Some(&dark)), claim(Some(&bright))], &plane);
        let columns: Vec<_> = parts.iter().flatten().map(|p| p.piece.columns.clone()).collect();
        assert_eq!(columns, [30..50, 50..70]);
    }

    #[test]
    fn a_claim_without_cells_is_left_out() {
        let far = Claim { rect: Rect::new(100.0, 50.0, 20.0, 10.0), colours: None, sprite: None, area: None };
        let near = Claim { rect: Rect::new(20.0, 10.0, 30.0, 30.0), colours: None, sprite: None, area: None };
        let parts = split(&block(20, 10, 30, 30), &[near, far], &plane());
        assert!(parts[0].is_some() && parts[1].is_none());
    }

    /// Two who look different, each known from standing free: the first of rows alike, the second of two halves.
    fn two_sprites() -> (Sprite, Sprite) {
        let first = sprite(10, |_| vec![(20..32, 10..50, 40)]);
        let second = sprite(10, |_| vec![(60..72, 12..32, 200), (60..72, 32..52, 160)]);
        (first, second)
    }

    #[test]
    fn a_box_of_the_foot_alone_is_laid_by_the_foot() {
        let (first, second) = two_sprites();
        let (plane, blob) = scene(&[(46..58, 12..32, 200), (46..58, 32..52, 160), (34..46, 10..50, 40)]);
        let claim = |rect, sprite| Claim { rect, colours: None, sprite: Some(sprite), area: None };
        let (whole, foot) = (Rect::new(34.0, 10.0, 12.0, 40.0), Rect::new(46.0, 34.0, 12.0, 18.0));
        let parts = split(&blob, &[claim(whole, &first), claim(foot, &second)], &plane);
        let rects: Vec<Rect> = parts.iter().flatten().map(|part| part.rect).collect();
        assert!(rects.len() == 2 && rects[1].iou(&Rect::new(46.0, 12.0, 12.0, 40.0)) > 0.9, "{rects:?}");
    }

    #[test]
    fn what_is_below_the_foot_is_of_nobody() {
        let first = sprite(10, |_| vec![(20..32, 0..24, 40)]);
        let second = sprite(10, |_| vec![(60..72, 0..24, 200)]);
        let (plane, blob) = scene(&[(34..46, 0..24, 40), (46..58, 0..24, 200), (46..58, 24..60, 160)]);
        let claim = |left, sprite| Claim {
            rect: Rect::new(left, 0.0, 12.0, 24.0),
            colours: None,
            sprite: Some(sprite),
            area: None,
        };
        let parts = split(&blob, &[claim(34.0, &first), claim(46.0, &second)], &plane);
        let second = parts[1].as_ref().expect("it is there");
        assert!(second.rect.iou(&Rect::new(46.0, 0.0, 12.0, 24.0)) > 0.8, "{:?}", second.rect);
        assert!(second.beyond.as_ref().is_some_and(|beyond| beyond.area > 300 && beyond.rows.end == 60));
        assert!(parts[0].as_ref().is_some_and(|part| part.rect.bottom() <= 30.0));
    }

    #[test]
    fn who_is_in_front_keeps_his_box_and_who_is_behind_as_well() {
        let (first, second) = two_sprites();
        let (plane, blob) = scene(&[(46..58, 12..32, 200), (46..58, 32..52, 160), (40..52, 10..50, 40)]);
        let claim = |rect, sprite| Claim { rect, colours: None, sprite: Some(sprite), area: None };
        let expected = [Rect::new(41.0, 10.0, 12.0, 40.0), Rect::new(44.0, 12.0, 12.0, 40.0)];
        let parts = split(&blob, &[claim(expected[0], &first), claim(expected[1], &second)], &plane);
        let parts: Vec<&Part> = parts.iter().flatten().collect();
        assert_eq!(parts.len(), 2);
        assert!(parts[0].rect.iou(&Rect::new(40.0, 10.0, 12.0, 40.0)) > 0.9, "{:?}", parts[0].rect);
        assert!(parts[1].rect.iou(&Rect::new(46.0, 12.0, 12.0, 40.0)) > 0.9, "{:?}", parts[1].rect);
        assert!(parts[0].piece.area > 420 && parts[1].piece.area < 320, "the first is in front");
        assert!(parts[0].measured && parts[1].measured);
    }
}
