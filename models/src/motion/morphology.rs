//! Cleaning a foreground: single cells go, gaps close, thin bridges open.

use super::bits::BitPlane;

/// Each cell becomes what most of its 3×3 neighbourhood is.
pub(super) fn median(bits: &BitPlane) -> BitPlane {
    bits.map_neighbourhoods(|rows| {
        // Nine bits are added without carries between cells: each row of three to a two-bit number (low, high), then
        // the three numbers. Five or more of nine means in.
        let sums = rows.map(|[a, b, c]| (a ^ b ^ c, (a & b) | (c & (a | b))));
        let [(l0, h0), (l1, h1), (l2, h2)] = sums;
        let (low, carry) = (l0 ^ l1 ^ l2, (l0 & l1) | (l2 & (l0 | l1)));
        let (one_a, two_a) = (h0 ^ h1, h0 & h1);
        let (one_b, two_b) = (h2 ^ carry, h2 & carry);
        let three_twos = (two_a & (one_b | two_b)) | (two_b & one_a);
        let two_twos = two_a | two_b | (one_a & one_b);
        three_twos | (two_twos & low)
    })
}

/// The cells with at least two others among their eight neighbours: specks go, narrow strips stay.
pub(super) fn accompanied(bits: &BitPlane) -> BitPlane {
    bits.map_neighbourhoods(|[above, beside, below]| {
        let neighbours = [above[0], above[1], above[2], beside[0], beside[2], below[0], below[1], below[2]];
        let (mut one, mut two) = (0, 0);
        for neighbour in neighbours {
            two |= one & neighbour;
            one |= neighbour;
        }
        beside[1] & two
    })
}

/// What is left after taking away every cell within `radius` of one that is out. Cells beyond the edge count as in.
pub(super) fn eroded(bits: &BitPlane, radius: usize) -> BitPlane {
    bits.complement().dilated(radius).complement()
}

/// Fills gaps of up to twice `radius`.
pub(super) fn closed(bits: &BitPlane, radius: usize) -> BitPlane {
    eroded(&bits.dilated(radius), radius)
}

/// Removes what is thinner than twice `radius` plus one.
pub(super) fn opened(bits: &BitPlane, radius: usize) -> BitPlane {
    eroded(bits, radius).dilated(radius)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn median_is_the_majority_of_nine(cells in prop::collection::vec(any::<bool>(), 70 * 4)) {
            let mut bits = BitPlane::new(70, 4);
            for (i, _) in cells.iter().enumerate().filter(|(_, cell)| **cell) {
                bits.fill_range(i / 70, i % 70..i % 70 + 1);
            }
            let filtered = median(&bits);
            for y in 0..4i32 {
                for x in 0..70i32 {
                    let votes = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
                    let votes = votes
                        .filter(|(dx, dy)| bits.get((x + dx).clamp(0, 69) as usize, (y + dy).clamp(0, 3) as usize))
                        .count();
                    prop_assert_eq!(filtered.get(x as usize, y as usize), votes >= 5);
                }
            }
        }
    }

    #[test]
    fn closing_bridges_a_gap_and_opening_cuts_a_thread() {
        let mut bits = BitPlane::new(80, 20);
        bits.fill_rect(10..20, 5..15);
        bits.fill_rect(24..40, 5..15);
        assert!(closed(&bits, 2).get(22, 10));
        bits.fill_rect(20..24, 10..11);
        assert!(!opened(&bits, 1).get(22, 10));
        assert!(opened(&bits, 1).get(30, 10));
    }

    #[test]
    fn a_thing_at_the_edge_keeps_its_cells() {
        let mut bits = BitPlane::new(80, 20);
        bits.fill_rect(0..10, 0..20);
        assert_eq!(opened(&closed(&bits, 3), 1), bits);
    }

    #[test]
    fn a_cell_with_fewer_than_two_neighbours_is_a_speck() {
        let mut bits = BitPlane::new(70, 8);
        bits.fill_range(1, 62..66);
        bits.fill_range(5, 10..12);
        let mut kept = BitPlane::new(70, 8);
        kept.fill_range(1, 63..65);
        assert_eq!(accompanied(&bits), kept);
    }
}
