//! `vokg track`: the tracker alone, MOTChallenge text in and out.

use super::{read_text, write_to};
use crate::cli;
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};
use vokg_engine::geometry::{Rect, Size};
use vokg_operators::mot::{
    FrameRate, MotResult, MotRow, fill_unknown_scores, parse_boxes, parse_motion, segmented_frames,
};
use vokg_operators::track::{TrackConfig, Tracker};

/// Runs the command.
pub fn run(args: cli::Track) -> Result<Exit, Failure> {
    let rate = FrameRate::new(args.fps).map_err(Failure::usage)?;
    let mut rows = parse_boxes(&read_text(&args.detections)?).context(args.detections.display())?;
    let motion = match &args.motion {
        Some(path) => parse_motion(&read_text(path)?).context(path.display())?,
        None => BTreeMap::new(),
    };
    fill_unknown_scores(&mut rows);
    let scores: Vec<f32> = rows.iter().map(|row| row.score).collect();
    let mut tracker = Tracker::new(TrackConfig::detections(&scores));
    let mut result = MotResult::new(rate);
    let (mut count, mut inside) = (0u64, Duration::ZERO);
    for frame in segmented_frames(&rows, &motion, rate, extent(&rows)) {
        let started = Instant::now();
        let tracked = tracker.on_frame(&frame);
        inside += started.elapsed();
        count += u64::from(!frame.end);
        result.add(&tracked);
    }
    let seconds = inside.as_secs_f64();
    write_to(Some(&args.out), |out| write!(out, "{result}").context("cannot write the tracks"))?;
    let fps = if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    if args.json {
        say(format!("{}\n", serde_json::json!({"frames": count, "seconds": seconds, "fps": fps})))?;
    } else {
        say(format!("{count} frames, {seconds:.4} s in the tracker, {fps:.0} frames/s\n"))?;
    }
    Ok(Exit::Done)
}

/// The frame is not in the file; the box around all detections stands for it.
fn extent(rows: &[MotRow]) -> Size {
    let edge = |of: fn(&Rect) -> f32| rows.iter().map(|row| of(&row.rect)).fold(1.0f32, f32::max).ceil() as u32;
    Size { width: edge(Rect::right), height: edge(Rect::bottom) }
}
