//! True and stated boxes brought together frame by frame: what every measure of this folder is computed from.

use std::collections::BTreeMap;
use vokg_engine::geometry::Rect;

/// A box of something in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Number of the frame.
    pub frame: u64,
    /// Whose box.
    pub id: u32,
    /// The box.
    pub rect: Rect,
}

/// A sequence. Whoever is seen has a place: that of its id among all true, or all stated, ids in rising order.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    /// How many boxes each true id has.
    pub true_boxes: Vec<usize>,
    /// How many boxes each stated id has.
    pub stated_boxes: Vec<usize>,
    /// Rising in time; frames without any box are left out.
    pub frames: Vec<Frame>,
    true_ids: Vec<u32>,
    stated_ids: Vec<u32>,
}

/// Who is seen in a frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// Its number.
    pub number: u64,
    /// Number of true boxes.
    pub truth: usize,
    /// Number of stated boxes.
    pub stated: usize,
    /// Every pair with a common area, by places.
    pub overlaps: Vec<Overlap>,
}

/// A true and a stated box that have an area in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Overlap {
    /// Place of the true id.
    pub truth: usize,
    /// Place of the stated id.
    pub stated: usize,
    /// Intersection over union.
    pub iou: f64,
}

impl Sequence {
    /// Brings both together. One id has one box in a frame; of several the first counts.
    pub fn new(stated: &[Sighting], truth: &[Sighting]) -> Self {
        let (true_ids, stated_ids) = (ids(truth), ids(stated));
        let (true_frames, stated_frames) = (by_frame(truth, &true_ids), by_frame(stated, &stated_ids));
        let mut numbers: Vec<u64> = true_frames.keys().chain(stated_frames.keys()).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let none = BTreeMap::new();
        let frame = |number: &u64| {
            let truth = true_frames.get(number).unwrap_or(&none);
            let stated = stated_frames.get(number).unwrap_or(&none);
            Frame { number: *number, truth: truth.len(), stated: stated.len(), overlaps: overlaps(truth, stated) }
        };
        Self {
            true_boxes: counts(&true_frames, true_ids.len()),
            stated_boxes: counts(&stated_frames, stated_ids.len()),
            frames: numbers.iter().map(frame).collect(),
            true_ids,
            stated_ids,
        }
    }

    /// The true id at a place.
    pub fn true_id(&self, place: usize) -> u32 {
        self.true_ids[place]
    }

    /// The stated id at a place.
    pub fn stated_id(&self, place: usize) -> u32 {
        self.stated_ids[place]
    }

    /// How many true boxes there are.
    pub fn truth(&self) -> usize {
        self.true_boxes.iter().sum()
    }

    /// How many boxes were stated.
    pub fn stated(&self) -> usize {
        self.stated_boxes.iter().sum()
    }
}

fn ids(sightings: &[Sighting]) -> Vec<u32> {
    let mut ids: Vec<u32> = sightings.iter().map(|s| s.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Boxes by frame and place.
type Frames = BTreeMap<u64, BTreeMap<usize, Rect>>;

fn by_frame(sightings: &[Sighting], ids: &[u32]) -> Frames {
    let mut frames = Frames::new();
    for sighting in sightings {
        let place = ids.partition_point(|id| *id < sighting.id);
        frames.entry(sighting.frame).or_default().entry(place).or_insert(sighting.rect);
    }
    frames
}

fn counts(frames: &Frames, ids: usize) -> Vec<usize> {
    let mut counts = vec![0; ids];
    frames.values().flat_map(|boxes| boxes.keys()).for_each(|place| counts[*place] += 1);
    counts
}

fn overlaps(truth: &BTreeMap<usize, Rect>, stated: &BTreeMap<usize, Rect>) -> Vec<Overlap> {
    let pair = |(t, s): ((&usize, &Rect), (&usize, &Rect))| {
        let iou = iou(t.1, s.1);
        (iou > 0.0).then_some(Overlap { truth: *t.0, stated: *s.0, iou })
    };
    truth.iter().flat_map(|t| stated.iter().map(move |s| (t, s))).filter_map(pair).collect()
}

/// Intersection over union in 64 bits: thresholds decide here, and figures are compared with those of others.
fn iou(a: &Rect, b: &Rect) -> f64 {
    let ends = |low: f32, extent: f32| (f64::from(low), f64::from(low) + f64::from(extent));
    let common = |a: (f64, f64), b: (f64, f64)| (a.1.min(b.1) - a.0.max(b.0)).max(0.0);
    let x = common(ends(a.left, a.width), ends(b.left, b.width));
    let y = common(ends(a.top, a.height), ends(b.top, b.height));
    let area = |rect: &Rect| f64::from(rect.width) * f64::from(rect.height);
    let union = area(a) + area(b) - x * y;
    if union > 0.0 { x * y / union } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(frame: u64, id: u32, left: f32) -> Sighting {
        Sighting { frame, id, rect: Rect::new(left, 0.0, 10.0, 10.0) }
    }

    #[test]
    fn places_follow_ids_and_only_common_areas_are_pairs() {
        let sequence = Sequence::new(
            &[seen(1, 9, 5.0), seen(3, 4, 0.0)],
            &[seen(1, 70, 0.0), seen(1, 20, 15.0), seen(2, 20, 0.0)],
        );
        let frames: Vec<_> = sequence.frames.iter().map(|f| (f.truth, f.stated, f.overlaps.clone())).collect();
        let common = Overlap { truth: 1, stated: 1, iou: 1.0 / 3.0 };
        assert_eq!(frames, [(2, 1, vec![common]), (1, 0, vec![]), (0, 1, vec![])]);
        assert_eq!((sequence.true_id(1), sequence.stated_id(1)), (70, 9));
        assert_eq!((sequence.truth(), sequence.stated()), (3, 2));
    }

    #[test]
    fn one_id_has_one_box_in_a_frame() {
        let sequence = Sequence::new(&[seen(1, 1, 0.0), seen(1, 1, 3.0)], &[seen(1, 1, 0.0)]);
        assert_eq!((sequence.stated(), sequence.frames[0].overlaps[0].iou), (1, 1.0));
    }
}
