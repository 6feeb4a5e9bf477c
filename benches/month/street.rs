//! What a busy camera on a street states: tracks, who is who, and evidence. Made up, and the same from the same seed.
//!
//! People come and go all day. A quarter of them is lost for some seconds and found again as another track, which later
//! turns out to be the same person, or is taken for it and then parted. Three cars stand there all month, two of them
//! close together, and a keeper stands beside a board, goes and comes back.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::evidence::{Detail, EvidenceSpan, RelationKind};
use vokg_engine::geometry::Rect;
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::observation::{IdentityChange, Observation, TrackedFrame};
use vokg_engine::time::{Micros, SECOND_US};

/// The pavement, where people walk and a crowd is counted.
pub const PAVEMENT: ZoneId = ZoneId(1);
/// Where the cars stand.
pub const PARKING: ZoneId = ZoneId(2);
/// A line across the pavement.
pub const LINE: ZoneId = ZoneId(3);

const FRAME_US: Micros = SECOND_US;
/// Mean time between two people.
const COMES_EVERY_US: Micros = 30 * SECOND_US;
const DAY_US: Micros = 86_400 * SECOND_US;
const CARS: [TrackId; 3] = [TrackId(1), TrackId(2), TrackId(3)];
const BOARD: TrackId = TrackId(4);
/// Serves ABANDONED alone: the one who left a thing is beside it.
const BESIDE: RelationKind = RelationKind::literal("BESIDE");

/// What is stated at one frame.
pub struct Facts {
    pub spans: Vec<(EvidenceSpan, isize)>,
    pub changes: Vec<IdentityChange>,
    pub tracked: TrackedFrame,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// Somebody comes; where an object is named, it is the one whose track broke off.
    Come(Option<ObjectId>),
    /// The keeper's next track, of the object that the day began with.
    Keep(Option<ObjectId>),
    Go(TrackId),
    Begin {
        kind: RelationKind,
        a: TrackId,
        b: TrackId,
        lasts_us: Micros,
    },
    End(u32),
    /// The track is that object.
    Join(TrackId, ObjectId),
    /// It is not.
    Part(TrackId),
}

pub struct Street {
    dice: ChaCha8Rng,
    t: Micros,
    agenda: BTreeSet<(Micros, u64, Event)>,
    planned: u64,
    tracks: u32,
    numbers: u32,
    in_view: BTreeSet<TrackId>,
    /// Of the tracks that may still be moved.
    object_of: BTreeMap<TrackId, ObjectId>,
    open: BTreeMap<u32, EvidenceSpan>,
    facts: Option<Facts>,
}

impl Street {
    pub fn new(seed: u64) -> Self {
        let mut street = Self {
            dice: ChaCha8Rng::seed_from_u64(seed),
            t: 0,
            agenda: BTreeSet::new(),
            planned: 0,
            tracks: 0,
            numbers: 0,
            in_view: BTreeSet::new(),
            object_of: BTreeMap::new(),
            open: BTreeMap::new(),
            facts: None,
        };
        for car in CARS {
            for kind in [RelationKind::IN, RelationKind::LOITERS] {
                street.plan(2, Event::Begin { kind, a: car, b: PARKING.track(), lasts_us: Micros::MAX });
            }
        }
        street.plan(3, Event::Begin { kind: RelationKind::NEAR, a: CARS[0], b: CARS[1], lasts_us: 30 * SECOND_US });
        street.plan(4, Event::Keep(None));
        street.plan(5, Event::Come(None));
        street
    }

    /// What the next frame states.
    pub fn frame(&mut self) -> Facts {
        let tracked = TrackedFrame { t: self.t, ..TrackedFrame::default() };
        self.facts = Some(Facts { spans: Vec::new(), changes: Vec::new(), tracked });
        if self.t == 0 {
            (0..=CARS.len()).for_each(|_| _ = self.appear());
        }
        let due = |(t, ..): &(Micros, u64, Event), now: Micros| *t <= now;
        while let Some((_, _, event)) = self.agenda.first().copied().filter(|next| due(next, self.t)) {
            self.agenda.pop_first();
            self.happen(event);
        }
        let seen: Vec<Observation> = self.in_view.iter().map(|track| sighting(*track, self.t)).collect();
        self.t += FRAME_US;
        let mut facts = self.facts.take().expect("it was just begun");
        facts.tracked.seen = seen;
        facts
    }

    fn below(&mut self, n: u64) -> u64 {
        self.dice.next_u64() % n.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time between two numbers of seconds.
    fn secs(&mut self, from: u64, to: u64) -> Micros {
        from * SECOND_US + self.below((to - from) * SECOND_US)
    }

    /// Plans an event in so many seconds.
    fn plan(&mut self, secs: u64, event: Event) {
        self.plan_us(secs * SECOND_US, event);
    }

    fn plan_us(&mut self, in_us: Micros, event: Event) {
        self.planned += 1;
        self.agenda.insert((self.t.saturating_add(in_us), self.planned, event));
    }

    fn facts(&mut self) -> &mut Facts {
        self.facts.as_mut().expect("things happen within a frame")
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Come(was) => self.come(was),
            Event::Keep(was) => self.keep(was),
            Event::Go(track) => self.go(track),
            Event::Begin { kind, a, b, lasts_us } => self.begin(kind, a, b, lasts_us),
            Event::End(number) => self.end(number),
            Event::Join(track, object) => self.move_to(track, object, "return"),
            Event::Part(track) => self.move_to(track, track.into(), "parted"),
        }
    }

    fn appear(&mut self) -> TrackId {
        self.tracks += 1;
        let track = TrackId(self.tracks);
        self.in_view.insert(track);
        self.object_of.insert(track, track.into());
        let began = IdentityChange { track, from: None, to: track.into(), score_milli: 1000, reason: "began" };
        self.facts().changes.push(began);
        track
    }

    fn move_to(&mut self, track: TrackId, to: ObjectId, reason: &'static str) {
        let Some(from) = self.object_of.insert(track, to).filter(|from| *from != to) else { return };
        self.facts().changes.push(IdentityChange { track, from: Some(from), to, score_milli: 800, reason });
    }

    fn come(&mut self, was: Option<ObjectId>) {
        if was.is_none() {
            let next_us = self.below(2 * COMES_EVERY_US);
            self.plan_us(next_us, Event::Come(None));
        }
        let others: Vec<TrackId> = self.in_view.iter().copied().collect();
        let other = others[self.below(others.len() as u64) as usize];
        let track = self.appear();
        let stay_us = self.secs(20, 120);
        self.plan_us(stay_us, Event::Go(track));
        if let Some(object) = was {
            let in_us = self.secs(2, 10);
            self.plan_us(in_us, Event::Join(track, object));
            if self.chance(6) {
                let doubt_us = self.secs(60, 1800);
                self.plan_us(in_us + doubt_us, Event::Part(track));
            }
        }
        for kind in [RelationKind::IN, RelationKind::LOITERS] {
            self.plan(2, Event::Begin { kind, a: track, b: PAVEMENT.track(), lasts_us: stay_us - 4 * SECOND_US });
        }
        self.plan(5, Event::Begin { kind: RelationKind::CROSSES, a: track, b: LINE.track(), lasts_us: 0 });
        let between = [
            (70, RelationKind::NEAR, 1, 20),
            (30, RelationKind::FOLLOWS, 2, 10),
            (20, RelationKind::MOVES_WITH, 2, 10),
            (15, RelationKind::CARRIES, 3, 10),
            (20, RelationKind::OCCLUDES, 1, 3),
            (5, RelationKind::INFLUENCES, 12, 13),
            (30, RelationKind::LEAVES, 1, 4),
        ];
        for (percent, kind, from, to) in between {
            if self.chance(percent) {
                let (in_us, lasts_us) = (self.secs(2, 15), self.secs(from, to));
                self.plan_us(in_us, Event::Begin { kind, a: track, b: other, lasts_us });
            }
        }
        if self.chance(30) {
            let (in_us, lasts_us) = (self.secs(2, 8), self.secs(2, 4));
            self.plan_us(in_us, Event::Begin { kind: RelationKind::APPROACHES, a: track, b: other, lasts_us });
            let stays_us = self.secs(4, 20);
            let met = Event::Begin { kind: RelationKind::MEETS, a: track, b: other, lasts_us: stays_us };
            self.plan_us(in_us + lasts_us + SECOND_US, met);
        }
    }

    /// The keeper is there for some minutes, and away from the board in between. A new day has a new keeper.
    fn keep(&mut self, was: Option<ObjectId>) {
        let track = self.appear();
        let same_day = !self.t.is_multiple_of(DAY_US) && self.t % DAY_US > 1800 * SECOND_US;
        let was = was.filter(|_| same_day);
        let object = was.unwrap_or(track.into());
        if was.is_some() {
            self.plan(3, Event::Join(track, object));
        }
        let stay_us = self.secs(300, 1200);
        self.plan_us(stay_us, Event::Go(track));
        self.plan_us(stay_us + 5 * SECOND_US, Event::Keep(Some(object)));
        let mut at_us = 5 * SECOND_US;
        while at_us < stay_us {
            let (away_us, beside_us) = (self.secs(20, 90), self.secs(1, 30));
            self.plan_us(at_us, Event::Begin { kind: BESIDE, a: track, b: BOARD, lasts_us: beside_us });
            at_us += away_us + beside_us;
        }
        if was.is_none() {
            let lasts_us = DAY_US + 7200 * SECOND_US;
            self.plan(10, Event::Begin { kind: RelationKind::ABANDONED, a: track, b: BOARD, lasts_us });
        }
    }

    fn go(&mut self, track: TrackId) {
        self.in_view.remove(&track);
        let last_us = self.t.saturating_sub(FRAME_US);
        // What was left behind stays left behind.
        let goes_with =
            |span: &EvidenceSpan| span.a == track && span.kind != RelationKind::ABANDONED || span.b == track;
        let over: Vec<u32> = self.open.values().filter(|span| goes_with(span)).map(|span| span.number).collect();
        over.into_iter().for_each(|number| self.close(number, last_us));
        self.facts().tracked.ended.push((track, last_us));
        let object = self.object_of.get(&track).copied().filter(|_| !self.is_keeper(track));
        if let Some(object) = object.filter(|_| self.chance(25)) {
            let in_us = self.secs(1, 15);
            self.plan_us(in_us, Event::Come(Some(object)));
        }
        let oldest = TrackId(track.0.saturating_sub(500));
        self.object_of = self.object_of.split_off(&oldest);
    }

    fn is_keeper(&self, track: TrackId) -> bool {
        self.agenda.iter().any(
            |(_, _, event)| matches!(event, Event::Keep(Some(object)) if self.object_of.get(&track) == Some(object)),
        )
    }

    fn begin(&mut self, kind: RelationKind, a: TrackId, b: TrackId, lasts_us: Micros) {
        let is_there = |track: TrackId| ZoneId::of_track(track).is_some() || self.in_view.contains(&track);
        if !is_there(a) || !is_there(b) || a == b {
            return;
        }
        let symmetric = [RelationKind::NEAR, RelationKind::MOVES_WITH, RelationKind::MEETS].contains(&kind);
        let (a, b) = if symmetric && b < a { (b, a) } else { (a, b) };
        self.numbers += 1;
        let number = self.numbers;
        let back_us = self.below(FRAME_US);
        let from_us = self.t.saturating_sub(back_us);
        let confidence_milli = 500 + self.below(500) as u16;
        let lag_ms = [RelationKind::FOLLOWS, RelationKind::INFLUENCES].contains(&kind).then_some(700);
        let detail = Detail { lag_ms, ..Detail::default() };
        let mut span = EvidenceSpan { kind, a, b, from_us, number, to_us: None, confidence_milli, detail };
        if lasts_us == 0 {
            span.to_us = Some(from_us + 1);
        } else {
            self.open.insert(number, span);
            self.plan_us(lasts_us, Event::End(number));
        }
        self.facts().spans.push((span, 1));
    }

    /// Evidence pauses for a moment, or is over, or was an error.
    fn end(&mut self, number: u32) {
        let Some(span) = self.open.get(&number).copied() else { return };
        if self.chance(3) && span.kind != RelationKind::ABANDONED {
            self.open.remove(&number);
            self.facts().spans.push((span, -1));
        } else {
            let back_us = self.below(FRAME_US / 2);
            self.close(number, self.t.saturating_sub(back_us));
        }
        let (kind, a, b) = (span.kind, span.a, span.b);
        let parked = CARS.contains(&a) && CARS.contains(&b);
        if parked || self.chance(30) {
            let (pause_us, lasts_us) = (self.secs(0, 4), self.secs(1, if parked { 200 } else { 10 }));
            self.plan_us(FRAME_US + pause_us, Event::Begin { kind, a, b, lasts_us });
        }
    }

    fn close(&mut self, number: u32, to_us: Micros) {
        let Some(span) = self.open.remove(&number) else { return };
        let closed = EvidenceSpan { to_us: Some(to_us.max(span.from_us)), ..span };
        self.facts().spans.extend([(span, -1), (closed, 1)]);
    }
}

fn sighting(track: TrackId, t: Micros) -> Observation {
    let rect = Rect::new(0.0, 0.0, 8.0, 8.0);
    Observation { t, track, rect, score: 0.9, mask: None, visible: None, merged: false, look: None }
}
