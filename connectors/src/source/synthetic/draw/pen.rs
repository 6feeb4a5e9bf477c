//! Places the pieces of a thing: from units of the thing, feet at the origin and y up, to pixels of the frame.

use super::colour::Rgb;
use super::shape::{Outline, Paint, Pattern, Point, Shape};

/// Collects shapes, the farthest first.
pub struct Pen {
    origin_px: Point,
    unit_px: f32,
    /// Multiplies x: 1 looks to the right, −1 to the left.
    facing: f32,
    paint: Paint,
    shapes: Vec<Shape>,
}

impl Pen {
    /// A pen for a thing that stands at `origin_px`, one unit of which is `unit_px` pixels.
    pub fn new(origin_px: Point, unit_px: f32, facing: f32) -> Self {
        let paint =
            Paint { colour: Rgb(0.0, 0.0, 0.0).to_yuv(), grain: 0.0, slope: 0.0, rim: 0.0, pattern: Pattern::Plain };
        Self { origin_px, unit_px, facing, paint, shapes: Vec::new() }
    }

    /// Takes up cloth, fur, cardboard: grainy and round.
    pub fn matt(&mut self, colour: Rgb) -> &mut Self {
        self.paint = Paint { colour: colour.to_yuv(), grain: 11.0, slope: 10.0, rim: 22.0, pattern: Pattern::Plain };
        self
    }

    /// Takes up metal or glass: little grain, light from above.
    pub fn shiny(&mut self, colour: Rgb) -> &mut Self {
        self.paint = Paint { colour: colour.to_yuv(), grain: 4.0, slope: 34.0, rim: 8.0, pattern: Pattern::Plain };
        self
    }

    /// Lays a pattern over the paint in use.
    pub fn patterned(&mut self, pattern: Pattern) -> &mut Self {
        self.paint.pattern = pattern;
        self
    }

    /// A limb from `a` to `b` with a radius at either end.
    pub fn limb(&mut self, a: Point, b: Point, ra: f32, rb: f32) -> &mut Self {
        let outline = Outline::Limb(self.place(a), self.place(b), ra * self.unit_px, rb * self.unit_px);
        self.add(outline)
    }

    /// An upright ellipse.
    pub fn ellipse(&mut self, centre: Point, rx: f32, ry: f32) -> &mut Self {
        let outline = Outline::Ellipse(self.place(centre), rx * self.unit_px, ry * self.unit_px);
        self.add(outline)
    }

    /// A convex polygon.
    pub fn polygon(&mut self, points: &[Point]) -> &mut Self {
        let outline = Outline::Polygon(points.iter().map(|p| self.place(*p)).collect());
        self.add(outline)
    }

    /// The shapes so far.
    pub fn finish(self) -> Vec<Shape> {
        self.shapes
    }

    fn place(&self, p: Point) -> Point {
        (self.origin_px.0 + self.facing * p.0 * self.unit_px, self.origin_px.1 - p.1 * self.unit_px)
    }

    fn add(&mut self, outline: Outline) -> &mut Self {
        self.shapes.push(Shape { outline, paint: self.paint });
        self
    }
}
