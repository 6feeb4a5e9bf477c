//! Boxes that are nobody's task: whoever finds them all the same is neither right nor wrong.

use super::sequence::Sequence;
use super::{SAME, Sighting};
use std::collections::BTreeSet;

/// The stated boxes but for those that show something ignored: of all true boxes of the frame an ignored one has the largest
/// overlap with it, and that is enough to be the same thing. So MOTChallenge leaves out what is found of its distractors
/// (Milan et al., "MOT16", arXiv 1603.00831), by an assignment where this takes the nearest.
pub fn without_ignored(stated: &[Sighting], counted: &[Sighting], ignored: &[Sighting]) -> Vec<Sighting> {
    // Ids of both kinds may be the same thing at different times, so the ignored ones are numbered apart.
    let apart = |sighting: &Sighting| Sighting { id: sighting.id | IGNORED, ..*sighting };
    let truth: Vec<Sighting> = counted.iter().copied().chain(ignored.iter().map(apart)).collect();
    let sequence = Sequence::new(stated, &truth);
    let mut left_out = BTreeSet::new();
    for frame in &sequence.frames {
        for place in frame.overlaps.iter().map(|overlap| overlap.stated).collect::<BTreeSet<_>>() {
            let of_place = frame.overlaps.iter().filter(|overlap| overlap.stated == place);
            let nearest = of_place.max_by(|a, b| a.iou.total_cmp(&b.iou).then(b.truth.cmp(&a.truth)));
            if nearest.is_some_and(|pair| pair.iou >= SAME && sequence.true_id(pair.truth) & IGNORED != 0) {
                left_out.insert((frame.number, sequence.stated_id(place)));
            }
        }
    }
    stated.iter().filter(|sighting| !left_out.contains(&(sighting.frame, sighting.id))).copied().collect()
}

/// Marks the id of an ignored box. Ids of true things stay below: [`ID_MAX`].
const IGNORED: u32 = 1 << 31;

/// The greatest id a thing can have.
pub const ID_MAX: u32 = IGNORED - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;

    fn seen(frame: u64, id: u32, left: f32) -> Sighting {
        Sighting { frame, id, rect: Rect::new(left, 0.0, 10.0, 10.0) }
    }

    #[test]
    fn what_shows_an_ignored_thing_is_left_out_and_nothing_else() {
        let (counted, ignored) = ([seen(1, 1, 0.0), seen(2, 1, 0.0)], [seen(0, 1, 0.0), seen(1, 2, 4.0)]);
        let stated = [
            seen(0, 7, 1.0), // the same thing, before it counts
            seen(1, 7, 1.0), // nearer to what counts
            seen(1, 8, 4.0), // the ignored one
            seen(1, 9, 8.0), // too far from anything
            seen(2, 8, 4.0), // no longer there
        ];
        let left = without_ignored(&stated, &counted, &ignored);
        assert_eq!(left, [stated[1], stated[3], stated[4]]);
    }
}
