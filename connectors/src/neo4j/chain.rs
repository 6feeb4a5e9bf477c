//! The interactions of one object in order of their beginning, and what BEFORE says between consecutive ones.

use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::allen::{Interval, allen};
use vokg_engine::time::{Micros, SECOND_US};

/// Ends at most this far apart are one moment.
const EPSILON_US: Micros = SECOND_US / 10;

/// An interaction in the chain of an object, ordered by when it begins, then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// When it begins.
    pub from_us: i64,
    /// Its id.
    pub id: String,
    /// When it ends, once it has.
    pub to_us: Option<i64>,
}

/// What BEFORE says of two consecutive interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Time from the end of the first to the beginning of the second, 0 where there is none between.
    pub gap_us: i64,
    /// How the two lie to each other.
    pub relation: &'static str,
}

/// What changes between consecutive interactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainChanges {
    /// Pairs that are consecutive no more.
    pub gone: BTreeSet<(String, String)>,
    /// Pairs that still are, with something else to say.
    pub changed: BTreeMap<(String, String), Before>,
    /// Pairs that have become so.
    pub new: BTreeMap<(String, String), Before>,
}

impl Link {
    /// How it lies to one that does not begin earlier.
    pub fn before(&self, next: &Self) -> Before {
        let us = |us: i64| us.max(0).unsigned_abs();
        let interval = |link: &Self| Interval { from_us: us(link.from_us), to_us: link.to_us.map(us) };
        let gap_us = self.to_us.map_or(0, |to| (next.from_us - to).max(0));
        Before { gap_us, relation: allen(interval(self), interval(next), EPSILON_US).name() }
    }
}

/// What BEFORE says of a chain, pair by pair.
pub fn pairs(chain: &[Link]) -> BTreeMap<(String, String), Before> {
    chain.windows(2).map(|two| ((two[0].id.clone(), two[1].id.clone()), two[0].before(&two[1]))).collect()
}

/// What changes when some links leave a stretch of a chain and others come. The stretch begins with a link that stays and
/// comes before all that change, or with the beginning of the chain. `forgotten` are interactions whose vertex goes, and
/// with it what is said of its pairs.
pub fn change(
    stretch: &[Link],
    leaving: &BTreeSet<String>,
    coming: &[Link],
    forgotten: &BTreeSet<String>,
) -> ChainChanges {
    let stays = stretch.iter().filter(|link| !leaving.contains(&link.id));
    let mut now: Vec<Link> = stays.chain(coming).cloned().collect();
    now.sort();
    let is_forgotten = |pair: &(String, String)| forgotten.contains(&pair.0) || forgotten.contains(&pair.1);
    let (mut then, now) = (pairs(stretch), pairs(&now));
    then.retain(|pair, _| !is_forgotten(pair));
    let mut changes = ChainChanges::default();
    for (pair, before) in &now {
        match then.get(pair) {
            None => changes.new.insert(pair.clone(), *before),
            Some(said) if said != before => changes.changed.insert(pair.clone(), *before),
            Some(_) => None,
        };
    }
    changes.gone = then.into_keys().filter(|pair| !now.contains_key(pair)).collect();
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link((id, (from_us, length)): (&u8, &(i64, Option<i64>))) -> Link {
        Link { from_us: *from_us, id: format!("{id:03}"), to_us: length.map(|length| from_us + length) }
    }

    proptest! {
        /// The stretch from the first change on gives what the whole chain gives.
        #[test]
        fn a_stretch_is_enough(
            then in prop::collection::btree_map(0u8..40, (0i64..2_000_000, prop::option::of(0i64..900_000)), 0..20),
            coming in prop::collection::btree_map(0u8..40, (0i64..2_000_000, prop::option::of(0i64..900_000)), 0..5),
            gone in prop::collection::btree_set(0u8..40, 0..4),
        ) {
            let mut chain: Vec<Link> = then.iter().map(link).collect();
            chain.sort();
            let gone: BTreeSet<u8> = gone.into_iter().filter(|id| !coming.contains_key(id)).collect();
            let moved = |id: &u8| then.get(id).is_some_and(|old| coming.get(id).is_some_and(|new| old.0 != new.0));
            let forgotten: BTreeSet<String> =
                then.keys().filter(|id| gone.contains(id) || moved(id)).map(|id| format!("{id:03}")).collect();
            let leaving: BTreeSet<String> = gone.iter().chain(coming.keys()).map(|id| format!("{id:03}")).collect();
            let touched = chain.iter().filter(|link| leaving.contains(&link.id)).map(|link| link.from_us);
            let coming: Vec<Link> = coming.iter().map(link).collect();
            let since = touched.chain(coming.iter().map(|link| link.from_us)).min().unwrap_or(i64::MAX);
            let first = chain.partition_point(|link| link.from_us < since).saturating_sub(1);
            let changes = change(&chain[first..], &leaving, &coming, &forgotten);

            let mut said = pairs(&chain);
            said.retain(|(a, b), _| !forgotten.contains(a) && !forgotten.contains(b));
            changes.gone.iter().for_each(|pair| assert!(said.remove(pair).is_some(), "{pair:?}"));
            for (pair, before) in &changes.changed {
                prop_assert!(said.insert(pair.clone(), *before).is_some());
            }
            for (pair, before) in &changes.new {
                prop_assert!(said.insert(pair.clone(), *before).is_none());
            }
            let mut now: Vec<Link> = chain.iter().filter(|link| !leaving.contains(&link.id)).cloned().collect();
            now.extend(coming);
            now.sort();
            prop_assert_eq!(said, pairs(&now));
        }
    }
}
