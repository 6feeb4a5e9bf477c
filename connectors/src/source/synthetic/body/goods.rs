//! What is carried and left behind: a bag and a cardboard box.

use crate::source::synthetic::draw::colour::Rgb;
use crate::source::synthetic::draw::pen::Pen;
use crate::source::synthetic::draw::shape::Shape;

/// A travelling bag.
#[derive(Clone, Debug)]
pub struct Bag {
    /// In world units, handle included.
    pub height: f32,
    /// Its cloth.
    pub colour: Rgb,
}

/// A cardboard box, seen a little from above.
#[derive(Clone, Debug)]
pub struct Carton {
    /// In world units.
    pub width: f32,
    /// Its cardboard.
    pub colour: Rgb,
}

impl Bag {
    /// All lengths are in bag heights.
    pub(super) fn draw(&self, mut pen: Pen) -> Vec<Shape> {
        let dark = self.colour.lit(0.5);
        pen.matt(dark).limb((-0.16, 0.72), (-0.1, 0.95), 0.035, 0.035).limb((-0.1, 0.95), (0.1, 0.95), 0.035, 0.035);
        pen.limb((0.1, 0.95), (0.16, 0.72), 0.035, 0.035);
        pen.matt(self.colour);
        pen.polygon(&[
            (-0.46, 0.03),
            (-0.48, 0.5),
            (-0.4, 0.72),
            (0.4, 0.72),
            (0.48, 0.5),
            (0.46, 0.03),
            (0.4, 0.0),
            (-0.4, 0.0),
        ]);
        pen.matt(self.colour.lit(0.82)).polygon(&[(-0.3, 0.1), (-0.3, 0.4), (0.3, 0.4), (0.3, 0.1)]);
        pen.matt(dark).limb((-0.44, 0.56), (0.44, 0.56), 0.018, 0.018);
        pen.limb((-0.22, 0.02), (-0.2, 0.7), 0.025, 0.025).limb((0.22, 0.02), (0.2, 0.7), 0.025, 0.025);
        pen.finish()
    }
}

impl Carton {
    /// All lengths are in box widths.
    pub(super) fn draw(&self, mut pen: Pen) -> Vec<Shape> {
        pen.matt(self.colour).polygon(&[(-0.5, 0.0), (-0.5, 0.62), (0.5, 0.62), (0.5, 0.0)]);
        pen.matt(self.colour.lit(1.14)).polygon(&[(-0.5, 0.62), (-0.4, 0.85), (0.4, 0.85), (0.5, 0.62)]);
        pen.matt(self.colour.lit(1.3)).polygon(&[(-0.09, 0.42), (-0.09, 0.62), (0.09, 0.62), (0.09, 0.42)]);
        pen.polygon(&[(-0.09, 0.62), (-0.07, 0.85), (0.07, 0.85), (0.09, 0.62)]);
        pen.matt(self.colour.lit(0.6)).limb((-0.49, 0.62), (0.49, 0.62), 0.01, 0.01);
        pen.polygon(&[(0.2, 0.1), (0.2, 0.24), (0.4, 0.24), (0.4, 0.1)]);
        pen.finish()
    }
}
