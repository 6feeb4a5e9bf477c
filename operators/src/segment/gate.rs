//! The half of a segmenter that uses the tracker's hints.

use super::{EncodedFrame, StageConfig};
use std::collections::VecDeque;
use timely::PartialOrder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::progress::frontier::AntichainRef;
use vokg_engine::geometry::Size;
use vokg_engine::runtime::checkpoint::Keeper;
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::runtime::credit::{LEAD_FRAMES_MAX, Lead};
use vokg_engine::runtime::offload::{Lane, OffloadError};
use vokg_engine::segment::{CameraMotion, Hints, SegmentedFrame};
use vokg_engine::time::Micros;
use vokg_models::{Encoded, SegmentError, Segmented, Segmenter};

enum Job {
    Prepare(Vec<Encoded>),
    /// With whether to tell what the segmenter remembers after it.
    Segment(Encoded, Hints, bool),
}

enum Answer {
    Prepared(Vec<Encoded>),
    /// With what the segmenter remembers, where that was asked for.
    Segmented(Segmented, Option<Vec<u8>>),
}

type LaneAnswer = Result<Result<Answer, SegmentError>, OffloadError>;

/// Segments frames in order, each with the hints made of the frame before.
///
/// `hints` must be the tracker's output fed back with a step of +1 µs. A stream that goes on has the hints of its last
/// frame told again. The frames of the lead ([`Lead`]) wait until the
/// segmenter has seen them all; of a stream that is cut short before, without an end, none is segmented, since each would
/// come out otherwise when the stream is read again.
pub fn segment<'s>(
    encoded: StreamVec<'s, Micros, EncodedFrame>,
    hints: StreamVec<'s, Micros, Hints>,
    mut segmenter: Box<dyn Segmenter>,
    lead_us: Micros,
    config: StageConfig,
) -> StreamVec<'s, Micros, SegmentedFrame> {
    let scope = encoded.scope();
    let keeper = config.checkpoints.keeper("segment");
    let mut gate = Gate::new(lead_us);
    if let (Some(t), Some(memory)) = (keeper.resumed_us(), keeper.restore_bytes()) {
        gate.go_on(t);
        if let Err(error) = segmenter.recall(&memory) {
            keeper.refuse(error);
        }
    }
    gate.keeper = keeper;
    let work = move |job| -> Result<Answer, SegmentError> {
        match job {
            Job::Prepare(lead) => {
                segmenter.prepare(&lead);
                Ok(Answer::Prepared(lead))
            }
            Job::Segment(encoded, hints, remember) => {
                let segmented = segmenter.segment(&encoded, &hints)?;
                Ok(Answer::Segmented(segmented, if remember { segmenter.remember() } else { None }))
            }
        }
    };
    encoded.binary_frontier(hints, Pipeline, Pipeline, "segment", move |_, info| {
        let mut lane = Lane::new(scope, &info, "segment", config.offload, work);
        move |(encoded, encoded_frontier), (hints, hints_frontier), output| {
            encoded.for_each(|capability, frames| {
                if let Some(capability) = capability.retain_least(0).filter(|_| !gate.failed) {
                    gate.queue.extend(frames.drain(..).map(|frame| (capability.delayed(&frame.t), frame)));
                }
            });
            hints.for_each(|_, given| gate.hints = given.drain(..).next_back());
            loop {
                lane.pump(|capability, answer| {
                    if let Some(frame) = gate.answered(*capability.time(), answer, &config.control) {
                        output.session(&capability).give(frame);
                    }
                });
                match gate.next(encoded_frontier.frontier(), hints_frontier.frontier(), lane.is_empty()) {
                    Some(Step::Work(capability, job)) => lane.offer(capability, job),
                    Some(Step::End(capability)) => {
                        let t = *capability.time();
                        output.session(&capability).give(end_of_stream(t));
                    }
                    None => return,
                }
            }
        }
    })
}

const NO_PICTURE: Size = Size { width: 0, height: 0 };

/// Decides when a frame may be worked on.
struct Gate {
    lead_us: Micros,
    /// Frames not yet worked on, with their capabilities.
    queue: VecDeque<(Capability<Micros>, EncodedFrame)>,
    phase: Phase,
    /// The frame that was worked on last.
    previous: Option<EncodedHead>,
    hints: Option<Hints>,
    failed: bool,
    keeper: Keeper,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Lead,
    Preparing,
    Running,
}

#[derive(Clone, Copy)]
struct EncodedHead {
    t: Micros,
    size: Size,
}

enum Step {
    Work(Capability<Micros>, Job),
    End(Capability<Micros>),
}

impl Gate {
    fn new(lead_us: Micros) -> Self {
        let (queue, keeper) = (VecDeque::new(), Keeper::default());
        Self { lead_us, queue, phase: Phase::Lead, previous: None, hints: None, failed: false, keeper }
    }

    /// The segmenter has worked on all frames up to `t`; the tracker's hints made of that one are still to come.
    fn go_on(&mut self, t: Micros) {
        self.phase = Phase::Running;
        self.previous = Some(EncodedHead { t, size: NO_PICTURE });
    }

    /// What can be done now, if anything.
    fn next(
        &mut self,
        encoded_frontier: AntichainRef<'_, Micros>,
        hints_frontier: AntichainRef<'_, Micros>,
        idle: bool,
    ) -> Option<Step> {
        if !idle || self.failed {
            return None;
        }
        match self.phase {
            Phase::Preparing => None,
            Phase::Lead => {
                let first = self.queue.front()?.1.t;
                let (last_capability, last) = self.queue.back()?;
                let complete = last.encoded.is_none()
                    || self.queue.len() >= LEAD_FRAMES_MAX
                    || *last_capability.time() >= first.saturating_add(self.lead_us);
                if !complete && encoded_frontier.is_empty() {
                    self.queue.clear();
                }
                complete.then(|| self.prepare())
            }
            Phase::Running => {
                let waiting_for_hints = self.previous.is_some_and(|head| {
                    let hinted = head.t + 1;
                    hints_frontier.iter().any(|t| t.less_equal(&hinted))
                });
                if waiting_for_hints {
                    return None;
                }
                let (capability, frame) = self.queue.pop_front()?;
                let Some(encoded) = frame.encoded else { return Some(Step::End(capability)) };
                self.previous = Some(EncodedHead { t: frame.t, size: frame.size });
                let hints = self.hints.take().unwrap_or_default();
                Some(Step::Work(capability, Job::Segment(encoded, hints, self.keeper.is_due(frame.t))))
            }
        }
    }

    /// Takes the encodings out of the queued frames of the lead; [`Gate::answered`] puts them back. How many frames
    /// behind the lead are queued depends on timing, so they are not shown.
    fn prepare(&mut self) -> Step {
        self.phase = Phase::Preparing;
        let mut lead = Lead::new(self.lead_us);
        let in_lead = self.queue.iter_mut().map(|(_, frame)| frame).take_while(|frame| lead.takes(frame.t));
        let lead = in_lead.filter_map(|frame| frame.encoded.take()).collect();
        let capability = self.queue[0].0.clone();
        Step::Work(capability, Job::Prepare(lead))
    }

    /// Takes the answer to the last job; the segments of the frame at `t`, if it was about one.
    fn answered(&mut self, t: Micros, answer: LaneAnswer, control: &StreamControl) -> Option<SegmentedFrame> {
        match answer {
            Ok(Ok(Answer::Prepared(lead))) => {
                self.phase = Phase::Running;
                for ((_, frame), encoded) in self.queue.iter_mut().zip(lead) {
                    frame.encoded = Some(encoded);
                }
                None
            }
            Ok(Ok(Answer::Segmented(Segmented { camera, segments }, memory))) => {
                memory.into_iter().for_each(|memory| self.keeper.keep_bytes(t, memory));
                let size = self.previous.map_or(NO_PICTURE, |head| head.size);
                Some(SegmentedFrame { t, size, end: false, camera, segments })
            }
            Ok(Err(error)) => self.fail(control, error.to_string()),
            Err(error) => self.fail(control, error.to_string()),
        }
    }

    fn fail<T>(&mut self, control: &StreamControl, reason: String) -> Option<T> {
        control.fail(reason);
        self.failed = true;
        self.queue.clear();
        None
    }
}

fn end_of_stream(t: Micros) -> SegmentedFrame {
    SegmentedFrame { t, size: NO_PICTURE, end: true, camera: CameraMotion::Unknown, segments: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::*;
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};
    use timely::dataflow::operators::vec::Map;
    use timely::dataflow::operators::{ConnectLoop, Feedback, Inspect};
    use vokg_engine::frame::{Arrival, Frame};
    use vokg_engine::geometry::Rect;
    use vokg_engine::runtime::credit::Credits;
    use vokg_engine::runtime::feed::{feed, source};
    use vokg_engine::runtime::offload::OffloadConfig;
    use vokg_engine::runtime::{checkpoint::Checkpoints, control::StreamControl, engine::Engine};
    use vokg_engine::segment::{Prediction, Segment, SegmentOrigin};
    use vokg_models::Encoder;

    struct Brightness;

    impl Encoder for Brightness {
        fn encode(&mut self, frame: &Frame) -> Result<Encoded, SegmentError> {
            Ok(Box::new(frame.t as f32 / 1000.0))
        }
    }

    /// Answers with one segment whose left edge sums up everything it was given so far.
    #[derive(Default)]
    struct Sum {
        prepared: f32,
    }

    impl Segmenter for Sum {
        fn prepare(&mut self, lead: &[Encoded]) {
            self.prepared = lead.iter().filter_map(|e| e.downcast_ref::<f32>()).sum();
        }

        fn segment(&mut self, encoded: &Encoded, hints: &Hints) -> Result<Segmented, SegmentError> {
            let own = encoded.downcast_ref::<f32>().copied().unwrap_or(f32::NAN);
            let hinted = hints.predictions.first().map_or(0.0, |p| p.rect.left);
            let rect = Rect::new((self.prepared + own + 3.0 * hinted) % 1009.0, 0.0, 1.0, 1.0);
            let (mask, look) = (None, None);
            let segment =
                Segment { rect, mask, score: 1.0, origin: SegmentOrigin::Motion, merged: false, visible: None, look };
            Ok(Segmented { camera: CameraMotion::Still, segments: vec![segment] })
        }
    }

    fn lefts(workers: usize, credits_frames: usize, jitter: Option<u64>) -> Vec<(Micros, f32)> {
        lefts_of(61, workers, credits_frames, jitter)
    }

    /// Runs so many of 60 frames and an end through source, encoder, segmenter and a tracker that predicts what it saw.
    fn lefts_of(sent: u64, workers: usize, credits_frames: usize, jitter: Option<u64>) -> Vec<(Micros, f32)> {
        let mut engine = Engine::start(workers).expect("a few workers can be had");
        let (sender, receiver) = feed(2);
        let (seen_sender, seen) = channel();
        let receiver = Mutex::new(Some(receiver));
        let control = Arc::new(StreamControl::default());
        let lead_us = 500_000;
        let offload = OffloadConfig { jitter, ..OffloadConfig::default() };
        let watched = Arc::clone(&control);
        let build = move |worker: &mut timely::worker::Worker, placement| {
            let receiver = match placement {
                vokg_engine::runtime::engine::Placement::Home => receiver.lock().ok().and_then(|mut r| r.take()),
                vokg_engine::runtime::engine::Placement::Elsewhere => None,
            };
            let (offload, control, seen) = (offload.clone(), Arc::clone(&watched), seen_sender.clone());
            let config = StageConfig { offload, control, checkpoints: Checkpoints::default() };
            worker.dataflow::<Micros, _, _>(|scope| {
                let credits = Credits::new(credits_frames, lead_us);
                let arrivals = source(scope, receiver, placement, &credits, &config.control);
                let (encoded, _) = encode(arrivals, Box::new(Brightness), lead_us, &credits, config.clone());
                let (handle, fed_back) = scope.feedback(1);
                let segmented = segment(encoded, fed_back, Box::new(Sum::default()), lead_us, config);
                let hints = segmented.clone().map(|frame| {
                    let predictions = frame.segments.iter().map(|s| Prediction {
                        track: None,
                        rect: s.rect,
                        settled: false,
                        unseen_us: 0,
                    });
                    Hints { predictions: predictions.collect() }
                });
                hints.connect_loop(handle);
                let seen = segmented.inspect(move |frame| {
                    let left = frame.segments.first().map_or(-1.0, |s| s.rect.left);
                    let _ = seen.send((frame.t, left));
                });
                credits.returned_by(seen);
            });
        };
        engine.add(Arc::new(build)).expect("workers are there");
        for n in 0..sent {
            let size = Size { width: 2, height: 2 };
            let frame = (n < 60).then(|| Frame::from_i420(n * 40_000, size, vec![0; 4], vec![0], vec![0]));
            let t = if n < 60 { n * 40_000 } else { 59 * 40_000 + 1 };
            sender.send(t, Arrival { gaps: vec![], frame, position: None }, &control).expect("the stream takes frames");
        }
        drop(sender);
        engine.finish(std::time::Instant::now() + std::time::Duration::from_secs(60)).expect("workers end");
        seen.try_iter().collect()
    }

    #[test]
    fn what_a_segmenter_sees_does_not_depend_on_timing_credits_or_workers() {
        let expected = lefts(1, 1, None);
        assert_eq!(expected.len(), 61);
        assert_eq!(expected.last().map(|(t, left)| (*t, *left)), Some((59 * 40_000 + 1, -1.0)));
        for (workers, credits, jitter) in [(1, 8, None), (1, 2, Some(7)), (2, 8, Some(9)), (4, 3, Some(3))] {
            assert_eq!(lefts(workers, credits, jitter), expected, "{workers} workers, K = {credits}, {jitter:?}");
        }
    }

    #[test]
    fn a_stream_that_is_cut_short_tells_what_the_whole_tells_or_nothing() {
        let whole = lefts(1, 8, None);
        // The lead is half a second, of 13 frames.
        for (sent, told) in [(1, 0), (12, 0), (20, 20)] {
            assert_eq!(lefts_of(sent, 1, 8, Some(sent)), whole[..told], "{sent} frames");
        }
    }
}
