//! Through which sides of the frame a thing comes and goes.

use serde::{Deserialize, Serialize};
use vokg_engine::geometry::{Rect, Size};

/// Within this share of the frame's extent from its border a box is cut by it.
const BORDER_SHARE: f32 = 0.01;

/// Sides of the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sides {
    pub(super) left: bool,
    pub(super) top: bool,
    pub(super) right: bool,
    pub(super) bottom: bool,
}

impl Sides {
    /// The sides that cut a box; none where the frame is not known.
    pub(crate) fn cutting(rect: &Rect, frame: Option<Size>) -> Self {
        let Some(frame) = frame else {
            return Self::default();
        };
        let (width, height) = (frame.width as f32, frame.height as f32);
        let (margin_x, margin_y) = ((width * BORDER_SHARE).max(1.0), (height * BORDER_SHARE).max(1.0));
        Self {
            left: rect.left <= margin_x,
            top: rect.top <= margin_y,
            right: rect.right() >= width - margin_x,
            bottom: rect.bottom() >= height - margin_y,
        }
    }

    /// Whether there is any.
    pub(crate) fn any(self) -> bool {
        self.left || self.top || self.right || self.bottom
    }

    /// The sides that are in both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            left: self.left && other.left,
            top: self.top && other.top,
            right: self.right && other.right,
            bottom: self.bottom && other.bottom,
        }
    }

    /// The sides that are in either.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            left: self.left || other.left,
            top: self.top || other.top,
            right: self.right || other.right,
            bottom: self.bottom || other.bottom,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_cut_where_it_reaches_the_border() {
        let frame = Some(Size { width: 1000, height: 500 });
        let cut = Sides::cutting(&Rect::new(900.0, 100.0, 95.0, 100.0), frame);
        assert_eq!(cut, Sides { right: true, ..Sides::default() });
        assert!(!Sides::cutting(&Rect::new(880.0, 100.0, 100.0, 100.0), frame).any());
        assert!(!Sides::cutting(&Rect::new(0.0, 0.0, 100.0, 100.0), None).any());
    }
}
