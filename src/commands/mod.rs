//! One file per command: from its arguments to its output.

pub mod check;
pub mod correct;
pub mod demo;
pub mod doctor;
pub mod eval;
pub mod export;
pub mod follow;
pub mod relate;
pub mod run;
pub mod similar;
pub mod sinks;
pub mod store;
pub mod synth;
pub mod track;
pub mod verify;

use crate::exit::{Context, Failure};
use crate::say::Listener;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use vokg_connectors::store::{Store, StoreConfig, Stream};
use vokg_engine::geometry::Size;
use vokg_engine::id::ObjectId;

/// The largest text file a command reads whole.
const TEXT_BYTES_MAX: u64 = 1 << 30;

/// The stream named `name`, or the only one there is.
fn pick_stream(store: &Store, name: Option<&str>) -> Result<Stream, Failure> {
    if let Some(name) = name {
        let found = store.find_stream(name).context("cannot read the store")?;
        return found.ok_or_else(|| Failure::usage(format!("no stream {name:?}; there are: {}", names(store))));
    }
    let streams = store.streams().context("cannot read the store")?;
    let Some(first) = streams.first() else {
        return Err(Failure::usage("the store has no streams; put one there with vokg run"));
    };
    // Generations of one input are one stream to whoever asks for no other.
    let input = &first.descriptor.request.name;
    match streams.iter().all(|stream| stream.descriptor.request.name == *input) {
        true => pick_stream(store, Some(input.as_str())),
        false => {
            Err(Failure::usage(format!("the store has several streams, name one with --stream: {}", names(store))))
        }
    }
}

/// `yard/o/3` as the name of a stream and the number of an object in it.
fn parse_object(text: &str) -> Result<(&str, ObjectId), Failure> {
    let parts = text.rsplit_once("/o/").and_then(|(stream, number)| Some((stream, ObjectId(number.parse().ok()?))));
    parts.ok_or_else(|| Failure::usage(format!("object is {text:?}, it takes STREAM/o/NUMBER such as yard/o/3")))
}

fn names(store: &Store) -> String {
    let names = store.streams().map(|streams| streams.iter().map(|stream| stream.name.to_string()).collect::<Vec<_>>());
    names.map_or_else(|error| error.to_string(), |names| names.join(", "))
}

fn open_store(dir: &Path) -> Result<Store, Failure> {
    Store::open(dir, StoreConfig::default()).context("cannot open the store")
}

/// A file that appears under its name only when it is whole; stdout where none is named.
fn write_to(out: Option<&Path>, write: impl FnOnce(&mut Output) -> Result<(), Failure>) -> Result<(), Failure> {
    let Some(path) = out else {
        let (listener, has_left) = Listener::new();
        let mut stdout: Output = BufWriter::new(Box::new(listener));
        let written = write(&mut stdout).and_then(|()| stdout.flush().context("cannot write to stdout"));
        return if has_left.get() { Ok(()) } else { written };
    };
    let unwritable = || format!("cannot write {}", path.display());
    // A device, a pipe or a link stays what it is.
    let direct = std::fs::symlink_metadata(path).is_ok_and(|about| !about.is_file());
    let part = path.with_added_extension("part");
    let file = match direct {
        true => File::options().write(true).truncate(true).open(path),
        false => File::create(&part),
    };
    let mut output: Output = BufWriter::new(Box::new(file.context(unwritable())?));
    let written = write(&mut output).and_then(|()| output.flush().context(unwritable()));
    if direct {
        return written;
    }
    let written = written.and_then(|()| std::fs::rename(&part, path).context(unwritable()));
    if written.is_err() {
        // Nothing to report beyond the first error.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Where a command writes.
type Output = BufWriter<Box<dyn Write>>;

fn read_text(path: &Path) -> Result<String, Failure> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = File::open(path).context(unreadable())?;
    let mut text = String::new();
    let bytes = file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text).context(unreadable())?;
    if bytes as u64 > TEXT_BYTES_MAX {
        return Err(Failure::usage(format!("more than {TEXT_BYTES_MAX} bytes: {}", path.display())));
    }
    Ok(text)
}

/// `1280x720` as a size.
fn parse_size(text: &str) -> Result<Size, Failure> {
    let parts = text.split_once('x').and_then(|(w, h)| Some(Size { width: w.parse().ok()?, height: h.parse().ok()? }));
    let in_range = |size: &Size| (16..=8192).contains(&size.width) && (16..=8192).contains(&size.height);
    let wrong =
        || Failure::usage(format!("size is {text:?}, it takes WIDTHxHEIGHT with 16 to 8192 each, such as 1280x720"));
    parts.filter(in_range).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_out_of_range_name_the_value_and_the_limit() {
        assert_eq!(parse_size("640x480").ok(), Some(Size { width: 640, height: 480 }));
        for wrong in ["640", "0x480", "640x9000", "axb", "640x480x3"] {
            assert!(parse_size(wrong).is_err_and(|e| e.to_string().contains(wrong) && e.to_string().contains("8192")));
        }
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("graph.json");
        let failed = write_to(Some(&path), |out| {
            out.write_all(b"half").context("write")?;
            Err(Failure::failed("no more"))
        });
        assert!(failed.is_err() && std::fs::read_dir(dir.path()).is_ok_and(|mut entries| entries.next().is_none()));
        assert!(write_to(Some(&path), |out| out.write_all(b"whole").context("write")).is_ok());
        assert_eq!(std::fs::read(&path).ok(), Some(b"whole".to_vec()));
        let link = dir.path().join("link.json");
        std::os::unix::fs::symlink(&path, &link).expect("links can be made");
        assert!(write_to(Some(&link), |out| out.write_all(b"through").context("write")).is_ok());
        assert!(link.is_symlink() && std::fs::read(&path).is_ok_and(|bytes| bytes == b"through"));
        assert!(write_to(Some(Path::new("/dev/null")), |out| out.write_all(b"gone").context("write")).is_ok());
        assert!(!Path::new("/dev/null").is_file());
    }
}
