//! A frame fetched by its time is the frame that reading through gives there.

use crate::media::{BALL, Folder, luma, read};
use std::path::Path;
use vokg_connectors::source::file::{FileConfig, Limits, frame_at};
use vokg_engine::frame::Frame;

#[test]
fn sixteen_targets_in_every_container() {
    let folder = Folder::new();
    let muxers = [("a.mp4", "mp4mux"), ("a.mkv", "matroskamux"), ("a.ts", "mpegtsmux"), ("a.avi", "avimux")];
    for (name, muxer) in muxers {
        let frames = if muxer == "avimux" { BALL.replace("bframes=2", "bframes=0") } else { BALL.to_owned() };
        let parse = if muxer == "avimux" { "h264parse ! video/x-h264,stream-format=byte-stream ! " } else { "" };
        check(&folder.make(name, &format!("{frames} ! {parse}{muxer}")));
    }
    check(&folder.make("a.h264", &format!("{BALL} ! h264parse ! video/x-h264,stream-format=byte-stream")));
}

#[test]
fn times_outside_give_the_first_or_last_frame() {
    let folder = Folder::new();
    let path = folder.make("a.mp4", &format!("{BALL} ! mp4mux"));
    let frames = read(&path, &FileConfig::default()).expect("it reads").frames;
    let at = |t_us| frame_at(&path, t_us, &Limits::default()).expect("a frame");
    assert_same(&at(0), &frames[0], "the start");
    assert_same(&at(3_600_000_000), frames.last().expect("frames"), "an hour later");
}

/// Eight targets on a frame and eight 5 ms after one, spread over the clip and out of order.
fn check(path: &Path) {
    let frames = read(path, &FileConfig::default()).expect("it reads").frames;
    for target in 0..16usize {
        let frame = &frames[(target * 23 + 5) % frames.len()];
        let t_us = frame.t + if target % 2 == 0 { 0 } else { 5_000 };
        let found = frame_at(path, t_us, &Limits::default()).expect("a frame");
        assert_same(&found, frame, &format!("{} at {t_us}", path.display()));
    }
}

fn assert_same(found: &Frame, wanted: &Frame, what: &str) {
    assert!(found.t.abs_diff(wanted.t) <= 1, "{what}: found {} instead of {}", found.t, wanted.t);
    assert!(luma(found) == luma(wanted), "{what}: another picture");
}
