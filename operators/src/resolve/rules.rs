//! Which rule holds for which relation, and which relations need each other.

use super::horizon::reach_us;
use super::pair::PairKey;
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::evidence::{IntervalRule, RelationKind};
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::time::Micros;

/// So many relations that are taken out of each other are followed for how far they reach: enough for any that are meant,
/// and an end for those that are taken out of themselves.
const KINDS_IN_A_ROW: usize = 4;

/// The rule of each relation, and what zones ask for beside.
///
/// # Panics
/// Building them does, where a relation needs itself: by its [`After`](vokg_engine::evidence::After) or by that of what it
/// needs. Such a relation could never begin.
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
    /// What follows from the rules, by relation.
    links: BTreeMap<RelationKind, Links>,
}

/// How a relation hangs together with others.
#[derive(Clone, Debug, Default)]
struct Links {
    /// Those that need it, COUNT aside.
    needed_by: Vec<RelationKind>,
    /// What its reach has to be longer, since it depends on others or others look back at it.
    around_us: Micros,
}

impl<I: IntoIterator<Item = (RelationKind, IntervalRule)>> From<I> for Rules {
    fn from(rules: I) -> Self {
        let mut rules = Self { by_kind: rules.into_iter().collect(), ..Self::default() };
        rules.link();
        rules
    }
}

impl Rules {
    /// Adds the rule of a relation, or replaces it.
    pub fn insert(&mut self, kind: RelationKind, rule: IntervalRule) {
        self.by_kind.insert(kind, rule);
        self.link();
    }

    /// LOITERS of this zone takes so long.
    pub fn dwell(&mut self, zone: ZoneId, dwell_us: Micros) {
        if let Some(rule) = self.of(RelationKind::LOITERS, zone.track().into()).copied() {
            self.insert_for(RelationKind::LOITERS, zone, IntervalRule { min_us: dwell_us, ..rule });
        }
    }

    /// A rule of its own for a relation towards this zone.
    pub fn insert_for(&mut self, kind: RelationKind, zone: ZoneId, rule: IntervalRule) {
        self.by_zone.insert((kind, zone), rule);
        self.link();
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

    pub(super) fn of_track(&self, kind: RelationKind, to: TrackId) -> Option<&IntervalRule> {
        self.of(kind, to.into())
    }

    /// The longest time in which evidence that ended may still shape an interval.
    pub fn reach_us(&self) -> Micros {
        self.by_kind.keys().map(|kind| self.longest_reach_us(*kind)).max().unwrap_or(0)
    }

    /// How long after its end evidence of a relation towards an object or zone may still shape an interval, its own or
    /// one that depends on it; and how long its own may still be shaped by what it depends on.
    pub(super) fn seal_reach_us(&self, kind: RelationKind, to: ObjectId) -> Option<Micros> {
        Some(reach_us(self.of(kind, to)?).saturating_add(self.around_us(kind)))
    }

    /// Whether what ended at `to_us` of a relation between these is sealed once `settled_us` has been reached.
    pub(super) fn is_sealed(&self, key: &PairKey, to_us: Micros, settled_us: Micros) -> bool {
        self.seal_reach_us(key.kind, key.b).is_some_and(|reach| to_us.saturating_add(reach) < settled_us)
    }

    /// The longest reach of a relation, towards whomever.
    pub(super) fn longest_reach_us(&self, kind: RelationKind) -> Micros {
        self.own_reach_us(kind).saturating_add(self.around_us(kind))
    }

    fn own_reach_us(&self, kind: RelationKind) -> Micros {
        let of_zones = self.by_zone.iter().filter(|((other, _), _)| *other == kind).map(|(_, rule)| rule);
        self.by_kind.get(&kind).into_iter().chain(of_zones).map(reach_us).max().unwrap_or(0)
    }

    fn around_us(&self, kind: RelationKind) -> Micros {
        self.links.get(&kind).map_or(0, |links| links.around_us)
    }

    fn link(&mut self) {
        self.by_kind.keys().for_each(|kind| self.refuse_if_it_needs_itself(*kind));
        let links = self.by_kind.keys().map(|kind| {
            let needs = |rule: &IntervalRule| {
                rule.without == Some(*kind) || rule.after.is_some_and(|after| after.kind == *kind)
            };
            let needed_by = self.by_kind.iter().filter(|(_, rule)| needs(rule)).map(|(other, _)| *other).collect();
            (*kind, Links { needed_by, around_us: self.reach_around_us(*kind, KINDS_IN_A_ROW) })
        });
        self.links = links.collect();
    }

    fn refuse_if_it_needs_itself(&self, kind: RelationKind) {
        let mut row = vec![kind];
        while let Some(after) = row.last().and_then(|last| self.by_kind.get(last)?.after) {
            let told: String = row.iter().map(|kind| format!("{kind} after ")).collect();
            assert!(after.kind != kind, "{kind} needs itself and would never begin: {told}{kind}");
            if row.contains(&after.kind) {
                return;
            }
            row.push(after.kind);
        }
    }

    fn reach_around_us(&self, kind: RelationKind, deep: usize) -> Micros {
        let looks_back =
            |rule: &IntervalRule| rule.after.filter(|after| after.kind == kind).map(|after| after.within_us);
        let looked_back_us = self.by_kind.values().filter_map(looks_back).max().unwrap_or(0);
        let rule = self.by_kind.get(&kind);
        let after = rule.and_then(|rule| rule.after).map(|after| after.kind);
        let counted = (kind == RelationKind::COUNT).then_some(RelationKind::IN);
        let needed = [after, rule.and_then(|rule| rule.without), counted].into_iter().flatten();
        let whole_us = |kind, deep| self.own_reach_us(kind).saturating_add(self.reach_around_us(kind, deep));
        let needed_us = needed.map(|kind| deep.checked_sub(1).map_or(0, |deep| whole_us(kind, deep))).max();
        looked_back_us.saturating_add(needed_us.unwrap_or(0))
    }

    /// How many objects make a crowd in a zone, where somebody counts.
    pub(super) fn crowd_of(&self, zone: ZoneId) -> Option<u32> {
        self.crowds.get(&zone).copied()
    }

    pub(super) fn key(&self, kind: RelationKind, a: ObjectId, b: ObjectId) -> Option<PairKey> {
        Some(PairKey::new(kind, self.of(kind, b)?, a, b))
    }

    /// The pairs whose evidence or intervals this one's intervals depend on; IN for COUNT aside.
    pub(super) fn providers(&self, key: &PairKey) -> impl Iterator<Item = PairKey> {
        let rule = self.of(key.kind, key.b);
        let without = rule.and_then(|rule| self.key(rule.without?, key.a, key.b));
        let after = rule.and_then(|rule| rule.after);
        let there = after.and_then(|after| self.key(after.kind, key.a, key.b));
        let back = after.filter(|_| rule.is_some_and(|rule| rule.symmetric));
        let back = back.and_then(|after| self.key(after.kind, key.b, key.a)).filter(|back| Some(*back) != there);
        [without, there, back].into_iter().flatten()
    }

    /// The pairs whose intervals depend on this one; COUNT aside.
    pub(super) fn dependents(&self, key: &PairKey) -> BTreeSet<PairKey> {
        let kinds = self.links.get(&key.kind).into_iter().flat_map(|links| &links.needed_by);
        let both =
            kinds.copied().flat_map(|kind| [self.key(kind, key.a, key.b), self.key(kind, key.b, key.a)]).flatten();
        both.filter(|dependent| self.providers(dependent).any(|provider| provider == *key)).collect()
    }

    /// The pair that counts who is in a zone, if `key` is somebody in it and somebody counts.
    pub(super) fn counter(&self, key: &PairKey) -> Option<PairKey> {
        let zone = ZoneId::of_object(key.b).filter(|_| key.kind == RelationKind::IN)?;
        self.crowd_of(zone).and_then(|_| self.key(RelationKind::COUNT, key.b, key.b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::evidence::After;

    fn after(kind: RelationKind) -> IntervalRule {
        IntervalRule { after: Some(After { kind, within_us: 10 }), ..IntervalRule::PLAIN }
    }

    #[test]
    #[should_panic(expected = "NEAR needs itself and would never begin: NEAR after NEAR")]
    fn a_relation_that_needs_itself_is_refused() {
        drop(Rules::from([(RelationKind::NEAR, after(RelationKind::NEAR))]));
    }

    #[test]
    #[should_panic(expected = "CHASES needs itself and would never begin: CHASES after NEAR after MEETS after CHASES")]
    fn relations_that_need_each_other_in_a_circle_are_refused() {
        let mut rules = Rules::from([(RelationKind::NEAR, after(RelationKind::MEETS))]);
        rules.insert(RelationKind::MEETS, after(RelationKind::CHASES));
        rules.insert(RelationKind::IN, after(RelationKind::NEAR));
        rules.insert(RelationKind::CHASES, after(RelationKind::NEAR));
    }

    #[test]
    fn a_relation_may_need_one_that_needs_another() {
        let mut rules = Rules::from([(RelationKind::NEAR, IntervalRule::PLAIN)]);
        rules.insert(RelationKind::MEETS, after(RelationKind::NEAR));
        rules.insert(RelationKind::CHASES, after(RelationKind::MEETS));
        assert_eq!(rules.kinds().count(), 3);
    }
}
