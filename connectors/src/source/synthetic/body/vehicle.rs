//! A car and a delivery van from the side, with windows, lights and wheels that turn.

use super::Stance;
use crate::source::synthetic::draw::colour::Rgb;
use crate::source::synthetic::draw::pen::Pen;
use crate::source::synthetic::draw::shape::Shape;
use crate::source::synthetic::random::sine;

/// A saloon.
#[derive(Clone, Debug)]
pub struct Car {
    /// In world units.
    pub length: f32,
    /// Its paint.
    pub colour: Rgb,
}

/// A delivery van.
#[derive(Clone, Debug)]
pub struct Van {
    /// In world units.
    pub length: f32,
    /// Its paint.
    pub colour: Rgb,
    /// The band along its side.
    pub band: Rgb,
}

const GLASS: Rgb = Rgb(58.0, 74.0, 86.0);
const RUBBER: Rgb = Rgb(30.0, 30.0, 32.0);
const HUB: Rgb = Rgb(158.0, 160.0, 164.0);

impl Car {
    /// All lengths are in car lengths, the nose at +0.5.
    pub(super) fn draw(&self, mut pen: Pen, stance: &Stance) -> Vec<Shape> {
        pen.matt(RUBBER).polygon(&[(-0.47, 0.06), (-0.47, 0.13), (0.47, 0.13), (0.47, 0.06)]);
        pen.shiny(self.colour.lit(1.12));
        pen.polygon(&[(-0.29, 0.36), (-0.23, 0.388), (0.03, 0.388), (0.1, 0.36)]);
        pen.shiny(self.colour.lit(0.93));
        pen.polygon(&[(-0.41, 0.235), (-0.36, 0.31), (-0.28, 0.366), (0.09, 0.366), (0.18, 0.31), (0.28, 0.235)]);
        pen.shiny(GLASS);
        pen.polygon(&[(-0.35, 0.245), (-0.33, 0.295), (-0.265, 0.345), (-0.1, 0.345), (-0.1, 0.245)]);
        pen.polygon(&[(-0.08, 0.245), (-0.08, 0.345), (0.08, 0.345), (0.15, 0.3), (0.225, 0.245)]);
        pen.matt(GLASS.lit(0.45)).ellipse((0.03, 0.285), 0.032, 0.04);
        pen.shiny(GLASS.lit(1.7)).polygon(&[(-0.22, 0.345), (-0.2, 0.345), (-0.25, 0.245), (-0.28, 0.245)]);
        pen.shiny(self.colour);
        pen.polygon(&[
            (-0.5, 0.105),
            (-0.495, 0.2),
            (-0.46, 0.237),
            (-0.3, 0.25),
            (0.28, 0.25),
            (0.46, 0.21),
            (0.497, 0.17),
            (0.5, 0.105),
        ]);
        pen.shiny(self.colour.lit(0.72)).polygon(&[(-0.49, 0.09), (-0.495, 0.13), (0.497, 0.13), (0.49, 0.09)]);
        let seam = self.colour.lit(0.55);
        for x in [-0.3, -0.09, 0.17] {
            pen.matt(seam).limb((x, 0.12), (x, 0.235), 0.003, 0.003);
        }
        pen.matt(seam).limb((-0.14, 0.205), (-0.11, 0.205), 0.006, 0.006).limb(
            (0.1, 0.205),
            (0.13, 0.205),
            0.006,
            0.006,
        );
        pen.shiny(Rgb(238.0, 232.0, 205.0)).limb((0.455, 0.185), (0.485, 0.175), 0.014, 0.012);
        pen.shiny(Rgb(176.0, 34.0, 30.0)).limb((-0.488, 0.17), (-0.485, 0.205), 0.01, 0.012);
        for x in [-0.305, 0.305] {
            wheel(&mut pen, x, 0.08, stance.walked / self.length);
        }
        pen.finish()
    }
}

impl Van {
    /// All lengths are in van lengths, the nose at +0.5.
    pub(super) fn draw(&self, mut pen: Pen, stance: &Stance) -> Vec<Shape> {
        pen.matt(RUBBER).polygon(&[(-0.48, 0.06), (-0.48, 0.12), (0.48, 0.12), (0.48, 0.06)]);
        pen.shiny(self.colour.lit(1.1)).polygon(&[(-0.49, 0.49), (-0.45, 0.52), (0.25, 0.52), (0.3, 0.49)]);
        pen.shiny(self.colour).polygon(&[(0.38, 0.1), (0.38, 0.31), (0.42, 0.31), (0.49, 0.27), (0.5, 0.1)]);
        pen.polygon(&[(-0.5, 0.1), (-0.5, 0.48), (-0.485, 0.5), (0.29, 0.5), (0.32, 0.48), (0.43, 0.3), (0.43, 0.1)]);
        pen.shiny(GLASS).polygon(&[(0.16, 0.31), (0.16, 0.45), (0.3, 0.45), (0.38, 0.31)]);
        pen.matt(GLASS.lit(0.45)).ellipse((0.25, 0.36), 0.03, 0.04);
        pen.matt(self.band).polygon(&[(-0.5, 0.23), (-0.5, 0.29), (0.13, 0.29), (0.13, 0.23)]);
        for (i, wide) in [0.05, 0.03, 0.055, 0.04].into_iter().enumerate() {
            let x = -0.36 + 0.11 * i as f32;
            pen.matt(self.band.lit(0.8)).polygon(&[(x, 0.34), (x, 0.41), (x + wide, 0.41), (x + wide, 0.34)]);
        }
        let seam = self.colour.lit(0.6);
        for (x, top) in [(0.13, 0.48), (0.145, 0.48), (-0.2, 0.48), (0.4, 0.3)] {
            pen.matt(seam).limb((x, 0.12), (x, top), 0.003, 0.003);
        }
        pen.shiny(Rgb(238.0, 232.0, 205.0)).limb((0.465, 0.22), (0.487, 0.2), 0.016, 0.014);
        pen.shiny(Rgb(176.0, 34.0, 30.0)).limb((-0.49, 0.16), (-0.49, 0.22), 0.009, 0.009);
        for x in [-0.31, 0.33] {
            wheel(&mut pen, x, 0.082, stance.walked / self.length);
        }
        pen.finish()
    }
}

fn wheel(pen: &mut Pen, x: f32, radius: f32, walked: f32) {
    let centre = (x, radius);
    pen.matt(RUBBER.lit(0.6)).ellipse((x, radius * 1.15), radius * 1.22, radius * 1.15);
    pen.matt(RUBBER).ellipse(centre, radius, radius);
    pen.shiny(HUB).ellipse(centre, radius * 0.62, radius * 0.62);
    let turns = f64::from(walked / (std::f32::consts::TAU * radius));
    for spoke in 0..3 {
        let angle = -turns + f64::from(spoke) / 6.0;
        let (dx, dy) = (sine(angle + 0.25) as f32 * radius * 0.52, sine(angle) as f32 * radius * 0.52);
        pen.matt(RUBBER).limb((x - dx, radius - dy), (x + dx, radius + dy), radius * 0.07, radius * 0.07);
    }
}
