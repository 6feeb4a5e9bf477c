//! Keeps the best picture of each track: where it is large, whole and alone.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use vokg_engine::frame::Frame;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::rgb::RgbImage;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;

/// Pixels of the longer side of a crop.
const MAX_SIDE_PX: u32 = 160;
/// A new picture replaces the old one where it is this much better: pictures are cut out rarely.
const BETTER: f32 = 1.3;
/// Room around the box, as a share of it.
const MARGIN: f32 = 0.08;

/// The best picture of a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crop {
    /// Of whom.
    pub track: TrackId,
    /// When it was taken.
    pub t: Micros,
    /// The picture.
    pub image: RgbImage,
}

/// The best picture so far of each live track.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Crops {
    best: BTreeMap<TrackId, (f32, Crop)>,
}

impl Crops {
    /// Looks at one frame; returns the pictures of the tracks that ended in it, ordered by track.
    pub fn on_frame(&mut self, tracked: &TrackedFrame, picture: Option<&Frame>) -> Vec<Crop> {
        if let Some(frame) = picture {
            for observation in &tracked.seen {
                self.consider(observation, frame);
            }
        }
        tracked.ended.iter().filter_map(|(track, _)| self.best.remove(track)).map(|(_, crop)| crop).collect()
    }

    fn consider(&mut self, observation: &Observation, frame: &Frame) {
        let worth = worth(observation, frame.size);
        if self.best.get(&observation.track).is_some_and(|(best, _)| worth < best * BETTER) {
            return;
        }
        if let Some(image) = frame.rgb(&observation.rect.grown(MARGIN), MAX_SIDE_PX) {
            let crop = Crop { track: observation.track, t: frame.t, image };
            self.best.insert(observation.track, (worth, crop));
        }
    }
}

/// Visible area in pixels, discounted where the thing is cut by the frame or not alone in its box.
fn worth(observation: &Observation, frame: Size) -> f32 {
    let Rect { left, top, .. } = observation.rect;
    let (right, bottom) = (observation.rect.right(), observation.rect.bottom());
    let cut = left <= 1.0 || top <= 1.0 || right >= frame.width as f32 - 1.0 || bottom >= frame.height as f32 - 1.0;
    let share = if cut { 0.5 } else { 1.0 } * if observation.merged { 0.25 } else { 1.0 };
    observation.rect.clipped(frame).area() * share * observation.visible.unwrap_or(1.0)
}

/// Emits the best picture of each track in the frame that ends it. `pictures` may lack frames.
pub fn crop<'s>(
    pictures: StreamVec<'s, Micros, Frame>,
    tracked: StreamVec<'s, Micros, TrackedFrame>,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, Crop> {
    let keeper = checkpoints.keeper("crop");
    pictures.binary_frontier(tracked, Pipeline, Pipeline, "crop", |_, _| {
        let mut crops: Crops = keeper.restore().unwrap_or_default();
        let mut frames = VecDeque::new();
        let mut waiting = VecDeque::new();
        move |(pictures, pictures_frontier), (tracked, _), output| {
            pictures.for_each(|_, given| frames.extend(given.drain(..)));
            tracked.for_each(|capability, given| {
                if let Some(capability) = capability.retain_least(0) {
                    waiting.extend(given.drain(..).map(|frame| (capability.delayed(&frame.t), frame)));
                }
            });
            while let Some((capability, tracked)) = waiting.pop_front() {
                if pictures_frontier.less_equal(&tracked.t) {
                    waiting.push_front((capability, tracked));
                    return;
                }
                while frames.front().is_some_and(|frame: &Frame| frame.t < tracked.t) {
                    frames.pop_front();
                }
                let picture = frames.front().filter(|frame| frame.t == tracked.t);
                output.session(&capability).give_iterator(crops.on_frame(&tracked, picture).into_iter());
                keeper.keep(tracked.t, &crops);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(t: Micros, rect: Rect) -> TrackedFrame {
        let track = TrackId(1);
        let (mask, visible, look) = (None, None, None);
        let observation = Observation { t, track, rect, score: 1.0, mask, visible, merged: false, look };
        TrackedFrame { t, seen: vec![observation], ..TrackedFrame::default() }
    }

    #[test]
    fn the_picture_is_taken_where_the_track_is_largest_and_whole() {
        let size = Size { width: 64, height: 64 };
        let frame = |t| Frame::from_i420(t, size, vec![100; 64 * 64], vec![128; 32 * 32], vec![128; 32 * 32]);
        let mut crops = Crops::default();
        for (t, left, side) in [(1, 20.0, 10.0), (2, 20.0, 16.0), (3, -10.0, 20.0), (4, 20.0, 17.0)] {
            assert_eq!(crops.on_frame(&seen(t, Rect::new(left, 20.0, side, side)), Some(&frame(t))), vec![]);
        }
        let end = TrackedFrame { t: 5, ended: vec![(TrackId(1), 4)], ..TrackedFrame::default() };
        let taken: Vec<_> = crops.on_frame(&end, None).into_iter().map(|crop| (crop.track, crop.t)).collect();
        assert_eq!(taken, vec![(TrackId(1), 2)]);
    }
}
