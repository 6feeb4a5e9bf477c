//! `scratch::interactions` gives what the definitions say, relations that need others included.

use crate::bitmap::{Held, Meaning, World};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use vokg_engine::evidence::{After, Detail, EvidenceSpan, IntervalRule, RelationKind};
use vokg_engine::id::{ObjectId, TrackId, ZoneId};
use vokg_engine::time::Micros;
use vokg_operators::resolve::Rules;
use vokg_operators::resolve::intervals::Now;
use vokg_operators::resolve::scratch::interactions;

const LAST_US: Micros = 60;
const BESIDE: RelationKind = RelationKind::literal("BESIDE");
const GREETS: RelationKind = RelationKind::literal("GREETS");
const ZONES: [ZoneId; 2] = [ZoneId(1), ZoneId(2)];
/// Relations with evidence of their own.
const STATED: [RelationKind; 9] = [
    RelationKind::NEAR,
    RelationKind::APPROACHES,
    RelationKind::LEAVES,
    RelationKind::MEETS,
    GREETS,
    RelationKind::ABANDONED,
    BESIDE,
    RelationKind::IN,
    RelationKind::LOITERS,
];

/// One span: kind, who, towards whom, when, how long (`None`: still), how sure.
type Row = (usize, u32, u32, Micros, Option<Micros>, u16);

prop_compose! {
    fn any_rule(symmetric: bool)(
        hold_on_us in 0u64..4, hold_off_us in 0u64..5, min_us in 0u64..8, bridge_us in 0u64..9,
    ) -> IntervalRule {
        IntervalRule { symmetric, hold_on_us, hold_off_us, min_us, bridge_us, ..IntervalRule::PLAIN }
    }
}

prop_compose! {
    /// LEAVES needs NEAR, MEETS needs APPROACHES in one of its directions, GREETS needs a MEETS that needs it;
    /// ABANDONED goes without BESIDE.
    fn any_meaning()(
        symmetric in prop::collection::vec(any_rule(true), 2),
        directed in prop::collection::vec(any_rule(false), 8),
        within_us in prop::array::uniform3(0u64..40),
        delay_us in prop::array::uniform3(0u64..5),
        dwell_us in 0u64..20,
        crowds in prop::array::uniform2(1u32..4),
    ) -> Meaning {
        let after = |kind, within: usize| Some(After { kind, within_us: within_us[within] });
        let rules = BTreeMap::from([
            (RelationKind::NEAR, IntervalRule { delay_us: delay_us[0], ..symmetric[0] }),
            (RelationKind::APPROACHES, IntervalRule { delay_us: delay_us[1], ..directed[0] }),
            (RelationKind::LEAVES, IntervalRule { after: after(RelationKind::NEAR, 0), ..directed[1] }),
            (RelationKind::MEETS, IntervalRule {
                after: after(RelationKind::APPROACHES, 1), delay_us: delay_us[2], ..symmetric[1]
            }),
            (GREETS, IntervalRule { after: after(RelationKind::MEETS, 2), ..directed[2] }),
            (RelationKind::ABANDONED, IntervalRule { without: Some(BESIDE), ..directed[3] }),
            (BESIDE, IntervalRule { internal: true, ..directed[4] }),
            (RelationKind::IN, directed[5]),
            (RelationKind::LOITERS, directed[6]),
            (RelationKind::COUNT, directed[7]),
        ]);
        let zones = ZONES.map(|zone| ObjectId::from(zone.track()));
        let crowds = zones.into_iter().zip(crowds).collect();
        Meaning { rules, dwell_us: BTreeMap::from([(zones[0], dwell_us)]), crowds }
    }
}

/// Among few objects, so that relations that need each other meet.
fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let length = prop_oneof![3 => (0u64..12).prop_map(Some), 2 => (12u64..50).prop_map(Some), 1 => Just(None)];
    let row = (0..STATED.len(), 1u32..4, 1u32..3, 0u64..LAST_US, length, 0u16..=1000);
    prop::collection::vec(row, 0..60)
}

fn spans_of(rows: &[Row], now: Now, meaning: &Meaning) -> Vec<(ObjectId, ObjectId, EvidenceSpan)> {
    let t = now.time();
    let make = |(number, (kind, a, b, from_us, length, confidence_milli)): (usize, &Row)| {
        let kind = STATED[*kind];
        let of_zone = [RelationKind::IN, RelationKind::LOITERS].contains(&kind);
        let to = if of_zone { ZONES[*b as usize % 2].track().into() } else { ObjectId(*b) };
        // What is open began when it is already known to hold: before that there is nothing to flag.
        let is_known = from_us + meaning.rules[&kind].delay_us < t;
        let to_us = length.or((!is_known).then_some(0)).map(|length| (from_us + length).min(t));
        let (a, number, detail) = (ObjectId(*a), number as u32 + 1, Detail::default());
        let (from_us, confidence_milli) = (*from_us, *confidence_milli);
        // The tracks do not matter any more.
        let span =
            EvidenceSpan { kind, a: TrackId(90), b: TrackId(91), from_us, number, to_us, confidence_milli, detail };
        (a, to, span)
    };
    rows.iter().filter(|row| row.3 < t).enumerate().map(make).collect()
}

fn rules_of(meaning: &Meaning) -> Rules {
    let mut rules = Rules::from(meaning.rules.clone());
    for zone in ZONES {
        let object = ObjectId::from(zone.track());
        meaning.dwell_us.get(&object).into_iter().for_each(|dwell_us| rules.dwell(zone, *dwell_us));
        rules.crowd(zone, meaning.crowds[&object]);
    }
    rules
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn interactions_are_those_of_the_bitmap(meaning in any_meaning(), rows in any_rows(), t in 5..LAST_US) {
        for now in [Now::Frame(t), Now::End(t)] {
            let spans = spans_of(&rows, now, &meaning);
            let given = interactions(spans.iter().copied(), &rules_of(&meaning), now);
            let given: BTreeMap<_, Vec<Held>> = given.into_iter().map(|(pair, intervals)| {
                let held = intervals.into_iter().map(|interval| Held {
                    from_us: interval.from_us,
                    to_us: interval.to_us,
                    first_number: interval.first_number,
                    confidence_milli: interval.confidence_milli,
                    numbers: interval.numbers,
                });
                (pair, held.collect())
            }).collect();
            prop_assert_eq!(given, World { meaning: &meaning, spans: &spans, now }.interactions());
        }
    }
}

/// A test of the test: evidence in which no relation needs another would prove little.
#[test]
fn the_evidence_holds_what_matters() {
    let mut runner = TestRunner::deterministic();
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..2000 {
        let drawn = (any_meaning(), any_rows(), 5..LAST_US).new_tree(&mut runner).expect("nothing is filtered");
        let (meaning, rows, t) = drawn.current();
        let now = Now::Frame(t);
        let spans = spans_of(&rows, now, &meaning);
        let mut carefree = meaning.clone();
        carefree.rules.values_mut().for_each(|rule| (rule.after, rule.without) = (None, None));
        carefree.dwell_us.clear();
        let given = World { meaning: &meaning, spans: &spans, now }.interactions();
        let carefree = World { meaning: &carefree, spans: &spans, now }.interactions();
        for (pair @ (kind, ..), held) in &given {
            let held_anyway = &carefree[pair];
            let what = match kind.as_str() {
                "MEETS" | "GREETS" | "LEAVES" if held.is_empty() && !held_anyway.is_empty() => "refused",
                "MEETS" if !held.is_empty() => "met after an approach",
                "GREETS" if !held.is_empty() => "greeted after a meeting",
                "ABANDONED" if held.len() > held_anyway.len() => "cut in two",
                "LOITERS" if held.len() != held_anyway.len() => "of another dwell time",
                "COUNT" if !held.is_empty() => "a crowd",
                _ => continue,
            };
            *found.entry(what).or_default() += 1;
        }
    }
    let all = [
        "refused",
        "met after an approach",
        "greeted after a meeting",
        "cut in two",
        "of another dwell time",
        "a crowd",
    ];
    assert!(all.iter().all(|what| found.get(what).is_some_and(|count| *count >= 20)), "{found:?}");
}
