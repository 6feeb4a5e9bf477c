//! `vokg verify`: are two data directories or delta logs the same?

use super::open_store;
use crate::cli;
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use vokg_connectors::export::delta_json;
use vokg_engine::record::Digest;

/// Runs the command: prints both digests, and every stream in which they differ.
pub fn run(args: cli::Verify) -> Result<Exit, Failure> {
    let (a, b) = (digests(&args.a)?, digests(&args.b)?);
    say(format!("{}  {}\n{}  {}\n", combined(&a), args.a.display(), combined(&b), args.b.display()))?;
    let streams: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let different: Vec<_> = streams.into_iter().filter(|stream| a.get(*stream) != b.get(*stream)).collect();
    for stream in &different {
        let side = |digests: &BTreeMap<String, Digest>| {
            digests.get(*stream).map_or_else(|| "absent".to_owned(), Digest::to_string)
        };
        say(format!("{stream}: {} {}\n", side(&a), side(&b)))?;
    }
    Ok(if different.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The digest of each stream, computed anew from its records.
fn digests(path: &Path) -> Result<BTreeMap<String, Digest>, Failure> {
    if !path.is_dir() {
        let file = File::open(path).context(format!("cannot read {}", path.display()))?;
        let digests = delta_json::digests(BufReader::new(file)).context(path.display())?;
        return Ok(digests.into_iter().map(|(stream, digest)| (stream.to_string(), digest)).collect());
    }
    let store = open_store(path)?;
    let mut digests = BTreeMap::new();
    for stream in store.streams().context("cannot read the store")? {
        let digest = store.verify(stream.id).context(format!("stream {}", stream.name))?;
        digests.insert(stream.name.to_string(), digest);
    }
    Ok(digests)
}

/// One digest over all streams, in the order of their names.
fn combined(digests: &BTreeMap<String, Digest>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (stream, digest) in digests {
        hasher.update(&(stream.len() as u64).to_le_bytes());
        hasher.update(stream.as_bytes());
        hasher.update(&digest.0);
    }
    hasher.finalize().to_hex().to_string()
}
