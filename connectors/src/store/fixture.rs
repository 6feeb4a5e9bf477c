//! Stores of each format, made by the vokg that had it: they open for ever, and say what they said.
//!
//! `tests/fixtures/store-N` holds the files of a small data directory, each compressed, and what is to be read from them.
//! `VOKG_BLESS=1` makes the fixture of the present format where there is none, and writes down what one says that has no
//! `expected.txt`; what is there is never written anew.

use super::history::{begin, complete, open, random_batches, random_log, settling_log};
use super::observations::samples::{frame, observation};
use super::*;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// All files below a directory, relative to it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut dirs) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).expect("it is a directory") {
            let path = entry.expect("it is readable").path();
            match path.is_dir() {
                true => dirs.push(path),
                false => files.push(path.strip_prefix(dir).expect("it lies within").to_owned()),
            }
        }
    }
    files.sort();
    files
}

fn unpack(fixture: &Path, to: &Path) {
    for file in files(fixture).into_iter().filter(|file| file.extension().is_some_and(|end| end == "z")) {
        let target = to.join(file.with_extension(""));
        fs::create_dir_all(target.parent().expect("it has one")).expect("the disk has room");
        let bytes = fs::read(fixture.join(file)).expect("it is there");
        fs::write(target, zstd::decode_all(bytes.as_slice()).expect("it is whole")).expect("the disk has room");
    }
}

fn pack(dir: &Path, fixture: &Path) {
    for file in files(dir).into_iter().filter(|file| !file.ends_with("writer.lock")) {
        let target = fixture.join(file.with_added_extension("z"));
        fs::create_dir_all(target.parent().expect("it has one")).expect("the disk has room");
        let bytes = fs::read(dir.join(file)).expect("it is there");
        fs::write(target, zstd::encode_all(bytes.as_slice(), 19).expect("memory is no disk"))
            .expect("the disk has room");
    }
}

/// What the streams of a store say, a line each.
fn told(store: &Store) -> String {
    let mut text = String::new();
    for stream in store.streams().expect("it is whole") {
        let id = stream.id;
        let digest = store.verify(id).expect("it is whole");
        let graph = store.graph(id, None, None).expect("it is whole");
        let at = stream.head.frontier_us * 3 / 4;
        let then = store.graph(id, Some(at), None).expect("it is whole");
        let seen = store.observations(id, 0..u64::MAX).expect("it is whole").collect::<Result<Vec<_>, _>>();
        let oldest = store.oldest(id).expect("it is whole").map(|oldest| oldest.first.to_string());
        text += &format!(
            "{} {digest} entries {} deltas {} vertices {} edges {} then {} {} observations {} oldest {}\n",
            stream.name,
            stream.head.entries,
            stream.head.deltas,
            graph.vertices.len(),
            graph.edges.len(),
            then.vertices.len(),
            then.edges.len(),
            seen.expect("the files are whole").len(),
            oldest.unwrap_or_else(|| "all".into()),
        );
    }
    text
}

/// A store that has something in every part of the format.
fn make(dir: &Path) {
    let mut writer = open(dir);
    let [whole, short] = ["whole", "short"].map(|name| begin(&writer, name));
    let mut buffer = ObservationBuffer::default();
    for t in (0..24).map(|half| half * 500_000 + 1) {
        if let Some(segment) = buffer.push(&frame(t, vec![observation(t, 2, 1.0)], vec![])) {
            let batch = StreamBatch { observations: vec![segment], ..StreamBatch::of_entries(whole, vec![]) };
            writer.commit(&[batch]).expect("the disk has room");
        }
    }
    for entries in random_batches(3, &random_log(3, 150)) {
        writer.commit(&[StreamBatch::of_entries(whole, entries)]).expect("the log keeps every promise");
    }
    let end = StreamBatch { outcome: Some(complete()), ..StreamBatch::of_entries(whole, vec![]) };
    writer.commit(&[end]).expect("the log is closed");
    writer.seal(whole, Position { epoch: 1, seq: 200 }.place(), 60, true).expect("the disk has room");
    writer.retention = Retention { keep_us: Some(4_000_000), keep_bytes: None };
    for entries in random_batches(4, &settling_log(300)) {
        writer.commit(&[StreamBatch::of_entries(short, entries)]).expect("the log keeps every promise");
        writer.seal(short, u64::MAX, 40, false).expect("the disk has room");
        writer.drop_oldest(short).expect("the disk has room");
    }
}

#[test]
fn stores_of_every_format_open_and_say_what_they_said() {
    let blesses = std::env::var_os("VOKG_BLESS").is_some();
    let present = fixtures().join(format!("store-{FORMAT_VERSION}"));
    if blesses && !present.exists() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        make(dir.path());
        pack(dir.path(), &present);
    }
    for format in 1..=FORMAT_VERSION {
        let fixture = fixtures().join(format!("store-{format}"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        unpack(&fixture, dir.path());
        let report = check(dir.path(), StoreConfig::default()).expect("there is a store");
        assert_eq!((report.format, report.problems), (format, vec![]));
        let found = told(&Store::open(dir.path(), StoreConfig::default()).expect("it opens"));
        let expected = fixture.join("expected.txt");
        if blesses && !expected.exists() {
            fs::write(&expected, &found).expect("the disk has room");
        }
        assert_eq!(found, fs::read_to_string(&expected).expect("it is there"), "format {format}");

        // The present vokg goes on with it, and seals it, and it still says the same.
        begin(&open(dir.path()), "another");
        compact(dir.path(), StoreConfig::default()).expect("nobody uses it");
        let store = Store::open(dir.path(), StoreConfig::default()).expect("it opens");
        assert!(told(&store).starts_with(&found), "format {format}, sealed");
        let report = check(dir.path(), StoreConfig::default()).expect("there is a store");
        assert_eq!((report.format, report.problems), (FORMAT_VERSION, vec![]));
    }
}
