//! The tracker as a timely operator.

use super::config::TrackConfig;
use super::tracker::Tracker;
use crate::in_time_order::InTimeOrder;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use vokg_engine::observation::TrackedFrame;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::segment::{Hints, SegmentedFrame};
use vokg_engine::time::Micros;

/// Gives the segments of each frame to tracks. Beside what is known after a frame go, at the same time, the predictions
/// that help to segment the next.
///
/// There is one [`SegmentedFrame`] at each time, and its `t` is that time. Frames stay on their worker; those that
/// arrive out of order wait for the frontier.
///
/// # Panics
/// When the dataflow runs, where a frame is earlier than the time it travels at.
///
/// ```
/// use vokg_engine::runtime::checkpoint::Checkpoints;
/// use timely::dataflow::operators::{Inspect, ToStream};
/// use vokg_engine::geometry::{Rect, Size};
/// use vokg_engine::segment::{CameraMotion, Segment, SegmentOrigin, SegmentedFrame};
/// use vokg_operators::track::{TrackConfig, track};
///
/// timely::execute_directly(|worker| {
///     worker.dataflow::<u64, _, _>(|scope| {
///         let frame = SegmentedFrame {
///             t: 0, size: Size { width: 640, height: 360 }, end: false, camera: CameraMotion::Still,
///             segments: vec![Segment {
///                 rect: Rect::new(10.0, 20.0, 30.0, 40.0), mask: None, score: 0.9,
///                 origin: SegmentOrigin::Motion, merged: false, visible: None, look: None,
///             }],
///         };
///         let segmented = [frame].to_stream(scope).container::<Vec<_>>();
///         let (tracked, hints) = track(segmented, TrackConfig::default(), &Checkpoints::default());
///         tracked.inspect(|tracked| assert!(tracked.seen.is_empty(), "seen once is not believed yet"));
///         hints.inspect(|hints| assert_eq!(hints.predictions[0].rect, Rect::new(10.0, 20.0, 30.0, 40.0)));
///     });
/// });
/// ```
pub fn track<'s>(
    segmented: StreamVec<'s, Micros, SegmentedFrame>,
    config: TrackConfig,
    checkpoints: &Checkpoints,
) -> (StreamVec<'s, Micros, TrackedFrame>, StreamVec<'s, Micros, Hints>) {
    let mut builder = OperatorBuilder::new("track".to_owned(), segmented.scope());
    let mut input = builder.new_input(segmented, Pipeline);
    let (tracked_output, tracked_stream) = builder.new_output();
    let (hints_output, hints_stream) = builder.new_output();
    let mut tracked_output = OutputBuilder::<_, CapacityContainerBuilder<Vec<TrackedFrame>>>::from(tracked_output);
    let mut hints_output = OutputBuilder::<_, CapacityContainerBuilder<Vec<Hints>>>::from(hints_output);
    let keeper = checkpoints.keeper("track");
    builder.build(move |mut capabilities| {
        let mut tracker = Tracker::new(config);
        let mut again = None;
        if let Some(remembered) = keeper.restore() {
            tracker = tracker.resume(remembered);
            again = capabilities.pop();
        }
        drop(capabilities);
        let mut frames = InTimeOrder::new();
        move |frontiers| {
            input.for_each(|capability, batch| {
                for frame in batch.drain(..) {
                    let capabilities = (capability.delayed(&frame.t, 0), capability.delayed(&frame.t, 1));
                    frames.add(frame.t, capabilities, frame);
                }
            });
            let (mut tracked_output, mut hints_output) = (tracked_output.activate(), hints_output.activate());
            if let Some(before_all) = again.take() {
                hints_output.session(&before_all).give(tracker.hints());
            }
            while let Some(((at_tracked, at_hints), frame)) = frames.next(frontiers[0].frontier()) {
                tracked_output.session(&at_tracked).give(tracker.on_frame(&frame));
                hints_output.session(&at_hints).give(tracker.hints());
                keeper.keep(frame.t, &tracker);
            }
        }
    });
    (tracked_stream, hints_stream)
}
