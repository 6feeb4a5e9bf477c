//! Stores that are checked, compacted, copied and restored as a whole.

use super::history::{PROGRAM, begin, complete, open, random_log, request};
use super::observations::samples::{frame, observation};
use super::schema::{LOG, PACKED_VERSIONS, VERSIONS};
use super::*;
use redb::ReadableTable;
use std::fs;
use std::path::Path;
use vokg_engine::id::TrackId;
use vokg_engine::record::Digest;

fn fill(writer: &Writer, name: &str, times: u32) -> StreamId {
    let stream = begin(writer, name);
    let mut buffer = ObservationBuffer::default();
    buffer.push(&frame(5, vec![observation(5, 1, 0.0)], vec![]));
    let observations = buffer.finish().into_iter().collect();
    let whole = StreamBatch { observations, ..StreamBatch::of_entries(stream, random_log(6, times)) };
    writer.commit(&[StreamBatch { outcome: Some(complete()), ..whole }]).expect("the log keeps every promise");
    stream
}

fn digests(dir: &Path) -> Vec<Digest> {
    let store = Store::open(dir, StoreConfig::default()).expect("it is there");
    let streams = store.streams().expect("it is whole");
    streams.iter().map(|stream| store.verify(stream.id).expect("it is whole")).collect()
}

fn problems(dir: &Path) -> Vec<String> {
    check(dir, StoreConfig::default()).expect("there is a store").problems
}

#[test]
fn a_backup_taken_while_a_run_goes_on_is_whole_and_can_be_restored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [source, backup_dir, restored] = ["source", "backup", "restored"].map(|name| dir.path().join(name));
    let writer = open(&source);
    fill(&writer, "a", 60);
    writer.seal_all().expect("the disk has room");
    let copied = backup(&source, &backup_dir, StoreConfig::default()).expect("the source is whole");
    assert_eq!((copied.streams, copied.observation_files, copied.pages_checked), (1, 1, false));
    let before = digests(&source);
    fill(&writer, "b", 60);
    let report = check(&source, StoreConfig::default()).expect("there is a store");
    assert!(report.is_whole() && !report.pages_checked, "{report:?}");
    drop(writer);
    assert_eq!(digests(&backup_dir), before);
    assert_eq!(digests(&source).len(), 2);

    let error = restore(&backup_dir, &source, StoreConfig::default()).expect_err("there is something in it");
    assert!(matches!(error, CopyError::NotEmpty(_)), "{error}");
    let copied = restore(&backup_dir, &restored, StoreConfig::default()).expect("the backup is whole");
    assert!(copied.pages_checked);
    assert_eq!(digests(&restored), before);
    let writer = open(&restored);
    assert!(matches!(writer.begin_stream(request("a"), PROGRAM), Ok(Begun::Done(_))));
    fill(&writer, "c", 20);
}

#[test]
fn a_backup_that_is_not_whole_is_not_restored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [source, backup_dir] = ["source", "backup"].map(|name| dir.path().join(name));
    fill(&open(&source), "a", 30);
    backup(&source, &backup_dir, StoreConfig::default()).expect("the source is whole");
    fs::remove_file(backup_dir.join("observations/1-a/1-000000.zst")).expect("it was copied");
    let error = restore(&backup_dir, &dir.path().join("new"), StoreConfig::default()).expect_err("a file is missing");
    assert!(error.to_string().contains("1-000000.zst"), "{error}");
    let absent = restore(&dir.path().join("none"), &dir.path().join("new"), StoreConfig::default());
    assert!(matches!(absent, Err(CopyError::NoBackup(_))));
    assert!(!dir.path().join("new").exists());
}

/// Changes a bit of a picture, wherever the database has it, as a failing disk might.
fn change_a_picture(dir: &Path, picture: &[u8]) {
    let database = dir.join(DATABASE_FILE);
    let mut bytes = fs::read(&database).expect("it is there");
    let places: Vec<usize> =
        bytes.windows(picture.len()).enumerate().filter(|(_, part)| *part == picture).map(|(place, _)| place).collect();
    assert!(!places.is_empty(), "the picture is stored as it is");
    places.into_iter().for_each(|place| bytes[place + picture.len() / 2] ^= 1);
    fs::write(&database, bytes).expect("the disk has room");
}

#[test]
fn a_changed_picture_is_neither_backed_up_nor_compacted() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [source, backup_dir] = ["source", "backup"].map(|name| dir.path().join(name));
    let picture: Vec<u8> = (0..400u32).map(|i| (i * 31 % 251) as u8).collect();
    let writer = open(&source);
    let thumbnails = vec![Thumbnail { track: TrackId(1), jpeg: picture.clone() }];
    let whole = StreamBatch { thumbnails, ..StreamBatch::of_entries(begin(&writer, "a"), random_log(6, 30)) };
    writer.commit(&[StreamBatch { outcome: Some(complete()), ..whole }]).expect("the log keeps every promise");
    drop(writer);
    let copied = backup(&source, &backup_dir, StoreConfig::default()).expect("the source is whole");
    assert!(copied.pages_checked);
    fs::remove_dir_all(&backup_dir).expect("it was made");

    change_a_picture(&source, &picture);
    let changed = fs::read(source.join(DATABASE_FILE)).expect("it is there");
    let error = backup(&source, &backup_dir, StoreConfig::default()).expect_err("a page is not what was written");
    assert!(matches!(error, CopyError::DamagedStore { .. }), "{error}");
    assert!(error.to_string().contains("vokg store restore") && !backup_dir.exists(), "{error}");
    let error = compact(&source, StoreConfig::default()).expect_err("a page is not what was written");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(source.join(DATABASE_FILE)).expect("it is there"), changed, "nothing was written anew");
}

#[test]
fn nothing_is_left_of_a_copy_that_fails() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [source, backup_dir] = ["source", "backup"].map(|name| dir.path().join(name));
    fill(&open(&source), "a", 30);
    let file = source.join("observations/1-a/1-000000.zst");
    let mut bytes = fs::read(&file).expect("it was written");
    *bytes.last_mut().expect("it has bytes") ^= 1;
    fs::write(&file, bytes).expect("the disk has room");
    let error = backup(&source, &backup_dir, StoreConfig::default()).expect_err("a file is damaged");
    assert!(matches!(error, CopyError::DamagedCopy { .. }), "{error}");
    assert!(!backup_dir.exists());
    fs::create_dir(&backup_dir).expect("the disk has room");
    backup(&source, &backup_dir, StoreConfig::default()).expect_err("a file is damaged");
    assert!(fs::read_dir(&backup_dir).expect("it was there before").next().is_none());
}

#[test]
fn a_store_is_not_copied_into_itself() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let source = dir.path().join("source");
    fill(&open(&source), "a", 30);
    for inside in [source.clone(), source.join("x"), source.join("x/y"), dir.path().join("source/../source/x")] {
        let error = backup(&source, &inside, StoreConfig::default()).expect_err("it lies in the store");
        assert!(matches!(error, CopyError::Within { .. }), "{error}");
        assert!(!source.join("x").exists());
    }
    backup(&source, &dir.path().join("source-2"), StoreConfig::default()).expect("it lies beside the store");
}

#[test]
fn compacting_makes_it_smaller_and_says_when_it_is_in_use() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    fill(&writer, "a", 4_000);
    let error = compact(dir.path(), StoreConfig::default()).expect_err("it is in use");
    assert!(error.to_string().contains("in use by process"), "{error}");
    drop(writer);
    let stray = dir.path().join("observations/1-a/1-000007.zst");
    fs::write(&stray, "stray").expect("the disk has room");
    let before = digests(dir.path());
    let report = check(dir.path(), StoreConfig::default()).expect("there is a store");
    assert!(report.is_whole() && report.orphans.len() == 1 && report.sealed_entries == 0, "{report:?}");
    let compacted = compact(dir.path(), StoreConfig::default()).expect("nobody uses it");
    assert!(compacted.bytes_after < compacted.bytes_before && compacted.orphans == 1, "{compacted:?}");
    assert_eq!(compacted.sealed, report.entries);
    assert!(!stray.exists() && digests(dir.path()) == before);
    let report = check(dir.path(), StoreConfig::default()).expect("there is a store");
    assert!(report.is_whole() && report.sealed_entries == report.entries, "{report:?}");
}

#[test]
fn a_check_finds_what_is_missing_from_the_indexes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let writer = open(dir.path());
    let stream = fill(&writer, "a", 60);
    let first = |table: &redb::Table<'_, (u32, u8, u64, u64, u64), u8>| {
        let row = table.iter().expect("it is whole").next().expect("it has rows").expect("it is whole");
        row.0.value()
    };
    let transaction = writer.begin_write().expect("nothing else writes");
    {
        let mut versions = transaction.open_table(VERSIONS).expect("it is there");
        let key = first(&versions);
        versions.remove(key).expect("the disk has room");
    }
    transaction.commit().expect("the disk has room");
    drop(writer);
    let found = problems(dir.path());
    assert!(found.iter().any(|problem| problem.contains("the index versions lacks a row")), "{found:?}");

    let writer = open(dir.path());
    let transaction = writer.begin_write().expect("nothing else writes");
    transaction.open_table(LOG).expect("it is there").remove((stream.0, (1 << 40) + 3)).expect("the disk has room");
    transaction
        .open_table(PACKED_VERSIONS)
        .expect("it is there")
        .insert((77, 0, 0, 0, 0), [0u8].as_slice())
        .expect("room");
    transaction.commit().expect("the disk has room");
    drop(writer);
    let found = problems(dir.path());
    assert!(found.iter().any(|problem| problem.contains("stands where 1-3 is due")), "{found:?}");
    assert!(found.iter().any(|problem| problem.contains("rows of stream number 77")), "{found:?}");
}
