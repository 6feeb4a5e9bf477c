//! Identification as a timely operator.

use super::config::IdentifyConfig;
use super::identifier::Identifier;
use crate::in_time_order::InTimeOrder;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use vokg_engine::observation::{IdentityChange, TrackedFrame};
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;

/// Tells which object each track is, and when that changes.
///
/// There is one [`TrackedFrame`] at each time, and its `t` is that time; the changes it causes go out at that time,
/// ordered by track. A change replaces the track's earlier one for all of its past.
///
/// # Panics
/// When the dataflow runs, where a frame is earlier than the time it travels at.
///
/// ```
/// use vokg_engine::runtime::checkpoint::Checkpoints;
/// use timely::dataflow::operators::{Inspect, ToStream};
/// use vokg_engine::geometry::Rect;
/// use vokg_engine::id::{ObjectId, TrackId};
/// use vokg_engine::observation::{Observation, TrackedFrame};
/// use vokg_operators::identify::{IdentifyConfig, identify};
///
/// timely::execute_directly(|worker| {
///     worker.dataflow::<u64, _, _>(|scope| {
///         let seen = Observation {
///             t: 0, track: TrackId(1), rect: Rect::new(10.0, 20.0, 30.0, 40.0), score: 0.9,
///             mask: None, visible: None, merged: false, look: None,
///         };
///         let tracked = [TrackedFrame { seen: vec![seen], ..Default::default() }].to_stream(scope);
///         identify(tracked.container::<Vec<_>>(), IdentifyConfig::default(), &Checkpoints::default())
///             .inspect(|change| assert_eq!((change.from, change.to), (None, ObjectId(1))));
///     });
/// });
/// ```
pub fn identify<'s>(
    tracked: StreamVec<'s, Micros, TrackedFrame>,
    config: IdentifyConfig,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, IdentityChange> {
    let keeper = checkpoints.keeper("identify");
    tracked.unary_frontier::<CapacityContainerBuilder<Vec<IdentityChange>>, _, _, _>(Pipeline, "identify", |_, _| {
        let mut identifier = Identifier::new(config);
        if let Some(remembered) = keeper.restore() {
            identifier = identifier.resume(remembered);
        }
        let mut frames = InTimeOrder::new();
        move |(input, frontier), output| {
            input.for_each(|capability, batch| {
                for frame in batch.drain(..) {
                    frames.add(frame.t, capability.delayed(&frame.t, 0), frame);
                }
            });
            while let Some((at, frame)) = frames.next(frontier.frontier()) {
                output.session(&at).give_iterator(identifier.on_frame(&frame).into_iter());
                keeper.keep(frame.t, &identifier);
            }
        }
    })
}
