//! `vokg doctor`: what this machine has and lacks.

use crate::cli;
use crate::exit::{Context, Exit, Failure};
use crate::registry::SEGMENTERS;
use crate::say::say;
use serde::Serialize;
use vokg_connectors::source::file::parts;

/// One thing that was looked for.
#[derive(Serialize)]
struct Finding {
    what: String,
    present: bool,
    /// Without it nothing works.
    required: bool,
    detail: String,
}

/// Runs the command. Fails where something required is absent.
pub fn run(args: cli::Doctor) -> Result<Exit, Failure> {
    let findings = look();
    if args.json {
        say(serde_json::to_string(&findings).context("the findings cannot be written")? + "\n")?;
    } else {
        for finding in &findings {
            let mark = match (finding.present, finding.required) {
                (true, _) => "yes ",
                (false, true) => "NO  ",
                (false, false) => "no  ",
            };
            say(format!("{mark} {:32} {}\n", finding.what, finding.detail))?;
        }
    }
    let healthy = findings.iter().all(|finding| finding.present || !finding.required);
    Ok(if healthy { Exit::Done } else { Exit::Failed })
}

fn look() -> Vec<Finding> {
    let mut findings = Vec::new();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    findings.push(Finding {
        what: "processor cores".to_owned(),
        present: cores > 0,
        required: false,
        detail: format!("{cores}; each stream keeps about two busy while it is decoded"),
    });
    match parts() {
        Ok(found) => findings.extend(found.into_iter().map(|part| Finding {
            what: format!("GStreamer {}", part.element),
            present: part.present,
            required: part.required,
            detail: if part.present {
                part.purpose.to_owned()
            } else {
                format!("{}: install {}", part.purpose, part.package)
            },
        })),
        Err(error) => findings.push(Finding {
            what: "GStreamer".to_owned(),
            present: false,
            required: true,
            detail: error.to_string(),
        }),
    }
    findings.extend(SEGMENTERS.iter().map(|(name, about, _)| Finding {
        what: format!("segmenter {name}"),
        present: true,
        required: false,
        detail: (*about).to_owned(),
    }));
    findings
}
