//! The binary: parse, run, exit.

use std::process::ExitCode;

use clap::Parser as _;
use weave_gate::cli::Cli;

fn main() -> ExitCode {
    weave_gate::app::run(&Cli::parse()).into()
}
