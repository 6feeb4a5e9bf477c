//! `vokg store`: looks after a data directory.

use super::open_store;
use crate::cli::{Common, StoreArgs, StoreBackup, StoreCheck, StoreCommand, StoreCompact, StoreDrop, StoreRestore};
use crate::config::{Config, environment};
use crate::exit::{Context, Exit, Failure};
use crate::say::say;
use serde::Serialize;
use std::path::Path;
use vokg_connectors::store::{
    CheckReport, Compacted, Copied, CopyError, StoreConfig, Writer, backup, check, compact, restore,
};

/// Runs the command.
pub fn run(args: StoreArgs, common: &Common) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?.store.to_config();
    match args.command {
        StoreCommand::Check(args) => run_check(&args, config),
        StoreCommand::Compact(args) => run_compact(&args, config),
        StoreCommand::Backup(args) => run_backup(&args, config),
        StoreCommand::Restore(args) => run_restore(&args, config),
        StoreCommand::Drop(args) => run_drop(&args, config),
    }
}

fn run_check(args: &StoreCheck, config: StoreConfig) -> Result<Exit, Failure> {
    let report = check(&args.data.dir, config).context("cannot check the store")?;
    tell(args.json, &report, || told_check(&args.data.dir, &report))?;
    Ok(if report.is_whole() { Exit::Done } else { Exit::Failed })
}

fn run_compact(args: &StoreCompact, config: StoreConfig) -> Result<Exit, Failure> {
    let compacted = compact(&args.data.dir, config).context("cannot compact the store")?;
    tell(args.json, &compacted, || told_compact(&args.data.dir, &compacted))?;
    Ok(Exit::Done)
}

fn run_backup(args: &StoreBackup, config: StoreConfig) -> Result<Exit, Failure> {
    let copied = backup(&args.data.dir, &args.target, config).map_err(|error| refused("cannot back up", &error))?;
    tell(args.json, &copied, || told_copy("backed up to", &args.target, copied) + told_pages(copied))?;
    Ok(Exit::Done)
}

fn run_restore(args: &StoreRestore, config: StoreConfig) -> Result<Exit, Failure> {
    let copied = restore(&args.backup, &args.target, config).map_err(|error| refused("cannot restore", &error))?;
    tell(args.json, &copied, || told_copy("restored to", &args.target, copied) + told_pages(copied))?;
    Ok(Exit::Done)
}

/// What was dropped.
#[derive(Serialize)]
struct Dropped {
    stream: String,
    entries: u64,
    deltas: u64,
}

fn run_drop(args: &StoreDrop, config: StoreConfig) -> Result<Exit, Failure> {
    // Where there is no store, none is made.
    drop(open_store(&args.data.dir)?);
    let writer = Writer::open(&args.data.dir, config).context("cannot open the store")?;
    let streams = writer.store().streams().context("cannot read the store")?;
    let named = streams.iter().find(|stream| stream.name.as_str() == args.stream);
    let stream = named.ok_or_else(|| {
        let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        Failure::usage(format!("there is no stream {:?} here, there are: {}", args.stream, names.join(", ")))
    })?;
    writer.drop_stream(stream.id).context(format!("cannot drop {}", stream.name))?;
    let dropped = Dropped { stream: stream.name.to_string(), entries: stream.head.entries, deltas: stream.head.deltas };
    tell(args.json, &dropped, || {
        let Dropped { stream, entries, .. } = &dropped;
        format!("{stream} is gone, {entries} log entries; sinks take it back when they run next\n")
    })?;
    Ok(Exit::Done)
}

/// A target that cannot take a copy is wrong usage: nothing was done.
fn refused(what: &str, error: &CopyError) -> Failure {
    let message = format!("{what}: {error}");
    match error {
        CopyError::NotEmpty(_) | CopyError::Within { .. } => Failure::usage(message),
        _ => Failure::failed(message),
    }
}

fn tell<T: Serialize>(json: bool, report: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
    match json {
        true => say(serde_json::to_string(report).context("the report cannot be written")? + "\n"),
        false => say(text()),
    }
}

fn told_check(dir: &Path, report: &CheckReport) -> String {
    let CheckReport { streams, entries, sealed_entries, observation_files, .. } = report;
    let mut text = format!(
        "{}: {streams} streams, {entries} log entries ({sealed_entries} sealed), {observation_files} segments of \
         observations, {:.1} MB\n",
        dir.display(),
        (report.database_bytes + report.observation_bytes) as f64 / 1e6
    );
    if !report.pages_checked && report.is_whole() {
        text += "another process writes to it: the pages of the database were not compared with their checksums\n";
    }
    if !report.orphans.is_empty() {
        text += &format!("{} files that nothing refers to; vokg store compact removes them\n", report.orphans.len());
    }
    for problem in &report.problems {
        text += &format!("wrong: {problem}\n");
    }
    text += match report.is_whole() {
        true => "whole\n",
        false => "not whole: restore a backup (vokg store restore), or run the inputs again into another directory\n",
    };
    text
}

fn told_compact(dir: &Path, compacted: &Compacted) -> String {
    let Compacted { bytes_before, bytes_after, sealed, dropped, orphans } = compacted;
    format!(
        "{}: {:.1} MB before, {:.1} MB after; {sealed} log entries sealed, {dropped} dropped, {orphans} stray files removed\n",
        dir.display(),
        *bytes_before as f64 / 1e6,
        *bytes_after as f64 / 1e6
    )
}

fn told_copy(what: &str, target: &Path, copied: Copied) -> String {
    let Copied { streams, entries, database_bytes, observation_files, .. } = copied;
    format!(
        "{what} {}: {streams} streams, {entries} log entries, {observation_files} segments of observations, {:.1} MB; \
         read to its end and whole\n",
        target.display(),
        database_bytes as f64 / 1e6
    )
}

/// Whether damage in what was copied can have gone unnoticed.
fn told_pages(copied: Copied) -> &'static str {
    match copied.pages_checked {
        true => "every page of the database that was copied was compared with its checksum before\n",
        false => {
            "another process writes to what was copied: its pages were not compared with their checksums; \
             vokg store check does that once nobody writes\n"
        }
    }
}
