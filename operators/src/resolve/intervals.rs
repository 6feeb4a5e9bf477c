//! The one rule from evidence to intervals: a pure function of the spans of one object pair and the time of a frame.
//!
//! Evidence flickers: a box jitters over a bound, a track is lost for a moment, two tracks of one object overlap. The
//! rule smooths that in four steps. Spans with pauses shorter than `hold_off` form a *run*; a run shorter than
//! `hold_on` is chance and dropped; runs less than `bridge` apart are one interval; an interval shorter than `min` is
//! dropped. An interval ends where its last evidence ended, but that is known only `hold_off` later, so it stays open
//! until then; a later run within `bridge` opens it again. Evidence that speaks of the past is known to hold only until
//! `delay` ago.
//!
//! The answer depends on the spans and the time alone, never on earlier answers. So recomputing a pair whenever one of
//! its spans changed or its [`Evaluation::deadline_us`] has come is all there is to keeping interactions up to date.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vokg_engine::evidence::{Detail, EvidenceSpan, IntervalRule};
use vokg_engine::time::Micros;

/// The moment of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// A frame; what is open may go on.
    Frame(Micros),
    /// The end of the stream: nothing goes on, and no deadline comes.
    End(Micros),
}

impl Now {
    /// The time of the frame, or of the end.
    pub fn time(self) -> Micros {
        match self {
            Self::Frame(t) | Self::End(t) => t,
        }
    }
}

/// A stretch of time in which a relation held between two objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// First evidence.
    pub from_us: Micros,
    /// First moment without evidence; `None` while it holds.
    pub to_us: Option<Micros>,
    /// Number of the earliest span, by (begin, number).
    pub first_number: u32,
    /// Mean confidence of its spans, weighted by their duration, in thousandths.
    pub confidence_milli: u16,
    /// What its spans measured: the mean lag, weighted by their duration, and the greatest probability.
    pub detail: Detail,
    /// Numbers of its spans.
    pub numbers: BTreeSet<u32>,
}

/// What the evidence of one relation between two objects adds up to at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// In order of time, disjoint.
    pub intervals: Vec<Interval>,
    /// Those that count for nothing, since what [`IntervalRule::after`] asks for is not before them.
    pub refused: Vec<Interval>,
    /// The next time at which the same spans give other intervals, if there is one.
    pub deadline_us: Option<Micros>,
}

/// Evaluates the spans of one relation between two objects at `now`, as if there were no other relation: what
/// [`IntervalRule::after`] and [`IntervalRule::without`] ask for is left to [`super::scratch`].
///
/// The order of the spans does not matter. They have begun by `now` and, where closed, ended by then; closed spans
/// without duration say nothing and are skipped.
///
/// ```
/// use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
/// use vokg_engine::id::TrackId;
/// use vokg_operators::resolve::intervals::{Now, eval};
///
/// let rule = IntervalRule { symmetric: true, hold_on_us: 50, hold_off_us: 20, min_us: 50, bridge_us: 100, ..IntervalRule::PLAIN };
/// let near = EvidenceSpan {
///     kind: RelationKind::NEAR,
///     a: TrackId(1),
///     b: TrackId(2),
///     from_us: 1000,
///     number: 7,
///     to_us: None,
///     confidence_milli: 800,
///     detail: Default::default(),
/// };
/// // Too short to be believed, but the time at which it will be is known.
/// let early = eval(&[near], &rule, Now::Frame(1040));
/// assert_eq!((early.intervals.len(), early.deadline_us), (0, Some(1050)));
/// // Believed from its first evidence on.
/// let begun = eval(&[near], &rule, Now::Frame(1060));
/// assert_eq!((begun.intervals[0].from_us, begun.intervals[0].to_us), (1000, None));
/// // Its end is believed when the pause has lasted.
/// let ended = [EvidenceSpan { to_us: Some(1070), ..near }];
/// assert_eq!(eval(&ended, &rule, Now::Frame(1080)).intervals[0].to_us, None);
/// assert_eq!(eval(&ended, &rule, Now::Frame(1090)).intervals[0].to_us, Some(1070));
/// ```
pub fn eval(spans: &[EvidenceSpan], rule: &IntervalRule, now: Now) -> Evaluation {
    let pieces = spans.iter().map(|span| Piece::new(span, rule, now)).collect();
    eval_pieces(pieces, rule, now)
}

/// Evidence reduced to what the rule looks at: one span, or several old ones that were sealed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) from_us: Micros,
    /// First moment without evidence, or until when it is known to hold.
    pub(super) end_us: Micros,
    /// It goes on, whatever `end_us` is.
    pub(super) open: bool,
    pub(super) number: u32,
    /// Total duration of the spans.
    pub(super) seen_us: u64,
    /// Sum of confidence times duration.
    pub(super) confidence_milli_us: u128,
    /// Confidence of the earliest span, which speaks while nothing has lasted.
    pub(super) first_milli: u16,
    /// Total duration of the spans that measured a lag.
    pub(super) lagged_us: u64,
    /// Sum of lag times duration.
    pub(super) lag_ms_us: u128,
    /// The greatest probability.
    pub(super) p_ppm: Option<u32>,
    /// Of the earliest span.
    pub(super) rightwards: Option<bool>,
}

impl Piece {
    pub(super) fn new(span: &EvidenceSpan, rule: &IntervalRule, now: Now) -> Self {
        let open = span.to_us.is_none() && matches!(now, Now::Frame(_));
        let known_us = if open { now.time().saturating_sub(rule.delay_us) } else { now.time() };
        let end_us = span.to_us.unwrap_or(known_us).max(span.from_us);
        let seen_us = end_us - span.from_us;
        let lagged_us = span.detail.lag_ms.map_or(0, |_| seen_us.max(1));
        Self {
            from_us: span.from_us,
            end_us,
            open,
            number: span.number,
            seen_us,
            confidence_milli_us: u128::from(seen_us) * u128::from(span.confidence_milli),
            first_milli: span.confidence_milli,
            lagged_us,
            lag_ms_us: u128::from(lagged_us) * u128::from(span.detail.lag_ms.unwrap_or(0)),
            p_ppm: span.detail.p_ppm,
            rightwards: span.detail.rightwards,
        }
    }

    /// The part between two moments within it, under a number of its own.
    pub(super) fn part(&self, from_us: Micros, end_us: Micros, open: bool, number: u32) -> Self {
        let length_us = end_us - from_us;
        let scaled = |sum: u128, over_us: u64| sum * u128::from(length_us) / u128::from(over_us.max(1));
        Self {
            from_us,
            end_us,
            open,
            number,
            seen_us: length_us,
            confidence_milli_us: scaled(self.confidence_milli_us, self.seen_us),
            first_milli: self.first_milli,
            lagged_us: if self.lagged_us > 0 { length_us } else { 0 },
            lag_ms_us: scaled(self.lag_ms_us, self.lagged_us),
            p_ppm: self.p_ppm,
            rightwards: self.rightwards,
        }
    }

    /// Adds a later piece whose pause to this one counts as covered.
    pub(super) fn absorb(&mut self, later: &Self) {
        self.end_us = self.end_us.max(later.end_us);
        self.open |= later.open;
        self.seen_us = self.seen_us.saturating_add(later.seen_us);
        self.confidence_milli_us += later.confidence_milli_us;
        self.lagged_us = self.lagged_us.saturating_add(later.lagged_us);
        self.lag_ms_us += later.lag_ms_us;
        self.p_ppm = self.p_ppm.max(later.p_ppm);
    }

    fn detail(&self) -> Detail {
        let lag_ms = (self.lag_ms_us + u128::from(self.lagged_us / 2)).checked_div(u128::from(self.lagged_us));
        Detail {
            lag_ms: lag_ms.map(|lag| u32::try_from(lag).unwrap_or(u32::MAX)),
            p_ppm: self.p_ppm,
            rightwards: self.rightwards,
        }
    }

    fn lasts(&self, at_least_us: Micros) -> bool {
        self.end_us - self.from_us >= at_least_us
    }

    fn confidence_milli(&self) -> u16 {
        let seen_us = u128::from(self.seen_us);
        let rounded = (self.confidence_milli_us + seen_us / 2).checked_div(seen_us);
        rounded.map_or(self.first_milli, |mean| u16::try_from(mean).unwrap_or(u16::MAX))
    }
}

/// Pieces joined in time, with the numbers of all of them.
struct Run {
    whole: Piece,
    numbers: BTreeSet<u32>,
}

pub(super) fn eval_pieces(mut pieces: Vec<Piece>, rule: &IntervalRule, now: Now) -> Evaluation {
    pieces.retain(|piece| piece.open || piece.lasts(1));
    pieces.sort_unstable_by_key(|piece| (piece.from_us, piece.number));
    let single = |piece: Piece| Run { whole: piece, numbers: BTreeSet::from([piece.number]) };

    let mut runs = join(pieces.into_iter().map(single), rule.hold_off_us);
    // Only the last run can still grow: an open piece goes on, and so covers all that follow it.
    let grown_us = |run: &Run, by_us: Micros| run.whole.from_us.saturating_add(by_us).saturating_add(rule.delay_us);
    let growing = runs.last().filter(|run| run.whole.open && !run.whole.lasts(rule.hold_on_us));
    let held_us = growing.map(|run| grown_us(run, rule.hold_on_us));
    runs.retain(|run| run.whole.lasts(rule.hold_on_us));

    let mut joined = join(runs.into_iter(), rule.bridge_us);
    let growing = joined.last().filter(|run| run.whole.open && !run.whole.lasts(rule.min_us));
    let long_enough_us = growing.map(|run| grown_us(run, rule.min_us));
    joined.retain(|run| run.whole.lasts(rule.min_us));

    let paused = joined.last().filter(|run| !run.whole.open).map(|run| run.whole.end_us);
    let ends_us = paused.map(|end| end.saturating_add(rule.hold_off_us)).filter(|end| is_ahead(*end, now));
    let intervals = joined.into_iter().map(|run| Interval {
        from_us: run.whole.from_us,
        to_us: (!stays_open(&run.whole, rule, now)).then_some(run.whole.end_us),
        first_number: run.whole.number,
        confidence_milli: run.whole.confidence_milli(),
        detail: run.whole.detail(),
        numbers: run.numbers,
    });
    Evaluation {
        intervals: intervals.collect(),
        refused: Vec::new(),
        deadline_us: [held_us, long_enough_us, ends_us].into_iter().flatten().min(),
    }
}

fn is_ahead(deadline_us: Micros, now: Now) -> bool {
    matches!(now, Now::Frame(t) if t < deadline_us)
}

fn stays_open(whole: &Piece, rule: &IntervalRule, now: Now) -> bool {
    whole.open || is_ahead(whole.end_us.saturating_add(rule.hold_off_us), now)
}

/// Joins what touches, overlaps or lies less than `pause_us` apart, in order of time.
fn join(runs: impl Iterator<Item = Run>, pause_us: Micros) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if is_joined(&last.whole, &run.whole, pause_us) => {
                last.whole.absorb(&run.whole);
                last.numbers.extend(run.numbers);
            }
            _ => joined.push(run),
        }
    }
    joined
}

fn is_joined(earlier: &Piece, later: &Piece, pause_us: Micros) -> bool {
    let pause = later.from_us.saturating_sub(earlier.end_us);
    earlier.open || pause == 0 || pause < pause_us
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::evidence::RelationKind;
    use vokg_engine::id::TrackId;

    const TICKS: usize = 64;

    fn span(number: u32, from_us: Micros, to_us: Option<Micros>, confidence_milli: u16) -> EvidenceSpan {
        let (kind, a, b) = (RelationKind::NEAR, TrackId(1), TrackId(2));
        EvidenceSpan { kind, a, b, from_us, number, to_us, confidence_milli, detail: Detail::default() }
    }

    /// The rule said again over one flag per microsecond: (from, to) of each interval.
    fn oracle(spans: &[EvidenceSpan], rule: &IntervalRule, now: Now) -> Vec<(Micros, Option<Micros>)> {
        let mut held = [false; TICKS];
        let known = if matches!(now, Now::Frame(_)) { now.time() - rule.delay_us } else { now.time() };
        let ends = spans.iter().filter_map(|span| span.to_us.filter(|to| span.from_us < *to));
        let last = ends.fold(known, Micros::max);
        for span in spans {
            let end = span.to_us.unwrap_or(last) as usize;
            (span.from_us as usize..end).for_each(|tick| held[tick] = true);
        }
        let open = spans.iter().any(|span| span.to_us.is_none());
        fill_pauses(&mut held, rule.hold_off_us);
        drop_short(&mut held, rule.hold_on_us);
        fill_pauses(&mut held, rule.bridge_us);
        drop_short(&mut held, rule.min_us);
        let end_of = |(from, to): (usize, usize)| {
            let (from, to) = (from as Micros, to as Micros);
            let goes_on = match now {
                Now::Frame(t) => (open && to == last) || t < to + rule.hold_off_us,
                Now::End(_) => false,
            };
            (from, (!goes_on).then_some(to))
        };
        stretches(&held, true).into_iter().map(end_of).collect()
    }

    fn stretches(held: &[bool; TICKS], value: bool) -> Vec<(usize, usize)> {
        let starts = (0..TICKS).filter(|i| held[*i] == value && (*i == 0 || held[i - 1] != value));
        starts.map(|from| (from, (from..TICKS).find(|i| held[*i] != value).unwrap_or(TICKS))).collect()
    }

    fn fill_pauses(held: &mut [bool; TICKS], shorter_than: Micros) {
        for (from, to) in stretches(held, false) {
            if from > 0 && to < TICKS && ((to - from) as Micros) < shorter_than {
                held[from..to].fill(true);
            }
        }
    }

    fn drop_short(held: &mut [bool; TICKS], shorter_than: Micros) {
        for (from, to) in stretches(held, true) {
            if ((to - from) as Micros) < shorter_than {
                held[from..to].fill(false);
            }
        }
    }

    fn shape(evaluation: &Evaluation) -> Vec<(Micros, Option<Micros>)> {
        evaluation.intervals.iter().map(|i| (i.from_us, i.to_us)).collect()
    }

    prop_compose! {
        fn any_rule()(
            hold_on_us in 0u64..8, hold_off_us in 0u64..8, min_us in 0u64..12, bridge_us in 0u64..12,
            delay_us in 0..=DELAY_MAX_US,
        ) -> IntervalRule {
            IntervalRule { hold_on_us, hold_off_us, min_us, bridge_us, delay_us, ..IntervalRule::PLAIN }
        }
    }

    const DELAY_MAX_US: Micros = 5;

    /// Spans that began before `now`; about one in five is open, if it began so long ago that it is known to hold.
    fn any_spans(now: Micros) -> impl Strategy<Value = Vec<EvidenceSpan>> {
        prop::collection::vec((0..now, 0u64..12, 0u8..5, 0u16..=1000), 0..8).prop_map(move |spans| {
            let make = |(number, (from, length, open, confidence)): (usize, (Micros, Micros, u8, u16))| {
                let open = open == 0 && from + DELAY_MAX_US < now;
                let to = (!open).then_some((from + length).min(now));
                span(number as u32, from, to, confidence)
            };
            spans.into_iter().enumerate().map(make).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn intervals_are_those_of_the_bitmap(
            rule in any_rule(),
            (now, spans) in (DELAY_MAX_US..48).prop_flat_map(|now| (Just(now), any_spans(now))),
        ) {
            for now in [Now::Frame(now), Now::End(now)] {
                prop_assert_eq!(shape(&eval(&spans, &rule, now)), oracle(&spans, &rule, now));
            }
        }

        #[test]
        fn the_deadline_is_the_next_time_of_change(
            rule in any_rule(),
            (now, spans) in (DELAY_MAX_US..24).prop_flat_map(|now| (Just(now), any_spans(now))),
        ) {
            let at = |t| eval(&spans, &rule, Now::Frame(t));
            let first = at(now);
            let changed = (now + 1..now + 40).find(|t| shape(&at(*t)) != shape(&first));
            let mut deadline = first.deadline_us;
            // A deadline may pass without effect when a run that has held is still shorter than the minimum.
            while let Some(t) = deadline.filter(|t| shape(&at(*t)) == shape(&first)) {
                prop_assert!(at(t).deadline_us.is_none_or(|next| next > t));
                deadline = at(t).deadline_us;
            }
            prop_assert_eq!(deadline, changed);
        }

        #[test]
        fn the_order_of_spans_does_not_matter(rule in any_rule(), spans in any_spans(40)) {
            let mut reversed = spans.clone();
            reversed.reverse();
            let now = Now::Frame(40);
            prop_assert_eq!(eval(&spans, &rule, now), eval(&reversed, &rule, now));
        }
    }

    const RULE: IntervalRule = IntervalRule {
        symmetric: true,
        hold_on_us: 4,
        hold_off_us: 3,
        min_us: 4,
        bridge_us: 10,
        ..IntervalRule::PLAIN
    };

    #[test]
    fn confidence_is_weighted_by_duration() {
        let spans = [span(1, 0, Some(30), 900), span(2, 30, Some(40), 500)];
        assert_eq!(eval(&spans, &RULE, Now::End(50)).intervals[0].confidence_milli, 800);
    }

    #[test]
    fn a_run_within_the_bridge_opens_the_interval_again_under_its_first_number() {
        let first = span(7, 0, Some(10), 900);
        let closed = eval(&[first], &RULE, Now::Frame(14));
        assert_eq!((shape(&closed), closed.deadline_us), (vec![(0, Some(10))], None));
        let second = span(9, 15, None, 900);
        assert_eq!(eval(&[first, second], &RULE, Now::Frame(18)).deadline_us, Some(19));
        let again = eval(&[second, first], &RULE, Now::Frame(19));
        assert_eq!(shape(&again), [(0, None)]);
        assert_eq!(again.intervals[0].first_number, 7);
        assert_eq!(again.intervals[0].numbers, BTreeSet::from([7, 9]));
    }

    #[test]
    fn an_open_span_that_touches_the_last_evidence_continues_it() {
        let rule = IntervalRule { hold_off_us: 0, ..RULE };
        let spans = [span(1, 0, Some(10), 900), span(2, 10, None, 900)];
        assert_eq!(shape(&eval(&spans, &rule, Now::Frame(10))), [(0, None)]);
    }

    #[test]
    fn a_span_that_has_not_lasted_speaks_with_its_own_confidence() {
        let rule = IntervalRule { hold_on_us: 0, min_us: 0, ..RULE };
        assert_eq!(eval(&[span(1, 5, None, 640)], &rule, Now::Frame(5)).intervals[0].confidence_milli, 640);
    }

    #[test]
    fn times_at_the_end_of_the_range_do_not_overflow() {
        let spans = [span(1, 0, None, 1000), span(2, Micros::MAX - 1, Some(Micros::MAX), 1000)];
        assert_eq!(eval(&spans, &RULE, Now::Frame(Micros::MAX)).intervals.len(), 1);
    }
}
