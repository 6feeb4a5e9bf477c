//! Which edges of a box show where the thing ends, and which only where the frame does.
//!
//! The centre of a box that the border of the frame cuts moves at half the speed of the thing, and its area shrinks
//! with it. So motion is read from an edge that was free throughout, and the size from boxes that are whole.

use serde::{Deserialize, Serialize};
use vokg_engine::geometry::{Rect, Size};

/// The four edges of a box and whether each is the thing's own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Edges {
    pub(super) x: Extent,
    pub(super) y: Extent,
}

/// Both edges of a box along one axis, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Extent {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) low_free: bool,
    pub(super) high_free: bool,
}

impl Edges {
    /// Edges within `border_share` of the frame's extent from its border are cut. Those further outside are not: a box
    /// that reaches beyond the frame was not measured in it.
    pub(super) fn new(rect: &Rect, frame: Option<Size>, border_share: f64) -> Self {
        let extent = |low: f32, high: f32, limit: Option<u32>| {
            let (low, high) = (f64::from(low), f64::from(high));
            let Some(limit) = limit.map(f64::from) else {
                return Extent { low, high, low_free: true, high_free: true };
            };
            let margin = limit * border_share;
            Extent { low, high, low_free: low.abs() > margin, high_free: (limit - high).abs() > margin }
        };
        Self {
            x: extent(rect.left, rect.right(), frame.map(|f| f.width)),
            y: extent(rect.top, rect.bottom(), frame.map(|f| f.height)),
        }
    }

    /// The same at another place.
    pub(super) fn at(self, left_px: f64, top_px: f64) -> Self {
        let place = |extent: Extent, low: f64| Extent { low, high: low + (extent.high - extent.low), ..extent };
        Self { x: place(self.x, left_px), y: place(self.y, top_px) }
    }

    /// Whether the whole thing is in the box.
    pub(super) fn whole(&self) -> bool {
        self.x.whole() && self.y.whole()
    }
}

impl Extent {
    /// Whether both edges are the thing's own.
    pub(super) fn whole(&self) -> bool {
        self.low_free && self.high_free
    }

    /// Towards which side the thing goes on beyond the border: −1 the low one, 1 the high one, 0 where neither or both.
    pub(super) fn cut_side(&self) -> f64 {
        f64::from(u8::from(!self.high_free)) - f64::from(u8::from(!self.low_free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_at_the_border_is_cut_and_one_beyond_it_is_not() {
        let frame = Some(Size { width: 1000, height: 400 });
        let edges = Edges::new(&Rect::new(0.5, 100.0, 50.0, 100.0), frame, 0.005);
        assert!(!edges.x.low_free && edges.x.high_free && edges.y.low_free && !edges.whole());
        assert_eq!((edges.x.cut_side(), edges.y.cut_side()), (-1.0, 0.0));
        assert!(Edges::new(&Rect::new(-20.0, 100.0, 50.0, 100.0), frame, 0.005).whole());
        assert!(!Edges::new(&Rect::new(500.0, 301.0, 50.0, 98.0), frame, 0.005).y.high_free);
        assert!(Edges::new(&Rect::new(0.0, 0.0, 50.0, 50.0), None, 0.005).whole());
        let small = Some(Size { width: 100, height: 40 });
        assert!(Edges::new(&Rect::new(0.6, 10.0, 5.0, 10.0), small, 0.005).whole(), "of a small frame a share as well");
    }
}
