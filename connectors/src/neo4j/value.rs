//! What a property or a parameter can be.

use crate::export::properties::{Property, decimal, decimal_ppm};
use std::collections::BTreeMap;

/// Properties by name; [`Value::Null`] takes one away.
pub type Properties = BTreeMap<&'static str, Value>;

/// A value as Neo4j knows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// None.
    Null,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A decimal number.
    Decimal(f64),
    /// Text.
    Text(String),
    /// A moment, in microseconds since 1970 (UTC).
    Moment(i64),
    /// Several.
    List(Vec<Value>),
    /// By name.
    Map(BTreeMap<&'static str, Value>),
}

impl Value {
    /// The number, where it is a whole one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What does not fit into a whole number of Neo4j.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is greater than any number in Neo4j")]
pub struct TooGreat(u64);

impl TryFrom<&Property> for Value {
    type Error = TooGreat;

    fn try_from(property: &Property) -> Result<Self, TooGreat> {
        Ok(match property {
            Property::Absent => Self::Null,
            Property::Flag(flag) => Self::Flag(*flag),
            Property::Integer(number) => Self::Integer(*number),
            Property::Unsigned(number) => Self::Integer(i64::try_from(*number).map_err(|_| TooGreat(*number))?),
            Property::Milli(milli) => Self::Decimal(decimal(*milli)),
            Property::Ppm(ppm) => Self::Decimal(decimal_ppm(*ppm)),
            Property::Text(text) => Self::Text(text.clone()),
            Property::Integers(numbers) => Self::List(numbers.iter().map(|n| Self::Integer((*n).into())).collect()),
            Property::Millis(millis) => Self::List(millis.iter().map(|m| Self::Decimal(decimal(*m))).collect()),
            Property::Ppms(ppms) => Self::List(ppms.iter().map(|p| Self::Decimal(decimal_ppm(*p))).collect()),
            Property::Texts(texts) => Self::List(texts.iter().cloned().map(Self::Text).collect()),
        })
    }
}
