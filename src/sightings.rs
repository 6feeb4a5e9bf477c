//! Stored observations with their tracks mapped to objects, as the graph knows them at its end.

use crate::exit::{Context, Failure};
use std::collections::BTreeMap;
use vokg_connectors::export::Sighting;
use vokg_connectors::store::{Store, StoredObservation, Stream};
use vokg_engine::delta::{Vertex, VertexKey};
use vokg_engine::graph::Graph;
use vokg_engine::id::{ObjectId, TrackId};

/// Which object each track is.
pub fn objects_by_track(graph: &Graph) -> BTreeMap<TrackId, ObjectId> {
    let mut objects = BTreeMap::new();
    for (key, vertex) in &graph.vertices {
        if let (VertexKey::Object(id), Vertex::Object(object)) = (key, vertex) {
            objects.extend(object.tracks.iter().map(|track| (*track, *id)));
        }
    }
    objects
}

/// Hands the sightings of a stream to `take`, one at a time, ordered by time and track.
///
/// # Errors
/// Those of `take`, and where the observations cannot be read.
pub fn with_sightings<T>(
    store: &Store,
    stream: &Stream,
    graph: &Graph,
    take: impl FnOnce(&mut dyn Iterator<Item = Sighting>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    const UNREADABLE: &str = "cannot read the observations";
    let objects = objects_by_track(graph);
    let mut unreadable = None;
    let observations = store.observations(stream.id, 0..u64::MAX).context(UNREADABLE)?;
    let mut sightings = observations.map_while(|stored| match stored {
        Ok(stored) => Some(sighting(stored, &objects)),
        Err(error) => {
            unreadable = Some(error);
            None
        }
    });
    let taken = take(&mut sightings);
    drop(sightings);
    unreadable.map_or(taken, |error| Err(error).context(UNREADABLE))
}

/// All sightings of a stream, ordered by time and track.
///
/// # Errors
/// Where the observations cannot be read.
pub fn sightings(store: &Store, stream: &Stream, graph: &Graph) -> Result<Vec<Sighting>, Failure> {
    with_sightings(store, stream, graph, |sightings| Ok(sightings.collect()))
}

fn sighting(stored: StoredObservation, objects: &BTreeMap<TrackId, ObjectId>) -> Sighting {
    let StoredObservation { frame, observation } = stored;
    let track = observation.track;
    Sighting {
        t: observation.t,
        frame,
        track,
        object: objects.get(&track).copied().unwrap_or(ObjectId::from(track)),
        rect: observation.rect,
        score: observation.score,
        visible: observation.visible,
        mask: observation.mask,
    }
}
