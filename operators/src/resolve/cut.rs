//! Evidence without other evidence: what is left of some pieces where others are taken out.

use super::intervals::Piece;
use vokg_engine::evidence::IntervalRule;
use vokg_engine::time::Micros;

/// Evidence that is taken out of other evidence.
#[derive(Clone, Debug)]
pub(super) struct Holes {
    pieces: Vec<Piece>,
    /// A hole concerns only pieces with a smaller number.
    of_earlier: bool,
}

impl Holes {
    /// These pieces, whose relation has this rule.
    pub(super) fn new(pieces: Vec<Piece>, rule: &IntervalRule) -> Self {
        Self { pieces, of_earlier: rule.of_earlier }
    }

    /// The parts of `pieces` that no hole covers. An open hole reaches beyond every end; a closed one without duration
    /// covers nothing.
    ///
    /// A part that begins where a hole ends has the number of that hole, so that parts of one piece keep apart; of holes
    /// that end together, the least.
    pub(super) fn cut(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        if !self.of_earlier {
            return cut(pieces, &covered(self.pieces.iter()));
        }
        let concerned = |piece: Piece| {
            let later = self.pieces.iter().filter(|hole| hole.number > piece.number);
            cut(vec![piece], &covered(later))
        };
        pieces.into_iter().flat_map(concerned).collect()
    }

    /// Whether a hole lies at least in part after the one piece ends and before the other begins.
    pub(super) fn part(&self, one: &Piece, other: &Piece) -> bool {
        let parts = |hole: &Piece| hole.from_us < other.from_us && (hole.open || one.end_us < hole.end_us);
        self.pieces.iter().any(parts)
    }
}

fn cut(pieces: Vec<Piece>, covered: &[Covered]) -> Vec<Piece> {
    if covered.is_empty() {
        return pieces;
    }
    let mut parts = Vec::new();
    for piece in pieces {
        let (mut from_us, mut number) = (piece.from_us, piece.number);
        let mut open = piece.open;
        for hole in covered {
            if hole.end_us.is_some_and(|end| end <= from_us) {
                continue;
            }
            if !piece.open && hole.from_us >= piece.end_us {
                break;
            }
            if hole.from_us > from_us {
                parts.push(piece.part(from_us, hole.from_us.min(piece.end_us.max(from_us)), false, number));
            }
            match hole.end_us {
                Some(end) => (from_us, number) = (end, hole.number),
                None => {
                    open = false;
                    from_us = Micros::MAX;
                    break;
                }
            }
        }
        if from_us < piece.end_us || open && from_us < Micros::MAX {
            parts.push(match (from_us, number) == (piece.from_us, piece.number) {
                true => piece,
                false => piece.part(from_us, piece.end_us.max(from_us), open, number),
            });
        }
    }
    parts
}

/// Where there is some hole; `None` as end: from then on.
struct Covered {
    from_us: Micros,
    end_us: Option<Micros>,
    /// Of the hole that ends last.
    number: u32,
}

fn covered<'a>(holes: impl Iterator<Item = &'a Piece>) -> Vec<Covered> {
    let mut sorted: Vec<&Piece> = holes.filter(|hole| hole.open || hole.from_us < hole.end_us).collect();
    sorted.sort_unstable_by_key(|hole| (hole.from_us, hole.number));
    let mut covered: Vec<Covered> = Vec::new();
    for hole in sorted {
        let end_us = (!hole.open).then_some(hole.end_us);
        match covered.last_mut() {
            Some(last) if last.end_us.is_none_or(|end| hole.from_us <= end) => match (last.end_us, end_us) {
                (Some(_), None) => (last.end_us, last.number) = (None, hole.number),
                (Some(end), Some(later)) if later > end => (last.end_us, last.number) = (Some(later), hole.number),
                (Some(end), Some(same)) if same == end => last.number = last.number.min(hole.number),
                _ => {}
            },
            _ => covered.push(Covered { from_us: hole.from_us, end_us, number: hole.number }),
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::super::intervals::Now;
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::evidence::{Detail, EvidenceSpan, IntervalRule, RelationKind};
    use vokg_engine::id::TrackId;

    const NOW: Micros = 40;

    fn cut(pieces: Vec<Piece>, holes: &[Piece]) -> Vec<Piece> {
        Holes::new(holes.to_vec(), &IntervalRule::PLAIN).cut(pieces)
    }

    fn piece(number: u32, from_us: Micros, to_us: Option<Micros>) -> Piece {
        let (kind, a, b, detail) =
            (RelationKind::NEAR, TrackId(1), TrackId(2), Detail { lag_ms: Some(9), p_ppm: None, rightwards: None });
        let span = EvidenceSpan { kind, a, b, from_us, number, to_us, confidence_milli: 600, detail };
        Piece::new(&span, &IntervalRule::PLAIN, Now::Frame(NOW))
    }

    fn shape(pieces: &[Piece]) -> Vec<(Micros, Micros, bool, u32)> {
        pieces.iter().map(|p| (p.from_us, p.end_us, p.open, p.number)).collect()
    }

    #[test]
    fn what_a_hole_covers_is_gone_and_the_rest_begins_anew() {
        let holes = [piece(7, 10, Some(15)), piece(8, 12, Some(20)), piece(9, 30, None)];
        assert_eq!(shape(&cut(vec![piece(1, 5, None)], &holes)), [(5, 10, false, 1), (20, 30, false, 8)]);
        assert_eq!(shape(&cut(vec![piece(1, 5, None)], &holes[..2])), [(5, 10, false, 1), (20, 40, true, 8)]);
        assert_eq!(shape(&cut(vec![piece(1, 12, Some(18))], &holes)), []);
        assert_eq!(shape(&cut(vec![piece(1, 20, Some(25))], &holes)), [(20, 25, false, 1)]);
        assert_eq!(shape(&cut(vec![piece(1, 5, Some(25))], &[piece(7, 9, Some(9))])), [(5, 25, false, 1)]);
        let part = cut(vec![piece(1, 0, Some(30))], &[piece(2, 0, Some(10))])[0];
        assert_eq!((part.seen_us, part.confidence_milli_us, part.lag_ms_us), (20, 12_000, 180));
    }

    #[test]
    fn holes_of_the_earlier_leave_alone_what_was_stated_after_them() {
        let rule = IntervalRule { of_earlier: true, ..IntervalRule::PLAIN };
        let holes = Holes::new(vec![piece(5, 0, Some(20)), piece(8, 30, None)], &rule);
        let pieces = vec![piece(4, 10, None), piece(6, 10, Some(35)), piece(9, 31, None)];
        let left = [(20, 30, false, 5), (10, 30, false, 6), (31, 40, true, 9)];
        assert_eq!(shape(&holes.cut(pieces)), left);
    }

    proptest! {
        #[test]
        fn the_parts_are_those_of_the_bitmap(
            pieces in prop::collection::vec((0u64..35, prop::option::of(1u64..12)), 0..4),
            holes in prop::collection::vec((0u64..35, prop::option::of(1u64..12)), 0..4),
        ) {
            let make = |rows: &[(Micros, Option<Micros>)], first: u32| -> Vec<Piece> {
                let row = |(i, (from, length)): (usize, &(Micros, Option<Micros>))| {
                    piece(first + i as u32, *from, length.map(|length| (from + length).min(NOW)))
                };
                rows.iter().enumerate().map(row).collect()
            };
            let (pieces, holes) = (make(&pieces, 0), make(&holes, 100));
            let held = |set: &[Piece], t| set.iter().any(|p| p.from_us <= t && (t < p.end_us || p.open));
            for one in &pieces {
                let parts = cut(vec![*one], &holes);
                prop_assert!(parts.windows(2).all(|w| w[0].end_us <= w[1].from_us && !w[0].open));
                for t in 0..NOW {
                    let wanted = held(&[*one], t) && !held(&holes, t);
                    prop_assert_eq!(held(&parts, t), wanted, "{} {:?}", t, shape(&parts));
                }
            }
        }
    }
}
