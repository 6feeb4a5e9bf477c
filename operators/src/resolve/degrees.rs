//! How many interactions an object takes part in, by kind: a live view, not part of the log.

use super::join::arrange_locally;
use differential_dataflow::VecCollection;
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use vokg_engine::evidence::RelationKind;
use vokg_engine::id::ObjectId;
use vokg_engine::runtime::control::StreamControl;
use vokg_engine::time::Micros;

/// One end of an interaction that stands: stated, not taken back and not sealed.
pub type StandingEnd = ((ObjectId, RelationKind), Phase);

/// Whether an interaction still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It holds.
    Open,
    /// It has ended.
    Ended,
}

/// Interactions of one kind at one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Degree {
    /// Those that hold now.
    pub open: u32,
    /// Those that hold now or ended within the correction horizon.
    pub total: u32,
}

/// Counts interactions per object and kind. An object without any has no row.
///
/// Sealed interactions are not counted, so that the view does not grow for ever; over all time the store counts.
pub fn degrees<'s>(
    standing: VecCollection<'s, Micros, StandingEnd>,
) -> VecCollection<'s, Micros, ((ObjectId, RelationKind), Degree)> {
    let degree = |ends: &[(&Phase, isize)]| {
        let count = |phase| ends.iter().filter(|(p, _)| **p == phase).map(|(_, n)| *n).sum::<isize>();
        let (open, ended) = (count(Phase::Open), count(Phase::Ended));
        let clamp = |n: isize| u32::try_from(n).unwrap_or(0);
        Degree { open: clamp(open), total: clamp(open + ended) }
    };
    arrange_locally(standing, "standing ends")
        .reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<_, _, _, _>, _, _>(
            "degrees",
            move |_end, phases, output| output.push((degree(phases), 1)),
            |batch, key, updates| batch.extend(updates.drain(..).map(|(degree, t, diff)| ((*key, degree), t, diff))),
        )
        .as_collection(|key, degree| (*key, *degree))
}

/// Keeps the number of interactions that hold now where whoever watches the stream can read it.
pub fn watch_open(degrees: VecCollection<'_, Micros, ((ObjectId, RelationKind), Degree)>, control: Arc<StreamControl>) {
    degrees.inspect(move |((_, degree), _, diff)| {
        control.open_ends.fetch_add(i64::from(degree.open) * *diff as i64, Ordering::Relaxed);
    });
}
