//! Evidence between tracks becomes evidence between objects: two differential joins with the identity map.
//!
//! A change of one identity touches exactly the spans that hang on its track, however many stand. Differential would
//! spread arrangements over all workers by key; a stream stays on its worker, so they are made with `Pipeline` here.

use differential_dataflow::VecCollection;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::operators::arrange::arrangement::{Arranged, arrange_core};
use differential_dataflow::trace::implementations::{ValBatcher, ValSpine};
use timely::dataflow::channels::pact::Pipeline;
use vokg_engine::evidence::EvidenceSpan;
use vokg_engine::id::{ObjectId, TrackId};
use vokg_engine::time::Micros;

/// An arrangement that stays on its worker.
pub(super) type Local<'s, K, V> = Arranged<'s, TraceAgent<ValSpine<K, V, Micros, isize>>>;

/// Arranges by key without leaving the worker.
pub(super) fn arrange_locally<'s, K, V>(rows: VecCollection<'s, Micros, (K, V)>, name: &str) -> Local<'s, K, V>
where
    K: differential_dataflow::Data,
    V: differential_dataflow::Data,
{
    arrange_core::<_, _, ValBatcher<K, V, Micros, isize>, _>(rows.inner, Pipeline, name, ValBatcher::new)
}

/// Evidence on its way from tracks to objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Halfway {
    /// The object of the span's first track, once looked up.
    a: Option<ObjectId>,
    span: EvidenceSpan,
}

/// Evidence between two different objects; within one object there is none.
pub(super) fn between_objects<'s>(
    spans: VecCollection<'s, Micros, EvidenceSpan>,
    identities: VecCollection<'s, Micros, (TrackId, ObjectId)>,
) -> VecCollection<'s, Micros, (ObjectId, ObjectId, EvidenceSpan)> {
    let identities = arrange_locally(identities, "identities");
    let first = look_up(spans.map(|span| (span.a, Halfway { a: None, span })), identities.clone(), "evidence by a");
    let halfway = first.map(|(a, halfway)| (halfway.span.b, Halfway { a: Some(a), ..halfway }));
    look_up(halfway, identities, "evidence by b")
        .flat_map(|(b, halfway)| halfway.a.filter(|a| *a != b).map(|a| (a, b, halfway.span)))
}

/// The object of each track. The join releases old times of both traces as its inputs advance, so they stay compact.
fn look_up<'s>(
    by_track: VecCollection<'s, Micros, (TrackId, Halfway)>,
    identities: Local<'s, TrackId, ObjectId>,
    name: &str,
) -> VecCollection<'s, Micros, (ObjectId, Halfway)> {
    arrange_locally(by_track, name).join_core(identities, |_track, halfway, object| Some((*object, *halfway)))
}
