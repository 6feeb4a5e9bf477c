//! Random histories: what tracker, relations and identification might state, frame by frame.

use crate::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Vertex, VertexKey, ZoneShape, ZoneVertex};
use vokg_engine::evidence::{After, Detail, EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::geometry::Rect;
use vokg_engine::graph::Graph;
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::observation::{IdentityChange, Observation, TrackedFrame};
use vokg_engine::time::Micros;
use vokg_operators::resolve::Rules;
use vokg_operators::resolve::horizon::settled_us;

/// One frame, or the end.
#[derive(Clone, Debug)]
pub struct Frame {
    pub spans: Vec<(EvidenceSpan, isize)>,
    pub changes: Vec<IdentityChange>,
    pub tracked: TrackedFrame,
}

impl Frame {
    pub fn t(&self) -> Micros {
        self.tracked.t
    }
}

pub type History = Vec<Frame>;

/// Far enough back for everything.
pub const NO_HORIZON: Micros = Micros::MAX;

/// Pauses and holds of a few frames, so that histories are rich in decisions.
pub fn rules() -> Rules {
    let rule = |symmetric, hold_on: Micros, hold_off: Micros, min: Micros, bridge: Micros| IntervalRule {
        symmetric,
        hold_on_us: hold_on * 1000,
        hold_off_us: hold_off * 1000,
        min_us: min * 1000,
        bridge_us: bridge * 1000,
        ..IntervalRule::PLAIN
    };
    let after = |kind, within_ms: Micros| Some(After { kind, within_us: within_ms * 1000 });
    let mut rules = Rules::from([
        (RelationKind::NEAR, rule(true, 100, 80, 100, 200)),
        (RelationKind::CONTAINS, rule(false, 60, 40, 150, 40)),
        (RelationKind::LEAVES, rule(false, 0, 90, 0, 0)),
        (RelationKind::FOLLOWS, IntervalRule { delay_us: 70_000, ..rule(false, 40, 60, 60, 100) }),
        (RelationKind::MEETS, IntervalRule { after: after(RelationKind::LEAVES, 150), ..rule(true, 60, 60, 0, 0) }),
        (LINGERS, IntervalRule { after: after(RelationKind::MEETS, 150), ..rule(true, 30, 30, 0, 0) }),
        (BESIDE, IntervalRule { internal: true, ..rule(false, 0, 0, 0, 0) }),
        (RelationKind::ABANDONED, IntervalRule { without: Some(BESIDE), ..rule(false, 120, 40, 0, 0) }),
        (REAPPEARS, IntervalRule { internal: true, of_earlier: true, ..rule(false, 0, 0, 0, 0) }),
        (RelationKind::HIDDEN_BY, IntervalRule { without: Some(REAPPEARS), ..rule(false, 90, 40, 0, 0) }),
        (RelationKind::IN, rule(false, 30, 30, 0, 0)),
        (RelationKind::LOITERS, rule(false, 30, 30, 0, 0)),
        (RelationKind::COUNT, rule(false, 30, 30, 0, 0)),
    ]);
    for zone in ZONES {
        rules.dwell(zone, 200_000);
        rules.crowd(zone, 1 + zone.0);
    }
    rules
}

/// It needs MEETS before it, which needs LEAVES: a chain.
const LINGERS: RelationKind = RelationKind::literal("LINGERS");
/// Evidence that only serves ABANDONED.
const BESIDE: RelationKind = RelationKind::literal("BESIDE");
/// Evidence that only serves HIDDEN_BY: it is taken out of earlier spans.
const REAPPEARS: RelationKind = RelationKind::literal("REAPPEARS");
const ZONES: [ZoneId; 2] = [ZoneId(1), ZoneId(2)];

/// The graph before the first frame: the zones.
pub fn ground() -> Graph {
    let vertex = ZoneVertex { name: String::new(), shape: ZoneShape::Area, corners_ppm: vec![] };
    let vertices = ZONES.map(|zone| (VertexKey::Zone(zone), Vertex::Zone(vertex.clone())));
    Graph { vertices: vertices.into(), ..Graph::default() }
}

/// What is stated of tracks.
const KINDS: [RelationKind; 12] = [
    RelationKind::NEAR,
    RelationKind::CONTAINS,
    RelationKind::LEAVES,
    RelationKind::FOLLOWS,
    RelationKind::MEETS,
    LINGERS,
    BESIDE,
    RelationKind::ABANDONED,
    REAPPEARS,
    RelationKind::HIDDEN_BY,
    RelationKind::IN,
    RelationKind::LOITERS,
];

/// What a random history is like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub frames: usize,
    /// Corrections keep inside this horizon.
    pub horizon_us: Micros,
}

pub fn history(seed: u64, plan: Plan) -> History {
    let mut world = World::new(seed, plan.horizon_us);
    let mut frames: History = (0..plan.frames).map(|_| world.frame()).collect();
    frames.push(world.end());
    frames
}

/// The same history, where what was withdrawn is withdrawn from the settled time on only.
pub fn as_settled(history: &History, horizon_us: Micros) -> History {
    let mut history = history.clone();
    for frame in &mut history {
        let settled_us = settled_us(frame.t(), horizon_us);
        let restated: BTreeSet<u32> = frame.spans.iter().filter(|(_, diff)| *diff > 0).map(|(s, _)| s.number).collect();
        let (mut spans, mut kept) = (Vec::new(), Vec::new());
        for (span, diff) in frame.spans.drain(..) {
            if restated.contains(&span.number) || span.from_us >= settled_us {
                spans.push((span, diff));
            } else if span.to_us.is_none_or(|to| to > settled_us) {
                spans.push((span, -1));
                kept.push((EvidenceSpan { to_us: Some(settled_us), ..span }, 1));
            }
        }
        spans.extend(kept);
        frame.spans = spans;
    }
    history
}

struct World {
    dice: Dice,
    horizon_us: Micros,
    t: Micros,
    tracks: BTreeMap<TrackId, Track>,
    object_of: BTreeMap<TrackId, ObjectId>,
    spans: BTreeMap<u32, EvidenceSpan>,
    numbers: u32,
    changes: Vec<IdentityChange>,
}

struct Track {
    last_us: Micros,
    ended: bool,
    first_evidence_us: Micros,
}

impl World {
    fn new(seed: u64, horizon_us: Micros) -> Self {
        Self {
            dice: Dice::new(seed),
            horizon_us,
            t: 0,
            tracks: BTreeMap::new(),
            object_of: BTreeMap::new(),
            spans: BTreeMap::new(),
            numbers: 0,
            changes: Vec::new(),
        }
    }

    fn frame(&mut self) -> Frame {
        let settled_us = self.settled_us();
        // Long histories stay quick to write: nothing below reaches back further than a second.
        self.spans.retain(|_, span| span.to_us.is_none_or(|to| to + 1_000_000 > settled_us));
        let before = self.spans.clone();
        self.t += match self.dice.below(1000) {
            0..20 => 1_600_000,
            20..24 => 6_000_000,
            _ => 20_000 + self.dice.below(40_000),
        };
        let mut tracked = TrackedFrame { t: self.t, ..TrackedFrame::default() };
        self.confirm(&mut tracked);
        self.see(&mut tracked);
        self.end_some(&mut tracked);
        self.identify();
        for _ in 0..8 {
            self.revise_evidence();
        }
        for _ in 0..2 {
            self.correct();
        }
        Frame { spans: diffs(&before, &self.spans), changes: std::mem::take(&mut self.changes), tracked }
    }

    fn end(&mut self) -> Frame {
        let before = self.spans.clone();
        let mut tracked = TrackedFrame { t: self.t + 1, end: true, ..TrackedFrame::default() };
        for (id, track) in self.tracks.iter_mut().filter(|(_, track)| !track.ended) {
            track.ended = true;
            tracked.ended.push((*id, track.last_us));
        }
        self.spans.values_mut().for_each(|span| span.to_us = span.to_us.or(Some(self.t)));
        Frame { spans: diffs(&before, &self.spans), changes: vec![], tracked }
    }

    fn in_view(&self) -> Vec<TrackId> {
        self.tracks.iter().filter(|(_, track)| !track.ended).map(|(id, _)| *id).collect()
    }

    fn confirm(&mut self, tracked: &mut TrackedFrame) {
        while self.in_view().len() < 6 && self.dice.chance(30) {
            let id = TrackId(self.tracks.len() as u32 + 1);
            let track = Track { last_us: self.t, ended: false, first_evidence_us: Micros::MAX };
            self.tracks.insert(id, track);
            for back in (1..=self.dice.below(3)).rev() {
                tracked.confirmed.push(self.sighting(id, self.t.saturating_sub(back * 15_000)));
            }
        }
    }

    fn sighting(&mut self, track: TrackId, t: Micros) -> Observation {
        Observation {
            t,
            track,
            rect: Rect::new(0.0, 0.0, 8.0, 8.0),
            score: self.dice.below(1001) as f32 / 1000.0,
            mask: None,
            visible: None,
            merged: false,
            look: None,
        }
    }

    fn see(&mut self, tracked: &mut TrackedFrame) {
        for id in self.in_view() {
            let just_confirmed = self.tracks[&id].last_us == self.t;
            if just_confirmed || self.dice.chance(85) {
                tracked.seen.push(self.sighting(id, self.t));
                self.tracks.entry(id).and_modify(|track| track.last_us = self.t);
            }
        }
    }

    fn end_some(&mut self, tracked: &mut TrackedFrame) {
        for id in self.in_view() {
            if !self.dice.chance(4) {
                continue;
            }
            let Some(track) = self.tracks.get_mut(&id) else { continue };
            track.ended = true;
            tracked.ended.push((id, track.last_us));
            for span in self.spans.values_mut().filter(|span| span.to_us.is_none() && (span.a == id || span.b == id)) {
                span.to_us = Some(track.last_us.max(span.from_us));
            }
        }
    }

    /// Most tracks become objects of their own at once; some return to an old one, some take a while.
    fn identify(&mut self) {
        let new: Vec<TrackId> = self.tracks.keys().filter(|id| !self.object_of.contains_key(id)).copied().collect();
        for track in new {
            if self.dice.chance(10) {
                continue;
            }
            let old = self.reachable_objects();
            let to = self.dice.pick(&old).filter(|_| self.dice.chance(15)).unwrap_or(track.into());
            self.change(track, to);
        }
    }

    fn change(&mut self, track: TrackId, to: ObjectId) {
        let from = self.object_of.insert(track, to);
        if from == Some(to) {
            return;
        }
        let reason = if from.is_some() { "fragment" } else { "began" };
        self.changes.push(IdentityChange { track, from, to, score_milli: self.dice.below(1001) as u16, reason });
    }

    fn settled_us(&self) -> Micros {
        settled_us(self.t, self.horizon_us)
    }

    fn reachable_objects(&self) -> Vec<ObjectId> {
        let recent = |track: &TrackId| self.tracks[track].last_us >= self.settled_us();
        let objects = self.object_of.iter().filter(|(track, _)| recent(track)).map(|(_, object)| *object);
        objects.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn members(&self, object: ObjectId) -> Vec<TrackId> {
        self.object_of.iter().filter(|(_, of)| **of == object).map(|(track, _)| *track).collect()
    }

    /// Merges, splits, and moves of a single track, where the horizon allows.
    fn correct(&mut self) {
        let objects = self.reachable_objects();
        let (Some(one), Some(other)) = (self.dice.pick(&objects), self.dice.pick(&objects)) else { return };
        let movable = |world: &Self, track: &TrackId| {
            let track = &world.tracks[track];
            track.first_evidence_us >= world.settled_us() && track.last_us >= world.settled_us()
        };
        let members = self.members(one);
        let (moving, to) = match self.dice.below(100) {
            0..8 => (members, other),
            8..16 => {
                let apart: Vec<_> = members.into_iter().filter(|_| self.dice.chance(50)).collect();
                let Some(first) = apart.first().copied() else { return };
                (apart, first.into())
            }
            16..19 => (self.dice.pick(&members).into_iter().collect(), other),
            _ => return,
        };
        if moving.iter().all(|track| movable(self, track)) {
            moving.into_iter().for_each(|track| self.change(track, to));
        }
    }

    /// Evidence begins (back-dated), holds, ends (sometimes a little ago), opens again, or is withdrawn.
    fn revise_evidence(&mut self) {
        let in_view = self.in_view();
        let (Some(a), Some(b)) = (self.dice.pick(&in_view), self.dice.pick(&in_view)) else { return };
        let Some(kind) = self.dice.pick(&KINDS) else { return };
        let of_zone = [RelationKind::IN, RelationKind::LOITERS].contains(&kind);
        let b = self.dice.pick(&ZONES).filter(|_| of_zone).map_or(b, ZoneId::track);
        let symmetric = [RelationKind::NEAR, RelationKind::MEETS, LINGERS].contains(&kind);
        let (a, b) = if symmetric && b < a { (b, a) } else { (a, b) };
        if a == b {
            return;
        }
        let of_pair = |span: &&EvidenceSpan| (span.kind, span.a, span.b) == (kind, a, b);
        let Some(last) = self.spans.values().rfind(of_pair).copied() else {
            return self.begin(kind, a, b, 0);
        };
        let roll = self.dice.below(100);
        let recent = last.to_us.is_some_and(|to| to + 300_000 > self.t);
        let revised = match last.to_us {
            None if roll < 40 => {
                let back_us = self.dice.below(30_000) * self.dice.below(2);
                Some(EvidenceSpan { to_us: Some(self.t.saturating_sub(back_us).max(last.from_us)), ..last })
            }
            None if roll < 50 => Some(EvidenceSpan { confidence_milli: self.dice.below(1001) as u16, ..last }),
            None if roll < 55 => None,
            None => return,
            Some(_) if recent && roll < 15 => Some(EvidenceSpan { to_us: None, ..last }),
            Some(_) if recent && roll < 18 => None,
            Some(to) => return self.begin(kind, a, b, to),
        };
        self.spans.remove(&last.number);
        self.spans.extend(revised.map(|span| (span.number, span)));
    }

    fn begin(&mut self, kind: RelationKind, a: TrackId, b: TrackId, not_before_us: Micros) {
        self.numbers += 1;
        let back_us = self.dice.below(60_000);
        let from_us = self.t.saturating_sub(back_us).max(not_before_us).max(self.settled_us());
        let confidence_milli = self.dice.below(1001) as u16;
        let lag_ms = (kind == RelationKind::FOLLOWS).then(|| self.dice.below(900) as u32);
        let detail = Detail { lag_ms, p_ppm: None, rightwards: None };
        let span = EvidenceSpan { kind, a, b, from_us, number: self.numbers, to_us: None, confidence_milli, detail };
        self.spans.insert(self.numbers, span);
        for id in [a, b] {
            self.tracks.entry(id).and_modify(|track| track.first_evidence_us = track.first_evidence_us.min(from_us));
        }
    }
}

fn diffs(before: &BTreeMap<u32, EvidenceSpan>, after: &BTreeMap<u32, EvidenceSpan>) -> Vec<(EvidenceSpan, isize)> {
    let gone = before.values().filter(|span| after.get(&span.number) != Some(span)).map(|span| (*span, -1));
    let new = after.values().filter(|span| before.get(&span.number) != Some(span)).map(|span| (*span, 1));
    gone.chain(new).collect()
}
