//! What there is to see of every actor in every frame: boxes, hidden shares, speeds. All truth is judged from this.

use super::{TruthBox, TruthObject};
use crate::source::synthetic::draw::shape::Shape;
use crate::source::synthetic::stage::{Figure, Scene};
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::time::Micros;

/// A vector in pixels or pixels a second.
pub type Vector = (f64, f64);

/// An actor in a frame it is seen in.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// Box of the whole body, cut at the frame's edge, in pixels.
    pub rect: Rect,
    /// Share of the whole box inside the frame.
    pub inside: f32,
    /// Share of the body inside the frame that nothing hides.
    pub visible: f32,
    /// Bodies with a larger one are nearer.
    pub rank: usize,
    /// Running median over the last two seconds of the root of the area of the whole box, whatever the frame cuts off.
    pub scale: f64,
}

/// All sightings of a scene.
pub struct Sight<'a> {
    scene: &'a Scene,
    /// Frame times, and the end of the last frame.
    pub times: Vec<Micros>,
    /// By actor, then frame.
    sightings: Vec<Vec<Option<Sighting>>>,
    centres: Vec<Vec<Vector>>,
    feet: Vec<Vec<Vector>>,
}

/// Places are also known this long before and after the clip, for windows that reach beyond it.
const BEYOND_SECS: f64 = 5.0;
/// Half of the window speeds are taken over.
const HALF_WINDOW_SECS: f64 = 0.25;
const SCALE_SECS: f64 = 2.0;

impl<'a> Sight<'a> {
    /// Looks at every frame.
    pub fn of(scene: &'a Scene) -> Self {
        let frames = scene.frame_count;
        let mut sightings = vec![vec![None; frames as usize]; scene.actors.len()];
        let mut cover = Cover::new(scene.size);
        for index in 0..frames {
            let figures = scene.figures(scene.rate.secs(index));
            let visible = cover.visible_shares(&figures);
            for (rank, figure) in figures.iter().enumerate() {
                sightings[figure.index][index as usize] = sighting(figure, scene.size, visible[rank], rank);
            }
        }
        let memory = (SCALE_SECS * scene.rate.fps()).round().max(1.0) as usize;
        sightings.iter_mut().for_each(|row| set_scales(row, memory));
        let beyond = (BEYOND_SECS * scene.rate.fps()).ceil() as i64;
        let centres = scene.actors.iter().map(|actor| {
            let at = |k: i64| scene.body_centre_px(actor, k as f64 / scene.rate.fps());
            (-beyond..i64::from(frames) + beyond).map(at).collect()
        });
        let centres = centres.collect();
        let feet = scene.actors.iter().map(|actor| {
            let at = |k: i64| scene.body_feet_px(actor, k as f64 / scene.rate.fps());
            (-beyond..i64::from(frames) + beyond).map(at).collect()
        });
        let feet = feet.collect();
        let times = (0..=frames).map(|index| scene.rate.time_us(index)).collect();
        Self { scene, times, sightings, centres, feet }
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.times.len() - 1
    }

    /// How many actors there are.
    pub fn actors(&self) -> usize {
        self.sightings.len()
    }

    /// The number of an actor in the truth.
    pub fn id(&self, actor: usize) -> u32 {
        self.scene.actors[actor].id
    }

    /// An actor in a frame.
    pub fn see(&self, actor: usize, frame: usize) -> Option<&Sighting> {
        self.sightings[actor][frame].as_ref()
    }

    /// Two actors in a frame that shows both.
    pub fn see_both(&self, a: usize, b: usize, frame: usize) -> Option<(&Sighting, &Sighting)> {
        Some((self.see(a, frame)?, self.see(b, frame)?))
    }

    /// Frames in so many seconds.
    pub fn frames_in(&self, secs: f64) -> i64 {
        (secs * self.scene.rate.fps()).round() as i64
    }

    /// Middle of the body in a frame, seen or not; far beyond the clip the nearest known place.
    pub fn centre(&self, actor: usize, frame: i64) -> Vector {
        self.place(&self.centres[actor], frame)
    }

    /// Where the body stands in a frame, as [`Sight::centre`].
    pub fn feet(&self, actor: usize, frame: i64) -> Vector {
        self.place(&self.feet[actor], frame)
    }

    fn place(&self, row: &[Vector], frame: i64) -> Vector {
        let beyond = (row.len() as i64 - self.frames() as i64) / 2;
        row[(frame + beyond).clamp(0, row.len() as i64 - 1) as usize]
    }

    /// Speed in pixels a second, over half a second around a frame.
    pub fn velocity(&self, actor: usize, frame: usize) -> Vector {
        let half = self.frames_in(HALF_WINDOW_SECS).max(1);
        let (before, after) = (self.centre(actor, frame as i64 - half), self.centre(actor, frame as i64 + half));
        let per_second = self.scene.rate.fps() / (2 * half) as f64;
        ((after.0 - before.0) * per_second, (after.1 - before.1) * per_second)
    }

    /// The objects of the truth: who was seen at all.
    pub fn objects(&self) -> Vec<TruthObject> {
        let object = |(actor, row): (usize, &Vec<Option<Sighting>>)| {
            let seen = row.iter().zip(&self.times).filter_map(|(s, t)| s.as_ref().map(|s| boxed(s, *t)));
            let boxes: Vec<TruthBox> = seen.collect();
            let class = self.scene.actors[actor].body.class().to_owned();
            (!boxes.is_empty()).then(|| TruthObject { id: self.id(actor), class, boxes })
        };
        self.sightings.iter().enumerate().filter_map(object).collect()
    }
}

fn boxed(s: &Sighting, t_us: Micros) -> TruthBox {
    let Rect { left, top, width, height } = s.rect;
    TruthBox { t_us, left, top, width, height, visible: (s.visible * 1000.0).round() / 1000.0 }
}

fn sighting(figure: &Figure, frame: Size, visible: f32, rank: usize) -> Option<Sighting> {
    let rect = figure.rect.clipped(frame).quantised();
    if rect.width < 1.0 || rect.height < 1.0 {
        return None;
    }
    let inside = (rect.area() / figure.rect.area()).min(1.0);
    Some(Sighting { rect, inside, visible, rank, scale: 0.0 })
}

fn set_scales(row: &mut [Option<Sighting>], memory: usize) {
    for frame in 0..row.len() {
        let first = (frame + 1).saturating_sub(memory);
        let mut recent: Vec<f32> =
            row[first..=frame].iter().flatten().map(|s| s.rect.scale() / s.inside.sqrt()).collect();
        recent.sort_by(f32::total_cmp);
        let median = recent.get(recent.len() / 2).copied().unwrap_or(0.0);
        if let Some(sighting) = &mut row[frame] {
            sighting.scale = f64::from(median);
        }
    }
}

/// Who covers which pixel, from near to far.
struct Cover {
    size: Size,
    /// The last figure seen at a pixel, in an ever rising count.
    stamps: Vec<u32>,
    stamp: u32,
}

impl Cover {
    fn new(size: Size) -> Self {
        Self { size, stamps: vec![0; size.area() as usize], stamp: 0 }
    }

    /// For each figure (the farthest first) the share of its pixels in the frame that no nearer one covers; 1 where it
    /// has no pixel in the frame.
    fn visible_shares(&mut self, figures: &[Figure]) -> Vec<f32> {
        let before = self.stamp;
        let mut shares = vec![1.0; figures.len()];
        for (rank, figure) in figures.iter().enumerate().rev() {
            let apart = |other: &Figure| figure.rect.overlap(&other.rect) <= 0.0;
            if figures.iter().enumerate().all(|(other, f)| other == rank || apart(f)) {
                continue;
            }
            self.stamp += 1;
            let (all, open) = self.lay(&figure.shapes, before);
            if all > 0 {
                shares[rank] = open as f32 / all as f32;
            }
        }
        shares
    }

    /// Stamps the pixels of a figure and counts them, all and those without a stamp above `before`.
    fn lay(&mut self, shapes: &[Shape], before: u32) -> (u32, u32) {
        let width = self.size.width as usize;
        let (mut all, mut open) = (0, 0);
        for shape in shapes {
            shape.outline.for_each_cell(self.size, 1, |x, y, depth| {
                let cell = &mut self.stamps[y * width + x];
                if depth < 0.0 || *cell == self.stamp {
                    return;
                }
                all += 1;
                open += u32::from(*cell <= before);
                *cell = self.stamp;
            });
        }
        (all, open)
    }
}
