//! How many times faster is our tracker than Similari's?
//!
//! `benches/tracker_race.sh` builds and pins it. Both trackers see the same boxes in the same process on one core, in
//! turn, round after round; boxes are made and converted beforehand, so only time inside the trackers counts. It is CPU
//! time, that of Similari's own thread included: on one idle core the same as time by the clock, and on a busy one
//! Similari does not pay for waiting until its thread has its turn.
//!
//! Similari runs in the way that is fastest for it: SORT by overlap, one shard, a history of one box, boxes without
//! confidence, and the limit of distance of its own benchmark, which spares it pairs. A lost track lives 30 frames in
//! both. On real sequences it gets the boxes that our first round takes, as a tracker of one round should.

use cpu_time::ProcessTime;
use similari::trackers::sort::PositionalMetricType;
use similari::trackers::sort::metric::DEFAULT_MINIMAL_SORT_CONFIDENCE;
use similari::trackers::sort::simple_api::Sort;
use similari::trackers::spatio_temporal_constraints::SpatioTemporalConstraints;
use similari::utils::bbox::{BoundingBox, Universal2DBox};
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use vokg_engine::segment::SegmentedFrame;
use vokg_operators::track::{TrackConfig, Tracker};

mod crowd;
mod sequences;

const ROUNDS: usize = 7;
/// Ours is too quick to be timed once.
const REPEATS: usize = 10;
const IDLE_FRAMES: usize = 30;
const MIN_IOU: f32 = 0.3;
/// Boxes, and as many frames as Similari does in about half a second.
const CROWDS: [(usize, u64); 4] = [(10, 400), (100, 200), (500, 40), (1000, 20)];

/// Frames a second, and how many tracks there were.
type Measured = (f64, usize);

fn config(frames: &[SegmentedFrame]) -> TrackConfig {
    let scores: Vec<f32> = frames.iter().flat_map(|frame| &frame.segments).map(|segment| segment.score).collect();
    TrackConfig::detections(&scores)
}

fn ours(sequences: &[Vec<SegmentedFrame>]) -> Measured {
    let (mut seconds, mut count, mut ids) = (0.0, 0, 0);
    for frames in sequences {
        let config = config(frames);
        for repeat in 0..REPEATS {
            let mut tracker = Tracker::new(config.clone());
            let begun = ProcessTime::now();
            let tracked: Vec<_> = frames.iter().map(|frame| tracker.on_frame(frame)).collect();
            seconds += begun.elapsed().as_secs_f64();
            count += frames.len();
            if repeat == 0 {
                let seen = tracked.iter().flat_map(|frame| frame.seen.iter().chain(&frame.confirmed));
                ids += seen.map(|seen| seen.track).collect::<BTreeSet<_>>().len();
            }
        }
    }
    (count as f64 / seconds, ids)
}

fn similari(sequences: &[Vec<SegmentedFrame>]) -> Measured {
    let (mut seconds, mut count, mut ids) = (0.0, 0, 0);
    for frames in sequences {
        let least = config(frames).high_score;
        let boxes: Vec<Vec<(Universal2DBox, Option<i64>)>> = frames
            .iter()
            .map(|frame| {
                let taken = frame.segments.iter().filter(|segment| segment.score >= least).map(|segment| segment.rect);
                taken.map(|r| (BoundingBox::new(r.left, r.top, r.width, r.height).into(), None)).collect()
            })
            .collect();
        let metric = PositionalMetricType::IoU(MIN_IOU);
        let near = SpatioTemporalConstraints::default().constraints(&[(1, 1.0)]);
        let mut tracker = Sort::new(1, 1, IDLE_FRAMES, metric, DEFAULT_MINIMAL_SORT_CONFIDENCE, Some(near));
        let begun = ProcessTime::now();
        let tracked: Vec<_> = boxes.iter().map(|frame| tracker.predict(frame)).collect();
        seconds += begun.elapsed().as_secs_f64();
        count += frames.len();
        ids += tracked.iter().flatten().map(|track| track.id).collect::<BTreeSet<_>>().len();
    }
    (count as f64 / seconds, ids)
}

fn race(name: &str, sequences: &[Vec<SegmentedFrame>]) {
    let frames: usize = sequences.iter().map(Vec::len).sum();
    let rounds: Vec<_> = (0..ROUNDS).map(|_| (ours(sequences), similari(sequences))).collect();
    let sorted = |of: &dyn Fn(&(Measured, Measured)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let shown =
        |values: Vec<f64>| format!("{:>9.0} ({:.0} to {:.0})", values[ROUNDS / 2], values[0], values[ROUNDS - 1]);
    let (ours, similari) = (sorted(&|round| round.0.0), sorted(&|round| round.1.0));
    let ratio = sorted(&|round| round.0.0 / round.1.0);
    let ids = (rounds[0].0.1, rounds[0].1.1);
    println!(
        "{name:16} {frames:>6} {:>32} {:>28} {:>22}  {}/{}",
        shown(ours),
        shown(similari),
        shown(ratio),
        ids.0,
        ids.1
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::var("RUST_BACKTRACE").as_deref() != Ok("0") {
        return Err("run with RUST_BACKTRACE=0: Similari makes an error for each pair it rejects".into());
    }
    println!("frames a CPU second, median (range) of {ROUNDS} rounds; tracks: ours/Similari");
    println!("{:16} {:>6} {:>32} {:>28} {:>22}  tracks", "", "frames", "ours", "Similari", "times");
    for (boxes, frames) in CROWDS {
        race(&format!("{boxes} boxes"), &[crowd::crowd(boxes, frames)]);
    }
    if let Some(folder) = std::env::args().nth(1) {
        let sequences = sequences::read(Path::new(&folder))?;
        for (name, frames) in &sequences {
            race(name, std::slice::from_ref(frames));
        }
        race("all of them", &sequences.into_values().collect::<Vec<_>>());
    }
    Ok(())
}
