//! Puts the deltas of each closed time in their one order and numbers them.
//!
//! What leaves here is the log, byte for byte the same for the same frames: it depends on the deltas and ticks of each
//! time, not on how they were batched, in how many steps the frontiers came, or on which worker.

mod emitter;

pub use emitter::{EmitConfig, Emitter};

use crate::tick::{Tick, at_ticks};
use timely::dataflow::StreamVec;
use timely::dataflow::operators::vec::Map;
use vokg_engine::delta::Delta;
use vokg_engine::record::LogEntry;
use vokg_engine::runtime::checkpoint::Checkpoints;
use vokg_engine::time::Micros;

/// A time that is complete, with all that the log has to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The frame, or the end of the stream.
    pub t: Micros,
    /// A heartbeat that was due before it, its deltas, and the progress that closes it.
    pub entries: Vec<LogEntry>,
}

/// Turns the deltas of a stream into its log. Ticks without anything to log give nothing.
///
/// Deltas belong to the tick at or next after their own `t`.
///
/// ```
/// use vokg_engine::runtime::checkpoint::Checkpoints;
/// use timely::dataflow::InputHandle;
/// use timely::dataflow::operators::{Input, Inspect};
/// use vokg_engine::record::Record;
/// use vokg_operators::emit::{EmitConfig, emit};
/// use vokg_operators::tick::Tick;
///
/// timely::execute_directly(|worker| {
///     let (mut deltas, mut ticks) = (InputHandle::new(), InputHandle::new());
///     worker.dataflow(|scope| {
///         let (deltas, ticks) = (scope.input_from(&mut deltas), scope.input_from(&mut ticks));
///         emit(deltas, ticks, EmitConfig::default(), &Checkpoints::default()).inspect(|closed| {
///             for entry in &closed.entries {
///                 assert!(matches!(entry.record, Record::Progress(_)));
///                 println!("{} {:?}", entry.seq, entry.record);
///             }
///         });
///     });
///     for t in [0, 400_000, 1_200_000] {
///         ticks.advance_to(t);
///         ticks.send(Tick { t, ..Tick::default() }); // a heartbeat at 1_000_000 and nothing else
///     }
///     ticks.advance_to(1_200_001);
///     ticks.send(Tick { t: 1_200_001, end: true, ended: vec![] }); // closes the epoch
///     deltas.close();
///     ticks.close();
/// });
/// ```
pub fn emit<'s>(
    deltas: StreamVec<'s, Micros, Delta>,
    ticks: StreamVec<'s, Micros, Tick>,
    config: EmitConfig,
    checkpoints: &Checkpoints,
) -> StreamVec<'s, Micros, Closed> {
    let keeper = checkpoints.keeper("emit");
    let mut emitter = keeper.restore().unwrap_or_else(|| Emitter::new(config));
    let deltas = deltas.map(|delta| (delta.t, delta));
    at_ticks("emit", ticks, deltas, move |t, tick: Tick, deltas| {
        let entries = emitter.tick(&tick, deltas);
        keeper.keep(t, &emitter);
        if entries.is_empty() { vec![] } else { vec![Closed { t, entries }] }
    })
}
