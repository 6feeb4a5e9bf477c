//! Each scene of a relation shows that relation, and no trap is taken for what it looks like, from true boxes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use vokg::eval::evaluate_facts;
use vokg::eval::relations::Fact;
use vokg::eval::zones::with_zones_of;
use vokg_connectors::source::synthetic::{SCENES, SynthConfig, scene};
use vokg_engine::geometry::Size;
use vokg_operators::relate::RelateConfig;
use vokg_operators::relate::facts::facts;

const SIZE: Size = Size { width: 1280, height: 720 };

#[test]
fn relations_are_found_from_true_boxes_and_traps_are_not_taken() {
    let config = RelateConfig::default();
    let stated: BTreeSet<_> = config.rules().kinds().map(|(kind, _)| kind.to_string()).collect();
    let mut wrong = Vec::new();
    for entry in SCENES {
        let scene = scene(entry.name, &SynthConfig { size: SIZE, fps: 25.0, seconds: None, seed: 1 }).unwrap();
        let truth = scene.truth();
        let facts: Vec<_> = facts(&truth.to_mot(), 25.0, Some(SIZE), &with_zones_of(&truth, config.clone()))
            .unwrap()
            .into_iter()
            .map(|f| Fact { kind: f.kind, a: Some(f.a.0), b: Some(f.b.0), from_us: f.from_us, to_us: f.to_us })
            .collect();
        let relations = evaluate_facts(&facts, &truth).relations;
        if relations.micro.truth > 0 && relations.micro.f1 < 0.9 {
            wrong.push(format!("all relations in {}: F1 {:.2}", entry.name, relations.micro.f1));
        }
        let scores = relations.by_kind;
        for kind in entry.shows.iter().filter(|kind| stated.contains(**kind)) {
            let score = scores.get(*kind).cloned().unwrap_or_default();
            println!("{:14} {kind:12} F1 {:.2} {score:?}", entry.name, score.f1);
            if score.f1 < 0.9 || score.truth < 2 {
                wrong.push(format!("{} in {}: F1 {:.2}", kind, entry.name, score.f1));
            }
        }
        for lure in entry.lures {
            let taken = scores.get(*lure).map_or(0, |score| score.predicted - score.hits);
            if taken > 0 {
                wrong.push(format!("{} takes the trap {} {taken} times", lure, entry.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A detector has no rows for what it cannot see.
#[test]
fn what_is_out_of_sight_is_found_without_rows_of_it() {
    let config = SynthConfig { size: SIZE, fps: 25.0, seconds: None, seed: 1 };
    let truth = scene("hidden-by", &config).unwrap().truth();
    let rows = truth.to_mot();
    let visible = |row: &&str| row.rsplit(',').next().unwrap().parse::<f64>().unwrap() > 0.05;
    let seen: String = rows.lines().filter(visible).map(|row| format!("{row}\n")).collect();
    assert!(seen.lines().count() + 200 < rows.lines().count(), "nothing was out of sight");
    let facts: Vec<_> = facts(&seen, 25.0, Some(SIZE), &RelateConfig::default())
        .unwrap()
        .into_iter()
        .map(|f| Fact { kind: f.kind, a: Some(f.a.0), b: Some(f.b.0), from_us: f.from_us, to_us: f.to_us })
        .collect();
    let score = evaluate_facts(&facts, &truth).relations.by_kind["HIDDEN_BY"].clone();
    assert_eq!((score.truth, score.predicted, score.hits), (2, 2, 2), "{score:?}");
}

/// What must be left after encoding, decoding, segmenting and tracking; docs/performance.md has all scenes.
#[test]
fn relations_of_two_who_walk_apart_are_found_from_pixels() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["near", "approaches"] {
        let [clip, truth, data] =
            ["clip.mp4", "truth.json", "data"].map(|end| dir.path().join(format!("{name}-{end}")));
        let [clip, truth, data] = [&clip, &truth, &data].map(|path| path.to_str().unwrap());
        vokg(&["synth", "--scene", name, "--out", clip, "--truth", truth, "--fps", "12.5"]);
        vokg(&["run", clip, "--data", data]);
        let evaluation: Value =
            serde_json::from_str(&vokg(&["eval", "--data", data, "--truth", truth, "--json"])).unwrap();
        let f1 = evaluation["relations"]["micro"]["f1"].as_f64().unwrap();
        let idf1 = evaluation["identity"]["idf1"].as_f64().unwrap();
        println!("{name}: F1 {f1:.2} IDF1 {idf1:.2}");
        assert!(f1 >= 0.85 && idf1 >= 0.7, "{name}: {evaluation}");
    }
}

fn vokg(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vokg")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
