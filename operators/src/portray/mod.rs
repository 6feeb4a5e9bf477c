//! Sums up what each track looked like, for those who search by look.

use crate::identify::appearance::Appearance;
use crate::identify::border::Sides;
use crate::in_time_order::InTimeOrder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use vokg_engine::id::TrackId;
use vokg_engine::look::TrackLook;
use vokg_engine::observation::TrackedFrame;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;

/// The looks of the live tracks so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Portraits {
    live: BTreeMap<TrackId, Appearance>,
}

impl Portraits {
    /// Looks at one frame; returns the looks of the tracks that ended in it, ordered by track. A track of which no look
    /// was measured has none.
    pub fn on_frame(&mut self, frame: &TrackedFrame) -> Vec<TrackLook> {
        for seen in frame.confirmed.iter().chain(&frame.seen) {
            let is_cut = Sides::cutting(&seen.rect, frame.size).any();
            self.live.entry(seen.track).or_default().see(seen, is_cut);
        }
        let ended = frame.ended.iter().filter_map(|(track, _)| Some((*track, self.live.remove(track)?)));
        let look_of = |(track, appearance): (TrackId, Appearance)| {
            Some(TrackLook { track, look: appearance.look()?, sightings: appearance.sightings().max(1) })
        };
        ended.filter_map(look_of).collect()
    }
}

/// Emits the look of each track at the time of the frame that ends it.
pub fn portray<'s>(
    tracked: StreamVec<'s, Micros, TrackedFrame>,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, TrackLook> {
    let keeper = checkpoints.keeper("portray");
    tracked.unary_frontier::<CapacityContainerBuilder<Vec<TrackLook>>, _, _, _>(Pipeline, "portray", |_, _| {
        let mut portraits: Portraits = keeper.restore().unwrap_or_default();
        let mut frames = InTimeOrder::new();
        move |(input, frontier), output| {
            input.for_each(|capability, batch| {
                for frame in batch.drain(..) {
                    frames.add(frame.t, capability.delayed(&frame.t, 0), frame);
                }
            });
            while let Some((at, frame)) = frames.next(frontier.frontier()) {
                output.session(&at).give_iterator(portraits.on_frame(&frame).into_iter());
                keeper.keep(frame.t, &portraits);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::{Rect, Size};
    use vokg_engine::look::{Look, LookSpace};
    use vokg_engine::observation::Observation;

    fn frame(t: Micros, left: f32, look: Option<Look>) -> TrackedFrame {
        let (rect, mask, visible) = (Rect::new(left, 40.0, 20.0, 20.0), None, None);
        let seen = Observation { t, track: TrackId(4), rect, score: 1.0, mask, visible, merged: false, look };
        TrackedFrame { t, size: Some(Size { width: 200, height: 100 }), seen: vec![seen], ..Default::default() }
    }

    #[test]
    fn the_look_of_a_track_is_told_when_it_ends() {
        let look = |x: f32| Look::new(LookSpace(1), &[x, 1.0]);
        let mut portraits = Portraits::default();
        for (tenth, left, x) in [(0, 0.0, 9.0), (1, 50.0, 2.0), (2, 60.0, 2.0), (3, 70.0, 2.0), (4, 80.0, 2.0)] {
            assert_eq!(portraits.on_frame(&frame(tenth * 100_000, left, look(x))), vec![]);
        }
        let ended = vec![(TrackId(4), 400_000), (TrackId(5), 400_000)];
        let told = portraits.on_frame(&TrackedFrame { t: 500_000, ended, ..TrackedFrame::default() });
        assert_eq!(told.iter().map(|told| (told.track, told.sightings)).collect::<Vec<_>>(), [(TrackId(4), 4)]);
        assert_eq!(Some(told[0].look.clone()), look(2.0), "where it was whole");
        assert!(portraits.live.is_empty());
    }
}
