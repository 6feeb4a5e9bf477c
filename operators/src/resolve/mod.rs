//! Turns evidence and identities into objects and interactions between them.
//!
//! ```text
//! spans ──────┐            rows            differential              per (kind, a, b)
//! identities ─┼─▶ standing ────▶ evidence ⨝ identity(a) ⨝ identity(b) ────▶ pairs ──▶ deltas
//! ticks ──────┘                                                             ▲
//!        └──────────────────────────────────────────────────────────────────┘
//! ```
//! Evidence is stated between tracks, interactions hold between objects, and which track is which object may turn out
//! later. The answer at each tick is therefore defined from scratch: [`intervals::eval`] over all spans under the
//! identities of that moment. What runs here gives the same answer and touches only what a change touches: the joins
//! find the spans of a moved track, and `pairs.rs` evaluates the pairs that changed or whose deadline has come.
//!
//! A decision falls at the first tick at or after its deadline, with that frame's evidence. Nothing holds a capability
//! for the future: a deadline is a row in an ordered set, and ticks are data.

mod crowd;
mod cut;
mod degrees;
pub mod horizon;
pub mod intervals;
mod join;
mod moves;
mod objects;
mod pair;
mod pairs;
mod rules;
pub mod scratch;
mod seal;

pub use degrees::{Degree, Phase, StandingEnd, degrees, watch_open};
pub use objects::Objects;
pub use rules::Rules;

use crate::tick::{Tick, at_ticks, stamped};
use differential_dataflow::{AsCollection, VecCollection};
use horizon::CORRECTION_HORIZON_US;
use pairs::{Change, Pairs};
use seal::{Input, Row, Standing};
use timely::dataflow::StreamVec;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concat, ToStream};
use vokg_engine::delta::Delta;
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::observation::{IdentityChange, TrackedFrame};
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;

/// When the rows that stand are put into the joins again, where a stream goes on: before any frame.
const AGAIN_US: Micros = 0;

/// How evidence is resolved.
#[derive(Clone, Debug)]
pub struct ResolveConfig {
    /// The rule of each relation; evidence of others is ignored with an error in the log of the program.
    pub rules: Rules,
    /// How far back corrections may reach, see [`horizon`].
    pub correction_horizon_us: Micros,
}

impl ResolveConfig {
    /// These rules, with the default horizon.
    pub fn new(rules: impl Into<Rules>) -> Self {
        Self { rules: rules.into(), correction_horizon_us: CORRECTION_HORIZON_US }
    }
}

/// The interactions between objects, as changes.
pub struct Interactions<'s> {
    /// Edges asserted and taken back, at the tick that decided it.
    pub deltas: StreamVec<'s, Micros, Delta>,
    /// The ends of all interactions that stand, for [`degrees`] and other views.
    pub standing: VecCollection<'s, Micros, StandingEnd>,
    /// The evidence they rest on: that which was given, where what was withdrawn still says what it said of the time
    /// before the settled time. From all of it, sealed or not, [`scratch::interactions`] gives the same interactions.
    pub evidence: VecCollection<'s, Micros, EvidenceSpan>,
}

/// States interactions between objects from evidence between tracks.
///
/// `spans` are added when evidence begins, has held or ends (a span restated under its number is −1 and +1 at one
/// time) and are not removed for age. `identities` travel at the time of the frame that decided them. Every time at
/// which something happens has a tick.
///
/// Identity changes move only tracks whose evidence began at or after [`horizon::settled_us`]. Evidence that is withdrawn
/// is withdrawn from that time on.
///
/// A stream that goes on has its plain states from the checkpoint; the rows of the joins are put in again, and what the
/// joins make of them is not told a second time.
///
/// ```
/// use vokg_engine::runtime::checkpoint::Checkpoints;
/// use differential_dataflow::AsCollection;
/// use timely::dataflow::operators::{Inspect, ToStream};
/// use vokg_engine::delta::{Diff, Element};
/// use vokg_engine::evidence::{EvidenceSpan, IntervalRule, RelationKind};
/// use vokg_engine::id::{ObjectId, TrackId};
/// use vokg_engine::observation::IdentityChange;
/// use vokg_operators::resolve::{ResolveConfig, resolve};
/// use vokg_operators::tick::Tick;
///
/// timely::example(|scope| {
///     let rule = IntervalRule { symmetric: true, hold_on_us: 0, hold_off_us: 0, min_us: 0, bridge_us: 0, ..IntervalRule::PLAIN };
///     let config = ResolveConfig::new([(RelationKind::NEAR, rule)]);
///     let near = EvidenceSpan {
///         kind: RelationKind::NEAR, a: TrackId(1), b: TrackId(2),
///         from_us: 0, number: 1, to_us: None, confidence_milli: 800, detail: Default::default(),
///     };
///     let is = |track, object| IdentityChange {
///         track: TrackId(track), from: None, to: ObjectId(object), score_milli: 1000, reason: "began",
///     };
///     let spans = [(near, 0, 1)].to_stream(scope).container::<Vec<_>>().as_collection();
///     let identities = [is(1, 1), is(2, 2)].to_stream(scope).container::<Vec<_>>();
///     let ticks = [Tick::default()].to_stream(scope).container::<Vec<_>>();
///     resolve(spans, identities, ticks, config, &Checkpoints::default()).deltas.inspect(|delta| {
///         let Element::Edge(edge) = &delta.element else { unreachable!("resolve states edges") };
///         assert_eq!((delta.diff, edge.valid_from_us, edge.valid_to_us), (Diff::Assert, 0, None));
///     });
/// });
/// ```
pub fn resolve<'s>(
    spans: VecCollection<'s, Micros, EvidenceSpan>,
    identities: StreamVec<'s, Micros, IdentityChange>,
    ticks: StreamVec<'s, Micros, Tick>,
    config: ResolveConfig,
    checkpoints: &Checkpoints,
) -> Interactions<'s> {
    let ResolveConfig { rules, correction_horizon_us } = config;
    let (keep_standing, keep_pairs) = (checkpoints.keeper("standing"), checkpoints.keeper("pairs"));
    let scope = ticks.scope();

    let spans = spans.inner.map(|(span, t, diff)| (t, Input::Span(span, diff)));
    let identities = stamped(identities).map(|(t, change)| (t, Input::Identity(change)));
    let mut standing = Standing::new(rules.clone(), correction_horizon_us);
    let mut again = Vec::new();
    if let Some(remembered) = keep_standing.restore() {
        standing = standing.resume(remembered);
        again = standing.rows();
    }
    let rows = at_ticks("standing", ticks.clone(), spans.concat(identities), move |t, tick: Tick, inputs| {
        let rows = standing.tick(&tick, inputs).into_iter().map(|row| (t, row)).collect();
        keep_standing.keep(t, &standing);
        rows
    });
    let rows = rows.concat(again.into_iter().map(|row| (AGAIN_US, row)).to_stream(scope).container::<Vec<_>>());

    let spans = rows.clone().flat_map(|(t, row)| match row {
        Row::Span(span, diff) => Some((span, t, diff)),
        _ => None,
    });
    let stated = rows.clone().flat_map(|(t, row)| match row {
        Row::Stated(span, diff) => Some((span, t, diff)),
        _ => None,
    });
    let identities = rows.clone().flat_map(|(t, row)| match row {
        Row::Identity(track, object, diff) => Some(((track, object), t, diff)),
        _ => None,
    });
    let moved = rows.flat_map(|(t, row)| match row {
        Row::Moved(track) => Some((t, Change::Moved(track))),
        _ => None,
    });
    let evidence = join::between_objects(spans.as_collection(), identities.as_collection());
    let first_us = checkpoints.resumed_us().map_or(0, |resumed| resumed + 1);
    let evidence = evidence.inner.flat_map(move |((a, b, span), t, diff)| {
        // What the pairs remember comes again from the joins.
        (t >= first_us).then_some((t, Change::Evidence(a, b, span, diff)))
    });

    let mut pairs = Pairs::new(rules, correction_horizon_us);
    let mut again = Vec::new();
    if let Some(remembered) = keep_pairs.restore() {
        pairs = pairs.resume(remembered);
        again = pairs.standing();
    }
    let outcomes = at_ticks("pairs", ticks, evidence.concat(moved), move |t, tick: Tick, changes| {
        let outcome = pairs.tick(&tick, changes);
        keep_pairs.keep(t, &pairs);
        if outcome.is_empty() { vec![] } else { vec![(t, outcome)] }
    });
    let deltas = outcomes.clone().flat_map(|(_, outcome)| outcome.deltas);
    let standing =
        outcomes.flat_map(|(t, outcome)| outcome.standing.into_iter().map(move |(end, diff)| (end, t, diff)));
    let standing =
        standing.concat(again.into_iter().map(|end| (end, AGAIN_US, 1)).to_stream(scope).container::<Vec<_>>());
    Interactions { deltas, standing: standing.as_collection(), evidence: stated.as_collection() }
}

/// States objects and corrections from what was tracked and which tracks are one object; see [`Objects`].
///
/// There is one [`TrackedFrame`] at each time; identity changes travel at the time of the frame that decided them.
pub fn objects<'s>(
    frames: StreamVec<'s, Micros, TrackedFrame>,
    identities: StreamVec<'s, Micros, IdentityChange>,
    correction_horizon_us: Micros,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, Delta> {
    let keeper = checkpoints.keeper("objects");
    let mut objects = keeper.restore().unwrap_or_else(|| Objects::new(correction_horizon_us));
    at_ticks("objects", frames, stamped(identities), move |t, frame: TrackedFrame, changes| {
        let deltas = objects.frame(&frame, &changes);
        keeper.keep(t, &objects);
        deltas
    })
}
