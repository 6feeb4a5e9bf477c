//! Values as Bolt writes them.

use std::collections::BTreeMap;

/// A value of PackStream, as far as we use it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Packed {
    Null,
    Flag(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    List(Vec<Packed>),
    Map(BTreeMap<String, Packed>),
    Struct(u8, Vec<Packed>),
}

impl Packed {
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        if let Self::Map(map) = self { map.get(name) } else { None }
    }

    pub(super) fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    pub(super) fn len(&self) -> usize {
        if let Self::List(items) = self { items.len() } else { 0 }
    }

    pub(super) fn read(bytes: &mut &[u8]) -> Self {
        let marker = take(bytes, 1)[0];
        match marker {
            0xC0 => Self::Null,
            0xC1 => Self::Decimal(f64::from_be_bytes(take(bytes, 8).try_into().expect("8 bytes"))),
            0xC2 | 0xC3 => Self::Flag(marker == 0xC3),
            0xC8 => Self::Integer(i64::from(take(bytes, 1)[0].cast_signed())),
            0xC9 => Self::Integer(i16::from_be_bytes(take(bytes, 2).try_into().expect("2 bytes")).into()),
            0xCA => Self::Integer(i32::from_be_bytes(take(bytes, 4).try_into().expect("4 bytes")).into()),
            0xCB => Self::Integer(i64::from_be_bytes(take(bytes, 8).try_into().expect("8 bytes"))),
            0x80..=0x8F | 0xD0..=0xD2 => {
                let length = length(marker, 0x80, 0xD0, bytes);
                Self::Text(String::from_utf8(take(bytes, length).to_vec()).expect("texts are UTF-8"))
            }
            0x90..=0x9F | 0xD4..=0xD6 => {
                let length = length(marker, 0x90, 0xD4, bytes);
                Self::List((0..length).map(|_| Self::read(bytes)).collect())
            }
            0xA0..=0xAF | 0xD8..=0xDA => {
                let length = length(marker, 0xA0, 0xD8, bytes);
                let entry = |_| (Self::read(bytes).text().to_owned(), Self::read(bytes));
                Self::Map((0..length).map(entry).collect())
            }
            0xB0..=0xBF => {
                let signature = take(bytes, 1)[0];
                Self::Struct(signature, (0..marker & 0xF).map(|_| Self::read(bytes)).collect())
            }
            _ => Self::Integer(marker.cast_signed().into()),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let head = |out: &mut Vec<u8>, tiny: u8, large: u8, length: usize| match u8::try_from(length) {
            Ok(short @ 0..=15) => out.push(tiny | short),
            _ => {
                out.push(large);
                out.extend(u32::try_from(length).expect("answers are short").to_be_bytes());
            }
        };
        match self {
            Self::Null => out.push(0xC0),
            Self::Flag(flag) => out.push(0xC2 + u8::from(*flag)),
            Self::Integer(number) => {
                out.push(0xCB);
                out.extend(number.to_be_bytes());
            }
            Self::Decimal(number) => {
                out.push(0xC1);
                out.extend(number.to_be_bytes());
            }
            Self::Text(text) => {
                head(out, 0x80, 0xD2, text.len());
                out.extend(text.as_bytes());
            }
            Self::List(items) => {
                head(out, 0x90, 0xD6, items.len());
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(map) => {
                head(out, 0xA0, 0xDA, map.len());
                for (name, value) in map {
                    Self::Text(name.clone()).write(out);
                    value.write(out);
                }
            }
            Self::Struct(signature, fields) => {
                out.extend([0xB0 | fields.len() as u8, *signature]);
                fields.iter().for_each(|field| field.write(out));
            }
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn length(marker: u8, tiny: u8, large: u8, bytes: &mut &[u8]) -> usize {
    match marker.checked_sub(large) {
        None => usize::from(marker - tiny),
        Some(power) => take(bytes, 1 << power).iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    }
}

pub(super) fn map<const N: usize>(entries: [(&str, Packed); N]) -> Packed {
    Packed::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn text(text: &str) -> Packed {
    Packed::Text(text.to_owned())
}
