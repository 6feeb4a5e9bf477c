//! `vokg eval`: a stored graph, or facts, compared with the truth.

use super::{open_store, pick_stream, read_text};
use crate::cli;
use crate::eval::identity::{self, IdentityScore};
use crate::eval::relations::{Fact, RelationScore, RelationScores};
use crate::eval::{self, Evaluation, mot};
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use crate::sightings::sightings;
use std::path::Path;
use vokg_connectors::source::synthetic::Truth;

/// Runs the command.
pub fn run(args: cli::Eval) -> Result<Exit, Failure> {
    if let Some(result) = &args.mot {
        return compare_tracks(result, &args.truth, args.json);
    }
    let truth: Truth = serde_json::from_str(&read_text(&args.truth)?).context(args.truth.display())?;
    if !(truth.fps.is_finite() && truth.fps > 0.0) {
        return Err(Failure::usage(format!("fps of the truth is {}, it must be above 0", truth.fps)));
    }
    let evaluation = match &args.facts {
        Some(path) => eval::evaluate_facts(&read_facts(path)?, &truth),
        None => {
            let store = open_store(&args.data.dir)?;
            let stream = pick_stream(&store, args.stream.as_deref())?;
            let graph = store.graph(stream.id, None, None).context("cannot read the graph")?;
            eval::evaluate(&graph, &sightings(&store, &stream, &graph)?, &truth)
        }
    };
    if args.json {
        say(serde_json::to_string(&evaluation).context("the evaluation cannot be written")? + "\n")?;
    } else {
        say(text(&evaluation))?;
    }
    Ok(Exit::Done)
}

/// Two MOTChallenge texts, without a store.
fn compare_tracks(result: &Path, truth: &Path, json: bool) -> Result<Exit, Failure> {
    let stated = mot::read_result(&read_text(result)?).context(result.display())?;
    let truth = mot::read_truth(&read_text(truth)?).context(truth.display())?;
    let (identity, _) = identity::score(&stated, &truth);
    match json {
        true => say(format!("{}\n", serde_json::json!({ "identity": identity })))?,
        false => say(identity_text(&identity))?,
    }
    Ok(Exit::Done)
}

fn read_facts(path: &Path) -> Result<Vec<Fact>, Failure> {
    let text = read_text(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let fact = |(index, line)| serde_json::from_str(line).context(format!("{}:{}", path.display(), index + 1));
    lines.map(fact).collect()
}

fn text(evaluation: &Evaluation) -> String {
    let mut text = evaluation.identity.as_ref().map(identity_text).unwrap_or_default();
    if let Some(moved) = &evaluation.identity_moved {
        text.push_str(&format!("of what had moved before: IDF1 {:.3}, HOTA {:.3}\n", moved.idf1, moved.hota));
    }
    text.push_str(&table("relation", &evaluation.relations));
    for (head, scores) in
        [("both moved before", &evaluation.relations_moved), ("others", &evaluation.relations_unmoved)]
    {
        text.push('\n');
        text.push_str(&table(head, scores));
    }
    text
}

fn identity_text(identity: &IdentityScore) -> String {
    let IdentityScore { precision, recall, mota, motp, hota, deta, assa, loca, idf1, idp, idr, .. } = identity;
    // Of nothing it is -0.
    let hota = hota + 0.0;
    let IdentityScore { switches, fragmentations, objects, objects_true, .. } = identity;
    format!(
        "boxes: precision {precision:.3}, recall {recall:.3}, MOTA {mota:.3}, MOTP {motp:.3}\n\
         identities: IDF1 {idf1:.3} (IDP {idp:.3}, IDR {idr:.3}), {switches} switches, {fragmentations} fragmentations\n\
         both: HOTA {hota:.3} (DetA {deta:.3}, AssA {assa:.3}, LocA {loca:.3})\n\
         objects: {objects} of {objects_true}\n"
    )
}

fn table(head: &str, scores: &RelationScores) -> String {
    let mut text = format!("{head:20} truth stated hits     F1  boundary  false/min\n");
    let row = |name: &str, score: &RelationScore| {
        let error = score.boundary_error_s.map_or("-".to_owned(), |error| format!("{error:.2} s"));
        let RelationScore { truth, predicted, hits, f1, false_per_minute, .. } = score;
        format!("{name:20} {truth:5} {predicted:6} {hits:4}  {f1:.3}  {error:>8}  {false_per_minute:9.1}\n")
    };
    for (kind, score) in &scores.by_kind {
        text.push_str(&row(kind, score));
    }
    text.push_str(&row("all", &scores.micro));
    text
}
