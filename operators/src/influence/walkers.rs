//! Made-up walkers with known influence, as tracked frames: what the tests and `benches/granger.rs` judge.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::time::Micros;

/// The extent of every walker: one size.
const SIZE_PX: f64 = 40.0;

/// Simulated steps in a second.
const STEPS_PER_SEC: usize = 100;

/// Deviation of the velocity along each axis, in sizes per second.
const SPEED: f64 = 0.7;

/// Seconds that are simulated before the first frame.
const BEFORE_SECS: f64 = 5.0;

/// How one walker moves.
#[derive(Clone, Copy, Debug)]
pub struct Walker {
    /// Whose velocity its own follows, by place in the list and before it; how many seconds later; with which share.
    pub follows: Option<(usize, f64, f64)>,
    /// Time in which its own wish decays to 37 %, in seconds, along each axis.
    pub inertia_secs: (f64, f64),
}

impl Walker {
    /// Follows nobody.
    pub const ALONE: Self = Self { follows: None, inertia_secs: (1.0, 1.0) };

    /// Follows the walker at this place.
    pub const fn after(place: usize, lag_secs: f64, share: f64) -> Self {
        Self { follows: Some((place, lag_secs, share)), inertia_secs: (1.0, 1.0) }
    }
}

/// How walkers are seen.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Frames a second.
    pub fps: f64,
    /// How long.
    pub secs: f64,
    /// Deviation of the centre and of the extent of each box, in sizes.
    pub noise: f64,
    /// The share of sightings that is missed.
    pub missed: f64,
}

impl View {
    /// Every walker in every frame, ten a second, without noise.
    pub const fn clear(secs: f64) -> Self {
        Self { fps: 10.0, secs, noise: 0.0, missed: 0.0 }
    }

    /// As a camera with a detector sees them.
    pub const fn camera(secs: f64) -> Self {
        Self { fps: 25.0, secs, noise: 0.02, missed: 0.03 }
    }
}

/// The walkers' frames, then the end of the stream. Tracks are numbered from 1 in the order of the list.
///
/// A velocity has a part of its own, a first-order autoregression along each axis, and the share of the leader's
/// velocity, delayed. Both parts together have the same deviation for all.
pub fn frames(seed: u64, walkers: &[Walker], view: &View) -> Vec<TrackedFrame> {
    let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
    let before = (BEFORE_SECS * STEPS_PER_SEC as f64) as usize;
    let steps = before + (view.secs * STEPS_PER_SEC as f64) as usize;
    let mut velocities: Vec<Vec<[f64; 2]>> = Vec::new();
    for walker in walkers {
        let (_, lag_secs, share) = walker.follows.unwrap_or((0, 0.0, 0.0));
        let lag = (lag_secs * STEPS_PER_SEC as f64).round() as usize;
        let own_share = (1.0 - share * share).sqrt();
        let mut own = [chance.normal(), chance.normal()];
        let mut velocity = Vec::with_capacity(steps);
        for step in 0..steps {
            for (own, inertia) in own.iter_mut().zip([walker.inertia_secs.0, walker.inertia_secs.1]) {
                let stays = 1.0 - 1.0 / (inertia * STEPS_PER_SEC as f64);
                *own = stays * *own + (1.0 - stays * stays).sqrt() * chance.normal();
            }
            let led = match walker.follows.zip(step.checked_sub(lag)) {
                Some(((whom, ..), then)) => velocities[whom][then],
                None => [0.0; 2],
            };
            velocity.push([0, 1].map(|axis| share * led[axis] + own_share * own[axis] * SPEED));
        }
        velocities.push(velocity);
    }

    let ways: Vec<Vec<[f64; 2]>> = velocities.iter().zip(0u32..).map(|(v, place)| way(v, place)).collect();
    let count = (view.secs * view.fps).round() as usize;
    let period_us = 1e6 / view.fps;
    let mut frames: Vec<TrackedFrame> = (0..count)
        .map(|frame| {
            let t = (frame as f64 * period_us).round() as Micros;
            let at = before as f64 + t as f64 * STEPS_PER_SEC as f64 / 1e6;
            let mut seen = Vec::new();
            for (way, number) in ways.iter().zip(1..) {
                let (step, part) = (at as usize, at.fract());
                let next = (step + 1).min(way.len() - 1);
                let [x, y] = [0, 1].map(|axis| way[step][axis] + (way[next][axis] - way[step][axis]) * part);
                let noise = [0; 4].map(|_| view.noise * chance.normal());
                let px = |sizes: f64| (sizes * SIZE_PX) as f32;
                let rect =
                    Rect::from_centre(px(x + noise[0]), px(y + noise[1]), px(1.0 + noise[2]), px(1.0 + noise[3]));
                if chance.share() >= view.missed {
                    seen.push(sighting(t, number, rect.quantised()));
                }
            }
            TrackedFrame { t, seen, ..TrackedFrame::default() }
        })
        .collect();
    let t = frames.last().map_or(0, |frame| frame.t + 1);
    frames.push(TrackedFrame { t, end: true, ..TrackedFrame::default() });
    frames
}

/// A certain sighting.
pub fn sighting(t: Micros, track: u32, rect: Rect) -> Observation {
    let track = TrackId(track);
    Observation { t, track, rect, score: 1.0, mask: None, visible: None, merged: false, look: None }
}

fn way(velocity: &[[f64; 2]], place: u32) -> Vec<[f64; 2]> {
    let mut at = [1.5 * f64::from(place), f64::from(place % 2)];
    let step = |v: &[f64; 2]| {
        at = [0, 1].map(|axis| at[axis] + v[axis] / STEPS_PER_SEC as f64);
        at
    };
    velocity.iter().map(step).collect()
}

struct Chance(ChaCha8Rng);

impl Chance {
    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Mean 0, deviation 1: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }
}
