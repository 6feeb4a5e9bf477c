//! The graph a log adds up to.

use crate::delta::{Delta, Diff, Edge, Element, Vertex, VertexKey};
use crate::id::InteractionId;
use crate::time::Micros;
use std::collections::{BTreeMap, BTreeSet};

/// The values of all keys after some prefix of a log: what was believed then about all times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Vertices by key.
    pub vertices: BTreeMap<VertexKey, Vertex>,
    /// Edges by id.
    pub edges: BTreeMap<InteractionId, Edge>,
}

/// A delta that cannot follow the ones before it: the log is damaged or was applied out of order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// An edge was asserted before one of its ends.
    #[error("edge {edge:016x} at t={t} needs the vertex {end:?}, which is not there")]
    MissingEnd {
        /// The edge.
        edge: u64,
        /// The vertex that is absent.
        end: VertexKey,
        /// Time of the delta.
        t: Micros,
    },
    /// A value was taken back that the key does not have.
    #[error("the delta at t={t} takes back a value that its key does not have: {element}")]
    NotThere {
        /// The element, for people.
        element: String,
        /// Time of the delta.
        t: Micros,
    },
    /// A vertex was taken back while edges hang on it.
    #[error("vertex {vertex:?} is taken back at t={t} while edges hang on it")]
    EdgesLeft {
        /// The vertex.
        vertex: VertexKey,
        /// Time of the delta.
        t: Micros,
    },
}

impl Vertex {
    /// The half-open stretch of media time in which the vertex is part of the graph on its own account; `None` as end:
    /// still. An object is there up to the frame that last shows it. A correction is there when it is decided and no
    /// longer: otherwise what is open would grow with the stream.
    pub fn valid(&self, key: VertexKey) -> (Micros, Option<Micros>) {
        match self {
            Self::Stream(_) => (0, None),
            Self::Object(object) => (object.first_seen_us, (!object.open).then_some(object.last_seen_us + 1)),
            Self::Gap(gap) => (gap.from_us, Some(gap.to_us)),
            Self::Correction(_) => match key {
                VertexKey::Correction(t) => (t, Some(t.saturating_add(1))),
                _ => (0, None),
            },
            Self::Zone(_) => (0, None),
        }
    }
}

fn holds_at(at: Micros, (from, to): (Micros, Option<Micros>)) -> bool {
    from <= at && to.is_none_or(|to| at < to)
}

impl Graph {
    /// Applies the next delta of the log.
    ///
    /// # Errors
    /// Where the delta cannot follow those before it. The graph is then unchanged.
    pub fn apply(&mut self, delta: &Delta) -> Result<(), FoldError> {
        let t = delta.t;
        let not_there = |element: &Element| FoldError::NotThere { element: format!("{:?}", element.key()), t };
        match (&delta.element, delta.diff) {
            (Element::Vertex(key, vertex), Diff::Assert) => {
                self.vertices.insert(*key, vertex.clone());
            }
            (Element::Edge(edge), Diff::Assert) => {
                if let Some(end) = edge.ends().into_iter().find(|end| !self.vertices.contains_key(end)) {
                    return Err(FoldError::MissingEnd { edge: edge.id.0, end, t });
                }
                self.edges.insert(edge.id, edge.clone());
            }
            (Element::Vertex(key, vertex), Diff::Retract) => {
                if self.vertices.get(key) != Some(vertex) {
                    return Err(not_there(&delta.element));
                }
                if self.edges.values().any(|edge| edge.from == *key || edge.to == *key) {
                    return Err(FoldError::EdgesLeft { vertex: *key, t });
                }
                self.vertices.remove(key);
            }
            (Element::Edge(edge), Diff::Retract) => {
                if self.edges.get(&edge.id) != Some(edge) {
                    return Err(not_there(&delta.element));
                }
                self.edges.remove(&edge.id);
            }
        }
        Ok(())
    }

    /// The part of the graph that was so at media time `at`: the edges that held, the vertices they join, and those that
    /// were there on their own account. An edge may outlast an end of it: what is hidden or was abandoned is not seen, and
    /// an interaction goes on until a frame shows that it does not.
    pub fn at(&self, at: Micros) -> Self {
        let edges = self.edges.iter().filter(|(_, e)| holds_at(at, (e.valid_from_us, e.valid_to_us)));
        let edges: BTreeMap<_, _> = edges.map(|(k, e)| (*k, e.clone())).collect();
        let ends: BTreeSet<VertexKey> = edges.values().flat_map(Edge::ends).collect();
        let vertices = self.vertices.iter().filter(|(k, v)| ends.contains(k) || holds_at(at, v.valid(**k)));
        Self { vertices: vertices.map(|(k, v)| (*k, v.clone())).collect(), edges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::ObjectVertex;
    use crate::evidence::{Detail, RelationKind};
    use crate::id::ObjectId;

    fn object(n: u32, diff: Diff) -> Delta {
        let vertex = ObjectVertex {
            class: None,
            first_seen_us: 10,
            last_seen_us: 20,
            open: false,
            confidence_milli: 900,
            tracks: vec![],
        };
        Delta {
            t: 20,
            diff,
            element: Element::Vertex(VertexKey::Object(ObjectId(n)), Vertex::Object(vertex)),
            caused_by: None,
        }
    }

    fn near(diff: Diff) -> Delta {
        let edge = Edge {
            id: InteractionId(1),
            kind: RelationKind::NEAR,
            from: VertexKey::Object(ObjectId(1)),
            to: VertexKey::Object(ObjectId(2)),
            valid_from_us: 12,
            valid_to_us: Some(15),
            confidence_milli: 900,
            detail: Detail::default(),
            supersedes: vec![],
        };
        Delta { t: 20, diff, element: Element::Edge(edge), caused_by: None }
    }

    #[test]
    fn an_edge_needs_both_ends_and_a_vertex_outlives_its_edges() {
        let mut graph = Graph::default();
        assert!(matches!(graph.apply(&near(Diff::Assert)), Err(FoldError::MissingEnd { .. })));
        for n in [1, 2] {
            assert_eq!(graph.apply(&object(n, Diff::Assert)), Ok(()));
        }
        assert_eq!(graph.apply(&near(Diff::Assert)), Ok(()));
        assert!(matches!(graph.apply(&object(1, Diff::Retract)), Err(FoldError::EdgesLeft { .. })));
        assert_eq!(graph.apply(&near(Diff::Retract)), Ok(()));
        assert!(matches!(graph.apply(&near(Diff::Retract)), Err(FoldError::NotThere { .. })));
    }

    #[test]
    fn validity_is_half_open() {
        let mut graph = Graph::default();
        for delta in [object(1, Diff::Assert), object(2, Diff::Assert), near(Diff::Assert)] {
            assert_eq!(graph.apply(&delta), Ok(()));
        }
        let sizes = |t| (graph.at(t).vertices.len(), graph.at(t).edges.len());
        let found = [sizes(9), sizes(10), sizes(12), sizes(15), sizes(20), sizes(21)];
        assert_eq!(found, [(0, 0), (2, 0), (2, 1), (2, 0), (2, 0), (0, 0)]);
    }

    #[test]
    fn an_edge_that_outlasts_an_end_of_it_has_it_there() {
        let mut graph = Graph::default();
        let mut outlasting = near(Diff::Assert);
        if let Element::Edge(edge) = &mut outlasting.element {
            edge.valid_to_us = Some(40);
        }
        for delta in [object(1, Diff::Assert), object(2, Diff::Assert), object(3, Diff::Assert), outlasting] {
            assert_eq!(graph.apply(&delta), Ok(()));
        }
        let there = graph.at(30);
        let ends: Vec<VertexKey> = [1, 2].map(|n| VertexKey::Object(ObjectId(n))).into();
        assert_eq!((there.vertices.into_keys().collect::<Vec<_>>(), there.edges.len()), (ends, 1));
    }
}
