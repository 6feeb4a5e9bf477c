//! Which rule holds for which relation, and which relations need each other.

use super::pair::PairKey;
use std::collections::BTreeMap;
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::time::Micros;

/// The rule of each relation, and what zones ask for beside.
///
/// ```
/// use vokg_engine::evidence::{IntervalRule, RelationKind};
/// use vokg_engine::id::ZoneId;
/// use vokg_operators::resolve::Rules;
///
/// let mut rules = Rules::from([(RelationKind::LOITERS, IntervalRule::PLAIN)]);
/// rules.dwell(ZoneId(1), 5_000_000);
/// assert_eq!(rules.of(RelationKind::LOITERS, ZoneId(1).track().into()).unwrap().min_us, 5_000_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules {
    by_kind: BTreeMap<RelationKind, IntervalRule>,
    by_zone: BTreeMap<(RelationKind, ZoneId), IntervalRule>,
    crowds: BTreeMap<ZoneId, u32>,
}

impl<I: IntoIterator<Item = (RelationKind, IntervalRule)>> From<I> for Rules {
    fn from(rules: I) -> Self {
        Self { by_kind: rules.into_iter().collect(), ..Self::default() }
    }
}

impl Rules {
    /// Adds the rule of a relation, or replaces it.
    pub fn insert(&mut self, kind: RelationKind, rule: IntervalRule) {
        self.by_kind.insert(kind, rule);
    }

    /// LOITERS of this zone takes so long.
    pub fn dwell(&mut self, zone: ZoneId, dwell_us: Micros) {
        if let Some(rule) = self.by_kind.get(&RelationKind::LOITERS) {
            self.by_zone.insert((RelationKind::LOITERS, zone), IntervalRule { min_us: dwell_us, ..*rule });
        }
    }

    /// COUNT of this zone begins with so many objects in it, at least one.
    pub fn crowd(&mut self, zone: ZoneId, objects: u32) {
        self.crowds.insert(zone, objects.max(1));
    }

    /// The rule of a relation towards an object or zone.
    pub fn of(&self, kind: RelationKind, to: ObjectId) -> Option<&IntervalRule> {
        let special = ZoneId::of_object(to).and_then(|zone| self.by_zone.get(&(kind, zone)));
        special.or_else(|| self.by_kind.get(&kind))
    }

    /// The relations that become interactions, with their rules, in the order of their names.
    pub fn kinds(&self) -> impl Iterator<Item = (RelationKind, &IntervalRule)> {
        self.by_kind.iter().filter(|(_, rule)| !rule.internal).map(|(kind, rule)| (*kind, rule))
    }

    pub(super) fn of_kind(&self, kind: RelationKind) -> Option<&IntervalRule> {
        self.by_kind.get(&kind)
    }

    pub(super) fn of_track(&self, kind: RelationKind, to: TrackId) -> Option<&IntervalRule> {
        self.of(kind, to.into())
    }

    /// The longest time in which evidence that ended may still shape an interval.
    pub fn reach_us(&self) -> Micros {
        let all = self.by_kind.values().chain(self.by_zone.values());
        all.map(super::horizon::reach_us).max().unwrap_or(0)
    }

    /// How many objects make a crowd in a zone, where somebody counts.
    pub(super) fn crowd_of(&self, zone: ZoneId) -> Option<u32> {
        self.crowds.get(&zone).copied()
    }

    pub(super) fn key(&self, kind: RelationKind, a: ObjectId, b: ObjectId) -> Option<PairKey> {
        Some(PairKey::new(kind, self.of(kind, b)?, a, b))
    }

    /// The pairs whose evidence or intervals this one's intervals depend on, and how long back; IN for COUNT aside.
    pub(super) fn providers(&self, key: &PairKey) -> Vec<(PairKey, Micros)> {
        let Some(rule) = self.of(key.kind, key.b) else { return Vec::new() };
        let mut providers = Vec::new();
        providers.extend(rule.without.and_then(|kind| self.key(kind, key.a, key.b)).map(|key| (key, 0)));
        if let Some(after) = rule.after {
            let there = self.key(after.kind, key.a, key.b);
            let back = self.key(after.kind, key.b, key.a).filter(|back| rule.symmetric && Some(*back) != there);
            providers.extend(there.into_iter().chain(back).map(|key| (key, after.within_us)));
        }
        providers
    }

    /// The pairs whose intervals depend on this one, with how long back; COUNT aside.
    pub(super) fn dependents(&self, key: &PairKey) -> Vec<(PairKey, Micros)> {
        let needs = |rule: &IntervalRule| {
            rule.without == Some(key.kind) || rule.after.is_some_and(|after| after.kind == key.kind)
        };
        let kinds = self.by_kind.iter().filter(|(_, rule)| needs(rule)).map(|(kind, _)| *kind);
        let both = kinds.flat_map(|kind| [self.key(kind, key.a, key.b), self.key(kind, key.b, key.a)]).flatten();
        let mut dependents: Vec<(PairKey, Micros)> = both
            .flat_map(|x| self.providers(&x).into_iter().filter(|(provider, _)| provider == key).map(move |p| (x, p.1)))
            .collect();
        dependents.sort_unstable();
        dependents.dedup();
        dependents
    }

    /// The pair that counts who is in a zone, if `key` is somebody in it and somebody counts.
    pub(super) fn counter(&self, key: &PairKey) -> Option<PairKey> {
        let zone = ZoneId::of_object(key.b).filter(|_| key.kind == RelationKind::IN)?;
        self.crowd_of(zone).and_then(|_| self.key(RelationKind::COUNT, key.b, key.b))
    }
}
