//! Draws frames: the ground as the camera sees it, soft shadows, the figures from far to near, then light and noise.

use super::body::Body;
use super::draw::ground::Ground;
use super::draw::raster::{Grain, Picture, Pin, Shade};
use super::draw::shape::Outline;
use super::random::{SensorNoise, hash, unit};
use super::stage::{Figure, Scene, unit_px};
use vokg_engine::frame::Frame;
use vokg_engine::geometry::Size;

/// What all frames of a clip share: the ground is drawn once, larger than the frame where the camera moves.
pub struct Renderer<'a> {
    scene: &'a Scene,
    ground: Picture,
    /// Pixels of ground to the left and above of what a camera that looks straight ahead sees.
    border_px: (u32, u32),
    grain: Grain,
    noise: SensorNoise,
    shade: Shade,
    shadow_share: f32,
    seed: u32,
}

/// The least and the most light a shadow takes.
pub const SHADOW_SHARE: (f32, f32) = (0.22, 0.38);

impl<'a> Renderer<'a> {
    /// Draws the ground of a scene.
    pub fn new(scene: &'a Scene) -> Self {
        let seed = hash([scene.seed as u32, (scene.seed >> 32) as u32, 3]);
        let reach = scene.camera.reach(scene.secs()) * f64::from(scene.size.width);
        let even = |px: f64| if px > 0.0 { (px / 2.0).ceil() as u32 * 2 + 4 } else { 0 };
        let border_px = (even(reach), even(reach * 0.6));
        let size = Size { width: scene.size.width + 2 * border_px.0, height: scene.size.height + 2 * border_px.1 };
        let unit = unit_px(scene.size);
        let corner = scene.corner_place();
        let origin = (corner.0 - f64::from(border_px.0) / unit, corner.1 - f64::from(border_px.1) / unit);
        let ground = Ground::new(scene.scenery, seed);
        Self {
            scene,
            ground: ground.picture(size, (origin.0 as f32, origin.1 as f32), unit as f32),
            border_px,
            grain: Grain::new(seed ^ 0x6a),
            noise: SensorNoise::new(scene.seed),
            shade: Shade::new(scene.size),
            shadow_share: SHADOW_SHARE.0 + (SHADOW_SHARE.1 - SHADOW_SHARE.0) * unit_share(seed),
            seed,
        }
    }

    /// A frame as the sensor sees it.
    ///
    /// # Panics
    /// Where the scene has no frame of that number.
    pub fn frame(&mut self, index: u32) -> Frame {
        assert!(index < self.scene.frame_count, "frame {index} of {}", self.scene.frame_count);
        let secs = self.scene.rate.secs(index);
        let mut picture = self.ground_at(secs);
        let figures = self.scene.figures(secs);
        self.cast_shadows(&mut picture, &figures);
        self.paint(&mut picture, &figures);
        self.expose(&mut picture, index);
        Frame::from_i420(self.scene.rate.time_us(index), picture.size, picture.y, picture.u, picture.v)
    }

    /// The bare ground as the camera sees it at a moment, without noise.
    pub fn ground_at(&self, secs: f64) -> Picture {
        let (dx, dy) = self.scene.camera_px(secs);
        let (x, y) = (dx + f64::from(self.border_px.0), dy + f64::from(self.border_px.1));
        let Size { width, height } = self.scene.size;
        let stride = self.ground.size.width as usize;
        let luma = crop(&self.ground.y, stride, (x, y), (width, height));
        let chroma = |plane: &[u8]| crop(plane, stride / 2, (x / 2.0, y / 2.0), (width / 2, height / 2));
        Picture { size: self.scene.size, y: luma, u: chroma(&self.ground.u), v: chroma(&self.ground.v) }
    }

    /// Darkens the ground under the figures.
    pub fn cast_shadows(&mut self, picture: &mut Picture, figures: &[Figure]) {
        let mut outlines = Vec::new();
        for figure in figures {
            let body = &self.scene.actors[figure.index].body;
            for (outline, soft_px) in shadows(body, figure) {
                self.shade.cast(picture.size, &outline, self.shadow_share, soft_px);
                outlines.push(outline);
            }
        }
        self.shade.apply(picture, &outlines);
    }

    fn paint(&self, picture: &mut Picture, figures: &[Figure]) {
        for figure in figures {
            let pin = Pin { feet_px: figure.stance.feet_px, unit_px: figure.stance.unit_px };
            for shape in &figure.shapes {
                picture.paint(shape, &self.grain, pin);
            }
        }
    }

    fn expose(&self, picture: &mut Picture, index: u32) {
        let gain = (self.scene.light.gain(self.scene.rate.secs(index), index, self.seed) * 1024.0).round() as i32;
        let width = picture.size.width as usize;
        for (line, row) in picture.y.chunks_exact_mut(width).enumerate() {
            self.noise.expose(row, (index, line as u32), gain, 16, 0);
        }
        for (plane, salt) in [(&mut picture.u, 1 << 16), (&mut picture.v, 2 << 16)] {
            for (line, row) in plane.chunks_exact_mut(width / 2).enumerate() {
                self.noise.expose(row, (index, line as u32 | salt), gain, 128, 1);
            }
        }
    }
}

fn unit_share(seed: u32) -> f32 {
    unit([seed, 0, 8])
}

/// Cuts a window out of a plane; between pixels the four neighbours are blended in steps of 1/16.
fn crop(plane: &[u8], stride: usize, (x, y): (f64, f64), (width, height): (u32, u32)) -> Vec<u8> {
    let fine = |v: f64| (v * 16.0).round().max(0.0) as usize;
    let (x, y) = (fine(x), fine(y));
    let (column, row, fx, fy) = (x / 16, y / 16, (x % 16) as u32, (y % 16) as u32);
    let (width, height) = (width as usize, height as usize);
    let mut window = Vec::with_capacity(width * height);
    for line in row..row + height {
        let above = &plane[line * stride + column..];
        if fx == 0 && fy == 0 {
            window.extend_from_slice(&above[..width]);
            continue;
        }
        let below = &plane[(line + 1) * stride + column..];
        let (above, below) = (&above[..width + 1], &below[..width + 1]);
        window.extend((0..width).map(|i| {
            let top = u32::from(above[i]) * (16 - fx) + u32::from(above[i + 1]) * fx;
            let bottom = u32::from(below[i]) * (16 - fx) + u32::from(below[i + 1]) * fx;
            ((top * (16 - fy) + bottom * fy + 128) >> 8) as u8
        }));
    }
    window
}

/// The shadows of a thing with the width of their soft edge: one under it and, of tall things, one cast away from the
/// sun, which stands in front to the left.
fn shadows(body: &Body, figure: &Figure) -> Vec<(Outline, f32)> {
    let unit = figure.stance.unit_px;
    let (x, y) = figure.stance.feet_px;
    let (width, height) = body.extent();
    let (width, height) = (width as f32 * unit, height as f32 * unit);
    let under = match body {
        Body::Car(_) | Body::Van(_) => {
            (Outline::Ellipse((x + 0.05 * width, y - 0.01 * width), 0.56 * width, 0.11 * width), 0.05 * width)
        }
        Body::Person(_) => {
            (Outline::Ellipse((x + 0.06 * height, y - 0.012 * height), 0.19 * height, 0.05 * height), 0.03 * height)
        }
        _ => (Outline::Ellipse((x + 0.1 * width, y - 0.03 * height), 0.6 * width, 0.2 * height), 0.1 * height),
    };
    let Body::Person(_) = body else { return vec![under] };
    let far = (x + 0.62 * height, y - 0.2 * height);
    vec![under, (Outline::Limb((x, y - 0.01 * height), far, 0.075 * height, 0.1 * height), 0.06 * height)]
}

/// The frames of a scene, in order.
pub struct Frames<'a> {
    renderer: Renderer<'a>,
    next: u32,
}

impl Scene {
    /// Renders the frames one by one, as I420.
    pub fn frames(&self) -> Frames<'_> {
        Frames { renderer: Renderer::new(self), next: 0 }
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if self.next == self.renderer.scene.frame_count {
            return None;
        }
        self.next += 1;
        Some(self.renderer.frame(self.next - 1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.renderer.scene.frame_count - self.next) as usize;
        (left, Some(left))
    }
}
