//! HOTA, CLEAR and identity figures are those of TrackEval, on tracks that lose, switch and invent things.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

const SEQUENCES: u64 = 24;
const FRAMES: u32 = 120;
const TOLERANCE: f64 = 1e-6;

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0.next_u32() % limit
    }

    fn hits(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// Within ±`range`, in sixteenths.
    fn around(&mut self, range: u32) -> f32 {
        (self.below(32 * range + 1) as f32 - (16 * range) as f32) / 16.0
    }
}

struct Walker {
    place: [f32; 2],
    step: [f32; 2],
    size: [f32; 2],
    /// Frames in which it is there.
    life: std::ops::Range<u32>,
    /// What the tracker calls it.
    named: u32,
}

impl Walker {
    fn new(dice: &mut Dice, id: u32) -> Self {
        let from = dice.below(FRAMES / 2);
        Self {
            place: [100.0 + dice.around(90), 80.0 + dice.around(70)],
            step: [dice.around(3), dice.around(2)],
            size: [20.0 + dice.around(10), 40.0 + dice.around(15)],
            life: from..from + 10 + dice.below(FRAMES),
            named: 7 * id,
        }
    }
}

fn row(text: &mut String, frame: u32, id: u32, place: [f32; 2], size: [f32; 2], flag: u32) {
    writeln!(text, "{frame},{id},{},{},{},{},{flag},1,1", place[0], place[1], size[0], size[1]).unwrap();
}

/// The texts of the truth and of a tracker that errs, the more the higher the seed.
fn sequence(seed: u64) -> (String, String) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let error = 2 + seed as u32;
    let people = 1 + dice.below(12);
    let mut walkers: Vec<_> = (1..=people).map(|id| Walker::new(&mut dice, id)).collect();
    let (mut truth, mut result) = (String::new(), String::new());
    let mut fresh_name = 1000;
    for frame in 1..=FRAMES {
        for (walker, id) in walkers.iter_mut().zip(1..) {
            walker.place = [walker.place[0] + walker.step[0], walker.place[1] + walker.step[1]];
            if !walker.life.contains(&frame) {
                continue;
            }
            row(&mut truth, frame, id, walker.place, walker.size, u32::from(!dice.hits(3)));
            if dice.hits(error / 4) {
                walker.named = fresh_name;
                fresh_name += 1;
            }
            if !dice.hits(error) {
                let place = [walker.place[0] + dice.around(4), walker.place[1] + dice.around(8)];
                row(&mut result, frame, walker.named, place, walker.size, 1);
            }
        }
        let (a, b) = (dice.below(people) as usize, dice.below(people) as usize);
        if a != b && dice.hits(error) {
            let (of_a, of_b) = (walkers[a].named, walkers[b].named);
            (walkers[a].named, walkers[b].named) = (of_b, of_a);
        }
        if dice.hits(2 * error) {
            let place = [100.0 + dice.around(90), 80.0 + dice.around(70)];
            row(&mut result, frame, 500 + dice.below(4), place, [24.0, 48.0], 1);
        }
    }
    (truth, result)
}

fn ours(folder: &Path) -> Value {
    let [result, truth] = ["result.txt", "gt.txt"].map(|name| folder.join(name));
    let mut command = Command::new(env!("CARGO_BIN_EXE_vokg"));
    let output = command.arg("eval").arg("--mot").arg(result).arg("--truth").arg(truth).arg("--json").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["identity"].take()
}

#[test]
fn figures_are_those_of_trackeval() {
    let Some(python) = std::env::var_os("VOKG_PYTHON") else {
        return eprintln!("SKIPPED: VOKG_PYTHON names no python with trackeval and numpy");
    };
    let directory = tempfile::tempdir().unwrap();
    let mut texts: Vec<_> = (0..SEQUENCES).map(|seed| (format!("seed-{seed}"), sequence(seed))).collect();
    let (truth, result) = sequence(0);
    texts.push(("nothing-stated".to_owned(), (truth, String::new())));
    texts.push(("nothing-true".to_owned(), (String::new(), result)));
    for (name, (truth, result)) in &texts {
        let folder = directory.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("gt.txt"), truth).unwrap();
        fs::write(folder.join("result.txt"), result).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/score_tracks.py");
    let output = Command::new(python).arg(script).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (mut compared, mut switches) = (0, 0);
    for (name, _) in &texts {
        let ours = ours(&directory.path().join(name));
        for (figure, wanted) in theirs[name].as_object().unwrap() {
            let (found, wanted) = (ours[figure].as_f64().unwrap(), wanted.as_f64().unwrap());
            assert!((found - wanted).abs() <= TOLERANCE, "{name}: {figure} is {found}, TrackEval says {wanted}");
            compared += 1;
        }
        switches += ours["switches"].as_u64().unwrap();
    }
    println!("{compared} figures of {} sequences with {switches} switches agree", texts.len());
    assert!(compared == 13 * texts.len() && switches > 300, "{compared} figures, {switches} switches");
}
