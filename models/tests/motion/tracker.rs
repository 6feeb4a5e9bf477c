//! The least tracker that closes the loop: greedy by overlap, constant velocity.

use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::segment::{CameraMotion, Hints, Prediction, Segment};
use vokg_engine::time::{Micros, SECOND_US};

struct Track {
    id: TrackId,
    rect: Rect,
    velocity: (f32, f32),
    sights: u32,
    seen: Micros,
}

/// Follows segments.
#[derive(Default)]
pub struct Tracker {
    tracks: Vec<Track>,
    begun: u32,
}

/// Sights after which a track is believed.
const BELIEVED: u32 = 10;

impl Tracker {
    /// Takes the segments of a frame.
    pub fn follow(&mut self, t: Micros, camera: &CameraMotion, segments: &[Segment]) {
        for track in &mut self.tracks {
            if let CameraMotion::Moved(map) = camera {
                track.rect = map.apply_to_rect(&track.rect);
            }
            track.rect.left += track.velocity.0;
            track.rect.top += track.velocity.1;
        }
        let mut free: Vec<&Segment> = segments.iter().collect();
        for track in &mut self.tracks {
            let overlap = |s: &Segment| s.rect.iou(&track.rect);
            let best = (0..free.len()).max_by(|a, b| overlap(free[*a]).total_cmp(&overlap(free[*b])));
            let Some(best) = best.filter(|i| overlap(free[*i]) > 0.2) else { continue };
            let segment = free.remove(best);
            let ((x, y), (u, v)) = (track.rect.centre(), segment.rect.centre());
            if !segment.merged {
                track.velocity.0 += 0.3 * (u - x);
                track.velocity.1 += 0.3 * (v - y);
                track.rect = segment.rect;
            }
            track.sights += 1;
            track.seen = t;
        }
        for segment in free.into_iter().filter(|s| !s.merged) {
            self.begun += 1;
            let id = TrackId(self.begun);
            self.tracks.push(Track { id, rect: segment.rect, velocity: (0.0, 0.0), sights: 1, seen: t });
        }
        let patience = |track: &Track| if track.sights >= BELIEVED { 6 * SECOND_US / 10 } else { SECOND_US / 5 };
        self.tracks.retain(|track| t - track.seen <= patience(track));
    }

    /// What it expects next, with tracks as settled as `settled` says.
    pub fn hints(&self, t: Micros, settled: bool) -> Hints {
        let predict = |track: &Track| Prediction {
            track: (track.sights >= BELIEVED).then_some(track.id),
            rect: Rect {
                left: track.rect.left + track.velocity.0,
                top: track.rect.top + track.velocity.1,
                ..track.rect
            },
            settled,
            unseen_us: t - track.seen,
        };
        let mut predictions: Vec<Prediction> = self.tracks.iter().map(predict).collect();
        predictions.sort_by_key(|p| (p.track.is_none(), p.track));
        Hints { predictions }
    }

    /// The believed tracks.
    pub fn believed(&self) -> Vec<(TrackId, Rect)> {
        self.tracks.iter().filter(|track| track.sights >= BELIEVED).map(|track| (track.id, track.rect)).collect()
    }
}
