//! `vokg synth`: a labelled clip.

use super::{parse_size, write_to};
use crate::cli;
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use std::io::Write;
use vokg_connectors::source::synthetic::{SCENES, SynthConfig, encode, random_scene, scene};

/// Runs the command.
pub fn run(args: cli::Synth) -> Result<Exit, Failure> {
    if args.scene.as_deref() == Some("list") {
        let scenes: String = SCENES.iter().map(|entry| format!("{:16} {}\n", entry.name, entry.about)).collect();
        say(scenes)?;
        return Ok(Exit::Done);
    }
    let seed = args.seed.unwrap_or(1);
    let config = SynthConfig { size: parse_size(&args.size)?, fps: args.fps, seconds: args.seconds, seed };
    let scene = match &args.scene {
        Some(name) => scene(name, &config),
        None => random_scene(seed, &config),
    };
    let scene = scene.map_err(Failure::usage)?;
    if args.out.is_none() && args.truth.is_none() && args.mot.is_none() {
        return Err(Failure::usage("nothing to write: give --out, --truth or --mot"));
    }
    let truth = scene.truth();
    if let Some(path) = &args.truth {
        write_to(Some(path), |out| serde_json::to_writer(out, &truth).context("cannot write the truth"))?;
    }
    if let Some(path) = &args.mot {
        write_to(Some(path), |out| out.write_all(truth.to_mot().as_bytes()).context("cannot write the boxes"))?;
    }
    if let Some(path) = &args.out {
        encode(&scene, path).context("cannot make the clip")?;
    }
    Ok(Exit::Done)
}
