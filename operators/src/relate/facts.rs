//! Relations from tracks in text, without video, tracker or store: every id is a track that is believed and an object
//! of its own.

use super::mot::{Frames, sightings};
use super::relation::Registry;
use super::{RelateConfig, Relations};
use crate::mot::{FrameRate, MotError};
use crate::resolve::intervals::Now;
use crate::resolve::scratch::interactions;
use serde::Serialize;
use std::collections::BTreeMap;
use vokg_engine::evidence::{EvidenceSpan, RelationKind};
use vokg_engine::geometry::Size;
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::observation::TrackedFrame;
use vokg_engine::time::Micros;

/// A relation between two tracks over an interval, one line of `facts.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fact {
    /// Which relation.
    pub kind: RelationKind,
    /// Who; for a symmetric relation the smaller id.
    pub a: TrackId,
    /// Towards whom; the number of a zone where the relation has one.
    pub b: TrackId,
    /// First evidence.
    pub from_us: Micros,
    /// First moment without.
    pub to_us: Micros,
    /// Mean confidence, 0 to 1 in thousandths.
    pub confidence: f64,
}

/// The facts in MOTChallenge rows (see [`crate::mot`]), ordered by (begin, kind, a, b).
///
/// Without a frame size, boxes are taken to be whole where they touch the border of the frame, and nothing is told of the
/// zones and lines of `config`, which are shares of it: [`RelateConfig::has_zones`] tells whether there are any.
///
/// # Errors
/// Where a row is none or the frame rate is out of range.
///
/// ```
/// use vokg_operators::relate::{RelateConfig, facts::facts};
/// let rows: String = (1..=25).map(|frame| format!("{frame},1,0,0,20,20\n{frame},2,25,0,20,20\n")).collect();
/// let facts = facts(&rows, 25.0, None, &RelateConfig::default()).unwrap();
/// assert_eq!((facts[0].kind.as_str(), facts[0].from_us, facts[0].to_us), ("NEAR", 0, 960_001));
/// ```
pub fn facts(rows: &str, fps: f64, size: Option<Size>, config: &RelateConfig) -> Result<Vec<Fact>, MotError> {
    let rate = FrameRate::new(fps)?;
    Ok(facts_of(&sightings(rows, rate)?, rate, size, config))
}

/// The facts in sightings that are read already; without a frame size as [`facts`].
pub fn facts_of(frames: &Frames, rate: FrameRate, size: Option<Size>, config: &RelateConfig) -> Vec<Fact> {
    facts_by(Registry::builtin(config), frames, rate, size, config)
}

/// The facts by any relations, in sightings that are read already; without a frame size as [`facts`].
pub fn facts_by(
    registry: Registry,
    frames: &Frames,
    rate: FrameRate,
    size: Option<Size>,
    config: &RelateConfig,
) -> Vec<Fact> {
    let rules = config.rules_of(&registry);
    let mut relations = Relations::with_registry(config.clone(), registry);
    let mut spans: BTreeMap<u32, EvidenceSpan> = BTreeMap::new();
    let mut end_us = 0;
    for frame in tracked_frames(frames, rate, size) {
        end_us = frame.t;
        for change in relations.on_frame(&frame) {
            match change.diff {
                1.. => spans.insert(change.span.number, change.span),
                _ => spans.remove(&change.span.number),
            };
        }
    }
    let spans = spans.into_values().map(|span| (span.a.into(), span.b.into(), span));
    let mut facts = Vec::new();
    for ((kind, a, b), intervals) in interactions(spans, &rules, Now::End(end_us)) {
        let number = |object: ObjectId| ZoneId::of_object(object).map_or(TrackId(object.0), |zone| TrackId(zone.0));
        let (a, b) = (number(a), number(b));
        facts.extend(intervals.into_iter().map(|interval| Fact {
            kind,
            a,
            b,
            from_us: interval.from_us,
            to_us: interval.to_us.unwrap_or(end_us),
            confidence: f64::from(interval.confidence_milli) / 1000.0,
        }));
    }
    facts.sort_by_key(|fact| (fact.from_us, fact.kind, fact.a, fact.b));
    facts
}

/// What a tracker would have said: a frame after the last of each stretch of rows shows nothing, a track ends after
/// its last row, and the stream a microsecond after the last row of all.
fn tracked_frames(frames: &Frames, rate: FrameRate, size: Option<Size>) -> impl Iterator<Item = TrackedFrame> {
    let mut last_rows: BTreeMap<TrackId, u32> = BTreeMap::new();
    for (index, sightings) in frames {
        last_rows.extend(sightings.keys().map(|track| (*track, *index)));
    }
    let mut ending: BTreeMap<u32, Vec<(TrackId, Micros)>> = BTreeMap::new();
    for (track, index) in last_rows {
        ending.entry(index.saturating_add(1)).or_default().push((track, rate.time_of(index)));
    }
    let last = frames.keys().next_back().copied();
    let empty = frames.keys().map(|index| index.saturating_add(1)).filter(move |next| Some(*next) < last);
    let mut indices: Vec<u32> = frames.keys().copied().chain(empty).collect();
    indices.sort_unstable();
    indices.dedup();
    let shown = indices.into_iter().map(move |index| TrackedFrame {
        t: rate.time_of(index),
        size,
        seen: frames.get(&index).into_iter().flat_map(|sightings| sightings.values().cloned()).collect(),
        ended: ending.remove(&index).unwrap_or_default(),
        ..TrackedFrame::default()
    });
    let end = last.map(|last| TrackedFrame { t: rate.time_of(last) + 1, end: true, ..TrackedFrame::default() });
    shown.chain(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(frames: impl IntoIterator<Item = u32>) -> String {
        frames.into_iter().map(|f| format!("{f},1,0,0,20,20\n{f},2,25,0,20,20\n")).collect()
    }

    fn intervals(rows: &str) -> Vec<(Micros, Micros)> {
        let facts = facts(rows, 10.0, None, &RelateConfig::default()).unwrap();
        facts.iter().map(|fact| (fact.from_us, fact.to_us)).collect()
    }

    #[test]
    fn a_fact_is_one_line_of_json() {
        let facts = facts(&rows(1..=11), 10.0, None, &RelateConfig::default()).unwrap();
        let lines: Vec<String> = facts.iter().map(|fact| serde_json::to_string(fact).unwrap()).collect();
        assert_eq!(lines, [r#"{"kind":"NEAR","a":1,"b":2,"from_us":0,"to_us":1000001,"confidence":0.5}"#]);
    }

    #[test]
    fn short_holes_are_bridged_and_long_ones_end_the_interval() {
        assert_eq!(intervals(&rows((1..=11).chain(15..=21))), [(0, 2_000_001)]);
        assert_eq!(intervals(&rows((1..=11).chain(31..=41))), [(0, 1_100_000), (3_000_000, 4_000_001)]);
    }

    #[test]
    fn a_hole_of_millions_of_frames_costs_nothing() {
        let far = 9_000_000;
        assert_eq!(intervals(&rows((1..=11).chain(far..=far + 10))).len(), 2);
    }

    #[test]
    fn no_rows_have_no_facts() {
        assert_eq!(intervals(""), []);
    }
}
