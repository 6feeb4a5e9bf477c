//! What a vertex or an edge says about itself, as flat, typed properties: the one list that the delta format and every
//! export share.
//!
//! Values are scalars or lists of scalars, because that is what property graphs can hold (Neo4j refuses nested maps).
//! What is nested in the engine, such as the moves of a correction, becomes lists of equal length.

use serde::ser::{Serialize, SerializeMap, Serializer};
use vokg_engine::delta::{
    CorrectionVertex, Edge, GapVertex, ObjectVertex, StreamVertex, Vertex, VertexKey, ZoneVertex,
};
use vokg_engine::evidence::RelationKind;
use vokg_engine::id::{ObjectId, StreamName};
use vokg_engine::time::TimeSource;

/// The value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Property {
    /// The property has no value now; JSON `null`.
    Absent,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A time or a count.
    Unsigned(u64),
    /// A share in thousandths; a decimal number outside.
    Milli(u16),
    /// A share in millionths; a decimal number outside.
    Ppm(u32),
    /// Text.
    Text(String),
    /// Whole numbers.
    Integers(Vec<u32>),
    /// Shares in thousandths; decimal numbers outside.
    Millis(Vec<u16>),
    /// Shares in millionths; decimal numbers outside.
    Ppms(Vec<u32>),
    /// Texts.
    Texts(Vec<String>),
}

/// The type of a property, for formats that declare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyType {
    /// True or false.
    Flag,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// Text.
    Text,
    /// A list; formats without lists write its items with `;` between them.
    List,
}

/// Properties in the order in which they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Properties(pub Vec<(&'static str, Property)>);

/// Every property a vertex can have. Which ones it has depends on its label.
pub const VERTEX_PROPERTIES: &[(&str, PropertyType)] = &[
    ("name", PropertyType::Text),
    ("class", PropertyType::Text),
    ("first_seen_us", PropertyType::Integer),
    ("last_seen_us", PropertyType::Integer),
    ("valid_from_us", PropertyType::Integer),
    ("valid_to_us", PropertyType::Integer),
    ("open", PropertyType::Flag),
    ("confidence", PropertyType::Decimal),
    ("tracks", PropertyType::List),
    ("width_px", PropertyType::Integer),
    ("height_px", PropertyType::Integer),
    ("origin_us", PropertyType::Integer),
    ("time_source", PropertyType::Text),
    ("segmenter", PropertyType::Text),
    ("ended_us", PropertyType::Integer),
    ("reason", PropertyType::Text),
    ("decided_us", PropertyType::Integer),
    ("from_objects", PropertyType::List),
    ("to_objects", PropertyType::List),
    ("scores", PropertyType::List),
    ("shape", PropertyType::Text),
    ("corners", PropertyType::List),
];

/// Every property of an edge.
pub const EDGE_PROPERTIES: &[(&str, PropertyType)] = &[
    ("valid_from_us", PropertyType::Integer),
    ("valid_to_us", PropertyType::Integer),
    ("open", PropertyType::Flag),
    ("confidence", PropertyType::Decimal),
    ("supersedes", PropertyType::List),
    ("lag_ms", PropertyType::Integer),
    ("p_value", PropertyType::Decimal),
    ("method", PropertyType::Text),
    ("direction", PropertyType::Text),
];

impl Properties {
    /// The properties of a vertex.
    pub fn of_vertex(stream: &StreamName, key: &VertexKey, vertex: &Vertex) -> Self {
        let mut properties = match vertex {
            Vertex::Stream(v) => of_stream(v),
            Vertex::Object(v) => of_object(key, v),
            Vertex::Gap(v) => of_gap(v),
            Vertex::Correction(v) => of_correction(stream, key, v),
            Vertex::Zone(v) => of_zone(v),
        };
        let (from, to) = vertex.valid(*key);
        properties.push(("valid_from_us", Property::Unsigned(from)));
        properties.push(("valid_to_us", optional(to, Property::Unsigned)));
        Self(properties)
    }

    /// The properties of an edge. What only some relations measure is there only where it was measured.
    pub fn of_edge(stream: &StreamName, edge: &Edge) -> Self {
        let mut properties = vec![
            ("valid_from_us", Property::Unsigned(edge.valid_from_us)),
            ("valid_to_us", optional(edge.valid_to_us, Property::Unsigned)),
            ("open", Property::Flag(edge.valid_to_us.is_none())),
            ("confidence", Property::Milli(edge.confidence_milli)),
            ("supersedes", Property::Texts(edge.supersedes.iter().map(|id| id.external(stream)).collect())),
        ];
        properties.extend(edge.detail.lag_ms.map(|lag| ("lag_ms", Property::Unsigned(lag.into()))));
        properties.extend(edge.detail.p_ppm.map(|p| ("p_value", Property::Ppm(p))));
        let method = (edge.kind == RelationKind::INFLUENCES).then_some("granger");
        properties.extend(method.map(|method| ("method", Property::Text(method.to_owned()))));
        let direction = edge.detail.rightwards.map(|right| if right { "rightwards" } else { "leftwards" });
        properties.extend(direction.map(|direction| ("direction", Property::Text(direction.to_owned()))));
        Self(properties)
    }

    /// The properties as they are asserted: with the id of the correction that caused it as the property `caused_by`.
    ///
    /// The cause belongs to the change and not to the value, so graph exports leave it out.
    pub(crate) fn with_cause(mut self, caused_by: Option<String>) -> Self {
        self.0.push(("caused_by", optional(caused_by, Property::Text)));
        self
    }

    /// The value of a property, [`Property::Absent`] where there is none of that name.
    pub fn get(&self, name: &str) -> &Property {
        self.0.iter().find(|(n, _)| *n == name).map_or(&Property::Absent, |(_, value)| value)
    }
}

/// What people call an object: its class, or `object`, and its number.
pub fn object_name(id: ObjectId, object: &ObjectVertex) -> String {
    format!("{} {}", object.class.as_deref().unwrap_or("object"), id.0)
}

fn optional<T>(value: Option<T>, property: impl FnOnce(T) -> Property) -> Property {
    value.map_or(Property::Absent, property)
}

fn of_stream(stream: &StreamVertex) -> Vec<(&'static str, Property)> {
    vec![
        ("width_px", Property::Unsigned(stream.size.width.into())),
        ("height_px", Property::Unsigned(stream.size.height.into())),
        ("origin_us", optional(stream.origin_us, Property::Integer)),
        ("time_source", Property::Text(time_source_name(stream.time_source).to_owned())),
        ("segmenter", Property::Text(stream.segmenter.clone())),
        ("ended_us", optional(stream.ended_us, Property::Unsigned)),
    ]
}

fn of_object(key: &VertexKey, object: &ObjectVertex) -> Vec<(&'static str, Property)> {
    let name = match key {
        VertexKey::Object(id) => Property::Text(object_name(*id, object)),
        _ => Property::Absent,
    };
    vec![
        ("name", name),
        ("class", optional(object.class.clone(), Property::Text)),
        ("first_seen_us", Property::Unsigned(object.first_seen_us)),
        ("last_seen_us", Property::Unsigned(object.last_seen_us)),
        ("open", Property::Flag(object.open)),
        ("confidence", Property::Milli(object.confidence_milli)),
        ("tracks", Property::Integers(object.tracks.iter().map(|track| track.0).collect())),
    ]
}

fn of_gap(gap: &GapVertex) -> Vec<(&'static str, Property)> {
    vec![("reason", Property::Text(gap.reason.clone()))]
}

fn of_zone(zone: &ZoneVertex) -> Vec<(&'static str, Property)> {
    vec![
        ("name", Property::Text(zone.name.clone())),
        ("shape", Property::Text(zone.shape.name().to_owned())),
        ("corners", Property::Ppms(zone.corners_ppm.clone())),
    ]
}

fn of_correction(stream: &StreamName, key: &VertexKey, correction: &CorrectionVertex) -> Vec<(&'static str, Property)> {
    let decided = match key {
        VertexKey::Correction(t) => Property::Unsigned(*t),
        _ => Property::Absent,
    };
    let object = |id: ObjectId| VertexKey::Object(id).external(stream);
    let moves = &correction.moves;
    vec![
        ("decided_us", decided),
        ("reason", Property::Text(correction.reason.clone())),
        ("tracks", Property::Integers(moves.iter().map(|m| m.track.0).collect())),
        ("from_objects", Property::Texts(moves.iter().map(|m| object(m.from)).collect())),
        ("to_objects", Property::Texts(moves.iter().map(|m| object(m.to)).collect())),
        ("scores", Property::Millis(moves.iter().map(|m| m.score_milli).collect())),
    ]
}

fn time_source_name(source: TimeSource) -> &'static str {
    match source {
        TimeSource::Pts => "pts",
        TimeSource::Ntp => "ntp",
        TimeSource::Arrival => "arrival",
    }
}

/// Thousandths as a decimal number. The division is exact enough that printing gives at most three digits.
pub(crate) fn decimal(milli: u16) -> f64 {
    f64::from(milli) / 1000.0
}

/// Millionths as a decimal number of at most six digits.
pub(crate) fn decimal_ppm(ppm: u32) -> f64 {
    f64::from(ppm) / 1e6
}

impl Property {
    /// The value as one line of text for formats without types or lists; `None` where absent.
    pub fn flat(&self) -> Option<String> {
        let join = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(";");
        Some(match self {
            Self::Absent => return None,
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Unsigned(number) => number.to_string(),
            Self::Milli(milli) => decimal(*milli).to_string(),
            Self::Ppm(ppm) => decimal_ppm(*ppm).to_string(),
            Self::Text(text) => text.clone(),
            Self::Integers(numbers) => join(&mut numbers.iter().map(u32::to_string)),
            Self::Millis(millis) => join(&mut millis.iter().map(|milli| decimal(*milli).to_string())),
            Self::Ppms(ppms) => join(&mut ppms.iter().map(|ppm| decimal_ppm(*ppm).to_string())),
            Self::Texts(texts) => texts.join(";"),
        })
    }
}

impl Serialize for Property {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Unsigned(number) => serializer.serialize_u64(*number),
            Self::Milli(milli) => serializer.serialize_f64(decimal(*milli)),
            Self::Ppm(ppm) => serializer.serialize_f64(decimal_ppm(*ppm)),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integers(numbers) => serializer.collect_seq(numbers),
            Self::Millis(millis) => serializer.collect_seq(millis.iter().map(|milli| decimal(*milli))),
            Self::Ppms(ppms) => serializer.collect_seq(ppms.iter().map(|ppm| decimal_ppm(*ppm))),
            Self::Texts(texts) => serializer.collect_seq(texts),
        }
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::delta_json::samples;
    use super::*;
    use proptest::prelude::*;
    use vokg_engine::delta::Element;
    use vokg_engine::record::Record;

    fn type_of(property: &Property) -> Option<PropertyType> {
        Some(match property {
            Property::Absent => return None,
            Property::Flag(_) => PropertyType::Flag,
            Property::Integer(_) | Property::Unsigned(_) => PropertyType::Integer,
            Property::Milli(_) | Property::Ppm(_) => PropertyType::Decimal,
            Property::Text(_) => PropertyType::Text,
            Property::Integers(_) | Property::Millis(_) | Property::Ppms(_) | Property::Texts(_) => PropertyType::List,
        })
    }

    proptest! {
        #[test]
        fn every_property_is_declared_with_its_type(entry in samples::any_entry()) {
            let Record::Delta(delta) = entry.record else { return Ok(()) };
            let stream = samples::stream();
            let (properties, declared) = match &delta.element {
                Element::Vertex(key, vertex) => (Properties::of_vertex(&stream, key, vertex), VERTEX_PROPERTIES),
                Element::Edge(edge) => (Properties::of_edge(&stream, edge), EDGE_PROPERTIES),
            };
            for (name, value) in &properties.0 {
                let kind = declared.iter().find(|(declared, _)| declared == name).map(|(_, kind)| *kind);
                prop_assert!(kind.is_some() && type_of(value).is_none_or(|found| Some(found) == kind), "{name}: {value:?}");
            }
        }
    }

    #[test]
    fn lists_and_shares_become_one_line() {
        assert_eq!(Property::Millis(vec![0, 870, 1000]).flat().as_deref(), Some("0;0.87;1"));
        assert_eq!(Property::Absent.flat(), None);
    }
}
