//! The interactions of made-up evidence, said again over one flag per microsecond: what `scratch::interactions` must
//! give. It shares no code with it; what each step means is in docs/operators.md and in the docs of `IntervalRule`.
//!
//! Time is a row of cells, `[t, t + 1)` each. It goes far beyond every decision, so that what is open simply reaches its
//! end.

use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::id::ObjectId;
use vokg_engine::time::Micros;
use vokg_operators::resolve::intervals::Now;

/// The end of time.
const FOREVER: usize = 160;

/// What relations mean here: the rule of each, told apart for some zones, and how many make a crowd.
#[derive(Clone, Debug)]
pub struct Meaning {
    pub rules: BTreeMap<RelationKind, IntervalRule>,
    /// How long LOITERS takes in some zone, instead of the minimum of its rule.
    pub dwell_us: BTreeMap<ObjectId, Micros>,
    pub crowds: BTreeMap<ObjectId, u32>,
}

/// An interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub from_us: Micros,
    pub to_us: Option<Micros>,
    pub first_number: u32,
    pub confidence_milli: u16,
    pub numbers: BTreeSet<u32>,
}

/// Which relation between whom.
pub type Pair = (RelationKind, ObjectId, ObjectId);

/// All evidence between objects.
pub struct World<'a> {
    pub meaning: &'a Meaning,
    pub spans: &'a [(ObjectId, ObjectId, EvidenceSpan)],
    pub now: Now,
}

/// Some evidence of one pair: where it is, and what it says there.
#[derive(Clone, Copy)]
struct Cover {
    from: usize,
    /// `FOREVER` where it goes on.
    to: usize,
    number: u32,
    confidence_milli: u16,
}

impl World<'_> {
    /// Every interaction, of all pairs of which there is evidence.
    pub fn interactions(&self) -> BTreeMap<Pair, Vec<Held>> {
        let mut pairs: BTreeSet<Pair> = BTreeSet::new();
        for (a, b, span) in self.spans.iter().filter(|(a, b, _)| a != b) {
            pairs.insert(self.pair(span.kind, *a, *b));
            if span.kind == RelationKind::IN && self.meaning.crowds.contains_key(b) {
                pairs.insert((RelationKind::COUNT, *b, *b));
            }
        }
        pairs.retain(|(kind, ..)| !self.meaning.rules[kind].internal);
        pairs.into_iter().map(|pair| (pair, self.held(pair))).collect()
    }

    fn pair(&self, kind: RelationKind, a: ObjectId, b: ObjectId) -> Pair {
        if self.meaning.rules[&kind].symmetric { (kind, a.min(b), a.max(b)) } else { (kind, a, b) }
    }

    fn held(&self, pair: Pair) -> Vec<Held> {
        let (kind, a, b) = pair;
        let rule = self.meaning.rules[&kind];
        let mut held = self.stretches(pair);
        if let Some(after) = rule.after {
            let mut before = self.held(self.pair(after.kind, a, b));
            if rule.symmetric {
                before.extend(self.held(self.pair(after.kind, b, a)));
            }
            held.retain(|x| {
                let leads =
                    |y: &Held| y.from_us <= x.from_us && y.to_us.is_none_or(|to| to + after.within_us >= x.from_us);
                before.iter().any(leads)
            });
        }
        held
    }

    /// Hold, minimum and bridge over the flags of one pair.
    fn stretches(&self, pair: Pair) -> Vec<Held> {
        let (kind, _, b) = pair;
        let rule = self.meaning.rules[&kind];
        let dwell_us = self.meaning.dwell_us.get(&b).filter(|_| kind == RelationKind::LOITERS);
        let min_us = *dwell_us.unwrap_or(&rule.min_us);
        let (covers, holes) = (self.covers(pair), self.holes(pair, rule));
        let is_hole = |t: usize| holes.iter().any(|hole| hole.from <= t && t < hole.to);
        let holds = |cover: &Cover, t: usize| cover.from <= t && t < cover.to && !is_hole(t);

        let mut flags = [false; FOREVER];
        for (t, flag) in flags.iter_mut().enumerate() {
            *flag = covers.iter().any(|cover| holds(cover, t));
        }
        // How far what goes on is known by now: as the rule says, but no less far than what has ended.
        let has_ended = |t: usize| covers.iter().any(|cover| cover.to < FOREVER && holds(cover, t));
        let last_end = (0..FOREVER).rev().find(|t| has_ended(*t)).map_or(0, |t| t + 1);
        let by_rule = (self.now.time() - rule.delay_us) as usize;
        let length = |(from, to): (usize, usize)| {
            let known = if to == FOREVER { by_rule.max(last_end).max(from) } else { to };
            (known - from) as Micros
        };
        let drop_short = |flags: &mut [bool; FOREVER], least: Micros| {
            let short = runs(flags, true).into_iter().filter(|run| length(*run) < least);
            short.for_each(|(from, to)| flags[from..to].fill(false));
        };
        fill_pauses(&mut flags, rule.hold_off_us);
        drop_short(&mut flags, rule.hold_on_us);
        let kept = flags;
        fill_pauses(&mut flags, rule.bridge_us);
        drop_short(&mut flags, min_us);

        // Each part of evidence that the holes leave has the number of the span, or of the hole after which it begins.
        let mut parts: Vec<Cover> = Vec::new();
        for cover in &covers {
            for from in (cover.from..cover.to).filter(|t| holds(cover, *t) && (*t == cover.from || is_hole(t - 1))) {
                let to = (from..cover.to).find(|t| is_hole(*t)).unwrap_or(cover.to);
                let number = match from == cover.from {
                    true => cover.number,
                    false => holes
                        .iter()
                        .filter(|hole| hole.to == from)
                        .map(|hole| hole.number)
                        .min()
                        .expect("a hole ends where the part begins"),
                };
                parts.push(Cover { from, to, number, ..*cover });
            }
        }
        let tell = |(from, to): (usize, usize)| {
            let parts: Vec<&Cover> = parts.iter().filter(|p| from <= p.from && p.from < to && kept[p.from]).collect();
            let seen = |part: &Cover| match part.to {
                FOREVER => by_rule.max(part.from) - part.from,
                to => to - part.from,
            };
            let seen_us: usize = parts.iter().map(|part| seen(part)).sum();
            let weighted: usize = parts.iter().map(|part| seen(part) * usize::from(part.confidence_milli)).sum();
            let first = parts.iter().min_by_key(|part| (part.from, part.number)).expect("an interval has parts");
            let mean = (weighted + seen_us / 2).checked_div(seen_us).unwrap_or(first.confidence_milli.into());
            let (begins, ends) = (from as Micros, to as Micros);
            let may_go_on = matches!(self.now, Now::Frame(t) if t < ends + rule.hold_off_us);
            Held {
                from_us: begins,
                to_us: (to < FOREVER && !may_go_on).then_some(ends),
                first_number: first.number,
                confidence_milli: mean as u16,
                numbers: parts.iter().map(|part| part.number).collect(),
            }
        };
        runs(&flags, true).into_iter().map(tell).collect()
    }

    /// The evidence of a pair. That of COUNT is where enough are in the zone.
    fn covers(&self, pair: Pair) -> Vec<Cover> {
        if pair.0 == RelationKind::COUNT {
            return self.crowds(pair.1);
        }
        let own = self.spans.iter().filter(|(a, b, span)| a != b && self.pair(span.kind, *a, *b) == pair);
        let covers = own.map(|(_, _, span)| {
            let end = match self.now {
                Now::Frame(_) => FOREVER,
                Now::End(t) => t as usize,
            };
            let to = span.to_us.map_or(end, |to| to as usize);
            let (number, confidence_milli) = (span.number, span.confidence_milli);
            Cover { from: span.from_us as usize, to, number, confidence_milli }
        });
        covers.filter(|cover| cover.from < cover.to).collect()
    }

    fn holes(&self, (_, a, b): Pair, rule: IntervalRule) -> Vec<Cover> {
        rule.without.map(|kind| self.covers(self.pair(kind, a, b))).unwrap_or_default()
    }

    fn crowds(&self, zone: ObjectId) -> Vec<Cover> {
        let visitors: BTreeSet<Pair> = self.spans.iter().map(|(a, b, span)| (span.kind, *a, *b)).collect();
        let visitors = visitors.into_iter().filter(|(kind, _, to)| *kind == RelationKind::IN && *to == zone);
        let stays: Vec<(usize, usize, u32)> = visitors
            .flat_map(|pair| self.held(pair))
            .map(|stay| (stay.from_us as usize, stay.to_us.map_or(FOREVER, |to| to as usize), stay.first_number))
            .collect();
        let crowd = self.meaning.crowds[&zone] as usize;
        let is_there = |(from, to, _): &&(usize, usize, u32), t: usize| *from <= t && t < *to;
        let present = |t: usize| stays.iter().filter(|stay| is_there(stay, t)).count();
        // Who stays on from one cell to the next; those who come when others go make a crowd of its own.
        let staying = |t: usize| stays.iter().filter(|stay| is_there(stay, t) && stay.0 < t).count();
        let mut covers: Vec<Cover> = Vec::new();
        for t in (0..FOREVER).filter(|t| present(*t) >= crowd) {
            if staying(t) < crowd {
                let mut coming: Vec<u32> = stays.iter().filter(|stay| stay.0 == t).map(|stay| stay.2).collect();
                coming.sort_unstable();
                let number = coming[crowd - staying(t) - 1];
                covers.push(Cover { from: t, to: t + 1, number, confidence_milli: 1000 });
            } else {
                covers.last_mut().expect("the cover that goes on").to = t + 1;
            }
        }
        covers
    }
}

fn runs(flags: &[bool; FOREVER], value: bool) -> Vec<(usize, usize)> {
    let begins = (0..FOREVER).filter(|t| flags[*t] == value && (*t == 0 || flags[t - 1] != value));
    begins.map(|from| (from, (from..FOREVER).find(|t| flags[*t] != value).unwrap_or(FOREVER))).collect()
}

fn fill_pauses(flags: &mut [bool; FOREVER], shorter_than: Micros) {
    for (from, to) in runs(flags, false) {
        if from > 0 && to < FOREVER && ((to - from) as Micros) < shorter_than {
            flags[from..to].fill(true);
        }
    }
}
