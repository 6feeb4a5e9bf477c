//! What is told of a run, and what becomes of a sink.

use crate::database::Neo4j;
use crate::support::{run, store};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vokg::config::Config;
use vokg::jobs::Disturbance;
use vokg_connectors::follow::SinkState;

#[test]
fn a_run_tells_neo4j_its_graph_and_the_next_adds_only_what_is_new() {
    let Some(neo4j) = Neo4j::find("run") else { return };
    let config = neo4j.config(true);
    let clips = [("near", None), ("street", Some(8.0))].map(|(scene, seconds)| neo4j.clip(scene, seconds));
    let mut told = Vec::new();
    for clips in [&clips[..1], &clips[..], &clips[..]] {
        let finished = run(clips, &neo4j.data(), &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        told.push(finished.sinks[0].status.applied);
        neo4j.assert_holds(true);
    }
    assert!(told[0] > 0 && told[1] > 0 && told[2] == 0, "{told:?}");
    let street = store(&neo4j.data()).find_stream(&format!("{}-street", neo4j.prefix)).unwrap().unwrap();
    neo4j.merge_two(&street);
    assert!(neo4j.follow().wait().unwrap().success());
    neo4j.assert_holds(true);
    let stream = store(&neo4j.data()).streams().unwrap()[0].name.clone();
    // Without the projection the rest stays, and with it again it is whole.
    for interactions in [false, true] {
        let config = neo4j.config(interactions);
        let finished = run(&clips, &neo4j.data(), &config, &Disturbance::default());
        assert_eq!(finished.sinks[0].status.state, SinkState::CaughtUp, "{:?}", finished.sinks);
        neo4j.assert_holds(interactions);
        let count = neo4j.count("MATCH (i:Interaction {stream: $stream})", stream.as_str());
        assert_eq!(count > 0, interactions);
    }
}

#[test]
fn what_other_settings_replace_and_what_the_store_has_not_is_removed() {
    let Some(neo4j) = Neo4j::find("generation") else { return };
    let clip = neo4j.clip("near", None);
    let mut config = neo4j.config(true);
    run(std::slice::from_ref(&clip), &neo4j.data(), &config, &Disturbance::default());
    let first = store(&neo4j.data()).streams().unwrap()[0].name.to_string();
    assert!(neo4j.count("MATCH (n {stream: $stream})", &first) > 0);
    config.run.max_frames = Some(60);
    run(&[clip], &neo4j.data(), &config, &Disturbance::default());
    let second = store(&neo4j.data()).find_stream(&first).unwrap().unwrap();
    assert_eq!(second.name.as_str(), format!("{first}.g2"));
    assert_eq!(neo4j.held(second.name.as_str()), neo4j.fold(&second));
    assert_eq!(neo4j.count("MATCH (n {stream: $stream})", &first), 0);
    assert_eq!(neo4j.count("MATCH (n:VokgSink {stream: $stream})", &first), 0);
    let held = "MATCH (s:VokgSink {stream: $stream}) SET s.stream = s.stream + '.g3', s.number = 0 WITH s MATCH (n {stream: $stream}) \
                SET n.vokg_id = replace(n.vokg_id, $stream, $stream + '.g3'), n.stream = n.stream + '.g3' \
                RETURN count(*) AS count";
    assert!(neo4j.rows(held, second.name.as_str())[0]["count"].as_u64().unwrap() > 0);
    assert!(neo4j.follow().wait().unwrap().success());
    assert_eq!(neo4j.count("MATCH (n {stream: $stream + '.g3'})", second.name.as_str()), 0);
    assert_eq!(neo4j.held(second.name.as_str()), neo4j.fold(&second));
}

#[test]
fn every_query_of_the_documentation_runs() {
    let Some(neo4j) = Neo4j::find("docs") else { return };
    run(&[neo4j.clip("near", None)], &neo4j.data(), &neo4j.config(true), &Disturbance::default());
    let stream = store(&neo4j.data()).streams().unwrap()[0].name.clone();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/neo4j.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut answered = 0;
    for block in text.split("```cypher").skip(1) {
        let block = block.split("```").next().unwrap().replace("'yard'", &format!("'{stream}'"));
        let query: String = block.lines().filter(|line| !line.starts_with(":param")).collect::<Vec<_>>().join("\n");
        let query =
            query.trim().trim_end_matches(';').replace("$t", "2000000").replace("RETURN a, r, b", "RETURN a.name");
        answered += usize::from(!neo4j.rows(&query, stream.as_str()).is_empty());
    }
    assert!(answered >= 4, "{answered}");
}

/// A sink that is added later begins with the graph as it is; what is corrected afterwards follows from the log.
#[test]
fn a_sink_that_is_added_later_begins_with_a_snapshot() {
    let Some(neo4j) = Neo4j::find("snapshot") else { return };
    let clip = neo4j.clip("street", Some(8.0));
    run(&[clip], &neo4j.data(), &Config::default(), &Disturbance::default());
    let stream = store(&neo4j.data()).streams().unwrap()[0].clone();
    let follow = || {
        let (toml, from) = (neo4j.toml(), "sinks.neo4j.graph.from=snapshot");
        let mut command =
            neo4j.vokg(&["follow", "--once", "--json", "--set", from, "--config", toml.to_str().unwrap()]);
        let output = command.stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()[0]["applied"].as_u64().unwrap()
    };
    assert_eq!(follow(), 0, "no entry of the log is told");
    neo4j.assert_holds(true);
    let frontier = neo4j.rows("MATCH (s:VokgSink {stream: $stream}) RETURN s.frontier_us AS t", stream.name.as_str());
    assert!(frontier[0]["t"].as_u64().unwrap() > 7_000_000, "{frontier:?}");
    neo4j.merge_two(&stream);
    assert!(follow() > 0);
    neo4j.assert_holds(true);
}

/// From another process, while the sink writes.
#[test]
fn a_sink_that_is_paused_stands_still_until_it_is_resumed() {
    let Some(neo4j) = Neo4j::find("pause") else { return };
    let clip = neo4j.clip("street", Some(10.0));
    run(&[clip], &neo4j.data(), &Config::default(), &Disturbance::default());
    let stream = store(&neo4j.data()).streams().unwrap()[0].clone();
    let (name, last) = (stream.name.as_str(), stream.head.next_seq - 1);
    let toml = neo4j.toml();
    let sinks = |words: &[&str]| {
        let words = [&["sinks"], words, &["--config", toml.to_str().unwrap()]].concat();
        let output = neo4j.vokg(&words).stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let mut child = neo4j.vokg(&["follow", "-q", "--config", toml.to_str().unwrap()]).spawn().unwrap();
    neo4j.await_written(name, 3, &mut child);
    assert!(sinks(&["pause", "graph"]).contains("is paused"));
    assert!(sinks(&["list"]).contains("neo4j  paused"), "{}", sinks(&["list"]));
    // At most 0.2 s until it looks, and the portion at hand.
    std::thread::sleep(Duration::from_secs(2));
    let stands = neo4j.written(name).unwrap();
    assert!((3..last).contains(&stands), "it was done before it was paused: {stands} of {last}");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(neo4j.written(name), Some(stands));
    let paused = neo4j.follow().wait().unwrap();
    assert_eq!(paused.code(), Some(1), "another process keeps to it, and does not wait");
    assert_eq!(neo4j.written(name), Some(stands));
    assert!(sinks(&["resume", "graph"]).contains("goes on"));
    neo4j.await_written(name, last, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    neo4j.assert_holds(true);
    assert!(sinks(&["list"]).contains("neo4j  not paused"));
}

/// One sink stops while another waits: that is told at once, and not at the end.
#[test]
fn a_sink_that_stops_is_told_while_another_goes_on() {
    let Some(neo4j) = Neo4j::find("aloud") else { return };
    let clip = neo4j.clip("near", None);
    run(std::slice::from_ref(&clip), &neo4j.data(), &neo4j.config(true), &Disturbance::default());
    // The same stream from another store.
    let other = neo4j.dir.path().join("other");
    run(&[clip], &other, &Config::default(), &Disturbance::default());
    let toml = std::fs::read_to_string(neo4j.toml()).unwrap() + "[sinks.neo4j.away]\nuri = \"bolt://127.0.0.1:1\"\n";
    std::fs::write(neo4j.dir.path().join("two.toml"), toml).unwrap();
    let said = neo4j.dir.path().join("stderr");
    let mut child = Command::new(env!("CARGO_BIN_EXE_vokg"))
        .args(["follow", "--config"])
        .arg(neo4j.dir.path().join("two.toml"))
        .arg("--data")
        .arg(&other)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let said = || std::fs::read_to_string(&said).unwrap();
    // Once as an error of the log, once as a report on all.
    while !(said().contains("ERROR") && said().contains("sink graph: has stopped")) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "{}", said());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(said().contains("comes from another store") && said().contains("sink away: is"), "{}", said());
    assert!(child.try_wait().unwrap().is_none(), "the other is still tried");
    child.kill().unwrap();
    child.wait().unwrap();
}
