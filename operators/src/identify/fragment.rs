//! What is kept of one track to compare its beginning and its end with those of others.

use super::appearance::Appearance;
use super::border::Sides;
use super::reason::Reason;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use vokg_engine::geometry::Size;
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::observation::Observation;
use vokg_engine::time::{Micros, SECOND_US, secs_from_micros};

/// How much of a beginning or an end is looked at: long enough to measure a velocity through jitter.
const STRETCH_US: Micros = SECOND_US;
/// How close to its beginning or end a thing that crosses the border is cut by it.
const CROSSING_US: Micros = 300_000;

/// A track, by its two ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Fragment {
    pub(super) track: TrackId,
    /// The object it belongs to at present.
    pub(super) object: ObjectId,
    /// Its place among the tracks of the object, from 1.
    pub(super) place: u32,
    pub(super) first_seen: Micros,
    pub(super) last_seen: Micros,
    /// Whether the tracker has given it up.
    pub(super) ended: bool,
    /// Whether it is still to be judged if it continues an older track.
    pub(super) undecided: bool,
    /// The older track of the same object it follows.
    pub(super) before: Option<Link>,
    /// The later track of the same object that follows it.
    pub(super) after: Option<TrackId>,
    pub(super) appearance: Appearance,
    /// Sides of the frame that cut its first box or one soon after.
    pub(super) entered: Sides,
    /// Sides of the frame that cut its boxes lately, with the times.
    cuts: VecDeque<(Micros, Sides)>,
    /// Out of whose box it came.
    pub(super) released_by: Option<TrackId>,
    /// Behind whom it was seen last, and when.
    hidden_by: Option<(TrackId, Micros)>,
    beginning: VecDeque<Pose>,
    ending: VecDeque<Pose>,
}

/// Why a track is taken for the same thing as an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) track: TrackId,
    #[serde(deserialize_with = "super::reason::deserialize")]
    pub(super) reason: Reason,
}

/// Where something was and how large.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
    pub(super) fn new(first: &Observation, frame: Option<Size>) -> Self {
        let mut fragment = Self {
            track: first.track,
            object: first.track.into(),
            place: 1,
            first_seen: first.t,
            last_seen: first.t,
            ended: false,
            undecided: true,
            before: None,
            after: None,
            appearance: Appearance::default(),
            entered: Sides::default(),
            cuts: VecDeque::new(),
            released_by: None,
            hidden_by: None,
            beginning: VecDeque::new(),
            ending: VecDeque::new(),
        };
        fragment.see(first, frame);
        fragment
    }

    /// Adds a sighting; they come in the order of time.
    pub(super) fn see(&mut self, seen: &Observation, frame: Option<Size>) {
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
        let cut = Sides::cutting(&seen.rect, frame);
        self.appearance.see(seen, cut.any());
        if seen.t - self.first_seen <= CROSSING_US {
            self.entered = self.entered.or(cut);
        }
        self.cuts.push_back((seen.t, cut));
        while self.cuts.front().is_some_and(|(t, _)| t + CROSSING_US < seen.t) {
            self.cuts.pop_front();
        }
    }

    /// It was seen behind another.
    pub(super) fn see_behind(&mut self, other: TrackId, t: Micros) {
        self.hidden_by = Some((other, t));
    }

    /// Behind whom it was when it was lost.
    pub(super) fn lost_behind(&self) -> Option<TrackId> {
        self.hidden_by.filter(|(_, t)| t + STRETCH_US >= self.last_seen).map(|(other, _)| other)
    }

    /// How it was when it was first seen.
    pub(super) fn start(&self) -> Option<EndPoint> {
        end_point(&self.beginning, self.beginning.front()?)
    }

    /// How it was when it was last seen.
    pub(super) fn end(&self) -> Option<EndPoint> {
        end_point(&self.ending, self.ending.back()?)
    }

    /// Sides of the frame that cut its last box or one shortly before.
    pub(super) fn left_by(&self) -> Sides {
        self.cuts.iter().fold(Sides::default(), |sides, (_, cut)| sides.or(*cut))
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

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::geometry::Rect;
    use vokg_engine::look::{Look, LookSpace};

    const FRAME: Option<Size> = Some(Size { width: 200, height: 100 });

    fn seen(t: Micros, x: f32, merged: bool, look: Option<Look>) -> Observation {
        let rect = Rect::from_centre(x, 50.0, if merged { 90.0 } else { 20.0 }, 20.0);
        Observation { t, track: TrackId(1), rect, score: 1.0, mask: None, visible: None, merged, look }
    }

    #[test]
    fn ends_keep_their_own_velocities_and_merged_boxes_do_not_count() {
        let mut fragment = Fragment::new(&seen(0, 0.0, false, None), None);
        for tenth in 1..=40u32 {
            let x = if tenth <= 20 { 3.0 * tenth as f32 } else { 60.0 };
            fragment.see(&seen(u64::from(tenth) * 100_000, x, tenth == 30, None), None);
        }
        fragment.see(&seen(4_100_000, 95.0, true, None), None);
        let (start, end) = fragment.start().zip(fragment.end()).unwrap_or_else(|| panic!("both ends were seen"));
        assert!((start.velocity.0 - 30.0).abs() < 0.1 && end.velocity.0.abs() < 0.1);
        assert_eq!((end.t, end.position, end.size), (4_000_000, (60.0, 50.0), 20.0));
        assert_eq!(fragment.last_seen, 4_100_000);
    }

    #[test]
    fn the_look_is_the_mean_of_what_was_seen_whole_and_alone() {
        let look = |x: f32| Look::new(LookSpace(1), &[x, 1.0]);
        let mut fragment = Fragment::new(&seen(0, 5.0, false, look(90.0)), FRAME);
        assert_eq!(fragment.appearance.look(), look(90.0), "better than nothing");
        fragment.see(&seen(200_000, 50.0, false, look(0.0)), FRAME);
        fragment.see(&seen(400_000, 60.0, true, look(50.0)), FRAME);
        fragment.see(&seen(450_000, 60.0, false, look(0.0)), FRAME);
        assert_eq!(fragment.appearance.look(), look(0.0));
        assert_eq!(fragment.appearance.whole_us(), 250_000);
    }

    #[test]
    fn what_is_mostly_hidden_says_little_of_the_look_and_who_hid_it_lately_is_remembered() {
        let look = |x: f32| Look::new(LookSpace(1), &[x, 1.0]);
        let mut fragment = Fragment::new(&seen(0, 50.0, false, look(0.0)), FRAME);
        fragment.see(&seen(200_000, 60.0, false, look(0.0)), FRAME);
        fragment.see(&seen(400_000, 70.0, false, look(0.0)), FRAME);
        fragment.see(&Observation { visible: Some(0.4), ..seen(600_000, 80.0, false, look(90.0)) }, FRAME);
        assert_eq!(fragment.appearance.look(), look(0.0));
        fragment.see_behind(TrackId(9), 600_000);
        assert_eq!(fragment.lost_behind(), Some(TrackId(9)));
        fragment.see(&seen(1_800_000, 140.0, false, look(0.0)), FRAME);
        assert_eq!(fragment.lost_behind(), None, "it came out again");
    }

    #[test]
    fn the_sides_are_those_of_the_first_and_the_last_moments() {
        let mut fragment = Fragment::new(&seen(0, 5.0, false, None), FRAME);
        assert!(fragment.left_by().left);
        for tenth in 1..=15 {
            fragment.see(&seen(tenth * 100_000, 5.0 + 13.0 * tenth as f32, false, None), FRAME);
        }
        assert_eq!(fragment.entered, Sides { left: true, ..Sides::default() });
        assert_eq!(fragment.left_by(), Sides { right: true, ..Sides::default() });
    }
}
