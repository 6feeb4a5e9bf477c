//! Short scenes of one happening each, made up from a seed: times, places, speeds and directions vary, so that relations
//! can be measured over many of them. What holds in them is for the truth to judge.

use super::cast::Cast;
use super::seeded::Dice;
use crate::source::synthetic::draw::ground::Scenery;
use crate::source::synthetic::path::Path;

/// A happening: its name, its length in seconds, and who does what.
pub struct Episode {
    /// What happens.
    pub name: &'static str,
    /// Nothing in it should be taken for a relation that is not there.
    pub trap: bool,
    pub(super) secs: f64,
    pub(super) write: fn(&mut Cast, &mut Dice),
}

const fn episode(name: &'static str, secs: f64, write: fn(&mut Cast, &mut Dice)) -> Episode {
    Episode { name, trap: false, secs, write }
}

const fn trap(name: &'static str, secs: f64, write: fn(&mut Cast, &mut Dice)) -> Episode {
    Episode { name, trap: true, secs, write }
}

/// All happenings.
pub const EPISODES: &[Episode] = &[
    episode("visit", 16.0, visit),
    episode("van", 15.0, van),
    episode("behind-cars", 14.0, behind_cars),
    episode("meeting", 18.0, meeting),
    episode("file", 22.0, file),
    episode("pursuit", 10.0, pursuit),
    episode("abreast", 13.0, abreast),
    episode("porter", 16.0, porter),
    episode("left-bag", 26.0, left_bag),
    episode("yard", 18.0, yard),
    episode("gate", 14.0, gate),
    episode("boarding", 20.0, boarding),
    episode("behind-van", 17.0, behind_van),
    trap("parked-pair", 14.0, parked_pair),
    trap("crossing", 14.0, crossing),
    trap("parked-target", 14.0, parked_target),
    trap("stopped", 18.0, stopped),
    trap("strollers", 14.0, strollers),
    trap("attended", 18.0, attended),
];

/// Left and right, in either order.
fn ends(cast: &Cast, dice: &mut Dice) -> (f64, f64) {
    if dice.below(2) == 0 { (cast.left(), cast.right()) } else { (cast.right(), cast.left()) }
}

/// One waits, another comes near, stays a while and goes.
fn visit(cast: &mut Cast, dice: &mut Dice) {
    let (from, to) = ends(cast, dice);
    let (x, y) = (dice.within(480.0, 800.0), dice.within(400.0, 640.0));
    let side = (x - from).signum();
    let apart = dice.within(50.0, 95.0);
    cast.person(&[(0.0, x, y), (30.0, x, y)]);
    let (come, go) = (dice.within(4.0, 5.5), dice.within(7.5, 9.5));
    let near = x - side * apart;
    let back = if dice.below(2) == 0 { from } else { to };
    let leave = if back == to { near + side * 2.0 * apart } else { near };
    let (dy, aside) = (dice.within(-8.0, 8.0), dice.within(-60.0, 60.0));
    if leave == near {
        cast.person(&[(0.0, from, y + aside), (come, near, y + dy), (go, near, y + dy), (go + 5.5, back, y + aside)]);
    } else {
        cast.person(&[(0.0, from, y + aside), (come, near, y + dy), (go, near, y + dy), (go + 6.0, back, y + aside)]);
    }
}

/// A van waits while a dog or a person goes by in front of it.
fn van(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Street;
    let x = dice.within(540.0, 740.0);
    let y = dice.within(480.0, 560.0);
    let (from, to) = ends(cast, dice);
    cast.van(&[(0.0, from, y), (dice.within(3.0, 4.0), x, y), (30.0, x, y)]);
    let start = dice.within(2.5, 3.5);
    let (a, b) = ends(cast, dice);
    let halt = start + dice.within(3.5, 4.5);
    cast.dog(&[
        (start, a, y + 5.0),
        (halt, x - 30.0, y + 5.0),
        (halt + dice.within(1.5, 3.0), x - 20.0, y + 5.0),
        (14.5, b, y + 9.0),
    ]);
    let _ = to;
}

/// Cars hide who walks along the kerb.
fn behind_cars(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Street;
    let (from, to) = ends(cast, dice);
    let y = dice.within(345.0, 358.0);
    cast.person(&[(0.0, from * 0.4 + 380.0, y), (14.0, to * 0.4 + 380.0, y)]);
    let (a, b) = ends(cast, dice);
    let start = dice.within(0.5, 2.0);
    cast.car(&[(start, a, 404.0 + dice.within(0.0, 8.0)), (start + dice.within(6.5, 8.0), b, 408.0)]);
    let (a, b) = ends(cast, dice);
    let start = dice.within(5.0, 6.5);
    cast.car(&[(start, a, 404.0 + dice.within(0.0, 8.0)), (start + dice.within(6.5, 8.0), b, 408.0)]);
}

/// Two come together, stay and part.
fn meeting(cast: &mut Cast, dice: &mut Dice) {
    let (from, to) = ends(cast, dice);
    let (x, y) = (dice.within(520.0, 760.0), dice.within(400.0, 640.0));
    let side = (x - from).signum();
    let half = dice.within(26.0, 40.0);
    let (come, part) = (dice.within(4.0, 5.0), dice.within(8.5, 11.0));
    cast.person(&[
        (0.0, from, y),
        (come, x - side * half, y),
        (part, x - side * half, y),
        (part + 5.5, from, y + dice.within(-40.0, 40.0)),
    ]);
    let late = dice.within(-0.8, 0.8);
    cast.person(&[
        (0.9 + late, to, y + dice.within(-40.0, 40.0)),
        (come + late, x + side * half, y + 4.0),
        (part + late, x + side * half, y + 4.0),
        (part + 5.5 + late, to, y),
    ]);
}

/// One walks in the steps of another.
fn file(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Park;
    let (from, to) = ends(cast, dice);
    let y = dice.within(420.0, 620.0);
    let mut bend = || y + dice.within(-60.0, 60.0);
    let way = [
        (0.0, from, bend()),
        (6.2, from * 0.55 + to * 0.45, bend()),
        (12.5, from * 0.25 + to * 0.75, bend()),
        (18.5, to, bend()),
    ];
    cast.person(&way);
    let lag = dice.within(1.2, 2.4);
    let follower = Path::through(&way).later(lag, 0.0, dice.within(0.0, 5.0));
    match dice.below(2) {
        0 => cast.person_on(follower),
        _ => cast.dog_on(follower),
    };
}

/// One runs after another.
fn pursuit(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Park;
    let (from, to) = ends(cast, dice);
    let y = dice.within(420.0, 620.0);
    let secs = dice.within(4.8, 5.8);
    let way = [
        (0.0, from, y),
        (secs * 0.5, (from + to) / 2.0, y + dice.within(-50.0, 50.0)),
        (secs, to, y + dice.within(-30.0, 30.0)),
    ];
    cast.person(&way);
    cast.dog_on(Path::through(&way).later(dice.within(0.6, 0.9), 0.0, dice.within(2.0, 8.0)));
}

/// Two walk side by side.
fn abreast(cast: &mut Cast, dice: &mut Dice) {
    let (x, apart) = (dice.within(350.0, 900.0), dice.within(62.0, 95.0));
    let below = cast.below();
    let secs = dice.within(8.0, 10.0);
    let drift = dice.within(-60.0, 60.0);
    let up = |x: f64, lower: f64| {
        [(0.0, x, below + lower), (secs, x + drift, 260.0 + lower), (secs + 2.0, x + drift, 245.0 + lower)]
    };
    cast.person(&up(x, 0.0));
    cast.person(&up(x + apart, dice.within(-6.0, 6.0)));
}

/// A parcel is picked up, carried and put down; a bag is carried past. What is carried has by definition at most half of the
/// carrier's area; a carton beside the shorter people has more until their legs swing.
fn porter(cast: &mut Cast, dice: &mut Dice) {
    let (from, to) = ends(cast, dice);
    let side = (to - from).signum();
    let y = dice.within(420.0, 500.0);
    let (x, z) = (640.0 - side * dice.within(200.0, 280.0), 640.0 + side * dice.within(150.0, 250.0));
    let (come, lift, drop) = (dice.within(3.2, 4.0), 0.7, dice.within(3.5, 4.5));
    let way = [
        (0.0, from, y),
        (come, x, y),
        (come + lift, x, y),
        (come + lift + drop, z, y),
        (come + 2.0 * lift + drop, z, y),
        (come + drop + 5.5, to, y - 40.0),
    ];
    cast.person(&way);
    cast.parcel(&way, (x + side * 30.0, y + 1.0), &[(come + 0.1, come + lift + drop + 0.1)]);
    let (a, b) = ends(cast, dice);
    let low = dice.within(600.0, 660.0);
    let past = [(1.0, a, low), (dice.within(11.0, 14.0), b, low - 15.0)];
    cast.person(&past);
    cast.bag(&past, (a, low), &[(-5.0, 9e9)]);
}

/// A bag is put down and left.
fn left_bag(cast: &mut Cast, dice: &mut Dice) {
    let (from, to) = ends(cast, dice);
    let y = dice.within(400.0, 640.0);
    let x = dice.within(380.0, 900.0);
    let come = dice.within(3.5, 5.0);
    let rest = come + dice.within(0.8, 2.0);
    let away = if dice.below(2) == 0 { from } else { to };
    let far = if dice.below(2) == 0 { away } else { x + (away - x) * 0.6 };
    let way = [
        (0.0, from, y),
        (come, x, y),
        (rest, x, y),
        (rest + dice.within(5.0, 6.0), far, y - 20.0),
        (40.0, far, y - 20.0),
    ];
    cast.person(&way);
    cast.bag(&way, (from, y), &[(-5.0, come + 0.3)]);
}

/// People stay in and pass through an area.
fn yard(cast: &mut Cast, dice: &mut Dice) {
    cast.zone(&[(470.0, 330.0), (840.0, 330.0), (900.0, 640.0), (410.0, 640.0)], 5.0, 2);
    let (from, to) = ends(cast, dice);
    let (x, y) = (dice.within(520.0, 760.0), dice.within(400.0, 600.0));
    let (come, go) = (dice.within(3.5, 4.5), dice.within(8.0, 12.0));
    cast.person(&[(0.0, from, y), (come, x, y), (go, x + dice.within(-30.0, 30.0), y + 8.0), (go + 5.0, from, y)]);
    let (come, stay) = (dice.within(4.0, 8.0), dice.within(1.0, 3.0));
    let z = dice.within(520.0, 760.0);
    cast.person(&[
        (0.0, to, y - 60.0),
        (come, z, y - 50.0),
        (come + stay, z, y - 50.0),
        (come + stay + 5.0, to, y - 60.0),
    ]);
    let (a, b) = ends(cast, dice);
    let low = dice.within(560.0, 690.0);
    cast.person(&[(dice.within(1.0, 4.0), a, low), (dice.within(12.0, 15.0), b, low)]);
}

/// A line is crossed.
fn gate(cast: &mut Cast, dice: &mut Dice) {
    let x = dice.within(500.0, 780.0);
    cast.line([(x, 120.0), (x + dice.within(-50.0, 50.0), 710.0)]);
    for band in [400.0, 540.0, 670.0] {
        let (from, to) = ends(cast, dice);
        let y = band + dice.within(-30.0, 30.0);
        let start = dice.within(0.0, 2.5);
        let back = if dice.below(3) == 0 { from } else { to };
        let turn = x + (x - from).signum() * dice.within(60.0, 140.0);
        cast.person(&[(start, from, y), (start + 5.0, turn, y), (start + 10.5, back, y)]);
    }
}

/// Two people stop in front of a van that waits, one after the other, within its outline.
fn boarding(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Street;
    let (x, y) = (dice.within(520.0, 760.0), dice.within(480.0, 560.0));
    cast.van(&[(0.0, x, y)]);
    let mut stop = |start: f64, end: f64| {
        let (halt, stay) = (start + dice.within(3.0, 4.0), dice.within(1.0, 2.5));
        let at = x + dice.within(-90.0, 90.0);
        [(start, end, y + 2.0), (halt, at, y + 2.0), (halt + stay, at, y + 2.0), (halt + stay + 4.0, end, y + 3.0)]
    };
    let (first, second) = (stop(0.3, cast.left()), stop(9.5, cast.right()));
    cast.person(&first);
    cast.person(&second);
}

/// One goes behind a parked van, stays there, and comes out on either side.
fn behind_van(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Street;
    let (x, y) = (dice.within(520.0, 760.0), dice.within(500.0, 560.0));
    cast.van(&[(0.0, x, y)]);
    let (from, to) = ends(cast, dice);
    let (come, stay) = (dice.within(4.0, 5.0), dice.within(3.5, 7.0));
    let (stand, back) = (x + dice.within(-110.0, 40.0), if dice.below(2) == 0 { from } else { to });
    let behind = y - 15.0;
    cast.person(&[
        (0.0, from, behind),
        (come, stand, behind),
        (come + stay, stand, behind),
        (come + stay + 5.0, back, behind),
    ]);
}

fn parked_pair(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Street;
    let (x, y) = (dice.within(340.0, 460.0), dice.within(405.0, 440.0));
    cast.car(&[(0.0, x, y)]);
    cast.car(&[(0.0, x + dice.within(260.0, 340.0), y)]);
    let (from, to) = ends(cast, dice);
    cast.person(&[
        (dice.within(0.0, 2.0), from, dice.within(670.0, 700.0)),
        (dice.within(11.0, 14.0), to, dice.within(670.0, 700.0)),
    ]);
}

fn crossing(cast: &mut Cast, dice: &mut Dice) {
    let low = dice.within(590.0, 660.0);
    cast.person(&[(0.0, cast.left(), 330.0), (dice.within(10.0, 12.0), cast.right(), low)]);
    cast.person(&[(dice.within(0.5, 1.5), cast.right(), low + 30.0), (dice.within(11.0, 13.0), cast.left(), 320.0)]);
    let x = dice.within(800.0, 950.0);
    cast.person(&[
        (dice.within(0.5, 2.0), x, cast.below()),
        (dice.within(9.0, 11.0), x - 360.0, 220.0),
        (13.5, x - 460.0, 190.0),
    ]);
}

fn parked_target(cast: &mut Cast, dice: &mut Dice) {
    cast.scenery = Scenery::Street;
    let x = dice.within(640.0, 760.0);
    cast.car(&[(0.0, cast.left(), 420.0), (dice.within(2.6, 3.4), x, 420.0), (30.0, x, 420.0)]);
    let y = dice.within(462.0, 480.0);
    cast.dog(&[
        (dice.within(3.6, 4.6), cast.left(), y),
        (7.6, x - 140.0, y),
        (dice.within(10.2, 11.2), cast.right(), y + 30.0),
    ]);
    cast.person(&[(5.0, cast.right(), 660.0), (13.0, cast.left(), dice.within(640.0, 680.0))]);
}

fn stopped(cast: &mut Cast, dice: &mut Dice) {
    let (from, to) = ends(cast, dice);
    let (x, y) = (dice.within(500.0, 780.0), dice.within(400.0, 640.0));
    let halt = dice.within(4.0, 5.0);
    cast.person(&[(0.5, from, y), (halt, x, y), (halt + dice.within(6.0, 9.0), x, y), (halt + 14.0, to, y)]);
}

/// A bag is put down by somebody who stops two to three sizes further on and stays.
fn attended(cast: &mut Cast, dice: &mut Dice) {
    let (from, _) = ends(cast, dice);
    let (x, y) = (dice.within(480.0, 800.0), dice.within(400.0, 640.0));
    let (side, come) = ((x - from).signum(), dice.within(4.0, 5.0));
    // The bag is in hand 30 ahead.
    let past = 30.0 + dice.within(135.0, 155.0);
    let put = come * (1.0 - past / (x - from).abs());
    let way = [(0.0, from, y), (put, x - side * past, y), (come, x, y), (40.0, x, y)];
    cast.person(&way);
    cast.bag(&way, (from, y), &[(-5.0, put)]);
}

/// Three who cross the square, each in a band of its own.
fn strollers(cast: &mut Cast, dice: &mut Dice) {
    for band in [320.0, 490.0, 660.0] {
        let (from, to) = ends(cast, dice);
        let (y, start) = (band + dice.within(-15.0, 15.0), dice.within(0.0, 3.0));
        cast.person(&[(start, from, y), (start + dice.within(9.0, 12.0), to, y + dice.within(-15.0, 15.0))]);
    }
}
