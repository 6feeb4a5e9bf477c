//! What the broker never takes.

use super::*;
use crate::export::delta_json::external_id;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Where the broker takes no large record, each of these has something else in its place, also after a restart: nothing
    /// is missing, and no value is left that has since been replaced.
    #[test]
    fn what_the_broker_never_takes_has_its_place_all_the_same(seed: u64, share in 0.2f64..0.9) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let stream = begin(&writer, "clip");
        let log = random_log(seed, 40);
        let lines = lines_of("clip", &log);
        let mut sizes: Vec<usize> = lines.iter().map(String::len).collect();
        sizes.sort_unstable();
        // A cursor has some 200 bytes.
        let most = sizes[(sizes.len() as f64 * share) as usize].max(260);
        let broker: Arc<Mutex<Broker>> = Arc::default();
        for (turn, entries) in random_batches(seed, &log).into_iter().enumerate() {
            writer.commit(&[StreamBatch::of_entries(stream, entries)]).expect("the log keeps every promise");
            let client = Client { most, ..Client::new(&broker, seed ^ turn as u64) };
            until_caught_up(&mut follower(writer.store(), client, dir.path()));
        }
        let broker = broker.lock().expect("nobody panicked");
        let told = lines_in(&broker, Topic::Deltas, "clip");
        prop_assert_eq!(told.len(), log.len());
        let mut keys = BTreeSet::new();
        for ((entry, line), told) in log.iter().zip(&lines).zip(&told) {
            let Record::Delta(delta) = &entry.record else {
                prop_assert_eq!(told, line);
                continue;
            };
            let key = external_id(&delta.element, &StreamName::slug("clip"));
            keys.remove(&key);
            if line.len() > most {
                let place = format!("\"kind\":\"refused\",\"stream\":\"clip\",\"epoch\":{},\"seq\":{},", entry.epoch, entry.seq);
                prop_assert!(told.contains(&place) && told.contains(&key), "{} in the place of {}", told, line);
            } else {
                prop_assert_eq!(told, line);
                if delta.diff == Diff::Assert {
                    keys.insert(key);
                }
            }
        }
        prop_assert_eq!(broker.state(None), keys);
    }
}

#[test]
fn a_broker_that_takes_not_even_what_stands_for_a_large_record_stops_the_sink() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    writer.commit(&[StreamBatch::of_entries(stream, random_log(1, 10))]).expect("the log keeps every promise");
    let client = Client { most: 20, ..Client::new(&Arc::default(), 1) };
    let mut sink = follower(writer.store(), client, dir.path());
    let reason = why_it_fails(&mut sink);
    assert!(reason.contains("raise its max.message.bytes"), "{reason}");
}

#[test]
fn a_topic_of_finals_that_takes_less_than_that_of_deltas_stops_the_sink() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let log = settled_log(1, 40);
    writer.commit(&[StreamBatch::of_entries(stream, log)]).expect("the log keeps every promise");
    let client = Client {
        takes: |record| record.topic != Topic::Final || record.value.as_ref().is_none_or(|value| value.len() < 200),
        ..Client::new(&Arc::default(), 1)
    };
    let mut sink = follower(writer.store(), client, dir.path());
    let reason = why_it_fails(&mut sink);
    assert!(reason.contains("which that of deltas has taken") && reason.contains("max.message.bytes"), "{reason}");
}

/// What is said of an element in `final` may be refused after it was said there before.
#[test]
fn what_is_refused_has_its_place_in_final_too() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let log = settled_log(3, 60);
    let finals = finals_of(&log);
    let first = finals.iter().find(|entry| matches!(entry.record, Record::Delta(_))).expect("some come early").seq;
    writer.commit(&[StreamBatch::of_entries(stream, log)]).expect("the log keeps every promise");
    let broker: Arc<Mutex<Broker>> = Arc::default();
    let most = lines_of("clip", &finals)[0].len() - 1;
    let client = Client { most, ..Client::new(&broker, 1) };
    until_caught_up(&mut follower(writer.store(), client, dir.path()));
    let broker = broker.lock().expect("nobody panicked");
    let said = lines_in(&broker, Topic::Final, "clip");
    assert_eq!(said.len(), finals.len());
    assert!(
        said[0].contains(&format!("\"kind\":\"refused\",\"stream\":\"clip\",\"epoch\":1,\"seq\":{first},")),
        "{}",
        said[0]
    );
}
