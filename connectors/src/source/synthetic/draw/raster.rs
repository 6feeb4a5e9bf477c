//! An I420 picture one can paint shapes and soft shadows into.

use super::shape::{Outline, Paint, Pattern, Point, Shape, cells_of};
use crate::source::synthetic::random::{ValueNoise, smooth};
use vokg_engine::geometry::Size;

/// Planes without padding, chroma halved both ways; width and height are even.
#[derive(Clone)]
pub struct Picture {
    /// Pixels.
    pub size: Size,
    /// Luma, row by row.
    pub y: Vec<u8>,
    /// Blue difference.
    pub u: Vec<u8>,
    /// Red difference.
    pub v: Vec<u8>,
}

/// The grain of all surfaces: one tile of value noise, −1 to 1.
pub struct Grain {
    tile: Vec<f32>,
}

const TILE: usize = 256;

impl Grain {
    /// A tile of three octaves, the finest about one world unit wide.
    pub fn new(seed: u32) -> Self {
        let field = ValueNoise::new(seed);
        let cell = |i: usize| field.octaves((i % TILE) as f32 * 0.22, (i / TILE) as f32 * 0.22, 3);
        Self { tile: (0..TILE * TILE).map(cell).collect() }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let wrap = |v: f32| (v + 16_384.0) as usize % TILE;
        self.tile[wrap(y) * TILE + wrap(x)]
    }
}

/// Where the surface of a thing is pinned to the picture, so that its grain travels with it.
#[derive(Clone, Copy)]
pub struct Pin {
    /// The thing's feet in pixels.
    pub feet_px: Point,
    /// Pixels per world unit.
    pub unit_px: f32,
}

impl Picture {
    /// Paints a shape over what is there.
    pub fn paint(&mut self, shape: &Shape, grain: &Grain, pin: Pin) {
        let size = self.size;
        let width = size.width as usize;
        let surface = Surface::new(&shape.outline, shape.paint, grain, pin);
        let luma = &mut self.y;
        shape.outline.for_each_cell(size, 1, |x, y, depth| {
            let pixel = &mut luma[y * width + x];
            *pixel = blend(*pixel, surface.luma(x as f32 + 0.5, y as f32 + 0.5, depth), depth + 0.5);
        });
        let (u, v) = (&mut self.u, &mut self.v);
        shape.outline.for_each_cell(size, 2, |x, y, depth| {
            let at = y * width / 2 + x;
            u[at] = blend(u[at], shape.paint.colour.u, depth * 0.5 + 0.5);
            v[at] = blend(v[at], shape.paint.colour.v, depth * 0.5 + 0.5);
        });
    }
}

fn blend(below: u8, above: f32, share: f32) -> u8 {
    let below = f32::from(below);
    (below + (above - below) * share.min(1.0) + 0.5) as u8
}

/// Luma of a paint on an outline.
struct Surface<'a> {
    paint: Paint,
    grain: &'a Grain,
    pin: Pin,
    per_unit: f32,
    middle_y: f32,
    per_height: f32,
    per_rim: f32,
}

impl<'a> Surface<'a> {
    fn new(outline: &Outline, paint: Paint, grain: &'a Grain, pin: Pin) -> Self {
        let bounds = outline.bounds();
        Self {
            paint,
            grain,
            pin,
            per_unit: 1.0 / pin.unit_px,
            middle_y: bounds.centre().1,
            per_height: 1.0 / bounds.height.max(1.0),
            per_rim: 1.0 / (0.3 * bounds.width.min(bounds.height)).max(1.0),
        }
    }

    fn luma(&self, x: f32, y: f32, depth: f32) -> f32 {
        let paint = &self.paint;
        let (ox, oy) = ((x - self.pin.feet_px.0) * self.per_unit, (y - self.pin.feet_px.1) * self.per_unit);
        let light = paint.slope * (self.middle_y - y) * self.per_height;
        let rim = paint.rim * (1.0 - depth * self.per_rim).max(0.0);
        let stripe = match paint.pattern {
            Pattern::Stripes(width) if (oy / width).rem_euclid(2.0) < 1.0 => -26.0,
            _ => 0.0,
        };
        paint.colour.y + paint.grain * self.grain.at(ox, oy) + light - rim + stripe
    }
}

/// Soft shadows of one frame, gathered first so that two that overlap are not darker than one.
pub struct Shade {
    strength: Vec<u8>,
}

impl Shade {
    /// No shadow yet.
    pub fn new(size: Size) -> Self {
        Self { strength: vec![0; size.area() as usize] }
    }

    /// Adds a shadow that takes `share` of the light (0 to 1) in its middle and fades within `soft_px` of its edge.
    pub fn cast(&mut self, size: Size, outline: &Outline, share: f32, soft_px: f32) {
        let width = size.width as usize;
        outline.for_each_cell(size, 1, |x, y, depth| {
            let strength = (share * 256.0 * smooth(depth / soft_px)) as u8;
            let cell = &mut self.strength[y * width + x];
            *cell = (*cell).max(strength);
        });
    }

    /// Darkens the picture under the outlines given and forgets their shadows.
    pub fn apply(&mut self, picture: &mut Picture, outlines: &[Outline]) {
        let width = picture.size.width as usize;
        for outline in outlines {
            let cells = cells_of(&outline.bounds(), picture.size, 2);
            for row in cells.rows.0..cells.rows.1 {
                for column in cells.columns.0..cells.columns.1 {
                    let at = 2 * row * width + 2 * column;
                    let chroma = row * width / 2 + column;
                    let taken = u32::from(self.strength[at]);
                    picture.u[chroma] = dimmed(picture.u[chroma], taken, 128);
                    picture.v[chroma] = dimmed(picture.v[chroma], taken, 128);
                    for at in [at, at + 1, at + width, at + width + 1] {
                        picture.y[at] = dimmed(picture.y[at], u32::from(self.strength[at]), 16);
                        self.strength[at] = 0;
                    }
                }
            }
        }
    }
}

/// `value` brought nearer to `dark` by `taken` parts of 256.
fn dimmed(value: u8, taken: u32, dark: i32) -> u8 {
    (dark + (((i32::from(value) - dark) * (256 - taken as i32)) >> 8)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_shadows_are_no_darker_than_one() {
        let size = Size { width: 64, height: 64 };
        let mut picture = Picture { size, y: vec![116; 64 * 64], u: vec![128; 32 * 32], v: vec![160; 32 * 32] };
        let outlines = [(28.0, 32.0), (36.0, 32.0)].map(|c| Outline::Ellipse(c, 20.0, 20.0));
        let mut shade = Shade::new(size);
        for outline in &outlines {
            shade.cast(size, outline, 0.3, 5.0);
        }
        shade.apply(&mut picture, &outlines);
        let at = |x: usize, y: usize| picture.y[y * 64 + x];
        assert!((85..=87).contains(&at(32, 32)), "{}", at(32, 32));
        assert_eq!(at(2, 2), 116);
        assert!(shade.strength.iter().all(|s| *s == 0));
    }
}
