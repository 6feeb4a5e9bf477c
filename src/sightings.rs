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

/// All sightings of a stream, ordered by time and track.
///
/// # Errors
/// Where the observations cannot be read.
pub fn sightings(store: &Store, stream: &Stream, graph: &Graph) -> Result<Vec<Sighting>, Failure> {
    let objects = objects_by_track(graph);
    let mut sightings = Vec::new();
    for observation in store.observations(stream.id, 0..u64::MAX).context("cannot read the observations")? {
        let StoredObservation { frame, observation } = observation.context("cannot read the observations")?;
        let track = observation.track;
        sightings.push(Sighting {
            t: observation.t,
            frame,
            track,
            object: objects.get(&track).copied().unwrap_or(ObjectId::from(track)),
            rect: observation.rect,
            score: observation.score,
            visible: observation.visible,
            mask: observation.mask,
        });
    }
    sightings.sort_by_key(|sighting| (sighting.t, sighting.track));
    Ok(sightings)
}
