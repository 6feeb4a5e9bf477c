//! The tracker: predict every track, give each at most one segment, begin and end tracks.

use super::association::Association;
use super::config::TrackConfig;
use super::life::Track;
use super::rhythm::{Patience, Rhythm};
use serde::{Deserialize, Serialize};
use vokg_engine::geometry::{Affine, Rect};
use vokg_engine::id::TrackId;
use vokg_engine::observation::TrackedFrame;
use vokg_engine::segment::{CameraMotion, Hints, Prediction, Segment, SegmentedFrame};
use vokg_engine::time::{Micros, secs_from_micros};

/// A merged segment that holds this share of a live track's box is explained by that track and begins no other.
const EXPLAINED_SHARE: f32 = 0.5;
/// A segment may have been put down by a live track whose box, grown by this share of its extent to every side, ...
const BESIDE_SHARE: f32 = 0.5;
/// ... holds this share of the segment's box.
const LEFT_SHARE: f32 = 0.25;

/// Follows things through the frames of one stream, given in the order of time.
///
/// Tracks are continued by overlap with their predicted box, confirmed tracks first. A track gets its number when it is
/// confirmed; what was seen of it before is then told in [`TrackedFrame::confirmed`].
///
/// ```
/// # use vokg_engine::geometry::{Rect, Size};
/// # use vokg_engine::segment::{CameraMotion, Segment, SegmentOrigin, SegmentedFrame};
/// # use vokg_operators::track::{TrackConfig, Tracker};
/// let mut tracker = Tracker::new(TrackConfig::default());
/// let mut first_told = None;
/// for frame in 0..25u32 {
///     let segment = Segment {
///         rect: Rect::new(10.0 + 4.0 * frame as f32, 50.0, 40.0, 30.0),
///         mask: None, score: 0.9, origin: SegmentOrigin::Motion, merged: false, visible: None, look: None,
///     };
///     let tracked = tracker.on_frame(&SegmentedFrame {
///         t: u64::from(frame) * 40_000, size: Size { width: 640, height: 360 }, end: false,
///         camera: CameraMotion::Still, segments: vec![segment],
///     });
///     if first_told.is_none() && !tracked.seen.is_empty() {
///         first_told = Some((tracked.t, tracked.confirmed[0].t));
///     }
/// }
/// assert_eq!(first_told, Some((320_000, 0)), "believed after 0.3 s, known from the first frame on");
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tracker {
    #[serde(skip)]
    config: TrackConfig,
    /// Live tracks by number, then those without one in the order in which they began.
    tracks: Vec<Track>,
    numbered: u32,
    #[serde(skip)]
    association: Association,
    rhythm: Rhythm,
    blind: Option<Blind>,
}

/// The motion of the camera is unknown since a frame.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Blind {
    /// The last frame before, which tracks that were not seen since are carried on from.
    since: Micros,
    /// How far all tracks were moved since by what their boxes have in common, in pixels.
    shift: (f32, f32),
}

impl Blind {
    /// Whether a track is still where the camera was last known.
    fn holds(&self, track: &Track) -> bool {
        track.last_seen <= self.since
    }

    /// For such a track: what `map`, which is told from there on, leaves to be done.
    fn rest_of(&self, map: &Affine) -> Affine {
        map.after(&Affine::translation(-self.shift.0, -self.shift.1))
    }
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(config: TrackConfig) -> Self {
        let (association, rhythm) = (Association::default(), Rhythm::default());
        Self { config, tracks: Vec::new(), numbered: 0, association, rhythm, blind: None }
    }

    /// Goes on where another tracker with the same configuration was.
    pub fn resume(self, other: Self) -> Self {
        Self { config: self.config, ..other }
    }

    /// Takes the next frame, or the end of the stream, and tells what is known after it.
    ///
    /// After a gap longer than [`TrackConfig::lost_secs`], and than two and a half times what lay between the frames before,
    /// every track has ended where it was last seen. A frame that is not later than the one before is answered with nothing
    /// seen.
    pub fn on_frame(&mut self, frame: &SegmentedFrame) -> TrackedFrame {
        let SegmentedFrame { t, size, end, camera, .. } = *frame;
        let mut tracked = TrackedFrame { t, size: Some(size), end, camera, ..Default::default() };
        if frame.end {
            tracked.ended = self.drop_tracks(|_| true);
            return tracked;
        }
        if self.rhythm.last().is_some_and(|last| frame.t <= last) {
            return tracked;
        }
        let patience = self.rhythm.patience(frame.t, &self.config);
        let previous = self.rhythm.last().unwrap_or(frame.t);
        self.rhythm.tick(frame.t);
        if frame.t - previous > patience.lost_us {
            tracked.ended = self.drop_tracks(|_| true);
        }
        let found = self.advance(&frame.camera, previous);
        self.associate(previous, frame, found);
        self.continue_tracks(frame, previous, &mut tracked);
        self.begin_tracks(frame, previous == frame.t);
        self.look_for_hidden(frame.t, patience);
        tracked.ended.extend(self.drop_tracks(|track| track.is_lost(frame.t, patience) && !track.hidden));
        tracked.ended.sort_unstable();
        tracked
    }

    /// Where the live tracks will be after another step as long as the last, if the camera stands still. Tracks kept
    /// beyond [`TrackConfig::lost_secs`] are not among them: what stands before them is seen there.
    pub fn hints(&self) -> Hints {
        let Some(now) = self.rhythm.last() else {
            return Hints::default();
        };
        let secs = secs_from_micros(self.rhythm.step()) as f32;
        let predict = |track: &Track| Prediction {
            track: track.id,
            rect: track.filter.rect_in(secs).quantised(),
            settled: track.is_settled(&self.config),
            unseen_us: now - track.last_seen,
        };
        let in_sight = self.tracks.iter().filter(|track| !track.hidden);
        Hints { predictions: in_sight.map(predict).collect() }
    }

    /// Lets the camera move and the time of a step pass. Where the camera is found again, tracks that were seen meanwhile have
    /// followed it for a part of the way that nobody knows: only the others are carried. Answers who these are.
    fn advance(&mut self, camera: &CameraMotion, previous: Micros) -> Option<Blind> {
        let blind = match camera {
            CameraMotion::Unknown => {
                self.blind.get_or_insert(Blind { since: previous, shift: (0.0, 0.0) });
                None
            }
            CameraMotion::Still | CameraMotion::Moved(_) => {
                self.blind = None;
                None
            }
            CameraMotion::Found(_) => self.blind.take(),
        };
        let secs = secs_from_micros(self.rhythm.step()) as f32;
        for track in &mut self.tracks {
            let map = match (camera, &blind) {
                (CameraMotion::Moved(map), _) | (CameraMotion::Found(map), None) => Some(*map),
                (CameraMotion::Found(map), Some(blind)) => blind.holds(track).then(|| blind.rest_of(map)),
                (CameraMotion::Still | CameraMotion::Unknown, _) => None,
            };
            track.advance(map.as_ref(), secs);
        }
        blind
    }

    /// Gives segments to tracks: `association` then knows which. `found` tells which tracks were carried to where the camera was
    /// found again.
    fn associate(&mut self, previous: Micros, frame: &SegmentedFrame, found: Option<Blind>) {
        let (config, association) = (&self.config, &mut self.association);
        let least_iou = config.min_iou.min(config.min_iou_low).min(config.min_iou_hidden);
        association.begin(frame, config);
        let unknown = frame.camera == CameraMotion::Unknown || found.is_some();
        if unknown && config.common_tracks > 0 {
            association.expect(&self.tracks, least_iou.min(config.common_min_iou));
            if let Some((x, y)) = association.common_shift(&self.tracks, previous, frame, config) {
                let map = Affine::translation(x, y);
                let carried = |track: &Track| found.is_some_and(|blind| blind.holds(track));
                self.tracks.iter_mut().filter(|track| !carried(track)).for_each(|track| track.follow_camera(&map));
                if let Some(Blind { shift, .. }) = &mut self.blind {
                    *shift = (shift.0 + x, shift.1 + y);
                }
                association.expect(&self.tracks, least_iou);
            }
        } else {
            association.expect(&self.tracks, least_iou);
        }
        association.decide(&self.tracks, previous, frame, config);
    }

    fn continue_tracks(&mut self, frame: &SegmentedFrame, previous: Micros, tracked: &mut TrackedFrame) {
        let numbered_before = self.numbered;
        let given = self.association.given();
        tracked.seen.reserve(given.iter().flatten().count());
        for (track, given) in self.tracks.iter_mut().zip(given) {
            let Some(segment) = given.map(|segment| &frame.segments[segment]) else {
                track.filter.hold_extent();
                continue;
            };
            track.see(frame.t, previous, segment, &self.config);
            if track.id.is_some() {
                tracked.seen.push(track.observation(frame.t, segment));
            } else if track.is_credible(frame.size, &self.config) {
                self.numbered += 1;
                let mut sightings = track.confirm(TrackId(self.numbered));
                tracked.seen.extend(sightings.pop_back());
                tracked.confirmed.extend(sightings);
            }
        }
        if self.numbered > numbered_before {
            tracked.seen.sort_by_key(|seen| seen.track);
            self.tracks.sort_by_key(|track| (track.id.is_none(), track.id));
        }
    }

    fn begin_tracks(&mut self, frame: &SegmentedFrame, first: bool) {
        let continued = self.tracks.len();
        let segments = frame.segments.iter().enumerate();
        for (_, segment) in segments.filter(|(position, _)| self.association.is_free(*position)) {
            let has_extent = segment.rect.area().is_normal();
            let explained = segment.merged && self.tracks[..continued].iter().any(|track| explains(track, segment));
            if has_extent && segment.score >= self.config.birth_score && !explained {
                let left = self.tracks[..continued].iter().any(|track| may_have_left(track, segment));
                self.tracks.push(Track::begin(frame.t, segment, left, first));
            }
        }
    }

    /// Marks the lost tracks that are kept because a track that is seen stands before their place.
    fn look_for_hidden(&mut self, now: Micros, patience: Patience) {
        let config = &self.config;
        for index in 0..self.tracks.len() {
            let track = &self.tracks[index];
            if track.is_lost(now, patience) {
                let place = track.filter.rect();
                self.tracks[index].hidden = track.may_hide(now, config) && self.is_behind_another(now, &place);
            }
        }
    }

    fn is_behind_another(&self, now: Micros, place: &Rect) -> bool {
        let enough = self.config.hidden_share * place.area();
        let seen = self.tracks.iter().filter(|track| track.id.is_some() && track.last_seen == now);
        seen.map(|track| track.filter.rect()).any(|rect| rect.overlap(place) >= enough)
    }

    /// Drops tracks; answers those that had a number, ordered, with the time they were last seen.
    fn drop_tracks(&mut self, is_over: impl Fn(&Track) -> bool) -> Vec<(TrackId, Micros)> {
        let mut ended = Vec::new();
        self.tracks.retain(|track| {
            let over = is_over(track);
            if over {
                ended.extend(track.id.map(|id| (id, track.last_seen)));
            }
            !over
        });
        ended.sort_unstable();
        ended
    }
}

fn explains(track: &Track, segment: &Segment) -> bool {
    let expected = track.filter.rect();
    track.id.is_some() && expected.overlap(&segment.rect) > EXPLAINED_SHARE * expected.area()
}

/// Whether a segment begins beside a believed track, which may have put it down.
fn may_have_left(track: &Track, segment: &Segment) -> bool {
    let around = track.filter.rect().grown(BESIDE_SHARE);
    track.id.is_some() && around.overlap(&segment.rect) >= LEFT_SHARE * segment.rect.area()
}

#[cfg(test)]
mod tests;
