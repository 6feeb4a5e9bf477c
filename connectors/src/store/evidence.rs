//! The evidence that interactions rest on, so that a correction by hand can be computed long after the stream.

use super::commit::StreamBatch;
use super::error::{CommitError, ReadError};
use super::open::Store;
use super::schema::{EVIDENCE, from_row, to_row};
use super::stream::StreamId;
use redb::{TableError, WriteTransaction};
use std::collections::BTreeMap;
use vokg_engine::evidence::EvidenceSpan;

/// What became of the span with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvidenceChange {
    /// Which span.
    pub number: u32,
    /// Its value now; `None` where it was withdrawn.
    pub span: Option<EvidenceSpan>,
}

impl EvidenceChange {
    /// What the changes of one time add up to, ascending by number: a span that came (+1) has its value, one that only
    /// went (−1) has none.
    pub fn net(changes: impl IntoIterator<Item = (EvidenceSpan, isize)>) -> Vec<Self> {
        let mut sums: BTreeMap<EvidenceSpan, isize> = BTreeMap::new();
        changes.into_iter().for_each(|(span, diff)| *sums.entry(span).or_default() += diff);
        let mut net: BTreeMap<u32, Option<EvidenceSpan>> = BTreeMap::new();
        net.extend(sums.iter().filter(|(_, sum)| **sum < 0).map(|(span, _)| (span.number, None)));
        net.extend(sums.iter().filter(|(_, sum)| **sum > 0).map(|(span, _)| (span.number, Some(*span))));
        net.into_iter().map(|(number, span)| Self { number, span }).collect()
    }
}

impl Store {
    /// The evidence of a stream, ascending by number. A stream from before evidence was kept has none.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn evidence(&self, stream: StreamId) -> Result<Vec<EvidenceSpan>, ReadError> {
        let table = match self.read()?.open_table(EVIDENCE) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            table => table?,
        };
        let rows = table.range((stream.0, 0)..=(stream.0, u32::MAX))?;
        rows.map(|row| from_row("evidence", row?.1.value())).collect()
    }
}

/// Stores what became of the evidence of a batch.
pub(super) fn store_evidence(transaction: &WriteTransaction, batch: &StreamBatch) -> Result<(), CommitError> {
    if batch.evidence.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(EVIDENCE)?;
    for EvidenceChange { number, span } in &batch.evidence {
        let key = (batch.stream.0, *number);
        match span {
            Some(span) => table.insert(key, to_row(span).as_slice())?,
            None => table.remove(key)?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::{begin, open};
    use vokg_engine::evidence::{Detail, RelationKind};
    use vokg_engine::id::TrackId;

    fn span(number: u32, to_us: Option<u64>) -> EvidenceSpan {
        EvidenceSpan {
            kind: RelationKind::NEAR,
            a: TrackId(1),
            b: TrackId(2),
            from_us: 5,
            number,
            to_us,
            confidence_milli: 700,
            detail: Detail { lag_ms: Some(40), ..Detail::default() },
        }
    }

    #[test]
    fn a_span_restated_is_kept_and_one_withdrawn_is_gone() {
        let changes = [(span(1, None), -1), (span(1, Some(9)), 1), (span(2, None), -1), (span(3, None), 1)];
        let restated = EvidenceChange { number: 1, span: Some(span(1, Some(9))) };
        let begun = EvidenceChange { number: 3, span: Some(span(3, None)) };
        let expected = [restated, EvidenceChange { number: 2, span: None }, begun];
        assert_eq!(EvidenceChange::net(changes), expected);
        assert_eq!(EvidenceChange::net(changes.into_iter().rev()), expected, "the order of arrival does not matter");
        assert_eq!(EvidenceChange::net([(span(1, None), 1), (span(1, None), -1)]), []);
    }

    #[test]
    fn evidence_comes_back_as_it_was_last_stated() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let [stream, other] = ["clip", "other"].map(|name| begin(&writer, name));
        let commit = |changes: &[(EvidenceSpan, isize)]| {
            let evidence = EvidenceChange::net(changes.iter().copied());
            let batch = StreamBatch { evidence, ..StreamBatch::of_entries(stream, vec![]) };
            writer.commit(&[batch]).expect("the disk has room");
        };
        commit(&[(span(2, None), 1), (span(1, None), 1)]);
        commit(&[(span(1, None), -1), (span(1, Some(9)), 1)]);
        let evidence = |stream| writer.store().evidence(stream).expect("the store is whole");
        assert_eq!(evidence(stream), [span(1, Some(9)), span(2, None)]);
        commit(&[(span(2, None), -1)]);
        assert_eq!(evidence(stream), [span(1, Some(9))]);
        assert_eq!(evidence(other), []);
    }

    #[test]
    fn a_store_from_before_evidence_was_kept_has_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let transaction = writer.begin_write().expect("the store is whole");
        transaction.delete_table(EVIDENCE).expect("it is there");
        transaction.commit().expect("the disk has room");
        assert_eq!(writer.store().evidence(stream).expect("the store is whole"), []);
    }
}
