//! How two intervals of time lie to each other: the thirteen relations of Allen (Maintaining Knowledge about Temporal
//! Intervals, CACM 26(11), 1983), for half-open intervals whose ends are measured.
//!
//! Ends that lie at most `epsilon` apart count as the same moment, so that what a camera cannot tell apart is not told
//! apart. Exactly one relation holds between any two intervals, and the relation of b to a is the converse of that of a
//! to b.

use crate::time::Micros;
use std::cmp::Ordering;
use std::fmt;

/// A half-open interval; an open one has no end yet, and none of its ends is later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First moment.
    pub from_us: Micros,
    /// First moment after it; `None` while it lasts. Not before `from_us`.
    pub to_us: Option<Micros>,
}

/// The relation of an interval a to an interval b.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allen {
    /// a ends before b begins.
    Before,
    /// a ends when b begins.
    Meets,
    /// a begins first and ends within b.
    Overlaps,
    /// Both begin together, a ends first.
    Starts,
    /// a begins later and ends first.
    During,
    /// a begins later, both end together.
    Finishes,
    /// Both begin and end together.
    Equals,
    /// b finishes a.
    FinishedBy,
    /// b lies during a.
    Contains,
    /// b starts a.
    StartedBy,
    /// b overlaps a.
    OverlappedBy,
    /// b meets a.
    MetBy,
    /// b lies before a.
    After,
}

impl Allen {
    /// All thirteen.
    pub const ALL: [Self; 13] = [
        Self::Before,
        Self::Meets,
        Self::Overlaps,
        Self::Starts,
        Self::During,
        Self::Finishes,
        Self::Equals,
        Self::FinishedBy,
        Self::Contains,
        Self::StartedBy,
        Self::OverlappedBy,
        Self::MetBy,
        Self::After,
    ];

    /// The relation of b to a where this is that of a to b.
    pub fn converse(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::Meets => Self::MetBy,
            Self::Overlaps => Self::OverlappedBy,
            Self::Starts => Self::StartedBy,
            Self::During => Self::Contains,
            Self::Finishes => Self::FinishedBy,
            Self::Equals => Self::Equals,
            Self::FinishedBy => Self::Finishes,
            Self::Contains => Self::During,
            Self::StartedBy => Self::Starts,
            Self::OverlappedBy => Self::Overlaps,
            Self::MetBy => Self::Meets,
            Self::After => Self::Before,
        }
    }

    /// Its name outside: `before`, `finished_by`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Meets => "meets",
            Self::Overlaps => "overlaps",
            Self::Starts => "starts",
            Self::During => "during",
            Self::Finishes => "finishes",
            Self::Equals => "equals",
            Self::FinishedBy => "finished_by",
            Self::Contains => "contains",
            Self::StartedBy => "started_by",
            Self::OverlappedBy => "overlapped_by",
            Self::MetBy => "met_by",
            Self::After => "after",
        }
    }
}

impl fmt::Display for Allen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The relation of a to b, ends at most `epsilon_us` apart being the same moment.
///
/// Intervals shorter than epsilon have both ends at one moment; where that allows more than one relation, equal ends are
/// looked at before ends that touch, so a moment at the begin of b starts it.
///
/// ```
/// use vokg_engine::allen::{Allen, Interval, allen};
///
/// let [walk, talk] = [(0, 5_000_000), (5_040_000, 9_000_000)].map(|(from_us, to)| Interval { from_us, to_us: Some(to) });
/// assert_eq!(allen(walk, talk, 100_000), Allen::Meets);
/// assert_eq!(allen(walk, talk, 0), Allen::Before);
/// ```
pub fn allen(a: Interval, b: Interval, epsilon_us: Micros) -> Allen {
    let moment = |x: Micros, y: Micros| if x.abs_diff(y) <= epsilon_us { Ordering::Equal } else { x.cmp(&y) };
    let end = |x: Option<Micros>, y: Option<Micros>| match (x, y) {
        (Some(x), Some(y)) => moment(x, y),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    };
    let begins = moment(a.from_us, b.from_us);
    match (begins, end(a.to_us, b.to_us)) {
        (Ordering::Equal, Ordering::Equal) => Allen::Equals,
        (Ordering::Equal, Ordering::Less) => Allen::Starts,
        (Ordering::Equal, Ordering::Greater) => Allen::StartedBy,
        (Ordering::Less, Ordering::Equal) => Allen::FinishedBy,
        (Ordering::Greater, Ordering::Equal) => Allen::Finishes,
        (Ordering::Less, Ordering::Greater) => Allen::Contains,
        (Ordering::Greater, Ordering::Less) => Allen::During,
        (Ordering::Less, Ordering::Less) => match end(a.to_us, Some(b.from_us)) {
            Ordering::Less => Allen::Before,
            Ordering::Equal => Allen::Meets,
            Ordering::Greater => Allen::Overlaps,
        },
        (Ordering::Greater, Ordering::Greater) => match end(b.to_us, Some(a.from_us)) {
            Ordering::Less => Allen::After,
            Ordering::Equal => Allen::MetBy,
            Ordering::Greater => Allen::OverlappedBy,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interval(from_us: Micros, to_us: impl Into<Option<Micros>>) -> Interval {
        Interval { from_us, to_us: to_us.into() }
    }

    #[test]
    fn each_relation_has_its_picture() {
        let b = interval(100, 200);
        let of = [
            interval(10, 50),
            interval(10, 100),
            interval(50, 150),
            interval(100, 150),
            interval(120, 180),
            interval(150, 200),
            interval(100, 200),
            interval(50, 200),
            interval(50, 250),
            interval(100, 250),
            interval(150, 250),
            interval(200, 250),
            interval(250, 300),
        ];
        assert_eq!(of.map(|a| allen(a, b, 0)), Allen::ALL);
        let names: std::collections::BTreeSet<_> = Allen::ALL.map(Allen::name).into_iter().collect();
        assert_eq!(names.len(), 13);
    }

    #[test]
    fn an_open_end_is_later_than_all_others() {
        assert_eq!(allen(interval(0, None), interval(5, None), 0), Allen::FinishedBy);
        assert_eq!(allen(interval(0, None), interval(5, 9), 0), Allen::Contains);
        assert_eq!(allen(interval(0, 5), interval(5, None), 0), Allen::Meets);
        assert_eq!(allen(interval(5, None), interval(5, 9), 0), Allen::StartedBy);
    }

    fn any_interval() -> impl Strategy<Value = Interval> {
        (0u64..60, 1u64..30, prop::bool::weighted(0.9))
            .prop_map(|(from, length, ended)| interval(from, ended.then_some(from + length)))
    }

    /// Whether the relation holds by its definition over the four comparisons, with ends that are the same moment or
    /// not; true for intervals longer than epsilon.
    fn holds(relation: Allen, a: Interval, b: Interval, epsilon: Micros) -> bool {
        let end = |interval: Interval| interval.to_us.unwrap_or(1000);
        let same = |x: Micros, y: Micros| x.abs_diff(y) <= epsilon;
        let earlier = |x: Micros, y: Micros| x + epsilon < y;
        let ((a0, a1), (b0, b1)) = ((a.from_us, end(a)), (b.from_us, end(b)));
        match relation {
            Allen::Before => earlier(a1, b0),
            Allen::Meets => same(a1, b0) && earlier(a0, b0) && earlier(a1, b1),
            Allen::Overlaps => earlier(a0, b0) && earlier(b0, a1) && earlier(a1, b1),
            Allen::Starts => same(a0, b0) && earlier(a1, b1),
            Allen::During => earlier(b0, a0) && earlier(a1, b1),
            Allen::Finishes => earlier(b0, a0) && same(a1, b1),
            Allen::Equals => same(a0, b0) && same(a1, b1),
            other => holds(other.converse(), b, a, epsilon),
        }
    }

    proptest! {
        #[test]
        fn the_converse_is_the_relation_the_other_way_round(a in any_interval(), b in any_interval(), e in 0u64..8) {
            prop_assert_eq!(allen(a, b, e).converse(), allen(b, a, e));
            prop_assert_eq!(allen(a, b, e).converse().converse(), allen(a, b, e));
            prop_assert_eq!(allen(a, a, e), Allen::Equals);
        }

        #[test]
        fn exactly_one_holds(a in any_interval(), b in any_interval(), e in 0u64..8) {
            let long = |interval: Interval| interval.to_us.is_none_or(|to| to > interval.from_us + e);
            prop_assume!(long(a) && long(b));
            let of: Vec<_> = Allen::ALL.into_iter().filter(|relation| holds(*relation, a, b, e)).collect();
            prop_assert_eq!(of, [allen(a, b, e)]);
        }

        #[test]
        fn trembling_by_half_of_epsilon_keeps_what_touches(
            from in 0u64..60, lengths in (30u64..60, 30u64..60), shake in 0u64..=4,
        ) {
            let (a, b) = (interval(from, from + lengths.0), interval(from + lengths.0 + shake, from + 60 + lengths.0 + lengths.1));
            prop_assert_eq!(allen(a, b, 4), Allen::Meets);
        }
    }
}
