//! What the server holds of a stream, and what it is to hold.

use crate::database::Neo4j;
use crate::support::store;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vokg_connectors::export::delta_json::DeltaJson;
use vokg_connectors::store::Stream;
use vokg_engine::record::Record;

/// Properties of the vertices and edges of a stream, by label or type, id and ends.
pub type Elements = BTreeMap<(String, String, String), Map<String, Value>>;

impl Neo4j {
    /// What the server holds of a stream, the projection aside.
    pub fn held(&self, stream: &str) -> Elements {
        let mut held = Elements::new();
        let vertices = self.rows(
            "MATCH (n {stream: $stream}) WHERE NOT n:Interaction AND NOT n:VokgSink \
             RETURN labels(n) AS labels, properties(n) AS properties",
            stream,
        );
        for row in vertices {
            let mut properties = row["properties"].as_object().unwrap().clone();
            let labels: Vec<_> =
                row["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
            assert_eq!(labels.len(), 1, "the segmenter names no classes: {labels:?}");
            let id = text(&mut properties, "vokg_id");
            assert_eq!(text(&mut properties, "stream"), stream);
            if !["Object", "Zone"].contains(&labels[0]) {
                assert!(properties.remove("name").is_some(), "{id} has a caption");
            }
            held.insert((labels[0].to_owned(), id, String::new()), properties);
        }
        let edges = self.rows(
            "MATCH (a {stream: $stream})-[r]->(b) WHERE NOT type(r) IN ['IN_INTERACTION', 'BEFORE'] \
             RETURN type(r) AS kind, a.vokg_id + ' ' + b.vokg_id AS ends, properties(r) AS properties",
            stream,
        );
        for row in edges {
            let mut properties = row["properties"].as_object().unwrap().clone();
            let id = text(&mut properties, "vokg_id");
            let key = (row["kind"].as_str().unwrap().to_owned(), id, row["ends"].as_str().unwrap().to_owned());
            assert_eq!(held.insert(key, properties), None, "each edge is there once");
        }
        held
    }

    /// Asserts that the server holds the fold of the log of every stream that is to be there, and nothing else of them.
    pub fn assert_holds(&self, interactions: bool) {
        let store = store(&self.data());
        for stream in store.streams().unwrap() {
            let wanted = self.fold(&stream);
            let held = self.held(stream.name.as_str());
            assert_eq!(held.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
            assert_eq!(held, wanted);
            if interactions {
                self.assert_projection(&stream, &wanted);
            }
            let cursor = &self.rows(
                "MATCH (s:VokgSink {stream: $stream}) RETURN s.epoch AS epoch, s.seq AS seq",
                stream.name.as_str(),
            )[0];
            let end = (u64::from(stream.head.epoch), stream.head.next_seq - 1);
            assert_eq!((cursor["epoch"].as_u64().unwrap(), cursor["seq"].as_u64().unwrap()), end);
        }
    }

    /// The log of a stream as other programs read it, folded.
    pub fn fold(&self, stream: &Stream) -> Elements {
        let store = store(&self.data());
        let lines = DeltaJson::new(stream.name.clone(), None);
        let mut elements = Elements::new();
        for entry in store.entries(stream.id, None) {
            let entry = entry.unwrap();
            if !matches!(entry.record, Record::Delta(_)) {
                continue;
            }
            let mut bytes = Vec::new();
            lines.write(&mut bytes, &entry).unwrap();
            let line: Value = serde_json::from_slice(&bytes).unwrap();
            let cud = &line["cud"];
            let id = cud["ids"]["vokg_id"].as_str().unwrap().to_owned();
            let end = |end: &str| cud[end]["ids"]["vokg_id"].as_str().unwrap();
            let key = match cud["type"].as_str().unwrap() {
                "node" => (cud["labels"][0].as_str().unwrap().to_owned(), id, String::new()),
                _ => (cud["rel_type"].as_str().unwrap().to_owned(), id, format!("{} {}", end("from"), end("to"))),
            };
            if line["diff"] == json!(1) {
                let mut properties = cud["properties"].as_object().unwrap().clone();
                properties.retain(|_, value| !value.is_null());
                elements.insert(key, properties);
            } else {
                assert!(elements.remove(&key).is_some());
            }
        }
        elements
    }

    /// Asserts that the interactions are those of the edges, and that BEFORE leads through those of each object in order.
    pub fn assert_projection(&self, stream: &Stream, elements: &Elements) {
        let edges = elements.iter().filter(|((.., ends), _)| !ends.is_empty());
        let edges: Vec<_> = edges.map(|((kind, id, ends), properties)| (kind, id, ends, properties)).collect();
        let mut chains: BTreeMap<&str, BTreeSet<(u64, &str)>> = BTreeMap::new();
        let mut wanted = BTreeMap::new();
        for (kind, id, ends, properties) in &edges {
            let mut interaction: Map<String, Value> = (*properties).clone();
            let own = [("vokg_id", id.as_str()), ("kind", kind), ("name", kind), ("stream", stream.name.as_str())];
            interaction.extend(own.map(|(name, value)| (name.to_owned(), json!(value))));
            wanted.insert((*id).clone(), interaction);
            for end in ends.split(' ').filter(|end| end.contains("/o/")) {
                chains.entry(end).or_default().insert((properties["valid_from_us"].as_u64().unwrap(), id));
            }
        }
        let name = stream.name.as_str();
        let rows = self
            .rows("MATCH (i:Interaction {stream: $stream}) RETURN i.vokg_id AS id, properties(i) AS properties", name);
        let properties = |row: &Map<String, Value>| row["properties"].as_object().unwrap().clone();
        let found: BTreeMap<_, _> =
            rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), properties(row))).collect();
        assert_eq!(found.len(), rows.len(), "each is there once");
        assert_eq!(found, wanted);
        let rows = self.rows(
            "MATCH (o {stream: $stream})-[r:IN_INTERACTION]->(i) RETURN o.vokg_id + ' ' + i.vokg_id AS ends, \
             r.vokg_id AS id, properties(r) AS properties",
            name,
        );
        let members: BTreeMap<_, _> =
            rows.iter().map(|row| (row["id"].as_str().unwrap(), (json!(row["ends"]), properties(row)))).collect();
        assert_eq!(members.len(), rows.len(), "each is there once");
        let ends = edges.iter().flat_map(|(_, id, ends, edge)| {
            let (from, to) = ends.split_once(' ').unwrap();
            [("from", from), ("to", to)].map(|(role, end)| {
                let member = json!({
                    "vokg_id": format!("{id}/{role}"), "role": role, "object": end, "valid_from_us": edge["valid_from_us"],
                });
                (format!("{id}/{role}"), (json!(format!("{end} {id}")), member.as_object().unwrap().clone()))
            })
        });
        let ends: BTreeMap<String, _> = ends.collect();
        assert_eq!(members.into_iter().map(|(id, member)| (id.to_owned(), member)).collect::<BTreeMap<_, _>>(), ends);
        let mut pairs = BTreeSet::new();
        for (object, chain) in chains {
            let chain: Vec<_> = chain.into_iter().collect();
            pairs.extend(chain.windows(2).map(|two| format!("{object} {} {}", two[0].1, two[1].1)));
        }
        let before: Vec<_> = self
            .rows(
                "MATCH (a:Interaction {stream: $stream})-[r:BEFORE]->(b) RETURN r.object + ' ' + a.vokg_id + ' ' + b.vokg_id AS said",
                name,
            )
            .iter()
            .map(|row| row["said"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(before.len(), pairs.len());
        assert_eq!(before.into_iter().collect::<BTreeSet<_>>(), pairs);
    }
}

fn text(properties: &mut Map<String, Value>, name: &str) -> String {
    properties.remove(name).unwrap().as_str().unwrap().to_owned()
}
