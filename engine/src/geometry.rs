//! Boxes and the few measures of them that trackers and relations are built on. Everything is in pixels of the
//! full, upright frame: x to the right, y down.

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// Number of pixels.
    #[inline]
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// An axis-parallel box. Edges may lie outside the frame; `width` and `height` are not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default, serde::Serialize, serde::Deserialize)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Extent to the right.
    pub width: f32,
    /// Extent downwards.
    pub height: f32,
}

impl Rect {
    /// A box from its left top corner and its extent.
    #[inline]
    pub fn new(left: f32, top: f32, width: f32, height: f32) -> Self {
        Self { left, top, width, height }
    }

    /// A box from its centre and its extent.
    #[inline]
    pub fn from_centre(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { left: x - width / 2.0, top: y - height / 2.0, width, height }
    }

    /// Right edge.
    #[inline]
    pub fn right(&self) -> f32 {
        self.left + self.width
    }

    /// Bottom edge.
    #[inline]
    pub fn bottom(&self) -> f32 {
        self.top + self.height
    }

    /// Centre (x, y).
    #[inline]
    pub fn centre(&self) -> (f32, f32) {
        (self.left + self.width / 2.0, self.top + self.height / 2.0)
    }

    /// Area in square pixels.
    #[inline]
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The size of a thing: the square root of the area of its box.
    #[inline]
    pub fn scale(&self) -> f32 {
        self.area().sqrt()
    }

    /// Area common to both boxes.
    #[inline]
    pub fn overlap(&self, other: &Self) -> f32 {
        let width = self.right().min(other.right()) - self.left.max(other.left);
        let height = self.bottom().min(other.bottom()) - self.top.max(other.top);
        if width > 0.0 && height > 0.0 { width * height } else { 0.0 }
    }

    /// Intersection over union, 0 where either box is empty.
    #[inline]
    pub fn iou(&self, other: &Self) -> f32 {
        let overlap = self.overlap(other);
        let union = self.area() + other.area() - overlap;
        if union > 0.0 { overlap / union } else { 0.0 }
    }

    /// Shortest distance between the boxes in pixels, 0 where they touch or overlap.
    #[inline]
    pub fn gap(&self, other: &Self) -> f32 {
        let (x, y) = self.apart(other);
        length(x, y)
    }

    /// How far the boxes are apart along each axis in pixels, 0 where they touch or overlap along it.
    #[inline]
    pub fn apart(&self, other: &Self) -> (f32, f32) {
        let x = self.left.max(other.left) - self.right().min(other.right());
        let y = self.top.max(other.top) - self.bottom().min(other.bottom());
        (x.max(0.0), y.max(0.0))
    }

    /// The smallest box around both.
    pub fn union(&self, other: &Self) -> Self {
        let (left, top) = (self.left.min(other.left), self.top.min(other.top));
        let (right, bottom) = (self.right().max(other.right()), self.bottom().max(other.bottom()));
        Self { left, top, width: right - left, height: bottom - top }
    }

    /// The box with every side moved outwards by `share` of its extent.
    pub fn grown(&self, share: f32) -> Self {
        let (dx, dy) = (self.width * share, self.height * share);
        Self { left: self.left - dx, top: self.top - dy, width: self.width + 2.0 * dx, height: self.height + 2.0 * dy }
    }

    /// The part of the box inside a frame.
    pub fn clipped(&self, frame: Size) -> Self {
        let (left, top) = (self.left.max(0.0), self.top.max(0.0));
        let right = self.right().min(frame.width as f32).max(left);
        let bottom = self.bottom().min(frame.height as f32).max(top);
        Self { left, top, width: right - left, height: bottom - top }
    }

    /// The box on the grid of 1/16 pixel that is stored and related, so that what is read back is what was decided on.
    pub fn quantised(&self) -> Self {
        let q = |v: f32| rounded(v * 16.0) / 16.0;
        let (left, top) = (q(self.left), q(self.top));
        Self { left, top, width: q(self.right()) - left, height: q(self.bottom()) - top }
    }
}

/// A similarity or affine map of the plane: `x' = a·x + b·y + c`, `y' = d·x + e·y + f`, in pixels of the full frame.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Affine {
    /// Row-major `[a, b, c, d, e, f]`.
    pub m: [f32; 6],
}

impl Affine {
    /// The map that moves nothing.
    pub const IDENTITY: Self = Self { m: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] };

    /// A shift.
    pub fn translation(x: f32, y: f32) -> Self {
        Self { m: [1.0, 0.0, x, 0.0, 1.0, y] }
    }

    /// The image of a point.
    pub fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        let [a, b, c, d, e, f] = self.m;
        (a * x + b * y + c, d * x + e * y + f)
    }

    /// The map that applies `first`, then `self`.
    pub fn after(&self, first: &Self) -> Self {
        let [a, b, c, d, e, f] = self.m;
        let [p, q, r, s, t, u] = first.m;
        Self { m: [a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f] }
    }

    /// The inverse map, `None` where the map folds the plane.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f] = self.m;
        let det = a * e - b * d;
        if det.abs() < 1e-9 {
            return None;
        }
        let (ia, ib, id, ie) = (e / det, -b / det, -d / det, a / det);
        Some(Self { m: [ia, ib, -(ia * c + ib * f), id, ie, -(id * c + ie * f)] })
    }

    /// The box around the moved centre, scaled by the map's area factor; right for similarities.
    pub fn apply_to_rect(&self, rect: &Rect) -> Rect {
        let (x, y) = rect.centre();
        let (x, y) = self.apply(x, y);
        let [a, b, _, d, e, _] = self.m;
        let scale = (a * e - b * d).abs().sqrt();
        Rect::from_centre(x, y, rect.width * scale, rect.height * scale)
    }
}

/// Length of a vector. Unlike `hypot`, whose last bit depends on the system's library, it is the same everywhere.
pub fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// `f32::round`, which calls the system's library for every number on processors it cannot take for granted.
fn rounded(value: f32) -> f32 {
    const WHOLE_FROM: f32 = (1 << f32::MANTISSA_DIGITS) as f32;
    if value.abs() < WHOLE_FROM {
        let towards_zero = value as i32 as f32;
        let away = if (value - towards_zero).abs() >= 0.5 { 1.0f32.copysign(value) } else { 0.0 };
        (towards_zero + away).copysign(value)
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_boxes_have_no_gap_and_no_overlap() {
        let (a, b) = (Rect::new(0.0, 0.0, 10.0, 10.0), Rect::new(10.0, 0.0, 5.0, 5.0));
        assert_eq!((a.gap(&b), a.overlap(&b)), (0.0, 0.0));
        assert_eq!(a.gap(&Rect::new(13.0, 14.0, 1.0, 1.0)), 5.0);
    }

    #[test]
    fn inverse_undoes_and_after_composes() {
        let turn = Affine { m: [0.8, -0.6, 3.0, 0.6, 0.8, -2.0] };
        let there_and_back = turn.inverse().map(|back| back.after(&turn));
        let (x, y) = there_and_back.unwrap_or(Affine::translation(9.0, 9.0)).apply(5.0, 7.0);
        assert!((x - 5.0).abs() < 1e-4 && (y - 7.0).abs() < 1e-4);
        assert!(Affine { m: [1.0, 2.0, 0.0, 2.0, 4.0, 0.0] }.inverse().is_none());
    }

    #[test]
    fn numbers_are_rounded_as_the_library_does() {
        let near = |bits: u32| (bits - 2..bits + 3).flat_map(|bits| [f32::from_bits(bits), -f32::from_bits(bits)]);
        let halves = (0..4000u32).map(|n| (n as f32 / 2.0).to_bits().max(2));
        let large = (80..255).map(|exponent| exponent << 23 | 0x55_5555);
        for value in halves.chain(large).flat_map(near).chain([0.0, -0.0, f32::INFINITY]) {
            assert_eq!(rounded(value).to_bits(), value.round().to_bits(), "{value}");
        }
    }

    #[test]
    fn quantised_boxes_keep_their_edges_on_the_grid() {
        let q = Rect::new(1.03, 2.97, 10.49, 3.02).quantised();
        assert_eq!((q.left * 16.0).fract(), 0.0);
        assert_eq!((q.right() * 16.0).fract(), 0.0);
        assert_eq!(q, q.quantised());
    }
}
