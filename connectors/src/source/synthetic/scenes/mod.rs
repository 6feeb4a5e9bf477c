//! The scenes by name. A new scene is a function and a line in [`SCENES`].

mod cast;
mod episodes;
mod relations;
mod seeded;
mod street;
mod traps;
mod zones;

use super::config::{SynthConfig, SynthError};
use super::stage::Scene;
use cast::Cast;
pub use episodes::{EPISODES, Episode};
use seeded::Dice;

/// A scene one can ask for.
pub struct SceneEntry {
    /// Its name: the relation it shows, or the trap it lays.
    pub name: &'static str,
    /// What happens, in a line.
    pub about: &'static str,
    /// Its length in seconds when nobody asks for another.
    pub secs: f64,
    /// The relation it shows at least twice.
    pub shows: Option<&'static str>,
    /// Relations it looks like and does not hold.
    pub lures: &'static [&'static str],
    write: fn(&mut Cast),
}

const fn shows(
    name: &'static str,
    relation: &'static str,
    secs: f64,
    about: &'static str,
    write: fn(&mut Cast),
) -> SceneEntry {
    SceneEntry { name, about, secs, shows: Some(relation), lures: &[], write }
}

const fn lures(
    name: &'static str,
    lures: &'static [&'static str],
    secs: f64,
    about: &'static str,
    write: fn(&mut Cast),
) -> SceneEntry {
    SceneEntry { name, about, secs, shows: None, lures, write }
}

/// What two things that stand could be taken for.
const COMPANY: &[&str] = &["LEAVES", "FOLLOWS", "CHASES", "MOVES_WITH", "CARRIES", "MEETS"];

/// All named scenes.
pub const SCENES: &[SceneEntry] = &[
    shows("near", "NEAR", 13.0, "a person walks up to another twice and keeps a small distance", relations::near),
    shows("contains", "CONTAINS", 13.0, "a dog and a person pass in front of a van that waits", relations::contains),
    shows("occludes", "OCCLUDES", 13.0, "cars hide half of a person who walks along the kerb", relations::occludes),
    shows(
        "hidden-by",
        "HIDDEN_BY",
        18.0,
        "two people stay behind parked vans and come out again, a third passes behind both",
        relations::hidden_by,
    ),
    shows(
        "approaches",
        "APPROACHES",
        12.0,
        "a person and then a dog walk up to somebody who waits",
        relations::approaches,
    ),
    shows("leaves", "LEAVES", 12.0, "two people part, one after the other", relations::leaves),
    shows("follows", "FOLLOWS", 14.0, "two people each walk in somebody's steps", relations::follows),
    shows("chases", "CHASES", 13.0, "a dog runs after a person, there and back", relations::chases),
    shows("moves-with", "MOVES_WITH", 12.0, "two couples walk side by side", relations::moves_with),
    shows("carries", "CARRIES", 13.0, "a box is picked up and put down, a bag is carried past", relations::carries),
    shows("meets", "MEETS", 14.0, "a person meets one friend and then another", relations::meets),
    shows("abandoned", "ABANDONED", 20.0, "two people put down a bag and walk away", relations::abandoned),
    shows("in", "IN", 12.0, "people walk through a marked area", zones::inside),
    shows("loiters", "LOITERS", 15.0, "two people hang around in a marked area, a third passes", zones::loiters),
    shows("crosses", "CROSSES", 12.0, "a line is crossed both ways", zones::crosses),
    shows("count", "COUNT", 14.0, "a marked area fills and empties twice", zones::count),
    lures("parked-pair", COMPANY, 12.0, "two cars stand side by side while a person walks past", traps::parked_pair),
    lures(
        "crossing",
        &["MEETS", "FOLLOWS", "MOVES_WITH", "CHASES"],
        12.0,
        "people cross ways without meeting",
        traps::crossing,
    ),
    lures(
        "parked-target",
        &["CHASES", "FOLLOWS"],
        12.0,
        "a dog runs at a parked car and past it",
        traps::parked_target,
    ),
    lures("stopped", COMPANY, 15.0, "a walker stops for a long while and is still there", traps::stopped),
    lures("light-change", &["MEETS", "CHASES", "CARRIES"], 12.0, "clouds darken and free the sun", traps::light_change),
    lures("rest", &["CHASES", "CARRIES"], 12.0, "the camera stands: compare shake-1, shake-3 and pan", traps::rest),
    lures("shake-1", &["CHASES", "CARRIES"], 12.0, "as rest, the camera shakes by 1 % of the width", traps::shake_1),
    lures("shake-3", &["CHASES", "CARRIES"], 12.0, "as rest, the camera shakes by 3 % of the width", traps::shake_3),
    lures("pan", &["CHASES", "CARRIES"], 12.0, "as rest, the camera pans by 2 % of the width a second", traps::pan),
    lures("street", &[], 26.0, "a street with cars, people, dogs and goods: a bit of everything", street::street),
];

/// The names, in the order of [`SCENES`].
pub fn scene_names() -> Vec<&'static str> {
    SCENES.iter().map(|entry| entry.name).collect()
}

/// A named scene.
///
/// # Errors
/// Where there is no such scene (the message suggests similar names) or the configuration is out of range.
pub fn scene(name: &str, config: &SynthConfig) -> Result<Scene, SynthError> {
    let Some(entry) = SCENES.iter().find(|entry| entry.name == name) else {
        return Err(SynthError::UnknownScene { name: name.to_owned(), hint: hint(name) });
    };
    staged(name, config, entry.secs, entry.write)
}

/// Length of a random scene in seconds.
const RANDOM_SECS: f64 = 20.0;

/// A scene made up from a seed: ground, cast and what they do.
///
/// # Errors
/// Where the configuration is out of range.
pub fn random_scene(seed: u64, config: &SynthConfig) -> Result<Scene, SynthError> {
    let config = SynthConfig { seed, ..config.clone() };
    staged(&format!("seed-{seed}"), &config, RANDOM_SECS, seeded::seeded)
}

/// A happening in a scene made up from a seed.
///
/// # Errors
/// Where the configuration is out of range.
pub fn episode_scene(episode: &Episode, seed: u64, config: &SynthConfig) -> Result<Scene, SynthError> {
    let config = SynthConfig { seed, ..config.clone() };
    let mut dice = Dice::new(seed);
    staged(episode.name, &config, episode.secs, |cast| (episode.write)(cast, &mut dice))
}

fn staged(name: &str, config: &SynthConfig, secs: f64, write: impl FnOnce(&mut Cast)) -> Result<Scene, SynthError> {
    let (rate, frame_count) = config.checked(secs)?;
    let mut cast = Cast::new(config.size, rate.secs(frame_count), config.seed);
    write(&mut cast);
    Ok(Scene {
        name: name.to_owned(),
        size: config.size,
        rate,
        frame_count,
        seed: config.seed,
        scenery: cast.scenery,
        camera: cast.camera,
        light: cast.light,
        actors: cast.actors,
        zones: cast.zones,
        lines: cast.lines,
    })
}

fn hint(name: &str) -> String {
    let asked = name.to_lowercase().replace(['_', ' '], "-");
    let mut near: Vec<(f64, &str)> =
        scene_names().into_iter().map(|known| (strsim::jaro_winkler(&asked, known), known)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let similar: Vec<&str> = near.iter().take(3).filter(|(likeness, _)| *likeness > 0.75).map(|(_, n)| *n).collect();
    match similar.is_empty() {
        true => format!("there are {}", scene_names().join(", ")),
        false => format!("did you mean {}?", similar.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_gets_a_suggestion_and_a_foreign_one_the_list() {
        let message = |name| scene(name, &SynthConfig::default()).map_err(|e| e.to_string()).expect_err("unknown");
        assert!(message("MOVES_WIHT").contains("moves-with"));
        assert!(message("qqq").contains("street"));
    }
}
