//! The commands. Only these modules and the client do I/O, and only these modules use all other modules.

mod archive;
mod calibrate;
mod candidates;
mod check;
mod chosen;
mod comments;
mod compare;
mod completions;
mod console;
mod diff;
mod drafted_run;
mod environment;
mod explain;
mod export;
mod github;
mod init;
mod invalid_arguments;
mod man;
mod offending;
mod online;
mod output;
mod outputs;
mod plan;
mod policies;
mod policy_base;
mod policy_noise;
mod prediction;
mod repeated;
mod repository;
mod request;
mod revision;
mod run_warnings;
mod runs;
mod saved;
mod schema;
mod search;
mod server;
mod snapshot;
mod test;
mod usual_policy;
mod validate;

use std::ffi::OsString;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::fault::Fault;
use console::Console;

/// Runs the command that these arguments name. The first argument is the name of the program.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => run_command(&cli),
        Err(error) => invalid_arguments::run(&error, &arguments),
    }
}

fn run_command(cli: &Cli) -> Exit {
    let console = Console::new(cli);
    match &cli.command {
        Command::Check(arguments) => check::run(arguments, &console),
        Command::Explain(arguments) => done(explain::run(arguments, &console), &console),
        Command::Export(arguments) => done(export::run(arguments, &console), &console),
        Command::Prediction(arguments) => done(prediction::run(arguments, &console), &console),
        Command::Validate(arguments) => validate::run(arguments, &console),
        Command::Compare(arguments) => compare::run(arguments, &console),
        Command::Calibrate(arguments) => done(calibrate::run(arguments, &console), &console),
        Command::Test(arguments) => test::run(arguments, &console),
        Command::Diff(arguments) => diff::run(arguments, &console),
        Command::Init(arguments) => done(init::run(arguments, &console), &console),
        Command::Runs(arguments) => done(runs::run(arguments, &console), &console),
        Command::Schema(arguments) => done(schema::run(arguments, &console), &console),
        Command::Snapshot(arguments) => done(snapshot::run(arguments, &console), &console),
        Command::Completions(arguments) => done(completions::run(*arguments, &console), &console),
        Command::Man => done(man::run(&console), &console),
    }
}

/// Returns the exit code of a command that has no verdict. Prints its error, if it failed.
fn done(outcome: Result<(), Fault>, console: &Console) -> Exit {
    match outcome {
        Ok(()) => Exit::Passed,
        Err(fault) => {
            console.fault(&fault);
            fault.exit
        }
    }
}
