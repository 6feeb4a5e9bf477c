//! Places for the vertices of a small graph: as they lie in the frame, pushed apart until none overlaps.

use std::f32::consts::TAU;

/// Rounds of pushing; more change nothing that can be seen.
const ROUNDS: usize = 240;

/// Extent and distances of what is placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    /// Width of the area; centres keep `margin_x` from its sides.
    pub(super) width: f32,
    /// Height of the area; centres keep `margin_y` from its top and bottom.
    pub(super) height: f32,
    pub(super) margin_x: f32,
    pub(super) margin_y: f32,
    /// Centres are never closer than this.
    pub(super) apart: f32,
    /// Centres that a link joins are this far apart where there is room, for the label between them.
    pub(super) linked: f32,
}

/// A centre for each anchor (0 to 1 both ways), lying to the others as the anchors do where possible, all in the middle. `links` are pairs of indices.
///
/// Where pushing does not end without overlaps, the centres are put on a grid instead, in the order of the anchors:
/// it has room for `⌊width / apart⌋ × ⌊height / apart⌋` (inside the margins).
pub(super) fn place(anchors: &[(f32, f32)], links: &[(usize, usize)], spacing: &Spacing) -> Vec<(f32, f32)> {
    let inside = |(x, y): (f32, f32)| {
        let (right, bottom) = (spacing.width - spacing.margin_x, spacing.height - spacing.margin_y);
        (x.clamp(spacing.margin_x, right), y.clamp(spacing.margin_y, bottom))
    };
    let mut centres: Vec<_> = anchors.iter().map(|(x, y)| inside((x * spacing.width, y * spacing.height))).collect();
    let pairs: Vec<_> = (0..anchors.len()).flat_map(|a| (a + 1..anchors.len()).map(move |b| (a, b))).collect();
    for _ in 0..ROUNDS {
        for &(a, b) in &pairs {
            let joined = links.contains(&(a, b)) || links.contains(&(b, a));
            let wanted = if joined { spacing.linked } else { spacing.apart * 1.15 };
            push(&mut centres, a, b, wanted, 0.25);
        }
        for &(a, b) in &pairs {
            push(&mut centres, a, b, spacing.apart, 0.5);
        }
        centres.iter_mut().for_each(|centre| *centre = inside(*centre));
    }
    centre_all(&mut centres, spacing);
    let close = |&(a, b): &(usize, usize)| distance(centres[a], centres[b]) < spacing.apart - 1.0;
    if pairs.iter().any(close) { grid(anchors.len(), spacing) } else { centres }
}

/// Moves both of a pair that is closer than `wanted` by this share of what is missing.
fn push(centres: &mut [(f32, f32)], a: usize, b: usize, wanted: f32, share: f32) {
    let (from, to) = (centres[a], centres[b]);
    let length = distance(from, to);
    if length >= wanted {
        return;
    }
    let (ux, uy) = if length > 0.01 {
        ((to.0 - from.0) / length, (to.1 - from.1) / length)
    } else {
        // Two in one place part in a direction of their own.
        let angle = TAU * ((a * 7 + b * 3) % 16) as f32 / 16.0;
        (angle.cos(), angle.sin())
    };
    let by = (wanted - length) * share;
    centres[a] = (from.0 - ux * by, from.1 - uy * by);
    centres[b] = (to.0 + ux * by, to.1 + uy * by);
}

/// Moves all together so that what is left free is the same on opposite sides.
fn centre_all(centres: &mut [(f32, f32)], spacing: &Spacing) {
    let middle = |values: &mut dyn Iterator<Item = f32>| {
        let (low, high) = values.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
        (low + high) / 2.0
    };
    let dx = spacing.width / 2.0 - middle(&mut centres.iter().map(|c| c.0));
    let dy = spacing.height / 2.0 - middle(&mut centres.iter().map(|c| c.1));
    centres.iter_mut().for_each(|c| *c = (c.0 + dx, c.1 + dy));
}

fn grid(count: usize, spacing: &Spacing) -> Vec<(f32, f32)> {
    let (width, height) = (spacing.width - 2.0 * spacing.margin_x, spacing.height - 2.0 * spacing.margin_y);
    let columns = ((width / spacing.apart) as usize + 1).min(count).max(1);
    let rows = count.div_ceil(columns).max(1);
    let at = |index: usize, cells: usize, extent: f32| {
        if cells == 1 { extent / 2.0 } else { extent * index as f32 / (cells - 1) as f32 }
    };
    let centre = |i: usize| {
        (spacing.margin_x + at(i % columns, columns, width), spacing.margin_y + at(i / columns, rows, height))
    };
    (0..count).map(centre).collect()
}

pub(super) fn distance(a: (f32, f32), b: (f32, f32)) -> f32 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPACING: Spacing =
        Spacing { width: 480.0, height: 370.0, margin_x: 40.0, margin_y: 40.0, apart: 84.0, linked: 220.0 };

    fn anchors() -> impl Strategy<Value = Vec<(f32, f32)>> {
        let spread = prop::collection::vec((0.0f32..1.0, 0.0f32..1.0), 1..13);
        prop_oneof![spread.clone(), spread.prop_map(|a| a.iter().map(|_| (0.5, 0.5)).collect())]
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_area(anchors in anchors(), links in prop::collection::vec((0usize..12, 0usize..12), 0..8)) {
            let centres = place(&anchors, &links, &SPACING);
            for (i, a) in centres.iter().enumerate() {
                prop_assert!((40.0..=440.0).contains(&a.0) && (40.0..=330.0).contains(&a.1), "{a:?}");
                for b in &centres[..i] {
                    prop_assert!(distance(*a, *b) >= SPACING.apart - 1.0, "{a:?} {b:?} of {}", centres.len());
                }
            }
        }
    }

    #[test]
    fn what_is_far_apart_keeps_its_distance_and_moves_to_the_middle() {
        let centres = place(&[(0.2, 0.1), (0.8, 0.2)], &[], &SPACING);
        assert_eq!(centres, [(96.0, 168.0), (384.0, 202.0)]);
    }

    #[test]
    fn linked_vertices_make_room_for_the_label() {
        let centres = place(&[(0.45, 0.5), (0.55, 0.5)], &[(0, 1)], &SPACING);
        assert!(distance(centres[0], centres[1]) >= 215.0, "{centres:?}");
    }
}
