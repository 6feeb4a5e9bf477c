//! What topics hold that the store no longer has.

use super::*;
use crate::store::StreamId;

/// Another generation of `clip`, whole.
fn begin_generation(writer: &Writer, generation: u8, log: &[LogEntry]) -> StreamId {
    let request = StreamRequest { config_hash: [generation; 32], ..request("clip") };
    let begun = writer.begin_stream(request, PROGRAM);
    let Ok(Begun::Fresh(stream)) = begun else { panic!("other settings make a generation: {begun:?}") };
    let whole = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(stream.id, log.to_vec()) };
    writer.commit(&[whole]).expect("the log keeps every promise");
    stream.id
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A stream that another generation has replaced is taken back once that one is told, however often this is
    /// interrupted: no value of it is left, and readers of the log are told to forget it, after all that was said of it.
    #[test]
    fn what_was_replaced_is_taken_back(seed: u64) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let broker: Arc<Mutex<Broker>> = Arc::default();
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let logs = [1, 2].map(|salt| random_log(seed ^ salt, 40));
        let mut latest = None;
        for (generation, log) in logs.iter().enumerate() {
            latest = Some(begin_generation(&writer, generation as u8, log));
            // A piece is taken back, or two, and the process dies.
            for _ in 0..chance.next_u32() % 8 {
                let mut sink = follower(writer.store(), Client::new(&broker, chance.next_u64()), dir.path());
                for _ in 0..chance.next_u32() % 40 {
                    sink.step();
                }
            }
            until_caught_up(&mut follower(writer.store(), Client::new(&broker, chance.next_u64()), dir.path()));
        }
        let broker = broker.lock().expect("nobody panicked");
        let graph = writer.store().graph(latest.expect("there are two"), None, None).expect("the store is whole");
        let name = StreamName::slug("clip.g2");
        let vertices = graph.vertices.keys().map(|key| key.external(&name));
        let wanted: BTreeSet<String> = vertices.chain(graph.edges.keys().map(|id| id.external(&name))).collect();
        prop_assert_eq!(broker.state(None), wanted);
        for topic in [Topic::Deltas, Topic::Final] {
            let of_old = |record: &&KafkaRecord| {
                record.key.strip_prefix("~progress/").unwrap_or(&record.key).split('/').next() == Some("clip")
            };
            let markers: Vec<_> = broker.of(topic).filter(|record| record.value.is_none()).collect();
            prop_assert_eq!(markers.len(), 1, "{:?}", topic);
            prop_assert_eq!(broker.of(topic).rfind(of_old), Some(markers[0]), "{:?}", topic);
        }
        let mut left = BTreeSet::new();
        for record in broker.of(Topic::Progress) {
            match record.value {
                Some(_) => left.insert(record.key.as_str()),
                None => left.remove(record.key.as_str()),
            };
        }
        prop_assert_eq!(left.into_iter().collect::<Vec<_>>(), vec!["clip.g2"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A stream of the same name and another number is told from its beginning, once the one before it is forgotten.
    #[test]
    fn what_was_begun_anew_is_told_after_the_other_is_taken_back(seed: u64) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let writer = open(dir.path());
        let broker: Arc<Mutex<Broker>> = Arc::default();
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut log = Vec::new();
        for salt in [1, 2] {
            if let Some(old) = writer.store().find_stream("clip").expect("the store is whole") {
                writer.drop_stream(old.id).expect("it has ended");
            }
            log = random_log(seed ^ salt, 40);
            let whole = StreamBatch::of_entries(begin(&writer, "clip"), log.clone());
            writer.commit(&[StreamBatch { outcome: Some(complete()), ..whole }]).expect("the log keeps every promise");
            until_caught_up(&mut follower(writer.store(), Client::new(&broker, chance.next_u64()), dir.path()));
        }
        let broker = broker.lock().expect("nobody panicked");
        let marker = broker.committed.iter().position(|record| {
            record.topic == Topic::Deltas && record.key == "~progress/clip" && record.value.is_none()
        });
        let since = Broker { committed: broker.committed[marker.expect("it was forgotten")..].to_vec(), session: 0 };
        prop_assert_eq!(lines_in(&since, Topic::Deltas, "clip"), lines_of("clip", &log));
        prop_assert_eq!(lines_in(&since, Topic::Final, "clip"), lines_of("clip", &finals_of(&log)));
    }
}

/// Whoever reads a topic that is not written any more would keep the stream for ever.
#[test]
fn what_is_taken_back_is_taken_from_every_topic_that_holds_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let broker: Arc<Mutex<Broker>> = Arc::default();
    for (generation, written) in
        [Written { state: true, finals: Some(MARGIN_US) }, Written::default()].into_iter().enumerate()
    {
        begin_generation(&writer, generation as u8, &random_log(1, 40));
        let client = Client::new(&broker, generation as u64);
        until_caught_up(&mut follower_from(StartFrom::Beginning, written, writer.store(), client, dir.path()));
    }
    let broker = broker.lock().expect("nobody panicked");
    assert_eq!(broker.state(None), BTreeSet::new());
    for topic in [Topic::Deltas, Topic::Final] {
        let last = broker.of(topic).rfind(|record| record.key == "~progress/clip").map(|record| record.value.is_none());
        assert_eq!(last, Some(true), "{topic:?}");
    }
}

/// A stream that is told to its end takes the place of another at once, also where there is much to tell of others.
#[test]
fn what_was_replaced_does_not_wait_for_others() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let broker: Arc<Mutex<Broker>> = Arc::default();
    begin_generation(&writer, 0, &random_log(1, 10));
    until_caught_up(&mut follower(writer.store(), Client::new(&broker, 1), dir.path()));
    begin_generation(&writer, 1, &random_log(1, 10));
    let long = random_log(3, 400);
    writer
        .commit(&[StreamBatch::of_entries(begin(&writer, "long"), long.clone())])
        .expect("the log keeps every promise");
    let mut sink = follower(writer.store(), Client::new(&broker, 2), dir.path());
    let is_gone = (0..1000).any(|_| {
        assert_ne!(sink.step(), Step::CaughtUp);
        let broker = broker.lock().expect("nobody panicked");
        broker.of(Topic::Progress).any(|record| record.key == "clip" && record.value.is_none())
    });
    assert!(is_gone);
    let broker = broker.lock().expect("nobody panicked");
    assert!(lines_in(&broker, Topic::Deltas, "long").len() < long.len());
}

/// Streams that it has not begun are not gone.
#[test]
fn a_store_that_is_an_older_copy_takes_nothing_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let broker: Arc<Mutex<Broker>> = Arc::default();
    let step = |name: &str, streams: &[&str], seed| {
        let dir = dir.path().join(name);
        let writer = open(&dir);
        for name in streams {
            let whole = StreamBatch::of_entries(begin(&writer, name), random_log(1, 10));
            writer.commit(&[StreamBatch { outcome: Some(complete()), ..whole }]).expect("the log keeps every promise");
        }
        let mut sink = follower(writer.store(), Client::new(&broker, seed), &dir);
        (0..10_000).map(|_| sink.step()).find(|step| matches!(step, Step::CaughtUp | Step::Failed(_)))
    };
    assert_eq!(step("store", &["a", "b"], 1), Some(Step::CaughtUp));
    let told = broker.lock().expect("nobody panicked").committed.clone();
    // Also one that has gone on with something else since.
    for (copy, streams) in [("copy", &["a"][..]), ("other", &["a", "c"])] {
        let older = step(copy, streams, 2);
        assert!(matches!(&older, Some(Step::Failed(reason)) if reason.contains("an older copy")), "{older:?}");
        assert_eq!(broker.lock().expect("nobody panicked").committed, told);
    }
}
