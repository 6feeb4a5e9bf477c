//! Each scene of a relation shows that relation, and no trap is taken for what it looks like, from true boxes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use vokg::eval::evaluate_facts;
use vokg::eval::relations::Fact;
use vokg_connectors::source::synthetic::{SCENES, SynthConfig, scene};
use vokg_engine::geometry::Size;
use vokg_operators::relate::facts::facts;
use vokg_operators::relate::{Registry, RelateConfig};

const SIZE: Size = Size { width: 1280, height: 720 };

#[test]
fn relations_are_found_from_true_boxes_and_traps_are_not_taken() {
    let config = RelateConfig::default();
    let stated: BTreeSet<_> = Registry::builtin(&config).rules().into_keys().map(|kind| kind.to_string()).collect();
    let mut wrong = Vec::new();
    for entry in SCENES {
        let scene = scene(entry.name, &SynthConfig { size: SIZE, fps: 25.0, seconds: None, seed: 1 }).unwrap();
        let truth = scene.truth();
        let facts: Vec<_> = facts(&truth.to_mot(), 25.0, Some(SIZE), &config)
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
