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

/// Whether this process does the work of a supervisor.
pub fn is_supervised() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

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
    let asked = Arc::new(Asked::default());
    let told = Arc::clone(&asked);
    ctrlc::set_handler(move || told.once_more()).ok()?;
    for _ in 0..DEATHS_MAX {
        if asked.is_asked.load(Ordering::SeqCst) {
            return Some(ExitCode::from(Exit::Interrupted as u8));
        }
        let mut command = Process::new(&program);
        command.args(std::env::args_os().skip(1)).env(VARIABLE, std::process::id().to_string());
        // A Ctrl-C of the terminal reaches the child through the supervisor alone, once.
        let lives = command.process_group(0).spawn().and_then(|mut process| {
            asked.of(Pid::from_raw(process.id().cast_signed()));
            process.wait()
        });
        let status = match lives {
            Ok(status) => status,
            Err(error) => {
                note(format!("vokg: no process for the work: {error}; with --no-restart this one does it"));
                return Some(ExitCode::from(Exit::Failed as u8));
            }
        };
        if let Some(code) = status.code() {
            return Some(ExitCode::from(u8::try_from(code).unwrap_or(Exit::Failed as u8)));
        }
        if asked.is_asked.load(Ordering::SeqCst) {
            // It was told before it could listen, or was told twice.
            return Some(ExitCode::from(Exit::Interrupted as u8));
        }
        let reason = death(status);
        note(format!("vokg: {reason}; going on from what was committed"));
        // Without the note this death counts for nothing, and the limit ends it.
        let _ = std::fs::write(args.data.dir.join(CRASH_NOTE), reason);
    }
    note(format!("vokg: gave up after {DEATHS_MAX} deaths; what was committed is safe"));
    Some(ExitCode::from(Exit::Failed as u8))
}

/// Whether the user asked to stop, and whom that is to reach.
#[derive(Default)]
struct Asked {
    is_asked: AtomicBool,
    /// Of the child; 0 before there is one. To the system 0 is the whole process group, so that it is never told.
    child: AtomicI32,
    /// The child knows.
    is_told: AtomicBool,
}

impl Asked {
    /// The user asks. The first time the child is to end in order, then at once.
    fn once_more(&self) {
        let again = self.is_asked.swap(true, Ordering::SeqCst);
        let child = self.child.load(Ordering::SeqCst);
        match again {
            // The child takes whatever else it is sent for the first request, said again. The log survives this one.
            true if child > 0 => send(child, Signal::SIGKILL),
            false if child > 0 => self.tell(child),
            _ => {}
        }
    }

    /// There is a child; also what was asked while it began reaches it.
    fn of(&self, child: Pid) {
        self.child.store(child.as_raw(), Ordering::SeqCst);
        if self.is_asked.load(Ordering::SeqCst) {
            self.tell(child.as_raw());
        }
    }

    fn tell(&self, child: i32) {
        if !self.is_told.swap(true, Ordering::SeqCst) {
            send(child, Signal::SIGINT);
        }
    }
}

fn send(child: i32, signal: Signal) {
    // One that is gone needs no telling.
    let _ = kill(Pid::from_raw(child), signal);
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
