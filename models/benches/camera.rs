//! What does the camera's motion cost a frame of 1080p?
//!
//! `cargo bench -p vokg-models --bench camera`. The encoder of `motion` reduces a frame and measures how the camera moved.
//! Each picture is encoded twice: at 1080p, and at the size it is reduced to, where reducing it is a copy. The second is
//! the estimation, and the difference is the reduction that the segmenter needs anyway. Pictures are ground with noise,
//! seen by a camera at rest, by one that pans, and by one that is turned away at every frame, so that nothing is found
//! again and the whole search is made in vain.

use std::time::Instant;
use vokg_engine::frame::Frame;
use vokg_engine::geometry::Size;
use vokg_engine::time::Micros;
use vokg_models::motion::Motion;
use vokg_models::{Backend, Encoder};

/// Pixels of the frame for one of the plane it is reduced to.
const PIXELS: usize = 5;
const SMALL: Size = Size { width: 384, height: 216 };
const FULL: Size = Size { width: SMALL.width * PIXELS as u32, height: SMALL.height * PIXELS as u32 };
const FRAMES: u64 = 150;
const FRAME_US: Micros = 40_000;

/// Where the camera looks in a frame, in pixels of the ground.
type Path = fn(u64) -> (usize, usize);
const PATHS: [(&str, Path); 3] = [
    ("at rest", |_| (0, 0)),
    ("pan, 3 px a frame", |frame| (3 * frame as usize, 0)),
    ("another view each frame", |frame| (frame as usize * 977 % 1900, frame as usize * 613 % 1000)),
];

/// Numbers that look random and depend on a place alone.
fn mixed(x: usize, y: usize) -> u32 {
    let value = (x as u32).wrapping_mul(374_761_393).wrapping_add((y as u32).wrapping_mul(668_265_263));
    let value = (value ^ (value >> 13)).wrapping_mul(1_274_126_177);
    value ^ (value >> 16)
}

/// Light of the ground at a pixel: patches of two sizes.
fn ground(x: usize, y: usize) -> u8 {
    (60 + mixed(x / 60, y / 60) % 60 + mixed(x / 25 + 7, y / 25) % 50) as u8
}

/// The picture at both sizes.
fn pictures(index: u64, (left, top): (usize, usize)) -> (Frame, Frame) {
    let (width, height) = (FULL.width as usize, FULL.height as usize);
    let seed = index as usize;
    let pixel = |i: usize| {
        let (x, y) = (i % width, i / width);
        ground(left + x, top + y) + (mixed(i, seed) % 8) as u8
    };
    let full: Vec<u8> = (0..width * height).map(pixel).collect();
    let mean = |i: usize| {
        let (x, y) = (i % SMALL.width as usize * PIXELS, i / SMALL.width as usize * PIXELS);
        let rows = (0..PIXELS).flat_map(|row| &full[(y + row) * width + x..][..PIXELS]);
        (rows.map(|p| u32::from(*p)).sum::<u32>() / (PIXELS * PIXELS) as u32) as u8
    };
    let small = (0..SMALL.area() as usize).map(mean).collect();
    let frame = |size: Size, luma: Vec<u8>| {
        let chroma = vec![128; size.area() as usize / 4];
        Frame::from_i420(index * FRAME_US, size, luma, chroma.clone(), chroma)
    };
    (frame(FULL, full.clone()), frame(SMALL, small))
}

fn milliseconds(encoder: &mut dyn Encoder, frame: &Frame) -> f64 {
    let begun = Instant::now();
    let encoded = encoder.encode(frame);
    let taken = begun.elapsed().as_secs_f64() * 1e3;
    assert!(encoded.is_ok(), "the frame is in main memory and large enough");
    taken
}

fn main() {
    println!("a frame of {}x{}, ms, p50 / p99 of {FRAMES}", FULL.width, FULL.height);
    println!("{:24} {:>18} {:>18}", "camera", "encoder", "estimation");
    for (name, path) in PATHS {
        let motion = Motion::default();
        let ((mut of_full, _), (mut of_small, _)) = (motion.open(), motion.open());
        let (mut full, mut small) = (Vec::new(), Vec::new());
        for index in 0..FRAMES {
            let (full_frame, small_frame) = pictures(index, path(index));
            full.push(milliseconds(of_full.as_mut(), &full_frame));
            small.push(milliseconds(of_small.as_mut(), &small_frame));
        }
        let shown = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            format!("{:.2} / {:.2}", times[times.len() / 2], times[times.len() * 99 / 100])
        };
        println!("{name:24} {:>18} {:>18}", shown(full), shown(small));
    }
}
