//! Which pieces are parts of one thing.
//!
//! A piece that lies in a live track's box belongs to that track, but joins its largest piece only where it is small
//! or stands above or below it: letting a predicted box absorb every piece inside it makes a merged box keep itself
//! alive. Whatever else stands close together is joined by position alone, never across two tracks, and what comes in
//! through a side of the frame is no part of a track that is whole without it.

use super::components::{Piece, find, unite};
use super::expected::{Expected, rect_of, share_inside};
use super::newcomers::comes_in;
use super::plane::Lattice;
use std::collections::BTreeMap;
use vokg_engine::geometry::{Rect, length};

/// A group of pieces and the expected track they belong to.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    /// All its cells.
    pub piece: Piece,
    /// Index of the expectation it belongs to.
    pub owner: Option<usize>,
}

/// How far a predicted box is grown before pieces are looked for in it.
const BOX_MARGIN: f32 = 0.1;
/// Share of a piece that must lie in a box.
const OWNED_SHARE: f32 = 0.7;
/// A piece below this share of all the track's cells joins its largest piece.
const SMALL_SHARE: f32 = 0.2;
/// A piece that overlaps the largest one by more than this share of its columns joins it.
const COLUMN_SHARE: f32 = 0.4;
/// Gap between pieces that stand above one another, as a share of the plane's width.
const VERTICAL_GAP: f64 = 0.02;
/// Share of columns they must have in common.
const STACKED_SHARE: f32 = 0.5;
/// Gap between pieces side by side.
const SIDEWAYS_GAP: f64 = 0.01;
/// A piece beside another is joined when it is below this share of it.
const BESIDE_SHARE: f32 = 0.3;
/// A track's pieces make it up where their box overlaps the expected one so much.
const COMPLETE_IOU: f32 = 0.6;

/// Groups pieces, in the order of their first pieces. Scraps, pieces of less than `least_area`, belong to what stands
/// above or below them: what lies beside a thing on the ground is often a shadow.
/// `carrier_of`: who carries the thing of an expectation, itself where nobody does; what is his load's is his.
pub(super) fn grouped(
    pieces: Vec<Piece>,
    expected: &[Expected],
    lattice: Lattice,
    least_area: usize,
    carrier_of: impl Fn(usize) -> usize,
) -> Vec<Blob> {
    let rects: Vec<Rect> = pieces.iter().map(rect_of).collect();
    let owner = |(piece, rect)| owner(piece, rect, expected).map(&carrier_of);
    let owners = pieces.iter().zip(&rects).map(owner).collect();
    let mut groups = Groups { parents: (0..pieces.len()).collect(), owners };
    for track in 0..expected.len() {
        groups.join_own(track, &pieces, &rects);
    }
    groups.join_close(&pieces, &rects, expected, lattice, least_area);
    groups.into_blobs(pieces)
}

/// Pieces in groups: the parent of each piece, and the owner of each group at its first piece.
struct Groups {
    parents: Vec<usize>,
    owners: Vec<Option<usize>>,
}

impl Groups {
    fn join(&mut self, a: usize, b: usize, owner: Option<usize>) {
        unite(&mut self.parents, a, b);
        let root = find(&mut self.parents, a);
        self.owners[root] = owner;
    }

    /// Joins a track's pieces to its largest one, and disowns those that are things of their own.
    fn join_own(&mut self, track: usize, pieces: &[Piece], rects: &[Rect]) {
        let own: Vec<usize> = (0..pieces.len()).filter(|i| self.owners[*i] == Some(track)).collect();
        let total: usize = own.iter().map(|i| pieces[*i].area).sum();
        let Some(&largest) = own.iter().max_by_key(|i| (pieces[**i].area, std::cmp::Reverse(**i))) else { return };
        for i in own.into_iter().filter(|i| *i != largest) {
            let small = (pieces[i].area as f32) < SMALL_SHARE * total as f32;
            if small || shared_columns(&rects[i], &rects[largest]) > COLUMN_SHARE {
                self.join(i, largest, Some(track));
            } else {
                self.owners[i] = None;
            }
        }
    }

    /// Joins pieces that stand close, but never two tracks.
    fn join_close(
        &mut self,
        pieces: &[Piece],
        rects: &[Rect],
        expected: &[Expected],
        lattice: Lattice,
        least_area: usize,
    ) {
        let complete: Vec<bool> = (0..expected.len()).map(|track| self.is_complete(track, rects, expected)).collect();
        let (vertical, sideways) = (lattice.span(VERTICAL_GAP) as f32, lattice.span(SIDEWAYS_GAP) as f32);
        for a in 0..pieces.len() {
            for b in a + 1..pieces.len() {
                let (root_a, root_b) = (find(&mut self.parents, a), find(&mut self.parents, b));
                let (owner_a, owner_b) = (self.owners[root_a], self.owners[root_b]);
                let rivals = owner_a.is_some() && owner_b.is_some() && owner_a != owner_b;
                let is_newcomer = |piece: usize, owner: Option<usize>, other: Option<usize>| {
                    owner.is_none() && other.is_some_and(|other| complete[other]) && comes_in(&pieces[piece], lattice)
                };
                let apart = rivals || is_newcomer(a, owner_a, owner_b) || is_newcomer(b, owner_b, owner_a);
                if root_a == root_b || apart {
                    continue;
                }
                let (small, large) = (pieces[a].area.min(pieces[b].area), pieces[a].area.max(pieces[b].area));
                let gap = rects[a].gap(&rects[b]);
                let stacked = gap <= vertical && shared_columns(&rects[a], &rects[b]) > STACKED_SHARE;
                let beside = gap <= sideways && small >= least_area && (small as f32) < BESIDE_SHARE * large as f32;
                if stacked || beside {
                    self.join(a, b, owner_a.or(owner_b));
                }
            }
        }
    }

    /// Whether a track's own pieces already make up what was expected of it.
    fn is_complete(&mut self, track: usize, rects: &[Rect], expected: &[Expected]) -> bool {
        let mut own: Option<Rect> = None;
        for (i, rect) in rects.iter().enumerate() {
            let root = find(&mut self.parents, i);
            if self.owners[root] == Some(track) {
                own = Some(own.map_or(*rect, |own| own.union(rect)));
            }
        }
        own.is_some_and(|own| own.iou(&expected[track].rect) >= COMPLETE_IOU)
    }

    fn into_blobs(mut self, pieces: Vec<Piece>) -> Vec<Blob> {
        let mut groups: BTreeMap<usize, Vec<Piece>> = BTreeMap::new();
        for (index, piece) in pieces.into_iter().enumerate() {
            groups.entry(find(&mut self.parents, index)).or_default().push(piece);
        }
        let blob =
            |(root, members): (usize, Vec<Piece>)| Blob { piece: Piece::joined(members), owner: self.owners[root] };
        groups.into_iter().map(blob).collect()
    }
}

/// The track whose box holds most of the piece, the nearest of several.
fn owner(piece: &Piece, rect: &Rect, expected: &[Expected]) -> Option<usize> {
    let distance = |e: &Expected| {
        let ((x, y), (u, v)) = (rect.centre(), e.rect.centre());
        length(x - u, y - v)
    };
    let share = |e: &Expected| share_inside(piece, &e.rect.grown(BOX_MARGIN));
    let holders = expected.iter().enumerate().map(|(i, e)| (i, share(e), distance(e)));
    let best = holders.filter(|(_, share, _)| *share >= OWNED_SHARE);
    best.min_by(|a, b| b.1.total_cmp(&a.1).then(a.2.total_cmp(&b.2))).map(|(i, ..)| i)
}

/// Columns two boxes have in common, as a share of the narrower one's.
fn shared_columns(a: &Rect, b: &Rect) -> f32 {
    let shared = a.right().min(b.right()) - a.left.max(b.left);
    shared.max(0.0) / a.width.min(b.width).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::components::Run;
    use vokg_engine::geometry::Size;

    const LEAST_AREA: usize = 60;

    fn block(x: usize, y: usize, width: usize, height: usize) -> Piece {
        Piece::new((y..y + height).map(|y| Run { y, from: x, to: x + width }).collect())
    }

    fn expect(rect: Rect) -> Expected {
        Expected { track: None, rect, settled: false, unseen_us: 0 }
    }

    fn groups(pieces: Vec<Piece>, expected: &[Expected]) -> Vec<(usize, Option<usize>)> {
        groups_where(pieces, expected, |i| i)
    }

    fn groups_where(
        pieces: Vec<Piece>,
        expected: &[Expected],
        carrier_of: impl Fn(usize) -> usize,
    ) -> Vec<(usize, Option<usize>)> {
        let lattice = Lattice::over(Size { width: 768, height: 432 }, 384);
        grouped(pieces, expected, lattice, LEAST_AREA, carrier_of)
            .into_iter()
            .map(|b| (b.piece.area, b.owner))
            .collect()
    }

    #[test]
    fn head_and_body_join_and_neighbours_do_not() {
        let pieces = vec![block(100, 20, 10, 10), block(98, 35, 14, 40), block(130, 35, 14, 40)];
        assert_eq!(groups(pieces, &[]), [(660, None), (560, None)]);
    }

    #[test]
    fn scraps_above_one_another_join_and_those_beside_do_not() {
        let scraps = vec![block(100, 20, 5, 6), block(99, 30, 6, 6), block(107, 30, 4, 6)];
        assert_eq!(groups(scraps, &[]), [(66, None), (24, None)], "{LEAST_AREA} cells make a thing");
    }

    #[test]
    fn what_lies_in_a_loads_box_is_its_carriers() {
        let boxes = [expect(Rect::new(100.0, 20.0, 14.0, 60.0)), expect(Rect::new(106.0, 50.0, 14.0, 24.0))];
        let pieces = || vec![block(102, 20, 10, 28), block(104, 52, 14, 26)];
        assert_eq!(groups(pieces(), &boxes), [(280, Some(0)), (364, Some(1))]);
        assert_eq!(groups_where(pieces(), &boxes, |_| 0), [(644, Some(0))]);
    }

    #[test]
    fn a_box_takes_its_small_pieces_but_not_a_second_thing() {
        let boxes = [expect(Rect::new(90.0, 20.0, 100.0, 60.0))];
        let pieces = vec![block(100, 30, 30, 40), block(140, 30, 6, 6), block(160, 30, 28, 40)];
        assert_eq!(groups(pieces, &boxes), [(1236, Some(0)), (1120, None)]);
    }

    #[test]
    fn what_comes_in_joins_nobody_who_is_whole() {
        let pieces = || vec![block(360, 20, 16, 40), block(366, 64, 18, 30)];
        let whole = expect(Rect::new(361.0, 20.0, 16.0, 40.0));
        assert_eq!(groups(pieces(), &[whole]), [(640, Some(0)), (540, None)]);
        let taller = expect(Rect::new(361.0, 20.0, 18.0, 72.0));
        assert_eq!(groups(pieces(), &[taller]), [(1180, Some(0))]);
    }

    #[test]
    fn pieces_of_two_tracks_never_join() {
        let boxes = [expect(Rect::new(100.0, 20.0, 10.0, 20.0)), expect(Rect::new(100.0, 41.0, 10.0, 20.0))];
        let pieces = vec![block(100, 20, 10, 20), block(100, 41, 10, 20)];
        assert_eq!(groups(pieces, &boxes), [(200, Some(0)), (200, Some(1))]);
    }
}
