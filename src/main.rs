//! The command `vokg`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = vokg::cli::Cli::parse();
    if let Some(ended) = vokg::supervise::supervised(&cli) {
        return ended;
    }
    // The database panics on pages that are damaged; its own message, on stderr by then, says where.
    let ended = std::panic::catch_unwind(|| vokg::main_with(cli)).unwrap_or_else(|_| {
        vokg::say::note(
            "vokg: the data directory is damaged, or this is a defect of vokg; please report the lines above",
        );
        vokg::exit::Exit::Failed
    });
    ExitCode::from(ended as u8)
}
