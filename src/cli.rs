//! The command line as typed: names, types and help. What it means is decided by the commands.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Turns video into a temporal knowledge graph of objects and their interactions.
#[derive(Debug, Parser)]
#[command(name = "vokg", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub common: Common,
}

/// Options every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting of the configuration, such as track.lost_secs=0.8
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// How progress and logs are written to stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// More logs; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// No progress, only errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Process files or directories into the store; exit when done
    Run(Run),
    /// Make the synthetic clip, run it, print the graph and write a picture and exports
    Demo(Demo),
    /// Make a labelled clip
    Synth(Synth),
    /// The tracker alone: MOTChallenge text in and out
    Track(Track),
    /// The relations alone, from MOTChallenge rows
    Relate(Relate),
    /// Compare a stored graph with the truth
    Eval(Eval),
    /// Write the graph or its log in another format
    Export(Export),
    /// The objects that look most like one, in all streams
    Similar(Similar),
    /// Make two objects of a stream one, by hand
    Merge(Merge),
    /// Make some tracks of an object an object of their own, by hand
    Split(Split),
    /// Take back the last merge or split by hand
    Undo(Undo),
    /// Tell the sinks of the configuration what the store holds, until Ctrl-C
    Follow(Follow),
    /// The sinks of the configuration: list, pause, resume
    Sinks(SinksArgs),
    /// Look after the store: check, compact, back up, restore, drop a stream
    Store(StoreArgs),
    /// Are two data directories or delta logs the same?
    Verify(Verify),
    /// Validate a configuration file
    Check(Check),
    /// What this machine has and lacks
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub struct DataDir {
    /// Directory of the store
    #[arg(long = "data", value_name = "DIR", default_value = "vokg-data", env = "VOKG_DATA")]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Run {
    /// Video files, or directories of them
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    #[command(flatten)]
    pub data: DataDir,
    /// Name of the stream (for one input); otherwise its path gives the name
    #[arg(long)]
    pub name: Option<String>,
    /// How objects are found
    #[arg(long)]
    pub segmenter: Option<String>,
    /// Which frames are looked at: all, keyframes, or a rate such as 5fps
    #[arg(long)]
    pub sample: Option<String>,
    /// Worker threads of the dataflow
    #[arg(long)]
    pub workers: Option<usize>,
    /// Stop each stream after this many frames
    #[arg(long)]
    pub max_frames: Option<u64>,
    /// Try again also those inputs that were set aside because vokg died over them
    #[arg(long)]
    pub retry: bool,
    /// End, rather than go on, where vokg itself dies
    #[arg(long)]
    pub no_restart: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Follow {
    #[command(flatten)]
    pub data: DataDir,
    /// Only this sink of the configuration; may be given several times
    #[arg(long = "sink", value_name = "NAME")]
    pub sinks: Vec<String>,
    /// End once the sinks hold the whole log, or have stood still for sinks.drain_secs
    #[arg(long)]
    pub once: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SinksArgs {
    #[command(subcommand)]
    pub command: SinksCommand,
}

#[derive(Debug, Subcommand)]
pub enum SinksCommand {
    /// Each sink, whether it is paused, and how many entries its target refused
    List(SinksList),
    /// Let a sink pause, in whichever process it runs, until it is resumed
    Pause(SinksName),
    /// Let a paused sink go on where it stands
    Resume(SinksName),
}

#[derive(Debug, Args)]
pub struct SinksList {
    #[command(flatten)]
    pub data: DataDir,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SinksName {
    /// A sink of the configuration
    #[arg(value_name = "NAME")]
    pub sink: String,
    #[command(flatten)]
    pub data: DataDir,
}

#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    pub command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read everything and compare it with itself; changes nothing
    Check(StoreCheck),
    /// Seal and drop what is due, and give unused pages back to the disk; while nobody uses the store
    Compact(StoreCompact),
    /// Copy the store as it is now, also while a run goes on
    Backup(StoreBackup),
    /// Copy a backup to where it is to be used
    Restore(StoreRestore),
    /// Remove a stream and all that is known of it for good; sinks take it back
    Drop(StoreDrop),
}

#[derive(Debug, Args)]
pub struct StoreCheck {
    #[command(flatten)]
    pub data: DataDir,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StoreCompact {
    #[command(flatten)]
    pub data: DataDir,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StoreBackup {
    /// Directory for the copy; empty, or not there yet
    #[arg(value_name = "DIR")]
    pub target: PathBuf,
    #[command(flatten)]
    pub data: DataDir,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StoreRestore {
    /// Directory of the backup
    #[arg(value_name = "BACKUP")]
    pub backup: PathBuf,
    /// Directory for the store; empty, or not there yet
    #[arg(value_name = "DIR")]
    pub target: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StoreDrop {
    /// The stream by its own name, such as clip or clip.g2
    #[arg(value_name = "STREAM")]
    pub stream: String,
    #[command(flatten)]
    pub data: DataDir,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Directory for the clip, the store, the picture and the exports
    #[arg(long, default_value = "vokg-demo")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct Synth {
    /// Name of a scene; `list` prints them
    #[arg(long, required_unless_present = "seed", conflicts_with = "seed")]
    pub scene: Option<String>,
    /// Make a random scene from this number instead
    #[arg(long)]
    pub seed: Option<u64>,
    /// The clip (H.264 in MP4)
    #[arg(long, value_name = "CLIP")]
    pub out: Option<PathBuf>,
    /// What is in it (JSON)
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// The boxes as MOTChallenge rows, for `vokg relate`
    #[arg(long, value_name = "FILE")]
    pub mot: Option<PathBuf>,
    /// Pixels, such as 1280x720
    #[arg(long, default_value = "1280x720")]
    pub size: String,
    /// Frames per second
    #[arg(long, default_value_t = 25.0, allow_negative_numbers = true)]
    pub fps: f64,
    /// Length; each scene has its own default
    #[arg(long, allow_negative_numbers = true)]
    pub seconds: Option<f64>,
}

#[derive(Debug, Args)]
pub struct Track {
    /// Detections (MOTChallenge det.txt)
    #[arg(long, value_name = "FILE")]
    pub detections: PathBuf,
    /// Where tracks go (MOTChallenge rows)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Frames per second of the sequence
    #[arg(long, allow_negative_numbers = true)]
    pub fps: f64,
    /// Camera motion: a 2x3 affine per frame
    #[arg(long, value_name = "FILE")]
    pub motion: Option<PathBuf>,
    /// Print frames, seconds inside the tracker, and frames per second
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Relate {
    /// Rows: frame, id, left, top, width, height, score, class, visible share or -1
    #[arg(long, value_name = "FILE")]
    pub tracks: PathBuf,
    /// Frames per second of the sequence
    #[arg(long, allow_negative_numbers = true)]
    pub fps: f64,
    /// Pixels of the frame, so that boxes cut by its edge are known; zones and lines need it
    #[arg(long, value_name = "WxH")]
    pub size: Option<String>,
    /// Where facts go (JSON lines); stdout without it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Eval {
    #[command(flatten)]
    pub data: DataDir,
    /// Which stream, where the store has several
    #[arg(long)]
    pub stream: Option<String>,
    /// Compare these facts (of `vokg relate`) instead of a stored graph
    #[arg(long, value_name = "FILE", conflicts_with = "stream")]
    pub facts: Option<PathBuf>,
    /// Compare the tracks of this text with those of a truth that is MOTChallenge text too
    #[arg(long, value_name = "RESULT", conflicts_with_all = ["stream", "facts"])]
    pub mot: Option<PathBuf>,
    /// The truth written by `vokg synth`; with --mot, a gt.txt
    #[arg(long, value_name = "FILE")]
    pub truth: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    pub data: DataDir,
    /// Which stream, where the store has several
    #[arg(long)]
    pub stream: Option<String>,
    /// Only what was so at this time: seconds, or microseconds with the suffix us
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub at: Option<String>,
    /// What was known then: seconds, microseconds with the suffix us, or EPOCH-SEQ
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub known_at: Option<String>,
    /// The format; jsonl is the delta log itself, allen tells how interactions lie to each other in time
    #[arg(long, value_enum)]
    pub format: Format,
    /// File (a directory for csv); stdout without it
    #[arg(long)]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Json,
    Jsonl,
    Graphml,
    Gexf,
    Csv,
    Cypher,
    Mot,
    Coco,
    Allen,
}

#[derive(Debug, Args)]
pub struct Similar {
    /// The object, such as yard/o/3
    #[arg(value_name = "OBJECT")]
    pub object: String,
    #[command(flatten)]
    pub data: DataDir,
    /// Search this stream alone
    #[arg(long)]
    pub stream: Option<String>,
    /// How many objects are wanted at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub limit: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Merge {
    /// An object, such as yard/o/1
    #[arg(value_name = "OBJECT")]
    pub a: String,
    /// Another object of the same stream
    #[arg(value_name = "OTHER")]
    pub b: String,
    #[command(flatten)]
    pub data: DataDir,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Split {
    /// The object, such as yard/o/1
    #[arg(value_name = "OBJECT")]
    pub object: String,
    /// The tracks that are another object
    #[arg(required = true, value_name = "TRACK")]
    pub tracks: Vec<u32>,
    #[command(flatten)]
    pub data: DataDir,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Undo {
    /// The stream
    #[arg(value_name = "STREAM")]
    pub stream: String,
    #[command(flatten)]
    pub data: DataDir,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// A data directory or a delta log (jsonl)
    pub a: PathBuf,
    /// Another one
    pub b: PathBuf,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The configuration file
    #[arg(value_name = "CONFIG")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
