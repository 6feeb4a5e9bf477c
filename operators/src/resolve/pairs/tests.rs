//! Pairs, fed by the standing rows as the joins would.

use super::super::seal::{Input, Row, Standing};
use super::*;
use vokg_engine::evidence::{Detail, IntervalRule, RelationKind};
use vokg_engine::time::SECOND_US;

const RULE: IntervalRule = IntervalRule {
    symmetric: true,
    hold_on_us: 100_000,
    hold_off_us: 150_000,
    min_us: 0,
    bridge_us: 200_000,
    ..IntervalRule::PLAIN
};

fn rules() -> Rules {
    Rules::from([(RelationKind::NEAR, RULE)])
}

fn near(number: u32, from_us: Micros, to_us: Option<Micros>) -> EvidenceSpan {
    let (kind, a, b) = (RelationKind::NEAR, TrackId(1), TrackId(2));
    EvidenceSpan { kind, a, b, from_us, number, to_us, confidence_milli: 500, detail: Detail::default() }
}

fn evidence(rows: Vec<Row>) -> Vec<Change> {
    let spans = rows.into_iter().filter_map(|row| match row {
        Row::Span(span, diff) => Some(Change::Evidence(ObjectId(span.a.0), ObjectId(span.b.0), span, diff)),
        Row::Stated(..) | Row::Identity(..) | Row::Moved(_) => None,
    });
    spans.collect()
}

/// A tick every 100 ms; a span of half a second begins every `period` ticks. Returns all deltas and the most rows.
fn flicker(period: u64, ticks: u64, horizon_us: Micros) -> (Vec<Delta>, usize) {
    let mut standing = Standing::new(rules(), horizon_us);
    let mut pairs = Pairs::new(rules(), horizon_us);
    let (mut deltas, mut most) = (Vec::new(), 0);
    for n in 1..=ticks {
        let t = n * 100_000;
        let mut inputs = Vec::new();
        if n % period == 0 {
            inputs.push(Input::Span(near(n as u32, t, None), 1));
        }
        if n > period && (n - 5) % period == 0 {
            let begun = t - 500_000;
            let number = (n - 5) as u32;
            inputs.push(Input::Span(near(number, begun, None), -1));
            inputs.push(Input::Span(near(number, begun, Some(t)), 1));
        }
        let tick = Tick { t, ..Tick::default() };
        let outcome = pairs.tick(&tick, evidence(standing.tick(&tick, inputs)));
        deltas.extend(outcome.deltas);
        most = most.max(pairs.rows());
    }
    (deltas, most)
}

#[test]
fn one_interval_that_flickers_for_hours_keeps_a_piece_for_its_past() {
    let (sealed, few) = flicker(6, 3000, 2 * SECOND_US);
    let (kept, many) = flicker(6, 3000, Micros::MAX);
    assert_eq!(sealed, kept);
    assert_eq!(sealed.len(), 1, "pauses of 100 ms are bridged: one interval that begins");
    assert!(few < 20 && many > 400, "{few} rows sealed, {many} kept");
}

#[test]
fn intervals_that_ended_leave_with_their_evidence() {
    let (sealed, few) = flicker(20, 3000, 2 * SECOND_US);
    let (kept, many) = flicker(20, 3000, Micros::MAX);
    assert_eq!(sealed, kept);
    assert_eq!(sealed.len(), 2 * 149, "each begins and ends");
    assert!(few < 10 && many > 250, "{few} rows sealed, {many} kept");
}

#[test]
fn ids_change_with_the_earliest_span_and_without_a_correction_nothing_is_its_cause() {
    let mut pairs = Pairs::new(rules(), Micros::MAX);
    let mut tick = |t, spans: &[(EvidenceSpan, isize)]| {
        let changes = spans.iter().map(|(span, diff)| Change::Evidence(ObjectId(2), ObjectId(1), *span, *diff));
        pairs.tick(&Tick { t, ..Tick::default() }, changes.collect()).deltas
    };
    let later = near(2, 300_000, None);
    let first = tick(400_000, &[(later, 1)]);
    assert_eq!(first.len(), 1);
    // Evidence turns up that is older: the interval began earlier, under another id.
    let earlier = near(1, 100_000, Some(350_000));
    let moved = tick(500_000, &[(earlier, 1)]);
    let [taken_back, stated] = &moved[..] else { panic!("{moved:?}") };
    assert_eq!((taken_back.diff, &taken_back.element), (Diff::Retract, &first[0].element));
    let (Element::Edge(old), Element::Edge(new)) = (&taken_back.element, &stated.element) else { panic!("{moved:?}") };
    assert_eq!((new.valid_from_us, &new.supersedes), (100_000, &vec![old.id]));
    assert_ne!(old.id, new.id);
    assert_eq!((taken_back.caused_by, stated.caused_by), (None, None));
    // A symmetric pair is stated from the smaller object, whichever track came first.
    assert!(new.from < new.to);
}

/// Of a delta: diff, begin and end of the interval in seconds, and whether a correction caused it.
type Told = (Diff, Micros, Option<Micros>, bool);

/// Track 1 goes out of sight behind track 9; track 2 comes into sight at 14 s, and turns out to be the same object at 16 s, and
/// at 18 s not to be. Returns what is told at 14, 16, 18 and 20 s.
fn hidden_until(reappears_from_us: Micros) -> Vec<Vec<Told>> {
    let (hidden, reappears) = (RelationKind::HIDDEN_BY, RelationKind::literal("REAPPEARS"));
    let rules = Rules::from([
        (hidden, IntervalRule { hold_on_us: 3 * SECOND_US, without: Some(reappears), ..IntervalRule::PLAIN }),
        (reappears, IntervalRule { internal: true, of_earlier: true, ..IntervalRule::PLAIN }),
    ]);
    let span = |kind, a, from_us, number| EvidenceSpan {
        kind,
        a: TrackId(a),
        b: TrackId(9),
        from_us,
        number,
        to_us: None,
        confidence_milli: 500,
        detail: Detail::default(),
    };
    let gone = span(hidden, 1, 10 * SECOND_US, 1);
    let back = span(reappears, 2, reappears_from_us, 2);
    let is = |span: EvidenceSpan, object, diff| Change::Evidence(ObjectId(object), ObjectId(9), span, diff);
    let moved = |to, from| vec![is(back, from, -1), is(back, to, 1), Change::Moved(TrackId(2))];
    let mut pairs = Pairs::new(rules, Micros::MAX);
    let mut tick = |secs: u64, changes| {
        let t = secs * SECOND_US;
        let told = pairs.tick(&Tick { t, ..Tick::default() }, changes).deltas.into_iter().map(|delta| {
            let Element::Edge(edge) = delta.element else { panic!("resolve states edges") };
            assert_eq!((edge.kind, edge.from), (hidden, ObjectId(1).into()));
            (
                delta.diff,
                edge.valid_from_us / SECOND_US,
                edge.valid_to_us.map(|to| to / SECOND_US),
                delta.caused_by == Some(t),
            )
        });
        told.collect()
    };
    tick(10, vec![is(gone, 1, 1)]);
    vec![tick(14, vec![is(back, 2, 1)]), tick(16, moved(1, 2)), tick(18, moved(2, 1)), tick(20, vec![])]
}

#[test]
fn hidden_by_ends_where_its_object_turns_out_to_have_come_out() {
    let [stated, merged, split, later] = &hidden_until(14 * SECOND_US)[..] else { panic!("four moments") };
    assert_eq!(stated[..], [(Diff::Assert, 10, None, false)]);
    assert_eq!(merged[..], [(Diff::Assert, 10, Some(14), true)]);
    assert_eq!(split[..], [(Diff::Assert, 10, None, true)]);
    assert_eq!(later[..], []);
}

#[test]
fn hidden_by_never_was_so_where_its_object_turns_out_to_have_come_elsewhere() {
    let [stated, merged, split, later] = &hidden_until(10 * SECOND_US)[..] else { panic!("four moments") };
    assert_eq!(stated[..], [(Diff::Assert, 10, None, false)]);
    assert_eq!(merged[..], [(Diff::Retract, 10, None, true)]);
    assert_eq!(split[..], [(Diff::Assert, 10, None, true)]);
    assert_eq!(later[..], []);
}
