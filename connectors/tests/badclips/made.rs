//! Inputs made by the tests themselves.

use crate::media::{BALL, Folder, Read, error_of, luma, read};
use std::path::Path;
use vokg_connectors::source::file::{FileConfig, FileSource, Limits, Sample, probe};
use vokg_connectors::source::{EndStatus, GapReason, SourceEvent};
use vokg_engine::geometry::Size;

fn read_all(path: &Path) -> Read {
    read(path, &FileConfig::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn sampled(path: &Path, sample: Sample) -> Read {
    read(path, &FileConfig { sample, ..FileConfig::default() }).expect("it reads")
}

#[test]
fn a_sound_file_is_complete_and_without_anomalies() {
    let folder = Folder::new();
    for (name, muxer) in [("a.mp4", "mp4mux"), ("a.mkv", "matroskamux"), ("a.ts", "mpegtsmux")] {
        let Read { report, frames, info, .. } = read_all(&folder.make(name, &format!("{BALL} ! {muxer}")));
        assert_eq!((report.status, report.frames, frames[0].t), (EndStatus::Complete, 60, 0), "{name}");
        assert_eq!(report.anomalies, Default::default(), "{name}");
        assert_eq!((info.size, info.pixel_aspect), (Size { width: 320, height: 240 }, (1, 1)));
        assert!(report.duration_us.abs_diff(2_000_000) < 2_000, "{name}: {}", report.duration_us);
    }
}

#[test]
fn sampling_and_the_frame_limit_choose_frames() {
    let folder = Folder::new();
    let path = folder.make("a.mp4", &format!("{BALL} ! mp4mux"));
    let times = |read: Read| read.frames.iter().map(|frame| frame.t).collect::<Vec<_>>();
    assert_eq!(times(sampled(&path, Sample::Keyframes)), [0, 500_000, 1_000_000, 1_500_000]);
    let fifths: Vec<u64> = (0..10).map(|n| n * 200_000).collect();
    assert_eq!(times(sampled(&path, Sample::Fps(5.0))), fifths);
    let read = read(&path, &FileConfig { max_frames: Some(7), ..FileConfig::default() }).expect("it reads");
    assert_eq!((read.report.frames, read.report.frames_expected), (7, Some(7)));
    assert_eq!(read.report.status, EndStatus::Complete);
}

#[test]
fn what_is_cut_off_ends_in_a_gap() {
    let folder = Folder::new();
    let front = std::fs::read(folder.make("a.mp4", &format!("{BALL} ! mp4mux faststart=true"))).expect("made");
    let mkv = std::fs::read(folder.make("a.mkv", &format!("{BALL} ! matroskamux"))).expect("made");
    for (name, bytes) in [("cut.mp4", &front), ("cut.mkv", &mkv)] {
        let Read { report, gaps, info, .. } = read_all(&folder.write(name, &bytes[..bytes.len() * 6 / 10]));
        assert!(info.cut_off, "{name}");
        assert_eq!(report.status, EndStatus::CompleteWithGaps, "{name}: {report:?}");
        assert!((20..55).contains(&report.frames), "{name}: {} frames", report.frames);
        let gap = gaps.last().expect("a gap");
        assert!(!matches!(gap.reason, GapReason::Missing), "{name}: {gap:?}");
        assert!(gap.to_us.abs_diff(2_000_000) < 2_000, "{name}: {gap:?}");
    }
    let back = std::fs::read(folder.make("b.mp4", &format!("{BALL} ! mp4mux"))).expect("made");
    assert!(error_of(&folder.write("cut.mp4", &back[..back.len() - 10])).starts_with("truncated: the index (moov)"));
}

#[test]
fn zeroed_parts_are_reported() {
    let folder = Folder::new();
    for (name, muxer) in [("a.mp4", "mp4mux faststart=true"), ("a.mkv", "matroskamux"), ("a.ts", "mpegtsmux")] {
        let mut bytes = std::fs::read(folder.make(name, &format!("{BALL} ! {muxer}"))).expect("made");
        let (from, to) = (bytes.len() * 45 / 100, bytes.len() * 75 / 100);
        bytes[from..to].fill(0);
        let Read { report, .. } = read_all(&folder.write(name, &bytes));
        assert!(report.frames >= 20, "{name}: {report:?}");
        assert_eq!(report.status, EndStatus::CompleteWithGaps, "{name}: {report:?}");
    }
}

#[test]
fn flipped_bytes_never_hang_or_disorder_time() {
    let folder = Folder::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    for (name, muxer) in [("a.mp4", "mp4mux"), ("a.mkv", "matroskamux"), ("a.ts", "mpegtsmux")] {
        let good = std::fs::read(folder.make(name, &format!("{BALL} ! {muxer}"))).expect("made");
        for flips in [1, 10, 100, 1000] {
            let mut bytes = good.clone();
            (0..flips).for_each(|_| bytes[draw() % good.len()] ^= draw() as u8);
            // What must hold is checked by `read`; whether such a file can be read is chance.
            let _ = read(&folder.write(name, &bytes), &FileConfig::default());
        }
    }
}

#[test]
fn garbage_parameters_are_damage() {
    let folder = Folder::new();
    let mut bytes = std::fs::read(folder.make("a.mp4", &format!("{BALL} ! mp4mux"))).expect("made");
    let at = bytes.windows(4).position(|name| name == b"avcC").expect("the box is there") + 4;
    bytes[at..at + 20].fill(0xff);
    let error = error_of(&folder.write("a.mp4", &bytes));
    assert!(error.starts_with("damaged: not one picture could be decoded"), "{error}");
}

#[test]
fn sound_alone_is_no_video() {
    let folder = Folder::new();
    let tone = "audiotestsrc num-buffers=50 ! audioconvert ! avenc_aac ! aacparse";
    for (name, muxer) in [("a.mp4", "mp4mux"), ("a.mkv", "matroskamux"), ("a.ts", "mpegtsmux")] {
        let error = error_of(&folder.make(name, &format!("{tone} ! {muxer}")));
        assert!(error.starts_with("no video track"), "{name}: {error}");
    }
}

#[test]
fn sound_beside_a_shorter_video_is_no_gap() {
    let folder = Folder::new();
    let tone = "audiotestsrc num-buffers=200 ! audioconvert ! avenc_aac ! aacparse ! mux.";
    for (name, muxer) in [("a.mp4", "mp4mux"), ("a.mkv", "matroskamux")] {
        let Read { report, .. } = read_all(&folder.make(name, &format!("{tone} {BALL} ! mux. {muxer} name=mux")));
        assert_eq!((report.status, report.frames), (EndStatus::Complete, 60), "{name}");
    }
}

#[test]
fn a_rotation_is_applied() {
    let folder = Folder::new();
    let mut bytes = std::fs::read(folder.make("a.mp4", &format!("{BALL} ! mp4mux"))).expect("made");
    let flat = read_all(&folder.path("a.mp4"));
    let at = bytes.windows(4).position(|name| name == b"tkhd").expect("the box is there") + 4 + 40;
    let quarter_turn: [i32; 9] = [0, 0x10000, 0, -0x10000, 0, 0, 240 << 16, 0, 0x4000_0000];
    for (place, value) in bytes[at..at + 36].chunks_mut(4).zip(quarter_turn) {
        place.copy_from_slice(&value.to_be_bytes());
    }
    let turned = read_all(&folder.write("b.mp4", &bytes));
    assert_eq!(turned.info.size, Size { width: 240, height: 320 });
    assert_eq!(turned.report.frames, 60);
    let (from, to) = (luma(&flat.frames[30]), luma(&turned.frames[30]));
    assert!((0..240).all(|y| (0..320).all(|x| from[y * 320 + x] == to[x * 240 + 239 - y])), "a quarter turn");
}

#[test]
fn a_change_of_size_is_scaled_to_the_first() {
    let folder = Folder::new();
    let small = folder.make("small.ts", &format!("{BALL} ! mpegtsmux"));
    let large = BALL.replace("width=320,height=240", "width=480,height=360");
    let large = folder.make("large.ts", &format!("{large} ! mpegtsmux"));
    let bytes = [small, large].map(|path| std::fs::read(path).expect("made")).concat();
    let Read { report, info, .. } = read_all(&folder.write("both.ts", &bytes));
    assert_eq!(info.size, Size { width: 320, height: 240 });
    assert_eq!(report.anomalies.size_changes, 1);
    assert!(report.frames >= 100, "{report:?}");
}

#[test]
fn pictures_beyond_the_limits_are_refused_before_decoding() {
    let folder = Folder::new();
    let wide = BALL.replace("width=320,height=240", "width=8208,height=64").replace("num-buffers=60", "num-buffers=2");
    let bare = "h264parse ! video/x-h264,stream-format=byte-stream";
    for (name, tail) in [("a.mp4", "mp4mux"), ("a.ts", "mpegtsmux"), ("a.h264", bare)] {
        let error = error_of(&folder.make(name, &format!("{wide} ! {tail}")));
        assert!(error.starts_with("picture has 8208x64 pixels, the limit is 8192x8192"), "{name}: {error}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = Folder::new();
    assert!(error_of(&folder.path("")).starts_with("not a regular file but a directory"));
    assert!(error_of(Path::new("/dev/zero")).starts_with("not a regular file but a device"));
    assert!(error_of(&folder.path("absent.mp4")).starts_with("no such file"));
    let pipe = folder.path("pipe.mp4");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    assert!(error_of(&pipe).starts_with("not a regular file but a pipe"));
    let link = folder.path("link.mp4");
    std::os::unix::fs::symlink(&pipe, &link).expect("a link");
    assert!(error_of(&link).starts_with("not a regular file but a pipe"));
    std::os::unix::fs::symlink("loop.mp4", folder.path("loop.mp4")).expect("a link");
    assert!(error_of(&folder.path("loop.mp4")).starts_with("cannot read the file"));
}

#[test]
fn an_unreadable_file_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.write("a.mp4", b"secret");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("modes can be set");
    if std::fs::read(&path).is_ok() {
        eprintln!("SKIPPED: this user reads files of mode 0, run the tests as another user");
        return;
    }
    assert!(error_of(&path).starts_with("cannot read the file (permission denied)"));
}

#[test]
fn a_consumer_that_keeps_every_frame_does_not_starve_the_decoder() {
    let folder = Folder::new();
    let path = folder.make("a.mp4", &format!("{BALL} ! mp4mux"));
    let limits = Limits { shared_frames: 3, ..Limits::default() };
    let read = read(&path, &FileConfig { limits, ..FileConfig::default() }).expect("it reads");
    let pictures = read_all(&path);
    assert!(read.frames.iter().zip(&pictures.frames).all(|(copied, shared)| luma(copied) == luma(shared)));
}

#[test]
fn another_thread_can_stop_it() {
    let folder = Folder::new();
    let path = folder.make("a.mp4", &format!("{BALL} ! mp4mux"));
    let mut source = FileSource::open(&path, &FileConfig::default()).expect("it opens");
    let stop = source.stop_handle();
    std::thread::spawn(move || stop.stop()).join().expect("the thread ends");
    let end = std::iter::repeat_with(|| source.next().expect("no error")).find_map(|event| match event {
        SourceEvent::End(report) => Some(report),
        _ => None,
    });
    let report = end.expect("the source ends");
    assert_eq!(report.status, EndStatus::Stopped);
    assert!(report.frames < 60);
    assert!(matches!(source.next(), Ok(SourceEvent::End(again)) if again == report), "the end is repeated");
}

#[test]
fn a_probe_tells_what_reading_through_confirms() {
    let folder = Folder::new();
    let path = folder.make("a.mp4", &format!("{BALL} ! mp4mux"));
    let told = probe(&path, &Limits::default()).expect("it is a video");
    assert_eq!((told.container.as_str(), told.codec.as_str()), ("mp4", "h264"));
    let Read { info, report, .. } = read_all(&path);
    assert_eq!(told, info);
    assert_eq!((told.frames_expected, told.duration_us), (Some(report.frames), Some(report.duration_us)));
}
