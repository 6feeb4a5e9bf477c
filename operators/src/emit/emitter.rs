//! The order, the numbers and the progress records of the log, without a dataflow.

use crate::resolve::horizon::{CORRECTION_HORIZON_US, settled_us};
use crate::tick::Tick;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vokg_engine::delta::{Delta, Diff, ElementKey};
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::{Micros, SECOND_US};

/// Where a log begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmitConfig {
    /// The epoch of all entries.
    pub epoch: u32,
    /// Number of the first entry.
    pub seq: u64,
    /// The frontier of the last progress record before, 0 in a new epoch.
    pub frontier_us: Micros,
    /// How far back automatic corrections reach.
    pub correction_horizon_us: Micros,
}

impl Default for EmitConfig {
    /// A new log with the default horizon.
    fn default() -> Self {
        Self { epoch: 1, seq: 0, frontier_us: 0, correction_horizon_us: CORRECTION_HORIZON_US }
    }
}

/// Writes the log of one stream.
///
/// Within a time, deltas are in the order of [`Delta::order`], one per key: a value taken back and stated anew under
/// its key is only stated, and stating what was taken back is nothing. Whoever sends deltas does not restate a value
/// without need; the emitter keeps no values, so it could not tell.
///
/// A time with deltas is closed by a progress record with `frontier = t + 1`. Between such times there is at most one
/// for each full second, the greatest that had passed when the next frame came. The last has no frontier.
#[derive(Debug, Serialize, Deserialize)]
pub struct Emitter {
    config: EmitConfig,
    /// Deltas since the last progress record.
    count: u32,
}

impl Emitter {
    /// A writer that continues where the configuration says.
    pub fn new(config: EmitConfig) -> Self {
        Self { config, count: 0 }
    }

    /// The entries for one tick with all deltas up to it.
    pub fn tick(&mut self, tick: &Tick, deltas: Vec<Delta>) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        let mut times: BTreeMap<Micros, Vec<Delta>> = BTreeMap::new();
        deltas.into_iter().for_each(|delta| times.entry(delta.t).or_default().push(delta));
        for (t, deltas) in times {
            let deltas = canonical(deltas);
            if !deltas.is_empty() {
                self.heartbeat(t, &mut entries);
                deltas.into_iter().for_each(|delta| self.delta(delta, &mut entries));
                self.progress(Some(t + 1), t, &mut entries);
            }
        }
        self.heartbeat(tick.t, &mut entries);
        if tick.end {
            self.progress(None, tick.t, &mut entries);
        }
        entries
    }

    fn heartbeat(&mut self, t: Micros, entries: &mut Vec<LogEntry>) {
        let full_second_us = t / SECOND_US * SECOND_US;
        if full_second_us > self.config.frontier_us {
            self.progress(Some(full_second_us), full_second_us, entries);
        }
    }

    fn delta(&mut self, delta: Delta, entries: &mut Vec<LogEntry>) {
        self.count += 1;
        self.entry(Record::Delta(delta), entries);
    }

    fn progress(&mut self, frontier: Option<Micros>, t: Micros, entries: &mut Vec<LogEntry>) {
        let lower = self.config.frontier_us;
        let settled_us = settled_us(t, self.config.correction_horizon_us);
        let count = std::mem::take(&mut self.count);
        self.config.frontier_us = frontier.unwrap_or(lower);
        self.entry(Record::Progress(Progress { lower, frontier, settled_us, count }), entries);
    }

    fn entry(&mut self, record: Record, entries: &mut Vec<LogEntry>) {
        entries.push(LogEntry { epoch: self.config.epoch, seq: self.config.seq, record });
        self.config.seq += 1;
    }
}

/// At most one delta per key, in order.
fn canonical(deltas: Vec<Delta>) -> Vec<Delta> {
    let mut keys: BTreeMap<ElementKey, BTreeMap<Diff, Delta>> = BTreeMap::new();
    for delta in deltas {
        let said = keys.entry(delta.element.key()).or_default().entry(delta.diff);
        // Two values for one key at one time are a broken promise; the greater one wins whatever came first.
        said.and_modify(|other| {
            debug_assert_eq!(*other, delta, "two values for one key at one time");
            *other = delta.clone().max(other.clone());
        })
        .or_insert(delta);
    }
    let mut kept: Vec<Delta> = keys.into_values().filter_map(net).collect();
    kept.sort_unstable_by_key(Delta::order);
    kept
}

fn net(mut said: BTreeMap<Diff, Delta>) -> Option<Delta> {
    let retracted = said.remove(&Diff::Retract);
    match said.remove(&Diff::Assert) {
        None => retracted,
        Some(asserted) if retracted.is_some_and(|retracted| retracted.element == asserted.element) => None,
        asserted => asserted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::delta::{Edge, Element, ObjectVertex, Vertex, VertexKey};
    use vokg_engine::evidence::{Detail, RelationKind};
    use vokg_engine::id::{InteractionId, ObjectId};

    fn object(t: Micros, n: u32, diff: Diff, first_seen_us: Micros) -> Delta {
        let vertex = ObjectVertex {
            class: None,
            first_seen_us,
            last_seen_us: 0,
            open: true,
            confidence_milli: 0,
            tracks: vec![],
        };
        let element = Element::Vertex(VertexKey::Object(ObjectId(n)), Vertex::Object(vertex));
        Delta { t, diff, element, caused_by: None }
    }

    fn edge(t: Micros, n: u64, diff: Diff) -> Delta {
        let edge = Edge {
            id: InteractionId(n),
            kind: RelationKind::NEAR,
            from: VertexKey::Object(ObjectId(1)),
            to: VertexKey::Object(ObjectId(2)),
            valid_from_us: 0,
            valid_to_us: None,
            confidence_milli: 0,
            detail: Detail::default(),
            supersedes: vec![],
        };
        Delta { t, diff, element: Element::Edge(edge), caused_by: None }
    }

    fn deltas_of(entries: &[LogEntry]) -> Vec<&Delta> {
        let deltas = entries.iter().filter_map(|entry| match &entry.record {
            Record::Delta(delta) => Some(delta),
            Record::Progress(_) => None,
        });
        deltas.collect()
    }

    fn tick(t: Micros) -> Tick {
        Tick { t, ..Tick::default() }
    }

    #[test]
    fn edges_leave_before_vertices_come_and_come_before_vertices_leave() {
        use Diff::{Assert, Retract};
        let ordered = [
            edge(5, 9, Retract),
            object(5, 1, Assert, 0),
            object(5, 2, Assert, 0),
            edge(5, 3, Assert),
            object(5, 4, Retract, 0),
        ];
        let mixed = [2, 4, 3, 0, 1].map(|i: usize| ordered[i].clone());
        let entries = Emitter::new(EmitConfig::default()).tick(&tick(5), mixed.to_vec());
        assert_eq!(deltas_of(&entries), ordered.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_key_has_one_delta_and_what_changes_nothing_has_none() {
        use Diff::{Assert, Retract};
        let restated = [object(5, 1, Assert, 7), object(5, 1, Retract, 3)];
        let undone = [object(5, 2, Retract, 3), object(5, 2, Assert, 3)];
        let entries = Emitter::new(EmitConfig::default()).tick(&tick(5), [restated, undone].concat());
        assert_eq!(deltas_of(&entries), [&object(5, 1, Assert, 7)]);
        let nothing = vec![object(6, 2, Retract, 3), object(6, 2, Assert, 3)];
        assert_eq!(Emitter::new(EmitConfig::default()).tick(&tick(6), nothing), []);
    }

    #[test]
    fn a_log_continues_where_it_is_told_to() {
        let config = EmitConfig { epoch: 3, seq: 40, frontier_us: 2_000_001, ..EmitConfig::default() };
        let mut emitter = Emitter::new(config);
        assert_eq!(emitter.tick(&tick(2_500_000), vec![]), []);
        let entries = emitter.tick(&tick(3_100_000), vec![object(3_100_000, 1, Diff::Assert, 0)]);
        let places: Vec<_> = entries.iter().map(|entry| (entry.epoch, entry.seq)).collect();
        assert_eq!(places, [(3, 40), (3, 41), (3, 42)]);
        let Record::Progress(heartbeat) = entries[0].record else { panic!("the second passed first") };
        assert_eq!((heartbeat.lower, heartbeat.frontier), (2_000_001, Some(3_000_000)));
    }
}
