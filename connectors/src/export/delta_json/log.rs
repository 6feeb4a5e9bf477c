//! A whole log of lines: read with a limit on each line, checked for gaps, and condensed to its digest.

use super::{Line, ParseError, parse_line};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use vokg_engine::id::StreamName;
use vokg_engine::record::Digest;

/// The longest line that is read, in bytes. A record of a million corrected tracks would not fit; none is near it.
pub const MAX_LINE_BYTES: u64 = 16 << 20;

/// Why a log of lines cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Reading failed.
    #[error("line {line} cannot be read: {reason}")]
    Read {
        /// Which line, from 1.
        line: u64,
        /// What the operating system says.
        reason: io::Error,
    },
    /// A line is longer than any record.
    #[error("line {line} is longer than {MAX_LINE_BYTES} bytes, this is no delta log")]
    Length {
        /// Which line, from 1.
        line: u64,
    },
    /// A line is no record.
    #[error("line {line}: {reason}")]
    Parse {
        /// Which line, from 1.
        line: u64,
        /// Why.
        reason: ParseError,
    },
    /// A record is missing, doubled or out of order.
    #[error("line {line}: {stream} is at epoch {epoch}, seq {seq}, expected {expected}")]
    Gap {
        /// Which line, from 1.
        line: u64,
        /// Whose log.
        stream: StreamName,
        /// The epoch found.
        epoch: u32,
        /// The place found.
        seq: u64,
        /// What may stand there.
        expected: String,
    },
}

/// The records of a log of lines, in its order; the logs of several streams may be interleaved. Ends after an error.
pub fn read_lines(mut input: impl BufRead) -> impl Iterator<Item = Result<Line, LogError>> {
    let (mut line, mut failed, mut buffer) = (0, false, Vec::new());
    std::iter::from_fn(move || {
        if failed {
            return None;
        }
        line += 1;
        let result = next_line(&mut input, &mut buffer, line).transpose();
        failed = matches!(result, Some(Err(_)));
        result
    })
}

fn next_line(input: &mut impl BufRead, buffer: &mut Vec<u8>, line: u64) -> Result<Option<Line>, LogError> {
    buffer.clear();
    let read = input.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', buffer);
    if read.map_err(|reason| LogError::Read { line, reason })? == 0 {
        return Ok(None);
    }
    if buffer.len() as u64 > MAX_LINE_BYTES {
        return Err(LogError::Length { line });
    }
    let text = std::str::from_utf8(buffer)
        .map_err(|reason| LogError::Read { line, reason: io::Error::new(io::ErrorKind::InvalidData, reason) })?;
    parse_line(text).map(Some).map_err(|reason| LogError::Parse { line, reason })
}

/// The digest of each stream's log, equal to the one its store has.
///
/// # Errors
/// Where a line cannot be read, and where `seq` shows that one is missing.
pub fn digests(input: impl BufRead) -> Result<BTreeMap<StreamName, Digest>, LogError> {
    const DROPPED: &str = "; retention may have dropped the beginning of the log, without which it has no digest: \
                           compare data directories instead";
    let mut logs: BTreeMap<StreamName, (Digest, u32, u64)> = BTreeMap::new();
    for (line, read) in (1..).zip(read_lines(input)) {
        let Line { stream, entry, .. } = read?;
        let is_first = !logs.contains_key(&stream);
        let (digest, epoch, next) = logs.entry(stream.clone()).or_insert((Digest::default(), entry.epoch, 0));
        let follows = entry.epoch == *epoch && entry.seq == *next;
        let begins = entry.epoch > *epoch && entry.seq == 0;
        if !follows && !begins {
            let dropped = if is_first { DROPPED } else { "" };
            let expected = format!("epoch {epoch}, seq {next}, or seq 0 of a later epoch{dropped}");
            return Err(LogError::Gap { line, stream, epoch: entry.epoch, seq: entry.seq, expected });
        }
        digest.extend(entry.epoch, entry.seq, &entry.record.encode());
        (*epoch, *next) = (entry.epoch, entry.seq + 1);
    }
    Ok(logs.into_iter().map(|(stream, (digest, ..))| (stream, digest)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_digest_of_the_lines_is_that_of_the_records() {
        let (text, digest) = (samples::story_lines(), samples::story_digest());
        assert_eq!(digests(text.as_bytes()).unwrap(), BTreeMap::from([(samples::stream(), digest)]));
    }

    #[test]
    fn a_missing_line_is_named() {
        let text = samples::story_lines();
        let without_third: String =
            text.lines().enumerate().filter(|(i, _)| *i != 2).map(|(_, l)| l.to_owned() + "\n").collect();
        let error = digests(without_third.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "line 3: gate is at epoch 1, seq 3, expected epoch 1, seq 2, or seq 0 of a later epoch");
    }

    #[test]
    fn a_log_without_its_beginning_is_told_from_one_with_a_hole() {
        let text = samples::story_lines();
        let without_first: String = text.lines().skip(1).map(|line| line.to_owned() + "\n").collect();
        let error = digests(without_first.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("line 1: gate is at epoch 1, seq 1, expected epoch 1, seq 0"), "{error}");
        assert!(error.contains("retention may have dropped the beginning"), "{error}");
    }

    #[test]
    fn reading_ends_at_the_first_line_that_is_no_record() {
        let text = format!("{}not json\n{}", samples::story_lines(), samples::story_lines());
        let read: Vec<_> = read_lines(text.as_bytes()).collect();
        assert_eq!(read.len(), samples::story_lines().lines().count() + 1);
        assert!(matches!(read.last(), Some(Err(LogError::Parse { .. }))));
    }

    #[test]
    fn an_endless_line_is_refused_without_being_held() {
        let endless = io::BufReader::new(io::repeat(b' '));
        assert!(matches!(digests(endless), Err(LogError::Length { line: 1 })));
    }
}
