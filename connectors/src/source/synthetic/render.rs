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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::synthetic::{SCENES, SynthConfig, random_scene, scene};
    use vokg_engine::frame::FrameData;
    use vokg_engine::geometry::Rect;

    const SIZE: Size = Size { width: 640, height: 360 };

    fn config() -> SynthConfig {
        SynthConfig { size: SIZE, fps: 10.0, seconds: None, seed: 1 }
    }

    fn bytes(frame: &Frame) -> Vec<u8> {
        let FrameData::Cpu(pixels) = &frame.data else { panic!("frames are drawn in main memory") };
        (0..3).flat_map(|plane| pixels.planes.plane(plane).0.to_vec()).collect()
    }

    fn luma(frame: &Frame) -> Vec<u8> {
        bytes(frame)[..SIZE.area() as usize].to_vec()
    }

    #[test]
    fn frames_depend_on_scene_seed_and_number_alone() {
        let digest = |seed: u64, order: &[u32]| {
            let scene = random_scene(seed, &SynthConfig { seconds: Some(8.0), ..config() }).expect("a scene");
            let mut renderer = Renderer::new(&scene);
            let mut parts: Vec<_> = order.iter().map(|i| (*i, blake3::hash(&bytes(&renderer.frame(*i))))).collect();
            parts.sort_by_key(|part| part.0);
            parts
        };
        let forwards = digest(5, &[10, 40, 79]);
        assert_eq!(forwards, digest(5, &[79, 10, 40]));
        assert_ne!(forwards[0].1, forwards[1].1);
        assert_ne!(forwards, digest(6, &[10, 40, 79]));
    }

    #[test]
    fn sensor_noise_is_at_least_four_steps_strong_in_every_scene() {
        for name in ["stopped", "street", "shake-1"] {
            let scene = scene(name, &SynthConfig { fps: 120.0, ..config() }).expect("a scene");
            let mut renderer = Renderer::new(&scene);
            let (a, b) = (luma(&renderer.frame(0)), luma(&renderer.frame(1)));
            let ground = |secs| renderer.ground_at(secs).y;
            let (clean_a, clean_b) = (ground(0.0), ground(scene.rate.secs(1)));
            let differences: Vec<f64> = (0..a.len())
                .map(|i| f64::from(a[i]) - f64::from(b[i]) - f64::from(clean_a[i]) + f64::from(clean_b[i]))
                .collect();
            let n = differences.len() as f64;
            let mean = differences.iter().sum::<f64>() / n;
            let variance = differences.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / n;
            let sigma = (variance / 2.0).sqrt();
            assert!((4.0..6.5).contains(&sigma), "{name}: sigma {sigma}");
        }
    }

    #[test]
    fn shadows_take_twenty_to_forty_percent_of_the_light() {
        for seed in 0..12 {
            let scene = scene("near", &SynthConfig { seed, ..config() }).expect("a scene");
            let mut renderer = Renderer::new(&scene);
            let bare = renderer.ground_at(5.0);
            let mut shaded = bare.clone();
            renderer.cast_shadows(&mut shaded, &scene.figures(5.0));
            let taken = |i: usize| 1.0 - (f64::from(shaded.y[i]) - 16.0) / (f64::from(bare.y[i]) - 16.0);
            // Rounding to whole steps says little on dark ground.
            let most = (0..bare.y.len()).filter(|i| bare.y[*i] > 100).map(taken).fold(0.0, f64::max);
            assert!((0.2..=0.4).contains(&most), "seed {seed}: {most}");
        }
    }

    /// Mean luma of a body and of the ground in a ring around its box.
    fn contrast(renderer: &Renderer<'_>, secs: f64, figure: &Figure) -> Option<f64> {
        let ground = renderer.ground_at(secs);
        let mut drawn = ground.clone();
        renderer.paint(&mut drawn, std::slice::from_ref(figure));
        let ring = figure.rect.grown(0.3);
        if ring.left < 0.0 || ring.top < 0.0 || ring.right() > SIZE.width as f32 || ring.bottom() > SIZE.height as f32 {
            return None;
        }
        let (mut body, mut around) = ((0.0, 0.0), (0.0, 0.0));
        let within = |r: &Rect, x: f32, y: f32| x >= r.left && x < r.right() && y >= r.top && y < r.bottom();
        for i in 0..drawn.y.len() {
            let (x, y) = ((i % 640) as f32, (i / 640) as f32);
            let sum = match (within(&figure.rect, x, y), within(&ring, x, y)) {
                (true, _) if drawn.y[i] != ground.y[i] => &mut body,
                (false, true) => &mut around,
                _ => continue,
            };
            *sum = (sum.0 + f64::from(drawn.y[i]), sum.1 + 1.0);
        }
        Some((body.0 / body.1 - around.0 / around.1).abs())
    }

    #[test]
    fn many_scenes_have_something_within_25_steps_of_its_surroundings_and_something_beyond() {
        let (mut alike, mut apart) = (0, 0);
        for entry in SCENES {
            let scene = scene(entry.name, &config()).expect("a scene");
            let renderer = Renderer::new(&scene);
            let contrasts = scene.figures(6.0).iter().filter_map(|f| contrast(&renderer, 6.0, f)).collect::<Vec<_>>();
            alike += usize::from(contrasts.iter().any(|c| *c < 25.0));
            apart += usize::from(contrasts.iter().any(|c| *c > 25.0));
        }
        assert!(alike >= SCENES.len() / 3 && apart >= SCENES.len() / 3, "alike in {alike}, apart in {apart}");
    }

    #[test]
    fn what_is_drawn_fills_the_box_the_truth_has() {
        let scene = scene("carries", &config()).expect("a scene");
        let renderer = Renderer::new(&scene);
        let figures = scene.figures(6.0);
        assert!(figures.len() >= 3);
        for figure in &figures {
            let ground = renderer.ground_at(6.0);
            let mut drawn = ground.clone();
            renderer.paint(&mut drawn, std::slice::from_ref(figure));
            let changed: Vec<(f32, f32)> = (0..drawn.y.len())
                .filter(|i| drawn.y[*i].abs_diff(ground.y[*i]) > 3)
                .map(|i| ((i % 640) as f32 + 0.5, (i / 640) as f32 + 0.5))
                .collect();
            let (found, told) = (crate::source::synthetic::draw::shape::around(&changed), figure.rect.clipped(SIZE));
            assert!(found.iou(&told) > 0.85, "{found:?} {told:?}");
        }
    }

    #[test]
    fn every_shape_of_frame_shows_the_same_scene() {
        for (width, height) in [(64, 64), (360, 640), (1280, 360)] {
            let size = Size { width, height };
            let scene = scene("street", &SynthConfig { size, seconds: Some(2.0), ..config() }).expect("a scene");
            assert_eq!(scene.frames().map(|f| bytes(&f).len()).max(), Some((width * height * 3 / 2) as usize));
        }
    }
}
