//! A store that was restored from a copy, or another one, does not go on from what a target holds of the first.

use super::*;
use vokg_engine::delta::{Delta, Element};

/// The same log, but for the last edge in it; its last entry is the same.
fn otherwise(log: &[LogEntry]) -> Vec<LogEntry> {
    let mut other = log.to_vec();
    let edge = other.iter_mut().rev().find_map(|entry| match &mut entry.record {
        Record::Delta(Delta { element: Element::Edge(edge), .. }) => Some(edge),
        _ => None,
    });
    edge.expect("there are some").confidence_milli += 1;
    other
}

#[test]
fn a_target_filled_from_another_store_is_not_written_to() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = begin(&writer, "clip");
    let batch = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream, random_log(1, 20)) };
    writer.commit(&[batch]).expect("the log keeps every promise");
    let held: Arc<Mutex<Held>> = Arc::default();
    let far = Position { epoch: 1, seq: 1_000_000 };
    held.lock().expect("nobody panicked").told.insert(StreamName::slug("clip"), Told { at: far, mark: None });
    let step = follower(writer.store(), Model::open(&held, 1, false), dir.path(), 7).step();
    assert!(matches!(&step, Step::Failed(reason) if reason.contains("another store")), "{step:?}");
}

/// A copy of the store went on otherwise, and is put in its place.
#[test]
fn another_history_is_not_told_on_top_of_what_the_target_holds() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let held = Arc::default();
    let told = |name: &str, log: &[LogEntry]| {
        let dir = dir.path().join(name);
        let writer = open(&dir);
        let stream = begin(&writer, "clip");
        commit(&writer, stream, log.to_vec());
        let mut reader = follower(writer.store(), Model::open(&held, 1, false), &dir, 7);
        (0..10_000).map(|_| reader.step()).find(|step| matches!(step, Step::CaughtUp | Step::Failed(_)))
    };
    let log = settling_log(20);
    assert!(matches!(told("one", &log), Some(Step::CaughtUp)));
    // Of the same length, and alike at the end.
    let alike = otherwise(&log);
    assert_eq!(alike.last(), log.last());
    for (name, other) in [("alike", alike), ("random", random_log(6, 60))] {
        let step = told(name, &other);
        assert!(matches!(&step, Some(Step::Failed(reason)) if reason.contains("other entries")), "{step:?}");
        assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug("clip")], log);
    }
    // One that says the same and more goes on from there.
    let longer = settling_log(60);
    assert!(matches!(told("longer", &longer), Some(Step::CaughtUp)));
    assert_eq!(held.lock().expect("nobody panicked").logs[&StreamName::slug("clip")], longer);
}

/// A copy of a stream that had not ended goes on as the target was told, or otherwise, or ends before.
#[test]
fn a_log_that_is_behind_the_target_is_compared_once_it_gets_there() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (log, name) = (settling_log(20), StreamName::slug("clip"));
    let held = Arc::new(Mutex::new(Held::default()));
    let told = Told { at: Position::of(&log[log.len() - 1]), mark: Some(Mark::of(None, &log)) };
    let moments = settling_log(10).len();
    let other = otherwise(&log);
    for (case, rest, ends, refused) in [
        ("alike", &log[moments..], false, None),
        ("otherwise", &other[moments..], false, Some("other entries")),
        ("before", &[][..], true, Some("another store")),
    ] {
        let mut target = Held { writer: 1, ..Held::default() };
        target.logs.insert(name.clone(), log.clone());
        target.told.insert(name.clone(), told.clone());
        *held.lock().expect("nobody panicked") = target;
        let dir = dir.path().join(case);
        let writer = open(&dir);
        let stream = begin(&writer, "clip");
        commit(&writer, stream, log[..moments].to_vec());
        let mut reader = follower(writer.store(), Model::open(&held, 1, false), &dir, 1_000);
        until_caught_up(&mut reader);
        let outcome = ends.then(|| Outcome { ending: Ending::Failed("its file was cut short".into()), ..complete() });
        let batch = StreamBatch { outcome, ..StreamBatch::of_entries(stream, rest.to_vec()) };
        writer.commit(&[batch]).expect("the log keeps every promise");
        std::thread::sleep(Duration::from_millis(250));
        let step = (0..100).map(|_| reader.step()).find(|step| matches!(step, Step::CaughtUp | Step::Failed(_)));
        match (&step, refused) {
            (Some(Step::CaughtUp), None) => {}
            (Some(Step::Failed(reason)), Some(words)) if reason.contains(words) => {}
            _ => panic!("{case}: {step:?}"),
        }
        assert_eq!(held.lock().expect("nobody panicked").logs[&name], log, "{case}");
    }
}
