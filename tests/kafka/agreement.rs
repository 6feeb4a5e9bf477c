//! Topics of which somebody has deleted one: nothing is told twice, and nothing is taken for told that is not there.

use crate::broker::{broker, config, delete, drop_records, kafka, logs, stored};
use crate::support::{clip, run, store};
use std::sync::atomic::AtomicBool;
use vokg::jobs::Disturbance;
use vokg::sinks::Sinks;
use vokg_connectors::follow::SinkState;

#[test]
fn records_that_a_broker_drops_are_no_deleted_topic() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (config(&brokers, "dropped"), dir.path().join("data"));
    let clips = ["near", "crossing"].map(|scene| clip(dir.path(), scene, None).0);
    run(&clips[..1], &data, &config, &Disturbance::default());
    drop_records(&brokers, &kafka(&config).topic("deltas"), 3);
    assert!(logs(kafka(&config)).is_empty());
    let told = run(&clips, &data, &config, &Disturbance::default());
    assert_eq!(told.sinks[0].status.state, SinkState::CaughtUp, "{:?}", told.sinks);
    let (stored, told) = (stored(&store(&data)), logs(kafka(&config)));
    assert!(told.len() == 1 && told.iter().all(|(stream, log)| stored[stream] == *log), "{:?}", told.keys());
}

#[test]
fn a_topic_that_was_deleted_beside_the_others_is_refused() {
    let Some(brokers) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = clip(dir.path(), "near", None).0;
    for (lost, other) in [("deltas", "progress"), ("progress", "deltas"), ("state", "progress"), ("final", "progress")]
    {
        let (config, data) = (config(&brokers, &format!("lost-{lost}")), dir.path().join(lost));
        let finished = run(std::slice::from_ref(&clip), &data, &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        let store = store(&data);
        let follow = || Sinks::start(&config, &[], &store, &data).unwrap().finish(&AtomicBool::new(false));
        delete(&brokers, &[kafka(&config).topic(lost)]);
        let told = follow();
        let SinkState::Failed(reason) = &told[0].status.state else { panic!("{told:?}") };
        let name = |part| kafka(&config).topic(part);
        assert!(reason.contains(&name(lost)) && reason.contains(&name(other)), "{reason}");
        // The way out that it names.
        delete(&brokers, &["deltas", "progress", "state", "final"].map(name));
        let told = follow();
        assert_eq!(told[0].status.state, SinkState::CaughtUp, "{told:?}");
        assert_eq!(logs(kafka(&config)), stored(&store));
    }
}
