//! `vokg eval`: a stored graph compared with the truth.

use super::{open_store, pick_stream, read_text};
use crate::cli;
use crate::eval::{self, Evaluation};
use crate::exit::{Context, Exit, Failure};
use crate::sightings::sightings;
use vokg_connectors::source::synthetic::Truth;

/// Runs the command.
pub fn run(args: cli::Eval) -> Result<Exit, Failure> {
    let truth: Truth = serde_json::from_str(&read_text(&args.truth)?).context(args.truth.display())?;
    if !(truth.fps.is_finite() && truth.fps > 0.0) {
        return Err(Failure::usage(format!("fps of the truth is {}, it must be above 0", truth.fps)));
    }
    let store = open_store(&args.data.dir)?;
    let stream = pick_stream(&store, args.stream.as_deref())?;
    let graph = store.graph(stream.id, None, None).context("cannot read the graph")?;
    let sightings = sightings(&store, &stream, &graph)?;
    let evaluation = eval::evaluate(&graph, &sightings, &truth);
    if args.json {
        println!("{}", serde_json::to_string(&evaluation).context("the evaluation cannot be written")?);
    } else {
        print!("{}", text(&evaluation));
    }
    Ok(Exit::Done)
}

fn text(evaluation: &Evaluation) -> String {
    let Evaluation { identity, relations, .. } = evaluation;
    let mut text = format!(
        "boxes: precision {:.3}, recall {:.3}; identities: IDF1 {:.3}, {} switches; objects: {} of {}\n",
        identity.precision, identity.recall, identity.idf1, identity.switches, identity.objects, identity.objects_true
    );
    let row = |name: &str, score: &eval::relations::RelationScore| {
        let error = score.boundary_error_s.map_or("-".to_owned(), |error| format!("{error:.2} s"));
        format!("{name:12} {:5} {:6} {:4}  {:.3}  {error}\n", score.truth, score.predicted, score.hits, score.f1)
    };
    text.push_str("relation     truth stated hits     F1  boundary\n");
    for (kind, score) in &relations.by_kind {
        text.push_str(&row(kind, score));
    }
    text.push_str(&row("all", &relations.micro));
    text
}
