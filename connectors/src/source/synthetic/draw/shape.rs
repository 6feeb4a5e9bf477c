//! The pieces things are drawn from: limbs, ellipses and convex polygons in pixels, with smooth edges, exact bounds and
//! a paint that has grain, shading and sometimes stripes.

use super::colour::Yuv;
use vokg_engine::geometry::{Rect, Size};

/// A point in pixels.
pub type Point = (f32, f32);

/// The outline of a piece.
#[derive(Clone, Debug)]
pub enum Outline {
    /// A line from one point to another with a radius at either end.
    Limb(Point, Point, f32, f32),
    /// An upright ellipse: centre and the two radii.
    Ellipse(Point, f32, f32),
    /// A convex polygon, either way round.
    Polygon(Vec<Point>),
}

/// Which pattern lies over a paint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    /// None.
    Plain,
    /// Darker stripes across, so many to an object height.
    Stripes(f32),
}

/// How a piece looks.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// The colour at mid height.
    pub colour: Yuv,
    /// How strong the grain is, in luma steps.
    pub grain: f32,
    /// Luma steps from the bottom to the top of the piece: light falls from above.
    pub slope: f32,
    /// Luma steps lost at the edge, which makes a flat piece look round.
    pub rim: f32,
    /// Stripes or none.
    pub pattern: Pattern,
}

/// A piece of a thing: where, and how it looks.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Where.
    pub outline: Outline,
    /// How it looks.
    pub paint: Paint,
}

/// Part of the pixel grid: columns and rows, ends excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// First column and the one after the last.
    pub columns: (usize, usize),
    /// First row and the one after the last.
    pub rows: (usize, usize),
}

impl Outline {
    /// The exact box around the outline.
    pub fn bounds(&self) -> Rect {
        match self {
            Self::Limb(a, b, ra, rb) => {
                around(&[(a.0 - ra, a.1 - ra), (a.0 + ra, a.1 + ra), (b.0 - rb, b.1 - rb), (b.0 + rb, b.1 + rb)])
            }
            Self::Ellipse(c, rx, ry) => around(&[(c.0 - rx, c.1 - ry), (c.0 + rx, c.1 + ry)]),
            Self::Polygon(points) => around(points),
        }
    }

    /// Calls `visit(column, row, depth)` for each cell of a grid of `step` pixels whose centre is at most half a pixel
    /// outside; depth is the distance to the edge in pixels, positive inside.
    pub fn for_each_cell(&self, frame: Size, step: usize, visit: impl FnMut(usize, usize, f32)) {
        let cells = cells_of(&widened(self.bounds(), 0.5), frame, step);
        match self {
            Self::Limb(a, b, ra, rb) => {
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let per_length = 1.0 / (dx * dx + dy * dy).max(1e-6);
                scan(cells, step, visit, |x, y| {
                    let along = (((x - a.0) * dx + (y - a.1) * dy) * per_length).clamp(0.0, 1.0);
                    let (ox, oy) = (x - a.0 - along * dx, y - a.1 - along * dy);
                    ra + along * (rb - ra) - (ox * ox + oy * oy).sqrt()
                });
            }
            Self::Ellipse(c, rx, ry) => {
                let (ix, iy, r) = (1.0 / rx, 1.0 / ry, rx.min(*ry));
                scan(cells, step, visit, |x, y| {
                    let (nx, ny) = ((x - c.0) * ix, (y - c.1) * iy);
                    r * (1.0 - (nx * nx + ny * ny).sqrt())
                });
            }
            Self::Polygon(points) => {
                let edges = inward_edges(points);
                scan(cells, step, visit, |x, y| edges.iter().fold(f32::MAX, |d, e| d.min(e.0 * x + e.1 * y + e.2)));
            }
        }
    }
}

/// `(nx, ny, c)` per edge, with `nx·x + ny·y + c` the distance to the edge, positive inside.
fn inward_edges(points: &[Point]) -> Vec<(f32, f32, f32)> {
    let n = points.len() as f32;
    let middle = points.iter().fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
    let ends = points.iter().zip(points.iter().cycle().skip(1));
    ends.map(|(p, q)| {
        let (dx, dy) = (q.0 - p.0, q.1 - p.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-6);
        let (nx, ny) = (-dy / length, dx / length);
        let c = -(nx * p.0 + ny * p.1);
        let side = if nx * middle.0 + ny * middle.1 + c < 0.0 { -1.0 } else { 1.0 };
        (side * nx, side * ny, side * c)
    })
    .collect()
}

fn scan(cells: Cells, step: usize, mut visit: impl FnMut(usize, usize, f32), depth: impl Fn(f32, f32) -> f32) {
    let centre = |cell: usize| (cell as f32 + 0.5) * step as f32;
    for row in cells.rows.0..cells.rows.1 {
        let y = centre(row);
        for column in cells.columns.0..cells.columns.1 {
            let depth = depth(centre(column), y);
            if depth > -0.5 {
                visit(column, row, depth);
            }
        }
    }
}

/// The cells of a grid of `step` pixels over the frame that a box can touch.
pub fn cells_of(rect: &Rect, frame: Size, step: usize) -> Cells {
    let range = |from: f32, to: f32, pixels: u32| {
        let count = (pixels as usize).div_ceil(step);
        let first = (from / step as f32).floor().clamp(0.0, count as f32) as usize;
        let end = (to / step as f32).ceil().clamp(0.0, count as f32) as usize;
        (first, end.max(first))
    };
    Cells { columns: range(rect.left, rect.right(), frame.width), rows: range(rect.top, rect.bottom(), frame.height) }
}

/// The smallest box around all points; empty at the origin where there are none.
pub fn around(points: &[Point]) -> Rect {
    let Some(first) = points.first() else { return Rect::default() };
    let start = (first.0, first.1, first.0, first.1);
    let (l, t, r, b) = points.iter().fold(start, |(l, t, r, b), p| (l.min(p.0), t.min(p.1), r.max(p.0), b.max(p.1)));
    Rect { left: l, top: t, width: r - l, height: b - t }
}

fn widened(rect: Rect, px: f32) -> Rect {
    Rect { left: rect.left - px, top: rect.top - px, width: rect.width + 2.0 * px, height: rect.height + 2.0 * px }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Size = Size { width: 80, height: 60 };

    fn outlines() -> Vec<Outline> {
        vec![
            Outline::Limb((20.0, 10.0), (50.0, 40.0), 6.0, 3.0),
            Outline::Ellipse((40.0, 30.0), 20.0, 8.0),
            Outline::Polygon(vec![(10.0, 50.0), (30.0, 20.0), (60.0, 22.0), (70.0, 50.0)]),
        ]
    }

    #[test]
    fn the_inside_reaches_the_bounds_and_not_beyond() {
        for outline in outlines() {
            let mut inside = Vec::new();
            outline.for_each_cell(FRAME, 1, |x, y, depth| {
                if depth >= 0.0 {
                    inside.push((x as f32 + 0.5, y as f32 + 0.5));
                }
            });
            let (drawn, bounds) = (around(&inside), outline.bounds());
            for (drawn, exact) in [
                (drawn.left, bounds.left),
                (drawn.top, bounds.top),
                (drawn.right(), bounds.right()),
                (drawn.bottom(), bounds.bottom()),
            ] {
                assert!((drawn - exact).abs() <= 2.0, "{outline:?}: drawn {drawn}, bounds say {exact}");
            }
        }
    }

    #[test]
    fn what_lies_outside_the_frame_is_not_visited() {
        let far = Outline::Ellipse((-100.0, 30.0), 20.0, 8.0);
        far.for_each_cell(FRAME, 1, |x, y, _| panic!("visited {x}, {y}"));
        let cut = Outline::Ellipse((0.0, 0.0), 200.0, 200.0);
        cut.for_each_cell(FRAME, 2, |x, y, _| assert!(x < 40 && y < 30));
    }
}
