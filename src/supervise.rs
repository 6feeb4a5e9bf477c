//! `vokg run` under a small supervisor: the work is done by a child process, and where that dies of its own doing, of a
//! bad pointer in a codec or for want of memory, another goes on. An input in flight at two such deaths is set aside by
//! the store, so this comes to an end.
//!
//! The child dies with the supervisor, so whoever kills the one kills both.

use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::say::note;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command as Process, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use vokg_connectors::store::CRASH_NOTE;

/// Tells the child who its supervisor is.
const VARIABLE: &str = "VOKG_SUPERVISOR";
/// More deaths than this are no fault of an input.
const DEATHS_MAX: usize = 50;

/// Runs the command in child processes, if it is one that goes on after a death; `None` where this process is to do it.
pub fn supervised(cli: &Cli) -> Option<ExitCode> {
    let Command::Run(args) = &cli.command else { return None };
    if let Some(supervisor) = std::env::var(VARIABLE).ok().and_then(|pid| pid.parse().ok()) {
        return die_with(Pid::from_raw(supervisor));
    }
    if args.no_restart {
        return None;
    }
    let program = std::env::current_exe().ok()?;
    let child = Arc::new(AtomicI32::new(0));
    let asked_to_stop = Arc::new(AtomicBool::new(false));
    let (told, asked) = (Arc::clone(&child), Arc::clone(&asked_to_stop));
    let forward = move || {
        // Two of one kind that arrive together would be one.
        let signal = if asked.swap(true, Ordering::AcqRel) { Signal::SIGTERM } else { Signal::SIGINT };
        let child = told.load(Ordering::Acquire);
        // To the system 0 is the whole process group, not a child that is still to come.
        if child > 0 {
            // One that is gone needs no telling.
            let _ = kill(Pid::from_raw(child), signal);
        }
    };
    ctrlc::set_handler(forward).ok()?;
    for _ in 0..DEATHS_MAX {
        if asked_to_stop.load(Ordering::Acquire) {
            return Some(ExitCode::from(Exit::Interrupted as u8));
        }
        let mut command = Process::new(&program);
        command.args(std::env::args_os().skip(1)).env(VARIABLE, std::process::id().to_string());
        // A Ctrl-C of the terminal reaches the child through the supervisor alone, once.
        let mut process = command.process_group(0).spawn().ok()?;
        child.store(process.id().cast_signed(), Ordering::Release);
        let status = process.wait().ok()?;
        if let Some(code) = status.code() {
            return Some(ExitCode::from(u8::try_from(code).unwrap_or(Exit::Failed as u8)));
        }
        let reason = death(status);
        note(format!("vokg: {reason}; going on from what was committed"));
        // Without the note this death counts for nothing, and the limit ends it.
        let _ = std::fs::write(args.data.dir.join(CRASH_NOTE), reason);
    }
    note(format!("vokg: gave up after {DEATHS_MAX} deaths; what was committed is safe"));
    Some(ExitCode::from(Exit::Failed as u8))
}

/// Has this process end with its supervisor.
fn die_with(supervisor: Pid) -> Option<ExitCode> {
    let asked = set_pdeathsig(Signal::SIGKILL);
    let orphaned = getppid() != supervisor;
    (asked.is_err() || orphaned).then(|| ExitCode::from(Exit::Failed as u8))
}

fn death(status: ExitStatus) -> String {
    let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
    signal.map_or_else(|| "the process died".to_owned(), |signal| format!("the process died of {signal}"))
}
