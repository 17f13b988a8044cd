//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    weave_gate::app::run(std::env::args_os()).into()
}
