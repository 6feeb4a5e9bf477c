//! Areas and lines in the picture: who is in which area, and who crosses which line.
//!
//! A thing is where the middle of its bottom edge is, as it stands on the ground there. Evidence of IN and LOITERS is the
//! same; how long one must stay is a rule of the zone. A crossing is believed when the thing is seen on the other side a while
//! later, and not back before, and is dated back to the moment it crossed.

use super::SpanChange;
use super::config::RelateConfig;
use super::evidence::Evidence;
use super::zone_config::{LineConfig, ZoneConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::evidence::{Detail, EvidenceSpan, RelationKind};
use vokg_engine::geometry::Size;
use vokg_engine::id::{TrackId, ZoneId};
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::time::{Micros, micros_from_secs};

type Point = (f64, f64);

/// The zones of a stream, and who is in them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Zones {
    #[serde(skip)]
    areas: Vec<ZoneConfig>,
    #[serde(skip)]
    lines: Vec<LineConfig>,
    stay_us: Micros,
    inside: BTreeMap<(TrackId, ZoneId), [Evidence; 2]>,
    /// Stays that began and ended within the past of a track confirmed now, before they had a number.
    over: Vec<EvidenceSpan>,
    beside: BTreeMap<(TrackId, ZoneId), Beside>,
    /// Crossings that are not believed yet, by track and line.
    crossing: BTreeMap<(TrackId, ZoneId), Crossing>,
    crossed: Vec<EvidenceSpan>,
    last_us: Option<Micros>,
}

/// Where a track last stood beside a line, not on it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Beside {
    place: Point,
    /// When the track was last seen, there or on the line.
    seen_us: Micros,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Crossing {
    t: Micros,
    rightwards: bool,
    confidence: f64,
}

impl Zones {
    pub(super) fn new(config: &RelateConfig) -> Self {
        Self {
            areas: config.zones.clone(),
            lines: config.lines.clone(),
            stay_us: micros_from_secs(config.zone_hold.on_secs),
            inside: BTreeMap::new(),
            over: Vec::new(),
            beside: BTreeMap::new(),
            crossing: BTreeMap::new(),
            crossed: Vec::new(),
            last_us: None,
        }
    }

    /// Goes on where others with the same configuration were.
    pub(super) fn resume(self, other: Self) -> Self {
        Self { areas: self.areas, lines: self.lines, ..other }
    }

    /// Takes the next frame; what begins is numbered by [`Zones::number`].
    pub(super) fn on_frame(&mut self, frame: &TrackedFrame, pause_us: Micros, out: &mut Vec<SpanChange>) {
        if self.areas.is_empty() && self.lines.is_empty() {
            return;
        }
        if frame.end {
            self.inside.values_mut().flatten().for_each(|evidence| evidence.end(frame.t, out));
            (self.inside, self.beside, self.crossing) = Default::default();
            return;
        }
        // The first frame without what ended, unless it comes after a hole.
        let after = self.last_us.replace(frame.t).is_some_and(|last| frame.t - last <= pause_us).then_some(frame.t);
        for (track, _) in &frame.ended {
            self.forget(*track, after, out);
        }
        let Some(size) = frame.size else { return };
        let mut sightings: Vec<&Observation> = frame.confirmed.iter().chain(&frame.seen).collect();
        sightings.sort_by_key(|seen| (seen.track, seen.t));
        for seen in sightings.iter().filter(|seen| !seen.merged) {
            self.see(seen, size, pause_us, out);
        }
        for ((track, _), pair) in &mut self.inside {
            let seen = frame.seen.iter().any(|seen| seen.track == *track && !seen.merged);
            if !seen {
                pair.iter_mut().for_each(|evidence| evidence.close(after, out));
            }
        }
    }

    fn see(&mut self, seen: &Observation, size: Size, pause_us: Micros, out: &mut Vec<SpanChange>) {
        let foot = foot(seen, size);
        let confidence = f64::from(seen.score).clamp(0.0, 1.0);
        for area in &self.areas {
            let key = (seen.track, ZoneId(area.id));
            let inside = encloses(&area.polygon, size, foot);
            let known = self.inside.get_mut(&key);
            let last_us = known.as_ref().map_or(0, |pair| pair[0].on_us());
            let unseen = last_us + pause_us < seen.t;
            let goes_on = !unseen && known.as_ref().is_some_and(|pair| pair[0].continues(seen.t, pause_us));
            match (inside, known) {
                (true, Some(pair)) if goes_on => {
                    let on_us = area.hold.map_or(self.stay_us, |hold| micros_from_secs(hold.on_secs));
                    pair.iter_mut().for_each(|evidence| evidence.hold(seen.t, confidence, on_us, out));
                }
                (true, known) => {
                    for evidence in known.into_iter().flatten() {
                        end(evidence, seen.t, unseen, &mut self.over, out);
                    }
                    let ends = (seen.track, key.1.track());
                    let begin = |kind| Evidence::begin(kind, ends, seen.t, seen.t, confidence);
                    let pair = [RelationKind::IN, RelationKind::LOITERS].map(begin);
                    self.inside.insert(key, pair);
                }
                (false, Some(pair)) => {
                    for evidence in pair {
                        end(evidence, seen.t, unseen, &mut self.over, out);
                    }
                    self.inside.remove(&key);
                }
                (false, None) => {}
            }
        }
        for line in &self.lines {
            let key = (seen.track, ZoneId(line.id));
            let ends = line.ends.map(|end| scaled(end, size));
            let is = side(ends, foot);
            let before = self.beside.get(&key).copied().filter(|before| before.seen_us + pause_us >= seen.t);
            // Who stands on the line is still where it came from.
            let place = if is == 0.0 { before.map(|before| before.place) } else { Some(foot) };
            match place {
                Some(place) => self.beside.insert(key, Beside { place, seen_us: seen.t }),
                None => self.beside.remove(&key),
            };
            let waiting = self.crossing.remove(&key);
            // Who is back before the crossing was believed has not crossed.
            if waiting.is_some_and(|crossing| crossing.is_back(is)) {
                continue;
            }
            let crosses = || before.is_some_and(|before| is != 0.0 && intersects(ends, [before.place, foot]));
            let new = || crosses().then_some(Crossing { t: seen.t, rightwards: is > 0.0, confidence });
            let Some(crossing) = waiting.or_else(new) else { continue };
            if crossing.t + self.stay_us > seen.t {
                self.crossing.insert(key, crossing);
            } else if line.counts(crossing.rightwards) {
                self.crossed.push(crossing.span(key));
            }
        }
    }

    fn forget(&mut self, track: TrackId, t: Option<Micros>, out: &mut Vec<SpanChange>) {
        self.beside.retain(|(of, _), _| *of != track);
        self.crossing.retain(|(of, _), _| *of != track);
        for (_, mut pair) in self.inside.extract_if(.., |(of, _), _| *of == track) {
            pair.iter_mut().for_each(|evidence| evidence.close(t, out));
        }
    }

    /// Numbers and states what began, what is over already before the rest; each in the order (kind, track, zone).
    pub(super) fn number(&mut self, mut next: impl FnMut() -> u32, out: &mut Vec<SpanChange>) {
        self.over.sort_by_key(|span| (span.kind, span.a, span.b, span.from_us));
        self.crossed.sort_by_key(|span| (span.a, span.b, span.from_us));
        for span in self.over.drain(..) {
            out.push(SpanChange { span: EvidenceSpan { number: next(), ..span }, diff: 1 });
        }
        for kind in 0..2 {
            for pair in self.inside.values_mut() {
                if pair[kind].unstated().is_some() {
                    pair[kind].number(next(), out);
                }
            }
        }
        for span in self.crossed.drain(..) {
            out.push(SpanChange { span: EvidenceSpan { number: next(), ..span }, diff: 1 });
        }
    }
}

impl Crossing {
    /// Whether one on this side of the line, see [`side`], is where it came from.
    fn is_back(&self, side: f64) -> bool {
        if self.rightwards { side < 0.0 } else { side > 0.0 }
    }

    /// Of this track over this line.
    fn span(&self, (track, zone): (TrackId, ZoneId)) -> EvidenceSpan {
        EvidenceSpan {
            kind: RelationKind::CROSSES,
            a: track,
            b: zone.track(),
            from_us: self.t,
            number: 0,
            to_us: Some(self.t + 1),
            confidence_milli: (self.confidence * 1000.0).round() as u16,
            detail: Detail { rightwards: Some(self.rightwards), ..Detail::default() },
        }
    }
}

/// Ends a stay at `t`, or when it was last seen where nobody saw it for too long; what has no number yet is kept to be stated.
fn end(evidence: &mut Evidence, t: Micros, unseen: bool, over: &mut Vec<EvidenceSpan>, out: &mut Vec<SpanChange>) {
    if unseen {
        evidence.close(None, out);
    }
    evidence.end(t, out);
    over.extend(evidence.unstated());
}

/// Half of what stored boxes can tell apart, in pixels: so far from the border is who is cut off there.
const BORDER_PX: f64 = 1.0 / 32.0;

/// The middle of the bottom edge; of a box that the border of the picture cuts off, the nearest within it. So it is in the areas
/// that reach the border, and passes the lines that end there. What lies outside altogether stays there.
fn foot(seen: &Observation, size: Size) -> Point {
    let rect = &seen.rect;
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let at = (f64::from(rect.centre().0), f64::from(rect.bottom()));
    let is_seen =
        f64::from(rect.right()) > 0.0 && f64::from(rect.left) < width && at.1 > 0.0 && f64::from(rect.top) < height;
    let within = |at: f64, side: f64| at.min(side - BORDER_PX).max(BORDER_PX);
    if is_seen { (within(at.0, width), within(at.1, height)) } else { at }
}

fn scaled([x, y]: [f32; 2], size: Size) -> Point {
    (f64::from(x) * f64::from(size.width), f64::from(y) * f64::from(size.height))
}

/// Positive to the right of the line, looking from its first end to its second in a picture whose y points down.
fn side([p, q]: [Point; 2], at: Point) -> f64 {
    (q.0 - p.0) * (at.1 - p.1) - (q.1 - p.1) * (at.0 - p.0)
}

/// Whether a way of which neither end lies on a line leads over it between its ends.
fn intersects(line: [Point; 2], way: [Point; 2]) -> bool {
    let is_right = |of: [Point; 2], at: Point| side(of, at) > 0.0;
    is_right(line, way[0]) != is_right(line, way[1]) && is_right(way, line[0]) != is_right(way, line[1])
}

/// Even-odd rule: a ray to the right crosses the outline an odd number of times.
fn encloses(polygon: &[[f32; 2]], size: Size, at: Point) -> bool {
    let corners: Vec<Point> = polygon.iter().map(|corner| scaled(*corner, size)).collect();
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    let is_crossed = |(p, q): &(&Point, &Point)| {
        (p.1 > at.1) != (q.1 > at.1) && at.0 < p.0 + (at.1 - p.1) / (q.1 - p.1) * (q.0 - p.0)
    };
    edges.filter(is_crossed).count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, clip, seen};
    use super::super::zone_config::ZoneHold;
    use super::super::{Direction, RelateConfig, Relations};
    use super::*;
    use crate::resolve::intervals::Now;
    use crate::resolve::scratch::interactions;

    const SIZE: Size = Size { width: 200, height: 100 };

    fn config(direction: Direction) -> RelateConfig {
        let polygon = vec![[0.3, 0.2], [0.7, 0.2], [0.7, 0.9], [0.3, 0.9]];
        let line = LineConfig { id: 7, name: "gate".into(), ends: [[0.5, 0.0], [0.5, 1.0]], direction };
        RelateConfig {
            zones: vec![ZoneConfig { id: 3, name: "yard".into(), polygon, loiter_secs: 1.0, crowd: None, hold: None }],
            lines: vec![line],
            ..RelateConfig::default()
        }
    }

    /// (kind, zone, from, to in milliseconds, direction).
    type Told = (String, u32, u64, Option<u64>, Option<bool>);

    /// What holds for one whose feet are at `x`.
    fn told(config: RelateConfig, x: impl Fn(f64) -> f64) -> Vec<Told> {
        told_of(config, &clip(5.0, |s| vec![seen(0, 1, x(s) as f32 - 5.0, 40.0, 10.0, 20.0)]))
    }

    /// What holds in frames of 200 × 100 pixels.
    fn told_of(config: RelateConfig, frames: &[TrackedFrame]) -> Vec<Told> {
        let mut relations = Relations::new(config);
        let mut spans = BTreeMap::new();
        for frame in frames {
            apply(&mut spans, &relations.on_frame(&TrackedFrame { size: Some(SIZE), ..frame.clone() }));
        }
        let row = |span: &EvidenceSpan| {
            let zone = ZoneId::of_track(span.b).unwrap().0;
            let to = span.to_us.map(|to| to / 1000);
            (span.kind.to_string(), zone, span.from_us / 1000, to, span.detail.rightwards)
        };
        spans.values().map(row).collect()
    }

    #[test]
    fn one_who_walks_through_is_inside_and_crosses_once() {
        let told = told(config(Direction::Both), |s| 40.0 * s);
        assert_eq!(told[0], ("IN".into(), 3, 1520, Some(3520), None));
        assert_eq!(told[1], ("LOITERS".into(), 3, 1520, Some(3520), None));
        assert_eq!(told[2], ("CROSSES".into(), 7, 2520, Some(2520), Some(false)));
        assert_eq!(told.len(), 3);
    }

    #[test]
    fn who_is_cut_off_at_the_border_is_in_what_reaches_it() {
        let whole = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        let config = config(Direction::Both);
        let zones = vec![ZoneConfig { polygon: whole, ..config.zones[0].clone() }];
        let config = RelateConfig { zones, ..config };
        // Half to the left of the picture, later to the right of it, and always down to its border or over it.
        for (height, way) in [(60.0, 1.0_f64), (60.0, -1.0), (70.0, 1.0)] {
            let x = |s: f64| if way > 0.0 { 40.0 * s } else { 200.0 - 40.0 * s };
            let told = told_of(config.clone(), &clip(5.0, |s| vec![seen(0, 1, x(s) as f32 - 5.0, 40.0, 10.0, height)]));
            assert_eq!(told[0], ("IN".into(), 3, 0, Some(4960), None), "{told:?}");
            let crossed: Vec<_> = told.iter().filter(|row| row.0 == "CROSSES").map(|row| row.4).collect();
            assert_eq!(crossed, [Some(way < 0.0)], "{told:?}");
        }
        let below = told_of(config, &clip(5.0, |_| vec![seen(0, 1, 40.0, 100.0, 10.0, 20.0)]));
        assert!(below.is_empty(), "{below:?}");
    }

    #[test]
    fn a_zone_may_have_a_hold_of_its_own() {
        let intervals = |hold: Option<ZoneHold>| -> Vec<_> {
            let config = config(Direction::Both);
            let zones = config.zones.iter().map(|zone| ZoneConfig { hold, ..zone.clone() }).collect();
            let config = RelateConfig { zones, ..config };
            let frames = clip(5.0, |s| {
                // Inside from 1 s on, but for half a second at 2 s.
                let x = if s < 1.0 || (2.0..2.5).contains(&s) { 20.0 } else { 120.0 };
                vec![seen(0, 1, x - 5.0, 40.0, 10.0, 20.0)]
            });
            let mut relations = Relations::new(config.clone());
            let mut spans = BTreeMap::new();
            for frame in frames {
                apply(&mut spans, &relations.on_frame(&TrackedFrame { size: Some(SIZE), ..frame }));
            }
            let spans = spans.into_values().map(|span| (span.a.into(), span.b.into(), span));
            let all = interactions(spans, &config.rules(), Now::End(5_000_000));
            let of_in = all.into_iter().filter(|((kind, ..), _)| *kind == RelationKind::IN).flat_map(|(_, all)| all);
            of_in.map(|interval| (interval.from_us / 1000, interval.to_us.map(|to| to / 1000))).collect()
        };
        let long = ZoneHold { on_secs: 0.3, off_secs: 0.6 };
        let late = ZoneHold { on_secs: 1.2, off_secs: 0.3 };
        assert_eq!(intervals(None), [(1000, Some(2000)), (2520, Some(4960))]);
        assert_eq!(intervals(Some(long)), [(1000, Some(4960))]);
        assert_eq!(intervals(Some(late)), [(2520, Some(4960))]);
    }

    #[test]
    fn who_turns_back_at_once_has_not_crossed_and_directions_can_be_chosen() {
        let crossings =
            |direction, x: fn(f64) -> f64| told(config(direction), x).iter().filter(|row| row.0 == "CROSSES").count();
        assert_eq!(crossings(Direction::Both, |s| if (2.0..2.2).contains(&s) { 102.0 } else { 98.0 }), 0);
        assert_eq!(crossings(Direction::Rightwards, |s| 40.0 * s), 0);
        assert_eq!(crossings(Direction::Rightwards, |s| 200.0 - 40.0 * s), 1);
    }

    #[test]
    fn a_crossing_is_believed_by_a_sighting_and_not_by_the_time_that_passes() {
        let crossings = |x: &dyn Fn(f64) -> Option<f64>| -> Vec<_> {
            let at = |x: f64| seen(0, 1, x as f32 - 5.0, 40.0, 10.0, 20.0);
            let told = told_of(config(Direction::Both), &clip(5.0, |s| x(s).map(at).into_iter().collect()));
            let of_line = told.into_iter().filter(|row| row.0 == "CROSSES");
            of_line.map(|(_, _, from, _, rightwards)| (from, rightwards)).collect()
        };
        // One stray box beyond the line at 2 s; then nothing for 0.4 s.
        let stray = |s: f64| if (1.99..2.01).contains(&s) { 102.0 } else { 98.0 };
        assert_eq!(crossings(&|s| (!(2.01..2.4).contains(&s)).then_some(stray(s))), []);
        assert_eq!(crossings(&|s| (s < 2.01).then_some(stray(s))), [], "nor is it seen again");
        let over = |s: f64| if s < 1.99 { 98.0 } else { 102.0 };
        let crossed = [(2000, Some(false))];
        assert_eq!(crossings(&|s| (!(2.01..2.4).contains(&s)).then_some(over(s))), crossed, "seen there again");
        assert_eq!(crossings(&|s| (!(2.01..4.0).contains(&s)).then_some(over(s))), crossed, "after a long while");
        assert_eq!(crossings(&|s| (s < 2.33).then_some(over(s))), crossed, "last seen 0.32 s after it crossed");
        assert_eq!(crossings(&|s| (s < 2.29).then_some(over(s))), []);
    }

    #[test]
    fn who_was_inside_before_it_was_confirmed_was_inside() {
        // Inside from 0.4 s to 1.2 s, and confirmed at 1.6 s.
        let x = |s: f64| if (0.4..1.2).contains(&s) { 100.0 } else { 20.0 };
        let whole = clip(3.0, |s| vec![seen(0, 1, x(s) - 5.0, 40.0, 10.0, 20.0)]);
        let mut late = whole.clone();
        late[40].confirmed = late[..40].iter_mut().flat_map(|frame| std::mem::take(&mut frame.seen)).collect();
        let config = RelateConfig { lines: Vec::new(), ..config(Direction::Both) };
        let told = told_of(config.clone(), &late);
        assert_eq!(told.len(), 2);
        assert_eq!(told, told_of(config.clone(), &whole));
        // Unseen for longer than a pause in between, it was inside twice.
        late[40].confirmed.retain(|seen| !(480_000..1_120_000).contains(&seen.t));
        let twice = told_of(config, &late);
        assert_eq!(twice.len(), 4, "{twice:?}");
    }

    #[test]
    fn who_comes_to_lie_on_a_line_is_where_it_came_from_until_it_goes_on() {
        let crossings = |x: fn(f64) -> f64| -> Vec<_> {
            let told = told(config(Direction::Both), x).into_iter().filter(|row| row.0 == "CROSSES");
            told.map(|(_, _, from, _, rightwards)| (from, rightwards)).collect()
        };
        // Two pixels a frame: after two seconds a foot is on the line itself.
        assert_eq!(crossings(|s| 50.0 * s), [(2040, Some(false))]);
        assert_eq!(crossings(|s| 200.0 - 50.0 * s), [(2040, Some(true))]);
        assert_eq!(crossings(|s| 100.0 - 50.0 * (s - 2.0).abs()), []);
        assert_eq!(crossings(|s| 100.0 + 50.0 * (s - 2.0).abs()), []);
        assert_eq!(
            crossings(|s| 100.0 + 50.0 * (s - 2.0).clamp(-1.0, 0.0) + 50.0 * (s - 3.0).max(0.0)),
            [(3040, Some(false))]
        );
    }

    #[test]
    fn who_goes_over_the_corner_of_two_lines_crosses_one_of_them() {
        let line = |id, ends| LineConfig { id, name: String::new(), ends, direction: Direction::Both };
        let lines = vec![line(1, [[0.5, 0.0], [0.5, 0.6]]), line(2, [[0.5, 0.6], [0.5, 1.0]])];
        let told = told(RelateConfig { lines, ..RelateConfig::default() }, |s| 40.0 * s);
        assert_eq!(told.iter().filter(|row| row.0 == "CROSSES").count(), 1, "{told:?}");
    }

    #[test]
    fn a_notched_area_holds_what_is_in_its_arms_only() {
        let polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.6, 1.0], [0.6, 0.4], [0.4, 0.4], [0.4, 1.0], [0.0, 1.0]];
        let size = Size { width: 10, height: 10 };
        for (at, inside) in [((2.0, 8.0), true), ((8.0, 8.0), true), ((5.0, 8.0), false), ((5.0, 2.0), true)] {
            assert_eq!(encloses(&polygon, size, at), inside, "{at:?}");
        }
    }
}
