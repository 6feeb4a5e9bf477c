//! Puts actors on the stage while a scene is written.

use crate::source::synthetic::camera::{Camera, Light};
use crate::source::synthetic::draw::ground::Scenery;
use crate::source::synthetic::path::{Course, Path, Place, Walk};
use crate::source::synthetic::stage::{Actor, Line, Zone, margins};
use crate::source::synthetic::wardrobe::Looks;
use vokg_engine::geometry::Size;

/// The scene being written.
pub struct Cast {
    /// The ground.
    pub scenery: Scenery,
    /// The camera.
    pub camera: Camera,
    /// The light.
    pub light: Light,
    /// Everybody so far.
    pub actors: Vec<Actor>,
    /// Areas so far.
    pub zones: Vec<Zone>,
    /// Lines so far.
    pub lines: Vec<Line>,
    /// Length of the clip in seconds.
    pub secs: f64,
    /// Chooses looks.
    pub seed: u64,
    margins: (f64, f64),
}

/// World units beyond the frame's edge where nothing of a person, a car or a van is seen.
const OUT: f64 = 200.0;

impl Cast {
    /// An empty stage.
    pub fn new(size: Size, secs: f64, seed: u64) -> Self {
        Self {
            scenery: Scenery::Plaza,
            camera: Camera::Still,
            light: Light::Steady,
            actors: Vec::new(),
            zones: Vec::new(),
            lines: Vec::new(),
            secs,
            seed,
            margins: margins(size),
        }
    }

    /// An x left of the frame.
    pub fn left(&self) -> f64 {
        -OUT - self.margins.0
    }

    /// An x right of the frame.
    pub fn right(&self) -> f64 {
        1280.0 + OUT + self.margins.0
    }

    /// A y below the frame.
    pub fn below(&self) -> f64 {
        720.0 + OUT + self.margins.1
    }

    /// A person on a path.
    pub fn person(&mut self, points: &[(f64, f64, f64)]) -> u32 {
        self.walker(Path::through(points), |looks| looks.person())
    }

    /// A person on a path already made.
    pub fn person_on(&mut self, path: Path) -> u32 {
        self.walker(path, |looks| looks.person())
    }

    /// A car on a path.
    pub fn car(&mut self, points: &[(f64, f64, f64)]) -> u32 {
        self.walker(Path::through(points), |looks| looks.car())
    }

    /// A van on a path.
    pub fn van(&mut self, points: &[(f64, f64, f64)]) -> u32 {
        self.walker(Path::through(points), |looks| looks.van())
    }

    /// A dog on a path.
    pub fn dog(&mut self, points: &[(f64, f64, f64)]) -> u32 {
        self.walker(Path::through(points), |looks| looks.dog())
    }

    /// A dog on a path already made.
    pub fn dog_on(&mut self, path: Path) -> u32 {
        self.walker(path, |looks| looks.dog())
    }

    /// A bag that a person on `path` holds at times; it lies at `rest` before.
    pub fn bag(&mut self, path: &[(f64, f64, f64)], rest: Place, holds: &[(f64, f64)]) -> u32 {
        let course = self.carried(path, rest, holds, 22.0);
        self.enter(course, |looks| looks.bag())
    }

    /// A box that a person on `path` holds at times; it lies at `rest` before.
    pub fn carton(&mut self, path: &[(f64, f64, f64)], rest: Place, holds: &[(f64, f64)]) -> u32 {
        let course = self.carried(path, rest, holds, 52.0);
        self.enter(course, |looks| looks.carton())
    }

    /// A parcel that a person on `path` holds at times; it lies at `rest` before.
    pub fn parcel(&mut self, path: &[(f64, f64, f64)], rest: Place, holds: &[(f64, f64)]) -> u32 {
        let course = self.carried(path, rest, holds, 52.0);
        self.enter(course, |looks| looks.parcel())
    }

    /// An area with the dwell of loitering and the size of a crowd.
    pub fn zone(&mut self, corners: &[Place], dwell_secs: f64, crowd: u32) {
        let id = ZONE_IDS + self.zones.len() as u32;
        self.zones.push(Zone { id, corners: corners.to_vec(), dwell_secs, crowd });
    }

    /// A line from one place to another.
    pub fn line(&mut self, ends: [Place; 2]) {
        let id = LINE_IDS + self.lines.len() as u32;
        self.lines.push(Line { id, ends });
    }

    fn walker(&mut self, path: Path, looks: fn(&Looks) -> crate::source::synthetic::body::Body) -> u32 {
        let course = Course::Own(Walk::along(path, self.secs));
        self.enter(course, looks)
    }

    fn carried(&self, path: &[(f64, f64, f64)], rest: Place, holds: &[(f64, f64)], lift: f64) -> Course {
        let carrier = Walk::along(Path::through(path), self.secs);
        Course::Carried { carrier, rest, holds: holds.to_vec(), reach: 30.0, lift }
    }

    fn enter(&mut self, course: Course, looks: fn(&Looks) -> crate::source::synthetic::body::Body) -> u32 {
        let id = self.actors.len() as u32 + 1;
        self.actors.push(Actor { id, body: looks(&Looks::of(self.seed, id)), course });
        id
    }
}

/// Zones are numbered from here, far from any object.
pub const ZONE_IDS: u32 = 1_000_001;
/// Lines are numbered from here.
pub const LINE_IDS: u32 = 2_000_001;
