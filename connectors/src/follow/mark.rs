//! What tells the history that a target was told from another one.

use crate::store::Position;
use std::fmt;
use std::str::FromStr;
use vokg_engine::record::LogEntry;

/// Hexadecimal digits of the hash that are kept: 64 bits.
const DIGITS: usize = 16;

/// The entries of the last transaction a target was told, as a hash: a store that was restored from a copy and went on
/// otherwise has others in their place, unless both went on alike since. As text, `after/hash`: the position after which they
/// begin, empty at the beginning of a log, and the first 16 hexadecimal digits of the BLAKE3 hash of their places and records.
/// The records count as they are encoded; another encoding would need another form of text, which is then not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The entry before the first of them; `None` at the beginning of the log.
    pub after: Option<Position>,
    hash: String,
}

/// A text that is no [`Mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mark reads after/hash, such as 1-250/0123456789abcdef")]
pub struct MarkError;

impl Mark {
    /// That of these entries, which follow one another.
    pub fn of<'a>(after: Option<Position>, entries: impl IntoIterator<Item = &'a LogEntry>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for entry in entries {
            let record = entry.record.encode();
            hasher.update(&entry.epoch.to_le_bytes()).update(&entry.seq.to_le_bytes());
            hasher.update(&(record.len() as u64).to_le_bytes()).update(&record);
        }
        Self { after, hash: hasher.finalize().to_hex()[..DIGITS].to_owned() }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, hash } = self;
        match after {
            Some(after) => write!(f, "{after}/{hash}"),
            None => write!(f, "/{hash}"),
        }
    }
}

impl FromStr for Mark {
    type Err = MarkError;

    fn from_str(text: &str) -> Result<Self, MarkError> {
        let (after, hash) = text.split_once('/').ok_or(MarkError)?;
        let after = match after {
            "" => None,
            after => Some(after.parse().map_err(|_| MarkError)?),
        };
        let is_hash = hash.len() == DIGITS && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hash.then(|| Self { after, hash: hash.to_owned() }).ok_or(MarkError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::random_log;

    #[test]
    fn any_entry_counts_and_so_does_its_place() {
        let log = random_log(5, 40);
        let mark = Mark::of(None, &log);
        assert_ne!(mark, Mark::of(None, &log[1..]));
        assert_ne!(mark, Mark::of(Some(Position { epoch: 1, seq: 0 }), &log));
        let mut other = log.clone();
        other[0].seq += 1;
        assert_ne!(mark, Mark::of(None, &other));
        other = log.clone();
        other[3].record = log[4].record.clone();
        assert_ne!(mark, Mark::of(None, &other));
    }

    #[test]
    fn it_is_read_from_its_text_alone() {
        for after in [None, Some(Position { epoch: 2, seq: 7 })] {
            let mark = Mark::of(after, &random_log(5, 4));
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
        for text in ["", "0123456789abcdef", "/0123", "1-/0123456789abcdef", "/0123456789abcdeg"] {
            assert_eq!(text.parse::<Mark>(), Err(MarkError), "{text}");
        }
    }
}
