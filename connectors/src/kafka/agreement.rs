//! Whether the topics hold what `progress` says: they are the cluster's, and anybody may delete one or make it anew.

use super::murmur2::partition_of;
use super::records::Topic;
use super::transaction_log::Cursor;
use std::collections::{BTreeMap, BTreeSet};

/// The partitions of `deltas` that hold a stream by these cursors, each with one that is told of there: whatever moves a cursor,
/// a snapshot too, writes there as well.
pub(super) fn told_in(cursors: &BTreeMap<String, Cursor>) -> BTreeMap<u32, &str> {
    let told = cursors.iter().filter(|(_, cursor)| !cursor.leaves);
    told.map(|(stream, cursor)| (partition_of(stream, cursor.partitions), stream.as_str())).collect()
}

/// What is wrong where these partitions of `deltas` were never written to, though a stream was told there.
pub(super) fn lost(
    told: &BTreeMap<u32, &str>,
    unwritten: &BTreeSet<u32>,
    name: impl Fn(Topic) -> String,
) -> Option<String> {
    let (partition, stream) = told.iter().find(|(partition, _)| unwritten.contains(partition))?;
    Some(format!(
        "{} says that {stream} was told, and partition {partition} of {} was never written to, so it was deleted and made anew; \
         use another topic_prefix, or delete all topics of this one, for all to be told again",
        name(Topic::Progress),
        name(Topic::Deltas)
    ))
}

/// What is wrong where `progress` was never written to and `deltas` holds records.
pub(super) fn forgotten(name: impl Fn(Topic) -> String) -> String {
    format!(
        "{} holds records and {} was never written to, so what was told is not known and would be told twice; use another \
         topic_prefix, or delete all topics of this one, for all to be told again",
        name(Topic::Deltas),
        name(Topic::Progress)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(leaves: bool) -> Cursor {
        let (instance, mark) = (String::new(), None);
        Cursor { instance, epoch: 1, seq: 9, partitions: 1, margin_us: None, number: None, mark, state: None, leaves }
    }

    #[test]
    fn a_stream_that_was_told_has_records() {
        let name = |topic: Topic| format!("vokg.{}", topic.part());
        let cursors = BTreeMap::from([("yard".to_owned(), cursor(false))]);
        let told = told_in(&cursors);
        assert_eq!(told, BTreeMap::from([(0, "yard")]));
        assert_eq!(lost(&told, &BTreeSet::from([3]), name), None);
        let complaint = lost(&told, &BTreeSet::from([0]), name).expect("nothing is there");
        assert!(complaint.contains("yard") && complaint.contains("vokg.deltas"), "{complaint}");
        let leaving = BTreeMap::from([("yard".to_owned(), cursor(true))]);
        assert_eq!(told_in(&leaving), BTreeMap::new(), "what is taken back may be gone already");
    }
}
