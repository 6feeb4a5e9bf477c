//! Followers, whole runs and the server are killed: the graph is the same.

use crate::broker;
use crate::database::Neo4j;
use crate::support::{run, store};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use vokg::config::Config;
use vokg::jobs::Disturbance;

/// How often the long form does what the short one does less often.
fn times(short: u32, long: u32) -> u32 {
    if std::env::var_os("VOKG_LONG").is_some() { long } else { short }
}

/// The follower is killed while it writes, again and again.
#[test]
fn what_kill_9_interrupts_is_written_once() {
    let Some(neo4j) = Neo4j::find("kill") else { return };
    let clip = neo4j.clip("street", Some(10.0));
    run(&[clip], &neo4j.data(), &Config::default(), &Disturbance::default());
    let stream = store(&neo4j.data()).streams().unwrap()[0].clone();
    let (name, last) = (stream.name.as_str(), stream.head.next_seq - 1);
    let (turns, mut interrupted) = (times(6, 40), 0);
    for turn in 0..turns {
        neo4j.forget(name);
        let mut child = neo4j.follow();
        neo4j.await_written(name, 1 + u64::from(turn) * 37 % (last * 2 / 3), &mut child);
        std::thread::sleep(Duration::from_millis(u64::from(turn * 7 % 20)));
        child.kill().unwrap();
        child.wait().unwrap();
        interrupted += u32::from(neo4j.written(name).unwrap() < last);
        assert!(neo4j.follow().wait().unwrap().success());
        neo4j.assert_holds(true);
    }
    assert!(interrupted * 2 > turns, "{interrupted} of {turns} kills came in the midst");
}

/// Whole runs are killed at random, with Kafka and Neo4j attached, until each input is done. Each run after a kill waits
/// for the servers to give up the transaction of the one before, which takes minutes in all.
#[test]
fn runs_that_are_killed_at_random_tell_both_targets_once() {
    if std::env::var_os("VOKG_LONG").is_none() {
        eprintln!("SKIPPED: kills with both servers attached are part of the long form, VOKG_LONG=1");
        return;
    }
    let Some(neo4j) = Neo4j::find("killed") else { return };
    let Some(brokers) = broker::broker() else { return };
    let mut both = neo4j.config(true);
    both.sinks.kafka = broker::config(&brokers, "killed").sinks.kafka;
    let toml = std::fs::read_to_string(broker::config_file(neo4j.dir.path(), &both)).unwrap();
    let toml = format!("[sinks]\ndrain_secs = 120.0\n[sinks.neo4j.graph]\nuri = \"{}\"\n{toml}", neo4j.uri);
    let path = neo4j.dir.path().join("both.toml");
    std::fs::write(&path, toml).unwrap();
    let street = neo4j.clip("street", None);
    let begin = |clip: &Path| {
        let mut command = neo4j.vokg(&["run", "-q", "--config", path.to_str().unwrap()]);
        command.arg(clip).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    assert!(begin(&street).wait().unwrap().success());
    let mut took = begun.elapsed();
    let (mut killed, mut inputs) = (0, 0);
    while killed < 100 {
        inputs += 1;
        let clip = street.with_file_name(format!("{}-street-{inputs}.mp4", neo4j.prefix));
        std::fs::copy(&street, &clip).unwrap();
        for run in 0.. {
            let begun = Instant::now();
            let mut child = begin(&clip);
            let until = begun + took.mul_f64(f64::from(killed * 389 % 100) / 100.0);
            let mut ended = None;
            while ended.is_none() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
                ended = child.try_wait().unwrap();
            }
            if let Some(status) = ended {
                assert!(status.success(), "{status}");
                if run == 0 {
                    took = took.min(begun.elapsed());
                }
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
            if killed % 8 == 0 {
                assert!(begin(&clip).wait().unwrap().success());
                break;
            }
        }
    }
    let streams = store(&neo4j.data()).streams().unwrap();
    let digests: BTreeSet<_> = streams.iter().map(|stream| stream.head.digest.to_string()).collect();
    println!("{killed} kills over {inputs} inputs, an undisturbed run takes {:.1} s", took.as_secs_f64());
    assert_eq!((streams.len(), digests.len()), (inputs + 1, 1), "all are the same film");
    assert_eq!(broker::logs(broker::kafka(&both)), broker::stored(&store(&neo4j.data())));
    neo4j.assert_holds(true);
}

/// The server is killed while it is written to, a moment or some dozens of entries at a time, and comes back with what it had.
#[test]
fn a_server_that_dies_holds_the_same_graph_when_it_is_back() {
    let Some(neo4j) = Neo4j::find("crash") else { return };
    let by_default = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/services");
    let services = std::env::var_os("VOKG_SERVICES").map_or_else(by_default, PathBuf::from);
    if !services.join("neo4j/pid").exists() {
        eprintln!("SKIPPED: the server of VOKG_TEST_NEO4J was not started by scripts/services.sh and cannot be killed");
        return;
    }
    let clip = neo4j.clip("street", Some(10.0));
    run(&[clip], &neo4j.data(), &Config::default(), &Disturbance::default());
    let stream = store(&neo4j.data()).streams().unwrap()[0].clone();
    let (name, entries) = (stream.name.as_str(), stream.head.next_seq);
    for turn in 0..times(1, 10) {
        neo4j.forget(name);
        let mut child = neo4j.follow_in_batches(if turn % 2 == 0 { 1 } else { 40 });
        neo4j.await_written(name, 5 + u64::from(turn) * 37 % (entries / 2), &mut child);
        neo4j.crash(Duration::from_millis(300));
        assert!(child.wait().unwrap().success(), "it waits until the server is back, and goes on");
        neo4j.assert_holds(true);
    }
}
