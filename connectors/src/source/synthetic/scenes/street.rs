//! The scene to show: a street on which a bit of everything happens. It takes 26 seconds and starts over, with other
//! people, where the clip is longer.

use super::cast::Cast;
use crate::source::synthetic::draw::ground::Scenery;
use crate::source::synthetic::path::Path;

const ROUND_SECS: f64 = 26.0;
/// Feet of what drives to the right, and to the left.
const NEAR_LANE: f64 = 552.0;
const FAR_LANE: f64 = 424.0;

pub fn street(cast: &mut Cast) {
    cast.scenery = Scenery::Street;
    let rounds = (cast.secs / ROUND_SECS).ceil() as u32;
    for round in 0..rounds {
        let start = f64::from(round) * ROUND_SECS;
        traffic(cast, start);
        friends(cast, start);
        dog_walk(cast, start);
        delivery(cast, start);
        jogger(cast, start);
    }
}

fn at<const N: usize>(start: f64, points: [(f64, f64, f64); N]) -> [(f64, f64, f64); N] {
    points.map(|(secs, x, y)| (start + secs, x, y))
}

fn traffic(cast: &mut Cast, start: f64) {
    let (left, right) = (cast.left(), cast.right());
    cast.car(&at(start, [(0.6, left, NEAR_LANE), (5.6, right, NEAR_LANE)]));
    cast.car(&at(start, [(3.0, right, FAR_LANE), (6.0, 540.0, FAR_LANE), (8.6, left, FAR_LANE)]));
    let convoy = at(start, [(7.4, left, NEAR_LANE), (16.6, right, NEAR_LANE)]);
    cast.car(&convoy);
    cast.car(&convoy.map(|(secs, x, y)| (secs + 2.3, x, y)));
    cast.van(&at(
        start,
        [(13.5, right, FAR_LANE), (17.0, 470.0, FAR_LANE), (20.0, 470.0, FAR_LANE), (23.6, left, FAR_LANE)],
    ));
    cast.car(&at(start, [(20.3, left, NEAR_LANE), (25.6, right, NEAR_LANE)]));
}

/// Two who meet on the far pavement and part again.
fn friends(cast: &mut Cast, start: f64) {
    let (left, right) = (cast.left(), cast.right());
    cast.person(&at(start, [(0.0, left, 276.0), (7.0, 604.0, 280.0), (11.6, 604.0, 280.0), (19.5, left, 268.0)]));
    cast.person(&at(start, [(0.4, right, 284.0), (7.6, 660.0, 284.0), (12.2, 660.0, 284.0), (20.5, right, 276.0)]));
}

/// A person on the near pavement with a dog behind.
fn dog_walk(cast: &mut Cast, start: f64) {
    let way =
        at(start, [(3.0, cast.right(), 690.0), (9.0, 800.0, 684.0), (11.0, 700.0, 686.0), (19.5, cast.left(), 694.0)]);
    cast.person(&way);
    cast.dog_on(Path::through(&way).later(1.4, 0.0, 5.0));
}

/// A box is fetched at the kerb and carried off.
fn delivery(cast: &mut Cast, start: f64) {
    let way = at(
        start,
        [
            (10.0, cast.right(), 306.0),
            (14.0, 960.0, 308.0),
            (14.8, 960.0, 308.0),
            (18.4, 1180.0, 252.0),
            (21.0, cast.right(), 240.0),
        ],
    );
    cast.person(&way);
    cast.carton(&way, (930.0, 309.0), &[(start + 14.2, 9e9)]);
}

/// Somebody in a hurry, past everybody.
fn jogger(cast: &mut Cast, start: f64) {
    cast.person(&at(start, [(14.4, cast.left(), 640.0), (18.0, 560.0, 646.0), (21.6, cast.right(), 640.0)]));
}
