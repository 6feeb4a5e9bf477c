//! What is kept of one track to compare its beginning and its end with those of others.

use std::collections::VecDeque;
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::observation::Observation;
use vokg_engine::segment::Look;
use vokg_engine::time::{Micros, SECOND_US, secs_from_micros};

/// How much of a beginning or an end is looked at: long enough to measure a velocity through jitter.
const STRETCH_US: Micros = SECOND_US;

/// A track, by its two ends.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    pub(super) track: TrackId,
    /// The object it belongs to at present.
    pub(super) object: ObjectId,
    pub(super) first_seen: Micros,
    pub(super) last_seen: Micros,
    /// Whether the tracker has given it up.
    pub(super) ended: bool,
    /// Whether it is still to be judged if it continues an older track.
    pub(super) undecided: bool,
    /// Whether a later track was found to continue it.
    pub(super) continued: bool,
    beginning: VecDeque<Pose>,
    ending: VecDeque<Pose>,
    look: MeanLook,
}

/// Where something was and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pose {
    t: Micros,
    x: f32,
    y: f32,
    size: f32,
    merged: bool,
}

/// One end of a track: where it was there, how it moved (per second), and how large it was at most near it, since a
/// thing that goes behind another looks small at the very end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EndPoint {
    pub(super) t: Micros,
    pub(super) position: (f32, f32),
    pub(super) velocity: (f32, f32),
    pub(super) size: f32,
}

impl Fragment {
    /// A track that was just confirmed, with its first sighting.
    pub(super) fn new(first: &Observation) -> Self {
        let mut fragment = Self {
            track: first.track,
            object: first.track.into(),
            first_seen: first.t,
            last_seen: first.t,
            ended: false,
            undecided: true,
            continued: false,
            beginning: VecDeque::new(),
            ending: VecDeque::new(),
            look: MeanLook::default(),
        };
        fragment.see(first);
        fragment
    }

    /// Adds a sighting; they come in the order of time.
    pub(super) fn see(&mut self, seen: &Observation) {
        self.last_seen = seen.t;
        let (x, y) = seen.rect.centre();
        let pose = Pose { t: seen.t, x, y, size: seen.rect.scale(), merged: seen.merged };
        if seen.t - self.first_seen <= STRETCH_US {
            add_pose(&mut self.beginning, pose);
        }
        add_pose(&mut self.ending, pose);
        while self.ending.front().is_some_and(|first| first.t + STRETCH_US < seen.t && self.ending.len() > 1) {
            self.ending.pop_front();
        }
        if let Some(look) = seen.look.as_ref().filter(|_| !seen.merged) {
            self.look.add(look);
        }
    }

    /// How it was when it was first seen.
    pub(super) fn start(&self) -> Option<EndPoint> {
        end_point(&self.beginning, self.beginning.front()?)
    }

    /// How it was when it was last seen.
    pub(super) fn end(&self) -> Option<EndPoint> {
        end_point(&self.ending, self.ending.back()?)
    }

    /// What it looked like on the whole.
    pub(super) fn look(&self) -> Option<Look> {
        self.look.mean()
    }
}

/// The box of a merged sighting says little, so such poses only stand in until a better one comes.
fn add_pose(poses: &mut VecDeque<Pose>, pose: Pose) {
    if pose.merged && !poses.is_empty() {
        return;
    }
    if !pose.merged && poses.front().is_some_and(|first| first.merged) {
        poses.clear();
    }
    poses.push_back(pose);
}

fn end_point(poses: &VecDeque<Pose>, at: &Pose) -> Option<EndPoint> {
    let size = poses.iter().map(|pose| pose.size).fold(0.0, f32::max);
    (size > 0.0).then(|| EndPoint { t: at.t, position: (at.x, at.y), velocity: velocity(poses), size })
}

/// The slope of the least-squares line through the poses, per second; still where they are all of one time.
fn velocity(poses: &VecDeque<Pose>) -> (f32, f32) {
    let Some(origin) = poses.front() else {
        return (0.0, 0.0);
    };
    let count = poses.len() as f32;
    let rows = || poses.iter().map(|p| (secs_from_micros(p.t - origin.t) as f32, p.x - origin.x, p.y - origin.y));
    let (t, x, y) = rows().fold((0.0, 0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1, sum.2 + row.2));
    let (t, x, y) = (t / count, x / count, y / count);
    let (mut tt, mut tx, mut ty) = (0.0, 0.0, 0.0);
    for row in rows() {
        tt += (row.0 - t) * (row.0 - t);
        tx += (row.0 - t) * (row.1 - x);
        ty += (row.0 - t) * (row.2 - y);
    }
    if tt > 0.0 { (tx / tt, ty / tt) } else { (0.0, 0.0) }
}

/// The mean of the looks of a track's sightings.
#[derive(Clone, Debug)]
struct MeanLook {
    sums: Box<[u64; 64]>,
    count: u64,
}

impl Default for MeanLook {
    fn default() -> Self {
        Self { sums: Box::new([0; 64]), count: 0 }
    }
}

impl MeanLook {
    /// Adds a look, unless nothing was measured.
    fn add(&mut self, look: &Look) {
        if look.0.iter().all(|share| *share == 0) {
            return;
        }
        self.sums.iter_mut().zip(look.0.iter()).for_each(|(sum, share)| *sum += u64::from(*share));
        self.count += 1;
    }

    fn mean(&self) -> Option<Look> {
        (self.count > 0).then(|| Look(Box::new(self.sums.map(|sum| (sum / self.count) as u16))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;

    fn seen(t: Micros, x: f32, merged: bool, look: Option<Look>) -> Observation {
        let rect = Rect::from_centre(x, 50.0, if merged { 90.0 } else { 20.0 }, 20.0);
        Observation { t, track: TrackId(1), rect, score: 1.0, mask: None, visible: None, merged, look }
    }

    #[test]
    fn ends_keep_their_own_velocities_and_merged_boxes_do_not_count() {
        let mut fragment = Fragment::new(&seen(0, 0.0, false, None));
        for tenth in 1..=40u32 {
            let x = if tenth <= 20 { 3.0 * tenth as f32 } else { 60.0 };
            fragment.see(&seen(u64::from(tenth) * 100_000, x, tenth == 30, None));
        }
        fragment.see(&seen(4_100_000, 95.0, true, None));
        let (start, end) = fragment.start().zip(fragment.end()).unwrap_or_else(|| panic!("both ends were seen"));
        assert!((start.velocity.0 - 30.0).abs() < 0.1 && end.velocity.0.abs() < 0.1);
        assert_eq!((end.t, end.position, end.size), (4_000_000, (60.0, 50.0), 20.0));
        assert_eq!(fragment.last_seen, 4_100_000);
    }

    #[test]
    fn the_look_is_the_mean_of_what_was_measured() {
        let look = |share: u16| Some(Look(Box::new([share; 64])));
        let mut fragment = Fragment::new(&seen(0, 0.0, false, look(100)));
        fragment.see(&seen(1, 0.0, false, look(300)));
        fragment.see(&seen(2, 0.0, true, look(9000)));
        fragment.see(&seen(3, 0.0, false, look(0)));
        assert_eq!(fragment.look(), look(200));
    }
}
