//! The command `vokg`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(vokg::main_with(vokg::cli::Cli::parse()) as u8)
}
