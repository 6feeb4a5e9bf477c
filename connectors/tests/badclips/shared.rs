//! The collection of bad and odd clips that lies beside a checkout, and three real ones.

use crate::media::{Read, read};
use std::path::PathBuf;
use vokg_connectors::source::file::FileConfig;
use vokg_connectors::source::{EndStatus, SourceError};

enum Expect {
    /// This many frames, complete.
    Frames(u64),
    /// This many frames, one gap.
    Gap(u64),
    /// A message that begins so.
    Error(&'static str),
}
use Expect::{Error, Frames, Gap};

const BAD_CLIPS: [(&str, Expect); 34] = [
    ("alpha_vp9.webm", Frames(15)),
    ("av1.mp4", Frames(10)),
    ("bad_avcc.mp4", Error("damaged: not one picture could be decoded")),
    ("concat.mp4", Error("not a video: the content is a playlist (ffconcat)")),
    ("corrupt.mkv", Gap(46)),
    ("corrupt.ts", Gap(47)),
    // One picture comes twice with the same time stamp.
    ("corrupt_bits.mp4", Frames(59)),
    ("good.mp4", Frames(60)),
    ("h264.avi", Frames(60)),
    ("h264.mkv", Frames(60)),
    ("h264.ts", Frames(60)),
    ("h264_10bit.mp4", Frames(60)),
    ("h264_444.mp4", Frames(60)),
    ("hevc.mp4", Frames(60)),
    ("hevc_10bit.mp4", Frames(60)),
    ("hls_as.mp4", Error("not a video: the content is a playlist (M3U or HLS)")),
    ("hls_ssrf.m3u8", Error("not a video: the content is a playlist (M3U or HLS)")),
    ("interlaced.mp4", Frames(30)),
    ("mjpeg.avi", Frames(60)),
    ("moov_at_end.mp4", Frames(60)),
    ("mpeg4.avi", Error("codec video/mpeg mpegversion 4 is not supported")),
    ("odd_vp9.webm", Frames(30)),
    ("one_frame.mp4", Frames(1)),
    ("portrait.mp4", Frames(30)),
    ("random.mp4", Error("not a video: the content is unknown")),
    ("raw_nopts.h264", Frames(60)),
    ("sar2.mp4", Frames(30)),
    ("still.jpg", Frames(1)),
    ("text.mp4", Error("not a video: the content is text")),
    ("trunc_no_moov.mp4", Error("truncated: the index (moov) is missing")),
    ("vfr.mp4", Frames(17)),
    ("vp8.webm", Frames(15)),
    ("zero.mp4", Error("empty file")),
    ("no_such.mp4", Error("no such file")),
];

const REAL_CLIPS: [(&str, u64); 3] = [("01_dog.mp4", 289), ("bedroom.mp4", 200), ("car-detection.mp4", 377)];

#[test]
fn every_bad_clip_has_its_tabled_outcome() {
    let Some(folder) = shared("badclips") else { return };
    let wrong: Vec<String> = BAD_CLIPS
        .iter()
        .filter_map(|(name, expected)| {
            let outcome = read(&folder.join(name), &FileConfig::default());
            (!is_as_expected(&outcome, expected)).then(|| format!("{name}: {:?}", outcome.map(|read| read.report)))
        })
        .collect();
    assert_eq!(wrong, [] as [String; 0]);
    let untabled = std::fs::read_dir(folder).expect("it can be listed").filter_map(|entry| {
        let name = entry.expect("it can be listed").file_name().to_string_lossy().into_owned();
        (!BAD_CLIPS.iter().any(|(tabled, _)| *tabled == name)).then_some(name)
    });
    assert_eq!(untabled.collect::<Vec<_>>(), [] as [String; 0], "every file there needs a row");
    assert!(peak_megabytes() < 500, "{} MB", peak_megabytes());
}

#[test]
fn real_clips_are_complete() {
    let Some(folder) = shared("clips") else { return };
    for (name, frames) in REAL_CLIPS {
        let outcome = read(&folder.join(name), &FileConfig::default());
        assert!(is_as_expected(&outcome, &Frames(frames)), "{name}: {:?}", outcome.map(|read| read.report));
    }
}

fn is_as_expected(outcome: &Result<Read, SourceError>, expected: &Expect) -> bool {
    match (outcome, expected) {
        (Ok(Read { report, .. }), Frames(frames)) => report.status == EndStatus::Complete && report.frames == *frames,
        (Ok(Read { report, .. }), Gap(frames)) => {
            report.status == EndStatus::CompleteWithGaps && report.gaps == 1 && report.frames == *frames
        }
        (Err(error), Error(beginning)) => error.to_string().starts_with(beginning),
        _ => false,
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = std::env::var_os("VOKG_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
    let folder = root.join(name);
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is absent, set VOKG_SHARED to the folder that holds it", folder.display());
        return None;
    }
    Some(folder)
}

fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}
