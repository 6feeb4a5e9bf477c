//! What things look like: each body turns a stance into shapes. One file per kind of thing.

mod dog;
mod goods;
mod person;
mod vehicle;

pub use dog::Dog;
pub use goods::{Bag, Carton};
pub use person::Person;
pub use vehicle::{Car, Van};

use super::draw::pen::Pen;
use super::draw::shape::{Point, Shape};

/// How a thing stands in one frame.
#[derive(Clone, Copy, Debug)]
pub struct Stance {
    /// Where its feet are, in frame pixels.
    pub feet_px: Point,
    /// Pixels per world unit at its depth.
    pub unit_px: f32,
    /// −1 looks left, 1 right, between: towards or away from the viewer.
    pub facing: f32,
    /// Walked so far, in world units; drives legs and wheels.
    pub walked: f32,
    /// 0 stands, 1 walks or faster.
    pub pace: f32,
}

/// A thing's looks.
#[derive(Clone, Debug)]
pub enum Body {
    /// On two legs.
    Person(Person),
    /// A saloon seen from the side.
    Car(Car),
    /// A delivery van seen from the side.
    Van(Van),
    /// On four legs.
    Dog(Dog),
    /// A bag with a handle.
    Bag(Bag),
    /// A cardboard box.
    Carton(Carton),
}

impl Body {
    /// The class written into the truth.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Car(_) => "car",
            Self::Van(_) => "van",
            Self::Dog(_) => "dog",
            Self::Bag(_) => "bag",
            Self::Carton(_) => "box",
        }
    }

    /// Width and height in world units when standing still, seen as it mostly is.
    pub fn extent(&self) -> (f64, f64) {
        let (unit, width, height) = match self {
            Self::Person(p) => (p.height, 0.3, 1.0),
            Self::Car(c) => (c.length, 1.0, 0.39),
            Self::Van(v) => (v.length, 1.0, 0.52),
            Self::Dog(d) => (d.length, 1.1, 0.85),
            Self::Bag(b) => (b.height, 0.95, 1.0),
            Self::Carton(c) => (c.width, 1.0, 0.85),
        };
        (f64::from(unit * width), f64::from(unit * height))
    }

    /// The shapes of the body, the farthest first.
    pub fn shapes(&self, stance: &Stance) -> Vec<Shape> {
        let pen = |unit: f32, facing: f32| Pen::new(stance.feet_px, unit * stance.unit_px, facing);
        let side = if stance.facing < 0.0 { -1.0 } else { 1.0 };
        match self {
            Self::Person(p) => p.draw(pen(p.height, 1.0), stance),
            Self::Car(c) => c.draw(pen(c.length, side), stance),
            Self::Van(v) => v.draw(pen(v.length, side), stance),
            Self::Dog(d) => d.draw(pen(d.length, side), stance),
            Self::Bag(b) => b.draw(pen(b.height, side)),
            Self::Carton(c) => c.draw(pen(c.width, 1.0)),
        }
    }
}
