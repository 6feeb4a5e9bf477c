//! Where a thing is: smooth ways through timed points, and what follows from them (how far it walked, where it looks).

use super::random::smooth;

/// A place on the ground in world units: the frame's height is 720 of them, its centre (640, 360), y down.
pub type Place = (f64, f64);

/// A way through timed points. Speed changes smoothly, two equal points in a row are a halt, and no coordinate ever
/// overshoots: monotone cubic interpolation (Fritsch and Butland, "A method for constructing local monotone piecewise
/// cubic interpolants", SIAM J. Sci. Stat. Comput. 5(2), 1984).
#[derive(Clone, Debug)]
pub struct Path {
    keys: Vec<Key>,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    secs: f64,
    place: Place,
    speed: Place,
}

impl Path {
    /// The way through `(seconds, x, y)`, which must rise in seconds. Before the first and after the last point the
    /// thing stays there.
    ///
    /// # Panics
    /// Where there is no point: a scene is written in code.
    pub fn through(points: &[(f64, f64, f64)]) -> Self {
        assert!(!points.is_empty(), "a path has at least one point");
        debug_assert!(points.windows(2).all(|w| w[0].0 < w[1].0), "path times must rise: {points:?}");
        let slope = |axis: fn(&(f64, f64, f64)) -> f64, i: usize| {
            let rise = |a: usize, b: usize| (axis(&points[b]) - axis(&points[a])) / (points[b].0 - points[a].0);
            let last = points.len() - 1;
            match i {
                _ if last == 0 => 0.0,
                0 => rise(0, 1),
                _ if i == last => rise(last - 1, last),
                _ => joint_slope(
                    (rise(i - 1, i), rise(i, i + 1)),
                    points[i].0 - points[i - 1].0,
                    points[i + 1].0 - points[i].0,
                ),
            }
        };
        let key = |(i, p): (usize, &(f64, f64, f64))| Key {
            secs: p.0,
            place: (p.1, p.2),
            speed: (slope(|p| p.1, i), slope(|p| p.2, i)),
        };
        Self { keys: points.iter().enumerate().map(key).collect() }
    }

    /// The same way, `secs` later and moved.
    pub fn later(&self, secs: f64, dx: f64, dy: f64) -> Self {
        let keys = self.keys.iter().map(|k| Key { secs: k.secs + secs, place: (k.place.0 + dx, k.place.1 + dy), ..*k });
        Self { keys: keys.collect() }
    }

    /// The place at a moment.
    pub fn at(&self, secs: f64) -> Place {
        let after = self.keys.partition_point(|k| k.secs <= secs);
        if after == 0 {
            return self.keys[0].place;
        }
        let from = self.keys[after - 1];
        let Some(to) = self.keys.get(after) else { return from.place };
        let span = to.secs - from.secs;
        let t = (secs - from.secs) / span;
        let blend = |p: f64, v: f64, q: f64, w: f64| {
            let (t2, t3) = (t * t, t * t * t);
            (2.0 * t3 - 3.0 * t2 + 1.0) * p
                + (t3 - 2.0 * t2 + t) * span * v
                + (3.0 * t2 - 2.0 * t3) * q
                + (t3 - t2) * span * w
        };
        (
            blend(from.place.0, from.speed.0, to.place.0, to.speed.0),
            blend(from.place.1, from.speed.1, to.place.1, to.speed.1),
        )
    }
}

/// 0 where the direction turns or rests, else the weighted harmonic mean of both slopes.
fn joint_slope((before, after): (f64, f64), span_before: f64, span_after: f64) -> f64 {
    if before * after <= 0.0 {
        return 0.0;
    }
    let (w1, w2) = (2.0 * span_after + span_before, span_after + 2.0 * span_before);
    (w1 + w2) / (w1 / before + w2 / after)
}

/// How a walker carries itself at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gait {
    /// Way covered so far, in world units.
    pub walked: f32,
    /// −1 left, 1 right; between: towards or away from the viewer.
    pub facing: f32,
    /// 0 stands, 1 walks.
    pub pace: f32,
}

/// A path with the gait along it, tabled once.
#[derive(Clone, Debug)]
pub struct Walk {
    path: Path,
    table: Vec<Gait>,
}

const TABLE_HZ: f64 = 25.0;
/// Speed at which legs swing fully, in world units a second.
const FULL_PACE: f64 = 55.0;

impl Walk {
    /// Follows a path for so many seconds.
    pub fn along(path: Path, secs: f64) -> Self {
        let first_facing = (0..(secs * TABLE_HZ) as usize)
            .map(|k| heading(&path, k as f64 / TABLE_HZ))
            .find(|(_, speed)| *speed > 1.0)
            .map_or(1.0, |(facing, _)| facing);
        let mut gait = Gait { walked: 0.0, facing: first_facing as f32, pace: 0.0 };
        let mut table = Vec::new();
        for k in 0..(secs * TABLE_HZ).ceil() as usize + 2 {
            let (facing, speed) = heading(&path, k as f64 / TABLE_HZ);
            let pace = (speed / FULL_PACE).min(1.0);
            gait.walked += (speed / TABLE_HZ) as f32;
            gait.pace += 0.3 * (pace as f32 - gait.pace);
            gait.facing += 0.25 * pace as f32 * (facing as f32 - gait.facing);
            table.push(gait);
        }
        Self { path, table }
    }

    /// The place at a moment.
    pub fn at(&self, secs: f64) -> Place {
        self.path.at(secs)
    }

    /// The gait at a moment.
    pub fn gait(&self, secs: f64) -> Gait {
        let place = (secs * TABLE_HZ).clamp(0.0, (self.table.len() - 2) as f64);
        let (a, b) = (self.table[place as usize], self.table[place as usize + 1]);
        let t = (place - place.floor()) as f32;
        let mix = |a: f32, b: f32| a + t * (b - a);
        Gait { walked: mix(a.walked, b.walked), facing: mix(a.facing, b.facing), pace: mix(a.pace, b.pace) }
    }
}

/// Sideways share of the direction, and the speed in world units a second.
fn heading(path: &Path, secs: f64) -> (f64, f64) {
    let half = 0.5 / TABLE_HZ;
    let (a, b) = (path.at(secs - half), path.at(secs + half));
    let (vx, vy) = ((b.0 - a.0) * TABLE_HZ, (b.1 - a.1) * TABLE_HZ);
    let speed = (vx * vx + vy * vy).sqrt();
    (vx / speed.max(1e-9), speed)
}

/// Things that move by themselves, and things that are carried.
#[derive(Clone, Debug)]
pub enum Course {
    /// Goes its own way.
    Own(Walk),
    /// Lies, is carried for a while, lies again.
    Carried {
        /// Who carries.
        carrier: Walk,
        /// Where the thing lies at first.
        rest: Place,
        /// When it is in hand, in seconds, one after the other.
        holds: Vec<(f64, f64)>,
        /// Sideways distance from the carrier, to the side it looks to.
        reach: f64,
        /// Height above the ground in hand.
        lift: f64,
    },
}

/// Seconds from the ground into the hand.
const GRASP_SECS: f64 = 0.4;

impl Course {
    /// Ground place, height above it, and gait.
    pub fn at(&self, secs: f64) -> (Place, f64, Gait) {
        match self {
            Self::Own(walk) => (walk.at(secs), 0.0, walk.gait(secs)),
            Self::Carried { carrier, rest, holds, reach, lift } => {
                let in_hand = |secs: f64| {
                    let (x, y) = carrier.at(secs);
                    (x + reach * f64::from(carrier.gait(secs).facing), y + 1.0)
                };
                let (mut place, mut height) = (*rest, 0.0);
                for (from, to) in holds.iter().filter(|(from, _)| *from <= secs) {
                    let grasp = ramp((secs - from) / GRASP_SECS);
                    let release = ramp((secs - to) / GRASP_SECS);
                    let hand = in_hand(secs.min(*to));
                    place = (place.0 + (hand.0 - place.0) * grasp, place.1 + (hand.1 - place.1) * grasp);
                    height = lift * grasp * (1.0 - release);
                }
                (place, height, carrier.gait(secs))
            }
        }
    }
}

fn ramp(t: f64) -> f64 {
    f64::from(smooth(t as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn paths_meet_their_points_and_never_leave_their_span(
            steps in prop::collection::vec((0.2f64..3.0, -900.0f64..900.0, 100.0f64..700.0), 2..8),
        ) {
            let mut secs = 0.0;
            let points: Vec<_> = steps.iter().map(|(dt, x, y)| { secs += dt; (secs, *x, *y) }).collect();
            let path = Path::through(&points);
            for w in points.windows(2) {
                let (low, high) = (w[0].1.min(w[1].1) - 1e-6, w[0].1.max(w[1].1) + 1e-6);
                for i in 0..=20 {
                    let x = path.at(w[0].0 + (w[1].0 - w[0].0) * f64::from(i) / 20.0).0;
                    prop_assert!((low..=high).contains(&x), "{x} outside {low}..{high}");
                }
                prop_assert!((path.at(w[0].0).0 - w[0].1).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn two_equal_points_are_a_halt_without_a_jolt() {
        let path = Path::through(&[(0.0, 0.0, 5.0), (2.0, 200.0, 5.0), (4.0, 200.0, 5.0)]);
        assert_eq!(path.at(3.0), (200.0, 5.0));
        let speed = |t: f64| (path.at(t + 0.01).0 - path.at(t - 0.01).0) / 0.02;
        assert!(speed(1.97) < 12.0 && speed(1.0) > 100.0, "{} {}", speed(1.97), speed(1.0));
    }

    #[test]
    fn carried_things_leave_the_ground_and_stay_where_they_are_put() {
        let carrier = Walk::along(Path::through(&[(0.0, 100.0, 300.0), (10.0, 1100.0, 300.0)]), 10.0);
        let course =
            Course::Carried { carrier, rest: (300.0, 301.0), holds: vec![(2.0, 6.0)], reach: 20.0, lift: 40.0 };
        assert_eq!(course.at(1.0).0, (300.0, 301.0));
        let (place, height, _) = course.at(4.0);
        assert!((place.0 - 520.0).abs() < 1.0 && (height - 40.0).abs() < 1e-6);
        assert_eq!(course.at(7.0).0, course.at(9.0).0);
        assert_eq!(course.at(9.0).1, 0.0);
    }
}
