//! Judges relations between pairs of tracks and states evidence.
//!
//! Everything about poses stays in this plain operator: windows of motion per track, candidates, on and off bounds per
//! pair. What leaves it are [`EvidenceSpan`]s as a differential collection: +1 when one begins, restated when it has
//! held long enough to be believed, and when it ends. Hold, minimum and bridge are applied later, per object pair.
//!
//! Three files to read first: [`relation`](Relation) says what a relation is, `near.rs` is the simplest one, and
//! [`Relations`] judges them all. docs/operators.md tells how to add one.

mod abandoned;
mod approaches;
mod bearing;
mod border;
mod candidates;
mod carries;
mod chases;
mod config;
mod contains;
mod evidence;
pub mod facts;
mod follows;
mod handling;
mod hidden;
mod hidden_config;
mod judges;
mod kinematics;
mod leaves;
mod mask_gap;
mod meets;
pub mod mot;
mod moves_with;
mod near;
mod occludes;
mod overlaps;
mod pair;
mod pair_evidence;
mod pairs;
mod pose;
mod relation;
mod relations;
#[cfg(test)]
mod scenes;
mod sieve;
#[cfg(test)]
mod testing;
mod trail;
mod zone_config;
mod zones;

pub use abandoned::AbandonedConfig;
pub use approaches::HeadingConfig;
pub use carries::CarriesConfig;
pub use chases::ChasesConfig;
pub use config::{Hold, MeasureConfig, RelateConfig};
pub use contains::ContainsConfig;
pub use follows::FollowsConfig;
pub use hidden_config::HiddenByConfig;
pub use leaves::LeavesConfig;
pub use meets::MeetsConfig;
pub use moves_with::MovesWithConfig;
pub use near::NearConfig;
pub use occludes::OccludesConfig;
pub use overlaps::OVERLAPS;
pub use pair::{End, Pair};
pub use relation::{Judgement, MEMORY_US, Reach, Registry, Relation, confidence};
pub use relations::Relations;
pub use zone_config::{Direction, LineConfig, ZoneConfig, ZoneHold};

use differential_dataflow::{AsCollection, VecCollection};
use std::collections::BTreeMap;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::observation::TrackedFrame;
use vokg_engine::runtime::checkpoint::Checkpoints;

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
/// use vokg_engine::runtime::checkpoint::Checkpoints;
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
///     relate([frame].to_stream(scope).container::<Vec<_>>(), Relations::new(RelateConfig::default()), &Checkpoints::default())
///         .inspect(|(span, t, diff)| assert_eq!((span.kind.as_str(), *t, *diff), ("NEAR", 0, 1)));
/// });
/// ```
pub fn relate<'s>(
    tracked: StreamVec<'s, u64, TrackedFrame>,
    mut relations: Relations,
    checkpoints: &Checkpoints,
) -> VecCollection<'s, u64, EvidenceSpan> {
    let keeper = checkpoints.keeper("relate");
    if let Some(remembered) = keeper.restore() {
        relations = relations.resume(remembered);
    }
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
                keeper.keep(t, &relations);
            }
        }
    });
    changes.container::<Vec<_>>().as_collection()
}

#[cfg(test)]
mod tests {
    use super::testing::{Chance, history};
    use super::*;
    use differential_dataflow::consolidation::consolidate_updates;
    use proptest::prelude::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use timely::dataflow::InputHandle;
    use timely::dataflow::operators::Input;

    type Updates = Vec<(EvidenceSpan, u64, isize)>;

    fn by_struct(seed: u64) -> Updates {
        let mut relations = Relations::new(RelateConfig::default());
        let update = |t: u64| move |change: SpanChange| (change.span, t, change.diff);
        let frames = history(seed);
        let mut updates: Updates =
            frames.iter().flat_map(|f| relations.on_frame(f).into_iter().map(update(f.t))).collect();
        consolidate_updates(&mut updates);
        updates
    }

    /// One stream per worker, in batches whose frames come in any order under the time of the earliest.
    fn by_dataflow(workers: usize, seed: u64) -> Vec<Updates> {
        let guards = timely::execute(timely::Config::process(workers), move |worker| {
            let seed = seed.wrapping_add(worker.index() as u64);
            let updates = Rc::new(RefCell::new(Updates::new()));
            let kept = Rc::clone(&updates);
            let mut input = InputHandle::new();
            worker.dataflow::<u64, _, _>(|scope| {
                let relations = Relations::new(RelateConfig::default());
                relate(scope.input_from(&mut input), relations, &Checkpoints::default())
                    .inspect(move |update| kept.borrow_mut().push(*update));
            });
            let (mut frames, mut chance) = (history(seed), Chance::new(seed));
            while !frames.is_empty() {
                let mut batch: Vec<_> = frames.drain(..frames.len().min(1 + chance.below(9) as usize)).collect();
                input.advance_to(batch[0].t);
                (1..batch.len()).rev().for_each(|i| batch.swap(i, chance.below(i as u32 + 1) as usize));
                batch.into_iter().for_each(|frame| input.send(frame));
                for _ in 0..chance.below(4) {
                    worker.step();
                }
            }
            drop(input);
            while worker.step() {}
            let mut updates = updates.take();
            consolidate_updates(&mut updates);
            (worker.index(), updates)
        });
        let mut of_workers: Vec<_> = guards.unwrap().join().into_iter().map(Result::unwrap).collect();
        of_workers.sort_unstable();
        of_workers.into_iter().map(|(_, updates)| updates).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_dataflow_says_what_the_struct_says(seed: u64) {
            for workers in [1, 2] {
                let expected: Vec<_> = (0..workers).map(|worker| by_struct(seed.wrapping_add(worker as u64))).collect();
                prop_assert_eq!(by_dataflow(workers, seed), expected);
            }
        }
    }
}
