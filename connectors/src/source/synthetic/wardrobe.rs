//! Looks for everybody: colours, sizes and patterns chosen by hash. About every third thing is dressed in the shades of
//! the ground, so that contrast is no given.

use super::body::{Bag, Body, Car, Carton, Dog, Person, Van};
use super::draw::colour::Rgb;
use super::draw::shape::Pattern;
use super::random::{hash, unit};

const COATS: &[Rgb] = &[
    Rgb(158.0, 48.0, 44.0),
    Rgb(46.0, 76.0, 122.0),
    Rgb(206.0, 170.0, 70.0),
    Rgb(58.0, 104.0, 82.0),
    Rgb(222.0, 216.0, 204.0),
    Rgb(112.0, 66.0, 106.0),
    Rgb(44.0, 46.0, 54.0),
    Rgb(198.0, 112.0, 62.0),
];
const TROUSERS: &[Rgb] =
    &[Rgb(44.0, 54.0, 78.0), Rgb(62.0, 58.0, 54.0), Rgb(120.0, 104.0, 82.0), Rgb(36.0, 36.0, 40.0)];
const HAIR: &[Rgb] = &[Rgb(44.0, 34.0, 28.0), Rgb(92.0, 62.0, 38.0), Rgb(170.0, 134.0, 82.0), Rgb(112.0, 108.0, 104.0)];
const SKIN: &[Rgb] =
    &[Rgb(226.0, 184.0, 156.0), Rgb(196.0, 148.0, 116.0), Rgb(140.0, 98.0, 72.0), Rgb(96.0, 66.0, 50.0)];
const PAINTS: &[Rgb] = &[
    Rgb(168.0, 38.0, 36.0),
    Rgb(212.0, 214.0, 216.0),
    Rgb(44.0, 78.0, 128.0),
    Rgb(202.0, 162.0, 62.0),
    Rgb(52.0, 92.0, 76.0),
    Rgb(38.0, 40.0, 44.0),
];
const FURS: &[Rgb] =
    &[Rgb(150.0, 106.0, 66.0), Rgb(208.0, 194.0, 168.0), Rgb(66.0, 56.0, 50.0), Rgb(176.0, 128.0, 74.0)];
const CLOTHS: &[Rgb] = &[Rgb(128.0, 40.0, 44.0), Rgb(48.0, 62.0, 96.0), Rgb(64.0, 84.0, 58.0), Rgb(42.0, 40.0, 42.0)];

/// About the shades of pavement, lawn and asphalt.
const GROUND_COAT: Rgb = Rgb(148.0, 143.0, 134.0);
const GROUND_TROUSERS: Rgb = Rgb(128.0, 126.0, 116.0);
const GROUND_PAINT: Rgb = Rgb(112.0, 114.0, 118.0);

/// The looks of one actor.
pub struct Looks {
    seed: u32,
    id: u32,
}

impl Looks {
    /// The looks of actor `id` in a clip.
    pub fn of(seed: u64, id: u32) -> Self {
        Self { seed: seed as u32 ^ (seed >> 32) as u32, id }
    }

    /// A person.
    pub fn person(&self) -> Body {
        let blends = self.id % 3 == 2;
        let pattern = if self.share(3) < 0.3 { Pattern::Stripes(7.0) } else { Pattern::Plain };
        Body::Person(Person {
            height: 142.0 + 26.0 * self.share(0),
            skin: self.pick(SKIN, 1),
            hair: self.pick(HAIR, 2),
            coat: if blends { GROUND_COAT } else { self.pick(COATS, 4) },
            pattern: if blends { Pattern::Plain } else { pattern },
            trousers: if blends { GROUND_TROUSERS } else { self.pick(TROUSERS, 5) },
        })
    }

    /// A car.
    pub fn car(&self) -> Body {
        let blends = self.id.is_multiple_of(3);
        let colour = if blends { GROUND_PAINT } else { self.pick(PAINTS, 6) };
        Body::Car(Car { length: 270.0 + 34.0 * self.share(7), colour })
    }

    /// A delivery van.
    pub fn van(&self) -> Body {
        Body::Van(Van { length: 345.0, colour: Rgb(206.0, 206.0, 200.0), band: self.pick(CLOTHS, 8) })
    }

    /// A dog.
    pub fn dog(&self) -> Body {
        let fur = self.pick(FURS, 9);
        Body::Dog(Dog { length: 76.0 + 14.0 * self.share(10), fur, patch: fur.lit(0.62) })
    }

    /// A bag.
    pub fn bag(&self) -> Body {
        Body::Bag(Bag { height: 48.0 + 8.0 * self.share(11), colour: self.pick(CLOTHS, 12) })
    }

    /// A cardboard box.
    pub fn carton(&self) -> Body {
        Body::Carton(Carton { width: 56.0 + 10.0 * self.share(13), colour: Rgb(164.0, 128.0, 88.0) })
    }

    /// A parcel: a cardboard box of at most two fifths of the area of any person who stands.
    pub fn parcel(&self) -> Body {
        Body::Carton(Carton { width: 44.0 + 8.0 * self.share(13), colour: Rgb(164.0, 128.0, 88.0) })
    }

    fn share(&self, which: u32) -> f32 {
        unit([self.seed, self.id, which])
    }

    /// Neighbours in number get different ones.
    fn pick(&self, from: &[Rgb], which: u32) -> Rgb {
        from[(hash([self.seed, which, 0]) as usize % from.len() + self.id as usize) % from.len()]
    }
}
