//! Which segment each track is given in a frame.
//!
//! Tracks and segments are matched in rounds: who was not given a segment in one may be in a later one. What is needed in
//! between is kept from frame to frame, so that a frame of boxes that do not compete asks for no memory; only to weigh masks and
//! ways against each other is some asked for.

use super::assign::Matcher;
use super::candidates::{ByLeftEdge, Candidate, MutuallyBest, Overlap};
use super::common_motion::Residuals;
use super::config::TrackConfig;
use super::contest::{Contest, own_mask};
use super::life::Track;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::segment::{Segment, SegmentedFrame};
use vokg_engine::time::Micros;

/// Tracks with a number that are looked for in sight, and good segments.
const IN_SIGHT: u8 = 1;
/// Tracks that were seen in the frame before, and poor segments.
const JUST_SEEN: u8 = 1 << 1;
/// Tracks behind others, and good segments.
const HIDDEN: u8 = 1 << 2;
/// Tracks that are not believed yet, and good segments.
const UNNUMBERED: u8 = 1 << 3;
/// No round, but that a segment was not given to a track.
const FREE: u8 = 1 << 7;

/// Overlaps of tracks and segments in the present frame, and what is made of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Association {
    /// Where each track is expected.
    expected: Vec<Rect>,
    segments: ByLeftEdge,
    overlaps: Vec<Overlap>,
    candidates: Vec<Candidate>,
    mutually_best: MutuallyBest,
    residuals: Residuals,
    /// The rounds each track and each segment may still take part in.
    rounds_of_track: Vec<u8>,
    rounds_of_segment: Vec<u8>,
    matcher: Matcher,
    given: Vec<Option<usize>>,
}

impl Association {
    /// Takes the segments of a frame.
    pub(super) fn begin(&mut self, frame: &SegmentedFrame, config: &TrackConfig) {
        let rounds = |segment: &Segment| match segment.score {
            score if score >= config.high_score => FREE | IN_SIGHT | HIDDEN | UNNUMBERED,
            score if score >= config.low_score => FREE | JUST_SEEN,
            _ => FREE,
        };
        self.rounds_of_segment.clear();
        self.rounds_of_segment.extend(frame.segments.iter().map(rounds));
        let rounds = &self.rounds_of_segment;
        let offered = (0..rounds.len()).filter(|&position| rounds[position] != FREE);
        self.segments.refill(offered, |position| frame.segments[position].rect);
    }

    /// Looks where the tracks are expected now.
    pub(super) fn expect(&mut self, tracks: &[Track], min_iou: f32) {
        self.expected.clear();
        self.expected.extend(tracks.iter().map(|track| track.filter.rect()));
        self.segments.overlapping(&self.expected, min_iou, &mut self.overlaps);
    }

    /// How the picture moved beyond what is expected, by the tracks seen in the frame before.
    pub(super) fn common_shift(
        &mut self,
        tracks: &[Track],
        previous: Micros,
        frame: &SegmentedFrame,
        config: &TrackConfig,
    ) -> Option<(f32, f32)> {
        let speaks = |overlap: &&Overlap| {
            let (track, segment) = (&tracks[overlap.row], &frame.segments[overlap.column]);
            let just_seen = track.id.is_some() && track.last_seen == previous;
            just_seen && segment.score >= config.high_score && !segment.merged && overlap.iou >= config.common_min_iou
        };
        let speaking = self.overlaps.iter().filter(speaks);
        self.candidates.clear();
        self.candidates.extend(speaking.map(|overlap| Candidate::of(overlap, config.common_min_iou)));
        self.mutually_best.keep(tracks.len(), frame.segments.len(), &mut self.candidates);
        self.residuals.clear();
        for pair in &self.candidates {
            let (from, to) = (self.expected[pair.row].centre(), frame.segments[pair.column].rect.centre());
            self.residuals.push((to.0 - from.0, to.1 - from.1));
        }
        let enough = config.common_tracks > 0 && self.residuals.len() >= config.common_tracks as usize;
        self.residuals.common_shift(config.common_errors).filter(|_| enough)
    }

    /// Gives segments to tracks.
    pub(super) fn decide(&mut self, tracks: &[Track], previous: Micros, frame: &SegmentedFrame, config: &TrackConfig) {
        let rounds = |track: &Track| match (track.id, track.hidden, track.last_seen == previous) {
            (None, ..) => UNNUMBERED,
            (Some(_), true, just_seen) => HIDDEN | if just_seen { JUST_SEEN } else { 0 },
            (Some(_), false, just_seen) => IN_SIGHT | if just_seen { JUST_SEEN } else { 0 },
        };
        self.rounds_of_track.clear();
        self.rounds_of_track.extend(tracks.iter().map(rounds));
        self.given.clear();
        self.given.resize(tracks.len(), None);
        let rounds = [
            (IN_SIGHT, config.min_iou),
            (JUST_SEEN, config.min_iou_low),
            (HIDDEN, config.min_iou_hidden),
            (UNNUMBERED, config.min_iou),
        ];
        for (round, min_iou) in rounds {
            self.match_in(round, min_iou, tracks, &frame.segments, frame.size, config);
        }
    }

    /// The segment each track was given.
    pub(super) fn given(&self) -> &[Option<usize>] {
        &self.given
    }

    /// Whether no track was given this segment.
    pub(super) fn is_free(&self, segment: usize) -> bool {
        self.rounds_of_segment[segment] & FREE != 0
    }

    /// Gives segments to tracks in one round.
    fn match_in(
        &mut self,
        round: u8,
        min_iou: f32,
        tracks: &[Track],
        segments: &[Segment],
        frame: Size,
        config: &TrackConfig,
    ) {
        let (of_track, of_segment) = (&mut self.rounds_of_track, &mut self.rounds_of_segment);
        let takes_part = |overlap: &&Overlap| {
            of_track[overlap.row] & of_segment[overlap.column] & round != 0 && overlap.iou >= min_iou
        };
        self.candidates.clear();
        self.candidates.extend(self.overlaps.iter().filter(takes_part).map(|overlap| Candidate::of(overlap, min_iou)));
        if self.candidates.is_empty() {
            return;
        }
        let weights = config.weights();
        if weights.direction > 0.0 || self.candidates.iter().any(|pair| segments[pair.column].mask.is_some()) {
            let contest = Contest {
                expected: &self.expected,
                found: &segments.iter().map(|segment| segment.rect).collect::<Vec<_>>(),
                headings: &tracks.iter().map(|track| &track.heading).collect::<Vec<_>>(),
                shapes: &tracks.iter().map(|track| track.shape.as_ref()).collect::<Vec<_>>(),
                masks: &segments.iter().map(own_mask).collect::<Vec<_>>(),
                frame,
            };
            contest.weigh(&mut self.candidates, min_iou, weights);
        }
        let matching = self.matcher.best(tracks.len(), segments.len(), &self.candidates);
        for (track, segment) in matching.iter().enumerate() {
            if let Some(segment) = *segment {
                self.given[track] = Some(segment);
                (of_track[track], of_segment[segment]) = (0, 0);
            }
        }
    }
}
