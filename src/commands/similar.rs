//! `vokg similar`: the objects that look most like one.

use super::{open_store, parse_object, pick_stream};
use crate::cli;
use crate::exit::{Context, Exit, Failure};
use crate::say::{note, say};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use vokg_connectors::store::{Looks, Store, Stream};
use vokg_engine::delta::{ObjectVertex, Vertex, VertexKey};
use vokg_engine::id::ObjectId;
use vokg_engine::look::{Look, MeanLook};
use vokg_engine::time::{Micros, secs_from_micros};

/// The most objects that a message names.
const NAMED_MAX: usize = 20;

/// One object that was found.
#[derive(Debug, Serialize)]
struct Found {
    object: String,
    /// 0 to 1, in steps of a millionth.
    similarity: f64,
    first_seen_us: Micros,
    last_seen_us: Micros,
}

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
struct Answer {
    object: String,
    /// Objects whose look was compared.
    compared: usize,
    similar: Vec<Found>,
}

/// Runs the command.
pub fn run(args: cli::Similar) -> Result<Exit, Failure> {
    let store = open_store(&args.data.dir)?;
    let (name, number) = parse_object(&args.object)?;
    let own = pick_stream(&store, Some(name))?;
    let sought = look_of(&store, &own, number)?;
    let streams = match args.stream.as_deref() {
        Some(stream) => vec![pick_stream(&store, Some(stream))?],
        None => present_streams(&store)?,
    };
    let mut nearest = Nearest::new(args.limit);
    let mut unlike = 0;
    for stream in &streams {
        let looks = store.looks(stream.id).context("cannot read the looks")?;
        for (id, object) in objects(&store, stream)? {
            if (stream.id, id) == (own.id, number) {
                continue;
            }
            match mean_look(&looks, &object)?.and_then(|look| sought.similarity(&look)) {
                Some(similarity) => nearest.offer(similarity, &stream.name, id, &object),
                None => unlike += 1,
            }
        }
    }
    if unlike > 0 {
        note(format!("vokg: {unlike} objects have no look that can be compared"));
    }
    let object = format!("{}/o/{}", own.name, number.0);
    let answer = Answer { object, compared: nearest.offered, similar: nearest.into_found() };
    match args.json {
        true => say(serde_json::to_string(&answer).context("the answer cannot be written")? + "\n")?,
        false => say(text(&answer))?,
    }
    Ok(Exit::Done)
}

/// The best so far: never more than the limit are kept.
struct Nearest {
    limit: usize,
    offered: usize,
    /// By falling similarity in millionths, then by stream and number.
    best: BTreeMap<(Reverse<u32>, String, ObjectId), (Micros, Micros)>,
}

impl Nearest {
    fn new(limit: usize) -> Self {
        Self { limit, offered: 0, best: BTreeMap::new() }
    }

    fn offer(&mut self, similarity: f32, stream: &vokg_engine::id::StreamName, id: ObjectId, object: &ObjectVertex) {
        self.offered += 1;
        let millionths = (f64::from(similarity) * 1e6).round() as u32;
        let key = (Reverse(millionths), stream.to_string(), id);
        self.best.insert(key, (object.first_seen_us, object.last_seen_us));
        if self.best.len() > self.limit {
            self.best.pop_last();
        }
    }

    fn into_found(self) -> Vec<Found> {
        let found = |((Reverse(millionths), stream, id), (first_seen_us, last_seen_us)): (
            (Reverse<u32>, String, ObjectId),
            (Micros, Micros),
        )| Found {
            object: format!("{stream}/o/{}", id.0),
            similarity: f64::from(millionths) / 1e6,
            first_seen_us,
            last_seen_us,
        };
        self.best.into_iter().map(found).collect()
    }
}

fn look_of(store: &Store, stream: &Stream, id: ObjectId) -> Result<Look, Failure> {
    let all = objects(store, stream)?;
    let Some(object) = all.get(&id) else {
        let numbers: Vec<String> = all.keys().take(NAMED_MAX).map(|id| id.0.to_string()).collect();
        let more = if all.len() > NAMED_MAX { format!(" and {} more", all.len() - NAMED_MAX) } else { String::new() };
        let has = if all.is_empty() { "no objects".to_owned() } else { numbers.join(", ") + &more };
        return Err(Failure::usage(format!("no object {} in {}; it has: {has}", id.0, stream.name)));
    };
    let looks = store.looks(stream.id).context("cannot read the looks")?;
    mean_look(&looks, object)?.ok_or_else(|| {
        Failure::failed(format!(
            "{}/o/{} has no look: none of its tracks has ended, none was measured, or an older vokg processed it",
            stream.name, id.0
        ))
    })
}

/// The mean over all sightings of an object's tracks.
fn mean_look(looks: &Looks, object: &ObjectVertex) -> Result<Option<Look>, Failure> {
    let mut mean = MeanLook::default();
    for track in &object.tracks {
        if let Some(of) = looks.of(*track).context("cannot read the looks")? {
            mean.add(&of.look, of.sightings);
        }
    }
    Ok(mean.mean())
}

/// The objects of a stream as the graph knows them at its end.
fn objects(store: &Store, stream: &Stream) -> Result<BTreeMap<ObjectId, ObjectVertex>, Failure> {
    let graph = store.graph(stream.id, None, None).context("cannot read the graph")?;
    let object = |(key, vertex)| match (key, vertex) {
        (VertexKey::Object(id), Vertex::Object(object)) => Some((id, object)),
        _ => None,
    };
    Ok(graph.vertices.into_iter().filter_map(object).collect())
}

/// The streams that names stand for, ordered by name: of each input the newest complete generation.
fn present_streams(store: &Store) -> Result<Vec<Stream>, Failure> {
    let streams = store.streams().context("cannot read the store")?;
    let names: BTreeSet<String> = streams.iter().map(|stream| stream.descriptor.request.name.to_string()).collect();
    let found = names.iter().map(|name| store.find_stream(name).context("cannot read the store"));
    found.filter_map(Result::transpose).collect()
}

fn text(answer: &Answer) -> String {
    let mut text = String::new();
    for found in &answer.similar {
        let (from, to) = (secs_from_micros(found.first_seen_us), secs_from_micros(found.last_seen_us));
        text.push_str(&format!("{:.3}  {:24} {from:.1}-{to:.1} s\n", found.similarity, found.object));
    }
    if answer.similar.is_empty() {
        text.push_str("nothing to compare with\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use vokg_engine::id::StreamName;

    #[test]
    fn objects_are_named_by_stream_and_number() {
        assert_eq!(parse_object("clip.g2/o/17").ok(), Some(("clip.g2", ObjectId(17))));
        for wrong in ["", "clip", "clip/o/", "clip/o/x", "clip/i/3"] {
            assert!(parse_object(wrong).is_err_and(|error| error.to_string().contains("yard/o/3")), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_are_kept_and_ties_go_by_name() {
        let object = ObjectVertex {
            class: None,
            first_seen_us: 1,
            last_seen_us: 2,
            open: false,
            confidence_milli: 0,
            tracks: vec![],
        };
        let [a, b] = ["a", "b"].map(|name| StreamName::new(name).unwrap_or_else(|error| panic!("{error}")));
        let mut nearest = Nearest::new(3);
        for (similarity, stream, id) in [(0.5, &b, 1), (0.9, &b, 2), (0.9, &a, 12), (0.1, &a, 1), (0.9, &a, 3)] {
            nearest.offer(similarity, stream, ObjectId(id), &object);
        }
        let found: Vec<String> = nearest.into_found().into_iter().map(|found| found.object).collect();
        assert_eq!(found, ["a/o/3", "a/o/12", "b/o/2"]);
    }
}
