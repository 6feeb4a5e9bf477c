//! Reads video files through and prints what came: `cargo run --example frames -- clip.mp4 [5fps]`.

use std::path::Path;
use vokg_connectors::source::SourceEvent;
use vokg_connectors::source::file::{FileConfig, FileSource, Sample};

fn main() {
    let mut config = FileConfig::default();
    for argument in std::env::args().skip(1) {
        if let Ok(sample) = argument.parse::<Sample>() {
            config.sample = sample;
        } else if let Err(error) = read(Path::new(&argument), &config) {
            eprintln!("{error}");
        }
    }
}

fn read(path: &Path, config: &FileConfig) -> Result<(), vokg_connectors::source::SourceError> {
    let mut source = FileSource::open(path, config)?;
    println!("{}: {:?}", path.display(), source.info());
    loop {
        match source.next()? {
            SourceEvent::Frame(frame) => {
                if std::env::var_os("VERBOSE").is_some() {
                    println!("{frame:?}");
                }
            }
            SourceEvent::Gap(gap) => println!("{gap:?}"),
            SourceEvent::End(report) => {
                println!("{report:?}");
                return Ok(());
            }
        }
    }
}
