//! Judges relations between pairs of tracks and states evidence.
//!
//! Everything about poses stays in this plain operator: windows of motion per track, candidates, on and off bounds per
//! pair. What leaves it are [`EvidenceSpan`]s as a differential collection: +1 when one begins, restated when it has
//! held long enough to be believed, and when it ends. Hold, minimum and bridge are applied later, per object pair.
//!
//! Three files to read first: [`relation`](Relation) says what a relation is, `near.rs` is the simplest one, and
//! [`Relations`] judges them all. docs/operators.md tells how to add one.

mod approaches;
mod border;
mod candidates;
mod config;
mod contains;
mod evidence;
pub mod facts;
mod kinematics;
mod leaves;
mod mask_gap;
pub mod mot;
mod near;
mod occludes;
mod pair;
mod pairs;
mod pose;
mod relation;
mod relations;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod testing;

pub use config::{
    ContainsConfig, HeadingConfig, Hold, LeavesConfig, MeasureConfig, NearConfig, OccludesConfig, RelateConfig,
};
pub use pair::{End, Pair};
pub use pairs::MEMORY_US;
pub use relation::{Judgement, Reach, Registry, Relation, confidence};
pub use relations::Relations;

use differential_dataflow::{AsCollection, VecCollection};
use std::collections::BTreeMap;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::observation::TrackedFrame;

/// One change of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanChange {
    /// The span as it was or as it is.
    pub span: EvidenceSpan,
    /// −1 takes the span back, 1 states it.
    pub diff: isize,
}

/// The evidence in a stream of tracked frames. Its updates carry the time of the frame that decided them.
///
/// Frames are judged in order of time, each once the frontier has passed it, on the worker they are on.
///
/// ```
/// use timely::dataflow::operators::{Inspect, ToStream};
/// use vokg_engine::{geometry::Rect, id::TrackId, observation::{Observation, TrackedFrame}};
/// use vokg_operators::relate::{Relations, RelateConfig, relate};
///
/// let seen = |track, left| Observation {
///     t: 0, track: TrackId(track), rect: Rect::new(left, 0.0, 20.0, 20.0), score: 1.0,
///     mask: None, visible: None, merged: false, look: None,
/// };
/// let frame = TrackedFrame { seen: vec![seen(1, 0.0), seen(2, 25.0)], ..TrackedFrame::default() };
/// timely::example(move |scope| {
///     relate([frame].to_stream(scope).container::<Vec<_>>(), Relations::new(RelateConfig::default()))
///         .inspect(|(span, t, diff)| assert_eq!((span.kind.as_str(), *t, *diff), ("NEAR", 0, 1)));
/// });
/// ```
pub fn relate<'s>(
    tracked: StreamVec<'s, u64, TrackedFrame>,
    mut relations: Relations,
) -> VecCollection<'s, u64, EvidenceSpan> {
    let changes = tracked.unary_frontier(Pipeline, "relate", move |_, _| {
        let mut waiting = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each_stamp(|cap, frames| {
                for frame in frames.flat_map(|frames| frames.drain(..)) {
                    waiting.insert(frame.t, (cap.delayed(&frame.t, output.output_index()), frame));
                }
            });
            while let Some(next) = waiting.first_entry().filter(|next| !frontier.frontier().less_equal(next.key())) {
                let (t, (cap, frame)) = next.remove_entry();
                let changes = relations.on_frame(&frame).into_iter();
                output.session(&cap).give_iterator(changes.map(|change| (change.span, t, change.diff)));
            }
        }
    });
    changes.container::<Vec<_>>().as_collection()
}
