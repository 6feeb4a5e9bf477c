//! Whether the topics hold what `progress` says: they are the cluster's, and anybody may delete one or make it anew.

use super::murmur2::partition_of;
use super::records::Topic;
use super::transaction_log::Cursor;
use std::collections::{BTreeMap, BTreeSet};

/// The partitions that hold a stream by these cursors, each with one that is told of there. Whatever moves a cursor, a
/// snapshot too, writes to `deltas`.
pub(super) fn told_in(cursors: &BTreeMap<String, Cursor>) -> BTreeMap<(Topic, u32), &str> {
    let told = cursors.iter().filter(|(_, cursor)| !cursor.leaves);
    let places = told.flat_map(|(stream, cursor)| {
        let partition = partition_of(stream, cursor.partitions);
        // What was not written the last time may have been deleted since, by right.
        let also_in = cursor.also_in.iter().copied().filter(|topic| cursor.is_told_in(*topic));
        let topics = also_in.chain([Topic::Deltas]);
        topics.map(move |topic| ((topic, partition), stream.as_str()))
    });
    places.collect()
}

/// What is wrong where these partitions were never written to, though a stream was told there.
pub(super) fn lost(
    told: &BTreeMap<(Topic, u32), &str>,
    unwritten: &BTreeSet<(Topic, u32)>,
    name: impl Fn(Topic) -> String,
) -> Option<String> {
    let ((topic, partition), stream) = told.iter().find(|(place, _)| unwritten.contains(place))?;
    Some(format!(
        "{} says that {stream} was told, and partition {partition} of {} was never written to, so it was deleted and made anew; \
         use another topic_prefix, or delete all topics of this one, for all to be told again",
        name(Topic::Progress),
        name(*topic)
    ))
}

/// What is wrong where `progress` was never written to and another topic holds records.
pub(super) fn forgotten(topic: Topic, name: impl Fn(Topic) -> String) -> String {
    format!(
        "{} holds records and {} was never written to, so what was told is not known and would be told twice; use another \
         topic_prefix, or delete all topics of this one, for all to be told again",
        name(topic),
        name(Topic::Progress)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(also_in: &[Topic], leaves: bool) -> Cursor {
        let (instance, mark, also_in) = (String::new(), None, also_in.iter().copied().collect());
        let (margin_us, number, state) = (None, None, Some(true));
        Cursor { instance, epoch: 1, seq: 9, partitions: 1, margin_us, number, mark, state, also_in, leaves }
    }

    #[test]
    fn a_stream_that_was_told_has_records_wherever_its_cursor_says() {
        let name = |topic: Topic| format!("vokg.{}", topic.part());
        let cursors = BTreeMap::from([("yard".to_owned(), cursor(&[Topic::State], false))]);
        let told = told_in(&cursors);
        assert_eq!(told, BTreeMap::from([((Topic::Deltas, 0), "yard"), ((Topic::State, 0), "yard")]));
        let unwritten_by_now = cursor(&[Topic::Final], false);
        let told_by_now = BTreeMap::from([("yard".to_owned(), unwritten_by_now)]);
        assert_eq!(told_in(&told_by_now), BTreeMap::from([((Topic::Deltas, 0), "yard")]), "final was turned off");
        let others = BTreeSet::from([(Topic::Deltas, 3), (Topic::Final, 0)]);
        assert_eq!(lost(&told, &others, name), None);
        for topic in [Topic::Deltas, Topic::State] {
            let complaint = lost(&told, &BTreeSet::from([(topic, 0)]), name).expect("nothing is there");
            assert!(complaint.contains("yard") && complaint.contains(&name(topic)), "{complaint}");
        }
        let leaving = BTreeMap::from([("yard".to_owned(), cursor(&[Topic::State], true))]);
        assert_eq!(told_in(&leaving), BTreeMap::new(), "what is taken back may be gone already");
    }

    #[test]
    fn what_an_earlier_vokg_wrote_tells_of_deltas_alone() {
        let line = br#"{"instance":"ab","epoch":1,"seq":9,"partitions":1,"state":true}"#;
        let cursor: Cursor = serde_json::from_slice(line).expect("it is a cursor");
        let cursors = BTreeMap::from([("yard".to_owned(), cursor)]);
        assert_eq!(told_in(&cursors), BTreeMap::from([((Topic::Deltas, 0), "yard")]));
    }
}
