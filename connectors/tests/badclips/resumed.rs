//! A source that goes on from a bookmark gives the very frames, gaps and end that reading through gives.

use crate::media::{BALL, Folder, luma};
use std::cell::Cell;
use std::path::Path;
use vokg_connectors::source::file::{Bookmark, FileConfig, FileSource, Sample};
use vokg_connectors::source::{EndReport, SourceError, SourceEvent};

/// What is compared of an event: the frame's time and a hash of its luma, a gap, or the end.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Frame(u64, blake3::Hash),
    Gap(u64, u64),
    End(EndReport),
}

/// All events of a source, and a bookmark after each frame.
fn read_on(mut source: FileSource) -> (Vec<Seen>, Vec<(usize, Bookmark)>) {
    let (mut seen, mut bookmarks) = (Vec::new(), Vec::new());
    loop {
        match source.next().expect("it reads") {
            SourceEvent::Frame(frame) => {
                seen.push(Seen::Frame(frame.t, blake3::hash(&luma(&frame))));
                bookmarks.push((seen.len(), source.bookmark(&frame)));
            }
            SourceEvent::Gap(gap) => seen.push(Seen::Gap(gap.from_us, gap.to_us)),
            SourceEvent::End(report) => {
                // What a decoder lost before the bookmark is not known after it; and how long Matroska says that a
                // picture lasts, to the nanosecond or to the millisecond, depends on where it is read from.
                let (anomalies, duration_us) = (Default::default(), (report.duration_us + 500) / 1000 * 1000);
                seen.push(Seen::End(EndReport { anomalies, duration_us, ..report }));
                return (seen, bookmarks);
            }
        }
    }
}

/// Goes on from some of the frames; how many pictures that took to decode on the way, in all.
fn check(path: &Path, config: &FileConfig) -> usize {
    let (whole, bookmarks) = read_on(FileSource::open(path, config).expect("it opens"));
    let on_the_way = Cell::new(0);
    for place in 0..9 {
        let (events, bookmark) = &bookmarks[(place * 29 + 7) % bookmarks.len()];
        let goes_on = || {
            on_the_way.set(on_the_way.get() + 1);
            true
        };
        let resumed = FileSource::open(path, config).and_then(|source| source.resume(bookmark.clone(), goes_on));
        let resumed = resumed.unwrap_or_else(|error| panic!("{} after {events}: {error}", path.display()));
        let (rest, _) = read_on(resumed);
        assert_eq!(rest, whole[*events..], "{} after {} us", path.display(), bookmark.t);
    }
    on_the_way.get()
}

#[test]
fn every_container_and_every_sampling_goes_on_with_the_next_frame() {
    let folder = Folder::new();
    let byte_stream = "h264parse ! video/x-h264,stream-format=byte-stream";
    let without_b = BALL.replace("bframes=2", "bframes=0");
    let clips = [
        ("a.mp4", format!("{BALL} ! mp4mux")),
        ("a.mkv", format!("{BALL} ! matroskamux")),
        ("a.ts", format!("{BALL} ! mpegtsmux")),
        ("a.avi", format!("{without_b} ! {byte_stream} ! avimux")),
        ("a.h264", format!("{BALL} ! {byte_stream}")),
    ];
    for (name, pipeline) in clips {
        let path = folder.make(name, &pipeline);
        for sample in [Sample::All, Sample::Keyframes, Sample::Fps(7.0)] {
            let on_the_way = check(&path, &FileConfig { sample, ..FileConfig::default() });
            let indexed = !matches!(name, "a.h264" | "a.ts") && sample == Sample::All;
            assert!(!indexed || on_the_way < 9 * 16, "{name} decodes {on_the_way} pictures for nine jumps");
        }
    }
    check(&folder.path("a.mp4"), &FileConfig { max_frames: Some(40), ..FileConfig::default() });
}

#[test]
fn what_only_looks_like_a_key_picture_is_decoded_from_the_beginning() {
    let folder = Folder::new();
    let refreshed = BALL.replace("bframes=2", "bframes=0 intra-refresh=true");
    check(&folder.make("refreshed.mp4", &format!("{refreshed} ! mp4mux")), &FileConfig::default());
    check(&folder.make("refreshed.ts", &format!("{refreshed} ! mpegtsmux")), &FileConfig::default());
}

#[test]
fn a_recording_put_together_of_two_goes_on_in_either() {
    let folder = Folder::new();
    let part = std::fs::read(folder.make("part.ts", &format!("{BALL} ! mpegtsmux"))).expect("it was made");
    check(&folder.write("twice.ts", &[part.clone(), part].concat()), &FileConfig::default());
}

#[test]
fn another_file_under_the_same_name_is_refused() {
    let folder = Folder::new();
    let path = folder.make("a.mp4", &format!("{BALL} ! mp4mux"));
    let (_, bookmarks) = read_on(FileSource::open(&path, &FileConfig::default()).expect("it opens"));
    let other = folder.make("b.mp4", &format!("{} ! mp4mux", BALL.replace("pattern=ball", "pattern=smpte")));
    let source = FileSource::open(&other, &FileConfig::default()).expect("it opens");
    let error = source.resume(bookmarks[30].1.clone(), || true);
    let error = error.err().expect("it shows something else").to_string();
    assert!(error.contains("is not the one that was decoded before"), "{error}");
}

#[test]
fn the_way_there_can_be_interrupted() {
    let folder = Folder::new();
    let path = folder.make("a.h264", &format!("{BALL} ! h264parse ! video/x-h264,stream-format=byte-stream"));
    let (_, bookmarks) = read_on(FileSource::open(&path, &FileConfig::default()).expect("it opens"));
    let pictures = Cell::new(0);
    let goes_on = || {
        pictures.set(pictures.get() + 1);
        pictures.get() < 5
    };
    let (_, last) = bookmarks.last().expect("there are frames");
    let source = FileSource::open(&path, &FileConfig::default()).expect("it opens");
    let error = source.resume(last.clone(), goes_on).err();
    assert!(matches!(error, Some(SourceError::Interrupted(_))), "{error:?}");
    assert_eq!(pictures.get(), 5);
}
