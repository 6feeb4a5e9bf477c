//! What the tests of this operator share: sightings, random histories, and spans added up from their changes.

use super::relation::{Registry, Relation};
use super::{RelateConfig, Relations, SpanChange};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use vokg_engine::evidence::{EvidenceSpan, RelationKind};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::observation::{Observation, TrackedFrame};
use vokg_engine::time::Micros;

/// A certain sighting of a box by its left top corner.
pub(super) fn seen(t: Micros, track: u32, left: f32, top: f32, width: f32, height: f32) -> Observation {
    Observation {
        t,
        track: TrackId(track),
        rect: Rect::new(left, top, width, height),
        score: 1.0,
        mask: None,
        visible: None,
        merged: false,
        look: None,
    }
}

/// A frame of unknown size.
pub(super) fn frame(t: Micros, seen: Vec<Observation>) -> TrackedFrame {
    let seen = seen.into_iter().map(|observation| Observation { t, ..observation }).collect();
    TrackedFrame { t, seen, ..TrackedFrame::default() }
}

/// The end of a stream.
pub(super) fn end(t: Micros) -> TrackedFrame {
    TrackedFrame { t, end: true, ..TrackedFrame::default() }
}

/// 25 frames a second in which `boxes` tells the sightings at a time in seconds, then the end.
pub(super) fn clip(secs: f64, boxes: impl Fn(f64) -> Vec<Observation>) -> Vec<TrackedFrame> {
    let count = (secs * 25.0) as u64;
    let at = |i: u64| {
        let t = i * 40_000;
        let seen = boxes(t as f64 / 1e6).into_iter().map(|observation| Observation { t, ..observation });
        frame(t, seen.collect())
    };
    (0..count).map(at).chain([end((count - 1) * 40_000 + 1)]).collect()
}

/// What the changes of one frame make of the spans so far.
///
/// # Panics
/// Where a span is taken back that is not there, stated twice, or begins anew under its number.
pub(super) fn apply(spans: &mut BTreeMap<u32, EvidenceSpan>, changes: &[SpanChange]) {
    let before = spans.clone();
    for SpanChange { span, diff } in changes {
        match diff {
            1 => assert_eq!(spans.insert(span.number, *span), None),
            _ => assert_eq!(spans.remove(&span.number), Some(*span)),
        }
        let was = before.get(&span.number).unwrap_or(span);
        assert_eq!((was.kind, was.a, was.b, was.from_us), (span.kind, span.a, span.b, span.from_us));
    }
}

/// All spans after these frames, by number.
pub(super) fn run(relations: &mut Relations, frames: &[TrackedFrame]) -> Vec<EvidenceSpan> {
    let mut spans = BTreeMap::new();
    for frame in frames {
        apply(&mut spans, &relations.on_frame(frame));
    }
    spans.into_values().collect()
}

/// (a, b, from, to) of the evidence of one relation alone, times in milliseconds.
pub(super) fn held(relation: impl Relation + 'static, frames: &[TrackedFrame]) -> Vec<(u32, u32, u64, Option<u64>)> {
    held_by(vec![Box::new(relation)], frames)
}

/// The same for several.
pub(super) fn held_by(relations: Vec<Box<dyn Relation>>, frames: &[TrackedFrame]) -> Vec<(u32, u32, u64, Option<u64>)> {
    spans_of(relations, frames).iter().map(ends).collect()
}

/// The same for one kind among them.
pub(super) fn held_of(
    kind: RelationKind,
    relations: Vec<Box<dyn Relation>>,
    frames: &[TrackedFrame],
) -> Vec<(u32, u32, u64, Option<u64>)> {
    spans_of(relations, frames).iter().filter(|span| span.kind == kind).map(ends).collect()
}

fn spans_of(relations: Vec<Box<dyn Relation>>, frames: &[TrackedFrame]) -> Vec<EvidenceSpan> {
    let mut registry = Registry::default();
    relations.into_iter().for_each(|relation| registry.add(relation));
    run(&mut Relations::with_registry(RelateConfig::default(), registry), frames)
}

fn ends(span: &EvidenceSpan) -> (u32, u32, u64, Option<u64>) {
    let milli = |us: Micros| us / 1000;
    (span.a.0, span.b.0, milli(span.from_us), span.to_us.map(milli))
}

/// Random numbers that repeat.
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Below `limit`.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        self.0.next_u32() % limit
    }

    /// From 0 to below 1.
    pub(super) fn share(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4294967296.0
    }

    /// Mean 0, deviation 1: the sum of twelve uniform numbers.
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }
}

/// About five seconds of six things that walk about a small frame, are missed, merge, end and are confirmed late.
pub(super) fn history(seed: u64) -> Vec<TrackedFrame> {
    let mut chance = Chance::new(seed);
    let size = Some(Size { width: 320, height: 200 });
    let mut places: Vec<[f64; 4]> = (0..6)
        .map(|_| [chance.share() * 300.0, chance.share() * 180.0, chance.normal() * 2.0, chance.normal() * 2.0])
        .collect();
    let confirmed_at: Vec<u32> = (0..6).map(|_| chance.below(40)).collect();
    let ended_at: Vec<u32> = (0..6).map(|_| 60 + chance.below(100)).collect();
    let mut waiting: Vec<Vec<Observation>> = vec![Vec::new(); 6];
    let mut last_seen = [0; 6];
    let mut frames = Vec::new();
    let mut t = 0;
    for step in 0..125 {
        t += [40_000, 40_000, 40_000, 33_000, 700_000]
            [(chance.below(40) as usize).min(38) / 10 + usize::from(step == 90)];
        let mut frame = TrackedFrame { t, size, ..TrackedFrame::default() };
        for track in 0..6 {
            let [x, y, vx, vy] = &mut places[track];
            (*x, *y) = ((*x + *vx).clamp(0.0, 290.0), (*y + *vy).clamp(0.0, 170.0));
            (*vx, *vy) = (0.95 * *vx + 0.4 * chance.normal(), 0.95 * *vy + 0.4 * chance.normal());
            if step == ended_at[track] {
                frame.ended.push((TrackId(track as u32 + 1), last_seen[track]));
            }
            if step >= ended_at[track] || chance.below(12) == 0 {
                continue;
            }
            let extent = 24.0 + 6.0 * track as f32;
            let rect = Rect::new(*x as f32, *y as f32, extent, extent).quantised();
            let merged = chance.below(20) == 0;
            let sighting = Observation { rect, merged, ..seen(t, track as u32 + 1, 0.0, 0.0, 0.0, 0.0) };
            last_seen[track] = t;
            if step < confirmed_at[track] {
                waiting[track].push(sighting);
                continue;
            }
            frame.confirmed.append(&mut waiting[track]);
            frame.seen.push(sighting);
        }
        frames.push(frame);
    }
    frames.push(end(t + 1));
    frames
}
