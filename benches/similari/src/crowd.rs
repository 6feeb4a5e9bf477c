//! A crowd in which nobody is missed: boxes of 40 to 60 pixels, one for about 110 by 110 pixels of the frame, at most 3
//! pixels a frame along each axis, with half a pixel of noise.

use vokg_engine::geometry::{Rect, Size};
use vokg_engine::segment::{CameraMotion, Segment, SegmentOrigin, SegmentedFrame};
use vokg_engine::time::Micros;

const PITCH_PX: f32 = 110.0;
const FRAME_US: Micros = 40_000;

/// Numbers that look random and are the same in every run (xorshift64, Marsaglia, JSS 8(14), 2003).
struct Chance(u64);

impl Chance {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + (high - low) * ((self.0 >> 40) as f32 / (1u64 << 24) as f32)
    }
}

/// `frames` pictures of `people`.
pub fn crowd(people: usize, frames: u64) -> Vec<SegmentedFrame> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let columns = (people as f32).sqrt().ceil() as usize;
    let side = columns as f32 * PITCH_PX;
    let size = Size { width: side as u32, height: side as u32 };
    let mut walkers: Vec<(Rect, [f32; 2])> = (0..people)
        .map(|i| {
            let (x, y) = ((i % columns) as f32 * PITCH_PX, (i / columns) as f32 * PITCH_PX);
            let [dx, dy] = [0, 0].map(|_| chance.between(0.0, 50.0));
            let [width, height] = [0, 0].map(|_| chance.between(40.0, 60.0));
            (Rect::new(x + dx, y + dy, width, height), [0, 0].map(|_| chance.between(-3.0, 3.0)))
        })
        .collect();
    (0..frames)
        .map(|index| {
            let mut segment = |(rect, step): &mut (Rect, [f32; 2])| {
                if !(0.0..side - rect.width).contains(&(rect.left + step[0])) {
                    step[0] = -step[0];
                }
                if !(0.0..side - rect.height).contains(&(rect.top + step[1])) {
                    step[1] = -step[1];
                }
                (rect.left, rect.top) = (rect.left + step[0], rect.top + step[1]);
                let [dx, dy] = [0, 0].map(|_| chance.between(-0.5, 0.5));
                let rect = Rect::new(rect.left + dx, rect.top + dy, rect.width, rect.height);
                let origin = SegmentOrigin::Grid;
                Segment { rect, mask: None, score: 0.9, origin, merged: false, visible: None, look: None }
            };
            let segments = walkers.iter_mut().map(&mut segment).collect();
            SegmentedFrame { t: index * FRAME_US, size, end: false, camera: CameraMotion::Still, segments }
        })
        .collect()
}
