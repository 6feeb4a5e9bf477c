//! What nothing automatic can change any more, and what is said of it: the records of `final`.
//!
//! Corrections touch only what was valid at or after the settled time of a progress record. So an element that had ended
//! before is final, and is said then, with the value it was last given. Two things are waited for besides: an edge may
//! still be joined with one that begins soon after it, so it waits a margin longer; and it waits until both its ends are
//! said, so that they exist for whoever applies in order. What the end of an epoch finds waiting is said there.
//!
//! What is corrected after it was said, which only a correction by hand does, is said again, or taken back.
//!
//! The state is a fold of the log: whoever restarts folds it up to his cursor and goes on ([`Finals::take`]). Whoever does
//! not know whether his target took the last entries can go back to where he stood before them ([`Finals::stand_at`]).

use crate::store::Position;
use std::collections::{BTreeMap, BTreeSet};
use vokg_engine::delta::{Delta, Diff, Element, ElementKey, VertexKey};
use vokg_engine::record::{LogEntry, Progress, Record};
use vokg_engine::time::Micros;

/// The elements of a stream that may still change automatically.
#[derive(Clone, Debug)]
pub(super) struct Finals {
    margin_us: Micros,
    at: Option<Position>,
    /// The last value of each, as the log states it.
    pending: BTreeMap<ElementKey, LogEntry>,
    /// Those that have ended, by when they may be said: once the settled time has passed this.
    due: BTreeSet<(Micros, ElementKey)>,
    /// Edges that are due but for one of their ends.
    waiting: BTreeMap<VertexKey, BTreeSet<(Micros, ElementKey)>>,
    /// What was taken back after it was said, since the last progress record.
    taken_back: Vec<LogEntry>,
    /// The entry after which [`Finals::mark`] was called last, a progress record.
    marked: Option<Position>,
    /// What has changed in `pending` since then, as it was.
    before: BTreeMap<ElementKey, Option<LogEntry>>,
}

impl Finals {
    /// Of a log of which nothing was read yet. Edges wait until the settled time is so much past their end.
    pub(super) fn new(margin_us: Micros) -> Self {
        Self {
            margin_us,
            at: None,
            pending: BTreeMap::new(),
            due: BTreeSet::new(),
            waiting: BTreeMap::new(),
            taken_back: Vec::new(),
            marked: None,
            before: BTreeMap::new(),
        }
    }

    /// From here on it can go back to here. To be called behind a progress record, or before the first entry.
    pub(super) fn mark(&mut self) {
        self.marked = self.at;
        self.before.clear();
    }

    /// The state after this entry, where it is the present one or the marked one.
    pub(super) fn stand_at(mut self, at: Option<Position>) -> Option<Self> {
        if self.at == at {
            return Some(self);
        }
        if self.marked != at {
            return None;
        }
        for (key, entry) in std::mem::take(&mut self.before) {
            match entry {
                Some(entry) => drop(self.pending.insert(key, entry)),
                None => drop(self.pending.remove(&key)),
            }
        }
        // Those that wait for an end are found to wait again.
        (self.at, self.due) = (at, BTreeSet::new());
        self.waiting.clear();
        self.taken_back.clear();
        for (key, entry) in &self.pending {
            if let Record::Delta(delta) = &entry.record {
                self.due.extend(self.due_us(&delta.element).map(|due_us| (due_us, *key)));
            }
        }
        Some(self)
    }

    /// The last entry that was read.
    #[cfg(test)]
    pub(super) fn at(&self) -> Option<Position> {
        self.at
    }

    /// Whether nothing may change any more, as behind the end of an epoch.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.taken_back.is_empty()
    }

    /// How much longer than other elements edges wait.
    pub(super) fn margin_us(&self) -> Micros {
        self.margin_us
    }

    /// Reads the next entry. Gives what it makes final, in the order of a log: deltas in the words and under the numbers in
    /// which the log states them, then this progress record with their count. Nothing where it makes nothing final, but
    /// for the record that closes an epoch.
    pub(super) fn take(&mut self, entry: &LogEntry) -> Vec<LogEntry> {
        self.at = Some(Position::of(entry));
        match &entry.record {
            Record::Delta(delta) => {
                self.change(entry, delta);
                Vec::new()
            }
            Record::Progress(progress) => self.settle(entry, progress),
        }
    }

    fn change(&mut self, entry: &LogEntry, delta: &Delta) {
        let key = delta.element.key();
        let before = self.forget(key);
        if let Some(Record::Delta(before)) = before.as_ref().map(|entry| &entry.record)
            && let Some(due_us) = self.due_us(&before.element)
        {
            self.due.remove(&(due_us, key));
        }
        match delta.diff {
            Diff::Assert => {
                self.due.extend(self.due_us(&delta.element).map(|due_us| (due_us, key)));
                self.pending.insert(key, entry.clone());
            }
            Diff::Retract if before.is_none() => self.taken_back.push(entry.clone()),
            Diff::Retract => self.release(key),
        }
    }

    fn settle(&mut self, entry: &LogEntry, progress: &Progress) -> Vec<LogEntry> {
        let mut said = std::mem::take(&mut self.taken_back);
        if progress.frontier.is_none() {
            for (key, entry) in std::mem::take(&mut self.pending) {
                self.before.entry(key).or_insert_with(|| Some(entry.clone()));
                said.push(entry);
            }
            self.due.clear();
            self.waiting.clear();
        }
        while let Some(&(due_us, key)) = self.due.first().filter(|(due_us, _)| *due_us < progress.settled_us) {
            self.due.pop_first();
            match self.end_that_waits(key) {
                Some(end) => drop(self.waiting.entry(end).or_default().insert((due_us, key))),
                None => {
                    said.extend(self.forget(key));
                    self.release(key);
                }
            }
        }
        said.sort_by_key(|entry| match &entry.record {
            Record::Delta(delta) => Some(delta.order()),
            Record::Progress(_) => None,
        });
        if said.is_empty() && progress.frontier.is_some() {
            return said;
        }
        let count = u32::try_from(said.len()).unwrap_or(u32::MAX);
        said.push(LogEntry { record: Record::Progress(Progress { count, ..*progress }), ..entry.clone() });
        said
    }

    /// Takes an element out of those that may change.
    fn forget(&mut self, key: ElementKey) -> Option<LogEntry> {
        let entry = self.pending.remove(&key);
        self.before.entry(key).or_insert_with(|| entry.clone());
        entry
    }

    /// An end of the edge that is not said yet.
    fn end_that_waits(&self, key: ElementKey) -> Option<VertexKey> {
        match &self.pending.get(&key)?.record {
            Record::Delta(Delta { element: Element::Edge(edge), .. }) => {
                let waits = |end: &VertexKey| self.pending.contains_key(&ElementKey::Vertex(*end));
                [edge.from, edge.to].into_iter().find(waits)
            }
            _ => None,
        }
    }

    /// Edges need not wait for this vertex any more. One that has changed meanwhile is not due under its old time.
    fn release(&mut self, key: ElementKey) {
        let ElementKey::Vertex(vertex) = key else { return };
        for (due_us, edge) in self.waiting.remove(&vertex).into_iter().flatten() {
            let stands = self.pending.get(&edge).is_some_and(|entry| match &entry.record {
                Record::Delta(delta) => self.due_us(&delta.element) == Some(due_us),
                Record::Progress(_) => false,
            });
            if stands {
                self.due.insert((due_us, edge));
            }
        }
    }

    /// The element is final once the settled time has passed this; `None` while it is open. A zone is configuration.
    fn due_us(&self, element: &Element) -> Option<Micros> {
        match element {
            Element::Vertex(VertexKey::Zone(_), _) => Some(0),
            Element::Vertex(key, vertex) => vertex.valid(*key).1,
            Element::Edge(edge) => edge.valid_to_us.map(|to| to.saturating_add(self.margin_us)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::history::random_log;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};
    use vokg_engine::graph::Graph;

    const HORIZON_US: Micros = 150_000;
    const MARGIN_US: Micros = 20_000;

    /// The stretch of media time an element speaks of.
    fn valid(element: &Element) -> (Micros, Option<Micros>) {
        match element {
            Element::Vertex(key, vertex) => vertex.valid(*key),
            Element::Edge(edge) => (edge.valid_from_us, edge.valid_to_us),
        }
    }

    fn value(graph: &Graph, key: ElementKey) -> Option<Element> {
        match key {
            ElementKey::Vertex(key) => graph.vertices.get(&key).map(|vertex| Element::Vertex(key, vertex.clone())),
            ElementKey::Edge(id) => graph.edges.get(&id).cloned().map(Element::Edge),
        }
    }

    /// Whether a correction may say so when everything before `settled_us` is settled. Edges may be joined with what
    /// follows within the margin.
    fn is_allowed(graph: &Graph, delta: &Delta, settled_us: Micros) -> bool {
        let reach = |element: &Element| if matches!(element, Element::Edge(_)) { MARGIN_US } else { 0 };
        let late =
            |element: &Element| valid(element).1.is_none_or(|to| to.saturating_add(reach(element)) >= settled_us);
        let before = value(graph, delta.element.key());
        match (delta.diff, before) {
            (Diff::Retract, _) => valid(&delta.element).0 >= settled_us,
            (Diff::Assert, None) => valid(&delta.element).0 >= settled_us,
            (Diff::Assert, Some(before)) => late(&before) && late(&delta.element),
        }
    }

    /// A random log that keeps the promise of its settled times, its last epoch but one by hand and bound to none.
    pub(in super::super) fn settled_log(seed: u64, times: u32) -> Vec<LogEntry> {
        let (mut graph, mut log, mut open) = (Graph::default(), Vec::new(), Vec::new());
        let (mut seq, mut lower) = (0, 0);
        let mut write = |record| {
            log.push(LogEntry { epoch: 1, seq, record });
            seq += 1;
        };
        for entry in random_log(seed, times) {
            match entry.record {
                Record::Delta(delta) => {
                    let settled_us = delta.t.saturating_sub(HORIZON_US);
                    if is_allowed(&graph, &delta, settled_us) && graph.apply(&delta).is_ok() {
                        open.push(delta);
                    }
                }
                Record::Progress(progress) => {
                    let t = progress.frontier.map_or(progress.lower, |frontier| frontier - 1);
                    let settled_us = t.saturating_sub(HORIZON_US);
                    let count = open.len() as u32;
                    open.drain(..).for_each(|delta| write(Record::Delta(delta)));
                    write(Record::Progress(Progress { lower, settled_us, count, ..progress }));
                    lower = progress.frontier.unwrap_or(lower);
                }
            }
        }
        log
    }

    /// A correction by hand of anything: an epoch of one time.
    fn by_hand(seed: u64, graph: &Graph, lower: Micros) -> Vec<LogEntry> {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut deltas = Vec::new();
        let delta = |diff, edge| Delta { t: lower, diff, element: Element::Edge(edge), caused_by: None };
        for edge in graph.edges.values() {
            match chance.next_u32() % 4 {
                0 => deltas.push(delta(Diff::Retract, edge.clone())),
                1 => deltas.push(delta(Diff::Assert, vokg_engine::delta::Edge { confidence_milli: 1, ..edge.clone() })),
                _ => {}
            }
        }
        deltas.sort_by_key(Delta::order);
        let count = deltas.len() as u32;
        let progress = Progress { lower, frontier: None, settled_us: lower, count };
        let records = deltas.into_iter().map(Record::Delta).chain([Record::Progress(progress)]);
        records.enumerate().map(|(seq, record)| LogEntry { epoch: 2, seq: seq as u64, record }).collect()
    }

    fn finals_of(log: &[LogEntry]) -> Vec<LogEntry> {
        let mut finals = Finals::new(MARGIN_US);
        log.iter().flat_map(|entry| finals.take(entry)).collect()
    }

    fn fold(log: &[LogEntry]) -> Graph {
        let (mut graph, mut count) = (Graph::default(), 0);
        for entry in log {
            match &entry.record {
                Record::Delta(delta) => {
                    graph.apply(delta).expect("every delta follows those before it");
                    count += 1;
                }
                Record::Progress(progress) => assert_eq!(std::mem::take(&mut count), progress.count),
            }
        }
        graph
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_element_is_said_once_and_all_of_them_are_the_graph(seed: u64) {
            let log = settled_log(seed, 120);
            let said = finals_of(&log);
            let mut keys = BTreeSet::new();
            for entry in &said {
                if let Record::Delta(delta) = &entry.record {
                    prop_assert_eq!(delta.diff, Diff::Assert, "nothing is taken back");
                    prop_assert!(keys.insert(delta.element.key()), "said twice: {:?}", delta.element.key());
                }
            }
            let graph = fold(&log);
            prop_assert_eq!(&fold(&said), &graph);

            let hand = by_hand(seed, &graph, log.iter().map(|entry| match &entry.record {
                Record::Progress(progress) => progress.lower,
                Record::Delta(_) => 0,
            }).max().unwrap_or(0));
            let corrected = [log, hand].concat();
            prop_assert_eq!(fold(&finals_of(&corrected)), fold(&corrected));
        }

        /// Wherever the log is folded anew to go on from there, the same is said.
        #[test]
        fn a_restart_changes_nothing(seed: u64, cut in 0.0f64..1.0) {
            let log = settled_log(seed, 60);
            let cut = (log.len() as f64 * cut) as usize;
            let mut again = Finals::new(MARGIN_US);
            let before: Vec<LogEntry> = log[..cut].iter().flat_map(|entry| again.take(entry)).collect();
            let mut again = Finals::new(MARGIN_US);
            log[..cut].iter().for_each(|entry| drop(again.take(entry)));
            let after: Vec<LogEntry> = log[cut..].iter().flat_map(|entry| again.take(entry)).collect();
            prop_assert_eq!([before, after].concat(), finals_of(&log));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What was read since the mark can be forgotten, and is read again with the same result.
        #[test]
        fn it_goes_back_to_where_it_was_marked(seed: u64, marked in 0.0f64..1.0, further in 0.0f64..1.0) {
            let log = settled_log(seed, 60);
            let moments: Vec<&[LogEntry]> =
                log.split_inclusive(|entry| matches!(entry.record, Record::Progress(_))).collect();
            let marked = (moments.len() as f64 * marked) as usize;
            let further = marked + ((moments.len() - marked) as f64 * further) as usize;
            let mut finals = Finals::new(MARGIN_US);
            let mut said: Vec<LogEntry> =
                moments[..marked].concat().iter().flat_map(|entry| finals.take(entry)).collect();
            finals.mark();
            let at = finals.at();
            moments[marked..further].concat().iter().for_each(|entry| drop(finals.take(entry)));
            let mut finals = finals.stand_at(at).expect("it is the marked one");
            prop_assert_eq!(finals.at(), at);
            said.extend(moments[marked..].concat().iter().flat_map(|entry| finals.take(entry)));
            prop_assert_eq!(said, finals_of(&log));
            let elsewhere = Some(Position { epoch: 9, seq: 9 });
            prop_assert!(finals.stand_at(elsewhere).is_none());
        }
    }

    #[test]
    fn much_is_said_before_the_end() {
        let early: usize = (0..20)
            .map(|seed| {
                let said = finals_of(&settled_log(seed, 120));
                said.iter().filter(|entry| matches!(&entry.record, Record::Progress(p) if p.frontier.is_some())).count()
            })
            .sum();
        assert!(early > 100, "{early}");
    }
}
