//! What does a frame of a crowd cost: the tracker alone, and relate + resolve + emit?
//!
//! `cargo bench -p vokg-operators --bench crowd`. People walk about in 1080p at 25 frames a second and turn at the
//! borders; the tracker sees their boxes with 2 % noise and 3 % missed. Prints frames a second of the tracker by the
//! number of boxes, and the processor time from feeding a frame of 100 tracks until its log is there, on one worker, with
//! every relation and two zones, once with exact boxes and once with those the tracker sees. Pin it to one core
//! (`taskset -c 0`) to compare with others.

use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concat, Input, Inspect, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::observation::{IdentityChange, Observation, TrackedFrame};
use vokg_engine::record::{LogEntry, Record};
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::segment::{CameraMotion, Segment, SegmentOrigin, SegmentedFrame};
use vokg_engine::time::Micros;
use vokg_operators::emit::{EmitConfig, emit};
use vokg_operators::relate::{RelateConfig, Relations, ZoneConfig, relate};
use vokg_operators::resolve::{ResolveConfig, objects, resolve};
use vokg_operators::tick::Tick;
use vokg_operators::track::{TrackConfig, Tracker};

const FRAME: Size = Size { width: 1920, height: 1080 };
const FRAME_US: Micros = 40_000;
const WIDTH_PX: f32 = 40.0;
const HEIGHT_PX: f32 = 110.0;
/// Frames at the beginning that are not timed: windows fill and arrangements grow.
const WARM_UP_FRAMES: usize = 50;

/// Numbers that look random and are the same in every run (xorshift64, Marsaglia, JSS 8(14), 2003).
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn share(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.share()
    }
}

struct Walker {
    place: (f32, f32),
    step: (f32, f32),
}

struct Crowd {
    walkers: Vec<Walker>,
    chance: Chance,
}

impl Crowd {
    fn new(people: usize) -> Self {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mut walker = |_| Walker {
            place: (chance.between(0.0, 1880.0), chance.between(0.0, 970.0)),
            step: (chance.between(-4.0, 4.0), chance.between(-2.0, 2.0)),
        };
        let walkers = (0..people).map(&mut walker).collect();
        Self { walkers, chance }
    }

    /// Everybody's box in the next frame.
    fn walk(&mut self) -> Vec<Rect> {
        for walker in &mut self.walkers {
            walker.place = (walker.place.0 + walker.step.0, walker.place.1 + walker.step.1);
            if !(0.0..FRAME.width as f32 - WIDTH_PX).contains(&walker.place.0) {
                walker.step.0 = -walker.step.0;
            }
            if !(0.0..FRAME.height as f32 - HEIGHT_PX).contains(&walker.place.1) {
                walker.step.1 = -walker.step.1;
            }
        }
        self.walkers.iter().map(|w| Rect::new(w.place.0, w.place.1, WIDTH_PX, HEIGHT_PX)).collect()
    }

    fn segments(&mut self, index: u64) -> SegmentedFrame {
        let mut segments = Vec::new();
        for rect in self.walk() {
            let (rect, missed) = self.blurred(rect);
            if !missed {
                let (rect, origin) = (rect.quantised(), SegmentOrigin::Motion);
                segments.push(Segment {
                    rect,
                    mask: None,
                    score: 0.9,
                    origin,
                    merged: false,
                    visible: None,
                    look: None,
                });
            }
        }
        SegmentedFrame { t: index * FRAME_US, size: FRAME, end: false, camera: CameraMotion::Still, segments }
    }

    /// Everybody under his own track, with the noise of a camera or as he is.
    fn tracked(&mut self, t: Micros, noisy: bool) -> TrackedFrame {
        let mut seen = Vec::new();
        for (rect, track) in self.walk().into_iter().zip(1..) {
            let (rect, missed) = if noisy { self.blurred(rect) } else { (rect, false) };
            if !missed {
                let (track, rect) = (TrackId(track), rect.quantised());
                let (mask, visible, look) = (None, None, None);
                seen.push(Observation { t, track, rect, score: 0.9, mask, visible, merged: false, look });
            }
        }
        TrackedFrame { t, size: Some(FRAME), seen, ..TrackedFrame::default() }
    }

    /// A box with 2 % noise, and whether it is missed.
    fn blurred(&mut self, rect: Rect) -> (Rect, bool) {
        let mut noise = || self.chance.between(-0.035, 0.035);
        let (left, top) = (rect.left + WIDTH_PX * noise(), rect.top + HEIGHT_PX * noise());
        let rect = Rect::new(left, top, WIDTH_PX * (1.0 + noise()), HEIGHT_PX * (1.0 + noise()));
        (rect, self.chance.share() < 0.03)
    }
}

fn tracker_frames_per_second(boxes: usize) -> f64 {
    let frames = (400_000 / boxes).clamp(200, 20_000);
    let mut crowd = Crowd::new(boxes);
    let frames: Vec<_> = (0..frames as u64).map(|index| crowd.segments(index)).collect();
    let mut tracker = Tracker::new(TrackConfig::detections(&[0.0, 1.0]));
    let begun = Instant::now();
    let seen: usize = frames.iter().map(|frame| tracker.on_frame(frame).seen.len()).sum();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(seen > frames.len() * boxes / 2, "the tracker follows most of them");
    frames.len() as f64 / seconds
}

type Handle<D> = InputHandle<Micros, CapacityContainerBuilder<Vec<D>>>;

/// Time this thread has had of its processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("this thread has a clock");
    Duration::new(time.tv_sec() as u64, time.tv_nsec() as u32)
}

/// The left half of the picture and a square in the other, watched for crowds.
fn zones() -> Vec<ZoneConfig> {
    let zone = |id, polygon: [[f32; 2]; 4], crowd| ZoneConfig {
        id,
        name: String::new(),
        polygon: polygon.into(),
        loiter_secs: 10.0,
        crowd: Some(crowd),
        hold: None,
    };
    vec![
        zone(1, [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]], 50),
        zone(2, [[0.6, 0.4], [0.8, 0.4], [0.8, 0.8], [0.6, 0.8]], 5),
    ]
}

/// Processor time of each frame of `people`, and the deltas of them all.
fn graph_frames(people: u32, frames: u64, noisy: bool) -> (Vec<Duration>, usize) {
    timely::execute_directly(move |worker| {
        let mut tracked: Handle<TrackedFrame> = InputHandle::new();
        let mut identities: Handle<IdentityChange> = InputHandle::new();
        let mut ticks: Handle<Tick> = InputHandle::new();
        let probe = ProbeHandle::new();
        let deltas = std::rc::Rc::new(std::cell::Cell::new(0));
        let counted = deltas.clone();
        worker.dataflow(|scope| {
            let config = RelateConfig { zones: zones(), ..RelateConfig::default() };
            let rules = config.rules();
            let frames = scope.input_from(&mut tracked);
            let identities = scope.input_from(&mut identities);
            let ticks = scope.input_from(&mut ticks);
            let config_of_resolve = ResolveConfig::new(rules);
            let horizon_us = config_of_resolve.correction_horizon_us;
            let kept = Checkpoints::default();
            let evidence = relate(frames.clone(), Relations::new(config), &kept);
            let objects = objects(frames, identities.clone(), horizon_us, &kept);
            let edges = resolve(evidence, identities, ticks.clone(), config_of_resolve, &kept).deltas;
            let is_delta = |entry: &LogEntry| matches!(entry.record, Record::Delta(_));
            emit(objects.concat(edges), ticks, EmitConfig::default(), &kept)
                .map(move |closed| closed.entries.iter().filter(|entry| is_delta(entry)).count())
                .inspect(move |count| counted.set(counted.get() + count))
                .probe_with(&probe);
        });
        let mut crowd = Crowd::new(people as usize);
        let mut times = Vec::new();
        for index in 0..frames {
            let t = index * FRAME_US;
            let mut frame = crowd.tracked(t, noisy && index > 0);
            let begun = processor_time();
            if index == 0 {
                frame.confirmed = frame.seen.clone();
                for number in 1..=people {
                    let (track, to) = (TrackId(number), ObjectId(number));
                    identities.send(IdentityChange { track, from: None, to, score_milli: 1000, reason: "began" });
                }
            }
            ticks.send(Tick::from(&frame));
            tracked.send(frame);
            tracked.advance_to(t + FRAME_US);
            identities.advance_to(t + FRAME_US);
            ticks.advance_to(t + FRAME_US);
            worker.step_while(|| probe.less_than(&(t + FRAME_US)));
            times.push(processor_time() - begun);
        }
        (times, deltas.get())
    })
}

fn main() {
    println!("tracker: boxes | frames/s");
    for boxes in [10, 100, 500, 1000] {
        println!("{boxes:>14} | {:>8.0}", tracker_frames_per_second(boxes));
    }
    for (what, noisy) in [("exact boxes", false), ("2 % noise, 3 % missed", true)] {
        let (times, deltas) = graph_frames(100, 2_000, noisy);
        let mut ms: Vec<f64> = times.iter().skip(WARM_UP_FRAMES).map(|time| time.as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        let quantile = |share: f64| ms[(ms.len() as f64 * share) as usize];
        println!(
            "relate + resolve + emit, 100 moving objects, two zones, 1080p25, {what}: {deltas} deltas in 2 000 frames"
        );
        println!("a frame, p50 / p90 / p99: {:.2} / {:.2} / {:.2} ms", quantile(0.5), quantile(0.9), quantile(0.99));
    }
}
