//! Since when a true thing has been seen to move.
//!
//! A segmenter that knows motion alone takes what has stood there from the start for background. So relations are scored
//! apart by whether both ends had moved before. What begins while something is still coming in or setting off is with the
//! rest, though motion may show it a little later. A thing has moved once its middle was half of its size away from where it
//! was first seen, or once it stands free in the frame after it was first seen cut by the frame's border. What a moving
//! camera shifts counts as moved too: the truth has places in the frame, not on the ground.

use std::collections::BTreeMap;
use vokg_connectors::source::synthetic::Truth;
use vokg_connectors::source::synthetic::truth::{TruthBox, TruthObject};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::time::Micros;

/// How far from its first place a thing has moved, in its sizes.
const AWAY_SIZES: f32 = 0.5;
/// A box whose edge is this near to the border of the frame, in pixels, is cut by it.
const BORDER_PX: f32 = 1.0;

/// When each true object had moved first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moved {
    /// By number; `None` for what never moves.
    since_us: BTreeMap<u32, Option<Micros>>,
}

impl Moved {
    /// Looks at all objects of the truth.
    pub fn of(truth: &Truth) -> Self {
        let [width, height] = truth.size;
        let frame = Size { width, height };
        Self { since_us: truth.objects.iter().map(|object| (object.id, since(object, frame))).collect() }
    }

    /// Whether `id` had moved at `t`. Of an end that is no object, such as a zone, no motion is asked.
    pub fn by(&self, id: u32, t: Micros) -> bool {
        self.since_us.get(&id).is_none_or(|since| since.is_some_and(|since| since <= t))
    }
}

fn since(object: &TruthObject, frame: Size) -> Option<Micros> {
    let first = rect(object.boxes.first()?);
    let entered = cut(&first, frame);
    let far = AWAY_SIZES * size(object, frame);
    let (x, y) = first.centre();
    let has_moved = |b: &&TruthBox| {
        let rect = rect(b);
        let (dx, dy) = (rect.centre().0 - x, rect.centre().1 - y);
        (dx * dx + dy * dy).sqrt() >= far || (entered && !cut(&rect, frame))
    };
    object.boxes.iter().find(has_moved).map(|b| b.t_us)
}

/// Median size of its boxes that the border does not cut, or of all where it cuts each, in pixels.
fn size(object: &TruthObject, frame: Size) -> f32 {
    let sizes = |of: &dyn Fn(&Rect) -> bool| -> Vec<f32> {
        object.boxes.iter().map(rect).filter(of).map(|rect| rect.scale()).collect()
    };
    let mut whole = sizes(&|rect| !cut(rect, frame));
    if whole.is_empty() {
        whole = sizes(&|_| true);
    }
    whole.sort_by(f32::total_cmp);
    whole.get(whole.len() / 2).copied().unwrap_or(0.0)
}

fn cut(rect: &Rect, frame: Size) -> bool {
    let (right, bottom) = (frame.width as f32 - BORDER_PX, frame.height as f32 - BORDER_PX);
    rect.left <= BORDER_PX || rect.top <= BORDER_PX || rect.right() >= right || rect.bottom() >= bottom
}

fn rect(b: &TruthBox) -> Rect {
    Rect::new(b.left, b.top, b.width, b.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thing of 10 by 40 pixels, so of size 20, at these left edges, a second apart.
    fn moved(lefts: &[f32]) -> Moved {
        let boxed = |(second, left): (u64, &f32)| {
            let right = (left + 10.0).min(100.0);
            let (t_us, width) = (second * 1_000_000, right - left.max(0.0));
            TruthBox { t_us, left: left.max(0.0), top: 30.0, width, height: 40.0, visible: 1.0 }
        };
        let boxes = (0..).zip(lefts).map(boxed).collect();
        let objects = vec![TruthObject { id: 1, class: "person".to_owned(), boxes }];
        let (interactions, zones, lines) = Default::default();
        Moved::of(&Truth { fps: 1.0, size: [100, 100], objects, interactions, zones, lines })
    }

    #[test]
    fn half_a_size_from_the_first_place_is_moved_and_stays_so() {
        let moved = moved(&[50.0, 59.0, 60.0, 50.0]);
        assert_eq!([0, 1, 2, 3].map(|second| moved.by(1, second * 1_000_000)), [false, false, true, true]);
    }

    #[test]
    fn what_stands_still_or_trembles_never_moved() {
        assert!(!moved(&[50.0, 52.0, 48.0, 50.0]).by(1, Micros::MAX));
        assert!(!moved(&[93.0, 93.0]).by(1, Micros::MAX), "cut by the border all the time");
    }

    #[test]
    fn what_came_in_over_the_border_moved_once_it_stands_free() {
        let moved = moved(&[-4.0, 0.0, 3.0]);
        assert_eq!([1, 2].map(|second| moved.by(1, second * 1_000_000)), [false, true]);
    }

    #[test]
    fn a_zone_need_not_move() {
        assert!(moved(&[50.0]).by(1001, 0));
    }
}
