//! COUNT: when a zone holds at least so many objects.
//!
//! Its evidence comes from no frame but from the intervals of IN. What lies before the cut was decided under intervals
//! that may have left memory, and stays as it is.

use super::intervals::Interval;
use std::collections::BTreeMap;
use vokg_engine::evidence::{Detail, EvidenceSpan, RelationKind};
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// Spans in which at least `crowd` of the intervals hold, as evidence of COUNT in `zone`.
///
/// `known` are the spans stated before. Those that ended by `cut_us` are kept; one that reaches over it keeps its beginning
/// and number. A new span has the number of the interval whose beginning made the crowd. Counting is certain, whatever is counted.
pub(super) fn crowded(
    inside: &[Interval],
    crowd: u32,
    zone: TrackId,
    known: &BTreeMap<u32, EvidenceSpan>,
    cut_us: Micros,
) -> BTreeMap<u32, EvidenceSpan> {
    let (mut spans, mut reaching) = (BTreeMap::new(), None);
    for span in known.values() {
        match span.to_us {
            Some(to) if to <= cut_us => _ = spans.insert(span.number, *span),
            _ if span.from_us < cut_us => reaching = Some(*span),
            _ => {}
        }
    }
    // Ends before beginnings: who comes when another goes does not make a crowd with him. Of beginnings at the cut, the
    // earlier first.
    let mut steps: Vec<(Micros, i64, Micros, u32)> = Vec::new();
    for interval in inside.iter().filter(|interval| interval.to_us.is_none_or(|to| to > cut_us)) {
        let (from_us, number) = (interval.from_us, interval.first_number);
        steps.push((from_us.max(cut_us), 1, from_us, number));
        steps.extend(interval.to_us.map(|to| (to, -1, from_us, number)));
    }
    steps.sort_unstable();
    let (mut count, mut since) = (0i64, None::<EvidenceSpan>);
    let mut close = |span: &mut Option<EvidenceSpan>, t: Micros| {
        if let Some(span) = span.take().filter(|span| span.from_us < t) {
            spans.insert(span.number, EvidenceSpan { to_us: Some(t), ..span });
        }
    };
    for (t, step, _, number) in steps {
        count += step;
        match (count >= i64::from(crowd), since.is_some()) {
            (true, false) => {
                let begun = EvidenceSpan {
                    kind: RelationKind::COUNT,
                    a: zone,
                    b: zone,
                    from_us: t,
                    number,
                    to_us: None,
                    confidence_milli: 1000,
                    detail: Detail::default(),
                };
                let goes_on = reaching.filter(|_| t <= cut_us).map(|span| EvidenceSpan { to_us: None, ..span });
                since = goes_on.or(Some(begun));
            }
            (false, true) => close(&mut since, t),
            _ => {}
        }
    }
    spans.extend(since.map(|span| (span.number, span)));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use vokg_engine::id::ZoneId;

    fn interval((number, (from_us, length)): (usize, (Micros, Option<Micros>))) -> Interval {
        let first_number = number as u32 + 1;
        Interval {
            from_us,
            to_us: length.map(|length| from_us + length),
            first_number,
            confidence_milli: 500,
            detail: Detail::default(),
            numbers: BTreeSet::from([first_number]),
        }
    }

    fn spans(inside: &[Interval], known: &BTreeMap<u32, EvidenceSpan>, cut_us: Micros) -> BTreeMap<u32, EvidenceSpan> {
        crowded(inside, 2, ZoneId(1).track(), known, cut_us)
    }

    proptest! {
        #[test]
        fn a_crowd_is_there_while_enough_are_and_a_cut_changes_nothing(
            rows in prop::collection::vec((0u64..40, prop::option::of(1u64..15)), 0..7),
            cut in 0u64..40,
        ) {
            let inside: Vec<Interval> = rows.into_iter().enumerate().map(interval).collect();
            let all = spans(&inside, &BTreeMap::new(), 0);
            let holds = |t, from, to: Option<Micros>| from <= t && to.is_none_or(|to| t < to);
            for t in 0..60 {
                let count = inside.iter().filter(|i| holds(t, i.from_us, i.to_us)).count();
                prop_assert_eq!(all.values().any(|s| holds(t, s.from_us, s.to_us)), count >= 2, "{}", t);
            }
            let left: Vec<Interval> = inside.into_iter().filter(|i| i.to_us.is_none_or(|to| to >= cut)).collect();
            prop_assert_eq!(spans(&left, &all, cut), all);
        }
    }
}
