//! A scene: who is on the ground, where they go, and how world units become pixels.

use super::body::{Body, Stance};
use super::camera::{Camera, Light};
use super::config::FrameRate;
use super::draw::ground::Scenery;
use super::draw::shape::{Shape, around};
use super::path::{Course, Place};
use vokg_engine::geometry::{Rect, Size};

/// Somebody or something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Number in the truth, from 1.
    pub id: u32,
    /// What it looks like.
    pub body: Body,
    /// Where it is.
    pub course: Course,
}

/// An area of the ground.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Number in the truth; objects and zones share one row of numbers.
    pub id: u32,
    /// Corners in world units.
    pub corners: Vec<Place>,
    /// Staying this long is loitering, in seconds.
    pub dwell_secs: f64,
    /// So many objects inside are a crowd.
    pub crowd: u32,
}

/// A line on the ground.
#[derive(Clone, Debug)]
pub struct Line {
    /// Number in the truth.
    pub id: u32,
    /// Its ends in world units.
    pub ends: [Place; 2],
}

/// Everything a clip shows.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What it is called.
    pub name: String,
    /// Pixels of a frame.
    pub size: Size,
    /// Frames a second.
    pub rate: FrameRate,
    /// Number of frames.
    pub frame_count: u32,
    /// Chooses ground details, noise and flicker.
    pub seed: u64,
    /// The ground.
    pub scenery: Scenery,
    /// The camera.
    pub camera: Camera,
    /// The light.
    pub light: Light,
    /// Who is there, by number.
    pub actors: Vec<Actor>,
    /// Areas the truth speaks of.
    pub zones: Vec<Zone>,
    /// Lines the truth speaks of.
    pub lines: Vec<Line>,
}

/// Height of the world shown in a frame, in world units.
const WORLD_HEIGHT: f64 = 720.0;
/// Width of the world every frame shows, whatever its shape.
const WORLD_WIDTH: f64 = 1280.0;

/// World units that fit beside the 1280×720 every frame shows, to the left and right, and above and below.
pub fn margins(size: Size) -> (f64, f64) {
    let unit = unit_px(size);
    let beside = (f64::from(size.width) / unit - WORLD_WIDTH) / 2.0;
    let above = (f64::from(size.height) / unit - WORLD_HEIGHT) / 2.0;
    (beside, above)
}

/// Pixels per world unit at the scale of the plan.
pub fn unit_px(size: Size) -> f64 {
    (f64::from(size.width) / WORLD_WIDTH).min(f64::from(size.height) / WORLD_HEIGHT)
}

/// How large things look at a depth: farther up is farther away.
pub fn depth_scale(y: f64) -> f64 {
    0.74 + 0.36 * (y / WORLD_HEIGHT).clamp(-0.5, 1.5)
}

impl Scene {
    /// Length of the clip in seconds.
    pub fn secs(&self) -> f64 {
        self.rate.secs(self.frame_count)
    }

    /// The camera's offset at a moment, in pixels.
    pub fn camera_px(&self, secs: f64) -> (f64, f64) {
        let (x, y) = self.camera.offset(secs, self.secs());
        let width = f64::from(self.size.width);
        (x * width, y * width)
    }

    /// The pixel that shows a place for a camera that looks straight ahead.
    pub fn plan_px(&self, place: Place) -> (f64, f64) {
        let unit = unit_px(self.size);
        (
            (place.0 - WORLD_WIDTH / 2.0) * unit + f64::from(self.size.width) / 2.0,
            (place.1 - WORLD_HEIGHT / 2.0) * unit + f64::from(self.size.height) / 2.0,
        )
    }

    /// The place shown at the top left corner by a camera that looks straight ahead.
    pub fn corner_place(&self) -> Place {
        let (beside, above) = margins(self.size);
        (-beside, -above)
    }

    /// How an actor stands at a moment, and its y on the ground, which decides who is nearer.
    pub fn stance(&self, actor: &Actor, secs: f64) -> (Stance, f64) {
        let (place, lift, gait) = actor.course.at(secs);
        let scale = depth_scale(place.1);
        let (camera_x, camera_y) = self.camera_px(secs);
        let (x, y) = self.plan_px((place.0, place.1 - lift * scale));
        let stance = Stance {
            feet_px: ((x - camera_x) as f32, (y - camera_y) as f32),
            unit_px: (unit_px(self.size) * scale) as f32,
            facing: gait.facing,
            walked: gait.walked,
            pace: gait.pace,
        };
        (stance, place.1)
    }

    /// Centre and scale of an actor's still body for a camera that looks straight ahead, in pixels: what its motion is
    /// measured by, free of swinging legs and of the frame's edge.
    pub fn body_centre_px(&self, actor: &Actor, secs: f64) -> (f64, f64) {
        let (place, lift, _) = actor.course.at(secs);
        let (_, height) = actor.body.extent();
        self.plan_px((place.0, place.1 - (lift + height / 2.0) * depth_scale(place.1)))
    }

    /// Where an actor's still body stands for a camera that looks straight ahead, in pixels.
    pub fn body_feet_px(&self, actor: &Actor, secs: f64) -> (f64, f64) {
        let (place, lift, _) = actor.course.at(secs);
        self.plan_px((place.0, place.1 - lift * depth_scale(place.1)))
    }

    /// Everyone who can be seen at a moment, the farthest first, with shapes and whole box.
    pub fn figures(&self, secs: f64) -> Vec<Figure> {
        let mut figures: Vec<(f64, Figure)> = self
            .actors
            .iter()
            .enumerate()
            .filter_map(|(index, actor)| {
                let (stance, depth) = self.stance(actor, secs);
                if !self.may_be_seen(actor, &stance) {
                    return None;
                }
                let shapes = actor.body.shapes(&stance);
                let rect = whole_box(&shapes);
                Some((depth, Figure { index, stance, shapes, rect }))
            })
            .collect();
        figures.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.index.cmp(&b.1.index)));
        figures.into_iter().map(|(_, figure)| figure).collect()
    }

    /// Whether a thing, with its shadow, can reach the frame.
    fn may_be_seen(&self, actor: &Actor, stance: &Stance) -> bool {
        let (width, height) = actor.body.extent();
        let reach = (width.max(height) * 1.5) as f32 * stance.unit_px;
        let (x, y) = stance.feet_px;
        x > -reach && x < self.size.width as f32 + reach && y > -reach && y < self.size.height as f32 + 2.0 * reach
    }
}

/// An actor in one frame.
pub struct Figure {
    /// Its place in [`Scene::actors`].
    pub index: usize,
    /// How it stands.
    pub stance: Stance,
    /// Its shapes, the farthest first.
    pub shapes: Vec<Shape>,
    /// The exact box around all shapes, in pixels; may reach outside the frame.
    pub rect: Rect,
}

fn whole_box(shapes: &[Shape]) -> Rect {
    let corners: Vec<(f32, f32)> = shapes
        .iter()
        .flat_map(|s| {
            let b = s.outline.bounds();
            [(b.left, b.top), (b.right(), b.bottom())]
        })
        .collect();
    around(&corners)
}
