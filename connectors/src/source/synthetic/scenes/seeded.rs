//! Scenes made up from a seed: some of a handful of episodes, each in a band of the ground of its own, at random times
//! and speeds. What relations come of it is for the truth to judge.

use super::cast::Cast;
use crate::source::synthetic::draw::ground::Scenery;
use crate::source::synthetic::path::Path;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Seconds between the starts of two episodes in one band.
const EPISODE_SECS: f64 = 14.0;

pub fn seeded(cast: &mut Cast) {
    let mut dice = Dice::new(cast.seed);
    cast.scenery = [Scenery::Street, Scenery::Plaza, Scenery::Park][dice.below(3)];
    let bands: &[f64] =
        if cast.scenery == Scenery::Street { &[280.0, 424.0, 552.0, 684.0] } else { &[330.0, 500.0, 670.0] };
    for band in bands {
        let road = cast.scenery == Scenery::Street && (350.0..600.0).contains(band);
        let mut start = dice.within(0.0, 4.0);
        while start < cast.secs {
            match road {
                true => drive(cast, &mut dice, start, *band),
                false => walk(cast, &mut dice, start, *band),
            }
            start += EPISODE_SECS + dice.within(0.0, 3.0);
        }
    }
}

fn drive(cast: &mut Cast, dice: &mut Dice, start: f64, y: f64) {
    let (from, to) = if y > 500.0 { (cast.left(), cast.right()) } else { (cast.right(), cast.left()) };
    let secs = dice.within(5.0, 8.0);
    let way = [(start, from, y), (start + secs, to, y)];
    match dice.below(4) {
        0 => cast.van(&way),
        1 => {
            let stop = dice.within(400.0, 880.0);
            let halt = start + secs * 0.55;
            let wait = halt + dice.within(1.5, 3.0);
            cast.car(&[(start, from, y), (halt, stop, y), (wait, stop, y), (wait + secs * 0.55, to, y)])
        }
        2 => {
            let way = [(start, from, y), (start + secs + 3.5, to, y)];
            cast.car(&way);
            let lag = dice.within(2.0, 3.0);
            cast.car(&way.map(|(secs, x, y)| (secs + lag, x, y)))
        }
        _ => cast.car(&way),
    };
}

fn walk(cast: &mut Cast, dice: &mut Dice, start: f64, y: f64) {
    let ends = if dice.below(2) == 0 { (cast.left(), cast.right()) } else { (cast.right(), cast.left()) };
    let (from, to) = ends;
    let secs = dice.within(13.0, 17.0);
    let middle = dice.within(420.0, 860.0);
    let across = [(start, from, y), (start + secs / 2.0, middle, y + dice.within(-25.0, 25.0)), (start + secs, to, y)];
    match dice.below(6) {
        0 => {
            let rest = start + secs * 0.4;
            let until = rest + dice.within(2.0, 4.0);
            cast.person(&[(start, from, y), (rest, middle, y), (until, middle, y), (until + secs * 0.5, to, y)]);
        }
        1 => {
            let (rest, until) = (start + 6.0, start + 6.0 + dice.within(2.5, 4.0));
            let back = until + 6.0;
            let aside = 28.0 * (middle - from).signum();
            cast.person(&[(start, from, y), (rest, middle - aside, y), (until, middle - aside, y), (back, from, y)]);
            cast.person(&[
                (start, to, y + 4.0),
                (rest, middle + aside, y + 4.0),
                (until, middle + aside, y + 4.0),
                (back, to, y),
            ]);
        }
        2 => {
            cast.person(&across);
            let lag = dice.within(1.2, 2.0);
            cast.dog_on(Path::through(&across).later(lag, 0.0, 4.0));
        }
        3 => {
            let run = [(start, from, y), (start + dice.within(5.5, 7.0), to, y)];
            cast.person(&run);
            let lag = dice.within(0.6, 0.9);
            cast.dog_on(Path::through(&run).later(lag, 0.0, 5.0));
        }
        4 => {
            cast.person(&across);
            cast.bag(&across, (from, y), &[(-5.0, 9e9)]);
        }
        _ => {
            cast.person(&across);
        }
    }
}

/// Random numbers that repeat.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Those of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed ^ 0x5eed))
    }

    pub(super) fn below(&mut self, n: u32) -> usize {
        (self.0.next_u32() % n) as usize
    }

    pub(super) fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }
}
