//! What must be in the picture, on a made-up scene.

use super::*;
use crate::export::delta_json::samples;
use vokg_engine::geometry::{Rect, Size};
use vokg_engine::id::TrackId;
use vokg_engine::mask::{CellBounds, Mask};

const SIZE: Size = samples::SIZE;

/// A grey road, brighter towards the right, with two things on it.
fn frame(t: Micros) -> Frame {
    let luma = |x: u32, y: u32| match (x, y) {
        (100..220, 150..230) => 200,
        (300..350, 100..260) => 60,
        _ => 90 + (x / 16) as u8,
    };
    let y = (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| luma(x, y))).collect();
    let chroma = vec![128; (SIZE.area() / 4) as usize];
    Frame::from_i420(t, SIZE, y, chroma.clone(), chroma)
}

fn sightings(now: Micros) -> Vec<Sighting> {
    let lattice = Size { width: 160, height: 90 };
    let bounds = CellBounds { left: 25, top: 37, width: 30, height: 21 };
    let car = Mask::from_cells(lattice, bounds, |x, y| x.abs_diff(40) + y.abs_diff(47) < 15);
    let seen = |t: Micros, object: u32, rect: Rect, mask: Option<Mask>| Sighting {
        t,
        frame: 1 + t / 100_000,
        track: TrackId(object),
        object: ObjectId(object),
        rect,
        score: 0.9,
        visible: None,
        mask,
    };
    let at = |step: u64| {
        let t = now - (10 - step) * 100_000;
        let car_box = Rect::new(50.0 + 5.0 * step as f32, 150.0, 120.0, 80.0);
        let person_box = Rect::new(300.0, 100.0, 50.0, 160.0);
        [seen(t, 1, car_box, (step == 10).then(|| car.clone())), seen(t, 2, person_box, None)]
    };
    (0..=10).flat_map(at).collect()
}

fn svg(now: Micros, sightings: &[Sighting], graph: &Graph) -> String {
    let (stream, frame) = (samples::stream(), frame(now));
    let scene = Scene {
        stream: &stream,
        graph,
        frame: &frame,
        sightings,
        duration_us: 5_000_000,
        symmetric: &[RelationKind::NEAR],
    };
    let mut bytes = Vec::new();
    write(&mut bytes, &scene).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn objects_edge_and_times_are_drawn_and_the_bytes_are_the_same_again() {
    let graph = samples::fold(&samples::story());
    let picture = svg(2_000_000, &sightings(2_000_000), &graph);
    for part in ["car 1", "person 2", "NEAR", "1.00 – 2.40 s", "2.00 s", "NEAR 1 – 2", "<title>gap</title>"] {
        assert!(picture.contains(part), "{part}");
    }
    assert_eq!(picture.matches("data:image/jpeg").count(), 3, "the frame and two thumbnails");
    assert_eq!(picture, svg(2_000_000, &sightings(2_000_000), &graph));
}

#[test]
fn an_empty_moment_says_so() {
    let picture = svg(4_999_000, &[], &Graph::default());
    assert!(picture.contains("nothing in view") && picture.contains("0 objects · 0 interactions"));
}

#[test]
fn a_frame_on_a_device_is_refused_with_the_way_out() {
    let cuda =
        vokg_engine::frame::CudaFrame { device: 0, luma: 0, chroma: 0, pitch: 0, owner: std::sync::Arc::new(()) };
    let frame = Frame { data: vokg_engine::frame::FrameData::Cuda(cuda), ..frame(7) };
    let (stream, graph) = (samples::stream(), Graph::default());
    let scene = Scene { stream: &stream, graph: &graph, frame: &frame, sightings: &[], duration_us: 0, symmetric: &[] };
    let error = write(&mut Vec::new(), &scene).unwrap_err().to_string();
    assert_eq!(error, "the frame at 7 us is in the memory of a CUDA device, it must be copied to main memory first");
}
