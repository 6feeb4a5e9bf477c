//! A small drawn world: grained ground, grained things that cast soft shadows, sensor noise, light and a camera.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use vokg_engine::frame::Frame;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::time::micros_from_secs;

/// The frame.
pub const SIZE: Size = Size { width: 640, height: 360 };
/// Ground around the frame that the camera may show, in pixels.
const MARGIN: usize = 260;
/// Standard deviation of the sensor's noise.
const NOISE: f32 = 4.5;

/// A thing and where it is.
pub struct Thing {
    /// Mean luma and both chroma.
    pub colour: (f32, f32, f32),
    /// Round instead of square.
    pub round: bool,
    /// Its box on the ground at a time in seconds; `None` while it is not there.
    pub path: Box<dyn Fn(f64) -> Option<Rect>>,
}

/// The world.
pub struct World {
    ground: Vec<f32>,
    grain: Vec<f32>,
    noise: Vec<f32>,
    /// What is in it.
    pub things: Vec<Thing>,
    /// Share of the light that a shadow takes away; shadows fall to the right and below.
    pub shadow: f32,
    /// Brightness at a time.
    pub light: Box<dyn Fn(f64) -> f32>,
    /// Where the frame's corner is on the ground at a time, in pixels.
    pub camera: Box<dyn Fn(f64) -> (f32, f32)>,
}

impl World {
    /// A world without things, in even light, with the camera at rest.
    pub fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (width, height) = (SIZE.width as usize + 2 * MARGIN, SIZE.height as usize + 2 * MARGIN);
        let mut ground = vec![105.0; width * height];
        for (pitch, strength) in [(7, 22.0), (23, 26.0), (90, 25.0)] {
            add_smooth_noise(&mut ground, width, pitch, strength, &mut random);
        }
        let mut grain = vec![0.0; width * height];
        for (pitch, strength) in [(5, 30.0), (17, 30.0)] {
            add_smooth_noise(&mut grain, width, pitch, strength, &mut random);
        }
        let uniform = |random: &mut ChaCha8Rng| random.next_u32() as f32 / u32::MAX as f32 - 0.5;
        // A sum of four uniform numbers has a standard deviation of 1/√3.
        let normal = |random: &mut ChaCha8Rng| (0..4).map(|_| uniform(random)).sum::<f32>() * 3f32.sqrt();
        let noise = (0..1 << 16).map(|_| NOISE * normal(&mut random)).collect();
        let (light, camera) = (Box::new(|_| 1.0), Box::new(|_| (0.0, 0.0)));
        Self { ground, grain, noise, things: Vec::new(), shadow: 0.0, light, camera }
    }

    /// Lays dark joints, narrower than the cells of the segmenter, over the ground.
    pub fn pave(&mut self) {
        let width = SIZE.width as usize + 2 * MARGIN;
        for (i, level) in self.ground.iter_mut().enumerate() {
            if i % width % 31 < 2 || i / width % 23 < 2 {
                *level -= 40.0;
            }
        }
    }

    /// The boxes of the things at a time, in pixels of the frame, cut at its rim.
    pub fn truth(&self, secs: f64) -> Vec<Rect> {
        let (dx, dy) = (self.camera)(secs);
        let boxes = self.things.iter().filter_map(|thing| (thing.path)(secs));
        let seen = boxes.map(|r| Rect::new(r.left - dx, r.top - dy, r.width, r.height).clipped(SIZE));
        seen.filter(|r| r.area() > 0.0).collect()
    }

    /// The frame at a time.
    pub fn frame(&self, secs: f64) -> Frame {
        let (width, height) = (SIZE.width as usize, SIZE.height as usize);
        let stride = width + 2 * MARGIN;
        let (dx, dy) = (self.camera)(secs);
        let (from_x, from_y) = (MARGIN as f32 + dx, MARGIN as f32 + dy);
        let (fx, fy) = (from_x.fract(), from_y.fract());
        let at = |x: usize, y: usize| (from_y as usize + y) * stride + from_x as usize + x;
        let mut luma: Vec<f32> = (0..width * height)
            .map(|i| {
                let k = at(i % width, i / width);
                let top = self.ground[k] * (1.0 - fx) + self.ground[k + 1] * fx;
                let bottom = self.ground[k + stride] * (1.0 - fx) + self.ground[k + stride + 1] * fx;
                top * (1.0 - fy) + bottom * fy
            })
            .collect();
        let chroma_width = width / 2;
        let (mut u, mut v) = (vec![124.0; luma.len() / 4], vec![131.0; luma.len() / 4]);
        for thing in &self.things {
            let Some(rect) = (thing.path)(secs) else { continue };
            let rect = Rect::new(rect.left - dx, rect.top - dy, rect.width, rect.height);
            let cast =
                Rect::new(rect.left + rect.width * 0.25, rect.top + rect.height * 0.6, rect.width, rect.height * 0.6);
            for_each_pixel(&cast, |x, y| {
                let (cx, cy) = cast.centre();
                let from_centre = (x as f32 + 0.5 - cx).hypot((y as f32 + 0.5 - cy) * cast.width / cast.height);
                let depth = ((cast.width / 2.0 - from_centre) / 6.0).clamp(0.0, 1.0);
                luma[y * width + x] *= 1.0 - self.shadow * depth;
            });
        }
        for thing in &self.things {
            let Some(rect) = (thing.path)(secs) else { continue };
            let rect = Rect::new(rect.left - dx, rect.top - dy, rect.width, rect.height);
            let (cx, cy) = rect.centre();
            for_each_pixel(&rect, |x, y| {
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                let (rx, ry) = ((px - cx) / rect.width * 2.0, (py - cy) / rect.height * 2.0);
                if thing.round && rx * rx + ry * ry > 1.0 {
                    return;
                }
                let grain = self.grain[(py - rect.top) as usize * stride + (px - rect.left) as usize];
                luma[y * width + x] = thing.colour.0 + grain;
                (u[y / 2 * chroma_width + x / 2], v[y / 2 * chroma_width + x / 2]) = (thing.colour.1, thing.colour.2);
            });
        }
        let light = (self.light)(secs);
        let t = micros_from_secs(secs);
        let mut noise = ChaCha8Rng::seed_from_u64(t);
        let mut noisy = |cells: Vec<f32>, gain: f32| -> Vec<u8> {
            let width = 64;
            let rows = cells.chunks(width).map(|row| (row, noise.next_u32() as usize % (self.noise.len() - width)));
            let pixel = |(level, noise): (&f32, &f32)| (level * gain + noise).round().clamp(0.0, 255.0) as u8;
            rows.flat_map(|(row, from)| row.iter().zip(&self.noise[from..]).map(pixel).collect::<Vec<u8>>()).collect()
        };
        let (y, u, v) = (noisy(luma, light), noisy(u, 1.0), noisy(v, 1.0));
        Frame::from_i420(t, SIZE, y, u, v)
    }
}

/// Visits the pixels whose centres lie in a box and in the frame.
fn for_each_pixel(rect: &Rect, mut visit: impl FnMut(usize, usize)) {
    let first = |edge: f32, limit: u32| ((edge - 0.5).ceil().max(0.0) as usize).min(limit as usize);
    for y in first(rect.top, SIZE.height)..first(rect.bottom(), SIZE.height) {
        for x in first(rect.left, SIZE.width)..first(rect.right(), SIZE.width) {
            visit(x, y);
        }
    }
}

/// Adds random values on a grid, smoothly joined, between plus and minus half of `strength`.
fn add_smooth_noise(cells: &mut [f32], width: usize, pitch: usize, strength: f32, random: &mut ChaCha8Rng) {
    let height = cells.len() / width;
    let knots_x = width / pitch + 2;
    let knots: Vec<f32> = (0..knots_x * (height / pitch + 2))
        .map(|_| strength * (random.next_u32() as f32 / u32::MAX as f32 - 0.5))
        .collect();
    for (i, cell) in cells.iter_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        let smooth = |f: f32| f * f * (3.0 - 2.0 * f);
        let (fx, fy) = (smooth((x % pitch) as f32 / pitch as f32), smooth((y % pitch) as f32 / pitch as f32));
        let k = y / pitch * knots_x + x / pitch;
        let top = knots[k] * (1.0 - fx) + knots[k + 1] * fx;
        let bottom = knots[k + knots_x] * (1.0 - fx) + knots[k + knots_x + 1] * fx;
        *cell += top * (1.0 - fy) + bottom * fy;
    }
}
