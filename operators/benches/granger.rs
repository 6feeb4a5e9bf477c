//! How often is influence found that is there, and how often influence that is not? And what does a window cost?
//!
//! `cargo bench -p vokg-operators --bench granger [-- RUNS FIRST_SEED]`, by default 4 000 runs a row from seeds that
//! tuned nothing. Each run is one made-up scene of inertial walkers given to `Influences` frame by frame; the intervals
//! are Wilson's (JASA 22(158), 1927) at 95 %.

use std::time::Instant;
use vokg_engine::observation::TrackedFrame;
use vokg_operators::influence::{Influence, InfluenceConfig, Influences, TRACKS_MAX};

#[path = "../src/influence/walkers.rs"]
mod walkers;

use walkers::{View, Walker};

/// The seeds below are those that bounds were chosen by.
const FIRST_SEED: u64 = 1_000_000_000;

/// The defaults, but however far the walkers drift apart: each run is a test.
fn config() -> InfluenceConfig {
    InfluenceConfig { reach: 100.0, ..InfluenceConfig::default() }
}

fn found(frames: &[TrackedFrame]) -> Vec<Influence> {
    let mut influences = Influences::new(config());
    frames.iter().flat_map(|frame| influences.on_frame(frame)).collect()
}

/// A question about the influences of one run.
type Asked = fn(&[Influence]) -> bool;

/// A kind of scene and what is asked about it.
type Row<'a> = (&'a str, &'a [Walker], &'a [(&'a str, Asked)]);

fn between(influence: &Influence, a: u32, b: u32) -> bool {
    (influence.leader.0, influence.follower.0) == (a, b)
}

const EITHER: Asked = |all| all.iter().any(|i| between(i, 1, 2) || between(i, 2, 1));
const FORTH: Asked = |all| all.iter().any(|i| between(i, 1, 2));
const FORTH_ONLY: Asked =
    |all| all.iter().any(|i| between(i, 1, 2) && !i.mutual) && !all.iter().any(|i| between(i, 2, 1));
const LAG_RIGHT: Asked = |all| all.iter().any(|i| between(i, 1, 2) && i.lag_ms.abs_diff(600) <= 100);

fn wilson(hits: u32, runs: u32) -> (f64, f64) {
    let (n, share, z) = (f64::from(runs), f64::from(hits) / f64::from(runs), 1.959_964);
    let middle = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let reach = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    (middle - reach, middle + reach)
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let runs = numbers.first().map_or(4_000, |runs| *runs as u32);
    let first_seed = numbers.get(1).copied().unwrap_or(FIRST_SEED);

    let alone = vec![Walker::ALONE; 2];
    let uneven = vec![Walker { inertia_secs: (0.4, 2.0), ..Walker::ALONE }; 2];
    let leader = vec![Walker::ALONE, Walker::after(0, 0.6, 0.8)];
    let weak = vec![Walker::ALONE, Walker::after(0, 0.6, 0.5)];
    // The common cause is walker 0 in a list whose order gives it number 1, so it is asked about 2 and 3.
    let cause = vec![Walker::ALONE, Walker::after(0, 0.3, 0.8), Walker::after(0, 0.7, 0.8)];
    const OF_CAUSE: Asked = |all| all.iter().any(|i| between(i, 2, 3) || between(i, 3, 2));
    const CAUSES: Asked = |all| [2, 3].iter().all(|n| all.iter().any(|i| between(i, 1, *n)));
    let chain = vec![Walker::ALONE, Walker::after(0, 0.3, 0.8), Walker::after(1, 0.4, 0.8)];
    const SECOND_HAND: Asked = |all| all.iter().any(|i| between(i, 1, 3) || between(i, 3, 1));
    const CHAIN: Asked = |all| [1, 2].iter().all(|n| all.iter().any(|i| between(i, *n, n + 1)));
    let crowd = vec![Walker::ALONE; 5];

    let rows: [Row<'_>; 8] = [
        ("independent", &alone, &[("false edge", EITHER)]),
        ("independent, axes differ", &uneven, &[("false edge", EITHER)]),
        ("five independent", &crowd, &[("any false edge", |all| !all.is_empty())]),
        ("common cause seen", &cause, &[("false edge", OF_CAUSE), ("both true edges", CAUSES)]),
        ("common cause hidden", &cause, &[("false edge", OF_CAUSE)]),
        ("leader, share 0.8", &leader, &[("found", FORTH), ("one-way", FORTH_ONLY), ("lag ±0.1 s", LAG_RIGHT)]),
        ("chain", &chain, &[("false edge", SECOND_HAND), ("both true edges", CHAIN)]),
        ("leader, share 0.5", &weak, &[("found", FORTH), ("one-way", FORTH_ONLY)]),
    ];
    let views = [
        ("12 s clear", View::clear(12.0)),
        ("30 s clear", View::clear(30.0)),
        ("12 s camera", View::camera(12.0)),
        ("30 s camera", View::camera(30.0)),
    ];
    println!(
        "{runs} runs a row from seed {first_seed}; clear is 10 frames/s without noise, camera 25 frames/s, 2 % noise"
    );
    for (name, walkers, questions) in rows {
        for (view_name, view) in &views {
            let mut hits = vec![0; questions.len()];
            for run in 0..u64::from(runs) {
                let mut frames = walkers::frames(first_seed + run, walkers, view);
                if name.ends_with("hidden") {
                    frames.iter_mut().for_each(|frame| frame.seen.retain(|seen| seen.track.0 != 1));
                }
                // One window a run: the last.
                let end = frames.last().map_or(0, |frame| frame.t);
                let last: Vec<_> = found(&frames).into_iter().filter(|i| i.to_us + 1_000_000 > end).collect();
                for (hits, (_, asked)) in hits.iter_mut().zip(questions) {
                    *hits += u32::from(asked(&last));
                }
            }
            for (hits, (asked, _)) in hits.iter().zip(questions) {
                let (low, high) = wilson(*hits, runs);
                let share = f64::from(*hits) / f64::from(runs);
                println!(
                    "{name:<26} {view_name:<12} {asked:<16} {:>6.2} % ({:.2} to {:.2})",
                    100.0 * share,
                    100.0 * low,
                    100.0 * high
                );
            }
        }
    }
    cost();
}

/// A full window of the most tracks.
fn cost() {
    for count in [5, 10, TRACKS_MAX] {
        let frames = walkers::frames(1, &vec![Walker::ALONE; count], &View::camera(60.0));
        let mut influences = Influences::new(config());
        let mut slowest = 0.0f64;
        let begun = Instant::now();
        for frame in &frames {
            let frame_begun = Instant::now();
            influences.on_frame(frame);
            slowest = slowest.max(frame_begun.elapsed().as_secs_f64());
        }
        let mean_us = 1e6 * begun.elapsed().as_secs_f64() / frames.len() as f64;
        println!(
            "{count} tracks, all pairs tested: {:.1} ms the slowest frame, {mean_us:.0} us a frame",
            1e3 * slowest
        );
    }
}
