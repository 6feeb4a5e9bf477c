//! What was so at a time, and what we believed about it then: the graph read from the store.

use super::error::ReadError;
use super::index::valid;
use super::open::Store;
use super::position::Position;
use super::schema::{edge_code, vertex_code};
use super::stream::StreamId;
use super::view::{KnownAt, View};
use std::collections::BTreeSet;
use std::ops::{Bound, Range};
use vokg_engine::delta::{Diff, Edge, Element, ElementKey, Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::id::InteractionId;
use vokg_engine::record::Record;
use vokg_engine::time::Micros;

/// Which edges of a vertex are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeQuery {
    /// The vertex they hang on.
    pub vertex: VertexKey,
    /// They hold at some moment of this.
    pub during: Range<Micros>,
    /// They come after the edge with this beginning and id: the last one of the page before.
    pub after: Option<(Micros, InteractionId)>,
    /// The most edges wanted.
    pub limit: usize,
}

impl Store {
    /// The graph of a stream as known at `known_at` (default: now), and of that what holds at media time `at`
    /// (default: everything, whenever it held).
    ///
    /// Equal to folding the log up to `known_at` and then taking [`Graph::at`]; with `at` it reads only what holds
    /// then and a bounded stretch of the log. Where the beginning of the log was dropped, "everything" is what was open
    /// then and what came after.
    ///
    /// # Errors
    /// [`ReadError::Gone`] where `at` or `known_at` lie before what is still there. Otherwise where there is no such
    /// stream, or the database cannot be read.
    pub fn graph(&self, stream: StreamId, at: Option<Micros>, known_at: Option<KnownAt>) -> Result<Graph, ReadError> {
        let view = View::open(self, stream)?;
        let Some(until) = view.place_of(known_at)? else {
            return Ok(Graph::default());
        };
        let Some(at) = at else {
            return fold(&view, until);
        };
        view.log.refuse_where(|oldest| at < oldest.t_us)?;
        let mut graph = Graph::default();
        let open = view.open_at(until)?.into_iter().filter(|element| valid(element).0 <= at);
        for element in open.chain(view.closed_at(at, until)?) {
            insert(&mut graph, element);
        }
        let ends: BTreeSet<VertexKey> = graph.edges.values().flat_map(Edge::ends).collect();
        for end in ends {
            if !graph.vertices.contains_key(&end) {
                let (kind, number) = vertex_code(end);
                view.value((kind, number, 0), until)?.into_iter().for_each(|element| insert(&mut graph, element));
            }
        }
        Ok(graph)
    }

    /// The last entry that is believed as known at `known_at` (default: now); `None` where nothing is.
    ///
    /// # Errors
    /// Where there is no such stream, or the database cannot be read.
    pub fn position(&self, stream: StreamId, known_at: Option<KnownAt>) -> Result<Option<Position>, ReadError> {
        Ok(View::open(self, stream)?.place_of(known_at)?.map(Position::from_place))
    }

    /// The edges of a vertex, ordered by (beginning, id).
    ///
    /// # Errors
    /// Where there is no such stream, or the database cannot be read.
    pub fn edges_of(
        &self,
        stream: StreamId,
        query: &EdgeQuery,
        known_at: Option<KnownAt>,
    ) -> Result<Vec<Edge>, ReadError> {
        let view = View::open(self, stream)?;
        let (Some(until), (kind, number)) = (view.place_of(known_at)?, vertex_code(query.vertex)) else {
            return Ok(Vec::new());
        };
        if query.after.is_some_and(|(from, _)| from >= query.during.end) || query.during.is_empty() {
            return Ok(Vec::new());
        }
        let mut after = match query.after {
            Some((from, id)) => Bound::Excluded((from, id.0)),
            None => Bound::Included((0, 0)),
        };
        let filed = |edge: &Edge, from| edge.valid_from_us == from && edge.ends().contains(&query.vertex);
        let mut edges = Vec::new();
        loop {
            let ids = view.edges_after((kind, number), after, query.during.end)?;
            let Some(last) = ids.last().copied().filter(|_| edges.len() < query.limit) else { break };
            for (from, id) in ids {
                if edges.len() >= query.limit {
                    break;
                }
                let holds = |edge: &Edge| edge.valid_to_us.is_none_or(|to| to > query.during.start.max(from));
                match view.value(edge_code(from, id), until)? {
                    Some(Element::Edge(edge)) if filed(&edge, from) && holds(&edge) => edges.push(edge),
                    _ => {}
                }
            }
            after = Bound::Excluded(last);
        }
        Ok(edges)
    }

    /// The value of one vertex as known at `known_at` (default: now), whenever it held.
    ///
    /// # Errors
    /// Where there is no such stream, or the database cannot be read.
    pub fn vertex(
        &self,
        stream: StreamId,
        vertex: VertexKey,
        known_at: Option<KnownAt>,
    ) -> Result<Option<Vertex>, ReadError> {
        let view = View::open(self, stream)?;
        let (Some(until), (kind, number)) = (view.place_of(known_at)?, vertex_code(vertex)) else {
            return Ok(None);
        };
        match view.value((kind, number, 0), until)? {
            Some(Element::Vertex(_, value)) => Ok(Some(value)),
            _ => Ok(None),
        }
    }
}

fn fold(view: &View, until: u64) -> Result<Graph, ReadError> {
    let mut graph = Graph::default();
    for element in view.kept()? {
        insert(&mut graph, element);
    }
    view.records(None, until, |_, record| match record {
        Record::Delta(delta) if delta.diff == Diff::Assert => insert(&mut graph, delta.element),
        Record::Delta(delta) => remove(&mut graph, delta.element.key()),
        Record::Progress(_) => {}
    })?;
    Ok(graph)
}

fn insert(graph: &mut Graph, element: Element) {
    match element {
        Element::Vertex(key, vertex) => drop(graph.vertices.insert(key, vertex)),
        Element::Edge(edge) => drop(graph.edges.insert(edge.id, edge)),
    }
}

fn remove(graph: &mut Graph, key: ElementKey) {
    match key {
        ElementKey::Vertex(key) => drop(graph.vertices.remove(&key)),
        ElementKey::Edge(id) => drop(graph.edges.remove(&id)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::{begin, folds, open, random_batches, random_log};
    use super::super::position::Position;
    use super::super::{Store, StoreConfig, StreamBatch};
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::record::LogEntry;

    /// A store that holds a log as one stream, with batches cut at random.
    fn stored(seed: u64, log: &[LogEntry]) -> (tempfile::TempDir, Store, StreamId) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        for batch in random_batches(seed, log) {
            writer.commit(&[StreamBatch::of_entries(stream, batch)]).expect("the log keeps every promise");
        }
        drop(writer);
        let store = Store::open(dir.path(), StoreConfig::default()).expect("it was closed");
        (dir, store, stream)
    }

    /// The graph after the last entry decided at `t` or before.
    fn fold_by_time<'a>(log: &[LogEntry], folds: &'a [Graph], t: Micros) -> &'a Graph {
        let late = |entry: &LogEntry| matches!(&entry.record, Record::Delta(delta) if delta.t > t);
        &folds[log.iter().position(late).unwrap_or(log.len())]
    }

    fn read(store: &Store, stream: StreamId, at: Option<Micros>, known_at: Option<KnownAt>) -> Graph {
        store.graph(stream, at, known_at).expect("the store is whole")
    }

    fn known_at_seq(seq: u64) -> Option<KnownAt> {
        Some(KnownAt::Position(Position { epoch: 1, seq }))
    }

    fn end_of(log: &[LogEntry]) -> Micros {
        let progress = log.iter().filter_map(|entry| match &entry.record {
            Record::Progress(progress) => Some(progress.lower),
            Record::Delta(_) => None,
        });
        progress.max().unwrap_or(0)
    }

    fn edges_page_by_page(
        store: &Store,
        stream: StreamId,
        vertex: VertexKey,
        during: &Range<Micros>,
        known_at: Option<KnownAt>,
    ) -> Vec<Edge> {
        let mut edges: Vec<Edge> = Vec::new();
        loop {
            let after = edges.last().map(|edge| (edge.valid_from_us, edge.id));
            let query = EdgeQuery { vertex, during: during.clone(), after, limit: 2 };
            let page = store.edges_of(stream, &query, known_at).expect("the store is whole");
            if page.is_empty() {
                return edges;
            }
            assert!(page.len() <= 2);
            edges.extend(page);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_graph_equals_the_fold_of_the_log(
            seed in any::<u64>(),
            picks in prop::collection::vec((0.0f64..1.1, 0.0f64..1.1), 30),
        ) {
            let log = random_log(seed, 120);
            let (folds, end) = (folds(&log), end_of(&log) as f64);
            let (_dir, store, stream) = stored(seed, &log);
            for (at, known) in picks {
                let (at, seq) = ((end * at) as Micros, (log.len() as f64 * known) as u64);
                let fold = &folds[log.len().min(seq as usize + 1)];
                prop_assert_eq!(&read(&store, stream, Some(at), known_at_seq(seq)), &fold.at(at));
                prop_assert_eq!(&read(&store, stream, None, known_at_seq(seq)), fold);
                let by_time = (end * known) as Micros;
                let fold = fold_by_time(&log, &folds, by_time);
                prop_assert_eq!(&read(&store, stream, Some(at), Some(KnownAt::Time(by_time))), &fold.at(at));
                prop_assert_eq!(&read(&store, stream, Some(at), None), &folds[log.len()].at(at));
            }
        }

        #[test]
        fn edges_of_a_vertex_equal_those_of_the_fold(
            seed in any::<u64>(),
            known in 0.0f64..1.0,
            during in (0u64..3_000_000, 0u64..3_000_000),
        ) {
            let log = random_log(seed, 120);
            let (_dir, store, stream) = stored(seed, &log);
            let seq = (log.len() as f64 * known) as u64;
            let graph = &folds(&log)[seq as usize + 1];
            let during = during.0..during.1;
            let holds = |edge: &&Edge| {
                let (from, to) = (edge.valid_from_us, edge.valid_to_us.unwrap_or(Micros::MAX));
                from.max(during.start) < to.min(during.end)
            };
            for vertex in graph.vertices.keys() {
                let touches = |edge: &&Edge| edge.ends().contains(vertex);
                let mut expected: Vec<Edge> = graph.edges.values().filter(touches).filter(holds).cloned().collect();
                expected.sort_by_key(|edge| (edge.valid_from_us, edge.id));
                let value = store.vertex(stream, *vertex, known_at_seq(seq)).expect("the store is whole");
                prop_assert_eq!(value.as_ref(), graph.vertices.get(vertex));
                prop_assert_eq!(edges_page_by_page(&store, stream, *vertex, &during, known_at_seq(seq)), expected);
            }
        }
    }

    #[test]
    fn earlier_knowledge_is_found_from_a_snapshot() {
        let log = random_log(7, 9_000);
        let (_dir, store, stream) = stored(7, &log);
        let sizes = store.table_sizes().expect("the store is whole");
        let snapshots = sizes.iter().find(|(table, ..)| table == "snapshots").map(|(_, _, rows)| *rows);
        assert!(snapshots >= Some(2), "the log is too short for this test");
        let mut graph = Graph::default();
        for entry in &log {
            if let Record::Delta(delta) = &entry.record {
                graph.apply(delta).expect("histories keep every promise");
            }
            if entry.seq % 1_500 == 1_499 {
                let known_at = KnownAt::Position(Position::of(entry));
                for at in [0, 50_000_000, 150_000_000] {
                    assert_eq!(read(&store, stream, Some(at), Some(known_at)), graph.at(at));
                }
            }
        }
    }
}
