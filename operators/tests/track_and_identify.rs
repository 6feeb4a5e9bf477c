//! The operators `track` and `identify` against their plain structs: random scenes, cut into random batches that arrive
//! in random order, on one and on two workers with a stream each.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::sync::mpsc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::core::UnorderedInput;
use vokg_engine::geometry::{Affine, Rect, Size};
use vokg_engine::observation::{IdentityChange, TrackedFrame};
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::segment::{CameraMotion, Hints, Segment, SegmentOrigin, SegmentedFrame};
use vokg_engine::time::Micros;
use vokg_operators::identify::{Identifier, IdentifyConfig, identify};
use vokg_operators::track::{TrackConfig, Tracker, track};

const FRAMES: u32 = 150;

/// What came out at a time.
#[derive(Clone, Debug, PartialEq)]
enum Output {
    Tracked(TrackedFrame),
    Hints(Hints),
    Change(IdentityChange),
}

fn random_below(rng: &mut ChaCha8Rng, bound: u32) -> u32 {
    rng.next_u32() % bound
}

/// Things that cross, jitter, vanish for a while and merge, before a camera that sometimes moves.
fn random_scene(seed: u64) -> Vec<SegmentedFrame> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let things: Vec<[f32; 4]> = (0..8)
        .map(|_| {
            let [x, y] = [random_below(&mut rng, 600) as f32, random_below(&mut rng, 300) as f32];
            let [vx, vy] = [0, 0].map(|_: u32| random_below(&mut rng, 160) as f32 - 80.0);
            [x, y, vx, vy]
        })
        .collect();
    let (mut t, mut hidden) = (0, [0u32; 8]);
    let mut frames = Vec::new();
    for _ in 0..FRAMES {
        t += Micros::from(20_000 + random_below(&mut rng, 40_000));
        let mut segments = Vec::new();
        for (thing, hidden) in things.iter().zip(&mut hidden) {
            if *hidden == 0 && random_below(&mut rng, 60) == 0 {
                *hidden = random_below(&mut rng, 40);
            }
            *hidden = hidden.saturating_sub(1);
            let [x, y, vx, vy] = *thing;
            let secs = t as f32 / 1e6;
            let jitter = random_below(&mut rng, 5) as f32 - 2.0;
            segments.push(Segment {
                rect: Rect::new(x + vx * secs + jitter, y + vy * secs, 40.0, 50.0 + jitter),
                mask: None,
                score: random_below(&mut rng, 100) as f32 / 100.0,
                origin: SegmentOrigin::Motion,
                merged: random_below(&mut rng, 20) == 0,
                visible: None,
                look: None,
            });
            if *hidden > 0 {
                segments.pop();
            }
        }
        let camera = match random_below(&mut rng, 10) {
            0 => CameraMotion::Unknown,
            1 => CameraMotion::Moved(Affine::translation(1.0, -1.0)),
            _ => CameraMotion::Still,
        };
        frames.push(SegmentedFrame { t, size: Size { width: 640, height: 360 }, end: false, camera, segments });
    }
    frames.push(SegmentedFrame {
        t: t + 1,
        size: Size { width: 640, height: 360 },
        end: true,
        camera: CameraMotion::Unknown,
        segments: Vec::new(),
    });
    frames
}

/// What the plain structs answer, sorted as [`sorted`] does.
fn plain(frames: &[SegmentedFrame]) -> Vec<(Micros, Output)> {
    let mut tracker = Tracker::new(TrackConfig::default());
    let mut identifier = Identifier::new(IdentifyConfig::default());
    let mut out = Vec::new();
    for frame in frames {
        let tracked = tracker.on_frame(frame);
        out.extend(identifier.on_frame(&tracked).into_iter().map(|change| (frame.t, Output::Change(change))));
        out.push((frame.t, Output::Tracked(tracked)));
        out.push((frame.t, Output::Hints(tracker.hints())));
    }
    sorted(out)
}

/// By time, then by kind; the order within a kind stays.
fn sorted(mut out: Vec<(Micros, Output)>) -> Vec<(Micros, Output)> {
    out.sort_by_key(|(t, output)| match output {
        Output::Tracked(_) => (*t, 0),
        Output::Hints(_) => (*t, 1),
        Output::Change(_) => (*t, 2),
    });
    out
}

/// Sends what comes out of a stream, with its time.
fn report<R: Clone + 'static>(
    stream: StreamVec<'_, Micros, R>,
    send: mpsc::Sender<(Micros, Output)>,
    output: impl Fn(R) -> Output + 'static,
) {
    stream.inspect_core(move |event| {
        let Ok((stamp, records)) = event else {
            return;
        };
        for (t, record) in stamp.iter().flat_map(|t| records.iter().map(move |record| (t, record))) {
            send.send((*t, output(record.clone()))).expect("the receiver outlives the dataflow");
        }
    });
}

/// Runs a scene per worker through the operators.
fn through_dataflows(workers: usize, seed: u64) -> Vec<Vec<(Micros, Output)>> {
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let index = worker.index() as u64;
        let mut frames = random_scene(seed + index);
        let (send, receive) = mpsc::channel();
        let (mut input, capability) = worker.dataflow::<Micros, _, _>(|scope| {
            let (input, segmented) = scope.new_unordered_input::<CapacityContainerBuilder<Vec<SegmentedFrame>>>();
            let (tracked, hints) = track(segmented, TrackConfig::default(), &Checkpoints::default());
            let changes = identify(tracked.clone(), IdentifyConfig::default(), &Checkpoints::default());
            report(tracked, send.clone(), Output::Tracked);
            report(hints, send.clone(), Output::Hints);
            report(changes, send, Output::Change);
            input
        });
        let mut capability = Some(capability);
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xB47C);
        while !frames.is_empty() {
            let count = (1 + random_below(&mut rng, 9) as usize).min(frames.len());
            let mut batch: Vec<SegmentedFrame> = frames.drain(..count).collect();
            for last in (1..batch.len()).rev() {
                batch.swap(last, random_below(&mut rng, last as u32 + 1) as usize);
            }
            for frame in batch {
                if let Some(capability) = &capability {
                    input.activate().session(&capability.delayed(&frame.t)).give(frame);
                }
                if random_below(&mut rng, 2) == 0 {
                    worker.step();
                }
            }
            capability = frames.first().and_then(|next| capability.map(|held| held.delayed(&next.t)));
        }
        while worker.step() {}
        sorted(receive.try_iter().collect())
    });
    let guards = guards.unwrap_or_else(|error| panic!("workers do not start: {error}"));
    guards.join().into_iter().map(|out| out.unwrap_or_else(|error| panic!("a worker failed: {error}"))).collect()
}

#[test]
fn operators_answer_what_the_plain_structs_answer() {
    let mut links = 0;
    for seed in 0..20 {
        for workers in [1, 2] {
            for (index, out) in through_dataflows(workers, 1000 * seed).into_iter().enumerate() {
                let wanted = plain(&random_scene(1000 * seed + index as u64));
                links += wanted
                    .iter()
                    .filter(|(_, output)| matches!(output, Output::Change(change) if change.to.0 != change.track.0))
                    .count();
                assert_eq!(out.len(), wanted.len(), "seed {seed}, worker {index} of {workers}");
                for (found, wanted) in out.iter().zip(&wanted) {
                    assert_eq!(found, wanted, "seed {seed}, worker {index} of {workers}");
                }
            }
        }
    }
    assert!(links > 0, "the scenes lead to links between tracks");
}
