//! `vokg follow`: tells the sinks of the configuration what the store holds, also while another process writes it.

use super::open_store;
use super::run::interrupt_flag;
use crate::cli::{self, Common};
use crate::config::{Config, environment};
use crate::exit::{Context, Exit, Failure};
use crate::patience::Patience;
use crate::say::{note, say};
use crate::sinks::{SinkReport, Sinks};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use vokg_connectors::follow::SinkState;
use vokg_connectors::store::DATABASE_FILE;

/// Time between two looks at the sinks.
const TICK: Duration = Duration::from_millis(50);
/// Time between two reports on stderr while something is behind.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// A sink may stand still for so long, however short the wait at the end of a run is.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command.
pub fn run(args: cli::Follow, common: &Common) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref(), environment(), &common.overrides)?;
    let file = Identity::of(&args.data.dir);
    let store = open_store(&args.data.dir)?;
    let interrupt = interrupt_flag()?;
    let sinks = Sinks::start(&config, &args.sinks, &store, &args.data.dir)?;
    if sinks.is_empty() {
        return Err(Failure::usage("the configuration has no sinks; docs/kafka.md and docs/neo4j.md show some"));
    }
    let mut patience = Patience::new(sinks.drain().max(LEAST_PATIENCE));
    let (mut reported, mut failures) = (Instant::now(), 0);
    let ending = loop {
        let (said, now) = (sinks.said(), Instant::now());
        let stands = said.iter().map(|report| Standing::of(report, &mut patience, now)).collect::<Vec<_>>();
        if interrupt.load(Ordering::Acquire) {
            break Ending::Interrupted;
        }
        if file.is_replaced(&Identity::of(&args.data.dir)) {
            sinks.stop();
            return Err(Failure::failed(format!(
                "the store in {} was replaced or removed while it was followed, and what is there is not told; run vokg follow \
                 again",
                args.data.dir.display()
            )));
        }
        let failed = stands.iter().filter(|stands| **stands == Standing::Failed).count();
        if failed == stands.len() {
            break Ending::AllFailed;
        }
        if args.once && !stands.contains(&Standing::GetsOn) {
            break Ending::Settled(said.into_iter().zip(stands).collect());
        }
        let is_behind = stands.iter().any(|stands| matches!(stands, Standing::GetsOn | Standing::Stuck));
        let is_due = is_behind && reported.elapsed() >= REPORT_EVERY;
        if (is_due || failed != failures) && !common.quiet {
            sinks.reports().iter().for_each(|report| note(report.to_text().trim_end()));
            reported = now;
        }
        failures = failed;
        std::thread::sleep(TICK);
    };
    let reports = sinks.reports();
    sinks.stop();
    match args.json {
        true => say(serde_json::to_string(&reports).context("the report cannot be written")? + "\n")?,
        false => reports.iter().try_for_each(|report| say(report.to_text()))?,
    }
    let is_told = match &ending {
        Ending::Settled(stands) => {
            stands.iter().filter_map(|(report, stands)| left_out(report, *stands, patience.most())).for_each(note);
            stands.iter().all(|(_, stands)| *stands == Standing::HoldsAll)
        }
        Ending::Interrupted | Ending::AllFailed => !reports.iter().any(SinkReport::has_failed),
    };
    Ok(match (is_told, ending) {
        (false, _) => Exit::Failed,
        (true, Ending::Interrupted) => Exit::Interrupted,
        (true, _) => Exit::Done,
    })
}

/// What tells the file of a store from another of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// Its device and number.
    File(u64, u64),
    /// There is none.
    Gone,
    /// It cannot be looked at just now.
    Unknown,
}

impl Identity {
    fn of(dir: &Path) -> Self {
        match std::fs::metadata(dir.join(DATABASE_FILE)) {
            Ok(about) => Self::File(about.dev(), about.ino()),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::Gone,
            Err(_) => Self::Unknown,
        }
    }

    /// Whether another file, or none, is there since.
    fn is_replaced(&self, now: &Self) -> bool {
        *self != Self::Unknown && *now != Self::Unknown && self != now
    }
}

/// Why the command ends.
enum Ending {
    Interrupted,
    AllFailed,
    /// No sink gets on any more, with how each stands.
    Settled(Vec<(SinkReport, Standing)>),
}

/// What a sink is to whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    GetsOn,
    HoldsAll,
    Paused,
    Failed,
    Stuck,
}

impl Standing {
    fn of(report: &SinkReport, patience: &mut Patience, now: Instant) -> Self {
        let waits = matches!(report.status.state, SinkState::Waiting);
        let has_run_out = patience.has_run_out(&report.sink, waits, report.status.moves, now);
        match report.status.state {
            SinkState::Failed(_) => Self::Failed,
            SinkState::CaughtUp => Self::HoldsAll,
            SinkState::Paused => Self::Paused,
            SinkState::Waiting if has_run_out => Self::Stuck,
            // What is at hand has a deadline of its own, which may be longer.
            SinkState::Starting | SinkState::Behind | SinkState::Waiting | SinkState::Stopped => Self::GetsOn,
        }
    }
}

/// What is said of a sink that is left behind.
fn left_out(report: &SinkReport, stands: Standing, most: Duration) -> Option<String> {
    let name = &report.sink;
    match stands {
        Standing::Stuck => Some(format!(
            "vokg: the sink {name} has stood still for {:.0} s (sinks.drain_secs), so it is left behind; see that its \
             target is there and run vokg follow again, it goes on where it stands",
            most.as_secs_f64()
        )),
        Standing::Paused => Some(format!("vokg: the sink {name} is paused; vokg sinks resume {name} lets it go on")),
        Standing::GetsOn | Standing::HoldsAll | Standing::Failed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_store_of_the_same_name_is_noticed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join(DATABASE_FILE);
        std::fs::write(&file, "one").expect("the disk has room");
        let first = Identity::of(dir.path());
        std::fs::write(&file, "more of it").expect("the disk has room");
        assert!(!first.is_replaced(&Identity::of(dir.path())), "it grows");
        std::fs::rename(&file, dir.path().join("moved")).expect("the file is ours");
        assert!(first.is_replaced(&Identity::of(dir.path())));
        std::fs::write(&file, "another").expect("the disk has room");
        assert!(first.is_replaced(&Identity::of(dir.path())));
        assert!(!first.is_replaced(&Identity::Unknown));
    }
}
